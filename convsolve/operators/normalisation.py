"""Normalisation layers: they keep the shape, and some need more than one value to normalise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..dims import Dim, eq, product
from ..errors import RankError
from ..rules import CHANNELS_MATCH, FEATURES_MATCH, GROUPS_DIVIDE_INPUT, ONE_VALUE_TRAINING
from .base import Operator, Reach, Shape, Site, spatial
from .parameters import Flag, Sizes, WholeNumber, parameter

__all__ = ["BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm"]


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Operator):
    """Batch normalisation over the channels.

    PyTorch refuses to train on a single value per channel (batch times spatial size 1); Keras does not. Outside of
    training it does so where it does not normalise by ``running`` statistics. ``affine`` says whether anything is
    learned: a ``scale`` and a ``shift`` (PyTorch's weight and bias).

    >>> from convsolve.operators import BatchNorm, shape_of
    >>> shape_of(BatchNorm(), (64, 28, 28))
    (64, 28, 28)
    """

    kind = "batch_norm"
    pointwise = True
    by_channel = True
    in_place = True

    affine: bool = parameter(Flag(), default=True)
    scale: bool = parameter(Flag(), default=True)
    shift: bool = parameter(Flag(), default=True)
    running: bool = parameter(Flag(), default=True)
    num_features: Dim | None = parameter(WholeNumber(optional=True), edit="in_channels", default=None)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0], least=0)
        _declared(site, channels, self.num_features)
        if site.framework == "torch":
            values = product((site.batch_size, *sizes))
            site.require(ONE_VALUE_TRAINING, 2 <= values, training=self.running, values=values)
        return inputs[0]

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        running = 2 if site.framework == "keras" and self.running else 0  # Keras counts the running statistics
        return inputs[0][0] * (_learned(self) + running)


def _learned(operator: BatchNorm | GroupNorm | LayerNorm) -> int:
    """Return how many parameters are learned for each normalised entry: a scale and a shift, where affine."""
    return int(operator.affine and operator.scale) + int(operator.affine and operator.shift)


def _declared(site: Site, channels: Dim, declared: Dim | None) -> None:
    if declared is not None:
        site.require(CHANNELS_MATCH, eq(channels, declared), axis="channels", channels=channels, declared=declared)


@dataclass(frozen=True, kw_only=True)
class InstanceNorm(Operator):
    """Instance normalisation. PyTorch refuses a single spatial element, also outside training.

    >>> from convsolve.operators import InstanceNorm, shape_of
    >>> shape_of(InstanceNorm(), (64, 28, 28))
    (64, 28, 28)
    """

    kind = "instance_norm"
    pointwise = True
    by_channel = True

    affine: bool = parameter(Flag(), default=False)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        _, sizes = spatial(self, inputs[0])
        if site.framework == "torch":
            values = product(sizes)
            site.require(ONE_VALUE_TRAINING, 2 <= values, values=values)
        return inputs[0]

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return 2 * inputs[0][0] if self.affine else 0


@dataclass(frozen=True, kw_only=True)
class GroupNorm(Operator):
    """Group normalisation: the groups must divide the channels.

    >>> from convsolve.operators import GroupNorm, shape_of
    >>> shape_of(GroupNorm(groups=8), (64, 28, 28))
    (64, 28, 28)
    """

    kind = "group_norm"
    pointwise = True
    by_channel = True

    groups: Dim = parameter(WholeNumber(usual=(1, 2, 4, 8, 16, 32)), edit="groups")
    affine: bool = parameter(Flag(), default=True)
    scale: bool = parameter(Flag(), default=True)
    shift: bool = parameter(Flag(), default=True)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0], least=0)
        site.require(
            GROUPS_DIVIDE_INPUT, eq(channels % self.groups, 0), axis="channels", channels=channels, groups=self.groups
        )
        if site.framework == "torch":
            values = product((site.batch_size, channels // self.groups, *sizes))
            site.require(ONE_VALUE_TRAINING, 2 <= values, values=values)
        return inputs[0]

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return inputs[0][0] * _learned(self)


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Operator):
    """Layer normalisation over the last axes, as written; with ``normalized_shape`` they must have that shape.

    >>> from convsolve.operators import LayerNorm, shape_of
    >>> shape_of(LayerNorm(normalized_shape=(96,)), (49, 96))
    (49, 96)
    """

    kind = "layer_norm"
    written = True

    normalized_shape: Any = parameter(Sizes(optional=True), edit="in_features", default=None)
    affine: bool = parameter(Flag(), default=True)
    scale: bool = parameter(Flag(), default=True)
    shift: bool = parameter(Flag(), default=True)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        shape = inputs[0]
        wished = self.normalized_shape
        if wished is not None:
            if len(wished) > len(shape):
                raise RankError(f"layer_norm normalises {len(wished)} axes, got {len(shape)}")
            for size, declared in zip(shape[len(shape) - len(wished) :], wished, strict=True):
                site.require(FEATURES_MATCH, eq(size, declared), features=size, in_features=declared)
        return shape

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        normalised = self.normalized_shape or inputs[0][-1:]
        return product(normalised) * _learned(self)

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach] | None:
        return None if len(self.normalized_shape or (1,)) > 1 else [Reach()] * (len(inputs[0]) - 1)
