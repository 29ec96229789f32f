"""Packages around PyTorch that may not fit it."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from typing import Any

import torch

__all__ = ["declare_torchvision_operators", "without_published_weights"]

_BOXES = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@functools.cache
def declare_torchvision_operators() -> torch.library.Library:
    """Declare the operators that torchvision's Python code registers shapes for, so that it can be imported.

    They only have names then; whatever calls them fails. Return the declaration, which lasts as long as it is kept.
    """
    library: torch.library.Library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        library.define(f"{name}{_BOXES}")  # type: ignore[no-untyped-call]
    return library


class _NotLoaded(dict[str, Any]):
    """Stands for weights that were not downloaded."""


@contextlib.contextmanager
def without_published_weights() -> Iterator[None]:
    """Let torchvision's factories leave out the weights that they would download: no shape depends on them."""
    enumeration = getattr(sys.modules.get("torchvision.models._api"), "WeightsEnum", None)
    if enumeration is None:
        yield
        return
    fetch, load = enumeration.get_state_dict, torch.nn.Module.load_state_dict

    def loaded(self: torch.nn.Module, state: Any, *args: Any, **options: Any) -> Any:
        return None if isinstance(state, _NotLoaded) else load(self, state, *args, **options)

    enumeration.get_state_dict = lambda self, *args, **options: _NotLoaded()
    torch.nn.Module.load_state_dict = loaded  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        enumeration.get_state_dict = fetch
        torch.nn.Module.load_state_dict = load  # type: ignore[method-assign]
