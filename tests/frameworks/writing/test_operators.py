"""Single operators of every framework, with drawn parameters, written to every framework and executed there."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

import convsolve as cs
from convsolve.errors import NetworkError
from convsolve.network import Layer, Network
from convsolve.operators import Input
from tests.conformance import test_keras, test_onnx, test_torch
from tests.conformance.test_networks import SINGLY
from tests.frameworks.writing.written import TARGETS, layer_shapes, learned, params_in

SUITES = {"torch": test_torch.suite, "keras": test_keras.suite, "onnx": test_onnx.suite}
CASES = 8

REFUSALS = {
    "torch": (
        "has no fold to", "has no padding that differs", "has no output_size", "takes no circular padding", "takes no reflect padding", "takes no instance norm", "has no dilation",
        "learns a scale and a shift, or neither", "no shift without a scale", "resets the state after"),
    "keras": (
        "has no 'replicate' padding", "has no 'circular' padding", "no stride and dilation", "no groups in a transposed",
        "has no dilation", "resizes", "has no mode 'area'", "Keras has no local_response_norm"),
    "onnx": ("has no mode 'area'", "a crop leaves nothing of"),
}  # fmt: skip
"""What each framework has no word for; anything else must be written."""


def networks(framework: str, operation: str) -> list[tuple[Network, Any]]:
    found = []
    for case in islice(SUITES[framework].drawn(operation, 1), CASES * 3):
        inputs = [Layer(f"input{i}", Input(shape=s)) for i, s in enumerate(case.shapes)]
        layers = (*inputs, Layer("op", case.operator, tuple(layer.name for layer in inputs)))
        network = Network(layers, framework=framework, data_format=case.data_format)  # type: ignore[arg-type]
        try:
            report = cs.check(network)
        except NetworkError:
            continue
        if report.ok:
            found.append((network, report))
    return found[:CASES]


NEVER = {
    "torch": {"conv_lstm", "deform_conv", "center_crop_pad"},
    "keras": {"grid_sample", *SINGLY},
    "onnx": {"conv_lstm"},
}
"""Operations for which a framework has no operator at all."""


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("framework", "operation"), [(f, o) for f, suite in SUITES.items() for o in suite.operations])
def test_every_word_means_the_same(framework: str, operation: str, target: str) -> None:
    cases = networks(framework, operation)
    assert len(cases) >= 3
    refused = 0
    for network, report in cases:
        write = {"torch": cs.to_torch, "keras": cs.to_keras, "onnx": cs.to_onnx}[target]
        try:
            model = write(network)
        except NetworkError as error:
            reasons = (*REFUSALS[target], *(f"has no {kind}" for kind in NEVER[target]))
            if not (str(error).startswith("op: ") and any(reason in str(error) for reason in reasons)):
                raise
            refused += 1
            continue
        shapes = layer_shapes(network, target)
        assert {name: shapes[name] for name in report.shapes} == report.shapes, network
        assert learned(network, target, model) == params_in(network, target), network
    assert (refused == len(cases)) == (operation in NEVER[target])
