"""A live PyTorch module of a network: the source that ``code`` gives, run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....network import Network
from ...common.writing.execute import need, run_source
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
        FrameworkMissingError: PyTorch is not installed.
    """
    need("torch")
    made: nn.Module = run_source(source(network))["Net"]()
    return made
