"""How PyTorch says the operators that count axes, join tensors, or work on features and sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....operators.base import pairs, per_axis
from ...common.writing.channel_shuffles import shuffle
from ...common.writing.joins import aligned, between, equation, grown, nested, worded
from ...common.writing.plan import PlannedLayer, cannot
from ...common.writing.source_lines import CallText, Chained, Code, Statement, brief, module

__all__ = ["PHRASES"]


def _code(text: str) -> list[Statement]:
    return [Statement(Code(text))]


def _method(name: str, *args: Any, **options: Any) -> list[Statement]:
    return [Statement(CallText(f"{{x}}.{name}", args, options))]


def _pixels(step: PlannedLayer) -> list[Statement]:
    op = step.operator
    up = op.kind in ("pixel_shuffle", "depth_to_space")
    if step.rank == 2:
        return [module("nn.PixelShuffle" if up else "nn.PixelUnshuffle", op.block_size)]
    moves = shuffle(step, up=up, last=False)
    return [
        Statement(CallText("{x}.reshape", (Code("len({x})"), *moves.split))),
        Statement(CallText("{x}.permute", (0, *(axis + 1 for axis in moves.order)))),
        Statement(CallText("{x}.reshape", (Code("len({x})"), *moves.merged))),
    ]


def _flatten(step: PlannedLayer) -> list[Statement]:
    rank = len(step.sizes[0])
    start, end = step.operator.start_axis % rank, step.operator.end_axis % rank
    options = {} if end == rank - 1 else {"end_dim": end + 1}
    return [module("nn.Flatten", **({"start_dim": start + 1} if start else {}), **options)]


def _unflatten(step: PlannedLayer) -> list[Statement]:
    return [module("nn.Unflatten", step.operator.axis % len(step.sizes[0]) + 1, step.operator.sizes)]


def _reshape(step: PlannedLayer) -> list[Statement]:
    if len(step.sizes[0]) == 1:
        return [module("nn.Unflatten", 1, step.operator.shape)]
    return _method("reshape", Code("len({x})"), *step.operator.shape)


def _permute(step: PlannedLayer) -> list[Statement]:
    return _method("permute", 0, *(axis + 1 for axis in step.operator.order))


def _squeeze(step: PlannedLayer) -> list[Statement]:
    return _method("squeeze", step.operator.axis % len(step.sizes[0]) + 1)


def _unsqueeze(step: PlannedLayer) -> list[Statement]:
    return _method("unsqueeze", step.operator.axis % (len(step.sizes[0]) + 1) + 1)


def _slice(step: PlannedLayer) -> list[Statement]:
    op, axis = step.operator, step.axis(step.operator.axis)
    span = f"{op.start or ''}:{'' if op.stop is None else op.stop}{f':{op.step}' if op.step != 1 else ''}"
    return _code(f"{{x}}[{':, ' * axis}{span}]")


def _gather(step: PlannedLayer) -> list[Statement]:
    op, axis = step.operator, step.operator.axis % len(step.sizes[0]) + 1
    index = op.index()
    if isinstance(index, int):
        return _method("select", axis, index)
    return _code(f"{{x}}[{':, ' * axis}torch.tensor({index})]")


def _unfold(step: PlannedLayer) -> list[Statement]:
    return _method("unfold", step.axis(step.operator.axis), step.operator.size, step.operator.step)


def _split(step: PlannedLayer) -> list[Statement]:
    if len(step.outputs) == 1:
        return [module("nn.Identity")]
    return _method("split", list(step.operator.sizes), dim=step.axis(step.operator.axis))


def _chunk(step: PlannedLayer) -> list[Statement]:
    if len(step.outputs) == 1:
        return [module("nn.Identity")]
    return _method("chunk", step.operator.chunks, dim=step.axis(step.operator.axis))


def _reduce(step: PlannedLayer) -> list[Statement]:
    axes = sorted({step.axis(axis) for axis in step.operator.axes})
    options = {"keepdim": True} if step.operator.keepdims else {}
    return _method("mean", dim=axes[0] if len(axes) == 1 else tuple(axes), **options)


def _average(step: PlannedLayer) -> list[Statement]:
    return [Statement(Chained(tuple(aligned(step)), "+")), *_code(f"{{x}} / {len(step.inputs)}")]


def _expand(step: PlannedLayer) -> list[Statement]:
    made = step.shape(step.made[0])
    added = len(made) - len(step.sizes[0])
    return [Statement(CallText(f"{grown('{x}', added)}.expand", (-1, *made)))]


def _tile(step: PlannedLayer) -> list[Statement]:
    return _method("repeat", 1, *step.operator.repeats)


def _concat(step: PlannedLayer) -> list[Statement]:
    names = Code(f"[{', '.join(f'{{{i}}}' for i in range(len(step.inputs)))}]")
    return [Statement(CallText("torch.cat", (names,), {"dim": step.axis(step.operator.axis)}))]


def _linear(step: PlannedLayer) -> list[Statement]:
    op = step.operator
    features = op.in_features or step.shape(step.sizes[0])[-1]
    options: dict[str, Any] = {} if op.bias else {"bias": False}
    return [module("nn.Linear", features, op.out_features, **options)]


def _embedding(step: PlannedLayer) -> list[Statement]:
    return [module("nn.Embedding", step.operator.count, step.operator.dim, use="{m}({x}.long())")]


def _recurrent(step: PlannedLayer) -> list[Statement]:
    op = step.operator
    if not getattr(op, "reset_after", True):
        raise cannot(step, "PyTorch's GRU resets the state after the product", "set reset_after to true")
    options: dict[str, Any] = {"num_layers": op.num_layers} if op.num_layers > 1 else {}
    options |= {} if op.bias else {"bias": False}
    options |= {"batch_first": True} | ({"bidirectional": True} if op.bidirectional else {})
    use = "{m}({x})[0]" if op.return_sequences else "{m}({x})[0][:, -1]"
    features = op.in_features or step.shape(step.sizes[0])[-1]
    return [module(f"nn.{op.kind.upper()}", features, op.hidden_size, use=use, **options)]


def _einsum(step: PlannedLayer) -> list[Statement]:
    return [Statement(CallText("torch.einsum", (equation(step), *(Code(f"{{{i}}}") for i in range(len(step.inputs))))))]


_COMPARED = {"greater": ">", "greater_equal": ">=", "less": "<", "less_equal": "<=", "equal": "==", "not_equal": "!="}
_WORDS = {
    "where": "torch.where({0} != 0, {1}, {2})",
    **{name: f"({{0}} {sign} {{1}}).to({{0}}.dtype)" for name, sign in _COMPARED.items()},
}


def _grid_sample(step: PlannedLayer) -> list[Statement]:
    if step.works != "channels_first":
        raise cannot(step, "PyTorch samples maps with the channels first", "write the network channels_first")
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(step.operator.mode, step.operator.mode)
    return [Statement(CallText("F.grid_sample", (Code("{0}"), Code("{1}")), {"mode": mode, "align_corners": False}))]


def _affine_grid(step: PlannedLayer) -> list[Statement]:
    size = Code(f"[len({{x}}), 1, {', '.join(map(str, step.operator.size))}]")
    return [Statement(CallText("F.affine_grid", (Code("{x}"), size), {"align_corners": False}))]


def _sides(step: PlannedLayer, rank: int) -> list[Any]:
    """Return the padding of each axis, which must be the same on both sides."""
    sides = pairs("padding", step.operator.padding, rank)
    if any(before != after for before, after in sides):
        kind = step.operator.kind
        raise cannot(step, f"PyTorch's {kind} has no padding that differs between two sides", "pad it alike")
    return [before for before, _ in sides]


def _fold(step: PlannedLayer) -> list[Statement]:
    op, rank = step.operator, len(step.operator.size)
    if rank != 2:
        raise cannot(step, f"PyTorch has no fold to {rank} axes", "fold to two axes")
    options = {"dilation": op.dilation, "padding": _sides(step, rank), "stride": op.stride}
    return [Statement(CallText("F.fold", (Code("{x}"), op.size, op.kernel_size), options))]


def _max_unpool(step: PlannedLayer) -> list[Statement]:
    op, rank = step.operator, step.rank
    if not 1 <= rank <= 3:
        raise cannot(step, f"PyTorch has no max_unpool of {rank} axes", "unpool 1 to 3 axes")
    options: dict[str, Any] = {"stride": op.stride, "padding": _sides(step, rank)}
    if op.output_size is not None:
        steps = zip(per_axis("size", op.output_size, rank), step.sizes[0][1:], _sides(step, rank), strict=True)
        kernels = per_axis("kernel_size", op.kernel_size, rank)
        strides = [k if s is None else s for k, s in zip(kernels, per_axis("stride", op.stride, rank), strict=True)]
        full = [(n - 1) * s - 2 * p + k for (_, n, p), s, k in zip(steps, strides, kernels, strict=True)]
        if any(abs(made - n) >= s for made, n, s in zip(step.made[0][1:], full, strides, strict=True)):
            raise cannot(step, "PyTorch's max_unpool has no output_size a stride or more from its own", "leave it out")
        options["output_size"] = list(step.made[0][1:])
    return [Statement(CallText(f"F.max_unpool{rank}d", (Code("{0}"), Code("{1}.long()"), op.kernel_size), options))]


def _top_k(step: PlannedLayer) -> list[Statement]:
    return _method("topk", step.operator.count, dim=step.axis(step.operator.axis))


def _prelu(step: PlannedLayer) -> list[Statement]:
    return [module("nn.PReLU", *([] if step.operator.slopes == 1 else [step.operator.slopes]))]


def _layer_norm(step: PlannedLayer) -> list[Statement]:
    op = step.operator
    shape = op.normalized_shape or step.shape(step.sizes[0])[-1:]
    scale, shift = step.affine
    if shift and not scale:
        raise cannot(step, "PyTorch's layer_norm has no shift without a scale", "set scale to true, or shift to false")
    options: dict[str, Any] = {} if shift else {"bias": False} if scale else {"elementwise_affine": False}
    return [module("nn.LayerNorm", brief(shape) if len(shape) == 1 else shape, **options)]


def _constant(step: PlannedLayer) -> list[Statement]:
    shape = step.shape(step.made[0])
    if not step.operator.learned:
        return [Statement(CallText("{x}.new_zeros", (Code("len({x})"), *shape)))]
    use = f"{{m}}.expand({', '.join(['len({x})', *('-1' for _ in shape)])})"
    zeros = Code(f"torch.zeros(1, {', '.join(map(str, shape))})")
    return [Statement(CallText("nn.Parameter", (zeros,)), True, use=use)]


PHRASES: dict[str, Callable[[PlannedLayer], list[Statement]]] = {
    "pixel_shuffle": _pixels, "pixel_unshuffle": _pixels, "depth_to_space": _pixels, "space_to_depth": _pixels,
    "flatten": _flatten, "unflatten": _unflatten, "reshape": _reshape, "permute": _permute,
    "squeeze": _squeeze, "unsqueeze": _unsqueeze, "slice": _slice, "gather": _gather, "unfold": _unfold,
    "split": _split, "chunk": _chunk,
    "reduce": _reduce, "expand": _expand, "tile": _tile, "add": between("+"), "sub": between("-"), "mul": between("*"),
    "div": between("/"), "matmul": between("@"), "pow": nested("torch.pow"), "maximum": nested("torch.maximum"),
    "minimum": nested("torch.minimum"), "average": _average, "concat": _concat, "linear": _linear,
    "embedding": _embedding, "rnn": _recurrent, "lstm": _recurrent, "gru": _recurrent, "layer_norm": _layer_norm,
    "constant": _constant, "einsum": _einsum, "elementwise": worded("PyTorch", _WORDS), "grid_sample": _grid_sample,
    "affine_grid": _affine_grid, "fold": _fold, "prelu": _prelu, "max_unpool": _max_unpool, "top_k": _top_k,
}  # fmt: skip
