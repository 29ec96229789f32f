"""Damaged networks: whatever has been changed in a file, it is read, or refused with a message."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import keras
import numpy as np
import pytest
from onnx import helper

import convsolve as cs
from convsolve.frameworks.common.documents import unzipped
from tests.frameworks.keras.test_networks import joined, nested, sequence, sequential
from tests.frameworks.onnx.graphs import graph_of
from tests.frameworks.onnx.test_graphs import GRAPHS
from tests.frameworks.torch.described import call, described, tensor, written

ODD = (None, -1, 0, 7, 2**70, "x", [], {}, [1, 2], True, 1.5, [None], {"class_name": "Dog"}, [[["a", 0, 0]]])


def refusal(read: Callable[[], Any]) -> str | None:
    """Return the message with which something is refused, None where it is not."""
    try:
        read()
    except cs.ConvsolveError as error:
        return str(error) or "without a message"
    return None


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a document: a list or mapping, and the key in it."""
    found, stack = [], [value]
    while stack:
        here = stack.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here))
        for key in keys:
            found.append((here, key))
            if isinstance(here[key], (dict, list)):
                stack.append(here[key])
    return found


@pytest.mark.parametrize("make", [sequential, sequence, joined, nested], ids=lambda make: make.__name__)
def test_damaged_configs(make: Any) -> None:
    with keras.device("meta"):
        whole = json.loads(make().to_json())
    random, refused = Random(make.__name__), 0
    for _ in range(150):
        document = copy.deepcopy(whole)
        here, key = random.choice(places(document["config"]))
        here[key] = random.choice(ODD)
        message = refusal(lambda document=document: cs.check(cs.from_keras(document)))  # type: ignore[misc]
        refused += message is not None
        assert message is None or 0 < len(message) < 1000
    assert refused > 5


def test_damaged_programs(tmp_path: Path) -> None:
    aten, path = "torch.ops.aten.", tmp_path / "net.pt2"
    whole = described(
        [call(f"{aten}sym_size.int", "x", 2, to="%s"), call("_operator.floordiv", "%s", 2, to="%half"),
         call(f"{aten}conv2d.default", "x", "w", None, [2, 2], [1, 1], to="a"), call(f"{aten}max_pool2d.default", "x", [2, 2], to="b"),
         call(f"{aten}cat.default", ["a", "b"], 1, to="c"), call(f"{aten}chunk.default", "c", 2, 1, to={"as_tensors": [{"name": "d"}, {"name": "e"}]}),
         call(f"{aten}roll.default", "d", [1], [2], to="f"), call(f"{aten}adaptive_avg_pool2d.default", "f", [1, 1], to="g"),
         call(f"{aten}flatten.using_ints", "g", 1, to="y")],
        tensors={"w": tensor(5, 3, 3, 3), "y": tensor("n", 4)}, parameters=["w"])  # fmt: skip
    assert refusal(lambda: cs.check(cs.load(written(path, whole)))) is None
    random, refused = Random("damaged programs"), 0
    for _ in range(300):
        document = copy.deepcopy(whole)
        for _ in range(random.randint(1, 2)):
            here, key = random.choice(places(document["graph_module"]))
            here[key] = random.choice(
                (*ODD, 2**62, {"as_int": 3}, {"as_tensor": {"name": "x"}}, "\ud800", float("nan"))
            )
        message = refusal(lambda document=document: cs.check(cs.load(written(path, document))))  # type: ignore[misc]
        refused += message is not None
        assert message is None or (str(path) in message and "\n" not in message and len(message) < 1000), message
    assert refused > 100


def test_damaged_graphs(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    random, refused = Random("damaged graphs"), 0
    for nodes, weights, inputs, opset in GRAPHS.values():
        content = graph_of(nodes, inputs, weights, opset=opset).SerializeToString()
        for _ in range(12):
            damaged = bytearray(content)
            for _ in range(random.randint(1, 3)):
                damaged[random.randrange(len(damaged))] = random.choice((0, 1, 8, 0x7F, 0xFF, random.randrange(256)))
            path.write_bytes(bytes(damaged))
            refused += refusal(lambda: cs.check(cs.from_onnx(path), (3, 32, 32))) is not None
    assert refused > 50


def test_sizes_that_double_are_bounded() -> None:
    adds = [helper.make_node("Mul", [f"s{i}", f"s{i}"], [f"s{i + 1}"]) for i in range(60)]
    nodes = [helper.make_node("Shape", ["x"], ["s0"]), *adds, helper.make_node("Reshape", ["x", "s60"], ["y"])]
    message = refusal(lambda: cs.from_onnx(graph_of(nodes, {"x": (1, "H", "W")}, {})))
    assert message is not None and "more than 16 steps" in message


def test_constants_that_double_are_bounded() -> None:
    for kind, options, word in (("Concat", {"axis": 0}, "values"), ("Mul", {}, "64 bits")):
        doubled = [helper.make_node(kind, [f"s{i}", f"s{i}"], [f"s{i + 1}"], **options) for i in range(45)]
        nodes = [*doubled, helper.make_node("Reshape", ["x", "s45"], ["y"])]
        graph = graph_of(nodes, {"x": (3, 8, 8)}, {"s0": np.array([3, -1], np.int64)})
        message = refusal(lambda graph=graph: cs.from_onnx(graph))  # type: ignore[misc]
        assert message is not None and word in message


@pytest.mark.parametrize("kind", ["Expand", "Reshape"])
def test_tensors_of_axes_that_nobody_has(kind: str) -> None:
    nodes = [helper.make_node(kind, ["x", "s"], ["y"])]
    graph = graph_of(nodes, {"x": (1, 1, 1)}, {"s": np.ones(200_000, np.int64)})
    message = refusal(lambda: cs.from_onnx(graph))
    assert message is not None and "more than 64 axes" in message


def test_an_archive_without_an_end() -> None:
    message = refusal(lambda: unzipped("/dev/zero", "exported program", "/model.json"))
    assert message is not None and "16 MiB" in message
