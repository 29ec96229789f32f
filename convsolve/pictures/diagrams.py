"""Diagrams as text, for tools that draw them: Graphviz's DOT, and Mermaid."""

from __future__ import annotations

from collections.abc import Callable

from .figure import Box, Figure

__all__ = ["dot", "mermaid"]


def _lines(box: Box) -> list[str]:
    """Return what is said of a box, one line each."""
    name = "" if box.name == box.kind else f" {box.name}"
    lines = [f"{box.kind}{name}"]
    if box.parameters:
        lines.append(" ".join(p.text for p in box.parameters))
    if box.followers:
        lines.append(f"then {', '.join(box.followers)}")
    if box.when:
        lines.append(f"if {box.when}")
    sign = {"fails": "FAILS: ", "unknown": "not known: "}.get(box.state, "")
    said = ["known only for the sizes recorded"] if box.state == "opaque" else [sign + s for s in box.sentences]
    return [*lines, f"→ {box.shape}", *said]


def dot(figure: Figure) -> str:
    """Return a figure for Graphviz.

    >>> from convsolve.files import parse
    >>> from convsolve.checks.check import check
    >>> from .figure import figure_of
    >>> net = parse("{input: [1, 8, 8], layers: [{max_pool: {kernel_size: 2}}]}").network
    >>> print(dot(figure_of(net, check(net))), end="")
    digraph network {
      node [shape=box, style=rounded, fontname=monospace]
      n0 [label="input\\l→ 1x8x8\\l"]
      n1 [label="max_pool max_pool1\\lkernel_size=2\\l→ 1x4x4\\l"]
      n0 -> n1 [label="1x8x8"]
    }
    """

    def node(number: str, box: Box) -> str:
        label = "".join(_quoted(line) + "\\l" for line in _lines(box))
        look = {"fails": ", color=red, penwidth=3", "opaque": ', style="rounded,dashed"'}.get(box.state, "")
        return f'{number} [label="{label}"{look}]'

    def arrow(source: str, target: str, label: str) -> str:
        return f'{source} -> {target} [label="{_quoted(label)}"]'

    def block(i: int, times: int) -> tuple[str, str]:
        return f'subgraph cluster_{i} {{ label="×{times}"; style=dashed', "}"

    title = [f'label="{_quoted(figure.title)}"'] if figure.title else []
    head = ["node [shape=box, style=rounded, fontname=monospace]", *title]
    return "\n".join(["digraph network {", *_indented([*head, *_body(figure, node, arrow, block)]), "}", ""])


def mermaid(figure: Figure) -> str:
    """Return a figure for Mermaid, as GitHub and notebooks draw it.

    >>> from convsolve.files import parse
    >>> from convsolve.checks.check import check
    >>> from .figure import figure_of
    >>> net = parse("{input: [1, 8, 8], layers: [{max_pool: {kernel_size: 2}}]}").network
    >>> print(mermaid(figure_of(net, check(net))), end="")
    flowchart TD
      n0["input<br/>→ 1x8x8"]
      n1["max_pool max_pool1<br/>kernel_size=2<br/>→ 1x4x4"]
      n0 -->|"1x8x8"| n1
    """

    def node(number: str, box: Box) -> str:
        look = {"fails": ":::fails", "opaque": ":::opaque"}.get(box.state, "")
        return f'{number}["{"<br/>".join(map(_entities, _lines(box)))}"]{look}'

    def arrow(source: str, target: str, label: str) -> str:
        return f'{source} -->|"{_entities(label)}"| {target}'

    def block(i: int, times: int) -> tuple[str, str]:
        return f'subgraph block{i} ["×{times}"]', "end"

    states = {box.state for box in figure.boxes}
    looks = {"fails": "classDef fails stroke:#b3001b,stroke-width:4px",
             "opaque": "classDef opaque stroke-dasharray:5 4"}  # fmt: skip
    title = ["---", f'title: "{_entities(figure.title)}"', "---"] if figure.title else []
    body = [*_body(figure, node, arrow, block), *(look for state, look in looks.items() if state in states)]
    return "\n".join([*title, "flowchart TD", *_indented(body), ""])


def _body(
    figure: Figure,
    node: Callable[[str, Box], str],
    arrow: Callable[[str, str, str], str],
    block: Callable[[int, int], tuple[str, str]],
) -> list[str]:
    """Return the lines of nodes, each block's together, and of arrows."""
    number = {box.name: f"n{i}" for i, box in enumerate(figure.boxes)}
    held = {name for found in figure.blocks for name in found.boxes}
    lines = [node(number[box.name], box) for box in figure.boxes if box.name not in held]
    for i, found in enumerate(figure.blocks):
        opening, closing = block(i, found.times)
        lines += [opening, *("  " + node(number[name], figure.by_name[name]) for name in found.boxes), closing]
    return lines + [arrow(number[a.source], number[a.target], a.label) for a in figure.arrows]


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _quoted(words: str) -> str:
    return words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def _entities(words: str) -> str:
    """Return a text whose marks Mermaid does not take for its own."""
    return "".join(f"#{ord(c)};" if c in '"<>{}|`#;&' else c for c in words)
