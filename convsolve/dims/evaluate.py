"""The integer reader and the numpy reader: what is the value of an expression?

Both give the same integers. The numpy reader works on whole columns of candidates; where the bounds of
an expression do not fit 64 bits it computes with Python integers inside object arrays, so it never overflows.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any

from ..errors import DimensionError
from .bounds import INTERVALS, Interval
from .expr import Symbolic, Var, bounds, fold, variables

if TYPE_CHECKING:
    import numpy as np

__all__ = ["ARRAYS", "INTEGERS", "evaluate", "evaluate_arrays", "evaluate_words", "fits_word"]


def _divided(a: list[int]) -> int:
    """Divide; behind a layer that fails a size may be 0, and what is divided by it means nothing: it counts as 1."""
    return a[0] // a[1] if a[1] > 0 else a[0]


INTEGERS: dict[str, Callable[[list[Any]], Any]] = {
    "add": sum,
    "sub": lambda a: a[0] - a[1],
    "mul": lambda a: a[0] * a[1],
    "floordiv": _divided,
    "mod": lambda a: a[0] % a[1] if a[1] > 0 else 0,
    "min": min,
    "max": max,
    "where": lambda a: a[1] if a[0] else a[2],
    "eq": lambda a: a[0] == a[1],
    "lt": lambda a: a[0] < a[1],
    "le": lambda a: a[0] <= a[1],
    "and": all,
    "or": any,
    "not": lambda a: not a[0],
}


def _lookup(values: Mapping[str, Any]) -> Callable[[Any], Any]:
    def leaf(x: Any) -> Any:
        if not isinstance(x, Var):
            return x
        try:
            return values[x.name]
        except KeyError:
            raise DimensionError(f"no value is given for `{x.name}`") from None

    return leaf


def evaluate(x: Any, values: Mapping[str, int]) -> Any:
    """Return the value of a dimension (an ``int``) or condition (a ``bool``) with these values for its unknowns.

    >>> from convsolve.dims import hole
    >>> evaluate((hole("n", 28) - 5) // 2 + 1, {"n": 28})
    12
    """
    return fold(x, INTEGERS, _lookup(values))


def _reduced(name: str) -> Callable[[list[Any]], Any]:
    def read(args: list[Any]) -> Any:
        import numpy as np

        return reduce(getattr(np, name), args)

    return read


def _where(args: list[Any]) -> Any:
    import numpy as np

    return np.where(np.asarray(args[0], dtype=bool), args[1], args[2])


def _not(args: list[Any]) -> Any:
    import numpy as np

    return np.logical_not(args[0])


def _divisor(b: Any) -> Any:
    import numpy as np

    return np.maximum(b, 1) if isinstance(b, np.ndarray) else max(b, 1)


ARRAYS: dict[str, Callable[[list[Any]], Any]] = {
    "add": lambda a: reduce(operator.add, a),
    "sub": lambda a: a[0] - a[1],
    "mul": lambda a: a[0] * a[1],
    "floordiv": lambda a: a[0] // _divisor(a[1]),
    "mod": lambda a: a[0] % _divisor(a[1]),
    "min": _reduced("minimum"),
    "max": _reduced("maximum"),
    "where": _where,
    "eq": lambda a: a[0] == a[1],
    "lt": lambda a: a[0] < a[1],
    "le": lambda a: a[0] <= a[1],
    "and": _reduced("logical_and"),
    "or": _reduced("logical_or"),
    "not": _not,
}

_WORD = 2**62


def _magnitude(x: Any, ranges: Mapping[str, Interval] | None = None) -> tuple[int, Interval]:
    """Return the greatest magnitude inside an expression (that of a word where it is open), and its bounds.

    Its unknowns are within ``ranges``, or within the bounds that they were made with.
    """

    def leaf(a: Any) -> tuple[int, Interval]:
        interval = bounds(a) if ranges is None or not isinstance(a, Var) else ranges[a.name]
        return _farthest(interval), interval

    found: tuple[int, Interval] = fold(x, _MAGNITUDES, leaf)
    return found


def _magnitude_of(op: str) -> Callable[[list[Any]], Any]:
    intervals, adds = INTERVALS[op], op == "add"

    def read(parts: list[Any]) -> tuple[int, Interval]:
        interval = intervals([i for _, i in parts])
        inside = [m for m, _ in parts]
        return max(_farthest(interval), sum(inside) if adds else 0, *inside), interval  # of sums, any part of them

    return read


_MAGNITUDES = {op: _magnitude_of(op) for op in INTERVALS}


def _farthest(interval: Interval) -> int:
    low, high = interval
    return _WORD if low is None or high is None else max(abs(low), abs(high))


def evaluate_arrays(x: Any, columns: Mapping[str, np.ndarray | int]) -> np.ndarray:
    """Return the value of an expression for many candidates at once; columns broadcast as in numpy.

    Raises:
        DimensionError: a column that the expression needs is missing.

    >>> import numpy as np
    >>> from convsolve.dims import hole
    >>> evaluate_arrays((hole("n", 28) - 5) // 2 + 1, {"n": np.array([5, 28, 64])})
    array([ 1, 12, 30])
    """
    import numpy as np

    ranges: dict[str, Interval] = {}
    used: dict[str, Any] = {}
    for unknown in variables(x):
        name = unknown.name
        if name not in columns:
            raise DimensionError(f"no value is given for `{name}`")
        column = np.asarray(columns[name])
        if column.size == 0:
            ranges[name] = (1, 1)  # nothing is computed; any value will do
        else:
            ranges[name] = (int(column.min()), int(column.max()))
        used[name] = column
    if not fits_word(x, ranges):
        used = {name: column.astype(object) for name, column in used.items()}
    return evaluate_words(x, used)


def evaluate_words(x: Any, columns: Mapping[str, Any]) -> np.ndarray:
    """Return the same as ``evaluate_arrays``, without looking for overflow: for expressions that fit a word."""
    import numpy as np

    return np.asarray(fold(x, ARRAYS, _lookup(columns)))


def fits_word(x: Any, ranges: Mapping[str, Interval]) -> bool:
    """Return whether nothing inside an expression can leave 64 bits, its unknowns being within these bounds."""
    if isinstance(x, Symbolic) and _fits_anyhow(x):
        for unknown in variables(x):
            (low, high), (least, most) = ranges[unknown.name], unknown.interval
            if not (
                (least is None or (low is not None and low >= least))
                and (most is None or (high is not None and high <= most))
            ):
                break
        else:
            return True
    return _magnitude(x, ranges)[0] < _WORD


def _fits_anyhow(x: Symbolic) -> bool:
    """Return whether an expression fits a word whatever its unknowns are, within their own bounds; found out once."""
    try:
        return x.fits
    except AttributeError:
        x.fits = _magnitude(x)[0] < _WORD
        return x.fits
