"""Writes the configs of networks as older frameworks did: tf.keras 2.15 and TensorFlow.js, from those of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FUNCTIONS = {
    "Add": "__operators__.add",
    "Multiply": "math.multiply",
    "Subtract": "math.subtract",
    "TrueDivide": "math.truediv",
    "Power": "math.pow",
    "Relu": "nn.relu",
    "Mean": "math.reduce_mean",
    "Concatenate": "concat",
    "Reshape": "reshape",
    "Transpose": "transpose",
    "ExpandDims": "expand_dims",
    "Squeeze": "compat.v1.squeeze",
    "Matmul": "linalg.matmul",
    "Split": "split",
    "Stack": "stack",
    "Pad": "compat.v1.pad",
    "Softmax": "nn.softmax",
    "Cast": "cast",
    "Max": "math.reduce_max",
    "Repeat": "repeat",
    "Tile": "tile",
    "Silu": "nn.silu",
    "Resize": "image.resize",
    "Sqrt": "math.sqrt",
}
_NAMES = {"newshape": "shape", "axes": "perm", "indices_or_sections": "num_or_size_splits", "pad_width": "paddings",
          "repeats": "multiples"}  # fmt: skip
_NEW = ("quantization_config", "lora_rank", "lora_alpha", "synchronized", "autocast", "seed")


def tf_keras(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of a functional network of Keras 3 as tf.keras 2.15 writes that of the same network."""
    networks = {entry["name"] for entry in config["layers"] if "layers" in entry["config"]}
    layers = [_layer(_recounted(entry, networks)) for entry in config["layers"]]
    ends = {k: _ends(config[k]) for k in ("input_layers", "output_layers")}
    inner = {"name": config["name"], "trainable": True, "layers": layers, **ends}
    return {"class_name": "Functional", "config": inner, "keras_version": "2.15.0", "backend": "tensorflow"}


def tensorflow_js(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the contents of a ``model.json`` of TensorFlow.js."""
    topology = {"keras_version": "2.15.0", "backend": "tensorflow", "model_config": {
        k: v for k, v in tf_keras(config).items() if k in ("class_name", "config")}}  # fmt: skip
    return {"format": "layers-model", "generatedBy": "keras v2.15.0", "convertedBy": "TensorFlow.js Converter v4.22.0",
            "modelTopology": topology, "weightsManifest": [{"paths": ["group1-shard1of1.bin"], "weights": []}]}  # fmt: skip


def _recounted(value: Any, networks: set[str]) -> Any:
    """Return an entry in which calls of networks count from 1: how one was made is its first."""
    if _is_tensor(value):
        name, call, output = value["config"]["keras_history"]
        return {**value, "config": {"keras_history": [name, call + (name in networks), output]}}
    if isinstance(value, Mapping):
        return {k: _recounted(v, networks) for k, v in value.items()}
    return [_recounted(v, networks) for v in value] if isinstance(value, (list, tuple)) else value


def _ends(written: Any) -> list[list[Any]]:
    return [list(written)] if isinstance(written[0], str) else [list(one) for one in written]


def _plain(value: Any) -> Any:
    """Return a setting without Keras 3's modules, and with lists."""
    if isinstance(value, Mapping):
        if "class_name" in value and "config" in value:
            return {"class_name": value["class_name"], "config": _plain(value["config"])}
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _layer(entry: Mapping[str, Any]) -> dict[str, Any]:
    name, kind = entry["name"], entry["class_name"]
    if ".ops." in entry["module"]:
        return _lambda(entry)
    config = {k: _plain(v) for k, v in entry["config"].items() if k not in _NEW}
    config["dtype"] = "float32"
    if kind == "InputLayer":
        config = {
            "batch_input_shape": config["batch_shape"],
            "dtype": "float32",
            "sparse": False,
            "ragged": False,
            "name": name,
        }
    if kind == "LeakyReLU":
        config["alpha"] = config.pop("negative_slope")
    nodes = [[[*_history(t), {}] for t in _tensors(node["args"])] for node in entry["inbound_nodes"]]
    return {"class_name": kind, "config": config, "name": name, "inbound_nodes": nodes}


def _lambda(entry: Mapping[str, Any]) -> dict[str, Any]:
    kind, name = entry["class_name"], entry["name"]
    slicing = kind == "GetItem"
    function = "__operators__.getitem" if slicing else _FUNCTIONS[kind]
    config = {"name": f"tf.{name}", "trainable": True, "dtype": "float32", "function": function}
    settings = {k: _plain(v) for k, v in entry["config"].items() if k not in ("name", "dtype")}
    beside: dict[str, Any] = {_NAMES.get(k, k) if kind != "Repeat" else k: v for k, v in settings.items()}
    if kind == "Resize":
        beside = {"size": settings["size"], "method": "bilinear", "preserve_aspect_ratio": False, "antialias": False}
    nodes = []
    for node in entry["inbound_nodes"]:
        first, *rest = node["args"]
        if slicing:
            beside["slice_spec"] = [_sliced(part) for part in rest[0]]
        elif rest:
            beside["b" if kind == "Matmul" else "y"] = _argument(rest[0])
        beside["name"] = None
        if isinstance(first, list):
            nodes.append([[*_history(t), dict(beside)] for t in first])
        elif _is_tensor(first):
            nodes.append([*_history(first), dict(beside)])
        else:
            nodes.append(["_CONSTANT_VALUE", -1, first, dict(beside)])
    return {
        "class_name": "SlicingOpLambda" if slicing else "TFOpLambda",
        "config": config,
        "name": name,
        "inbound_nodes": nodes,
    }


def _sliced(part: Any) -> Any:
    if isinstance(part, slice):
        return {"start": part.start, "stop": part.stop, "step": part.step}
    if isinstance(part, Mapping) and part["class_name"] == "__slice__":
        return dict(part["config"])
    return "..." if part is Ellipsis or isinstance(part, Mapping) else part


def _argument(value: Any) -> Any:
    if _is_tensor(value):
        return _history(value)
    return value["config"]["value"] if isinstance(value, Mapping) and value["class_name"] == "__numpy__" else value


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__"


def _history(tensor: Any) -> list[Any]:
    return list(tensor["config"]["keras_history"])


def _tensors(value: Any) -> list[Any]:
    if _is_tensor(value):
        return [value]
    return [t for one in value for t in _tensors(one)] if isinstance(value, (list, tuple)) else []
