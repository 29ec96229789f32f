"""One problem asked of one solver, in a fresh process that is ended when it does not end by itself."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PROBLEMS", "SOLVERS", "Answer", "ask", "texts"]

PROBLEMS = Path(__file__).parent / "problems"
SOLVERS = ("convsolve", "cpsat", "z3", "brute")

_GRACE = 20.0
"""Seconds after its time limit that a process may take for imports, and for ending late, before it is killed."""


@dataclass(frozen=True)
class Answer:
    """What a solver said: "sat", "unsat" or "unknown", or "killed" or "error"; the objectives' values, and a bound.

    ``seconds`` is the processor time from the file's text to the answer, ``elapsed`` the time that passed meanwhile.
    Imports are not counted, for any solver.
    """

    verdict: str
    values: tuple[int, ...] = ()
    proven: bool = False
    seconds: float = 0.0
    elapsed: float = 0.0
    note: str = ""

    @property
    def answered(self) -> bool:
        """Whether it found a solution, or proved that there is none."""
        return self.verdict in ("sat", "unsat")


def texts(words: list[str] | None = None) -> dict[str, str]:
    """Return the problems' texts by name; with words, those whose names contain one of them."""
    found = {path.stem: path.read_text() for path in sorted(PROBLEMS.glob("*.yaml"))}
    return {name: text for name, text in found.items() if not words or any(word in name for word in words)}


def ask(solver: str, name: str, timeout: float) -> Answer:
    """Ask a solver in a fresh process."""
    command = [sys.executable, "-m", "tests.benchmarks.design.running", solver, name, str(timeout)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout + _GRACE)
    except subprocess.TimeoutExpired:
        return Answer("killed", seconds=timeout + _GRACE, elapsed=timeout + _GRACE)
    if done.returncode:
        return Answer("error", note=(done.stderr.strip().splitlines() or ["no message"])[-1])
    answer = json.loads(done.stdout.splitlines()[-1])
    return Answer(**{**answer, "values": tuple(answer["values"])})


def _convsolve(text: str, timeout: float) -> tuple[str, tuple[int, ...], bool, str]:
    import convsolve as cs

    answer = cs.solve(cs.parse(text), timeout=timeout, explain=False)
    if isinstance(answer, cs.Solution):
        return "sat", tuple(goal.value for goal in answer.goals), answer.proven, answer.reason
    return ("unsat", (), True, "") if isinstance(answer, cs.Infeasible) else ("unknown", (), False, answer.reason)


def _processor() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _answer(solver: str, text: str, timeout: float) -> Answer:
    import networkx  # noqa: F401
    import numpy  # noqa: F401
    import ortools.sat.python.cp_model  # noqa: F401
    import z3  # noqa: F401

    import convsolve.queries.synthesize
    import convsolve.solver.engine  # noqa: F401
    from tests.benchmarks.design.columns import brute_force, combinations
    from tests.benchmarks.design.cpsat import cp_sat
    from tests.benchmarks.design.plain_z3 import plain_z3

    processor, start, note = _processor(), time.monotonic(), ""
    if solver == "convsolve":
        verdict, values, proven, note = _convsolve(text, timeout)
    elif solver == "brute":
        if combinations(text) > 2_000_000:
            return Answer("unknown", note="too many assignments")
        best = brute_force(text).best
        verdict, values, proven = ("unsat", (), True) if best is None else ("sat", best, True)
    else:
        verdict, values, proven = (cp_sat if solver == "cpsat" else plain_z3)(text, timeout)
    return Answer(verdict, values, proven, _processor() - processor, time.monotonic() - start, note)


if __name__ == "__main__":
    print(json.dumps(vars(_answer(sys.argv[1], (PROBLEMS / f"{sys.argv[2]}.yaml").read_text(), float(sys.argv[3])))))
