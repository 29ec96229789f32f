"""z3 as someone writes it for the first time: integers, the formulas as they stand, ``Optimize`` where there is a goal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import z3

from .reading import Algebra, read

__all__ = ["plain_z3"]


class _Int:
    def __init__(self, term: Any) -> None:
        self.term = term

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Any) -> Any:
        return _Int(self.term + _term(other))

    def __sub__(self, other: Any) -> Any:
        return _Int(self.term - _term(other))

    def __rsub__(self, other: Any) -> Any:
        return _Int(_term(other) - self.term)

    def __mul__(self, other: Any) -> Any:
        return _Int(self.term * _term(other))

    def __floordiv__(self, other: Any) -> Any:
        return _Int(self.term / _term(other))

    def __mod__(self, other: Any) -> Any:
        return _Int(self.term % _term(other))

    def __rfloordiv__(self, other: Any) -> Any:
        return _Int(z3.IntVal(other) / self.term)

    def __rmod__(self, other: Any) -> Any:
        return _Int(z3.IntVal(other) % self.term)

    def __eq__(self, other: Any) -> Any:
        return self.term == _term(other)

    def __ne__(self, other: Any) -> Any:
        return self.term != _term(other)

    def __le__(self, other: Any) -> Any:
        return self.term <= _term(other)

    def __lt__(self, other: Any) -> Any:
        return self.term < _term(other)

    def __ge__(self, other: Any) -> Any:
        return self.term >= _term(other)

    def __gt__(self, other: Any) -> Any:
        return self.term > _term(other)

    __radd__, __rmul__ = __add__, __mul__


def _term(x: Any) -> Any:
    return x.term if isinstance(x, _Int) else x


class _Z3(Algebra):
    def __init__(self, solver: Any) -> None:
        self.solver = solver

    def hole(self, name: str, values: Sequence[int] | tuple[int, None]) -> Any:
        x = z3.Int(name)
        if values[-1] is None:
            self.solver.add(x >= values[0])
        else:
            self.solver.add(z3.Or([x == v for v in values]))
        return _Int(x)

    def all(self, *conditions: Any) -> Any:
        return z3.And(*conditions) if len(conditions) != 1 else conditions[0]

    def any(self, *conditions: Any) -> Any:
        return z3.Or(*conditions)

    def negate(self, condition: Any) -> Any:
        return z3.Not(condition)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        if isinstance(condition, bool):
            return a if condition else b
        return _Int(z3.If(condition, _as_term(a), _as_term(b)))

    def maximum(self, *values: Any) -> Any:
        return reduce(
            lambda a, b: max(a, b) if isinstance(a, int) and isinstance(b, int) else self.where(a >= b, a, b), values
        )

    def minimum(self, *values: Any) -> Any:
        return reduce(
            lambda a, b: min(a, b) if isinstance(a, int) and isinstance(b, int) else self.where(a <= b, a, b), values
        )


def _as_term(x: Any) -> Any:
    return x.term if isinstance(x, _Int) else z3.IntVal(x)


def plain_z3(text: str, timeout: float) -> tuple[str, tuple[int, ...], bool]:
    """Return z3's verdict, the objectives' values, and whether they are proven."""
    goals = "imize:" in text
    solver: Any = z3.Optimize() if goals else z3.Solver()
    solver.set("timeout", int(timeout * 1000))
    algebra = _Z3(solver)
    model = read(text, algebra)
    solver.add(*model.requirements)
    for sense, value in model.objectives:
        (solver.minimize if sense > 0 else solver.maximize)(_as_term(value))
    answer = solver.check()
    if answer != z3.sat:
        return ("unsat", (), True) if answer == z3.unsat else ("unknown", (), False)
    found = solver.model()
    return "sat", tuple(found.eval(_as_term(value)).as_long() for _, value in model.objectives), True
