"""Calls that rearrange axes: reshapes, permutations, slices, repetition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...dims import bounds
from ...dims.normal import Polynomial
from ...operators import Chunk, Concat, Expand, Flatten, Reshape, Slice, Split, Squeeze, Tile, Unsqueeze
from .calls import Call, handles, plain
from .sizes import Size, form_of
from .tape import BATCH, BATCH_SIZE
from .values import ONE, Unsupported, Value, product_of

__all__: list[str] = []


def _listed(sizes: Sequence[Any]) -> list[Any]:
    """Return sizes given one by one, or as one list, as a list."""
    return list(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (list, tuple)) else list(sizes)


def _form(size: Any) -> Polynomial:
    form = form_of(size) if isinstance(size, int) else None
    if form is None:
        raise Unsupported("a size that is no whole number")
    return form


# -- reshapes


@handles("view reshape _unsafe_view")
def reshape(call: Call, input: Any, *sizes: Any, shape: Any = None, size: Any = None) -> Value:
    """A new shape for the same elements."""
    wished = _listed(sizes) if sizes else list(shape if shape is not None else size)
    if not all(isinstance(n, int) for n in wished):
        raise Unsupported("a view as another type")
    return _reshaped(call, call.input(input), wished)


@handles("view_as reshape_as")
def reshape_like(call: Call, input: Any, other: Any) -> Value:
    """The shape of another tensor."""
    return _reshaped(call, call.input(input), list(call.graph.sizes(call.value(other).real)))


@handles("flatten ravel")
def flatten(call: Call, input: Any, start_dim: int = 0, end_dim: int = -1) -> Value:
    """Merging of neighbouring axes."""
    x = call.input(input)
    if x.rank < 2:
        return x
    start, end = start_dim % x.rank, end_dim % x.rank
    if start == end:
        return x
    if x.batch is not None and start <= x.batch <= end:
        sizes = list(call.graph.sizes(x.real))
        merged = call.graph.sizes((product_of(x.real[start : end + 1]),))
        return _reshaped(call, x, [*sizes[:start], *merged, *sizes[end + 1 :]])
    operator = Flatten(start_axis=x.axis(start), end_axis=x.axis(end))
    ref, shape = call.layer(operator, x)
    batch = x.batch if x.batch is None or x.batch < start else x.batch - (end - start)
    return replace(x.made(ref, shape), batch=batch)


@handles("unflatten")
def unflatten(call: Call, input: Any, dim: int, sizes: Any) -> Value:
    """Splitting of one axis."""
    x = call.input(input)
    whole = list(call.graph.sizes(x.real))
    axis = dim % x.rank
    new = _listed([sizes])
    if -1 in [int.__int__(n) for n in new]:
        rest = product_of([_form(n) for n in new if int.__int__(n) != -1])
        filled = call.graph.sizes((x.real[axis].floordiv(rest),))[0]
        new = [filled if int.__int__(n) == -1 else n for n in new]
    return _reshaped(call, x, [*whole[:axis], *new, *whole[axis + 1 :]])


def _reshaped(call: Call, x: Value, wished: list[Any]) -> Value:
    """Give a tensor a new shape, and find the batch axis in it.

    The elements keep their order, so the batch axis stands where the sizes before it multiply to as much as
    before. What its entry has beyond the number of samples are axes of the sample that are folded into it.
    """
    open_at = [i for i, n in enumerate(wished) if int.__int__(n) == -1]
    if len(open_at) > 1 or any(int.__int__(n) == 0 for n in wished):
        raise Unsupported("a shape that is not one")
    entries: list[Polynomial | None] = [None if i in open_at else _form(n) for i, n in enumerate(wished)]
    if x.batch is None:
        return x.made(*call.layer(Reshape(shape=plain(wished)), x, name=call.function))
    total = product_of(x.real)
    known = product_of([e for e in entries if e is not None])
    rest = total.quotient(known)
    forms = [e if e is not None else rest if rest is not None and rest.is_whole else None for e in entries]
    samples = BATCH if x.many else ONE
    before = product_of(x.shape[: x.batch])
    at = _batch_entry(forms, before, samples if x.many else Polynomial.of(BATCH_SIZE))
    if at is None and not x.many:
        at = _one_entry(forms, before)
    if at is None:
        at = _open_entry(call, forms, open_at, x)
        return _per_sample(call, x, wished, forms, at, 0)
    entry = forms[at]
    assert entry is not None
    folded = entry.quotient(samples) if x.many else entry
    if folded is None and x.many:
        folded = ONE  # the number of samples, as a plain number
    assert folded is not None
    if folded.constant == 1:
        return _per_sample(call, x, wished, forms, at, 0)
    for count in range(1, len(x.shape) - x.batch + 1):  # the same axes, folded
        inner = x.shape[x.batch : x.batch + count]
        outer = [*x.shape[: x.batch], *x.shape[x.batch + count :]]
        if product_of(inner) == folded and outer == [*forms[:at], *forms[at + 1 :]]:
            return replace(x, fold=count, parameters=frozenset())
    sizes = [-1 if form is None else form.dim() for form in forms]
    sizes[at] = folded.dim()
    ref, shape = call.layer(Reshape(shape=tuple(sizes)), x, name=call.function)
    return replace(x.made(ref, shape), batch=at, fold=1)


def _batch_entry(forms: Sequence[Polynomial | None], before: Polynomial, samples: Polynomial) -> int | None:
    for i, form in enumerate(forms):
        if form is None:
            return None
        quotient = form.quotient(BATCH)
        by_batch = quotient is not None and quotient.is_whole
        if (by_batch or form.constant == BATCH_SIZE) and product_of([f for f in forms[:i] if f]) == before:
            return i
    return None


def _one_entry(forms: Sequence[Polynomial | None], before: Polynomial) -> int | None:
    """Return where the axis of size 1 is that stands for any number of samples."""
    for i, form in enumerate(forms):
        if form is not None and form.constant == 1 and product_of([f for f in forms[:i] if f]) == before:
            return i
    return None


def _open_entry(call: Call, forms: Sequence[Polynomial | None], open_at: Sequence[int], x: Value) -> int:
    """Return that the open entry is the batch: the others are what one sample is meant to have.

    ``view(-1, 9216)`` regroups the elements of all samples where a sample has another number of them. PyTorch
    lets that pass if the numbers divide; here it is a failure.
    """
    if x.batch == 0 and list(open_at) == [0] and forms[0] is None:
        wished = product_of([f for f in forms if f is not None])
        if not x.fold or call.graph.number(wished) == call.graph.number(product_of(x.shape)):
            return 0
    raise Unsupported("a shape in which the samples cannot be told apart")


def _per_sample(
    call: Call, x: Value, wished: list[Any], forms: Sequence[Polynomial | None], at: int, fold: int
) -> Value:
    """Give each sample the entries beside the batch axis as its shape."""
    sizes = [plain(n) for i, n in enumerate(wished) if i != at]
    target = [f for i, f in enumerate(forms) if i != at]
    if target == list(x.shape):
        return replace(x, batch=at, fold=fold, parameters=frozenset())
    if not sizes:
        raise Unsupported("a sample without axes")
    if len(sizes) == 1 and target[0] is not None and (target[0] == product_of(x.shape)):
        ref, shape = call.layer(Flatten(), x, name=call.function)
    else:
        ref, shape = call.layer(Reshape(shape=tuple(sizes)), x, name=call.function)
    return replace(x.made(ref, shape), batch=at, fold=fold)


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
            x = replace(x.made(ref, shape), batch=_moved(x.batch, axis, -1))
    return x


def _moved(batch: int | None, axis: int, by: int) -> int | None:
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
    return call.reordered(x, [d % x.rank for d in (_listed(dims) if dims else named["dims"])])


@handles("transpose swapaxes swapdims")
def transpose(call: Call, input: Any, dim0: int, dim1: int) -> Value:
    """Two axes change places."""
    x = call.input(input)
    order = list(range(x.rank))
    a, b = dim0 % x.rank, dim1 % x.rank
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
    return replace(part.made(ref, shape), batch=_moved(part.batch, axis, -1))


@handles("select")
def select(call: Call, input: Any, dim: int, index: Any) -> Value:
    """One position of an axis."""
    x = call.input(input)
    return _selected(call, x, dim % x.rank, index)


@handles("narrow")
def narrow(call: Call, input: Any, dim: int, start: Any, length: Any) -> Value:
    """Part of an axis, which must lie inside it."""
    x = call.input(input)
    axis = dim % x.rank
    inside = (x.real[axis] - _form(start) - _form(length)).dim()
    low = bounds(inside)[0]
    if low is None or low < 0:
        call.graph.tape.holds(inside >= 0, True)  # type: ignore[operator]
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


# -- repetition


@handles("expand broadcast_to expand_as")
def expand(call: Call, input: Any, *sizes: Any, size: Any = None, implicit: bool = False) -> Value:
    """Repetition of axes of size 1, without a copy."""
    if call.function == "expand_as":
        wished = list(call.graph.sizes(call.value(sizes[0]).real))
    else:
        wished = _listed(sizes) if sizes else list(size)
    raw = call.value(input)
    new = len(wished) - raw.rank
    forms: list[Polynomial | None] = [None if int.__int__(n) == -1 else _form(n) for n in wished]
    at = next((i for i, f in enumerate(forms) if f is not None and _is_batch(f)), None)
    x = raw
    if raw.batch is None and at is not None:  # a constant, the same for each sample
        if at >= new:
            if raw.shape[at - new].constant != 1:
                raise Unsupported("a constant that differs between samples")
            inputs, like = call.joined([input]), None
            x = inputs[0][0]
            ref, shape = call.layer(Squeeze(axis=at - new), x, name="squeeze")
            x = Value(ref, shape, at)
            rest = [f for i, f in enumerate(forms) if i != at]
            new = max(len(rest) - len(x.shape), 0)
            _ = like
        else:
            x = replace(call.input(input), batch=at)
            rest = [f for i, f in enumerate(forms) if i != at]
            new = len(rest) - len(x.shape)
    else:
        x = call.input(input)
        if x.batch is None:
            rest = forms
        else:
            at = x.batch + new
            if x.fold:
                raise Unsupported("repetition of folded axes")
            entry = forms[at]
            if entry is not None and not _is_batch(entry) and entry.constant != 1:
                raise Unsupported("repetition of samples")
            many = x.many or (entry is not None and _is_batch(entry))
            x = replace(x, batch=at, many=many)
            rest = [f for i, f in enumerate(forms) if i != at]
    own: list[Polynomial] = [*[ONE] * new, *x.shape]
    target = [o if r is None else r for o, r in zip(own, rest, strict=True)]
    if target == list(x.shape):
        return x
    kept = tuple(1 if t == o and i >= new else t.dim() for i, (t, o) in enumerate(zip(target, own, strict=True)))
    return x.made(*call.layer(Expand(shape=kept), x, name="expand"))


def _is_batch(form: Polynomial) -> bool:
    return form == BATCH or form.constant == BATCH_SIZE


@handles("repeat tile")
def repeat(call: Call, input: Any, *sizes: Any, repeats: Any = None, dims: Any = None) -> Value:
    """Repetition of the whole tensor along its axes."""
    given = repeats if repeats is not None else dims
    times = _listed(sizes) if sizes else list(given)
    raw = call.value(input)
    if call.function == "tile":
        times = [*[1] * (raw.rank - len(times)), *times]
    at = next((i for i, n in enumerate(times) if isinstance(n, Size) and _is_batch(n.form)), None)
    if raw.batch is None and at is not None:
        new = len(times) - raw.rank
        if at >= new and raw.shape[at - new].constant != 1:
            raise Unsupported("a constant that differs between samples")
        x = call.input(input)
        if at >= new:
            x = x.made(*call.layer(Squeeze(axis=at - new), x, name="squeeze"))
        else:
            new -= 1
        x = replace(x, batch=at)
        times.pop(at)
    else:
        x = call.input(input)
        new = len(times) - x.rank
        if x.batch is not None:
            if x.fold or times[x.batch + new] != 1:
                raise Unsupported("repetition of samples")
            times.pop(x.batch + new)
            x = replace(x, batch=x.batch + new)
    for _ in range(new):
        x = x.made(*call.layer(Unsqueeze(axis=0), x, name="unsqueeze"))
    if all(not isinstance(n, Size) and n == 1 for n in times):
        return x
    return x.made(*call.layer(Tile(repeats=plain(times)), x))


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
