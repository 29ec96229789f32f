"""The separating reader: an expression over several unknown sizes, each function of a single one in closed form.

Most sizes in a network depend on one axis of the input, and are quasi-polynomials of it. What joins axes
(flatten, attention) is a sum of products of such functions, and is simplified as such. Whatever else there is
stays an expression, over the functions. What is computed from a minimum, a maximum or a choice is one of what is
computed from its parts, and a comparison with one is made of comparisons with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..errors import DimensionError
from .expr import Condition, Symbolic, Var, bounds, eq, fold, product, total
from .quasi import NoClosedForm, Quasi, unknown_size
from .quasi_reader import QuasiReader
from .rewrite import REWRITE

__all__ = ["SEPARATE", "Of", "ClosedFormReader", "Sum", "Unread"]

_MOST_TERMS = 256
"""Sums of more products than this are not written out."""

_DEEP = 50
"""Expressions that are nested deeper are not computed by their parts."""


@dataclass(frozen=True)
class Of:
    """A function of one unknown."""

    unknown: str
    function: Quasi


@dataclass(frozen=True)
class Sum:
    """A sum of products: by factors (one function for each unknown, in the order of their names) the coefficient."""

    terms: Mapping[tuple[Of, ...], int] = field(hash=False)


Value = Any
"""A number, a truth value, an Of, a Sum, or an expression over functions where nothing simpler is known."""


class Unread(Exception):
    """A value has no closed form; the text says why."""


class ClosedFormReader:
    """Reads expressions over several unknowns, each function of a single one in closed form."""

    def __init__(self, unknowns: Iterable[str]) -> None:
        self.unknowns = tuple(unknowns)
        self.quasi = QuasiReader()
        self.values: dict[str, Value] = {name: Of(name, unknown_size()) for name in self.unknowns}
        self.leaves: dict[str, Of] = {}
        self.operands: dict[Symbolic, list[Value]] = {}
        """Of each expression that was written, the values that its operation was given."""
        self._names: dict[Of, str] = {}
        self._split: dict[tuple[Any, ...], Value] = {}
        self._table = {op: self._reader(op) for op in SEPARATE}

    def _reader(self, op: str) -> Callable[[list[Value]], Value]:
        def read(args: list[Value]) -> Value:
            owners = {a.unknown for a in args if isinstance(a, Of)}
            if len(owners) <= 1 and not any(isinstance(a, (Sum, Symbolic)) for a in args):
                plain = self.quasi.read(op, [a.function if isinstance(a, Of) else a for a in args])
                return Of(owners.pop(), plain) if isinstance(plain, Quasi) else plain
            return SEPARATE[op](self, args)

        return read

    def read(self, op: str, args: list[Value]) -> Value:
        """Return one operation on values."""
        return self._table[op](args)

    def of(self, x: Any) -> Value:
        """Return the value of an expression over names whose values are known.

        Raises:
            Unread: it has no closed form.
        """
        if not isinstance(x, Symbolic):
            return x
        try:
            return fold(x, self._table, self._leaf)
        except (NoClosedForm, DimensionError) as error:
            raise Unread(str(error)) from error

    def _leaf(self, x: Any) -> Value:
        if not isinstance(x, Var):
            return x
        found = self.values.get(x.name)
        if isinstance(found, Unread):
            raise found
        if found is None:
            raise Unread(f"{x.name} is not known")
        return found

    def parts(self, value: Value) -> list[Value] | None:
        """Return the operands of a minimum, a maximum or a choice; None for anything else."""
        if isinstance(value, Symbolic) and value.op in ("min", "max", "where") and value.depth <= _DEEP:
            return self.operands.get(value)
        return None

    def split(self, op: str, args: list[Value], compute: Callable[[], Value]) -> Value:
        """Return the result of an operation on parts, computed once."""
        key = (op, *args)
        if key not in self._split:
            self._split[key] = compute()
        return self._split[key]

    def expression(self, value: Value) -> Any:
        """Return a value as an expression, its functions as unknowns that :attr:`leaves` explains."""
        if isinstance(value, Of):
            name = self._names.setdefault(value, f"{value.unknown} {len(self._names)}")
            self.leaves[name] = self.values[name] = value
            return Var(name, interval=value.function.bounds)
        if isinstance(value, Sum):
            return total(product((c, *map(self.expression, factors))) for factors, c in value.terms.items())
        return value

    def sum(self, values: Iterable[tuple[Value, int]]) -> Value:
        """Return the sum of multiples of numbers, functions and sums, in normal form."""
        terms: dict[tuple[Of, ...], int] = {}
        for value, factor in values:
            for factors, coefficient in self.terms(value).items():
                terms[factors] = terms.get(factors, 0) + coefficient * factor
        if len(terms) > _MOST_TERMS:
            raise Unread("a sum of too many products of sizes")
        alone: dict[str, list[tuple[Quasi, int]]] = {}
        rest: dict[tuple[Of, ...], int] = {}
        for factors, coefficient in terms.items():
            if len(factors) == 1:
                alone.setdefault(factors[0].unknown, []).append((factors[0].function, coefficient))
            elif coefficient:
                rest[factors] = coefficient
        for unknown, functions in alone.items():
            together = self.quasi.read("add", [self.quasi.read("mul", part) for part in functions])
            for factors, coefficient in self.terms(
                Of(unknown, together) if isinstance(together, Quasi) else together
            ).items():
                rest[factors] = rest.get(factors, 0) + coefficient
        rest = {factors: c for factors, c in rest.items() if c}
        if not rest.keys() - {()}:
            return rest.get((), 0)
        if len(rest) == 1:
            ((factors, coefficient),) = rest.items()
            if len(factors) == 1:
                return Of(factors[0].unknown, self.quasi.read("mul", [factors[0].function, coefficient]))
        owners = {f.unknown for factors in rest for f in factors}
        if len(owners) == 1:
            (owner,) = owners
            parts: list[tuple[Any, int]] = [(f[0].function if f else 1, c) for f, c in rest.items()]
            return Of(owner, self.quasi.read("add", [self.quasi.read("mul", part) for part in parts]))
        return Sum(rest)

    def terms(self, value: Value) -> Mapping[tuple[Of, ...], int]:
        """Return a value as products and their coefficients; every function without a common divisor."""
        if isinstance(value, Sum):
            return value.terms
        if not isinstance(value, Of):
            if isinstance(value, Symbolic):
                raise Unread("no sum of products")
            return {(): int(value)}
        content = value.function.content
        primitive = self.quasi.read("floordiv", [value.function, content]) if content > 1 else value.function
        return {(Of(value.unknown, primitive),): max(content, 1)}

    def times(self, a: Value, b: Value) -> Value:
        """Return the product of two sums."""
        found: list[tuple[Value, int]] = []
        for one, c in self.terms(a).items():
            for two, d in self.terms(b).items():
                functions: dict[str, Any] = {f.unknown: f.function for f in one}
                for f in two:
                    known = functions.get(f.unknown)
                    functions[f.unknown] = f.function if known is None else self.quasi.read("mul", [known, f.function])
                coefficient, factors = c * d, []
                for unknown in sorted(functions):
                    for (factor,), content in self.terms(Of(unknown, functions[unknown])).items():
                        factors.append(factor)
                        coefficient *= content
                found.append((Sum({tuple(factors): coefficient}), 1))
        return self.sum(found)


def _symbolic(op: str) -> Callable[[ClosedFormReader, list[Value]], Value]:
    """Return a reader that writes an expression, or what it must be by the bounds of its parts."""

    def read(reading: ClosedFormReader, args: list[Value]) -> Value:
        if op == "where" and args[1] == args[2]:
            return args[1]
        if op == "where" and isinstance(args[0], bool):
            return args[1] if args[0] else args[2]
        truths = 1 if op == "where" else len(args) if op in ("and", "or", "not") else 0
        written = [reading.expression(a) for a in args]
        for i, a in enumerate(args[:truths]):
            if isinstance(a, Of):
                written[i] = eq(written[i], 1)
        result = REWRITE[op](written)
        if isinstance(result, Symbolic) and result.op == op:
            reading.operands[result] = args
        if isinstance(result, Condition):
            return bool(bounds(result)[0]) if bounds(result)[0] == bounds(result)[1] else result
        for value, x in zip(args, written, strict=True):
            if op in ("max", "min") and all(x is y or _beats(op, x, y) for y in written):
                return value
        return result

    return read


def _beats(op: str, x: Any, y: Any) -> bool:
    """Return whether one expression is never less (or, for ``min``, never more) than another, by their bounds."""
    (low, high), (other_low, other_high) = bounds(x), bounds(y)
    if op == "max":
        return low is not None and other_high is not None and low >= other_high
    return high is not None and other_low is not None and high <= other_low


def _or_symbolic(
    op: str, exact: Callable[[ClosedFormReader, list[Value]], Value]
) -> Callable[[ClosedFormReader, list[Value]], Value]:
    """Return a reader that is exact on sums of products and otherwise writes an expression."""

    def read(reading: ClosedFormReader, args: list[Value]) -> Value:
        try:
            return exact(reading, args)
        except Unread:
            return _symbolic(op)(reading, args)

    return _on_parts(op, read)


def _on_parts(
    op: str, plain: Callable[[ClosedFormReader, list[Value]], Value]
) -> Callable[[ClosedFormReader, list[Value]], Value]:
    """Return a reader that computes with the parts of a minimum, a maximum or a choice, where there is one of them."""

    def read(reading: ClosedFormReader, args: list[Value]) -> Value:
        split = [i for i, a in enumerate(args) if reading.parts(a) is not None]
        if len(split) != 1 or sum(isinstance(a, Symbolic) for a in args) != 1:
            return plain(reading, args)
        (i,) = split

        def with_part(part: Value) -> Value:
            return reading.read(op, [*args[:i], part, *args[i + 1 :]])

        def compute() -> Value:
            parts = reading.parts(args[i])
            assert parts is not None
            if args[i].op == "where":
                return reading.read("where", [parts[0], with_part(parts[1]), with_part(parts[2])])
            sign = _growing(op, i, args)
            if not sign:
                return plain(reading, args)
            kept = args[i].op if sign > 0 else {"min": "max", "max": "min"}[args[i].op]
            return reading.read(kept, [with_part(part) for part in parts])

        return reading.split(op, args, compute)

    return read


def _growing(op: str, i: int, args: list[Value]) -> int:
    """Return whether an operation never falls (1) or never grows (-1) as an argument grows; 0 if neither is clear."""
    if op == "add" or (op in ("sub", "floordiv") and i == 0):
        return 1
    if op == "sub":
        return -1
    if op == "mul" and isinstance(args[1 - i], (int, Of)):
        other = args[1 - i]
        low, high = bounds(other) if isinstance(other, int) else other.function.bounds
        return 1 if low is not None and low >= 0 else -1 if high is not None and high <= 0 else 0
    return 0


def _quotient(reading: ClosedFormReader, args: list[Value]) -> Value:
    """Divide every product of a sum by a product; raise Unread where that leaves a rest."""
    a, b = args
    divisors = reading.terms(b)
    if len(divisors) != 1:
        raise Unread("a division by a sum")
    ((factors, coefficient),) = divisors.items()
    wanted = {f.unknown: f.function for f in factors}
    found: list[tuple[Value, int]] = []
    for own, c in reading.terms(a).items():
        functions = {f.unknown: f.function for f in own}
        for unknown, divisor in wanted.items():
            rest = reading.quasi.read("mod", [functions.get(unknown, 1), divisor])
            if rest != 0:
                raise Unread("a division with a rest")
            functions[unknown] = reading.quasi.read("floordiv", [functions[unknown], divisor])
        if c % coefficient:
            raise Unread("a division with a rest")
        value: Value = c // coefficient
        for unknown, function in functions.items():
            value = reading.times(value, Of(unknown, function) if isinstance(function, Quasi) else function)
        found.append((value, 1))
    return reading.sum(found)


def _rest(reading: ClosedFormReader, args: list[Value]) -> Value:
    _quotient(reading, args)
    return 0


def _comparison(op: str) -> Callable[[ClosedFormReader, list[Value]], Value]:
    def exact(reading: ClosedFormReader, args: list[Value]) -> Value:
        difference = reading.sum([(args[0], 1), (args[1], -1)])
        if isinstance(difference, Sum):
            return _symbolic(op)(reading, [difference, 0])
        return reading.read(op, [difference, 0])

    whole = _or_symbolic(op, exact)

    def read(reading: ClosedFormReader, args: list[Value]) -> Value:
        for i, other in ((0, args[1]), (1, args[0])):
            parts = reading.parts(args[i])
            if parts is not None:
                return reading.split(op, args, partial(by_parts, reading, args[i].op, parts, other, i))
        return whole(reading, args)

    def by_parts(reading: ClosedFormReader, kind: str, parts: list[Value], other: Value, i: int) -> Value:
        def compared(part: Value, op: str = op) -> Value:
            return reading.read(op, [part, other] if i == 0 else [other, part])

        if kind == "where":
            chosen, a, b = parts
            return reading.read(
                "or",
                [
                    reading.read("and", [chosen, compared(a)]),
                    reading.read("and", [reading.read("not", [chosen]), compared(b)]),
                ],
            )
        if op == "eq":  # one of the parts, and beyond none
            beyond = [reading.read("le", [other, part] if kind == "min" else [part, other]) for part in parts]
            return reading.read("and", [reading.read("or", [compared(part) for part in parts]), *beyond])
        every = (kind == "min") == (i == 1)
        return reading.read("and" if every else "or", [compared(part) for part in parts])

    return read


SEPARATE: dict[str, Callable[[ClosedFormReader, list[Value]], Value]] = {
    "add": _or_symbolic("add", lambda reading, args: reading.sum([(a, 1) for a in args])),
    "sub": _or_symbolic("sub", lambda reading, args: reading.sum([(args[0], 1), (args[1], -1)])),
    "mul": _or_symbolic("mul", lambda reading, args: reading.times(*args)),
    "floordiv": _or_symbolic("floordiv", _quotient),
    "mod": _or_symbolic("mod", _rest),
    "min": _symbolic("min"),
    "max": _symbolic("max"),
    "where": _symbolic("where"),
    "eq": _comparison("eq"),
    "lt": _comparison("lt"),
    "le": _comparison("le"),
    "and": _symbolic("and"),
    "or": _symbolic("or"),
    "not": _symbolic("not"),
}
