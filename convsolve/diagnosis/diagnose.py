"""Diagnose: what caused a network to fail, apart from which layer reports it, with the evidence."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from ..checks.check import CheckReport, at_shapes
from ..checks.failures import requirement_message
from ..network import InputShapes
from ..network.trace import Requirement
from ..repairs.evaluated_network import Situation, judge, with_target
from ..rules import (
    CHANNELS_MATCH,
    CIRCULAR_PADDING,
    CONCAT_SIZES_AGREE,
    ELEMENTS_MATCH,
    FEATURES_MATCH,
    KERNEL_FITS,
    KERNEL_FITS_UNPADDED,
    ONE_VALUE_TRAINING,
    OUTPUT_POSITIVE,
    PROBLEM,
    RANK,
    REFLECT_PADDING,
    SIZES_AGREE,
)
from ..sources import Asked, problem_of
from .causes import Cause
from .head_causes import channels, elements, features, of_target, rank
from .input_causes import of_input, reporter
from .join_causes import joins
from .size_causes import padding, sizes, training

__all__ = ["Cause", "diagnose"]

_BY_RULE = {
    KERNEL_FITS: sizes, OUTPUT_POSITIVE: sizes, KERNEL_FITS_UNPADDED: sizes, FEATURES_MATCH: features,
    CHANNELS_MATCH: channels, SIZES_AGREE: joins, CONCAT_SIZES_AGREE: joins, REFLECT_PADDING: padding,
    CIRCULAR_PADDING: padding, RANK: rank, ELEMENTS_MATCH: elements, ONE_VALUE_TRAINING: training,
    PROBLEM: of_target,
}  # fmt: skip


def diagnose(
    network: Asked,
    report: CheckReport | None = None,
    *,
    input_shape: InputShapes | None = None,
    target: Iterable[int] | None = None,
) -> tuple[Cause, ...]:
    """Return what caused a network to fail, the likeliest first; nothing where nothing is wrong.

    Every independent failure has a cause. A cause that the network alone does not decide is not ``certain``, and
    says in its evidence what would decide it; what was tried out is told as such.

    Args:
        network: the network, a module or a file's name, or a problem, whose requirements count, too.
        report: a check of it, if there is one: a network that has passed is not looked at again.
        input_shape: the input's shape in place of the one that the network states, as written; of several inputs a list
            of shapes, or a mapping from their names.
        target: the shape, as written, that the output should have.

    Raises:
        NetworkError: parameters are open, or do not fit together.

    >>> from convsolve.files import parse
    >>> cause, = diagnose(parse('''
    ... input: [1, 8, 8]
    ... layers:
    ...   - max_pool: {kernel_size: 4}
    ...   - conv: {out_channels: 8, kernel_size: 3}
    ... '''))
    >>> cause.kind, cause.layer, cause.reported_by, cause.path
    ('input_too_small', 'input', 'conv1', '8 -> 2')
    """
    if report is not None and report.ok and target is None:
        return ()
    problem = problem_of(network, input_shape)
    if input_shape is not None:
        problem = at_shapes(problem, input_shape)
    problem = dataclasses.replace(with_target(problem, target), for_all={}, objectives=())
    now = judge(problem)
    decided = [r for r in now.failed if r.rule.decides]
    if not decided:
        return ()
    whole = list(of_input(now))
    if any(cause.certain for cause in whole):
        return _distinct(whole)
    each = [cause for group in _groups(decided) for cause in _of(now, group)]
    if whole:  # one remedy for everything: each failure's own cause is another possibility
        each = [dataclasses.replace(cause, certain=False) for cause in each]
    return _distinct([*whole, *each])


def _groups(failed: Sequence[Requirement]) -> list[list[Requirement]]:
    """Return the failures by layer and rule, the axes of one together."""
    groups: dict[tuple[str, str, str], list[Requirement]] = {}
    for r in failed:
        groups.setdefault((r.layer, r.rule.code, r.text), []).append(r)
    return list(groups.values())


def _of(now: Situation, group: list[Requirement]) -> Iterator[Cause]:
    first = group[0]
    recognise = _BY_RULE.get(first.rule)
    found = list(recognise(now, group)) if recognise else []
    if found:
        yield from found
        return
    message = requirement_message(first, now.values, [r.axis for r in group if r.axis])
    layer = reporter(now, first)
    yield Cause("requirement", layer, layer, message)


def _distinct(causes: Sequence[Cause]) -> tuple[Cause, ...]:
    kept: dict[tuple[str, str, str], Cause] = {}
    for cause in causes:
        kept.setdefault((cause.kind, cause.layer, cause.reported_by), cause)
    return tuple(kept.values())
