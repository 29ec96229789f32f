"""Differences: the edits that make one network of another, in the terms in which repairs say what they change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..network import Layer
from ..operators import Identity, Operator
from ..problem import Problem
from .edits import Edit

__all__ = ["edits_between"]

_INSERTED = {
    "flatten": "flatten", "permute": "layout", "conv": "project", "linear": "project", "unsqueeze": "missing_axis",
    "squeeze": "missing_axis", "tile": "colours", "slice": "colours", "reshape": "reshape", "pad": "fit_skip",
    "center_crop": "fit_skip", "upsample": "fit_skip", "reduce": "global_pool", "adaptive_avg_pool": "global_pool",
    "adaptive_max_pool": "global_pool", "global_avg_pool": "global_pool",
}  # fmt: skip
"""The kind of edit that inserting an operator is: whatever it does, it is done to bring a tensor to what is wanted."""


def edits_between(before: Problem | None, after: Problem) -> tuple[Edit, ...]:
    """Return the edits that make one network of another in which layers of the same name are the same layer.

    Of nothing, a layer is put where one could not even be made.

    >>> from convsolve.files import parse
    >>> conv = "{input: [3, 4, 4], layers: [{conv: {name: c, out_channels: 8, kernel_size: %d}}]}"
    >>> print(*edits_between(parse(conv % 5), parse(conv % 3)))
    c: kernel_size 5 -> 3
    """
    new = after.network
    old = before.network if before is not None else replace(new, layers=new.inputs, outputs=())
    edits = [edit for layer in new.ordered for edit in _of_layer(old.by_name.get(layer.name), layer)]
    edits += [Edit("remove", layer.name, "", layer.operator.kind, None)
              for layer in old.ordered if layer.name not in new.by_name]  # fmt: skip
    for setting, kind in (("batch_size", "batch"), ("training", "batch"), ("data_format", "layout")):
        was, now = getattr(old, setting), getattr(new, setting)
        if was != now:
            edits.append(Edit(kind, new.inputs[0].name, setting, was, now))
    if before is not None and before.requirements != after.requirements:  # which are what is wished of the output
        wishes = ("; ".join(problem.requirements) for problem in (before, after))
        edits.append(Edit("reshape", new.outputs[0], "target", *wishes))
    return tuple(edits)


def _of_layer(old: Layer | None, new: Layer) -> Iterator[Edit]:
    operator = new.operator
    if old is None:
        if operator.kind != "input":
            yield Edit(_INSERTED.get(operator.kind, "reshape"), new.name, "", None, _said(operator))
        return
    if old.operator == operator:
        return
    if operator.kind == "input":
        was, now = old.operator.shape, operator.shape  # type: ignore[attr-defined]
        yield Edit(_of_shapes(was, now), new.name, "shape", was, now)
    elif type(old.operator) is type(operator):
        for name in operator.parameters():
            values = getattr(old.operator, name), getattr(operator, name)
            if values[0] != values[1]:
                yield Edit(operator.tunables().get(name, "reshape"), new.name, name, *values)
    elif isinstance(operator, Identity):
        yield Edit("remove", new.name, "", old.operator.kind, None)
    else:
        kind = _INSERTED.get(operator.kind, "rank")
        yield Edit("rank" if kind == "project" else kind, new.name, "", _said(old.operator), _said(operator))


def _of_shapes(was: tuple[int, ...], now: tuple[int, ...]) -> str:
    """Return which kind of edit another shape of the input is."""
    if len(was) != len(now):
        return "missing_axis"
    return "layout" if sorted(was) == sorted(now) else "resize_input"


def _said(operator: Operator) -> str:
    """Return an operator with the parameters that are stated."""
    stated = ", ".join(f"{name}={value}" for name, value in operator.stated().items())
    return f"{operator.kind} {stated}".strip()
