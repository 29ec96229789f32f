"""What a search comes to."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What the engine found.

    ``assignments`` are the best ones, best first; empty if there is none. ``proven`` says that nothing
    better exists (or, if empty, that nothing does); ``bound`` is a limit that the first objective cannot
    pass. ``reason`` says why something is not proven.
    """

    assignments: tuple[dict[str, int], ...]
    proven: bool
    bound: int | None = None
    reason: str = ""
