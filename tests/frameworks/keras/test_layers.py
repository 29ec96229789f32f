"""Keras's layers of products, attention and recurrence, from configs and in programs, held against executions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import layers as kl
from torch.utils.flop_counter import FlopCounterMode

import convsolve as cs

Tensors = dict[str, Any]


def einstein(x: Tensors) -> list[Any]:
    y = kl.EinsumDense("abc,cd->abd", output_shape=(None, 14), bias_axes="d", activation="relu")(x["a"])
    y = kl.EinsumDense("...x,xy->...y", output_shape=12)(y)
    y = kl.EinsumDense("abc,cde->abde", output_shape=(None, 4, 5), bias_axes="de")(y)
    y = kl.EinsumDense("abde,dec->abc", output_shape=(None, 7), bias_axes="c")(y)
    return [y, kl.EinsumDense("ab...,bc->ac...", output_shape=(5,))(x["a"])]


def attention_of_heads(x: Tensors) -> list[Any]:
    y = kl.MultiHeadAttention(4, 3)(x["a"], x["a"])
    y, scores = kl.MultiHeadAttention(2, 8, value_dim=5, output_shape=20, use_bias=False)(
        y, x["b"], return_attention_scores=True)  # fmt: skip
    y = kl.MultiHeadAttention(2, 8, output_shape=(2, 3))(y, x["b"], key=x["b"], attention_mask=x["mask"])
    return [y, scores, *kl.MultiHeadAttention(3, 2)(x["map"], x["map"][:, 1:], return_attention_scores=True)]


def grouped_attention(x: Tensors) -> list[Any]:
    y = kl.GroupQueryAttention(4, 6, 3)(x["a"], x["b"])
    return [y, *kl.GroupQueryAttention(4, 6, 2, use_bias=False)(y, x["b"], return_attention_scores=True)]


def attention(x: Tensors) -> list[Any]:
    a, b, c = x["a"], x["b"], x["b"][:, :, :9]
    return [
        kl.Attention(use_scale=True)([a, b]),
        kl.Attention(score_mode="concat", use_scale=True)([a, c, b]),
        kl.AdditiveAttention()([a, c, b]),
        kl.AdditiveAttention(use_scale=False)([a, b]),
        *kl.Attention(score_mode="concat")([a, b], return_attention_scores=True),
    ]


def maps(x: Tensors) -> list[Any]:
    y = kl.ConvLSTM2D(5, 3, return_sequences=True)(x["film"])
    return [
        kl.ConvLSTM2D(6, (3, 2), strides=(2, 1), padding="same", use_bias=False)(y),
        *kl.ConvLSTM2D(2, 3, dilation_rate=2, return_state=True)(y),
        *kl.ConvLSTM2D(2, 3, return_state=True, return_sequences=True)(y),
        kl.ConvLSTM1D(5, 3, strides=2)(x["map"]),
        kl.ConvLSTM3D(3, 2)(keras.ops.expand_dims(x["film"], -1)),
    ]


def maps_channels_first(x: Tensors) -> list[Any]:
    y = kl.ConvLSTM2D(5, 3, return_sequences=True, data_format="channels_first")(x["film"])
    return [kl.ConvLSTM2D(6, 2, data_format="channels_first")(y)]


def cells(x: Tensors) -> list[Any]:
    y = kl.RNN(kl.LSTMCell(5), return_sequences=True)(x["a"])
    y = kl.RNN([kl.GRUCell(6), kl.SimpleRNNCell(3)], return_sequences=True)(y)
    steps, *states = kl.LSTM(3, return_state=True)(x["a"])
    return [
        steps,
        *kl.RNN(kl.GRUCell(6, reset_after=False), return_state=True)(y),
        *kl.GRU(4, return_sequences=True, return_state=True)(y),
        kl.LSTM(3)(x["a"], initial_state=states),
    ]


def both_ways(x: Tensors) -> list[Any]:
    made = [
        kl.Bidirectional(kl.LSTM(5, return_sequences=steps, return_state=states), merge_mode=mode)(x["a"])
        for steps in (False, True)
        for states in (False, True)
        for mode in ("concat", "sum", "ave", "mul", None)
    ]
    return [tensor for one in made for tensor in (one if isinstance(one, (list, tuple)) else [one])]


def pictures(x: Tensors) -> list[Any]:
    y = x["map"]
    for layer in (kl.RandomInvert(), kl.RandomGrayscale(), kl.RandomErasing(), kl.AutoContrast(), kl.Solarization()):
        y = layer(y)
    y = kl.Pipeline([kl.Rescaling(2.0), kl.Resizing(10, 12), kl.RandomFlip()])(kl.RandomCrop(8, 9)(y))
    return [kl.SpectralNormalization(kl.Dense(4))(kl.SpectralNormalization(kl.Conv2D(8, 3, activation="relu"))(y))]


def there_and_back(x: Tensors) -> list[Any]:
    layer = kl.ReversibleEmbedding(50, 8)
    return [layer(layer(x["words"]), reverse=True)]


SHAPES = {"a": (10, 16), "b": (6, 16), "mask": (10, 6), "map": (12, 11, 3), "film": (4, 11, 12, 7), "words": (9,)}
CASES: list[tuple[Callable[[Tensors], list[Any]], str]] = [
    (einstein, "a"), (attention_of_heads, "a b mask map"), (grouped_attention, "a b"), (attention, "a b"),
    (maps, "film map"), (maps_channels_first, "film"), (cells, "a"), (both_ways, "a"), (pictures, "map"),
    (there_and_back, "words"),
]  # fmt: skip


def functional(make: Callable[[Tensors], list[Any]], names: str) -> tuple[Any, list[tuple[int, ...]]]:
    """Return a functional model, and the shapes that it gives when it is executed."""
    inputs = {name: keras.Input(SHAPES[name], name=name) for name in names.split()}
    outputs = make(inputs)
    model = keras.Model(list(inputs.values()), outputs)
    made = model([np.zeros((2, *SHAPES[name]), "float32") for name in inputs])
    return model, [tuple(t.shape[1:]) for t in keras.tree.flatten(made)]


def agrees(network: cs.Network, model: Any, made: list[tuple[int, ...]]) -> None:
    report = cs.check(network)
    assert report.ok, report.failures
    assert not [layer.name for layer in network.layers if layer.operator.kind == "opaque"]
    shapes = {**report.shapes, **{f"{name}[0]": shape for name, shape in report.shapes.items()}}
    assert [shapes[name] for name in network.outputs] == made
    assert report.params == model.count_params()


@pytest.mark.parametrize(("make", "names"), CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_layers(make: Any, names: str) -> None:
    model, made = functional(make, names)
    agrees(cs.from_keras(model.get_config()), model, made)

    class Program(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs)

    shapes = [SHAPES[name] for name in names.split()]
    recorded = cs.from_keras(Program(), input_shape=shapes[0] if len(shapes) == 1 else shapes)
    distinct = list(dict.fromkeys(recorded.outputs))
    report = cs.check(recorded)
    assert report.ok and {report.shapes[name] for name in distinct} == set(made)
    assert report.params == model.count_params()


def test_attention_at_other_lengths() -> None:
    class Both(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = (
                kl.MultiHeadAttention(4, 4, name="first"),
                kl.MultiHeadAttention(2, 8, name="second"),
            )

        def call(self, query: Any, memory: Any) -> Any:
            x = self.first(query, query)
            return self.second(x, memory, use_causal_mask=True), self.second(x, x)

    network = cs.from_keras(Both(), input_shape=[(10, 16), (6, 16)])
    report = cs.check(network.with_input((7, 16), (9, 16)))
    assert report.ok and report.output == (7, 16)
    model = Both()
    model(np.zeros((1, 7, 16)), np.zeros((1, 9, 16)))
    assert report.params == model.count_params() and network.by_name["second:2"].shares == "second"
    wrong = cs.check(cs.from_keras(model, input_shape=[(7, 16), (9, 12)]))
    assert [(f.layer, f.code) for f in wrong.failures] == [
        (f"{name}.{part}", "CS011") for name in ("second", "second:2") for part in ("key", "value")
    ]


def test_what_an_equation_says_of_a_size() -> None:
    def network(length: int | None) -> Any:
        layer = {
            "class_name": "EinsumDense",
            "config": {"name": "d", "equation": "abc,cd->abd", "output_shape": [8, 4]},
        }
        return cs.from_keras({"class_name": "Sequential", "config": {"layers": [layer]}}, input_shape=(length, 5))

    assert cs.check(network(8)).output == (8, 4)
    assert [f.code for f in cs.check(network(9)).failures] == ["CS014"]
    bad = {"class_name": "EinsumDense", "config": {"name": "d", "equation": "ab,bc->ca", "output_shape": 4}}
    with pytest.raises(cs.UnreadableError, match="moves the batch axis"):
        cs.from_keras({"class_name": "Sequential", "config": {"layers": [bad]}}, input_shape=(8,))


# -- multiply-accumulates, as PyTorch counts them in what Keras executes

STEPS: dict[str, Callable[[Any], Any]] = {
    "lstm": lambda x: kl.LSTM(6, return_sequences=True)(x), "gru": lambda x: kl.GRU(6)(x),
    "old_gru": lambda x: kl.GRU(6, reset_after=False)(x), "rnn": lambda x: kl.SimpleRNN(6, return_sequences=True)(x),
    "both_ways": lambda x: kl.Bidirectional(kl.LSTM(6))(x), "cell": lambda x: kl.RNN(kl.GRUCell(3))(x),
    "at_each_step": lambda x: kl.TimeDistributed(kl.Dense(5))(x), "dense": lambda x: kl.Dense(5)(x),
}  # fmt: skip
WHOLE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "heads": (lambda x: kl.MultiHeadAttention(2, 5, value_dim=3)(x["a"], x["b"]), "a b"),
    "attention": (lambda x: kl.Attention()([x["a"], x["b"]]), "a b"),
    "additive": (lambda x: kl.AdditiveAttention()([x["a"], x["b"]]), "a b"),
    "einstein": (lambda x: kl.EinsumDense("abc,cde->abde", output_shape=(None, 4, 5))(x["a"]), "a"),
    "separable": (lambda x: kl.SeparableConv2D(4, 3, strides=2, dilation_rate=2)(x["map"]), "map"),
    "transposed": (lambda x: kl.Conv2DTranspose(4, 3, strides=2)(x["map"]), "map"),
    "each_map": (lambda x: kl.TimeDistributed(kl.Conv2D(4, 3))(x["film"]), "film"),
}  # fmt: skip


def counted(model: Any, *shapes: tuple[int, ...]) -> int:
    """Return the multiply-accumulates of one run, by PyTorch's own counter."""
    tensors = [torch.zeros(1, *shape) for shape in shapes]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(tensors if len(tensors) > 1 else tensors[0])
    return int(counter.get_total_flops()) // 2


def test_macs_of_layers_over_steps() -> None:
    """Keras runs a cell once before it begins, so that steps are counted by the difference that one more makes."""
    for name, make in STEPS.items():
        models = []
        for length in (10, 11):
            x = keras.Input((length, 8))
            models.append(keras.Model(x, make(x)))
        ours = [cs.check(cs.from_keras(model.get_config())).macs or 0 for model in models]
        theirs = [counted(model, (length, 8)) for model, length in zip(models, (10, 11), strict=True)]
        assert ours[1] - ours[0] == theirs[1] - theirs[0], name
        assert ours[0] == 10 * (ours[1] - ours[0]), name


def test_macs_of_maps_over_steps() -> None:
    models = []
    for length in (2, 3):
        x = keras.Input((length, 9, 9, 3))
        models.append(keras.Model(x, kl.ConvLSTM2D(4, 3, strides=2, padding="same")(x)))
    ours = [cs.check(cs.from_keras(model.get_config())).macs or 0 for model in models]
    assert ours[1] - ours[0] == counted(models[1], (3, 9, 9, 3)) - counted(models[0], (2, 9, 9, 3)) == ours[0] // 2


def test_macs_of_products() -> None:
    for name, (make, names) in WHOLE.items():
        inputs = {n: keras.Input(SHAPES[n]) for n in names.split()}
        model = keras.Model(list(inputs.values()), make(inputs))
        report = cs.check(cs.from_keras(model.get_config()))
        assert report.macs == counted(model, *(SHAPES[n] for n in inputs)), name
    x, y = keras.Input((10, 8)), keras.Input((6, 8))
    report = cs.check(cs.from_keras(keras.Model([x, y], kl.GroupQueryAttention(5, 4, 2)(x, y)).get_config()))
    projections = 10 * 8 * 4 * 5 + 2 * 6 * 8 * 2 * 5 + 10 * 4 * 5 * 8  # of queries, keys and values, and the output
    assert report.macs == projections + 2 * 4 * 10 * 6 * 5  # PyTorch's counter leaves out fused products
