"""PyTorch: modules are read by recording one run of their own program, without data; networks are written as modules.

PyTorch is imported when a name of the readers is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .package_versions import declare_torchvision_operators, without_published_weights
    from .pt2_reader import from_exported
    from .read_module import from_torch

__all__ = ["declare_torchvision_operators", "from_exported", "from_torch", "without_published_weights"]

_PLACES = {
    "declare_torchvision_operators": "package_versions", "from_exported": "pt2_reader", "from_torch": "read_module",
    "without_published_weights": "package_versions",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)
