"""Running calls for their shapes: on the meta device, and with plain numbers for sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from .followed import Followed, unfollowed
from .opaque import tensors_in
from .values import Value

__all__ = ["Runner", "numbers_in", "shape_of", "values_in"]


class Runner:
    """Runs calls; keeps constants of the program that it has moved to the meta device."""

    def __init__(self) -> None:
        self.moved: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def run(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run a call on the meta device, with plain numbers for sizes."""
        on_meta = any(t.is_meta for t in tensors_in((args, kwargs)))
        plain_args, plain_kwargs = self._plain(args, on_meta), self._plain(kwargs, on_meta)
        if func is torch.nn.functional.embedding:  # an input's type is not known before: here are whole numbers
            plain_args = (plain_args[0].long(), *plain_args[1:])
        return func(*plain_args, **plain_kwargs)

    def _plain(self, x: Any, on_meta: bool) -> Any:
        if isinstance(x, torch.Tensor):
            return self._on_meta(x) if on_meta and not x.is_meta else x
        if isinstance(x, Followed):
            return unfollowed(x)
        if isinstance(x, (list, tuple)):
            items = [self._plain(v, on_meta) for v in x]
            if all(a is b for a, b in zip(items, x, strict=True)):
                return x
            return type(x)(items) if type(x) in (list, tuple, torch.Size) else type(x)(*items)
        if isinstance(x, dict):
            return {k: self._plain(v, on_meta) for k, v in x.items()}
        if isinstance(x, slice):
            return slice(*(self._plain(v, on_meta) for v in (x.start, x.stop, x.step)))
        return x

    def _on_meta(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a constant of the program on the meta device, too."""
        if id(tensor) not in self.moved:
            self.moved[id(tensor)] = tensor, tensor.to("meta")
        return self.moved[id(tensor)][1]


def shape_of(tensor: torch.Tensor) -> tuple[int, ...]:
    """Return a tensor's shape without being recorded."""
    with torch._C.DisableTorchFunction():
        return tuple(tensor.shape)


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

