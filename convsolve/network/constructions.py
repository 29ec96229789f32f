"""Where a program makes the layers of a network: the calls of their constructors, as they were when it ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Construction", "ProgramCall"]


@dataclass(frozen=True)
class ProgramCall:
    """A call in a program: its file, where it begins and ends (line, column in bytes), and numbers known there.

    ``values`` has the whole numbers that names stood for when it was made, those of loops among them.
    """

    path: str
    start: tuple[int, int]
    end: tuple[int, int]
    values: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Construction:
    """How a layer was made: its class, the parameters of its constructor in order, and the calls that led there.

    The first of ``calls`` is that of the constructor; each further one is the call of the function that it stands in.
    """

    kind: str
    parameters: tuple[str, ...]
    calls: tuple[ProgramCall, ...]
