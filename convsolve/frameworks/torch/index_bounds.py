"""What is known of the entries of constants that serve as positions: between which whole numbers they lie."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from ...dims import bounds, maximum, minimum
from ...dims.normal import Polynomial
from ..common.recording.recorded_tensors import EntryRange, Unsupported
from .arguments import whole_form
from .calls import RecordedCall, plain
from .element_calls import ALIASES

__all__ = ["entries_after", "known_ends", "span_of"]

_KEPT = frozenset(
    f"{ALIASES} unsqueeze squeeze view reshape flatten unflatten expand expand_as broadcast_to repeat tile permute "
    "transpose t movedim moveaxis get:T get:mT repeat_interleave".split())  # fmt: skip
_PARTS = frozenset(["__getitem__", "select", "narrow", "slice", "chunk", "split", "unbind", "index_select"])
_TURNED = frozenset(["flip", "roll"])
_FILLED = {"zeros": 0, "ones": 1}
_MOST_ENTRIES = 1 << 16


def span_of(call: RecordedCall, x: Any) -> EntryRange | None:
    """Return between which numbers the entries of a tensor (or a number) lie, or None where that is not known."""
    if isinstance(x, int) and not isinstance(x, bool):
        return EntryRange(whole_form(x), whole_form(x))
    if not isinstance(x, torch.Tensor):
        return None
    value = call.value(x)
    if value.span is not None or value.batch is not None or any(n.constant is None for n in value.shape):
        return value.span
    with torch._C.DisableTorchFunction():
        if x.is_meta or x.is_floating_point() or x.dtype == torch.bool or not 0 < x.numel() <= _MOST_ENTRIES:
            return None
        row = x.flatten()
        run = x.dim() == 1 and bool((row[1:] - row[:-1] == 1).all())
        return EntryRange(Polynomial.of(int(row.min())), Polynomial.of(int(row.max())), consecutive=run)


def entries_after(call: RecordedCall, name: str, args: Any, kwargs: Any) -> EntryRange | None:
    """Return between which numbers the entries of a call's result lie, where that is known."""
    operands = [*args, *([kwargs["input"]] if "input" in kwargs else [])]
    if name == "arange":
        return _arranged(args, kwargs)
    if name.removeprefix("new_").partition("_")[0] in _FILLED and name != "ones_":
        number = Polynomial.of(_FILLED[name.removeprefix("new_").partition("_")[0]])
        return EntryRange(number, number)
    if name in ("full", "full_like", "new_full"):
        return span_of(call, kwargs.get("fill_value", args[-1] if args else None))
    own = span_of(call, operands[0]) if operands else None
    if own is None:
        return None
    if name in _KEPT or (name == "__getitem__" and _all_of_it(args[1])):
        return own if name in ALIASES.split() else replace(own, consecutive=False)
    if name in _TURNED:
        return replace(own, consecutive=False)
    if name in _PARTS:
        return replace(own, exact=False, consecutive=False)
    other = span_of(call, kwargs.get("other", args[1] if len(args) > 1 else None))
    if name in ("add", "sub", "__add__", "__sub__", "__radd__") and other is not None and not kwargs.get("alpha"):
        exact = own.exact and other.exact and _apart(call, args[0], args[1])
        ends = (
            (own.least + other.least, own.largest + other.largest)
            if "sub" not in name
            else (own.least - other.largest, own.largest - other.least)
        )
        return EntryRange(*ends, exact, own.consecutive and isinstance(args[1], int))
    if name in ("mul", "__mul__", "__rmul__") and other is not None and isinstance(args[1], int) and args[1] > 0:
        return EntryRange(own.least * other.least, own.largest * other.least, own.exact)
    if name in ("clamp", "clip", "clamp_min", "clamp_max"):
        return _clamped(own, name, args, kwargs)
    return None


def _all_of_it(index: Any) -> bool:
    """Return whether an index names all entries, perhaps with new axes."""
    entries = index if isinstance(index, tuple) else (index,)
    return all(e is None or e is Ellipsis or (isinstance(e, slice) and e == slice(None)) for e in entries)


def _arranged(args: Any, kwargs: Any) -> EntryRange | None:
    start, end, step = kwargs.get("start", 0), kwargs.get("end"), kwargs.get("step", 1)
    if args:
        start, end, step = (0, args[0], step) if len(args) == 1 else (*args, step)[:3]
    if not all(isinstance(n, int) for n in (start, end, step)) or isinstance(step, torch.Tensor) or not step:
        return None
    first, count = whole_form(start), -((start - end) // step) if step > 0 else -((end - start) // -step)
    last = first + (whole_form(count) - Polynomial.of(1)) * whole_form(step)
    return (
        EntryRange(first, last, consecutive=True)
        if step == 1
        else EntryRange(*((first, last) if step > 0 else (last, first)))
    )


def _apart(call: RecordedCall, a: Any, b: Any) -> bool:
    """Return whether two operands vary along different axes, so that every entry meets every other."""
    if isinstance(b, int):
        return True
    shapes = [call.value(t).shape for t in (a, b)]
    rank = max(map(len, shapes))
    first, second = ([None] * (rank - len(s)) + [n.constant for n in s] for s in shapes)
    varies = [(m not in (None, 1) or (i >= rank - len(shapes[0]) and m != 1),
               n not in (None, 1) or (i >= rank - len(shapes[1]) and n != 1))
              for i, (m, n) in enumerate(zip(first, second, strict=True))]  # fmt: skip
    return not any(m and n for m, n in varies)


def _clamped(own: EntryRange, name: str, args: Any, kwargs: Any) -> EntryRange | None:
    given = list(args[1:])
    low = kwargs.get("min", given[0] if given and name != "clamp_max" else None)
    high = kwargs.get("max", given[-1] if len(given) > 1 or (given and name == "clamp_max") else None)
    if not all(n is None or isinstance(n, int) for n in (low, high)):
        return None
    ends = [own.least.dim(), own.largest.dim()]
    if low is not None:
        ends = [maximum(n, plain(low)) for n in ends]
    if high is not None:
        ends = [minimum(n, plain(high)) for n in ends]
    return EntryRange(Polynomial.of(ends[0]), Polynomial.of(ends[1]), own.exact)


def known_ends(call: RecordedCall, index: Any, size: Polynomial) -> EntryRange:
    """Return between which positions an index asks for some of so many, or raise Unsupported.

    Where only more is known than what it asks for, that must lie inside.
    """
    span = span_of(call, index)
    if span is None:
        raise Unsupported("positions that are not known")
    room = bounds((size - span.largest - Polynomial.of(1)).dim())[0]
    if not span.exact and (room is None or room < 0 or (bounds(span.least.dim())[0] or 0) < 0):
        raise Unsupported("positions of which not all are known")
    return span
