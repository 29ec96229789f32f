"""Nodes that are others in disguise (quantised, fused), and nodes of several outputs: read as onnxruntime runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod
from random import Random
from typing import Any

import numpy as np
import pytest

from tests.conformance.judge import SCALE, each, multiple, near, sizes, spread
from tests.conformance.onnx_nodes import DOMAIN, Input, Node, Reading, executed, read, spoiled

CASES = 24
DRAWS: dict[str, Callable[[Random], Node]] = {}


def draws(function: Callable[[Random], Node]) -> Callable[[Random], Node]:
    DRAWS[function.__name__] = function
    return function


def x(*shape: int, kind: Any = np.float32) -> Input:
    return Input(np.zeros((2, *shape), kind), True)


def w(*shape: int, kind: Any = np.float32) -> Input:
    return Input(np.zeros(shape, kind), False)


def scale() -> Input:
    return Input(np.array(0.5, np.float32), False)


def zero(kind: Any = np.uint8) -> Input:
    return Input(np.array(0, kind), False)


def microsoft(kind: str, *inputs: Input | None, outputs: int = 1, **attributes: Any) -> Node:
    return Node(kind, inputs, 17, outputs, DOMAIN, attributes)


def windows(r: Random, rank: int) -> dict[str, Any]:
    return {
        "strides": list(spread(each(r, rank, 1, 1, 2, 3), rank)),
        "pads": [r.randint(0, 1) for _ in range(2 * rank)],
        "dilations": list(spread(each(r, rank, 1, 1, 2), rank)),
    }


@draws
def quantised_conv(r: Random) -> Node:
    rank, groups = r.choice((1, 2, 2)), r.choice((1, 1, 2))
    channels, out, u8 = multiple(r, groups), multiple(r, groups), np.uint8
    kernel = [r.randint(1, 3) for _ in range(rank)]
    image = x(channels, *sizes(r, rank, high=8), kind=u8)
    weight = w(out, max(1, near(r, channels) // groups), *kernel, kind=u8)
    options = {**windows(r, rank), "group": groups}
    if r.random() < 0.4:
        return Node("ConvInteger", (image, weight, *([zero(), zero()] if r.random() < 0.5 else [])), attributes=options)
    bias = [w(out, kind=np.int32)] if r.random() < 0.5 else []
    inputs = (image, scale(), zero(), weight, scale(), zero(), scale(), zero(), *bias)
    return Node("QLinearConv", inputs, attributes=options)


@draws
def quantised_product(r: Random) -> Node:
    front, inner, u8 = [r.randint(1, 3) for _ in range(r.randint(0, 2))], r.randint(1, 4), np.uint8
    a, b = x(*front, r.randint(1, 4), inner, kind=u8), w(near(r, near(r, inner)), r.randint(1, 4), kind=u8)
    kind = r.choice(("MatMulInteger", "QLinearMatMul", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "QLinearAdd"))
    if kind == "MatMulInteger":
        return Node(kind, (a, b), 17)
    if kind == "QLinearMatMul":
        return Node(kind, (a, scale(), zero(), b, scale(), zero(), scale(), zero()))
    bias = [w(b.array.shape[1])] if r.random() < 0.5 else []
    if kind == "DynamicQuantizeMatMul":
        return microsoft(kind, Input(a.array.astype(np.float32), True), b, scale(), zero(), *bias)
    if kind == "MatMulIntegerToFloat":
        return microsoft(kind, a, b, scale(), scale(), zero(), zero(), *bias)
    other = Input(a.array, True) if r.random() < 0.5 else w(near(r, inner), kind=u8)
    return microsoft(r.choice((kind, "QLinearMul")), a, scale(), zero(), other, scale(), zero(), scale(), zero())


@draws
def quantised_pool(r: Random) -> Node:
    shape, last = (r.randint(1, 4), *sizes(r, 2, high=7)), r.choice((0, 1))
    image = x(*shape, kind=np.uint8)
    rest = (scale(), zero(), scale(), zero())
    if r.random() < 0.3:
        return microsoft("QLinearGlobalAveragePool", image, *rest, channels_last=last)
    options = windows(r, 2)
    del options["dilations"]
    return microsoft(
        "QLinearAveragePool", image, *rest, channels_last=last, kernel_shape=[2, r.randint(1, 3)], **options
    )


@draws
def quantised_others(r: Random) -> Node:
    shape = tuple(r.randint(1, 4) for _ in range(r.randint(1, 3)))
    image, floats = x(*shape, kind=np.uint8), x(*shape)
    rest = (scale(), zero(), scale(), zero())
    kind = r.choice(("QLinearConcat", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearReduceMean", "DynamicQuantizeLinear",
                     "QuantizeLinear", "DequantizeLinear", "QLinearSoftmax"))  # fmt: skip
    if kind == "QLinearConcat":
        other = x(near(r, shape[0]), *shape[1:], kind=np.uint8)
        axis = r.choice((1, -1))
        return microsoft(kind, scale(), zero(), image, scale(), zero(), other, scale(), zero(), axis=axis)
    if kind == "DynamicQuantizeLinear":
        return Node(kind, (floats,), 17, 3)
    if kind == "QuantizeLinear":
        return Node(kind, (floats, scale(), zero()), r.choice((13, 19)))
    if kind == "DequantizeLinear":
        return Node(kind, (image, scale(), zero()), r.choice((13, 19)))
    options: dict[str, Any] = {"QLinearReduceMean": {"axes": [r.randint(1, len(shape))], "keepdims": r.choice((0, 1))},
                               "QLinearSoftmax": {"opset": 13, "axis": -1}}.get(kind, {})  # fmt: skip
    return microsoft(kind, image, *rest, **options)


@draws
def scales(r: Random) -> Node:
    """Draw a quantised node of which one scale or zero point has axes."""
    node = r.choice(
        (quantised_conv, quantised_conv, quantised_product, quantised_product, quantised_pool, quantised_others)
    )(r)
    found = [
        i for i, given in enumerate(node.inputs) if given is not None and not given.network and not given.array.ndim
    ]
    if not found:
        return node
    place, some = r.choice(found), r.choice([n for i in node.inputs if i is not None for n in (1, *i.array.shape)])
    shape = r.choice(((some,), (some,), (1,), (1, 1), (some, 1), (1, some), (2, 1, some)))
    array = np.full(shape, node.inputs[place].array)  # type: ignore[union-attr]
    return replace(node, inputs=(*node.inputs[:place], Input(array, False), *node.inputs[place + 1 :]))


@draws
def fused(r: Random) -> Node:
    kind = r.choice(("FusedConv", "FusedMatMul", "FusedGemm", "BiasGelu", "FastGelu", "QuickGelu", "Gelu"))
    inner, out = r.randint(1, 4), r.randint(1, 4)
    if kind == "FusedConv":
        channels, kernel = r.randint(1, 3), [r.randint(1, 3), r.randint(1, 3)]
        image, weight = x(channels, *sizes(r, 2, high=6)), w(out, near(r, channels), *kernel)
        return microsoft(kind, image, weight, w(near(r, out)), **windows(r, 2), activation="Relu")
    if kind == "FusedGemm":
        return microsoft(kind, x(inner), w(near(r, inner), out), w(out), activation="Relu")
    rows = r.randint(1, 3)
    if kind == "FusedMatMul":
        first, second = r.choice((0, 1)), r.choice((0, 1))
        a, b = (inner, rows) if first else (rows, inner), (out, near(r, inner)) if second else (near(r, inner), out)
        other = w(*b) if r.random() < 0.5 else x(*b)
        return microsoft(kind, x(*a), other, transA=first, transB=second)
    bias = {"BiasGelu": [w(near(r, inner))], "FastGelu": [w(near(r, inner))][: r.randint(0, 1)]}.get(kind, [])
    return microsoft(kind, x(rows, inner), *bias)


@draws
def skip_norm(r: Random) -> Node:
    rows, features = r.randint(1, 3), r.randint(1, 5)
    data = x(rows, features), x(near(r, rows), features)
    if r.random() < 0.3:
        return microsoft("SkipSimplifiedLayerNormalization", *data, w(near(r, features)))
    more = [w(features)] if r.random() < 0.5 else []
    return microsoft("SkipLayerNormalization", *data, w(features), w(near(r, features)), *more)


@draws
def embed_norm(r: Random) -> Node:
    length, features, kind = r.randint(1, 4), r.randint(1, 4), np.int32
    ids = x(length, kind=kind), x(length, kind=kind)
    outputs = r.randint(2, 3)
    tables = w(5, features), w(r.randint(3, 6), near(r, features)), w(2, features)
    return microsoft("EmbedLayerNormalization", *ids, *tables, w(features), w(near(r, features)), outputs=outputs)


@draws
def packed_attention(r: Random) -> Node:
    heads, size, length = r.randint(1, 3), r.randint(1, 3), r.randint(1, 4)
    width, features = heads * size, r.randint(1, 5)
    options: dict[str, Any] = {"num_heads": heads}
    columns = near(r, 3 * width)
    if r.random() < 0.3:
        options["qkv_hidden_sizes"] = [width, near(r, width), near(r, heads) * r.randint(1, 3)]
        columns = near(r, sum(options["qkv_hidden_sizes"]))
    before = r.randint(1, 3) if r.random() < 0.3 else 0
    past = Input(np.zeros((2, 2, heads, before, near(r, size)), np.float32), True, True) if before else None
    total, whole = length + before, np.int32
    mask = r.choice(
        (None, None, x(near(r, total), kind=whole), x(length, near(r, total), kind=whole), w(2, kind=whole))
    )
    bias = r.choice((None, None, x(heads, length, near(r, total)), w(1, near(r, heads), length, total)))
    inputs = [x(length, features), w(near(r, features), columns), w(columns), mask, past, bias]
    return microsoft("Attention", *inputs, outputs=r.choice((1, 1, 2)), **options)


@draws
def attention(r: Random) -> Node:
    heads, size, length = r.randint(1, 3), r.randint(1, 3), r.randint(1, 4)
    keys, width = r.randint(1, 4), heads * size
    if r.random() < 0.3:
        key = value = (heads, near(r, keys), near(r, size))
        value = key if r.random() < 0.8 else (*key[:1], near(r, keys), key[2])
    else:
        key, value = (keys, near(r, width)), (near(r, keys), r.choice((width, width, heads * r.randint(1, 3))))
    bias = w(near(r, 2 * width + (value[-1] if len(value) == 2 else width))) if r.random() < 0.2 else None
    before, past = r.randint(1, 3) if r.random() < 0.3 else 0, []
    if before:
        past = [x(near(r, heads), before, size), x(heads, near(r, before), near(r, size))]
    total = keys + before
    mask = r.choice((None, None, x(near(r, total), kind=np.int32), w(2, kind=np.int32)))
    added = r.choice((None, None, x(heads, length, near(r, total)), w(1, near(r, heads), near(r, length), total)))
    inputs = [x(length, width), x(*key), x(*value), bias, mask, added, *past]
    return microsoft("MultiHeadAttention", *inputs, outputs=r.randint(1, 3), num_heads=heads)


@draws
def shared_attention(r: Random) -> Node:
    groups, share, size = r.randint(1, 3), r.randint(1, 2), r.randint(1, 3)
    heads, length, keys, values = groups * share, r.randint(1, 3), r.randint(1, 4), r.randint(1, 3)
    outputs = r.randint(1, 4)
    shapes = [(heads, length, size), (near(r, groups), keys, near(r, size)), (groups, near(r, keys), values)]
    options = {}
    if r.random() < 0.5:
        shapes = [(n, count * m) for count, n, m in shapes]
        options = {"q_num_heads": near(r, heads), "kv_num_heads": near(r, groups)}
    before, past = r.randint(1, 3) if r.random() < 0.3 else 0, []
    if before:
        past = [x(near(r, groups), before, size), x(groups, near(r, before), near(r, values))]
    total = keys + before
    mask = r.choice((None, None, w(near(r, length), near(r, total)), w(near(r, heads), length, total),
                     x(r.choice((1, heads, near(r, heads))), length, near(r, total)), w(1, heads, 1, total)))  # fmt: skip
    inputs = [x(*shape) for shape in shapes]
    return Node("Attention", (*inputs, mask, *past), 23, outputs, "", options)


@draws
def recurrent(r: Random) -> Node:
    kind, gates = r.choice((("RNN", 1), ("LSTM", 4), ("GRU", 3)))
    hidden, length, features = r.randint(1, 3), r.randint(1, 3), r.randint(1, 3)
    way = r.choice(("forward", "reverse", "bidirectional"))
    ways = 2 if way == "bidirectional" else 1
    layout = np.zeros((length, 2, features), np.float32)
    inputs = (Input(layout, True, True), w(ways, gates * hidden, near(r, features)), w(ways, gates * hidden, hidden))
    bias = (w(ways, 2 * gates * hidden),) if r.random() < 0.5 else ()
    outputs = r.randint(1, 3 if kind == "LSTM" else 2)
    return Node(kind, (*inputs, *bias), 14, outputs, "", {"hidden_size": hidden, "direction": way})


def places(r: Random, shape: Any, most: int) -> Input:
    """Return an index: computed by the network, or a constant that may name what is not there."""
    if r.random() < 0.3:
        return x(*shape, kind=np.int64)
    low, high = r.choice(((0, most), (0, most), (-most, most), (0, most + 1)))
    return Input(
        np.array([r.randrange(low, max(high, 1)) for _ in range(2 * prod(shape))], np.int64).reshape(2, *shape), False
    )


def values(r: Random, *shape: int) -> Input:
    return x(*shape) if r.random() < 0.6 else w(2, *shape)


@draws
def entries_along(r: Random) -> Node:
    shape = tuple(r.randint(1, 4) for _ in range(r.randint(1, 3)))
    axis = r.randint(1, len(shape))
    wished = [r.randint(1, 5) if i + 1 == axis else r.randint(max(1, n - 1), near(r, n)) if n > 1 else near(r, 1)
              for i, n in enumerate(shape)]  # fmt: skip
    data, index = values(r, *shape), places(r, wished, shape[axis - 1])
    if not data.network and not index.network:
        data = x(*shape)
    axis = r.choice((axis, axis - len(shape) - 1))
    if r.random() < 0.4:
        return Node("GatherElements", (data, index), r.choice((11, 13)), attributes={"axis": axis})
    written = values(r, *[near(r, near(r, n)) if r.random() < 0.1 else n for n in wished])
    more: dict[str, Any] = {"reduction": r.choice(("none", "add", "mul"))} if r.random() < 0.4 else {}
    return Node("ScatterElements", (data, index, written), r.choice((16, 18)), attributes={"axis": axis, **more})


@draws
def entries_of_several(r: Random) -> Node:
    shape = tuple(r.randint(1, 4) for _ in range(r.randint(1, 3)))
    middle = [r.randint(1, 3) for _ in range(r.randint(0, 2))]
    if r.random() < 0.5:
        shared = r.randint(1, len(shape))
        count = r.randint(1, len(shape) - shared + 1)
        index = places(
            r, [*(near(r, n) for n in shape[: shared - 1]), *middle, near(r, count)], min(shape[shared - 1 :])
        )
        if r.random() < 0.2:
            return Node("GatherND", (w(*shape), x(*middle, near(r, count), kind=np.int64)), 13)
        data = values(r, *shape) if index.network else x(*shape)
        return Node("GatherND", (data, index), r.choice((12, 13)), attributes={"batch_dims": shared})
    count = r.randint(2, len(shape) + 1)
    index = places(r, [*middle, near(r, count)], min(2, *shape))
    written = values(r, *[near(r, n) if r.random() < 0.1 else n for n in (*middle, *shape[count - 1 :])])
    return Node("ScatterND", (x(*shape), index, written), r.choice((11, 13, 16)))


@draws
def one_hot(r: Random) -> Node:
    rank = r.randint(1, 3)
    kind = r.choice((np.int64, np.float32))
    index = x(*(r.randint(1, 3) for _ in range(rank)), kind=kind)
    depth = np.array(r.choice((1, 3, 5, 0, -1, [4], [3, 3])), kind)
    options = {"axis": r.randint(-rank - 2, rank + 1)} if r.random() < 0.7 else {}
    return Node(
        "OneHot", (index, Input(depth, False), w(r.choice((2, 2, 2, 3)))), r.choice((9, 11, 13)), attributes=options
    )


@draws
def regions(r: Random) -> Node:
    count, wide = r.choice((2, 4, 6)), r.choice((4, 4, 4, 5))
    boxes = w(count, wide) if r.random() < 0.6 else x(wide)
    samples = Input(
        np.array([r.choice((0, 1, 1, 2 if r.random() < 0.1 else 0)) for _ in range(len(boxes.array))]), False
    )
    options = {"output_height": r.choice((1, 2, 3)), "output_width": r.choice((1, 2, 0 if r.random() < 0.1 else 3)),
               "mode": r.choice(("avg", "max")), "sampling_ratio": r.choice((0, 1, 2))}  # fmt: skip
    return Node("RoiAlign", (x(r.randint(1, 3), *sizes(r, 2)), boxes, samples), r.choice((10, 16)), attributes=options)


@draws
def short_time(r: Random) -> Node:
    frame, parts = r.randint(1, 9), r.choice(((1,), (1,), (2,), ()))
    length = Input(np.array(near(r, frame) if r.random() < 0.2 else frame), False)
    window = w(frame) if r.random() < 0.5 else None
    given = [
        x(near(r, r.randint(frame, 20)), *parts),
        Input(np.array(r.choice((1, 2, 3, 7, 0 if r.random() < 0.2 else 4))), False),
        window,
        *([] if window is not None and r.random() < 0.5 else [length]),
    ]
    options = {"onesided": r.choice((0, 1))} if r.random() < 0.6 else {}
    return Node("STFT", tuple(given), 17, attributes=options)


@draws
def resized(r: Random) -> Node:
    shape = tuple(r.randint(1, 6) for _ in range(r.choice((2, 3, 3, 3, 4))))
    still = r.choice(((), (), (0,), (len(shape) - 1,), (0, len(shape) - 1)))
    options: dict[str, Any] = {"mode": r.choice(("nearest", "linear", "linear", "cubic", "cubic"))}
    if r.random() < 0.5:
        sizes = [2, *(n if i in still else r.randint(1, 8) for i, n in enumerate(shape))]
        return Node("Resize", (x(*shape), None, None, Input(np.array(sizes), False)), 19, attributes=options)
    scales = [1.0, *(1.0 if i in still else r.choice((1, 2, 3, 0.5, 1.5)) for i in range(len(shape)))]
    return Node("Resize", (x(*shape), None, Input(np.array(scales, np.float32), False)), 19, attributes=options)


@draws
def picked(r: Random) -> Node:
    index = x(*(r.randint(1, 3) for _ in range(r.randint(0, 3))), kind=np.int64)
    axis = r.choice((0, 1, -1, -2, r.choice((2, -3))))
    table = w(*(r.randint(1, 4) for _ in range(r.choice((1, 2, 2, 3)))))
    return Node("Gather", (table, index), 13, attributes={"axis": axis})


def drawn(name: str, scale: int = SCALE) -> Iterator[Node]:
    """Yield nodes as they are drawn, and twice as many with something wrong."""
    r = Random(f"onnx nodes/{name}")
    for _ in range(CASES * scale):
        node = DRAWS[name](r)
        yield node
        for _ in range(2):
            yield spoiled(r, node)


def disagreement(node: Node) -> str:
    found = read(node)
    if "batch" in found.unread:
        return ""
    if node.kind == "QLinearAveragePool" and found.fails.startswith("CS001"):
        return ""  # onnxruntime reads beyond the input, and may die of it
    if node.kind == "MultiHeadAttention" and len(node.inputs) == 8 and found.fails.startswith("CS013"):
        return ""  # values of another size than those of before: onnxruntime copies what is not there
    theirs: Reading = executed(node)
    agree = "Type Error" in theirs.fails or (not found.unread and theirs.shapes == found.shapes)
    return "" if agree else f"{node}\n    read: {found}\n    executed: {theirs}"


@pytest.mark.parametrize("name", DRAWS)
def test_nodes_are_read_as_they_run(name: str) -> None:
    wrong = [text for node in drawn(name) if (text := disagreement(node))]
    assert not wrong, f"{len(wrong)} disagree\n" + "\n".join(wrong[:5])
