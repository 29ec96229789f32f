"""Spread: samples whose cost follows a wish, as multiply-accumulates evenly between the least and the most.

The range of a cost is cut into bins. A bin is a space of its own, that of a problem with a budget: so it is known
exactly which bins have architectures, and within a bin each is equally likely.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from ..dims import Var
from ..errors import NetworkError, NoArchitectureError
from ..problem import Objective
from ..solver.layered_graph import build_graph
from .assignments import Bin, Columns
from .components import in_words, outlined
from .cubes import Job, run
from .decisions import has_solution
from .enumeration import at_most
from .path_counts import Weight
from .paths import MOST_STATES
from .random_integers import uniform, whole
from .sampling import Cube, Numbers, draw, measure
from .subspace import Subspace, cost_of, extended, inside

__all__ = ["Bins", "Spread", "reach"]

Bins = int | Mapping[range, Any]
"""How many bins of the same width, or the bins, each with how much of the samples is to come from it."""

_COARSE = 3
"""A bin's sums are told apart less finely than a budget's: bins are many, and what is drawn in vain is drawn again."""

_PROBES = 1 << 12
"""Candidates that are looked at before the engine is asked whether there is a solution."""


@dataclass(frozen=True)
class _Own:
    """A bin: its costs, how much is wished of it, and its space."""

    costs: range
    wish: int
    subspace: Subspace
    cubes: tuple[Cube, ...]


def reach(subspace: Subspace, text: str, executor: Executor | None = None) -> tuple[int, int]:
    """Return between which numbers an expression lies in all architectures.

    These are the least and the most, but where budgets bind: then only what no architecture passes.

    Raises:
        NoArchitectureError: there is none.
        UndecidedError: the space cannot be gone through.
    """
    with in_words():
        jobs = [Job(subspace, partial(_reach, text=text))]
        found = [ends for _, ends in run(jobs, executor, clock=subspace.clock) if ends is not None]
    if not found:
        raise NoArchitectureError("the space has no valid architecture: `convsolve synth` says why")
    return min(low for low, _ in found), max(high for _, high in found)


def _reach(subspace: Subspace, depth: int, *, text: str) -> tuple[int, int] | None:
    steps, cost = cost_of(subspace.traced, text)
    asked = extended(subspace.traced, steps)
    problem = dataclasses.replace(asked.problem, objectives=(Objective("minimize", text),))
    outline = outlined(dataclasses.replace(asked, problem=problem, objectives=(cost,)), subspace.clock, goals=True)
    if outline is None:
        return None
    goal = outline.system.goals[0].value
    if not isinstance(goal, Var):
        assert isinstance(goal, int)
        return goal, goal
    low, high = outline.domains[goal.name].interval
    assert low is not None and high is not None
    for part in outline.plan:
        if not part.goals:
            continue
        with in_words():
            graph = build_graph(part, outline.system, outline.domains, subspace.clock, MOST_STATES)
        if graph is None or not graph.prune():
            return None
        sums = [accumulator.name for accumulator in part.accumulators]
        if goal.name in sums:
            at = sums.index(goal.name)
            least, most = int(graph.least[0][at][0]), int(graph.most[0][at][0])
        else:
            least, most = int(graph.ends[goal.name].min()), int(graph.ends[goal.name].max())
        low, high = max(low, least), min(high, most)
    return low, high


class Spread:
    """A space whose cost is cut into bins, to be drawn from; the bins are remembered."""

    def __init__(self, subspace: Subspace, text: str, bins: Bins, executor: Executor | None) -> None:
        ranges, wishes = _read(subspace, text, bins, executor)
        subspaces = [subspace.within(inside(subspace.traced, text, costs), _COARSE) for costs in ranges]
        self._text = text
        self._bins = list(map(_Own, ranges, wishes, subspaces, _measured(subspaces, executor)))

    def draw(
        self, n: int, seed: int, *, replace: bool, weight: Weight | None, executor: Executor | None
    ) -> tuple[Columns, int, tuple[Bin, ...]]:
        """Return the columns of ``n`` architectures, how many candidates were tried for them, and the bins.

        Raises:
            NetworkError: there are no such architectures, or without replacement not so many.
            UndecidedError: too few of what is tried can be used.
        """
        generator = np.random.default_rng(seed)
        full = [own for own in self._bins if own.cubes]
        if not full:
            raise NoArchitectureError(f"no architecture has {self._text} in these bins")
        shares = self._shares(full, n, generator, replace, executor)
        found, tried, bins = [], 0, []
        for own in self._bins:
            least, most = sum(cube.sure for cube in own.cubes), sum(cube.total for cube in own.cubes)
            share = shares.get(own.costs, 0)
            bins.append(Bin(own.costs, max(least, min(most, 1)), most, share))
            own_seed = int(generator.integers(1 << 31))
            if own.cubes:
                cubes = measure([own.subspace], executor, weight)[0] if weight else own.cubes
                numbers = Numbers(own.subspace, cubes, executor, weight)
                columns, own_tried = draw(numbers, share, own_seed, replace=replace)
                found.append(columns)
                tried += own_tried
        mixed = generator.permutation(n)
        columns = {name: np.concatenate([own[name] for own in found])[mixed] for name in found[0]}
        return columns, tried, tuple(bins)

    def _shares(
        self, full: Sequence[_Own], n: int, generator: np.random.Generator, replace: bool, executor: Executor | None
    ) -> dict[range, int]:
        """Return how many samples each bin gives: what is wished, where it has so many."""
        shares: dict[range, int] = {}
        left = n
        while full:
            wished = _apportion(generator, [own.wish for own in full], left)
            given = (
                wished
                if replace
                else [
                    at_most(own.subspace, own.cubes, share, executor) for own, share in zip(full, wished, strict=True)
                ]
            )
            if given == wished:
                return shares | {own.costs: share for own, share in zip(full, given, strict=True)}
            short = {own.costs: most for own, share, most in zip(full, wished, given, strict=True) if most < share}
            shares |= short
            left -= sum(short.values())
            full = [own for own in full if own.costs not in short]
        raise NetworkError(f"there are only {n - left:,} architectures in these bins: draw fewer, or with replacement")


def _read(subspace: Subspace, text: str, bins: Bins, executor: Executor | None) -> tuple[list[range], list[int]]:
    """Return the bins in order, and whole numbers in the proportion in which they are wished."""
    if isinstance(bins, int):
        if bins < 1:
            raise NetworkError(f"wanted at least one bin, got bins={bins}")
        low, high = reach(subspace, text, executor)
        edges = sorted({low + (high + 1 - low) * i // bins for i in range(bins + 1)})
        return [range(a, b) for a, b in pairwise(edges)], [1] * (len(edges) - 1)
    ranges = sorted(bins, key=lambda costs: costs.start)
    if any(costs.step != 1 or not costs for costs in ranges) or any(a.stop > b.start for a, b in pairwise(ranges)):
        raise NetworkError("bins: wanted ranges of costs that do not overlap, such as range(0, 200), range(200, 300)")
    wishes = whole([bins[costs] for costs in ranges])
    if wishes is None:
        raise NetworkError(f"bins: wanted a positive share for each, found {list(bins.values())}")
    return ranges, wishes


def _measured(subspaces: Sequence[Subspace], executor: Executor | None) -> list[tuple[Cube, ...]]:
    """Return the cubes of each bin; none where it is certain that it has no architecture."""
    measured = measure(subspaces, executor)
    doubtful = (
        Job(subspace, _has_any, decided=cube.decided)
        for subspace, cubes in zip(subspaces, measured, strict=True) for cube in cubes if not cube.sure
    )  # fmt: skip
    empty = {(id(job.subspace), job.decided) for job, answer in run(doubtful, executor) if not answer}
    return [tuple(cube for cube in cubes if (id(subspace), cube.decided) not in empty)
            for subspace, cubes in zip(subspaces, measured, strict=True)]  # fmt: skip


def _has_any(subspace: Subspace, depth: int) -> bool:
    """Return whether a space has an architecture, where its paths leave that open."""
    return subspace.drawing().hits(_PROBES) > 0 or has_solution(subspace.traced, {}, subspace.clock)


def _apportion(generator: np.random.Generator, wishes: Sequence[int], n: int) -> list[int]:
    """Share out ``n`` in a proportion: each gets what is due to it, rounded up or down by chance, on average exactly.

    (Systematic sampling: Madow and Madow, 1944.)
    """
    whole_of_them = sum(wishes)
    start = int(uniform(generator, whole_of_them, 1)[0])
    ends = [0, *accumulate(wishes)]
    before = [min(max(-((start - n * end) // whole_of_them), 0), n) for end in ends]
    return [b - a for a, b in pairwise(before)]
