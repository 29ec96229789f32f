"""Calls that normalise: over the batch, an instance, groups of channels, or the last axes."""

from __future__ import annotations

from typing import Any

from ...operators import BatchNorm, GroupNorm, InstanceNorm, LayerNorm
from ..common.recording.recorded_tensors import Unsupported, Value
from .calls import RecordedCall, handles, plain

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "torch_batch_norm",
    "torch_instance_norm",
]


@handles("batch_norm")
def batch_norm(
    call: RecordedCall,
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: Any = 1e-5,
    *_: Any,
) -> Value:
    """Batch normalisation; outside of training by running statistics, or by those of the batch."""
    running = running_mean is not None and (call.graph.training or not training)
    value = call.value(input)
    if value.ref and value.batch == 0 and value.fold:
        operator = BatchNorm(**_affine(weight, bias), running=running)
        return call.same(operator, call.fronted(value), weights=(weight, bias))
    x = _normalised(call, input)
    sized = [t for t in (running_mean, weight) if t is not None]
    features = call.sizes(sized[0])[0] if sized else None
    operator = BatchNorm(**_affine(weight, bias), num_features=features, running=running)
    return call.same(operator, x, weights=(weight, bias))


@handles("instance_norm")
def instance_norm(
    call: RecordedCall,
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    *_: Any,
    **__: Any,
) -> Value:
    """Instance normalisation; with running statistics it is one of the batch."""
    if not use_input_stats:
        result: Value = batch_norm(call, input, running_mean, running_var, weight, bias)
        return result
    x = _normalised(call, input)
    if (weight is None) != (bias is None):
        raise Unsupported("a weight without a bias")
    return call.same(InstanceNorm(affine=weight is not None), x, weights=(weight, bias))


@handles("torch.batch_norm")
def torch_batch_norm(
    call: RecordedCall,
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool = False,
    *_: Any,
    **__: Any,
) -> Value:
    """Batch normalisation, as ``torch.batch_norm`` takes its arguments."""
    call.function = "batch_norm"
    result: Value = batch_norm(call, input, running_mean, running_var, weight, bias, training)
    return result


@handles("torch.instance_norm")
def torch_instance_norm(
    call: RecordedCall,
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input_stats: bool,
    *_: Any,
    **__: Any,
) -> Value:
    """Instance normalisation, as ``torch.instance_norm`` takes its arguments."""
    call.function = "instance_norm"
    result: Value = instance_norm(call, input, running_mean, running_var, weight, bias, use_input_stats)
    return result


@handles("group_norm")
def group_norm(
    call: RecordedCall, input: Any, num_groups: Any, weight: Any = None, bias: Any = None, *_: Any, **__: Any
) -> Value:
    """Group normalisation."""
    value = call.value(input)
    if value.ref and value.batch == 0 and value.fold:
        operator = GroupNorm(groups=num_groups, **_affine(weight, bias))
        return call.same(operator, call.fronted(value), weights=(weight, bias))
    return call.same(GroupNorm(groups=num_groups, **_affine(weight, bias)), _normalised(call, input),
                     weights=(weight, bias))  # fmt: skip


def _normalised(call: RecordedCall, input: Any) -> Value:
    value = call.value(input)
    if value.batch != 0 or value.fold or not value.ref:
        raise Unsupported("a batch axis that is not in front")
    return value


def _affine(weight: Any, bias: Any) -> dict[str, bool]:
    learned = weight is not None or bias is not None
    return {"affine": learned, "scale": weight is not None or not learned, "shift": bias is not None or not learned}


@handles("layer_norm")
def layer_norm(
    call: RecordedCall, input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, *_: Any, **__: Any
) -> Value:
    """Layer normalisation over the last axes."""
    x = call.input(input)
    shape = plain(tuple(normalized_shape) if not isinstance(normalized_shape, int) else (normalized_shape,))
    for i in range(len(shape)):
        x.axis(-1 - i)
    learned = weight is not None or bias is not None
    operator = LayerNorm(
        normalized_shape=shape,
        affine=learned,
        scale=weight is not None or not learned,
        shift=bias is not None or not learned,
    )
    return call.same(operator, x, weights=(weight, bias))
