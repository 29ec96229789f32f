"""Reading a layer, or a network, that is applied at each step of a sequence."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...operators import (
    AvgPool,
    BatchNorm,
    Conv,
    DepthwiseConv,
    Dropout,
    Identity,
    Linear,
    MaxPool,
    Operator,
    Shape,
    Stepwise,
)
from ...operators.plain import IDENTITIES
from ..common.builder import Building
from .call import LayerCall, NotReadError, Result, inner_of, read, reads

__all__ = ()

_SAME = (Dropout, Identity, *IDENTITIES.values())
"""What keeps every shape, whatever its axes are."""

_WINDOWS = (AvgPool, Conv, DepthwiseConv, MaxPool)


@reads("TimeDistributed", settings="layer")
def _time_distributed(call: LayerCall) -> Result:
    """Read a layer, or a network, that is applied at each step."""
    steps, inputs = _Steps(call.builder), call.inputs[:1]
    kind, config = inner_of(call.need("layer"))
    if call.builder.shapes[inputs[0]] is None:  # a failure hides it
        return call.add(Identity(), *inputs)
    if isinstance(config.get("layers"), list) and kind != "Pipeline":
        if call.network is None:
            raise NotReadError(f"the network {kind} in it is not read")
        return call.network(call.config["layer"], call.name, inputs, steps)
    builds = {name: shape[1:] for name, shape in call.builds.items()}
    return read(dataclasses.replace(call, kind=kind, config=config, builder=steps, builds=builds, inputs=inputs))


class _Steps(Building):
    """Where layers go that work at each step: they see shapes without the steps."""

    def __init__(self, outer: Building) -> None:
        self.outer, self.data_format = outer, outer.data_format
        self.shapes: Any = _AtStep(outer.shapes)

    def free_name(self, wished: str) -> str:
        """Return a layer's name that is not taken."""
        return self.outer.free_name(wished)

    def add(
        self,
        name: str,
        operator: Operator,
        inputs: Sequence[str] = (),
        *,
        source: str = "",
        shares: str = "",
        rank: int | None = None,
    ) -> list[str]:
        """Add a layer that works at each step, and return the tensors that it makes."""
        if not inputs:
            raise NotReadError("at each step, it works with a tensor that it learns")
        whole = self.outer.shapes[inputs[0]]
        wanted = 2 if whole is not None and len(whole) < 2 else None if rank is None else rank + 1
        last = self.data_format == "channels_last" and whole is not None and wanted in (None, len(whole))
        if last and isinstance(operator, _WINDOWS):
            operator = _with_steps(operator, len(whole or ()) - 2)
        elif not isinstance(operator, _SAME) and not (last and isinstance(operator, (BatchNorm, Linear))):
            operator = Stepwise(layer=operator)
        return self.outer.add(name, operator, inputs, source=source, shares=shares, rank=wanted)


def _with_steps(operator: Any, rank: int) -> Operator:
    """Return a window with one axis more in front, along which it is 1 wide."""
    changes = {}
    for name in ("kernel_size", "stride", "dilation"):
        value = getattr(operator, name)
        if name == "stride" and value is None:
            value = operator.kernel_size
        changes[name] = (1, *(value if isinstance(value, tuple) else (value,) * rank))
    widened: Operator = dataclasses.replace(operator, **changes)
    return widened


class _AtStep(Mapping[str, "Shape | None"]):
    """Shapes without their first axes."""

    def __init__(self, whole: Mapping[str, Shape | None]) -> None:
        self.whole = whole

    def __getitem__(self, tensor: str) -> Shape | None:
        shape = self.whole[tensor]
        return None if shape is None else shape[1:]

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole)

    def __len__(self) -> int:
        return len(self.whole)
