"""Reading PyTorch modules: the module's own program is run once, without data, and recorded."""

from .companions import declare_torchvision_operators, without_published_weights
from .exported import from_exported
from .reading import from_torch

__all__ = ["declare_torchvision_operators", "from_exported", "from_torch", "without_published_weights"]
