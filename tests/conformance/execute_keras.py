"""Runs a network in Keras, layer by layer, and tells the shapes that come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from convsolve.network import Layer, Network
from convsolve.operators import Operator
from tests.conformance.execute_torch import BATCH, walk


def execute(network: Network) -> dict[str, tuple[int, ...]]:
    """Run a Keras network in channels_last, without holes, on zeros; see :func:`execute_torch.execute`."""
    if (network.framework, network.data_format) != ("keras", "channels_last"):
        raise NotImplementedError("only Keras networks in channels_last are run")

    def run(layer: Layer, operator: Operator, inputs: Sequence[Any]) -> Any:
        if operator.arity == (0, 0):
            shape = operator.shape  # type: ignore[attr-defined]
            return keras.ops.zeros((BATCH, *shape), "float32")
        if operator.kind not in _LAYERS:
            raise NotImplementedError(f"no way is known to run {operator.kind}")
        return _LAYERS[operator.kind](operator, inputs[0].ndim - 2)(*inputs)

    return walk(network, run)


def layer(name: str, rank: int, *args: Any, **options: Any) -> Any:
    return getattr(keras.layers, name.replace("ND", f"{rank}D"))(*args, **options)


def mode(padding: Any) -> str:
    """Return the name of a padding; Keras layers know no numbers."""
    if isinstance(padding, str):
        return padding
    if padding != 0:
        raise NotImplementedError(f"Keras has no padding by {padding} inside of a layer")
    return "valid"


def conv(op: Any, rank: int) -> Any:
    return layer("ConvND", rank, op.out_channels, op.kernel_size, op.stride, mode(op.padding),
                 dilation_rate=op.dilation, groups=op.groups, use_bias=op.bias)  # fmt: skip


def pool(name: str) -> Callable[[Any, int], Any]:
    return lambda op, rank: layer(name, rank, op.kernel_size, op.stride, mode(op.padding))


_LAYERS: dict[str, Callable[[Any, int], Any]] = {
    "conv": conv,
    "max_pool": pool("MaxPoolingND"),
    "avg_pool": pool("AveragePoolingND"),
    "pad": lambda op, rank: layer("ZeroPaddingND", rank, op.padding),
    "crop": lambda op, rank: layer("CroppingND", rank, op.amount),
    "flatten": lambda op, rank: layer("Flatten", rank),
    "linear": lambda op, rank: layer("Dense", rank, op.out_features, use_bias=op.bias),
    "batch_norm": lambda op, rank: layer("BatchNormalization", rank),
    "relu": lambda op, rank: layer("ReLU", rank),
    "softmax": lambda op, rank: layer("Softmax", rank),
}
