"""An operator that is applied at each step of a sequence by itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..dims import Dim, eq
from ..errors import RankError
from ..rules import SIZES_AGREE
from .base import Operator, Reach, Shape, Site, to_canonical, to_written
from .parameters import Inner, parameter

__all__ = ["Stepwise"]


@dataclass(frozen=True, kw_only=True)
class Stepwise(Operator):
    """An operator applied at each step of the first axis, as the data format writes it (Keras ``TimeDistributed``).

    Each step has the same parameters; the multiply-accumulates are those of one step times the steps.

    >>> from convsolve.operators import Conv, Stepwise, shape_of
    >>> shape_of(Stepwise(layer=Conv(out_channels=8, kernel_size=3)), (10, 1, 28, 28))
    (10, 8, 26, 26)
    """

    kind = "stepwise"
    written = True
    arity = (1, None)

    layer: Any = parameter(Inner())

    def guarded(self, site: Site) -> Operator:
        return dataclasses.replace(self, layer=self.layer.guarded(site))

    def infer(self, site: Site, *inputs: Shape) -> Shape | Sequence[Shape]:
        if any(len(shape) < 2 for shape in inputs):
            raise RankError(f"{self.kind} needs steps and at least one axis more, got {min(map(len, inputs))} axis")
        steps = inputs[0][0]
        for shape in inputs[1:]:
            if shape[0] != steps:
                site.require(SIZES_AGREE, eq(steps, shape[0]), axis="steps", first=steps, second=shape[0])
        made: Any = self.layer.infer(site, *self._at_step(site, inputs))
        several = bool(made) and isinstance(made[0], tuple)
        shapes = [(steps, *self._written(site, shape)) for shape in (made if several else [made])]
        return shapes if several else shapes[0]

    def _at_step(self, site: Site, shapes: Sequence[Shape]) -> list[Shape]:
        """Return shapes without their steps, as the operator sees them."""
        return [s[1:] if self.layer.written else to_canonical(site.data_format, s[1:]) for s in shapes]

    def _written(self, site: Site, shape: Shape) -> Shape:
        return shape if self.layer.written else to_written(site.data_format, shape)

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        learned: Dim = self.layer.params(site, self._at_step(site, inputs), self._at_step(site, outputs))
        return learned

    def macs(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        counted: Dim = self.layer.macs(site, self._at_step(site, inputs), self._at_step(site, outputs))
        return counted * inputs[0][0]

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach] | None:
        if site.data_format != "channels_last":
            return None  # the steps stand where the other layers have their channels
        reaches = self.layer.reach(site, self._at_step(site, inputs), self._at_step(site, outputs))
        return None if reaches is None else [Reach(), *reaches]
