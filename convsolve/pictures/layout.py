"""Layout: a place for every box and a way for every arrow, in layers from top to bottom.

The method is Sugiyama's: layers by the longest way from an input, arrows that cross several layers held by a point in
each, an order within each layer that makes few arrows cross, and places that are as near to those of the neighbours as
order and gaps allow. A long network is set in columns, like a page of a newspaper, broken where one tensor passes.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

__all__ = ["Layout", "Place", "Points", "arranged"]

_GAP, _LAYER_GAP, _COLUMN_GAP = 28.0, 30.0, 64.0
_POINT_WIDTH = 10.0
_SWEEPS = 8
_MOST_COLUMNS = 8

_PER_COLUMN = 1.2
"""A further column must make the picture smaller by this."""

_SCREEN = 1.6
"""A screen is wider than it is high by this."""

_SHORT = 900.0
"""What is no higher than this stays in one column."""


Points = tuple[tuple[float, float], ...]
"""Pairs of x and y."""


@dataclass
class Place:
    """A rectangle: its middle from left to right, its top, and its size."""

    x: float
    top: float
    width: float
    height: float

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height


@dataclass(frozen=True)
class Layout:
    """Where boxes stand, and the points that arrows pass, by the arrow's number, all within gaps between boxes.

    ``turns`` are the ways from the foot of one column to the head of the next, by the box that they come from; the
    arrows of that box into the next column begin where this ends.
    """

    places: Mapping[str, Place]
    ways: Mapping[int, Points]
    turns: Mapping[str, Points]
    width: float
    height: float


@dataclass
class _Column:
    """One column while it is laid out: nodes are boxes, and (box, layer) where arrows from a box pass a layer."""

    layers: list[list[Hashable]]
    floors: list[float] = field(default_factory=list)
    place: dict[Hashable, Place] = field(default_factory=dict)
    above: dict[Hashable, list[Hashable]] = field(default_factory=dict)
    below: dict[Hashable, list[Hashable]] = field(default_factory=dict)


def arranged(
    sizes: Mapping[str, tuple[float, float]],
    arrows: Sequence[tuple[str, str]],
    together: Iterable[Sequence[str]] = (),
) -> Layout:
    """Return a layout of boxes of known sizes, and of arrows between them (each from a box to a later one).

    Boxes that belong ``together`` stand in the same column.

    >>> layout = arranged({"a": (80, 20), "b": (80, 20), "c": (80, 20)}, [("a", "b"), ("b", "c"), ("a", "c")])
    >>> [layout.places[name].top for name in "abc"]
    [0.0, 50.0, 100.0]
    """
    ranks = _ranks(sizes, arrows)
    depth = 1 + max(ranks.values())
    heights = [0.0] * depth
    for name, rank in ranks.items():
        heights[rank] = max(heights[rank], sizes[name][1])
    passing = _passing(ranks, arrows, depth)
    for names in together:
        for rank in range(min(ranks[name] for name in names), max(ranks[name] for name in names)):
            passing[rank] = ""
    trunk = _trunk(sizes, arrows)
    candidates = []
    for count in range(1, _MOST_COLUMNS + 1 if sum(heights) + _LAYER_GAP * depth > _SHORT else 2):
        cuts = _cuts(heights, passing, count)
        if len(cuts) + 1 == count:
            candidates.append(_in_columns(sizes, arrows, ranks, trunk, {rank: passing[rank] for rank in cuts}))
    fit = [max(layout.width / _SCREEN, layout.height) * _PER_COLUMN**i for i, layout in enumerate(candidates)]
    return candidates[fit.index(min(fit))]


def _ranks(sizes: Mapping[str, Any], arrows: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return each box's layer: the longest way from an input; inputs stand just above what first uses them."""
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(sizes)
    graph.add_edges_from(arrows)
    ranks = {name: i for i, names in enumerate(nx.topological_generations(graph)) for name in names}
    entered = {target for _, target in graph.edges}
    for name in (n for n in sizes if n not in entered):
        ranks[name] = min((ranks[after] for after in graph[name]), default=1) - 1
    return ranks


def _trunk(sizes: Mapping[str, Any], arrows: Iterable[tuple[str, str]]) -> set[str]:
    """Return the boxes on the longest way from an input to an output: they stand straight below one another."""
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(sizes)
    graph.add_edges_from(arrows)
    return set(nx.dag_longest_path(graph))


def _passing(ranks: Mapping[str, int], arrows: Sequence[tuple[str, str]], depth: int) -> list[str]:
    """Return for each layer the only box that is used further down, or nothing where there are several."""
    crossing: list[set[str]] = [set() for _ in range(depth)]
    for source, target in arrows:
        for rank in range(ranks[source], ranks[target]):
            crossing[rank].add(source)
    return [next(iter(names)) if len(names) == 1 else "" for names in crossing]


def _cuts(heights: Sequence[float], passing: Sequence[str], count: int) -> list[int]:
    """Return after which layers to begin a new column, so that columns are about as high as one another."""
    whole = sum(heights) + _LAYER_GAP * len(heights)
    cuts: list[int] = []
    height = done = 0.0
    for rank, own in enumerate(heights):
        height += own + _LAYER_GAP
        fits = passing[rank] and (not cuts or passing[rank] != passing[cuts[-1]])
        if fits and len(cuts) + 1 < count and height >= (whole - done) / (count - len(cuts)) * 0.95:
            cuts.append(rank)
            done += height
            height = 0.0
    return cuts


def _in_columns(
    sizes: Mapping[str, tuple[float, float]],
    arrows: Sequence[tuple[str, str]],
    ranks: Mapping[str, int],
    trunk: set[str],
    cuts: Mapping[int, str],
) -> Layout:
    """Lay out the columns, each beginning with a point for the box that passes into it."""
    places: dict[str, Place] = {}
    ways: dict[int, Points] = {}
    turns: dict[str, Points] = {}
    left = highest = foot = 0.0
    bounds = [-1, *cuts, 1 + max(ranks.values())]
    for first, last in itertools.pairwise(bounds):
        entering = cuts.get(first, "")
        above = first if entering else first + 1
        inside = {name: ranks[name] - above for name in sizes if first < ranks[name] <= last}
        own = {i: (a, b) for i, (a, b) in enumerate(arrows) if b in inside and (a in inside or a == entering)}
        if entering:
            inside[entering] = 0
        column = _laid_out({**sizes, entering: (_POINT_WIDTH, 0.0)}, own, inside, trunk)
        least = min(p.x - p.width / 2 for p in column.place.values())
        for p in column.place.values():
            p.x += left - least
        if entering:
            start, head = places[entering], column.place[entering]
            between = left - _COLUMN_GAP / 2
            over, under = head.top, foot + _LAYER_GAP / 2
            turns[entering] = (
                (start.x, start.bottom),
                (start.x, under),
                (between, under),
                (between, over),
                (head.x, over),
            )
        ways.update({i: _way(column, inside, *arrow) for i, arrow in own.items()})
        places.update({n: p for n, p in column.place.items() if isinstance(n, str) and n != entering})
        foot = max(p.bottom for p in column.place.values())
        highest = max(highest, foot + (_LAYER_GAP / 2 if last in cuts else 0.0))
        left = max(p.x + p.width / 2 for p in column.place.values()) + _COLUMN_GAP
    _fan_out(places, ways, arrows, turns)
    return Layout(places, ways, turns, left - _COLUMN_GAP, highest)


# -- one column


def _laid_out(
    sizes: Mapping[str, tuple[float, float]],
    arrows: Mapping[int, tuple[str, str]],
    ranks: Mapping[str, int],
    trunk: set[str],
) -> _Column:
    column = _Column([[] for _ in range(1 + max(ranks.values()))])
    for name in (n for n in sizes if n in ranks):
        column.layers[ranks[name]].append(name)
        column.place[name] = Place(0.0, 0.0, *sizes[name])
    for source, target in arrows.values():
        nodes: list[Hashable] = [source, *((source, rank) for rank in range(ranks[source] + 1, ranks[target])), target]
        for a, b in itertools.pairwise(nodes):
            if b not in column.place:
                column.layers[b[1]].append(b)  # type: ignore[index]  # a point, not a box
                column.place[b] = Place(0.0, 0.0, _POINT_WIDTH, 0.0)
            if b not in column.below.setdefault(a, []):
                column.below[a].append(b)
                column.above.setdefault(b, []).append(a)
    _order(column)
    _set_heights(column)
    _set_widths(column, trunk)
    return column


def _order(column: _Column) -> None:
    """Order the nodes of each layer by the middle of their neighbours, down and up, and keep the best order seen."""
    best, fewest = [list(layer) for layer in column.layers], _crossings(column)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        neighbours = column.above if down else column.below
        layers = column.layers if down else column.layers[::-1]
        for before, layer in itertools.pairwise(layers):
            position = {node: float(i) for i, node in enumerate(before)}
            own = {node: float(i) for i, node in enumerate(layer)}

            def middle(
                node: Hashable,
                position: Mapping[Hashable, float] = position,
                own: Mapping[Hashable, float] = own,
                neighbours: Mapping[Hashable, list[Hashable]] = neighbours,
            ) -> float:
                around = [position[n] for n in neighbours.get(node, ()) if n in position]
                return sum(around) / len(around) if around else own[node]

            layer.sort(key=middle)
        found = _crossings(column)
        if found < fewest:
            best, fewest = [list(layer) for layer in column.layers], found
    column.layers[:] = best


def _crossings(column: _Column) -> int:
    """Return how many arrows cross between neighbouring layers."""
    count = 0
    for upper, lower in zip(column.layers, column.layers[1:], strict=False):
        position = {node: i for i, node in enumerate(lower)}
        seen: list[int] = []
        for node in upper:
            targets = [position[n] for n in column.below.get(node, ()) if n in position]
            count += sum(len(seen) - bisect_right(seen, t) for t in targets)
            for t in targets:
                insort(seen, t)
    return count


def _set_heights(column: _Column) -> None:
    top = 0.0
    for layer in column.layers:
        height = max((column.place[node].height for node in layer), default=0.0)
        for node in layer:
            place = column.place[node]
            place.top = top
            if not isinstance(node, str):
                place.height = height
        column.floors.append(top + height)
        top += height + _LAYER_GAP


def _set_widths(column: _Column, trunk: set[str]) -> None:
    """Place the trunk and long arrows straight, and all else as near to its neighbours as order and gaps allow."""

    def weight(node: Hashable) -> float:
        return 1e6 if node in trunk else 1.0 if isinstance(node, str) else 4.0

    for layer in column.layers:
        _settle(column, layer, lambda node: 0.0, weight)
    for sweep in range(2 * _SWEEPS):
        down = sweep % 2 == 0
        near, far = (column.above, column.below) if down else (column.below, column.above)

        def wish(
            node: Hashable,
            near: Mapping[Hashable, list[Hashable]] = near,
            far: Mapping[Hashable, list[Hashable]] = far,
        ) -> float:
            around = near.get(node) or far.get(node)
            return 0.0 if node in trunk or not around else median(column.place[n].x for n in around)

        for layer in column.layers if down else column.layers[::-1]:
            _settle(column, layer, wish, weight)
    _straighten(column)


def _settle(
    column: _Column, layer: Sequence[Hashable], wish: Callable[[Hashable], float], weight: Callable[[Hashable], float]
) -> None:
    """Give the nodes of a layer the places nearest to their wishes (least squares: pool adjacent violators)."""
    offsets, total = [], 0.0
    for i, node in enumerate(layer):
        if i:
            total += (column.place[layer[i - 1]].width + column.place[node].width) / 2 + _GAP
        offsets.append(total)
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many nodes
    for node, offset in zip(layer, offsets, strict=True):
        mean, heavy, count = wish(node) - offset, weight(node), 1
        while pools and pools[-1][0] > mean:
            other, mass, more = pools.pop()
            mean, heavy, count = (mean * heavy + other * mass) / (heavy + mass), heavy + mass, count + more
        pools.append((mean, heavy, count))
    found = [mean for mean, _, count in pools for _ in range(count)]
    for node, offset, mean in zip(layer, offsets, found, strict=True):
        column.place[node].x = mean + offset


def _straighten(column: _Column) -> None:
    """Put the points of a long arrow above one another where there is room."""
    chains: dict[Any, list[Hashable]] = {}
    beside: dict[Hashable, tuple[Hashable | None, Hashable | None]] = {}
    for layer in column.layers:
        for i, node in enumerate(layer):
            beside[node] = (layer[i - 1] if i else None, layer[i + 1] if i + 1 < len(layer) else None)
            if isinstance(node, tuple):
                chains.setdefault(node[0], []).append(node)

    def room(node: Hashable) -> tuple[float, float]:
        before, after = beside[node]
        half = column.place[node].width / 2 + _GAP / 2
        low = column.place[before].x + column.place[before].width / 2 + half if before is not None else float("-inf")
        high = column.place[after].x - column.place[after].width / 2 - half if after is not None else float("inf")
        return low, high

    for _ in range(2):
        for nodes in chains.values():
            rooms = [room(node) for node in nodes]
            low, high = max(r[0] for r in rooms), min(r[1] for r in rooms)
            if low <= high:
                x = min(max(median(column.place[node].x for node in nodes), low), high)
                for node in nodes:
                    column.place[node].x = x


# -- ways


def _way(column: _Column, ranks: Mapping[str, int], source: str, target: str) -> Points:
    start, end = column.place[source], column.place[target]
    points = [(start.x, column.floors[ranks[source]])]  # below its taller neighbours, an arrow may turn aside
    for rank in range(ranks[source] + 1, ranks[target]):
        p = column.place[source, rank]
        points += [(p.x, p.top), (p.x, p.bottom)]
    points.append((end.x, end.top))
    inner = zip(points, points[1:], points[2:], strict=False)
    kept = (b for a, b, c in inner if not a[0] == b[0] == c[0])
    return (start.x, start.bottom), points[0], *kept, points[-1]


def _fan_out(
    places: Mapping[str, Place],
    ways: dict[int, Points],
    arrows: Sequence[tuple[str, str]],
    turns: Mapping[str, Points],
) -> None:
    """Let the arrows that arrive at a box arrive side by side, and leave it so where their ways part at once."""
    for end in (0, 1):
        by_box: dict[str, dict[tuple[float, float], list[int]]] = {}
        for i, arrow in enumerate(arrows):
            if end == 1 or arrow[0] not in turns:
                direct = end == 1 and len(ways[i]) == 3
                towards = (ways[i][0][0], float(i)) if direct else ways[i][-2 if end else 2]
                by_box.setdefault(arrow[end], {}).setdefault(towards, []).append(i)
        for name, directions in by_box.items():
            ordered = sorted(directions)
            straight = [k for k, towards in enumerate(ordered) if abs(towards[0] - places[name].x) < 0.5]
            middle = straight[0] if straight else (len(ordered) - 1) / 2
            step = min(24.0, places[name].width * 0.45 / max(middle, len(ordered) - 1 - middle, 1))
            for k, towards in enumerate(ordered):
                for i in directions[towards]:
                    ways[i] = _shifted(ways[i], (k - middle) * step, end)


def _shifted(points: Points, by: float, end: int) -> Points:
    """Return an arrow with its end, or its beginning and the point straight below, moved sideways."""
    moved = range(len(points) - 1, len(points)) if end else range(2)
    return tuple((x + by, y) if k in moved else (x, y) for k, (x, y) in enumerate(points))
