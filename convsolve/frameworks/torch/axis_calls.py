"""Calls that rearrange axes: orders, slices, splits, joins along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from ...dims import bounds
from ...dims.normal import Polynomial
from ...operators import Chunk, Concat, Elementwise, Reduce, Slice, Split, Squeeze, Unsqueeze
from .arguments import listed, whole_form
from .calls import Call, handles, plain
from .sizes import Size
from .values import Unsupported, Value

__all__ = [
    "chunk", "concat", "getitem", "moved", "movedim", "narrow", "permute", "select", "slice_of", "split",
    "squeeze", "stack", "transpose", "transposed", "unbind", "unsqueeze",
]


@handles("squeeze")
def squeeze(call: Call, input: Any, dim: Any = None) -> Value:
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
def unsqueeze(call: Call, input: Any, dim: int) -> Value:
    """Insertion of an axis of size 1."""
    return _inserted(call, call.input(input), dim)


def _inserted(call: Call, x: Value, dim: int) -> Value:
    at = dim % (x.rank + 1)
    behind = x.batch is not None and at > x.batch
    ref, shape = call.layer(Unsqueeze(axis=at - 1 + x.fold if behind else at), x, name="unsqueeze")
    return replace(x.made(ref, shape), batch=x.batch if behind or x.batch is None else x.batch + 1)


# -- orders


@handles("permute")
def permute(call: Call, input: Any, *dims: Any, **named: Any) -> Value:
    """A new order of the axes."""
    x = call.input(input)
    return call.reordered(x, [d % x.rank for d in (listed(dims) if dims else named["dims"])])


@handles("transpose swapaxes swapdims")
def transpose(
    call: Call, input: Any, dim0: Any = None, dim1: Any = None, *, axis0: Any = None, axis1: Any = None
) -> Value:
    """Two axes change places."""
    x = call.input(input)
    order = list(range(x.rank))
    a, b = ((axis if dim is None else dim) % x.rank for dim, axis in ((dim0, axis0), (dim1, axis1)))
    order[a], order[b] = order[b], order[a]
    return call.reordered(x, order)


@handles("t get:T get:mT get:H get:mH")
def transposed(call: Call, input: Any) -> Value:
    """The last two axes change places; ``T`` reverses all."""
    x = call.input(input)
    order = list(range(x.rank))
    if call.function == "get:T":
        order.reverse()
    elif x.rank > 1:
        order[-2:] = reversed(order[-2:])
    return call.reordered(x, order)


@handles("movedim moveaxis")
def movedim(call: Call, input: Any, source: Any, destination: Any) -> Value:
    """Axes move, the others keep their order."""
    x = call.input(input)
    pairs = zip(*([v] if isinstance(v, int) else list(v) for v in (source, destination)), strict=True)
    moved = {to % x.rank: axis % x.rank for axis, to in pairs}
    rest = iter([i for i in range(x.rank) if i not in moved.values()])
    return call.reordered(x, [moved[i] if i in moved else next(rest) for i in range(x.rank)])


# -- parts


@handles("__getitem__")
def getitem(call: Call, input: Any, index: Any) -> Value:
    """Slices, single positions, new axes."""
    x = call.input(input)
    entries = list(index) if isinstance(index, tuple) else [index]
    named = sum(e is not None and e is not Ellipsis for e in entries)
    if Ellipsis not in [e for e in entries if isinstance(e, type(Ellipsis))]:
        entries.append(Ellipsis)
    at = next(i for i, e in enumerate(entries) if e is Ellipsis)
    entries[at : at + 1] = [slice(None)] * (x.rank - named)
    axis = 0
    for entry in entries:
        if entry is None:
            x = _inserted(call, x, axis)
            axis += 1
        elif isinstance(entry, slice):
            if (entry.start, entry.stop, entry.step) != (None, None, None):
                x = _sliced(call, x, axis, entry.start, entry.stop, entry.step)
            axis += 1
        elif isinstance(entry, int) and not isinstance(entry, bool):
            x = _selected(call, x, axis, entry)
        else:
            raise Unsupported("an index that is neither a number nor a slice")
    return x


@handles("assign")
def assign(call: Call, input: Any, index: Any, value: Any) -> Value:
    """Values written into part of a tensor: it keeps its shape, and depends on them."""
    if not isinstance(value, torch.Tensor) or not (call.value(value).ref or call.value(value).rank):
        return call.value(input)
    written, target = call.input(value), call.input(input)
    part = getitem(call, input, index)
    if written.batch is not None:
        ends = {(v.rank - v.batch, v.fold) for v in (written, part) if v.batch is not None}
        if len(ends) > 1 or part.batch is None:
            raise Unsupported("samples that do not meet")
    if not part.shape:
        raise Unsupported("a single element")
    both = call.layer(Elementwise(function="assign"), part, written)
    one = call.layer(Reduce(axes=tuple(range(len(both[1]))), keepdims=True), Value(*both), name="assign")
    return target.made(*call.layer(Elementwise(function="assign"), target, Value(*one), name="assign"))


def _sliced(call: Call, x: Value, axis: int, start: Any, stop: Any, step: Any = None) -> Value:
    if axis == x.batch and start in (None, 0) and step in (None, 1):
        size = call.graph.sizes(x.real)[axis]
        if stop is None or (isinstance(stop, Size) and isinstance(size, Size) and stop.form == size.form):
            return x
    operator = Slice(
        axis=x.axis(axis), start=0 if start is None else plain(start), stop=plain(stop),
        step=1 if step is None else plain(step))
    return x.made(*call.layer(operator, x, name="slice"))


def _selected(call: Call, x: Value, axis: int, position: Any) -> Value:
    stop = None if not isinstance(position, Size) and position == -1 else position + 1
    part = _sliced(call, x, axis, position, stop)
    ref, shape = call.layer(Squeeze(axis=part.axis(axis)), part, name="squeeze")
    return replace(part.made(ref, shape), batch=moved(part.batch, axis, -1))


@handles("select")
def select(call: Call, input: Any, dim: int, index: Any) -> Value:
    """One position of an axis."""
    x = call.input(input)
    return _selected(call, x, dim % x.rank, index)


@handles("slice")
def slice_of(call: Call, input: Any, dim: int = 0, start: Any = None, end: Any = None, step: Any = 1) -> Value:
    """Part of an axis, as exported programs write it: an end far beyond is the end of the axis."""
    x = call.input(input)
    stop = None if isinstance(end, int) and not isinstance(end, Size) and end >= 2**62 else end
    return _sliced(call, x, dim % x.rank, start, stop, step)


@handles("narrow")
def narrow(call: Call, input: Any, dim: int, start: Any, length: Any) -> Value:
    """Part of an axis, which must lie inside it."""
    x = call.input(input)
    axis = dim % x.rank
    inside = (x.real[axis] - whole_form(start) - whole_form(length)).dim()
    low = bounds(inside)[0]
    if low is None or low < 0:
        call.graph.tape.holds(inside >= 0, True)
    return _sliced(call, x, axis, start, start + length)


@handles("unbind")
def unbind(call: Call, input: Any, dim: int = 0) -> list[Value]:
    """Every position of an axis."""
    x = call.input(input)
    axis = dim % x.rank
    (count,) = call.graph.sizes((x.shape[x.axis(axis)],))
    call.freeze(count)
    return [_selected(call, x, axis, i) for i in range(count)]


@handles("chunk")
def chunk(call: Call, input: Any, chunks: int, dim: int = 0) -> list[Value]:
    """Parts of one size."""
    x = call.input(input)
    if chunks == 1:
        return [x]
    return [x.made(*made) for made in call.layers(Chunk(chunks=chunks, axis=x.axis(dim)), x)]


@handles("split split_with_sizes")
def split(
    call: Call, input: Any, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None,
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


# -- joining along an axis


@handles("cat concat concatenate")
def concat(call: Call, tensors: Any, dim: Any = 0, axis: Any = None) -> Value:
    """Concatenation; tensors of no elements are left out, as PyTorch does."""
    kept = [t for t in tensors if call.value(t).shape != (Polynomial(()),)]
    inputs, at, like = _stacked(call, kept, dim if axis is None else axis)
    if len(inputs) == 1:
        return inputs[0]
    return like.made(*call.layer(Concat(axis=at), *inputs))


@handles("stack")
def stack(call: Call, tensors: Any, dim: int = 0) -> Value:
    """Concatenation along a new axis."""
    inputs, _, like = _stacked(call, tensors, None)
    rank = inputs[0].rank
    lifted = [_inserted(call, x, dim % (rank + 1)) for x in inputs]
    axis = lifted[0].axis(dim % (rank + 1))
    if len(lifted) == 1:
        return lifted[0]
    return replace(lifted[0].made(*call.layer(Concat(axis=axis), *lifted)), many=like.many)


def _stacked(call: Call, tensors: Sequence[Any], dim: int | None) -> tuple[list[Value], int, Value]:
    """Return the tensors as inputs of a concatenation, the axis for a sample, and where the batch stands."""
    values = [call.value(t) for t in tensors]
    batched = [v for v in values if v.batch is not None]
    if not batched:
        inputs = [call.input(t) for t in tensors]
        return inputs, 0 if dim is None else dim % inputs[0].rank, inputs[0]
    like = next((v for v in batched if v.many), batched[0])
    if any((v.batch, v.fold, v.rank) != (like.batch, like.fold, like.rank) for v in batched):
        raise Unsupported("batch axes that do not meet")
    if len(batched) < len(values) or len({v.many for v in batched}) > 1:
        raise Unsupported("constants among tensors")
    inputs = [call.input(t) for t in tensors]
    return inputs, 0 if dim is None else like.axis(dim), like
