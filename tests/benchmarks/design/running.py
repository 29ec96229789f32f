"""One problem asked of one solver, in a fresh process that is ended when it does not end by itself."""

from __future__ import annotations

import gc
import multiprocessing
import resource
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from .columns import brute_force, combinations

__all__ = ["PROBLEMS", "SOLVERS", "Answer", "ask", "texts"]

PROBLEMS = Path(__file__).parent / "problems"
SOLVERS = ("convsolve", "cpsat", "z3", "brute")

_GRACE = 5.0
"""Seconds after its time limit that a process may take before it is killed."""


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
    """Ask a solver in a fresh process, forked once everything is imported; killed when it does not end."""
    preload()
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(
        target=_tell, args=(send, solver, (PROBLEMS / f"{name}.yaml").read_text(), timeout), daemon=True
    )
    process.start()
    send.close()
    try:
        return (
            receive.recv() if receive.poll(timeout + _GRACE) else Answer("killed", (), False, timeout, timeout + _GRACE)
        )
    except EOFError:
        return Answer("error", note="the process ended without an answer")
    finally:
        process.kill()
        process.join()


def preload() -> None:
    """Import what any of the solvers needs.

    What stands in memory then is kept out of garbage collection: a whole one of all that was imported would fall into
    the time of whichever solver happens to start it (70 ms, several times what a small problem takes).
    """
    import networkx  # noqa: F401
    import numpy  # noqa: F401
    import ortools.sat.python.cp_model  # noqa: F401
    import z3  # noqa: F401

    import convsolve.files
    import convsolve.solver.core
    import convsolve.solver.engine
    import convsolve.solver.z3_search
    import convsolve.synthesis.solve  # noqa: F401
    import tests.benchmarks.design.cpsat
    import tests.benchmarks.design.plain_z3  # noqa: F401

    gc.freeze()


def _tell(send: Connection, solver: str, text: str, timeout: float) -> None:
    try:
        answer = _answer(solver, text, timeout)
    except Exception as error:  # whatever a solver does is a row of the table
        answer = Answer("error", note=f"{type(error).__name__}: {error}")
    send.send(answer)


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
    processor, start, note = _processor(), time.monotonic(), ""
    if solver == "convsolve":
        verdict, values, proven, note = _convsolve(text, timeout)
    elif solver == "brute":
        if combinations(text) > 2_000_000:
            return Answer("unknown", note="too many assignments")
        best = brute_force(text).best
        verdict, values, proven = ("unsat", (), True) if best is None else ("sat", best, True)
    else:
        from .cpsat import cp_sat
        from .plain_z3 import plain_z3

        verdict, values, proven = (cp_sat if solver == "cpsat" else plain_z3)(text, timeout)
    return Answer(verdict, values, proven, _processor() - processor, time.monotonic() - start, note)
