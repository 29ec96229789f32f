"""TensorFlow's functions in networks of tf.keras 2.4 to 2.15, as operations of Keras 3.

Such a network holds each call of a function as a layer ``TFOpLambda`` or ``SlicingOpLambda``: the first argument
stands where a layer's inputs do, and all others, tensors among them, beside it by their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...support.suggestions import quoted
from ..common.registry import NotReadError
from .call import TENSOR, is_tensor

__all__ = ["LAMBDAS", "Operation", "operation_of", "tensors_of"]

LAMBDAS = ("TFOpLambda", "SlicingOpLambda")

_CONSTANT = "_CONSTANT_VALUE"
"""What stands for the name of a layer where a first argument is no tensor."""

_TABLE = """
Add: add radd (x, y)
Subtract: subtract sub (x, y)
Multiply: multiply mul (x, y)
TrueDivide: truediv divide div realdiv (x, y)
DivideNoNan: divide_no_nan (x, y)
Power: pow (x, y)
Maximum: maximum (x, y)
Minimum: minimum (x, y)
Mod: floormod mod (x, y)
FloorDivide: floordiv floor_div (x, y)
SquaredDifference: squared_difference (x, y)
Arctan2: atan2 (y, x)
Equal: equal eq (x, y, self, other)
NotEqual: not_equal ne (x, y, self, other)
Greater: greater (x, y)
GreaterEqual: greater_equal (x, y)
Less: less (x, y)
LessEqual: less_equal (x, y)
LogicalAnd: logical_and (x, y)
LogicalOr: logical_or (x, y)
LogicalXor: logical_xor (x, y)
Where: where (condition, x, y)
Add: bias_add (value, bias)
Add: add_n (inputs)
Relu: relu (features)
Relu6: relu6 (features)
Elu: elu (features)
Selu: selu (features)
LeakyRelu: leaky_relu (features, alpha=negative_slope)
Softmax: softmax (logits, axis)
LogSoftmax: log_softmax (logits, axis)
Sigmoid: sigmoid (x)
HardSigmoid: hard_sigmoid (x)
Tanh: tanh (x)
Silu: silu swish (features, beta=)
Gelu: gelu (features, approximate)
Softplus: softplus (features)
Softsign: softsign (features)
Abs: abs (x)
Negative: negative neg (x)
Exp: exp (x)
Log: log (x)
Log1p: log1p (x)
Expm1: expm1 (x)
Sqrt: sqrt (x)
Rsqrt: rsqrt (x)
Square: square (x)
Sign: sign (x)
Round: round (x)
Floor: floor (x)
Ceil: ceil (x)
Sin: sin (x)
Cos: cos (x)
Erf: erf (x)
Reciprocal: reciprocal (x)
LogicalNot: logical_not (x)
Isnan: is_nan (x)
Copy: identity (input)
StopGradient: stop_gradient (input)
ConvertToTensor: convert_to_tensor (value, dtype=, dtype_hint=)
Cast: cast (x, dtype=, DstT=)
ZerosLike: zeros_like zeros_like_v2 (input, dtype=, tensor, layout=)
OnesLike: ones_like ones_like_v2 (input, dtype=, tensor, layout=)
Clip: clip_by_value (t, clip_value_min=, clip_value_max=)
Normalize: l2_normalize (x, axis, epsilon, dim=axis)
Cumsum: cumsum (x, axis, exclusive=, reverse=)
Cumprod: cumprod (x, axis, exclusive=, reverse=)
Flip: reverse (tensor, axis)
Roll: roll (input, shift, axis)
Sort: sort (values, axis, direction=)
Argsort: argsort (values, axis, direction=, stable=)
Copy: dropout (x, rate=, noise_shape=, seed=)
Mean: reduce_mean (input_tensor, axis, keepdims, keep_dims=keepdims)
Sum: reduce_sum (input_tensor, axis, keepdims, keep_dims=keepdims)
Max: reduce_max (input_tensor, axis, keepdims, keep_dims=keepdims)
Min: reduce_min (input_tensor, axis, keepdims, keep_dims=keepdims)
Prod: reduce_prod (input_tensor, axis, keepdims, keep_dims=keepdims)
Any: reduce_any (input_tensor, axis, keepdims, keep_dims=keepdims)
All: reduce_all (input_tensor, axis, keepdims, keep_dims=keepdims)
Std: reduce_std (input_tensor, axis, keepdims)
Var: reduce_variance (input_tensor, axis, keepdims)
Logsumexp: reduce_logsumexp (input_tensor, axis, keepdims, keep_dims=keepdims)
Norm: norm (tensor, ord, axis, keepdims)
Argmax: argmax (input, axis, output_type=)
Argmin: argmin (input, axis, output_type=)
Moments: moments (x, axes, shift=, keepdims)
Concatenate: concat (values, axis)
Stack: stack (values, axis)
Unstack: unstack (value, num, axis)
ExpandDims: expand_dims (input, axis)
Squeeze: squeeze (input, axis)
Reshape: reshape (tensor, shape=newshape)
Transpose: transpose (a, perm=axes, conjugate=)
Tile: tile (input, multiples=repeats)
Pad: pad (tensor, paddings=pad_width, mode, constant_values)
Repeat: repeat (input, repeats, axis)
OneHot: one_hot (indices, depth=num_classes, on_value=, off_value=, axis, dtype=)
TopK: top_k (input, k, sorted)
Matmul: matmul (a, b, transpose_a, transpose_b)
Resize: image.resize (images, size, method=, preserve_aspect_ratio!, antialias=)
Resize: resize_bilinear resize_nearest_neighbor (images, size, align_corners=, half_pixel_centers=)
DepthToSpace: depth_to_space (input, block_size, data_format=data_format)
SpaceToDepth: space_to_depth (input, block_size, data_format=data_format)
MaxPool: max_pool2d max_pool1d max_pool3d (input, ksize=pool_size, strides, padding, data_format=data_format)
AveragePool: avg_pool2d avg_pool1d avg_pool3d (input, ksize=pool_size, strides, padding, data_format=data_format)
ExtractPatches: extract_patches image.extract_patches (images, sizes=size, strides, rates=dilation_rate, padding)
Split: split (value, num_or_size_splits=indices_or_sections, axis, num=)
Take: gather (params, indices, axis, batch_dims!, validate_indices=)
GetItem: getitem _slice_helper (tensor, slice_spec, var=)
"""
"""An operation of Keras, the functions of TensorFlow that are the same, and their arguments.

``a=b`` is a setting that Keras calls ``b``, ``a=`` one that no shape depends on, ``a!`` one that must not be given.
"""

_SETTINGS = {
    "approximate", "axes", "axis", "block_size", "k", "keepdims", "mode", "num", "ord", "padding", "repeats", "shift",
    "size", "sorted", "strides", "transpose_a", "transpose_b",
}  # fmt: skip
"""Arguments that are settings of Keras by the same name."""

_NAMESPACES = re.compile(r"(tf\.)?(compat\.v1\.)?((math|nn|linalg|__operators__|keras\.(backend|activations))\.)?")


def _read(table: str) -> Iterator[tuple[str, tuple[str, dict[str, str]]]]:
    """Yield each function with its operation and what becomes of its arguments, by their names."""
    for line in table.strip().splitlines():
        found = re.fullmatch(r"(\w+): ([\w. ]+) \((.*)\)", line)
        assert found is not None, line
        arguments = {}
        for argument in found[3].split(", "):
            name, equals, setting = argument.partition("=")
            arguments[name.rstrip("!")] = (
                "!" if name.endswith("!") else (setting or "=") if equals else name if name in _SETTINGS else ""
            )
        for name in found[2].split():
            yield name, (found[1], arguments)


_FUNCTIONS = dict(_read(_TABLE))


@dataclass(frozen=True)
class Operation:
    """A call of a function as Keras 3 writes one: its class, its settings, and what is passed."""

    kind: str
    config: Mapping[str, Any]
    arguments: tuple[Any, ...]


def tensors_of(node: Any) -> list[tuple[str, int, int]]:
    """Return the tensors that a call takes: those of its first argument, then those beside it, each once."""
    first, options = _arguments(node)
    found: list[tuple[str, int, int]] = []
    stack = [first, *options.values()][::-1]
    while stack:
        item = stack.pop()
        if _is_history(item):
            found.append((item[0], item[1], item[2]))
        elif isinstance(item, (list, tuple)):
            stack.extend(reversed(item))
    return found


def operation_of(function: Any, node: Any) -> Operation:
    """Return a call of one of TensorFlow's functions as an operation of Keras.

    Raises:
        NotReadError: Keras has none, or the function is called with an argument that Keras's does not have.
    """
    name = _NAMESPACES.sub("", str(function), count=1)
    if name not in _FUNCTIONS:
        raise NotReadError(f"there is no rule for TensorFlow's function {quoted(function)}")
    kind, known = _FUNCTIONS[name]
    first, given = _arguments(node)
    config: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for argument, value in given.items():
        place = known.get(argument)
        if argument == "name" or place == "=" or value is None or (place == "!" and not value):
            continue
        if place in (None, "!"):
            raise NotReadError(f"{function} is called with {argument}={quoted(value)}")
        (config if place else others)[place or argument] = _marked(value)
    if any(is_tensor(value) for value in config.values()):
        raise NotReadError(f"{function} is called with a setting that is a tensor")
    if kind == "Split" and isinstance(config.get("indices_or_sections"), list):
        kind, config["sizes"] = "SplitInSizes", config.pop("indices_or_sections")
    _adapt(kind, config, others)
    return Operation(kind, config, (_marked(first), *others.values()))


def _adapt(kind: str, config: dict[str, Any], others: dict[str, Any]) -> None:
    """Write values as Keras does."""
    for name in ("mode", "padding"):
        if isinstance(config.get(name), str):
            config[name] = config[name].lower()
    if isinstance(config.get("data_format"), str):
        config["data_format"] = "channels_first" if config["data_format"].startswith("NC") else "channels_last"
    for name in ("pool_size", "strides", "size", "dilation_rate") if kind != "Resize" else ():
        value = config.get(name)
        if isinstance(value, list) and len(value) > 3 and value[0] == value[-1] == 1:  # with the batch and channels
            config[name] = value[1:-1]
    if kind == "GetItem":
        picked = others.pop("slice_spec", [])
        parts = picked if isinstance(picked, (list, tuple)) else [picked]
        others["key"] = [
            {"class_name": "__slice__", "config": part} if isinstance(part, Mapping) and "start" in part else
            {"class_name": "__ellipsis__"} if part == "..." else part for part in parts]  # fmt: skip


def _arguments(node: Any) -> tuple[Any, Mapping[str, Any]]:
    """Return the first argument of a call, and the others by name."""
    if _is_history(node) or _is_constant(node):
        return node[:3], _beside(node)
    listed = node if isinstance(node, (list, tuple)) else []
    entries = [entry for entry in listed if _is_history(entry) or _is_constant(entry)]
    if len(entries) < len(listed) or not entries:
        raise NotReadError("its call is not written as tf.keras writes one")
    return [entry[:3] for entry in entries], _beside(entries[0])


def _beside(entry: Any) -> Mapping[str, Any]:
    found = entry[3] if len(entry) > 3 else {}
    return found if isinstance(found, Mapping) else {}


def _is_history(value: Any) -> bool:
    return (isinstance(value, (list, tuple)) and len(value) >= 3 and isinstance(value[0], str) and value[0] != _CONSTANT
            and type(value[1]) is int and type(value[2]) is int)  # fmt: skip


def _is_constant(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) >= 3 and value[0] == _CONSTANT


def _marked(value: Any) -> Any:
    """Return an argument with marks for tensors, and constants as they are."""
    if _is_history(value):
        return TENSOR
    if _is_constant(value):
        return value[2]
    return [_marked(one) for one in value] if isinstance(value, (list, tuple)) else value
