"""Calls with arguments of another kind: each says in one sentence what was given and what was wanted."""

from __future__ import annotations

import numpy as np
import pytest

import convsolve as cs

PROBLEM = cs.parse(
    "{input: [1, 28, 28], layers: [conv: {name: c, out_channels: 4, kernel_size: 3 | 5}, max_pool: {kernel_size: 2}]}"
)
NETWORK = PROBLEM.network.assign({"c.kernel_size": 3})
FLATTEN = cs.operators.Flatten()

CALLS = {
    "a shape as text": (lambda: cs.check(NETWORK, "1x8x8"), "'1x8x8' is no shape: write it like"),
    "a number as shape": (lambda: cs.check(NETWORK, 28), "28 is no shape"),
    "a set as shape": (lambda: cs.check(NETWORK, {1, 8, 28}), "is no shape"),
    "a text in a shape": (lambda: cs.check(NETWORK, ("1", "8", "8")), "'1' is no shape"),
    "a tensor as shape": (
        lambda: cs.check(NETWORK, np.zeros((1, 28, 28))),
        r"got a tensor: its shape is \[1, 28, 28\]",
    ),
    "a hole as number": (lambda: cs.hole("k", 3, 5) == 3, r"`k` is not a number yet.* eq\(k, 3\)"),
    "a hole as other number": (lambda: cs.hole("k", [3, 5]) * 2 != 6, r"is not a number yet"),
    "a number as hole": (lambda: cs.hole("k", 3, 5) in (3, 5), "is not a number yet"),
    "no source": (lambda: cs.load(3), "load takes a file's name, .* got 3"),
    "a network as source": (lambda: cs.load(NETWORK), "load takes a file's name"),
    "no text": (lambda: cs.parse(3), "parse takes the text of a problem, got 3"),
    "a document": (lambda: cs.parse({"input": [1]}), "parse takes the text"),
    "a timeout as text": (lambda: cs.solve(PROBLEM, timeout="1"), "timeout must be a number of seconds"),
    "a timeout that is no number": (lambda: cs.valid_sizes(NETWORK, timeout=float("nan")), "timeout must be"),
    "a seed": (lambda: cs.solve(PROBLEM, seed="a"), "seed must be a whole number, got 'a'"),
    "a limit": (lambda: next(cs.solutions(PROBLEM, limit=-1)), "limit must be a whole number of at least 1, got -1"),
    "a limit of repairs": (lambda: cs.repair(NETWORK, (1, 2, 2), limit=0), "limit must be .* at least 1"),
    "what is locked": (lambda: cs.repair(NETWORK, (1, 2, 2), locked=5), "locked takes a list such as"),
    "sizes": (lambda: cs.counterexample(NETWORK, sizes=5), r"sizes takes a list such as range\(64, 513\), got 5"),
    "half a size": (lambda: cs.counterexample(NETWORK, sizes=[1.5]), "a size must be a whole number"),
    "a space of nothing": (lambda: cs.Space(None), "wanted a Network or a Problem, got NoneType"),
    "a number of samples": (lambda: cs.Space(PROBLEM).sample("a"), "n must be a whole number of at least 0"),
    "an assignment": (lambda: cs.Space(PROBLEM).complete(3), "an assignment maps holes to values"),
    "a value as text": (
        lambda: cs.Space(PROBLEM).domains({"c.kernel_size": "a"}),
        "c.kernel_size must be a whole number",
    ),
    "a batch": (lambda: cs.Space(PROBLEM).evaluate([3]), "a batch is a list of assignments"),
    "an objective": (lambda: cs.Objective("minimize", 3), "an objective is an expression"),
    "ends of a domain": (lambda: cs.Domain.range("a", 3), "the values of a domain are whole numbers, got 'a'"),
    "a domain of a number": (lambda: cs.Domain(3), "a domain is made by Domain.of"),
    "layers": (lambda: cs.Network(3), "layers takes a list such as"),
    "a number as layer": (lambda: cs.Network([1]), "layers takes Layers, got 1"),
    "a batch size": (lambda: cs.Network(NETWORK.layers, batch_size=0), "batch_size must be .* at least 1, got 0"),
    "training": (lambda: cs.Network(NETWORK.layers, training="yes"), "training must be true or false, got 'yes'"),
    "outputs as text": (lambda: cs.Network(NETWORK.layers, outputs="c"), "outputs takes a list such as"),
    "no operator": (lambda: cs.Layer("a", None), "a: wanted an operator such as Conv"),
    "inputs": (lambda: cs.Layer("a", FLATTEN, 3), "inputs takes a list such as"),
    "an input that is no name": (lambda: cs.Layer("a", FLATTEN, (3,)), "inputs names tensors"),
    "a condition": (lambda: cs.Layer("a", FLATTEN, ("c",), when=3), "when must be a condition, got 3"),
    "a problem of nothing": (lambda: cs.Problem(None), "a problem is made of a Network, got None"),
    "requirements": (lambda: cs.Problem(NETWORK, 3), "requirements takes a list such as"),
    "a front": (lambda: cs.pareto(PROBLEM, 3), "objectives takes a list such as"),
    "a dump of nothing": (lambda: cs.dump(3), "wanted a Network or a Problem, got int"),
    "code of nothing": (lambda: cs.code(3), "wanted a Network, got 3"),
    "no module": (lambda: cs.from_torch(3, (1, 2)), "from_torch takes a torch.nn.Module, got 3"),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_was_given_and_what_was_wanted(name):
    call, word = CALLS[name]
    with pytest.raises(cs.ConvsolveError, match=word) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_modules_take_shapes_and_refuse_tensors_and_classes():
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3))
    for shape in ((1, 8, 8), [1, 8, 8], torch.Size([1, 8, 8]), np.array([1, 8, 8])):
        assert cs.check(net, shape).output == (4, 6, 6)
    for question in (cs.check, cs.repair, cs.valid_sizes, cs.from_torch, cs.summary):
        with pytest.raises(cs.NetworkError, match=r"got a tensor: its shape is \[1, 1, 8, 8\]"):
            question(net, torch.zeros(1, 1, 8, 8))
    with pytest.raises(cs.NetworkError, match=r"got the class Conv2d: make it, Conv2d\(...\)"):
        cs.check(torch.nn.Conv2d, (1, 8, 8))


def test_expressions_are_compared_as_structures_within_and_between_each_other():
    k = cs.hole("k", [3, 5])
    assert k == cs.hole("k", 3, 5) and k + 1 == k + 1 and k != k + 1 and {k: 1}[cs.hole("k", 3, 5)] == 1
    conv = cs.operators.Conv(out_channels=4, kernel_size=k)
    assert conv != cs.operators.Conv(out_channels=4, kernel_size=3)  # operators, which compare their parts
    assert PROBLEM != cs.Problem(NETWORK) and PROBLEM == PROBLEM
    assert str(k) != "3" and k is not None and k != "k"


def test_whole_numbers_of_numpy_are_whole_numbers():
    assert cs.check(NETWORK, np.array([1, 10, 12])).output == (4, 4, 5)
    assert cs.Domain.of(*np.array([3, 5])).size == 2
