"""Closed modules: nothing is lost in them, and what differs inside is not drawn as a copy."""

from dataclasses import replace
from random import Random

import pytest

import convsolve as cs
from convsolve.pictures.figure import Arrow, Figure, figure_of
from convsolve.pictures.nesting import READABLE, closed, deepest, views
from tests.random_networks import random_network


def nested(seed: int) -> Figure:
    """Return the figure of a random network whose layers have names in random modules, some of them in pieces."""
    network, chance = random_network(seed), Random(seed)
    figure = figure_of(network, cs.check(network))
    names = {
        box.name: ".".join([*(f"m{chance.randrange(2)}" for _ in range(chance.randrange(4))), f"l{i}"])
        for i, box in enumerate(figure.boxes)
    }
    return replace(
        figure,
        boxes=tuple(replace(box, name=names[box.name]) for box in figure.boxes),
        arrows=tuple(Arrow(names[a.source], names[a.target], a.tensor, a.label) for a in figure.arrows),
    )


def seen(network: cs.Network):
    report = cs.check(network)
    return views(figure_of(network, report), figure_of(network, report, apart=True))


@pytest.mark.parametrize("seed", range(150))
def test_every_layer_stands_in_one_box_and_arrows_lead_forward(seed):
    figure = nested(seed)
    layers = sorted(layer for box in figure.boxes for layer in box.layers)
    for depth in range(1, deepest(figure) + 1):
        small = closed(figure, depth)
        assert sorted(layer for box in small.boxes for layer in box.layers) == layers
        place = {box.name: i for i, box in enumerate(small.boxes)}
        assert len(place) == len(small.boxes) and all(place[a.source] < place[a.target] for a in small.arrows)
        host = {layer: box.name for box in small.boxes for layer in box.layers}
        wanted = {(host[figure.by_name[a.source].layers[0]], host[figure.by_name[a.target].layers[0]])
                  for a in figure.arrows}  # fmt: skip
        assert {(a.source, a.target) for a in small.arrows} == {(a, b) for a, b in wanted if a != b}
        for box in small.boxes:
            failing = [b.state == "fails" for b in figure.boxes if set(b.layers) <= set(box.layers)]
            assert (box.state == "fails") == any(failing)
    found, first = views(figure, figure)
    counts = [len(one.boxes) for _, one in found]
    assert counts == sorted(counts) and found[-1][1] == figure and 0 <= first < len(found)


@pytest.mark.parametrize("name", ["swin_t", "densenet121"])
def test_large_networks_are_read_at_first_sight(name):
    problem = cs.load(f"torchvision.models:{name}", input_shape=(3, 224, 224))
    found, first = seen(problem.network)
    words, figure = found[first]
    assert len(figure.boxes) <= READABLE and words.startswith("modules to depth")
    assert [box.name for box in figure.boxes if box.kind == "constant"] == []  # they stand in their modules
    assert max(len(one.boxes) for _, one in found) > 2 * READABLE


def test_modules_that_differ_inside_are_no_copies():
    def module(name: str, kernel: int) -> str:
        sizes = f"kernel_size: {kernel}, padding: {kernel // 2}"
        return "".join(f"  - conv: {{name: {name}.{i}, out_channels: 4, {sizes}}}\n" for i in range(2))

    text = "input: [4, 8, 8]\nlayers:\n" + "".join(module(f"m{i}", 3) for i in range(5)) + module("m5", 5)
    network = cs.parse(text).network
    (_, figure), *_ = seen(network)[0]
    assert [box.name for box in figure.boxes] == ["input", "m0", "m5"]
    assert [(block.boxes, block.times) for block in figure.blocks] == [(("m0",), 5)]


def test_a_layer_that_has_the_name_of_a_module_keeps_it():
    text = "input: [4, 8, 8]\nlayers:\n" + "".join(
        f"  - conv: {{name: {name}, out_channels: 4, kernel_size: 1}}\n" for name in ("a", "a.0", "a.1", "b.0", "a.2")
    )
    network = cs.parse(text).network
    assert [box.name for box in closed(figure_of(network, cs.check(network)), 1).boxes] == [
        "input", "a", "a (2)", "b.0", "a.2"]  # fmt: skip
