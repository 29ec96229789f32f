"""Summary: what modules cost, one in the other; compared with PyTorch's own count of parameters."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

import convsolve as cs


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x))) + x


class Net(nn.Module):
    def __init__(self, unused=False):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.body = nn.Sequential(Block(8), Block(8))
        self.head = nn.Linear(8, 10)
        self.twice = nn.Linear(10, 10)
        if unused:
            self.left_over = nn.Linear(2, 2)
        self.stem.requires_grad_(False)

    def forward(self, x):
        x = self.body(self.body(self.stem(x)))
        return self.twice(self.twice(self.head(x.mean((2, 3)))))


def count(module, trainable=False):
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable)


@pytest.mark.parametrize("depth", [None, 1, 2, 3])
def test_modules_sum_up_what_is_in_them(depth):
    net = Net()
    table = cs.summary(net, (3, 16, 16), depth=depth)
    assert table.report.params == count(net) and table.trainable == count(net, trainable=True) and table.frozen == 224
    outermost = [row for row in table.rows if row.depth == 0]
    assert sum(row.params for row in outermost) == count(net)
    assert sum(row.macs for row in outermost) == table.report.macs
    assert sum(row.activations for row in outermost) == table.report.activations
    assert sum(row.trainable for row in outermost) == table.trainable
    assert max(row.depth for row in table.rows) == {None: 2, 1: 0, 2: 1, 3: 2}[depth]
    body = next(row for row in table.rows if row.name == "body")
    assert (body.params, body.trainable, body.output) == (count(net.body), count(net.body), (8, 14, 14))


def test_what_no_layer_uses_has_a_row():
    table = cs.summary(Net(unused=True), (3, 16, 16))
    assert table.trainable + table.frozen == table.report.params == count(Net()) + 6
    assert next(row for row in table.rows if row.name == "left_over").params == 6


def test_columns_at_will():
    plain, full = (str(cs.summary(Net(), (3, 16, 16), formulas=f, receptive_field=f)) for f in (False, True))
    assert "16 - 3 + 1 = 14" in full and "16 - 3 + 1 = 14" not in plain
    assert "sees" in full.splitlines()[0] and "trainable" in plain.splitlines()[0]
    assert "trainable" not in str(cs.summary("problems/seeds/mnist_same_5x5_pool.yaml"))


def test_a_network_that_fails_has_a_table_too():
    table = cs.summary(
        nn.Sequential(nn.Conv2d(3, 4, 5), nn.Flatten(), nn.Linear(3, 2)), (3, 8, 8), receptive_field=True
    )
    assert not table.report.ok and "CS011" in str(table)


def test_a_table_is_at_most_a_screen_and_can_be_kept():
    deep = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(200)))
    table = cs.summary(deep, (3, 8, 8))
    assert len(str(table).splitlines()) < 50 and len(repr(table)) < 80
    assert (
        pickle.loads(pickle.dumps(cs.summary("problems/unet_300x300.yaml"))).rows
        == cs.summary("problems/unet_300x300.yaml").rows
    )
    assert copy.deepcopy(table).rows == table.rows


def test_questions_take_what_people_have():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 10))
    assert not cs.check(net, (3, 8, 8)).ok
    assert cs.diagnose(net, input_shape=(3, 8, 8))[0].kind == "wrong_input_for_head"
    assert cs.repair(net, (3, 8, 8)) and "conv" in cs.draw(net, (3, 8, 8)).mermaid()
    assert cs.valid_sizes(net, (3, 8, 8)).smallest()[0] == (3, 4, 4)
    assert cs.counterexample(net, range(4, 6), input_shape=(3, 4, 4)) is None
    assert cs.lint(net, (3, 4, 4)).checked.ok
    for path in ("problems/unet_300x300.yaml",):
        assert (
            not cs.check(path).ok and cs.repair(path, limit=1) and cs.draw(path) and cs.valid_sizes(path, prove=False)
        )
    with pytest.raises(cs.UnreadableError, match="PyTorch module, which does not say what input it takes"):
        cs.check(net)
    with pytest.raises(cs.NetworkError, match=r"got the class Flatten: make it, Flatten\(...\)"):
        cs.check(nn.Flatten)
