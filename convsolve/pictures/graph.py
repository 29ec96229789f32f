"""The graph as SVG: boxes with operator, parameters and shape, and arrows that can be followed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .figure import Arrow, Box, Figure, Parameter
from .layout import Place, Points, arranged
from .svg import document, element, escape, shortened, text, text_width, wrapped

__all__ = ["SIGNS", "graph_svg"]

_LETTERS = 38
"""How many letters a line in a box has at most."""

_LINE, _HEAD, _PAD = 16.0, 22.0, 9.0
SIGNS = {"fails": "✗", "unknown": "?", "opaque": "▨"}
"""What stands beside a box in such a state: colour is not the only signal."""

_OPAQUE = "known only for the sizes recorded"


@dataclass(frozen=True)
class _Drawn:
    """A box with its texts: the heading, lines of pieces, and what is wrong."""

    box: Box
    name: str
    lines: tuple[tuple[Parameter, ...], ...]
    sentences: tuple[str, ...]

    @property
    def size(self) -> tuple[float, float]:
        """The width and the height that the texts need."""
        lines = [" ".join(p.text for p in line) for line in self.lines]
        letters = [len(self.box.kind) + len(self.name) + 3, len(self.box.shape) + 2, *map(len, lines),
                   *map(len, self.sentences)]  # fmt: skip
        height = _HEAD + _LINE * (len(lines) + 1 + len(self.sentences)) + _PAD
        return text_width("m" * max(letters)) + 2 * _PAD, height


def graph_svg(figure: Figure, *, hatch: str = "cs-hatched") -> str:
    """Return the picture of a network: its layers as boxes, its tensors as arrows.

    ``hatch`` is the name of a pattern in it: of several pictures on a page, each needs another.

    >>> from convsolve.files import parse
    >>> from convsolve.checks.check import check
    >>> from .figure import figure_of
    >>> net = parse("{input: [1, 8, 8], layers: [{conv: {out_channels: 4, kernel_size: 9}}]}").network
    >>> "CS001" in graph_svg(figure_of(net, check(net)))
    True
    """
    drawn = {box.name: _drawn(box) for box in figure.boxes}
    pairs = [(arrow.source, arrow.target) for arrow in figure.arrows]
    sizes = {name: d.size for name, d in drawn.items()}
    layout = arranged(sizes, pairs, [block.boxes for block in figure.blocks])
    number = {box.name: i for i, box in enumerate(figure.boxes)}
    parts = [_block([layout.places[name] for name in block.boxes], block.times) for block in figure.blocks]
    parts.append(_ways(layout.ways[i] for i in range(len(figure.arrows))))
    parts += [_turn(points) for points in layout.turns.values()]
    parts += [_box(d, layout.places[name], number[name], hatch) for name, d in drawn.items()]
    parts += [_label(arrow, layout.ways[i], i) for i, arrow in enumerate(figure.arrows)]
    head = _heading(figure)
    top = _LINE * len(head) + (14.0 if head else 0.0)
    content = element("g", "".join(parts), transform=f"translate(0 {top:.0f})")
    width = max(layout.width + _LINE, *(w for _, w in head), 0.0)
    parts = [_hatch(hatch), *(words for words, _ in head), content]
    return document("".join(parts), width, layout.height + top, figure.title or "network")


def _heading(figure: Figure) -> list[tuple[str, float]]:
    """Return the lines above the graph, with their widths: the title, and what is wrong with the whole."""
    lines = [(figure.title, "cs-ink cs-title", 1.3)] if figure.title else []
    for state, sentence in figure.sentences:
        look = "cs-bad cs-strong cs-said" if state == "fails" else "cs-ink cs-strong cs-said"
        lines += [(line, look, 1.0) for line in wrapped(f"{SIGNS[state]} {sentence}", 2 * _LETTERS)]
    return [(text(words, 0.0, 12.0 + _LINE * i, look), text_width(words) * wider)
            for i, (words, look, wider) in enumerate(lines)]  # fmt: skip


def _drawn(box: Box) -> _Drawn:
    name = "" if box.kind == box.name else shortened(box.name, 30)
    lines = _lines(box.parameters)
    if box.followers:
        lines += [(Parameter(line),) for line in wrapped("then " + ", ".join(box.followers), _LETTERS)]
    if box.when:
        lines += [(Parameter(line),) for line in wrapped(f"if {box.when}", _LETTERS)]
    if box.is_output:
        lines.append((Parameter("an output of the network"),))
    said = (_OPAQUE,) if box.state == "opaque" else box.sentences
    sign = SIGNS.get(box.state, "")
    sentences = tuple(line for sentence in said for line in wrapped(f"{sign} {sentence}", _LETTERS + 6))
    return _Drawn(box, name, tuple(lines), sentences)


def _lines(parameters: Sequence[Parameter]) -> list[tuple[Parameter, ...]]:
    """Return parameters in lines that are not too long."""
    lines: list[list[Parameter]] = []
    length = _LETTERS + 1
    for parameter in parameters:
        shown = Parameter(shortened(parameter.text, _LETTERS), parameter.strong)
        if length + 1 + len(shown.text) > _LETTERS:
            lines.append([])
            length = -1
        lines[-1].append(shown)
        length += 1 + len(shown.text)
    return [tuple(line) for line in lines]


def _hatch(name: str) -> str:
    line = element("path", d="M0 6L6 0", class_="cs-hatch", stroke_width=1)
    return element("defs", element("pattern", line, id=name, width=6, height=6, patternUnits="userSpaceOnUse"))


def _box(drawn: _Drawn, place: Place, number: int, hatch: str) -> str:
    box = drawn.box
    left, top, right = place.x - place.width / 2, place.top, place.x + place.width / 2
    parts = [element("rect", x=left, y=top, width=place.width, height=place.height, rx=5, class_="cs-paper")]
    if box.state == "opaque":
        parts.append(element("rect", x=left, y=top, width=place.width, height=place.height, rx=5,
                             fill=f"url(#{hatch})", opacity=0.5))  # fmt: skip
    head = f"M{left:.1f} {top + _HEAD:.1f}v{5 - _HEAD:.1f}q0-5 5-5h{place.width - 10:.1f}q5 0 5 5v{_HEAD - 5:.1f}z"
    parts.append(element("path", d=head, class_=f"cs-hue cs-{box.group}"))
    parts.append(text(box.kind, left + _PAD, top + 15.0, "cs-head cs-strong"))
    if drawn.name:
        parts.append(text(drawn.name, right - _PAD, top + 15.0, "cs-head", text_anchor="end"))
    y = top + _HEAD + 13.0
    for line in drawn.lines:
        pieces = " ".join(
            f'<tspan class="cs-strong">{escape(p.text)}</tspan>' if p.strong else escape(p.text) for p in line
        )
        parts.append(element("text", pieces, x=left + _PAD, y=y, class_="cs-faint"))
        y += _LINE
    parts.append(text(f"→ {box.shape}", left + _PAD, y, "cs-ink cs-strong cs-shape"))
    for sentence in drawn.sentences:
        y += _LINE
        parts.append(text(sentence, left + _PAD, y, "cs-faint cs-said" if box.state == "opaque" else "cs-bad cs-said"))
    words = ", ".join(p.text for p in box.parameters)
    said = f"{box.name}: {box.kind}{f' ({words})' if words else ''}, output {box.shape}"
    title = element("title", escape(". ".join([said, *box.sentences])))
    state = f"cs-box cs-{box.state}" if box.state != "plain" else "cs-box"
    return element("g", title + "".join(parts), class_=state, data_box=number)


def _block(places: Sequence[Place], times: int) -> str:
    left = min(p.x - p.width / 2 for p in places) - 12
    right = max(p.x + p.width / 2 for p in places) + 12
    top, bottom = min(p.top for p in places) - 11, max(p.bottom for p in places) + 11
    words = f"×{times}"
    room = text_width(words) + 10
    frame = element("rect", x=left, y=top, width=right - left, height=bottom - top, rx=9, class_="cs-block")
    badge = element("rect", x=left, y=top - 5, width=room, height=18.0, rx=9, class_="cs-tip") + text(
        words, left + room / 2, top + 8, "cs-head cs-strong", text_anchor="middle"
    )
    title = element("title", f"{times} times in a row, drawn once")
    return element("g", title + frame + badge)


def _ways(ways: Iterable[Points]) -> str:
    """Return all arrows: what several of them share is drawn once."""
    lines: dict[str, None] = {}
    tips = []
    for points in ways:
        for (ax, ay), (bx, by) in itertools.pairwise(points):
            middle = f"{(ay + by) / 2:.0f}"
            bend = f"V{by:.0f}" if abs(ax - bx) < 0.5 else f"C{ax:.0f} {middle} {bx:.0f} {middle} {bx:.0f} {by:.0f}"
            lines[f"M{ax:.0f} {ay:.0f}{bend}"] = None
        x, y = points[-1]
        tips.append(f"M{x - 4:.0f} {y - 7:.0f}h8l-4 7z")
    return (element("path", d="".join(lines), class_="cs-way")
            + element("path", d="".join(dict.fromkeys(tips)), class_="cs-tip")) if tips else ""  # fmt: skip


def _turn(points: Points) -> str:
    return element("path", d="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points), class_="cs-way")


def _label(arrow: Arrow, points: Points, number: int) -> str:
    """Return the shape of a tensor, written along its arrow where that is straight and long enough."""
    straight = [(b[1] - a[1], a) for a, b in itertools.pairwise(points) if abs(a[0] - b[0]) < 0.5]
    length, (x, y) = max(straight, default=(0.0, points[0]))
    room = text_width(arrow.label)
    if length < room + 12:
        return ""
    at = f"translate({x + 12:.1f} {y + (length - room) / 2:.1f}) rotate(90)"
    return element("text", escape(arrow.label), transform=at, class_="cs-faint cs-label", data_arrow=number)
