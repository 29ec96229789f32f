"""Reading PyTorch modules: the module's own program is run once, without data, and recorded."""

from .reading import from_torch

__all__ = ["from_torch"]
