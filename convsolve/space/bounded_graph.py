"""The layered graph of one part of a space, with bounds on its sums: what edges cost by each, and cheapest paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..dims import evaluate
from ..solver.layered_graph import LayerEdges, LayeredGraph
from ..solver.plan import Part
from ..solver.transitions import TooWide
from .paths import is_bound

__all__ = ["BoundedGraph", "Stage"]

_EXACT = 1 << 52
"""Sums below this are exact as floating-point numbers, in which missing edges can cost infinity."""


@dataclass(frozen=True)
class Stage:
    """The edges of one layer of the graph, sorted by where they come from; ``place`` is where all edges have them."""

    source: np.ndarray
    target: np.ndarray
    added: np.ndarray
    groups: np.ndarray
    """The places where a new source begins."""
    first: list[int]
    """For each source the place of its first edge, and then the number of edges."""
    options: Mapping[str, np.ndarray]
    places: Mapping[str, np.ndarray]
    sources: int
    place: slice

    @classmethod
    def of(cls, layer: LayerEdges, before: int) -> Stage:
        """Return the stage of a layer, whose edges come after so many others."""
        choices = layer.choices
        places = np.unravel_index(layer.combination, choices.shape) if choices.names else ()
        groups = np.flatnonzero(np.r_[True, layer.source[1:] != layer.source[:-1]])
        return cls(
            layer.source, layer.target, layer.added, groups,
            np.searchsorted(layer.source, np.arange(layer.sources + 1)).tolist(),
            dict(zip(choices.names, choices.values, strict=True)),
            dict(zip(choices.names, places, strict=True)), layer.sources,
            slice(before, before + len(layer.source)))  # fmt: skip

    def with_value(self, name: str, value: int) -> np.ndarray:
        """Return which edges give a hole this value."""
        found: np.ndarray = (self.options[name] == value)[self.places[name]]
        return found

    def values(self, edge: int) -> dict[str, int]:
        """Return the holes' values on an edge."""
        return {name: int(options[self.places[name][edge]]) for name, options in self.options.items()}


class BoundedGraph:
    """The graph of one part, and what bounds its sums.

    For each bound there is a row of ``costs``, what each edge costs by it, and the most that a path may cost
    (``limits``). ``bounds_only`` says that a path is a solution as soon as it keeps them.
    """

    def __init__(self, part: Part, graph: LayeredGraph, fixed: Mapping[str, int], sums: int) -> None:
        low, high = graph.low[:sums], graph.high[:sums]
        upper = np.flatnonzero(graph.most[0][:sums, 0] > high)
        lower = np.flatnonzero(graph.least[0][:sums, 0] < low)
        unit = np.eye(sums, dtype=np.int64)
        self.signs = np.concatenate([unit[upper], -unit[lower]])
        self.limits = np.concatenate([high[upper], -low[lower]])
        self.names = [accumulator.name for accumulator in part.accumulators[:sums]]
        self.low, self.high, self.fixed = low, high, fixed
        self.final, self.ends = part.final, graph.ends
        self.bounds_only = all(is_bound(demand.condition) for demand in part.final)
        self.sums = sums
        self.stages: list[Stage] = []
        for layer in graph.layers:
            self.stages.append(Stage.of(layer, self.stages[-1].place.stop if self.stages else 0))
        if sum(float(np.abs(stage.added[:sums]).max(initial=0)) for stage in self.stages) >= _EXACT:
            raise TooWide
        self.offsets = np.array([stage.place.start for stage in self.stages])
        """What is added to an edge's place in its layer to have that among all edges."""
        self.added = np.concatenate([stage.added[:sums] for stage in self.stages], axis=1)
        self.costs = (self.signs @ self.added).astype(np.float64)
        self.targets = np.concatenate([stage.target for stage in self.stages])
        self.last = graph.layers[-1].targets
        self.far = np.array([np.abs(self.costs[:, stage.place]).max(axis=1, initial=0) for stage in self.stages])
        self.far = self.far.sum(axis=0) + np.abs(self.limits)
        """What no path's cost passes, by each bound, whatever its sign."""
        to_go = [least for least, _ in self.to_go(self.costs)]
        self.least = to_go[0][:, 0]
        self.surplus = [
            self.costs[:, stage.place] + to_go[i + 1][:, stage.target] - to_go[i][:, stage.source]
            for i, stage in enumerate(self.stages)
        ]
        self.slack = np.maximum(self.limits - self.least, 1)
        self.weights = self.slack.min(initial=np.inf) / self.slack
        """How bounds are weighed together: each by what is left of it."""
        self.weighed = self.weights @ self.costs

    def to_go(self, costs: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return for each layer the least that a way from a state to the end costs, and what each edge's way does.

        Args:
            costs: of every edge; or several rows of them, each for itself.
        """
        least = np.zeros((*costs.shape[:-1], self.last))
        found = [(least, least)]
        for stage in reversed(self.stages):
            total = costs[..., stage.place] + least[..., stage.target]
            least = np.minimum.reduceat(total, stage.groups, axis=-1)
            if len(stage.groups) < stage.sources:
                whole = np.full((*costs.shape[:-1], stage.sources), np.inf)
                whole[..., stage.source[stage.groups]] = least
                least = whole
            found.append((least, total))
        return found[::-1]

    def come(self, rows: np.ndarray) -> list[np.ndarray]:
        """Return for each layer the least that a way from the start to a state costs, by each row of edges' costs."""
        least = np.zeros((len(rows), 1))
        found = [least]
        for i, stage in enumerate(self.stages):
            total = rows[:, stage.place] + least[:, stage.source]
            least = np.full((len(rows), self.states(i + 1)), np.inf)
            for own, costs in zip(least, total, strict=True):
                np.minimum.at(own, stage.target, costs)
            found.append(least)
        return found

    def states(self, layer: int) -> int:
        """Return how many states there are before a layer; after the last one, with the number of layers."""
        return self.stages[layer].sources if layer < len(self.stages) else self.last

    def path(self, costs: np.ndarray) -> tuple[float, list[int]] | None:
        """Return what the cheapest path costs, and its edges; None if there is none."""
        to_go = self.to_go(costs)
        least = float(to_go[0][0][0])
        if least == np.inf:
            return None
        node, edges = 0, []
        for stage, (_, total) in zip(self.stages, to_go, strict=False):
            first = stage.first[node]
            edge = first + int(total[first : stage.first[node + 1]].argmin())
            edges.append(edge)
            node = int(stage.target[edge])
        return least, edges

    def running(self, edges: Sequence[int]) -> np.ndarray:
        """Return what each sum has come to after each edge of a path."""
        found: np.ndarray = np.cumsum(self.added[:, self.offsets + edges], axis=1)
        return found

    def excess(self, paths: np.ndarray) -> np.ndarray:
        """Return for each bound by how much paths pass it, each a row of edges; negative where they do not."""
        found: np.ndarray = self.costs[:, self.offsets + paths].sum(axis=2) - self.limits[:, None]
        return found

    def solutions(self, paths: np.ndarray) -> np.ndarray:
        """Return those of some paths that keep the bounds that are solutions."""
        if self.bounds_only:
            return paths
        held = [self.holds(self.running(path)[:, -1], self.end(path)) for path in paths]
        found: np.ndarray = paths[np.array(held, dtype=bool)]
        return found

    def end(self, edges: Sequence[int]) -> int:
        """Return the state in which a path ends."""
        return int(self.stages[-1].target[edges[-1]])

    def holds(self, sums: np.ndarray, end: int) -> bool:
        """Return whether a path with these sums, which ends in this state, is a solution."""
        if (sums < self.low).any() or (sums > self.high).any():
            return False
        values = {**self.fixed, **{name: int(column[end]) for name, column in self.ends.items()},
                  **dict(zip(self.names, sums.tolist(), strict=True))}  # fmt: skip
        return all(evaluate(demand.condition, values) for demand in self.final)
