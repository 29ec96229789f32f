"""Files of Keras networks: read where Keras cannot be imported, and refused with one message where they are bad."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import pytest

import convsolve as cs
from tests.frameworks.keras.test_networks import nested, sequential

WITHOUT_KERAS = """
import sys
for name in ("keras", "tensorflow", "torch", "jax", "z3"):
    sys.modules[name] = None
import convsolve as cs
for path in sys.argv[1:]:
    report = cs.check(cs.from_keras(path))
    print(path, report.ok, report.params, report.output)
"""


@pytest.mark.parametrize("make", [sequential, nested], ids=lambda make: make.__name__)
def test_saved_files_are_read_without_keras(make: Any, tmp_path: Path) -> None:
    model = make()
    paths = [tmp_path / name for name in ("net.keras", "net.h5", "net.json")]
    model.save(paths[0])
    model.save(paths[1])
    paths[2].write_text(model.to_json())
    root = Path(cs.__file__).parent.parent
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_KERAS, *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    wanted = [f"{path} True {model.count_params()} {tuple(model.output_shape[1:])}" for path in paths]
    assert result.stdout.splitlines() == wanted, result.stderr


CONV = {"class_name": "Conv2D", "config": {"name": "c", "filters": 8, "kernel_size": [3, 3]}}
INPUT_2 = {
    "class_name": "InputLayer",
    "config": {"batch_input_shape": [None, 8, 8, 3], "name": "in"},
    "name": "in",
    "inbound_nodes": [],
}


def test_configs_of_keras_2() -> None:
    functional = {
        "class_name": "Functional",
        "config": {
            "name": "old",
            "layers": [
                INPUT_2,
                {**CONV, "name": "c", "inbound_nodes": [[["in", 0, 0, {}]]]},
                {
                    "class_name": "Concatenate",
                    "config": {"name": "k", "axis": -1},
                    "name": "k",
                    "inbound_nodes": [[["c", 0, 0, {}], ["c", 0, 0, {}]]],
                },
            ],
            "input_layers": [["in", 0, 0]],
            "output_layers": [["k", 0, 0]],
        },
    }
    assert cs.check(cs.from_keras(functional)).output == (6, 6, 16)
    old = {
        "class_name": "Sequential",
        "config": [{**CONV, "config": {**CONV["config"], "batch_input_shape": [None, 9, 9, 1]}}],
    }  # type: ignore[dict-item]
    assert cs.check(cs.from_keras(old)).output == (7, 7, 8)


def bad_files(folder: Path) -> dict[str, Path]:
    """Write files that are no networks; return them by what is wrong with them."""
    keras.Sequential([keras.Input((4, 4, 1)), keras.layers.ReLU()]).save(folder / "good.keras")
    good = (folder / "good.keras").read_bytes()
    files = {
        "truncated.keras": good[: len(good) // 2],
        "empty.keras": b"",
        "text.keras": b"hello",
        "list.json": b"[1, 2, 3]",
        "deep.json": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "nested.json": b'{"config":' * 90 + b"1" + b"}" * 90,
        "half.json": b'{"class_name": "Seq',
        "number.json": b"7",
        "other.json": b'{"class_name": "Dog"}',
        "types.json": json.dumps({"class_name": "Sequential", "config": {"layers": [7]}}).encode(),
        "odd.json": json.dumps(
            {
                "class_name": "Sequential",
                "config": {
                    "layers": [{**CONV, "config": {"filters": "eight", "kernel_size": 3}}],
                    "build_input_shape": [None, 8, 8, 1],
                },
            }
        ).encode(),
        "circle.json": json.dumps(
            {
                "class_name": "Functional",
                "config": {
                    "layers": [INPUT_2, {**CONV, "name": "c", "inbound_nodes": [[["c", 0, 0, {}]]]}],
                    "input_layers": [["in", 0, 0]],
                    "output_layers": [["c", 0, 0]],
                },
            }
        ).encode(),
        "utf.json": b"\xff\xfe\x00",
        "fake.h5": b"\x89HDF\r\n\x1a\n" + b"\0" * 100,
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with zipfile.ZipFile(folder / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b'{"a": "' + b" " * (70 * 2**20) + b'"}')
    with zipfile.ZipFile(folder / "bare.keras", "w") as archive:
        archive.writestr("other.txt", b"")
    with h5py.File(folder / "weights.h5", "w") as file:
        file.attrs["layer_names"] = "none"
    return {path.name: path for path in folder.iterdir() if path.name != "good.keras"}


def test_bad_files_are_refused_with_one_message(tmp_path: Path) -> None:
    found = bad_files(tmp_path)
    assert len(found) == 17
    for name, path in {**found, "missing": tmp_path / "missing.keras", "folder": tmp_path}.items():
        with pytest.raises(cs.UnreadableError) as error:
            cs.from_keras(path)
        message = str(error.value)
        assert "\n" not in message and str(path) in message and len(message) < 500, (name, message)


def stack(shape: tuple[int, ...], *layers: tuple[str, dict[str, Any]]) -> cs.Network:
    """Return a network read from configs that are written by hand."""
    entries = [
        {"class_name": kind, "config": {"name": f"{kind}_{i}", **config}} for i, (kind, config) in enumerate(layers)
    ]
    return cs.from_keras({"class_name": "Sequential", "config": {"layers": entries}}, input_shape=shape)


CONV2, LSTM, MAPS = (
    ("Conv2D", {"filters": 8, "kernel_size": [3, 3]}),
    ("LSTM", {"units": 4}),
    ("ConvLSTM2D", {"filters": 4, "kernel_size": 3}),
)
LACKING = [
    ((28, 28), [CONV2, ("MaxPooling2D", {}), CONV2], "the channel axis is missing: 28x28x1"),
    ((128,), [("Conv1D", {"filters": 3, "kernel_size": 3})], "the channel axis is missing: 128x1"),
    ((10, 32, 32), [MAPS], "the channel axis is missing: 10x32x32x1"),
    ((32, 32, 3), [MAPS], "the axis of steps is missing: 1x32x32x3"),
    ((28, 28), [("Resizing", {"height": 9, "width": 9})], "the channel axis is missing: 28x28x1"),
    ((10, 8), [LSTM, ("Dropout", {"rate": 0.5}), LSTM, LSTM], "return_sequences=True"),
    ((5, 32, 32, 3), [MAPS, ("BatchNormalization", {}), MAPS], "return_sequences=True"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "layers", "said"), LACKING, ids=str)
def test_an_axis_that_is_missing(shape: tuple[int, ...], layers: Any, said: str) -> None:
    network = stack(shape, *layers)
    report = cs.check(network)
    assert not report.ok and report.failures[0].code == "CS022"
    assert said in cs.diagnose(network)[0].message
    repairs = cs.repair(network)
    assert said in str(repairs[0]) and repairs[0].report.ok
    again = cs.parse(cs.dump(cs.Problem(network))).network
    assert [(x.name, x.operator, x.rank) for x in again.layers] == [
        (x.name, x.operator, x.rank) for x in network.layers
    ]


def test_an_axis_that_is_missing_in_a_live_network() -> None:
    with pytest.raises(ValueError, match="ndim") as error:
        keras.Sequential([keras.Input((28, 28)), keras.layers.Conv2D(8, 3)])
    assert "the channel axis is missing: 28x28x1" in str(cs.explain(error.value))
    assert "the channel axis is missing: 28x28x1" in str(cs.explain(str(error.value)))
    with pytest.raises(ValueError, match="ndim") as error:
        keras.Sequential([keras.Input((10, 8)), keras.layers.LSTM(4), keras.layers.LSTM(4)])
    assert "return_sequences=True" in str(cs.explain(error.value))


def test_settings_that_there_are_not() -> None:
    with pytest.raises(cs.UnreadableError, match=r"'Conv2D_0'.*no setting 'kernal_size': did you mean 'kernel_size'"):
        stack((28, 28, 1), ("Conv2D", {"filters": 8, "kernal_size": 3}))
    with pytest.raises(cs.UnreadableError, match="kernel_size must be a whole number or a list of 2, above 0, got"):
        stack((28, 28, 1), ("Conv2D", {"filters": 8, "kernel_size": [3, 3, 3]}))
    with pytest.raises(cs.UnreadableError, match="'filters' is missing"):
        stack((28, 28, 1), ("Conv2D", {"kernel_size": 3}))


def test_a_layer_at_each_step_written_and_read() -> None:
    pool = {"class_name": "GlobalAveragePooling2D", "config": {}}
    network = stack((5, 8, 8, 3), ("TimeDistributed", {"layer": pool}), LSTM)
    again = cs.parse(cs.dump(cs.Problem(network))).network
    assert cs.check(again).shapes == cs.check(network).shapes and cs.check(network).shapes["TimeDistributed_0"] == (
        5,
        3,
    )
    inner = {"class_name": "Conv2D", "config": {"filters": 4, "kernel_size": 3, "data_format": "channels_first"}}
    first = stack((5, 3, 8, 8), ("TimeDistributed", {"layer": inner}))
    report = cs.check(first)
    assert report.output == (5, 4, 6, 6) and report.macs == 5 * 27 * 4 * 36 and report.params == 112
