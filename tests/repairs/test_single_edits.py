"""Single edits: what is found by reading a network from the edited layer on is what judging each edit finds."""

from __future__ import annotations

import dataclasses

import pytest

import convsolve as cs
from convsolve.errors import ConvsolveError
from convsolve.network import Network
from convsolve.repairs.evaluated_network import judge
from convsolve.repairs.insertions import replaced
from convsolve.repairs.locked_layers import Locks
from convsolve.repairs.search import options_of
from convsolve.repairs.single_edits import working_edits
from tests.random_networks import random_network


def broken(seed: int) -> Network | None:
    """Return a random network at a size at which it fails, if there is one."""
    network = random_network(seed, depth=6)
    for size in (1, 2, 3, 5, 9, 14):
        shape = (network.inputs[0].operator.shape[0], size, size + 1)
        try:
            asked = network.with_input(shape)
            if cs.check(asked).failures:
                return asked
        except ConvsolveError:
            continue
    return None


@pytest.mark.parametrize("first", [0, 8])
def test_all_that_work_are_found_and_no_others(first: int) -> None:
    tried = 0
    for seed in range(first, first + 8):
        network = broken(seed)
        if network is None:
            continue
        now = judge(cs.Problem(network))
        options = options_of(now, Locks.read((), network))
        wanted = []
        for name, own in options.items():
            for operator, change in own:
                try:
                    changed = dataclasses.replace(now.problem, network=replaced(now.network, {name: operator}))
                    if judge(changed).ok:
                        wanted.append(change.edits)
                except ConvsolveError:
                    continue
        found = working_edits(now, options, [{}])
        assert found is not None
        assert sorted(map(str, (c.edits for c in found))) == sorted(map(str, wanted)), seed
        tried += sum(map(len, options.values()))
    assert tried > 100


def test_a_deep_network_hears_of_its_head() -> None:
    blocks = "\n".join(
        f"  - conv: {{out_channels: 16, kernel_size: 3, padding: 1, stride: {2 if i % 8 == 0 else 1}}}\n"
        "  - batch_norm\n  - relu"
        for i in range(28)
    )
    problem = cs.parse(
        f"input: [3, 224, 224]\nlayers:\n{blocks}\n  - flatten\n"
        "  - linear: {name: head, in_features: 7680, out_features: 10}\n"
    )
    found = cs.repair(problem, limit=1)[0]
    assert (str(found), found.proven) == ("head: in_features 7680 -> 3136", True)
