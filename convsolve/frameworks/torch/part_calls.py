"""Calls that take parts of tensors: slices, positions, entries of a table; and those that write into them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from ...dims import all_of, eq
from ...dims.normal import Polynomial
from ...network import tensor_layer
from ...operators import Add, Elementwise, Flatten, Gather, Identity, Operator, Reduce, Slice, Split, Squeeze
from ..common.recording.recorded_tensors import ONE, Unsupported, Value
from ..common.recording.symbolic_sizes import Size
from .axis_calls import evenly, inserted, may_be_empty, moved
from .calls import RecordedCall, handles, plain
from .index_bounds import known_ends
from .lent_builtins import EXTREMES

__all__ = [
    "assign",
    "diagonal",
    "difference",
    "gather",
    "gathered",
    "getitem",
    "index_select",
    "index_written",
    "narrow",
    "scatter",
    "select",
    "slice_of",
    "split_along",
    "tensor_split",
    "topk",
    "unbind",
    "written_at",
    "written_over",
]


@handles("__getitem__")
def getitem(call: RecordedCall, input: Any, index: Any) -> Value:
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
            x = inserted(call, x, axis)
            axis += 1
        elif isinstance(entry, slice):
            if (entry.start, entry.stop, entry.step) != (None, None, None):
                x = _sliced(call, x, axis, entry.start, entry.stop, entry.step)
            axis += 1
        elif isinstance(entry, int) and not isinstance(entry, bool):
            x = _selected(call, x, axis, entry)
        elif _several(entries):
            return _gathered_at(call, x, axis, [e for e in entries if isinstance(e, (list, torch.Tensor))])
        elif _alone(entries):
            before = x.rank
            x = gathered(call, x, axis, entry)
            axis += 1 + x.rank - before
        else:
            raise Unsupported("several indices at once")
    return x


def _alone(entries: list[Any]) -> bool:
    """Return whether there is one index, and beside it at most single positions, next to it."""
    kinds = "".join("i" if isinstance(e, (int, list, tuple, torch.Tensor)) else "." for e in entries if e is not None)
    several = sum(isinstance(e, (list, tuple, torch.Tensor)) for e in entries)
    return several == 1 and len(kinds.strip(".").replace(".", "")) == len(kinds.strip("."))


def _several(entries: list[Any]) -> bool:
    """Return whether several indices stand side by side, and behind them nothing but whole axes."""
    kinds = "".join("i" if isinstance(e, (list, torch.Tensor)) else ":" if e == slice(None) else "x" for e in entries)
    return kinds.count("i") > 1 and "x" not in kinds and "i" * kinds.count("i") in kinds


def _gathered_at(call: RecordedCall, x: Value, axis: int, given: list[Any]) -> Value:
    """Return the entries that indices of neighbouring axes name together, in the shape that they have together."""
    indices = [torch.tensor(index) if isinstance(index, list) else index for index in given]
    if any(call.value(i).batch is not None or i.dtype == torch.bool for i in indices):
        raise Unsupported("positions that depend on the input")
    at = x.axis(axis)
    if any(x.axis(axis + i) != at + i for i in range(len(indices))):
        raise Unsupported("positions of samples")
    for i, index in enumerate(indices):
        span = known_ends(call, index, x.shape[at + i])
        inside = Gather(axis=at + i, shape=None, least=span.least.dim(), largest=span.largest.dim())
        call.layer(inside, x, name="gather.inside")
    (shape,) = call.graph.foretold(Add(), [call.value(i).shape for i in indices])
    flat = x.made(*call.layer(Flatten(start_axis=at, end_axis=at + len(indices) - 1), x, name="flatten"))
    made = flat.made(*call.layer(Gather(axis=at, shape=tuple(n.dim() for n in shape) or None), flat, name="gather"))
    return replace(made, batch=moved(x.batch, axis, len(shape) - len(indices)))


def gathered(call: RecordedCall, x: Value, axis: int, index: Any) -> Value:
    """Return the positions of one axis that an index names, in its shape."""
    at = x.axis(axis)
    if isinstance(index, (list, tuple)):
        if not all(isinstance(n, int) and not isinstance(n, bool) for n in index):
            raise Unsupported("an index that is no list of positions")
        return x.made(*call.layer(Gather(axis=at, positions=plain(index)), x, name="gather"))
    span, named = known_ends(call, index, x.real[axis % x.rank]), call.value(index)
    if named.batch is not None or (isinstance(index, torch.Tensor) and index.dtype == torch.bool):
        raise Unsupported("positions that depend on the input")
    least, largest, shape = span.least.dim(), span.largest.dim(), tuple(n.dim() for n in named.shape)
    if span.consecutive:
        operator: Operator = Slice(axis=at, start=least, stop=(span.largest + ONE).dim(), inside=True)
    elif not index.is_meta and len(shape) == 1 and all(isinstance(n, int) for n in shape) and not named.ref:
        operator = Gather(axis=at, positions=tuple(index.tolist()))
    else:
        operator = Gather(axis=at, shape=shape or None, least=least, largest=largest)
    made = x.made(*call.layer(operator, x, name="gather"))
    return replace(made, batch=moved(x.batch, axis, len(shape) - 1))


@handles("index_select")
def index_select(call: RecordedCall, input: Any, dim: int, index: Any) -> Value:
    """Some positions of an axis."""
    x = call.input(input)
    return gathered(call, x, dim % x.rank, index)


@handles("index_fill index_add index_copy")
def index_written(call: RecordedCall, input: Any, dim: int, index: Any, source: Any, **_: Any) -> Value:
    """Some positions of an axis, written over or added to."""
    x = call.input(input)
    part = gathered(call, x, dim % x.rank, index)
    if isinstance(source, torch.Tensor) and call.function != "index_fill":
        inputs, like = call.joined((source,))
        if (like.batch, like.fold) != (part.batch, part.fold):
            raise Unsupported("a source that is none of samples")
        call.layer(Add(broadcast=False), part, *inputs, name="source")
    return call.same(Identity(mixes=True), x)


@handles("gather take_along_dim")
def gather(call: RecordedCall, input: Any, dim: int, index: Any = None, **_: Any) -> Value:
    """For every entry of an index, what stands there along one axis."""
    if isinstance(dim, torch.Tensor):  # take_along_dim has them the other way around
        dim, index = index, dim
    x, named, axis = call.input(input), call.input(index), dim % call.value(input).rank
    _place(call, x, named, axis, index)
    return call.same(Identity(mixes=True), named)


@handles("scatter scatter_add scatter_reduce")
def scatter(call: RecordedCall, input: Any, dim: int, index: Any, src: Any = None, *_: Any, **__: Any) -> Value:
    """Entries written to where an index says along one axis."""
    x, named, axis = call.input(input), call.input(index), dim % call.value(input).rank
    _place(call, x, named, axis, index)
    if isinstance(src, torch.Tensor) and call.value(src).real != named.real:
        raise Unsupported("a source of another size than the index")
    return call.same(Identity(mixes=True), x)


def _place(call: RecordedCall, x: Value, named: Value, axis: int, index: Any) -> None:
    """Require that the positions along one axis are inside of it; the other axes must be the same."""
    span = known_ends(call, index, x.real[axis])
    others = [[n for i, n in enumerate(v.real) if i != axis] for v in (x, named)]
    if others[0] != others[1] or (x.batch, x.fold) != (named.batch, named.fold):
        raise Unsupported("an index of another size")
    check = Gather(axis=x.axis(axis), shape=None, least=span.least.dim(), largest=span.largest.dim())
    call.layer(check, x, name=f"{call.function}.inside")


@handles("topk")
def topk(call: RecordedCall, input: Any, k: Any, dim: int = -1, *_: Any, **__: Any) -> Any:
    """The largest entries along an axis, and where they are."""
    x = call.input(input)
    part = _sliced(call, x, dim % x.rank, 0, k, inside=True)
    found = call.same(Identity(mixes=True), part)
    return found, found


@handles("assign")
def assign(call: RecordedCall, input: Any, index: Any, value: Any) -> Value:
    """Values written into part of a tensor: it keeps its shape, and depends on them.

    Where the part has no elements, nothing is written.
    """
    if not isinstance(value, torch.Tensor) or not (call.value(value).ref or call.value(value).rank):
        if call.value(input).ref:
            getitem(call, input, index)  # what it requires
        return call.value(input)
    target = call.input(input)
    part, written = getitem(call, input, index), call.value(value)
    if part.rest is not None or written.rest is not None:
        _write_nothing(call, part, written)
        return target
    written = call.input(value)
    may_be_empty(call, part)
    may_be_empty(call, written)
    if written.batch is not None:
        ends = {(v.rank - v.batch, v.fold) for v in (written, part) if v.batch is not None}
        if len(ends) > 1 or part.batch is None:
            raise Unsupported("samples that do not meet")
    if not part.shape:
        raise Unsupported("a single element")
    both = call.layer(Elementwise(function="assign"), part, written)
    one = call.layer(Reduce(axes=tuple(range(len(both[1]))), keepdims=True), Value(*both), name="assign")
    return target.made(*call.layer(Elementwise(function="assign"), target, Value(*one), name="assign"))


def _write_nothing(call: RecordedCall, part: Value, written: Value) -> None:
    """Keep that a tensor has the shape of a part without elements, or sizes of 1 there."""
    if part.rank != written.rank or part.batch != written.batch:
        raise Unsupported("another number of axes")
    for size, given in zip(part.shape, written.shape, strict=True):
        wished = size if call.graph.number(size) == call.graph.number(given) else ONE
        same = eq(given.dim(), wished.dim())
        if not call.graph.tape.holds(same, call.graph.holds(same)):
            raise Unsupported("another size")


def _sliced(
    call: RecordedCall, x: Value, axis: int, start: Any, stop: Any, step: Any = None, *, inside: bool = False
) -> Value:
    if axis == x.batch and start in (None, 0) and step in (None, 1):
        size = call.graph.sizes(x.real)[axis]
        if stop is None or (isinstance(stop, Size) and isinstance(size, Size) and stop.form == size.form):
            return x
    operator = Slice(
        axis=x.axis(axis),
        start=0 if start is None else plain(start),
        stop=plain(stop),
        step=1 if step is None else plain(step),
        inside=inside,
    )
    demands = [] if inside else call.graph.demands(operator, (x,))
    if not all(map(call.graph.holds, demands)):  # an empty part, which is no error yet
        call.graph.tape.holds(all_of(*demands), False)
        shape = (*x.shape[: operator.axis], Polynomial(()), *x.shape[operator.axis + 1 :])
        return replace(x.made("", shape), rest=x.rest or (operator, x))
    if x.rest is not None:
        return _part_of_nothing(call, x, operator)
    made = x.made(*call.layer(operator, x, name="slice"))
    if not inside:
        call.graph.dispense_with(tensor_layer(made.ref))
    return made


def _part_of_nothing(call: RecordedCall, x: Value, operator: Slice) -> Value:
    """Return a part, along another axis, of a tensor without elements."""
    required = call.graph.demands(operator, (x,))
    if not all(map(call.graph.holds, required)):
        raise Unsupported("a part outside of a tensor without elements")
    call.graph.tape.holds(all_of(*required), True)
    (shape,) = call.graph.foretold(operator, [x.shape])
    return replace(x, shape=shape)


def _selected(call: RecordedCall, x: Value, axis: int, position: Any) -> Value:
    stop = None if not isinstance(position, Size) and position == -1 else position + 1
    part = _sliced(call, x, axis, position, stop, inside=True)
    if part.rest is not None:
        at = part.axis(axis)
        return replace(part, shape=(*part.shape[:at], *part.shape[at + 1 :]), batch=moved(part.batch, axis, -1))
    ref, shape = call.layer(Squeeze(axis=part.axis(axis)), part, name="squeeze")
    return replace(part.made(ref, shape), batch=moved(part.batch, axis, -1))


@handles("select")
def select(call: RecordedCall, input: Any, dim: int, index: Any) -> Value:
    """One position of an axis."""
    x = call.input(input)
    return _selected(call, x, dim % x.rank, index)


@handles("slice")
def slice_of(call: RecordedCall, input: Any, dim: int = 0, start: Any = None, end: Any = None, step: Any = 1) -> Value:
    """Part of an axis, as exported programs write it: an end far beyond is the end of the axis."""
    x = call.input(input)
    stop = None if isinstance(end, int) and not isinstance(end, Size) and end >= 2**62 else end
    return _sliced(call, x, dim % x.rank, start, stop, step)


@handles("narrow")
def narrow(call: RecordedCall, input: Any, dim: int, start: Any, length: Any) -> Value:
    """Part of an axis, which must lie inside it."""
    x = call.input(input)
    axis = dim % x.rank
    stop = start + length
    return _sliced(call, x, axis, start, None if start < 0 and stop == 0 else stop, inside=True)


@handles("unbind")
def unbind(call: RecordedCall, input: Any, dim: int = 0) -> list[Value]:
    """Every position of an axis."""
    x = call.input(input)
    axis = dim % x.rank
    (count,) = call.graph.sizes((x.shape[x.axis(axis)],))
    call.freeze(count)
    return [_selected(call, x, axis, i) for i in range(count)]


@handles("tensor_split")
def tensor_split(
    call: RecordedCall,
    input: Any,
    indices_or_sections: Any = None,
    dim: int = 0,
    *,
    sections: Any = None,
    indices: Any = None,
) -> list[Value]:
    """So many parts of which the first are larger by one, or parts that end at given positions; some may be empty."""
    given = next(g for g in (indices_or_sections, sections, indices) if g is not None)
    x = call.input(input)
    axis = dim % x.rank
    x.axis(axis)
    if isinstance(given, int):
        (whole,) = call.graph.sizes((x.real[axis],))
        parts = [(whole + given - 1 - i) // given for i in range(given)]
        if given > 1 and whole >= given:
            made = call.layers(Split(sizes=plain(parts), axis=x.axis(axis)), x, name="split")
            return [x.made(*one) for one in made]
        ends = [sum(parts[: i + 1]) for i in range(given - 1)]
    elif all(isinstance(n, int) for n in given):
        ends = list(given)
    else:
        raise Unsupported("positions that are no whole numbers")
    return [_sliced(call, x, axis, start, stop) for start, stop in zip([None, *ends], [*ends, None], strict=True)]


@handles("hsplit vsplit dsplit")
def split_along(call: RecordedCall, input: Any, indices_or_sections: Any) -> list[Value]:
    """Parts of one size along the axis that the name says, or parts that end at given positions."""
    x = call.input(input)
    axis = {"h": int(x.rank > 1), "v": 0, "d": 2}[call.function[0]]
    if isinstance(indices_or_sections, int):
        return evenly(call, x, axis, indices_or_sections)
    return tensor_split(call, input, indices_or_sections, axis)  # type: ignore[no-any-return]


@handles("diff")
def difference(
    call: RecordedCall, input: Any, n: int = 1, dim: int = -1, *, prepend: Any = None, append: Any = None
) -> Value:
    """Differences between neighbours along an axis."""
    x = call.input(input)
    if prepend is not None or append is not None:
        raise Unsupported("differences of something longer")
    part = _sliced(call, x, dim % x.rank, n, None)
    return part if part.rest is not None else call.same(Identity(mixes=True), part)


@handles("diagonal")
def diagonal(call: RecordedCall, input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Value:
    """The entries at the same place of two axes, along an axis at the end."""
    x = call.input(input)
    axes = [dim % x.rank for dim in (dim1, dim2)]
    if offset or x.batch is None:
        raise Unsupported("another diagonal than the main one")
    shorter = EXTREMES["min"](*call.graph.sizes([x.shape[x.axis(axis)] for axis in axes]))
    part = _selected(call, _sliced(call, x, axes[0], 0, shorter), axes[1], 0)
    kept = axes[0] - (axes[1] < axes[0])
    return call.reordered(part, [*(i for i in range(part.rank) if i != kept), kept])


@handles("select_scatter")
def written_at(call: RecordedCall, input: Any, src: Any, dim: int, index: Any) -> Value:
    """A tensor with another one written at a position of an axis."""
    x = call.input(input)
    return _written(call, x, _selected(call, x, dim % x.rank, index), src)


@handles("slice_scatter")
def written_over(
    call: RecordedCall, input: Any, src: Any, dim: int = 0, start: Any = None, end: Any = None, step: Any = 1
) -> Value:
    """A tensor with another one written over a part of an axis."""
    return _written(call, call.input(input), slice_of(call, input, dim, start, end, step), src)


def _written(call: RecordedCall, x: Value, part: Value, source: Any) -> Value:
    written = call.input(source)
    if part.rest is not None or (written.batch, written.fold) != (part.batch, part.fold):
        raise Unsupported("samples that do not meet")
    call.layer(Add(broadcast=False), part, written, name="source")
    return call.same(Identity(mixes=True), x)
