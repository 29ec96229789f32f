"""How PyTorch says the operators that count axes, join tensors, or work on features and sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....operators.base import pairs, per_axis
from ...common.writing.channel_shuffles import shuffle
from ...common.writing.joins import aligned, between, equation, grown, nested, worded
from ...common.writing.plan import Step, cannot
from ...common.writing.source_lines import Call, Chained, Code, Stage, brief, module

__all__ = ["PHRASES"]


def _code(text: str) -> list[Stage]:
    return [Stage(Code(text))]


def _method(name: str, *args: Any, **options: Any) -> list[Stage]:
    return [Stage(Call(f"{{x}}.{name}", args, options))]


def _pixels(step: Step) -> list[Stage]:
    op = step.operator
    up = op.kind in ("pixel_shuffle", "depth_to_space")
    if step.rank == 2:
        return [module("nn.PixelShuffle" if up else "nn.PixelUnshuffle", op.block_size)]
    moves = shuffle(step, up=up, last=False)
    return [
        Stage(Call("{x}.reshape", (Code("len({x})"), *moves.split))),
        Stage(Call("{x}.permute", (0, *(axis + 1 for axis in moves.order)))),
        Stage(Call("{x}.reshape", (Code("len({x})"), *moves.merged))),
    ]


def _flatten(step: Step) -> list[Stage]:
    rank = len(step.sizes[0])
    start, end = step.operator.start_axis % rank, step.operator.end_axis % rank
    options = {} if end == rank - 1 else {"end_dim": end + 1}
    return [module("nn.Flatten", **({"start_dim": start + 1} if start else {}), **options)]


def _unflatten(step: Step) -> list[Stage]:
    return [module("nn.Unflatten", step.operator.axis % len(step.sizes[0]) + 1, step.operator.sizes)]


def _reshape(step: Step) -> list[Stage]:
    if len(step.sizes[0]) == 1:
        return [module("nn.Unflatten", 1, step.operator.shape)]
    return _method("reshape", Code("len({x})"), *step.operator.shape)


def _permute(step: Step) -> list[Stage]:
    return _method("permute", 0, *(axis + 1 for axis in step.operator.order))


def _squeeze(step: Step) -> list[Stage]:
    return _method("squeeze", step.operator.axis % len(step.sizes[0]) + 1)


def _unsqueeze(step: Step) -> list[Stage]:
    return _method("unsqueeze", step.operator.axis % (len(step.sizes[0]) + 1) + 1)


def _slice(step: Step) -> list[Stage]:
    op, axis = step.operator, step.axis(step.operator.axis)
    span = f"{op.start or ''}:{'' if op.stop is None else op.stop}{f':{op.step}' if op.step != 1 else ''}"
    return _code(f"{{x}}[{':, ' * axis}{span}]")


def _gather(step: Step) -> list[Stage]:
    op, axis = step.operator, step.operator.axis % len(step.sizes[0]) + 1
    index = op.index()
    if isinstance(index, int):
        return _method("select", axis, index)
    return _code(f"{{x}}[{':, ' * axis}torch.tensor({index})]")


def _unfold(step: Step) -> list[Stage]:
    return _method("unfold", step.axis(step.operator.axis), step.operator.size, step.operator.step)


def _split(step: Step) -> list[Stage]:
    if len(step.outputs) == 1:
        return [module("nn.Identity")]
    return _method("split", list(step.operator.sizes), dim=step.axis(step.operator.axis))


def _chunk(step: Step) -> list[Stage]:
    if len(step.outputs) == 1:
        return [module("nn.Identity")]
    return _method("chunk", step.operator.chunks, dim=step.axis(step.operator.axis))


def _reduce(step: Step) -> list[Stage]:
    axes = sorted({step.axis(axis) for axis in step.operator.axes})
    options = {"keepdim": True} if step.operator.keepdims else {}
    return _method("mean", dim=axes[0] if len(axes) == 1 else tuple(axes), **options)


def _average(step: Step) -> list[Stage]:
    return [Stage(Chained(tuple(aligned(step)), "+")), *_code(f"{{x}} / {len(step.inputs)}")]


def _expand(step: Step) -> list[Stage]:
    made = step.shape(step.made[0])
    added = len(made) - len(step.sizes[0])
    return [Stage(Call(f"{grown('{x}', added)}.expand", (-1, *made)))]


def _tile(step: Step) -> list[Stage]:
    return _method("repeat", 1, *step.operator.repeats)


def _concat(step: Step) -> list[Stage]:
    names = Code(f"[{', '.join(f'{{{i}}}' for i in range(len(step.inputs)))}]")
    return [Stage(Call("torch.cat", (names,), {"dim": step.axis(step.operator.axis)}))]


def _linear(step: Step) -> list[Stage]:
    op = step.operator
    features = op.in_features or step.shape(step.sizes[0])[-1]
    options: dict[str, Any] = {} if op.bias else {"bias": False}
    return [module("nn.Linear", features, op.out_features, **options)]


def _embedding(step: Step) -> list[Stage]:
    return [module("nn.Embedding", step.operator.count, step.operator.dim, use="{m}({x}.long())")]


def _recurrent(step: Step) -> list[Stage]:
    op = step.operator
    if not getattr(op, "reset_after", True):
        raise cannot(step, "PyTorch's GRU resets the state after the product", "set reset_after to true")
    options: dict[str, Any] = {"num_layers": op.num_layers} if op.num_layers > 1 else {}
    options |= {} if op.bias else {"bias": False}
    options |= {"batch_first": True} | ({"bidirectional": True} if op.bidirectional else {})
    use = "{m}({x})[0]" if op.return_sequences else "{m}({x})[0][:, -1]"
    features = op.in_features or step.shape(step.sizes[0])[-1]
    return [module(f"nn.{op.kind.upper()}", features, op.hidden_size, use=use, **options)]


def _einsum(step: Step) -> list[Stage]:
    return [Stage(Call("torch.einsum", (equation(step), *(Code(f"{{{i}}}") for i in range(len(step.inputs))))))]


_COMPARED = {"greater": ">", "greater_equal": ">=", "less": "<", "less_equal": "<=", "equal": "==", "not_equal": "!="}
_WORDS = {
    "where": "torch.where({0} != 0, {1}, {2})",
    **{name: f"({{0}} {sign} {{1}}).to({{0}}.dtype)" for name, sign in _COMPARED.items()},
}


def _grid_sample(step: Step) -> list[Stage]:
    if step.works != "channels_first":
        raise cannot(step, "PyTorch samples maps with the channels first", "write the network channels_first")
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(step.operator.mode, step.operator.mode)
    return [Stage(Call("F.grid_sample", (Code("{0}"), Code("{1}")), {"mode": mode, "align_corners": False}))]


def _affine_grid(step: Step) -> list[Stage]:
    size = Code(f"[len({{x}}), 1, {', '.join(map(str, step.operator.size))}]")
    return [Stage(Call("F.affine_grid", (Code("{x}"), size), {"align_corners": False}))]


def _sides(step: Step, rank: int) -> list[Any]:
    """Return the padding of each axis, which must be the same on both sides."""
    sides = pairs("padding", step.operator.padding, rank)
    if any(before != after for before, after in sides):
        kind = step.operator.kind
        raise cannot(step, f"PyTorch's {kind} has no padding that differs between two sides", "pad it alike")
    return [before for before, _ in sides]


def _fold(step: Step) -> list[Stage]:
    op, rank = step.operator, len(step.operator.size)
    if rank != 2:
        raise cannot(step, f"PyTorch has no fold to {rank} axes", "fold to two axes")
    options = {"dilation": op.dilation, "padding": _sides(step, rank), "stride": op.stride}
    return [Stage(Call("F.fold", (Code("{x}"), op.size, op.kernel_size), options))]


def _max_unpool(step: Step) -> list[Stage]:
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
    return [Stage(Call(f"F.max_unpool{rank}d", (Code("{0}"), Code("{1}.long()"), op.kernel_size), options))]


def _top_k(step: Step) -> list[Stage]:
    return _method("topk", step.operator.count, dim=step.axis(step.operator.axis))


def _prelu(step: Step) -> list[Stage]:
    return [module("nn.PReLU", *([] if step.operator.slopes == 1 else [step.operator.slopes]))]


def _layer_norm(step: Step) -> list[Stage]:
    op = step.operator
    shape = op.normalized_shape or step.shape(step.sizes[0])[-1:]
    scale, shift = step.affine
    if shift and not scale:
        raise cannot(step, "PyTorch's layer_norm has no shift without a scale", "set scale to true, or shift to false")
    options: dict[str, Any] = {} if shift else {"bias": False} if scale else {"elementwise_affine": False}
    return [module("nn.LayerNorm", brief(shape) if len(shape) == 1 else shape, **options)]


def _constant(step: Step) -> list[Stage]:
    shape = step.shape(step.made[0])
    if not step.operator.learned:
        return [Stage(Call("{x}.new_zeros", (Code("len({x})"), *shape)))]
    use = f"{{m}}.expand({', '.join(['len({x})', *('-1' for _ in shape)])})"
    zeros = Code(f"torch.zeros(1, {', '.join(map(str, shape))})")
    return [Stage(Call("nn.Parameter", (zeros,)), True, use=use)]


PHRASES: dict[str, Callable[[Step], list[Stage]]] = {
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
