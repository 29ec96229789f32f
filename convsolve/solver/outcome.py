"""What a search comes to."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Outcome", "Stopped"]


@dataclass(frozen=True)
class Outcome:
    """What the engine found.

    ``assignments`` are the best ones, best first; empty if there is none. ``proven`` says that nothing is better
    in the objectives (or, if there is no assignment, that nothing exists); ``plainest``, that of equals nothing
    is plainer, either. ``settled`` says how many of the objectives, the first ones, are proven; ``bound`` is a
    limit that the first one cannot pass. ``reason`` says why something is not proven, ``unmet`` are
    requirements that no candidate has met that was looked at, where nothing was found.
    """

    assignments: tuple[dict[str, int], ...]
    proven: bool
    bound: int | None = None
    reason: str = ""
    plainest: bool = False
    settled: int = 0
    unmet: tuple[str, ...] = ()


class Stopped(KeyboardInterrupt):
    """The user has interrupted a search; ``outcome`` is what it had found."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("the search was stopped")
        self.outcome = outcome
