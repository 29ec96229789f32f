"""Patches that were tried: the program, edited so, is run again, and must do what the repair says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..checks.check import check
from ..errors import ConvsolveError, NetworkError
from ..network import Network
from ..problem import Problem
from .parameter_values import DECLARING
from .repair import Repair
from .source_patch import Patch, patches
from .written_values import same_value

__all__ = ["Again", "TriedPatches", "does", "first_that_does"]

Again = Callable[[Mapping[Path, str], bool], Problem]
"""Reads the program with other texts of its files; with True, for the input that it states, not the one asked about."""


@dataclass(frozen=True)
class TriedPatches:
    """The first patch that does what its repair says, if there is one, and why those of cheaper repairs are not."""

    patch: Patch | None
    repair: Repair | None
    reasons: tuple[str, ...]


def first_that_does(
    network: Network, repairs: Sequence[Repair], again: Again | None, *, folder: str | Path = "."
) -> TriedPatches:
    """Return the patch of the first repair that can be written, and then does what it says.

    Where the program cannot be run ``again``, that it can be written is enough.
    """
    reasons: list[str] = []
    for repair in repairs:
        try:
            for made in patches(network, repair, folder=folder):
                if again is None or does(made, network, repair, again):
                    return TriedPatches(made, repair, tuple(reasons))
            reasons.append(f"{repair}: where its values are written, other layers take them from, too")
        except NetworkError as error:
            reasons.append(str(error))
    return TriedPatches(None, None, tuple(reasons))


def does(made: Patch, network: Network, repair: Repair, again: Again) -> bool:
    """Return whether a program, edited by a patch, works with the output that a repair promises, else being as it was.

    Numbers of channels and features that Keras counts itself may follow.
    """
    of_input = any(edit.kind == "resize_input" or edit.parameter == "shape" for edit in repair.edits)
    try:
        problem = again(made.after, of_input)
        report = check(problem)
    except ConvsolveError:
        return False
    if not report.ok or (report.output != repair.report.output and not network.known_up_to):
        return False
    return not all(edit.parameter for edit in repair.edits) or _only(repair, network, problem.network)


def _only(repair: Repair, old: Network, new: Network) -> bool:
    """Return whether nothing but what a repair names has changed between two networks, layer by layer.

    Frameworks number what has no name of its own as it is made, so that layers are compared in order. Of a network that
    was not known to its end, the beginning is.
    """
    meant = {(edit.layer, edit.parameter) for edit in repair.edits}
    if len(old.layers) != len(new.layers) and not (old.known_up_to and len(old.layers) < len(new.layers)):
        return False
    for was, now in zip(old.layers, new.layers, strict=False):
        if type(was.operator) is not type(now.operator):
            return False
        for field in dataclasses.fields(was.operator):
            before, after = getattr(was.operator, field.name), getattr(now.operator, field.name)
            counted = field.name in DECLARING and old.framework == "keras"
            if (was.name, field.name) not in meant and not counted and before != after and \
                    not same_value(before, after):  # fmt: skip
                return False
    return True
