"""What notebooks show: cards for answers that are no pictures, and a verdict above those that are."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

import convsolve as cs

PROBLEMS = Path(__file__).parents[2] / "problems"
UNET = cs.load(PROBLEMS / "unet_300x300.yaml")
REPAIRS = cs.load(PROBLEMS / "mnist_repair.yaml")

CARDS = {
    "report": (lambda: cs.check(UNET), ["✗ invalid: 1 failure", "skip2: CS013", "<svg"]),
    "valid report": (lambda: cs.check(UNET, (3, 304, 304)), ["✓ valid: the output is 16x152x152", "<svg"]),
    "repairs": (lambda: cs.repair(UNET, limit=2), ["<ol><li>", "<del>[3, 300, 300]</del> <ins>[3, 303, 303]</ins>",
                                                  "enc1: padding <del>1</del> <ins>3</ins>"]),
    "repair": (lambda: cs.repair(UNET, limit=1)[0], ["<del>[3, 300, 300]</del>", "output 16x152x152, params 58,192", "<svg"]),
    "no repairs": (lambda: cs.repair(UNET, (3, 304, 304)), ["nothing is to be repaired"]),
    "space": (lambda: cs.Space(REPAIRS), ["a space of 3 parameters", "conv1.padding", "0 | 1 | 2"]),
    "samples": (lambda: cs.Space(REPAIRS).sample(12, seed=0), ["12 valid architectures", "conv1.padding", "and 2 more"]),
    "counterexample": (lambda: cs.counterexample(UNET, sizes=range(64, 513)), ["height = 64, width = 65", "CS013"]),
    "infeasible": (lambda: cs.solve(cs.load(PROBLEMS / "overconstrained_tiny_model.yaml")),
                   ["no solution (proven)", "in each other's way: output.channels &gt;= 32"]),
}  # fmt: skip


class Sound(HTMLParser):
    """Knows whether every element that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        assert tag != "script"
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass


@pytest.mark.parametrize("name", CARDS)
def test_a_card_says_what_the_answer_is(name):
    make, words = CARDS[name]
    html = make()._repr_html_()
    assert all(word in html for word in words), html[:600]
    assert Sound(html).open == []


def test_names_from_strangers_do_no_harm_on_a_card():
    net = cs.parse("{input: [1, 8, 8], layers: [{conv: {name: '<b>&x', out_channels: 4, kernel_size: 9}}]}")
    html = cs.check(net)._repr_html_()
    assert "<b>&x" not in html and "&lt;b&gt;&amp;x" in html


def test_a_list_of_repairs_prints_a_line_for_each():
    found = cs.repair(UNET, limit=2)
    assert str(found) == "1. input: shape [3, 300, 300] -> [3, 303, 303]\n2. enc1: padding 1 -> 3"
    assert isinstance(found, list) and str(cs.repair(UNET, (3, 304, 304))) == "nothing is to be repaired"
