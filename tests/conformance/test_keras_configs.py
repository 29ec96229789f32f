"""Keras's layers as their configs are read, against the layers that Keras makes of them, executed.

A config, and the shape that comes in, are drawn as someone may write them by hand: one in three is right; the others
have a wrong value, a list of the wrong length, an unknown or a missing setting, or another number of axes.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from random import Random
from typing import Any

import keras
import pytest
import torch

import convsolve as cs
from convsolve.frameworks.keras.call import READERS
from tests.conformance.judge import SCALE

Config = dict[str, Any]
Draw = Callable[[Random, int], "tuple[Config, tuple[int, ...]]"]

CASES = 24
"""How many configs of each class are drawn."""

DRAWS: dict[str, tuple[Draw, int]] = {}
"""By class: how a right config and the shape of its input are drawn, for so many spatial axes."""


def draws(*names: str) -> Callable[[Draw], Draw]:
    def register(draw: Draw) -> Draw:
        for name in names:
            for rank in "123" if "ND" in name else "0":
                DRAWS[name.replace("ND", f"{rank}D")] = draw, int(rank)
        return draw

    return register


def each(r: Random, rank: int, low: int, high: int) -> Any:
    return r.randint(low, high) if r.random() < 0.3 else [r.randint(low, high)] * rank if r.random() < 0.5 else [
        r.randint(low, high) for _ in range(rank)]  # fmt: skip


def room(r: Random, rank: int, low: int = 5, high: int = 8) -> tuple[int, ...]:
    return tuple(r.randint(low, high) for _ in range(rank))


def window(r: Random, rank: int) -> Config:
    key = "strides" if r.random() < 0.5 else "dilation_rate"
    return {"kernel_size": each(r, rank, 1, 3), key: each(r, rank, 1, 2), "padding": r.choice(("same", "valid", "SAME")),
            "data_format": r.choice((None, "channels_last")), "use_bias": r.random() < 0.5}  # fmt: skip


@draws("ConvND", "ConvNDTranspose")
def conv(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"filters": r.randint(1, 4), **window(r, rank)}, (*room(r, rank), r.randint(1, 4))


def _depthwise(kind: str) -> Draw:
    def draw(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
        config = {"depth_multiplier": r.randint(1, 2), **window(r, rank)}
        config |= {"strides": r.randint(1, 2), "dilation_rate": r.randint(1, 2)}
        if kind.startswith("Separable"):
            config["filters"] = r.randint(1, 4)
        return config, (*room(r, rank), r.randint(1, 4))

    return draw


for kind in ("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"):
    DRAWS[kind] = _depthwise(kind), int(kind[-2])


@draws("ConvLSTMND")
def conv_lstm(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    config = {"filters": r.randint(1, 3), **window(r, rank), "return_sequences": r.random() < 0.5}
    return config, (2, *room(r, rank, 4, 5), r.randint(1, 2))


@draws("MaxPoolingND", "AveragePoolingND")
def pool(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    config = {"pool_size": each(r, rank, 1, 3), "strides": r.choice((None, each(r, rank, 1, 3))),
              "padding": r.choice(("same", "valid"))}  # fmt: skip
    return config, (*room(r, rank), r.randint(1, 3))


@draws("GlobalMaxPoolingND", "GlobalAveragePoolingND")
def global_pool(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"keepdims": r.random() < 0.5}, (*room(r, rank), 3)


@draws("AdaptiveMaxPoolingND", "AdaptiveAveragePoolingND")
def adaptive_pool(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"output_size": each(r, rank, 1, 4)}, (*room(r, rank), 3)


def pairs(r: Random, rank: int) -> Any:
    if rank == 1:
        return r.choice((r.randint(0, 2), [r.randint(0, 2), r.randint(0, 2)]))
    return r.choice((r.randint(0, 2), [r.choice((r.randint(0, 2), [0, 1], [1, 1])) for _ in range(rank)]))


@draws("ZeroPaddingND")
def padding(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"padding": pairs(r, rank)}, (*room(r, rank), 3)


@draws("CroppingND")
def cropping(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"cropping": pairs(r, rank)}, (*room(r, rank, 3, 6), 3)


@draws("UpSamplingND")
def upsampling(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"size": each(r, rank, 1, 3) if rank > 1 else r.randint(1, 3)}, (*room(r, rank), 3)


@draws("SpatialDropoutND")
def spatial_dropout(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"rate": 0.5}, (*room(r, rank), 3)


@draws("Resizing", "RandomCrop", "CenterCrop")
def on_images(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"height": r.randint(1, 4), "width": r.randint(1, 4)}, (*room(r, 2), 3)


@draws("RandomFlip", "AutoContrast", "Solarization", "AugMix", "RandAugment", "RandomErasing", "RandomGrayscale",
       "RandomShear", "RandomPerspective", "RandomElasticTransform", "RandomGaussianBlur", "RandomColorJitter",
       "ContrastLimitedAdaptiveHistogramEqualization")  # fmt: skip
def pixels(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {}, (*room(r, 2), 3)


@draws("Dense", "LSTM", "GRU", "SimpleRNN")
def units(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"units": r.randint(1, 5), "use_bias": r.random() < 0.5}, (r.randint(1, 4), r.randint(1, 4))


@draws("Bidirectional")
def bidirectional(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    kind = r.choice(("LSTM", "GRU", "SimpleRNN", "Dense", "RNN", "ConvLSTM1D"))
    config: Config = {"units": r.randint(1, 4)}
    if kind == "RNN":
        config = {"cell": {"class_name": "GRUCell", "module": "keras.layers", "config": {"units": 3}}}
    if kind == "ConvLSTM1D":
        config = {"filters": r.randint(1, 3), "kernel_size": 2}
    if kind != "Dense":
        config |= {"return_sequences": r.random() < 0.5, "return_state": r.random() < 0.4}
    layer = {"class_name": kind, "module": "keras.layers", "config": config}
    merge = r.choice(("concat", "sum", "mul", "ave", None))
    return {"layer": layer, "merge_mode": merge}, (*room(r, 1 + (kind == "ConvLSTM1D")), r.randint(1, 3))


SEVERAL = {"TimeDistributed", "Bidirectional", "Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract",
           "Concatenate", "Dot", "Attention", "AdditiveAttention"}  # fmt: skip
"""Layers that hold others, or take several tensors."""


@draws("TimeDistributed")
def time_distributed(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    kind = r.choice([k for k in DRAWS if k not in SEVERAL and "Random" not in k])
    draw, rank = DRAWS[kind]
    config, shape = draw(r, rank)
    return {"layer": {"class_name": kind, "module": "keras.layers", "config": config}}, (r.randint(1, 3), *shape)


@draws("RepeatVector")
def repeat_vector(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"n": r.randint(1, 4)}, (r.randint(1, 4),)


@draws("Permute")
def permute(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    dims = list(range(1, r.randint(2, 5)))
    r.shuffle(dims)
    return {"dims": dims}, room(r, len(dims))


@draws("Reshape")
def reshape(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"target_shape": r.choice(([2, -1], [3, 4], [12], [-1], [2, 2, 3]))}, r.choice(((12,), (3, 4), (2, 6)))


@draws("Flatten", "BatchNormalization", "LayerNormalization", "Softmax", "PReLU", "LeakyReLU", "ELU", "ReLU", "Identity",
       "ActivityRegularization", "Masking", "Normalization", "UnitNormalization", "RMSNormalization")  # fmt: skip
def any_axes(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {}, room(r, r.randint(1, 4), 1, 4)


@draws("Rescaling")
def rescaling(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"scale": 2.0, "offset": 0.5}, room(r, 3, 1, 4)


@draws("GroupNormalization")
def group_norm(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"groups": r.choice((1, 2, -1))}, (*room(r, 2, 1, 4), 4)


@draws("Embedding")
def embedding(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"input_dim": r.randint(1, 9), "output_dim": r.randint(1, 4)}, room(r, 1)


def several(r: Random, count: int, most: int = 4) -> list[tuple[int, ...]]:
    """Return shapes that are most often alike, or broadcast."""
    first = room(r, r.randint(1, 3), 1, most)
    others = [tuple(1 if r.random() < 0.15 else n for n in first) for _ in range(count - 1)]
    return [first, *(shape[r.choice((0, 0, 0, 1)) :] or shape for shape in others)]


@draws("Add", "Multiply", "Average", "Maximum", "Minimum")
def joins(r: Random, rank: int) -> tuple[Config, Any]:
    return {}, several(r, r.randint(2, 3))


@draws("Subtract")
def subtract(r: Random, rank: int) -> tuple[Config, Any]:
    return {}, several(r, r.choice((2, 2, 2, 3)))


@draws("Concatenate")
def concatenate(r: Random, rank: int) -> tuple[Config, Any]:
    first = room(r, r.randint(1, 3), 1, 4)
    axis = r.randint(1, len(first))
    other = tuple(r.randint(1, 4) if i == axis - 1 else n for i, n in enumerate(first))
    return {"axis": r.choice((axis, axis - len(first) - 1))}, [first, other, first][: r.randint(2, 3)]


@draws("Dot")
def dot(r: Random, rank: int) -> tuple[Config, Any]:
    if r.random() < 0.4:
        n = r.randint(1, 4)
        return {"axes": r.choice((1, -1, [1, 1]))}, [(n,), (n,)]
    a, b, inner = (r.randint(1, 4) for _ in range(3))
    axes = [r.choice((1, 2)), r.choice((1, 2))]
    return {"axes": axes}, [(inner, a) if axes[0] == 1 else (a, inner), (inner, b) if axes[1] == 1 else (b, inner)]


@draws("Attention", "AdditiveAttention")
def attention(r: Random, rank: int) -> tuple[Config, Any]:
    features, values = r.randint(1, 4), r.randint(1, 4)
    return {"use_scale": r.random() < 0.5}, [(r.randint(1, 4), features), (values, features), (values, features)][
        : r.randint(2, 3)
    ]


@draws("EinsumDense")
def einsum_dense(r: Random, rank: int) -> tuple[Config, Any]:
    equation, wished, shape = r.choice(
        (("abc,cd->abd", [None, 3], (4, 2)), ("abc,cde->abde", [None, 2, 3], (4, 2)), ("...x,xy->...y", 5, (3, 2, 4)))
    )
    return {"equation": equation, "output_shape": wished, "bias_axes": r.choice((None, equation[-1]))}, shape


@draws("RNN")
def of_cells(r: Random, rank: int) -> tuple[Config, Any]:
    kind = r.choice(("LSTMCell", "GRUCell", "SimpleRNNCell"))
    cell = {"class_name": kind, "module": "keras.layers", "config": {"units": r.randint(1, 4)}}
    return {"cell": cell, "return_sequences": r.random() < 0.5, "return_state": r.random() < 0.5}, room(r, 2, 1, 4)


@draws("Activation")
def activation(r: Random, rank: int) -> tuple[Config, Any]:
    return {"activation": r.choice(("relu", "softmax", "linear", "swish", "hard_sigmoid"))}, room(
        r, r.randint(1, 3), 1, 4
    )


@draws("Dropout", "GaussianDropout", "AlphaDropout")
def dropout(r: Random, rank: int) -> tuple[Config, Any]:
    return {"rate": 0.5}, room(r, r.randint(1, 3), 1, 4)


@draws("GaussianNoise")
def noise(r: Random, rank: int) -> tuple[Config, Any]:
    return {"stddev": 0.5}, room(r, r.randint(1, 3), 1, 4)


@draws("RandomBrightness", "RandomContrast", "RandomHue", "RandomInvert", "RandomPosterization", "RandomRotation",
       "RandomSaturation", "RandomSharpness", "RandomColorDegeneration")  # fmt: skip
def pixels_by_a_factor(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"factor": 1}, (*room(r, 2), 3)


@draws("RandomZoom", "RandomTranslation")
def moved(r: Random, rank: int) -> tuple[Config, tuple[int, ...]]:
    return {"height_factor": 0.1, "width_factor": 0.1}, (*room(r, 2), 3)


DRAWN_ELSEWHERE = {
    "CutMix", "Equalization", "GroupQueryAttention", "GroupedQueryAttention", "MixUp", "MultiHeadAttention", "Pipeline",
    "ReversibleEmbedding", "SpectralNormalization",
}  # fmt: skip
"""Layers that mix samples or hold others, or are called with several arguments: see tests/frameworks/keras.

Keras itself makes no functional network with an Equalization.
"""


def test_every_layer_is_drawn() -> None:
    read = {getattr(keras.layers, kind).__name__ for kind in READERS if hasattr(keras.layers, kind)} - DRAWN_ELSEWHERE
    assert read <= DRAWS.keys(), sorted(read - DRAWS.keys())


# -- what is wrong on purpose

ODD = (0, -1, -3, "many", [], [1, 2, 3, 4], [0, 1], [1, -1], [2, 2], [1], [2, 3, 1], None, [[1, 2], [0, 1, 2]])


def spoilt(r: Random, config: Config, shape: tuple[int, ...]) -> tuple[Config, tuple[int, ...]]:
    """Return a config and a shape of which one thing is wrong, most often."""
    config = dict(config)
    if isinstance(shape, list):  # of several inputs, one is another
        at = r.randrange(len(shape))
        other, changed = spoilt(r, config, shape[at])
        return other, [*shape[:at], changed, *shape[at + 1 :]]
    way = r.random()
    if "layer" in config and way < 0.6:
        inner = dict(config["layer"])
        inner["config"], shape = spoilt(r, inner["config"], shape)
        return {**config, "layer": inner}, shape
    sized = [k for k in config if k not in ("use_bias", "keepdims", "rate", "scale", "offset", "return_sequences",
                                        "return_state", "layer", "cell", "activation", "use_scale", "stddev", "factor",
                                        "height_factor", "width_factor", "bias_axes", "equation")]  # fmt: skip
    if sized and way < 0.55:
        config[r.choice(sized)] = r.choice(ODD)
    elif sized and way < 0.65:
        del config[r.choice(sized)]
    elif way < 0.7:
        config[r.choice(("nb_filter", "stride", "kernal_size", "border_mode"))] = 3
    elif way < 0.85 and len(shape) > 1:
        shape = shape[1:] if r.random() < 0.5 else shape[:-1]
    else:
        shape = (*shape, r.randint(1, 3)) if r.random() < 0.5 else (r.randint(1, 3), *shape)
    return config, shape


def executed(kind: str, config: Config, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the shapes that a layer gives and its parameters, or None and why not."""
    shapes = shape if isinstance(shape, list) else [shape]
    kind_of = "int32" if kind == "Embedding" else "float32"
    tensors = [torch.zeros(29, *one, dtype=getattr(torch, kind_of)) for one in shapes]
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            layer = getattr(keras.layers, kind).from_config(copy.deepcopy(config))
            given = [keras.Input(one, dtype=kind_of) for one in shapes]
            result = layer(given if isinstance(shape, list) else given[0])
            made = keras.tree.flatten(keras.Model(given, result)(tensors, training=kind == "RandomCrop"))
    except Exception as error:  # whatever it is, Keras does not take it
        return None, f"{type(error).__name__}: {str(error)[:300]}"
    finally:
        keras.backend.clear_session(free_memory=False)
    found = [tuple(t.shape[1:]) for t in made]
    batches = [29 * n for n in range(1, len(shapes) + 1)] if config.get("axis") == 0 else [29]
    if any(t.shape[0] not in batches for t in made) or any(0 in s or 29 in s for s in found):
        return None, f"the batch is lost, or nothing is left: {[tuple(t.shape) for t in made]}"
    return found, layer.count_params()


def whole(entry: Config, shape: Any) -> Config:
    """Return the config of a network of one layer."""
    if not isinstance(shape, list):
        return {"class_name": "Sequential", "config": {"layers": [entry]}}
    names = [f"x{i}" for i in range(len(shape))]
    inputs = [{"class_name": "InputLayer", "name": n, "config": {"name": n, "batch_shape": [None, *s]}, "inbound_nodes": []}
              for n, s in zip(names, shape, strict=True)]  # fmt: skip
    tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": [n, 0, 0]}} for n in names]
    layer = {**entry, "name": "it", "inbound_nodes": [{"args": [tensors], "kwargs": {}}]}
    return {
        "class_name": "Functional",
        "config": {
            "layers": [*inputs, layer],
            "input_layers": [[n, 0, 0] for n in names],
            "output_layers": [["it", 0, 0]],
        },
    }


def ours(kind: str, config: Config, shape: tuple[int, ...]) -> tuple[Any, Any]:
    entry = {"class_name": kind, "module": "keras.layers", "config": {"name": "it", **config}}
    try:
        network = cs.from_keras(whole(entry, shape), input_shape=shape)
    except cs.UnreadableError as error:
        text = str(error)
        assert "Error(" not in text and "NoneType" not in text and "object" not in text, text
        return None, text
    report = cs.check(network)
    if not report.ok:
        assert report.failures or report.unknown
        return None, report.failures[0].message if report.failures else "unknown"
    by_tensor = {**report.shapes, **{f"{n}[0]": s for n, s in report.shapes.items()}}
    return [by_tensor[t] for t in network.outputs], report.params


@pytest.mark.parametrize("kind", DRAWS)
def test_execution_agrees(kind: str) -> None:
    r = Random(f"configs/{kind}")
    draw, rank = DRAWS[kind]
    wrong, refused = [], 0
    for _ in range(CASES * SCALE):
        config, shape = draw(r, rank)
        if r.random() < 0.67:
            config, shape = spoilt(r, config, shape)
        theirs, mine = executed(kind, config, shape), ours(kind, config, shape)
        refused += theirs[0] is None
        if kind in ("TimeDistributed", "Attention", "AdditiveAttention") and mine[0] is None and "axes" in mine[1]:
            continue  # they do not ask how many axes there are; some happen to work with others, or mix samples
        if theirs[0] != mine[0] or (theirs[0] is not None and theirs[1] != mine[1]):
            wrong.append(f"{kind}({config}) on {shape}\n    Keras {theirs}\n    ours  {mine}")
    assert not wrong, f"{len(wrong)} of {CASES * SCALE} differ\n" + "\n".join(wrong[:5])
    assert 0.1 <= refused / (CASES * SCALE) <= 0.9, refused
