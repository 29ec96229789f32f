"""Operators that rearrange axes. All work on the axes as the network's data format writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..dims import Dim, all_of, bounds, eq, maximum, minimum, product, total, where
from ..errors import NetworkError, RankError
from ..rules import ELEMENTS_MATCH, IN_RANGE
from .base import Operator, Reach, Shape, Site, axis_or_channels, normal_axis, positive, written_names
from .parameters import Flag, Sizes, WholeNumber, parameter
from .windows import ceil_div

__all__ = [
    "Chunk",
    "Flatten",
    "Gather",
    "Permute",
    "Reduce",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "TopK",
    "Unflatten",
    "Unsqueeze",
    "positions_inside",
]


@dataclass(frozen=True, kw_only=True)
class Flatten(Operator):
    """Merging of neighbouring axes into one; by default of all (the batch axis is not counted).

    ``with_batch`` merges the batch axis, too, as PyTorch's ``flatten(x, 0)`` does: the features of all samples
    of a batch (as large as the network's ``batch_size``) become those of one.

    >>> from convsolve.operators import Flatten, shape_of
    >>> shape_of(Flatten(), (16, 5, 5))
    (400,)
    """

    kind = "flatten"
    in_place = True
    written = True

    start_axis: int = parameter(WholeNumber(minimum=None), edit="flatten", default=0)
    end_axis: int = parameter(WholeNumber(minimum=None), default=-1)
    with_batch: bool = parameter(Flag(), edit="flatten", default=False)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        shape = inputs[0]
        if self.with_batch and self.start_axis != 0:
            raise NetworkError("flatten: with the batch axis, start_axis must be 0")
        start = normal_axis(self.start_axis, len(shape), "start_axis")
        end = normal_axis(self.end_axis, len(shape), "end_axis")
        if start > end:
            raise NetworkError(f"flatten: start_axis {start} comes after end_axis {end}")
        merged = product(shape[start : end + 1]) * (site.batch_size if self.with_batch else 1)
        return (*shape[:start], merged, *shape[end + 1 :])

    def any_order(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> bool:
        return len(outputs[0]) == 1  # in which order, the weights behind it learn

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach] | None:
        if len(outputs[0]) == 1:
            return [Reach(whole=True)] * (len(inputs[0]) - 1)
        return None


@dataclass(frozen=True, kw_only=True)
class Reshape(Operator):
    """A new shape for the same elements; one entry may be -1 (the batch axis is not counted).

    >>> from convsolve.operators import Reshape, shape_of
    >>> shape_of(Reshape(shape=(128, 7, -1)), (6272,))
    (128, 7, 7)
    """

    kind = "reshape"
    in_place = True
    written = True

    shape: Any = parameter(Sizes(minimum=-1), edit="reshape")

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        return _reshaped(site, product(inputs[0]), self.shape)


def _reshaped(site: Site, elements: Dim, shape: Sequence[Dim]) -> Shape:
    """Return the shape with -1 filled in, and require that it has that many elements."""
    open_axes = [i for i, n in enumerate(shape) if n == -1]
    if len(open_axes) > 1:
        raise NetworkError("only one entry of a shape may be -1")
    if any(n == 0 for n in shape):
        raise NetworkError("an entry of a shape must not be 0")
    given = [n for i, n in enumerate(shape) if i not in open_axes]
    wished = product(given)
    positive = all_of(*(1 <= n for n in given))
    if not open_axes:
        fits = all_of(positive, eq(elements, wished))
        site.require(ELEMENTS_MATCH, fits, elements=elements, wished=wished)
        return tuple(n if isinstance(n, int) else maximum(n, 1) for n in shape)
    rest = product(n if isinstance(n, int) else maximum(n, 1) for n in given)
    site.require(ELEMENTS_MATCH, all_of(positive, eq(elements % rest, 0)), elements=elements, divisor=wished)
    sizes = [n if isinstance(n, int) else maximum(n, 1) for n in shape]
    sizes[open_axes[0]] = elements // rest
    return tuple(sizes)


@dataclass(frozen=True, kw_only=True)
class Unflatten(Operator):
    """Splitting of one axis into several; one size may be -1 (PyTorch ``Unflatten``).

    >>> from convsolve.operators import Unflatten, shape_of
    >>> shape_of(Unflatten(axis=0, sizes=(2, -1)), (6, 5))
    (2, 3, 5)
    """

    kind = "unflatten"
    in_place = True
    written = True

    axis: int = parameter(WholeNumber(minimum=None), default=0)
    sizes: Any = parameter(Sizes(minimum=-1), edit="reshape")

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        shape = inputs[0]
        axis = normal_axis(self.axis, len(shape))
        return (*shape[:axis], *_reshaped(site, shape[axis], self.sizes), *shape[axis + 1 :])


@dataclass(frozen=True, kw_only=True)
class Permute(Operator):
    """A new order of the axes (the batch axis is not counted).

    >>> from convsolve.operators import Permute, shape_of
    >>> shape_of(Permute(order=(1, 2, 0)), (3, 32, 48))
    (32, 48, 3)
    """

    kind = "permute"
    written = True

    order: Any = parameter(Sizes(minimum=0))

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        shape = inputs[0]
        if sorted(self.order) != list(range(len(shape))):
            raise RankError(f"permute order {list(self.order)} does not name each of {len(shape)} axes once")
        return tuple(shape[i] for i in self.order)


@dataclass(frozen=True, kw_only=True)
class Squeeze(Operator):
    """Removal of an axis of size 1.

    >>> from convsolve.operators import Squeeze, shape_of
    >>> shape_of(Squeeze(axis=-1), (8, 5, 1))
    (8, 5)
    """

    kind = "squeeze"
    in_place = True
    written = True

    axis: int = parameter(WholeNumber(minimum=None))

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        shape = inputs[0]
        axis = normal_axis(self.axis, len(shape))
        silent = "PyTorch leaves the axis as it is without a word" if site.framework == "torch" else ""
        site.require(ELEMENTS_MATCH, eq(shape[axis], 1), note=silent, size=shape[axis], wished=1)
        return (*shape[:axis], *shape[axis + 1 :])


@dataclass(frozen=True, kw_only=True)
class Unsqueeze(Operator):
    """Insertion of an axis of size 1 before the given one.

    >>> from convsolve.operators import Unsqueeze, shape_of
    >>> shape_of(Unsqueeze(axis=0), (8, 5))
    (1, 8, 5)
    """

    kind = "unsqueeze"
    in_place = True
    written = True

    axis: int = parameter(WholeNumber(minimum=None))

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        shape = inputs[0]
        axis = normal_axis(self.axis, len(shape) + 1)
        return (*shape[:axis], 1, *shape[axis:])


class _Part(Operator):
    """Parts of one axis: an element of a part sees just the element that it is."""

    written = True

    def any_order(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> bool:
        return True  # the number of the axis goes along

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach]:
        return [Reach()] * (len(inputs[0]) - 1)


@dataclass(frozen=True, kw_only=True)
class Slice(_Part):
    """Part of one axis, as in ``x[start:stop:step]``; the axis may be left open at the end with ``stop`` None.

    Negative positions count from the end, and positions outside are moved to the nearest end, as in Python; unless the
    part must lie ``inside`` of the axis, as that of ``narrow`` and of ``x[torch.arange(start, stop)]``.

    >>> from convsolve.operators import Slice, shape_of
    >>> shape_of(Slice(axis=1, start=1, stop=-1, step=2), (3, 10, 8))
    (3, 4, 8)
    """

    kind = "slice"

    axis: int = parameter(WholeNumber(minimum=None))
    start: Dim = parameter(WholeNumber(minimum=None), edit="slice", default=0)
    stop: Dim | None = parameter(WholeNumber(minimum=None, optional=True), edit="slice", default=None)
    step: Dim = parameter(WholeNumber(), edit="slice", default=1)
    inside: bool = parameter(Flag(), default=False)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        shape = inputs[0]
        axis = normal_axis(self.axis, len(shape))
        size = shape[axis]
        if self.inside:
            least, largest = self.start, size if self.stop is None else self.stop
            positions_inside(site, size, least, largest - 1, written_names(site, len(shape))[axis])
        start = _position(self.start, size)
        stop = size if self.stop is None else _position(self.stop, size)
        length = ceil_div(stop - start, self.step)
        silent = "PyTorch returns an empty tensor without a word" if site.framework == "torch" else ""
        name = written_names(site, len(shape))[axis]
        site.require(IN_RANGE, 1 <= length, axis=name, note=silent, size=size, start=start, stop=stop)
        return (*shape[:axis], length, *shape[axis + 1 :])

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach]:
        names = written_names(site, len(inputs[0]))
        sliced = names[normal_axis(self.axis, len(names))]
        return [Reach(stride=self.step if name == sliced else 1) for name in names if name != "channels"]


def positions_inside(site: Site, size: Dim, least: Dim, largest: Dim, axis: str) -> None:
    """Require that positions lie inside of an axis of this size, those that are negative being counted from its end."""
    holds = all_of(-size <= least, largest < size)
    if holds is not True:
        site.require(IN_RANGE, holds, axis=axis, size=size, first=least, last=largest)


def _position(position: Dim, size: Dim) -> Dim:
    """Return where a position of a slice lies: counted from the front, inside the axis."""
    low, high = bounds(position)
    if low is not None and low >= 0:
        return 0 if position == 0 else minimum(position, size)
    if high is not None and high < 0:
        return maximum(size + position, 0)
    return where(position < 0, maximum(size + position, 0), minimum(position, size))


@dataclass(frozen=True, kw_only=True)
class Gather(Operator):
    """Positions of one axis, in the order and shape of an index: ``(..., size, ...) -> (..., *shape, ...)``.

    They are given one by one (negative ones count from the end); or else the ``shape`` of the index (none for a single
    position, whose axis goes), and the ``least`` and the ``largest`` of them. (PyTorch ``x[:, [0, 7]]`` and
    ``index_select``, ONNX Gather, Keras ``take``.)

    >>> from convsolve.operators import Gather, shape_of
    >>> shape_of(Gather(axis=1, positions=(0, 7)), (3, 8, 6))
    (3, 2, 6)
    >>> shape_of(Gather(axis=0, shape=(4, 4), largest=6), (7, 2))
    (4, 4, 2)
    """

    kind = "gather"
    written = True

    axis: int = parameter(WholeNumber(minimum=None))
    positions: Any = parameter(Sizes(minimum=None, optional=True), default=None)
    shape: Any = parameter(Sizes(optional=True), default=None)
    least: Dim = parameter(WholeNumber(minimum=None), default=0)
    largest: Dim = parameter(WholeNumber(minimum=None), default=0)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        shape = inputs[0]
        axis = normal_axis(self.axis, len(shape))
        least, largest, taken = self.least, self.largest, self.shape or ()
        if self.positions is not None:
            least, largest, taken = minimum(*self.positions), maximum(*self.positions), (len(self.positions),)
        positions_inside(site, shape[axis], least, largest, written_names(site, len(shape))[axis])
        return (*shape[:axis], *taken, *shape[axis + 1 :])

    def index(self) -> Any:
        """Return the positions, where all is known: those given, or others of the same shape between the same ends.

        >>> Gather(axis=0, shape=(2, 2), least=1, largest=4).index(), Gather(axis=0, largest=3).index()
        ([[1, 2], [3, 4]], 3)
        """
        if self.positions is not None:
            return list(self.positions)
        if self.shape is None:
            return self.largest
        count = math.prod(self.shape)
        found: list[Any] = [self.least + (self.largest - self.least) * (i + 1) // count for i in range(count)]
        found[0] = self.least
        for size in reversed(self.shape[1:]):
            found = [found[i : i + size] for i in range(0, len(found), size)]
        return found


@dataclass(frozen=True, kw_only=True)
class Split(_Part):
    """Several parts of one axis, of the given sizes, which must add up to it.

    >>> from convsolve.operators import Split, shape_of
    >>> shape_of(Split(sizes=(1, 2)), (3, 8, 8))
    [(1, 8, 8), (2, 8, 8)]
    """

    kind = "split"

    sizes: Any = parameter(Sizes(), edit="reshape")
    axis: int | None = parameter(WholeNumber(minimum=None, optional=True), default=None)

    def infer(self, site: Site, *inputs: Shape) -> Sequence[Shape]:
        shape = inputs[0]
        axis = axis_or_channels(site, self.axis, len(shape))
        wished = total(self.sizes)
        site.require(
            ELEMENTS_MATCH,
            eq(shape[axis], wished),
            axis=written_names(site, len(shape))[axis],
            size=shape[axis],
            parts=wished,
        )
        return [(*shape[:axis], n, *shape[axis + 1 :]) for n in self.sizes]


@dataclass(frozen=True, kw_only=True)
class Chunk(_Part):
    """``chunks`` parts of one axis, all as large as the first but the last, which may be smaller.

    PyTorch ``chunk`` makes parts of ``ceil(size/chunks)``, and fewer than wished where that leaves nothing
    for the last; that is a failure here.

    >>> from convsolve.operators import Chunk, shape_of
    >>> shape_of(Chunk(chunks=2), (5, 8))
    [(3, 8), (2, 8)]
    """

    kind = "chunk"

    chunks: int = parameter(WholeNumber())
    axis: int | None = parameter(WholeNumber(minimum=None, optional=True), default=None)

    def infer(self, site: Site, *inputs: Shape) -> Sequence[Shape]:
        shape, chunks = inputs[0], self.chunks
        if not isinstance(chunks, int):
            raise NetworkError("the number of chunks must be known: it decides how many outputs there are")
        axis = axis_or_channels(site, self.axis, len(shape))
        part = ceil_div(shape[axis], chunks)
        last = shape[axis] - (chunks - 1) * part
        silent = "PyTorch returns fewer parts without a word" if site.framework == "torch" else ""
        positive(site, last, written_names(site, len(shape))[axis], note=silent, size=shape[axis], chunks=chunks)
        return [(*shape[:axis], n, *shape[axis + 1 :]) for n in [part] * (chunks - 1) + [last]]


@dataclass(frozen=True, kw_only=True)
class Reduce(Operator):
    """A mean, sum or maximum over some axes, which are dropped or, with ``keepdims``, kept at size 1.

    >>> from convsolve.operators import Reduce, shape_of
    >>> shape_of(Reduce(axes=(1, 2)), (64, 7, 7))
    (64,)
    """

    kind = "reduce"
    written = True

    axes: Any = parameter(Sizes(minimum=None))
    keepdims: bool = parameter(Flag(), default=False)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        shape = inputs[0]
        axes = {normal_axis(a, len(shape), "axes") for a in self.axes}
        if self.keepdims:
            return tuple(1 if i in axes else n for i, n in enumerate(shape))
        return tuple(n for i, n in enumerate(shape) if i not in axes)

    def any_order(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> bool:
        return self.keepdims or len(outputs[0]) < 2  # the numbers of the axes go along

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach] | None:
        names = written_names(site, len(inputs[0]))
        axes = {names[normal_axis(a, len(names), "axes")] for a in self.axes}
        canonical = [n for n in names if n != "channels"]
        if (len(outputs[0]) == 1 and axes == set(canonical)) or self.keepdims:
            return [Reach(whole=n in axes) for n in canonical]
        return None


@dataclass(frozen=True, kw_only=True)
class TopK(Operator):
    """The ``count`` largest (or smallest) elements along an axis, and their places (PyTorch ``topk``, ONNX TopK).

    >>> from convsolve.operators import TopK, shape_of
    >>> shape_of(TopK(count=5), (3, 100))
    [(3, 5), (3, 5)]
    """

    kind = "top_k"
    written = True

    count: Dim = parameter(WholeNumber(usual=(1, 5)))
    axis: int = parameter(WholeNumber(minimum=None), default=-1)

    def infer(self, site: Site, *inputs: Shape) -> Sequence[Shape]:
        shape = inputs[0]
        axis = normal_axis(self.axis, len(shape))
        name = written_names(site, len(shape))[axis]
        site.require(IN_RANGE, self.count <= shape[axis], axis=name, size=shape[axis], count=self.count)
        return [(*shape[:axis], self.count, *shape[axis + 1 :])] * 2
