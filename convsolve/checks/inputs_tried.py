"""Which inputs would mend a failure: sizes are tried one by one, as columns of numbers."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from ..dims import evaluate_arrays, variables
from ..errors import ConvsolveError, UnreadableError
from ..network.trace import Requirement, Trace, run, run_arrays, to_written, trace
from ..operators import axis_names
from ..rules import BRANCH, RANK
from .failures import failed_requirements

__all__ = ["InputsTried", "smallest_need"]

_LARGEST_TRIED = 4096
"""Input sizes up to this one are tried to find the smallest that mends a failure."""

_MOST_RECORDED = 8
"""For so many sizes a program is recorded again at most, to tell whether one is the smallest."""


def smallest_need(requirement: Requirement, values: Mapping[str, int]) -> int | None:
    """Return the smallest size at the layer's input for which a requirement holds, if it speaks of one size."""
    import numpy as np

    names = [v.name for v in variables(requirement.condition)]
    if len(names) != 1 or requirement.axis not in names[0]:
        return None
    sizes = np.arange(1, _LARGEST_TRIED + 1)
    holds = evaluate_arrays(requirement.condition, {names[0]: sizes})
    found = np.flatnonzero(np.broadcast_to(holds, sizes.shape))
    return int(sizes[found[0]]) if len(found) else None


class InputsTried:
    """Tries every input size: first along one axis, then with all spatial axes equal.

    What stands behind a layer that failed when a program was recorded is a guess there: then, the program is recorded
    again for what is found.
    """

    def __init__(self, traced: Trace, guessed: bool) -> None:
        self.traced = traced
        self.guessed = guessed
        self._requirements = list(traced.requirements)
        self._broken: dict[tuple[str, ...], Any] = {}

    @classmethod
    def of(cls, traced: Trace) -> InputsTried:
        """Return what tries the inputs of a network, its layers that failed being mended."""
        network = traced.network
        if not any(guard.fails for guard in network.guards):
            return cls(traced, False)
        steps = (s for s in traced.steps if not (isinstance(s, Requirement) and s.rule is BRANCH and s.note))
        return cls(dataclasses.replace(traced, steps=tuple(steps)), True)

    def _works(self, shape: tuple[int, ...]) -> bool:
        """Return whether all of a network that was recorded works for an input."""
        record = self.traced.network.record
        if record is None:
            return False
        try:
            traced = trace(record(shape))
        except UnreadableError:
            return False
        return not failed_requirements(traced, run(traced, {}))[0]

    def inputs(self, failed: Sequence[Requirement]) -> tuple[tuple[int, ...], tuple[int, ...], bool, tuple[str, ...]]:
        """Return the smallest and the nearest input that mends a failure, whether it mends every one, and the axes."""
        inputs = self.traced.network.inputs
        shape = self.traced.shapes[inputs[0].name] if inputs else None
        if len(inputs) != 1 or shape is None or len(shape) < 2 or any(r.rule is RANK for r in failed):
            return (), (), False, ()
        names = axis_names(len(shape))
        stated: tuple[int, ...] = inputs[0].operator.shape  # type: ignore[attr-defined]
        written = to_written(self.traced.network.data_format, names)
        axes = tuple(r.axis for r in failed if r.axis in names[1:])
        choices = [chosen for chosen in dict.fromkeys((axes, tuple(names[1:]))) if chosen]
        lasts = (None, failed[-1]) if failed[-1] in self._requirements else (None,)  # of a guess, nothing is tried
        for last, chosen in itertools.product(lasts, choices):
            sizes = self._sizes(last, chosen, inputs[0].name)
            if sizes and last is None:
                sizes = self._smaller(sizes, chosen, written, stated)
            if sizes:
                present = max(n for a, n in zip(written, stated, strict=True) if a in chosen)
                nearest = min(sizes, key=lambda n: abs(n - present))
                smallest_shape, nearest_shape = (
                    tuple(size if a in chosen else n for a, n in zip(written, stated, strict=True))
                    for size in (sizes[0], nearest)
                )
                if self.guessed and last is None and not all(map(self._works, {smallest_shape, nearest_shape})):
                    continue
                return smallest_shape, nearest_shape, last is None, chosen if set(chosen) < set(names[1:]) else ()
        return (), (), False, ()

    def _smaller(
        self, sizes: list[int], axes: tuple[str, ...], written: Sequence[str], stated: tuple[int, ...]
    ) -> list[int]:
        """Return sizes that work with the smallest among them: below, where the program does something else, it is run.

        There is none where that would be too often.
        """
        broken = self._broken[axes][: sizes[0] - 1]
        unknown = [i + 1 for i, at in enumerate(broken.tolist()) if self._requirements[at].rule is BRANCH]
        if len(unknown) > _MOST_RECORDED or (unknown and self.traced.network.record is None):
            return []
        works = (n for n in unknown if self._works(tuple(n if a in axes else m for a, m in
                                                         zip(written, stated, strict=True))))  # fmt: skip
        first = next(works, None)
        return sizes if first is None else [first, *sizes]

    def _sizes(self, last: Requirement | None, axes: tuple[str, ...], source: str) -> list[int]:
        """Return the sizes along these axes for which everything up to a requirement (or everything) holds."""
        import numpy as np

        if axes not in self._broken:
            try:
                self._broken[axes] = self._first_broken(np.arange(1, _LARGEST_TRIED + 1), axes, source)
            except ConvsolveError:
                return []
        at = len(self._requirements) - 1 if last is None else self._requirements.index(last)
        return [int(i) + 1 for i in np.flatnonzero(self._broken[axes] > at)]

    def _first_broken(self, sizes: Any, axes: tuple[str, ...], source: str) -> Any:
        """Return for each size along these axes which requirement is the first that does not hold."""
        import numpy as np

        columns = run_arrays(self.traced, {f"{source}.{axis}": sizes for axis in axes})
        found = np.full(sizes.shape, len(self._requirements))
        for i, requirement in reversed(list(enumerate(self._requirements))):
            found[np.broadcast_to(~evaluate_arrays(requirement.condition, columns).astype(bool), sizes.shape)] = i
        return found
