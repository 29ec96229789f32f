"""Our operators against onnxruntime, executed on graphs of one node."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, ValueInfoProto, helper
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from convsolve import operators as ops
from convsolve.operators.base import pairs
from tests.conformance.execute_onnx import session
from tests.conformance.judge import (
    NAMES,
    SCALE,
    Case,
    Excuse,
    Suite,
    Verdict,
    batched_equation,
    drawn_equation,
    each,
    multiple,
    near,
    sizes,
    spread,
    usable,
)
from tests.conformance.onnx_nodes import Input, Node, executed, read, spoiled

IR_VERSION = 10
REFUSALS = (errors.Fail, errors.InvalidArgument, errors.InvalidGraph, errors.RuntimeException)


def node(kind: str, inputs: list[Any], opset: int = 17, outputs: int = 1, **attributes: Any) -> Any:
    """Execute one node; an input None is left out."""
    given = {f"i{n}": np.asarray(value) for n, value in enumerate(inputs) if value is not None}
    names = [f"i{n}" if value is not None else "" for n, value in enumerate(inputs)]
    results = [f"o{n}" for n in range(outputs)]
    types = {n: TensorProto.INT64 if v.dtype == np.int64 else TensorProto.FLOAT for n, v in given.items()}
    graph = helper.make_graph(
        [helper.make_node(kind, names, results, **attributes)],
        "g",
        [helper.make_tensor_value_info(n, t, None) for n, t in types.items()],
        [ValueInfoProto(name=n) for n in results],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR_VERSION)
    made = session(model).run(None, given)
    return made[0] if outputs == 1 else made


def execute(case: Case) -> Verdict:
    """Execute a case; the weights that the runtime accepts, made by ``w(...)``, are counted."""
    kind: Any = np.int64 if case.operator.kind == "embedding" else np.float32
    tensors = {n: np.zeros((case.batch_size, *s), kind) for n, s in zip(NAMES, case.shapes, strict=False)}
    weights: list[Any] = []

    def weight(*shape: int) -> Any:
        weights.append(np.zeros(shape, np.float32))
        return weights[-1]

    try:
        result = eval(case.call, {"np": np, "node": node, "w": weight, **tensors})
    except REFUSALS as error:
        return Verdict(None, why=f"{type(error).__name__}: {error}")
    results = result if isinstance(result, list) else [result]
    assert all(len(t) == case.batch_size for t in results), "the batch axis was lost"
    learned = sum(v.size for v in weights) if weights else None
    return usable(tuple(tuple(t.shape[1:]) for t in results), learned)


suite = Suite("onnx", execute)


def rank_of(r: Random) -> int:
    return r.choice((1, 1, 2, 2, 2, 3))


def padded(r: Random, rank: int, most: int) -> tuple[Any, str, bool]:
    """Draw a padding: as we write it, as attributes, and whether it is one of the SAME modes."""
    mode = r.choice(("NOTSET", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"))
    if mode == "NOTSET":
        pairs = tuple((r.randint(0, most), r.randint(0, most)) for _ in range(rank))
        return pairs, f"pads={[p[0] for p in pairs] + [p[1] for p in pairs]}", False
    return ("valid" if mode == "VALID" else "same"), f"auto_pad={mode!r}", mode != "VALID"


@suite.operation(160)
def conv(r: Random) -> Case:
    rank, groups = rank_of(r), r.choice((1, 1, 1, 2, 3))
    channels, out = multiple(r, groups), multiple(r, groups)
    declared = channels if r.random() < 0.9 else (channels // groups + 1) * groups  # the weights hold declared/groups
    kernel, stride = spread(each(r, rank, 1, 2, 3, 4, 5), rank), spread(each(r, rank, 1, 1, 2, 3, 4), rank)
    dilation = spread(each(r, rank, 1, 1, 2, 3), rank)
    padding, attribute, same = padded(r, rank, 2)
    if same and r.random() < 0.6:
        dilation = (1,) * rank
    bias = r.random() < 0.5
    op = ops.Conv(
        out_channels=out,
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=bias,
        in_channels=declared,
    )
    weights = f"w{(out, max(1, declared // groups), *kernel)}{f', w({out})' if bias else ''}"
    call = (
        f"node('Conv', [x, {weights}], {r.choice((11, 17, 22))}, {attribute}, strides={stride}, "
        f"dilations={dilation}, group={groups})"
    )
    return Case(op, ((channels, *sizes(r, rank, high=10)),), call)


@suite.operation(200)
def conv_transpose(r: Random) -> Case:
    rank, groups = rank_of(r), r.choice((1, 1, 2, 3))
    channels, out = multiple(r, groups), groups * r.randint(1, 2)  # the weights hold out/groups channels
    kernel, stride = spread(each(r, rank, 1, 2, 3, 4), rank), spread(each(r, rank, 1, 2, 3), rank)
    dilation = spread(each(r, rank, 1, 1, 2, 3), rank)
    padding, attribute, _ = padded(r, rank, 2)
    extra = spread(r.choice((0, 0, each(r, rank, 0, 1, 2))), rank)
    bias = r.random() < 0.5
    op = ops.ConvTranspose(
        out_channels=out,
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        output_padding=extra if any(extra) or r.random() < 0.5 else None,
        bias=bias,
    )
    weights = f"w{(channels, max(1, out // groups), *kernel)}{f', w({out})' if bias else ''}"
    call = (
        f"node('ConvTranspose', [x, {weights}], {r.choice((11, 22))}, {attribute}, strides={stride}, "
        f"dilations={dilation}, group={groups}, output_padding={extra})"
    )
    return Case(op, ((channels, *sizes(r, rank, high=5)),), call)


@suite.operation(100)
def conv_transpose_output_shape(r: Random) -> Case:
    rank = rank_of(r)
    kernel, stride = spread(each(r, rank, 1, 2, 3, 4), rank), spread(each(r, rank, 1, 2, 3), rank)
    dilation, extra = spread(each(r, rank, 1, 1, 2), rank), spread(r.choice((0, 0, each(r, rank, 0, 1))), rank)
    padding, attribute, _ = padded(r, rank, 1)
    shape, wished = sizes(r, rank, high=5), []
    for n, k, s, d, e in zip(shape, kernel, stride, dilation, extra, strict=True):
        wished.append(max(1, (n - 1) * s + d * (k - 1) + 1 + r.choice((0, 0, e, -1, -2, -r.randint(1, 8), e + 1))))
    op = ops.ConvTranspose(
        out_channels=2,
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        output_padding=extra,
        dilation=dilation,
        output_size=wished,
        bias=False,
    )
    call = (
        f"node('ConvTranspose', [x, w{(3, 2, *kernel)}], {attribute}, strides={stride}, dilations={dilation}, "
        f"output_padding={extra}, output_shape={wished})"
    )
    return Case(op, ((3, *shape),), call)


def phantom(case: Case, verdict: Verdict, executed: Verdict) -> bool:
    """onnxruntime divides toward zero, and so finds a window where none fits, just short of the kernel."""
    op: Any = case.operator
    _, *shape = case.shapes[0]
    if verdict.shapes is not None or executed.shapes is None or getattr(op, "ceil_mode", False):
        return False
    counts, short = [], False
    values = (spread(v, len(shape)) for v in (op.kernel_size, 1 if op.stride is None else op.stride, op.dilation))
    for i, (n, k, s, d) in enumerate(zip(shape, *values, strict=True)):
        if op.padding == "same":  # for the kernel without its dilation
            padding = (-(-n // s) - 1) * s + k - n
        else:
            padding = 0 if op.padding == "valid" else sum(pairs("padding", op.padding, len(shape))[i])
        room = n + padding - d * (k - 1) - 1
        counts.append(int(room / s) + 1)
        short = short or -s < room < 0
    return short and {s[1:] for s in executed.shapes} == {tuple(counts)}


def window(r: Random, kind: str, name: str, most: int, dilating: int, opset: int) -> Case:
    rank = rank_of(r)
    kernel, stride = spread(each(r, rank, 1, 2, 3, 4, 5), rank), spread(each(r, rank, 1, 2, 3, 4), rank)
    dilation = spread(each(r, rank, 1, 1, 2, 3), rank) if opset >= dilating else (1,) * rank
    padding, attribute, _ = padded(r, rank, r.randint(0, most))
    ceil = r.random() < 0.5
    op = ops.OPERATORS[kind](kernel_size=kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil)
    dilations = f", dilations={dilation}" if opset >= dilating else ""
    ceiled = f", ceil_mode={int(ceil)}" if ceil else ""
    call = f"node({name!r}, [x], {opset}, {attribute}, kernel_shape={kernel}, strides={stride}{dilations}{ceiled})"
    return Case(op, ((r.randint(1, 4), *sizes(r, rank, high=8)),), call)


@suite.operation(150, excused=phantom)
def max_pool(r: Random) -> Case:
    return window(r, "max_pool", "MaxPool", 2, 10, r.choice((11, 12, 22)))


@suite.operation(150, excused=phantom)
def avg_pool(r: Random) -> Case:
    opset = r.choice((11, 19, 22))
    case = window(r, "avg_pool", "AveragePool", 2, 19, opset)
    return dataclasses.replace(case, operator=dataclasses.replace(case.operator, crops=opset >= 19))  # type: ignore[call-arg]


@suite.operation(100, excused=phantom)
def lp_pool(r: Random) -> Case:
    return window(r, "lp_pool", "LpPool", 2, 18, r.choice((18, 22)))


@suite.operation(16, refused=(0, 0))
def global_pool(r: Random) -> Case:
    op, name = r.choice(((ops.GlobalAvgPool, "Average"), (ops.GlobalMaxPool, "Max")))
    return Case(op(keepdims=True), ((r.randint(1, 4), *sizes(r, rank_of(r))),), f"node('Global{name}Pool', [x])")


@suite.operation(120)
def pad(r: Random) -> Case:
    rank, mode = rank_of(r), r.choice(("constant", "reflect", "replicate", "circular"))
    low = r.choice((0, 0, -3))
    pairs = tuple((r.randint(low, 4), r.randint(low, 4)) for _ in range(rank))
    pads = [0, 0, *(p[0] for p in pairs), 0, 0, *(p[1] for p in pairs)]
    name = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    op = ops.Pad(padding=pairs, mode=mode)
    shape = (r.randint(1, 4), *sizes(r, rank, high=7))
    return Case(op, (shape,), f"node('Pad', [x, np.array({pads})], 19, mode={name!r})")


SCALES = (1, 2, 3, 0.5, 0.25, 0.75, 1.5, 2.5, 0.1, 0.3, 0.7, 1.1, 1.3, 2.2, 1 / 3, 2 / 3, 4 / 3, 1 / 49, 0.9)


@suite.operation(100)
def resize_scales(r: Random) -> Case:
    rank, mode = rank_of(r), r.choice(("nearest", "nearest", "linear", "cubic"))
    own = (*SCALES, Fraction(r.randint(1, 9), r.randint(1, 9)), Fraction(r.randint(1, 60), r.randint(1, 60)))
    scale = each(r, rank, *own)
    theirs = [1.0, 1.0, *(float(s) for s in spread(scale, rank))]
    shape = (2, *sizes(r, rank, high=60 if rank == 1 else 9))
    call = f"node('Resize', [x, np.float32([]), np.float32({theirs})], {r.choice((11, 13, 19))}, mode={mode!r})"
    return Case(ops.Upsample(scale_factor=scale, mode=mode), (shape,), call)


@suite.operation(24, refused=(0, 0))
def resize_sizes(r: Random) -> Case:
    rank = rank_of(r)
    shape, wished = (3, *sizes(r, rank, high=8)), sizes(r, rank, high=8)
    call = f"node('Resize', [x, None, None, np.array({[2, 3, *wished]})], 13)"
    return Case(ops.Upsample(size=wished), (shape,), call)


@suite.operation(60)
def space_and_depth(r: Random) -> Case:
    block = r.randint(1, 4)
    if r.random() < 0.5:
        shape = (multiple(r, block * block, 40), *sizes(r, 2, high=5))
        mode = r.choice(("DCR", "CRD"))
        call = f"node('DepthToSpace', [x], 13, blocksize={block}, mode={mode!r})"
        return Case(ops.DepthToSpace(block_size=block), (shape,), call)
    shape = (r.randint(1, 3), multiple(r, block, 12), multiple(r, block, 12))
    return Case(ops.SpaceToDepth(block_size=block), (shape,), f"node('SpaceToDepth', [x], 13, blocksize={block})")


def any_shape(r: Random, low: int = 1, high: int = 4, most: int = 6) -> tuple[int, ...]:
    return tuple(r.randint(1, most) for _ in range(r.randint(low, high)))


def batched(axis: int) -> int:
    """Return an axis as a tensor with a batch axis counts it."""
    return axis if axis < 0 else axis + 1


def alike(r: Random, shape: tuple[int, ...], one: float = 0.2, other: float = 0.1) -> tuple[int, ...]:
    """Draw a shape that may be broadcast with the given one, most often."""
    draws = (r.random() for _ in shape)
    return tuple(1 if d < one else n + 1 if d < one + other else n for d, n in zip(draws, shape, strict=True))


@suite.operation(80)
def elementwise(r: Random) -> Case:
    shape = any_shape(r)
    kind, name = r.choice(
        (
            ("add", "Add"),
            ("mul", "Mul"),
            ("sub", "Sub"),
            ("maximum", "Max"),
            ("div", "Div"),
            ("pow", "Pow"),
            ("minimum", "Min"),
            ("average", "Mean"),
        )
    )
    if r.random() < 0.3:  # fewer axes: without the batch axis, which would be misread
        other = alike(r, shape)[r.randrange(len(shape)) :]
        return Case(ops.OPERATORS[kind](), (shape, other), f"node({name!r}, [x, y[0]])")
    return Case(ops.OPERATORS[kind](), (shape, alike(r, shape)), f"node({name!r}, [x, y])")


@suite.operation(60)
def expand_and_tile(r: Random) -> Case:
    shape = any_shape(r, most=4)
    if r.random() < 0.4:
        repeats = [r.randint(1, 3) for _ in range(len(shape) if r.random() < 0.8 else len(shape) + 1)]
        return Case(ops.Tile(repeats=repeats), (shape,), f"node('Tile', [x, np.array({[1, *repeats]})])")
    wished = alike(r, shape, 0.3, 0.1)
    return Case(ops.Expand(shape=wished), (alike(r, shape, 0.4, 0),), f"node('Expand', [x, np.array({[1, *wished]})])")


@suite.operation(60)
def concat(r: Random) -> Case:
    shape = any_shape(r)
    axis = r.randint(-len(shape), len(shape) - 1)
    shapes = [shape]
    for _ in range(r.randint(1, 2)):
        other = list(alike(r, shape, 0, 0.1))
        other[axis] = r.randint(1, 5)
        shapes.append(tuple(other) if r.random() < 0.95 else (*other, 2))
    names = ", ".join(NAMES[: len(shapes)])
    return Case(ops.Concat(axis=axis), tuple(shapes), f"node('Concat', [{names}], axis={batched(axis)})")


@suite.operation(60)
def linear(r: Random) -> Case:
    shape, out, bias = any_shape(r, high=r.choice((1, 3))), r.randint(1, 6), r.random() < 0.5
    declared = near(r, near(r, near(r, shape[-1])))
    op = ops.Linear(out_features=out, in_features=declared, bias=bias and len(shape) == 1)
    if len(shape) > 1:
        return Case(op, (shape,), f"node('MatMul', [x, w{(declared, out)}])")
    return Case(op, (shape,), f"node('Gemm', [x, w{(out, declared)}{f', w({out})' if bias else ''}], transB=1)")


@suite.operation(60)
def matmul(r: Random) -> Case:
    front, inner = any_shape(r, 0, 2, 3), r.randint(1, 5)
    a = (*front, r.randint(1, 5), inner)
    b = (*alike(r, front, 0.3), near(r, near(r, inner)), r.randint(1, 5))
    if r.random() < 0.3:
        return Case(ops.Matmul(), (a, b[r.randint(0, len(front)) :]), "node('MatMul', [x, y[0]])")
    return Case(ops.Matmul(), (a, b), "node('MatMul', [x, y])")


@suite.operation(60)
def einsum(r: Random) -> Case:
    equation, shapes = drawn_equation(r)
    names = ", ".join(NAMES[: len(shapes)])
    return Case(
        ops.Einsum(equation=equation), shapes, f"node('Einsum', [{names}], equation={batched_equation(equation)!r})"
    )


@suite.operation(40)
def grid_sample(r: Random) -> Case:
    rank = r.choice((2, 2, 3))
    mode = r.choice(("nearest", "linear", "cubic"))
    coordinates = rank if r.random() < 0.9 else r.randint(1, 4)
    shapes = ((r.randint(1, 3), *sizes(r, rank, high=4)), (*sizes(r, rank, high=4), coordinates))
    return Case(ops.GridSample(mode=mode), shapes, f"node('GridSample', [x, y], opset=20, mode={mode!r})")


@suite.operation(16, refused=(0, 0))
def embedding(r: Random) -> Case:
    count, dim = r.randint(1, 9), r.randint(1, 6)
    return Case(ops.Embedding(count=count, dim=dim), (any_shape(r, 1, 3),), f"node('Gather', [w{(count, dim)}, x])")


@suite.operation(50, refused=(0, 0))
def recurrent(r: Random) -> Case:
    kind, gates = r.choice((("rnn", 1), ("lstm", 4), ("gru", 3)))
    hidden, both, bias = r.randint(1, 4), r.random() < 0.5, r.random() < 0.5
    length, features = r.randint(1, 4), r.randint(1, 4)
    directions = 2 if both else 1
    more = {"reset_after": r.random() < 0.5} if kind == "gru" else {}
    op = ops.OPERATORS[kind](hidden_size=hidden, bidirectional=both, bias=bias, **more)
    reset = f", linear_before_reset={int(more['reset_after'])}" if more else ""
    weights = f"w{(directions, gates * hidden, features)}, w{(directions, gates * hidden, hidden)}"
    if bias:
        weights += f", w{(directions, 2 * gates * hidden)}"
    direction = "bidirectional" if both else "forward"
    made = f"node({kind.upper()!r}, [x.swapaxes(0, 1), {weights}], 14, hidden_size={hidden}, direction={direction!r}{reset})"
    # the result has the axes length, direction, batch, hidden
    call = f"{made}.transpose(2, 0, 1, 3).reshape(2, {length}, -1)"
    return Case(op, ((length, features),), call)


def small(r: Random, rank: int) -> tuple[int, ...]:
    """Draw spatial sizes that often are all 1."""
    return (1,) * rank if r.random() < 0.5 else sizes(r, rank, high=3)


@suite.operation(80)
def norms(r: Random) -> Case:
    kind, channels, batch = r.choice(("batch", "instance", "group", "layer")), r.randint(1, 6), r.choice((1, 2))
    shape = (channels, *small(r, rank_of(r)))
    declared = near(r, near(r, near(r, channels)))
    more = {"batch_size": batch, "training": r.random() < 0.3}
    if kind == "batch":
        still = f"np.zeros({declared}, np.float32), np.ones({declared}, np.float32)"
        call = f"node('BatchNormalization', [x, w({declared}), w({declared}), {still}], 15)"
        return Case(ops.BatchNorm(num_features=declared), (shape,), call, **more)
    if kind == "instance":
        call = f"node('InstanceNormalization', [x, w({channels}), w({channels})], 17)"
        return Case(ops.InstanceNorm(affine=True), (shape,), call, **more)
    if kind == "group":
        groups = r.randint(1, 4)
        call = f"node('GroupNormalization', [x, w({channels}), w({channels})], 21, num_groups={groups})"
        return Case(ops.GroupNorm(groups=groups), (shape,), call, **more)
    wished = alike(r, shape[r.randrange(len(shape)) :], 0, 0.3)
    call = f"node('LayerNormalization', [x, w({wished}), w({wished})], 17, axis={-len(wished)})"
    return Case(ops.LayerNorm(normalized_shape=wished), (shape,), call.replace("((", "(").replace("))", ")"), **more)


@suite.operation(60)
def reshape(r: Random) -> Case:
    shape = any_shape(r, 1, 3)
    elements = int(np.prod(shape))
    first = r.choice([d for d in range(1, elements + 1) if elements % d == 0])
    wished = [first, near(r, near(r, elements // first))]
    if r.random() < 0.4:
        wished = [r.choice((first, 2, 3, 5)), -1]
    r.shuffle(wished)
    return Case(ops.Reshape(shape=wished), (shape,), f"node('Reshape', [x, np.array({[2, *wished]})])")


@suite.operation(60, refused=(0, 0.5))
def axes(r: Random) -> Case:
    shape = tuple(r.choice((1, 1, 3)) for _ in range(r.randint(1, 4)))
    axis = r.randint(-len(shape), len(shape) - 1)
    given = f"[x, np.array([{batched(axis)}])]"
    kind = r.choice(("Squeeze", "Unsqueeze", "ReduceMean", "ReduceMax", "Transpose", "Flatten"))
    if kind == "Squeeze":
        return Case(ops.Squeeze(axis=axis), (shape,), f"node('Squeeze', {given})")
    if kind == "Unsqueeze":
        return Case(ops.Unsqueeze(axis=axis), (shape,), f"node('Unsqueeze', {given})")
    if kind == "Flatten":
        return Case(ops.Flatten(), (shape,), "node('Flatten', [x])")
    if kind == "Transpose":
        order = r.sample(range(len(shape)), len(shape))
        return Case(ops.Permute(order=order), (shape,), f"node('Transpose', [x], perm={[0, *(i + 1 for i in order)]})")
    keep = r.random() < 0.5
    op = ops.Reduce(axes=(axis,), keepdims=keep)
    return Case(op, (shape,), f"node({kind!r}, {given}, 18, keepdims={int(keep)})")


@suite.operation(80)
def slice_(r: Random) -> Case:
    shape = any_shape(r, most=9)
    axis, step = r.randrange(len(shape)), r.choice((1, 1, 2, 3))
    start, stop = r.randint(-10, 10) if r.random() < 0.7 else 0, r.choice((None, r.randint(-10, 10)))
    op = ops.Slice(axis=axis, start=start, stop=stop, step=step)
    numbers = (start, 2**62 if stop is None else stop, axis + 1, step)
    return Case(op, (shape,), f"node('Slice', [x, {', '.join(f'np.array([{n}])' for n in numbers)}])")


@suite.operation(60)
def gather(r: Random) -> Case:
    shape = any_shape(r, most=9)
    axis, positions = r.randrange(len(shape)), [r.randint(-6, 6) for _ in range(r.randint(1, 4))]
    op = ops.Gather(axis=axis, positions=positions)
    return Case(op, (shape,), f"node('Gather', [x, np.array({positions})], axis={axis + 1})")


@suite.operation(60)
def split(r: Random) -> Case:
    shape = list(any_shape(r, most=9))
    axis, parts = r.randrange(len(shape)), [r.randint(1, 4) for _ in range(r.randint(1, 4))]
    if r.random() < 0.5:
        call = f"node('Split', [x], 18, {len(parts)}, num_outputs={len(parts)}, axis={axis + 1})"
        return Case(ops.Chunk(chunks=len(parts), axis=axis), (tuple(shape),), call)
    shape[axis] = near(r, near(r, near(r, sum(parts))))
    call = f"node('Split', [x, np.array({parts})], 18, {len(parts)}, axis={axis + 1})"
    return Case(ops.Split(sizes=parts, axis=axis), (tuple(shape),), call)


@suite.operation(60)
def fold(r: Random) -> Case:
    rank = r.choice((1, 2, 2))
    kernel, stride = spread(each(r, rank, 1, 2, 3), rank), spread(each(r, rank, 1, 1, 2), rank)
    dilation, size = spread(each(r, rank, 1, 1, 2), rank), sizes(r, rank, high=6)
    padding = tuple((r.randint(0, 1), r.randint(0, 1)) for _ in range(rank))
    blocks = 1
    for n, k, s, d, (a, b) in zip(size, kernel, stride, dilation, padding, strict=True):
        blocks *= max(1, (n + a + b - d * (k - 1) - 1) // s + 1)
    elements = near(r, int(np.prod(kernel)) * r.randint(1, 3))
    op = ops.Fold(size=size, kernel_size=kernel, stride=stride, padding=padding, dilation=dilation)
    call = (
        f"node('Col2Im', [x, np.array({list(size)}), np.array({list(kernel)})], 18, strides={stride}, "
        f"dilations={dilation}, pads={[p[0] for p in padding] + [p[1] for p in padding]})"
    )
    return Case(op, ((elements, near(r, blocks)),), call)


@suite.operation(60)
def max_unpool(r: Random) -> Case:
    rank = rank_of(r)
    kernel, stride = spread(each(r, rank, 1, 2, 3), rank), spread(each(r, rank, 1, 2, 3), rank)
    padding = tuple((r.randint(0, 1), r.randint(0, 1)) for _ in range(rank))
    shape = (r.randint(1, 3), *sizes(r, rank, high=4))
    wished, given = None, ""
    if r.random() < 0.4:
        full = [(n - 1) * s - a - b + k for n, k, s, (a, b) in zip(shape[1:], kernel, stride, padding, strict=True)]
        wished = [max(1, n + r.choice((0, 0, 1, 2, -1))) for n in full]
        given = f", np.array({[2, shape[0], *wished]})"
    op = ops.MaxUnpool(kernel_size=kernel, stride=stride, padding=padding, output_size=wished)
    places = f"np.zeros((2, {', '.join(str(near(r, n)) for n in shape)}), np.int64)"
    other = tuple(eval(places, {"np": np}).shape[1:])
    call = (
        f"node('MaxUnpool', [x, {places}{given}], {r.choice((11, 22))}, kernel_shape={kernel}, strides={stride}, "
        f"pads={[p[0] for p in padding] + [p[1] for p in padding]})"
    )
    return Case(op, (shape, other), call)


@suite.operation(60, excused=phantom)
def deform_conv(r: Random) -> Case:
    groups, offset_groups = r.choice((1, 1, 2)), r.choice((1, 1, 2))
    channels, out = multiple(r, groups * offset_groups), multiple(r, groups)
    kernel, stride = spread(each(r, 2, 1, 2, 3), 2), spread(each(r, 2, 1, 2), 2)
    dilation, size = spread(each(r, 2, 1, 1, 2), 2), sizes(r, 2, high=7)
    padding = tuple((r.randint(0, 1), r.randint(0, 1)) for _ in range(2))
    ends = [max(1, (n + a + b - d * (k - 1) - 1) // s + 1)
            for n, k, s, d, (a, b) in zip(size, kernel, stride, dilation, padding, strict=True)]  # fmt: skip
    bias, masked = r.random() < 0.5, r.random() < 0.5
    declared = max(1, near(r, channels) // groups)
    op = ops.DeformConv(
        out_channels=out,
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=bias,
        offset_groups=offset_groups,
        in_channels=declared * groups,
    )
    count = int(np.prod(kernel)) * offset_groups
    shapes = [(channels, *size), (near(r, 2 * count), near(r, ends[0]), ends[1])]
    shapes += [(near(r, count), *ends)] if masked else []
    weights = f"w{(out, declared, *kernel)}"
    more = f", {f'w({out})' if bias else None}" + (", z" if masked else "") if bias or masked else ""
    call = (
        f"node('DeformConv', [x, {weights}, y{more}], {r.choice((19, 22))}, strides={stride}, dilations={dilation}, "
        f"group={groups}, offset_group={offset_groups}, pads={[p[0] for p in padding] + [p[1] for p in padding]})"
    )
    return Case(op, tuple(shapes), call)


@suite.operation(30)
def affine_grid(r: Random) -> Case:
    rank = r.choice((2, 2, 3))
    size = sizes(r, rank, high=4)
    call = f"node('AffineGrid', [x, np.array({[2, 3, *size]})], 20)"
    return Case(ops.AffineGrid(size=size), ((near(r, near(r, rank)), near(r, rank + 1)),), call)


@suite.operation(30, refused=(0, 0))
def center_crop_pad(r: Random) -> Case:
    rank = rank_of(r)
    shape, wished = (r.randint(1, 3), *sizes(r, rank, high=6)), sizes(r, rank, high=6)
    call = f"node('CenterCropPad', [x, np.array({list(wished)})], 18, axes={[i + 2 for i in range(rank)]})"
    return Case(ops.CenterCropPad(size=wished), (shape,), call)


@suite.operation(40)
def top_k(r: Random) -> Case:
    shape, count = any_shape(r), r.randint(1, 5)
    axis = r.randint(-len(shape), len(shape) - 1)
    call = f"node('TopK', [x, np.array([{count}])], {r.choice((10, 11))}, 2, axis={batched(axis)})"
    return Case(ops.TopK(count=count, axis=axis), (shape,), call)


class _Captured(Exception):  # the way out of a case's source
    """A node, before anything is made of it."""

    def __init__(self, node: Node) -> None:
        self.node = node


def as_node(case: Case) -> Node | None:
    """Return the node that a case executes; None where its inputs are moved first."""
    whole: Any = np.int64 if case.operator.kind == "embedding" else np.float32
    tensors = {n: np.zeros((case.batch_size, *s), whole) for n, s in zip(NAMES, case.shapes, strict=False)}
    own = {id(t) for t in tensors.values()}

    def captured(
        kind: str, inputs: list[Any], opset: int = 17, outputs: int = 1, domain: str = "", **more: Any
    ) -> None:
        given = tuple(None if v is None else Input(np.asarray(v), id(v) in own) for v in inputs)
        raise _Captured(Node(kind, given, opset, outputs, domain, more))

    names = {"np": np, "node": captured, "w": lambda *shape: np.zeros(shape, np.float32), **tensors}
    try:
        eval(case.call, names)
    except _Captured as found:
        return found.node if found.node.inputs[0] is not None else None
    raise AssertionError(case.call)


def drawn_nodes(name: str, scale: int = SCALE) -> Iterator[tuple[Case, Node]]:
    """Yield nodes of an operation as they are drawn, and twice as many with something wrong."""
    random = Random(f"nodes/{name}")
    for case in suite.drawn(name, scale):
        node = as_node(case)
        if node is not None and any(i is not None and i.network for i in node.inputs):
            yield case, node
            yield case, spoiled(random, node)
            yield case, spoiled(random, spoiled(random, node) if random.random() < 0.2 else node)


def disagreement(case: Case, node: Node, excused: Excuse) -> str:
    """Return how the reader and onnxruntime differ over a node; an empty text where they agree."""
    theirs, found = executed(node), read(node)
    if "Type Error" in theirs.fails:  # types of elements are not what is read
        return ""
    if found.unread:
        computed = "computed by the network, not a weight" in found.unread and node.kind in ("Conv", "ConvTranspose")
        known = computed or "batch" in found.unread  # a kernel of each sample, whose number is that of the channels
        return "" if known else f"{node}\n    {found}\n    executed: {theirs}"
    if theirs.shapes == found.shapes:
        return ""
    if found.shapes is None and theirs.shapes is not None and node.inputs[0] is not None:
        here = dataclasses.replace(case, operator=found.operator, shapes=(node.inputs[0].array.shape[1:],))
        if excused(here, Verdict(None), Verdict(tuple(s[1:] for s in theirs.shapes))):
            return ""
    return f"{node}\n    read: {found}\n    executed: {theirs}"


@pytest.mark.parametrize("name", suite.operations)
def test_nodes_are_read_as_they_run(name: str) -> None:
    wrong = [d for case, node in drawn_nodes(name) if (d := disagreement(case, node, suite.operations[name].excused))]
    assert not wrong, f"{len(wrong)} disagree\n" + "\n".join(wrong[:5])


@pytest.mark.parametrize("name", suite.operations)
def test_execution_agrees(name: str) -> None:
    suite.check(name)


def test_wrong_rule_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def unclipped(size: Any, before: Any, after: Any, window: Any, stride: Any) -> Any:
        return -(-(size + before + after - window) // stride) + 1

    monkeypatch.setattr("convsolve.operators.pooling.clipped_count", unclipped)
    seen = suite.report("max_pool", 1).disagreements
    assert seen
    assert "node('MaxPool', [x]" in seen[0]


def test_phantom_windows_are_drawn() -> None:
    assert suite.report("max_pool", 1).excused
