"""Modules and functions of PyTorch with wrong values, wrong lengths and wrong ranks: our verdict is that of the CPU.

A third of the parameters is drawn from what no network means: numbers of 0 and below, lists of another length than the
layer has axes, biases and weights of other sizes, inputs of other ranks. What PyTorch refuses when it is run, and what
leaves a tensor without elements, has to be a failure of a layer; what it runs has to have its shape. Constructors that
refuse are no networks, and are drawn again.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

import convsolve as cs
from tests.conformance.judge import SCALE

CASES = 25
"""Cases of each layer."""

BATCH = 2


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def number(r: Random, rank: int, usual: tuple[Any, ...]) -> Any:
    """Draw a parameter: usual most often, sometimes a number that is none, or a list of some length."""
    kind = r.random()
    if kind < 0.66:
        return r.choice(usual)
    if kind < 0.8:
        return r.choice((0, -1, -2, 1, 2, 3, 5, 9))
    length = rank if kind < 0.9 else r.choice((1, 2, 3))
    return tuple(r.choice((0, -1, 1, 1, 2, 3)) if r.random() < 0.4 else r.choice(usual) for _ in range(length))


def shape(r: Random, rank: int, channels: int) -> tuple[int, ...]:
    """Draw an input's shape, sometimes of another rank or with other channels."""
    rank = rank if r.random() < 0.85 else r.choice((0, 1, 2, 3))
    channels = channels if r.random() < 0.85 else r.randint(1, 5)
    return (channels, *(r.randint(1, 8) for _ in range(rank)))


def window(r: Random, rank: int, **more: tuple[Any, ...]) -> dict[str, Any]:
    usual: dict[str, tuple[Any, ...]] = {"kernel_size": (1, 2, 3), "stride": (1, 2), "padding": (0, 1), **more}
    drawn = {name: number(r, rank, values) for name, values in usual.items()}
    return {name: drawn[name] for name in drawn if name == "kernel_size" or r.random() < 0.6}


def conv(r: Random, rank: int) -> Any:
    options = window(r, rank, dilation=(1, 1, 2), groups=(1, 1, 2))
    if isinstance(options.get("groups"), tuple):
        del options["groups"]
    if r.random() < 0.3:
        options["padding_mode"] = r.choice(("reflect", "replicate", "circular"))
    kind = getattr(nn, f"Conv{rank}d")
    return kind(4, r.choice((2, 4, 4, 6, 0, 3)), **options), shape(r, rank, 4)


def conv_transpose(r: Random, rank: int) -> Any:
    options = window(r, rank, dilation=(1, 1, 2), output_padding=(0, 0, 1))
    return getattr(nn, f"ConvTranspose{rank}d")(4, r.choice((2, 4, 0)), **options), shape(r, rank, 4)


def conv_function(r: Random, rank: int) -> Any:
    groups, out = r.choice((1, 1, 2)), r.choice((4, 6))
    weight = torch.zeros(
        out, 4 // groups, *(r.randint(1, 3) for _ in range(rank if r.random() < 0.8 else r.randint(1, 3)))
    )
    bias = torch.zeros(*r.choice(((out,), (out,), (out - 1,), (out, 1), (1,))))
    options = {k: v for k, v in window(r, rank).items() if k != "kernel_size"}
    call = functools.partial(getattr(F, f"conv{rank}d"), weight=weight, bias=bias, groups=groups, **options)
    return Apply(lambda x: call(x)), shape(r, rank, 4)


def pool(r: Random, rank: int) -> Any:
    kind = r.choice(("MaxPool", "AvgPool"))
    options = window(r, rank)
    if kind == "MaxPool" and r.random() < 0.4:
        options["dilation"] = number(r, rank, (1, 2))
    return getattr(nn, f"{kind}{rank}d")(**options, ceil_mode=r.random() < 0.4), shape(r, rank, 4)


def lp_pool(r: Random, rank: int) -> Any:
    options = {k: v for k, v in window(r, rank).items() if k != "padding"}
    return getattr(nn, f"LPPool{rank}d")(2, **options), shape(r, rank, 4)


def adaptive(r: Random, rank: int) -> Any:
    kind = r.choice(("AdaptiveAvgPool", "AdaptiveMaxPool"))
    return getattr(nn, f"{kind}{rank}d")(number(r, rank, (1, 2, 3, 7))), shape(r, rank, 4)


def pad(r: Random, rank: int) -> Any:
    mode = r.choice(("constant", "constant", "reflect", "replicate", "circular"))
    length = 2 * rank if r.random() < 0.7 else r.randint(1, 2 * rank)
    sides = tuple(r.choice((0, 1, 1, 2, -1, -2, 4, 9)) if r.random() < 0.5 else 1 for _ in range(length))
    return Apply(lambda x: F.pad(x, sides, mode=mode)), shape(r, rank, 4)


def interpolate(r: Random, rank: int) -> Any:
    mode = r.choice(("nearest", "linear", "bilinear", "trilinear", "area"))
    if r.random() < 0.5:
        options = {"size": number(r, rank, (1, 2, 5, 9))}
    else:
        scale = r.choice((2, 0.5, 1.5, 0.1, 0, -1, (2,) * rank, (2, 3), (2,)))
        options = {"scale_factor": scale}
    return Apply(lambda x: F.interpolate(x, mode=mode, **options)), shape(r, rank, 4)


def unfold(r: Random, rank: int) -> Any:
    return nn.Unfold(**window(r, 2, dilation=(1, 1, 2))), shape(r, 2, 4)


def fold(r: Random, rank: int) -> Any:
    height, width, kernel, stride = r.randint(2, 6), r.randint(2, 6), r.choice((1, 2)), r.choice((1, 1, 2))
    if r.random() < 0.6:
        blocks = ((height - kernel) // stride + 1) * ((width - kernel) // stride + 1)
        return nn.Fold((height, width), kernel, stride=stride), (
            kernel**2 * r.randint(1, 3),
            blocks + (r.random() < 0.2),
        )
    options = window(r, 2, dilation=(1, 1, 2))
    return nn.Fold(number(r, 2, ((height, width),)), **options), (r.choice((4, 9, 18, 8)), r.choice((1, 4, 9, 6)))


def shuffle(r: Random, rank: int) -> Any:
    kind = r.choice((nn.PixelShuffle, nn.PixelUnshuffle))
    return kind(r.choice((2, 2, 3, 1, 0, -1))), shape(r, 2, r.choice((4, 8, 9)))


def linear(r: Random, rank: int) -> Any:
    features = r.randint(1, 6)
    weight = torch.zeros(r.choice((3, 3, 0)), features + (r.random() < 0.2))
    bias = torch.zeros(*r.choice(((len(weight),), (len(weight),), (1,), (2,), (len(weight), 1))))
    module = (
        Apply(lambda x: F.linear(x, weight, bias)) if r.random() < 0.5 else nn.Linear(features, r.choice((2, 5, 0)))
    )
    return module, (*(r.randint(1, 4) for _ in range(r.randint(0, 2))), features)


def norm(r: Random, rank: int) -> Any:
    channels = r.choice((4, 4, 3, 6))
    parts = r.choice((1, 2, 4, 3, 0, -1))
    made: Any = r.choice((
        lambda: getattr(nn, f"BatchNorm{rank}d")(channels).eval(),
        lambda: getattr(nn, f"InstanceNorm{rank}d")(channels, affine=r.random() < 0.5).eval(),
        lambda: Apply(lambda x: F.group_norm(x, parts)),
        lambda: nn.LayerNorm(r.choice((4, (4,), (3, 4), (4, 3, 3), 5, 0)), elementwise_affine=r.random() < 0.5),
        lambda: nn.PReLU(r.choice((1, 4, 3))), lambda: nn.GLU(r.choice((1, 2, -1, 5))),
    ))()  # fmt: skip
    given = shape(r, rank, 4)
    return made, (*given[:-1], 4) if isinstance(made, nn.LayerNorm) else given


def axes(r: Random, rank: int) -> Any:
    given = (4, *(r.randint(1, 6) for _ in range(rank)))
    a, b, n = r.randint(-rank - 3, rank + 3), r.randint(1, rank + 2), r.choice((-1, 0, 1, 2, 3, 9))
    parts = [r.choice((1, 2, 3)) for _ in range(r.randint(1, 3))]
    behind = r.randint(1, rank + 1)
    function: Callable[[Any], Any] = r.choice((
        lambda x: torch.flatten(x, behind, a), lambda x: torch.flatten(x, behind, b), lambda x: x.unsqueeze(b),
        lambda x: x.squeeze(b), lambda x: x.mean(b), lambda x: x.mean((behind, b)), lambda x: x.sum(b, keepdim=True),
        lambda x: torch.chunk(x, min(n, given[behind - 1]), behind)[0],
        lambda x: torch.split(x, n, behind)[0],
        lambda x: torch.split(x, parts, behind)[-1], lambda x: x.select(behind, n), lambda x: x.narrow(behind, n, b),
        lambda x: x.repeat(1, *[n if i == behind else 1 for i in range(1, rank + 2)]),
        lambda x: x.expand(-1, *[n if i == behind else -1 for i in range(1, rank + 2)]),
        lambda x: x.reshape(x.shape[0], n, b), lambda x: x.reshape(x.shape[0], n, -1),
        lambda x: x.view(x.shape[0], -1, n), lambda x: x.transpose(behind, b), lambda x: x.softmax(b),
        lambda x: x.movedim(behind, b), lambda x: torch.roll(x, 1, b), lambda x: x.cumsum(b), lambda x: x.flip(b),
        lambda x: x.permute(0, *r_order), lambda x: x[:, n], lambda x: x[:, ..., n], lambda x: x[:, n:b],
    ))  # fmt: skip
    r_order = r.sample(range(1, rank + 2), rank + 1) if r.random() < 0.7 else [b] * (rank + 1)
    return Apply(function), given


DRAWS = (conv, conv_transpose, conv_function, pool, lp_pool, adaptive, pad, interpolate, unfold, fold, shuffle, linear, norm,
         axes)  # fmt: skip


def executed(module: Any, given: tuple[int, ...]) -> tuple[int, ...] | str | None:
    """Return the shape that the CPU makes, None where it refuses or leaves nothing; a text where no batch is left."""
    try:
        with torch.no_grad():
            made = module(torch.zeros(BATCH, *given))
    except Exception:
        return None
    if not made.numel():
        return None
    return tuple(made.shape[1:]) if len(made) == BATCH else "the batch is taken for channels"


def judged(module: Any, given: tuple[int, ...]) -> tuple[int, ...] | str | None:
    """Return the shape that we say is there, None where a layer fails; what is not known, or no verdict, as text."""
    try:
        report = cs.check(cs.from_torch(module, given, batch_size=BATCH))
    except cs.ConvsolveError as error:
        return f"refused: {error}"
    if report.failures:
        return None
    return f"unknown: {report.unknown[0].message}" if report.unknown else report.output


@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw.__name__)
def test_execution_agrees(draw: Any) -> None:
    r = Random(f"parameters/{draw.__name__}")
    wrong, refused, cases = [], 0, 0
    while cases < CASES * SCALE:
        rank, state = r.choice((1, 2, 2, 3)), r.getstate()
        try:
            module, given = draw(r, rank)
        except Exception:
            continue  # no such layer can be made
        cases += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            truth, ours = executed(module, given), judged(module, given)
        refused += truth is None
        if truth != ours and not isinstance(truth, str):
            again = Random()
            again.setstate(state)
            wrong.append(f"case {cases}: {draw(again, rank)[0]} on {given}: executed {truth}, we say {ours}")
    assert not wrong, f"{len(wrong)} of {cases}:\n" + "\n".join(wrong[:6])
    assert 0.1 <= refused / cases <= 0.9
