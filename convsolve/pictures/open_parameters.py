"""Open parameters on the page: with which values it begins, and which values lead anywhere at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from ..dims import Var
from ..errors import ConvsolveError
from ..problem import Problem
from ..space import Space
from ..synthesis.solve import Infeasible, Solution, solve

__all__ = ["OpenParameters", "open_parameters"]

_MOST_OPTIONS = 24
"""A domain of so many values is a list to choose from; a longer one that has no gaps is a slider."""

_FARTHEST = 4096
"""A slider ends so far above its first value, where the domain has no end."""


@dataclass(frozen=True)
class OpenParameters:
    """The parameters that a problem leaves open.

    ``holes`` are those beside the sizes of its inputs, ``start`` has a value for every one and for those sizes,
    ``said`` says what kind of network these make. ``leading`` has for each the values that stand in some valid network;
    it is None where that was not decided in time.
    """

    holes: Mapping[str, Var]
    start: Mapping[str, int]
    said: str
    leading: Mapping[str, frozenset[int]] | None

    def controls(self) -> list[dict[str, Any]]:
        """Return in plain data what each control can be set to: ``values``, or ``ends`` of a slider."""
        return [self._control(name, hole) for name, hole in self.holes.items()]

    def _control(self, name: str, hole: Var) -> dict[str, Any]:
        assert hole.domain is not None
        domain, value = hole.domain, self.start[name]
        upper = domain.upper if domain.upper is not None else max(domain.lower, value) + _FARTHEST
        whole = upper - domain.lower + 1
        size = domain.size if domain.size is not None else whole
        control: dict[str, Any] = {"hole": name, "value": value, "ends": (domain.lower, upper)}
        if size <= _MOST_OPTIONS or size != whole:
            control["values"] = list(_first(domain, _FARTHEST))
        if self.leading is not None:
            control["leading"] = sorted(self.leading.get(name, ()))
        return control


def _first(values: Iterable[int], most: int) -> Iterable[int]:
    for _, value in zip(range(most), values, strict=False):
        yield value


def open_parameters(problem: Problem, *, timeout: float) -> OpenParameters:
    """Return what is open in a problem, beginning with its best network, if one is found in time.

    >>> from convsolve.files import parse
    >>> pool = "max_pool: {name: pool, kernel_size: 2..99, stride: 2}"
    >>> problem = parse(f"{{input: [1, 8, 8], layers: [{{{pool}}}], require: [output.height == 3]}}")
    >>> found = open_parameters(problem, timeout=10)
    >>> found.start, found.said, sorted(found.leading["pool.kernel_size"])
    ({'pool.kernel_size': 3}, 'begins with the plainest network', [3, 4])
    """
    network = problem.network
    inputs = network.input_holes
    start = {name: next(iter(hole.domain)) for name, hole in network.holes.items() if hole.domain is not None}
    begun = monotonic()
    answer = solve(problem, timeout=timeout)
    if isinstance(answer, Solution):
        start.update(answer.assignment)
        wish = ", ".join(f"{one.sense} {one.text}" for one in problem.objectives)
        best = f"the best network ({wish}{'' if answer.proven else '; not proven'})" if wish else "the plainest network"
        said = f"begins with {best}"
    elif isinstance(answer, Infeasible):
        said = "begins with the preferred values: no network meets all requirements (proven)"
    else:
        said = "begins with the preferred values: no valid network was found in time"
    holes = {name: hole for name, hole in network.holes.items() if hole.domain is not None and name not in inputs}
    return OpenParameters(holes, start, said, _leading(problem, timeout - (monotonic() - begun)))


def _leading(problem: Problem, timeout: float) -> dict[str, frozenset[int]] | None:
    """Return for each hole the values that stand in a valid network; None where that is not decided in time."""
    if timeout <= 0:
        return None
    try:
        found = Space(problem, timeout=timeout).domains()
    except ConvsolveError:  # it has no end, or the time is over
        return None
    return {name: frozenset(values) for name, values in found.items()}
