"""The engine beside its peers: ``python -m tests.benchmarks.engine [--json FILE] [--timeout S] [WORDS...]``.

Prints a table of times and ratios, all measured in this one run, and checks that every answer agrees. With
words, only instances whose names contain one of them are run; ``--growth`` runs the growing chains instead.
For a decision the engine is asked for any solution, as the peers are; for an optimisation, for the best,
proven. Times leave out reading the problem, and count what each solver makes of it.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from typing import Any

from convsolve.dims import evaluate
from convsolve.files import parse
from convsolve.network.trace import run
from convsolve.problem import ProblemTrace, trace_problem
from convsolve.solver.clock import Clock, OutOfTime
from convsolve.solver.engine import decide, optimise
from tests.benchmarks.instances import Instance, growth, suite
from tests.benchmarks.peers import PEERS, Answer

__all__ = ["compare", "ours"]


def ours(problem: ProblemTrace, timeout: float) -> Answer:
    """Ask the engine: for the best where there is an objective, otherwise for any solution."""
    clock = Clock(timeout)
    if not problem.objectives:
        try:
            answer = decide(problem, list(problem.trace.requirements), clock)
        except OutOfTime:
            answer = None
        verdict = {True: "sat", False: "unsat", None: "unknown"}[answer]
        return Answer(verdict, None, answer is not None, clock.elapsed)
    outcome = optimise(problem, clock)
    seconds = clock.elapsed
    if not outcome.assignments:
        return Answer("unsat" if outcome.proven else "unknown", None, outcome.proven, seconds)
    value = evaluate(problem.objectives[0], run(problem.trace, outcome.assignments[0]))
    return Answer("sat", value, outcome.proven, seconds)


def compare(instance: Instance, timeout: float, peers: dict[str, Callable[..., Answer | None]]) -> dict[str, Any]:
    """Run one instance with everyone; return times and answers, and ``wrong``, what does not agree."""
    problem = trace_problem(parse(instance.text, source=instance.name))
    answers: dict[str, Answer | None] = {"convsolve": ours(problem, timeout)}
    answers.update({name: peer(problem, timeout) for name, peer in peers.items()})
    mine = answers["convsolve"]
    assert mine is not None
    wrong = []
    for name, answer in answers.items():
        if answer is None or answer.verdict == "unknown" or name == "convsolve":
            continue
        if mine.verdict == "unknown":
            wrong.append(f"unknown, where {name} says {answer.verdict}")
        elif mine.verdict != answer.verdict:
            wrong.append(f"{mine.verdict}, where {name} says {answer.verdict}")
        elif instance.optimise and answer.proven and answer.value is not None:
            if mine.value != answer.value or not mine.proven:
                wrong.append(f"{mine.value} (proven: {mine.proven}), where {name} proves {answer.value}")
    return {
        "name": instance.name, "optimise": instance.optimise, "wrong": wrong,
        "answers": {n: None if a is None else vars(a) for n, a in answers.items()},
    }  # fmt: skip


def _cell(answer: dict[str, Any] | None) -> str:
    if answer is None:
        return "-"
    mark = "" if answer["proven"] else " t/o" if answer["verdict"] == "unknown" else " ?"
    return f"{answer['seconds']:.3f}{mark}"


def _geometric_mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def _summary(rows: list[dict[str, Any]], peers: list[str]) -> None:
    for kind, wanted in (("decisions", False), ("optimisations", True)):
        chosen = [row["answers"] for row in rows if row["optimise"] is wanted]
        for peer in peers:
            ratios = [a["convsolve"]["seconds"] / a[peer]["seconds"] for a in chosen if a.get(peer)]
            if ratios:
                print(f"{kind}: geometric mean of our time over {peer}'s: {_geometric_mean(ratios):.2f} "
                      f"({len(ratios)} instances; worst {max(ratios):.1f}, best {min(ratios):.4f})")  # fmt: skip
    wrong = [f"{row['name']}: {text}" for row in rows for text in row["wrong"]]
    print("\n".join(wrong) if wrong else "every answer agrees")


def main() -> int:
    """Run the suite."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--timeout", type=float, default=20)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--peers", default="CP-SAT,plain z3,brute force")
    options = parser.parse_args()
    if options.growth:
        for count, instance in growth():
            problem = trace_problem(parse(instance.text))
            start = time.monotonic()
            optimise(problem, Clock())
            print(f"chain of {count}: {(time.monotonic() - start) / count * 1000:.2f} ms a layer")
        return 0
    peers = {name: PEERS[name] for name in options.peers.split(",") if name}
    if "CP-SAT" in peers:  # its import is not its answer's time
        import ortools.sat.python.cp_model  # noqa: F401
    rows = []
    names = ["convsolve", *peers]
    print(f"{'instance':44}" + "".join(f"{name:>14}" for name in names))
    for instance in suite():
        if options.words and not any(word in instance.name for word in options.words):
            continue
        row = compare(instance, options.timeout, peers)
        rows.append(row)
        print(
            f"{row['name']:44}" + "".join(f"{_cell(row['answers'][n]):>14}" for n in names), *row["wrong"], flush=True
        )
    _summary(rows, list(peers))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=2)
    return 1 if any(row["wrong"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
