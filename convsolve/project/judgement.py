"""Whether what a project says of a network holds: at its own input, and at every size that it must take."""

from __future__ import annotations

import dataclasses
import time
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ..checks.check import CheckReport, check
from ..checks.text import failure_lines, shape, unknown_lines
from ..diagnosis.diagnose import diagnose
from ..diagnosis.text import cause_lines
from ..errors import ConvsolveError, InternalError, UndecidedError
from ..problem import Problem
from ..sizes.counterexample import Counterexample, counterexample
from ..sources import load
from ..synthesis.open_parameters import with_demands
from .configuration import Declared

__all__ = ["Judgement", "Verdict", "judge"]

Verdict: TypeAlias = Literal["valid", "invalid", "not known", "not read"]


@dataclass(frozen=True)
class Judgement:
    """What came of a declared network.

    ``report`` is the check at its own input, None where there was none; ``counterexample`` the smallest of the sizes
    in question that breaks it. ``lines`` say what was found, the verdict aside.
    """

    declared: Declared
    verdict: Verdict
    lines: tuple[str, ...] = ()
    report: CheckReport | None = None
    counterexample: Counterexample | None = None


def judge(declared: Declared, folder: Path) -> Judgement:
    """Check a declared network at its own input and, where sizes are in question, for all of them.

    Its source is named from ``folder``, which is the current one meanwhile. What is not known in the time given is
    told as such.

    >>> from pathlib import Path
    >>> crop = Declared("crop", "problems/unet_300x300.yaml", sizes="64..512")
    >>> judged = judge(crop, Path())
    >>> judged.verdict
    'invalid'
    >>> print(judged.lines[0])
    skip2: CS013 the sizes to be concatenated differ (height, width): first=76, second=75
    """
    end = None if declared.timeout is None else time.monotonic() + declared.timeout
    try:
        with chdir(folder):
            problem = load(declared.source, input_shape=declared.input_shape, arguments=declared.arguments)
            network = dataclasses.replace(problem.network, training=declared.training or problem.network.training)
            if declared.input_shape is not None:
                network = network.with_shapes(declared.input_shape)
            problem = dataclasses.replace(problem, network=network)
            return _judged(declared, with_demands(problem, declared.claims), end)
    except InternalError:
        raise
    except UndecidedError as error:
        return Judgement(declared, "not known", (str(error),))
    except ConvsolveError as error:
        return Judgement(declared, "not read", tuple(str(error).splitlines()))


def _judged(declared: Declared, problem: Problem, end: float | None) -> Judgement:
    report = None
    if not _open_input(problem):
        report = check(problem)
        if report.failures:
            found = [line for failure in report.failures for line in failure_lines(failure)]
            causes = diagnose(problem, report)
            return Judgement(declared, "invalid", (*found, *cause_lines(causes)), report)
        if report.unknown:
            return Judgement(declared, "not known", tuple(unknown_lines(report)), report)
        if declared.sizes is None:
            return Judgement(declared, "valid", (f"the output is {shape(report.output)}",), report)
    left = None if end is None else end - time.monotonic()
    if left is not None and left <= 0:
        raise UndecidedError(f"the time ran out ({declared.timeout:g} s)")
    broken = counterexample(problem, declared.sizes, timeout=left)
    if broken is not None:
        return Judgement(declared, "invalid", tuple(str(broken).splitlines()), report, broken)
    return Judgement(declared, "valid", (f"it holds for {_said(declared)} (proven)",), report)


def _open_input(problem: Problem) -> bool:
    """Whether nothing but the size of the input is open."""
    holes = problem.network.holes
    return bool(holes) and holes.keys() <= problem.network.input_holes


def _said(declared: Declared) -> str:
    if declared.sizes is None:
        return "every size of its input"
    if isinstance(declared.sizes, str):
        return f"sizes {declared.sizes}"
    return ", ".join(f"{axis} {sizes}" for axis, sizes in declared.sizes.items())
