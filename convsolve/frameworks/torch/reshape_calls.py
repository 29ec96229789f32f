"""Calls that give the same elements a new shape, and where the batch axis is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...dims import ne, variables
from ...dims.normal import Polynomial
from ...operators import Flatten, Reshape
from ..common.recording.guards import BATCH
from ..common.recording.recorded_tensors import ONE, Unsupported, Value, product_of
from ..common.recording.symbolic_sizes import Size
from .arguments import listed, whole_form
from .calls import RecordedCall, handles, plain

__all__ = [
    "flatten",
    "reshape",
    "reshape_like",
    "unflatten",
]


@handles("view reshape _unsafe_view")
def reshape(call: RecordedCall, input: Any, *sizes: Any, shape: Any = None, size: Any = None) -> Value:
    """A new shape for the same elements."""
    wished = listed(sizes) if sizes else list(shape if shape is not None else size)
    if not all(isinstance(n, int) for n in wished):
        raise Unsupported("a view as another type")
    return _reshaped(call, call.input(input), wished)


@handles("view_as reshape_as")
def reshape_like(call: RecordedCall, input: Any, other: Any) -> Value:
    """The shape of another tensor."""
    return _reshaped(call, call.input(input), list(call.graph.sizes(call.value(other).real)))


@handles("flatten ravel")
def flatten(call: RecordedCall, input: Any, start_dim: int = 0, end_dim: int = -1) -> Value:
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
def unflatten(call: RecordedCall, input: Any, dim: int, sizes: Any) -> Value:
    """Splitting of one axis."""
    x = call.input(input)
    whole = list(call.graph.sizes(x.real))
    axis = dim % x.rank
    new = listed([sizes])
    if -1 in [int.__int__(n) for n in new]:
        rest = product_of([whole_form(n) for n in new if int.__int__(n) != -1])
        filled = call.graph.sizes((x.real[axis].floordiv(rest),))[0]
        new = [filled if int.__int__(n) == -1 else n for n in new]
    return _reshaped(call, x, [*whole[:axis], *new, *whole[axis + 1 :]])


def _reshaped(call: RecordedCall, x: Value, wished: list[Any]) -> Value:
    """Give a tensor a new shape, and find the batch axis in it.

    The elements keep their order, so the batch axis stands where the sizes before it multiply to as much as
    before. What its entry has beyond the number of samples are axes of the sample that are folded into it.
    """
    open_at = [i for i, n in enumerate(wished) if int.__int__(n) == -1]
    if len(open_at) > 1 or any(int.__int__(n) == 0 for n in wished):
        raise Unsupported("a shape that is not one")
    entries: list[Polynomial | None] = [None if i in open_at else whole_form(n) for i, n in enumerate(wished)]
    if x.batch is None:
        return x.made(*call.layer(Reshape(shape=plain(wished)), x, name=call.function))
    entries = [_samples_now(call, n, e) for n, e in zip(wished, entries, strict=True)]
    total = product_of(x.real)
    known = product_of([e for e in entries if e is not None])
    rest = total.quotient(known)
    forms = [e if e is not None else rest if rest is not None and rest.is_whole else None for e in entries]
    samples = BATCH if x.many else ONE
    before = product_of(x.shape[: x.batch])
    at = _batch_entry(forms, before, call.graph.batch)
    if at is None and not x.many:
        at = _one_entry(forms, before)
    if at is None:
        at, number = _open_entry(call, forms, open_at, x)
        if number is not None:
            sizes = [-1 if i == at else plain(n) for i, n in enumerate(wished)]
            ref, shape = call.layer(Reshape(shape=tuple(sizes)), x, name=call.function)
            return replace(x.made(ref, shape), batch=at, fold=1, regrouped=number)
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


def _samples_now(call: RecordedCall, size: Any, entry: Polynomial | None) -> Polynomial | None:
    """Return a size of a new shape; as the number of samples, where it is that at the recorded sizes alone.

    ``b*windows // 64`` is, where there are 64 windows: then there must be.
    """
    if entry is None or not isinstance(size, Size) or int.__int__(size) != call.graph.batch or entry == BATCH:
        return entry
    (batch,) = BATCH.atoms()
    if not any(v == batch for atom in entry.atoms() if atom != batch for v in variables(atom)):
        return entry
    size.freeze()
    return BATCH


def _batch_entry(forms: Sequence[Polynomial | None], before: Polynomial, samples: int) -> int | None:
    for i, form in enumerate(forms):
        if form is None:
            return None
        quotient = form.quotient(BATCH)
        by_batch = quotient is not None and quotient.is_whole
        if (by_batch or form.constant == samples) and product_of([f for f in forms[:i] if f]) == before:
            return i
    return None


def _one_entry(forms: Sequence[Polynomial | None], before: Polynomial) -> int | None:
    """Return where the axis of size 1 is that stands for any number of samples."""
    for i, form in enumerate(forms):
        if form is not None and form.constant == 1 and product_of([f for f in forms[:i] if f]) == before:
            return i
    return None


def _open_entry(
    call: RecordedCall, forms: Sequence[Polynomial | None], open_at: Sequence[int], x: Value
) -> tuple[int, int | None]:
    """Return that the open entry is the batch: the others are what one sample, or a group of it, is meant to have.

    ``view(-1, 9216)`` regroups the elements of all samples where a sample has another number of them. PyTorch
    lets that pass if the numbers divide; here it is a failure, unless the program makes samples of the groups again.
    With it comes the number by which that is found out, 0 where groups are meant: their sizes were asked for.
    """
    if x.batch == 0 and list(open_at) == [0] and forms[0] is None:
        known = [f for f in forms if f is not None]
        wished, elements = call.graph.number(product_of(known)), call.graph.number(product_of(x.shape))
        if wished and elements != wished and elements % wished == 0:
            meant = any(f.constant is None for f in known)
            number = 0 if meant else call.graph.next_regrouping()
            if meant or number not in call.graph.apart:
                return 0, number
        if not x.fold or wished == elements:
            if len(known) > 1 and wished and elements % wished:  # no head: where it divides them, it may make groups
                rest = product_of(x.shape).modulo(product_of(known))
                call.graph.tape.holds(ne(rest.dim(), 0), True)
            return 0, None
    raise Unsupported("a shape in which the samples cannot be told apart")


def _per_sample(
    call: RecordedCall, x: Value, wished: list[Any], forms: Sequence[Polynomial | None], at: int, fold: int
) -> Value:
    """Give each sample the entries beside the batch axis as its shape."""
    sizes = [plain(n) for i, n in enumerate(wished) if i != at]
    target = [f for i, f in enumerate(forms) if i != at]
    x = replace(x, regrouped=0)
    if target == list(x.shape):
        return replace(x, batch=at, fold=fold, parameters=frozenset())
    if not sizes:
        raise Unsupported("a sample without axes")
    if len(sizes) == 1 and target[0] is not None and (target[0] == product_of(x.shape)):
        ref, shape = call.layer(Flatten(), x, name=call.function)
    else:
        ref, shape = call.layer(Reshape(shape=tuple(sizes)), x, name=call.function)
    return replace(x.made(ref, shape), batch=at, fold=fold)
