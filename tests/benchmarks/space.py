"""Search spaces: drawing beside NNSmith, rejection and a solver's call for each sample; domains; evaluation; Optuna.

Run with ``python -m tests.benchmarks.space`` (NNSmith is in the extra ``bench``).
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

import convsolve as cs

CHAIN = """
input: [3, 128, 128]
layers:
  - repeat: 20..20
    layers:
      - conv: {name: c, out_channels: 16 | 32 | 48, kernel_size: 1 | 3 | 5, stride: 1 | 2, padding: 0..2}
require: [output.height == 8, output.width == 8]
"""


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def worked(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a call returns, and the processor's seconds: a busy machine does not count."""
    start = time.process_time()
    result = call()
    return result, time.process_time() - start


def spaces() -> dict[str, cs.Problem]:
    chain, mobile = cs.parse(CHAIN), cs.load("problems/once_for_all.yaml")
    return {
        "chain of 20": chain,
        "chain of 20, params <= 200K": dataclasses.replace(chain, requirements=(*chain.requirements, "params <= 200K")),
        "once for all": mobile,
        "once for all, macs <= 230M": dataclasses.replace(mobile, requirements=("macs <= 230M",)),
        "blocks of a tuner": cs.load("problems/blocks_search.yaml"),
    }


def graphs(nodes: int) -> str:
    """Return a space of graphs of convolutions, poolings and additions of the last two tensors."""
    pool = "kernel_size: 2 | 3, stride: 1 | 2, padding: 0..1"
    lines = ["input: [8, 32, 32]", "layers:"]
    for i in range(nodes):
        lines += [
            f"  - name: node{i}", "    choose:",
            f"      - conv: {{name: conv{i}, out_channels: 8 | 16, kernel_size: 1 | 3 | 5, stride: 1 | 2, padding: 0..2}}",
            f"      - max_pool: {{name: max{i}, {pool}}}", f"      - avg_pool: {{name: avg{i}, {pool}}}"]  # fmt: skip
        if i >= 2:
            lines.append(f"      - add: {{name: add{i}, broadcast: false, inputs: [node{i - 1}, node{i - 2}]}}")
    return "\n".join(lines)


def beside_nnsmith(wanted: int = 40) -> None:
    """Print how many graphs of ten nodes a second NNSmith makes (its faster, concolic way), and how many are drawn here."""
    space = cs.Space(cs.parse(graphs(10)))
    count, counting = timed(space.count)
    space.sample(1)
    samples, drawing = timed(lambda: space.sample(20_000))
    _, building = timed(lambda: list(space.sample(200, seed=1).networks()))
    print(f"graphs of ten nodes: {count.value:,} counted in {counting:.1f} s")
    print(f"  {len(samples) / drawing:,.0f} samples a second, {200 / building:,.0f} as networks")
    try:
        from nnsmith.abstract.op import Add, AvgPool2d, MaxPool2d, NCHWConv2d
        from nnsmith.graph_gen import model_gen
    except ImportError:
        print("  NNSmith is not installed")
        return
    logging.disable(logging.CRITICAL)

    def generate() -> int:
        operators = [NCHWConv2d, MaxPool2d, AvgPool2d, Add]
        for seed in range(wanted):
            model_gen(operators, method="concolic", seed=seed, max_nodes=10, rank_choices=[4],
                      dtype_choices=["float32"]).make_concrete()  # fmt: skip
        return wanted

    _, peer = timed(generate)
    logging.disable(logging.NOTSET)
    print(f"  NNSmith makes {wanted / peer:,.1f} a second: {len(samples) / drawing * peer / wanted:,.0f} times as many here, "
          f"{200 / building * peer / wanted:,.0f} times as networks")  # fmt: skip


def beside_execution(tried: int = 1000) -> None:
    """Print how long evaluating a million candidates takes, and how long running PyTorch's meta device would."""
    import torch

    space = cs.Space(cs.parse(CHAIN))
    samples = space.sample(tried, seed=2)
    generator = np.random.default_rng(0)
    columns = {n: generator.choice(v, 1_000_000) for n, v in space.holes.items()}
    _, evaluating = timed(lambda: space.evaluate(columns))

    def execute() -> None:
        with torch.device("meta"):
            x = torch.empty(1, 3, 128, 128)
            for network in samples.networks():
                cs.to_torch(network)(x)

    _, executing = timed(execute)
    million = executing * 1_000_000 / tried
    print(f"a million candidates of 20 layers: {evaluating:.1f} s; built and run on the meta device {million:,.0f} s "
          f"(extrapolated from {tried:,}): {million / evaluating:,.0f} times as long")  # fmt: skip


def searched() -> dict[str, cs.Problem]:
    """Return published spaces with two budgets each, and blocks of a tuner with one."""
    mobile, suite = cs.load("problems/once_for_all.yaml"), "tests/benchmarks/design/problems"
    return {
        "once for all, two budgets": dataclasses.replace(mobile, requirements=("macs <= 260M", "params <= 4.5M")),
        "FBNet, two budgets": cs.load(f"{suite}/fbnet_two_budgets.yaml"),
        "DARTS, two budgets": cs.load(f"{suite}/darts_two_budgets.yaml"),
        "blocks of a tuner": cs.load("problems/blocks_search.yaml"),
    }


def beside_optuna(trials: int = 100) -> None:
    """Print what keeping Optuna's trials valid costs each, and how many are invalid without."""
    import optuna

    from convsolve.space.optuna import ValidSampler

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for name, problem in searched().items():
        space = cs.Space(problem)
        _, first = worked(space.domains)
        spent, invalid = [], []
        for kept in (False, True):
            sampler = optuna.samplers.TPESampler(seed=0)
            study = optuna.create_study(sampler=ValidSampler(space, sampler) if kept else sampler)

            def objective(trial: Any, holes: dict[str, tuple[int, ...]] = space.holes) -> float:
                return float(sum(trial.suggest_categorical(n, list(options)) for n, options in holes.items()))

            _, seconds = worked(lambda study=study, objective=objective: study.optimize(objective, n_trials=trials))
            spent.append(1000 * seconds / trials)
            invalid.append(sum(trial.params not in space for trial in study.trials))
        print(f"{name}: {trials} trials of TPE, {spent[0]:.1f} ms each, {invalid[0]} invalid; kept valid {spent[1]:.1f} ms, "
              f"{invalid[1]} invalid: {spent[1] - spent[0]:.1f} ms more, {spent[1] / spent[0]:.1f} times "
              f"(the space itself: {first:.2f} s once)")  # fmt: skip
        moves(space)


def moves(space: cs.Space) -> None:
    """Print how long it takes to move in a space."""
    a, b = space.sample(2, seed=1)
    half = dict(list(a.items())[: len(a) // 2])
    wished = {n: options[-1] for n, options in space.holes.items()}
    asked = {"domains": lambda: space.domains(half), "nearest": lambda: space.nearest(wished),
             "crossover": lambda: space.crossover(a, b), "neighbours": lambda: space.neighbours(a),
             "spread": lambda: space.sample(100, spread="macs")}  # fmt: skip
    print("  " + ", ".join(f"{what} {worked(call)[1]:.2f} s" for what, call in asked.items()))


def main() -> None:
    beside_nnsmith()
    beside_execution()
    beside_optuna()
    generator = np.random.default_rng(0)
    for name, problem in spaces().items():
        space = cs.Space(problem)
        count, counting = timed(space.count)
        space.sample(1)
        samples, drawing = timed(lambda space=space: space.sample(20_000))
        assert space.evaluate(samples).valid.all()
        columns = {n: generator.choice(v, 1_000_000) for n, v in space.holes.items()}
        _, evaluating = timed(lambda space=space, columns=columns: space.evaluate(columns))
        # to be uniform, rejection must also refuse all but one assignment of what an absent layer would have
        hits = 1_000_000 * count.value / prod(map(len, space.holes.values()))
        _, solving = timed(lambda space=space, sample=samples[0]: space.complete(dict(list(sample.items())[:1])))
        half = dict(list(samples[0].items())[: len(samples[0]) // 2])
        domains = min(timed(lambda space=space, half=half: space.domains(half))[1] for _ in range(5))
        print(f"{name}: {count.value:,} {'exactly' if count.exact else f'from {count.low:,} to {count.high:,}'}")
        print(
            f"  counting {counting:.2f} s; drawing {20_000 / drawing:,.0f} samples a second; by rejection "
            f"{hits / evaluating:,.1f}; a solver's call for each {1 / solving:,.1f}"
        )
        print(f"  a million candidates in {evaluating:.1f} s; domains in {1000 * domains:.1f} ms")


if __name__ == "__main__":
    main()
