"""Charts: the front of a Pareto search, and which sizes of two axes go together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..dims.boxes import Boxes
from ..dims.ranges import runs
from ..dims.sizeset import SizeSet
from ..errors import NetworkError
from ..sizes.valid_sizes import ValidSizes
from ..synthesis.pareto import Front
from .svg import document, element, escape, text, text_width

if TYPE_CHECKING:
    import numpy as np

__all__ = ["front_svg", "map_svg"]

_SIDE = 420.0
_FARTHEST = 512
"""A map shows no more sizes of an axis than this."""


def front_svg(front: Front) -> str:
    """Return a Pareto front as a picture: one chart for each two of its objectives, a point for each solution.

    >>> from convsolve.files import parse
    >>> from convsolve.synthesis.pareto import pareto
    >>> front = pareto(parse("{input: [1, 8, 8], layers: [{conv: {out_channels: 4 | 8, kernel_size: 3 | 5}}]}"),
    ...                ["params", "macs"])
    >>> front_svg(front).count("<circle")
    1
    """
    parts, left = [], 0.0
    for a, b in itertools.combinations(range(len(front.objectives)), 2):
        parts.append(element("g", _chart(front, a, b), transform=f"translate({left + 90:.0f} 20)"))
        left += _SIDE + 130
    count = f"{len(front.points)} point{'' if len(front.points) == 1 else 's'}"
    words = count + (": the whole front, proven" if front.complete else f", not the whole front: {front.reason}")
    parts.append(text(words, 0.0, _SIDE + 80, "cs-faint"))
    label = f"Pareto front of {', '.join(front.objectives)}"
    return document("".join(parts), max(left, text_width(words)), _SIDE + 90, label)


def _chart(front: Front, a: int, b: int) -> str:
    """Return one chart: an objective to the right, another upwards, both from their least to their greatest value."""
    xs, ys = [p[a] for p in front.points], [p[b] for p in front.points]
    parts = [element("rect", x=0.0, y=0.0, width=_SIDE, height=_SIDE, class_="cs-paper")]
    if xs:
        for n in _ticks(xs):
            parts.append(text(f"{n:,}", _at(n, xs), _SIDE + 18, "cs-faint", text_anchor="middle"))
            parts.append(element("path", d=f"M{_at(n, xs):.1f} 0v{_SIDE:.0f}", class_="cs-thin", opacity=0.3))
        for n in _ticks(ys):
            parts.append(text(f"{n:,}", -6.0, _SIDE - _at(n, ys) + 4, "cs-faint", text_anchor="end"))
            parts.append(element("path", d=f"M0 {_SIDE - _at(n, ys):.1f}h{_SIDE:.0f}", class_="cs-thin", opacity=0.3))
        if len(front.objectives) == 2:  # between the points of a front lies nothing: it is a flight of stairs
            ordered = sorted(set(zip(xs, ys, strict=True)))
            stairs = "".join(f"{'H' if i else 'M'}{_at(x, xs):.1f}{' ' if not i else 'V'}{_SIDE - _at(y, ys):.1f}"
                             for i, (x, y) in enumerate(ordered))  # fmt: skip
            parts.append(element("path", d=stairs, class_="cs-way"))
        for point, solution in zip(front.points, front.solutions, strict=True):
            made = ", ".join(f"{name}={value}" for name, value in solution.assignment.items())
            reached = ", ".join(f"{name} {n:,}" for name, n in zip(front.objectives, point, strict=True))
            title = element("title", escape(f"{reached}: {made}"))
            parts.append(element("circle", title, cx=_at(point[a], xs), cy=_SIDE - _at(point[b], ys), r=5,
                                 class_="cs-hue cs-convolution"))  # fmt: skip
    parts.append(text(front.objectives[a], _SIDE / 2, _SIDE + 40, "cs-ink cs-strong", text_anchor="middle"))
    parts.append(text(front.objectives[b], 0.0, -8.0, "cs-ink cs-strong"))
    return "".join(parts)


def _at(n: int, values: Sequence[int]) -> float:
    low, high = min(values), max(values)
    return 14 + (_SIDE - 28) * ((n - low) / (high - low) if high > low else 0.5)


def _ticks(values: Sequence[int]) -> list[int]:
    """Return a few of the values, so far apart that their numbers do not touch."""
    found: list[int] = []
    for n in sorted(set(values)):
        if not found or _at(n, values) - _at(found[-1], values) > 70:
            found.append(n)
    return found


def map_svg(sizes: ValidSizes, largest: int | None = None) -> str:
    """Return which sizes of two axes are valid together, as a map of squares: filled where they are.

    Args:
        sizes: the valid sizes of a network with two open axes.
        largest: the largest size that is shown; by default as far as the pattern needs to be seen.

    Raises:
        NetworkError: there are not two open axes, or the sizes have no closed form.

    >>> from convsolve.files import parse
    >>> from convsolve.sizes.valid_sizes import valid_sizes
    >>> net = parse("{input: [1, 8, 8], layers: [{flatten: {}}, {linear: {in_features: 12, out_features: 2}}]}")
    >>> map_svg(valid_sizes(net, prove=False), largest=12).count("h1v1")
    6
    """
    labels = list(sizes.axes)
    if len(labels) != 2:
        raise NetworkError(f"a map shows two open axes, the network has {len(labels)}: {', '.join(labels) or 'none'}")
    if sizes.unresolved:
        raise NetworkError(f"the sizes have no closed form: {sizes.unresolved[0]}")
    windows = [_window(sizes[label]) if largest is None else range(1, largest + 1) for label in labels]
    step = max(0.8, min(16.0, _SIDE / max(map(len, windows))))
    high, wide = (step * len(window) for window in windows)
    parts = [element("rect", x=0.0, y=0.0, width=wide, height=high, class_="cs-paper")]
    scaled = f"translate(0 {high:.0f}) scale({step:.2f} {-step:.2f})"
    for boxes, look in ((sizes.region, {"class_": "cs-hue cs-pooling"}), (~sizes.known, {"fill": "#999999"})):
        squares = _squares(_members(boxes, list(sizes.axes.values()), windows))
        if squares:
            parts.append(element("path", d=squares, transform=scaled, **look))
    for n in _marks(windows[0]):
        y = high - (n - windows[0].start + 0.5) * step + 4
        parts.append(text(f"{n:,}", -6.0, y, "cs-faint", text_anchor="end"))
    for n in _marks(windows[1]):
        parts.append(text(f"{n:,}", (n - windows[1].start + 0.5) * step, high + 16, "cs-faint", text_anchor="middle"))
    parts.append(text(labels[1], wide / 2, high + 36, "cs-ink cs-strong", text_anchor="middle"))
    parts.append(text(labels[0], 0.0, -8.0, "cs-ink cs-strong"))
    shown = (f"{label} {window.start:,} to {window.stop - 1:,} {way}"
             for label, window, way in zip(labels, windows, ("upwards", "to the right"), strict=True))  # fmt: skip
    said = [f"filled: valid; shown: {', '.join(shown)}; all of them:", *str(sizes).splitlines()[:8]]
    if not sizes.complete:
        said.append("grey: not known, as the network was recorded at other sizes")
    parts += [text(words, 0.0, high + 60 + 16 * i, "cs-faint") for i, words in enumerate(said)]
    content = element("g", "".join(parts), transform="translate(64 24)")
    width = max(wide + 76, *(text_width(words) + 64 for words in said))
    return document(content, width, high + 90 + 16 * len(said), f"valid {labels[0]} and {labels[1]}")


def _members(boxes: Boxes, axes: Sequence[int], windows: Sequence[range]) -> np.ndarray:
    """Return which pairs of sizes within windows are in a set: a row for each size of the first axis."""
    import numpy as np

    numbers = [np.arange(window.start, window.stop) for window in windows]
    found = np.zeros(tuple(map(len, windows)), dtype=bool)
    for part in boxes.parts:
        upwards, along = (part[axis].contains(own) for axis, own in zip(axes, numbers, strict=True))
        found |= upwards[:, None] & along[None, :]
    equal = numbers[0][:, None] == numbers[1][None, :]
    return found & equal if axes[0] == axes[1] else found  # axes that have to be equal


def _squares(members: np.ndarray) -> str:
    """Return the path around all pairs that are members, row by row."""
    return "".join(f"M{a} {row}h{b - a}v1h{a - b}z" for row, own in enumerate(members) for a, b in runs(own))


def _window(sizes: SizeSet) -> range:
    """Return the sizes of an axis that are shown: from 1, or from shortly before the least, and the pattern thrice."""
    least = sizes.minimum or 1
    first = 1 if least <= _FARTHEST // 4 else least - 8
    needed = max(sizes.below[-1].stop if sizes.below else 1, (sizes.threshold or 1) + 3 * sizes.period)
    return range(first, first + min(_FARTHEST, max(24, needed - first + 1)))


def _marks(window: range) -> list[int]:
    """Return the sizes that stand beside the map."""
    step = next(n for n in (2, 4, 8, 16, 32, 64) if len(window) / n <= 10)
    return [window.start, *(n for n in range(window.start + 1, window.stop) if n % step == 0 and n > window.start + 1)]
