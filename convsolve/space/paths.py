"""Paths: the solutions of one part of a system as the ways through layers of nodes, each solution exactly once.

A node is a state (what later steps need to know) with the sums so far of the costs that have a budget. Nodes that
agree are merged; so are those whose sums can no longer miss their bounds. Where nodes become too many, those of one
state with similar sums are merged, too, and know the interval of their sums: a relaxed decision diagram (Andersen,
Hadzic, Hooker and Tiedemann, "A Constraint Store Based on Multivalued Decision Diagrams", 2007). Its paths are all
the solutions and perhaps a few others; those paths whose interval stays inside of the budget are certain.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..dims import Cond, Condition, Var, evaluate_arrays, variables, where
from ..solver.clock import Clock
from ..solver.labels import growth
from ..solver.layered_graph import LayeredGraph, build_graph
from ..solver.plan import Accumulator, Part
from ..solver.presolve import Domains
from ..solver.system import Demand, System
from ..solver.transitions import Choices, TooWide, keys

__all__ = ["MOST_STATES", "Paths", "StageEdges", "edges_of_each", "is_bound", "paths_of", "with_presence"]

MOST_STATES = 1 << 18
_MOST_EDGES = 1 << 21
"""Edges in all, with sums kept exactly."""

_MOST_MERGED = 1 << 18
"""Edges of one block, where similar sums are merged."""

_MOST_IN_ALL = 1 << 23
"""Edges in all, where some sums cannot be merged."""

_WIDE = 1 << 59


@dataclass(frozen=True)
class StageEdges:
    """The edges of one block, sorted by the node that they come from; those of node ``n`` start at ``starts[n]``.

    ``options`` has for each hole the values that it may take, preferred ones first, and ``places`` which of them an
    edge takes; ``absent`` says for holes whose layer's presence is known from here on whether it is absent.
    """

    starts: np.ndarray
    source: np.ndarray
    target: np.ndarray
    options: Mapping[str, np.ndarray]
    places: Mapping[str, np.ndarray]
    absent: Mapping[str, np.ndarray]

    def values(self, hole: str, edges: np.ndarray) -> np.ndarray:
        """Return the values that a hole takes on some edges."""
        found: np.ndarray = self.options[hole][self.places[hole][edges]]
        return found


@dataclass(frozen=True)
class Paths:
    """Stages in order; ``certain`` says which of the last nodes are reached by solutions only."""

    stages: tuple[StageEdges, ...]
    certain: np.ndarray

    @property
    def exact(self) -> bool:
        """Whether every path is a solution."""
        return bool(self.certain.all())


def paths_of(
    part: Part,
    system: System,
    domains: Domains,
    clock: Clock,
    presence: Mapping[str, Cond],
    canonical: Mapping[str, Cond],
    coarse: int = 0,
) -> Paths | None:
    """Return the solutions of a part as paths; None if there are none.

    Args:
        part: a part of the system, planned with sums.
        system: the system.
        domains: what presolve left.
        clock: the deadline.
        presence: for holes that may be absent the condition under which they are not.
        canonical: the conditions that fix their values otherwise.
        coarse: how often to halve the number of sums that are told apart where they are too many.

    Raises:
        TooWide: there are too many states, or nodes that cannot be merged.
    """
    part, absentees = with_presence(part, presence, canonical)
    graph = build_graph(part, system, domains, clock, MOST_STATES)
    if graph is None or not graph.prune():
        return None
    budgets = part.accumulators[: len(part.accumulators) - bool(absentees)]
    fixed = {name: values.fixed for name, values in domains.items() if values.fixed is not None}
    try:
        return _Expansion(part, graph, budgets, absentees, fixed, clock, coarse, merge=False).run()
    except TooWide:
        return _Expansion(part, graph, budgets, absentees, fixed, clock, coarse, merge=True).run()


def with_presence(
    part: Part, presence: Mapping[str, Cond], canonical: Mapping[str, Cond]
) -> tuple[Part, dict[int, list[str]]]:
    """Let the graph remember, beside the sums, which layers are absent: one bit for each hole, block by block."""
    wanted = {frozenset(v.name for v in variables(c)): name for name, c in canonical.items()}
    found: dict[int, list[str]] = {}
    for number, block in enumerate(part.blocks):
        for step in block.steps:
            name = wanted.get(frozenset(step.inputs))
            if isinstance(step, Demand) and step.origin is None and name in step.inputs:
                assert name is not None
                if name not in found.setdefault(number, []):
                    found[number].append(name)
    found = {number: names for number, names in found.items() if names}
    if not found:
        return part, {}
    bits = {n: tuple(where(presence[name], 0, 1 << i) for i, name in enumerate(names)) for n, names in found.items()}
    extra = Accumulator("absent", bits, -_WIDE, _WIDE)
    return dataclasses.replace(part, accumulators=(*part.accumulators, extra)), found


class _Expansion:
    """States with their sums, block by block."""

    def __init__(
        self,
        part: Part,
        graph: LayeredGraph,
        budgets: Sequence[Accumulator],
        absentees: Mapping[int, list[str]],
        fixed: Mapping[str, int],
        clock: Clock,
        coarse: int,
        *,
        merge: bool,
    ) -> None:
        self.part, self.graph, self.budgets, self.absentees = part, graph, budgets, absentees
        self.fixed, self.clock, self.merge = fixed, clock, merge
        self.most_edges, self.most_merged = _MOST_EDGES >> coarse, max(_MOST_MERGED >> coarse, 1)
        self.edges = 0
        self._judge()

    def _judge(self) -> None:
        """Find what the demands at the end mind: bounds of one sum only, its size, or more than that.

        Sums with mere bounds (``pure``) may be forgotten once they cannot miss them; where a demand only ever minds a
        sum's being large (1) or small (-1), as ``sense`` says, similar sums may be merged.
        """
        names = {accumulator.name: a for a, accumulator in enumerate(self.budgets)}
        self.pure = np.ones(len(names), dtype=bool)
        senses: list[set[int]] = [set() for _ in names]
        self.others: list[Demand] = []
        for demand in self.part.final:
            simple = is_bound(demand.condition)
            if not simple:
                self.others.append(demand)
            for name, sign in growth(demand.condition).items():
                if name in names:
                    self.pure[names[name]] &= simple
                    senses[names[name]].add(-sign)
        self.sense = [next(iter(s)) if len(s) == 1 else 0 for s in senses]
        self.mergeable = [bool(pure) or sense != 0 for pure, sense in zip(self.pure, self.sense, strict=True)]

    def run(self) -> Paths | None:
        """Return the paths.

        Raises:
            TooWide: there are too many nodes.
        """
        count = len(self.budgets)
        state = np.zeros(1, dtype=np.int64)
        low = np.zeros((count, 1), dtype=np.int64)
        high, safe = low.copy(), np.zeros((count, 1), dtype=bool)
        stages: list[tuple[np.ndarray, np.ndarray, np.ndarray, int]] = []
        for number, layer in enumerate(self.graph.layers, start=1):
            self.clock.check("counting")
            first = np.searchsorted(layer.source, np.arange(layer.sources + 1))
            degree = np.diff(first)[state]
            wide = int(degree.sum())
            self.edges += wide
            if self.edges > (_MOST_IN_ALL if self.merge else max(self.most_edges, self.graph.edges)):
                raise TooWide
            self.clock.afford(wide * (1 + count))  # about as long as sorting so many numbers
            node = np.repeat(np.arange(len(state)), degree)
            edge = edges_of_each(first[state], degree)
            reached = layer.target[edge]
            low = np.where(safe[:, node], 0, low[:, node] + layer.added[:count, edge])
            high = np.where(safe[:, node], 0, high[:, node] + layer.added[:count, edge])
            least = low + self.graph.least[number][:count, reached]
            most = high + self.graph.most[number][:count, reached]
            safe = safe[:, node]
            lower, upper = self.graph.low[:count, None], self.graph.high[:count, None]
            hope = np.all(safe | ((least <= upper) & (most >= lower)), axis=0)
            surely = low + self.graph.least[number][:count, reached] >= lower
            surely &= most <= upper
            safe = safe | (surely & self.pure[:, None])
            kept = np.flatnonzero(hope)
            if not len(kept):
                return None
            node, edge, reached = node[kept], edge[kept], reached[kept]
            low, high, safe = np.where(safe, 0, low)[:, kept], np.where(safe, 0, high)[:, kept], safe[:, kept]
            after = self.graph.layers[number] if number < len(self.graph.layers) else None
            fan = np.ones(layer.targets, dtype=np.int64)
            if after is not None:
                fan = np.bincount(after.source, minlength=after.sources)
            target, chosen, low, high = self._merge(reached, low, high, safe, fan)
            stages.append((node, target, edge, len(state)))
            state, safe = reached[chosen], safe[:, chosen]
        return self._finish(stages, state, low, high, safe)

    def _merge(
        self, state: np.ndarray, low: np.ndarray, high: np.ndarray, safe: np.ndarray, fan: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the node of each edge, an edge of each node, and the nodes' sums."""
        steps = [1] * len(low)
        while True:
            columns = [state]
            for a, step in enumerate(steps):
                columns += [safe[a].astype(np.int64), low[a] // step]
                columns += [high[a]] if step == 1 else []
            key, size = keys(columns, len(state))
            seen = np.zeros(size, dtype=bool)
            seen[key] = True
            node = (np.cumsum(seen) - 1)[key]
            chosen = np.zeros(int(seen.sum()), dtype=np.int64)
            chosen[node] = np.arange(len(node))
            following = int(fan[state[chosen]].sum())
            spans = [int(own.max()) - int(own.min()) for own in low]
            merged = zip(steps, spans, self.mergeable, strict=True)
            coarse = all(step > span or not merge for step, span, merge in merged)
            if not self.merge or coarse or following <= self.most_merged:
                break
            steps = self._coarser(steps, spans, len(np.unique(state)), len(chosen), following)
        least = np.full((len(low), len(chosen)), np.iinfo(np.int64).max)
        most = np.full((len(low), len(chosen)), np.iinfo(np.int64).min)
        for a in range(len(low)):
            np.minimum.at(least[a], node, low[a])
            np.maximum.at(most[a], node, high[a])
        return node, chosen, least, most

    def _coarser(self, steps: list[int], spans: list[int], states: int, nodes: int, following: int) -> list[int]:
        """Return how far apart sums that are merged may be: such that few enough edges follow, or twice as far."""
        if max(steps) > 1:
            return [step * 2 if merge else 1 for step, merge in zip(steps, self.mergeable, strict=True)]
        buckets = max(2, nodes * self.most_merged // following // states)
        each = max(2, int(buckets ** (1 / sum(self.mergeable))))
        return [max(2, span // each) if merge else 1 for span, merge in zip(spans, self.mergeable, strict=True)]

    def _finish(
        self,
        stages: list[tuple[np.ndarray, np.ndarray, np.ndarray, int]],
        state: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        safe: np.ndarray,
    ) -> Paths | None:
        count = len(self.budgets)
        lower, upper = self.graph.low[:count, None], self.graph.high[:count, None]
        possible = np.all(safe | ((low <= upper) & (high >= lower)), axis=0)
        certain = np.all(safe | ((low >= lower) & (high <= upper)), axis=0)
        best = {a.name: high[i] if self.sense[i] < 0 else low[i] for i, a in enumerate(self.budgets)}
        worst = {a.name: low[i] if self.sense[i] < 0 else high[i] for i, a in enumerate(self.budgets)}
        columns = {**self.fixed, **{name: column[state] for name, column in self.graph.ends.items()}}
        for demand in self.others:
            possible &= np.asarray(evaluate_arrays(demand.condition, {**columns, **best}), dtype=bool)
            certain &= np.asarray(evaluate_arrays(demand.condition, {**columns, **worst}), dtype=bool)
        if not possible.any():
            return None
        alive = possible
        found: list[StageEdges] = []
        for number in reversed(range(len(stages))):
            source, target, edge, sources = stages[number]
            kept = np.flatnonzero(alive[target])
            source, target, edge = source[kept], target[kept], edge[kept]
            alive = np.zeros(sources, dtype=bool)
            alive[source] = True
            found.append(self._stage(number, source, target, edge, sources))
        return Paths(tuple(reversed(found)), certain | ~possible)

    def _stage(self, number: int, source: np.ndarray, target: np.ndarray, edge: np.ndarray, sources: int) -> StageEdges:
        """Return edges between nodes, given the edges between states that they are."""
        layer = self.graph.layers[number]
        starts = np.searchsorted(source, np.arange(sources + 1))
        places = _places(layer.choices, layer.combination[edge])
        options = dict(zip(layer.choices.names, layer.choices.values, strict=True))
        bits = layer.added[len(self.budgets)][edge] if self.absentees else None
        absent = (
            {}
            if bits is None
            else {name: (bits >> i) & 1 == 1 for i, name in enumerate(self.absentees.get(number, ()))}
        )
        return StageEdges(starts, source, target, options, places, absent)


def _places(choices: Choices, combination: np.ndarray) -> dict[str, np.ndarray]:
    if not choices.names:
        return {}
    return dict(zip(choices.names, np.unravel_index(combination, choices.shape), strict=True))


def edges_of_each(first: np.ndarray, degree: np.ndarray) -> np.ndarray:
    """Return the places of the edges that leave each of several nodes, one node after the other.

    >>> edges_of_each(np.array([4, 0]), np.array([2, 3]))
    array([4, 5, 0, 1, 2])
    """
    found: np.ndarray = np.repeat(first - np.cumsum(degree) + degree, degree) + np.arange(int(degree.sum()))
    return found


def is_bound(condition: Condition) -> bool:
    """Return whether a condition is a bound of one sum, which presolve has read into its interval."""
    plain = all(isinstance(arg, (int, Var)) for arg in condition.args)
    return condition.op in ("le", "lt", "eq") and plain and sum(isinstance(a, Var) for a in condition.args) == 1
