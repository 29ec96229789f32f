"""Counterexample: the smallest input that breaks a claim about a network, or a proof that there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..checks.check import CheckReport, Failure, at_shapes, check
from ..checks.text import failure_line
from ..dims import Domain, evaluate_arrays
from ..dims.boxes import Boxes
from ..dims.grammar import parse_value
from ..dims.quasi import NoClosedForm
from ..dims.sizeset import SizeSet
from ..errors import ExpressionError, InternalError, NetworkError, UndecidedError
from ..network import InputShapes
from ..network.trace import run_arrays
from ..solver.clock import Clock
from ..sources import Asked, problem_of
from ..support.arguments import checked
from ..support.notebook_display import Carded
from ..support.suggestions import listed, whole
from .analysis import Analysis, described
from .branches import analyse_all, least_point
from .open_inputs import OpenInputs

__all__ = ["Counterexample", "Sizes", "asked_sizes", "counterexample"]

Sizes: TypeAlias = "range | Domain | SizeSet | str | Iterable[int] | Mapping[str, Any] | None"
"""Sizes in question: for all axes the same, or by axis. A text is a domain, such as ``64..512 step 32``."""

_MOST_POINTS = 4_000_000


@dataclass(frozen=True)
class Counterexample(Carded):
    """An input for which a claim does not hold, the smallest of those that were asked about.

    ``sizes`` are the open sizes by axis, ``input_shapes`` the shapes of all inputs as written; ``report`` is the
    check of the network there, with the table of shapes. ``claims`` are those that were made.
    """

    sizes: Mapping[str, int]
    input_shapes: tuple[tuple[int, ...], ...]
    report: CheckReport
    claims: tuple[str, ...] = ()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the (first) input, as written."""
        return self.input_shapes[0]

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The requirements and claims that fail there."""
        return self.report.failures

    def __repr__(self) -> str:
        return f"<Counterexample: {', '.join(f'{axis} = {size}' for axis, size in self.sizes.items())}>"

    def __str__(self) -> str:
        """Return what fails, in one line for each failure."""
        shapes = ", ".join("x".join(map(str, shape)) for shape in self.input_shapes)
        lines = [f"an input of {shapes} breaks it:"]
        lines += [f"  {failure_line(failure)}" for failure in self.failures]
        return "\n".join(lines)


@checked
def counterexample(
    network: Asked,
    sizes: Sizes = None,
    *,
    claim: str | Sequence[str] = (),
    training: bool = False,
    timeout: float | None = None,
    input_shape: InputShapes | None = None,
) -> Counterexample | None:
    """Return the smallest input for which a network fails or a claim about it does not hold; None if there is none.

    None is a proof: every size that was asked about is covered by the closed form of the network's requirements,
    not tried one by one.

    Args:
        network: a network or problem without open parameters. A problem's requirements are claims.
        sizes: the sizes in question, for every open axis or by axis; all sizes if None. To ask about the sizes
            that the network takes, give its :func:`~convsolve.sizes.valid_sizes.valid_sizes`.
        claim: one or more conditions, such as ``output.height == input.height // 8``.
        training: whether what only training requires counts, too.
        timeout: seconds for the answer.
        input_shape: with which a module is read.

    Raises:
        ExpressionError: a claim cannot be read.
        UndecidedError: it is not known, in the time given or for want of a closed form.

    >>> from convsolve.files import parse
    >>> net = parse("{input: [3, 64, 64], layers: [{max_pool: {kernel_size: 2}}, {max_pool: {kernel_size: 2}}]}")
    >>> print(counterexample(net, range(1, 513)))
    an input of 3x1x1 breaks it:
      max_pool1: CS001 the kernel does not fit the padded input (height, width): window=2, padded=1
    >>> counterexample(net, range(4, 513)) is None
    True
    >>> counterexample(net, range(4, 513), claim="4*output.height == input.height").input_shape
    (3, 5, 4)
    """
    problem = problem_of(network, input_shape)
    claims = (claim,) if isinstance(claim, str) else tuple(claim)
    problem = dataclasses.replace(problem, requirements=(*problem.requirements, *claims))
    if training:
        problem = dataclasses.replace(problem, network=dataclasses.replace(problem.network, training=True))
    clock = Clock(timeout)
    found = analyse_all(problem, clock)
    opened = found[0].opened
    asked = asked_sizes(opened, sizes)
    try:
        point = _smallest_failing(found, asked, clock)
    except NoClosedForm:
        raise UndecidedError(
            "the sizes in question are too many to be listed one by one: leave their end open, as in 1.."
        ) from None
    if point is None:
        return None
    report = _checked(opened, point)
    if report.ok:
        raise InternalError(f"a counterexample does not fail: {opened.shapes(point)}. Please report this")
    axes = {axis: point[list(opened.unknowns).index(unknown)] for axis, unknown in opened.axes.items()}
    return Counterexample(axes, tuple(opened.shapes(point)), report, claims)


def _checked(opened: OpenInputs, point: Sequence[int]) -> CheckReport:
    shapes = opened.shapes(point)
    return check(at_shapes(opened.problem, shapes[0] if len(shapes) == 1 else shapes))


def _smallest_failing(found: Sequence[Analysis], asked: Boxes, clock: Clock) -> tuple[int, ...] | None:
    """Return the smallest of some points at which a requirement fails; None if there is none.

    Raises:
        UndecidedError: it is not known.
    """
    failing, known = Boxes(asked.axes, ()), Boxes(asked.axes, ())
    for analysis in found:
        failing |= asked & (analysis.known - known) - analysis.region
        known |= analysis.known
    first = failing.smallest()
    if first is not None:  # what could be smaller still is not without end
        asked &= Boxes(asked.axes, (tuple(SizeSet.between(1, sum(first)) for _ in asked.axes),))
    tried = (_by_trying(analysis, asked) for analysis in found if analysis.unresolved)
    points = [p for p in (first, *tried) if p is not None]
    least = min(points, key=lambda p: (sum(p), p), default=None)

    def fails(point: tuple[int, ...]) -> bool | None:
        report = _checked(found[0].opened, point)
        return None if report.unknown else not report.ok

    return least_point(least, asked - known, fails, clock)


def _by_trying(analysis: Analysis, asked: Boxes) -> tuple[int, ...] | None:
    """Try every point, where a requirement has no closed form; raise UndecidedError where they are too many."""
    import numpy as np

    best: tuple[int, ...] | None = None
    for part in asked.parts:
        counts = [len(s.exceptions) if s.finite else _MOST_POINTS + 1 for s in part]
        if np.prod(counts, dtype=float) > _MOST_POINTS:
            raise UndecidedError(
                f"`{described(analysis.unresolved[0])}` has no closed form, and there are too many sizes to try them "
                "all: ask for a smaller range"
            )
        grid = np.meshgrid(*(s.exceptions for s in part), indexing="ij")
        columns = dict(zip(analysis.opened.unknowns, (g.ravel() for g in grid), strict=True))
        values = run_arrays(analysis.trace, columns)
        fails = np.zeros(grid[0].size, dtype=bool)
        for requirement in analysis.unresolved:
            fails |= ~np.broadcast_to(evaluate_arrays(requirement.condition, values).astype(bool), fails.shape)
        for i in np.flatnonzero(fails):
            point = tuple(int(c[i]) for c in columns.values())
            best = point if best is None else min(best, point, key=lambda p: (sum(p), p))
    return best


def asked_sizes(opened: OpenInputs, sizes: Sizes) -> Boxes:
    """Return the points in question.

    Raises:
        NetworkError: an axis is named that is not open, or the sizes are none.
    """
    sets: dict[str, SizeSet] = {}
    if isinstance(sizes, Mapping):
        for axis, own in sizes.items():
            if axis not in opened.axes:
                raise NetworkError(f"there is no open axis {axis!r}; there are {', '.join(opened.axes)}")
            sets[opened.axes[axis]] = sets.get(opened.axes[axis], SizeSet.everything()) & _set(own)
    elif sizes is not None:
        sets = dict.fromkeys(opened.axes.values(), _set(sizes))
    else:
        return opened.domains()
    return Boxes(opened.labels, (tuple(sets.get(name, SizeSet.everything()) for name in opened.unknowns),))


def _set(sizes: Any) -> SizeSet:
    if isinstance(sizes, SizeSet):
        return sizes
    if isinstance(sizes, str):
        try:
            read = parse_value(sizes, _no_names)
        except ExpressionError as error:
            raise NetworkError(f"{sizes!r} is no range of sizes, such as 64..512: {error.message}") from None
        sizes = read if isinstance(read, Domain) else [read]
    if not isinstance(sizes, Domain):
        several = sizes if isinstance(sizes, range) else listed("sizes", sizes, "range(64, 513)")
        numbers = several if isinstance(several, range) else sorted(whole("a size", n) for n in several)
        if not numbers or min(numbers[0], numbers[-1]) < 1:
            raise NetworkError(f"sizes are whole numbers from 1 on, got {sizes!r}")
        if isinstance(numbers, range):
            ordered = numbers if numbers.step > 0 else numbers[::-1]
            return SizeSet.between(ordered[0], ordered[-1], ordered.step)
        sizes = Domain.of(*numbers)
    return SizeSet.of_domain(sizes)


def _no_names(name: str, column: int) -> Any:
    raise ExpressionError(f"{name!r} is not a number", column)
