"""OR-Tools CP-SAT as someone writes it who knows it: tables where domains are small, tight bounds, literals for choices.

A number is a linear expression over variables, or a table over a few of them, or both. What is computed of few small
domains (an output size of a kernel, a stride and a padding; a product of two widths) stays a table as long as it can be,
and becomes one variable with an ``AddAllowedAssignments``; sums stay linear; other products and divisions are CP-SAT's
own constraints between variables whose bounds are known. Just one of several choices holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from .reading import Algebra, read

__all__ = ["cp_sat"]

_ROWS = 64
"""Rows of a table, at most."""

_OPEN = 4096
"""Where a domain that is open above ends: nobody gives CP-SAT a variable without an end."""


class _Number:
    """``terms`` and ``constant`` if it is linear, ``table`` over ``over`` (variables, in order) if it is small."""

    def __init__(self, algebra: CpSat, terms: dict[int, int] | None, constant: int, over: tuple[int, ...],
                 table: np.ndarray | None, bounds: tuple[int, int]) -> None:  # fmt: skip
        self.algebra, self.terms, self.constant, self.over, self.table = algebra, terms, constant, over, table
        self.bounds = bounds

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Any) -> Any:
        return self.algebra.sum(self, other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self.algebra.sum(self, other, -1)

    def __rsub__(self, other: Any) -> Any:
        return self.algebra.sum(self.algebra.number(other), self, -1)

    def __mul__(self, other: Any) -> Any:
        return self.algebra.product(self, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        return self.algebra.divided(self, other, np.floor_divide)

    def __rfloordiv__(self, other: Any) -> Any:
        return self.algebra.divided(self.algebra.number(other), self, np.floor_divide)

    def __mod__(self, other: Any) -> Any:
        return self.algebra.divided(self, other, np.mod)

    def __rmod__(self, other: Any) -> Any:
        return self.algebra.divided(self.algebra.number(other), self, np.mod)

    def __eq__(self, other: Any) -> Any:
        return self.algebra.compared(self, other, "==")

    def __ne__(self, other: Any) -> Any:
        return self.algebra.negate(self.algebra.compared(self, other, "=="))

    def __le__(self, other: Any) -> Any:
        return self.algebra.compared(self, other, "<=")

    def __ge__(self, other: Any) -> Any:
        return self.algebra.compared(self.algebra.number(other), self, "<=")

    def __lt__(self, other: Any) -> Any:
        return self.algebra.compared(self + 1, other, "<=")

    def __gt__(self, other: Any) -> Any:
        return self.algebra.compared(self.algebra.number(other) + 1, self, "<=")


class _Condition:
    """A literal; or what can be posted as a constraint, and becomes a literal only where one is needed."""

    def __init__(self, post: Callable[[], Any], literal: Callable[[], Any]) -> None:
        self.post, self._make, self._literal = post, literal, None

    @property
    def literal(self) -> Any:
        if self._literal is None:
            self._literal = self._make()
        return self._literal


class CpSat(Algebra):
    """A model in the making."""

    def __init__(self) -> None:
        self.model = cp_model.CpModel()
        self.variables: list[Any] = []
        self.domains: list[np.ndarray | None] = []
        self.made: dict[Any, _Number] = {}

    # -- variables

    def variable(
        self, values: Sequence[int] | np.ndarray | tuple[int, int], name: str = "", *, span: bool = False
    ) -> _Number:
        if span:
            low, high = int(values[0]), int(values[1])
            self.variables.append(self.model.NewIntVar(low, high, name))
            own = np.arange(low, high + 1) if high - low < _ROWS else None
        else:
            own = np.unique(np.array(values, dtype=np.int64))
            low, high = int(own[0]), int(own[-1])
            self.variables.append(self.model.NewIntVarFromDomain(cp_model.Domain.FromValues(own.tolist()), name))
        return self._known(own, low, high)

    def _known(self, own: np.ndarray | None, low: int, high: int) -> _Number:
        index = len(self.domains)
        small = own is not None and len(own) <= _ROWS
        self.domains.append(own if small else None)
        return _Number(self, {index: 1}, 0, (index,), own if small else None, (low, high))

    def hole(self, name: str, values: Sequence[int] | tuple[int, None]) -> Any:
        if values[-1] is None:
            return self.variable((int(values[0] or 0), _OPEN), name, span=True)
        return self.variable([int(v or 0) for v in values], name)

    def one_of(self, name: str, values: Sequence[int]) -> list[Any]:
        literals = [self.model.NewBoolVar(f"{name}={value}") for value in values]
        if len(literals) == 2:
            literals[1] = literals[0].Not()
        else:
            self.model.AddExactlyOne(literals)
        return [self.of_literal(literal) for literal in literals]

    def of_literal(self, literal: Any) -> _Condition:
        return _Condition(lambda: self.model.AddBoolOr([literal]), lambda: literal)

    def as_number(self, literal: Any) -> _Number:
        """Return a literal as 0 or 1."""
        index = literal.Index()
        key = ("literal", index)
        if key not in self.made:
            if index < 0:
                self.made[key] = 1 - self.as_number(literal.Not())
            else:
                self.variables.append(literal)
                self.made[key] = self._known(np.array([0, 1]), 0, 1)
        return self.made[key]

    # -- numbers

    def number(self, x: Any) -> _Number:
        if isinstance(x, _Number):
            return x
        return _Number(self, {}, int(x), (), np.array(int(x)), (int(x), int(x)))

    def joint(self, *numbers: _Number) -> tuple[tuple[int, ...], list[np.ndarray]] | None:
        """Return the variables of several tables and the tables over all of them, or None where that is too large."""
        over = tuple(dict.fromkeys(i for n in numbers for i in n.over))
        if any(n.table is None for n in numbers):
            return None
        sizes = {i: len(self.domains[i]) for i in over}  # type: ignore[arg-type]
        if np.prod([float(s) for s in sizes.values()]) > _ROWS:
            return None
        spread = []
        for n in numbers:
            assert n.table is not None
            order = sorted(range(len(n.over)), key=lambda k: over.index(n.over[k]))
            shape = [sizes[i] if i in n.over else 1 for i in over]
            spread.append(np.transpose(n.table, order).reshape(shape))
        return over, spread

    def from_table(self, over: tuple[int, ...], table: np.ndarray) -> Any:
        shape = tuple(len(self.domains[i]) for i in over)  # type: ignore[arg-type]
        table = np.broadcast_to(table, shape)
        low, high = int(table.min()), int(table.max())
        if low == high:
            return low
        if len(over) == 1:  # affine in its one variable?
            own = self.domains[over[0]]
            assert own is not None
            slope = int(table[1] - table[0]) // int(own[1] - own[0])
            if np.array_equal(table, table[0] + slope * (own - own[0])):
                return _Number(self, {over[0]: slope}, int(table[0] - slope * own[0]), over, table, (low, high))
        return _Number(self, None, 0, over, table, (low, high))

    def linear(self, x: Any) -> _Number:
        """Return a number as a linear expression: a table becomes a variable."""
        n = self.number(x)
        if n.terms is not None:
            return n
        assert n.table is not None
        key = (n.over, n.table.tobytes())
        if key not in self.made:
            made = self.variable(np.unique(n.table))
            grids = np.meshgrid(*(self.domains[i] for i in n.over), indexing="ij")  # type: ignore[arg-type]
            rows = np.stack([*(g.ravel() for g in grids), n.table.ravel()], axis=1)
            columns = [self.variables[i] for i in n.over] + [self.variables[-1]]
            self.model.AddAllowedAssignments(columns, rows.tolist())
            self.made[key] = made
        return self.made[key]

    def expression(self, x: Any) -> Any:
        n = self.linear(x)
        assert n.terms is not None
        return sum(c * self.variables[i] for i, c in n.terms.items()) + n.constant

    def single(self, x: Any) -> Any:
        """Return a number as one variable, so that non-linear constraints can name it."""
        n = self.linear(x)
        assert n.terms is not None
        if not n.terms or (len(n.terms) == 1 and n.constant == 0 and next(iter(n.terms.values())) == 1):
            return self.variables[next(iter(n.terms))] if n.terms else n.constant
        key = (tuple(sorted(n.terms.items())), n.constant)
        if key not in self.made:
            self.made[key] = self.variable(n.bounds, span=True)
            self.model.Add(self.variables[-1] == self.expression(n))
        return self.variables[next(iter(self.made[key].terms or {}))]

    def sum(self, a: Any, b: Any, sign: int) -> Any:
        a, b = self.number(a), self.number(b)
        joint = self.joint(a, b)
        alike = joint is not None and (set(a.over) <= set(b.over) or set(b.over) <= set(a.over))
        if alike and (a.terms is None or b.terms is None):
            assert joint is not None
            return self.from_table(joint[0], joint[1][0] + sign * joint[1][1])
        a, b = self.linear(a), self.linear(b)
        assert a.terms is not None and b.terms is not None
        terms = dict(a.terms)
        for i, c in b.terms.items():
            terms[i] = terms.get(i, 0) + sign * c
        terms = {i: c for i, c in terms.items() if c}
        constant = a.constant + sign * b.constant
        if not terms:
            return constant
        joint = self.joint(a, b)
        over, table = (joint[0], joint[1][0] + sign * joint[1][1]) if joint else ((), None)
        other = b.bounds if sign > 0 else (-b.bounds[1], -b.bounds[0])
        bounds = (a.bounds[0] + other[0], a.bounds[1] + other[1])
        if table is not None:
            shape = tuple(len(self.domains[i]) for i in over)  # type: ignore[arg-type]
            table = np.broadcast_to(table, shape)
            bounds = int(table.min()), int(table.max())
        return _Number(self, terms, constant, over, table, bounds)

    def product(self, a: Any, b: Any) -> Any:
        a, b = self.number(a), self.number(b)
        for x, y in ((a, b), (b, a)):
            if x.terms == {}:
                c = x.constant
                if c == 0:
                    return 0
                terms = None if y.terms is None else {i: c * v for i, v in y.terms.items()}
                if terms == {}:
                    return c * y.constant
                table = None if y.table is None else c * y.table
                bounds = (min(c * y.bounds[0], c * y.bounds[1]), max(c * y.bounds[0], c * y.bounds[1]))
                return _Number(self, terms, c * y.constant, y.over, table, bounds)
        joint = self.joint(a, b)
        if joint is not None:
            return self.from_table(joint[0], joint[1][0] * joint[1][1])
        ends = [x * y for x in a.bounds for y in b.bounds]
        result = self.variable((min(ends), max(ends)), span=True)
        name = self.variables[-1]
        self.model.AddMultiplicationEquality(name, [self.single(a), self.single(b)])
        return result

    def divided(self, a: Any, b: Any, how: Any) -> Any:
        a, b = self.number(a), self.number(b)
        joint = self.joint(a, b)
        if joint is not None:
            return self.from_table(joint[0], how(*joint[1]))
        x, y = self.single(a), self.single(b)
        assert b.bounds[0] >= 1
        shift = 0
        if a.bounds[0] < 0:  # CP-SAT rounds towards zero
            assert b.bounds[0] == b.bounds[1], "a negative size over an open stride"
            shift = -(a.bounds[0] // b.bounds[0])
            x = self.single(a + shift * b.bounds[0])
        if how is np.mod:
            result = self.variable((0, b.bounds[1] - 1), span=True)
            self.model.AddModuloEquality(self.variables[-1], x, y)
            return result
        ends = [(n + shift * b.bounds[0]) // d for n in a.bounds for d in b.bounds]
        result = self.variable((min(ends), max(ends)), span=True)
        self.model.AddDivisionEquality(self.variables[-1], x, y)
        return result - shift

    def extreme(self, values: Sequence[Any], how: Any, least: bool) -> Any:
        numbers = [self.number(v) for v in values]
        if len(numbers) == 1:
            return values[0]
        joint = self.joint(*numbers)
        if joint is not None:
            return self.from_table(joint[0], reduce(how, joint[1]))
        pick = min if least else max
        result = self.variable((pick(n.bounds[0] for n in numbers), pick(n.bounds[1] for n in numbers)), span=True)
        add = self.model.AddMinEquality if least else self.model.AddMaxEquality
        add(self.variables[-1], [self.expression(n) for n in numbers])
        return result

    def room(self, size: Any, present: Any) -> Any:
        n = self.number(size)
        if n.bounds[0] >= 0:
            return size
        if n.table is not None or present is not True:
            return self.maximum(size, 0)
        result = self.variable((0, n.bounds[1]), span=True)
        self.model.Add(self.variables[-1] == self.expression(n))
        return result

    def maximum(self, *values: Any) -> Any:
        return self.extreme(values, np.maximum, False)

    def minimum(self, *values: Any) -> Any:
        return self.extreme(values, np.minimum, True)

    # -- conditions

    def compared(self, a: Any, b: Any, how: str) -> Any:
        a, b = self.number(a), self.number(b)
        joint = self.joint(a, b)
        if joint is not None:
            holds = np.equal(*joint[1]) if how == "==" else np.less_equal(*joint[1])
            if holds.all() or not holds.any():
                return bool(holds.all())
            if a.terms is None or b.terms is None or len(joint[0]) == 1:
                return self.tabled(joint[0], holds)
        elif a.bounds[0] > b.bounds[1] or (how == "==" and a.bounds[1] < b.bounds[0]):
            return False
        elif how == "<=" and a.bounds[1] <= b.bounds[0]:
            return True
        left, right = self.expression(a), self.expression(b)
        relation = (left == right) if how == "==" else (left <= right)

        def literal() -> Any:
            made = self.model.NewBoolVar("")
            self.model.Add(relation).OnlyEnforceIf(made)
            self.model.Add((left != right) if how == "==" else (left > right)).OnlyEnforceIf(made.Not())
            return made

        return _Condition(lambda: self.model.Add(relation), literal)

    def tabled(self, over: tuple[int, ...], holds: np.ndarray) -> _Condition:
        shape = tuple(len(self.domains[i]) for i in over)  # type: ignore[arg-type]
        holds = np.broadcast_to(holds, shape)
        columns = [self.variables[i] for i in over]

        def rows(wanted: np.ndarray) -> list[list[int]]:
            places = np.nonzero(wanted)
            return np.stack([self.domains[i][p] for i, p in zip(over, places, strict=True)], axis=1).tolist()  # type: ignore[index]

        def post() -> Any:
            if len(over) == 1:
                values = cp_model.Domain.FromValues([row[0] for row in rows(holds)])
                return self.model.AddLinearExpressionInDomain(columns[0], values)
            return self.model.AddAllowedAssignments(columns, rows(holds))

        def literal() -> Any:
            made = self.model.NewBoolVar("")
            whole = np.concatenate([np.pad(np.array(rows(w), dtype=np.int64), ((0, 0), (0, 1)), constant_values=v)
                                    for w, v in ((holds, 1), (~holds, 0))])  # fmt: skip
            self.model.AddAllowedAssignments([*columns, made], whole.tolist())
            return made

        return _Condition(post, literal)

    def all(self, *conditions: Any) -> Any:
        left = [c for c in conditions if not isinstance(c, (bool, np.bool_)) or not c]
        if not left or any(isinstance(c, (bool, np.bool_)) for c in left):
            return not left
        if len(left) == 1:
            return left[0]

        def literal() -> Any:
            made, parts = self.model.NewBoolVar(""), [c.literal for c in left]
            self.model.AddBoolAnd(parts).OnlyEnforceIf(made)
            self.model.AddBoolOr([p.Not() for p in parts] + [made])
            return made

        return _Condition(lambda: [c.post() for c in left], literal)

    def any(self, *conditions: Any) -> Any:
        if any(isinstance(c, (bool, np.bool_)) and c for c in conditions):
            return True
        left = [c for c in conditions if not isinstance(c, (bool, np.bool_))]
        if len(left) < 2:
            return left[0] if left else False

        def literal() -> Any:
            made, parts = self.model.NewBoolVar(""), [c.literal for c in left]
            self.model.AddBoolOr(parts).OnlyEnforceIf(made)
            self.model.AddBoolAnd([p.Not() for p in parts]).OnlyEnforceIf(made.Not())
            return made

        return _Condition(lambda: self.model.AddBoolOr([c.literal for c in left]), literal)

    def negate(self, condition: Any) -> Any:
        if isinstance(condition, (bool, np.bool_)):
            return not condition
        return _Condition(lambda: self.model.AddBoolOr([condition.literal.Not()]), lambda: condition.literal.Not())

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        if isinstance(condition, (bool, np.bool_)):
            return a if condition else b
        a, b = self.number(a), self.number(b)
        if a.terms == {} and b.terms == {}:
            return self.as_number(condition.literal) * (a.constant - b.constant) + b.constant
        result = self.variable((min(a.bounds[0], b.bounds[0]), max(a.bounds[1], b.bounds[1])), span=True)
        made = self.variables[-1]
        self.model.Add(made == self.expression(a)).OnlyEnforceIf(condition.literal)
        self.model.Add(made == self.expression(b)).OnlyEnforceIf(condition.literal.Not())
        return result

    def select(self, conditions: Sequence[Any], values: Sequence[Any]) -> Any:
        if all(isinstance(v, int) for v in values):
            if len(set(values)) == 1:
                return values[0]
            if any(isinstance(c, bool) for c in conditions):
                return super().select(conditions, values)
            result = self.variable(list(values))
            made = self.variables[-1]
            self.model.Add(made == sum(v * self.expression(self.as_number(c.literal))
                                       for c, v in zip(conditions, values, strict=True)))  # fmt: skip
            return result
        return super().select(conditions, values)


def cp_sat(text: str, timeout: float) -> tuple[str, tuple[int, ...], bool]:
    """Return CP-SAT's verdict, the objectives' values, and whether they are proven, one objective after the other."""
    import time

    start = time.monotonic()
    algebra = CpSat()
    model = read(text, algebra)
    for condition in model.requirements:
        if isinstance(condition, (bool, np.bool_)):
            if not condition:
                return "unsat", (), True
        else:
            condition.post()
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    reached: list[int] = []
    verdict, proven = "unknown", True
    for sense, value in model.objectives or [(0, 0)]:
        left = timeout - (time.monotonic() - start)
        solver.parameters.max_time_in_seconds = max(left, 0.01)
        term = algebra.expression(value)
        if sense:
            (algebra.model.Minimize if sense > 0 else algebra.model.Maximize)(term)
        status = solver.Solve(algebra.model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            if reached:
                return "sat", tuple(reached), False
            return ("unsat", (), True) if status == cp_model.INFEASIBLE else ("unknown", (), False)
        verdict = "sat"
        proven &= status == cp_model.OPTIMAL or not sense
        if sense:
            reached.append(int(solver.Value(term)) if not isinstance(term, int) else term)
            algebra.model.ClearObjective()
            algebra.model.Add(term == reached[-1])
            algebra.model.ClearHints()
            for variable in algebra.variables:
                algebra.model.AddHint(variable, solver.Value(variable))
        if not proven:
            break
    return verdict, tuple(reached), proven
