"""Calls that repeat elements: along axes of size 1, or the whole tensor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from ...dims.normal import Polynomial
from ...operators import Expand, Flatten, Squeeze, Tile, Unsqueeze
from ..common.recording.guards import BATCH, BATCH_SIZE
from ..common.recording.recorded_tensors import ONE, Unsupported, Value
from ..common.recording.symbolic_sizes import Size
from .arguments import listed, whole_form
from .calls import RecordedCall, handles, plain
from .part_calls import gathered

__all__ = [
    "expand",
    "repeat",
    "repeat_interleave",
]


@handles("expand broadcast_to expand_as")
def expand(call: RecordedCall, input: Any, *sizes: Any, size: Any = None, implicit: bool = False) -> Value:
    """Repetition of axes of size 1, without a copy."""
    if call.function == "expand_as":
        wished: list[Any] = list(call.graph.sizes(call.value(sizes[0]).real))
    else:
        wished = listed(sizes) if sizes else list(size)
    forms = [None if int.__int__(n) == -1 else whole_form(n) for n in wished]
    new = len(forms) - call.value(input).rank
    grouped = _in_groups(call, input, wished, forms)
    if grouped is not None:
        return grouped
    x, at = _for_samples(call, input, forms, new)
    if at is not None:
        forms.pop(at)
    new = len(forms) - len(x.shape)
    own = [*[ONE] * new, *x.shape]
    target = [o if form is None else form for o, form in zip(own, forms, strict=True)]
    if target == list(x.shape):
        return x
    kept = tuple(1 if t == o and i >= new else t.dim() for i, (t, o) in enumerate(zip(target, own, strict=True)))
    return x.made(*call.layer(Expand(shape=kept), x, name="expand"))


def _for_samples(call: RecordedCall, tensor: Any, forms: list[Polynomial | None], new: int) -> tuple[Value, int | None]:
    """Return a tensor with its batch axis where repetition puts it, and which entry of the new sizes that is."""
    x = call.input(tensor)
    if x.batch is not None:
        at = x.batch + new
        entry = forms[at]
        if x.fold or not (entry is None or _is_batch(call, entry) or entry.constant == 1):
            raise Unsupported("repetition of samples")
        return replace(x, batch=at, many=x.many or (entry is not None and _is_batch(call, entry))), at
    found = next((i for i, form in enumerate(forms) if form is not None and _is_batch(call, form)), None)
    return (x, None) if found is None else (_shared(call, x, found, new), found)


def _in_groups(call: RecordedCall, tensor: Any, wished: list[Any], forms: list[Polynomial | None]) -> Value | None:
    """Repeat a constant so that there are several groups of samples; None where that is not meant."""
    at = next((i for i, n in enumerate(wished) if _groups(n) not in (None, ONE)), None)
    value = call.value(tensor)
    if at is None or value.batch is not None:
        return None
    new = len(wished) - value.rank
    if at >= new and value.shape[at - new].constant != 1:
        raise Unsupported("a constant that differs between samples")
    groups = _groups(wished[at])
    assert groups is not None
    x = call.input(tensor)
    own = [*[ONE] * new, *x.shape]
    target = [o if form is None else form for form, o in zip(forms, own, strict=True)]
    target[at] = groups
    kept = tuple(1 if t == o and i >= new else t.dim() for i, (t, o) in enumerate(zip(target, own, strict=True)))
    return replace(x.made(*call.layer(Expand(shape=kept), x, name="expand")), batch=at, fold=1)


def _shared(call: RecordedCall, x: Value, at: int, new: int) -> Value:
    """Return a constant as the same for every sample, its batch axis being number ``at`` after ``new`` axes."""
    if at < new:
        return replace(x, batch=at)
    if x.shape[at - new].constant != 1:
        raise Unsupported("a constant that differs between samples")
    return replace(x.made(*call.layer(Squeeze(axis=at - new), x, name="squeeze")), batch=at)


def _is_batch(call: RecordedCall, form: Polynomial) -> bool:
    return form == BATCH or form.constant == call.graph.batch


def _groups(n: Any) -> Polynomial | None:
    """Return how many times the number of samples a size is; None where it is none."""
    if type(n) is int and n == BATCH_SIZE:
        return ONE
    quotient = n.form.quotient(BATCH) if isinstance(n, Size) else None
    return quotient if quotient is not None and quotient.is_whole else None


@handles("repeat tile")
def repeat(call: RecordedCall, input: Any, *sizes: Any, repeats: Any = None, dims: Any = None) -> Value:
    """Repetition of the whole tensor along its axes."""
    given = repeats if repeats is not None else dims
    times = listed(sizes) if sizes else list(given)
    if call.function == "tile":
        times = [*[1] * (call.value(input).rank - len(times)), *times]
    at = next((i for i, n in enumerate(times) if _groups(n) is not None), None)
    x = call.input(input)
    new = len(times) - x.rank
    groups = None if at is None else _groups(times[at])
    if x.batch is not None:
        at = x.batch + new
        if at or new:
            if x.fold or times[at] != 1:
                raise Unsupported("repetition of samples")
            x = replace(x, batch=at)
        else:
            if not x.many and groups is not None:  # one sample that stands for all
                x = replace(x, many=True)
            else:
                groups = whole_form(times[0])
            return _regrouped(call, x, groups, times)
    elif at is not None and groups is not None and groups.constant != 1:
        return _regrouped(call, _shared(call, x, at, new) if at < new else x, groups, times, at)
    elif at is not None:
        x = _shared(call, x, at, new)
    if at is not None:
        times.pop(at)
    while len(x.shape) < len(times):
        x = x.made(*call.layer(Unsqueeze(axis=0), x, name="unsqueeze"))
    if all(not isinstance(n, Size) and n == 1 for n in times):
        return x
    return x.made(*call.layer(Tile(repeats=plain(times)), x))


def _regrouped(call: RecordedCall, x: Value, groups: Polynomial, times: list[Any], at: int = 0) -> Value:
    """Repeat samples, or a constant, so that there are so many groups of samples along the axis ``at``."""
    shape = [n if n is None else plain(n) for n in times]
    if x.batch is None:  # an axis of size 1 becomes that of the groups
        if x.shape[at].constant != 1:
            raise Unsupported("a constant that differs between samples")
    elif groups.constant != 1:
        x = x.made(*call.layer(Unsqueeze(axis=at), x, name="unsqueeze"))
    inner = [1] * x.fold if x.batch is not None else []
    first = [groups.dim()] if x.batch is None or groups.constant != 1 else []
    repeats = (*shape[:at], *first, *inner, *shape[at + 1 :])
    fold = x.fold + (1 if first else 0) if x.batch is not None else 1
    done = x if all(n == 1 for n in repeats) else x.made(*call.layer(Tile(repeats=repeats), x))
    return replace(done, batch=at, fold=fold)


@handles("repeat_interleave")
def repeat_interleave(
    call: RecordedCall, input: Any, repeats: Any, dim: Any = None, *, output_size: Any = None
) -> Value:
    """Repetition of each position of an axis; of samples, each becomes a group."""
    if isinstance(repeats, torch.Tensor) and dim is not None:
        return _as_often(call, input, repeats, dim)
    if not isinstance(repeats, int) or isinstance(repeats, bool) or dim is None:
        raise Unsupported("repetition of each position as often as a tensor says")
    x = call.input(input)
    axis = dim % x.rank
    samples = axis == x.batch
    at = axis + x.fold if samples else x.axis(axis) + 1
    x = x.made(*call.layer(Unsqueeze(axis=at), x, name="unsqueeze"))
    times = [1] * len(x.shape)
    times[at] = repeats
    x = x.made(*call.layer(Tile(repeats=plain(times)), x, name="tile"))
    if samples:
        return replace(x, fold=x.fold + 1)
    return x.made(*call.layer(Flatten(start_axis=at - 1, end_axis=at), x, name="flatten"))


def _as_often(call: RecordedCall, input: Any, repeats: torch.Tensor, dim: int) -> Value:
    """Repetition of each position as often as a constant says, which has one number for each."""
    x = call.input(input)
    axis = dim % x.rank
    if repeats.is_meta or repeats.dim() != 1 or call.graph.number(x.real[axis]) != len(repeats) or not repeats.any():
        raise Unsupported("repetition of each position as often as a tensor says that is not known")
    call.freeze(*call.graph.sizes(x.real[axis : axis + 1]))
    return gathered(call, x, axis, torch.arange(len(repeats)).repeat_interleave(repeats))
