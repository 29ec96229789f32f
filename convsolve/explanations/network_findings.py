"""Going deeper where the network is at hand: its check, and what diagnosis and repair make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.check import CheckReport, at_shapes, check
from ..diagnosis.diagnose import diagnose
from ..errors import ConvsolveError
from ..network import Network
from ..problem import Problem
from ..repairs.repair import repair
from .finding import ExplainedMessage
from .single_layer import known

__all__ = ["Deeper", "deeper"]

_MOST_REPAIRS = 5


@dataclass(frozen=True)
class Deeper:
    """What the network tells: see the fields of the same names in Explanation."""

    report: CheckReport | None = None
    reported: str = ""
    causing: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def deeper(network: Network | Problem, input_shape: Any, findings: Sequence[ExplainedMessage]) -> Deeper:
    """Check a network, and tell the layer that reports apart from those that cause it."""
    try:
        report = check(network, input_shape)
    except ConvsolveError as error:
        return Deeper(notes=(f"the network could not be checked: {error}",))
    net = network.network if isinstance(network, Problem) else network
    reported = _reported(net, report, findings)
    target = _target(report, findings)
    if report.ok and target is None:
        return Deeper(report=report, reported=reported)
    notes: list[str] = []
    problem: Network | Problem = network
    if input_shape is not None:
        problem = at_shapes(Problem(net), input_shape)
    shape = input_shape or _stated(net)
    causes = _asked(diagnose, notes, problem, report, target=target)
    repairs = _asked(repair, notes, net, shape, target=target, limit=_MOST_REPAIRS) if shape else ()
    causing = tuple(dict.fromkeys(str(layer) for cause in causes if (layer := getattr(cause, "layer", ""))))
    return Deeper(report, reported, causing, tuple(map(str, causes)), tuple(map(str, repairs)), tuple(notes))


def _target(report: CheckReport, findings: Sequence[ExplainedMessage]) -> tuple[int, ...] | None:
    """Return the shape that a loss wants of the output, where the message is about just this output."""
    for finding in findings:
        c = finding.complaint
        if c.operator == "loss" and report.ok and c.output == report.output and c.target:
            return known(c.target)
    return None


def _stated(network: Network) -> tuple[int, ...] | None:
    """Return the shape of the network's only input, where all of it is known."""
    inputs = network.inputs
    shape: tuple[Any, ...] = inputs[0].operator.shape if len(inputs) == 1 else (None,)  # type: ignore[attr-defined]
    return shape if all(isinstance(n, int) for n in shape) else None


def _asked(question: Callable[..., Any], notes: list[str], *args: Any, **options: Any) -> tuple[Any, ...]:
    """Return the answers of another query; where it cannot tell, a note says why."""
    try:
        return tuple(question(*args, **options))
    except ConvsolveError as error:
        notes.append(f"{question.__name__}: {error}")
        return ()


def _reported(network: Network, report: CheckReport, findings: Sequence[ExplainedMessage]) -> str:
    """Return the layer of the network that reports: the one that the message names, or else where the check fails."""
    for finding in findings:
        for name in (finding.complaint.layer, finding.complaint.node):
            if name:
                ends = [own for own in network.by_name if own == name or own.rpartition("/")[2] == name]
                if name in network.by_name or len(ends) == 1:
                    return name if name in network.by_name else ends[0]
    codes = {finding.code for finding in findings if finding.code}
    same = [f.layer for f in report.failures if not codes or f.code in codes]
    return same[0] if same else report.failures[0].layer if report.failures else ""
