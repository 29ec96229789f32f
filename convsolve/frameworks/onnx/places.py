"""Reading ONNX's operators that pick entries by their places, or write to them.

Where places are constants of few numbers, they must lie inside; what the network computes is taken to.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ...dims import Dim, Expr, eq, product
from ...errors import RefusedError
from ...operators import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    Elementwise,
    Embedding,
    Expand,
    Flatten,
    Gather,
    Reduce,
    Slice,
    Squeeze,
    Tile,
    Unflatten,
    Unsqueeze,
)
from .call import NodeCall, reads
from .values import Known, NotReadError, Tensor, Value

__all__ = ()


def _full(call: NodeCall, value: Tensor | Known) -> list[Dim]:
    """Return a shape as ONNX sees it."""
    return value.full(call.batch) if isinstance(value, Tensor) else list(value.shape)


def _sample(call: NodeCall, value: Tensor | Known, batch: int) -> list[Dim]:
    """Return what of a shape belongs to one sample, the batch being on this axis."""
    if isinstance(value, Tensor):
        if value.merged or value.batch != batch:
            raise NotReadError("the batch is on different axes")
        return list(value.shape)
    shape: list[Dim] = list(value.shape)
    if batch >= len(shape) or shape.pop(batch) != call.batch:
        raise NotReadError("a constant has a size of its own on the batch axis")
    return shape


def _tensor(call: NodeCall, value: Tensor | Known, batch: int) -> Tensor:
    """Return a tensor of the network, or a constant that has something for each sample, as such."""
    if isinstance(value, Tensor):
        return value
    shape = _sample(call, value, batch)
    return Tensor(call.constant(value, shape), tuple(shape), batch)


def _batch(values: Sequence[Tensor | Known]) -> int:
    """Return the axis that the first tensor of the network has its batch on."""
    return next(v.batch for v in values if isinstance(v, Tensor))


def _ends(places: Known, coordinate: int | None = None) -> tuple[int, int]:
    """Return the least and the largest of places that are known, or of one of their coordinates; else 0."""
    if places.items is None:
        return 0, 0
    items = (places.items if coordinate is None else places.items[..., coordinate]).ravel()
    whole = bool(len(items)) and all(type(n) is int for n in items)
    return (min(items), max(items)) if whole else (0, 0)


def _inside(places: Tensor | Known, size: Dim, coordinate: int | None = None) -> tuple[int, int]:
    """Return the ends of places on an axis of this size, or raise RefusedError."""
    least, largest = _ends(places, coordinate) if isinstance(places, Known) else (0, 0)
    if isinstance(size, int) and not -size <= least <= largest < size:
        raise RefusedError(f"its places from {least} to {largest} lie outside of an axis of {size}")
    return least, largest


def _alike(first: Sequence[Dim], second: Sequence[Dim], what: str) -> None:
    """Refuse shapes of which numbers that are known differ."""
    differ = any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(first, second, strict=False))
    if len(first) != len(second) or differ:
        raise RefusedError(f"its {what} have the shape {[*map(str, second)]}: wanted {[*map(str, first)]}")


def _one(call: NodeCall, x: Tensor) -> Tensor:
    """Return a single entry that depends on all of a tensor."""
    flat = x if len(x.shape) == 1 else call.layer(Flatten() if x.shape else Unsqueeze(axis=0), x, last=False)
    return call.layer(Reduce(axes=(0,), keepdims=True), flat, last=False)


def _mixed(call: NodeCall, function: str, x: Tensor, *others: Tensor) -> Tensor:
    """Return a tensor whose entries depend on all of some others."""
    ones = [_one(call, other) for other in others]
    if x.shape:
        return call.layer(Elementwise(function=function), x, *ones)
    mixed = call.layer(Elementwise(function=function), _one(call, x), *ones, last=False)
    return call.layer(Squeeze(axis=0), mixed)


# -- along one axis


def _along(call: NodeCall, x: Tensor, index: Tensor | Known, axis: int, *, last: bool = False) -> Tensor:
    """Return as many entries along one axis as an index has; along the others it must not have more than there are."""
    shape, own = _sample(call, index, x.batch), x.own_axis(axis)
    made = x
    for i, (size, wished) in enumerate(zip(x.shape, shape, strict=True)):
        if i != own and size != wished:
            made = call.layer(Slice(axis=i, stop=wished, inside=True), made, last=False)
    least, largest = _inside(index, x.shape[own])
    picked = Gather(axis=own, shape=(shape[own],), least=least, largest=largest)
    return call.layer(picked, made, last=last)


def _refuse_along(call: NodeCall, x: Tensor | Known, index: Tensor | Known, axis: int) -> None:
    """Refuse an index that no runtime takes, on the axis of the batch, too."""
    data, places = _full(call, x), _full(call, index)
    if len(data) != len(places) or not -len(data) <= axis < len(data):
        raise RefusedError(f"its places have {len(places)} axes for {len(data)}, its axis is {axis}")
    for i, (size, wished) in enumerate(zip(data, places, strict=True)):
        known = isinstance(size, int) and isinstance(wished, int)
        if i != axis % len(data) and known and wished > size:
            raise RefusedError(f"its places are {wished} on axis {i}, which has {size}")
    _inside(index, data[axis])


@reads("GatherElements")
def _gather_elements(call: NodeCall) -> Value:
    x, index, axis = call.value(0), call.value(1), call.option("axis", 0)
    _refuse_along(call, x, index, axis)
    data = _tensor(call, x, _batch((x, index)))
    if isinstance(index, Known):
        return _along(call, data, index, axis, last=True)
    return call.layer(Elementwise(function="gather", broadcast=False), _along(call, data, index, axis), index)


@reads("ScatterElements", "Scatter")
def _scatter_elements(call: NodeCall) -> Value:
    x, index, updates = (call.value(i) for i in range(3))
    axis = call.option("axis", 0)
    _refuse_along(call, x, index, axis)
    _alike(_full(call, index), _full(call, updates), "updates")
    batch = _batch((x, index, updates))
    data, written = _tensor(call, x, batch), _tensor(call, updates, batch)
    part = _along(call, data, index, axis)
    others = [index] if isinstance(index, Tensor) else []
    both = call.layer(Elementwise(function="scatter", broadcast=False), part, written, *others, last=False)
    return _mixed(call, "scatter", data, both)


# -- along several


def _picked(
    call: NodeCall,
    x: Tensor,
    index: Tensor | Known,
    first: int,
    coordinates: Sequence[int],
    shape: Any,
    *,
    last: bool = False,
) -> Tensor:
    """Return the entries of neighbouring axes that an index names together, in the shape that it has."""
    if not coordinates:
        raise NotReadError("its places name nothing but samples, in the batch")
    made = x
    for i, coordinate in enumerate(coordinates):
        least, largest = _inside(index, x.shape[first + i], coordinate)
        if len(coordinates) == 1:
            picked = Gather(axis=first, shape=tuple(shape) or None, least=least, largest=largest)
            return call.layer(picked, made, last=last)
        made = call.layer(Gather(axis=first + i, shape=(1,), least=least, largest=largest), made, last=False)
    flat = call.layer(Flatten(start_axis=first, end_axis=first + len(coordinates) - 1), made, last=False)
    return call.layer(Gather(axis=first, shape=tuple(shape) or None), flat, last=last)


def _coordinates(call: NodeCall, index: Tensor | Known, most: int) -> int:
    """Return how many axes an index names: its last axis has a number for each."""
    shape = _full(call, index)
    if not shape:
        raise RefusedError("its places have no axes")
    count = shape[-1]
    if not isinstance(count, int):
        raise NotReadError("how many axes it picks from is not known, or is the batch")
    if count > most:
        raise RefusedError(f"its places name {count} axes of {most}")
    if not count:
        raise NotReadError("its places name no axis")
    return count


@reads("GatherND")
def _gather_nd(call: NodeCall) -> Value:
    x, index, shared = call.value(0), call.value(1), call.option("batch_dims", 0)
    data, places = _full(call, x), _full(call, index)
    if shared >= len(data):
        raise RefusedError(f"its batch_dims is {shared}, for {len(data)} axes")
    if shared >= len(places):
        raise NotReadError("its batch_dims are all axes of its places")
    count = _coordinates(call, index, len(data) - shared)
    for coordinate in range(count):
        _inside(index, data[shared + coordinate], coordinate)
    rows, samples = product(places[:-1]), product(data[:shared])
    if isinstance(rows, int) and isinstance(samples, int) and rows % samples:
        raise RefusedError(f"its {rows} places cannot be shared out to {samples} rows")
    if isinstance(x, Known):
        return _table(call, x, index, count) if not shared else _from_samples(call, x, index, shared, count)
    if not shared:
        raise NotReadError("it picks along the batch axis")
    return _from_samples(call, x, index, shared, count)


def _table(call: NodeCall, table: Known, index: Tensor | Known, count: int) -> Value:
    """Return the entries of a constant that the network names."""
    assert isinstance(index, Tensor)
    if index.merged or index.batch == len(index.shape):
        raise NotReadError("its places mix the batch with other axes")
    place = call.layer(Reduce(axes=(-1,)), index, last=False)
    rows, rest = prod(table.shape[:count]), table.shape[count:]
    found = call.layer(Embedding(count=rows, dim=prod(rest)), place, last=False)
    return call.layer(Unflatten(axis=-1, sizes=rest) if rest else Squeeze(axis=-1), found)


def _from_samples(call: NodeCall, x: Tensor | Known, index: Tensor | Known, shared: int, count: int) -> Value:
    """Return the entries that an index names in each sample."""
    data, shape = _tensor(call, x, 0), _sample(call, index, 0)
    front, middle = shape[: shared - 1], shape[shared - 1 : -1]
    for size, other in zip(data.shape, front, strict=False):
        if size != other and not call.holds(eq(size, other)):
            raise NotReadError("its places have other sizes than the axes that they share with the batch")
    made = _picked(call, data, index, shared - 1, range(count), middle, last=isinstance(index, Known))
    return _mixed(call, "gather", made, index) if isinstance(index, Tensor) else made


@reads("ScatterND")
def _scatter_nd(call: NodeCall) -> Value:
    x, index, updates = (call.value(i) for i in range(3))
    data, places = _full(call, x), _full(call, index)
    count = _coordinates(call, index, len(data))
    for coordinate in range(count):
        _inside(index, data[coordinate], coordinate)
    _alike([*places[:-1], *data[count:]], _full(call, updates), "updates")
    if not isinstance(x, Tensor) or x.merged:
        raise NotReadError("it writes to a constant, or to an axis that holds the batch and more")
    named = x.batch < count  # the batch is one of the axes that the places name
    at = (updates.batch if isinstance(updates, Tensor) else index.batch if isinstance(index, Tensor) else 0) \
        if named else len(places) - 1 + x.batch - count  # fmt: skip
    shape = (_sample(call, index, at) if named else places)[:-1]
    written = _tensor(call, updates, at)
    part = _picked(call, x, index, 0, [i for i in range(count) if i != x.batch], shape)
    both = call.layer(Elementwise(function="scatter", broadcast=False), part, written, last=False)
    return _mixed(call, "scatter", x, both, *([index] if isinstance(index, Tensor) else []))


# -- other uses of places


@reads("OneHot")
def _one_hot(call: NodeCall) -> Value:
    x, (depth,) = call.tensor(), call.numbers(1)
    axis = call.option("axis", -1) % (x.rank + 1)
    own = axis - (axis > x.batch and not x.merged)
    raised = call.layer(Unsqueeze(axis=own), x, last=False)
    repeats = [(depth if isinstance(depth, Expr) else int(depth)) if i == own else 1 for i in range(len(raised.shape))]
    made = call.layer(Tile(repeats=repeats), raised)
    return Tensor(made.reference, made.shape, x.batch + (axis <= x.batch), x.merged, x.inner)


@reads("RoiAlign")
def _roi_align(call: NodeCall) -> Value:
    """Read the pooling of regions: what comes out has a region where the input had a sample."""
    x, regions, samples, mode = call.tensor(batch=0), call.value(1), call.value(2), call.option("mode", "avg").lower()
    if call.opset >= _NOT_MADE:
        raise RefusedError(f"onnxruntime has no RoiAlign of opset {call.opset}: take an opset below {_NOT_MADE}")
    if mode not in ("avg", "max") or call.option("sampling_ratio", 0) < 0:
        raise RefusedError(f"its mode is {mode!r}, its sampling_ratio {call.option('sampling_ratio', 0)}")
    places = _full(call, regions)
    if len(x.shape) != 3 or len(places) != 2 or places[1] != 4:
        raise RefusedError(f"it takes 4 axes and 4 numbers for each region, got {x.rank} and {[*map(str, places)]}")
    _alike(places[:1], _full(call, samples), "batch_indices")
    least, largest = _ends(samples) if isinstance(samples, Known) else (0, 0)
    if least < 0 or (isinstance(call.batch, int) and largest >= call.batch):
        raise RefusedError(f"its regions are those of samples {least} to {largest}, of {call.batch}")
    size = (call.option("output_height", 1), call.option("output_width", 1))
    pool = (AdaptiveAvgPool if mode == "avg" else AdaptiveMaxPool)(output_size=size)
    pooled = call.layer(pool, x, last=False)
    if isinstance(regions, Tensor):
        one = call.layer(Reduce(axes=(-1,), keepdims=True), regions, last=False)
        for _ in range(2 if regions.merged else 0):
            one = call.layer(Unsqueeze(axis=-1), one, last=False)
        made = call.layer(Elementwise(function="roi_align"), pooled, one)
        return Tensor(made.reference, made.shape, 0, regions.merged, regions.inner)
    if not isinstance(call.batch, int) or regions.shape[0] % call.batch:
        raise NotReadError("its regions are not as many for each sample of the batch")
    count = regions.shape[0] // call.batch
    made = call.layer(Expand(shape=(count, 1, 1, 1) if count != 1 else (1,)), pooled)
    return Tensor(made.reference, made.shape, 0, count != 1)


_NOT_MADE = 22
"""onnxruntime (up to 1.31) knows RoiAlign as it was before this opset."""
