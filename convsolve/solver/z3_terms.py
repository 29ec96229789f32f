"""The z3 reader: the steps of a system as assertions, with the values that presolve left in hand.

No nonlinear term reaches z3 where an unknown has few values: a product is one linear case for each value
of its smaller factor, a division one for each value of its divisor. ``x // s`` becomes a new unknown ``q``
with ``s*q <= x < s*q + s``, which is Python's meaning for a positive divisor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import z3

from ..dims import Dim, Span, Var
from ..dims.bounds import INTERVALS, Interval
from ..dims.expr import fold
from .presolve import Domains
from .system import Define, Step
from .values import ValueSet, runs_of

__all__ = ["LOWER", "Lowering"]

_MOST_CASES = 64


class Lowering:
    """Turns steps into assertions of one fresh z3 context."""

    def __init__(self, domains: Domains) -> None:
        self.context = z3.Context()
        self.domains = domains
        self.assertions: list[Any] = []
        self.unknowns: dict[str, Any] = {}
        self._fresh = 0

    def unknown(self, name: str, *, defined: bool = False) -> Any:
        """Return the z3 constant of an unknown, asserting its values when it is first used.

        Where it is ``defined``, only the ends and few gaps are asserted: the rest follows.
        """
        values = self.domains.get(name, ValueSet(None, None))
        if values.fixed is not None:
            return z3.IntVal(values.fixed, self.context)
        found = self.unknowns.get(name)
        if found is None:
            found = self.unknowns[name] = z3.Int(name, self.context)
            self._values(found, values, _MOST_CASES if defined else None)
        return found

    def _values(self, x: Any, values: ValueSet, most: int | None = None) -> None:
        """Assert the values of a constant; beyond ``most`` ranges, only between which ends they lie."""
        if values.low is not None:
            self.assertions.append(x >= values.low)
        if values.high is not None:
            self.assertions.append(x <= values.high)
        spans: Sequence[Span] = values.spans
        if values.array is not None and values.size != (values.high or 0) - (values.low or 0) + 1:
            spans = runs_of(values.array)
        if spans and (most is None or len(spans) <= most):
            self._one_of(x, spans)

    def _one_of(self, x: Any, spans: Sequence[Span]) -> None:
        """Assert that a constant is in one of several ranges."""
        self.assertions.append(z3.Or([self._inside(x, span) for span in spans]))

    def _inside(self, x: Any, span: Span) -> Any:
        if span.start == span.stop:
            return x == span.start
        ends = [x >= span.start, *([] if span.stop is None else [x <= span.stop])]
        if span.step == 1:
            return z3.And(ends)
        self._fresh += 1
        place = z3.Int(f"!{self._fresh}", self.context)
        return z3.And([*ends, x == span.start + span.step * place])

    def new(self, interval: Interval) -> Any:
        """Return a z3 constant for an intermediate value."""
        self._fresh += 1
        x = z3.Int(f"!{self._fresh}", self.context)
        self._values(x, ValueSet(*interval))
        return x

    def step(self, step: Step) -> None:
        """Assert one step."""
        if isinstance(step, Define):
            self.definition(step.name, step.value)
        else:
            self.assertions.append(self.read(step.condition)[0])

    def definition(self, name: str, value: Dim) -> None:
        """Assert that a name has the value of an expression."""
        own = self.domains.get(name)
        result = self.read(value)[0]
        if own is not None and own.fixed is not None:
            self.assertions.append(result == own.fixed)
        else:
            self.assertions.append(self.unknown(name, defined=True) == result)

    def read(self, x: Any) -> _Term:
        """Return the z3 term of an expression, its bounds, and its values if they are few."""
        found: _Term = fold(x, {op: self._reader(op) for op in LOWER}, self._leaf)
        return found

    def _leaf(self, x: Any) -> _Term:
        if isinstance(x, Var):
            values = self.domains.get(x.name, ValueSet(*x.interval))
            few = values.array if values.array is not None and len(values.array) <= _MOST_CASES else None
            return self.unknown(x.name), values.interval, None if few is None else [int(v) for v in few]
        if isinstance(x, bool):
            return z3.BoolVal(x, self.context), (int(x), int(x)), None
        return z3.IntVal(x, self.context), (x, x), [x]

    def _reader(self, op: str) -> Callable[[list[_Term]], _Term]:
        def read(args: list[_Term]) -> _Term:
            interval = INTERVALS[op]([a[1] for a in args])
            term = LOWER[op](self, args, interval)
            low, high = interval
            few_values = None
            if low is not None and high is not None and high - low < _MOST_CASES:
                few_values = list(range(low, high + 1))
            return term, interval, few_values

        return read


_Term = tuple[Any, Interval, "list[int] | None"]
_Lower = Callable[[Lowering, list[_Term], Interval], Any]


def _cases(low: Lowering, selector: _Term, case: Callable[[int], Any]) -> None:
    """Assert a case for each value of a term."""
    term, _, values = selector
    assert values is not None
    for v in values:
        low.assertions.append(z3.Implies(term == v, case(v)) if len(values) > 1 else case(v))


def _mul(low: Lowering, args: list[_Term], interval: Interval) -> Any:
    few = [a for a in args if a[2] is not None]
    if not few:
        return args[0][0] * args[1][0]  # both are wide: nonlinear, and z3 may give up
    chosen = min(few, key=lambda a: len(a[2] or ()))
    other = args[1] if chosen is args[0] else args[0]
    if len(chosen[2] or ()) == 1:
        return (chosen[2] or [0])[0] * other[0]
    result = low.new(interval)
    _cases(low, chosen, lambda v: result == v * other[0])
    return result


def _divisor(divisor: _Term) -> _Term:
    """Return a divisor as it counts: at least 1 (behind a layer that fails, a size may be 0)."""
    term, (least, most), values = divisor
    if least is not None and least >= 1:
        return divisor
    few = None if values is None else sorted({max(v, 1) for v in values})
    return z3.If(term >= 1, term, 1), (1, None if most is None else max(most, 1)), few


def _floordiv(low: Lowering, args: list[_Term], interval: Interval) -> Any:
    numerator, divisor = args[0], _divisor(args[1])
    quotient = low.new(interval)
    n = numerator[0]
    if divisor[2] is None:
        d = divisor[0]
        low.assertions += [d * quotient <= n, n < d * quotient + d]
    else:
        _cases(low, divisor, lambda v: z3.And(v * quotient <= n, n < v * quotient + v))
    return quotient


def _mod(low: Lowering, args: list[_Term], interval: Interval) -> Any:
    args = [args[0], _divisor(args[1])]
    quotient_interval = INTERVALS["floordiv"]([a[1] for a in args])
    quotient = _floordiv(low, args, quotient_interval)
    low_q, high_q = quotient_interval
    few = (
        list(range(low_q, high_q + 1))
        if (low_q is not None and high_q is not None and high_q - low_q < _MOST_CASES)
        else None
    )
    times = INTERVALS["mul"]([quotient_interval, args[1][1]])
    return args[0][0] - _mul(low, [(quotient, quotient_interval, few), args[1]], times)


def _chain(smaller: bool) -> _Lower:
    def read(low: Lowering, args: list[_Term], interval: Interval) -> Any:
        result = args[0][0]
        for term, _, _ in args[1:]:
            result = z3.If(term < result if smaller else term > result, term, result)
        return result

    return read


LOWER: dict[str, _Lower] = {
    "add": lambda low, args, interval: z3.Sum([a[0] for a in args]),
    "sub": lambda low, args, interval: args[0][0] - args[1][0],
    "mul": _mul,
    "floordiv": _floordiv,
    "mod": _mod,
    "min": _chain(smaller=True),
    "max": _chain(smaller=False),
    "where": lambda low, args, interval: z3.If(args[0][0], args[1][0], args[2][0]),
    "eq": lambda low, args, interval: args[0][0] == args[1][0],
    "lt": lambda low, args, interval: args[0][0] < args[1][0],
    "le": lambda low, args, interval: args[0][0] <= args[1][0],
    "and": lambda low, args, interval: z3.And([a[0] for a in args]),
    "or": lambda low, args, interval: z3.Or([a[0] for a in args]),
    "not": lambda low, args, interval: z3.Not(args[0][0]),
}
