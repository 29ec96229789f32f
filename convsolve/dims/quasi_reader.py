"""The quasi-polynomial reader: an expression over one unknown ``n``, in closed form for every ``n >= 1``.

A value is a :class:`~convsolve.dims.quasi.Quasi`, or a number or truth value where it is constant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from .expr import Symbolic, Var, fold
from .quasi import NoClosedForm, Quasi, aligned, common_base, fits, largest, normal, shifted, tail_values, wide

if TYPE_CHECKING:
    import numpy as np

__all__ = ["QUASI", "QuasiReader"]


def _constant(value: int, base: tuple[int, int]) -> Quasi:
    import numpy as np

    return Quasi(*base, np.empty(0, dtype=np.int64), np.array([[value]]))  # an object array beyond a word


def _combine(args: Sequence[Any], operate: Callable[..., np.ndarray], *, sums: bool = False) -> Any:
    """Combine values place by place, and coefficients likewise: for sums, and for functions that do not grow."""
    grown = [a for a in args if isinstance(a, Quasi)]
    base = common_base(grown)
    functions = [a if isinstance(a, Quasi) else _constant(int(a), base) for a in args]
    base, heads, tails = aligned(functions)
    bound = largest(*heads, *tails) * (len(args) + 1) if sums else 0
    return normal(base, operate(*wide(bound, *heads)), operate(*wide(bound, *tails)))


def _add(args: list[Any]) -> Any:
    constant = sum(a for a in args if not isinstance(a, Quasi))
    functions = [a for a in args if isinstance(a, Quasi)]
    if not functions:
        return constant
    total = functions[0] if len(functions) == 1 else _combine(functions, lambda *a: sum(a[1:], a[0]), sums=True)
    return _plus(total, constant)


def _plus(f: Any, constant: int) -> Any:
    if not isinstance(f, Quasi):
        return f + constant
    if constant == 0:
        return f
    bound = largest(f.head, f.tail) + abs(constant)
    head, tail = wide(bound, f.head, f.tail)
    tail = tail.copy()
    tail[0] += constant
    return Quasi(f.offset, f.divisor, head + constant, tail)


def _sub(args: list[Any]) -> Any:
    a, b = args
    if a == b:
        return 0
    return _add([a, _scaled(b, -1)])


def _scaled(f: Any, factor: int) -> Any:
    if not isinstance(f, Quasi) or factor == 0:
        return f * factor if not isinstance(f, Quasi) else 0
    head, tail = wide(largest(f.head, f.tail) * abs(factor), f.head, f.tail)
    return Quasi(f.offset, f.divisor, head * factor, tail * factor)


def _mul(args: list[Any]) -> Any:
    import numpy as np

    a, b = args
    if not isinstance(b, Quasi):
        return _scaled(a, b)
    if not isinstance(a, Quasi):
        return _scaled(b, a)
    base, heads, tails = aligned((a, b))
    bound = largest(heads[0], tails[0]) * largest(heads[1], tails[1]) * len(tails[0])
    heads, (one, two) = list(wide(bound, *heads)), wide(bound, *tails)
    degree = len(one) - 1
    tail = np.zeros((2 * degree + 1, one.shape[1]), dtype=one.dtype)
    for i, j in np.ndindex(degree + 1, degree + 1):
        tail[i + j] += one[i] * two[j]
    return normal(base, heads[0] * heads[1], tail)


def _floordiv(args: list[Any]) -> Any:
    import numpy as np

    a, b = args
    if isinstance(b, Quasi):
        return _divided(a if isinstance(a, Quasi) else _constant(a, (b.offset, b.divisor)), b)
    if not isinstance(a, Quasi):
        return a // max(b, 1)
    b = max(b, 1)
    if a.degree == 1 and a.tail.shape[1] == 1 and not len(a.head):
        value, slope = int(a.tail[0, 0]), int(a.tail[1, 0])
        if slope > 0 and b % slope == 0:  # (slope*m + e)//b is (m + e//slope)//(b//slope): a coarser m
            shift, q = (value - slope * a.first) // slope, b // slope
            coarse = Quasi(a.offset + a.divisor * shift, a.divisor * q, a.head, a.tail)
            return Quasi(coarse.offset, coarse.divisor, a.head, np.array([[coarse.first], [1]], dtype=np.int64))
    scale = b if a.degree > 1 else math.lcm(*(b // math.gcd(b, c) for c in set(a.tail[1:].ravel().tolist())), 1)
    tail = shifted(a.tail, 0, a.period * scale)
    return normal((a.offset, a.divisor), a.head // b, tail // b)


def _divided(a: Quasi, b: Quasi) -> Any:
    """Divide by a function that grows at least as fast as what it divides, or that does not grow."""
    import numpy as np

    base, (x, y), (p, q) = aligned((a, b))
    if not q[1:].any():
        y, q = np.maximum(y, 1), np.maximum(q[:1], 1)
        scale = math.lcm(*set(q[0].tolist()))
        period = p.shape[1] * scale
        fits(period * len(p))
        return normal(base, x // y, shifted(p, 0, period) // shifted(q, 0, period))
    degree = len(q) - 1
    if not q[degree].all():
        raise NoClosedForm("a division by a size that grows more slowly than what it divides")
    whole = p[degree] // q[degree]
    rest = p - whole * q
    enough = _settled(np.concatenate([rest, q - rest, q + rest], axis=1))
    more = enough * p.shape[1]
    fits(more + len(x))
    x, y = (np.concatenate([h, tail_values(t, 0, more)]) for h, t in ((x, p), (y, q)))
    result = whole - (tail_values(rest, more, more + p.shape[1]) < 0)
    return normal(base, x // np.maximum(y, 1), result[None, :])


def _settled(polynomials: np.ndarray) -> int:
    """Return a ``t`` from which on no polynomial changes its sign (Cauchy's bound on the roots)."""
    enough = 0
    for column in polynomials.T.tolist():
        while len(column) > 1 and column[-1] == 0:
            column.pop()
        if len(column) == 2:
            enough = max(enough, -column[0] // column[1] + 1)
        elif len(column) > 2:
            enough = max(enough, 2 + max(abs(c) // abs(column[-1]) + 1 for c in column[:-1]))
    return enough


def _mod(args: list[Any]) -> Any:
    a, b = args
    return _sub([a, _mul([_floordiv([a, b]), QUASI["max"]([b, 1])])])


def _compare(holds: Callable[[Any], Any]) -> Callable[[list[Any]], Any]:
    """Return a comparison, as ``holds`` judges the difference."""

    def read(args: list[Any]) -> Any:
        import numpy as np

        f = _sub(args)
        if not isinstance(f, Quasi):
            return bool(holds(f))
        more = _settled(f.tail) * f.period if f.degree else 0
        fits(len(f.head) + more)
        head = np.concatenate([f.head, tail_values(f.tail, 0, more)])
        tail = tail_values(f.tail, more, more + f.period)
        parts = [np.asarray(holds(v), dtype=np.int64) for v in (head, tail[None])]
        return _truth(normal((f.offset, f.divisor), *parts))

    return read


def _truth(f: Any) -> Any:
    return f if isinstance(f, Quasi) else bool(f)


def _junction(absorbing: bool) -> Callable[[list[Any]], Any]:
    def read(args: list[Any]) -> Any:
        import numpy as np

        open_ones = list(dict.fromkeys(a for a in args if isinstance(a, Quasi)))
        if any(not isinstance(a, Quasi) and bool(a) is absorbing for a in args):
            return absorbing
        if len(open_ones) < 2:
            return open_ones[0] if open_ones else not absorbing
        pick = np.maximum if absorbing else np.minimum
        return _truth(_combine(open_ones, lambda *a: reduce(pick, a)))

    return read


def _not(args: list[Any]) -> Any:
    f = args[0]
    return Quasi(f.offset, f.divisor, 1 - f.head, 1 - f.tail) if isinstance(f, Quasi) else not f


def _where(args: list[Any]) -> Any:
    import numpy as np

    condition, a, b = args
    if not isinstance(condition, Quasi):
        return a if condition else b
    if a == b:
        return a
    functions = [f if isinstance(f, Quasi) else _constant(int(f), (condition.offset, condition.divisor))
                 for f in args]  # fmt: skip
    base, heads, tails = aligned(functions)
    return normal(base, np.where(heads[0] != 0, heads[1], heads[2]), np.where(tails[0][0] != 0, tails[1], tails[2]))


_le = _compare(lambda d: d <= 0)


def _extreme(smaller: bool) -> Callable[[list[Any]], Any]:
    def read(args: list[Any]) -> Any:
        return reduce(lambda a, b: _where([_le([a, b] if smaller else [b, a]), a, b]), args)

    return read


QUASI: dict[str, Callable[[list[Any]], Any]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "floordiv": _floordiv,
    "mod": _mod,
    "min": _extreme(smaller=True),
    "max": _extreme(smaller=False),
    "where": _where,
    "eq": _compare(lambda d: d == 0),
    "lt": _compare(lambda d: d < 0),
    "le": _le,
    "and": _junction(absorbing=False),
    "or": _junction(absorbing=True),
    "not": _not,
}


class QuasiReader:
    """Reads expressions over one unknown; what was computed once is not computed again.

    The layers of a network repeat each other, and so do its axes: a deep network has few distinct sizes.

    >>> from convsolve.dims import Domain, hole
    >>> from convsolve.dims.quasi import unknown_size
    >>> n = hole("n", domain=Domain.range(1, None))
    >>> f = QuasiReader().of((n - 3) // 2 * 2, {"n": unknown_size()})
    >>> [f.at(n) for n in range(1, 8)]
    [-2, -2, 0, 0, 2, 2, 4]
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Any] = {}
        self._same: dict[Quasi, Quasi] = {}
        self._table = {op: self._remembering(op, function) for op, function in QUASI.items()}

    def _remembering(self, op: str, function: Callable[[list[Any]], Any]) -> Callable[[list[Any]], Any]:
        def read(args: list[Any]) -> Any:
            args = [self._interned(a) for a in args]
            key = (op, *(id(a) if isinstance(a, Quasi) else (a,) for a in args))  # what is interned lives on
            if key not in self._known:
                self._known[key] = self._interned(function(args))
            return self._known[key]

        return read

    def _interned(self, value: Any) -> Any:
        return self._same.setdefault(value, value) if isinstance(value, Quasi) else value

    def read(self, op: str, args: Iterable[Any]) -> Any:
        """Return one operation on numbers and functions."""
        return self._table[op](list(args))

    def of(self, x: Any, values: Mapping[str, Any]) -> Any:
        """Return an expression as a function (or a number, where it is constant), its unknowns being these.

        Raises:
            NoClosedForm: it is no quasi-polynomial, or one too long to be written down.
        """
        if not isinstance(x, Symbolic):
            return x
        return fold(x, self._table, lambda leaf: values[leaf.name] if isinstance(leaf, Var) else leaf)
