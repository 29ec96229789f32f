"""Programs that catch the errors of layers, held against executions on the CPU."""

from __future__ import annotations

from contextlib import suppress

import pytest
import torch
from torch import nn

import convsolve as cs
from tests.frameworks.torch.executed import faithful, opaque

SIZES = [(3, 16, 16), (3, 8, 8), (3, 4, 9), (3, 3, 3), (3, 1, 1), (3, 5, 5), (3, 7, 6), (3, 7, 5)]


class Parts(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide, self.narrow, self.head = nn.Conv2d(3, 4, 5), nn.Conv2d(3, 4, 1), nn.Conv2d(4, 6, 3)


class Otherwise(Parts):
    def forward(self, x):
        try:
            y = self.wide(x)
        except RuntimeError:
            y = self.narrow(x)
        return self.head(y)


class Suppressed(Parts):
    def forward(self, x):
        y = self.narrow(x)
        with suppress(RuntimeError):
            y = torch.cat([y, self.head(y)], 1)[:, :, 1:]
        with suppress(RuntimeError):
            y = self.head(y).relu()
        return y


class Around(Parts):
    """The error comes through functions of its own, and a ``finally``."""

    def both(self, x):
        return self.head(self.wide(x))

    def forward(self, x):
        try:
            try:
                return self.both(x)
            finally:
                x = self.narrow(x)
        except Exception:
            return x


class Reshaped(nn.Module):
    def forward(self, x):
        try:
            return x.view(x.shape[0], -1, 6)
        except RuntimeError:
            return x.flatten(1)


@pytest.mark.parametrize("module", [Otherwise, Suppressed, Around, Reshaped])
@pytest.mark.parametrize("recorded", [SIZES[0], SIZES[3]])
def test_the_branch_that_is_executed_is_recorded(module, recorded):
    assert not opaque(faithful(module(), recorded, *SIZES))


def test_guards_say_for_which_sizes():
    network = cs.from_torch(Otherwise(), (3, 3, 3))
    (guard,) = network.guards
    assert str(guard.condition) == "not (input.channels == 3 and 5 <= input.height and 5 <= input.width)"
    assert cs.check(network).ok and "wide" not in network.by_name and "test_try_blocks.py:" in guard.source
    assert cs.check(network.with_input((3, 16, 16))).unknown and cs.check(network, (3, 16, 16)).output == (6, 10, 10)


class Uncaught(Parts):
    def forward(self, x):
        try:
            return self.head(self.narrow(self.wide(x)))
        except KeyError:
            return x


class Renamed(Parts):
    def forward(self, x):
        try:
            return self.head(self.wide(x))
        except RuntimeError as error:
            if x.shape[1] == 3:
                raise ValueError("too small") from error
            return x


class Passed(Parts):
    def forward(self, x):
        try:
            return self.head(self.wide(x))
        except RuntimeError as error:
            raise ValueError("too small") from error


def test_what_is_not_caught_fails():
    network = faithful(Passed(), (3, 16, 16), *SIZES)
    assert not network.guards and [f.layer for f in cs.check(network, (3, 3, 3)).failures] == ["wide"]
    assert faithful(Renamed(), (3, 3, 3), (3, 7, 7), (3, 5, 4))
    failures = cs.check(cs.from_torch(Renamed(), (3, 5, 5))).failures
    assert [f.layer for f in failures] == ["head"]
    failures = cs.check(cs.from_torch(Uncaught(), (3, 3, 3))).failures
    assert [f.layer for f in failures] == ["wide", "narrow"]


def test_a_call_that_no_rule_knows():
    class Inverse(Parts):
        def forward(self, x):
            try:
                return torch.linalg.inv(self.narrow(x))
            except Exception:
                return self.narrow(x)

    faithful(Inverse(), (3, 5, 6), (3, 6, 5))


def test_values_are_not_looked_at_though_the_program_would_catch_that():
    class Looks(nn.Module):
        def forward(self, x):
            try:
                return x if x.sum() > 0 else -x
            except Exception:
                return x

    with pytest.raises(cs.UnreadableError, match=r"test_try_blocks.py:\d+: .*looks at the values"):
        cs.from_torch(Looks(), (3, 8, 8))
