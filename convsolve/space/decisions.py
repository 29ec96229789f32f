"""Decisions: values of an architecture that is decided bit by bit, each of which is known to lead to a valid one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from ..errors import UndecidedError
from ..problem import ProblemTrace
from ..solver.clock import Clock
from ..solver.engine import decide
from .completions import Walk
from .components import Parts, TooManyStates, in_words, possible
from .sampling import Numbers, draw, measure
from .subspace import Subspace, extended, having

__all__ = ["Decisions", "has_solution"]

_DRAWN = 512
"""Architectures that are drawn where a space has too many states for its graph: what they have needs no question."""


def has_solution(traced: ProblemTrace, given: Mapping[str, int], clock: Clock) -> bool:
    """Return whether some solution has given values, as the engine says.

    Raises:
        UndecidedError: the engine gives no answer.
    """
    asked = extended(traced, having(traced.problem, given))
    answer = decide(asked, list(asked.trace.requirements), clock)
    if answer is None:
        raise UndecidedError("it is not known whether a valid architecture has these values")
    return answer


class Decisions:
    """Values that are decided in a space, and which further ones lead to a valid architecture: exactly.

    Walks on the layered graph answer nearly everything; what they leave open is looked up in the space's paths, and
    what these leave open, or where there are too many, is decided by the engine.
    """

    def __init__(self, subspace: Subspace, given: Mapping[str, int]) -> None:
        self._subspace = subspace
        self.values = dict(given)
        completions = subspace.completions
        with in_words():
            self._walk: Walk | None = None if completions is None else completions.walk(given, subspace.clock)

    @cached_property
    def any(self) -> bool:
        """Whether a valid architecture has what was decided at the start.

        Raises:
            UndecidedError: the engine gives no answer.
        """
        if self._subspace.outline is None or (self._walk is not None and self._walk.empty):
            return False
        return (self._walk is not None and self._walk.open) or self._settled({})

    def allows(self, name: str, value: int) -> bool:
        """Return whether a valid architecture has one more value.

        Raises:
            UndecidedError: the engine gives no answer.
        """
        with in_words():
            answer = None if self._walk is None else self._walk.allows(name, value, self._subspace.clock)
        return self._settled({name: value}) if answer is None else answer

    def decide(self, name: str, value: int) -> bool:
        """Decide one more value if a valid architecture has it; return whether one has."""
        if not self.allows(name, value):
            return False
        self.values[name] = value
        if self._walk is not None:
            self._walk.take(name, value)
        return True

    def domains(self, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """Return the values of some holes that lead to a valid architecture, preferred ones first.

        Raises:
            UndecidedError: the engine gives no answer.
        """
        clock = self._subspace.clock  # one for all that is asked
        if not self.any:
            return dict.fromkeys(names, ())
        values = self._subspace.assignments.values
        seen = self._drawn() if self._walk is None else {}
        answers: dict[tuple[str, int], bool | None] = {}
        for name in names:
            for value in values[name]:
                if value in seen.get(name, ()):
                    answers[name, value] = True
                    continue
                with in_words():
                    clock.check()
                    answer = None if self._walk is None else self._walk.allows(name, value, clock)
                answers[name, value] = answer
                if answer and self._walk is not None:
                    for other, shown in self._walk.shown(name).items():
                        seen.setdefault(other, set()).add(shown)
        doubtful = [question for question, answer in answers.items() if answer is None]
        if doubtful:
            found, sure = self._along_paths()
            for name, value in doubtful:
                if found is not None and value not in found.get(name, ()):
                    answers[name, value] = False
                elif value in sure.get(name, ()):
                    answers[name, value] = True
                else:
                    given = {**self.values, name: value}
                    answers[name, value] = has_solution(self._subspace.traced, given, clock)
        return {name: tuple(v for v in values[name] if answers[name, v]) for name in names}

    # -- what walks leave open

    def _parts(self) -> Parts | None:
        try:
            return self._subspace.parts
        except TooManyStates:
            return None

    def _along_paths(self) -> tuple[dict[str, tuple[int, ...]] | None, dict[str, tuple[int, ...]]]:
        """Return which values paths have, if they can be gone through, and which of them for certain."""
        parts = self._parts()
        if parts is None:
            return None, {}
        found = possible(parts, self.values) or {}
        return found, found if parts.exact else possible(parts, self.values, certain=True) or {}

    def _settled(self, more: Mapping[str, int]) -> bool:
        """Return whether a valid architecture has what is decided and more."""
        given = {**self.values, **more}
        parts = self._parts()
        if parts is not None:
            if possible(parts, given) is None:
                return False
            if parts.exact or possible(parts, given, certain=True) is not None:
                return True
        return has_solution(self._subspace.traced, given, self._subspace.clock)

    def _drawn(self) -> dict[str, set[int]]:
        """Return the values of some architectures that have what is decided; none where that is not to be had."""
        columns = self._subspace.drawn(_drawn)
        alike = np.ones(len(next(iter(columns.values()), [])), dtype=bool)
        for name, value in self.values.items():
            alike &= columns[name] == value if columns else alike
        return {name: set(column[alike].tolist()) for name, column in columns.items()}


def _drawn(subspace: Subspace) -> dict[str, np.ndarray]:
    """Return the columns of some architectures; none where they cannot be drawn."""
    try:
        cubes = measure([subspace])[0]
        return draw(Numbers(subspace, cubes), _DRAWN, 0, replace=True)[0] if cubes else {}
    except UndecidedError:
        return {}
