"""The kinds of repairs: what explains a message, and what mends a network, know the same; and it runs where it says."""

from __future__ import annotations

import dataclasses
import os
import random

import pytest

import convsolve as cs
from convsolve.errors import NetworkError
from convsolve.repairs.evaluated_network import judge
from convsolve.repairs.locked_layers import Locks
from convsolve.repairs.search import options_of
from convsolve.rules import RULES
from tests.frameworks.writing.written import layer_shapes
from tests.messages.examples import EXAMPLES

SCALE = int(os.environ.get("CONVSOLVE_SCALE", "1"))


def sketches():
    """Return the small networks that explanations build of messages, each once, and whether they know a repair."""
    found = {}
    for _, text, _ in EXAMPLES:
        for finding in cs.explain(text).findings:
            if finding.sketch is not None:
                found.setdefault(repr(finding.sketch), (finding.sketch, bool(finding.ways)))
    return list(found.values())


SKETCHES = sketches()


def executed(network, report):
    """Return the output's shape where a network is run, or None where its framework has no word for something in it."""
    try:
        shapes = layer_shapes(network, network.framework, meta=report.activations > 10**8)  # without memory, that is
    except NetworkError:
        return None
    return tuple(shapes[network.outputs[0]])


def verified(problem):
    """Return the repairs of a problem, replayed and executed, and how many were executed."""
    repairs = cs.repair(problem)
    run = 0
    for r in repairs:
        report = cs.check(dataclasses.replace(problem, network=r.network))
        assert report.ok and report.shapes == r.report.shapes, r
        shape = executed(r.network, report)
        assert shape is None or shape == report.output, r
        run += shape is not None
    return repairs, run


def test_whatever_an_explanation_can_mend_repair_can():
    missing = [sketch.network.layers for sketch, known in SKETCHES if known and not cs.repair(sketch)]
    assert not missing


def test_repairs_of_sketches_are_executed():
    counts = [(len(repairs), run) for repairs, run in (verified(sketch) for sketch, _ in SKETCHES)]
    assert sum(run for _, run in counts) > 0.9 * sum(n for n, _ in counts)


@pytest.mark.parametrize("code", [code for code, page in RULES.items() if page.example])
def test_every_rule_that_is_broken_can_be_mended(code):
    problem = cs.parse(RULES[code].example)
    if code == "CS031":  # the file itself says that the branch is refused: no layer is to blame
        assert cs.repair(problem) == []
        return
    assert verified(problem)[0]


# -- the neighbourhood of the examples, drawn at random


def normalised(draw, n):
    return draw.choice(
        [f"group_norm: {{groups: {n}}}", f"batch_norm: {{num_features: {n}}}", f"prelu: {{slopes: {n}}}"]
    )


def convolved(draw, n):
    kind = draw.choice(["conv", "conv_transpose"])
    return draw.choice([f"{kind}: {{out_channels: {n}, kernel_size: 1, groups: {draw.randint(2, 5)}}}",
                        f"{kind}: {{out_channels: 8, kernel_size: {draw.randint(1, 4)}, in_channels: {n}}}"])  # fmt: skip


def blocks(draw, n):
    kind = draw.choice(["pixel_shuffle", "depth_to_space", "space_to_depth", "pixel_unshuffle"])
    return f"{kind}: {{block_size: {draw.randint(2, 4)}}}"


def borders(draw, n):
    return draw.choice([f"pad: {{padding: {n}, mode: reflect}}", f"crop: {{amount: {n}}}",
                        f"max_pool: {{kernel_size: {draw.randint(2, 5)}, padding: {draw.randint(1, 4)}}}",
                        f"upsample: {{scale_factor: 1/{draw.randint(2, 30)}}}",
                        f"conv_transpose: {{out_channels: 4, kernel_size: 2, stride: 2, output_size: {draw.randint(1, 40)}}}",
                        f"slice: {{axis: 1, start: {n}, stop: {n + 2}}}"])  # fmt: skip


def rows(draw, n):
    a, b = draw.randint(2, 9), draw.randint(1, 9)
    return draw.choice([f"linear: {{in_features: {n}, out_features: 4}}", f"reshape: {{shape: [{a}, {b}]}}",
                        f"reshape: {{shape: [-1, {a}]}}", f"unflatten: {{axis: 0, sizes: [{a}, {b}]}}",
                        f"layer_norm: {{normalized_shape: [{n}]}}", f"split: {{axis: 0, sizes: [{a}, {b}]}}",
                        "conv: {out_channels: 4, kernel_size: 1}"])  # fmt: skip


def drawn(seed):
    """Return a small network with one kind of mistake, which may work by chance."""
    draw = random.Random(seed)
    framework = draw.choice(["torch", "keras", "onnx"])
    make = draw.choice([normalised, convolved, blocks, borders, rows])
    layer = make(draw, draw.randint(1, 12))
    shape = (draw.randint(1, 12), draw.randint(2, 12), draw.randint(2, 12))
    first = f"  - conv: {{out_channels: {draw.randint(2, 12)}, kernel_size: 1}}\n" if draw.random() < 0.5 else ""
    if make is rows:
        shape, first = (draw.randint(4, 64),), first and f"  - linear: {{out_features: {draw.randint(4, 64)}}}\n"
    text = f"framework: {framework}\ninput: {list(shape)}\nlayers:\n{first}  - {layer}\n"
    return text, cs.parse(text)


def tried(count):
    """Return how many of so many networks fail, how many repairs they have, how many were executed; and the unmended."""
    failing, repairs, run, unmended = 0, 0, 0, []
    for seed in range(count):
        text, problem = drawn(seed)
        if not cs.check(problem).ok:
            found, ran = verified(problem)
            failing, repairs, run = failing + 1, repairs + len(found), run + ran
            unmended += [] if found else [text]
    return failing, repairs, run, unmended


def test_drawn_networks_are_mended():
    failing, repairs, run, unmended = tried(120 * SCALE)
    assert failing > 50 * SCALE and not unmended
    assert run > 0.9 * repairs


@pytest.mark.parametrize(("layer", "edit"), [
    ("conv: {out_channels: 8, kernel_size: 2000000}", "kernel_size 2000000 -> 28"),
    ("conv: {out_channels: 8, kernel_size: 3, dilation: 2000000}", "dilation 2000000 -> 13"),
    ("crop: {amount: 2000000}", "amount 2000000 -> 13"),
    ("pad: {padding: 2000000, mode: reflect}", "mode reflect -> constant"),
    ("conv: {out_channels: 2500, kernel_size: 1, groups: 2000000}", "groups 2000000 -> 2500"),
    ("max_pool: {kernel_size: 2, padding: 2000000}", "padding 2000000 -> 0"),
    ("conv_transpose: {kernel_size: 2, out_channels: 1, stride: 1000000, output_padding: 2000000}",
     "output_padding 2000000 -> 999999"),
])  # fmt: skip
def test_of_millions_of_numbers_few_are_tried(layer, edit):
    """The time limit holds before a search, too: candidates are few, and the one that is nearest is among them."""
    problem = cs.parse(f"{{input: [5000, 28, 28], layers: [{{{layer}}}]}}")
    assert sum(map(len, options_of(judge(problem), Locks()).values())) < 2000
    assert any(edit in str(r) for r in cs.repair(problem, limit=8)), [str(r) for r in cs.repair(problem, limit=8)]
