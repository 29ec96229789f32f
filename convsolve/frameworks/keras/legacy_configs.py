"""Configs as older versions of Keras wrote them, in the words of today: Keras 1, tf.keras 2, and TensorFlow.js.

Sources: ``get_config`` of Keras 1.2's layers, and ``keras.legacy.interfaces`` of Keras 2, which reads their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import UnreadableError
from ...support.suggestions import quoted

__all__ = ["modern"]

_NAMES = {
    "atrous_rate": "dilation_rate", "bias": "use_bias", "border_mode": "padding", "dim_ordering": "data_format",
    "dropout_U": "recurrent_dropout", "dropout_W": "dropout", "filter_length": "kernel_size",
    "inner_activation": "recurrent_activation", "length": "size", "nb_filter": "filters", "p": "rate",
    "pool_length": "pool_size", "sigma": "stddev", "stride": "strides", "subsample": "strides",
    "subsample_length": "strides",
}  # fmt: skip
"""Settings of Keras 1 that have another name today."""

_UNITS = ("Dense", "GRU", "LSTM", "SimpleRNN", "TimeDistributedDense")
"""Layers of which Keras 1 calls the units ``output_dim``."""

_WITHOUT_SHAPE = ("consume_less", "forget_bias_init", "init", "inner_init", "depthwise_init", "pointwise_init")
"""Settings of Keras 1 that no shape depends on."""

_KERNELS = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))

_CLASSES = {"AtrousConvolution1D": "Conv1D", "AtrousConvolution2D": "Conv2D"}

_MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate", "dot": "Dot"}

_ORDERS = {"th": "channels_first", "tf": "channels_last", "default": "channels_last"}


def modern(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the config of a network in the words of today; ``name`` is its file's, for messages.

    Raises:
        UnreadableError: a layer has a setting by both its names, or one that Keras 1 does not write so.
    """
    topology = config.get("modelTopology")
    if config.get("format") == "graph-model":
        raise UnreadableError(f"{name} holds a graph of TensorFlow.js without its layers: convert a layers model")
    if isinstance(topology, Mapping):
        config = topology.get("model_config") or topology
    found: Mapping[str, Any] = _entry(_without_marks(config), name)
    return found


def _without_marks(value: Any) -> Any:
    """Return a value with lists where tf.keras marks tuples and shapes."""
    if isinstance(value, Mapping):
        if value.get("class_name") in ("__tuple__", "TensorShape") and isinstance(value.get("items"), list):
            return [_without_marks(v) for v in value["items"]]
        return {k: _without_marks(v) for k, v in value.items()}
    return [_without_marks(v) for v in value] if isinstance(value, list) else value


def _entry(entry: Any, name: str) -> Any:
    """Return a layer's entry, or a network's, in the words of today; what is no entry stays as it is."""
    if not isinstance(entry, Mapping):
        return entry
    if "config" not in entry and isinstance(entry.get("layers"), list):  # what get_config gives
        return _network(entry, name)
    kind, config = entry.get("class_name"), entry.get("config")
    if isinstance(config, list):  # Keras 2.2 and older: a Sequential is its list of layers
        config = {"layers": config}
    if not isinstance(config, Mapping):
        return entry
    if isinstance(config.get("layers"), list) and kind not in ("Merge", "Pipeline"):
        found = _network(config, name)
        return {**entry, "class_name": "Functional" if "input_layers" in found else kind, "config": found}
    if entry.get("module") is None:
        kind, config = _settings(str(kind), config, name)
    for inner in ("layer", "backward_layer"):
        if inner in config:
            config = {**config, inner: _entry(config[inner], name)}
    return {**entry, "class_name": kind, "config": config}


def _must_be_layer(entry: Any, title: str) -> None:
    """Raise UnreadableError where an entry is not a layer's: its class by name, and its settings."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("class_name"), str):
        raise UnreadableError(f"{title} is no layer with its class and settings, but {quoted(entry)}")
    if not isinstance(entry.get("config"), (Mapping, list)):
        raise UnreadableError(f"{title} ({entry['class_name']}) has no settings, but {quoted(entry.get('config'))}")


def _network(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the settings of a network; a Sequential that begins with a merge is a functional one today."""
    for i, entry in enumerate(config["layers"], 1):
        _must_be_layer(entry, f"{name}: layer {i}")
    layers = [_entry(entry, name) for entry in config["layers"]]
    first = config["layers"][0] if config["layers"] else {}
    branches = first.get("config", {}).get("layers") if isinstance(first, Mapping) and first.get(
        "class_name") == "Merge" and isinstance(first.get("config"), Mapping) else None  # fmt: skip
    if not isinstance(branches, list):
        return {**config, "layers": layers}
    return _joined([_entry(branch, name) for branch in branches], layers, name)


def _joined(branches: Sequence[Any], layers: Sequence[Any], name: str) -> Mapping[str, Any]:
    """Return a functional network of branches, of what joins them, and of what comes behind."""
    made: list[dict[str, Any]] = []
    ends: list[list[Any]] = []
    inputs = []
    for i, branch in enumerate(branches, 1):
        inner = branch["config"].get("layers") or [branch]
        shape = inner[0].get("config", {}).get("batch_input_shape")
        if shape is None:
            raise UnreadableError(f"{name}: branch {i} of the merge does not say which input it takes")
        title = f"branch_{i}"
        made += [
            {"class_name": "InputLayer", "name": f"input_{i}", "config": {"batch_shape": shape}, "inbound_nodes": []},
            {**branch, "name": title, "inbound_nodes": [[[f"input_{i}", 0, 0, {}]]]},
        ]
        inputs.append([f"input_{i}", 0, 0])
        # Keras 2 counts how a network was made among its calls
        ends.append([title, int(isinstance(branch["config"].get("layers"), list)), 0, {}])
    for i, layer in enumerate(layers, 1):
        title = str(layer["config"].get("name") or f"{layer['class_name']}_{i}")
        made.append({**layer, "name": title, "inbound_nodes": [ends]})
        ends = [[title, int(isinstance(layer["config"].get("layers"), list)), 0, {}]]
    return {"layers": made, "input_layers": inputs, "output_layers": [ends[0][:3]]}


def _settings(kind: str, config: Mapping[str, Any], name: str) -> tuple[str, Mapping[str, Any]]:
    """Return the class and the settings of a layer in the words of today."""
    title = f"{name}: the layer {quoted(config.get('name', kind))} ({kind})"
    if kind == "Merge":
        return _merge(config, title)
    found: dict[str, Any] = {}
    old = kind in _CLASSES
    for key, value in config.items():
        new = _NAMES.get(key, key)
        if key == "output_dim" and kind in _UNITS:
            new = "units"
        if new != key and new in config:
            raise UnreadableError(f"{title} has both {key!r} and {new!r}")
        old = old or new != key or key in _WITHOUT_SHAPE
        found[new] = value
    for sides in _KERNELS:
        if sides[0] in found:
            old = True
            found["kernel_size"] = [found.pop(side, None) for side in sides]
    if old:
        for key in (*_WITHOUT_SHAPE, *(("input_dim", "input_length") if kind != "Embedding" else ("dropout",))):
            found.pop(key, None)
        if "data_format" in found:
            found["data_format"] = _ORDERS.get(found["data_format"], found["data_format"])
        if kind in ("GRU", "GRUCell"):
            found["reset_after"] = False
    elif kind in ("GRU", "GRUCell") and "implementation" in found:
        found.setdefault("reset_after", False)  # Keras 2.0 did not have it
    if kind == "BatchNormalization":
        found.pop("mode", None)
    if kind == "ZeroPadding2D":
        found["padding"] = _sides(found.get("padding", 1))
    if kind == "TimeDistributedDense":
        layer = {"class_name": "Dense", "config": {k: v for k, v in found.items() if k != "batch_input_shape"}}
        kept: dict[str, Any] = {k: found[k] for k in ("name", "batch_input_shape") if k in found}
        return "TimeDistributed", {**kept, "layer": layer}
    return _CLASSES.get(kind, kind), found


def _sides(padding: Any) -> Any:
    """Return the padding of Keras 1, which may have all four sides in one list or mapping, as pairs."""
    if isinstance(padding, Mapping):
        padding = [padding.get(f"{side}_pad", 0) for side in ("top", "bottom", "left", "right")]
    return [padding[:2], padding[2:]] if isinstance(padding, list) and len(padding) == 4 else padding


def _merge(config: Mapping[str, Any], title: str) -> tuple[str, Mapping[str, Any]]:
    """Return what a merge of Keras 1 is today, by its mode."""
    mode = config.get("mode")
    if mode not in _MERGES or config.get("mode_type", "raw") != "raw":
        raise UnreadableError(f"{title} joins in a way that Keras has no layer for: {quoted(mode)}")
    found = {"name": config["name"]} if "name" in config else {}
    if mode == "concat":
        found["axis"] = config.get("concat_axis", -1)
    if mode == "dot":
        axes = config.get("dot_axes", -1)
        found["axes"] = [a[0] if isinstance(a, list) and len(a) == 1 else a for a in axes] if isinstance(
            axes, list) else axes  # fmt: skip
    return _MERGES[mode], found
