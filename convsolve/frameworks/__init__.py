"""Networks in other frameworks' words, one folder each; a framework is imported when it is first needed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import NetworkError
from ..support.arguments import checked
from ..support.suggestions import nearest

if TYPE_CHECKING:
    from ..network import Network
    from .keras.writing.writer import to_keras
    from .onnx.writing.writer import to_onnx
    from .torch.writing.writer import to_torch

__all__ = ["LANGUAGES", "code", "to_keras", "to_onnx", "to_torch"]

LANGUAGES = ("torch", "keras")
"""The frameworks for which there is source code."""

_PLACES = {"to_keras": "keras.writing.writer", "to_onnx": "onnx.writing.writer", "to_torch": "torch.writing.writer"}


@checked
def code(network: Network, language: str = "torch", *, name: str = "Net") -> str:
    """Return a network as source code that runs as it stands and needs nothing but the framework.

    For "torch" it is a class called ``name``; for "keras" a function ``build_net`` (for the name "Net") that
    returns the model. Comments show the shape that each line makes, in the framework's own order of axes:
    channels first in PyTorch, last in Keras.

    Raises:
        NetworkError: the network has holes or does not work, the framework has no word for an operator, or
            there is no such language or name.

    >>> from convsolve.files import parse
    >>> print(code(parse("{input: [1, 8, 8], layers: [{conv: {out_channels: 4, kernel_size: 3}}, relu]}").network))
    from torch import nn
    <BLANKLINE>
    <BLANKLINE>
    class Net(nn.Sequential):
        \"""Maps (N, 1, 8, 8) to (N, 4, 6, 6).\"""
    <BLANKLINE>
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 4, kernel_size=3)  # 4x6x6
            self.relu1 = nn.ReLU()  # 4x6x6
    <BLANKLINE>
    """
    from .common.writing.identifiers import identifier

    if language not in LANGUAGES:
        raise NetworkError(f"there is no source code for {language!r}{nearest(language, LANGUAGES)}")
    if not name.isascii() or identifier(name) != name:
        raise NetworkError(f"{name!r} cannot be the name of a class: take letters, digits and _, like UNetSmall")
    writer = import_module(f".{language}.writing.code", __name__)
    if name in writer.TAKEN:
        raise NetworkError(f"the source itself uses the name {name!r}: take another, like UNetSmall")
    return str(writer.source(network, name))


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)
