"""Modules as people have them: what is hard to copy, buffers of numbers, other inputs, scripted parts; by execution."""

from __future__ import annotations

import contextlib
import signal
import threading
import time

import pytest
import torch
from torch import nn
from torch.nn import functional

import convsolve as cs

from .executed import truthful


class Program(nn.Module):
    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, torch.Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, *inputs, **named):
        return self.function(self, *inputs, **named)


BUFFERS = {
    "item": (lambda self, x: self.conv(functional.pad(x, (self.n.item(), 0))), torch.tensor(3)),
    "int": (lambda self, x: self.conv(x[:, :, int(self.n) :]), torch.tensor(2)),
    "if": (lambda self, x: self.conv(x) if self.n else x, torch.tensor(True)),
    "unless": (lambda self, x: x if not self.n else self.conv(x), torch.tensor([0])),
    "list": (lambda self, x: self.conv(functional.pad(x, self.n.tolist())), torch.tensor([1, 2])),
    "loop": (lambda self, x: [x := self.conv(x) for _ in range(self.n)][-1], torch.tensor(2)),
    "index": (lambda self, x: self.conv(x)[:, :, self.n :], torch.tensor(1)),
    "chosen": (lambda self, x: self.conv(x)[..., : [4, 8][self.n]], torch.tensor(1)),
    "sum": (lambda self, x: self.conv(functional.pad(x, (0, int(self.n.sum())))), torch.tensor([1, 1, 2])),
    "compared": (lambda self, x: self.conv(x) if x.shape[-1] > self.n.max().item() else x * 2, torch.tensor([3, 6])),
}


@pytest.mark.parametrize("name", BUFFERS)
def test_numbers_in_buffers(name):
    function, buffer = BUFFERS[name]
    sizes = truthful(lambda: Program(function, n=buffer.clone(), conv=nn.Conv1d(2, 2, 3)), (2, 12), range(1, 14))
    assert sizes.complete and sizes.proved and buffer.tolist() == BUFFERS[name][1].tolist()


@pytest.mark.parametrize("looks", [
    lambda self, x: x if x.mean() > 0 else -x, lambda self, x: x[: int(self.conv.weight.sum())],
    lambda self, x: functional.pad(x, (int(self.scale.item()), 0)), lambda self, x: x.numpy(),
])  # fmt: skip
def test_what_a_recording_does_not_have_is_not_blamed_on_the_program(looks):
    with pytest.raises(cs.UnreadableError, match="looks at the values"):
        cs.from_torch(Program(looks, conv=nn.Conv1d(2, 2, 3), scale=torch.ones(5)), (2, 12))


REFUSED = {
    "inverse": lambda self, x: torch.linalg.inv(x),
    "view": lambda self, x: self.conv(x).permute(0, 2, 3, 1).view(x.shape[0], -1),
    "determinant": lambda self, x: torch.linalg.det(x)[:, :, None],
    "axis": lambda self, x: x.sum(3).sum(3),
    "channels": lambda self, x: functional.conv2d(x[:, 0], self.conv.weight),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("side", [(5, 4), (4, 4)])
def test_what_pytorch_refuses_is_a_layer_that_fails(name, side):
    make = lambda: Program(REFUSED[name], conv=nn.Conv2d(3, 3, 1))  # noqa: E731
    truthful(make, (3, *side), [1, 3, 4, 5], most_unknown=1)
    if name in ("inverse", "view") and side == (5, 4):
        (failure,) = cs.check(cs.from_torch(make(), (3, *side))).failures
        assert (failure.code == "CS031" and "RuntimeError" in failure.message) or "LinAlgError" in failure.message


class Hooked(nn.Module):
    """Collects what a part gives by a hook that speaks of the module."""

    def __init__(self):
        super().__init__()
        self.conv, self.head, self.kept = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3), []
        self.conv.register_forward_hook(lambda module, inputs, output: self.kept.append(output))

    def forward(self, x):
        self.kept.clear()
        self.conv(x)
        return self.head(self.kept[-1])


class Locked(nn.Module):
    """Has what cannot be copied."""

    def __init__(self):
        super().__init__()
        self.lock, self.conv = threading.Lock(), nn.Conv2d(3, 4, 3)

    def forward(self, x):
        with self.lock:
            return self.conv(x)


class Computed(nn.Module):
    """Has a tensor that was computed from parameters."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bias = self.conv.weight.sum()

    def forward(self, x):
        return self.conv(x) + self.bias


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [
    Hooked, Locked, Computed, lambda: nn.Sequential(nn.utils.weight_norm(nn.Conv2d(3, 4, 3)), nn.ReLU()),
    lambda: nn.utils.spectral_norm(nn.Conv2d(3, 4, 3)), lambda: nn.utils.parametrizations.orthogonal(nn.Conv2d(3, 4, 3)),
])  # fmt: skip
def test_modules_that_are_hard_to_copy(make):
    truthful(make, (3, 8, 8), range(1, 9))


def test_lazy_modules_become_what_their_first_input_makes_them():
    module = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2))
    network = cs.from_torch(module, (3, 6, 6))
    assert cs.check(network).output == (2,) and not cs.check(network, (3, 7, 6)).ok
    assert network.by_name["2"].operator.in_features == 64 and isinstance(module[2].weight, nn.UninitializedParameter)


def test_an_input_that_has_the_batch_axis_alone():
    def step(self, x, t):
        waves = t.float()[:, None] * torch.exp(-torch.arange(2.0))[None]
        return self.conv(x) + self.time(torch.cat([waves.sin(), waves.cos()], -1))[:, :, None, None]

    network = cs.from_torch(Program(step, conv=nn.Conv2d(1, 8, 3), time=nn.Linear(4, 8)), [(1, 9, 9), ()])
    assert cs.check(network).output == (8, 7, 7) and not cs.check(network, [(1, 2, 9), ()]).ok
    assert str(cs.valid_sizes(network)) == "input1.height >= 3\ninput1.width >= 3"


def test_dictionaries_in_and_out():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, batch):
            return {"map": self.conv(batch["image"]) * batch["mask"], "more": {"image": batch["image"] * 2}}

    network = cs.from_torch(Pair(), {"image": (3, 8, 8), "mask": (1, 6, 6)})
    assert cs.check(network).output == (4, 6, 6) and len(network.outputs) == 2
    assert (
        cs.check(network, {"image": (3, 9, 9), "mask": (1, 7, 7)}).ok and not cs.check(network, {"image": (3, 9, 9)}).ok
    )
    named = Program(lambda self, **named: self.conv(named["pixel_values"]), conv=nn.Conv2d(3, 4, 3))
    assert cs.check(cs.from_torch(named, {"pixel_values": (3, 8, 8)})).output == (4, 6, 6)


@torch.jit.script
def folded(x):
    shape = x.shape
    return x.reshape(shape[0], shape[1], -1).sin().reshape(shape)


def test_scripted_functions():
    make = lambda: Program(lambda self, x: self.conv(folded(self.conv(x)))[..., 1:], conv=nn.Conv1d(2, 2, 3))  # noqa: E731
    assert str(truthful(make, (2, 30), range(1, 40))) == "length >= 6"


class Interrupted(nn.Module):
    """Is interrupted by a signal while it runs."""

    def __init__(self, where):
        super().__init__()
        self.conv, self.where = nn.Conv2d(3, 4, 3), where

    def forward(self, x):
        if x.shape[-1] > 4:
            if self.where == "program":
                signal.raise_signal(signal.SIGUSR1)
            return self.conv(x)
        return x

    def __deepcopy__(self, memo):
        if self.where == "copy":
            signal.raise_signal(signal.SIGUSR1)
        copied = Interrupted(self.where)
        return copied


@pytest.mark.parametrize("where", ["program", "copy"])
@pytest.mark.parametrize("error", [TimeoutError, ValueError, RuntimeError, KeyboardInterrupt])
def test_errors_of_a_signal_handler_pass_through(error, where):
    def handler(number, frame):
        raise error("of the caller")

    network = cs.from_torch(Interrupted("nowhere"), (3, 4, 4))
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        calls = [lambda: cs.from_torch(Interrupted(where), (3, 8, 8))]
        if where == "program":
            again = cs.from_torch(Interrupted(where), (3, 4, 4))
            calls += [lambda: cs.check(again, (3, 8, 8)), lambda: cs.valid_sizes(again), lambda: cs.repair(again, (3, 8, 8)),
                      lambda: cs.minimum_input(again), lambda: cs.diagnose(again, input_shape=(3, 8, 8))]  # fmt: skip
        for call in calls:
            with pytest.raises(error, match="of the caller"):
                call()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert cs.valid_sizes(network).complete


def test_the_programs_own_timeouts_and_errors():
    with pytest.raises(TimeoutError, match="own"):
        cs.from_torch(Program(_raises(TimeoutError("own"))), (3, 8))
    with pytest.raises(cs.UnreadableError, match="raised KeyError"):
        cs.from_torch(Program(_raises(KeyError("a"))), (3, 8))


def _raises(error):
    def function(self, x):
        raise error

    return function


def test_time_bounds_recordings():
    """The program counts up to a size, so that what it does takes longer the larger that is."""

    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x):
            for _ in range(x.shape[2] * 10):
                x = self.conv(x)
            return x

    network = cs.from_torch(Counts(), (3, 4, 4))
    for ask in (lambda: cs.valid_sizes(network, timeout=1), lambda: cs.repair(network, (3, 400, 9), timeout=1)):
        start = time.monotonic()
        with contextlib.suppress(cs.ConvsolveError):
            ask()
        assert time.monotonic() - start < 60
