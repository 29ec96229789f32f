"""The page's own JavaScript, run without a browser."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from py_mini_racer import MiniRacer

from convsolve.pictures.program import PageProgram, program_of
from convsolve.problem import Problem, as_problem
from convsolve.sizes.open_inputs import OpenInputs, open_inputs, settled

__all__ = ["OpenPage", "Page", "engine"]

_NUMBERS = '(key, value) => (typeof value === "bigint" ? String(value) : value)'


def engine() -> MiniRacer:
    """Return an engine that has read the page's arithmetic and its judgement."""
    made = MiniRacer()
    made.eval((files("convsolve.pictures") / "assets" / "judge.js").read_text())
    return made


class Page:
    """A network's program as the page has it."""

    def __init__(self, network: Any, using: MiniRacer) -> None:
        self.opened: OpenInputs = open_inputs(settled(as_problem(network)))
        self.program: PageProgram = program_of(self.opened)
        self.using = using
        using.eval(f"var program = {self.program.code}, data = {json.dumps(self.program.data)}; 0")

    def judged(self, *sizes: int) -> dict[str, Any]:
        """Return what the page says of the network at one size for each open axis."""
        given = dict(zip(self.opened.unknowns, sizes, strict=True))
        return json.loads(self.using.eval(f"JSON.stringify(judged(program, data, {json.dumps(given)}), {_NUMBERS})"))


class OpenPage:
    """The program of a problem with open parameters, as the page has it."""

    def __init__(self, problem: Problem, using: MiniRacer) -> None:
        self.program: PageProgram = program_of(OpenInputs(problem, {}, {}))
        self.using = using
        using.eval(f"var program = {self.program.code}, data = {json.dumps(self.program.data)}; 0")

    def judged(self, values: dict[str, int]) -> dict[str, Any]:
        """Return what the page says of the network with these values."""
        return json.loads(self.using.eval(f"JSON.stringify(judged(program, data, {json.dumps(values)}), {_NUMBERS})"))
