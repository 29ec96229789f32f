"""Small random problems of every kind, and their answers by brute force."""

from __future__ import annotations

import itertools
import random

from convsolve.dims import evaluate
from convsolve.files import parse
from convsolve.network.trace import run
from convsolve.problem import ProblemTrace, trace_problem


def random_problem(seed: int) -> str:
    """Return the text of a random problem with at most a few thousand assignments."""
    rng = random.Random(seed)
    size = rng.choice([5, 8, 11, 16])
    lines, holes = [], {}
    if rng.random() < 0.4:
        holes["k"] = rng.choice(["1 | 3", "3 | 2 | 5"])
    count = rng.randint(1, 3)
    for i in range(1, count + 1):
        kernel = "$k" if "k" in holes and (i == 1 or rng.random() < 0.5) else rng.choice(["1 | 3", "3", "2 | 4"])
        extra = rng.choice(["", ", stride: 1 | 2", ", padding: 0..1", ", stride: 2 | 3, padding: 0..1"])
        width = rng.choice(["4", "4 | 6", "2", "9 | 3..5", "2..8 step 3", "7 | 1..9 step 4"])
        body = f"name: conv{i}, out_channels: {width}, kernel_size: {kernel}{extra}"
        form = rng.random()
        if form < 0.15:
            lines.append(f"  - conv: {{{body}, optional: true}}")
        elif form < 0.3:
            lines.append(f"  - choose: [{{conv: {{{body}}}}}, {{max_pool: {{kernel_size: 2}}}}]")
        elif form < 0.4:
            lines.append("  - repeat: 1..2\n    layers:\n"
                         f"      - conv: {{name: r{i}, out_channels: 3, kernel_size: 1 | 3, padding: 0..1}}")  # fmt: skip
        else:
            lines.append(f"  - conv: {{{body}}}")
    ending = rng.random()
    if ending < 0.25:
        lines.append("  - conv: {name: left, out_channels: 4, kernel_size: 3, stride: 1 | 2, padding: 1}")
        lines.append("  - conv: {name: right, inputs: input, out_channels: 4, kernel_size: 1 | 3, stride: 1..3}")
        join = rng.choice(["add: {inputs: [left, right], broadcast: false}", "concat: {inputs: [left, right]}"])
        lines.append(f"  - {join}")
    elif ending < 0.5:
        lines.append("  - conv_transpose: {out_channels: 3, kernel_size: 2..3, stride: 1 | 2, padding: 0..1}")
    elif ending < 0.7:
        lines += ["  - flatten", "  - linear: {out_features: 4 | 7}"]
    requirements = rng.sample(
        ["params <= 300", "macs <= 9000", "activations >= 200", "params <= 300 or macs <= 3000", "output.size >= 10",
         "params + 2 >= 100", "macs % 2 == 0", "output.size in 4..60"], rng.randint(0, 2))  # fmt: skip
    if ending >= 0.7:
        requirements.append(f"output.height == {rng.randint(1, size)}")
    if "k" in holes and rng.random() < 0.3:
        requirements.append("$k != 1")
    objective = rng.choice(
        ["", "", "minimize: macs", "minimize: [params, macs]", "maximize: params", "maximize: output.size",
         "minimize: output.size\nmaximize: macs"])  # fmt: skip
    spatial = f"{size}, {size}" if rng.random() < 0.6 else f"{size}, {size + 3}"
    head = f"input: [{rng.choice([1, 2])}, {spatial}]"
    declared = f"holes: {{{', '.join(f'{n}: {d}' for n, d in holes.items())}}}" if holes else ""
    if "k" in holes and not any("$k" in line for line in lines):
        declared = ""
        requirements = [r for r in requirements if "$k" not in r]
    required = "require: [" + ", ".join(f'"{r}"' for r in requirements) + "]" if requirements else ""
    return "\n".join(part for part in (head, declared, "layers:", *lines, required, objective) if part) + "\n"


def brute_force(traced: ProblemTrace) -> list[dict[str, int]]:
    """Return every solution, best first, by trying every assignment."""
    holes = {name: h.domain for name, h in traced.problem.network.holes.items()}
    senses = [1 if o.sense == "minimize" else -1 for o in traced.problem.objectives]
    found = []
    for choice in itertools.product(*(d.values() for d in holes.values())):
        assignment = dict(zip(holes, choice, strict=True))
        values = run(traced.trace, assignment)
        if not all(evaluate(r.condition, values) for r in traced.trace.requirements):
            continue
        if not all(evaluate(c, values) for c in traced.trace.canonical.values()):
            continue
        ranks = [holes[n].rank(v) for n, v in assignment.items()]
        goals = [s * evaluate(o, values) for s, o in zip(senses, traced.objectives, strict=True)]
        found.append((goals, sum(ranks), ranks, assignment))
    found.sort(key=lambda f: f[:3])
    return [assignment for *_, assignment in found]


def combinations(traced: ProblemTrace) -> int:
    """Return how many assignments there are."""
    total = 1
    for hole in traced.problem.network.holes.values():
        total *= hole.domain.size
    return total


def problems(seeds: range, most: int = 1500) -> list[tuple[int, ProblemTrace]]:
    """Return the random problems of these seeds that brute force can finish."""
    traced = [(seed, trace_problem(parse(random_problem(seed), source=f"seed {seed}"))) for seed in seeds]
    return [(seed, t) for seed, t in traced if combinations(t) <= most]
