"""The shape ladder: a network as a strip of bars, so that one sees where resolution, memory and computation go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from types import MappingProxyType
from typing import ClassVar

from ..checks.check import CheckReport, Row
from ..network import Network
from ..network.receptive_field import receptive_fields
from ..network.trace import COSTS, run, to_canonical, trace
from .figure import Box, Figure
from .graph import SIGNS
from .svg import document, element, escape, shortened, text, text_width

__all__ = ["Ladder", "Rung", "ladder_of", "ladder_of_rows", "ladder_svg"]

_SLOT, _TOP, _HIGH, _UNIT = 26.0, 18.0, 200.0, 17.0
_COST_GAP = 22.0
_LEAST = 6.0
"""How high the bar of a size of 1 is."""

_LETTERS = 22
_WIDEST = 24.0
_NAMED = 40
"""So many bars have all their names below them; of more, those whose spatial size is new."""

_LEGEND = ("height: spatial size (of several axes the geometric mean), log scale", "width: channels, log scale")
_LINE_LEGEND = "line: receptive field at the size first drawn, scaled as the height"


@dataclass(frozen=True)
class Rung:
    """What the ladder shows of a box: the tensor that leaves it, its costs, and how far it sees.

    ``spatial`` and ``channels`` are None where they are not known; costs are in the order of ``COSTS``.
    """

    box: Box
    channels: int | None
    spatial: tuple[int, ...] | None
    costs: tuple[int | None, ...]
    sees: tuple[int, ...]


@dataclass(frozen=True)
class Ladder:
    """The rungs of a network, and the scale on which they are drawn: ``scale`` pixels for each doubling of a size.

    ``top`` is the highest level (the logarithm of a size) that there is room for, ``foot`` where the bars stand.
    """

    cost_height: ClassVar[float] = 42.0

    title: str
    rungs: tuple[Rung, ...]
    top: float

    @property
    def scale(self) -> float:
        """How many pixels a doubling takes."""
        return min(_UNIT, _HIGH / max(self.top, 1.0))

    @property
    def left(self) -> float:
        """Where the bars begin, beside the numbers of the scale."""
        return max(44.0, text_width(str(2 ** int(self.top))) + 16)

    @property
    def foot(self) -> float:
        """Where the bars stand."""
        return (_TOP + 26 if self.title else _TOP) + max(self.top, 1.0) * self.scale + _LEAST


def ladder_of(figure: Figure, report: CheckReport, largest: int = 1) -> Ladder:
    """Return the ladder of a figure that is not folded, with room for sizes up to ``largest``."""
    assert report.network is not None
    traced = trace(report.network)
    fields = receptive_fields(traced, run(traced, {})) if report.ok else {}
    return ladder_of_rows(figure, report.network, report.rows, largest, fields)


def ladder_of_rows(
    figure: Figure,
    network: Network,
    all_rows: Iterable[Row],
    largest: int,
    fields: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
) -> Ladder:
    """Return the ladder of a figure from what each layer does, and how far it sees, where that is known."""
    rows = {row.layer: row for row in all_rows}
    found = tuple(_rung(box, rows, fields, network.data_format) for box in figure.boxes)
    levels = [_level(sizes) for rung in found for sizes in (rung.spatial, rung.sees) if sizes]
    return Ladder(figure.title, found, max([*levels, log2(largest)]))


def _rung(box: Box, rows: Mapping[str, Row], fields: Mapping[str, Mapping[str, int]], data_format: str) -> Rung:
    own = [rows[name] for name in box.layers]
    sizes = rows[box.tensors[0]].shape
    channels: int | None = None
    spatial: tuple[int, ...] | None = None
    if sizes:
        first, *others = to_canonical(data_format, sizes)  # type: ignore[arg-type]
        channels = first if first is not None and first > 0 else None
        known = [n for n in others if n is not None and n > 0]
        spatial = tuple(known) if len(known) == len(others) else None
    costs = tuple(_total(getattr(row, cost) for row in own) for cost in COSTS)
    return Rung(box, channels, spatial, costs, tuple(fields.get(box.tensors[0], {}).values()))


def _total(values: Iterable[int | None]) -> int | None:
    known = list(values)
    return None if None in known else sum(n for n in known if n is not None)


def _level(sizes: Sequence[int]) -> float:
    """Return the height of a size: the mean of the logarithms of its axes."""
    return sum(log2(n) for n in sizes) / len(sizes) if sizes else 0.0


def ladder_svg(ladder: Ladder) -> str:
    """Return the shape ladder as a picture.

    >>> from convsolve.files import parse
    >>> from convsolve.checks.check import check
    >>> from .figure import figure_of
    >>> net = parse("{input: [1, 8, 8], layers: [{max_pool: {kernel_size: 2}}]}").network
    >>> "receptive field" in ladder_svg(ladder_of(figure_of(net, check(net)), check(net)))
    True
    """
    found, foot = ladder.rungs, ladder.foot
    parts = [text(ladder.title, 0.0, 12.0, "cs-ink cs-title")] if ladder.title else []
    parts += _axis(ladder, len(found))
    named = _named(found)
    deepest = max((text_width(shortened(r.box.name, _LETTERS)) for i, r in enumerate(found) if i in named), default=0.0)
    parts += [_bar(r, i, ladder, i in named) for i, r in enumerate(found)]
    line = _line(ladder)
    parts.append(line)
    legend = (*_LEGEND, _LINE_LEGEND) if line else _LEGEND
    y, legend_width = foot + deepest + 30, 0.0
    for k, cost in enumerate(COSTS):
        words, bars = _costs(ladder, k, cost, y + Ladder.cost_height)
        legend_width = max(legend_width, ladder.left + text_width(words))
        parts.append(bars)
        y += Ladder.cost_height + _COST_GAP
    for words in legend:
        parts.append(text(words, 0.0, y + 6, "cs-faint"))
        y += 16
    width = max(ladder.left + _SLOT * len(found), legend_width, *map(text_width, (*legend, ladder.title)))
    return document("".join(parts), width, y, f"shape ladder of {ladder.title or 'the network'}")


def _axis(ladder: Ladder, count: int) -> list[str]:
    """Return lines at the powers of two, with their numbers."""
    parts = []
    for power in range(int(ladder.top) + 1):
        y = ladder.foot - _LEAST - power * ladder.scale
        line = f"M{ladder.left - 4:.0f} {y:.0f}h{_SLOT * count + 4:.0f}"
        parts.append(element("path", d=line, class_="cs-thin", opacity=0.35))
        if ladder.scale >= 12 or power % 2 == 0:
            parts.append(text(str(2**power), ladder.left - 8, y + 4, "cs-faint", text_anchor="end"))
    return parts


def _named(found: Sequence[Rung]) -> set[int]:
    if len(found) <= _NAMED:
        return set(range(len(found)))
    sizes = [r.spatial for r in found]
    return {i for i, r in enumerate(found) if i == 0 or sizes[i] != sizes[i - 1] or r.box.state != "plain"}


def _bar(rung: Rung, i: int, ladder: Ladder, named: bool) -> str:
    box, foot = rung.box, ladder.foot
    x = ladder.left + _SLOT * (i + 0.5)
    known = rung.spatial is not None and rung.channels is not None
    height = _LEAST + (_level(rung.spatial) * ladder.scale if rung.spatial else 0.0)
    width = min(_WIDEST, 3 + 1.7 * log2(rung.channels)) if rung.channels else 8.0
    look = f"cs-rung cs-{box.state}" if box.state != "plain" else "cs-rung"
    bar = element("rect", x=x - width / 2, y=foot - height, width=width, height=height, class_=f"cs-hue cs-{box.group}")
    sign = "" if box.state == "plain" and known else "?" if box.state == "plain" else SIGNS[box.state]
    above = element("text", sign, x=x, y=foot - height - 5, class_="cs-ink cs-strong cs-sign",
                    text_anchor="middle")  # fmt: skip
    below = ""
    if named:
        at = f"translate({x - 4:.1f} {foot + 8:.1f}) rotate(90)"
        below = element("text", escape(shortened(box.name, _LETTERS)), transform=at, class_="cs-faint")
    costs = ", ".join(f"{cost} {n:,}" for cost, n in zip(COSTS, rung.costs, strict=True) if n is not None)
    sees = f", receptive field {'x'.join(map(str, rung.sees))}" if rung.sees else ""
    title = element("title", escape(f"{box.name}: {box.kind}, {box.shape}, {costs}{sees}"))
    return element("g", title + bar + above + below, class_=look if known else f"{look} cs-dim", data_rung=i)


def _line(ladder: Ladder) -> str:
    """Return the line of receptive fields, or nothing where there is none."""
    points = [f"{ladder.left + _SLOT * (i + 0.5):.1f},{ladder.foot - _LEAST - _level(r.sees) * ladder.scale:.1f}"
              for i, r in enumerate(ladder.rungs) if r.sees]  # fmt: skip
    return element("polyline", points=" ".join(points), class_="cs-mark", stroke_width=2, stroke_dasharray="1 3",
                   stroke_linecap="round") if points else ""  # fmt: skip


def _costs(ladder: Ladder, k: int, cost: str, foot: float) -> tuple[str, str]:
    """Return what is said of a cost, and thin bars of it, to the scale of the largest."""
    found = ladder.rungs
    known = [n for r in found if (n := r.costs[k]) is not None]
    most = max(known, default=0)
    whole = len(known) == len(found)
    words = f"{cost}: {sum(known):,} in all, {most:,} at most in one box" if whole else f"{cost}: ?"
    parts = [text(words, ladder.left, foot - Ladder.cost_height - 4, "cs-faint", data_total=cost)]
    for i, rung in enumerate(found):
        n = rung.costs[k]
        if n != 0:
            height = max(1.0, Ladder.cost_height * n / most) if n else 0.0
            parts.append(
                element(
                    "rect",
                    x=ladder.left + _SLOT * (i + 0.5) - 3,
                    y=foot - height,
                    width=6,
                    height=height,
                    class_=f"cs-hue cs-{rung.box.group}",
                    data_cost=f"{k}.{i}",
                    data_foot=foot,
                )
            )
    line = f"M{ladder.left:.0f} {foot:.0f}h{_SLOT * len(found):.0f}"
    return words, "".join([*parts, element("path", d=line, class_="cs-thin")])
