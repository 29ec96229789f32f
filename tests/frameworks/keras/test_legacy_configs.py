"""Networks of older versions: tf.keras 2.15, TensorFlow.js and Keras 1, read as their frameworks built them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers as kl
from keras import ops

import convsolve as cs
from convsolve.cli import cli
from convsolve.frameworks.keras.config_sources import config_of
from convsolve.frameworks.keras.reader import ConfigReader
from tests.frameworks.keras.older import tensorflow_js, tf_keras
from tests.frameworks.keras.test_networks import layers_of
from tests.frameworks.reading import every_shape


def image(*shape: int, **options: Any) -> Any:
    return keras.Input(shape or (16, 20, 3), **options)


def regnet(groups: int, squeeze: bool) -> Any:
    """Return a small RegNet, which Keras 3 no longer brings along: X without squeezing, Y with."""
    x = inputs = keras.Input((64, 96, 3))
    x = kl.Rescaling(1 / 255)(x)
    x = kl.ReLU()(kl.BatchNormalization()(kl.Conv2D(32, 3, strides=2, padding="same", use_bias=False)(x)))
    for width, depth in ((24, 1), (56, 2), (152, 2)):
        for i in range(depth):
            stride, skip = 2 if i == 0 else 1, x
            if i == 0:
                skip = kl.BatchNormalization()(kl.Conv2D(width, 1, strides=stride, use_bias=False)(x))
            y = kl.ReLU()(kl.BatchNormalization()(kl.Conv2D(width, 1, use_bias=False)(x)))
            y = kl.Conv2D(width, 3, strides=stride, groups=groups, padding="same", use_bias=False)(y)
            y = kl.ReLU()(kl.BatchNormalization()(y))
            if squeeze:
                gate = kl.GlobalAveragePooling2D(keepdims=True)(y)
                gate = kl.Conv2D(width, 1, activation="sigmoid")(kl.Conv2D(width // 4, 1, activation="relu")(gate))
                y = y * gate
            x = kl.ReLU()(kl.BatchNormalization()(kl.Conv2D(width, 1, use_bias=False)(y)) + skip)
    return keras.Model(inputs, kl.Dense(10)(kl.GlobalAveragePooling2D()(x)))


def functions() -> Any:
    """Return a network of TensorFlow's functions, as many as there are in one."""
    x, y = image(), image(16, 20, 3, name="second")
    z = 1.0 - ops.relu(x + 1) * 2.0 / (y - 0.5)
    z = z * np.array([0.5, 0.25, 0.25], "float32") + np.ones((1, 20, 1), "float32")
    z = ops.concatenate([z[:, 1:-1, ::2], z[:, 2:, 10:]], axis=-1)
    first, second = ops.split(z, 2, axis=3)
    z = ops.stack([first, second], axis=1)[:, 0]
    z = ops.transpose(ops.expand_dims(ops.pad(z, ((0, 0), (1, 1), (0, 2), (0, 0))), 1), (0, 2, 3, 4, 1))
    z = ops.squeeze(ops.repeat(z, 2, axis=1), 4)
    z = ops.image.resize(ops.tile(ops.silu(ops.sqrt(z)), (1, 1, 2, 1)), (9, 8))
    z = ops.softmax(ops.matmul(z, ops.transpose(z, (0, 1, 3, 2))) ** 2.0)
    z = ops.reshape(z, (-1, 9, 64)) + ops.mean(z, axis=[2, 3], keepdims=True)[:, :, 0]
    return keras.Model([x, y], [ops.max(z, axis=1), kl.Flatten()(z[..., 3])])


def application(name: str, shape: tuple[int, ...] = (64, 96, 3), **options: Any) -> Any:
    return lambda: getattr(keras.applications, name)(weights=None, input_shape=shape, **options)


MODELS: dict[str, Any] = {
    **{name: application(name) for name in (
        "ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "EfficientNetB3", "EfficientNetV2B0", "EfficientNetV2B2",
        "EfficientNetV2S", "MobileNet", "MobileNetV2", "MobileNetV3Large", "MobileNetV3Small", "ResNet50", "ResNet50V2",
        "VGG16", "VGG19")},
    "InceptionV3": application("InceptionV3", (75, 107, 3)), "Xception": application("Xception", (71, 97, 3)),
    "InceptionResNetV2": application("InceptionResNetV2", (75, 107, 3)),
    "minimalistic": application("MobileNetV3Small", minimalistic=True),
    "RegNetX": lambda: regnet(8, False), "RegNetY": lambda: regnet(4, True), "functions": functions,
}  # fmt: skip


def compare(config: Any, model: Any) -> None:
    """Assert that an old config is read with the shapes and parameters that a network has."""
    whole, live, name = config_of(config)
    assert live is None
    reading = ConfigReader(whole, name)
    assert not [layer.name for layer in reading.network.layers if layer.operator.kind == "opaque"]
    report = cs.check(reading.network)
    assert report.ok, report.failures
    shapes = every_shape(reading.network)
    for path, layer in layers_of(model):
        made = [tuple(t.shape[1:]) for t in keras.tree.flatten(layer.output)]
        assert [shapes[t] for t in reading.tensors[path]] == made, path
    assert report.params == model.count_params()


@pytest.mark.parametrize("name", MODELS)
def test_networks_of_tf_keras(name: str) -> None:
    with keras.device("meta"):
        model = MODELS[name]()
    compare(json.loads(json.dumps(tf_keras(model.get_config()))), model)
    keras.backend.clear_session(free_memory=False)


def test_a_file_of_tensorflow_js(tmp_path: Path) -> None:
    with keras.device("meta"):
        model = MODELS["MobileNetV3Small"]()
    path = tmp_path / "model.json"
    path.write_text(json.dumps(tensorflow_js(model.get_config())))
    report = cs.check(cs.load(path))
    assert report.ok and report.output == (1000,) and report.params == model.count_params()
    path.write_text(json.dumps({"format": "graph-model", "modelTopology": {"node": []}}))
    with pytest.raises(cs.UnreadableError, match=r"model\.json.*without its layers"):
        cs.load(path)


# -- Keras 1


def entry(kind: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": config}


def conv(filters: int, rows: int, cols: int, **options: Any) -> dict[str, Any]:
    """Return a convolution as Keras 1.2 writes one."""
    return entry("Convolution2D", **{
        "nb_filter": filters, "nb_row": rows, "nb_col": cols, "init": "glorot_uniform", "activation": "relu",
        "border_mode": "valid", "subsample": [1, 1], "dim_ordering": "th", "W_regularizer": None, "b_regularizer": None,
        "activity_regularizer": None, "W_constraint": None, "b_constraint": None, "bias": True, "trainable": True, **options})  # fmt: skip


def pool(**options: Any) -> dict[str, Any]:
    return entry(
        "MaxPooling2D",
        **{
            "pool_size": [2, 2],
            "strides": [2, 2],
            "border_mode": "valid",
            "dim_ordering": "th",
            "trainable": True,
            **options,
        },
    )


def dense(units: int, **options: Any) -> dict[str, Any]:
    return entry("Dense", output_dim=units, init="glorot_uniform", activation="linear", W_regularizer=None,
                 b_regularizer=None, activity_regularizer=None, W_constraint=None, b_constraint=None, bias=True,
                 input_dim=None, **options)  # fmt: skip


def recurrent(kind: str, units: int, **options: Any) -> dict[str, Any]:
    return entry(kind, **{
        "output_dim": units, "init": "glorot_uniform", "inner_init": "orthogonal", "activation": "tanh",
        "inner_activation": "hard_sigmoid", "W_regularizer": None, "U_regularizer": None, "b_regularizer": None,
        "dropout_W": 0.0, "dropout_U": 0.0, "return_sequences": False, "go_backwards": False, "stateful": False,
        "unroll": False, "consume_less": "cpu", "input_dim": 8, "input_length": None, **options})  # fmt: skip


def node(*names: str) -> list[Any]:
    return [[[name, 0, 0] for name in names]]


def functional(*layers: Any, ends: str) -> dict[str, Any]:
    made = [{**layer, "name": name, "config": {"name": name, **layer["config"]}, "inbound_nodes": node(*names) if names else []}
            for name, layer, names in layers]  # fmt: skip
    inputs = [[name, 0, 0] for name, layer, _ in layers if layer["class_name"] == "InputLayer"]
    return {
        "class_name": "Model",
        "config": {"name": "m", "layers": made, "input_layers": inputs, "output_layers": [[ends, 0, 0]]},
    }


def source(*shape: int) -> dict[str, Any]:
    return entry("InputLayer", batch_input_shape=[None, *shape], input_dtype="float32", sparse=False)


FIRST: dict[str, Any] = {"data_format": "channels_first"}
MERGED = entry("Merge", mode="sum", mode_type="raw", concat_axis=-1, dot_axes=-1, output_shape=None,
               output_shape_type="raw", output_mask=None, output_mask_type="raw", arguments={})  # fmt: skip


def merged(mode: str, **options: Any) -> dict[str, Any]:
    return entry("Merge", **{**MERGED["config"], "mode": mode, **options})


KERAS_1: dict[str, tuple[Any, Any]] = {
    "lenet": (
        [conv(3, 3, 3, batch_input_shape=[None, 1, 10, 10]), pool(), entry("Dropout", p=0.25), entry("Flatten"), dense(10)],
        lambda: [image(1, 10, 10), kl.Conv2D(3, 3, **FIRST), kl.MaxPooling2D(**FIRST), kl.Flatten(**FIRST), kl.Dense(10)]),
    "vgg": (
        [entry("ZeroPadding2D", padding=[1, 1], dim_ordering="tf", batch_input_shape=[None, 20, 24, 3]),
         conv(8, 3, 5, dim_ordering="tf", subsample=[2, 1], bias=False), pool(dim_ordering="tf", border_mode="same", strides=[2, 3]),
         entry("BatchNormalization", epsilon=1e-5, mode=0, axis=-1, momentum=0.99, gamma_regularizer=None, beta_regularizer=None),
         entry("SpatialDropout2D", p=0.5, dim_ordering="tf")],
        lambda: [image(20, 24, 3), kl.ZeroPadding2D(1), kl.Conv2D(8, (3, 5), strides=(2, 1), use_bias=False),
                 kl.MaxPooling2D(2, (2, 3), "same"), kl.BatchNormalization()]),
    "text": (
        [entry("Embedding", input_dim=50, output_dim=8, init="uniform", input_length=30, W_regularizer=None, mask_zero=False,
               dropout=0.0, batch_input_shape=[None, 30], input_dtype="int32"),
         entry("Convolution1D", nb_filter=6, filter_length=5, init="x", border_mode="same", subsample_length=2, bias=True,
               input_dim=8, input_length=30), entry("MaxPooling1D", pool_length=3, stride=2, border_mode="valid"),
         recurrent("LSTM", 7)],
        lambda: [image(30), kl.Embedding(50, 8), kl.Conv1D(6, 5, strides=2, padding="same"), kl.MaxPooling1D(3, 2), kl.LSTM(7)]),
    "atrous": (
        [entry("AtrousConvolution2D", nb_filter=4, nb_row=3, nb_col=3, atrous_rate=[2, 3], border_mode="valid", subsample=[1, 1],
               dim_ordering="tf", bias=True, batch_input_shape=[None, 16, 20, 3]), entry("GlobalAveragePooling2D", dim_ordering="tf")],
        lambda: [image(), kl.Conv2D(4, 3, dilation_rate=(2, 3)), kl.GlobalAveragePooling2D()]),
    "separable": (
        [entry("SeparableConvolution2D", nb_filter=4, nb_row=3, nb_col=3, depth_multiplier=2, border_mode="same", subsample=[2, 2],
               dim_ordering="tf", bias=True, depthwise_init="x", pointwise_init="x", depthwise_regularizer=None,
               batch_input_shape=[None, 16, 20, 3]), entry("Cropping2D", cropping=[[1, 0], [0, 2]], dim_ordering="tf")],
        lambda: [image(), kl.SeparableConv2D(4, 3, strides=2, padding="same", depth_multiplier=2), kl.Cropping2D(((1, 0), (0, 2)))]),
    "volume": (
        [entry("Convolution3D", nb_filter=4, kernel_dim1=1, kernel_dim2=3, kernel_dim3=2, border_mode="valid", subsample=[1, 2, 1],
               dim_ordering="th", bias=True, batch_input_shape=[None, 2, 6, 9, 10]),
         entry("AveragePooling3D", pool_size=[2, 2, 2], strides=[2, 2, 2], border_mode="valid", dim_ordering="th"),
         entry("UpSampling3D", size=[1, 2, 2], dim_ordering="th")],
        lambda: [image(2, 6, 9, 10), kl.Conv3D(4, (1, 3, 2), strides=(1, 2, 1), **FIRST), kl.AveragePooling3D(2, **FIRST),
                 kl.UpSampling3D((1, 2, 2), **FIRST)]),
    "recurrent": (
        [entry("Bidirectional", layer=recurrent("GRU", 5, return_sequences=True), merge_mode="concat", batch_input_shape=[None, 9, 8]),
         entry("TimeDistributedDense", output_dim=6, init="x", bias=True, input_dim=None), recurrent("SimpleRNN", 3)],
        lambda: [image(9, 8), kl.Bidirectional(kl.GRU(5, return_sequences=True, reset_after=False)), kl.TimeDistributed(kl.Dense(6)),
                 kl.SimpleRNN(3)]),
    "film": (
        [entry("TimeDistributed", layer=conv(4, 3, 3, dim_ordering="tf"), batch_input_shape=[None, 5, 12, 12, 3]),
         entry("TimeDistributed", layer=entry("Flatten")), recurrent("LSTM", 4)],
        lambda: [image(5, 12, 12, 3), kl.TimeDistributed(kl.Conv2D(4, 3)), kl.TimeDistributed(kl.Flatten()), kl.LSTM(4)]),
    "decoder": (
        [conv(4, 3, 3, border_mode="same", subsample=[2, 2], dim_ordering="tf", batch_input_shape=[None, 16, 20, 3]),
         entry("Deconvolution2D", nb_filter=3, nb_row=3, nb_col=3, output_shape=[None, 16, 20, 3], border_mode="same",
               subsample=[2, 2], dim_ordering="tf", bias=True), entry("UpSampling2D", size=[2, 2], dim_ordering="tf")],
        lambda: [image(), kl.Conv2D(4, 3, strides=2, padding="same"), kl.Conv2DTranspose(3, 3, strides=2, padding="same"),
                 kl.UpSampling2D()]),
}  # fmt: skip


@pytest.mark.parametrize("name", KERAS_1)
def test_networks_of_keras_1(name: str) -> None:
    config, layers = KERAS_1[name]
    model = keras.Sequential(layers())
    report = cs.check(cs.from_keras({"class_name": "Sequential", "config": config, "keras_version": "1.2.2"}))
    assert report.ok and report.output == tuple(model.output_shape[1:])
    assert report.params == model.count_params()


def test_merges_of_keras_1() -> None:
    whole = functional(
        ("a", source(3, 8, 9), ()),
        ("c", conv(4, 3, 3, border_mode="same"), ("a",)),
        ("d", conv(4, 1, 1), ("a",)),
        ("sum", merged("sum"), ("c", "d")),
        ("cat", merged("concat", concat_axis=1), ("sum", "a")),
        ("flat", entry("Flatten"), ("cat",)),
        ("dot", merged("dot", dot_axes=[[1], [1]]), ("flat", "flat")),
        ends="dot",
    )
    report = cs.check(cs.from_keras(whole))
    assert report.ok and report.shapes["cat"] == (7, 8, 9) and report.output == (1,)
    assert report.params == 4 * 27 + 4 + 4 * 3 + 4
    branch = {
        "class_name": "Sequential",
        "config": [dense(4, batch_input_shape=[None, 6]), entry("Activation", activation="relu")],
    }
    config = [entry("Merge", **{**merged("concat")["config"], "layers": [branch, branch]}), dense(3)]
    report = cs.check(cs.from_keras({"class_name": "Sequential", "config": config}))
    assert report.ok and report.output == (3,) and report.params == 2 * (24 + 4) + 8 * 3 + 3


def test_what_keras_1_does_not_have() -> None:
    for config, wanted in (
            ([merged("cos", batch_input_shape=[None, 4])], "'cos'"),
            ([conv(4, 3, 3, padding="same", batch_input_shape=[None, 3, 8, 8])], "both 'border_mode' and 'padding'"),
            ([conv(4, 3, 3, border_mode="full", batch_input_shape=[None, 3, 8, 8])], "padding must be 'valid' or 'same'"),
            ([entry("Highway", init="x", batch_input_shape=[None, 4])], "Highway")):  # fmt: skip
        with pytest.raises(cs.UnreadableError, match=wanted):
            cs.from_keras({"class_name": "Sequential", "config": config})


# -- Lambda layers


def with_lambdas() -> Any:
    x = image(8, 8, 3)
    y = kl.Lambda(lambda t: t * 2, name="doubled")(kl.Conv2D(4, 3)(x))
    return keras.Model(x, kl.Conv2D(2, 3)(kl.Lambda(lambda t: t[:, 1:], name="cut")(y)))


def test_lambda_layers_are_the_identity_where_that_is_assumed(tmp_path: Path) -> None:
    config = json.loads(with_lambdas().to_json())
    opaque = [layer.name for layer in cs.from_keras(config).layers if layer.operator.kind == "opaque"]
    assert opaque == ["doubled", "cut"]
    network = cs.from_keras(config, assume={"lambda": "identity"})
    assert cs.check(network, (20, 9, 3)).output == (16, 5, 2) and "assumed" in network.by_name["cut"].source
    one = cs.from_keras(config, assume={"doubled": "identity"})
    assert [layer.name for layer in one.layers if layer.operator.kind == "opaque"] == ["cut"]
    for assume, wanted in (({"lamda": "identity"}, "did you mean 'lambda'"), ({"lambda": "relu"}, "not 'relu'")):
        with pytest.raises(cs.UnreadableError, match=wanted):
            cs.from_keras(config, assume=assume)
    path = tmp_path / "net.json"
    path.write_text(json.dumps(config))
    result = CliRunner().invoke(cli, ["check", str(path), "--assume", "lambda=identity", "-q"])
    assert result.exit_code == 0, result.output
    assert CliRunner().invoke(cli, ["sizes", str(path), "--input", "8x8x3", "--assume", "lambda"]).exit_code == 2
    open_ = json.loads(json.dumps(config).replace("[null, 8, 8, 3]", "[null, null, null, 3]"))
    with pytest.raises(cs.UnreadableError, match="--assume lambda=identity"):
        cs.from_keras(open_)
    with pytest.raises(cs.UnreadableError, match="assumptions are for"):
        cs.load(Path(__file__).parents[3] / "problems/unet_skips.yaml", assume={"lambda": "identity"})


# -- layers in layers


def test_networks_and_layers_of_all_kinds_at_each_step() -> None:
    inner = keras.Sequential(
        [image(12, 12, 3), kl.Conv2D(4, 3, strides=2), kl.GlobalAveragePooling2D(), kl.Dense(5)], name="inner"
    )
    x = image(6, 12, 12, 3)
    y = kl.TimeDistributed(inner)(x)
    z = kl.TimeDistributed(kl.TimeDistributed(kl.Reshape((4, 9))))(x)
    z = kl.TimeDistributed(
        kl.TimeDistributed(kl.Bidirectional(kl.RNN(kl.GRUCell(3), return_sequences=True), merge_mode="sum"))
    )(z)
    model = keras.Model(x, [kl.Bidirectional(kl.LSTM(3), backward_layer=kl.LSTM(4, go_backwards=True))(y), z])
    network = cs.from_keras(model.get_config())
    report = cs.check(network)
    assert report.ok and report.params == model.count_params()
    shapes = every_shape(network)
    made = model(np.zeros((2, 6, 12, 12, 3), "float32"))
    assert [shapes[name] for name in network.outputs] == [tuple(t.shape[1:]) for t in made]
    convolution = next(row for row in report.rows if row.operator == "conv")
    assert convolution.macs == 6 * 25 * 27 * 4
