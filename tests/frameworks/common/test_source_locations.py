"""Parts, positions and tables of recorded programs, against running them; and features that are as many as declared."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import convsolve as cs


class Sequence(nn.Module):
    """A layer made for 8 features, behind a convolution that leaves as many as its input is long, but 2."""

    def __init__(self, make):
        super().__init__()
        self.conv, self.layer = nn.Conv1d(3, 4, 3), make()

    def forward(self, x):
        x = self.conv(x)
        if isinstance(self.layer, nn.Transformer):
            return self.layer(x, x[:, :2])
        found = self.layer(x)
        return found[0] if isinstance(found, tuple) else found


MADE_FOR_8 = {
    "rnn": lambda: nn.RNN(8, 3, batch_first=True), "lstm": lambda: nn.LSTM(8, 3, 2, batch_first=True),
    "gru": lambda: nn.GRU(8, 3, bidirectional=True, batch_first=True),
    "encoder": lambda: nn.TransformerEncoderLayer(8, 2, 8, batch_first=True),
    "transformer": lambda: nn.Transformer(8, 2, 1, 1, 8, batch_first=True),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE_FOR_8)
@pytest.mark.parametrize("length", [10, 13])
def test_features_are_as_many_as_a_layer_was_made_for(name, length):
    network = cs.from_torch(Sequence(MADE_FOR_8[name]), (3, length))
    report = cs.check(network)
    if length == 10:
        assert report.ok
    else:
        failure = report.failures[0]
        assert failure.code == "CS011" and failure.layer.startswith("layer")
        assert "features=11, in_features=8" in failure.message and failure.smallest_input == (3, 10)
    sizes = cs.valid_sizes(network)
    assert str(sizes) == "length = 10" and sizes.complete and sizes.proved


class Program(nn.Module):
    """Runs a function of itself and the input; has a table of 12 vectors, and one of 15 distances."""

    def __init__(self, run):
        super().__init__()
        self.run, self.embedding, self.conv = run, nn.Embedding(12, 4), nn.Conv1d(4, 2, 1)
        self.table, self.distances = nn.Parameter(torch.zeros(12, 4)), nn.Parameter(torch.zeros(15))
        self.ids = torch.arange(12)[None]

    def forward(self, x):
        return self.run(self, x)


def resized(x, size):
    return nn.functional.interpolate(x, size=size)


def away(x):
    places = torch.arange(x.shape[2])
    return places[:, None] - places[None] + 7


PLACES = {
    "length >= 8": [
        lambda m, x: x[:, :, [0, 7]], lambda m, x: x[..., torch.tensor([7, 1])], lambda m, x: x.narrow(2, 2, 6),
        lambda m, x: x.index_select(2, torch.tensor([3, 7, 3])), lambda m, x: x[:, :, [-8, 1]], lambda m, x: x.select(2, 7),
        lambda m, x: x.narrow(2, -8, 3), lambda m, x: x.index_fill(2, torch.tensor([0, 7]), 0.0), lambda m, x: x.topk(8, 2)[0],
        lambda m, x: x.index_add(2, torch.tensor([1, 7]), x.narrow(2, 0, 2)), lambda m, x: x[:, :, torch.arange(2, 8)],
        lambda m, x: torch.zeros_like(x).scatter(2, torch.zeros_like(x).long() + 7, x),
        lambda m, x: x.gather(2, torch.full_like(x, 7).long())],
    "length in {1..12}": [
        lambda m, x: x + m.embedding(torch.arange(x.shape[2])).t(), lambda m, x: x + m.table[torch.arange(x.shape[2])].t(),
        lambda m, x: x.mT + m.embedding(torch.arange(x.shape[2])[None].expand(x.shape[0], -1)),
        lambda m, x: x + m.embedding(m.ids[:, : x.shape[2]]).mT],
    "length in {1..10}": [lambda m, x: x + m.embedding(torch.arange(2, x.shape[2] + 2)).t()],
    "length in {1..8}": [lambda m, x: x @ m.distances[away(x)]],
    "length >= 2": [
        lambda m, x: x + torch.cat([m.table[None, :1], resized(m.table.t()[None], x.shape[2] - 1).mT], 1).mT],
    "length >= 1": [
        lambda m, x: x.repeat_interleave(torch.tensor([1, 0, 3, 1]), 1),
        lambda m, x: torch.repeat_interleave(x.mT, torch.tensor([1, 2, 3, 1]), dim=-1),
        lambda m, x: x + m.embedding(torch.arange(x.shape[2]).clamp(max=11)).t(),
        lambda m, x: x[:, :, torch.arange(x.shape[2] - 1, -1, -1)],
        lambda m, x: torch.cat((x[..., :8] * 2, x[..., 8:] * 3), -1), lambda m, x: torch.cat([x[..., 3:], x[..., :3]], 2),
        lambda m, x: torch.cat([x[..., -3:], x, x[..., :0]], 2)],
    "length >= 5": [
        lambda m, x: torch.cat([x[..., 2:4], x[..., 4:]], 2)[..., 2:], lambda m, x: m.conv(x[..., 4:]), lambda m, x: x[..., 4:]],
}  # fmt: skip


@pytest.mark.parametrize(("text", "run"), [(text, run) for text, runs in PLACES.items() for run in runs])
def test_positions_are_inside_at_every_size(text, run):
    module = Program(run).eval()
    for recorded in (9, 3):
        network = cs.from_torch(module, (4, recorded))
        sizes = cs.valid_sizes(network)
        assert str(sizes) == text and sizes.complete and sizes.proved
        for n in (1, 4, 5, 7, 8, 10, 11, 12, 13):
            try:
                with torch.no_grad():
                    ran = run(module, torch.zeros(2, 4, n)).numel() > 0
            except (RuntimeError, IndexError):
                ran = False
            assert ((n,) in sizes) is cs.check(network, (4, n)).ok is ran


def test_what_the_cpu_refuses_fails_where_no_rule_says_so():
    program = Program(lambda m, x: x[:, torch.tensor([0, 1]), :, torch.tensor([2, 7])])
    assert cs.check(cs.from_torch(program, (4, 3, 9))).ok
    network = cs.from_torch(program, (4, 3, 5))
    (failure,) = cs.check(network).failures
    assert (failure.code, failure.layer) == ("CS031", "__getitem__")
    assert not cs.check(cs.from_torch(program, (4, 3, 9)), (4, 3, 5)).ok
    assert (3, 5) not in cs.valid_sizes(network)
