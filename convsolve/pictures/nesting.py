"""Closing: all layers of a module are drawn as one box, so that a network of hundreds of layers is read at first sight.

What belongs together is what the names say: ``features.1.0.attn.qkv`` is, at depth 2, part of ``features.1``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from .figure import Arrow, Box, Figure, Parameter, State
from .folding import folded

__all__ = ["READABLE", "View", "closed", "deepest", "views"]

READABLE = 40
"""So many boxes are read at first sight."""

_GRAVEST: tuple[State, ...] = ("fails", "unknown", "opaque")

_LISTED = 4
"""So many kinds of layers are named in a closed box."""

View = tuple[str, Figure]
"""A figure, with words for what is closed in it."""


def deepest(figure: Figure) -> int:
    """Return how deep modules lie within each other: 0 where no layer is part of one."""
    return max((box.name.count(".") for box in figure.boxes), default=0)


def closed(figure: Figure, depth: int) -> Figure:
    """Return a figure in which the modules of a depth are closed: each is one box.

    The figure has to be one in which no box has layers of several modules. Layers of a module are closed together where
    they are computed one after the other; otherwise it is in pieces.

    >>> from convsolve.files import parse
    >>> from convsolve.checks.check import check
    >>> from .figure import figure_of
    >>> pools = ", ".join(f"{{max_pool: {{name: {name}, kernel_size: 2}}}}" for name in ("a.0", "a.1", "b"))
    >>> net = parse(f"{{input: [4, 8, 8], layers: [{pools}]}}").network
    >>> small = closed(figure_of(net, check(net)), 1)
    >>> [(box.name, box.kind) for box in small.boxes]
    [('input', 'input'), ('a', '2 layers'), ('b', 'max_pool')]
    """
    figure = _constants_where_used(figure)
    taken = set(figure.by_name)
    boxes: list[Box] = []
    host: dict[str, str] = {}
    for module, members in _runs(figure, depth):
        if len(members) > 1:
            name = _new(module, taken)
            taken.add(name)
            boxes.append(_together(name, members, figure))
        else:
            boxes += members
        host.update((member.name, boxes[-1].name) for member in members)
    arrows = [
        Arrow(host[arrow.source], host[arrow.target], arrow.tensor, arrow.label)
        for arrow in figure.arrows if host[arrow.source] != host[arrow.target]
    ]  # fmt: skip
    return replace(figure, boxes=tuple(boxes), arrows=tuple(dict.fromkeys(arrows)))


def views(figure: Figure, apart: Figure) -> tuple[list[View], int]:
    """Return the figures of a network, from closed to open, and which of them is read at first sight.

    Each shows more boxes than the one before it; the last is the whole figure. ``apart`` is the figure in which no box
    has layers of several modules.
    """
    short = folded(figure)
    found: list[View] = []
    for depth in range(1, deepest(apart) + 1):
        one = folded(closed(apart, depth))
        if (len(found[-1][1].boxes) if found else 0) < len(one.boxes) < len(short.boxes):
            found.append((f"modules to depth {depth}", one))
    found.append(("every layer, copies once" if short.blocks else "every layer", short))
    readable = [i for i, (_, one) in enumerate(found) if len(one.boxes) <= READABLE]
    whole = [("every layer", figure)] if short.blocks else []
    return [*found, *whole], max(readable, default=0)


def _constants_where_used(figure: Figure) -> Figure:
    """Return a figure in which a constant stands before its first use, or in its module: there it is part of it."""
    place = {box.name: i for i, box in enumerate(figure.boxes)}
    first: dict[str, str] = {}
    for arrow in sorted(figure.arrows, key=lambda arrow: place[arrow.target]):
        first.setdefault(arrow.source, arrow.target)
    in_module: dict[str, str] = {}
    for box in figure.boxes:
        if box.kind != "constant":
            in_module.setdefault(box.name.rpartition(".")[0], box.name)
    before: dict[str, list[Box]] = {}
    for box in figure.boxes:
        target = first.get(box.name) or in_module.get(box.name.rpartition(".")[0])
        if box.kind == "constant" and target:
            before.setdefault(target, []).append(box)
    moved = {box.name for boxes in before.values() for box in boxes}
    kept = (box for box in figure.boxes if box.name not in moved)
    return replace(figure, boxes=tuple(one for box in kept for one in (*before.get(box.name, ()), box)))


def _runs(figure: Figure, depth: int) -> Iterator[tuple[str, list[Box]]]:
    """Yield modules with boxes of theirs that follow one another, a box of no module under its own name."""

    def module(box: Box) -> tuple[str, str]:
        *path, _ = box.name.split(".")
        return (".".join(path[:depth]), "") if path else ("", box.name)

    for (name, _), members in groupby(figure.boxes, module):
        yield name, list(members)


def _new(module: str, taken: set[str]) -> str:
    """Return a name for a closed module that no other box has."""
    if module not in taken:
        return module
    return next(name for i in range(2, len(taken) + 3) if (name := f"{module} ({i})") not in taken)


def _together(name: str, members: Sequence[Box], figure: Figure) -> Box:
    """Return one box for several; its shape is that of the last tensor that leaves it."""
    own = {member.name for member in members}
    leaving = [a for a in figure.arrows if a.source in own and a.target not in own]
    last = members[-1]
    shown = figure.by_name[leaving[-1].source] if leaving else last
    layers = [layer for member in members for layer in member.layers]
    kinds = Counter(kind for member in members for kind in (member.kind, *member.followers))
    texts = [f"{count} {kind}" for kind, count in kinds.most_common(_LISTED)]
    more = sum(kinds.values()) - sum(count for _, count in kinds.most_common(_LISTED))
    state: State = next((s for s in _GRAVEST if any(m.state == s for m in members)), "plain")
    if state == "opaque" and any(member.state == "plain" for member in members):
        state = "plain"
    return Box(
        name=name, kind=f"{len(layers)} layers", group=_group(members),
        parameters=tuple(map(Parameter, [*texts, *([f"{more} more"] if more else [])])), followers=(),
        shape=shown.shape, layers=tuple(layers), tensors=shown.tensors, state=state,
        sentences=tuple(sentence for member in members for sentence in member.sentences),
        is_output=any(member.is_output for member in members), inside=_inside(members, figure))  # fmt: skip


def _group(members: Sequence[Box]) -> str:
    """Return the group of operators of which there are most, those that compute before all others."""
    counts = Counter(member.group for member in members)
    return max(counts, key=lambda group: (group in ("convolution", "dense"), counts[group]))


def _inside(members: Sequence[Box], figure: Figure) -> tuple[Any, ...]:
    """Return all that is drawn of boxes but names: what tells closed modules apart."""
    place = {member.name: i for i, member in enumerate(members)}
    drawn = [(m.kind, m.parameters, m.followers, m.shape, m.state, m.when, m.inside) for m in members]
    ways = [(place.get(a.source, -1), place[a.target], a.tensor.partition("[")[2], a.label)
            for a in figure.arrows if a.target in place]  # fmt: skip
    return (*drawn, *ways)
