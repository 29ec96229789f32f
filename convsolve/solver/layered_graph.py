"""The layered graph of a part whose costs add up: its states without the sums, and edges that know the sums.

There is a layer of states after every block, and an edge for every way from one state to another, with what
it adds to each sum. From the end backwards, the least and the most that each sum can still grow is known for
every state, and edges on which some sum cannot end between its bounds are dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .clock import Clock
from .plan import Accumulator, Part
from .presolve import Domains
from .system import System
from .transitions import MOST_BYTES, Choices, TooWide, expand, keys

__all__ = ["NEVER", "LayeredGraph", "LayerEdges", "build_graph"]

_MOST_EDGES = 1 << 22
NEVER = np.int64(1) << 60
"""Further than any sum can grow: marks states from which the end cannot be reached."""


@dataclass
class LayerEdges:
    """Edges from the states before a block to those after it, sorted by where they come from."""

    source: np.ndarray
    target: np.ndarray
    combination: np.ndarray
    added: np.ndarray  # one row for each accumulator
    ranks: np.ndarray
    choices: Choices
    sources: int
    targets: int
    size: np.ndarray
    """For each state after the block the sum of what is known there."""

    @property
    def heads(self) -> np.ndarray:
        """Where the edges of each state begin that has any."""
        return np.flatnonzero(np.diff(self.source, prepend=-1))

    def only(self, kept: np.ndarray) -> None:
        """Drop all other edges."""
        self.source, self.target, self.combination = self.source[kept], self.target[kept], self.combination[kept]
        self.added, self.ranks = self.added[:, kept], self.ranks[kept]


class LayeredGraph:
    """Layers of edges, and how far each state is from the end: its sums (``least``, ``most``) and its ranks."""

    def __init__(
        self, layers: list[LayerEdges], ends: dict[str, np.ndarray], accumulators: Sequence[Accumulator], clock: Clock
    ) -> None:
        self.layers = layers
        self.ends = ends
        """The columns of the last layer's states."""
        self.low = np.array([max(a.low, -int(NEVER)) for a in accumulators], dtype=np.int64)
        self.high = np.array([min(a.high, int(NEVER)) for a in accumulators], dtype=np.int64)
        self.least: list[np.ndarray] = []
        self.most: list[np.ndarray] = []
        self.least_ranks: list[np.ndarray] = []
        self._clock = clock

    @property
    def edges(self) -> int:
        """The number of edges."""
        return sum(len(layer.source) for layer in self.layers)

    def prune(self) -> bool:
        """Drop edges on which some sum cannot end between its bounds; return whether any way is left."""
        for _ in range(3):
            self.measure()
            before = self.edges
            if not self._drop_hopeless():
                return False
            if self.edges > 0.9 * before:
                break
        self.measure()
        return True

    def measure(self) -> None:
        """Find how much each sum, and the ranks, can still grow from each state."""
        count = len(self.low)
        last = self.layers[-1].targets
        least, most = np.zeros((count, last), dtype=np.int64), np.zeros((count, last), dtype=np.int64)
        ranks = np.zeros(last, dtype=np.int64)
        self.least, self.most, self.least_ranks = [least], [most], [ranks]
        for layer in reversed(self.layers):
            self._clock.check("searching")
            heads = layer.heads
            sources = layer.source[heads]
            new_least = np.full((count, layer.sources), NEVER)
            new_most = np.full((count, layer.sources), -NEVER)
            new_ranks = np.full(layer.sources, NEVER)
            for a in range(count):
                new_least[a][sources] = np.minimum.reduceat(layer.added[a] + least[a][layer.target], heads)
                new_most[a][sources] = np.maximum.reduceat(layer.added[a] + most[a][layer.target], heads)
            new_ranks[sources] = np.minimum.reduceat(layer.ranks + ranks[layer.target], heads)
            # what can never be reached stays as far away as it is, however many blocks are added
            least, most = np.minimum(new_least, NEVER), np.maximum(new_most, -NEVER)
            ranks = np.minimum(new_ranks, NEVER)
            self.least.insert(0, least)
            self.most.insert(0, most)
            self.least_ranks.insert(0, ranks)

    def _drop_hopeless(self) -> bool:
        count = len(self.low)
        came_least = np.zeros((count, 1), dtype=np.int64)
        came_most = np.zeros((count, 1), dtype=np.int64)
        for number, layer in enumerate(self.layers, start=1):
            self._clock.check("searching")
            hope = np.ones(len(layer.source), dtype=bool)
            for a in range(count):
                least, most = self.least[number][a][layer.target], self.most[number][a][layer.target]
                hope &= came_least[a][layer.source] + layer.added[a] + least <= self.high[a]
                hope &= came_most[a][layer.source] + layer.added[a] + most >= self.low[a]
            if not hope.all():
                layer.only(hope)
            if len(layer.source) == 0:
                return False
            new_least = np.full((count, layer.targets), NEVER)
            new_most = np.full((count, layer.targets), -NEVER)
            for a in range(count):
                np.minimum.at(new_least[a], layer.target, came_least[a][layer.source] + layer.added[a])
                np.maximum.at(new_most[a], layer.target, came_most[a][layer.source] + layer.added[a])
            came_least, came_most = np.minimum(new_least, NEVER), np.maximum(new_most, -NEVER)
        return True


def build_graph(part: Part, system: System, domains: Domains, clock: Clock, most_states: int) -> LayeredGraph | None:
    """Sweep the states of a part without its sums; return the graph, or None where no state is left.

    Raises:
        TooWide: there are too many states or edges.
    """
    layers: list[LayerEdges] = []
    columns: dict[str, np.ndarray] = {}
    count, edges = 1, 0
    farthest = np.zeros(len(part.accumulators), dtype=np.int64)
    room = min(_MOST_EDGES, MOST_BYTES // (8 * (4 + len(part.accumulators))))
    for number, block in enumerate(part.blocks):
        choices = Choices.of(block, system, domains)
        sums = [accumulator.added.get(number, ()) for accumulator in part.accumulators]
        pieces = []
        before = edges
        of_block = MOST_BYTES // (16 * (4 + len(part.accumulators) + len(block.kept)))
        for piece in expand(block, columns, count, choices, sums, domains, clock):
            pieces.append(piece)
            edges += len(piece.row)
            if edges > room or edges - before > of_block:
                raise TooWide
            clock.afford((edges - before) * (4 + len(part.accumulators) + len(block.kept)))
        row = np.concatenate([p.row for p in pieces])
        kept = {name: np.concatenate([p.columns[name] for p in pieces]) for name in block.kept}
        clock.check()
        key, distinct = keys(list(kept.values()), len(row))
        clock.check()
        seen = np.zeros(distinct, dtype=bool)
        seen[key] = True
        number_of = np.cumsum(seen) - 1
        target = number_of[key]
        targets = int(seen.sum())
        if targets > most_states:
            raise TooWide
        if targets == 0:
            return None
        first = np.zeros(targets, dtype=np.int64)
        first[target] = np.arange(len(target))
        columns = {name: column[first] for name, column in kept.items()}
        clock.check()
        combination = np.concatenate([p.combination for p in pieces])
        grown = [np.concatenate([p.added[a] for p in pieces]) for a in range(len(part.accumulators))]
        added = np.array(grown, dtype=np.int64).reshape(len(grown), len(row))
        if len(row):
            growth = np.maximum(np.abs(added.min(axis=1)), np.abs(added.max(axis=1)))
            if (growth >= NEVER - farthest).any():  # beyond this, sums of words are no sums any more
                raise TooWide
            farthest += growth
        ranks = choices.sum_of_ranks()[combination]
        size = sum((column.astype(np.int64) for column in columns.values()), np.zeros(targets, dtype=np.int64))
        layers.append(LayerEdges(row, target, combination, added, ranks, choices, count, targets, size))
        count = targets
    return LayeredGraph(layers, columns, part.accumulators, clock)
