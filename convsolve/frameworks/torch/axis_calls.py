"""Calls that rearrange axes: orders, splits, joins along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...dims.normal import Polynomial
from ...network import tensor_layer
from ...operators import (
    OPERATORS,
    Chunk,
    Concat,
    Flatten,
    Mul,
    Permute,
    Slice,
    Split,
    Squeeze,
    Unflatten,
    Unsqueeze,
)
from ..common.recording.recorded_tensors import ONE, Unsupported, Value, regrouped_beside
from ..common.recording.symbolic_sizes import Size
from ..common.recording.symbolic_values import unfollowed
from .arguments import listed
from .calls import RecordedCall, handles, plain

__all__ = [
    "channel_shuffle",
    "chunk",
    "concat",
    "evenly",
    "gated",
    "inserted",
    "may_be_empty",
    "moved",
    "movedim",
    "permute",
    "rotated",
    "split",
    "squeeze",
    "stack",
    "stacked_along",
    "transpose",
    "transposed",
    "unsqueeze",
]


@handles("squeeze")
def squeeze(call: RecordedCall, input: Any, dim: Any = None) -> Value:
    """Removal of axes of size 1; where the size is another, the axis stays."""
    x = call.input(input)
    if dim is None:
        wished = [i for i in range(x.rank) if call.graph.number(x.real[i]) == 1]
    else:
        wished = sorted({d % x.rank for d in (dim if isinstance(dim, (list, tuple)) else [dim])})
    for axis, size in enumerate(call.graph.sizes(x.real)):
        if (dim is None or axis in wished) and isinstance(size, Size) and axis != x.batch:
            size == 1  # noqa: B015 -- asked, so that it is kept as a guard
    for axis in reversed(wished):
        if axis == x.batch:
            if x.many:
                continue
            x = replace(x, batch=None) if not x.fold else x
        elif call.graph.number(x.real[axis]) == 1:
            ref, shape = call.layer(Squeeze(axis=x.axis(axis)), x)
            x = replace(x.made(ref, shape), batch=moved(x.batch, axis, -1))
    return x


def moved(batch: int | None, axis: int, by: int) -> int | None:
    return batch if batch is None or batch < axis else batch + by


@handles("unsqueeze")
def unsqueeze(call: RecordedCall, input: Any, dim: int) -> Value:
    """Insertion of an axis of size 1."""
    return inserted(call, call.input(input), dim)


def inserted(call: RecordedCall, x: Value, dim: int) -> Value:
    at = dim % (x.rank + 1)
    behind = x.batch is not None and at > x.batch
    axis = at - 1 + x.fold if behind else at
    if x.rest is not None:
        made = replace(x, shape=(*x.shape[:axis], ONE, *x.shape[axis:]))
    else:
        made = x.made(*call.layer(Unsqueeze(axis=axis), x, name="unsqueeze"))
    return replace(made, batch=x.batch if behind or x.batch is None else x.batch + 1)


# -- orders


@handles("permute")
def permute(call: RecordedCall, input: Any, *dims: Any, **named: Any) -> Value:
    """A new order of the axes."""
    x = call.input(input)
    return call.reordered(x, [d % x.rank for d in (listed(dims) if dims else named["dims"])])


@handles("transpose swapaxes swapdims")
def transpose(
    call: RecordedCall, input: Any, dim0: Any = None, dim1: Any = None, *, axis0: Any = None, axis1: Any = None
) -> Value:
    """Two axes change places."""
    x = call.input(input)
    order = list(range(x.rank))
    a, b = ((axis if dim is None else dim) % x.rank for dim, axis in ((dim0, axis0), (dim1, axis1)))
    order[a], order[b] = order[b], order[a]
    return call.reordered(x, order)


@handles("t get:T get:mT get:H get:mH")
def transposed(call: RecordedCall, input: Any) -> Value:
    """The last two axes change places; ``T`` reverses all."""
    x = call.input(input)
    order = list(range(x.rank))
    if call.function == "get:T":
        order.reverse()
    elif x.rank > 1:
        order[-2:] = reversed(order[-2:])
    return call.reordered(x, order)


@handles("movedim moveaxis")
def movedim(call: RecordedCall, input: Any, source: Any, destination: Any) -> Value:
    """Axes move, the others keep their order."""
    x = call.input(input)
    pairs = zip(*([v] if isinstance(v, int) else list(v) for v in (source, destination)), strict=True)
    moved = {to % x.rank: axis % x.rank for axis, to in pairs}
    rest = iter([i for i in range(x.rank) if i not in moved.values()])
    return call.reordered(x, [moved[i] if i in moved else next(rest) for i in range(x.rank)])


# -- parts of equal or given sizes


@handles("chunk")
def chunk(call: RecordedCall, input: Any, chunks: int, dim: int = 0) -> list[Value]:
    """Parts of one size, the last perhaps smaller; fewer than wished, where those have everything already."""
    x = call.input(input)
    if chunks == 1:
        return [x]
    axis = x.axis(dim)
    (whole,) = call.graph.sizes((x.shape[axis],))
    part = -(-whole // chunks)
    count: int = -(-unfollowed(whole) // unfollowed(part))
    if (count - 1) * part < whole and (count == chunks or whole <= count * part):
        if count == 1:
            return [x]
        sizes = [*[part] * (count - 1), whole - (count - 1) * part]
        operator = Chunk(chunks=chunks, axis=axis) if count == chunks else Split(sizes=plain(sizes), axis=axis)
        return [x.made(*made) for made in call.layers(operator, x)]
    raise Unsupported("another number of parts")


@handles("split split_with_sizes")
def split(
    call: RecordedCall,
    input: Any,
    split_size_or_sections: Any = None,
    dim: int = 0,
    *,
    split_size: Any = None,
    split_sizes: Any = None,
) -> list[Value]:
    """Parts of given sizes, or of one size and a rest."""
    x = call.input(input)
    axis = x.axis(dim)
    given = [g for g in (split_size_or_sections, split_size, split_sizes) if g is not None]
    sizes = given[0]
    if isinstance(sizes, int):
        (whole,) = call.graph.sizes((x.shape[axis],))
        count = -(-whole // sizes)
        call.freeze(count)
        sizes = [*[sizes] * (int.__int__(count) - 1), whole - (int.__int__(count) - 1) * sizes]
    if len(sizes) == 1:
        return [x]
    return [x.made(*made) for made in call.layers(Split(sizes=plain(sizes), axis=axis), x)]


def evenly(call: RecordedCall, x: Value, dim: int, count: int = 2) -> list[Value]:
    """Return so many parts of an axis, which that number must divide."""
    axis = x.axis(dim)
    (whole,) = call.graph.sizes((x.shape[axis],))
    if count == 1:
        return [x]
    operator = Split(sizes=plain([whole // count] * count), axis=axis)
    return [x.made(*made) for made in call.layers(operator, x, name="split")]


@handles("glu")
def gated(call: RecordedCall, input: Any, dim: int = -1) -> Value:
    """One half of an axis, weighed by the other."""
    x, gate = evenly(call, call.input(input), dim)
    return x.made(*call.layer(Mul(), x, call.same(OPERATORS["sigmoid"](), gate, name="sigmoid"), name="mul"))


@handles("channel_shuffle native_channel_shuffle")
def channel_shuffle(call: RecordedCall, input: Any, groups: int) -> Value:
    """The channels of all groups in turn."""
    x = call.input(input)
    if x.rank < 3 or x.batch != 0 or x.fold:
        raise Unsupported("channels that are not behind the batch")
    x = x.made(*call.layer(Unflatten(axis=0, sizes=(groups, -1)), x, name="unflatten"))
    x = x.made(*call.layer(Permute(order=(1, 0, *range(2, len(x.shape)))), x, name="permute"))
    return x.made(*call.layer(Flatten(start_axis=0, end_axis=1), x, name="flatten"))


# -- joining along an axis


@handles("cat concat concatenate")
def concat(call: RecordedCall, tensors: Any, dim: Any = 0, axis: Any = None) -> Value:
    """Concatenation; tensors of no elements are left out, as PyTorch does."""
    kept = [t for t in tensors if call.value(t).shape != (Polynomial(()),) and not call.value(t).rest]
    if not kept:
        return call.value(tensors[0])
    inputs, at, like = _stacked(call, kept, dim if axis is None else axis)
    for x in inputs:
        may_be_empty(call, x, at)
    if len(inputs) == 1:
        return inputs[0]
    return like.made(*call.layer(Concat(axis=at), *inputs))


def may_be_empty(call: RecordedCall, x: Value, axis: int | None = None) -> None:
    """Keep that a part to be concatenated or assigned is not empty, where it might be: then it would be left out.

    It is looked for behind what works element by element, and behind parts along other axes than the one named.
    """
    layers = {layer.name: (i, layer) for i, layer in enumerate(call.graph.layers)}
    count, layer = layers[tensor_layer(x.ref)]
    passed = (Slice, Squeeze, Unsqueeze) if axis is None else (Slice,)
    while len(layer.inputs) == 1 and (layer.operator.pointwise or isinstance(layer.operator, passed)):
        operator = layer.operator
        if isinstance(operator, Slice) and not operator.inside and (axis is None or operator.axis == axis):
            for demand in call.graph.demanded[layer.name]:
                call.graph.tape.holds(demand, True, count=count)
        count, layer = layers[tensor_layer(layer.inputs[0])]


@handles("hstack dstack column_stack")
def stacked_along(call: RecordedCall, tensors: Any) -> Value:
    """Concatenation along the axis that the name says."""
    axis = 2 if call.function == "dstack" else 1
    if any(call.value(t).rank <= axis for t in tensors):
        raise Unsupported("tensors of fewer axes")
    result: Value = concat(call, tensors, axis)
    return result


@handles("rot90")
def rotated(call: RecordedCall, input: Any, k: int = 1, dims: Any = (0, 1)) -> Value:
    """Quarter turns: two axes change places where their number is odd."""
    x = call.input(input)
    first, second = (d % x.rank for d in dims)
    x.axis(first), x.axis(second)
    order = list(range(x.rank))
    if k % 2:
        order[first], order[second] = second, first
    return call.same(OPERATORS["identity"](mixes=True), call.reordered(x, order))  # type: ignore[call-arg]


@handles("stack")
def stack(call: RecordedCall, tensors: Any, dim: int = 0) -> Value:
    """Concatenation along a new axis."""
    inputs, _, like = _stacked(call, tensors, None)
    rank = inputs[0].rank
    lifted = [inserted(call, x, dim % (rank + 1)) for x in inputs]
    axis = lifted[0].axis(dim % (rank + 1))
    if len(lifted) == 1:
        return lifted[0]
    return replace(lifted[0].made(*call.layer(Concat(axis=axis), *lifted)), many=like.many, regrouped=like.regrouped)


def _stacked(call: RecordedCall, tensors: Sequence[Any], dim: int | None) -> tuple[list[Value], int, Value]:
    """Return the tensors as inputs of a concatenation, the axis for a sample, and where the batch stands."""
    values = [call.value(t) for t in tensors]
    batched = [v for v in values if v.batch is not None]
    if not batched:
        inputs = [call.input(t) for t in tensors]
        return inputs, 0 if dim is None else dim % inputs[0].rank, inputs[0]
    like = next((v for v in batched if v.many), batched[0])
    if any((v.batch, v.fold, v.rank) != (like.batch, like.fold, like.rank) for v in batched):
        raise Unsupported("batch axes that do not meet")
    constants = [v for v in values if v.batch is None]
    if len({v.many for v in batched}) > 1 or any(like.many or v.rank != like.rank for v in constants):
        raise Unsupported("constants among tensors")
    assert like.batch is not None
    inputs = [call.input(t) if v.batch is not None else call.aligned(t, v, like.batch, like.fold)
              for t, v in zip(tensors, values, strict=True)]  # fmt: skip
    return inputs, 0 if dim is None else like.axis(dim), replace(like, regrouped=regrouped_beside(values))
