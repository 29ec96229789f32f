"""Joins: tensors, and constants among them, element by element."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...operators import Add, Average, Constant, Div, Elementwise, Identity, Maximum, Minimum, Mul, Operator, Pow, Sub
from .call import LayerCall, NotReadError, RefusedSettingError, is_tensor, reads, tensors_in

__all__ = ["joined"]

_JOINS: Mapping[str, type[Operator]] = {
    "Add": Add,
    "Subtract": Sub,
    "Multiply": Mul,
    "Average": Average,
    "Maximum": Maximum,
    "Minimum": Minimum,
    "Divide": Div,
    "TrueDivide": Div,
    "Power": Pow,
}


@reads(*(f"ops.{kind}" for kind in _JOINS if kind != "Average"))
def _operation(call: LayerCall) -> str:
    return joined(call, _JOINS[call.kind.removeprefix("ops.")](), one_rank=True)


@reads(*_JOINS)
def _join(call: LayerCall) -> str:
    if call.kind == "Subtract" and len(call.inputs) > 2:
        raise RefusedSettingError(f"it takes two inputs, got {len(call.inputs)}")
    return joined(call, _JOINS[call.kind]())


@reads("CustomScaleLayer", settings="scale")
def _scaled_sum(call: LayerCall) -> str:
    """Read what InceptionResNetV2 of ``keras.applications`` brings along: the first input plus a scaled second."""
    return call.add(Add())


def joined(call: LayerCall, operator: Operator | str, *, one_rank: bool = False) -> str:
    """Add a join of the tensors and constants that a call takes; one of a tensor with numbers keeps its shape.

    A function that has no operator is given by its name. ``one_rank``: of tensors with different numbers of axes, the
    batch of one would meet another axis; layers give the smaller one more axes, functions do not.
    """
    constants = []
    for argument in (*call.arguments, *call.options.values()):
        shape = () if any(True for _ in tensors_in(argument)) else _shape_of(argument)
        if shape:
            constants.append(shape)
    operands = list(call.inputs)
    most = max((len(call.shape(i)) for i in range(len(operands))), default=0)
    for i, shape in enumerate(constants):
        if len(shape) > most:
            if len(shape) > most + 1 or shape[0] != 1:
                raise NotReadError("it takes a constant that differs between samples")
            shape = shape[1:]
        if shape:
            name = call.builder.free_name(f"{call.name}.constant{i + 1}")
            operands += call.builder.add(name, Constant(shape=shape), source=call.source)
    if len(operands) == 1:
        return call.add(Identity(), *operands)
    rank = most if one_rank else None
    if one_rank:  # the one that lacks axes is the one that is looked at
        operands.sort(key=lambda ref: len(call.shape_of(ref)) if ref in call.inputs else most)
    return call.add(Elementwise(function=operator) if isinstance(operator, str) else operator, *operands, rank=rank)


def _shape_of(constant: Any) -> tuple[int, ...]:
    """Return the shape of a constant in a config."""
    if isinstance(constant, Mapping) and constant.get("class_name") in ("__numpy__", "__tensor__"):
        constant = constant["config"].get("value")
    if constant is None or isinstance(constant, (bool, int, float, str)) or is_tensor(constant):
        return ()
    if not isinstance(constant, (list, tuple)) or not constant:
        raise NotReadError("it takes a constant that is no number and no list of them")
    return (len(constant), *_shape_of(constant[0]))
