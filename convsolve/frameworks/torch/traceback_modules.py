"""Finding the live PyTorch module in the traceback of an exception. PyTorch is never imported for it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...messages.parsed_error import ParsedError
from ...vocabulary import our_operator

__all__ = ["FailedCall", "failed_call"]

_CALLS = ("_wrapped_call_impl", "_call_impl", "__call__")
_MOST_FRAMES = 5_000
_WINDOWS = ("conv", "conv_transpose", "max_pool", "avg_pool")


@dataclass(frozen=True)
class FailedCall:
    """A call of a module that raised: the outermost module, what it was called with, and the layer inside.

    ``shapes`` are those of the tensors among the arguments, without the batch axis. ``layer`` is the innermost module
    that was being called, ``name`` its name inside the outermost one (empty where they are the same).
    """

    module: Any
    shapes: tuple[tuple[int, ...], ...]
    layer: Any
    name: str

    def complete(self, complaint: ParsedError) -> ParsedError:
        """Return a complaint with what the layer knows about itself, where the message did not say it."""
        found: dict[str, Any] = {} if complaint.layer or not self.name else {"layer": self.name}
        kind = _window_kind(self.layer)
        related = complaint.operator == kind or (complaint.operator == "pool" and kind in ("max_pool", "avg_pool"))
        sizes = complaint.padded or complaint.sizes or complaint.output
        rounds_up = getattr(self.layer, "ceil_mode", False)  # another formula, of which the message shows no number
        if kind and related and complaint.code in ("CS001", "CS002", "CS010", "CS025") and sizes and not rounds_up:
            rank = int(type(self.layer).__name__[-2])
            for field in ("kernel_size", "stride", "dilation", "padding", "output_padding"):
                value = _numbers(getattr(self.layer, field, 1 if field == "dilation" else None), rank)
                if value is not None:
                    found[field] = value
            found["operator"] = kind
            padding = found.get("padding")
            if complaint.padded is not None and padding and len(complaint.padded) == rank:
                found |= {"padded": None, "sizes": tuple(
                    n - 2 * p for n, p in zip(complaint.padded, padding, strict=True))}  # fmt: skip
            if complaint.sizes is not None and len(complaint.sizes) > rank:  # on 1 axis, it runs as one on 2 axes
                found["sizes"] = complaint.sizes[-rank:]
                if kind == "conv_transpose" and complaint.output is not None:
                    found["output"] = complaint.output[-rank:]
        return dataclasses.replace(complaint, **found)


def failed_call(error: BaseException) -> FailedCall | None:
    """Return the call of a PyTorch module that an exception came out of, or None.

    >>> failed_call(ValueError("no traceback")) is None
    True
    """
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "nn"):
        return None
    outer: tuple[Any, Any, Any] | None = None
    inner: Any = None
    for frame_locals, function in _frames(error):
        module = frame_locals.get("self")
        if function in _CALLS and isinstance(module, torch.nn.Module):
            inner = module
            if outer is None:
                outer = (module, frame_locals.get("args"), frame_locals.get("kwargs"))
    if outer is None:
        return None
    module, args, kwargs = outer
    values = [*(args if isinstance(args, tuple) else ()), *(kwargs.values() if isinstance(kwargs, dict) else ())]
    shapes = tuple(tuple(map(int, v.shape[1:])) for v in values if isinstance(v, torch.Tensor) and v.dim() > 0)
    name = next((name for name, part in module.named_modules() if part is inner), "")
    return FailedCall(module, shapes, inner, name)


def _frames(error: BaseException) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the local variables of the frames, from the outermost in, and the names of their functions."""
    traceback, count = error.__traceback__, 0
    while traceback is not None and count < _MOST_FRAMES:
        yield traceback.tb_frame.f_locals, traceback.tb_frame.f_code.co_name
        traceback, count = traceback.tb_next, count + 1


def _window_kind(layer: Any) -> str | None:
    """Return the operator that PyTorch's own ``Conv2d``, ``MaxPool1d`` or the like is; None of any other module."""
    name = type(layer).__name__
    kind = our_operator(name) if name[-2:] in ("1d", "2d", "3d") else None
    return kind if kind in _WINDOWS and type(layer).__module__.startswith("torch.") else None


def _numbers(value: Any, rank: int) -> tuple[int, ...] | None:
    """Return a parameter as one number for each axis, or None."""
    if type(value) is int:
        return (value,) * rank
    if isinstance(value, tuple) and len(value) in (1, rank) and all(type(n) is int for n in value):
        return value * rank if len(value) == 1 else value
    return None
