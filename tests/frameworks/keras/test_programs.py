"""Keras models that are programs: what the recording keeps of them, held against executions on the PyTorch backend."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as kl
from keras import ops

import convsolve as cs

ROOT = Path(__file__).parent.parent.parent.parent
IMAGES = [(33, 47, 3), (5, 9, 3), (21, 20, 3), (8, 8, 3), (2, 7, 3)]


def tensors(shape: Any) -> Any:
    if isinstance(shape, Mapping):
        return {name: np.zeros((2, *one), "float32") for name, one in shape.items()}
    if isinstance(shape, list):
        return [np.zeros((2, *one), "float32") for one in shape]
    return np.zeros((2, *shape), "float32")


def called(model: Any, shape: Any, apart: bool) -> Any:
    given = tensors(shape)
    if not apart:
        return model(given)
    return model(**given) if isinstance(given, Mapping) else model(*given)


def flat(outputs: Any) -> list[tuple[int, ...]]:
    if isinstance(outputs, Mapping):
        outputs = list(outputs.values())
    if isinstance(outputs, (list, tuple)):
        return [shape for one in outputs for shape in flat(one)]
    return [tuple(outputs.shape[1:])]


def opaque(network: cs.Network) -> list[str]:
    return [layer.operator.what for layer in network.layers if layer.operator.kind == "opaque"]


def faithful(make: Callable[[], Any], recorded: Any, others: Sequence[Any], *, apart: bool = False) -> cs.Network:
    """Assert that a network says of each size what Keras does there; return the network.

    A model without weights is built anew for each size; one that was called once before keeps its weights.
    Where it says that another branch is taken, it is recorded again.
    """
    network = None
    for built in (True, False):
        model = make()
        if built:
            try:
                called(model, recorded, apart)
            except (ValueError, RuntimeError):
                continue
        network = cs.from_keras(model, input_shape=recorded)
        for shape in (recorded, *others):
            shapes = (
                list(shape.values()) if isinstance(shape, Mapping) else shape if isinstance(shape, list) else [shape]
            )
            own = make()
            if built:
                called(own, recorded, apart)
            try:
                outputs = flat(called(own, shape, apart))
            except (ValueError, RuntimeError):
                outputs = []
            found = network.with_input(*shapes)
            report = cs.check(found)
            if report.unknown:
                assert network.record is not None
                found = network.record(*shapes)
                report = cs.check(found)
            assert report.ok == bool(outputs), (shape, built, report.failures, report.unknown, outputs)
            if outputs:
                assert [report.shapes[name] for name in found.outputs] == outputs, (shape, built)
                assert report.params == own.count_params(), (shape, built)
    assert network is not None
    return network


class Residual(kl.Layer):
    def __init__(self, filters: int, stride: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.conv1 = kl.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False, name="conv1")
        self.norm1, self.norm2 = kl.BatchNormalization(name="norm1"), kl.BatchNormalization(name="norm2")
        self.conv2 = kl.Conv2D(filters, 3, padding="same", use_bias=False, name="conv2")
        self.short = kl.Conv2D(filters, 1, strides=stride, name="short") if stride > 1 else None

    def call(self, x: Any, training: bool = False) -> Any:
        y = ops.relu(self.norm1(self.conv1(x), training=training))
        y = self.norm2(self.conv2(y), training=training)
        return ops.relu((x if self.short is None else self.short(x)) + y)


class ResNet(keras.Model):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.stem, self.pool = kl.Conv2D(16, 7, strides=2, name="stem"), kl.MaxPooling2D(3, 2, name="pool")
        self.blocks = [Residual(16, name="block1"), Residual(32, 2, name="block2")]
        self.gap, self.head = kl.GlobalAveragePooling2D(name="gap"), kl.Dense(10, name="head")

    def call(self, x: Any, training: bool = False) -> Any:
        x = self.pool(ops.relu(self.stem(x)))
        for block in self.blocks:
            x = block(x, training=training)
        return self.head(self.gap(x))


def test_a_residual_network_of_nested_layers() -> None:
    network = faithful(ResNet, (32, 32, 3), IMAGES)
    assert not opaque(network) and not network.guards and network.framework == "keras"
    assert [x.name for x in network.layers][:8] == [
        "input",
        "stem",
        "relu",
        "pool",
        "block1/conv1",
        "block1/norm1",
        "block1/relu",
        "block1/conv2",
    ]
    stem = network.by_name["stem"]
    assert stem.operator.kind == "conv" and stem.operator.stride == 2  # type: ignore[attr-defined]
    line = Path(__file__).read_text().split("x = self.pool(ops.relu(self.stem(x)))")[0].count("\n") + 1
    assert stem.source == f"tests/frameworks/keras/test_programs.py:{line}"
    sizes = cs.valid_sizes(network)
    assert sizes["height"].minimum == sizes["width"].minimum == 11 and sizes.proved


def test_a_network_that_fails_at_the_size_given() -> None:
    for make, shape in ((ResNet, (5, 20, 3)), (Declares, (3, 3, 3))):
        network = faithful(make, shape, IMAGES)
        assert not cs.check(network).ok and cs.valid_sizes(network)["height"].minimum == (11 if make is ResNet else 5)
    report = cs.check(cs.from_keras(ResNet(), input_shape=(5, 20, 3)))
    assert [(f.layer, f.code) for f in report.failures] == [("stem", "CS001")]


class UNet(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = (kl.Conv2D(n, 3, padding="same", activation="relu") for n in (8, 16))
        self.pool, self.up, self.out = kl.MaxPooling2D(), kl.Conv2DTranspose(8, 2, strides=2), kl.Conv2D(2, 1)

    def call(self, x: Any) -> Any:
        a = self.down1(x)
        b = self.up(self.down2(self.pool(a)))
        dy, dx = a.shape[1] - b.shape[1], a.shape[2] - b.shape[2]
        b = ops.pad(b, [[0, 0], [dy // 2, dy - dy // 2], [dx // 2, dx - dx // 2], [0, 0]])
        return self.out(ops.concatenate([a, b], axis=-1))


class Resized(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.conv = kl.Conv2D(4, 3, strides=2)

    def call(self, x: Any) -> Any:
        small = self.conv(x)
        return ops.concatenate([x, ops.image.resize(small, (x.shape[1], x.shape[2]))], axis=-1)


class Flat(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.dense = kl.Conv2D(4, 5, strides=2), kl.Dense(3)

    def call(self, x: Any) -> Any:
        x = self.conv(x)
        return self.dense(ops.reshape(x, (ops.shape(x)[0], x.shape[1] * x.shape[2] * x.shape[3])))


class Attention(kl.Layer):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.dim, self.heads = dim, heads
        self.inside, self.out = kl.Dense(3 * dim), kl.Dense(dim)

    def call(self, x: Any) -> Any:
        b, n, _ = ops.shape(x)
        parts = ops.reshape(self.inside(x), (b, n, 3, self.heads, self.dim // self.heads))
        q, k, v = ops.unstack(ops.transpose(parts, (2, 0, 3, 1, 4)))
        weights = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) / 2.0)
        return self.out(ops.reshape(ops.transpose(ops.matmul(weights, v), (0, 2, 1, 3)), (b, n, self.dim)))


class Transformer(keras.Model):
    """Its table of positions has the size that it is built for."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.norm, self.attention = kl.Conv2D(16, 4, 4), kl.LayerNormalization(), Attention(16, 4)
        self.head = kl.Dense(5)

    def build(self, shape: Any) -> None:
        self.positions = self.add_weight(shape=(1, (shape[1] // 4) * (shape[2] // 4), 16), name="positions")

    def call(self, x: Any) -> Any:
        x = self.patches(x)
        x = ops.reshape(x, (-1, x.shape[1] * x.shape[2], 16)) + self.positions
        return self.head(ops.mean(x + self.attention(self.norm(x)), axis=1))


class Windows(keras.Model):
    """Windows in the batch axis, and back."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.mix = kl.LayerNormalization(), kl.Dense(6, activation="gelu")

    def call(self, x: Any) -> Any:
        b, h, w, c = ops.shape(x)
        y = ops.transpose(ops.reshape(x, (b, h // 4, 4, w // 4, 4, c)), (0, 1, 3, 2, 4, 5))
        y = self.mix(self.norm(ops.reshape(y, (-1, 16, c))))
        y = ops.transpose(ops.reshape(y, (b, h // 4, w // 4, 4, 4, c)), (0, 1, 3, 2, 4, 5))
        return ops.reshape(y, (b, h, w, c)) + x


class Inception(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.ways = [keras.Sequential([kl.Conv2D(4, k, padding="same"), kl.BatchNormalization(), kl.ReLU()])
                     for k in (1, 3)]  # fmt: skip
        self.pool = keras.Sequential([kl.MaxPooling2D(3, 1, "same"), kl.Lambda(lambda t: t * 2.0)])
        self.head = keras.Sequential([kl.GlobalMaxPooling2D(), kl.Dropout(0.5), kl.Dense(7, activation="softmax")])

    def call(self, x: Any) -> Any:
        return self.head(ops.concatenate([way(x) for way in (*self.ways, self.pool)], axis=-1))


class Squeeze(kl.Layer):
    """Its layers are made when it is built, as large as the input asks."""

    def build(self, shape: Any) -> None:
        self.gap = kl.GlobalAveragePooling2D(keepdims=True)
        self.less, self.more = kl.Dense(max(shape[-1] // 4, 1), activation="relu"), kl.Dense(shape[-1])

    def call(self, x: Any) -> Any:
        return x * ops.sigmoid(self.more(self.less(self.gap(x))))


class Variety(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.depth = kl.SeparableConv2D(16, 3, strides=2, padding="same"), kl.DepthwiseConv2D(3)
        self.gate, self.drop, self.groups = Squeeze(), kl.Dropout(0.2), kl.GroupNormalization(4)
        self.again = kl.Conv2D(16, 1, activation="relu", name="again")

    def call(self, x: Any, training: bool = False) -> Any:
        x = self.drop(self.depth(self.gate(self.first(x))), training=training)
        return self.again(self.again(self.groups(x * 2 if training else x)))


class Declared(kl.Layer):
    """Builds its layers itself, by the shapes that they say they give."""

    def __init__(self, filters: int, **options: Any) -> None:
        super().__init__(**options)
        self.conv, self.norm, self.dense = kl.Conv2D(filters, 3), kl.BatchNormalization(), kl.Dense(filters * 2)

    def build(self, shape: Any) -> None:
        self.conv.build(shape)
        shape = self.conv.compute_output_shape(shape)
        self.norm.build(shape)
        self.dense.build(shape)

    def call(self, x: Any) -> Any:
        return self.dense(self.norm(self.conv(x)))


class Declares(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.flatten, self.head = Declared(4), Declared(6), kl.Flatten(), kl.Dense(3)

    def call(self, x: Any) -> Any:
        return self.head(self.flatten(self.b(self.a(x))))


class Scale(kl.Layer):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.constant = keras.Variable(np.ones((1, 1, 1, 1)), name="constant")

    def build(self, shape: Any) -> None:
        self.factor = self.add_weight(shape=(shape[-1],), name="factor")
        self.rows = self.add_weight(shape=(1, shape[1], 1, 1), name="rows")

    def call(self, x: Any) -> Any:
        return x * self.factor + self.rows + self.constant


class Own(kl.Conv2D):
    def call(self, x: Any) -> Any:
        return ops.relu(super().call(x))


class Scaled(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.scale, self.own = kl.Conv2D(8, 3, strides=2), Scale(name="scale"), Own(4, 2)

    def call(self, x: Any) -> Any:
        return self.own(self.scale(self.conv(x)))


class Functions(keras.Model):
    """The functions that layers are made of, channels last."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(3, 3, shape[-1], 4), name="kernel")
        self.wide = self.add_weight(shape=(2, 2, 5, 4), name="wide")

    def call(self, x: Any) -> Any:
        x = ops.repeat(ops.conv(x, self.kernel, strides=2), 2, axis=1)
        x = ops.average_pool(ops.conv_transpose(x, self.wide, strides=2), 3, 1)
        return ops.swapaxes(ops.flip(x, 1), 1, 2)


class Torch(keras.Model):
    """Functions of PyTorch find the channels in front."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = kl.Conv2D(8, 3)

    def call(self, x: Any) -> Any:
        import torch

        y = torch.relu(self.conv(x)).permute(0, 3, 1, 2)
        return torch.nn.functional.max_pool2d(y, 2).permute(0, 2, 3, 1)


@pytest.mark.parametrize(
    ("make", "recorded", "others"),
    [
        (UNet, (33, 32, 3), IMAGES), (Resized, (17, 16, 3), IMAGES), (Flat, (32, 32, 3), IMAGES),
        (Transformer, (16, 16, 3), IMAGES), (Windows, (16, 24, 6), [(4, 4, 6), (8, 40, 6), (18, 24, 6)]),
        (Inception, (16, 16, 3), IMAGES), (Variety, (17, 16, 3), IMAGES), (Declares, (16, 16, 3), IMAGES),
        (Scaled, (16, 16, 3), IMAGES), (Functions, (17, 16, 3), IMAGES), (Torch, (17, 16, 3), IMAGES),
    ],
)  # fmt: skip
def test_programs(make: Any, recorded: Any, others: Any) -> None:
    network = faithful(make, recorded, others)
    assert not opaque(network) and not network.guards


def test_layers_that_are_known_keep_their_meaning() -> None:
    network = cs.from_keras(UNet(), input_shape=(33, 32, 3))
    kinds = [layer.operator.kind for layer in network.layers]
    assert kinds == ["input", "conv", "relu", "max_pool", "conv", "relu", "conv_transpose", "pad", "concat", "conv"]
    assert [x.operator.kind for x in cs.from_keras(Resized(), input_shape=(17, 16, 3)).layers] == [
        "input",
        "conv",
        "upsample",
        "concat",
    ]  # what is turned for PyTorch and back is not turned


def test_names_of_shared_layers_and_blocks() -> None:
    class Twice(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.block = kl.Conv2D(4, 3, padding="same", name="conv"), Residual(4, name="block")
            x = keras.Input((None, None, 4))
            self.inner = keras.Model(x, kl.Conv2D(4, 1, name="point")(x), name="inner")

        def call(self, x: Any) -> Any:
            x = self.conv(self.conv(x))
            return self.inner(self.inner(self.block(self.block(x))))

    network = faithful(Twice, (8, 8, 4), [(3, 3, 4), (9, 1, 4)])
    shares = {layer.name: layer.shares for layer in network.layers if layer.shares}
    assert shares["conv:2"] == "conv" and shares["block:2/conv1"] == "block/conv1"
    assert shares["inner:2/point"] == "inner/point"
    assert "block:2/add" in network.by_name


def test_a_shared_layer_that_gets_something_else() -> None:
    class Wrong(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.flatten, self.dense = kl.Flatten(), kl.Dense(48, name="dense")

        def call(self, x: Any) -> Any:
            return self.dense(self.dense(self.flatten(x)))

    network = faithful(Wrong, (4, 4, 4), [(4, 4, 3), (2, 8, 3), (5, 4, 4)])
    assert [(f.layer, f.code) for f in cs.check(network).failures] == [("dense:2", "CS011")]


class Branches(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool = kl.Conv2D(4, 3), kl.MaxPooling2D()

    def call(self, x: Any) -> Any:
        if x.shape[1] > 20:
            x = self.pool(x)
        if x.shape[2] % 2:
            raise ValueError("the width must be even")
        return self.conv(x)


def test_branches_and_refusals_are_guards() -> None:
    network = faithful(Branches, (32, 32, 3), [(33, 40, 3), (16, 20, 3), (8, 9, 3), (2, 4, 3), (4, 4, 3)])
    assert str(network.guards[0].condition) == "20 < input.height"
    sizes = cs.valid_sizes(network)
    assert (3, 4) in sizes and (2, 4) not in sizes and (32, 30) not in sizes and (32, 12) in sizes


class Block(kl.Layer):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.narrow, self.wide = kl.Conv2D(4, 1, name="narrow"), kl.Conv2D(4, 5, name="wide")

    def call(self, x: Any) -> Any:
        return self.wide(self.narrow(x))


class Careful(keras.Model):
    """Goes another way where a layer fails: a block, one with the wrong number of axes, a function."""

    def __init__(self) -> None:
        super().__init__()
        self.block, self.other = Block(name="block"), kl.Conv2D(4, 2, name="other")
        self.flat, self.rnn = kl.Flatten(name="flat"), kl.LSTM(5, name="rnn")

    def call(self, x: Any) -> Any:
        try:
            y = self.block(x)
        except Exception:
            y = self.other(x)
        try:
            y = self.rnn(y)
        except ValueError:
            y = ops.concatenate([y, y], axis=-1)
        try:
            return ops.reshape(y, (x.shape[0], 6, -1))
        except RuntimeError:
            return self.flat(y)


@pytest.mark.parametrize(("recorded", "taken"), [((12, 9, 3), "block/wide"), ((4, 4, 3), "other")])
def test_errors_that_the_program_catches(recorded: Any, taken: str) -> None:
    network = faithful(Careful, recorded, [*IMAGES, (7, 8, 3), (5, 5, 3), (1, 1, 3), (1, 2, 3)])
    assert {"block/wide", "other"} & set(network.by_name) == {taken}
    assert not opaque(network) and network.guards


def test_inputs_of_nested_models_are_fixed() -> None:
    class Fixed(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            x = keras.Input((16, None, 4))
            self.conv, self.inner = kl.Conv2D(4, 3, padding="same"), keras.Model(x, kl.Conv2D(3, 3)(x))

        def call(self, x: Any) -> Any:
            return self.inner(self.conv(x))

    network = faithful(Fixed, (16, 18, 3), [(20, 18, 3), (16, 2, 3), (16, 40, 3)])
    assert str(cs.valid_sizes(network)) == "height = 16\nwidth >= 3"


def test_channels_first() -> None:
    class First(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            options = {"data_format": "channels_first"}
            self.conv, self.pool = kl.Conv2D(4, 3, strides=2, **options), kl.MaxPooling2D(**options)
            self.norm = kl.BatchNormalization(axis=1)

        def call(self, x: Any) -> Any:
            return ops.pad(self.pool(self.norm(self.conv(x))), ((0, 0), (0, 0), (1, 2), (0, 0)))

    network = faithful(First, (3, 16, 16), [(3, 8, 9), (3, 4, 4), (3, 33, 47)])
    assert network.data_format == "channels_first" and len(network.layers) == 5


class Sentence(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = kl.Embedding(90, 8, mask_zero=True), kl.Embedding(30, 8)
        self.steps, self.state = kl.LSTM(6, return_sequences=True), kl.GRU(4)
        self.both = kl.Bidirectional(kl.GRU(3, return_sequences=True))

    def call(self, x: Any) -> Any:
        y = self.words(x) + self.places(ops.arange(ops.shape(x)[1]))
        return self.state(self.both(self.steps(y)))


class Pooled(kl.Layer):
    supports_masking = True

    def call(self, x: Any, mask: Any = None) -> Any:
        assert mask is not None
        return ops.sum(x * ops.expand_dims(ops.cast(mask, x.dtype), -1), axis=1)


class Masked(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.pooled, self.out = kl.Embedding(90, 8, mask_zero=True), Pooled(), kl.Dense(8)

    def call(self, x: Any) -> Any:
        return ops.matmul(self.out(self.pooled(self.words(x))), ops.transpose(self.words.embeddings))


def test_sequences_masks_and_tied_weights() -> None:
    for make in (Sentence, Masked):
        network = faithful(make, (12,), [(7,), (20,), (1,)])
        assert not opaque(network)
    assert not any("not_equal" in layer.name for layer in cs.from_keras(Sentence(), input_shape=(12,)).layers)


class Two(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = kl.Conv2D(4, 3, name="l"), kl.Conv2D(4, 3, strides=2, name="r")

    def call(self, left: Any, right: Any) -> Any:
        a, b = self.left(left), self.right(right)
        return {"sum": a + b, "both": [ops.concatenate([a, b], axis=-1)]}


class OfMapping(Two):
    def call(self, inputs: Any) -> Any:
        return super().call(inputs["left"], inputs["right"])


class OfList(Two):
    def call(self, inputs: Any) -> Any:
        return super().call(*inputs)


@pytest.mark.parametrize(("make", "apart"), [(Two, True), (OfMapping, False), (OfList, False)])
def test_several_inputs(make: Any, apart: bool) -> None:
    pairs = [[(8, 8, 3), (13, 13, 3)], [(8, 8, 3), (14, 14, 3)], [(8, 8, 3), (15, 15, 3)], [(3, 3, 3), (5, 5, 3)]]
    named = [dict(zip(("left", "right"), pair, strict=True)) for pair in pairs]
    for given in (named, pairs):
        if (make is OfMapping and given is pairs) or (make is OfList and given is named):
            continue
        network = faithful(make, given[0], given[1:], apart=apart)
        names = ["input1", "input2"] if make is OfList else ["left", "right"]
        assert [layer.name for layer in network.inputs] == names and len(network.outputs) == 2


def test_live_models_with_layers_that_are_programs() -> None:
    def functional() -> Any:
        x = keras.Input((24, 24, 3), name="photo")
        y = kl.Lambda(lambda t: t[:, ::2], name="half")(Residual(8, 2, name="block")(x))
        return keras.Model(x, kl.Dense(3, name="head")(y))

    def sequential() -> Any:
        return keras.Sequential([Residual(8, 2, name="block"), kl.MaxPooling2D(), kl.Flatten(), kl.Dense(4)])

    model = functional()
    network = cs.from_keras(model)
    assert (
        cs.check(network).output == tuple(model.output.shape[1:]) and cs.check(network).params == model.count_params()
    )
    assert "block/conv1" in network.by_name and "half/slice" in network.by_name and not opaque(network)
    assert network.inputs[0].name == "photo"
    assert not opaque(faithful(sequential, (24, 20, 3), IMAGES))


def test_the_model_is_not_touched() -> None:
    model = ResNet()
    names = [kl.Dense(1).name for _ in range(2)]
    cs.from_keras(model, input_shape=(32, 32, 3))
    assert not model.built and not model.stem.built and not model.weights
    number = int(names[1].rpartition("_")[2])
    assert kl.Dense(1).name == f"dense_{number + 1}"
    assert tuple(model(np.zeros((1, 40, 40, 3))).shape) == (1, 10)
    before = [weight.numpy() for weight in model.weights]
    state = [dict(vars(layer)) for layer in model._flatten_layers()]
    cs.from_keras(model)
    cs.from_keras(model, input_shape=(5, 5, 3))
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, model.weights, strict=True))
    assert state == [vars(layer) for layer in model._flatten_layers()]
    assert "__call__" in vars(kl.Layer) and kl.Layer.__call__.__module__.startswith("keras.")
    assert keras.config.is_traceback_filtering_enabled()


def test_errors_of_live_models() -> None:
    with pytest.raises((ValueError, RuntimeError)) as error:
        ResNet()(np.zeros((1, 8, 8, 3)))
    assert [f.layer for f in cs.check(cs.from_keras(error.value)).failures] == ["pool"]
    assert "the smallest network input that works: 11x11x3" in str(cs.explain(error.value))
    with pytest.raises(ValueError, match="output size") as error:
        keras.Sequential([keras.Input((6, 6, 3)), ResNet(name="net")])
    assert [f.layer for f in cs.check(cs.from_keras(error.value)).failures] == ["net/stem"]


def test_a_layer_that_gets_the_wrong_number_of_axes() -> None:
    class Wrong(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.flatten, self.conv, self.dense = kl.Flatten(), kl.Conv2D(4, 3, name="conv"), kl.Dense(3)

        def call(self, x: Any) -> Any:
            return self.dense(self.conv(self.flatten(x)))

    network = faithful(Wrong, (8, 8, 3), [(9, 9, 3)])
    assert [(f.layer, f.code) for f in cs.check(network).failures] == [("conv", "CS022")]


class Values(keras.Model):
    def call(self, x: Any) -> Any:
        return ops.cond(ops.sum(x) > 0, lambda: x, lambda: -x)


class Mistaken(keras.Model):
    def call(self, x: Any) -> Any:
        return x.no_such_thing


@pytest.mark.parametrize(
    ("model", "options", "wanted"),
    [
        (ResNet, {}, r"ResNet does not say which input it takes.*--input 224x224x3"),
        (ResNet, {"input_shape": (0, 3)}, "no input shape"),
        (Values, {"input_shape": (8, 8, 3)}, r"test_programs.py:\d+: `__bool__` looks at the values"),
        (Mistaken, {"input_shape": (8, 8, 3)}, r"test_programs.py:\d+: .* raised AttributeError"),
        (keras.Model, {"input_shape": (8, 8, 3)}, "raised NotImplementedError"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_in_one_line(model: Any, options: Any, wanted: str) -> None:
    with pytest.raises(cs.UnreadableError, match=wanted) as error:
        cs.from_keras(model(), **options)
    assert "\n" not in str(error.value)


NETS = """
import keras
from keras import layers


class Net(keras.Model):
    def __init__(self, width=6):
        super().__init__()
        self.conv, self.pool = layers.Conv2D(width, 5, name="conv"), layers.MaxPooling2D(name="pool")

    def call(self, x):
        return self.pool(self.conv(x))
"""


def test_other_backends_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(cs.UnreadableError, match=r"own `call`.*here is jax.*KERAS_BACKEND=torch"):
        cs.from_keras(ResNet(), input_shape=(32, 32, 3))


def convsolve(folder: Path, *words: str) -> Any:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "torch"}
    return subprocess.run([sys.executable, "-m", "convsolve", *words], capture_output=True, text=True, cwd=folder, env=env,
                          check=False)  # fmt: skip


def test_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    result = convsolve(tmp_path, "check", "nets.py:Net", "--kwargs", '{"width": 4}', "--input", "5x32x3")
    assert result.returncode == 1 and result.stderr == ""
    assert "pool: CS001 the kernel does not fit the padded input (height)" in result.stdout
    assert "  at nets.py:12\n" in result.stdout and "input that works is 6x6x3" in result.stdout
    other = convsolve(tmp_path, "check", "nets.py:Net")
    assert other.returncode == 2 and "--input 224x224x3" in other.stderr and other.stderr.count("\n") == 1
