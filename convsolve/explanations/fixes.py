"""Fixes: the single edits with which repair mends the small network of a message, in the words of its framework."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..checks.check import check
from ..errors import ConvsolveError
from ..messages import ParsedError
from ..problem import Problem
from ..repairs.edits import Change
from ..repairs.evaluated_network import Situation, judge
from ..repairs.locked_layers import Locks
from ..repairs.parameter_values import width_of
from ..repairs.search import options_of
from ..repairs.structural import structural_changes
from .finding import Fix
from .wording import counted, one, word

__all__ = ["fixes"]


def fixes(c: ParsedError, sketch: Problem, *kinds: str) -> list[Fix]:
    """Return the edits of some kinds that mend a small network: of each kind the nearest number on both sides.

    >>> from convsolve.files import parse
    >>> net = parse("{input: [4, 8, 8], layers: [{conv: {out_channels: 6, kernel_size: 1, groups: 4}}]}")
    >>> print(*fixes(ParsedError(template="t", framework="keras"), net, "width", "groups"), sep="; ")
    filters=8 (now 6); filters=4 (now 6); groups=2 (now 4)
    """
    try:
        now = judge(sketch)
    except ConvsolveError:
        return []
    changes = [*structural_changes(now), *(x for found in options_of(now, Locks()).values() for _, x in found)]
    return [way for kind in kinds for way in _nearest(c, now, [x for x in changes if x.kinds == {kind}])]


def _nearest(c: ParsedError, now: Situation, changes: list[Change]) -> Iterator[Fix]:
    """Yield the first change that works of those to a larger number, and of those to a smaller one."""
    sides = set()
    for change in sorted(changes, key=lambda x: x.magnitude):
        try:
            made = replace(now.stated, network=change.make(now.network))
            before, after, said = _numbers(c, now, made, change)
            if before != after and (after > before) not in sides and check(made).ok:
                sides.add(after > before)
                yield Fix(said, (), made, change.edits)
        except ConvsolveError:
            continue


def _numbers(c: ParsedError, now: Situation, made: Problem, change: Change) -> tuple[Any, Any, str]:
    """Return the number before a change and after it (or numbers, one for each axis), and how it is said."""
    (edit,) = change.edits
    if edit.parameter:
        groups = edit.parameter == "groups" and c.operator == "group_norm" and c.framework == "torch"
        name = "num_groups" if groups else word(c, edit.parameter)
        before, after = (n if isinstance(n, tuple) else (n,) for n in (edit.before, edit.after))
        return before, after, f"{name}={one(after)} (now {one(before)})"
    layer = made.network.by_name[edit.layer]
    got, wanted = now.shape(layer.inputs[0])[0], getattr(layer.operator, width_of(layer.operator))
    return got, wanted, f"{counted(wanted, 'channel')} from the layer before (now {got})"
