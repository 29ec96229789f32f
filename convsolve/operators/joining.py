"""Operators with several inputs: element-wise with broadcasting, concatenation, and the choice of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..dims import Dim, any_of, eq, total, where
from ..errors import NetworkError, RankError
from ..rules import CONCAT_SIZES_AGREE, SIZES_AGREE
from .base import Operator, Shape, Site, axis_or_channels, written_names
from .parameters import Conditions, Flag, Text, WholeNumber, parameter

__all__ = ["Add", "Average", "Choice", "Concat", "Div", "Elementwise", "Maximum", "Minimum", "Mul", "Pow", "Sub"]


@dataclass(frozen=True, kw_only=True)
class Add(Operator):
    """Element-wise sum of two or more tensors, broadcasting sizes of 1 as numpy does.

    With ``broadcast=False`` sizes must be equal. (A skip that has shrunk to 1x1 is broadcast silently by
    every framework.)

    >>> from convsolve.operators import Add, shape_of
    >>> shape_of(Add(), (64, 28, 28), (64, 1, 1))
    (64, 28, 28)
    """

    kind = "add"
    pointwise = True
    in_place = True
    arity = (2, None)
    written = True

    broadcast: bool = parameter(Flag(), default=True)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        result = inputs[0]
        for shape in inputs[1:]:
            result = self._join(site, result, shape)
        return result

    def any_order(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> bool:
        return len({len(shape) for shape in inputs}) == 1

    def _join(self, site: Site, a: Shape, b: Shape) -> Shape:
        if len(a) != len(b) and not self.broadcast:
            raise RankError(f"{self.kind} joins {len(a)} axes with {len(b)}")
        rank = max(len(a), len(b))
        names = written_names(site, rank)
        out: list[Dim] = []
        for axis, x, y in zip(names, _filled(a, rank), _filled(b, rank), strict=True):
            if x == y or y == 1:
                out.append(x)
            elif x == 1 and self.broadcast:
                out.append(y)
            else:
                same = eq(x, y)
                allowed = any_of(same, eq(x, 1), eq(y, 1)) if self.broadcast else same
                site.require(SIZES_AGREE, allowed, axis=axis, first=x, second=y)
                out.append(where(eq(x, 1), y, x) if self.broadcast else x)
        return tuple(out)


@dataclass(frozen=True, kw_only=True)
class Mul(Add):
    """Element-wise product; sizes as in addition.

    >>> from convsolve.operators import Mul, shape_of
    >>> shape_of(Mul(), (64, 28, 28), (64, 1, 1))
    (64, 28, 28)
    """

    kind = "mul"


@dataclass(frozen=True, kw_only=True)
class Sub(Add):
    """Element-wise difference; sizes as in addition.

    >>> from convsolve.operators import Sub, shape_of
    >>> shape_of(Sub(), (64, 28, 28), (28, 28))
    (64, 28, 28)
    """

    kind = "sub"


@dataclass(frozen=True, kw_only=True)
class Maximum(Add):
    """Element-wise maximum; sizes as in addition.

    >>> from convsolve.operators import Maximum, shape_of
    >>> shape_of(Maximum(), (64, 28, 28), (64, 28, 28), (1, 28, 1))
    (64, 28, 28)
    """

    kind = "maximum"


@dataclass(frozen=True, kw_only=True)
class Minimum(Add):
    """Element-wise minimum; sizes as in addition.

    >>> from convsolve.operators import Minimum, shape_of
    >>> shape_of(Minimum(), (64, 28, 28), (28, 1))
    (64, 28, 28)
    """

    kind = "minimum"


@dataclass(frozen=True, kw_only=True)
class Div(Add):
    """Element-wise quotient; sizes as in addition.

    >>> from convsolve.operators import Div, shape_of
    >>> shape_of(Div(), (64, 28, 28), (64, 1, 1))
    (64, 28, 28)
    """

    kind = "div"


@dataclass(frozen=True, kw_only=True)
class Pow(Add):
    """Element-wise power; sizes as in addition.

    >>> from convsolve.operators import Pow, shape_of
    >>> shape_of(Pow(), (64, 28, 28), (1, 28, 28))
    (64, 28, 28)
    """

    kind = "pow"


@dataclass(frozen=True, kw_only=True)
class Average(Add):
    """Element-wise average (Keras ``Average``, ONNX Mean); sizes as in addition.

    >>> from convsolve.operators import Average, shape_of
    >>> shape_of(Average(), (64, 28, 28), (64, 28, 28))
    (64, 28, 28)
    """

    kind = "average"


@dataclass(frozen=True, kw_only=True)
class Elementwise(Add):
    """Any function of several tensors that works element by element, such as a comparison; sizes as in addition.

    >>> from convsolve.operators import Elementwise, shape_of
    >>> shape_of(Elementwise(function="where"), (28, 28), (64, 28, 28), (64, 1, 1))
    (64, 28, 28)
    """

    kind = "elementwise"

    function: str = parameter(Text())


def _filled(shape: Shape, rank: int) -> Shape:
    return (*(1,) * (rank - len(shape)), *shape)


@dataclass(frozen=True, kw_only=True)
class Concat(Operator):
    """Concatenation along one axis, by default the channels; all other sizes must agree.

    >>> from convsolve.operators import Concat, shape_of
    >>> shape_of(Concat(), (64, 28, 28), (32, 28, 28))
    (96, 28, 28)
    """

    kind = "concat"
    pointwise = True
    arity = (1, None)
    written = True

    axis: int | None = parameter(WholeNumber(minimum=None, optional=True), default=None)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        rank = len(inputs[0])
        for shape in inputs[1:]:
            if len(shape) != rank:
                raise RankError(f"concat joins tensors of {rank} and of {len(shape)} axes")
        joined = axis_or_channels(site, self.axis, rank)
        out: list[Dim] = []
        for i, axis in enumerate(written_names(site, rank)):
            sizes = [shape[i] for shape in inputs]
            if i == joined:
                out.append(total(sizes))
                continue
            for other in sizes[1:]:
                if other != sizes[0]:
                    site.require(CONCAT_SIZES_AGREE, eq(sizes[0], other), axis=axis, first=sizes[0], second=other)
            out.append(sizes[0])
        return tuple(out)

    def any_order(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> bool:
        return True  # the number of its axis goes along


@dataclass(frozen=True, kw_only=True)
class Choice(Operator):
    """One of several inputs: the first whose condition holds, or else the last, which has no condition.

    This is how ``choose:``, ``optional:`` and ``repeat:`` stand in a network: every alternative is there,
    present under a condition, and a choice passes one of them on.

    >>> from convsolve.dims import eq, hole
    >>> from convsolve.operators import Choice, shape_of
    >>> shape_of(Choice(conditions=(eq(hole("pick", 1, 2), 1),)), (64, 14, 14), (64, 7, 14))
    (64, where(pick == 1, 14, 7), 14)
    """

    kind = "choice"
    pointwise = True
    arity = (1, None)

    conditions: Any = parameter(Conditions())

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        if len(self.conditions) != len(inputs) - 1:
            raise NetworkError(f"a choice of {len(inputs)} needs {len(inputs) - 1} conditions")
        rank = len(inputs[0])
        if any(len(shape) != rank for shape in inputs):
            ranks = ", ".join(str(len(shape)) for shape in inputs)
            raise RankError(f"the alternatives of a choice must have the same number of axes, got {ranks}")
        result = inputs[-1]
        for condition, shape in zip(reversed(self.conditions), reversed(inputs[:-1]), strict=True):
            result = tuple(where(condition, a, b) for a, b in zip(shape, result, strict=True))
        return result

    def chosen(self) -> int | None:
        """Return which input is chosen, or None while that is open."""
        for i, condition in enumerate(self.conditions):
            if condition is True:
                return i
            if condition is not False:
                return None
        return len(self.conditions)
