"""Completions: whether what is decided so far can be completed, asked value by value, in microseconds.

An architecture that has all the decided values, a *witness*, is kept. A value that the witness has needs no question;
another is tried by changing one edge of the witness's path, and then by a shortest path through the layered graph of
states, for one bound or for all of them weighed together (Lagrangian relaxation). That a value cannot be completed is
shown by reduced costs: along a path, what each edge costs more than it has to adds up, so that the least surpluses of
the decided layers add up to a bound that no path passes. (Handler and Zang, "A Dual Algorithm for the Constrained
Shortest Path Problem", 1980.) Between the two lies what is not known, which is left to others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..dims import evaluate
from ..problem import ProblemTrace
from ..solver.clock import Clock
from ..solver.layered_graph import LayerEdges, LayeredGraph, build_graph
from ..solver.plan import Part
from ..solver.transitions import TooWide
from . import paths
from .components import Outline, presence
from .paths import with_presence

__all__ = ["Completions", "Walk"]

_EXACT = 1 << 52
"""Sums below this are exact as floating-point numbers, in which missing edges can cost infinity."""

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
    first: list[int]
    """For each source the place of its first edge, and then the number of edges."""
    options: Mapping[str, np.ndarray]
    places: Mapping[str, np.ndarray]
    sources: int

    @classmethod
    def of(cls, layer: LayerEdges, signs: np.ndarray) -> _Stage:
        choices = layer.choices
        places = np.unravel_index(layer.combination, choices.shape) if choices.names else ()
        groups = np.flatnonzero(np.r_[True, layer.source[1:] != layer.source[:-1]])
        return cls(
            layer.source, layer.target, layer.added, (signs @ layer.added).astype(np.float64), groups,
            np.searchsorted(layer.source, np.arange(layer.sources + 1)).tolist(),
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
    """The graph of one part, and what bounds its sums: for each bound what edges cost by it, and the most they may."""

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
        wide = np.zeros((len(self.signs), len(part.accumulators)), dtype=np.int64)
        wide[:, :sums] = self.signs
        self.sums = sums
        self.stages = [_Stage.of(layer, wide) for layer in graph.layers]
        if sum(float(np.abs(stage.added[:sums]).max(initial=0)) for stage in self.stages) >= _EXACT:
            raise TooWide
        self.targets = [stage.target for stage in self.stages]
        self.last = graph.layers[-1].targets
        potentials = [[to_go for to_go, _ in self._to_go(self.costs(unit))] for unit in np.eye(len(self.signs))]
        self.least = np.array([own[0][0] for own in potentials])
        self.surplus = [
            np.array([stage.costs[bound] + own[i + 1][stage.target] - own[i][stage.source]
                      for bound, own in enumerate(potentials)]).reshape(-1, len(stage.source))
            for i, stage in enumerate(self.stages)]  # fmt: skip
        slack = np.maximum(self.limits - self.least, 1)
        self.weights = slack.min(initial=np.inf) / slack
        """How bounds are weighed together: each by what is left of it."""
        self.weighed = self.costs(self.weights)

    def costs(self, weights: np.ndarray) -> list[np.ndarray]:
        """Return what edges cost by all bounds together."""
        return [weights @ stage.costs for stage in self.stages]

    def _to_go(self, costs: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return for each layer the least that a way from a state to the end costs, and what each edge's way does."""
        least = np.zeros(self.last)
        found = [(least, least)]
        for stage, own in zip(reversed(self.stages), reversed(costs), strict=True):
            total = own + least[stage.target]
            least = np.minimum.reduceat(total, stage.groups)
            if len(stage.groups) < stage.sources:
                whole = np.full(stage.sources, np.inf)
                whole[stage.source[stage.groups]] = least
                least = whole
            found.append((least, total))
        return found[::-1]

    def path(self, costs: Sequence[np.ndarray]) -> tuple[float, list[int]] | None:
        """Return what the cheapest path costs, and its edges; None if there is none."""
        to_go = self._to_go(costs)
        least = float(to_go[0][0][0])
        if least == np.inf:
            return None
        node, edges = 0, []
        for stage, (_, total) in zip(self.stages, to_go, strict=False):
            first, last = stage.first[node], stage.first[node + 1]
            edge = first + int(total[first:last].argmin())
            edges.append(edge)
            node = int(stage.target[edge])
        return least, edges

    def running(self, edges: Sequence[int]) -> np.ndarray:
        """Return what each sum has come to after each edge of a path."""
        added = [stage.added[: self.sums, edge] for stage, edge in zip(self.stages, edges, strict=True)]
        return np.cumsum(np.stack(added, axis=1), axis=1)

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
        self.empty = False
        self.parts: list[_Bounds] = []
        self.place: dict[str, tuple[int, int]] = {}
        for part in outline.plan:
            whole, absentees = with_presence(part, there, canonical)
            graph = build_graph(whole, outline.system, outline.domains, clock, paths.MOST_STATES)
            if graph is None or not graph.prune():
                self.empty = True
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
        self.empty = any(completions.fixed.get(name, value) != value for name, value in given.items())
        own: list[dict[str, int]] = [{} for _ in completions.parts]
        for name, value in given.items():
            if name in completions.place:
                own[completions.place[name][0]][name] = value
        self._ways = [_Way(bounds, values) for bounds, values in zip(completions.parts, own, strict=True)]
        self.empty = self.empty or completions.empty or any(way.empty for way in self._ways)
        self.open = not self.empty and all(way.path is not None for way in self._ways)

    def allows(self, name: str, value: int) -> bool | None:
        """Return whether one more value can be completed; None if that is not known."""
        if self.empty:
            return False
        if name not in self._all.place:
            answer: bool | None = self._all.fixed.get(name) == value
            others = self._ways
        else:
            part, layer = self._all.place[name]
            answer = self._ways[part].allows(layer, name, value)
            others = [way for i, way in enumerate(self._ways) if i != part]
        return None if answer and any(way.path is None for way in others) else answer

    def take(self, name: str, value: int) -> None:
        """Decide one more value, which can be completed."""
        if name in self._all.place:
            part, layer = self._all.place[name]
            self._ways[part].take(layer, name, value)

    def shown(self, name: str) -> dict[str, int]:
        """Return values that go with what was last allowed for a hole, those of its part of the space."""
        return self._ways[self._all.place[name][0]].shown() if name in self._all.place else {}


class _Way:
    """The witness's path through one part's graph, and which edges are left where something is decided."""

    def __init__(self, bounds: _Bounds, given: Mapping[str, int]) -> None:
        self.bounds = bounds
        self.left: dict[int, np.ndarray] = {}
        for i, stage in enumerate(bounds.stages):
            for name in stage.options:
                if name in given:
                    own = stage.with_value(name, given[name])
                    self.left[i] = self.left[i] & own if i in self.left else own
        self.empty = any(not own.any() for own in self.left.values())
        self.least = bounds.least
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
        own: np.ndarray = self.bounds.surplus[layer][:, left].min(axis=1, initial=np.inf)
        return own

    def _follow(self, path: list[int]) -> None:
        self.path, self.sums = path, self.bounds.running(path)[:, -1]

    def shown(self) -> dict[str, int]:
        """Return the values of the path that was found last."""
        path = self.path if self._found is None else self._found[2]
        found: dict[str, int] = {}
        for stage, edge in zip(self.bounds.stages, path or (), strict=path is not None):
            found |= stage.values(edge)
        return found

    def allows(self, layer: int, name: str, value: int) -> bool | None:
        stage = self.bounds.stages[layer]
        edge = None if self.path is None else self.path[layer]
        self._found = None
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
        elif self.path is not None and not self.left[layer][self.path[layer]]:
            self.path = None  # others have found that it is possible
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
        edge = int(alike[np.argmin(self.bounds.weighed[layer][alike])]) if len(alike) > 1 else int(alike[0])
        sums = self.sums + added[:, edge] - added[:, old]
        path = [*self.path[:layer], edge, *self.path[layer + 1 :]]
        return path if self.bounds.holds(sums, self.bounds.end(path)) else None

    def _search(self, wanted: Mapping[int, np.ndarray]) -> list[int] | None:
        """Return a solution's path on the edges that are left; an empty one if none is found, None if there is none."""
        bounds = self.bounds
        left = {**self.left, **wanted}
        tried: list[list[int]] = []
        for bound, costs in self._weighings(tried):
            for i, own in left.items():
                costs[i] = np.where(own, costs[i], np.inf)
            found = bounds.path(costs)
            if found is None or (bound is not None and found[0] > bounds.limits[bound]):
                return None
            path = found[1]
            if bounds.holds(bounds.running(path)[:, -1], bounds.end(path)):
                return path
            for other in tried[-2:]:
                crossed = self._crossed(path, other)
                if crossed is not None:
                    return crossed
            tried.append(path)
        return []

    def _weighings(self, tried: list[list[int]]) -> Iterator[tuple[int | None, list[np.ndarray]]]:
        """Yield what edges cost by all bounds, by each alone, and by all while those weigh more that are missed."""
        bounds = self.bounds
        yield None, list(bounds.weighed)
        for bound, unit in enumerate(np.eye(len(bounds.limits))):
            yield bound, bounds.costs(unit)
        weights = bounds.weights
        for _ in range(_ROUNDS):
            over = bounds.signs @ bounds.running(tried[-1])[:, -1] > bounds.limits
            if not over.any():  # it is no bound that is missed
                return
            weights = np.where(over, 2 * weights, weights)
            yield None, bounds.costs(weights)

    def _crossed(self, one: Sequence[int], other: Sequence[int]) -> list[int] | None:
        """Return a solution that goes along one path and then along another, if they meet."""
        bounds = self.bounds
        ends = np.array([[own[edge] for own, edge in zip(bounds.targets, path, strict=True)] for path in (one, other)])
        sums = [bounds.running(path) for path in (one, other)]
        for first, second in ((0, 1), (1, 0)):
            joined = sums[first] + sums[second][:, -1:] - sums[second]
            fits = (joined >= bounds.low[:, None]) & (joined <= bounds.high[:, None])
            for i in np.flatnonzero(fits.all(axis=0) & (ends[0] == ends[1])).tolist():
                if bounds.holds(joined[:, i], bounds.end((one, other)[second])):
                    return [*(one, other)[first][: i + 1], *(one, other)[second][i + 1 :]]
        return None
