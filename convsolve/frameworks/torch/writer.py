"""A live PyTorch module of a network: the source that ``code`` gives, run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...network import Network
from .code import source

if TYPE_CHECKING:
    from torch import nn

__all__ = ["to_torch"]


def to_torch(network: Network) -> nn.Module:
    """Return a network as a PyTorch module with fresh weights.

    Tensors have a batch axis and, also where the network is written channels last, their channels in front:
    ``(N, channels, *spatial)``. Modules are called as the layers. What PyTorch has no word for is written with
    the numbers that hold at the input size which the network states (Keras' padding "same" with a stride).

    Raises:
        NetworkError: the network has holes or does not work, or PyTorch has no word for an operator.
        ImportError: PyTorch is not installed.
    """
    import linecache

    import torch  # noqa: F401  # says that PyTorch is missing before anything is written

    text = source(network)
    name = f"<convsolve {abs(hash(text)):x}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)  # for tracebacks
    space: dict[str, Any] = {"__name__": "convsolve_net"}
    # Nothing of a file's text is in it: numbers, words from closed lists, and identifiers made from names.
    exec(compile(text, name, "exec"), space)
    made: nn.Module = space["Net"]()
    return made
