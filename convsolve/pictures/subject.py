"""The subject of a picture: a network with what is known of it, from whatever a user has at hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..checks.check import CheckReport, check
from ..errors import NetworkError
from ..network import InputShapes, Network
from ..problem import Problem
from ..repairs.repair import Repair
from ..sizes.valid_sizes import valid_sizes
from ..sources import problem_of
from ..support.suggestions import few
from ..synthesis.solve import Solution

__all__ = ["Subject", "subject_of", "with_size"]

_LONGEST_TITLE = 80


@dataclass(frozen=True)
class Subject:
    """A problem to be drawn: ``report`` is None where parameters are open, ``before`` the network it was made from."""

    problem: Problem
    report: CheckReport | None
    before: Network | None = None
    title: str = ""

    @property
    def network(self) -> Network:
        """The network to be drawn, with the input that it was checked for."""
        known = self.report.network if self.report is not None else None
        return known or self.problem.network

    @property
    def checked(self) -> CheckReport:
        """The report.

        Raises:
            NetworkError: there is none, as parameters are open.
        """
        if self.report is None:
            some = few(self.problem.network.holes)
            raise NetworkError(
                f"the network has open parameters ({some}): they can be drawn as a graph and as a page; for the "
                f"ladder they need values (`convsolve draw --solve`), and the input a shape"
            )
        return self.report


def subject_of(
    what: Any, input_shape: InputShapes | None = None, *, before: Network | None = None, title: str = ""
) -> Subject:
    """Return the subject that a network, a problem, a report, a solution or a repair is.

    Raises:
        NetworkError: it is none of these.
    """
    if isinstance(what, Solution):
        return Subject(what.concrete, what.report, what.problem.network, title or _titled(what.problem))
    if isinstance(what, CheckReport):
        if what.network is None:
            raise NetworkError("the report does not say which network it is of: draw the network")
        return Subject(Problem(what.network), what, before, title)
    problem = problem_of(what.network if isinstance(what, Repair) else what, input_shape)
    network = problem.network
    of_input = {u.name for layer in network.inputs for u in layer.operator.unknowns()}
    several = {name for name, hole in network.holes.items() if hole.domain is not None and hole.domain.size != 1}
    sketch = several - of_input if input_shape is not None else several
    report = None if sketch else check(problem, input_shape)
    return Subject(problem, report, before, title or _titled(problem))


def with_size(subject: Subject) -> Subject:
    """Return a subject of which only the size of its input is open with the smallest size that is valid, if any."""
    network = subject.problem.network
    of_input = {u.name for layer in network.inputs for u in layer.operator.unknowns()}
    if subject.report is not None or len(network.inputs) != 1 or not of_input >= set(network.holes):
        return subject
    smallest = valid_sizes(subject.problem, prove=False).smallest()
    if smallest is None:
        return subject
    return replace(subject, report=check(subject.problem, smallest[0]))


def _titled(problem: Problem) -> str:
    """Return the first sentence of a problem's description, if it is short."""
    first = problem.description.strip().partition("\n")[0].partition(". ")[0]
    return first if len(first) <= _LONGEST_TITLE else ""
