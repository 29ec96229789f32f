"""Completions: whether what is decided so far can be completed, asked value by value, in microseconds.

An architecture that has all the decided values, a *witness*, is kept. A value that the witness has needs no question;
another is tried by changing one edge of the witness's path, and then by a shortest path through the layered graph of
states, for one bound or for all of them weighed together (Lagrangian relaxation). That a value cannot be completed is
shown by reduced costs: along a path, what each edge costs more than it has to adds up, so that the least surplus of each
decided layer adds up to a bound that no path passes. (Handler and Zang, "A Dual Algorithm for the Constrained Shortest
Path Problem", 1980.) Between the two lies what is not known, which is left to others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..dims import evaluate
from ..problem import ProblemTrace
from ..solver.clock import Clock
from ..solver.layered_graph import Graph, Layer, build_graph
from ..solver.plan import Part
from .expansion import MOST_STATES, with_presence
from .parts import Outline, presence

__all__ = ["Completions", "Walk"]

_NEVER = 1 << 60
_SCALE = 1 << 24
"""What a bound's whole slack weighs where bounds are weighed together."""

_ROUNDS = 6
"""How often bounds that are missed are weighed anew."""


@dataclass(frozen=True)
class _Stage:
    """The edges of one layer of the graph, sorted by where they come from, and what they cost by each weighing."""

    source: np.ndarray
    target: np.ndarray
    added: np.ndarray
    costs: np.ndarray
    groups: np.ndarray
    """The places where a new source begins."""
    options: Mapping[str, np.ndarray]
    places: Mapping[str, np.ndarray]
    sources: int

    @classmethod
    def of(cls, layer: Layer, signs: np.ndarray) -> _Stage:
        choices = layer.choices
        places = np.unravel_index(layer.combination, choices.shape) if choices.names else ()
        groups = np.flatnonzero(np.r_[True, layer.source[1:] != layer.source[:-1]])
        return cls(
            layer.source, layer.target, layer.added, signs @ layer.added, groups,
            dict(zip(choices.names, choices.values, strict=True)),
            dict(zip(choices.names, places, strict=True)), layer.sources)  # fmt: skip

    def with_value(self, name: str, value: int) -> np.ndarray:
        """Return which edges give a hole this value."""
        found: np.ndarray = (self.options[name] == value)[self.places[name]]
        return found

    def values(self, edge: int) -> dict[str, int]:
        """Return the holes' values on an edge."""
        return {name: int(options[self.places[name][edge]]) for name, options in self.options.items()}


class _Bounds:
    """The graph of one part, and what bounds its sums; each bound is one weighing, with the most that it may come to."""

    def __init__(self, part: Part, graph: Graph, fixed: Mapping[str, int], sums: int) -> None:
        low, high = graph.low[:sums], graph.high[:sums]
        upper, lower = np.flatnonzero(high < _NEVER), np.flatnonzero(low > -_NEVER)
        unit = np.eye(sums, dtype=np.int64)
        self.signs = np.concatenate([unit[upper], -unit[lower]])
        self.limits = np.concatenate([high[upper], -low[lower]])
        self.names = [accumulator.name for accumulator in part.accumulators[:sums]]
        self.low, self.high, self.fixed = low, high, fixed
        self.final, self.ends = part.final, graph.ends
        wide = np.zeros((len(self.signs), len(part.accumulators)), dtype=np.int64)
        wide[:, :sums] = self.signs
        self.sums = sums
        self.stages = [_Stage.of(layer, wide) for layer in graph.layers]
        self.targets = [stage.target for stage in self.stages]
        self.last = graph.layers[-1].targets
        self.potentials = [self.to_go(stage_costs) for stage_costs in self._each()]
        self.least = np.array([int(own[0][0]) for own in self.potentials], dtype=np.int64)
        self.surplus = [
            np.array([costs[i] + own[i + 1][stage.target] - own[i][stage.source]
                      for costs, own in zip(self._each(), self.potentials, strict=True)]).reshape(-1, len(stage.source))
            for i, stage in enumerate(self.stages)]  # fmt: skip

    def _each(self) -> Iterator[list[np.ndarray]]:
        for bound in range(len(self.signs)):
            yield [stage.costs[bound] for stage in self.stages]

    def to_go(self, costs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return for every state, layer by layer, the least that a way to the end costs."""
        found = [np.zeros(self.last, dtype=np.int64)]
        for stage, own in zip(reversed(self.stages), reversed(costs), strict=True):
            total = np.minimum(own + found[-1][stage.target], _NEVER)
            least = np.full(stage.sources, _NEVER)
            least[stage.source[stage.groups]] = np.minimum.reduceat(total, stage.groups)
            found.append(least)
        return found[::-1]

    def path(self, costs: Sequence[np.ndarray]) -> tuple[int, list[int]] | None:
        """Return what the cheapest path costs, and its edges; None if there is none."""
        to_go = self.to_go(costs)
        least = int(to_go[0][0])
        if least >= _NEVER // 2:
            return None
        node, edges = 0, []
        for i, (stage, own) in enumerate(zip(self.stages, costs, strict=True)):
            first, last = np.searchsorted(stage.source, (node, node + 1)).tolist()
            edge = first + int(np.argmin(own[first:last] + to_go[i + 1][stage.target[first:last]]))
            edges.append(edge)
            node = int(stage.target[edge])
        return least, edges

    def running(self, edges: Sequence[int]) -> np.ndarray:
        """Return what each sum has come to after each edge of a path."""
        added = [stage.added[: self.sums, edge] for stage, edge in zip(self.stages, edges, strict=True)]
        return np.cumsum(np.stack(added, axis=1), axis=1)

    def holds(self, sums: np.ndarray, end: int) -> bool:
        """Return whether a path with these sums, which ends in this state, is a solution."""
        if (sums < self.low).any() or (sums > self.high).any():
            return False
        values = {**self.fixed, **{name: int(column[end]) for name, column in self.ends.items()},
                  **dict(zip(self.names, sums.tolist(), strict=True))}  # fmt: skip
        return all(evaluate(demand.condition, values) for demand in self.final)


class Completions:
    """The layered graphs of a space, on which walks are made."""

    def __init__(self, traced: ProblemTrace, outline: Outline, clock: Clock) -> None:
        """Build the graphs.

        Raises:
            TooWide: there are too many states.
        """
        there, canonical = presence(traced), traced.trace.canonical
        self.fixed = {n: v.fixed for n in outline.system.holes if (v := outline.domains[n]).fixed is not None}
        fixed = {name: values.fixed for name, values in outline.domains.items() if values.fixed is not None}
        self.parts: list[_Bounds] = []
        self.place: dict[str, tuple[int, int]] = {}
        for part in outline.plan:
            whole, absentees = with_presence(part, there, canonical)
            graph = build_graph(whole, outline.system, outline.domains, clock, MOST_STATES)
            if graph is None or not graph.prune():
                self.parts = []
                break
            for i, layer in enumerate(graph.layers):
                self.place |= dict.fromkeys(layer.choices.names, (len(self.parts), i))
            sums = len(whole.accumulators) - bool(absentees)
            self.parts.append(_Bounds(whole, graph, fixed, sums))

    def walk(self, given: Mapping[str, int]) -> Walk:
        """Return a walk on which some values are decided."""
        return Walk(self, given)


class Walk:
    """Values decided one after the other, with a witness that has them all.

    ``open`` says that a witness is there; otherwise nothing may be left (``empty``), or that is not known.
    """

    def __init__(self, completions: Completions, given: Mapping[str, int]) -> None:
        self._all = completions
        self.decided: dict[str, int] = {}
        self.empty = any(completions.fixed.get(name, value) != value for name, value in given.items())
        own: list[dict[str, int]] = [{} for _ in completions.parts]
        for name, value in given.items():
            if name in completions.place:
                own[completions.place[name][0]][name] = value
        self._ways = [_Way(bounds, values) for bounds, values in zip(completions.parts, own, strict=True)]
        self.empty = self.empty or any(way.empty for way in self._ways) or self._nothing()
        self.open = not self.empty and all(way.path is not None for way in self._ways)
        self.decided = dict(given)

    def _nothing(self) -> bool:
        return not self._all.parts and bool(self._all.place)

    def allows(self, name: str, value: int) -> bool | None:
        """Return whether one more value can be completed; None if that is not known."""
        if name not in self._all.place:
            return self._all.fixed.get(name) == value
        part, layer = self._all.place[name]
        return self._ways[part].allows(layer, name, value)

    def decide(self, name: str, value: int) -> bool | None:
        """Decide one more value if it can be completed; return whether it can, None if that is not known."""
        answer = self.allows(name, value)
        if answer and name in self._all.place:
            part, layer = self._all.place[name]
            self._ways[part].take(layer, name, value)
        if answer:
            self.decided[name] = value
        return answer

    @property
    def witness(self) -> dict[str, int]:
        """The values of a solution that has what is decided."""
        found = dict(self._all.fixed)
        for way in self._ways:
            found |= way.values()
        return found


class _Way:
    """The witness's path through one part's graph, and which edges are left in the layers where something is decided."""

    def __init__(self, bounds: _Bounds, given: Mapping[str, int]) -> None:
        self.bounds = bounds
        self.left: dict[int, np.ndarray] = {}
        for i, stage in enumerate(bounds.stages):
            for name in stage.options:
                if name in given:
                    own = stage.with_value(name, given[name])
                    self.left[i] = self.left[i] & own if i in self.left else own
        self.empty = any(not own.any() for own in self.left.values())
        self.least = bounds.least.copy()
        self.spare = {i: self._spare(i, own) for i, own in self.left.items()} if not self.empty else {}
        for own in self.spare.values():
            self.least = self.least + own
        self.empty = self.empty or bool((self.least > bounds.limits).any())
        self.path: list[int] | None = None
        self.sums = np.zeros(bounds.sums, dtype=np.int64)
        self._found: tuple[str, int, list[int]] | None = None
        if not self.empty:
            found = self._search({})
            if found is None:
                self.empty = True
            elif found:
                self._follow(found)

    def _spare(self, layer: int, left: np.ndarray) -> np.ndarray:
        """Return how much more than they have to the edges of a layer that are left cost at least, by each bound."""
        own: np.ndarray = self.bounds.surplus[layer][:, left].min(axis=1, initial=_NEVER)
        return own

    def _follow(self, path: list[int]) -> None:
        self.path, self.sums = path, self.bounds.running(path)[:, -1]

    def values(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for stage, edge in zip(self.bounds.stages, self.path or (), strict=True):
            found |= stage.values(edge)
        return found

    def allows(self, layer: int, name: str, value: int) -> bool | None:
        stage = self.bounds.stages[layer]
        edge = None if self.path is None else self.path[layer]
        if edge is not None and stage.options[name][stage.places[name][edge]] == value:
            return True
        wanted = stage.with_value(name, value)
        if layer in self.left:
            wanted &= self.left[layer]
        if not wanted.any():
            return False
        least = self.least - self.spare.get(layer, 0) + self._spare(layer, wanted)
        if (least > self.bounds.limits).any():
            return False
        found = self._changed(layer, wanted) or self._search({layer: wanted})
        if found:
            self._found = name, value, found
        return None if found == [] else bool(found)

    def take(self, layer: int, name: str, value: int) -> None:
        """Decide a value that was found to be possible."""
        own = self.bounds.stages[layer].with_value(name, value)
        self.left[layer] = self.left[layer] & own if layer in self.left else own
        self.least = self.least - self.spare.get(layer, 0)
        self.spare[layer] = self._spare(layer, self.left[layer])
        self.least = self.least + self.spare[layer]
        if self._found is not None and self._found[:2] == (name, value):
            self._follow(self._found[2])
        self._found = None

    def _changed(self, layer: int, wanted: np.ndarray) -> list[int] | None:
        """Return the witness's path with another edge between the same two states, if that is a solution."""
        if self.path is None:
            return None
        stage, old = self.bounds.stages[layer], self.path[layer]
        alike = np.flatnonzero(wanted & (stage.source == stage.source[old]) & (stage.target == stage.target[old]))
        if not len(alike):
            return None
        added = stage.added[: self.bounds.sums]
        edge = int(alike[np.argmin(self._weighed(stage)[alike])]) if len(alike) > 1 else int(alike[0])
        sums = self.sums + added[:, edge] - added[:, old]
        end = int(self.bounds.stages[-1].target[self.path[-1] if layer < len(self.bounds.stages) - 1 else edge])
        if not self.bounds.holds(sums, end):
            return None
        return [*self.path[:layer], edge, *self.path[layer + 1 :]]

    def _weights(self) -> np.ndarray:
        """Return how bounds are weighed together: each by what is left of it."""
        slack = np.maximum(self.bounds.limits - self.bounds.least, 1)
        found: np.ndarray = np.maximum(_SCALE // slack, 1)
        return found

    def _weighed(self, stage: _Stage) -> np.ndarray:
        found: np.ndarray = self._weights() @ stage.costs
        return found

    def _search(self, wanted: Mapping[int, np.ndarray]) -> list[int] | None:
        """Return the path of a solution on the edges that are left; an empty one if none was found, None if there is none."""
        bounds = self.bounds
        left = {**self.left, **wanted}
        weights = self._weights().astype(np.float64)
        count = len(bounds.limits)
        tried: list[list[int]] = []
        singles = iter(np.eye(count))
        for turn in range(1 + count + _ROUNDS):
            single = None
            if turn == 0:
                own = weights
            elif turn <= count:
                own, single = next(singles), turn - 1
            else:
                own = weights
            found = bounds.path(self._priced(own, left))
            if found is None:
                return None
            least, path = found
            if single is not None and least > bounds.limits[single]:
                return None
            sums = bounds.running(path)[:, -1]
            if bounds.holds(sums, int(bounds.stages[-1].target[path[-1]])):
                return path
            for other in tried[-2:]:
                crossed = self._crossed(path, other)
                if crossed is not None:
                    return crossed
            tried.append(path)
            over = bounds.signs @ sums - bounds.limits
            if not len(over) or (turn > count and not (over > 0).any()):
                break  # it is no bound that is missed
            if turn >= count:
                weights = np.where(over > 0, weights * 2, weights)
        return []

    def _priced(self, weights: np.ndarray, left: Mapping[int, np.ndarray]) -> list[np.ndarray]:
        """Return what edges cost; those that are not left cost too much."""
        scaled = np.maximum(np.minimum(weights, _SCALE * 64), 0).astype(np.int64)
        costs = [scaled @ stage.costs for stage in self.bounds.stages]
        for i, own in left.items():
            costs[i] = np.where(own, costs[i], _NEVER)
        return costs

    def _crossed(self, one: Sequence[int], other: Sequence[int]) -> list[int] | None:
        """Return a solution that goes along one path and then along another, if they meet."""
        bounds = self.bounds
        ends = np.array([[own[edge] for own, edge in zip(bounds.targets, path, strict=True)] for path in (one, other)])
        sums = [bounds.running(path) for path in (one, other)]
        for first, second in ((0, 1), (1, 0)):
            joined = sums[first] + sums[second][:, -1:] - sums[second]
            fits = (joined >= bounds.low[:, None]) & (joined <= bounds.high[:, None])
            for i in np.flatnonzero(fits.all(axis=0) & (ends[0] == ends[1])).tolist():
                if bounds.holds(joined[:, i], int(ends[second][-1])):
                    paths = one, other
                    return [*paths[first][: i + 1], *paths[second][i + 1 :]]
        return None
