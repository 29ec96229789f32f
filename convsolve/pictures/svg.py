"""SVG: elements as text, colours for light and dark, and how much room a text takes."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax import saxutils

from ..support.foreign_text import visible

__all__ = ["HUES", "STYLE", "document", "element", "escape", "shortened", "text", "text_width", "wrapped"]

HUES = {
    "convolution": ("#2f6fb2", "#6aa9e9"), "pooling": ("#2e7d5b", "#5fc79a"), "dense": ("#7a4fa3", "#b78de0"),
    "joining": ("#8a5a00", "#e0a94a"), "normalisation": ("#8c5161", "#d99bab"), "reshaping": ("#67673f", "#b9b98a"),
    "resizing": ("#2b7a85", "#7cc7d1"), "padding": ("#67673f", "#b9b98a"), "plain": ("#55636f", "#95a5b3"),
    "einsum": ("#7a4fa3", "#b78de0"), "recurrent": ("#7a4fa3", "#b78de0"), "repeating": ("#67673f", "#b9b98a"),
    "stepwise": ("#7a4fa3", "#b78de0"),
}  # fmt: skip
"""The colour of the headings of a group of operators (a module of ``operators``), on light and on dark ground."""

_LIGHT = {"ground": "#ffffff", "paper": "#f7f8fa", "ink": "#1c2128", "faint": "#5a6472", "line": "#8a94a3",
          "bad": "#b3001b", "paperbad": "#fdecee", "block": "#eef1f5", "head": "#ffffff"}  # fmt: skip
_DARK = {"ground": "#14181d", "paper": "#1e242c", "ink": "#e8ecf1", "faint": "#a5b0bd", "line": "#77828f",
         "bad": "#ff7b86", "paperbad": "#3a1a1f", "block": "#191f26", "head": "#0d1116"}  # fmt: skip


def _rules(colours: Mapping[str, str], dark: bool) -> str:
    hues = "".join(f".cs-{name}{{fill:{pair[dark]}}}" for name, pair in HUES.items())
    return (
        f".cs-ground{{fill:{colours['ground']}}}.cs-paper{{fill:{colours['paper']};stroke:{colours['line']}}}"
        f".cs-ink{{fill:{colours['ink']}}}.cs-faint{{fill:{colours['faint']}}}.cs-head{{fill:{colours['head']}}}"
        f".cs-way{{stroke:{colours['line']};fill:none;stroke-width:1.5}}.cs-tip{{fill:{colours['line']}}}"
        f".cs-block{{fill:{colours['block']};stroke:{colours['line']};stroke-dasharray:5 4}}"
        f".cs-thin{{stroke:{colours['line']};stroke-width:1}}.cs-mark{{stroke:{colours['ink']};fill:none}}"
        f".cs-fails .cs-paper,.cs-paper.cs-fails{{stroke:{colours['bad']};stroke-width:3;fill:{colours['paperbad']}}}"
        f".cs-dim rect{{fill:none;stroke:{colours['ink']};stroke-dasharray:3 2}}"
        f".cs-bad,.cs-fails .cs-hue{{fill:{colours['bad']}}}.cs-hatch{{stroke:{colours['line']}}}{hues}"
    )


STYLE = (
    "svg.convsolve text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}"
    "svg.convsolve .cs-strong{font-weight:700}svg.convsolve .cs-title{font-size:15px;font-weight:700}"
    f"{_rules(_LIGHT, False)}@media(prefers-color-scheme:dark){{{_rules(_DARK, True)}}}"
)  # fmt: skip
"""The style sheet of every picture. Colours only underline what words and lines already say."""


def escape(words: str) -> str:
    """Return a text as it stands in a picture or on a page.

    >>> print(escape("a<b\u202e"))
    a&lt;b\u202e
    """
    return saxutils.escape(visible(words), {'"': "&quot;"})


def element(name: str, content: str = "", **attributes: object) -> str:
    """Return an element; in names of attributes ``_`` stands for ``-``, and a last one is dropped.

    >>> element("rect", x=1.0, y=2.25, class_="cs-paper")
    '<rect x="1" y="2.2" class="cs-paper"/>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def _number(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def text(words: str, x: float, y: float, class_: str = "cs-ink", **attributes: object) -> str:
    """Return a line of text that begins (or, by ``text_anchor``, ends or is centred) at a place."""
    return element("text", escape(words), x=x, y=y, class_=class_, **attributes)


def text_width(words: str) -> float:
    """Return about how wide a line of text is: every letter of the font is as wide as another."""
    return 7.3 * len(words)


def shortened(words: str, most: int) -> str:
    """Return a text of at most so many letters, with its middle left out.

    >>> shortened("backbone.layer4.2.conv3", 13)
    'backbo….conv3'
    """
    if len(words) <= most:
        return words
    tail = (most - 1) // 2
    return f"{words[: most - 1 - tail]}…{words[len(words) - tail :]}"


def wrapped(words: str, most: int) -> list[str]:
    """Return a text in lines of at most so many letters."""
    import textwrap

    return textwrap.wrap(words, most, break_long_words=True) or [""]


def document(content: str, width: float, height: float, label: str, margin: float = 16.0) -> str:
    """Return a whole picture with its own ground, so that it can be read wherever it is put."""
    w, h = width + 2 * margin, height + 2 * margin
    ground = element("rect", x=-margin, y=-margin, width=w, height=h, class_="cs-ground")
    return element(
        "svg",
        f"<title>{escape(label)}</title><style>{STYLE}</style>{ground}{content}",
        xmlns="http://www.w3.org/2000/svg",
        class_="convsolve",
        role="img",
        viewBox=f"{_number(-margin)} {_number(-margin)} {_number(w)} {_number(h)}",
        width=w,
        height=h,
    )
