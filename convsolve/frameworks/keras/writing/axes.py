"""How Keras says the operators that count axes, join tensors, or work on features and sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...common.writing.channel_shuffles import shuffle
from ...common.writing.joins import between, equation, grown, nested, worded
from ...common.writing.plan import PlannedLayer, cannot
from ...common.writing.source_lines import CallText, Code, Statement, module

__all__ = ["PHRASES", "affine"]


def _function(name: str, *args: Any, **options: Any) -> list[Statement]:
    return [Statement(CallText(f"keras.ops.{name}", (Code("{x}"), *args), options))]


def _pixels(step: PlannedLayer) -> list[Statement]:
    up = step.operator.kind in ("pixel_shuffle", "depth_to_space")
    moves = shuffle(step, up=up, last=True)
    return [
        module("layers.Reshape", moves.split, suffix="split"),
        module("layers.Permute", tuple(axis + 1 for axis in moves.order), suffix="permute"),
        module("layers.Reshape", moves.merged),
    ]


def _flatten(step: PlannedLayer) -> list[Statement]:
    made = step.shape(step.made[0])
    return [module("layers.Flatten") if len(made) == 1 else module("layers.Reshape", made)]


def _reshape(step: PlannedLayer) -> list[Statement]:
    return [module("layers.Reshape", step.shape(step.made[0]))]


def _permute(step: PlannedLayer) -> list[Statement]:
    return [module("layers.Permute", tuple(axis + 1 for axis in step.operator.order))]


def _slice(step: PlannedLayer) -> list[Statement]:
    op, axis = step.operator, step.axis(step.operator.axis)
    span = f"{op.start or ''}:{'' if op.stop is None else op.stop}{f':{op.step}' if op.step != 1 else ''}"
    return [Statement(Code(f"{{x}}[{':, ' * axis}{span}]"))]


def _gather(step: PlannedLayer) -> list[Statement]:
    op = step.operator
    return _function("take", op.index(), axis=op.axis % len(step.sizes[0]) + 1)


def _unfold(step: PlannedLayer) -> list[Statement]:
    axis = step.axis(step.operator.axis)
    index = step.operator.index(step.shape(step.sizes[0])[axis - 1])
    return [*_function("take", index, axis=axis), *_function("moveaxis", axis + 1, -1)]


def _split(step: PlannedLayer) -> list[Statement]:
    if len(step.outputs) == 1:
        return [module("layers.Identity")]
    axis = step.axis(step.operator.axis)
    parts = [step.shape(sizes)[axis - 1] for sizes in step.made]
    ends = [sum(parts[: i + 1]) for i in range(len(parts) - 1)]
    return _function("split", ends, axis=axis)


def _prelu(step: PlannedLayer) -> list[Statement]:
    channels = step.axis(None)
    shared = [i + 1 for i in range(len(step.sizes[0])) if i + 1 != channels or step.operator.slopes == 1]
    options: dict[str, Any] = {"shared_axes": shared} if shared else {}
    return [module("layers.PReLU", **options)]


def _reduce(step: PlannedLayer) -> list[Statement]:
    axes = sorted({step.axis(axis) for axis in step.operator.axes})
    options = {"keepdims": True} if step.operator.keepdims else {}
    return _function("mean", axis=axes[0] if len(axes) == 1 else tuple(axes), **options)


def _every(step: PlannedLayer) -> str:
    return f"{{m}}([{', '.join(f'{{{i}}}' for i in range(len(step.inputs)))}])"


def _joined(name: str) -> Callable[[PlannedLayer], list[Statement]]:
    return lambda step: [module(f"layers.{name}", use=_every(step))]


def _sub(step: PlannedLayer) -> list[Statement]:
    first = module("layers.Subtract", use="{m}([{0}, {1}])")
    if len(step.inputs) == 2:
        return [first]
    rest = ", ".join(f"{{{i}}}" for i in range(1, len(step.inputs)))
    return [module("layers.Subtract", use=f"{{m}}([{{0}}, layers.Add()([{rest}])])")]


def _concat(step: PlannedLayer) -> list[Statement]:
    if len(step.inputs) == 1:
        return [module("layers.Identity")]
    axis = step.axis(step.operator.axis)
    options: dict[str, Any] = {} if axis == len(step.sizes[0]) else {"axis": axis}
    return [module("layers.Concatenate", use=_every(step), **options)]


def _expand(step: PlannedLayer) -> list[Statement]:
    """Say it as repetition, since Keras can expand no batch whose size is open."""
    made, given = step.shape(step.made[0]), step.shape(step.sizes[0])
    added = len(made) - len(given)
    repeats = (1, *made[:added], *(m // n for m, n in zip(made[added:], given, strict=True)))
    return [Statement(CallText("keras.ops.tile", (Code(grown("{x}", added)), repeats)))]


def _tile(step: PlannedLayer) -> list[Statement]:
    return _function("tile", (1, *step.operator.repeats))


def _linear(step: PlannedLayer) -> list[Statement]:
    options: dict[str, Any] = {} if step.operator.bias else {"use_bias": False}
    return [module("layers.Dense", step.operator.out_features, **options)]


def _recurrent(step: PlannedLayer) -> list[Statement]:
    op = step.operator
    stages = []
    for i in range(op.num_layers):
        last = i == op.num_layers - 1
        options: dict[str, Any] = {"return_sequences": True} if op.return_sequences or not last else {}
        options |= {} if op.bias else {"use_bias": False}
        options |= {} if getattr(op, "reset_after", True) else {"reset_after": False}
        made = CallText({"rnn": "layers.SimpleRNN", "lstm": "layers.LSTM", "gru": "layers.GRU"}[op.kind],
                    (op.hidden_size,), options)  # fmt: skip
        if op.bidirectional:
            made = CallText("layers.Bidirectional", (made,))
        stages.append(Statement(made, True, "" if last else f"layer{i + 1}"))
    return stages


def _conv_lstm(step: PlannedLayer) -> list[Statement]:
    op, rank = step.operator, step.rank - 1
    word = {0: "valid"}.get(op.padding, op.padding)
    if not isinstance(word, str) or not 1 <= rank <= 3:
        raise cannot(step, "Keras has ConvLSTM1D to 3D with padding 'valid' or 'same'", "take one of these")
    given = {"strides": op.stride, "padding": word, "dilation_rate": op.dilation, "use_bias": op.bias}
    usual = {"strides": 1, "padding": "valid", "dilation_rate": 1, "use_bias": True}
    options = {name: value for name, value in given.items() if value != usual[name]}
    options |= {"return_sequences": True} if op.return_sequences else {}
    return [module(f"layers.ConvLSTM{rank}D", op.out_channels, kernel_size=op.kernel_size, **options)]


def _einsum(step: PlannedLayer) -> list[Statement]:
    inputs = (Code(f"{{{i}}}") for i in range(len(step.inputs)))
    return [Statement(CallText("keras.ops.einsum", (equation(step), *inputs)))]


_COMPARED = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
_WORDS = {
    "where": "keras.ops.where({0}, {1}, {2})",
    **{name: f"keras.ops.cast(keras.ops.{name}({{0}}, {{1}}), {{0}}.dtype)" for name in _COMPARED},
}


def affine(step: PlannedLayer) -> dict[str, Any]:
    """Return the options of a normalisation that does not learn both a scale and a shift."""
    scale, shift = step.affine
    return ({} if shift else {"center": False}) | ({} if scale else {"scale": False})


def _layer_norm(step: PlannedLayer) -> list[Statement]:
    count = len(step.operator.normalized_shape or (1,))
    options: dict[str, Any] = {} if count == 1 else {"axis": list(range(-count, 0))}
    return [module("layers.LayerNormalization", **options, **affine(step))]


def _constant(step: PlannedLayer) -> list[Statement]:
    return [module("Constant", step.shape(step.made[0]), learned=step.operator.learned)]


PHRASES: dict[str, Callable[[PlannedLayer], list[Statement]]] = {
    "pixel_shuffle": _pixels, "pixel_unshuffle": _pixels, "depth_to_space": _pixels, "space_to_depth": _pixels,
    "flatten": _flatten, "unflatten": _reshape, "reshape": _reshape, "permute": _permute,
    "squeeze": _reshape, "unsqueeze": _reshape, "slice": _slice, "gather": _gather, "prelu": _prelu, "unfold": _unfold,
    "split": _split, "chunk": _split,
    "reduce": _reduce, "expand": _expand, "tile": _tile, "add": _joined("Add"), "sub": _sub, "mul": _joined("Multiply"),
    "div": between("/"), "pow": nested("keras.ops.power"), "maximum": _joined("Maximum"), "minimum": _joined("Minimum"),
    "average": _joined("Average"), "concat": _concat, "matmul": nested("keras.ops.matmul"), "linear": _linear,
    "embedding": lambda step: [module("layers.Embedding", step.operator.count, step.operator.dim)],
    "rnn": _recurrent, "lstm": _recurrent, "gru": _recurrent, "conv_lstm": _conv_lstm, "layer_norm": _layer_norm,
    "constant": _constant, "einsum": _einsum, "elementwise": worded("Keras", _WORDS),
}  # fmt: skip
