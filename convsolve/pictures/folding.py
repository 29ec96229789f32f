"""Folding: copies of a block, one after the other, are drawn once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .figure import Arrow, Box, Figure, RepeatedBoxes

__all__ = ["folded", "units"]

_LONGEST = 12
"""How many units a block may have."""

_WORTH = 3
"""A block is folded if that saves so many boxes."""


@dataclass(frozen=True)
class _Unit:
    """Boxes between two places that a single tensor passes; its ``form`` is all that is drawn of it but names."""

    boxes: tuple[Box, ...]
    form: tuple[Any, ...]


def folded(figure: Figure) -> Figure:
    """Return a figure in which every block that is repeated with the same shapes stands once.

    >>> from convsolve.files import parse
    >>> from convsolve.checks.check import check
    >>> from .figure import figure_of
    >>> conv = "{conv: {out_channels: 4, kernel_size: 3, padding: 1}}"
    >>> net = parse(f"{{input: [4, 8, 8], layers: [{', '.join([conv] * 5)}]}}").network
    >>> small = folded(figure_of(net, check(net)))
    >>> [box.name for box in small.boxes], small.blocks
    (['input', 'conv1'], (RepeatedBoxes(boxes=('conv1',), times=5),))
    """
    found = [_unit(boxes, figure) for boxes in units(figure)]
    kept: list[Box] = []
    blocks: list[RepeatedBoxes] = []
    drawn_as: dict[str, str] = {}
    i = 0
    while i < len(found):
        length, times = _repeat(found, i)
        own = [box for unit in found[i : i + length] for box in unit.boxes]
        for copy in range(1, times):
            again = [box for unit in found[i + copy * length : i + (copy + 1) * length] for box in unit.boxes]
            drawn_as.update((box.name, first.name) for box, first in zip(again, own, strict=True))
            own = [replace(first, layers=(*first.layers, *box.layers), tensors=(*first.tensors, *box.tensors))
                   for first, box in zip(own, again, strict=True)]  # fmt: skip
        kept += own
        if times > 1:
            blocks.append(RepeatedBoxes(tuple(box.name for box in own), times))
        i += length * times
    place = {box.name: k for k, box in enumerate(kept)}
    arrows = []
    for arrow in figure.arrows:
        source, target = (drawn_as.get(name, name) for name in (arrow.source, arrow.target))
        repeats = arrow.target in drawn_as  # it is drawn already, or leads from one copy to the next
        if not repeats and place[source] < place[target]:
            arrows.append(Arrow(source, target, arrow.tensor, arrow.label))
    return replace(figure, boxes=tuple(kept), arrows=tuple(arrows), blocks=tuple(blocks))


def units(figure: Figure) -> list[tuple[Box, ...]]:
    """Return the boxes in pieces, between any two of which a single box is all that is used further on."""
    place = {box.name: i for i, box in enumerate(figure.boxes)}
    last_use = list(range(len(figure.boxes)))
    for arrow in figure.arrows:
        source = place[arrow.source]
        last_use[source] = max(last_use[source], place[arrow.target])
    found, piece, live = [], [], set()
    for i, box in enumerate(figure.boxes):
        piece.append(box)
        live.add(i)
        live = {j for j in live if last_use[j] > i}
        if live <= {i} or i + 1 == len(figure.boxes):
            found.append(tuple(piece))
            piece = []
    return found


def _unit(boxes: tuple[Box, ...], figure: Figure) -> _Unit:
    own = {box.name: i for i, box in enumerate(boxes)}
    entering: dict[str, list[Any]] = {box.name: [] for box in boxes}
    for arrow in figure.arrows:
        if arrow.target in own:
            output = arrow.tensor.partition("[")[2]
            entering[arrow.target].append((own.get(arrow.source, -1), output, arrow.label))
    form = tuple(
        (box.kind, box.parameters, box.followers, box.shape, box.state, box.sentences, box.when, box.is_output,
         box.inside, tuple(entering[box.name])) for box in boxes)  # fmt: skip
    return _Unit(boxes, form)


def _repeat(found: Sequence[_Unit], i: int) -> tuple[int, int]:
    """Return how many units from ``i`` on make a block, and how many copies of it follow one another."""
    best, most = (1, 1), _WORTH - 1
    for length in range(1, min(_LONGEST, (len(found) - i) // 2) + 1):
        block = [unit.form for unit in found[i : i + length]]
        times = 1
        while [u.form for u in found[i + times * length : i + (times + 1) * length]] == block:
            times += 1
        saved = (times - 1) * sum(len(unit.boxes) for unit in found[i : i + length])
        if saved > most:
            best, most = (length, times), saved
    return best
