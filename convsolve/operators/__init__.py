"""What each operator does to a shape: the only place where a shape formula stands.

:data:`OPERATORS` holds every operator under the name that problem files use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..dims import Cond, Dim
from ..errors import NetworkError
from ..rules import RULES, Rule
from .base import DataFormat, Framework, Operator, Reach, Shape, Site, axis_names
from .convolution import Conv, ConvTranspose, DeformConv, DepthwiseConv
from .dense import Embedding, Linear, Matmul
from .einsum import Einsum
from .joining import Add, Average, Choice, Concat, Div, Elementwise, Maximum, Minimum, Mul, Pow, Sub
from .normalisation import BatchNorm, GroupNorm, InstanceNorm, LayerNorm
from .padding import CenterCrop, CenterCropPad, Crop, Pad
from .parameters import Kind
from .plain import IDENTITIES, Constant, Dropout, Identity, Input, Opaque, Prelu
from .pooling import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    Fold,
    GlobalAvgPool,
    GlobalMaxPool,
    LpPool,
    MaxPool,
    MaxUnpool,
)
from .recurrent import ConvLstm, Gru, Lstm, Rnn
from .repeating import Expand, Tile, Unfold
from .reshaping import (
    Chunk,
    Flatten,
    Gather,
    Permute,
    Reduce,
    Reshape,
    Slice,
    Split,
    Squeeze,
    TopK,
    Unflatten,
    Unsqueeze,
)
from .resizing import AffineGrid, DepthToSpace, GridSample, PixelShuffle, PixelUnshuffle, SpaceToDepth, Upsample
from .stepwise import Stepwise

__all__ = [
    "OPERATORS",
    "RULES",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "Add",
    "AffineGrid",
    "Average",
    "AvgPool",
    "BatchNorm",
    "CenterCrop",
    "CenterCropPad",
    "Choice",
    "Chunk",
    "Concat",
    "Constant",
    "Conv",
    "ConvLstm",
    "ConvTranspose",
    "Crop",
    "DeformConv",
    "DepthToSpace",
    "DepthwiseConv",
    "Div",
    "Dropout",
    "Einsum",
    "Elementwise",
    "Embedding",
    "Expand",
    "Flatten",
    "Fold",
    "Framework",
    "Gather",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GridSample",
    "GroupNorm",
    "Gru",
    "Identity",
    "Input",
    "InstanceNorm",
    "Kind",
    "LayerNorm",
    "Linear",
    "LpPool",
    "Lstm",
    "Matmul",
    "MaxPool",
    "MaxUnpool",
    "Maximum",
    "Minimum",
    "Mul",
    "Opaque",
    "Operator",
    "Pad",
    "Permute",
    "PixelShuffle",
    "PixelUnshuffle",
    "Pow",
    "Prelu",
    "Reach",
    "Reduce",
    "Reshape",
    "Rnn",
    "Rule",
    "Shape",
    "Site",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Stepwise",
    "Sub",
    "Tile",
    "TopK",
    "Unflatten",
    "Unfold",
    "Unsqueeze",
    "Upsample",
    "axis_names",
    "shape_of",
]

_ALL: tuple[type[Operator], ...] = (
    Conv, DepthwiseConv, ConvTranspose, DeformConv,
    MaxPool, AvgPool, LpPool, AdaptiveAvgPool, AdaptiveMaxPool, GlobalAvgPool, GlobalMaxPool,
    MaxUnpool, Fold,
    Pad, Crop, CenterCrop, CenterCropPad,
    Upsample, GridSample, AffineGrid, PixelShuffle, PixelUnshuffle, DepthToSpace, SpaceToDepth,
    Flatten, Unflatten, Reshape, Permute, Squeeze, Unsqueeze, Slice, Gather, Split, Chunk, Expand, Tile, Unfold,
    Reduce, TopK,
    Add, Sub, Mul, Div, Pow, Maximum, Minimum, Average, Elementwise, Concat,
    Linear, Matmul, Einsum, Embedding, Rnn, Lstm, Gru, ConvLstm, Stepwise,
    BatchNorm, InstanceNorm, GroupNorm, LayerNorm,
    Identity, Prelu, Dropout, Constant, Opaque, *IDENTITIES.values(),
)  # fmt: skip

OPERATORS: dict[str, type[Operator]] = {operator.kind: operator for operator in _ALL}
"""Every operator that a problem file may name. Inputs and choices have a syntax of their own."""


def shape_of(
    operator: Operator, *inputs: Shape, framework: Framework = "torch"
) -> tuple[int, ...] | Sequence[tuple[int, ...]]:
    """Return the output shape of one operator for known input shapes (channels first, no batch axis).

    Raises:
        NetworkError: a requirement of the operator does not hold.

    >>> from convsolve.operators import MaxPool
    >>> shape_of(MaxPool(kernel_size=2), (16, 1, 1))
    Traceback (most recent call last):
    ...
    convsolve.errors.NetworkError: the kernel does not fit the padded input (height): window=2, padded=1
    """
    misfit = operator.misfit(len(inputs))
    if misfit:
        raise NetworkError(misfit)
    site = _Alone(framework)
    result = operator.infer(site, *inputs)
    if site.failures:
        raise NetworkError(site.failures[0])
    return result  # type: ignore[return-value]  # sizes computed from integers are integers


@dataclass
class _Alone:
    """A site without a network, for one operator by itself: keeps the messages of requirements that fail."""

    framework: Framework
    data_format: DataFormat = "channels_first"
    batch_size: int = 2
    failures: list[str] = field(default_factory=list)

    def require(
        self, rule: Rule, condition: Cond, *, axis: str = "", note: str = "", training: bool = False, **values: Dim
    ) -> None:
        if condition is False:
            self.failures.append(rule.message(axis, values))
