"""Expressions over unknown integers: the language in which shape rules are written down.

A :data:`Dim` is an ``int`` or an :class:`Expr`; a :data:`Cond` is a ``bool`` or a :class:`Condition`.
Rules are plain Python over both. The operations are few (:data:`OPERATIONS`), and everything that
reads an expression is a table with one line per operation.

``//`` and ``%`` are Python's (they round down), and a divisor must be positive for every value of its
unknowns; otherwise building the expression raises. ``==`` compares structure, as values do elsewhere
in Python; an equation between dimensions is ``eq(a, b)``.

Expressions are shared: building one that exists returns it (hash-consing; A. P. Ershov 1958). What is written out
may be exponentially larger than the expression, so everything that reads one goes through :func:`nodes`, once a node.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn, Self, TypeAlias
from weakref import ref

from ..errors import DimensionError
from ..support.arguments import must_fit
from ..support.suggestions import quoted
from .bounds import INTERVALS, Interval
from .domain import Domain

__all__ = [
    "OPERATIONS",
    "Cond",
    "Condition",
    "Dim",
    "Expr",
    "Symbolic",
    "Var",
    "add",
    "all_of",
    "any_of",
    "bounds",
    "eq",
    "fold",
    "fold_all",
    "hole",
    "isin",
    "maximum",
    "minimum",
    "ne",
    "negation",
    "nodes",
    "product",
    "total",
    "variables",
    "where",
]

OPERATIONS = frozenset(INTERVALS)
"""The operations of the language. Leaves are ``int``, ``bool`` and :class:`Var`."""

_PACKAGE = __name__.partition(".")[0]
_DEEP = 100  # readers recurse over an expression up to this depth
_FEW = 64  # so many unknowns of an expression are kept with it


class _Shared(ref["Symbolic"]):
    """A weak reference to an expression, under the key by which it is found as long as someone holds it."""

    __slots__ = ("key",)

    key: tuple[Any, ...]


_SHARED: dict[tuple[Any, ...], _Shared] = {}
"""The expressions that exist (as a WeakValueDictionary would have them, which takes several times as long)."""


def _forget(gone: _Shared, shared: dict[tuple[Any, ...], _Shared] = _SHARED) -> None:
    if shared.get(gone.key) is gone:
        del shared[gone.key]


class Symbolic:
    """What expressions and conditions share: immutable, hashable, structural equality."""

    __slots__ = ("__weakref__", "_hash", "_variables", "args", "depth", "fits", "interval", "op")

    op: str
    args: tuple[Any, ...]
    interval: Interval
    depth: int
    fits: bool  # a word, once that has been asked for
    _hash: int
    _variables: tuple[Var, ...]  # kept once they have been asked for

    def __new__(cls, op: str, args: tuple[Any, ...]) -> Self:
        # by identity: unknowns of one name are equal, but may have other bounds; 1 equals True, but is no condition
        key = (cls, op, *[id(a) if isinstance(a, Symbolic) else (type(a), a) for a in args])
        shared = _SHARED.get(key)
        found: Any = None if shared is None else shared()
        return cls._made(op, args, INTERVALS[op]([bounds(a) for a in args]), key) if found is None else found

    @classmethod
    def _made(cls, op: str, args: tuple[Any, ...], interval: Interval, key: tuple[Any, ...]) -> Self:
        self = object.__new__(cls)
        self.op = op
        self.args = args
        self.interval = interval
        depth = 0
        for a in args:
            if isinstance(a, Symbolic) and a.depth > depth:
                depth = a.depth
        self.depth = depth + 1
        self._hash = hash((op, args))
        shared = _SHARED[key] = _Shared(self, _forget)
        shared.key = key
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.op, self.args)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Symbolic) or self._hash != other._hash:
            return False
        return _alike(self, other)

    def __repr__(self) -> str:
        from .render import render

        return render(self)

    def __bool__(self) -> NoReturn:
        raise DimensionError(
            f"the truth of `{self!r}` depends on unknown dimensions: use where(condition, a, b) to choose a "
            f"value, all_of/any_of/negation to combine conditions, and require(...) to demand one"
        )


def _asked_by_a_user() -> bool:
    """Return whether a comparison stands in code outside this package, in which ``==`` compares structure."""
    asking = sys._getframe(2).f_globals.get("__name__", "")
    return str(asking).partition(".")[0] != _PACKAGE


class Expr(Symbolic):
    """An integer that depends on unknowns. Build it from :func:`hole` with ``+ - * // %``."""

    __slots__ = ()

    __hash__ = Symbolic.__hash__

    def __eq__(self, other: object) -> bool:
        if type(other) is int and _asked_by_a_user():
            raise DimensionError(
                f"`{self!r}` is not a number yet, so `== {other}` says nothing: the condition that they are equal is "
                f"eq({self!r}, {other})"
            )
        return Symbolic.__eq__(self, other)

    def __add__(self, other: Dim) -> Dim:
        return add(self, other)

    def __radd__(self, other: Dim) -> Dim:
        return add(other, self)

    def __sub__(self, other: Dim) -> Dim:
        return _sub(self, other)

    def __rsub__(self, other: Dim) -> Dim:
        return _sub(other, self)

    def __mul__(self, other: Dim) -> Dim:
        return _mul(self, other)

    def __rmul__(self, other: Dim) -> Dim:
        return _mul(other, self)

    def __floordiv__(self, other: Dim) -> Dim:
        return _floordiv(self, other)

    def __rfloordiv__(self, other: Dim) -> Dim:
        return _floordiv(other, self)

    def __mod__(self, other: Dim) -> Dim:
        return _mod(self, other)

    def __rmod__(self, other: Dim) -> Dim:
        return _mod(other, self)

    def __neg__(self) -> Dim:
        return _sub(0, self)

    def __lt__(self, other: Dim) -> Cond:
        return _compare("lt", self, other)

    def __le__(self, other: Dim) -> Cond:
        return _compare("le", self, other)

    def __gt__(self, other: Dim) -> Cond:
        return _compare("lt", other, self)

    def __ge__(self, other: Dim) -> Cond:
        return _compare("le", other, self)

    def __truediv__(self, other: object) -> NoReturn:
        raise DimensionError("dimensions are integers: use // (which rounds down) instead of /")

    __rtruediv__ = __truediv__

    def __index__(self) -> NoReturn:
        raise DimensionError(f"`{self!r}` is not a number yet: it depends on unknown dimensions")

    __int__ = __float__ = __index__

    def __iter__(self) -> NoReturn:
        raise DimensionError(f"`{self!r}` is a single dimension, not a sequence")


class Condition(Symbolic):
    """A truth value that depends on unknowns. Combine with :func:`all_of`, :func:`any_of`, :func:`negation`."""

    __slots__ = ()

    def __and__(self, other: Cond) -> Cond:
        return all_of(self, other)

    def __or__(self, other: Cond) -> Cond:
        return any_of(self, other)

    __rand__ = __and__
    __ror__ = __or__

    def __invert__(self) -> Cond:
        return negation(self)


Dim: TypeAlias = "int | Expr"
Cond: TypeAlias = "bool | Condition"


class Var(Expr):
    """A named unknown: a hole with a domain, or a tensor's dimension that a trace defines."""

    __slots__ = ("domain",)

    domain: Domain | None

    def __new__(cls, name: str, domain: Domain | None = None, interval: Interval = (None, None)) -> Self:
        if domain is not None:
            interval = (domain.lower, domain.upper)
        key = (cls, name, domain, interval)
        shared = _SHARED.get(key)
        found: Any = None if shared is None else shared()
        if found is None:
            found = cls._made("var", (name, domain), interval, key)  # one name with two domains is two unknowns
            found.domain = domain
        var: Self = found
        return var

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (*self.args, self.interval)

    @property
    def name(self) -> str:
        """The name under which readers look up a value."""
        name: str = self.args[0]
        return name


def hole(name: str, *values: int | Iterable[int], domain: Domain | None = None) -> Var:
    """Return an unknown integer, with the values it may take, most preferred first, one by one or in one list.

    >>> k = hole("k", 3, 5, 7)
    >>> (28 - k) // 2 + 1
    (28 - k)//2 + 1
    """
    must_fit("name", "str", name)
    must_fit("domain", "Domain | None", domain)
    listed = values[0] if len(values) == 1 and isinstance(values[0], Iterable) else values
    return Var(name, domain if domain is not None else Domain.of(*listed))


def bounds(x: Dim | Cond) -> Interval:
    """Return ``(lower, upper)`` between which ``x`` lies; None on a side means unbounded."""
    if isinstance(x, Symbolic):
        return x.interval
    return (int(x), int(x))


def _dims(op: str, args: Iterable[Any]) -> None:
    for a in args:
        if type(a) is not int and not isinstance(a, Expr) and (isinstance(a, bool) or not isinstance(a, int)):
            raise DimensionError(f"{op} works on integers and expressions, got {quoted(a)} ({type(a).__name__})")


def _conds(op: str, args: Iterable[Any]) -> None:
    for a in args:
        if not isinstance(a, (bool, Condition)):
            raise DimensionError(f"{op} works on conditions, got {quoted(a)} ({type(a).__name__})")


def add(a: Dim, b: Dim) -> Dim:
    """Return ``a + b``."""
    _dims("+", (a, b))
    if isinstance(a, int):
        if isinstance(b, int):
            return a + b
        if a == 0:
            return b
    elif isinstance(b, int):
        if b == 0:
            return a
        if b < 0:
            return _sub(a, -b)
    terms = a.args if isinstance(a, Expr) and a.op == "add" else (a,)  # a long sum stays flat
    return Expr("add", (*terms, b))


def total(terms: Iterable[Dim]) -> Dim:
    """Return the sum of many terms as one flat expression."""
    constant = 0
    rest: list[Dim] = []
    terms = list(terms)
    _dims("total", terms)
    for term in terms:
        if isinstance(term, int):
            constant += term
        else:
            rest.append(term)
    if constant:
        rest.append(constant)
    if not rest:
        return 0
    return rest[0] if len(rest) == 1 else Expr("add", tuple(rest))


def _sub(a: Dim, b: Dim) -> Dim:
    _dims("-", (a, b))
    if isinstance(b, int):
        if b == 0:
            return a
        if b < 0:
            return add(a, -b)
    if a == b:
        return 0
    return Expr("sub", (a, b))


def _mul(a: Dim, b: Dim) -> Dim:
    _dims("*", (a, b))
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    for one, other in ((a, b), (b, a)):
        if isinstance(one, int) and one in (0, 1):
            return 0 if one == 0 else other
    return Expr("mul", (a, b))


def product(factors: Iterable[Dim]) -> Dim:
    """Return the product of the factors; of none, 1."""
    result: Dim = 1
    for factor in factors:
        result = _mul(result, factor)
    return result


def _positive(op: str, divisor: Dim) -> None:
    low = bounds(divisor)[0]
    if low is None or low < 1:
        least = "has no lower bound" if low is None else f"can be {low}"
        raise DimensionError(f"the divisor of {op} must be positive, but `{divisor!r}` {least}")


def _floordiv(a: Dim, b: Dim) -> Dim:
    _dims("//", (a, b))
    _positive("//", b)
    if b == 1 or a == 0:
        return a
    return Expr("floordiv", (a, b))


def _mod(a: Dim, b: Dim) -> Dim:
    _dims("%", (a, b))
    _positive("%", b)
    if b == 1 or a == 0:
        return 0
    return Expr("mod", (a, b))


def _extreme(op: str, pick: Callable[..., int], args: tuple[Dim, ...]) -> Dim:
    _dims(op, args)
    if not args:
        raise DimensionError(f"{op} needs at least one dimension")
    distinct = tuple(dict.fromkeys(args))
    if all(isinstance(a, int) for a in distinct):
        return pick(distinct)
    return distinct[0] if len(distinct) == 1 else Expr(op, distinct)


def minimum(*args: Dim) -> Dim:
    """Return the least of the arguments.

    >>> minimum(3, 5), minimum(hole("k", 3, 5), 4)
    (3, min(k, 4))
    """
    return _extreme("min", min, args)


def maximum(*args: Dim) -> Dim:
    """Return the greatest of the arguments.

    >>> maximum(3, 5), maximum(hole("k", 3, 5), 4)
    (5, max(k, 4))
    """
    return _extreme("max", max, args)


def where(condition: Cond, a: Dim, b: Dim) -> Dim:
    """Return ``a`` where the condition holds, else ``b``.

    >>> where(hole("k", 3, 5) < 5, 1, 2)
    where(k < 5, 1, 2)
    """
    _conds("where", (condition,))
    _dims("where", (a, b))
    if isinstance(condition, bool):
        return a if condition else b
    return a if a == b else Expr("where", (condition, a, b))


def _compare(op: str, a: Dim, b: Dim) -> Cond:
    _dims({"lt": "<", "le": "<=", "eq": "eq"}[op], (a, b))
    if isinstance(a, int) and isinstance(b, int):
        return a < b if op == "lt" else a <= b if op == "le" else a == b
    if a == b:
        return op != "lt"
    return Condition(op, (a, b))


def eq(a: Dim, b: Dim) -> Cond:
    """Return the condition that two dimensions are equal (``==`` would compare the expressions).

    >>> k = hole("k", 3, 5)
    >>> eq(k, 3), k == 3
    (k == 3, False)
    """
    return _compare("eq", a, b)


def ne(a: Dim, b: Dim) -> Cond:
    """Return the condition that two dimensions differ."""
    return negation(eq(a, b))


def isin(a: Dim, values: Iterable[int]) -> Cond:
    """Return the condition that ``a`` is one of the values."""
    return any_of(*(eq(a, v) for v in values))


def _junction(op: str, absorbing: bool, conditions: tuple[Cond, ...]) -> Cond:
    _conds(op, conditions)
    rest: dict[Condition, None] = {}
    for c in conditions:
        if isinstance(c, bool):
            if c is absorbing:
                return absorbing
        else:
            rest.update(dict.fromkeys(c.args if c.op == op else (c,)))
    if not rest:
        return not absorbing
    if any(c.op == "not" and c.args[0] in rest for c in rest):
        return absorbing
    return next(iter(rest)) if len(rest) == 1 else Condition(op, tuple(rest))


def all_of(*conditions: Cond) -> Cond:
    """Return the condition that all of the conditions hold.

    >>> k = hole("k", 3, 5, 7)
    >>> all_of(3 < k, k < 7), all_of()
    (3 < k and k < 7, True)
    """
    return _junction("and", False, conditions)


def any_of(*conditions: Cond) -> Cond:
    """Return the condition that at least one of the conditions holds.

    >>> k = hole("k", 3, 5, 7)
    >>> any_of(eq(k, 3), k >= 7), any_of()
    (k == 3 or 7 <= k, False)
    """
    return _junction("or", True, conditions)


def negation(condition: Cond) -> Cond:
    """Return the condition that ``condition`` does not hold."""
    _conds("not", (condition,))
    if isinstance(condition, bool):
        return not condition
    if condition.op == "not":
        inner: Cond = condition.args[0]
        return inner
    if condition.op in ("lt", "le"):  # reads better than a negation
        a, b = condition.args
        return _compare("le" if condition.op == "lt" else "lt", b, a)
    return Condition("not", (condition,))


def _alike(a: Symbolic, b: Symbolic) -> bool:
    """Return whether two expressions are the same, whatever the bounds of their unknowns."""
    pairs, seen = [(a, b)], {(id(a), id(b))}
    while pairs:
        a, b = pairs.pop()
        if type(a) is not type(b) or a.op != b.op or len(a.args) != len(b.args):
            return False
        for pair in zip(a.args, b.args, strict=True):
            one, other = pair
            if one is other:
                continue
            if not isinstance(one, Symbolic) or not isinstance(other, Symbolic):
                if one != other:
                    return False
            elif (key := (id(one), id(other))) not in seen:
                seen.add(key)
                pairs.append(pair)
    return True


def nodes(*expressions: Any) -> list[Symbolic]:
    """Return the parts of expressions (unknowns, operations; not numbers), each once, arguments before their uses.

    >>> k = hole("k", 3, 5)
    >>> nodes((k + 1) * (k + 1))
    [k, k + 1, (k + 1)*(k + 1)]
    """
    found: dict[int, Symbolic] = {}
    for x in expressions:
        if not isinstance(x, Symbolic) or id(x) in found:
            continue
        stack = [(x, iter(x.args))]
        while stack:
            node, rest = stack[-1]
            for arg in rest:
                if isinstance(arg, Symbolic) and id(arg) not in found:
                    stack.append((arg, iter(arg.args)))
                    break
            else:
                found[id(node)] = node
                stack.pop()
    return list(found.values())


def fold(x: Any, table: dict[str, Callable[[list[Any]], Any]], leaf: Callable[[Any], Any]) -> Any:
    """Read an expression with a table: ``leaf`` reads numbers and unknowns, ``table[op]`` the rest.

    Every part is read once, however often it stands in the expression.
    """
    return fold_all((x,), table, leaf)[0]


def fold_all(
    expressions: Sequence[Any], table: dict[str, Callable[[list[Any]], Any]], leaf: Callable[[Any], Any]
) -> list[Any]:
    """Read several expressions with a table, every part once."""
    read: dict[int, Any] = {}
    for x in expressions:
        if isinstance(x, Symbolic) and x.depth > _DEEP:  # from below, so that nothing recurses
            for node in nodes(x):
                if node.op != "var":
                    _value(node, table, leaf, read)
    return [_value(x, table, leaf, read) if isinstance(x, Symbolic) and x.op != "var" else leaf(x) for x in expressions]


def _value(
    x: Symbolic, table: dict[str, Callable[[list[Any]], Any]], leaf: Callable[[Any], Any], read: dict[int, Any]
) -> Any:  # no function inside of fold_all: one that calls itself is a ring, which stays until Python looks for rings
    key = id(x)
    if key in read:
        return read[key]
    args = [_value(a, table, leaf, read) if isinstance(a, Symbolic) and a.op != "var" else leaf(a) for a in x.args]
    found = read[key] = table[x.op](args)
    return found


def variables(*expressions: Any) -> Iterator[Var]:
    """Return the unknowns of the expressions, each once, in order of appearance."""
    symbolic = [x for x in expressions if isinstance(x, Symbolic)]
    if len(symbolic) != 1:
        return iter(dict.fromkeys(node for node in nodes(*symbolic) if isinstance(node, Var)))
    x = symbolic[0]
    if isinstance(x, Var):
        return iter((x,))  # kept with itself, it would never be let go
    try:
        return iter(x._variables)
    except AttributeError:
        parts = x.args if x.depth == 2 else nodes(x)
        found = tuple(dict.fromkeys([node for node in parts if isinstance(node, Var)]))
        if len(found) <= _FEW:
            x._variables = found
        return iter(found)
