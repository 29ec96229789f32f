"""Sweeping a part of a network whose costs add up: labels on a layered graph.

First the states are swept without the sums. That gives a graph: a layer of states after every block, and
edges that know by how much each sum grows. From its end backwards, the least and the most that each sum can
still grow is known for every state. Then *labels*, a state with the sums so far, are swept forward; a label
goes when a sum cannot end between its bounds, when it cannot be as good as the best that is already known,
or when another label of its state is no worse in anything (as in shortest paths under resource
constraints: Irnich and Desaulniers, "Shortest Path Problems with Resource Constraints", 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dims import Var, evaluate_arrays
from ..dims.expr import Symbolic, nodes
from .backpointers import Backpointers, BestAssignments, Scored, goal_scores
from .clock import Clock
from .lagrangian import LagrangianBound, limits_of, relax
from .layered_graph import LayerEdges, LayeredGraph, build_graph
from .plan import Part
from .system import System
from .task import Task
from .transitions import MOST_BYTES, TooWide, best_of_each, keys

__all__ = ["LabelSearch", "growth", "prepare", "sweep_with_sums"]

_MOST_AT_ONCE = 1 << 18
_LEAST_AT_ONCE = 1 << 14
_BEAMS = (256, 4096)
"""How many labels the quick searches hold that give the exact one something to beat."""

_MOST_LABELS = 1 << 19
"""Labels of one layer: more are sorted too slowly for the clock."""

_MOST_FOR_PREFERENCE = 1 << 16
"""Labels that the exact search may hold where only preference is left to decide."""


@dataclass
class _Labels:
    state: np.ndarray
    sums: np.ndarray  # one row for each accumulator
    ranks: np.ndarray
    order: np.ndarray

    @property
    def count(self) -> int:
        return len(self.state)

    def take(self, index: np.ndarray) -> _Labels:
        return _Labels(self.state[index], self.sums[:, index], self.ranks[index], self.order[index])


@dataclass(frozen=True)
class _Roles:
    """What each accumulator is to the search.

    ``goals`` are places of accumulators with the sense of their objective, most important first; ``harm``
    says for each accumulator whether the demands mind its being large (1), small (-1), either within its
    bounds (2), or in a way that only the end can tell (3); 0 where none does.
    """

    goals: tuple[tuple[int, int], ...]
    harm: tuple[int, ...]
    first_goal_adds: bool


def prepare(part: Part, task: Task, most_states: int) -> LabelSearch | None:
    """Return the search for the best of a part with accumulators; None where no way through it is left.

    Raises:
        TooWide: there are too many states.
    """
    graph = build_graph(part, task.system, task.domains, task.clock, most_states)
    if graph is None:
        return None
    every = task.keep > 1
    search = LabelSearch(part, task.system, graph, task.clock, task.plainest or every, every, most_states)
    search.fixed = {name: values.fixed for name, values in task.domains.items() if values.fixed is not None}
    if not search.prune():
        return None
    if not every and search.roles.first_goal_adds and part.goals[0] == 0:
        task.limit(search.limit())
    return search


def sweep_with_sums(search: LabelSearch | None, task: Task, rest: dict[str, int] | None) -> BestAssignments:
    """Return the best assignments of a part with accumulators, best first.

    ``rest`` are the values of all holes of other parts, where these are known: then the task is told what is found.

    Raises:
        TooWide: there are too many labels.
    """
    if search is None:
        return BestAssignments([])
    search.clock = task.clock
    return BestAssignments(search.run(keep=task.keep)) if search.every else _improve(search, task, rest)


def _improve(search: LabelSearch, task: Task, rest: dict[str, int] | None) -> BestAssignments:
    """Search quickly first, and then exactly for what is better."""
    goals = bool(search.part.goals)
    found: list[Scored] = []
    try:
        for beam in (*_BEAMS, 0):
            if beam != _BEAMS[0] and search.relaxation is None:
                for assignment in search.relax(task):
                    if rest is not None:
                        task.offer({**rest, **assignment})
            if not beam and not goals:
                search.most_labels = _MOST_FOR_PREFERENCE
            found = search.run(beam=beam, best=found[0][0] if found else None) or found
            if found and rest is not None:
                task.offer({**rest, **found[0][1]})
            if not search.cut or (found and not goals and not task.plainest):
                break
    except TooWide:
        if not found or goals:
            raise
        return BestAssignments(found, plainest=False)
    return BestAssignments(found)


def _roles(part: Part, system: System) -> _Roles:
    places = {accumulator.name: i for i, accumulator in enumerate(part.accumulators)}
    goals = [
        (places[g.value.name], g.sense)
        for i, g in enumerate(system.goals)
        if i in part.goals and isinstance(g.value, Var) and g.value.name in places
    ]
    senses: list[set[int]] = [set() for _ in places]
    joined = [False for _ in places]
    # a sum that a demand compares with others may miss that demand within all of its own bounds
    for demand in part.final:
        simple = demand.condition.op in ("le", "lt", "eq") and any(isinstance(a, int) for a in demand.condition.args)
        simple = simple and any(isinstance(a, Var) for a in demand.condition.args)
        for name, sign in growth(demand.condition).items():
            if name in places:  # a condition that becomes false as the sum grows minds its being large
                senses[places[name]].add(-sign if sign else 2 if simple else 3)
                joined[places[name]] |= not simple
    for accumulator, found in zip(part.accumulators, senses, strict=True):
        if accumulator.low == accumulator.high:
            found.add(2)
    harm = tuple(
        0 if not s else next(iter(s)) if len(s) == 1 else 3 if 3 in s or other else 2
        for s, other in zip(senses, joined, strict=True)
    )
    first = system.goals[part.goals[0]].value if part.goals else None
    return _Roles(tuple(goals), harm, isinstance(first, Var) and first.name in places)


def growth(x: object) -> dict[str, int]:
    """Return for each unknown whether an expression only grows with it (1), only falls (-1), or neither (0)."""
    known: dict[Symbolic, dict[str, int]] = {}
    for node in nodes(x):
        if isinstance(node, Var):
            known[node] = {node.name: 1}
            continue
        parts = [known[a] if isinstance(a, Symbolic) else {} for a in node.args]
        found = known[node] = {}
        for part, sign in zip(parts, _signs(node), strict=True):
            for name, own in part.items():
                total = own * sign
                found[name] = total if found.get(name, total) == total else 0
    return known[x] if isinstance(x, Symbolic) else {}


def _signs(x: Symbolic) -> list[int]:
    """Return for each argument whether an operation grows with it (1), falls (-1), or neither (0)."""
    if x.op in ("le", "lt"):
        return [-1, 1]
    if x.op == "sub":
        return [1, -1]
    if x.op == "not":
        return [-1]
    grows = x.op in ("add", "and", "or", "min", "max")
    grows = grows or (x.op == "mul" and any(isinstance(a, int) and a > 0 for a in x.args))
    return [int(grows)] * len(x.args)


class LabelSearch:
    """A search on a graph; ``every`` keeps what would only be beaten, for when many assignments are wanted."""

    def __init__(
        self,
        part: Part,
        system: System,
        graph: LayeredGraph,
        clock: Clock,
        plainest: bool,
        every: bool,
        most_labels: int,
    ) -> None:
        self.part, self.system, self.graph, self.clock = part, system, graph, clock
        self.plainest, self.every = plainest, every
        self.most_labels = min(most_labels, _MOST_LABELS, MOST_BYTES // (32 * (5 + len(part.accumulators))))
        self.roles = _roles(part, system)
        self.relaxation: LagrangianBound | None = None
        self.cut = False
        """Whether the last run let go of labels that only did not look promising."""
        self.fixed: dict[str, int] = {}

    def prune(self) -> bool:
        """Drop edges without hope, and those beaten by another; return whether any way is left."""
        if not self.graph.prune():
            return False
        if not self.every:
            for layer in self.graph.layers:
                self.clock.check("searching")
                self._drop_beaten(layer)
            self.graph.measure()
        return True

    def _drop_beaten(self, layer: LayerEdges) -> None:
        """Of edges between the same two states, drop those that another is no worse than in anything."""
        exact = [layer.added[a] for a, harm in enumerate(self.roles.harm) if harm in (2, 3)]
        budgets = [harm * layer.added[a] for a, harm in enumerate(self.roles.harm) if harm in (1, -1)]
        key, size = keys([layer.source, layer.target, *exact], len(layer.source))
        kept = best_of_each(key, size, self._scores(layer.added, layer.ranks, layer.combination), budgets)
        if len(kept) < len(key):
            layer.only(kept)

    def _scores(self, sums: np.ndarray, ranks: np.ndarray, order: np.ndarray) -> list[np.ndarray]:
        goals = [sums[a] * sense for a, sense in self.roles.goals]
        return [*goals, ranks, order] if self.plainest else [*goals, order]

    def limit(self) -> int | None:
        """Return what the first objective cannot pass, if it adds up: each sum by itself is as good as it can be."""
        if not self.roles.first_goal_adds:
            return None
        a, sense = self.roles.goals[0]
        return int((self.graph.least if sense > 0 else self.graph.most)[0][a][0])

    def relax(self, task: Task) -> list[dict[str, int]]:
        """Bound labels by what budgets leave of the first objective; return solutions that are met on the way."""
        if not self.roles.first_goal_adds:
            return []
        goal, sense = self.roles.goals[0]
        limits = limits_of(self.part, self.graph)
        self.relaxation, paths = relax(self.graph, goal, sense, limits, self.clock)
        if self.relaxation is not None and self.part.goals[0] == 0:
            task.limit(sense * self.relaxation.least)
        names = [accumulator.name for accumulator in self.part.accumulators]
        found = []
        for path in paths:
            columns = {name: np.array([own]) for name, own in zip(names, path.sums, strict=True)}
            columns |= {n: column[[path.state]] for n, column in self.graph.ends.items()}
            if self._holds(columns, 1).all():
                assignment: dict[str, int] = {}
                for layer, edge in zip(self.graph.layers, path.edges, strict=True):
                    assignment |= layer.choices.combination(int(layer.combination[edge]))
                found.append(assignment)
        return found

    # -- the labels

    def run(self, *, beam: int = 0, keep: int = 1, best: tuple[int, ...] | None = None) -> list[Scored]:
        """Sweep labels forward and return the best assignments.

        Args:
            beam: hold at most this many labels, the most promising ones; 0 for all.
            keep: how many assignments to return.
            best: what a known assignment is compared by; labels that cannot be as good are dropped.
        """
        zero = np.zeros(1, dtype=np.int64)
        labels = _Labels(zero, np.zeros((len(self.part.accumulators), 1), dtype=np.int64), zero, zero)
        back = Backpointers()
        self.cut = False
        for number, layer in enumerate(self.graph.layers, start=1):
            labels, row, combination = self._advance(labels, layer, number, keep, best)
            if beam and labels.count > beam:
                self.cut = True
                promising = np.argpartition(self._promise(labels, number), beam - 1)[:beam]
                promising.sort()
                labels, row, combination = labels.take(promising), row[promising], combination[promising]
            if labels.count == 0:
                return []
            labels.order = np.argsort(np.argsort(labels.order, kind="stable"), kind="stable")
            back.add(row, combination, layer.choices)
        return self._finish(labels, back, keep)

    def _advance(
        self, labels: _Labels, layer: LayerEdges, number: int, keep: int, best: tuple[int, ...] | None
    ) -> tuple[_Labels, np.ndarray, np.ndarray]:
        """Take labels over the edges of a layer; return the new ones, where each came from, and by what choice."""
        starts = np.searchsorted(layer.source, np.arange(layer.sources + 1))
        degree = starts[labels.state + 1] - starts[labels.state]
        ends = np.cumsum(degree)
        pieces = []
        begin = 0
        each = 4 * (3 + len(labels.sums))
        while begin < labels.count:
            self.clock.check("searching")
            at_once = min(_MOST_AT_ONCE, max(_LEAST_AT_ONCE, self.clock.portion(_MOST_AT_ONCE * each) // each))
            done = ends[begin - 1] if begin else 0
            stop = max(begin + 1, int(np.searchsorted(ends, done + at_once, side="right")))
            part = slice(begin, stop)
            row = np.repeat(np.arange(begin, stop), degree[part])
            offset = np.arange(len(row)) - np.repeat(ends[part] - degree[part] - done, degree[part])
            edge = starts[labels.state[row]] + offset
            pieces.append(self._merge(self._moved(labels, row, layer, edge, number, best), number, keep))
            begin = stop
            waiting = sum(piece[0].count for piece in pieces)
            self.clock.afford(waiting * each)
            if waiting > 2 * self.most_labels:
                pieces = [self._joined(pieces, number, keep)]
                if pieces[0][0].count > self.most_labels:
                    raise TooWide
        found = self._joined(pieces, number, keep)
        if found[0].count > self.most_labels:
            raise TooWide
        return found

    def _joined(
        self, pieces: list[tuple[_Labels, np.ndarray, np.ndarray]], number: int, keep: int
    ) -> tuple[_Labels, np.ndarray, np.ndarray]:
        """Merge what was moved piece by piece."""
        if len(pieces) == 1:
            return pieces[0]
        joined = _Labels(
            np.concatenate([p[0].state for p in pieces]), np.concatenate([p[0].sums for p in pieces], axis=1),
            np.concatenate([p[0].ranks for p in pieces]), np.concatenate([p[0].order for p in pieces]),
        )  # fmt: skip
        rows, combinations = np.concatenate([p[1] for p in pieces]), np.concatenate([p[2] for p in pieces])
        return self._merge((joined, rows, combinations), number, keep)

    def _moved(
        self,
        labels: _Labels,
        row: np.ndarray,
        layer: LayerEdges,
        edge: np.ndarray,
        number: int,
        best: tuple[int, ...] | None,
    ) -> tuple[_Labels, np.ndarray, np.ndarray]:
        """Take labels over edges, and drop those without hope."""
        target = layer.target[edge]
        sums = labels.sums[:, row] + layer.added[:, edge]
        least, most = self.graph.least[number], self.graph.most[number]
        hope = np.ones(len(edge), dtype=bool)
        for a in range(len(sums)):
            hope &= sums[a] + least[a][target] <= self.graph.high[a]
            hope &= sums[a] + most[a][target] >= self.graph.low[a]
        ranks = labels.ranks[row] + layer.ranks[edge]
        if best is not None:
            hope &= self._as_good(sums, ranks, target, number, best)
        choices = layer.choices.count
        moved = _Labels(
            target[hope], sums[:, hope], ranks[hope],
            labels.order[row[hope]] * choices + layer.combination[edge[hope]],
        )  # fmt: skip
        return moved, row[hope], layer.combination[edge[hope]]

    def _as_good(
        self, sums: np.ndarray, ranks: np.ndarray, target: np.ndarray, number: int, best: tuple[int, ...]
    ) -> np.ndarray:
        """Return which labels can still end as well as a known assignment."""
        if self.roles.first_goal_adds:
            a, sense = self.roles.goals[0]
            known = best[self.part.goals[0]]
            reach = sums[a] + (self.graph.least if sense > 0 else self.graph.most)[number][a][target]
            good: np.ndarray = sense * reach <= known
            if self.relaxation is not None:
                good &= self.relaxation.reach(sums, target, number) <= known
            if self.plainest and len(self.system.goals) == 1:
                good &= (sense * reach < known) | (ranks + self.graph.least_ranks[number][target] <= best[-1])
            return good
        if not self.system.goals and self.plainest:
            plain: np.ndarray = ranks + self.graph.least_ranks[number][target] <= best[-1]
            return plain
        return np.ones(len(ranks), dtype=bool)

    def _merge(
        self, moved: tuple[_Labels, np.ndarray, np.ndarray], number: int, keep: int
    ) -> tuple[_Labels, np.ndarray, np.ndarray]:
        """Of labels of the same state, drop those that another one is no worse than in anything."""
        labels, row, combination = moved
        if labels.count == 0:
            return moved
        exact, budgets = self._compared(labels, number, keep)
        key, size = keys([labels.state, *exact], labels.count)
        scores = self._scores(labels.sums, labels.ranks, labels.order)
        kept = best_of_each(key, size, scores, budgets, keep)
        return labels.take(kept), row[kept], combination[kept]

    def _compared(self, labels: _Labels, number: int, keep: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return in which sums labels must agree to be compared, and which sums they are compared by."""
        if keep > 1:
            return list(labels.sums), []
        exact: list[np.ndarray] = []
        budgets: list[np.ndarray] = []
        for a, harm in enumerate(self.roles.harm):
            own = labels.sums[a]
            if harm in (1, -1):
                budgets.append(harm * own)
            elif harm == 3:
                exact.append(own)
            elif harm == 2:  # one bound can no longer be missed: then only the other counts
                reached = own + self.graph.least[number][a][labels.state] >= self.graph.low[a]
                safe = own + self.graph.most[number][a][labels.state] <= self.graph.high[a]
                standing = np.where(reached, 1, np.where(safe, 2, 0))
                exact += [standing, np.where(standing == 0, own, 0)]
                # where neither can be missed, no label minds its sum: as good as the least there is
                budgets.append(np.where(reached, np.where(safe, own.min(), own), -own))
        return exact, budgets

    def _promise(self, labels: _Labels, number: int) -> np.ndarray:
        """Return what the best end of each label would be compared by, first of all."""
        if self.roles.goals:
            if self.relaxation is not None:
                return self.relaxation.reach(labels.sums, labels.state, number)
            a, sense = self.roles.goals[0]
            to_go = (self.graph.least if sense > 0 else self.graph.most)[number][a]
            reach: np.ndarray = sense * (labels.sums[a] + to_go[labels.state])
            return reach
        ranks: np.ndarray = labels.ranks + self.graph.least_ranks[number][labels.state]
        return ranks

    def _finish(self, labels: _Labels, back: Backpointers, keep: int) -> list[Scored]:
        names = [accumulator.name for accumulator in self.part.accumulators]
        columns = {**{n: labels.sums[a] for a, n in enumerate(names)},
                   **{n: c[labels.state] for n, c in self.graph.ends.items()}}  # fmt: skip
        holds = self._holds(columns, labels.count)
        scores = goal_scores(self.part, self.system, columns, labels.count)
        ranked: Sequence[np.ndarray] = (labels.order, labels.ranks, *reversed(scores))
        order = np.lexsort(tuple(ranked))
        return back.assignments(order[holds[order]][:keep], scores, labels.ranks)

    def _holds(self, columns: dict[str, Any], count: int) -> np.ndarray:
        """Return which ends fulfil what is demanded of sums."""
        holds = np.ones(count, dtype=bool)
        for demand in self.part.final:
            for name in demand.inputs:
                columns.setdefault(name, self.fixed.get(name))
            holds &= np.asarray(evaluate_arrays(demand.condition, columns), dtype=bool)
        return holds
