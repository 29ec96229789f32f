"""Keras networks read from their configs: every layer's shape, and every parameter, as Keras has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import pytest
from keras import layers as kl

import convsolve as cs
from convsolve.frameworks.keras.config_sources import config_of
from convsolve.frameworks.keras.reader import ConfigReader
from tests.frameworks.reading import every_shape


def layers_of(model: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Return all layers of a model, those of nested models too, under the names that we give them."""
    found = []
    for layer in model.layers:
        if hasattr(layer, "layers"):
            found += layers_of(layer, f"{prefix}{layer.name}/")
        else:
            found.append((prefix + layer.name, layer))
    return found


def compare(model: Any, *, opaque: Sequence[str] = ()) -> ConfigReader:
    """Assert that what is read of a model has the shapes and parameters that it has."""
    config, live, name = config_of(model)
    reading = ConfigReader(config, name, live)
    report = cs.check(reading.network)
    assert report.ok, report.failures
    assert [x.name for x in reading.network.layers if x.operator.kind == "opaque"] == list(opaque)
    shapes = every_shape(reading.network)
    once = [(path, layer) for path, layer in layers_of(model) if len(layer._inbound_nodes) == 1]
    known = {path: [tuple(t.shape[1:]) for t in keras.tree.flatten(layer.output)] for path, layer in once}
    known = {path: sizes for path, sizes in known.items() if not any(None in shape for shape in sizes)}
    found = {path: [shapes[t] for t in reading.tensors[path]] for path in known if path in reading.tensors}
    assert {path: known[path] for path in found} == found
    assert {path for path in known if path not in found and "/" not in path} == set()
    assert report.params == model.count_params()
    return reading


SIZES = {
    "ConvNeXtTiny": (64, 96),
    "DenseNet121": (64, 96),
    "EfficientNetB0": (64, 97),
    "EfficientNetV2B0": (64, 97),
    "InceptionResNetV2": (75, 128),
    "InceptionV3": (75, 128),
    "MobileNet": (64, 96),
    "MobileNetV2": (64, 97),
    "MobileNetV3Large": (64, 96),
    "MobileNetV3Small": (64, 97),
    "ResNet50": (64, 97),
    "ResNet50V2": (64, 97),
    "ResNet101": (64, 97),
    "VGG16": (64, 97),
    "VGG19": (64, 97),
    "Xception": (71, 97),
    "DenseNet201": (64, 97),
    "EfficientNetB3": (64, 97),
}


@pytest.mark.parametrize("name", SIZES)
def test_applications(name: str) -> None:
    for size in SIZES[name]:
        with keras.device("meta"):
            model = getattr(keras.applications, name)(
                weights=None, include_top=size == SIZES[name][0], input_shape=(size, size + 32, 3)
            )
        compare(model)
        keras.backend.clear_session(free_memory=False)


def image(*shape: int | None, **options: Any) -> Any:
    return keras.Input(shape or (16, 20, 3), **options)


def sequential() -> Any:
    return keras.Sequential([
        image(), kl.Conv2D(8, 3, padding="same", activation="relu"), kl.MaxPooling2D(), kl.SeparableConv2D(12, 3, depth_multiplier=2),
        kl.BatchNormalization(scale=False), kl.LeakyReLU(), kl.DepthwiseConv2D(3, strides=2, padding="same"),
        kl.Conv2DTranspose(6, 3, strides=2, padding="same"), kl.SpatialDropout2D(0.1), kl.PReLU(shared_axes=[1, 2]),
        kl.GroupNormalization(3), kl.LayerNormalization(), kl.ZeroPadding2D(((1, 2), (0, 1))), kl.Cropping2D(1),
        kl.UpSampling2D(2, interpolation="bilinear"), kl.Rescaling(2.0), kl.AveragePooling2D(3, 2, "same"), kl.PReLU(),
        kl.Permute((3, 1, 2)), kl.Reshape((6, -1)), kl.Flatten(), kl.Dense(10, activation="softmax"),
    ])  # fmt: skip


def sequence() -> Any:
    return keras.Sequential([
        keras.Input((30,)), kl.Embedding(50, 8), kl.Conv1D(6, 5, padding="causal", dilation_rate=2), kl.Bidirectional(kl.LSTM(4, return_sequences=True)),
        kl.GRU(5, return_sequences=True, reset_after=False), kl.GRU(5, return_sequences=True), kl.TimeDistributed(kl.Dense(3)), kl.SimpleRNN(7),
        kl.RepeatVector(4), kl.ZeroPadding1D((1, 2)), kl.Cropping1D((1, 0)), kl.UpSampling1D(2), kl.GlobalMaxPooling1D(),
    ])  # fmt: skip


def volume() -> Any:
    return keras.Sequential([
        keras.Input((9, 10, 11, 2)), kl.Conv3D(4, (1, 3, 3)), kl.MaxPooling3D(), kl.Conv3DTranspose(2, 3, strides=2, output_padding=1),
        kl.Normalization(), kl.GlobalAveragePooling3D(keepdims=True),
    ])  # fmt: skip


def video() -> Any:
    return keras.Sequential([
        keras.Input((5, 16, 16, 3)), kl.TimeDistributed(kl.Conv2D(4, 3, strides=2, padding="same")), kl.TimeDistributed(kl.BatchNormalization()),
        kl.TimeDistributed(kl.MaxPooling2D()), kl.TimeDistributed(kl.Flatten()), kl.LSTM(3),
    ])  # fmt: skip


def joined() -> Any:
    left, right = image(), image(16, 20, 4, name="right")
    a, b = kl.Conv2D(8, 3, padding="same")(left), kl.Conv2D(8, 3, padding="same")(right)
    tensors = [
        kl.Add()([a, b, a]),
        kl.Subtract()([a, b]),
        kl.Multiply()([a, b]),
        kl.Average()([a, b]),
        kl.Maximum()([a, b]),
        kl.Minimum()([a, b]),
    ]
    both = kl.Concatenate()(tensors)
    gate = kl.GlobalAveragePooling2D(keepdims=True)(both)
    return keras.Model([left, right], [kl.Multiply()([both, gate]), kl.Dot(axes=1)([kl.Flatten()(a), kl.Flatten()(b)])])


def shared() -> Any:
    x, conv = image(), kl.Conv2D(3, 3, padding="same", activation="relu", name="again")
    norm = kl.BatchNormalization()
    return keras.Model(x, norm(conv(norm(conv(conv(x))))))


def nested() -> Any:
    deep = keras.Sequential([image(None, None, 4), kl.Conv2D(4, 3, padding="same", name="c"), kl.ReLU()], name="deep")
    inner_in = image(None, None, 4)
    inner = keras.Model(inner_in, kl.Add()([deep(inner_in), inner_in]), name="inner")
    x = image(32, 32, 3)
    y = kl.Conv2D(4, 3, strides=2, padding="same")(x)
    return keras.Model(x, kl.Dense(2)(kl.GlobalAveragePooling2D()(inner(inner(y)))))


def operations() -> Any:
    x = image()
    y = keras.ops.relu(x * 2.0 + 1.0)
    y = y[:, 1:-1, ::2]
    y = keras.ops.concatenate([y, y], axis=-1)
    z = keras.ops.mean(y, axis=[1, 2], keepdims=True)
    y = keras.ops.transpose(y - z, (0, 3, 1, 2))
    y = keras.ops.squeeze(keras.ops.expand_dims(y, 1), 1)
    y = keras.ops.matmul(y, keras.ops.transpose(y, (0, 1, 3, 2)))
    return keras.Model(x, keras.ops.reshape(y[:, 0], (-1, 14 * 14)))


def rearranged() -> Any:
    x = image()
    y = keras.ops.tile(keras.ops.moveaxis(x, 1, -1), (1, 1, 3, 2))
    y = keras.ops.pad(y, ((0, 0), (2, 1), (0, 0), (0, 0)), constant_values=1.0)
    y = keras.ops.moveaxis(keras.ops.pad(y, ((0, 0), (0, 0), (1, 3), (0, 0)), mode="reflect"), -2, 1)
    return keras.Model(x, keras.ops.power(y / 2.0, keras.ops.tile(y, (1, 1))))


def channels_first() -> Any:
    x = image(3, 16, 20)
    first = {"data_format": "channels_first"}
    y = kl.Conv2D(8, 3, **first)(x)
    y = kl.BatchNormalization(axis=1)(y)
    y = kl.MaxPooling2D(**first)(y)
    y = kl.Concatenate(axis=1)([y, y])
    return keras.Model(x, kl.Dense(5)(kl.Flatten(**first)(y)))


def mixed_formats() -> Any:
    x = image(6, 16, 20)
    y = kl.Conv2D(8, 3, data_format="channels_last")(x)
    y = kl.Conv2D(7, 3, data_format="channels_first", padding="same")(y)
    return keras.Model(x, kl.BatchNormalization(axis=1)(y))


NETWORKS = (
    sequential,
    sequence,
    volume,
    video,
    joined,
    shared,
    nested,
    operations,
    rearranged,
    channels_first,
    mixed_formats,
)


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_networks(make: Any) -> None:
    with keras.device("meta"):
        model = make()
    compare(model)


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_what_was_read_can_be_written_and_read(make: Any) -> None:
    network = cs.from_keras(make())
    again = cs.parse(cs.dump(cs.Problem(network))).network
    described = [{(x.name, x.operator, x.inputs, x.shares) for x in n.layers} for n in (network, again)]
    assert described[0] == described[1]
    assert cs.check(again).params == cs.check(network).params


def test_a_nested_network_at_the_end() -> None:
    def network() -> Any:
        x = image(None, None, 3)
        return keras.Model(x, kl.Conv2D(3, 3, name="c")(x), name="inner")

    x = image()
    inner, last = network(), keras.Sequential([kl.Flatten(), kl.Dense(2)], name="last")
    read = cs.from_keras(keras.Model(x, [inner(inner(x)), last(x)]).get_config())
    assert read.outputs == ("inner:2/c", "last/" + last.layers[1].name)
    conv = {"class_name": "Conv2D", "name": "c", "config": {"name": "c", "filters": 3, "kernel_size": 3},
            "inbound_nodes": [[["in", 0, 0, {}]]]}  # fmt: skip
    entry = {
        "class_name": "InputLayer",
        "name": "in",
        "config": {"name": "in", "batch_input_shape": [None, 9, 9, 3]},
        "inbound_nodes": [],
    }

    def of_keras_2(layers: Any, last: Any) -> Any:
        return {"layers": [entry, *layers], "input_layers": [["in", 0, 0]], "output_layers": [last]}

    nested = {"class_name": "Functional", "name": "inner", "config": of_keras_2([conv], ["c", 0, 0]),
              "inbound_nodes": [[["in", 0, 0, {}]], [["inner", 1, 0, {}]]]}  # fmt: skip
    read = cs.from_keras({"class_name": "Functional", "config": of_keras_2([nested], ["inner", 2, 0])})
    assert read.outputs == ("inner:2/c",) and cs.check(read).output == (5, 5, 3)


def test_names_of_shared_and_nested_layers() -> None:
    network = cs.from_keras(nested())
    named = {layer.name: layer for layer in network.layers}
    assert named["inner/deep/c"].shares == "" and named["inner:2/deep/c"].shares == "inner/deep/c"
    twice = {layer.name: layer.shares for layer in cs.from_keras(shared()).layers if "again" in layer.name}
    assert twice["again"] == "" and twice["again:2"] == "again" and twice["again:3"] == "again"


def test_both_data_formats() -> None:
    assert cs.from_keras(channels_first()).data_format == "channels_first"
    network = cs.from_keras(sequential())
    assert network.data_format == "channels_last" and network.framework == "keras"


def test_inputs_by_name() -> None:
    left, right = keras.Input((None, 3), name="left"), keras.Input((None, 3), name="right")
    model = keras.Model([left, right], kl.Concatenate(axis=1)([left, right]))
    network = cs.from_keras(model.get_config(), input_shape={"right": (4, 3)})
    assert list(network.holes) == ["left[0]"] and cs.check(network, {"left": (5, 3)}).output == (9, 3)
    assert cs.check(cs.from_keras(model.get_config(), input_shape=[(7, 3), (4, 3)])).output == (11, 3)
    for given, wanted in (
        ({"middle": (4, 3)}, "no input 'middle'"),
        ((4, 3), r"2 inputs \(left, right\), got 1 shape"),
    ):
        with pytest.raises(cs.UnreadableError, match=wanted):
            cs.from_keras(model.get_config(), input_shape=given)


def test_open_sizes_stay_open() -> None:
    x = image(None, None, 3)
    y = kl.Conv2D(8, 3, strides=2)(x)
    network = cs.from_keras(keras.Model(x, kl.MaxPooling2D()(y)))
    assert cs.check(network, (33, 47, 3)).output == (8, 11, 8)
    assert cs.check(network, (3, 47, 3)).failures[0].layer.startswith("max_pooling")


@keras.saving.register_keras_serializable("tests")
class Halved(kl.Layer):  # type: ignore[misc]
    """A layer that nobody knows."""

    def build(self, shape: Any) -> None:
        self.factor = self.add_weight(shape=(3,))

    def call(self, x: Any) -> Any:
        return x[:, ::2] * self.factor if x.shape[1] else keras.KerasTensor(x.shape)

    def compute_output_shape(self, shape: Any) -> Any:
        return (shape[0], shape[1] and -(-shape[1] // 2), *shape[2:])


def test_unknown_layers_are_opaque_where_their_shapes_are_known() -> None:
    with keras.device("meta"):
        x = image()
        y = kl.Lambda(lambda t: t[:, :5], name="cut")(Halved(name="halved")(x))
        model = keras.Model(x, kl.Conv2D(2, 3)(y))
    compare(model, opaque=["halved", "cut"])
    network = cs.from_keras(model.get_config())
    assert cs.check(network).shapes["cut"] == (5, 20, 3)
    assert cs.check(network, (18, 20, 3)).unknown
    last = keras.Model(x, Halved(name="halved")(x))
    with pytest.raises(cs.UnreadableError, match=r"'halved'.*not in the config"):
        cs.from_keras(last.get_config())
    x = image(None, None, 3)
    with pytest.raises(cs.UnreadableError, match=r"'halved'.*give input_shape"):
        cs.from_keras(keras.Model(x, Halved(name="halved")(x)))


def test_a_layer_of_a_known_name_is_not_taken_for_keras_s_own() -> None:
    config = {
        "class_name": "Sequential",
        "config": {
            "layers": [
                {"class_name": "Conv2D", "module": "acme", "config": {"name": "odd", "filters": 3, "kernel_size": 3}}
            ]
        },
    }
    with pytest.raises(cs.UnreadableError, match="'odd'"):
        cs.from_keras(config, input_shape=(8, 8, 1))


def test_what_is_no_network() -> None:
    with pytest.raises(cs.UnreadableError, match="from_keras takes"):
        cs.from_keras(42)
    config = {"class_name": "Own", "config": {"name": "own", "trainable": True}}
    with pytest.raises(cs.UnreadableError, match="'Own' without layers"):
        cs.from_keras(config)


def test_an_input_that_is_not_declared() -> None:
    model = keras.Sequential([kl.Conv2D(8, 3), kl.Flatten()])
    with pytest.raises(cs.UnreadableError, match="input_shape"):
        cs.from_keras(model)
    assert cs.check(cs.from_keras(model, input_shape=(9, 9, 2))).output == (7 * 7 * 8,)
    with pytest.raises(cs.UnreadableError, match="2 axes"):
        cs.from_keras(keras.Sequential([keras.Input((5, 6)), kl.Conv1D(3, 2)]), input_shape=(5, 6, 7))


# -- networks that cannot be built


def test_a_failed_constructor() -> None:
    with pytest.raises(ValueError, match="zero or negative") as error:
        keras.Sequential([keras.Input((5, 5, 3)), kl.Conv2D(8, 7, name="wide"), kl.Flatten(), kl.Dense(2)])
    report = cs.check(cs.from_keras(error.value))
    assert [f.layer for f in report.failures] == ["wide"] and report.failures[0].code == "CS001"
    assert [row.layer for row in report.rows][-1].startswith("dense")


def test_a_failed_add() -> None:
    model = keras.Sequential([keras.Input((8, 8, 3))])
    model.add(kl.MaxPooling2D(4, name="first"))
    with pytest.raises(ValueError, match="zero or negative") as error:
        model.add(kl.MaxPooling2D(4, name="second"))
    for source in (error.value, model):
        assert [f.layer for f in cs.check(cs.from_keras(source)).failures] == ["second"]


def test_a_failed_call() -> None:
    x = keras.Input((8, 8, 3), name="photo")
    y = kl.Conv2D(4, 3, name="c")(x)
    y = kl.Add()([y, y])
    with pytest.raises(ValueError, match="matching shapes") as error:
        kl.Concatenate(name="cat")([y[:, 1:], kl.ReLU()(y)])
    report = cs.check(cs.from_keras(error.value))
    assert [f.layer for f in report.failures] == ["cat"] and report.failures[0].code == "CS013"


def test_an_exception_without_a_network() -> None:
    with pytest.raises(ZeroDivisionError) as error:
        _ = 1 // 0
    with pytest.raises(cs.UnreadableError, match="no Keras network"):
        cs.from_keras(error.value)
