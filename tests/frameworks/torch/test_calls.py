"""Calls of two and more tensors: attention, sums over named axes, choices, grids; held against executions on the CPU."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

import convsolve as cs

from .executed import faithful, opaque


class Calls(nn.Module):
    """Calls a function with parts of its own."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def read(function, *sizes, samples=2, **parts):
    """Assert that what a function does is read as it runs, by layers that are known; return the network."""
    network = faithful(Calls(function, **parts), *sizes, samples=samples)
    assert not opaque(network)
    return network


def weight(*shape):
    return nn.Parameter(torch.zeros(*shape))


@pytest.mark.parametrize(
    ("equation", "others", "sizes"),
    [
        ("bchw,bcij->bhwij", "x", [(3, 4, 5), (3, 7, 8)]),
        ("bchw,cd->bdhw", (3, 6), [(3, 4, 5), (3, 7, 8), (4, 7, 8)]),
        ("...c,cd->...d", (5, 6), [(3, 4, 5), (3, 7, 5), (4, 7, 8)]),
        ("bhwc->bc", None, [(3, 4, 5), (3, 7, 8)]),
        ("anc,amc->anm", "x", [(4, 5), (7, 8)]),
        ("nctv,vw->nctw", (5, 5), [(3, 4, 5), (3, 7, 5), (4, 7, 8)]),
        ("bcc->bc", None, [(4, 4), (5, 5), (4, 5)]),
        ("b c h w, b c h v -> b c w v", "x", [(2, 4, 5), (3, 7, 8)]),
    ],
)
def test_einsum(equation, others, sizes):
    if isinstance(others, tuple):
        read(lambda self, x: torch.einsum(equation, x, self.weight), *sizes, weight=weight(*others))
    else:
        read(lambda self, x: torch.einsum(equation, *[x] * (2 if others else 1)), *sizes)


def test_einsum_of_parts_and_lists():
    read(lambda _, x: torch.einsum("bhqd,bhkd->bhqk", x, x[:, :, ::2]).softmax(-1), (3, 4, 5), (3, 7, 8))
    read(lambda _, x: torch.einsum("bqd,bkd->bqk", [x, x[:, 1:]]), (3, 4), (7, 8), (1, 4))


@pytest.mark.parametrize("equation", ["bi,bj->ij", "bi,bj"])
def test_an_einsum_that_mixes_samples_is_opaque(equation):
    assert opaque(cs.from_torch(Calls(lambda _, x: torch.einsum(equation, x, x)), (5,))) == ["einsum"]


@pytest.mark.parametrize(
    "function",
    [
        lambda _, x: torch.where(x > 0, x, x.mean((2, 3), keepdim=True)),
        lambda _, x: torch.where(x > x.mean(1, keepdim=True), x, 0.0),
        lambda _, x: x.masked_fill(torch.ones(x.shape[-1], x.shape[-1]).triu(1).bool(), -1e9).softmax(-1),
        lambda _, x: (x == x[:, :1]).float() * x,
        lambda _, x: torch.lerp(x, x[:, :, :1], 0.5),
        lambda _, x: torch.where(x[:, :, 1:] >= 0, x[:, :, :-1], x[:, :, :1]),
    ],
)
def test_choices_and_comparisons(function):
    read(function, (3, 4, 4), (3, 7, 7), (3, 4, 5), (3, 1, 2))


class SpatialTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.localize = nn.Sequential(nn.Conv2d(1, 8, 7), nn.MaxPool2d(2), nn.ReLU(), nn.AdaptiveAvgPool2d(3))
        self.transform, self.conv = nn.Linear(72, 6), nn.Conv2d(1, 4, 3)

    def forward(self, x):
        theta = self.transform(self.localize(x).flatten(1)).view(-1, 2, 3)
        grid = functional.affine_grid(theta, x.size(), align_corners=False)
        return self.conv(functional.grid_sample(x, grid, align_corners=False))


def test_grids():
    assert not opaque(faithful(SpatialTransformer(), (1, 28, 28), (1, 40, 33), (1, 6, 9), (1, 8, 8), (2, 28, 28)))
    read(lambda _, x, flow: functional.grid_sample(x, flow.permute(0, 2, 3, 1), mode="nearest", align_corners=True),
         [(3, 8, 9), (2, 5, 6)], [(3, 8, 9), (2, 7, 9)], [(3, 4, 4), (3, 5, 6)])  # fmt: skip

    def volume(_, x):
        theta = x.mean((2, 3, 4))[:, :1].view(-1, 1, 1).expand(-1, 3, 4)
        grid = functional.affine_grid(theta, (x.size(0), 1, 4, 5, x.size(-1)), align_corners=False)
        return functional.grid_sample(x, grid, align_corners=False)

    read(volume, (3, 8, 9, 7), (2, 5, 6, 7))


@pytest.mark.parametrize("indexing", ["ij", "xy"])
def test_constants_along_axes_of_their_own(indexing):
    table = nn.Embedding(9, 4)

    def places(self, x):
        rows, columns = torch.meshgrid(torch.arange(x.shape[2]), torch.arange(x.shape[3]), indexing=indexing)
        grid = torch.stack((rows, columns)).float()
        x = torch.cat((x, (grid.mT if indexing == "xy" else grid).expand(x.shape[0], -1, -1, -1)), 1)
        return x.unsqueeze(-1) + self.table(rows.t() if indexing == "xy" else rows)

    read(places, (3, 8, 9), (3, 5, 20), (3, 9, 1), (3, 10, 9), (3, 1, 10), table=table)


SELF = [(10, 16), (3, 16), (5, 12)]
CROSS = [[(10, 16), (6, 16)], [(3, 16), (9, 16)], [(3, 16), (9, 12)], [(3, 12), (9, 16)]]


@pytest.mark.parametrize(
    ("options", "given", "sizes"),
    [
        ({}, {}, SELF),
        ({}, {"need_weights": False}, SELF),
        ({"bias": False}, {"average_attn_weights": False}, SELF),
        ({}, {}, CROSS),
        ({"add_bias_kv": True}, {}, CROSS),
        ({"add_zero_attn": True}, {"need_weights": False}, CROSS),
    ],
)
def test_attention(options, given, sizes):
    attention = nn.MultiheadAttention(16, 4, batch_first=True, **options)
    read(lambda self, x, *y: self.attention(x, *(y or (x,)) * 2, **given), *sizes, attention=attention)


def test_attention_to_keys_and_values_of_other_features():
    attention = nn.MultiheadAttention(16, 4, kdim=12, vdim=9, batch_first=True, add_zero_attn=True)
    sizes = [[(10, 16), (6, 12), (6, 9)], [(3, 16), (9, 12), (9, 9)], [(3, 16), (9, 12), (8, 9)], [(3, 16)] * 3]
    read(lambda self, *inputs: self.attention(*inputs)[0], *sizes, attention=attention)


def test_attention_with_masks():
    def causal(self, x):
        mask = torch.triu(torch.full((x.size(1), x.size(1)), float("-inf")), 1)
        return self.attention(x, x, x, attn_mask=mask, need_weights=False)[0]

    def padded(self, x, mask):
        return self.attention(x, x, x, key_padding_mask=mask > 0)[0]

    attention = nn.MultiheadAttention(16, 4, batch_first=True)
    read(causal, (10, 16), (3, 16), attention=attention)
    read(padded, [(10, 16), (10,)], [(7, 16), (7,)], [(7, 16), (6,)], attention=attention)


def test_attention_that_is_shared_is_counted_once():
    attention = nn.MultiheadAttention(16, 4, batch_first=True)
    network = read(lambda self, x, y: self.attention(self.attention(x, y, y)[0], y, y)[0], *CROSS, attention=attention)
    assert cs.check(network).params == sum(p.numel() for p in attention.parameters())


def test_transformers_with_two_inputs():
    assert not opaque(faithful(nn.TransformerDecoderLayer(16, 4, 32, batch_first=True), *CROSS))
    assert not opaque(faithful(nn.Transformer(16, 4, 1, 1, 32, batch_first=True), *CROSS))


def test_groups_of_queries():
    def grouped(self, x):
        queries = self.queries(x).view(x.shape[0], -1, 4, 8).transpose(1, 2)
        keys = self.keys(x).view(x.shape[0], -1, 2, 8).transpose(1, 2)
        return functional.scaled_dot_product_attention(queries, keys, keys, enable_gqa=True)

    read(grouped, (5, 12), (7, 12), (5, 11), queries=nn.Linear(12, 32), keys=nn.Linear(12, 16))


def test_statistics_of_the_batch_in_evaluation():
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False))
    assert not opaque(faithful(plain, (3, 8, 8), (3, 3, 3), (3, 2, 2), (3, 4, 3), samples=1))
    ones, sizes = torch.ones(3), [(3, 8, 8), (3, 1, 1), (3, 1, 2)]
    read(lambda _, x: functional.batch_norm(x, None, None, training=True), *sizes, samples=1)
    read(lambda _, x: functional.batch_norm(x, ones, ones, training=True), *sizes, samples=1)
    read(lambda _, x: functional.batch_norm(x, ones, ones), *sizes, samples=1)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_long_sequences_take_no_longer_than_short_ones(kind):
    network = cs.from_torch(Calls(lambda self, x: self.rnn(x), rnn=kind(6, 5, 2, batch_first=True)), (40_000, 6))
    assert cs.check(network).shapes["rnn"] == (40_000, 5) and not opaque(network)


def test_what_is_remembered_of_a_call_is_never_of_other_arguments():
    def program(self, x):
        y = functional.relu(x, True) + functional.relu(x)  # one of them writes into its argument
        z = torch.cat((x, y), 1)
        return functional.softmax(z, 1) * torch.cat((y, x), 1) + functional.pad(z, (1, 1))[..., 1:-1].softmax(-1)

    for size in ((3, 4, 5), (2, 7, 8), (3, 4, 5)):
        read(program, size, (1, 2, 3))


def test_a_wished_size_that_is_the_present_one_is_wished_all_the_same():
    def back(self, x):
        x = functional.max_pool2d(x.flatten(1).unsqueeze(1).unflatten(2, (-1, 2)), 2)
        return torch.fft.irfft(torch.fft.rfft(x), n=x.shape[-1])

    read(back, (1, 4, 6), (1, 5, 8), (1, 2, 1), (1, 1, 1))
    read(lambda self, x: torch.fft.irfft(x, n=x.shape[-1]), (3, 4, 6), (3, 4, 1), (3, 4, 2))
    read(lambda self, x: torch.fft.irfft2(x, s=(x.shape[-2], 1)), (3, 4, 1), (3, 5, 6))
