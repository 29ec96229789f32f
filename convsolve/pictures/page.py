"""The page: one HTML file with a network's pictures, in which sizes can be changed and every shape follows.

Nothing is fetched: style, program and data stand in the file. A panel is one network with its graph, its ladder and
its table; a page has one, or two to be compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from ..checks.check import rows_with
from ..dims import Cond, Var, where
from ..errors import NetworkError
from ..network.trace import COSTS
from ..sizes.open_inputs import OpenInputs, open_inputs, settled, without_singles
from ..sizes.valid_sizes import ValidSizes, valid_sizes
from .figure import Box, figure_of
from .graph import graph_svg
from .ladder import Ladder, ladder_of, ladder_of_rows, ladder_svg
from .nesting import View, views
from .open_parameters import OpenParameters, open_parameters
from .program import PageProgram, javascript, program_of
from .subject import Subject
from .svg import escape

__all__ = ["page"]

_FARTHEST, _MOST = 512, 4096
"""Sliders go at least so far, and to twice the size that the network states; but they have no more sizes than this."""

_LARGEST = 2**31


@dataclass(frozen=True)
class _Panel:
    """A network and all that is shown of it."""

    subject: Subject
    opened: OpenInputs
    sizes: ValidSizes | None
    program: PageProgram
    views: Sequence[View]
    first: int
    ladder: Ladder
    start: Mapping[str, int]
    parameters: OpenParameters | None = None


def page(subjects: Sequence[Subject], *, timeout: float = 10.0) -> str:
    """Return the page of one network, or of several side by side.

    Where parameters are open, it begins with the best network that is found in ``timeout`` seconds.
    """
    panels = [_panel(subject) if subject.report is not None else _open_panel(subject, timeout) for subject in subjects]
    title = panels[0].subject.title or "network"
    controls = _controls(panels)
    data = {"panels": [_data(panel) for panel in panels], "controls": controls}
    programs = ",".join(panel.program.code for panel in panels)
    body = [
        f"<header><h1>{escape(title)}</h1><div class=controls>",
        *(_control(i, control) for i, control in enumerate(controls) if "hole" not in control),
        f"</div>{_STRIP_LEGEND}</header>",
        *_open_controls(panels, controls),
        f'<main style="--panels:{len(panels)}">',
        *(_section(panel, i, several=len(panels) > 1) for i, panel in enumerate(panels)),
        "</main>",
        f'<script id=data type="application/json">{_inside(json.dumps(data, separators=(",", ":")))}</script>',
        f"<script>{_asset('judge.js')}\nconst programs=[{programs}];\n{_asset('view.js')}</script>",
    ]
    return (
        f"<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        f"<meta name=generator content=convsolve><title>{escape(title)}</title>"
        f'<meta name=viewport content="width=device-width,initial-scale=1"><link rel=icon href="data:,">'
        f"<style>{_asset('style.css')}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8").replace('"use strict";\n', "", 1)


def _inside(words: str) -> str:
    """Return JSON so that no text in it ends the script that it stands in."""
    return words.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


# -- what there is to show


def _panel(subject: Subject) -> _Panel:
    report, network = subject.checked, subject.network
    problem = settled(subject.problem)
    try:
        opened = open_inputs(problem)
        sizes: ValidSizes | None = valid_sizes(problem, prove=False, branches=False)
    except NetworkError:  # the inputs have no spatial axes: there is nothing to open
        opened, sizes = OpenInputs(problem, {}, {}), None
    stated = list(network.input_shapes.values())
    start = _start(opened, stated)
    largest = max((_ends(n)[1] for n in start.values()), default=1)
    whole = figure_of(network, report, before=subject.before)
    graphs, first = views(whole, figure_of(network, report, before=subject.before, apart=True))
    program = program_of(opened, _region(opened, sizes))
    return _Panel(subject, opened, sizes, program, graphs, first, ladder_of(whole, report, largest), start)


def _open_panel(subject: Subject, timeout: float) -> _Panel:
    """Return the panel of a problem with open parameters, each of which becomes a control."""
    problem = without_singles(subject.problem)
    parameters = open_parameters(problem, timeout=timeout)
    try:
        opened = open_inputs(problem)
    except NetworkError:  # the inputs have no spatial axes
        opened = OpenInputs(problem, {}, {})
    network = problem.network
    values = dict(parameters.start)
    stated = [layer.operator.substitute(values).shape for layer in network.inputs]  # type: ignore[attr-defined]
    start = {**_start(opened, stated), **parameters.start}
    start = {name: start[name] for name in (*opened.unknowns, *parameters.holes)}
    whole = figure_of(network, None, before=subject.before)
    graphs, first = views(whole, figure_of(network, None, before=subject.before, apart=True))
    largest = max((_ends(start[name])[1] for name in opened.unknowns), default=1)
    ladder = ladder_of_rows(whole, network, rows_with(problem, parameters.start), largest)
    return _Panel(subject, opened, None, program_of(opened), graphs, first, ladder, start, parameters)


def _start(opened: OpenInputs, stated: Sequence[Sequence[int]]) -> dict[str, int]:
    """Return the sizes that the inputs state, by unknown."""
    found = {}
    for layer, shape in zip(opened.problem.network.inputs, stated, strict=True):
        for size, number in zip(layer.operator.shape, shape, strict=True):  # type: ignore[attr-defined]
            if isinstance(size, Var):
                found[size.name] = number
    return found


def _ends(size: int) -> tuple[int, int]:
    """Return the least and the greatest size of a slider that begins at a size."""
    last = max(_FARTHEST, 2 * size)
    return (1, last) if last <= _MOST else (max(1, size - _MOST // 2), max(1, size - _MOST // 2) + _MOST - 1)


def _region(opened: OpenInputs, sizes: ValidSizes | None) -> str:
    """Return, for a strip under each slider, functions to 1 where a size is valid, 0 where not, -1 where not known.

    ``each`` has one for each open size by itself; where sizes are coupled, ``whole`` takes all of them.
    """
    if sizes is None or sizes.unresolved:
        return "null"
    unknowns = list(opened.unknowns.values())
    place = {unknown.name: f"v[{i}]" for i, unknown in enumerate(unknowns)}

    def verdict(valid: Cond, known: Cond) -> str:
        texts = [javascript(where(condition, 1, 0), place.__getitem__) for condition in (known, valid)]
        return f"v=>{texts[0]}?Number({texts[1]}):-1"

    if len(sizes.region.parts) > 1 or len(sizes.known.parts) > 1:
        return f"{{whole:{verdict(sizes.region.condition(unknowns), sizes.known.condition(unknowns))}}}"
    each = [verdict(sizes.region.axis(i).condition(n), sizes.known.axis(i).condition(n))
            for i, n in enumerate(unknowns)]  # fmt: skip
    return f"{{each:[{','.join(each)}]}}"


def _controls(panels: Sequence[_Panel]) -> list[dict[str, Any]]:
    """Return what can be moved: the sizes and open parameters of the first network, and of one with sizes of its own.

    Each names the panels that follow it.
    """
    sizes = [_sizes_at_start(panel) for panel in panels]
    together = all(one == sizes[0] for one in sizes)
    found: list[dict[str, Any]] = []
    for i, panel in enumerate(panels[:1] if together else panels):
        whose = {"panels": list(range(len(panels))) if together else [i], "of": "" if i == 0 else "right: "}
        labels: dict[str, list[str]] = {}
        for label, unknown in panel.opened.axes.items():
            labels.setdefault(unknown, []).append(label)
        found += [{**whose, "labels": own, "value": panel.start[unknown], "ends": _ends(panel.start[unknown])}
                  for unknown, own in labels.items()]  # fmt: skip
    for i, panel in enumerate(panels):
        if panel.parameters is not None:
            found += [{**control, "labels": [control["hole"]], "panels": [i], "of": ""}
                      for control in panel.parameters.controls()]  # fmt: skip
    return found


def _sizes_at_start(panel: _Panel) -> dict[str, int]:
    return {label: panel.start[unknown] for label, unknown in panel.opened.axes.items()}


def _data(panel: _Panel) -> dict[str, Any]:
    place = {layer["name"]: i for i, layer in enumerate(panel.program.data["layers"])}
    return {
        "start": panel.start,
        "data": panel.program.data,
        "holes": {layer.name: own for layer in panel.opened.problem.network.layers
                  if (own := [hole.name for hole in layer.operator.unknowns() if hole.name in panel.start])},
        "about": {box.name: _about(box) for box in panel.views[-1][1].boxes},
        "views": [{
            "boxes": [_box_data(box, place) for box in figure.boxes],
            "arrows": [arrow.tensor for arrow in figure.arrows],
            "whole": ",".join(sentence for _, sentence in figure.sentences),
        } for _, figure in panel.views],
        "ladder": {
            "scale": panel.ladder.scale, "foot": panel.ladder.foot, "top": panel.ladder.top, "high": Ladder.cost_height,
            "rungs": [_box_data(rung.box, place) for rung in panel.ladder.rungs],
        },
        "channels": 0 if panel.opened.problem.network.data_format == "channels_first" else -1,
    }  # fmt: skip


def _box_data(box: Box, place: Mapping[str, int]) -> dict[str, Any]:
    layers, tensors = ([place[name] for name in names] for names in (box.layers, box.tensors))
    sentence = {"sentence": ". ".join(box.sentences)} if box.sentences else {}
    closed = {"closed": box.name} if box.inside else {}
    return {"layers": layers, "tensors": tensors, **sentence, **closed}


def _about(box: Box) -> str:
    words = " ".join(p.text for p in box.parameters)
    return f"{box.kind} ({words})" if words else box.kind


# -- HTML


_STRIP_LEGEND = (
    "<p class='key faint'><span class=key-good></span>valid <span class=key-bad></span>not valid "
    "<span class=key-open></span>not known; ◂ ▸ go to the nearest valid value</p>"
)


def _control(number: int, control: Mapping[str, Any]) -> str:
    name, value, (least, last) = " = ".join(control["labels"]), control["value"], control["ends"]
    words = escape(control["of"] + name)
    if "values" in control:
        options = "".join(
            f"<option value={v}{' selected' if v == value else ''}>{v}</option>" for v in control["values"]
        )
        inputs = f'<select id="size{number}">{options}</select>'
    else:
        end = _LARGEST if "hole" not in control else last
        start = 1 if "hole" not in control else least
        inputs = (
            f'<input type=range id="size{number}" min={least} max={last} value={value}>'
            f'<input type=number min={start} max={end} value={value} aria-label="{words}, as a number">'
        )
    return (
        f'<div class="control{" one" if "values" in control else ""}" data-control={number}>'
        f'<label for="size{number}">{words}</label>{inputs}'
        f'<span><button type=button data-next=-1 aria-label="{words}: the nearest smaller valid value">◂</button>'
        f'<button type=button data-next=1 aria-label="{words}: the nearest larger valid value">▸</button></span>'
        f"{'' if 'values' in control else '<canvas aria-hidden=true></canvas>'}</div>"
    )


def _open_controls(panels: Sequence[_Panel], controls: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the section of open parameters, if there are any."""
    own = [(i, control) for i, control in enumerate(controls) if "hole" in control]
    if not own:
        return []
    said = ". ".join(panel.parameters.said for panel in panels if panel.parameters is not None)
    known = all("leading" in control for _, control in own)
    legend = "✗: not valid with the others as they are" + ("; –: in no valid network at all" if known else "")
    return [
        '<section class=holes aria-label="open parameters"><details open>'
        f"<summary>Open parameters ({len(own)})</summary>"
        f"<p class=faint>The page {escape(said)}. {legend}. <button type=button class=back>as at first</button></p>"
        '<div class="controls many" tabindex=0 role=group aria-label="values">',
        *(_control(i, control) for i, control in own),
        "</div></details></section>",
    ]


_TOOLS = (
    "<input type=search class=search placeholder=search aria-label='search layers; Enter goes to the next'>"
    "<button type=button data-save=svg>SVG</button><button type=button data-save=png>PNG</button>"
)


def _section(panel: _Panel, number: int, *, several: bool) -> str:
    report = panel.subject.report
    heading = f"<h2>{escape(panel.subject.title)}</h2>" if several else ""
    options = "".join(f"<option value={i}{' selected' if i == panel.first else ''}>{words}"
                      for i, (words, _) in enumerate(panel.views))  # fmt: skip
    shown = f"<label>show <select class=depth>{options}</select></label>" if len(panel.views) > 1 else ""
    zoom = "".join(f"<button type=button data-zoom={how} aria-label={quoted}>{sign}</button>" for how, quoted, sign in (
        ("fit", '"fit to the window"', "fit"), ("full", '"full size"', "1:1"), ("in", '"larger"', "+"),
        ("out", '"smaller"', "−")))  # fmt: skip
    graphs = "".join(
        f"<figure class=graph{'' if i == panel.first else ' hidden'} tabindex=0 aria-label=graph>"
        f"{graph_svg(figure, hatch=f'cs-hatched-{number}-{i}')}"
        "</figure>"
        for i, (_, figure) in enumerate(panel.views)
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in (report.notes if report is not None else ()))
    return "".join((
        f'<section class=panel>{heading}<p class=verdict aria-live=polite></p><p class=totals></p>'
        f'<ul class=findings aria-label="findings"></ul>'
        f"<h2>Graph</h2><div class=tools>{zoom}{_TOOLS}{shown}</div>"
        f"<p class='faint legend'>Choose a layer, here or below, to see its formula with the numbers in it (Esc "
        f"closes). "
        f"✗ fails, ? not known, ▨ known only as it was recorded. The wheel zooms, a drag moves.</p>{graphs}",
        f'<h2>Shape ladder</h2><figure tabindex=0 aria-label="shape ladder">{ladder_svg(panel.ladder)}</figure>',
        f"<h2>Layers</h2>{_table(panel)}",
        f"<h2>Valid input sizes</h2>{_sizes(panel)}",
        f"<h2>Notes</h2><ul>{notes}</ul>" if notes else "",
        "<div class=detail aria-live=polite hidden></div>",
        "</section>",
    ))  # fmt: skip


def _table(panel: _Panel) -> str:
    heads = ("layer", "operator", "output", *COSTS, "", "formula")
    head = "".join(f"<th scope=col>{name}</th>" for name in heads)
    rows = "".join(
        f"<tr><td><button type=button data-layer={i}>{escape(layer['name'])}</button></td>"
        f"<td>{escape(layer['kind'])}</td><td></td>{'<td class=n></td>' * len(COSTS)}<td></td><td></td></tr>"
        for i, layer in enumerate(panel.program.data["layers"])
    )
    return f"<div class=wide tabindex=0><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _sizes(panel: _Panel) -> str:
    sizes = panel.sizes
    if panel.parameters is not None:
        return "<p>In closed form where all parameters are chosen: <code>convsolve sizes</code>.</p>"
    if sizes is None:
        return "<p>No size of the input is open: it has no spatial axes.</p>"
    return (f"<p class=sizes>{escape(str(sizes))}</p><p class=faint>In closed form, read from the shape rules; "
            f"<code>convsolve sizes</code> proves it.</p>")  # fmt: skip
