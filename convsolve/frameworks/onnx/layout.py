"""Reading what rearranges axes in ONNX: everything in which the place of the batch axis matters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from ...dims import eq, product
from ...errors import RefusedError
from ...operators import (
    Chunk,
    Expand,
    Flatten,
    Gather,
    Identity,
    Permute,
    Reduce,
    Slice,
    Split,
    Squeeze,
    Tile,
    TopK,
    Unflatten,
    Unsqueeze,
)
from .batch_axis import reshaped
from .call import NodeCall, reads
from .values import Known, NotReadError, Tensor, Value

__all__ = ()

_FAR = 2**31 - 1
"""A position of a slice from here on means the end."""


@reads("Flatten")
def _flatten(call: NodeCall) -> Value:
    x = call.tensor()
    axis = call.option("axis", 1)
    axis += x.rank if axis < 0 else 0
    if axis == 1 and x.batch == 0 and not x.merged and x.shape:
        return call.layer(Flatten(), x)
    front, back = x.full(call.batch)[:axis], x.full(call.batch)[axis:]
    return reshaped(call, x, [product(front), product(back)])


@reads("Reshape")
def _reshape(call: NodeCall) -> Value:
    x = call.tensor()
    wished = call.row(1) if call.has(1) else call.option("shape")
    if sum(n == -1 for n in wished) > 1 or any(isinstance(n, int) and n < -1 for n in wished):
        raise RefusedError(f"its shape {[str(n) for n in wished]} has more than one -1, or what is below")
    full = x.full(call.batch)
    if not call.option("allowzero", 0):
        if any(n == 0 and i >= len(full) for i, n in enumerate(wished)):
            raise RefusedError("a 0 in its shape stands for an axis that the input does not have")
        wished = [full[i] if n == 0 else n for i, n in enumerate(wished)]
    return reshaped(call, x, wished)


@reads("Transpose")
def _transpose(call: NodeCall) -> Value:
    x = call.tensor()
    order = call.option("perm") or list(reversed(range(x.rank)))
    if sorted(order) != list(range(x.rank)):
        raise RefusedError(f"its order {order} does not name each of {x.rank} axes once")
    own = [a if x.merged else x.own_axis(a) for a in order if x.merged or a != x.batch]
    made = call.layer(Identity() if own == sorted(own) else Permute(order=own), x)
    return Tensor(made.reference, made.shape, order.index(x.batch), x.merged, x.inner)


@reads("Unsqueeze")
def _unsqueeze(call: NodeCall) -> Value:
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
def _squeeze(call: NodeCall) -> Value:
    x = call.tensor()
    axes = call.listed("axes", 1)
    if call.has(1) and call.known(1).shape == ():
        raise RefusedError("its axes are one number: wanted a list")
    if not axes:
        axes = [i for i, n in enumerate(x.full(call.batch)) if i != x.batch and call.holds(eq(n, 1))]
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
def _slice(call: NodeCall) -> Value:
    x = call.tensor()
    starts = call.row(1) if call.has(1) else call.option("starts")
    ends = call.row(2) if call.has(2) else call.option("ends")
    axes = call.listed("axes", 3, list(range(len(starts))))
    steps = call.listed("steps", 4, [1] * len(starts))
    shapes = {call.known(i).shape for i in range(1, 5) if call.has(i)}
    if len(shapes) > 1 or not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise RefusedError(f"its starts {starts}, ends {ends}, axes {axes} and steps {steps} do not fit together")
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
def _gather(call: NodeCall) -> Value:
    if isinstance(call.value(0), Known):
        return _embedding(call)
    x, index = call.tensor(), call.known(1)
    along = call.option("axis", 0) % x.rank
    size = x.full(call.batch)[along]
    if isinstance(size, int) and (along == x.batch or len(index.shape) > 1) \
            and not all(-size <= place < size for place in call.integers(1)):  # fmt: skip
        raise RefusedError(f"its places {call.integers(1)} lie outside of an axis of {size}")
    axis = _own(x, call.option("axis", 0))
    places = call.integers(1)
    in_order = all(b - a == 1 for a, b in pairwise(places))
    if not places:
        raise NotReadError("it picks no places")
    if len(index.shape) > 1:
        made = call.layer(Gather(axis=axis, shape=index.shape, least=min(places), largest=max(places)), x)
        more = len(index.shape) - 1 if axis < x.batch else 0
        return Tensor(made.reference, made.shape, made.batch + more, x.merged, x.inner)
    if not in_order or places[0] < 0 <= places[-1]:
        return call.layer(Gather(axis=axis, positions=places), x)
    part = Slice(axis=axis, start=places[0], stop=None if places[-1] == -1 else places[-1] + 1, inside=True)
    if index.shape:
        return call.layer(part, x)
    batch = x.batch - (not x.merged and axis < x.batch) - (x.merged and axis < x.batch)
    made = call.layer(Squeeze(axis=axis), call.layer(part, x, last=False))
    return Tensor(made.reference, made.shape, batch, x.merged, x.inner)


def _embedding(call: NodeCall) -> Value:
    from ...operators import Embedding

    table, index, axis = call.known(0), call.tensor(1), call.option("axis", 0)
    rank, rest = len(table.shape), [*table.shape]
    if not -rank <= axis < rank:
        raise RefusedError(f"its axis {axis} is out of range for a table of {rank} axes")
    count, front = rest.pop(axis), axis % rank
    if rank > 2 and index.merged:
        raise NotReadError("it picks for a batch that is merged with another axis")
    made = call.layer(Embedding(count=count, dim=prod(rest)), index, last=rank == 2 and not front)
    if rank != 2:
        made = call.layer(Unflatten(axis=-1, sizes=rest) if rest else Squeeze(axis=-1), made, last=not front)
    if not front:
        return made
    own = len(index.shape)  # the axes of the table before the one that is picked from stand in front
    order = (*range(own, own + front), *range(own), *range(own + front, own + rank - 1))
    turned = call.layer(Permute(order=order), made)
    return Tensor(turned.reference, turned.shape, index.batch + front)


@reads("Split")
def _split(call: NodeCall) -> list[Value]:
    x = call.tensor()
    axis = _own(x, call.option("axis", 0))
    sizes = call.row(1) if call.has(1) else call.option("split")
    count = call.outputs
    if sizes is not None and len(sizes) != count:
        raise RefusedError(f"it has {len(sizes)} sizes for {count} outputs")
    if sizes is None and call.opset >= 18 and call.option("num_outputs") != count:
        raise RefusedError(f"its num_outputs is {call.option('num_outputs')}, and it has {count} outputs")
    if sizes is None and call.opset >= 18:
        references = call.add(Chunk(chunks=count, axis=axis), x.reference)
    else:
        parts = sizes or [x.shape[axis] // count] * count
        references = call.add(Split(sizes=parts, axis=axis), x.reference)
    return [call.made(reference, x) for reference in references]


@reads("Expand")
def _expand(call: NodeCall) -> Value:
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
def _tile(call: NodeCall) -> Value:
    x, repeats = call.tensor(), call.row(1)
    if len(repeats) != x.rank:
        raise RefusedError(f"it has {len(repeats)} repeats for {x.rank} axes")
    if x.merged or repeats[x.batch] != 1:
        raise NotReadError("it repeats the batch")
    own = [n for i, n in enumerate(repeats) if i != x.batch]
    return call.layer(Tile(repeats=own), x)


@reads(
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSum", "ReduceSumSquare")  # fmt: skip
def _reduce(call: NodeCall) -> Value:
    x = call.tensor()
    axes = call.row(1) if call.has(1) else call.option("axes")
    if not axes:
        if call.option("noop_with_empty_axes", 0):
            return call.layer(Identity(), x)
        raise NotReadError("it reduces the batch axis, too")
    return _reduced(call, x, axes, call.option("keepdims", 1) == 1)


@reads("ArgMax", "ArgMin")
def _arg(call: NodeCall) -> Value:
    return _reduced(call, call.tensor(), [call.option("axis", 0)], call.option("keepdims", 1) == 1)


@reads("TopK")
def _top_k(call: NodeCall) -> list[Value]:
    x = call.tensor()
    count = call.row(1) if call.has(1) else [call.option("k")]
    if len(count) != 1 or (isinstance(count[0], int) and count[0] < 1):
        raise RefusedError(f"its K is {count}: wanted one number, at least 1")
    made = call.add(TopK(count=count[0], axis=_own(x, call.option("axis", -1))), x.reference)
    return [call.made(reference, x) for reference in made]


def _reduced(call: NodeCall, x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    own = sorted({_own(x, a) for a in axes})
    made = call.layer(Reduce(axes=own, keepdims=keepdims), x)
    gone = 0 if keepdims else len({a % x.rank for a in axes if a % x.rank < x.batch})
    return Tensor(made.reference, made.shape, x.batch - gone, x.merged, x.inner)
