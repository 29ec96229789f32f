"""Costs that follow from sizes, against plain counting: every order by hand, and the tensors that PyTorch keeps."""

from __future__ import annotations

import itertools
import json
import random
from dataclasses import replace

import pytest

from convsolve.checks.check import check
from convsolve.errors import ExpressionError
from convsolve.files import dump, parse
from convsolve.network import BYTES
from convsolve.network.costs import DERIVED
from convsolve.network.trace import run
from convsolve.problem import Objective, trace_problem
from convsolve.space import Space
from convsolve.synthesis.solve import solve


def drawn(seed):
    """Return a small network that branches: convolutions, relus, sums and concatenations."""
    rng = random.Random(seed)
    layers, names = [], ["input"]
    for i in range(rng.randint(2, 6)):
        kind = rng.choice(["conv", "conv", "relu", "concat", "add", "max_pool"])
        two = [rng.choice(names), rng.choice(names)]
        entry = {
            "conv": {"conv": {"out_channels": rng.randint(1, 4), "kernel_size": 3, "padding": 1}},
            "relu": {"relu": {}},
            "max_pool": {"max_pool": {"kernel_size": 3, "stride": 1, "padding": 1}},
            "concat": {"concat": {}},
            "add": {"add": {}},
        }[kind]
        options = entry[kind]
        options["name"] = f"n{i}"
        options["inputs"] = two if kind in ("concat", "add") else two[:1]
        layers.append(entry)
        names.append(f"n{i}")
    outputs = rng.sample(names[1:], rng.randint(1, 2)) if len(names) > 2 else [names[-1]]
    return {"input": [rng.randint(1, 3), 4, 4], "layers": layers, "outputs": outputs}


def peak(network, sizes, order):
    """Return the most elements that live at once if layers are computed in an order."""
    live, most = {layer.name for layer in network.inputs}, 0
    for place, name in enumerate(order):
        live.add(name)
        most = max(most, sum(sizes[n] for n in live))
        later = {read for n in order[place + 1 :] for read in network.by_name[n].inputs} | {*network.outputs}
        live &= later
    return most


def possible(network, order):
    done = {layer.name for layer in network.inputs}
    for name in order:
        if not done.issuperset(network.by_name[name].inputs):
            return False
        done.add(name)
    return True


@pytest.mark.parametrize("block", range(4))
def test_peaks_are_those_of_counting_by_hand(block):
    tried = 0
    for seed in range(block * 60, block * 60 + 60):
        report = check(parse(json.dumps(drawn(seed))))
        if not report.ok:
            continue
        tried += 1
        network = report.network
        sizes = {name: shape[0] * shape[1] * shape[2] for name, shape in report.shapes.items()}
        names = [layer.name for layer in network.ordered if layer.name != "input"]
        orders = [order for order in itertools.permutations(names) if possible(network, order)]
        costs = report.costs()
        assert costs["peak_memory"] == peak(network, sizes, names), seed
        assert costs["peak_memory_best_order"] == min(peak(network, sizes, order) for order in orders), seed
        assert costs["peak_memory_in_place"] <= costs["peak_memory"], seed
        assert costs["flops"] == 2 * report.macs and costs["weights_bytes"] == 4 * report.params
    assert tried > 20


def test_peak_memory_is_what_pytorch_keeps_alive():
    """Each storage is counted from the call that makes it until it is freed."""
    torch = pytest.importorskip("torch")
    from torch.utils._python_dispatch import TorchDispatchMode

    class Live(TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.sizes, self.most = {}, 0

        def keep(self, tensor):
            import weakref

            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self.sizes:
                self.sizes[storage.data_ptr()] = storage.nbytes() // 4
                weakref.finalize(storage, self.sizes.pop, storage.data_ptr(), None)
            self.most = max(self.most, sum(self.sizes.values()))

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            self.keep(result)
            return result

    chains = [
        ("conv: {out_channels: 8, kernel_size: 3}", torch.nn.Conv2d(3, 8, 3)),
        ("relu: {}", torch.nn.ReLU()),
        ("conv: {out_channels: 16, kernel_size: 3, stride: 2}", torch.nn.Conv2d(8, 16, 3, stride=2)),
        ("avg_pool: {kernel_size: 2}", torch.nn.AvgPool2d(2)),
        ("conv: {out_channels: 40, kernel_size: 1}", torch.nn.Conv2d(16, 40, 1)),
        ("relu: {}", torch.nn.ReLU(inplace=True)),
        ("flatten: {}", torch.nn.Flatten()),
    ]
    for count in range(1, len(chains) + 1):
        for in_place in (False, True):
            modules = [module for _, module in chains[:count]]
            if in_place:
                modules = [torch.nn.ReLU(inplace=True) if isinstance(m, torch.nn.ReLU) else m for m in modules]
            elif count > 5:
                continue
            lines = "".join(f"  - {text}\n" for text, _ in chains[:count])
            costs = check(parse(f"input: [3, 20, 20]\nlayers:\n{lines}")).costs()
            mode = Live()
            with torch.no_grad(), mode:
                x = torch.zeros(1, 3, 20, 20)
                for module in modules:
                    x = module(x)
            assert mode.most == costs["peak_memory_in_place" if in_place else "peak_memory"], (count, in_place)


OPEN = """
latency:
  - {operator: conv, kernel_size: 1, in_channels: 1, latency_ns: 100}
  - {operator: conv, kernel_size: 1, in_channels: 40, latency_ns: 4000}
  - {operator: conv, kernel_size: 3, in_channels: 1, latency_ns: 300}
  - {operator: conv, kernel_size: 3, in_channels: 40, latency_ns: 9001}
  - {operator: conv, kernel_size: 5, in_channels: 1, latency_ns: 700}
  - {operator: conv, kernel_size: 5, in_channels: 40, latency_ns: 30001}
input: [3, 16, 16]
holes: {k: 3 | 5}
layers:
  - conv: {name: a, out_channels: 4 | 8, kernel_size: $k, padding: half}
  - relu: {optional: true}
  - choose:
      - [conv: {name: b, out_channels: 6, kernel_size: 1}, conv: {name: c, out_channels: 12, kernel_size: 3, padding: 1}]
      - [conv: {name: d, out_channels: 20, kernel_size: 3, padding: 1}]
    name: block
  - repeat: 1..2
    name: body
    layers:
      - conv: {out_channels: 5, kernel_size: 3, stride: 1 | 2, padding: 1}
  - batch_norm
"""


@pytest.mark.parametrize("name", DERIVED)
def test_costs_of_open_networks_are_those_of_the_finished_ones(name):
    """What a choice leaves out takes no memory, and holds none of others."""
    problem = replace(parse(OPEN), objectives=(Objective("minimize", name),))
    traced = trace_problem(problem)
    seen = set()
    for assignment in Space(parse(OPEN)).sample(25, seed=3):
        preferred = {n: next(iter(hole.domain)) for n, hole in problem.network.holes.items()}
        values = run(traced.trace, preferred | dict(assignment))
        found = values[str(traced.objectives[0])]
        plain = check(problem.network.assign(dict(assignment))).costs()[name]
        assert found == plain or (name == "peak_memory_in_place" and found > plain), assignment
        seen.add(found)
    assert len(seen) > 3
    answer = solve(problem)
    assert answer.proven and answer.goals[0].value <= min(seen)
    within = replace(parse(OPEN), requirements=(f"{name} <= {answer.goals[0].value}",))
    assert Space(within).count().value >= 1 and Space(within).evaluate([dict(answer.assignment)]).valid.all()
    assert Space(replace(within, requirements=(f"{name} < {answer.goals[0].value}",))).count().value == 0
    assert check(answer.concrete).costs()[name] <= answer.goals[0].value


def test_costs_of_layers_blocks_and_types():
    text = OPEN.replace("input:", "dtype: int8\ninput:", 1)
    limit = """require: [block.peak_memory_bytes <= 7000, a.flops >= 1, body.weights_bytes <= 2000, 'max(*.peak_memory) >= 9']
minimize: -peak_memory_bytes
"""
    problem = parse(text + limit)
    assert parse(dump(problem)).network.dtype == "int8"
    answer = solve(problem)
    costs = check(answer.concrete).costs()
    assert costs["weights_bytes"] == answer.params and costs["peak_memory_bytes"] == costs["peak_memory"]
    for dtype, size in BYTES.items():
        assert check(replace(answer.concrete.network, dtype=dtype)).costs()["weights_bytes"] == size * answer.params


def test_costs_that_are_not_of_layers_say_so():
    with pytest.raises(ExpressionError, match="peak_memory_best_order is of the whole network, not of a"):
        trace_problem(replace(parse(OPEN), requirements=("a.peak_memory_best_order <= 1",)))


def test_too_many_orders_are_said():
    branch = [{"conv": {"name": f"b{i}", "inputs": "input", "out_channels": 1, "kernel_size": 1}} for i in range(13)]
    problem = parse(
        json.dumps({"input": [1, 4], "layers": [*branch, {"concat": {"inputs": [f"b{i}" for i in range(13)]}}]})
    )
    with pytest.raises(ExpressionError, match="peak_memory_best_order compares at most 2,000 sets"):
        trace_problem(replace(problem, requirements=("peak_memory_best_order <= 1",)))
    assert "peak_memory_best_order" not in check(problem).costs()
