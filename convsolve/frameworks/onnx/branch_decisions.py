"""What is decided by the sizes of an ONNX graph's inputs: which way it goes, and how often it does something."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...dims import Cond, Condition, Dim, Expr, Var, bounds, eq, evaluate, negation, variables
from ...network import Guard
from .values import NotReadError

__all__ = ["BranchDecisions"]


@dataclass
class BranchDecisions:
    """Decides by the numbers that are given for open sizes, and keeps that as guards.

    >>> from convsolve.dims import Var
    >>> decisions = BranchDecisions({"x.height": 32})
    >>> decisions.holds(Var("x.height", interval=(1, None)) < 8, "If"), decisions.guards
    (False, (Guard(condition=8 <= x.height, source='If', after='', fails=''),))
    """

    numbers: dict[str, int]
    _taken: dict[Cond, str] = field(default_factory=dict)

    @property
    def guards(self) -> tuple[Guard, ...]:
        """The decisions, each once."""
        return tuple(Guard(condition, source) for condition, source in self._taken.items())

    def forget(self, count: int) -> None:
        """Leave out all decisions but the first ``count``."""
        self._taken = dict(list(self._taken.items())[:count])

    def holds(self, condition: Cond, source: str) -> bool:
        """Return whether a condition holds: for every input, or else for that given.

        Raises:
            NotReadError: it depends on the input, and the sizes of that are not given.
        """
        low, high = bounds(condition)
        if not isinstance(condition, Condition) or low == high:
            return bool(low)
        outcome = bool(evaluate(condition, self._given(condition)))
        self._taken.setdefault(condition if outcome else negation(condition), source)
        return outcome

    def expects(self, condition: Cond, source: str) -> bool:
        """Return whether a condition holds, taking for granted that it does where the sizes are not given."""
        if not isinstance(condition, Condition) or all(v.name in self.numbers for v in variables(condition)):
            return self.holds(condition, source)
        self._taken.setdefault(condition, source)
        return True

    def number(self, size: Dim, source: str) -> int:
        """Return a size as a number, which it must stay.

        Raises:
            NotReadError: it depends on the input, and the sizes of that are not given.
        """
        if not isinstance(size, Expr):
            return size
        value = int(evaluate(size, self._given(size)))
        self._taken.setdefault(eq(size, value), source)
        return value

    def fix(self, name: str, size: int, source: str) -> None:
        """Keep that an axis of an input has the size given."""
        self.numbers[name] = size
        self._taken[eq(Var(name, interval=(1, None)), size)] = source

    def _given(self, x: Dim | Cond) -> dict[str, int]:
        if not all(v.name in self.numbers for v in variables(x)):
            raise NotReadError(f"it depends on the size of the input ({x}): give input_shape=... (--input)")
        return self.numbers
