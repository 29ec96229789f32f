"""Running calls for their shapes: on the meta device, and with plain numbers for sizes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from ...support.caller_errors import pass_on
from ..common.recording.recorded_tensors import Value
from ..common.recording.symbolic_values import Followed, unfollowed
from .light_imports import light_imports
from .opaque_calls import tensors_in

__all__ = [
    "META",
    "REFUSALS",
    "Runner",
    "numbers_in",
    "padded",
    "refusal",
    "shape_of",
    "too_large",
    "values_in",
    "without_data",
]


META = torch.device("meta")

REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, AssertionError, NotImplementedError, ArithmeticError)
"""What PyTorch raises where it does not take a call."""

_ABOUT_TYPES = ("not implemented", "Could not run")
"""What PyTorch says of calls that it makes with other types or contents."""
_MOST_TRIED = 1 << 26
"""Calls whose tensors have so many bytes at most are tried with contents."""


_RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")


class Runner:
    """Runs calls; keeps constants of the program that it has moved to the meta device."""

    def __init__(self) -> None:
        self.moved: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def run(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run a call on the meta device, with plain numbers for sizes."""
        on_meta = any(t.is_meta for t in tensors_in((args, kwargs)))
        plain_args, plain_kwargs = self.plain(args, on_meta=on_meta), self.plain(kwargs, on_meta=on_meta)
        if func is torch.nn.functional.embedding:  # an input's type is not known before: here are whole numbers
            plain_args = (plain_args[0].long(), *plain_args[1:])
        if getattr(func, "__name__", "") == "repeat_interleave" and on_meta:
            plain_kwargs = {**plain_kwargs, **_count(*args, **kwargs)}
        if getattr(func, "__name__", "").partition(".")[0] in _RECURRENT and on_meta and _of_one_length(plain_args):
            return _in_one_step(func, *plain_args)
        if not on_meta:
            return func(*plain_args, **plain_kwargs)
        with light_imports():
            return _remembered(func, plain_args, plain_kwargs)

    def plain(self, x: Any, *, on_meta: bool = False) -> Any:
        """Return arguments with plain numbers for sizes; nothing is kept of them."""
        if isinstance(x, torch.Tensor):
            return self._on_meta(x) if on_meta and not x.is_meta else x
        if isinstance(x, Followed):
            return unfollowed(x)
        if isinstance(x, (list, tuple)):
            items = [self.plain(v, on_meta=on_meta) for v in x]
            if all(a is b for a, b in zip(items, x, strict=True)):
                return x
            return type(x)(items) if type(x) in (list, tuple, torch.Size) else type(x)(*items)
        if isinstance(x, dict):
            return {k: self.plain(v, on_meta=on_meta) for k, v in x.items()}
        if isinstance(x, slice):
            return slice(*(self.plain(v, on_meta=on_meta) for v in (x.start, x.stop, x.step)))
        return x

    def _on_meta(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a constant of the program on the meta device, too."""
        if id(tensor) not in self.moved:
            self.moved[id(tensor)] = tensor, tensor.to("meta")
        return self.moved[id(tensor)][1]


_NEW = frozenset(
    [
        "linear",
        "layer_norm",
        "gelu",
        "softmax",
        "matmul",
        "__matmul__",
        "scaled_dot_product_attention",
        "conv1d",
        "conv2d",
        "conv3d",
        "batch_norm",
        "group_norm",
        "silu",
        "hardswish",
        "hardsigmoid",
        "sigmoid",
        "mul",
        "__mul__",
        "__rmul__",
        "add",
        "__add__",
        "__radd__",
        "sub",
        "__sub__",
        "div",
        "__truediv__",
        "mean",
        "sum",
        "interpolate",
        "pad",
        "cat",
        "avg_pool2d",
        "adaptive_avg_pool2d",
        "max_pool2d",
        "tanh",
        "exp",
        "log_softmax",
        "normalize",
        "relu",
    ]
)
"""Functions that make a new tensor, whose form depends on nothing but the forms of their arguments."""
_MOST_REMEMBERED = 1 << 14

_made: dict[Any, tuple[Any, ...]] = {}
"""The size, strides and type of what functions made, by the functions and the forms of what they were given."""


def _remembered(func: Any, args: Any, kwargs: Any) -> Any:
    """Return what a call makes on the meta device; what was made of arguments of the same forms is not made again.

    PyTorch computes the forms of results in Python, which takes most of the time of a recording.
    """
    if getattr(func, "__name__", "") not in _NEW:
        return func(*args, **kwargs)
    key: Any
    try:
        key = func, _form(args), _form(kwargs), torch.get_default_dtype()
        known = _made.get(key)
    except TypeError:  # an argument that is neither a number nor a tensor
        return func(*args, **kwargs)
    if known is not None:
        return torch.empty_strided(*known[:2], dtype=known[2], device=META)
    result = func(*args, **kwargs)
    if type(result) is torch.Tensor and not any(result is given for given in tensors_in((args, kwargs))):
        if len(_made) >= _MOST_REMEMBERED:
            _made.clear()
        _made[key] = tuple(result.shape), result.stride(), result.dtype
    return result


def _form(x: Any) -> Any:
    """Return what tells arguments apart as far as forms go, or raise TypeError."""
    if isinstance(x, torch.Tensor):
        return "tensor", tuple(x.shape), x.stride(), x.dtype, x.device.type
    if isinstance(x, (list, tuple)):
        return type(x).__name__, *map(_form, x)
    if isinstance(x, dict):
        return tuple((name, _form(value)) for name, value in x.items())
    if x is None or isinstance(x, (bool, int, float, str, torch.dtype)):
        return type(x), x
    raise TypeError(x)


def _count(input: Any, repeats: Any = None, dim: Any = None, **_: Any) -> dict[str, int]:
    """Return how many positions come out where a constant, which meta knows no contents of, repeats each."""
    if not isinstance(repeats, torch.Tensor) or repeats.is_meta or repeats.numel() < 2:
        return {}
    return {"output_size": int(repeats.sum())}


def _of_one_length(args: Any) -> bool:
    """Return whether a recurrent function gets sequences of one length, and all of its arguments by place."""
    return len(args) == 9 and isinstance(args[2], (list, tuple)) and args[0].dim() == 3


def _in_one_step(func: Any, x: torch.Tensor, *args: Any) -> Any:
    """Return what a recurrent function makes, computed for one step: on the meta device, it makes each by itself."""
    axis = 1 if args[-1] else 0
    steps, *states = func(x.narrow(axis, 0, 1), *args)
    shape = [x.shape[i] if i == axis else n for i, n in enumerate(steps.shape)]
    return (torch.empty(shape, dtype=steps.dtype, device=META), *states)


def shape_of(tensor: torch.Tensor) -> tuple[int, ...]:
    """Return a tensor's shape without being recorded."""
    with torch._C.DisableTorchFunction():
        return tuple(tensor.shape)


def without_data(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor, or parameter, of the same shape on the meta device."""
    with torch._C.DisableTorchFunction():
        bare = torch.empty_like(tensor, device="meta")
        return torch.nn.Parameter(bare, tensor.requires_grad) if isinstance(tensor, torch.nn.Parameter) else bare


def padded(tensor: torch.Tensor, sides: Sequence[tuple[Any, Any]], value: Any) -> torch.Tensor:
    """Return a tensor that is padded with a value, all axes from the first to the last."""
    return torch.nn.functional.pad(tensor, [n for pair in reversed(list(sides)) for n in pair], value=value or 0)


def too_large(args: Any, kwargs: Any) -> bool:
    """Return whether the tensors of a call are too large to make the call on the CPU."""
    with torch._C.DisableTorchFunction():
        return sum(t.untyped_storage().nbytes() for t in tensors_in((args, kwargs))) > _MOST_TRIED


def refusal(func: Any, args: Any, kwargs: Any) -> Exception | None:
    """Return how a call is refused on the CPU; None where it is not, or not for its sizes, or is too large to try."""
    if too_large(args, kwargs):
        return None
    outside = sys.exception()
    with torch._C.DisableTorchFunction():
        real = {id(t): _filled(t) for t in tensors_in((args, kwargs))}
        try:
            func(*_replaced(args, real), **_replaced(kwargs, real))
        except REFUSALS as error:
            pass_on(error, within=outside)
            singular = isinstance(error, torch.linalg.LinAlgError)  # type: ignore[attr-defined]
            return None if singular or any(words in str(error) for words in _ABOUT_TYPES) else error
    return None


def _filled(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor with contents: fractions that are no special ones, or zeros of another type."""
    if not tensor.is_meta:
        return tensor
    base = torch.zeros(tensor.untyped_storage().nbytes() // max(tensor.element_size(), 1), dtype=tensor.dtype)
    if base.is_floating_point():
        base.uniform_(generator=torch.Generator().manual_seed(0))
    return base.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())


def _replaced(x: Any, real: dict[int, torch.Tensor]) -> Any:
    """Return arguments with other tensors, and plain numbers for sizes."""
    if isinstance(x, torch.Tensor):
        return real[id(x)]
    if isinstance(x, (list, tuple)):
        items = [_replaced(v, real) for v in x]
        return type(x)(items) if type(x) in (list, tuple, torch.Size) else type(x)(*items)
    if isinstance(x, dict):
        return {k: _replaced(v, real) for k, v in x.items()}
    if isinstance(x, slice):
        return slice(*(_replaced(v, real) for v in (x.start, x.stop, x.step)))
    return unfollowed(x)


def numbers_in(x: Any) -> Iterator[Followed]:
    """Yield the sizes in nested arguments."""
    if isinstance(x, Followed):
        yield x
    elif isinstance(x, (list, tuple)):
        for v in x:
            yield from numbers_in(v)
    elif isinstance(x, dict):
        for v in x.values():
            yield from numbers_in(v)
    elif isinstance(x, slice):
        yield from numbers_in((x.start, x.stop, x.step))


def values_in(x: Any) -> Iterator[Value]:
    """Yield the values that a handler has made, in order."""
    if isinstance(x, Value):
        yield x
    elif isinstance(x, (list, tuple)):
        for v in x:
            yield from values_in(v)
