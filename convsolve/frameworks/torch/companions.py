"""Packages around PyTorch that may not fit it."""

from __future__ import annotations

import functools

import torch

__all__ = ["declare_torchvision_operators"]

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
