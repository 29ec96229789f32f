"""How ONNX says the operators that count axes, join tensors, or work on features, sequences and single elements."""

from __future__ import annotations

from typing import Any

from ....operators.base import pairs, per_axis
from ...common.writing.channel_shuffles import shuffle
from ...common.writing.joins import equation, word_for
from ...common.writing.plan import PlannedLayer, cannot
from .graph import GraphWriter
from .nodes import Write

__all__ = ["AXES"]

_END = 2**62
"""The end of a slice that goes as far as the axis does."""


# -- axes


def _pixels(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    op = step.operator
    up = op.kind in ("pixel_shuffle", "depth_to_space")
    if step.rank == 2 and op.kind != "pixel_unshuffle":
        order = {"mode": "CRD" if op.kind == "pixel_shuffle" else "DCR"} if up else {}
        graph.node(step, "DepthToSpace" if up else "SpaceToDepth", inputs, step.name, blocksize=op.block_size, **order)
        return
    moves = shuffle(step, up=up, last=False)
    x = graph.node(step, "Reshape", [inputs[0], graph.numbers(step, 0, *moves.split)])
    x = graph.node(step, "Transpose", [x], perm=[0, *(axis + 1 for axis in moves.order)])
    graph.node(step, "Reshape", [x, graph.numbers(step, 0, *moves.merged)], step.name)


def _reshape(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    shape = graph.numbers(step, 0, *step.shape(step.made[0]))  # 0 keeps the batch axis
    graph.node(step, "Reshape", [inputs[0], shape], step.name)


def _flatten(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    if len(step.made[0]) > 1:
        _reshape(graph, step, inputs)
    else:
        graph.node(step, "Flatten", inputs, step.name, axis=1)


def _permute(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    graph.node(step, "Transpose", inputs, step.name, perm=[0, *(axis + 1 for axis in step.operator.order)])


def _squeeze(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    grown = step.operator.kind == "unsqueeze"
    axis = step.operator.axis % (len(step.sizes[0]) + grown) + 1
    graph.node(step, "Unsqueeze" if grown else "Squeeze", [*inputs, graph.numbers(step, axis)], step.name)


def _slice(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    op = step.operator
    values = (op.start, _END if op.stop is None else op.stop, step.axis(op.axis), op.step)
    graph.node(step, "Slice", [*inputs, *(graph.numbers(step, value) for value in values)], step.name)


def _gather(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    index = graph.index(step, step.operator.index())
    graph.node(step, "Gather", [*inputs, index], step.name, axis=step.operator.axis % len(step.sizes[0]) + 1)


def _unfold(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    axis, rank = step.axis(step.operator.axis), len(step.sizes[0]) + 1
    index = graph.index(step, step.operator.index(step.shape(step.sizes[0])[axis - 1]))
    windows = graph.node(step, "Gather", [*inputs, index], axis=axis)
    order = [*(i for i in range(rank + 1) if i != axis + 1), axis + 1]
    graph.node(step, "Transpose", [windows], step.name, perm=order)


def _split(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    axis = step.axis(step.operator.axis)
    parts = [step.shape(sizes)[axis - 1] for sizes in step.made]
    graph.nodes_of(step, "Split", [*inputs, graph.numbers(step, *parts)], list(step.outputs), axis=axis)


def _reduce(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    axes = sorted({step.axis(axis) for axis in step.operator.axes})
    graph.node(
        step, "ReduceMean", [*inputs, graph.numbers(step, *axes)], step.name, keepdims=int(step.operator.keepdims)
    )


def _expand(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    made = step.shape(step.made[0])
    added = len(made) - len(step.sizes[0])
    x = graph.node(step, "Unsqueeze", [*inputs, graph.numbers(step, *range(1, added + 1))]) if added else inputs[0]
    graph.node(step, "Expand", [x, graph.numbers(step, 1, *made)], step.name)  # 1 keeps the batch axis


def _tile(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    graph.node(step, "Tile", [*inputs, graph.numbers(step, 1, *step.operator.repeats)], step.name)


# -- several inputs


def _aligned(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> list[str]:
    """Give all inputs as many axes: new ones come behind the batch axis."""
    rank = max(len(sizes) for sizes in step.sizes)
    return [
        name
        if len(sizes) == rank
        else graph.node(step, "Unsqueeze", [name, graph.numbers(step, *range(1, rank - len(sizes) + 1))])
        for name, sizes in zip(inputs, step.sizes, strict=True)
    ]


_JOINS = {"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "maximum": "Max", "minimum": "Min",
          "matmul": "MatMul"}  # fmt: skip


def _joined(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    kind = _JOINS[step.operator.kind]
    first, *rest = _aligned(graph, step, inputs)
    for i, other in enumerate(rest, start=1):
        first = graph.node(step, kind, [first, other], step.name if i == len(rest) else None)


def _average(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    graph.node(step, "Mean", _aligned(graph, step, inputs), step.name)


def _concat(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    graph.node(step, "Concat", inputs, step.name, axis=step.axis(step.operator.axis))


_WORDS = {"where": "Where", "greater": "Greater", "greater_equal": "GreaterOrEqual", "less": "Less",
          "less_equal": "LessOrEqual", "equal": "Equal", "not_equal": "Not"}  # fmt: skip
_BOOL, _FLOAT = 9, 1


def _elementwise(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    word, tensors = word_for(step, "ONNX", _WORDS), _aligned(graph, step, inputs)
    if word == "Where":
        condition = graph.node(step, "Cast", tensors[:1], to=_BOOL)
        graph.node(step, word, [condition, *tensors[1:]], step.name)
        return
    found = graph.node(step, "Equal" if word == "Not" else word, tensors)
    found = graph.node(step, "Not", [found]) if word == "Not" else found
    graph.node(step, "Cast", [found], step.name, to=_FLOAT)


def _einsum(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    graph.node(step, "Einsum", inputs, step.name, equation=equation(step))


def _grid_sample(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    if step.works != "channels_first":
        raise cannot(step, "ONNX samples maps with the channels first", "write the network channels_first")
    graph.node(step, "GridSample", inputs, step.name, mode=step.operator.mode)


def _affine_grid(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    batch = graph.node(step, "Shape", inputs, start=0, end=1)
    size = graph.node(step, "Concat", [batch, graph.numbers(step, 1, *step.operator.size)], axis=0)
    graph.node(step, "AffineGrid", [*inputs, size], step.name)


def _fold(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    op, rank = step.operator, len(step.operator.size)
    kernel = per_axis("kernel_size", op.kernel_size, rank)
    given = graph.numbers(step, *op.size), graph.numbers(step, *kernel)
    options = _window(op, rank) | {"dilations": per_axis("dilation", op.dilation, rank)}
    graph.node(step, "Col2Im", [*inputs, *given], step.name, **options)


def _window(op: Any, rank: int) -> dict[str, Any]:
    sides = pairs("padding", op.padding, rank)
    strides = op.kernel_size if op.stride is None else op.stride
    return {"strides": per_axis("stride", strides, rank), "pads": [*(a for a, _ in sides), *(b for _, b in sides)]}


def _max_unpool(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    op, kernel = step.operator, per_axis("kernel_size", step.operator.kernel_size, step.rank)
    places = graph.node(step, "Cast", inputs[1:], to=7)  # INT64
    batch = graph.node(step, "Shape", inputs[:1], start=0, end=1)
    shape = graph.node(step, "Concat", [batch, graph.numbers(step, *step.made[0])], axis=0)
    wished = [shape] if op.output_size is not None else []
    options = _window(op, step.rank) | {"kernel_shape": kernel}
    graph.node(step, "MaxUnpool", [inputs[0], places, *wished], step.name, **options)


def _deform_conv(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    op, (channels, *_), out = step.operator, step.sizes[0], step.made[0][0]
    kernel = per_axis("kernel_size", op.kernel_size, 2)
    weight = graph.weight(step, "weight", out, channels // op.groups, *kernel)
    bias = [graph.weight(step, "bias", out)] if op.bias else [""] if len(inputs) > 2 else []
    options = _window(op, 2) | {"dilations": per_axis("dilation", op.dilation, 2), "group": op.groups}
    given = [inputs[0], weight, inputs[1], *bias, *inputs[2:]]
    graph.node(step, "DeformConv", given, step.name, offset_group=op.offset_groups, **options)


def _center_crop_pad(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    sizes = graph.numbers(step, *step.made[0])
    graph.node(step, "CenterCropPad", [*inputs, sizes], step.name, axes=[i + 1 for i in range(step.rank + 1)])


def _top_k(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    op = step.operator
    graph.nodes_of(step, "TopK", [*inputs, graph.numbers(step, op.count)], list(step.outputs), axis=step.axis(op.axis))


# -- features and sequences


def _linear(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    op, features = step.operator, step.shape(step.sizes[0])[-1]
    weight = graph.weight(step, "weight", features, op.out_features)
    bias = [graph.weight(step, "bias", op.out_features)] if op.bias else []
    if len(step.sizes[0]) == 1:
        graph.node(step, "Gemm", [*inputs, weight, *bias], step.name)
        return
    made = graph.node(step, "MatMul", [*inputs, weight], None if bias else step.name)
    if bias:
        graph.node(step, "Add", [made, *bias], step.name)


def _embedding(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    indices = graph.node(step, "Cast", inputs, to=7)  # INT64
    weight = graph.weight(step, "weight", step.operator.count, step.operator.dim)
    graph.node(step, "Gather", [weight, indices], step.name)


def _recurrent(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    op, hidden = step.operator, step.operator.hidden_size
    gates, directions = op.gates, 2 if op.bidirectional else 1
    features = step.shape(step.sizes[0])[-1]
    direction = "bidirectional" if op.bidirectional else "forward"
    attributes: dict[str, Any] = {"hidden_size": hidden, "direction": direction}
    if op.kind == "gru":
        attributes["linear_before_reset"] = int(op.reset_after)
    x = graph.node(step, "Transpose", inputs, perm=[1, 0, 2])  # the length comes first
    for _ in range(op.num_layers):
        weights = [graph.weight(step, "weight", directions, gates * hidden, features),
                   graph.weight(step, "weight", directions, gates * hidden, hidden)]  # fmt: skip
        weights += [graph.weight(step, "bias", directions, 2 * gates * hidden)] if op.bias else []
        x = graph.node(step, op.kind.upper(), [x, *weights], **attributes)  # (length, directions, batch, hidden)
        x = graph.node(step, "Transpose", [x], perm=[0, 2, 1, 3])
        features = directions * hidden
        x = graph.node(step, "Reshape", [x, graph.numbers(step, 0, 0, features)])
    if op.return_sequences:
        graph.node(step, "Transpose", [x], step.name, perm=[1, 0, 2])
    else:
        graph.node(step, "Gather", [x, graph.scalar(step, -1)], step.name, axis=0)


def _constant(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    shape = step.shape(step.made[0])
    value = graph.filled(step, "weight" if step.operator.learned else "zeros", 0.0, 1, *shape)
    batch = graph.node(step, "Shape", inputs, start=0, end=1)
    whole = graph.node(step, "Concat", [batch, graph.numbers(step, *shape)], axis=0)
    graph.node(step, "Expand", [value, whole], step.name)


# -- single elements


def _function(kind: str, **attributes: Any) -> Write:
    return lambda graph, step, inputs: graph.node(step, kind, inputs, step.name, **attributes)


def _clipped(low: float, high: float) -> Write:
    def write(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
        graph.node(step, "Clip", [*inputs, graph.scalar(step, low), graph.scalar(step, high)], step.name)

    return write


def _silu(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    graph.node(step, "Mul", [*inputs, graph.node(step, "Sigmoid", inputs)], step.name)


def _prelu(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    behind = [1] * step.rank if step.works == "channels_first" and step.operator.slopes != 1 else []
    graph.node(step, "PRelu", [*inputs, graph.weight(step, "weight", step.operator.slopes, *behind)], step.name)


def _dropout(graph: GraphWriter, step: PlannedLayer, inputs: list[str]) -> None:
    graph.node(step, "Dropout", [*inputs, graph.scalar(step, float(step.operator.p))], step.name)


AXES: dict[str, Write] = {
    "pixel_shuffle": _pixels, "pixel_unshuffle": _pixels, "depth_to_space": _pixels, "space_to_depth": _pixels,
    "flatten": _flatten, "unflatten": _reshape, "reshape": _reshape, "permute": _permute,
    "squeeze": _squeeze, "unsqueeze": _squeeze, "slice": _slice, "gather": _gather, "unfold": _unfold,
    "split": _split, "chunk": _split,
    "reduce": _reduce,
    **dict.fromkeys(_JOINS, _joined), "average": _average, "concat": _concat, "expand": _expand, "tile": _tile,
    "linear": _linear, "embedding": _embedding, "rnn": _recurrent, "lstm": _recurrent, "gru": _recurrent,
    "constant": _constant, "einsum": _einsum, "elementwise": _elementwise, "grid_sample": _grid_sample,
    "affine_grid": _affine_grid, "fold": _fold, "max_unpool": _max_unpool, "deform_conv": _deform_conv,
    "center_crop_pad": _center_crop_pad, "top_k": _top_k, "dropout": _dropout, "prelu": _prelu, "silu": _silu,
    "relu6": _clipped(0.0, 6.0), "hardtanh": _clipped(-1.0, 1.0),
    "identity": _function("Identity"), "relu": _function("Relu"), "leaky_relu": _function("LeakyRelu", alpha=0.01),
    "elu": _function("Elu"), "selu": _function("Selu"), "celu": _function("Celu"), "gelu": _function("Gelu"),
    "mish": _function("Mish"), "hardswish": _function("HardSwish"),
    "hardsigmoid": _function("HardSigmoid", alpha=1 / 6, beta=0.5), "sigmoid": _function("Sigmoid"),
    "tanh": _function("Tanh"), "softplus": _function("Softplus"), "softmax": _function("Softmax", axis=1),
    "log_softmax": _function("LogSoftmax", axis=1), "local_response_norm": _function("LRN", size=5),
}  # fmt: skip
