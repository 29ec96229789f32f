"""Our operators against PyTorch, executed on the CPU."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from random import Random
from typing import Any

import pytest
import torch

from convsolve import Layer, Network, check
from convsolve import operators as ops
from tests.conformance.judge import (
    NAMES,
    Case,
    Suite,
    Verdict,
    batched_equation,
    drawn_equation,
    each,
    multiple,
    near,
    ours,
    sizes,
    spread,
    usable,
)

GLOBALS = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}


def execute(case: Case) -> Verdict:
    """Execute a case on real tensors."""
    indices = case.operator.kind == "embedding"
    kind = torch.int64 if indices else torch.float32
    tensors = {n: torch.zeros(case.batch_size, *s, dtype=kind) for n, s in zip(NAMES, case.shapes, strict=False)}
    learned = None
    try:
        with torch.no_grad():
            module = eval(case.module, GLOBALS) if case.module else None
            if module is not None:
                module.train(case.training)
                learned = sum(p.numel() for p in module.parameters())
            result = eval(case.call, {**GLOBALS, **tensors, "m": module})
    except (RuntimeError, ValueError, IndexError) as error:
        return Verdict(None, why=f"{type(error).__name__}: {error}")
    results = result if isinstance(result, (list, tuple)) else (result,)
    assert all(len(t) == case.batch_size for t in results), "the batch axis was lost"
    return usable(tuple(tuple(t.shape[1:]) for t in results), learned)


suite = Suite("torch", execute)


def rank_of(r: Random) -> int:
    return r.choice((1, 1, 2, 2, 2, 3))


def flipped(pairs: Any) -> tuple[int, ...]:
    """Return pairs of paddings as functional.pad takes them: from the last axis to the first."""
    return tuple(n for pair in reversed(pairs) for n in pair)


@suite.operation(240)
def conv(r: Random) -> Case:
    rank, groups = rank_of(r), r.choice((1, 1, 1, 2, 3))
    channels, out = multiple(r, groups), multiple(r, groups)
    declared = near(r, channels)
    mode = r.choice(("zeros", "zeros", "reflect", "replicate", "circular"))
    kernel, stride = each(r, rank, 1, 2, 3, 4, 5), each(r, rank, 1, 1, 2, 3, 4)
    dilation = each(r, rank, 1, 1, 2, 3)
    padding = r.choice(("same", "valid", 0, 1, each(r, rank, 0, 1, 2, 3), each(r, rank, 0, 1, 2)))
    if padding == "same" and r.random() < 0.7:
        stride = 1
    bias = r.random() < 0.5
    op = ops.Conv(
        out_channels=out,
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=bias,
        padding_mode=mode,
        in_channels=declared,
    )
    module = (
        f"nn.Conv{rank}d({declared}, {out}, {kernel}, stride={stride}, padding={padding!r}, dilation={dilation}, "
        f"groups={groups}, bias={bias}, padding_mode={mode!r})"
    )
    return Case(op, ((channels, *sizes(r, rank)),), module=module)


@suite.operation(80)
def depthwise_conv(r: Random) -> Case:
    rank, channels, multiplier = rank_of(r), r.randint(1, 5), r.randint(1, 3)
    kernel, stride, dilation = each(r, rank, 1, 2, 3, 4), each(r, rank, 1, 2, 3), each(r, rank, 1, 1, 2)
    padding = r.choice(("same", 0, 1, each(r, rank, 0, 1, 2)))
    bias = r.random() < 0.5
    op = ops.DepthwiseConv(
        kernel_size=kernel, stride=stride, padding=padding, dilation=dilation, multiplier=multiplier, bias=bias
    )
    module = (
        f"nn.Conv{rank}d({channels}, {channels * multiplier}, {kernel}, stride={stride}, padding={padding!r}, "
        f"dilation={dilation}, groups={channels}, bias={bias})"
    )
    return Case(op, ((channels, *sizes(r, rank, high=8)),), module=module)


@suite.operation(160)
def conv_transpose(r: Random) -> Case:
    rank, groups = rank_of(r), r.choice((1, 1, 2, 3))
    channels, out = multiple(r, groups), multiple(r, groups)
    kernel, stride = each(r, rank, 1, 2, 3, 4), each(r, rank, 1, 2, 3)
    dilation, padding = each(r, rank, 1, 1, 2, 3), each(r, rank, 0, 0, 1, 2)
    extra = r.choice((0, 0, 1, each(r, rank, 0, 1, 2)))
    bias = r.random() < 0.5
    op = ops.ConvTranspose(
        out_channels=out,
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        output_padding=extra,
        dilation=dilation,
        groups=groups,
        bias=bias,
    )
    module = (
        f"nn.ConvTranspose{rank}d({channels}, {out}, {kernel}, stride={stride}, padding={padding}, "
        f"output_padding={extra}, groups={groups}, bias={bias}, dilation={dilation})"
    )
    return Case(op, ((channels, *sizes(r, rank, high=6)),), module=module)


@suite.operation(80)
def conv_transpose_output_size(r: Random) -> Case:
    rank, extra = rank_of(r), r.choice((0, 0, 1, 2))  # the extra padding has no effect, then
    kernel, stride = spread(each(r, rank, 1, 2, 3, 4), rank), spread(each(r, rank, 1, 2, 3, 4), rank)
    dilation, padding = spread(each(r, rank, 1, 1, 2), rank), spread(each(r, rank, 0, 1, 2), rank)
    shape = sizes(r, rank, high=6)
    wished = []
    for n, k, s, d, p in zip(shape, kernel, stride, dilation, padding, strict=True):
        least = (n - 1) * s - 2 * p + d * (k - 1) + 1
        wished.append(max(1, least + r.choice((0, r.randrange(s), r.randrange(s), r.randint(-1, s)))))
    op = ops.ConvTranspose(
        out_channels=2,
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        output_size=wished,
        output_padding=extra,
    )
    module = (
        f"nn.ConvTranspose{rank}d(3, 2, {kernel}, stride={stride}, padding={padding}, dilation={dilation}, "
        f"output_padding={extra})"
    )
    return Case(op, ((3, *shape),), f"m(x, output_size={wished})", module)


@suite.operation(160)
def max_pool(r: Random) -> Case:
    rank = rank_of(r)
    kernel, stride = each(r, rank, 1, 2, 3, 4, 5), r.choice((None, each(r, rank, 1, 2, 3, 4)))
    padding, dilation = each(r, rank, 0, 0, 0, 1, 1, 2), each(r, rank, 1, 1, 1, 2, 3)
    ceil = r.random() < 0.6
    op = ops.MaxPool(kernel_size=kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil)
    call = f"F.max_pool{rank}d(x, {kernel}, {stride}, {padding}, {dilation}, {ceil})"
    return Case(op, ((r.randint(1, 4), *sizes(r, rank, high=10)),), call)


@suite.operation(160)
def avg_pool(r: Random) -> Case:
    rank = rank_of(r)
    kernel, stride = each(r, rank, 1, 2, 3, 4, 5), r.choice((None, each(r, rank, 1, 2, 3, 4)))
    padding, ceil = each(r, rank, 0, 0, 0, 1, 1, 2), r.random() < 0.6
    op = ops.AvgPool(kernel_size=kernel, stride=stride, padding=padding, ceil_mode=ceil)
    call = f"F.avg_pool{rank}d(x, {kernel}, {stride}, {padding}, {ceil})"
    return Case(op, ((r.randint(1, 4), *sizes(r, rank, high=8)),), call)


@suite.operation(80)
def lp_pool(r: Random) -> Case:
    rank = rank_of(r)
    kernel, stride = each(r, rank, 1, 2, 3, 4), r.choice((None, each(r, rank, 1, 2, 3, 4)))
    if rank == 1:  # lp_pool1d takes no tuples
        kernel, stride = spread(kernel, 1)[0], spread(stride, 1)[0]
    ceil = r.random() < 0.6
    op = ops.LpPool(kernel_size=kernel, stride=stride, ceil_mode=ceil)
    call = f"F.lp_pool{rank}d(x, 2.0, {kernel}, {stride}, {ceil})"
    return Case(op, ((r.randint(1, 4), *sizes(r, rank, high=7)),), call)


@suite.operation(80, refused=(0, 0))
def adaptive_pool(r: Random) -> Case:
    rank, kind = rank_of(r), r.choice(("Avg", "Max"))
    wished = each(r, rank, 1, 2, 3, 7)
    if rank > 1 and r.random() < 0.5:
        wished = (None, *spread(wished, rank)[1:])
    op = getattr(ops, f"Adaptive{kind}Pool")(output_size=wished)
    module = f"nn.Adaptive{kind}Pool{rank}d({wished})"
    return Case(op, ((r.randint(1, 4), *sizes(r, rank, high=9)),), module=module)


@suite.operation(30, refused=(0, 0))
def global_pool(r: Random) -> Case:
    rank, keep = rank_of(r), r.random() < 0.5
    op, name = r.choice(((ops.GlobalAvgPool, "mean"), (ops.GlobalMaxPool, "amax")))
    return Case(op(keepdims=keep), ((r.randint(1, 4), *sizes(r, rank)),), f"x.{name}({[*range(2, rank + 2)]}, {keep})")


@suite.operation(200)
def pad(r: Random) -> Case:
    rank, mode = rank_of(r), r.choice(("constant", "reflect", "replicate", "circular"))
    low = r.choice((0, 0, -3))
    pairs = tuple((r.randint(low, 4), r.randint(low, 4)) for _ in range(rank))
    op = ops.Pad(padding=pairs, mode=mode)
    return Case(op, ((r.randint(1, 4), *sizes(r, rank, high=7)),), f"F.pad(x, {flipped(pairs)}, {mode!r})")


@suite.operation(50)
def crop(r: Random) -> Case:
    rank = rank_of(r)
    pairs = tuple((r.randint(0, 3), r.randint(0, 3)) for _ in range(rank))
    taken = tuple((-before, -after) for before, after in pairs)
    op = ops.Crop(amount=pairs)
    return Case(op, ((r.randint(1, 4), *sizes(r, rank, high=9)),), f"F.pad(x, {flipped(taken)})")


SCALES = (1, 2, 3, 0.5, 0.25, 0.75, 1.5, 2.5, 0.1, 0.3, 0.7, 1.1, 1.3, 2.2, 1 / 3, 2 / 3, 4 / 3, 1 / 49, 0.9, 1e-1 * 3)


@suite.operation(120)
def upsample_scale(r: Random) -> Case:
    rank, mode = rank_of(r), r.choice(("nearest", "nearest", "linear", "cubic", "area"))
    own = (*SCALES, Fraction(r.randint(1, 9), r.randint(1, 9)), Fraction(r.randint(1, 60), r.randint(1, 60)))
    scale = each(r, rank, *own)
    op = ops.Upsample(scale_factor=scale, mode=mode)
    theirs = tuple(float(s) for s in spread(scale, rank))
    name = {"linear": ("linear", "bilinear", "trilinear")[rank - 1], "cubic": "bicubic"}.get(mode, mode)
    shape = (2, *sizes(r, rank, high=60 if rank == 1 else 9))
    return Case(op, (shape,), f"F.interpolate(x, scale_factor={theirs}, mode={name!r})")


@suite.operation(40, refused=(0, 0))
def upsample_size(r: Random) -> Case:
    rank = rank_of(r)
    if r.random() < 0.5:
        wished = each(r, rank, 1, 2, 5, 9)
        op, shapes, theirs = ops.Upsample(size=wished), ((2, *sizes(r, rank, high=8)),), f"{wished}"
    else:
        op, theirs = ops.Upsample(), "y.shape[2:]"
        shapes = ((2, *sizes(r, rank, high=8)), (r.randint(1, 4), *sizes(r, rank, high=8)))
    return Case(op, shapes, f"F.interpolate(x, size={theirs})")


@suite.operation(60)
def pixel_shuffle(r: Random) -> Case:
    block = r.randint(1, 4)
    if r.random() < 0.5:
        shape = (multiple(r, block * block, 40), *sizes(r, 2, high=5))
        return Case(ops.PixelShuffle(block_size=block), (shape,), f"F.pixel_shuffle(x, {block})")
    shape = (r.randint(1, 3), multiple(r, block, 12), multiple(r, block, 12))
    return Case(ops.PixelUnshuffle(block_size=block), (shape,), f"F.pixel_unshuffle(x, {block})")


def any_shape(r: Random, low: int = 1, high: int = 4, most: int = 7) -> tuple[int, ...]:
    return tuple(r.randint(1, most) for _ in range(r.randint(low, high)))


def batched(axis: int) -> int:
    """Return an axis as a tensor with a batch axis counts it."""
    return axis if axis < 0 else axis + 1


@suite.operation(60)
def flatten(r: Random) -> Case:
    shape = any_shape(r)
    start, end = r.randint(-len(shape), len(shape)), r.randint(-len(shape), len(shape) - 1)
    op = ops.Flatten(start_axis=start, end_axis=end)
    return Case(op, (shape,), f"x.flatten({batched(start)}, {batched(end)})")


def factors(r: Random, elements: int) -> list[int]:
    """Draw a shape, most often one with that many elements; sometimes with one open entry."""
    found: list[int] = []
    for _ in range(r.randint(0, 2)):
        n = r.choice([d for d in range(1, elements + 1) if elements % d == 0])
        found.append(n)
        elements //= n
    found.append(near(r, elements))
    r.shuffle(found)
    if r.random() < 0.5:
        found[r.randrange(len(found))] = -1
    if r.random() < 0.3:
        found[r.randrange(len(found))] = r.choice((2, 3, 5))
    return found


@suite.operation(80)
def reshape(r: Random) -> Case:
    shape = any_shape(r, 1, 3)
    elements = 1
    for n in shape:
        elements *= n
    wished = factors(r, elements)
    return Case(ops.Reshape(shape=wished), (shape,), f"x.reshape({(2, *wished)})")


@suite.operation(80)
def unflatten(r: Random) -> Case:
    shape = tuple(r.choice((1, 2, 4, 6, 8, 9, 12)) for _ in range(r.randint(1, 3)))
    axis = r.randint(-len(shape), len(shape) - 1)
    wished = factors(r, shape[axis])
    op = ops.Unflatten(axis=axis, sizes=wished)
    return Case(op, (shape,), module=f"nn.Unflatten({batched(axis)}, {tuple(wished)})")


@suite.operation(30)
def permute(r: Random) -> Case:
    shape = any_shape(r)
    order = list(range(len(shape)))
    r.shuffle(order)
    if r.random() < 0.5:
        order[r.randrange(len(order))] = r.randrange(4)
    return Case(ops.Permute(order=order), (shape,), f"x.permute(0, {', '.join(str(i + 1) for i in order)})")


def keeps_other_sizes(case: Case, verdict: Verdict, executed: Verdict) -> bool:
    """PyTorch's squeeze leaves an axis of another size than 1 as it is; we call that a mistake."""
    return verdict.shapes is None and executed.shapes == case.shapes


@suite.operation(40, refused=(0, 0.5), excused=keeps_other_sizes)
def squeeze(r: Random) -> Case:
    shape = tuple(r.choice((1, 1, 3)) for _ in range(r.randint(1, 4)))
    axis = r.randint(-len(shape), len(shape))
    return Case(ops.Squeeze(axis=axis), (shape,), f"x.squeeze({batched(axis)})")


@suite.operation(30)
def unsqueeze(r: Random) -> Case:
    shape = any_shape(r)
    axis = r.randint(-len(shape) - 1, len(shape) + 1)
    return Case(ops.Unsqueeze(axis=axis), (shape,), f"x.unsqueeze({batched(axis)})")


@suite.operation(120)
def slice_(r: Random) -> Case:
    shape = any_shape(r, most=9)
    axis = r.randrange(len(shape))
    start, stop = r.randint(-10, 10) if r.random() < 0.7 else 0, r.choice((None, r.randint(-10, 10)))
    step = r.choice((1, 1, 2, 3))
    op = ops.Slice(axis=axis - r.choice((0, len(shape))), start=start, stop=stop, step=step)
    return Case(op, (shape,), f"x[{':, ' * (axis + 1)}{start}:{'' if stop is None else stop}:{step}]")


@suite.operation(60)
def narrow(r: Random) -> Case:
    shape = any_shape(r, most=9)
    axis, length = r.randrange(len(shape)), r.randint(1, 5)
    start = r.randint(-9, 7)
    op = ops.Slice(
        axis=axis, start=start, stop=start + length if start >= 0 or start + length < 0 else None, inside=True
    )
    if start < 0 <= start + length:
        length = -start
    return Case(op, (shape,), f"x.narrow({axis + 1}, {start}, {length})")


@suite.operation(80)
def gather(r: Random) -> Case:
    shape = any_shape(r, most=9)
    axis = r.randrange(len(shape))
    front = f"{':, ' * (axis + 1)}"
    if r.random() < 0.5:
        positions = [r.randint(-6, 6) for _ in range(r.randint(1, 4))]
        call = r.choice((f"x[{front}{positions}]", f"x[{front}torch.tensor({positions})]"))
        return Case(ops.Gather(axis=axis, positions=positions), (shape,), call)
    index = [r.randint(1, 4) for _ in range(r.randint(0, 3))]
    least = r.randint(-4, 4)
    op = ops.Gather(axis=axis, shape=index or None, least=least, largest=least + (r.randint(0, 4) if index else 0))
    if (
        op.index() != (found := torch.tensor(op.index())).tolist()
        or found.max() != op.largest
        or found.min() != op.least
    ):
        op = dataclasses.replace(op, least=op.largest)  # one position has one end
    return Case(op, (shape,), f"x[{front}torch.tensor({op.index()})]")


@suite.operation(40)
def prelu(r: Random) -> Case:
    shape = any_shape(r, most=6)
    slopes = r.choice((1, shape[0], shape[0], r.randint(1, 6)))
    return Case(ops.Prelu(slopes=slopes), (shape,), f"nn.PReLU({slopes})(x)")


@suite.operation(60)
def unfold(r: Random) -> Case:
    shape = any_shape(r, most=9)
    axis, size, step = r.randrange(len(shape)), r.randint(1, 5), r.choice((1, 1, 2, 3))
    return Case(ops.Unfold(axis=axis, size=size, step=step), (shape,), f"x.unfold({axis + 1}, {size}, {step})")


@suite.operation(60)
def split(r: Random) -> Case:
    parts = [r.randint(1, 4) for _ in range(r.randint(1, 4))]
    shape = list(any_shape(r))
    axis = r.randint(-len(shape), len(shape) - 1)
    shape[axis] = near(r, near(r, near(r, sum(parts))))
    return Case(ops.Split(sizes=parts, axis=axis), (tuple(shape),), f"x.split({parts}, {batched(axis)})")


def fewer_chunks(case: Case, verdict: Verdict, executed: Verdict) -> bool:
    """PyTorch silently makes fewer chunks than wished; whoever unpacks them would fail."""
    if verdict.shapes is not None:
        return False
    return executed.shapes is not None and len(executed.shapes) < case.operator.chunks  # type: ignore[attr-defined]


@suite.operation(80, refused=(0, 0), excused=fewer_chunks)
def chunk(r: Random) -> Case:
    shape = any_shape(r, most=12)
    axis, chunks = r.randint(-len(shape), len(shape) - 1), r.randint(1, 6)
    return Case(ops.Chunk(chunks=chunks, axis=axis), (shape,), f"x.chunk({chunks}, {batched(axis)})")


@suite.operation(40, refused=(0, 0))
def reduce(r: Random) -> Case:
    shape = any_shape(r)
    axes = r.sample(range(len(shape)), r.randint(1, len(shape)))
    keep, name = r.random() < 0.5, r.choice(("mean", "sum", "amax"))
    own = [a - r.choice((0, len(shape))) for a in axes]
    op = ops.Reduce(axes=own, keepdims=keep)
    return Case(op, (shape,), f"x.{name}({[batched(a) for a in own]}, {keep})")


def alike(r: Random, shape: tuple[int, ...], one: float = 0.2, other: float = 0.1) -> tuple[int, ...]:
    """Draw a shape that may be broadcast with the given one, most often."""
    draws = (r.random() for _ in shape)
    return tuple(1 if d < one else n + 1 if d < one + other else n for d, n in zip(draws, shape, strict=True))


@suite.operation(120)
def elementwise(r: Random) -> Case:
    shape = any_shape(r)
    shapes = [shape, *(alike(r, shape) for _ in range(r.randint(1, 2)))]
    kind = r.choice(("add", "sub", "mul", "div", "pow", "maximum", "minimum"))
    call = f"torch.{kind}(x, y)" if len(shapes) == 2 else f"torch.{kind}(torch.{kind}(x, y), z)"
    if len(shapes) == 2 and r.random() < 0.4:  # fewer axes: without the batch axis, which would be misread
        shapes[1], call = shapes[1][r.randrange(len(shape)) :], f"torch.{kind}(x, y[0])"
    return Case(ops.OPERATORS[kind](), tuple(shapes), call)


@suite.operation(60)
def expand_and_tile(r: Random) -> Case:
    shape = any_shape(r, most=4)
    if r.random() < 0.4:
        repeats = [r.randint(1, 3) for _ in shape[1:] if r.random() < 0.9] + [r.randint(1, 3)]
        return Case(ops.Tile(repeats=repeats), (shape,), f"x.repeat(1, *{repeats})")
    shape = alike(r, shape, 0.5, 0)
    wished = alike(r, tuple(n if n > 1 else r.randint(1, 4) for n in shape), 0, 0.1)
    return Case(ops.Expand(shape=wished), (shape,), f"torch.broadcast_to(x, (2, *{wished}))")


@suite.operation(100)
def concat(r: Random) -> Case:
    shape = any_shape(r)
    axis = r.randint(-len(shape), len(shape) - 1)
    shapes = [shape]
    for _ in range(r.randint(0, 2)):
        other = list(alike(r, shape, 0, 0.05))
        other[axis] = r.randint(1, 5)
        shapes.append(tuple(other) if r.random() < 0.95 else (*other, 2))
    names = ", ".join(NAMES[: len(shapes)])
    return Case(ops.Concat(axis=axis), tuple(shapes), f"torch.cat([{names}], {batched(axis)})")


@suite.operation(80)
def matmul(r: Random) -> Case:
    front = any_shape(r, 0, 2, 3)
    inner = r.randint(1, 5)
    a = (*front, r.randint(1, 5), inner)
    b = (*alike(r, front, 0.3), near(r, inner), r.randint(1, 5))
    if r.random() < 0.3:
        return Case(ops.Matmul(), (a, b[r.randint(0, len(front)) :]), "torch.matmul(x, y[0])")
    return Case(ops.Matmul(), (a, b), "torch.matmul(x, y)")


@suite.operation(80)
def einsum(r: Random) -> Case:
    equation, shapes = drawn_equation(r)
    names = ", ".join(NAMES[: len(shapes)])
    return Case(ops.Einsum(equation=equation), shapes, f"torch.einsum({batched_equation(equation)!r}, {names})")


@suite.operation(60)
def compared(r: Random) -> Case:
    shape = any_shape(r)
    others = (shape, alike(r, shape, 0.3), alike(r, shape, 0.3, 0.05))
    if r.random() < 0.5:
        return Case(ops.Elementwise(function="where"), others, "torch.where(x > 0, y, z)")
    return Case(ops.Elementwise(function="greater"), others[1:], "(x > y).float()")


@suite.operation(80)
def grid_sample(r: Random) -> Case:
    rank, mode = r.choice((2, 2, 3)), r.choice(("nearest", "linear", "cubic"))
    coordinates = rank if r.random() < 0.9 else r.randint(1, 4)
    places = sizes(r, rank if r.random() < 0.95 else 5 - rank, high=4)
    word = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    shapes = ((r.randint(1, 3), *sizes(r, rank, high=4)), (*places, coordinates))
    return Case(ops.GridSample(mode=mode), shapes, f"F.grid_sample(x, y, mode={word!r}, align_corners=False)")


@suite.operation(60)
def linear(r: Random) -> Case:
    shape = any_shape(r)
    features = shape[-1] if r.random() < 0.7 else shape[-1] + r.choice((-1, 1)) or 1
    out, bias = r.randint(1, 6), r.random() < 0.5
    op = ops.Linear(out_features=out, in_features=features, bias=bias)
    return Case(op, (shape,), module=f"nn.Linear({features}, {out}, bias={bias})")


@suite.operation(40)
def embedding_of_positions(r: Random) -> Case:
    count, first, length = r.randint(5, 12), r.choice((-1, 0, 0, 1, 2)), r.randint(1, 9)
    op = ops.Embedding(count=count, dim=3, least=first, largest=first + length - 1)
    return Case(op, ((length,),), f"m(x + torch.arange({first}, {first + length}))", f"nn.Embedding({count}, 3)")


@suite.operation(30, refused=(0, 0))
def embedding(r: Random) -> Case:
    count, dim = r.randint(1, 9), r.randint(1, 6)
    return Case(ops.Embedding(count=count, dim=dim), (any_shape(r, 1, 3),), module=f"nn.Embedding({count}, {dim})")


@suite.operation(100, refused=(0.01, 0.4))
def recurrent(r: Random) -> Case:
    kind = r.choice(("rnn", "lstm", "gru"))
    hidden, layers = r.randint(1, 5), r.randint(1, 3)
    both, bias, sequences = (r.random() < 0.5 for _ in range(3))
    op = ops.OPERATORS[kind](
        hidden_size=hidden,
        num_layers=layers,
        bidirectional=both,
        bias=bias,
        return_sequences=sequences,
        in_features=(features := r.randint(1, 5)),
    )
    shape = (r.randint(1, 6), features if r.random() < 0.8 else near(r, features))
    module = f"nn.{kind.upper()}({features}, {hidden}, {layers}, bias={bias}, batch_first=True, bidirectional={both})"
    return Case(op, (shape,), "m(x)[0]" if sequences else "m(x)[0][:, -1]", module)


def small(r: Random, rank: int) -> tuple[int, ...]:
    """Draw spatial sizes that often are all 1."""
    return (1,) * rank if r.random() < 0.5 else sizes(r, rank, high=3)


@suite.operation(100)
def batch_norm(r: Random) -> Case:
    rank, channels, affine = r.choice((0, 1, 2, 3)), r.randint(1, 5), r.random() < 0.5
    declared = near(r, channels)
    op = ops.BatchNorm(num_features=declared, affine=affine)
    module = f"nn.BatchNorm{max(rank, 1)}d({declared}, affine={affine})"
    return Case(
        op, ((channels, *small(r, rank)),), module=module, training=r.random() < 0.7, batch_size=r.choice((1, 1, 2))
    )


@suite.operation(60)
def instance_norm(r: Random) -> Case:
    rank, channels, affine = rank_of(r), r.randint(1, 5), r.random() < 0.5
    op, module = ops.InstanceNorm(affine=affine), f"nn.InstanceNorm{rank}d({channels}, affine={affine})"
    return Case(
        op, ((channels, *small(r, rank)),), module=module, training=r.random() < 0.5, batch_size=r.choice((1, 2))
    )


@suite.operation(80)
def group_norm(r: Random) -> Case:
    rank, groups, affine = r.choice((0, 1, 2, 3)), r.randint(1, 3), r.random() < 0.5
    channels = multiple(r, groups)
    op, module = ops.GroupNorm(groups=groups, affine=affine), f"nn.GroupNorm({groups}, {channels}, affine={affine})"
    return Case(
        op, ((channels, *small(r, rank)),), module=module, training=r.random() < 0.5, batch_size=r.choice((1, 2))
    )


@suite.operation(60)
def layer_norm(r: Random) -> Case:
    shape, affine = any_shape(r), r.random() < 0.5
    last = shape[r.randrange(len(shape)) :]
    if r.random() < 0.3:
        last = alike(r, last, 0.1, 0.4)
    if r.random() < 0.1:
        last = (7, *shape)
    shift = r.random() < 0.7
    op = ops.LayerNorm(normalized_shape=last, affine=affine, shift=shift)
    return Case(op, (shape,), module=f"nn.LayerNorm({last}, elementwise_affine={affine}, bias={shift})")


FUNCTIONS = (
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "celu",
    "gelu",
    "silu",
    "mish",
    "hardswish",
    "hardsigmoid",
    "hardtanh",
    "sigmoid",
    "tanh",
    "softplus",
    "dropout",
)


@suite.operation(30, refused=(0, 0))
def activation(r: Random) -> Case:
    kind = r.choice(FUNCTIONS)
    return Case(ops.OPERATORS[kind](), (any_shape(r),), f"F.{kind}(x)")


@pytest.mark.parametrize("name", suite.operations)
def test_execution_agrees(name: str) -> None:
    suite.check(name)


def test_wrong_rule_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def floored(size: Any, before: Any, after: Any, window: Any, stride: Any) -> Any:
        return (size + before + after - window) // stride + 1

    assert not suite.report("max_pool", 1).disagreements
    monkeypatch.setattr("convsolve.operators.pooling.clipped_count", floored)
    seen = suite.report("max_pool", 1).disagreements
    assert seen
    assert "ours(MaxPool(" in seen[0]


def test_wrong_parameter_count_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.Linear, "params", lambda self, site, inputs, outputs: 1)
    assert suite.report("linear", 1).disagreements


def test_cases_are_the_same_in_every_run() -> None:
    once, again = list(suite.drawn("conv", 1)), list(suite.drawn("conv", 2))
    assert once == again[: len(once)]


def test_ours_returns_shapes_or_none() -> None:
    pool = ops.MaxPool(kernel_size=2)
    assert ours(pool, (3, 4, 5)) == ((3, 2, 2),)
    assert ours(pool, (3, 1, 5)) is None
    assert ours(dataclasses.replace(pool, ceil_mode=True), (3, 1, 5)) == ((3, 1, 3),)
    assert ours(ops.BatchNorm(), (3, 1, 1), training=True, batch_size=1) is None


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_flatten_with_the_batch(batch):
    shape = (3, 4, 5)
    net = Network(
        (Layer("x", ops.Input(shape=shape)), Layer("f", ops.Flatten(with_batch=True), ("x",))), batch_size=batch
    )
    assert check(net).shapes["f"] == tuple(torch.flatten(torch.zeros(batch, *shape), 0).shape)
