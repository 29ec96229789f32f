"""The CP-SAT reader: the steps of a system as a CP-SAT model, with the values that presolve left in hand.

What is linear stays linear, so that the solver's linear relaxation sees it. What is not becomes a table where
its unknowns have few values together, as an expert would write it; a larger product is one of tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from ..dims import Condition, Domain, Expr, Span, Var, variables
from ..dims.bounds import INTERVALS, Interval
from ..dims.evaluate import evaluate_words, fits_word
from ..dims.expr import Symbolic
from .clock import Clock
from .presolve import Domains
from .system import Define, Step
from .values import ValueSet

__all__ = ["CPSAT", "Encoding", "Unfit"]

_MOST_ROWS = 64
"""A table has at most so many rows; larger ones take more time than they save (measured)."""

_MOST_LITERALS = 8
"""An unknown of at most so many values gets a literal for each."""

_MOST_LISTED = 1 << 16
_WORD = 1 << 60


class Unfit(Exception):
    """The system cannot be said in CP-SAT's language: an unknown has no end, or numbers exceed a word."""


_Read = tuple[Any, Interval]
"""A linear expression of the model, a number, or (for a condition) a literal, and between which numbers it lies."""


class Encoding:
    """Turns steps into constraints of one fresh model."""

    def __init__(self, domains: Domains, clock: Clock) -> None:
        self.model = cp_model.CpModel()
        self.domains = domains
        self.unknowns: dict[str, Any] = {}
        self._tables: dict[Any, Any] = {}
        self._literals: dict[str, list[Any]] = {}
        self._products: dict[tuple[Any, ...], _Read] = {}
        self._reads: dict[Any, _Read] = {}
        self._places: dict[str, tuple[Any, int, int]] = {}
        self._clock = clock

    def unknown(self, name: str, *, defined: bool = False) -> Any:
        """Return the term of an unknown: a variable, a number, or ``start + step * variable``."""
        found = self.unknowns.get(name)
        if found is None:
            found = self.unknowns[name] = self._variable(self.domains[name], name, defined)
        return found

    def _variable(self, values: ValueSet, name: str, defined: bool) -> Any:
        low, high = values.interval
        if values.fixed is not None:
            return values.fixed
        if values.array is not None and not defined:
            return self.model.new_int_var_from_domain(cp_model.Domain.from_values(values.array.tolist()), name)
        if low is None or high is None or max(abs(low), abs(high)) >= _WORD:
            raise Unfit(f"{name} has no end")
        if len(values.spans) == 1:
            step = values.spans[0].step
            place = self.model.new_int_var(0, (high - low) // step, name)
            self._places[name] = place, low, step
            return low + step * place
        if values.spans and not defined:
            return self.model.new_int_var_from_domain(cp_model.Domain.from_values(self._listed(name)), name)
        return self.model.new_int_var(low, high, name)

    def _listed(self, name: str) -> list[int]:
        """Return the values of an unknown, in ascending order."""
        values = self.domains[name]
        if values.array is not None:
            return values.array.tolist()  # type: ignore[no-any-return]
        if values.size is None or values.size > _MOST_LISTED:
            raise Unfit(f"{name} has very many values")
        spans = values.spans or (Span(values.low or 0, values.high),)
        return sorted({v for span in spans for v in range(span.start, (span.stop or 0) + 1, span.step)})

    def single(self, name: str) -> Any:
        """Return the term of an unknown as one variable, times a number, plus a number: tables speak of no other."""
        term = self.unknown(name)
        if _is_sum(term):
            del self.unknowns[name]
            self.model.add(self.unknown(name) == term)
        return self.unknowns[name]

    def affine(self, read: _Read) -> Any:
        """Return a term as one variable, times a number, plus a number: products have no other factors."""
        term, interval = read
        if not _is_sum(term):
            return term
        found = self.new(interval)
        self.model.add(found == term)
        return found

    def new(self, interval: Interval) -> Any:
        """Return a variable for an intermediate value."""
        low, high = interval
        if low is None or high is None or max(abs(low), abs(high)) >= _WORD:
            raise Unfit("an intermediate value has no end")
        return low if low == high else self.model.new_int_var(low, high, "")

    def hint(self, name: str, term: Any, value: int) -> None:
        """Suggest a value for an unknown."""
        if name in self._places:
            place, start, step = self._places[name]
            self.model.add_hint(place, (value - start) // step)
        elif not isinstance(term, int):
            self.model.add_hint(term, value)

    def differ(self, terms: Mapping[str, Any], assignment: Mapping[str, int]) -> None:
        """Demand that some unknown differs from an assignment."""
        literals = []
        for name, term in terms.items():
            if not isinstance(term, int):
                other = self.model.new_bool_var("")
                self.model.add(term != assignment[name]).only_enforce_if(other)
                literals.append(other)
        self.model.add_bool_or(literals)

    def rank(self, name: str, term: Any, domain: Domain) -> Any:
        """Return the term of how many values of its domain are preferred to an unknown's."""
        values = self.domains[name]
        if values.fixed is not None:
            return domain.rank(values.fixed)
        if len(domain.spans) == 1:
            if domain.spans[0].step == 1:
                return term - domain.lower
            highest = domain.rank(values.high or 0)
            result = self.model.new_int_var(0, highest, "")
            self.model.add(term == domain.lower + domain.spans[0].step * result)
            return result
        rows = [[value, domain.rank(value)] for value in self._listed(name)]
        result = self.model.new_int_var_from_domain(cp_model.Domain.from_values([rank for _, rank in rows]), "")
        self.model.add_allowed_assignments([term, result], rows)
        return result

    def least_rank(self, name: str, domain: Domain) -> int:
        """Return the rank of the most preferred value that presolve has left."""
        values = self.domains[name]
        if values.array is not None:
            return min(domain.rank(value) for value in values.array.tolist())
        return domain.rank(values.low) if len(domain.spans) == 1 and values.low is not None else 0

    def step(self, step: Step) -> None:
        """Add one step."""
        self._clock.check("encoding")
        if isinstance(step, Define):
            value, _ = self.read(step.value)
            if self.domains[step.name].fixed is None and not isinstance(value, int) and step.name not in self.unknowns:
                self.unknowns[step.name] = value  # a sum stays one: of parts that are named, nothing is learned
            else:
                self._equal(self.unknown(step.name, defined=True), value)
        elif not self._as_table(step.condition):
            self.hold(step.condition)

    def _equal(self, one: Any, other: Any) -> None:
        if isinstance(one, int) and isinstance(other, int):
            if one != other:
                self.model.add_bool_or([])
        else:
            self.model.add(one == other)

    def hold(self, condition: Any) -> None:
        """Demand a condition."""
        if condition.op in ("eq", "lt", "le"):
            left, right = self.read(condition.args[0])[0], self.read(condition.args[1])[0]
            if isinstance(left, int) and isinstance(right, int):
                self.model.add_bool_or([_COMPARED[condition.op](left, right)])
            else:
                self.model.add(_COMPARED[condition.op](left, right))
        elif condition.op == "or":
            self.model.add_bool_or([self.read(arg)[0] for arg in condition.args])
        else:
            self.model.add_bool_or([self.read(condition)[0]])

    def open(self, x: Any) -> tuple[list[str], int]:
        """Return the open unknowns of an expression, and how many combinations their values have."""
        names = [v.name for v in variables(x) if self.domains[v.name].fixed is None]
        if any(self.domains[n].array is None for n in names):
            return names, _WORD
        return names, prod(self.domains[n].size or 0 for n in names)

    def _rows(self, x: Any, names: Sequence[str]) -> tuple[list[np.ndarray], np.ndarray] | None:
        """Return all combinations of the values of some unknowns, and the expression's value in each."""
        if not fits_word(x, {v.name: self.domains[v.name].interval for v in variables(x)}):
            return None
        arrays = [array for n in names if (array := self.domains[n].array) is not None]
        flat: list[np.ndarray] = [g.ravel() for g in np.meshgrid(*arrays, indexing="ij")]
        known: dict[str, Any] = {v.name: self.domains[v.name].fixed for v in variables(x)}
        known.update(zip(names, flat, strict=True))
        return flat, np.broadcast_to(evaluate_words(x, known), (prod(map(len, arrays)),))

    def _as_table(self, condition: Any) -> bool:
        """Demand a condition over few combinations by listing those that fulfil it; return whether that was done.

        What is linear is better told as it is.
        """
        names, count = self.open(condition)
        linear = condition.op in ("le", "lt", "eq") and not any(map(_nonlinear, condition.args))
        if not names or count > _MOST_ROWS or (len(names) > 1 and linear):
            return False
        found = self._rows(condition, names)
        if found is None:
            return False
        flat, holds = found
        rows = np.stack([f[holds.astype(bool)] for f in flat], axis=1).tolist()
        self.model.add_allowed_assignments([self.single(n) for n in names], rows)
        return True

    def read(self, x: Any) -> _Read:
        """Return the term of an expression, and between which numbers it lies."""
        if isinstance(x, Var):
            return self.unknown(x.name), self.domains[x.name].interval
        if not isinstance(x, Symbolic):
            return int(x), (int(x), int(x))
        found = self._reads.get(x)
        if found is None:
            if isinstance(x, Expr) and x.op not in ("add", "sub", "mul"):
                found = self.tabled(x)
            elif isinstance(x, Condition):
                found = self.chosen(x)
            found = self._reads[x] = found or CPSAT[x.op](self, x)
        return found

    def tabled(self, x: Any, *, alone: bool = False) -> _Read | None:
        """Return a term for an expression whose unknowns have few values together; None where they have many.

        What one unknown decides is a sum over the literals of its values, where these are few; else a variable with a
        table. With ``alone``, it is one variable, times a number, plus a number.
        """
        found = self._tables.get((x, alone))
        if found is not None:
            return found  # type: ignore[no-any-return]
        names, count = self.open(x)
        if count > _MOST_ROWS:
            return None
        rows = self._rows(x, names)
        if rows is None:
            return None
        flat, values = rows
        low, high = int(values.min()), int(values.max())
        if low == high:
            return low, (low, high)
        result = self._by_value(names[0], values, alone) if len(names) == 1 else None
        if result is None:
            result = self.model.new_int_var_from_domain(cp_model.Domain.from_values(np.unique(values).tolist()), "")
            table = np.stack([*flat, values], axis=1).tolist()
            self.model.add_allowed_assignments([*(self.single(n) for n in names), result], table)
        self._tables[x, alone] = result, (low, high)
        return result, (low, high)

    def _by_value(self, name: str, values: np.ndarray, alone: bool) -> Any:
        """Return the term that takes a value for each of an unknown's; None where it is no sum, or a long one."""
        own = self.domains[name].array
        assert own is not None
        slope = (int(values[1]) - int(values[0])) // (int(own[1]) - int(own[0]))
        if np.array_equal(values - values[0], slope * (own - own[0])):
            return int(values[0]) + slope * (self.single(name) - int(own[0]))
        if len(own) > _MOST_LITERALS:
            return None
        found, counts = np.unique(values, return_counts=True)
        base = int(found[np.argmax(counts)])
        if alone and np.count_nonzero(values != base) > 1:
            return None
        literals = self.literals(name)
        return base + sum((int(v) - base) * literals[i] for i, v in enumerate(values.tolist()) if v != base)

    def literals(self, name: str) -> list[Any]:
        """Return, for each of an unknown's few values, the literal that says that it has this one."""
        found = self._literals.get(name)
        if found is None:
            own = self.domains[name].array
            assert own is not None
            term = self.single(name)
            found = [self.model.new_bool_var(f"{name}={value}") for value in own[: -1 if len(own) == 2 else None]]
            if len(own) == 2:
                found.append(~found[0])
                self.model.add(term == int(own[1]) + int(own[0] - own[1]) * found[0])
            else:
                self.model.add_exactly_one(found)
                for value, literal in zip(own.tolist(), found, strict=True):
                    self.model.add(term == value).only_enforce_if(literal)
                    self.model.add(term != value).only_enforce_if(~literal)
            self._literals[name] = found
        return found

    def chosen(self, condition: Any) -> _Read | None:
        """Return the literal of a condition that the few values of one unknown decide; None where it is no such one."""
        names, _ = self.open(condition)
        if len(names) != 1 or (own := self.domains[names[0]].array) is None or len(own) > _MOST_LITERALS:
            return None
        rows = self._rows(condition, names)
        if rows is None:
            return None
        holds = np.flatnonzero(rows[1])
        if len(holds) in (0, len(own)):
            return int(len(holds) > 0), (0, 1)
        literals = self.literals(names[0])
        if len(holds) == 1:
            return literals[holds[0]], (0, 1)
        if len(holds) == len(own) - 1:
            return ~literals[np.flatnonzero(rows[1] == 0)[0]], (0, 1)
        result = self.model.new_bool_var("")
        self.model.add(sum(literals[i] for i in holds) == result)
        return result, (0, 1)

    def product(self, groups: Sequence[Any]) -> _Read:
        """Return the product of some terms; what parameters and MACs multiply alike is multiplied once."""
        key = tuple(groups)
        found = self._products.get(key)
        if found is None:
            last = groups[-1]
            if isinstance(last, Var):
                found = self.single(last.name), self.domains[last.name].interval
            else:
                found = self.tabled(last, alone=len(groups) > 1) or self.read(last)
            if len(groups) > 1:
                found = _times(self, self.product(groups[:-1]), found)
            self._products[key] = found
        return found

    def literal(self, build: Callable[[], tuple[Any, Any]]) -> Any:
        """Return a literal for one of two linear conditions that exclude each other."""
        yes, no = build()
        if isinstance(yes, (bool, np.bool_)):
            return int(yes)
        result = self.model.new_bool_var("")
        self.model.add(yes).only_enforce_if(result)
        self.model.add(no).only_enforce_if(~result)
        return result


def _is_sum(term: Any) -> bool:
    return not isinstance(term, (int, cp_model.IntVar)) and len(cp_model.FlatIntExpr(term).vars) > 1


_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "eq": lambda a, b: a == b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b}  # fmt: skip


def _nonlinear(x: Any) -> bool:
    if not isinstance(x, Symbolic) or isinstance(x, Var):
        return False
    if x.op == "mul":
        return not any(isinstance(a, int) for a in x.args) or any(_nonlinear(a) for a in x.args)
    return x.op not in ("add", "sub") or any(_nonlinear(a) for a in x.args)


def _linear(encoding: Encoding, x: Any) -> _Read:
    parts = [encoding.read(a) for a in x.args]
    interval = INTERVALS[x.op]([i for _, i in parts])
    terms = [t for t, _ in parts]
    return (sum(terms) if x.op == "add" else terms[0] - terms[1]), interval


def _factors(x: Any) -> list[Any]:
    if isinstance(x, Symbolic) and x.op == "mul":
        return [f for a in x.args for f in _factors(a)]
    return [x]


def _mul(encoding: Encoding, x: Any) -> _Read:
    """Read a product: factors with few values together are one table, and tables are multiplied."""
    number = 1
    groups: list[Any] = []
    for factor in _factors(x):
        fixed = factor if isinstance(factor, int) else None
        if isinstance(factor, Var):
            fixed = encoding.domains[factor.name].fixed
        if fixed is not None:
            number *= fixed
            continue
        for i, group in enumerate(groups):
            if encoding.open(joined := group * factor)[1] <= _MOST_ROWS:
                groups[i] = joined
                break
        else:
            groups.append(factor)
    if not number or not groups:
        return number, (number, number)
    groups.sort(key=lambda g: (encoding.open(g)[1], str(g)))
    return _times(encoding, (number, (number, number)), encoding.product(groups))


def _times(encoding: Encoding, one: _Read, other: _Read) -> _Read:
    interval = INTERVALS["mul"]([one[1], other[1]])
    if isinstance(one[0], int) or isinstance(other[0], int):
        return one[0] * other[0], interval
    result = encoding.new(interval)
    encoding.model.add_multiplication_equality(result, [encoding.affine(one), encoding.affine(other)])
    return result, interval


def _divided(encoding: Encoding, x: Any) -> tuple[Any, Any, Any, Interval]:
    (n, n_interval), (d, d_interval) = encoding.read(x.args[0]), encoding.read(x.args[1])
    interval = INTERVALS["floordiv"]([n_interval, d_interval])
    quotient = encoding.new(interval)
    product, _ = _times(encoding, (quotient, interval), (d, d_interval))
    encoding.model.add(product <= n)
    encoding.model.add(n < product + d)
    return n, product, quotient, interval


def _floordiv(encoding: Encoding, x: Any) -> _Read:
    _, _, quotient, interval = _divided(encoding, x)
    return quotient, interval


def _mod(encoding: Encoding, x: Any) -> _Read:
    n, product, _, _ = _divided(encoding, x)
    return n - product, x.interval


def _extreme(encoding: Encoding, x: Any) -> _Read:
    parts = [encoding.read(a) for a in x.args]
    interval = INTERVALS[x.op]([i for _, i in parts])
    result = encoding.new(interval)
    add = encoding.model.add_min_equality if x.op == "min" else encoding.model.add_max_equality
    add(result, [t for t, _ in parts])
    return result, interval


def _where(encoding: Encoding, x: Any) -> _Read:
    chosen = encoding.read(x.args[0])[0]
    (yes, yes_interval), (no, no_interval) = encoding.read(x.args[1]), encoding.read(x.args[2])
    interval = INTERVALS["where"]([(0, 1), yes_interval, no_interval])
    if isinstance(chosen, int):
        return (yes, yes_interval) if chosen else (no, no_interval)
    if isinstance(yes, int) and isinstance(no, int):
        return no + (yes - no) * chosen, interval
    result = encoding.new(interval)
    encoding.model.add(result == yes).only_enforce_if(chosen)
    encoding.model.add(result == no).only_enforce_if(~chosen)
    return result, interval


def _comparison(encoding: Encoding, x: Any) -> _Read:
    left, right = encoding.read(x.args[0])[0], encoding.read(x.args[1])[0]
    opposite: dict[str, Callable[[], tuple[Any, Any]]] = {
        "eq": lambda: (left == right, left != right),
        "lt": lambda: (left < right, left >= right),
        "le": lambda: (left <= right, left > right),
    }
    return encoding.literal(opposite[x.op]), (0, 1)


def _junction(encoding: Encoding, x: Any) -> _Read:
    literals = [encoding.read(a)[0] for a in x.args]
    deciding = 0 if x.op == "and" else 1
    if any(isinstance(literal, int) and literal == deciding for literal in literals):
        return deciding, (deciding, deciding)
    literals = [literal for literal in literals if not isinstance(literal, int)]
    if not literals:
        return 1 - deciding, (1 - deciding, 1 - deciding)
    result = encoding.model.new_bool_var("")
    if x.op == "and":
        encoding.model.add_bool_and(literals).only_enforce_if(result)
        encoding.model.add_bool_or([~literal for literal in literals]).only_enforce_if(~result)
    else:
        encoding.model.add_bool_or(literals).only_enforce_if(result)
        encoding.model.add_bool_and([~literal for literal in literals]).only_enforce_if(~result)
    return result, (0, 1)


def _not(encoding: Encoding, x: Any) -> _Read:
    literal = encoding.read(x.args[0])[0]
    return (1 - literal if isinstance(literal, int) else ~literal), (0, 1)


CPSAT: dict[str, Callable[[Encoding, Any], _Read]] = {
    "add": _linear,
    "sub": _linear,
    "mul": _mul,
    "floordiv": _floordiv,
    "mod": _mod,
    "min": _extreme,
    "max": _extreme,
    "where": _where,
    "eq": _comparison,
    "lt": _comparison,
    "le": _comparison,
    "and": _junction,
    "or": _junction,
    "not": _not,
}
