"""Calls with arguments of another kind: each says in one sentence what was given and what was wanted."""

from __future__ import annotations

import re

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
    "a seed": (lambda: cs.solve(PROBLEM, seed="a"), "seed must be a whole number of at least 0, got 'a'"),
    "a limit": (lambda: next(cs.solutions(PROBLEM, limit=-1)), "limit must be a whole number of at least 1, got -1"),
    "a limit of repairs": (lambda: cs.repair(NETWORK, (1, 2, 2), limit=0), "limit must be .* at least 1"),
    "what is locked": (lambda: cs.repair(NETWORK, (1, 2, 2), locked=5), "locked takes a list such as"),
    "sizes": (lambda: cs.counterexample(NETWORK, sizes=5), r"sizes takes a list such as range\(64, 513\), got 5"),
    "half a size": (lambda: cs.counterexample(NETWORK, sizes=[1.5]), "a size must be a whole number"),
    "a space of nothing": (lambda: cs.Space(None), "wanted a Network or a Problem, got NoneType"),
    "a number of samples": (lambda: cs.Space(PROBLEM).sample("a"), "n must be a whole number, got 'a'"),
    "an assignment": (lambda: cs.Space(PROBLEM).complete(3), "an assignment maps holes to values"),
    "a value as text": (
        lambda: cs.Space(PROBLEM).domains({"c.kernel_size": "a"}),
        "c.kernel_size must be a whole number",
    ),
    "a batch": (lambda: cs.Space(PROBLEM).evaluate([3]), "a batch is a list of assignments"),
    "an objective": (lambda: cs.Objective("minimize", 3), "an objective is an expression"),
    "ends of a domain": (lambda: cs.Domain.range("a", 3), "start must be a whole number, got 'a'"),
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


# Wrong things for every parameter, one at a time.


class _Own:
    """A class, of which things are no argument either."""


class _Several:
    """What has no truth value, as an array or a tensor of several entries."""

    def __bool__(self) -> bool:
        raise ValueError("The truth value of an array with more than one element is ambiguous")

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "several([0,\n         1])"


WRONG = {
    "None": None, "text": "a", "no text": "", "bytes": b"a", "list": [1], "texts": ["a"], "nested": [[1], [2, 3]],
    "mapping": {"a": 1}, "numbers": {1: 2}, "nothing": {"c.kernel_size": None}, "set": {1}, "class": _Own, "thing": _Own(),
    "array": np.zeros((2, 2)), "several": _Several(), "half": 1.5, "nan": float("nan"), "below": -1, "belows": (-1, -2),
    "complex": 1j, "function": lambda *_: 1, "type": int, "error": ValueError("x"), "module": np, "large": 10**30,
    "true": True, "empty": (), "long": "x" * 5000, "lines": "a\nb", "unknown": cs.hole("h", 1, 2),
}  # fmt: skip

ASSIGNMENT = {"c.kernel_size": 3}
SPACE, VALID, SOLUTION = cs.Space(PROBLEM), cs.valid_sizes(NETWORK), cs.solve(PROBLEM)
SIZES, ONE_TO_NINE = cs.SizeSet.between(3, None, 2), cs.Domain.range(1, 9)


def called(name: str, /, **arguments: object) -> tuple[str, object, dict[str, object]]:
    owner, _, method = name.rpartition(".")
    return name, getattr({"": cs, **OWNERS}[owner], method), arguments


OWNERS = {"Space": SPACE, "Network": PROBLEM.network, "ValidSizes": VALID, "Solution": SOLUTION, "SizeSet": SIZES,
          "Domain": ONE_TO_NINE}  # fmt: skip

RIGHT = [
    called("check", network=NETWORK, input_shape=(1, 28, 28)), called("lint", network=NETWORK, codes=("W001",)),
    called("summary", network=NETWORK, depth=None, formulas=False, receptive_field=False),
    called("diagnose", network=NETWORK, report=None, input_shape=(1, 2, 2), target=None),
    called("repair", network=NETWORK, input_shape=(1, 2, 2), target=None, locked=(), limit=1, for_all=None, timeout=2.0),
    called("valid_sizes", network=NETWORK, training=False, prove=False, timeout=2.0, branches=True),
    called("minimum_input", network=NETWORK, training=False, timeout=2.0),
    called("smallest_input", problem=PROBLEM, timeout=2.0, seed=0),
    called("counterexample", network=NETWORK, sizes=range(5, 9), claim=(), training=False, timeout=2.0),
    called("compare", first=NETWORK, second=NETWORK),
    called("solve", problem=PROBLEM, timeout=2.0, seed=0, explain=False, progress=None),
    called("pareto", problem=PROBLEM, objectives=("params", "macs"), timeout=2.0, limit=10, seed=0),
    called("open", network=NETWORK, parameters={"c.stride": (1, 2)}, require=(), minimize=(), maximize=()),
    called("dump", problem=PROBLEM, format="yaml"), called("code", network=NETWORK, language="torch", name="Net"),
    called("parse", text="{input: [1, 8, 8], layers: [relu]}", source="t", format="yaml"),
    called("draw", what=NETWORK, unfold=False, title=""),
    called("explain", error_or_text="mat1 and mat2 shapes cannot be multiplied (4x5 and 3x2)", input_shape=None),
    called("eq", a=cs.hole("h", 1, 2), b=1), called("where", condition=cs.eq(cs.hole("h", 1, 2), 1), a=1, b=2),
    called("Space", problem=PROBLEM, timeout=2.0), called("Objective", sense="minimize", text="params"),
    called("Layer", name="a", operator=FLATTEN, inputs=("c",), when=True, source="", shares="", within=()),
    called("Network", layers=NETWORK.layers, outputs=(), framework="torch", data_format="channels_first", training=False,
           batch_size=1, dtype="float32", guards=(), refusal=""),
    called("Problem", network=PROBLEM.network, requirements=(), objectives=(), pareto=(), description="", expect={},
           for_all={}, sensible=()),
    called("Space.complete", partial=ASSIGNMENT, timeout=2.0), called("Space.decisions", partial=ASSIGNMENT),
    called("Space.crossover", a=ASSIGNMENT, b=ASSIGNMENT, seed=0), called("Space.domains", partial=ASSIGNMENT),
    called("Space.evaluate", batch=[ASSIGNMENT]), called("Space.nearest", assignment=ASSIGNMENT, keep=None),
    called("Space.neighbours", assignment=ASSIGNMENT), called("Space.network", assignment=ASSIGNMENT),
    called("Space.sample", seed=0, n=2, replace=True, spread=None),
    called("Network.assign", values=ASSIGNMENT), called("Network.with_shapes", given=(1, 28, 28)),
    called("Network.with_domain", name="c.kernel_size", domain=cs.Domain.of(3)),
    called("ValidSizes.at", point=(28, 28)), called("ValidSizes.limits", axis="height"),
    called("ValidSizes.period_set_by", axis="height"), called("ValidSizes.pick", sizes=(28, 28)),
    called("Solution.code", language="torch", name="Net"),
    called("SizeSet.at_least", n=3), called("SizeSet.at_most", n=3), called("SizeSet.count", limit=9),
    called("SizeSet.first", count=2), called("SizeSet.nearest", n=5), called("SizeSet.shifted", by=1),
    called("SizeSet.between", start=1, stop=5, step=1, axis="n"), called("Domain.range", start=1, stop=5, step=1),
    called("Domain.rank", value=1), called("Domain.values", limit=1),
]  # fmt: skip

RAW = "raw:"

OF_PYTHON = (
    f"^{RAW}|object is not|has no attribute|unhashable|values to unpack|not supported between|<class '|object at 0x|must be real"
    "|cannot be interpreted|unsupported operand|out of range|not subscriptable|division by zero|ambiguous|can't|NoneType' object"
)
"""What Python says of mistakes inside of a program."""


def answer(function, arguments):
    """Return what a call is answered with, in one line; ``done`` where it takes the arguments."""
    try:
        function(**arguments)
    except cs.FileError as error:
        return str(error)
    except cs.ConvsolveError as error:
        said = str(error)
        return said if "\n" not in said else ""
    except Exception as error:
        return f"{RAW} {type(error).__name__}: {error}"
    return "done"


@pytest.mark.parametrize(("name", "function", "right"), RIGHT, ids=[name for name, *_ in RIGHT])
def test_every_wrong_thing_is_answered_in_one_sentence(name, function, right):
    for parameter in right:
        for what, wrong in WRONG.items():
            if what == "large" and parameter in ("n", "count", "limit"):
                continue
            said = answer(function, {**right, parameter: wrong})
            assert said and not re.search(OF_PYTHON, said), f"{parameter}={what}: {said}"
