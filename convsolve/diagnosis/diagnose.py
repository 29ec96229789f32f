"""Diagnose: what caused a network to fail, apart from which layer reports it, with the evidence."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..checks.check import CheckReport, at_shapes
from ..checks.failures import requirement_message
from ..network import InputShapes, Network
from ..network.trace import Requirement
from ..operators.base import to_canonical
from ..problem import Problem
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
from ..support.arguments import checked
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


@checked
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
    problem = stated = problem_of(network, input_shape)
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
    if input_shape is not None:
        each = [_made_for(cause, stated, target) for cause in each]
    return _distinct([*whole, *_doubted(now, each)])


def _made_for(cause: Cause, stated: Problem, target: Iterable[int] | None) -> Cause:
    """Return the cause of a head that was made for another input with the one that the network itself states."""
    shape = _known_input(stated.network)
    if cause.kind != "wrong_input_for_head" or shape is None:
        return cause
    if not judge(dataclasses.replace(with_target(stated, target), for_all={}, objectives=())).ok:
        return cause
    said = "x".join(map(str, shape))
    return dataclasses.replace(
        cause, message=f"{cause.reported_by} was made for the input that the network states: {said}",
        evidence=(*cause.evidence, f"tried: with {said} every layer works"))  # fmt: skip


def _known_input(network: Network) -> tuple[int, ...] | None:
    inputs = network.inputs
    shape: tuple[Any, ...] = inputs[0].operator.shape if len(inputs) == 1 else (None,)  # type: ignore[attr-defined]
    return shape if all(isinstance(n, int) for n in shape) else None


_PICTURE = 8
"""Axes that are longer are no channels of pictures."""


def _doubted(now: Situation, causes: Sequence[Cause]) -> list[Cause]:
    """Return causes, none of them certain where the channels of the input look to stand elsewhere."""
    shape = _known_input(now.network)
    if shape is None or len(shape) < 3:
        return list(causes)
    channels, *space = to_canonical(now.network.data_format, shape)
    if channels <= _PICTURE or min(space) not in (1, 3) or max(space) <= _PICTURE:
        return list(causes)
    doubt = f"an axis of {min(space)} may be that of the channels: the data decides it"
    return [dataclasses.replace(c, certain=False, evidence=(*c.evidence, doubt)) if c.certain else c for c in causes]


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
