"""How ONNX says convolutions, pools, padding, resizing and normalisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...common.writing.plan import PlannedLayer, cannot
from ...common.writing.window_padding import Pairs, crops_of, overhang, paddings, sides_of, spread, steps_of
from .graph import GraphWriter

__all__ = ["NODES", "Write"]

Write = Callable[[GraphWriter, PlannedLayer, list[str]], object]
"""Writes a layer, whose inputs are tensors with these names; its outputs are called as the step says."""

_MODES = {"constant": "constant", "zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _sides(padding: Pairs) -> list[int]:
    return [*(before for before, _ in padding), *(after for _, after in padding)]


def padded(
    graph: GraphWriter, step: PlannedLayer, x: str, padding: Pairs, output: str | None = None, mode: str = "constant"
) -> str:
    """Write the padding of the spatial axes; negative padding crops."""
    pads = graph.numbers(step, *_sides(((0, 0), (0, 0), *padding)))
    return graph.node(step, "Pad", [x, pads], output, mode=_MODES[mode])


# -- convolutions


def _bias(graph: GraphWriter, step: PlannedLayer) -> list[str]:
    return [graph.weight(step, "bias", step.made[0][0])] if step.operator.bias else []


def _conv(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    op, kernel = step.operator, spread(step, "kernel_size")
    channels, out_channels = step.sizes[0][0], step.made[0][0]
    groups = channels if op.kind == "depthwise_conv" else op.groups
    x, attributes = inputs[0], _windows(step)
    if op.padding == "same" and op.padding_mode == "zeros" and set(spread(step, "dilation")) == {1}:
        attributes["auto_pad"] = "SAME_UPPER"
    elif op.padding_mode != "zeros":
        x = padded(graph, step, x, paddings(step), mode=op.padding_mode)
    else:
        attributes["pads"] = _sides(paddings(step))
    weight = graph.weight(step, "weight", out_channels, channels // groups, *kernel)
    graph.node(step, "Conv", [x, weight, *_bias(graph, step)], step.name, group=groups, **attributes)


def _windows(step: PlannedLayer) -> dict[str, Any]:
    """Return the attributes that every kind of window has."""
    return {"kernel_shape": spread(step, "kernel_size"), "strides": steps_of(step),
            "dilations": spread(step, "dilation")}  # fmt: skip


def _conv_transpose(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    op = step.operator
    crops = [overhang(crop) for crop in crops_of(step)]
    extras = [min(extra, stride - 1) for (_, _, extra), stride in zip(crops, steps_of(step), strict=True)]
    left = tuple((0, extra - kept) for (_, _, extra), kept in zip(crops, extras, strict=True))
    padding = tuple((before, after) for before, after, _ in crops)
    weight = graph.weight(step, "weight", step.sizes[0][0], op.out_channels // op.groups, *spread(step, "kernel_size"))
    more = any(n for _, n in left)
    made = graph.node(
        step,
        "ConvTranspose",
        [inputs[0], weight, *_bias(graph, step)],
        None if more else step.name,
        group=op.groups,
        pads=_sides(padding),
        output_padding=extras,
        **_windows(step),
    )
    if more:
        padded(graph, step, made, left, step.name)


# -- pools


def _pool(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    op = step.operator
    attributes = _windows(step)
    if op.padding == "same" and step.framework == "onnx":
        attributes["auto_pad"] = "SAME_UPPER"
    elif isinstance(op.padding, str):
        attributes["pads"] = _sides(paddings(step))
    else:
        attributes["pads"] = _sides(sides_of(step))
    if op.ceil_mode:
        attributes["ceil_mode"] = 1
    if op.kind == "avg_pool" and step.framework == "torch":
        attributes["count_include_pad"] = 1  # as PyTorch does
    name = {"max_pool": "MaxPool", "avg_pool": "AveragePool", "lp_pool": "LpPool"}[op.kind]
    graph.node(step, name, inputs, step.name, **attributes)


def _adaptive_pool(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    average = step.operator.kind == "adaptive_avg_pool"
    sizes, wished = step.sizes[0][1:], step.made[0][1:]
    if set(wished) == {1}:
        graph.node(step, "GlobalAveragePool" if average else "GlobalMaxPool", inputs, step.name)
        return
    if all(size % out == 0 for size, out in zip(sizes, wished, strict=True)):
        kernel = [size // out for size, out in zip(sizes, wished, strict=True)]
        name = "AveragePool" if average else "MaxPool"
        graph.node(step, name, inputs, step.name, kernel_shape=kernel, strides=kernel)
        return
    if sum(wished) > 256:
        raise cannot(step, f"ONNX has no adaptive pool, and {sum(wished)} windows are too many to write one by one",
                     "take an output_size that divides the input's size")  # fmt: skip
    x = inputs[0]
    for axis, (size, out) in enumerate(zip(sizes, wished, strict=True), start=2):  # one axis after the other
        parts = [_window(graph, step, x, axis, i * size // out, -(-(i + 1) * size // out), average) for i in range(out)]
        x = graph.node(step, "Concat", parts, axis=axis)
    graph.node(step, "Identity", [x], step.name)


def _window(graph: GraphWriter, step: PlannedLayer, x: str, axis: int, start: int, stop: int, average: bool) -> str:
    """Write the mean or maximum of one window along one axis."""
    axes = graph.numbers(step, axis)
    part = graph.node(step, "Slice", [x, graph.numbers(step, start), graph.numbers(step, stop), axes])
    return graph.node(step, "ReduceMean" if average else "ReduceMax", [part, axes], keepdims=1)


def _global_pool(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    keep = step.operator.keepdims
    name = "GlobalAveragePool" if step.operator.kind == "global_avg_pool" else "GlobalMaxPool"
    made = graph.node(step, name, inputs, step.name if keep else None)
    if not keep:
        graph.node(step, "Flatten", [made], step.name, axis=1)


# -- padding, cropping, resizing


def _pad(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    sides, mode = sides_of(step), step.operator.mode
    axes = zip(step.sizes[0][1:], sides, strict=True)
    left = [size + min(before, 0) + min(after, 0) for size, (before, after) in axes]
    if mode != "constant" and min(left) < 1:
        raise cannot(step, f"ONNX has no {mode} padding of what a crop leaves nothing of", "crop by less")
    padded(graph, step, inputs[0], sides, step.name, mode)


def _crop(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    op = step.operator
    if op.kind == "crop":
        starts = [before for before, _ in sides_of(step, "amount")]
    else:
        starts = [(size - out) // 2 for size, out in zip(step.sizes[0][1:], step.made[0][1:], strict=True)]
    stops = [start + out for start, out in zip(starts, step.made[0][1:], strict=True)]
    axes = range(2, step.rank + 2)
    given = [graph.numbers(step, *values) for values in (starts, stops, axes)]
    graph.node(step, "Slice", [inputs[0], *given], step.name)


def _upsample(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    op = step.operator
    if op.mode == "area":
        raise cannot(step, "ONNX has no mode 'area'", "take 'nearest' or 'linear'")
    scales = spread(step, "scale_factor")
    # for every axis, since onnxruntime loses the attribute that names some where it moves a transposition past
    if all(isinstance(s, int) for s in scales) or (step.framework == "onnx" and op.scale_factor is not None):
        sized = ["", graph.floats(step, 1.0, 1.0, *map(float, scales))]
    else:
        front = graph.node(step, "Shape", inputs[:1], start=0, end=2)
        sizes = graph.numbers(step, *step.made[0][1:])
        sized = ["", "", graph.node(step, "Concat", [front, sizes], axis=0)]
    if op.mode == "nearest":
        how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        how = {"coordinate_transformation_mode": "half_pixel"}
    graph.node(step, "Resize", [inputs[0], *sized], step.name, mode=op.mode, **how)


# -- normalisation


def _affine(graph: GraphWriter, step: PlannedLayer, *shape: int) -> list[str]:
    """Write scale and shift; what is not learned is called so."""
    shift = graph.filled(step, "bias" if step.affine[1] else "zeros", 0.0, *shape)
    return [_scale(graph, step, *shape), shift]


def _scale(graph: GraphWriter, step: PlannedLayer, *shape: int) -> str:
    return graph.filled(step, "weight" if step.affine[0] else "ones", 1.0, *shape)


def _batch_norm(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    channels = step.sizes[0][0]
    running = [graph.filled(step, "running_mean", 0.0, channels), graph.filled(step, "running_var", 1.0, channels)]
    graph.node(step, "BatchNormalization", [inputs[0], *_affine(graph, step, channels), *running], step.name)


def _instance_norm(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    graph.node(step, "InstanceNormalization", [inputs[0], *_affine(graph, step, step.sizes[0][0])], step.name)


def _group_norm(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    affine = _affine(graph, step, step.sizes[0][0])
    graph.node(step, "GroupNormalization", [inputs[0], *affine], step.name, num_groups=step.operator.groups)


def _layer_norm(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    shape = step.operator.normalized_shape or step.shape(step.sizes[0])[-1:]
    affine = _affine(graph, step, *shape) if step.affine[1] else [_scale(graph, step, *shape)]
    graph.node(step, "LayerNormalization", [inputs[0], *affine], step.name, axis=-len(shape))


NODES: dict[str, Write] = {
    "conv": _conv, "depthwise_conv": _conv, "conv_transpose": _conv_transpose,
    "max_pool": _pool, "avg_pool": _pool, "lp_pool": _pool,
    "adaptive_avg_pool": _adaptive_pool, "adaptive_max_pool": _adaptive_pool,
    "global_avg_pool": _global_pool, "global_max_pool": _global_pool,
    "pad": _pad, "crop": _crop, "center_crop": _crop, "upsample": _upsample,
    "batch_norm": _batch_norm, "instance_norm": _instance_norm, "group_norm": _group_norm, "layer_norm": _layer_norm,
}  # fmt: skip
