"""Quasi-polynomials: functions of one unknown ``n >= 1`` in closed form.

Shape rules are made of sums, multiples and divisions that round down, so each size in a network is a
quasi-polynomial of the input size: from some point on, ``f(n)`` is one polynomial for each residue of ``n``
modulo a period (of degree 1 almost always; products of sizes have higher ones). Such functions are closed
under all operations of the language, but for a division by something that grows more slowly than what it
divides. (E. Ehrhart 1962; for parametric loop counts P. Clauss 1996.)

A function is kept as a table over ``m = (n + offset)//divisor`` rather than over ``n``: a chain of strides
then stays a table with one entry, whatever the product of the strides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any

from ..errors import DimensionError
from .bounds import Interval

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "NoClosedForm",
    "Quasi",
    "aligned",
    "common_base",
    "fits",
    "largest",
    "normal",
    "primes",
    "shifted",
    "tail_values",
    "unknown_size",
    "wide",
]

_LONGEST = 1 << 22
"""No table may have more entries: a period or a threshold beyond that is given up."""

_WORD = 2**62


class NoClosedForm(DimensionError):
    """A function is no quasi-polynomial that can be written down."""


@dataclass(frozen=True, eq=False)
class Quasi:
    """A function of ``n >= 1``, by way of ``m = (n + offset)//divisor``.

    ``head`` has its values for the first ``m``; from ``threshold`` on it is, at ``m = threshold + r + period*t``,
    the polynomial in ``t`` whose coefficients are ``tail[:, r]``, lowest degree first. Conditions are 0 and 1.

    >>> n = unknown_size()
    >>> [n.at(i) for i in (1, 2, 100)], n.period, n.degree, n.bounds
    ([1, 2, 100], 1, 1, (1, None))
    """

    offset: int
    divisor: int
    head: np.ndarray
    tail: np.ndarray

    @property
    def first(self) -> int:
        """The first ``m``: that of ``n = 1``."""
        return (1 + self.offset) // self.divisor

    @property
    def threshold(self) -> int:
        """The ``m`` from which on the tail holds."""
        return self.first + len(self.head)

    @property
    def period(self) -> int:
        """The period in ``m``; in ``n`` it is ``divisor`` times that."""
        return int(self.tail.shape[1])

    @property
    def degree(self) -> int:
        """The degree of the polynomials."""
        return len(self.tail) - 1

    @cached_property
    def _key(self) -> tuple[Any, ...]:
        return (self.offset, self.divisor, tuple(self.head.tolist()), tuple(map(tuple, self.tail.tolist())))

    @cached_property
    def _hash(self) -> int:
        return hash(self._key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Quasi) and self._hash == other._hash and self._key == other._key

    def at(self, n: int) -> int:
        """Return the value for one ``n``."""
        m = (n + self.offset) // self.divisor - self.first
        if m < len(self.head):
            return int(self.head[m])
        t, r = divmod(m - len(self.head), self.period)
        return int(sum(int(c) * t**k for k, c in enumerate(self.tail[:, r])))

    def values(self, sizes: np.ndarray) -> np.ndarray:
        """Return the values for many sizes, which must be at least 1."""
        import numpy as np

        m = (sizes + self.offset) // self.divisor - self.first
        table = self.head
        if len(m) and m.max() >= len(table):
            table = np.concatenate([table, tail_values(self.tail, 0, int(m.max()) + 1 - len(table))])
        return np.asarray(table[m])

    @cached_property
    def bounds(self) -> Interval:
        """Between which two values the function lies; None where it grows, or is not known to stop growing."""
        return self.bounds_from(1)

    def bounds_from(self, n: int) -> Interval:
        """Return between which two values the function lies from ``n`` on."""
        at = (n + self.offset) // self.divisor - self.first
        head = self.head[at:]
        tail = shifted(self.tail, max(0, at - len(self.head)), self.period)
        low = None if (tail[1:] < 0).any() else int(head.min(initial=tail[0].min()))
        high = None if (tail[1:] > 0).any() else int(head.max(initial=tail[0].max()))
        return low, high

    @cached_property
    def content(self) -> int:
        """The greatest number that divides every value."""
        return math.gcd(*map(int, self.head.tolist()), *(c for row in self.tail.tolist() for c in row))

    def from_m(self, m: int) -> int:
        """Return the first ``n >= 1`` that has this ``m``."""
        return max(1, m * self.divisor - self.offset)


def unknown_size() -> Quasi:
    """Return the function ``n`` itself."""
    import numpy as np

    return Quasi(0, 1, np.empty(0, dtype=np.int64), np.array([[1], [1]], dtype=np.int64))


def wide(bound: int, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the arrays with Python integers inside where a result could leave a word."""
    return arrays if bound < _WORD else tuple(a.astype(object) for a in arrays)


def largest(*arrays: np.ndarray) -> int:
    import numpy as np

    return max((int(np.abs(a).max()) for a in arrays if a.size), default=0)


def fits(entries: int) -> None:
    if entries > _LONGEST:
        raise NoClosedForm(f"a period or a threshold of more than {_LONGEST} would have to be written down")


def shifted(tail: np.ndarray, delta: int, period: int) -> np.ndarray:
    """Return the tail from ``delta`` places further on, for a multiple of its period."""
    import numpy as np

    own = tail.shape[1]
    if delta == 0 and period == own:
        return tail
    fits(period * len(tail))
    t, r = np.divmod(delta + np.arange(period), own)
    scale = period // own
    degree = len(tail) - 1
    if degree == 0:
        return tail[:, r]
    far = (int(abs(t).max()) + scale) ** degree
    tail, t = wide(largest(tail) * far * 2**degree, tail, t)
    coefficients = tail[:, r]
    return np.array(
        [
            sum(coefficients[k] * math.comb(k, j) * t ** (k - j) for k in range(j, degree + 1)) * scale**j
            for j in range(degree + 1)
        ]
    )


def tail_values(tail: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Return the values of a tail at some places, counted from its threshold (before it, extrapolated)."""
    import numpy as np

    t, r = np.divmod(np.arange(start, stop), tail.shape[1])
    far = max(abs(start), abs(stop)) ** (len(tail) - 1)
    tail, t = wide(largest(tail) * far * len(tail), tail, t)
    result = tail[-1, r]
    for row in tail[-2::-1]:
        result = result * t + row[r]
    return np.asarray(result)


def rebased(f: Quasi, offset: int, divisor: int) -> Quasi:
    """Return the same function over a finer ``m``."""
    import numpy as np

    if (f.offset, f.divisor) == (offset, divisor):
        return f
    q, c = f.divisor // divisor, (f.offset - offset) // divisor
    first = (1 + offset) // divisor
    threshold = f.threshold * q - c
    fits(f.period * q * len(f.tail) + max(0, threshold - first))
    tail = np.repeat(f.tail, q, axis=1)
    if threshold < first:
        return Quasi(offset, divisor, f.head[:0], shifted(tail, first - threshold, tail.shape[1]))
    head = np.repeat(f.head, q)
    return Quasi(offset, divisor, head[len(head) - (threshold - first) :], tail)


def common_base(functions: Sequence[Quasi]) -> tuple[int, int]:
    """Return the coarsest ``(offset, divisor)`` of which every function's ``m`` is a function."""

    def both(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        if a == b:
            return a
        divisor = math.gcd(a[1], b[1], a[0] - b[0])
        return (a[0] % divisor, divisor)

    return reduce(both, ((f.offset, f.divisor) for f in functions))


def aligned(functions: Sequence[Quasi]) -> tuple[tuple[int, int], list[np.ndarray], list[np.ndarray]]:
    """Return a common base, and heads and tails over it that are equally long."""
    import numpy as np

    base = common_base(functions)
    fine = [rebased(f, *base) for f in functions]
    longest = max(len(f.head) for f in fine)
    period = math.lcm(*(f.period for f in fine))
    degree = max(f.degree for f in fine)
    fits(longest + period * (degree + 1))
    heads, tails = [], []
    for f in fine:
        more = longest - len(f.head)
        heads.append(np.concatenate([f.head, tail_values(f.tail, 0, more)]) if more else f.head)
        tail = shifted(f.tail, more, period)
        missing = degree - f.degree
        tails.append(np.concatenate([tail, np.zeros((missing, period), dtype=tail.dtype)]) if missing else tail)
    return base, heads, tails


def normal(base: tuple[int, int], head: np.ndarray, tail: np.ndarray) -> Any:
    """Return the function in its shortest form: least degree, least period, least threshold; a constant as itself."""
    while len(tail) > 1 and not tail[-1].any():
        tail = tail[:-1]
    tail = _least_period(tail)
    if len(head):
        same = head == tail_values(tail, -len(head), 0)
        keep = 0 if same.all() else len(head) - int(same[::-1].argmin())
        tail, head = shifted(tail, keep - len(head), tail.shape[1]), head[:keep]
    if tail.shape == (1, 1) and not len(head):
        return int(tail[0, 0])
    return Quasi(*base, head, tail)


def _least_period(tail: np.ndarray) -> np.ndarray:
    period = tail.shape[1]
    for p in primes(period):
        while period % p == 0:
            shorter = _with_period(tail, p)
            if shorter is None:
                break
            tail, period = shorter, period // p
    return tail


def _with_period(tail: np.ndarray, p: int) -> np.ndarray | None:
    """Return the tail with a period that is ``p`` times shorter, if it has one."""
    import numpy as np

    short = tail.shape[1] // p
    if len(tail) > 2:
        return None
    if len(tail) == 1:
        blocks = tail.reshape(p, short)
        return tail[:, :short] if (blocks == blocks[0]).all() else None
    values, slopes = tail[0].reshape(p, short), tail[1].reshape(p, short)
    if (slopes != slopes[0]).any() or (slopes[0] % p).any():
        return None
    step = slopes[0] // p
    if (values != values[0] + np.arange(p)[:, None] * step).any():
        return None
    return np.array([values[0], step])


def primes(n: int) -> list[int]:
    """Return the prime factors of a number, each once, in ascending order."""
    found, p = [], 2
    while p * p <= n:
        if n % p == 0:
            found.append(p)
            while n % p == 0:
                n //= p
        p += 1
    return [*found, n] if n > 1 else found
