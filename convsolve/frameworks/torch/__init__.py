"""PyTorch: networks written as modules and as source."""

from __future__ import annotations

from .writer import to_torch

__all__ = ["to_torch"]
