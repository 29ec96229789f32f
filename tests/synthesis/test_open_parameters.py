"""Networks whose parameters are opened again: what the solver chooses, against trying everything."""

from __future__ import annotations

import dataclasses
import itertools
import random

import pytest
from click.testing import CliRunner

import convsolve as cs
from convsolve.cli import cli

CHAIN = """
input: [3, 24, 24]
layers:
  - conv: {name: a, in_channels: 3, out_channels: 8, kernel_size: 3, stride: 2}
  - batch_norm: {name: norm, num_features: 8}
  - conv: {name: deep, in_channels: 8, out_channels: 16, groups: 8, kernel_size: 3, padding: 1}
  - conv: {name: b, in_channels: 16, out_channels: 4, kernel_size: 3}
  - flatten
  - linear: {name: head, in_features: 324, out_features: 10}
"""


def tried(network, choices, holds, cost):
    """Return the least cost of all networks with these parameters for which something holds."""
    best = None
    for values in itertools.product(*choices.values()):
        layers = []
        given = dict(zip(choices, values, strict=True))
        for layer in network.layers:
            own = {name.partition(".")[2]: v for name, v in given.items() if name.partition(".")[0] == layer.name}
            operator = layer.operator
            if "a.out_channels" in given:
                wide = given["a.out_channels"]
                own |= {"norm": {"num_features": wide}, "deep": {"in_channels": wide, "out_channels": 2 * wide, "groups": wide},
                        "b": {"in_channels": 2 * wide}, "head": {"in_features": None}}.get(layer.name, {})  # fmt: skip
            if layer.name == "head":
                own["in_features"] = None
            layers.append(dataclasses.replace(layer, operator=dataclasses.replace(operator, **own)))
        report = cs.check(cs.Network(tuple(layers), network.outputs))
        if report.ok and holds(report) and (best is None or cost(report) < best):
            best = cost(report)
    return best


@pytest.mark.parametrize("seed", range(12))
def test_what_is_chosen_is_the_best_of_all(seed):
    r = random.Random(seed)
    network = cs.parse(CHAIN).network
    choices = {
        "a.kernel_size": (1, 3, 5),
        "a.stride": (1, 2, 3),
        "b.padding": (0, 1),
        "b.stride": (1, 2),
        "deep.kernel_size": (3, 5),
    }
    choices = dict(r.sample(sorted(choices.items()), 2)) | {"a.out_channels": (4, 8, 12)}
    bound = r.choice([900, 2000, 5000, 10_000])
    problem = cs.open(network, choices, require=[f"params <= {bound}"], minimize="macs")
    solution = cs.solve(problem)
    expected = tried(network, choices, lambda report: report.params <= bound, lambda report: report.macs)
    assert (solution.macs if solution else None) == expected
    assert not solution or solution.proven


def test_ways_to_say_what_a_parameter_may_be():
    network = cs.parse(CHAIN).network
    for given in ("1 | 3", (1, 3), [1, 3], cs.Domain.of(1, 3)):
        assert cs.open(network, {"?.kernel_size": given}).network.holes["b.kernel_size"].domain == cs.Domain.of(1, 3)
    assert set(cs.open(network, {"*.kernel_size": "any"}).network.holes) == {
        "a.kernel_size",
        "deep.kernel_size",
        "b.kernel_size",
    }


@pytest.mark.parametrize(("parameters", "said"), [
    ({"a.strid": "1|2"}, "did you mean 'a.stride'"), ({"nothing.*": 1}, "no layer has a parameter"), ({"a.bias": "0|1"}, "no number"),
    ({"a.stride": "1.."}, "no domain with an end"), ({"a.stride": "x"}, "not known here"), ({"head.in_features": "any"}, "no usual values"),
])  # fmt: skip
def test_what_cannot_be_opened(parameters, said):
    with pytest.raises(cs.ConvsolveError, match=said):
        cs.open(cs.parse(CHAIN).network, parameters)


def test_shared_parameters_stay_shared():
    text = "input: [4, 9, 9]\nlayers:\n  - conv: {name: a, out_channels: 4, kernel_size: 3}\n  - conv: {name: b, out_channels: 4, kernel_size: 3, shares: a}\n"
    assert list(cs.open(cs.parse(text).network, {"*.kernel_size": "3 | 5"}).network.holes) == ["a.kernel_size"]


def test_a_recorded_network_is_not_recorded_again():
    import torch
    from torch import nn

    network = cs.from_torch(
        nn.Sequential(nn.Conv2d(3, 8, 3, groups=1), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 4, 1)),
        (3, 16, 16),
    )
    problem = cs.open(
        network, {"0.out_channels": (6, 12), "0.stride": "1 | 2"}, require=["output.height == 5"], maximize="params"
    )
    solution = cs.solve(problem)
    assert dict(solution.assignment) == {"0.stride": 2, "0.out_channels": 12} and problem.network.record is None
    own = cs.to_torch(solution.network)
    assert (
        own(torch.zeros(1, 3, 16, 16)).shape == (1, 4, 5, 5)
        and sum(p.numel() for p in own.parameters()) == solution.params
    )


@pytest.mark.parametrize(("words", "said"), [
    (["synth", "--require", "features.padding == 0", "--maximize", "conv1.padding"], "maximize conv1.padding: 2 (proven best)"),
    (["count", "--open", "conv1.kernel_size=3|5", "--set", "conv2.padding=1"], "valid architectures"),
    (["check", "--set", "conv1.padding=0", "--set", "conv2.padding=1", "--set", "features.padding=1"], "valid: the output is 10"),
    (["sample", "--set", "conv1.padding=0", "--seed", "1"], '"conv2.padding"'),
])  # fmt: skip
def test_what_if_on_the_command_line(words, said):
    result = CliRunner().invoke(cli, [words[0], "problems/mnist_repair.yaml", *words[1:]], standalone_mode=False)
    assert result.exception is None and said in result.stdout, result.output


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "x"],
        ["--set", "conv1.padding=a"],
        ["--open", "=3"],
        ["--set", "conv1.padding=99"],
        ["--minimize", "foo"],
    ],
)
def test_wrong_what_ifs(words):
    result = CliRunner().invoke(cli, ["synth", "problems/mnist_repair.yaml", *words], standalone_mode=False)
    assert result.exception is not None and not result.stdout
