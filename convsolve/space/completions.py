"""Completions: whether what is decided so far can be completed, asked value by value, in microseconds.

Architectures that have all the decided values, *witnesses*, are kept. A value that one of them has needs no question;
another is tried by changing one edge of a witness's path, and then by a search through the layered graph of states
(:mod:`convsolve.space.feasible_path`). That a value cannot be completed is often shown before that by reduced costs:
along a path, what each edge costs more than it has to adds up, so that the least surpluses of the decided layers add
up to a bound that no path passes. (Handler and Zang, "A Dual Algorithm for the Constrained Shortest Path Problem",
1980.) What the search leaves open is left to others.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..problem import ProblemTrace
from ..solver.clock import Clock
from ..solver.layered_graph import build_graph
from . import paths
from .bounded_graph import BoundedGraph
from .components import Outline, presence
from .feasible_path import PathSearch
from .frontiers import MOST_WITNESSES, Undecided
from .paths import with_presence

__all__ = ["Completions", "Walk"]


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
        self.parts: list[PathSearch] = []
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
            self.parts.append(PathSearch(BoundedGraph(whole, graph, fixed, sums)))

    def walk(self, given: Mapping[str, int], clock: Clock) -> Walk:
        """Return a walk on which some values are decided."""
        return Walk(self, given, clock)


class Walk:
    """Values decided one after the other, with a witness that has them all.

    ``open`` says that a witness is there; otherwise nothing may be left (``empty``), or that is not known.
    """

    def __init__(self, completions: Completions, given: Mapping[str, int], clock: Clock) -> None:
        self._all = completions
        self.empty = any(completions.fixed.get(name, value) != value for name, value in given.items())
        own: list[dict[str, int]] = [{} for _ in completions.parts]
        for name, value in given.items():
            if name in completions.place:
                own[completions.place[name][0]][name] = value
        self._ways = [_Way(searching, values, clock) for searching, values in zip(completions.parts, own, strict=True)]
        self.empty = self.empty or completions.empty or any(way.empty for way in self._ways)
        self.open = not self.empty and all(way.open for way in self._ways)

    def allows(self, name: str, value: int, clock: Clock) -> bool | None:
        """Return whether one more value can be completed; None if that is not known. Raises OutOfTime."""
        if self.empty:
            return False
        if name not in self._all.place:
            answer: bool | None = self._all.fixed.get(name) == value
            others = self._ways
        else:
            part, layer = self._all.place[name]
            answer = self._ways[part].allows(layer, name, value, clock)
            others = [way for i, way in enumerate(self._ways) if i != part]
        return None if answer and not all(way.open for way in others) else answer

    def take(self, name: str, value: int) -> None:
        """Decide one more value, which can be completed."""
        if name in self._all.place:
            part, layer = self._all.place[name]
            self._ways[part].take(layer, name, value)

    def shown(self, name: str) -> dict[str, int]:
        """Return values that go with what was last allowed for a hole, those of its part of the space."""
        return self._ways[self._all.place[name][0]].shown() if name in self._all.place else {}


class _Way:
    """The paths of witnesses through one part's graph, and which edges are left where something is decided."""

    def __init__(self, searching: PathSearch, given: Mapping[str, int], clock: Clock) -> None:
        self._searching = searching
        self.graph = graph = searching.graph
        self.left: dict[int, np.ndarray] = {}
        for i, stage in enumerate(graph.stages):
            for name in stage.options:
                if name in given:
                    own = stage.with_value(name, given[name])
                    self.left[i] = self.left[i] & own if i in self.left else own
        self.empty = any(not own.any() for own in self.left.values())
        self.least = graph.least
        self.spare = {i: self._spare(i, own) for i, own in self.left.items()} if not self.empty else {}
        for own in self.spare.values():
            self.least = self.least + own
        self.empty = self.empty or bool((self.least > graph.limits).any())
        self.paths = np.zeros((0, len(graph.stages)), dtype=np.int64)
        """Solutions' paths, one a row, on the edges that are left."""
        self.excess = np.zeros((len(graph.limits), 0))
        self._found: tuple[str, int, np.ndarray] | None = None
        if not self.empty:
            found = self._search({}, clock)
            if found is None:
                self.empty = True
            else:
                self._follow(found)

    @property
    def open(self) -> bool:
        """Whether there is a witness."""
        return len(self.paths) > 0

    def _spare(self, layer: int, left: np.ndarray) -> np.ndarray:
        """Return how much more than they have to the edges of a layer that are left cost at least, by each bound."""
        own: np.ndarray = self.graph.surplus[layer][:, left].min(axis=1, initial=np.inf)
        return own

    def _follow(self, paths: np.ndarray) -> None:
        self.paths = paths
        self.excess = self.graph.excess(paths)

    def shown(self) -> dict[str, int]:
        """Return the values of the path that was found last."""
        paths = self.paths if self._found is None else self._found[2]
        found: dict[str, int] = {}
        for stage, edge in zip(self.graph.stages, paths[0].tolist() if len(paths) else (), strict=len(paths) > 0):
            found |= stage.values(edge)
        return found

    def allows(self, layer: int, name: str, value: int, clock: Clock) -> bool | None:
        stage = self.graph.stages[layer]
        self._found = None
        if self.open and stage.options[name][stage.places[name][self.paths[0, layer]]] == value:
            return True
        wanted = stage.with_value(name, value)
        if layer in self.left:
            wanted &= self.left[layer]
        if not wanted.any():
            return False
        least = self.least - self.spare.get(layer, 0) + self._spare(layer, wanted)
        if (least > self.graph.limits).any():
            return False
        found = self._known(layer, wanted)
        if not len(found):
            searched = self._search({layer: wanted}, clock)
            if searched is None:
                return False
            found = searched
        if len(found):
            self._found = name, value, found
        return True if len(found) else None

    def take(self, layer: int, name: str, value: int) -> None:
        """Decide a value that was found to be possible."""
        own = self.graph.stages[layer].with_value(name, value)
        self.left[layer] = self.left[layer] & own if layer in self.left else own
        self.least = self.least - self.spare.get(layer, 0)
        self.spare[layer] = self._spare(layer, self.left[layer])
        self.least = self.least + self.spare[layer]
        if self._found is not None and self._found[:2] == (name, value):
            self._follow(self._found[2])
        else:  # without a witness that has it, others have found that it is possible
            kept = self.left[layer][self.paths[:, layer]]
            self.paths, self.excess = self.paths[kept], self.excess[:, kept]
        self._found = None

    def _known(self, layer: int, wanted: np.ndarray) -> np.ndarray:
        """Return the paths of witnesses that take a wanted edge, if need be instead of one between the same states."""
        old = self.paths[:, layer]
        having: np.ndarray = self.paths[wanted[old]]
        if len(having):
            return having
        stage, edges = self.graph.stages[layer], np.flatnonzero(wanted)
        alike = (stage.source[edges] == stage.source[old][:, None]) & (
            stage.target[edges] == stage.target[old][:, None]
        )
        rows, places = np.nonzero(alike)
        costs = self.graph.costs[:, stage.place]
        excess = self.excess[:, rows] + costs[:, edges[places]] - costs[:, old[rows]]
        fits = np.flatnonzero((excess <= 0).all(axis=0))
        fits = fits[np.argsort(self.graph.weights @ excess[:, fits], kind="stable")[:MOST_WITNESSES]]
        paths = self.paths[rows[fits]]
        paths[:, layer] = edges[places[fits]]
        return self.graph.solutions(paths)

    def _search(self, wanted: Mapping[int, np.ndarray], clock: Clock) -> np.ndarray | None:
        """Return solutions' paths on the edges that are left; no row if it is not known, None if there is none."""
        try:
            return self._searching.find({**self.left, **wanted}, clock)
        except Undecided:
            return self.paths[:0]
