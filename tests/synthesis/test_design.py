"""Networks from their ends: what is asked for is kept, nothing is silly, and the mirror gives sizes back."""

from __future__ import annotations

import itertools
import json
import random

import pytest

from convsolve.checks.check import check
from convsolve.checks.lint import lint
from convsolve.dims import Domain
from convsolve.errors import NetworkError
from convsolve.files import dump, parse
from convsolve.lints import SENSIBLE
from convsolve.synthesis.design import Wishes, design, mirror
from convsolve.synthesis.solve import Solution, solutions, solve

ASKED = [
    (Wishes((3, 480, 640), (15, 20), layers=5, budgets={"params": 500_000}), (256, 15, 20)),
    (Wishes((4, 84, 84), (256, 1, 1), layers=3), (256, 1, 1)),
    (Wishes((100, 1, 1), (3, 64, 64), layers=5), (3, 64, 64)),
    (Wishes((64, 7, 7), (1, 28, 28), layers=3), (1, 28, 28)),
    (Wishes((16, 1000), (1000,), layers=6, receptive_field=255), (16, 1000)),
    (Wishes((3, 32, 32), (10,), layers=4, channels="16..64 step 16", budgets={"params": 100_000}), (10,)),
    (Wishes((1, 32, 32, 32), (4, 4, 4), layers=3, kernels="3"), (64, 4, 4, 4)),
    (Wishes((1, 16000), (500,), layers=5, minimize=("macs",), channels="8 | 16 | 32"), None),
]


@pytest.mark.parametrize(("wishes", "output"), ASKED)
def test_what_is_asked_for_is_kept(wishes, output):
    problem = design(wishes)
    answer = solve(problem, timeout=60)
    assert isinstance(answer, Solution), answer
    assert output is None or answer.output == output
    assert not lint(answer.network, codes=SENSIBLE).findings
    for cost, limit in dict(wishes.budgets).items():
        assert getattr(answer.report, cost) <= limit
    assert dict(solve(parse(dump(problem)), timeout=60).assignment) == dict(answer.assignment)


def test_the_generator_is_dcgan():
    """Radford, Metz and Chintala (2016): kernel 4, stride 2, padding 1, from 4x4 on, half as many channels each time."""
    convs = [layer.operator for layer in solve(design(ASKED[2][0])).network.ordered if layer.operator.kind != "relu"][
        1:
    ]
    assert [(c.kernel_size, c.stride, c.padding) for c in convs] == [(4, 1, 0)] + [(4, 2, 1)] * 4
    assert [c.out_channels for c in convs] == [128, 64, 32, 16, 3]


@pytest.mark.parametrize(("output", "said"), [
    ((4, 128), "larger than the input along one axis and smaller along another"),
    ((3, 3, 3, 3), "does not go with an input of 3"),
])  # fmt: skip
def test_wishes_that_do_not_fit_together_are_told(output, said):
    with pytest.raises(NetworkError, match=said):
        design(Wishes((3, 32, 32), output))


def test_answers_differ_in_structure():
    problem = design(ASKED[0][0])
    found = list(solutions(problem, limit=3, different="structure", timeout=60))
    kinds = [tuple((layer.operator.kernel_size, layer.operator.stride)
                   for layer in s.network.ordered if layer.operator.kind == "conv") for s in found]  # fmt: skip
    assert len(set(kinds)) == 3
    unlike = [sum(a != b for a, b in zip(kinds[i], kinds[j], strict=True)) for i in range(3) for j in range(i)]
    assert min(unlike) >= 2


def test_fewer_differences_are_asked_for_where_so_many_cannot_be_had():
    text = """
    input: [1, 16]
    layers:
      - conv: {name: a, out_channels: 2, kernel_size: 3 | 5, padding: half, stride: 1 | 2}
      - conv: {name: b, out_channels: 2, kernel_size: 3 | 5, padding: half, stride: 1 | 2}
      - conv: {name: c, out_channels: 2 | 4, kernel_size: 3, padding: 1..3, stride: 1}
    require: [output.length >= 4]
    """
    found = [s.assignment for s in solutions(parse(text), limit=40, different="structure")]
    counted = ("a.kernel_size", "a.stride", "b.kernel_size", "b.stride")
    assert len({tuple(a[name] for name in counted) for a in found}) == len(found) == 16
    padding = "{input: [1, 8], layers: [{conv: {out_channels: 2, kernel_size: 3, padding: 0 | 1}}]}"
    assert len(list(solutions(parse(padding), different="structure"))) == 2  # where no structure is open, values count


@pytest.mark.parametrize("seed", range(30))
def test_mirrors_give_back_the_sizes_of_every_stage(seed):
    rng = random.Random(seed)
    axes = rng.randint(1, 2)
    layers = []
    for i in range(rng.randint(1, 4)):
        kernel = [rng.randint(1, 5) for _ in range(axes)]
        window = {"name": f"l{i}", "kernel_size": kernel, "stride": [rng.randint(1, 3) for _ in kernel]}
        window["padding"] = [rng.randint(0, k // 2) for k in kernel]
        layers.append({"max_pool": window} if rng.random() < 0.3 else {"conv": {**window, "out_channels": 4}})
        layers += rng.choice([[], ["relu"], ["batch_norm", "relu"]])
    shape = [rng.randint(1, 3), *(rng.randint(20, 60) for _ in range(axes))]
    encoder = parse(json.dumps({"input": shape, "layers": layers}))
    before = check(encoder)
    if not before.ok:
        return
    answer = solve(mirror(encoder))
    assert isinstance(answer, Solution), (seed, answer)
    assert answer.output == tuple(shape)
    stages = {name.removeprefix("mirror_"): s for name, s in answer.report.shapes.items() if name.startswith("mirror_")}
    for layer in encoder.network.ordered:
        if layer.name in stages:
            assert stages[layer.name] == before.shapes.get(layer.inputs[0], tuple(shape)), (seed, layer.name)
    torch = pytest.importorskip("torch")
    assert tuple(answer.to_torch().eval()(torch.zeros(2, *shape)).shape) == (2, *shape)


@pytest.mark.parametrize(("layers", "said"), [
    ("[flatten, {linear: {out_features: 3}}]", "linear1 is linear"),
    ("[{conv: {name: a, out_channels: 3, kernel_size: 1}}, {add: {inputs: [a, input]}}]", "add1 has 2 inputs"),
    ("[relu]", "nothing that changes a size"),
    ("[{conv: {out_channels: 3, kernel_size: 9}}]", "does not work"),
])  # fmt: skip
def test_what_cannot_be_mirrored_is_told(layers, said):
    with pytest.raises(NetworkError, match=said):
        mirror(parse(f"{{input: [3, 8, 8], layers: {layers}}}"))


@pytest.mark.parametrize("seed", range(8))
def test_a_mirror_of_a_range_gives_back_every_size_or_there_is_none(seed):
    """Against trying: where there is an answer it holds at each size, and where there is none, two sizes become one."""
    rng = random.Random(seed)
    layers = [{"conv": {"out_channels": 4, "kernel_size": rng.choice([3, 5]), "stride": rng.choice([1, 2, 3]),
                        "padding": rng.choice([0, 1])}} for _ in range(rng.randint(1, 3))]  # fmt: skip
    encoder = parse(json.dumps({"input": [1, 90], "layers": layers}))
    domain = Domain.range(rng.randint(60, 70), 120, rng.choice([1, 2, 4, 6, 8, 12]))
    answer = solve(mirror(encoder, {"length": domain}), timeout=60)
    sizes = list(domain)
    small = [check(encoder, (1, n)).output[-1] for n in sizes]
    if isinstance(answer, Solution):
        assert answer.proven
        assert all(check(answer.concrete.network, (1, n)).output == (1, n) for n in sizes)
    else:
        steps = {b - a for a, b in itertools.pairwise(small)}
        assert len(set(small)) < len(small) or len(steps) > 1 or steps != {domain.spans[0].step}
