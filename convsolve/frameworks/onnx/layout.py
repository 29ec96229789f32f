"""Reading what rearranges axes in ONNX: everything in which the place of the batch axis matters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ...dims import Dim, product
from ...operators import (
    Chunk,
    Expand,
    Flatten,
    Identity,
    Permute,
    Reduce,
    Reshape,
    Slice,
    Split,
    Squeeze,
    Tile,
    Unsqueeze,
)
from .call import Call, reads
from .values import Known, NotReadError, Tensor, Value, depends_on_batch, without_batch

__all__ = ()

_FAR = 2**31 - 1
"""A position of a slice from here on means the end."""


@reads("Flatten")
def _flatten(call: Call) -> Value:
    x = call.tensor()
    axis = call.option("axis", 1)
    axis += x.rank if axis < 0 else 0
    if axis == 1 and x.batch == 0 and not x.merged and x.shape:
        return call.layer(Flatten(), x)
    front, back = x.full(call.batch)[:axis], x.full(call.batch)[axis:]
    return _reshaped(call, x, [product(front), product(back)])


@reads("Reshape")
def _reshape(call: Call) -> Value:
    x = call.tensor()
    wished = call.numbers(1) if call.has(1) else call.option("shape")
    full = x.full(call.batch)
    if not call.option("allowzero", 0):
        if any(n == 0 and i >= len(full) for i, n in enumerate(wished)):
            raise NotReadError("a 0 in its shape stands for an axis that the input does not have")
        wished = [full[i] if n == 0 else n for i, n in enumerate(wished)]
    return _reshaped(call, x, wished)


def _reshaped(call: Call, x: Tensor, wished: Sequence[Dim]) -> Tensor:
    """Return the tensor with the same elements in another shape, after finding out where the batch goes."""
    axis, merged, inner, shape = _batch_in(call, x, list(wished))
    if not shape:
        raise NotReadError("nothing but the batch axis is left")
    if shape == list(x.shape):
        made = call.layer(Identity(), x)
    elif len(shape) == 1 and not merged:
        made = call.layer(Flatten() if shape[0] == -1 else Reshape(shape=shape), x)
    else:
        made = call.layer(Reshape(shape=shape), x)
    return Tensor(made.reference, made.shape, axis, merged, inner)


_Place = tuple[int, bool, bool, list[Dim]]
"""The batch's axis, whether and how other elements are merged into it, and the shape without it."""


def _batch_in(call: Call, x: Tensor, wished: list[Dim]) -> _Place:
    """Find the batch in a wished shape."""
    marked = [i for i, n in enumerate(wished) if depends_on_batch(n)]
    if len(marked) > 1:
        raise NotReadError("its shape has the batch on two axes")
    if marked:
        factor = without_batch(wished[marked[0]])
        if factor is None:
            raise NotReadError(f"the batch takes part in {wished[marked[0]]}")
        return _placed(wished, marked[0], factor, _follow_first(x, product(wished[marked[0] + 1 :])))
    size = call.batch if isinstance(call.batch, int) else 1  # a shape without a batch was made for batches of 1
    if x.batch == 0 and not x.merged and wished and wished[0] == size:
        return _placed(wished, 0, 1)
    open_axis = wished.index(-1) if -1 in wished else None
    if open_axis is not None and not isinstance(call.batch, int):
        return _open(x, wished, open_axis)
    if all(isinstance(n, int) for n in (*wished, *x.shape)):
        return _by_stride(x, wished, size)
    if open_axis == 0 and x.batch == 0:
        return _open(x, wished, open_axis)
    raise NotReadError("where its shape has the batch cannot be told")


def _apart(x: Tensor) -> Dim:
    """Return how far apart two samples are stored."""
    within = x.shape[x.batch] if x.merged and not x.inner else 1
    return product((within, *x.shape[x.batch + x.merged :]))


def _follow_first(x: Tensor, below: Dim) -> bool:
    """Return whether, on an axis with so many elements below it, the samples follow each other first."""
    return _apart(x) == below


def _placed(wished: list[Dim], axis: int, factor: Dim, inner: bool = False) -> _Place:
    """Return a shape with the batch on an axis, times a factor."""
    merged = factor != 1
    return axis, merged, merged and inner, [*wished[:axis], *([factor] if merged else []), *wished[axis + 1 :]]


def _open(x: Tensor, wished: list[Dim], axis: int) -> _Place:
    """Return a shape whose -1 is the batch, or the batch times what else is left.

    A second axis alone (``[-1, 400]``) means features of each sample; another number of them is a failure,
    although it would run, with another batch.
    """
    if axis != 0:
        raise NotReadError("where its shape has the batch cannot be told")
    rest, elements = product(wished[1:]), product(x.shape)
    if isinstance(rest, int) and isinstance(elements, int) and rest > 0 and len(wished) > 2:
        if elements % rest:
            raise NotReadError(f"{elements} elements of a sample do not fill rows of {rest}")
        return _placed(wished, 0, elements // rest)
    if len(wished) == 2 or elements == rest:
        return _placed(wished, 0, 1)
    return 0, True, False, list(wished)  # -1 now counts the rows of one sample


def _by_stride(x: Tensor, wished: list[Any], batch: int) -> _Place:
    """Find the batch of known size among known sizes: reshaping keeps how far apart two samples are stored."""
    elements: Any = product(x.shape) * batch
    if -1 in wished:
        rest: Any = product(n for n in wished if n != -1)
        if rest < 1 or elements % rest:
            raise NotReadError(f"{elements} elements do not fit the shape {wished}")
        wished = [elements // rest if n == -1 else n for n in wished]
    if product(wished) != elements:
        raise NotReadError(f"{elements} elements do not fit the shape {wished}")
    apart, places = _apart(x), []
    for axis, size in enumerate(wished):
        below: Any = product(wished[axis + 1 :])
        if size % batch == 0 and apart in (below, below * (size // batch)):
            places.append((axis, size // batch, apart == below))
    if not places:
        raise NotReadError("its shape mixes the batch with other axes")
    # of a batch of 1 any place is true; best is one of its own, then one that leaves the features by themselves
    flat = len(wished) == 2
    axis, factor, inner = min(places, key=lambda place: (place[1] != 1, not flat and place[2], place[0]))
    return _placed(list(wished), axis, factor, inner)


@reads("Transpose")
def _transpose(call: Call) -> Value:
    x = call.tensor()
    order = call.option("perm") or list(reversed(range(x.rank)))
    if sorted(order) != list(range(x.rank)):
        raise NotReadError(f"its order {order} does not fit {x.rank} axes")
    own = [a if x.merged else x.own_axis(a) for a in order if x.merged or a != x.batch]
    made = call.layer(Identity() if own == sorted(own) else Permute(order=own), x)
    return Tensor(made.reference, made.shape, order.index(x.batch), x.merged, x.inner)


@reads("Unsqueeze")
def _unsqueeze(call: Call) -> Value:
    x = call.tensor()
    axes = call.listed("axes", 1)
    rank = x.rank + len(axes)
    new = sorted(a % rank for a in axes)
    old = [i for i in range(rank) if i not in new]
    batch = old[x.batch]
    made = x
    for i, axis in enumerate(new):
        made = call.layer(Unsqueeze(axis=axis - (axis > batch and not x.merged)), made, last=i == len(new) - 1)
    return Tensor(made.reference, made.shape, batch, x.merged, x.inner)


@reads("Squeeze")
def _squeeze(call: Call) -> Value:
    x = call.tensor()
    axes = call.listed("axes", 1)
    if axes is None:
        full = x.full(call.batch)
        if not all(isinstance(n, int) for n in x.shape):
            raise NotReadError("it squeezes all axes of size 1, and which those are depends on the input")
        axes = [i for i, n in enumerate(full) if n == 1 and i != x.batch]
    gone = sorted({a % x.rank for a in axes}, reverse=True)
    if not gone:
        return call.layer(Identity(), x)
    made = x
    for i, axis in enumerate(gone):
        if x.merged and axis == x.batch:
            raise NotReadError("it squeezes the batch axis")
        own = axis if x.merged else x.own_axis(axis)
        made = call.layer(Squeeze(axis=own), made, last=i == len(gone) - 1)
    return Tensor(made.reference, made.shape, x.batch - sum(a < x.batch for a in gone), x.merged, x.inner)


def _own(x: Tensor, axis: int) -> int:
    """Return the axis of ours for one of ONNX."""
    return x.own_axis(axis)


@reads("Slice")
def _slice(call: Call) -> Value:
    x = call.tensor()
    starts = call.numbers(1) if call.has(1) else call.option("starts")
    ends = call.numbers(2) if call.has(2) else call.option("ends")
    axes = call.listed("axes", 3, list(range(len(starts))))
    steps = call.listed("steps", 4, [1] * len(starts))
    parts = []
    for axis, start, stop, step in zip(axes, starts, ends, steps, strict=True):
        if step == -1 and isinstance(start, int) and isinstance(stop, int) and (start == -1 or start >= _FAR) \
                and stop <= -_FAR:  # fmt: skip
            continue  # turned around, and nothing else
        if step < 1:
            raise NotReadError("it goes backwards")
        stop = None if isinstance(stop, int) and stop >= _FAR else stop
        if (start, stop, step) == (0, None, 1):
            continue
        parts.append(Slice(axis=_own(x, axis), start=start, stop=stop, step=step))
    made = x
    for i, part in enumerate(parts):
        made = call.layer(part, made, last=i == len(parts) - 1)
    return made if parts else call.layer(Identity(), x)


@reads("Gather")
def _gather(call: Call) -> Value:
    if isinstance(call.value(0), Known):
        return _embedding(call)
    x, index = call.tensor(), call.known(1)
    axis = _own(x, call.option("axis", 0))
    places = call.integers(1)
    in_order = all(b - a == 1 for a, b in pairwise(places))
    if not places or not in_order or len(index.shape) > 1 or places[0] < 0 <= places[-1]:
        raise NotReadError("it picks places that are no range")
    part = Slice(axis=axis, start=places[0], stop=None if places[-1] == -1 else places[-1] + 1)
    if index.shape:
        return call.layer(part, x)
    batch = x.batch - (not x.merged and axis < x.batch) - (x.merged and axis < x.batch)
    made = call.layer(Squeeze(axis=axis), call.layer(part, x, last=False))
    return Tensor(made.reference, made.shape, batch, x.merged, x.inner)


def _embedding(call: Call) -> Value:
    from ...operators import Embedding

    table, index = call.known(0), call.tensor(1)
    if len(table.shape) != 2 or call.option("axis", 0) != 0:
        raise NotReadError("it picks from a table that is no matrix of embeddings")
    return call.layer(Embedding(count=table.shape[0], dim=table.shape[1]), index)


@reads("Split")
def _split(call: Call) -> list[Value]:
    x = call.tensor()
    axis = _own(x, call.option("axis", 0))
    sizes = call.numbers(1) if call.has(1) else call.option("split")
    count = call.outputs
    if count == 1:
        return [call.layer(Identity(), x)]
    if sizes is None and call.opset >= 18:
        references = call.add(Chunk(chunks=count, axis=axis), x.reference)
    else:
        parts = sizes or [x.shape[axis] // count] * count
        references = call.add(Split(sizes=parts, axis=axis), x.reference)
    return [call.made(reference, x) for reference in references]


@reads("Expand")
def _expand(call: Call) -> Value:
    x, wished = call.value(0), call.numbers(1)
    if isinstance(x, Known):
        raise NotReadError("it expands a constant by a size that is not known")
    rank = max(x.rank, len(wished))
    wished = [1] * (rank - len(wished)) + wished
    batch = rank - x.rank + x.batch
    if x.merged or not (wished[batch] == 1 or wished[batch] == call.batch):
        raise NotReadError("it expands the batch axis")
    shape = [n for i, n in enumerate(wished) if i != batch]
    if all(n == 1 for n in shape) and rank == x.rank:
        return call.layer(Identity(), x)
    made = call.layer(Expand(shape=shape), x)
    return Tensor(made.reference, made.shape, batch)


@reads("Tile")
def _tile(call: Call) -> Value:
    x, repeats = call.tensor(), call.numbers(1)
    if len(repeats) != x.rank or x.merged or repeats[x.batch] != 1:
        raise NotReadError("it repeats the batch")
    own = [n for i, n in enumerate(repeats) if i != x.batch]
    return call.layer(Tile(repeats=own), x)


@reads(
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSum", "ReduceSumSquare")  # fmt: skip
def _reduce(call: Call) -> Value:
    x = call.tensor()
    axes = call.listed("axes", 1)
    if not axes:
        if call.option("noop_with_empty_axes", 0):
            return call.layer(Identity(), x)
        raise NotReadError("it reduces the batch axis, too")
    return _reduced(call, x, axes, bool(call.option("keepdims", 1)))


@reads("ArgMax", "ArgMin")
def _arg(call: Call) -> Value:
    return _reduced(call, call.tensor(), [call.option("axis", 0)], bool(call.option("keepdims", 1)))


def _reduced(call: Call, x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    own = sorted({_own(x, a) for a in axes})
    made = call.layer(Reduce(axes=own, keepdims=keepdims), x)
    gone = 0 if keepdims else len({a % x.rank for a in axes if a % x.rank < x.batch})
    return Tensor(made.reference, made.shape, x.batch - gone, x.merged, x.inner)
