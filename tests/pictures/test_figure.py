"""Figures: what stands in which box, what is folded, what is strong."""

from __future__ import annotations

import convsolve as cs
from convsolve.operators import OPERATORS
from convsolve.pictures.figure import figure_of
from convsolve.pictures.folding import folded, units
from convsolve.pictures.svg import HUES

BLOCKS = """
input: [8, 16, 16]
layers:
  - conv: {name: stem, out_channels: 8, kernel_size: 3, padding: 1}
""" + "".join(f"""
  - conv: {{name: a{i}, out_channels: 8, kernel_size: 3, padding: 1}}
  - batch_norm
  - relu
  - conv: {{name: b{i}, out_channels: 8, kernel_size: 3, padding: 1}}
  - add: {{name: join{i}, inputs: [b{i}, {f'join{i - 1}' if i else 'stem'}]}}
""" for i in range(4)) + "  - conv: {name: last, out_channels: 4, kernel_size: 1}\n"  # fmt: skip


def figure(text: str):
    problem = cs.parse(text)
    return figure_of(problem.network, cs.check(problem))


def test_layers_that_change_no_shape_stand_in_the_box_before_them():
    boxes = figure(BLOCKS).by_name
    assert boxes["a0"].followers == ("batch_norm", "relu") and boxes["a0"].layers == ("a0", "batch_norm1", "relu1")
    assert boxes["b0"].followers == ()  # what joins is a box of its own


def test_what_two_layers_use_is_not_hidden_in_a_box():
    found = figure("""
input: [4, 8, 8]
layers:
  - conv: {out_channels: 4, kernel_size: 1}
  - relu
  - add: {inputs: [relu1, conv1]}
""")
    assert [box.name for box in found.boxes] == ["input", "conv1", "relu1", "add1"]


def test_a_block_that_repeats_is_drawn_once():
    whole = figure(BLOCKS)
    small = folded(whole)
    assert [box.name for box in small.boxes] == ["input", "stem", "a0", "b0", "join0", "last"]
    (block,) = small.blocks
    assert block.times == 4 and block.boxes == ("a0", "b0", "join0")
    assert small.by_name["b0"].layers == ("b0", "b1", "b2", "b3")
    assert {(a.source, a.target) for a in small.arrows} == {
        ("input", "stem"),
        ("stem", "a0"),
        ("a0", "b0"),
        ("b0", "join0"),
        ("stem", "join0"),
        ("join0", "last"),
    }


def test_every_layer_stands_in_exactly_one_box():
    for found in (figure(BLOCKS), folded(figure(BLOCKS))):
        layers = [name for box in found.boxes for name in box.layers]
        assert sorted(layers) == sorted(layer.name for layer in cs.parse(BLOCKS).network.layers)


def test_blocks_that_differ_in_a_number_are_not_folded():
    other = BLOCKS.replace("{name: b2, out_channels: 8, kernel_size: 3, padding: 1}",
                           "{name: b2, out_channels: 8, kernel_size: 5, padding: 2}")  # fmt: skip
    blocks = folded(figure(other)).blocks
    assert [block.times for block in blocks] == [2]


def test_a_copy_that_fails_is_not_folded():
    other = BLOCKS.replace(
        "  - conv: {name: b3, out_channels: 8", "  - conv: {name: b3, in_channels: 9, out_channels: 8"
    )
    found = folded(figure(other))
    assert found.by_name["b3"].state == "fails" and "CS010" in found.by_name["b3"].sentences[0]
    assert [block.times for block in found.blocks] == [3]


def test_units_end_where_one_tensor_passes():
    assert [tuple(box.name for box in unit) for unit in units(figure(BLOCKS))][:3] == [
        ("input",),
        ("stem",),
        ("a0", "b0", "join0"),
    ]


def test_open_parameters_are_shown_with_their_domains_and_shapes_with_their_ranges():
    problem = cs.parse("""
input: [1, 28, 28]
holes: {k: 3 | 5}
layers:
  - conv: {out_channels: 8 | 16, kernel_size: $k, padding: $k // 2, stride: 1..3}
  - max_pool: {kernel_size: 2, optional: true}
""")
    box = cs.draw(problem).figure.by_name["conv1"]
    assert [p.text for p in box.parameters] == [
        "out_channels=? {8 | 16}",
        "kernel_size=?k {3 | 5}",
        "stride=? {1..3}",
        "padding=?k//2",
    ]
    assert box.shape == "8..16 x 9..30 x 9..30"
    assert cs.draw(problem).figure.by_name["max_pool1"].when


def test_what_was_chosen_is_strong_and_nothing_else():
    solution = cs.solve(cs.load("problems/imagenet_stem.yaml"))
    boxes = cs.draw(solution).figure.by_name
    strong = {p.text.partition("=")[0] for p in boxes["first"].parameters if p.strong}
    assert strong == {"out_channels", "kernel_size", "stride", "padding"}
    assert not any(p.strong for p in boxes["pool"].parameters)


def test_what_a_repair_changes_is_strong():
    problem = cs.load("problems/unet_300x300.yaml")
    repairs = {repair.kinds: repair for repair in cs.repair(problem, limit=4)}
    padded = repairs[("padding",)]
    boxes = cs.draw(problem, beside=padded)
    other = figure_of(padded.network, padded.report, before=boxes.subject.network).by_name["enc1"]
    assert [p.text for p in other.parameters if p.strong] == ["padding=3"]
    resized = repairs[("resize_input",)]
    other = figure_of(resized.network, resized.report, before=boxes.subject.network).by_name["input"]
    assert [p.text for p in other.parameters] == ["shape=3x303x303"] and other.parameters[0].strong


def test_opaque_layers_say_what_they_are():
    found = figure("""
input: [3, 8, 8]
layers:
  - opaque: {what: torch.fft.rfft2, seen: [[3, 8, 8]], outputs: [[3, 8, 5]]}
""")
    assert found.boxes[1].kind == "torch.fft.rfft2" and found.boxes[1].state == "opaque"


def test_every_operator_has_a_colour():
    assert {operator.__module__.rpartition(".")[2] for operator in OPERATORS.values()} <= HUES.keys()
