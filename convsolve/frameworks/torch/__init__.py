"""Reading PyTorch modules: the module's own program is run once, without data, and recorded."""

from .companions import declare_torchvision_operators
from .reading import from_torch

__all__ = ["declare_torchvision_operators", "from_torch"]
