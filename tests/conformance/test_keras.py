"""Our operators against Keras 3, channels last, executed on its PyTorch backend."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import keras
import pytest
import torch

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

GLOBALS = {"keras": keras, "layers": keras.layers, "torch": torch}


def execute(case: Case) -> Verdict:
    """Execute a case on real tensors."""
    kind = torch.int64 if case.operator.kind == "embedding" else torch.float32
    tensors = {n: torch.zeros(case.batch_size, *s, dtype=kind) for n, s in zip(NAMES, case.shapes, strict=False)}
    learned = None
    try:
        with torch.no_grad():
            module = eval(case.module, GLOBALS) if case.module else None
            result = eval(case.call, {**GLOBALS, **tensors, "m": module})
            if module is not None:
                learned = module.count_params()
    except (RuntimeError, ValueError) as error:
        return Verdict(None, why=f"{type(error).__name__}: {error}")
    finally:
        keras.backend.clear_session(free_memory=False)
    results = result if isinstance(result, (list, tuple)) else (result,)
    assert all(len(t) == case.batch_size for t in results), "the batch axis was lost"
    return usable(tuple(tuple(t.shape[1:]) for t in results), learned)


suite = Suite("keras", execute)


def last(operator: ops.Operator, *shapes: tuple[int, ...], call: str = "m(x)", module: str = "", **more: Any) -> Case:
    return Case(operator, shapes, call, module, data_format="channels_last", **more)


def rank_of(r: Random) -> int:
    return r.choice((1, 1, 2, 2, 2, 3))


@suite.operation(150)
def conv(r: Random) -> Case:
    rank, groups = rank_of(r), r.choice((1, 1, 1, 2, 3))
    channels, out = multiple(r, groups), multiple(r, groups)
    kernel, stride = each(r, rank, 1, 2, 3, 4, 5), r.choice((1, each(r, rank, 1, 2, 3, 4)))
    dilation = r.choice((1, 1, each(r, rank, 1, 2, 3)))
    padding, bias = r.choice(("same", "same", "valid", "valid", "causal")), r.random() < 0.5
    if rank > 1 and padding == "causal" and r.random() < 0.7:
        padding = "same"
    declared = near(r, channels)
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
    module = (
        f"layers.Conv{rank}D({out}, {kernel}, strides={stride}, padding={padding!r}, dilation_rate={dilation}, "
        f"groups={groups}, use_bias={bias})"
    )
    built = f"(m.build({(None, *(9,) * rank, declared)}), m(x))[1]" if declared != channels else "m(x)"
    return last(op, (*sizes(r, rank, high=8), channels), call=built, module=module)


@suite.operation(60)
def conv_after_padding(r: Random) -> Case:
    rank, channels = rank_of(r), r.randint(1, 3)
    kernel, stride = each(r, rank, 1, 2, 3, 4, 5), each(r, rank, 1, 2, 3, 4)
    padding = tuple((r.randint(0, 2), r.randint(0, 2)) for _ in range(rank))
    op = ops.Conv(out_channels=2, kernel_size=kernel, stride=stride, padding=padding)
    module = f"layers.Conv{rank}D(2, {kernel}, strides={stride})"
    call = f"m(layers.ZeroPadding{rank}D({padding if rank > 1 else padding[0]})(x))"
    return last(op, (*sizes(r, rank, high=4), channels), call=call, module=module)


def documented(case: Case, verdict: Verdict, executed: Verdict) -> bool:
    """Keras documents that it refuses a stride together with a dilation, and TensorFlow does; PyTorch does not."""
    op: Any = case.operator
    return verdict.shapes is None and max(spread(op.stride, 1)) > 1 and max(spread(op.dilation, 1)) > 1


@suite.operation(60, excused=documented)
def depthwise_conv(r: Random) -> Case:
    rank, channels, multiplier = r.choice((1, 2)), r.randint(1, 4), r.randint(1, 3)
    kernel, stride = each(r, rank, 1, 2, 3, 4), r.choice((1, each(r, rank, 1, 2, 3)))
    dilation = r.choice((1, 1, each(r, rank, 1, 2)))
    padding, bias = r.choice(("same", "valid", "valid")), r.random() < 0.5
    op = ops.DepthwiseConv(
        kernel_size=kernel, stride=stride, padding=padding, dilation=dilation, multiplier=multiplier, bias=bias
    )
    module = (
        f"layers.DepthwiseConv{rank}D({kernel}, strides={stride}, padding={padding!r}, dilation_rate={dilation}, "
        f"depth_multiplier={multiplier}, use_bias={bias})"
    )
    return last(op, (*sizes(r, rank, high=6), channels), module=module)


@suite.operation(140)
def conv_transpose(r: Random) -> Case:
    rank, channels, out = rank_of(r), r.randint(1, 4), r.randint(1, 4)
    kernel, stride = each(r, rank, 1, 2, 3, 4, 5), r.choice((1, each(r, rank, 1, 2, 3)))
    dilation, padding = r.choice((1, 1, each(r, rank, 1, 2, 3))), r.choice(("same", "valid"))
    extra = r.choice((None, 0, 1, each(r, rank, 0, 1, 2)))
    bias = r.random() < 0.5
    op = ops.ConvTranspose(
        out_channels=out,
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        output_padding=extra,
        dilation=dilation,
        bias=bias,
    )
    module = (
        f"layers.Conv{rank}DTranspose({out}, {kernel}, strides={stride}, padding={padding!r}, "
        f"output_padding={extra}, dilation_rate={dilation}, use_bias={bias})"
    )
    return last(op, (*sizes(r, rank, high=5), channels), module=module)


def refused_by_pytorch(case: Case, verdict: Verdict, executed: Verdict) -> bool:
    """Of all backends only PyTorch's avg_pool3d refuses a kernel above the size, though "same" pads for it."""
    op: Any = case.operator
    too_small = len(case.shapes[0]) == 4 and any(
        k > n for k, n in zip(spread(op.kernel_size, 3), case.shapes[0], strict=False)
    )
    return op.kind == "avg_pool" and op.padding == "same" and too_small and "smaller than kernel" in executed.why


@suite.operation(100, excused=refused_by_pytorch)
def pool(r: Random) -> Case:
    rank, kind = rank_of(r), r.choice((("max_pool", "Max"), ("avg_pool", "Average")))
    kernel, stride = each(r, rank, 1, 2, 3, 4, 5), r.choice((None, each(r, rank, 1, 2, 3, 4)))
    padding = r.choice(("same", "valid", "valid"))
    op = ops.OPERATORS[kind[0]](kernel_size=kernel, stride=stride, padding=padding)
    module = f"layers.{kind[1]}Pooling{rank}D({kernel}, {stride}, {padding!r})"
    return last(op, (*sizes(r, rank, high=8), r.randint(1, 4)), module=module)


@suite.operation(30, refused=(0, 0))
def adaptive_pool(r: Random) -> Case:
    rank, kind = rank_of(r), r.choice((("adaptive_avg_pool", "Average"), ("adaptive_max_pool", "Max")))
    wished = each(r, rank, 1, 2, 3, 7)
    module = f"layers.Adaptive{kind[1]}Pooling{rank}D({wished})"
    return last(ops.OPERATORS[kind[0]](output_size=wished), (*sizes(r, rank, high=9), r.randint(1, 4)), module=module)


@suite.operation(24, refused=(0, 0))
def global_pool(r: Random) -> Case:
    rank, keep = rank_of(r), r.random() < 0.5
    op, name = r.choice(((ops.GlobalAvgPool, "Average"), (ops.GlobalMaxPool, "Max")))
    module = f"layers.Global{name}Pooling{rank}D(keepdims={keep})"
    return last(op(keepdims=keep), (*sizes(r, rank), r.randint(1, 4)), module=module)


@suite.operation(60, refused=(0, 0.7))
def pad_and_crop(r: Random) -> Case:
    rank = rank_of(r)
    pairs = tuple((r.randint(0, 3), r.randint(0, 3)) for _ in range(rank))
    theirs, shape = pairs if rank > 1 else pairs[0], (*sizes(r, rank, high=7), r.randint(1, 4))
    if r.random() < 0.3:
        return last(ops.Pad(padding=pairs), shape, module=f"layers.ZeroPadding{rank}D({theirs})")
    return last(ops.Crop(amount=pairs), shape, module=f"layers.Cropping{rank}D({theirs})")


def resized(case: Case, verdict: Verdict, executed: Verdict) -> bool:
    """Keras enlarges an image that is too small to be cropped; that is no crop."""
    if verdict.shapes is not None:
        return False
    wished, (image,) = case.operator.size, case.shapes  # type: ignore[attr-defined]
    return executed.shapes == ((*wished, image[-1]),) and any(w > n for w, n in zip(wished, image, strict=False))


@suite.operation(30, refused=(0, 0), excused=resized)
def center_crop(r: Random) -> Case:
    wished = sizes(r, 2, high=6)
    return last(ops.CenterCrop(size=wished), (*sizes(r, 2), 3), module=f"layers.CenterCrop{wished}")


@suite.operation(40, refused=(0, 0))
def upsample(r: Random) -> Case:
    rank, channels = rank_of(r), r.randint(1, 4)
    if rank == 2 and r.random() < 0.5:
        wished = sizes(r, 2)
        return last(ops.Upsample(size=wished), (*sizes(r, 2), channels), module=f"layers.Resizing{wished}")
    scale = r.randint(1, 3) if rank == 1 else each(r, rank, 1, 2, 3)
    mode = r.choice(("nearest", "linear", "cubic")) if rank == 2 else "nearest"
    option = f", interpolation={({'linear': 'bilinear', 'cubic': 'bicubic'}).get(mode, mode)!r}" if rank == 2 else ""
    op = ops.Upsample(scale_factor=scale, mode=mode)
    return last(op, (*sizes(r, rank, high=6), channels), module=f"layers.UpSampling{rank}D({scale}{option})")


def any_shape(r: Random, low: int = 1, high: int = 4, most: int = 6) -> tuple[int, ...]:
    return tuple(r.randint(1, most) for _ in range(r.randint(low, high)))


@suite.operation(60)
def reshape(r: Random) -> Case:
    shape = any_shape(r, 1, 3)
    wished, rest = [], math.prod(shape)
    for _ in range(r.randint(0, 2)):
        wished.append(r.choice([d for d in range(1, rest + 1) if rest % d == 0]))
        rest //= wished[-1]
    wished.append(near(r, rest))
    if r.random() < 0.5:
        wished[r.randrange(len(wished))] = -1
    if r.random() < 0.3:
        wished[r.randrange(len(wished))] = r.choice((2, 3, 5))
    return last(ops.Reshape(shape=wished), shape, module=f"layers.Reshape({tuple(wished)})")


@suite.operation(30, refused=(0, 0.5))
def flatten_and_permute(r: Random) -> Case:
    shape = any_shape(r)
    if r.random() < 0.4:
        return last(ops.Flatten(), shape, module="layers.Flatten()")
    order = list(range(len(shape)))
    r.shuffle(order)
    if r.random() < 0.2:
        shape = (*shape, 2)
    return last(ops.Permute(order=order), shape, module=f"layers.Permute({tuple(i + 1 for i in order)})")


def batched(axis: int) -> int:
    """Return an axis as a tensor with a batch axis counts it."""
    return axis if axis < 0 else axis + 1


def keeps_other_sizes(case: Case, verdict: Verdict, executed: Verdict) -> bool:
    """On PyTorch, squeeze leaves an axis of another size than 1 as it is; we call that a mistake."""
    return case.operator.kind == "squeeze" and verdict.shapes is None and executed.shapes == case.shapes


@suite.operation(40, refused=(0, 0.5), excused=keeps_other_sizes)
def axes(r: Random) -> Case:
    shape = tuple(r.choice((1, 1, 3)) for _ in range(r.randint(1, 4)))
    axis = r.randint(-len(shape), len(shape) - 1)
    kind = r.choice(("squeeze", "unsqueeze", "mean", "max"))
    if kind == "squeeze":
        return last(ops.Squeeze(axis=axis), shape, call=f"keras.ops.squeeze(x, {batched(axis)})")
    if kind == "unsqueeze":
        return last(ops.Unsqueeze(axis=axis), shape, call=f"keras.ops.expand_dims(x, {batched(axis)})")
    keep = r.random() < 0.5
    op = ops.Reduce(axes=(axis,), keepdims=keep)
    return last(op, shape, call=f"keras.ops.{kind}(x, axis={batched(axis)}, keepdims={keep})")


@suite.operation(30)
def split(r: Random) -> Case:
    shape = list(any_shape(r))
    axis, parts = r.randrange(len(shape)), [r.randint(1, 3) for _ in range(r.randint(2, 4))]
    shape[axis] = sum(parts)
    ends = [sum(parts[: i + 1]) for i in range(len(parts) - 1)]
    if r.random() < 0.4:
        shape[axis] = ends[-1]  # nothing is left for the last part
    return last(ops.Split(sizes=parts, axis=axis), tuple(shape), call=f"keras.ops.split(x, {ends}, axis={axis + 1})")


def alike(r: Random, shape: tuple[int, ...], one: float = 0.2, other: float = 0.1) -> tuple[int, ...]:
    """Draw a shape that may be broadcast with the given one, most often."""
    draws = (r.random() for _ in shape)
    return tuple(1 if d < one else n + 1 if d < one + other else n for d, n in zip(draws, shape, strict=True))


@suite.operation(90)
def elementwise(r: Random) -> Case:
    shape = any_shape(r)
    kind, name = r.choice(
        (
            ("add", "Add"),
            ("mul", "Multiply"),
            ("maximum", "Maximum"),
            ("sub", "Subtract"),
            ("minimum", "Minimum"),
            ("average", "Average"),
        )
    )
    shapes = [shape, *(alike(r, shape) for _ in range(1 if kind == "sub" else r.randint(1, 2)))]
    if r.random() < 0.3:
        shapes[1] = shapes[1][r.randrange(len(shape)) :]
    return last(
        ops.OPERATORS[kind](), *shapes, call=f"m([{', '.join(NAMES[: len(shapes)])}])", module=f"layers.{name}()"
    )


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
    op = ops.Concat(axis=None if axis == -1 and r.random() < 0.5 else axis)
    return last(op, *shapes, call=f"m([{names}])", module=f"layers.Concatenate({batched(axis)})")


@suite.operation(40)
def matmul(r: Random) -> Case:
    front, inner = any_shape(r, 0, 2, 3), r.randint(1, 5)
    a = (*front, r.randint(1, 5), inner)
    b = (*alike(r, front, 0.3), near(r, near(r, inner)), r.randint(1, 5))
    return last(ops.Matmul(), a, b, call="keras.ops.matmul(x, y)")


@suite.operation(40)
def einsum(r: Random) -> Case:
    equation, shapes = drawn_equation(r)
    names = ", ".join(NAMES[: len(shapes)])
    return last(
        ops.Einsum(equation=equation), *shapes, call=f"keras.ops.einsum({batched_equation(equation)!r}, {names})"
    )


@suite.operation(60)
def conv_lstm(r: Random) -> Case:
    rank, channels, out = r.choice((1, 1, 2, 2, 3)), r.randint(1, 3), r.randint(1, 3)
    kernel, stride, dilation = each(r, rank, 1, 2, 3), r.choice((1, each(r, rank, 1, 2, 3))), r.choice((1, 1, 2))
    padding, bias, steps = r.choice(("same", "valid")), r.random() < 0.5, r.random() < 0.5
    op = ops.ConvLstm(
        out_channels=out,
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        bias=bias,
        return_sequences=steps,
    )
    module = (
        f"layers.ConvLSTM{rank}D({out}, {kernel}, strides={stride}, padding={padding!r}, dilation_rate={dilation}, "
        f"use_bias={bias}, return_sequences={steps})"
    )
    return last(op, (r.randint(1, 3), *sizes(r, rank, high=6), channels), module=module)


@suite.operation(40)
def dense(r: Random) -> Case:
    shape, out, bias = any_shape(r), r.randint(1, 6), r.random() < 0.5
    declared = near(r, near(r, near(r, near(r, shape[-1]))))
    op = ops.Linear(out_features=out, in_features=declared, bias=bias)
    call = f"(m.build({(None, *shape[:-1], declared)}), m(x))[1]"
    return last(op, shape, call=call, module=f"layers.Dense({out}, use_bias={bias})")


@suite.operation(20, refused=(0, 0))
def embedding(r: Random) -> Case:
    count, dim = r.randint(1, 9), r.randint(1, 6)
    return last(ops.Embedding(count=count, dim=dim), any_shape(r, 1, 3), module=f"layers.Embedding({count}, {dim})")


@suite.operation(60, refused=(0, 0.4))
def recurrent(r: Random) -> Case:
    kind, name = r.choice((("rnn", "SimpleRNN"), ("lstm", "LSTM"), ("gru", "GRU")))
    hidden, (both, bias, sequences, after) = r.randint(1, 5), (r.random() < 0.5 for _ in range(4))
    more = {"reset_after": after} if kind == "gru" else {}
    op = ops.OPERATORS[kind](hidden_size=hidden, bidirectional=both, bias=bias, return_sequences=sequences, **more)
    options = f"return_sequences={sequences}, use_bias={bias}{f', reset_after={after}' if more else ''}"
    module = f"layers.{name}({hidden}, {options})"
    shape = (r.randint(1, 4), r.randint(1, 4))
    if both:
        module = f"layers.Bidirectional({module})"
    return last(op, shape if r.random() < 0.9 else (*shape, 2), module=module)


def small(r: Random, rank: int) -> tuple[int, ...]:
    """Draw spatial sizes that often are all 1."""
    return (1,) * rank if r.random() < 0.5 else sizes(r, rank, high=3)


@suite.operation(50, refused=(0, 0.3))
def batch_norm(r: Random) -> Case:
    rank, channels, (affine, scale, shift) = (
        r.choice((0, 1, 2, 3)),
        r.randint(1, 5),
        (r.random() < 0.7 for _ in range(3)),
    )
    declared, training = near(r, channels), r.random() < 0.7
    sizes_ = small(r, rank)
    op = ops.BatchNorm(num_features=declared, affine=affine, scale=scale, shift=shift)
    module = f"layers.BatchNormalization(scale={affine and scale}, center={affine and shift})"
    call = f"(m.build({(None, *sizes_, declared)}), m(x, training={training}))[1]"
    return last(op, (*sizes_, channels), call=call, module=module, training=training, batch_size=r.choice((1, 1, 2)))


@suite.operation(40)
def group_norm(r: Random) -> Case:
    rank, groups, affine = r.choice((0, 1, 2, 3)), r.randint(1, 3), r.random() < 0.5
    channels = multiple(r, groups) if r.random() < 0.6 else r.randint(1, 6)
    scale, shift = r.random() < 0.8, r.random() < 0.8
    op = ops.GroupNorm(groups=groups, affine=affine, scale=scale, shift=shift)
    module = f"layers.GroupNormalization({groups}, scale={affine and scale}, center={affine and shift})"
    return last(op, (*small(r, rank), channels), module=module, batch_size=r.choice((1, 2)))


@suite.operation(20, refused=(0, 0))
def instance_norm(r: Random) -> Case:
    rank, channels, affine = rank_of(r), r.randint(1, 5), r.random() < 0.5
    op, module = ops.InstanceNorm(affine=affine), f"layers.GroupNormalization(-1, scale={affine}, center={affine})"
    return last(op, (*small(r, rank), channels), module=module, batch_size=r.choice((1, 2)))


@suite.operation(40)
def layer_norm(r: Random) -> Case:
    shape, affine = any_shape(r), r.random() < 0.5
    declared = shape[r.randrange(len(shape)) :]
    if affine and r.random() < 0.6:  # without weights, there is nothing that would hold on to a size
        declared = alike(r, declared, 0.1, 0.4)
    scale = r.random() < 0.7
    op = ops.LayerNorm(normalized_shape=declared, affine=affine, scale=scale)
    axes_ = [*range(-len(declared), 0)]
    whole = (None, *shape[: len(shape) - len(declared)], *declared)
    module = f"layers.LayerNormalization(axis={axes_}, scale={affine and scale}, center={affine})"
    return last(op, shape, call=f"(m.build({whole}), m(x))[1]", module=module)


@pytest.mark.parametrize("name", suite.operations)
def test_execution_agrees(name: str) -> None:
    suite.check(name)


def test_wrong_rule_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def floored(size: Any, stride: Any) -> Any:
        return size // stride

    monkeypatch.setattr("convsolve.operators.pooling.same_count", floored)
    seen = suite.report("pool", 1).disagreements
    assert seen
    assert "data_format='channels_last'" in seen[0]


def test_written_order() -> None:
    conv = ops.Conv(out_channels=8, kernel_size=3)
    assert ours(conv, (9, 5, 3), framework="keras", data_format="channels_last") == ((7, 3, 8),)
    assert spread(2, 3) == (2, 2, 2)
