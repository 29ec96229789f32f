"""The edits that lead from a network to what was chosen for its opened parameters, for its source."""

from __future__ import annotations

from ..checks.check import check
from ..dims import Expr, evaluate
from ..network import Layer, Network
from ..network.trace import run, trace
from ..operators import Conv
from ..operators.base import to_canonical
from .edits import Edit

__all__ = ["edits_between"]

_DECLARED = {"in_channels": 0, "in_features": -1, "num_features": 0}
"""Which size of its input, in canonical order, a layer declares."""


def edits_between(before: Network, after: Network) -> tuple[Edit, ...]:
    """Return what is to change in the layers of a network so that it becomes another one with the same layers.

    What a layer declares of its input and the other one leaves out, as where a width was opened in front of it, is what
    arrives there.

    >>> from convsolve.files import parse
    >>> old = parse("{input: [3, 8, 8], layers: [{conv: {name: a, out_channels: 4, kernel_size: 3}}]}").network
    >>> new = parse("{input: [3, 8, 8], layers: [{conv: {name: a, out_channels: 8, kernel_size: 3}}]}").network
    >>> [str(edit) for edit in edits_between(old, new)]
    ['a: out_channels 4 -> 8']
    """
    traced = trace(after)
    values = run(traced, {})
    shapes = check(after).shapes
    found: list[Edit] = []
    for layer in before.ordered:
        other = after.by_name.get(layer.name)
        if other is None or type(other.operator) is not type(layer.operator):
            continue
        for name in layer.operator.parameters():
            old, new = getattr(layer.operator, name), getattr(other.operator, name)
            if new is None and name in _DECLARED and old is not None:
                arriving = shapes.get(other.inputs[0])
                new = None if arriving is None else to_canonical(after.data_format, arriving)[_DECLARED[name]]
            new = evaluate(new, values) if isinstance(new, Expr) else new
            if new is not None and not _same(old, new):
                found.append(Edit(_kind(layer, name), layer.name, name, old, new))
    return tuple(found)


def _same(old: object, new: object) -> bool:
    """Return whether two values mean the same: one number for all axes is as good as a list of it."""
    if isinstance(old, tuple) and isinstance(new, int):
        return all(_same(one, new) for one in old)
    if isinstance(new, tuple) and isinstance(old, int):
        return all(_same(old, one) for one in new)
    return old == new


def _kind(layer: Layer, name: str) -> str:
    tunables = layer.operator.tunables()
    return tunables.get(name) or ("width" if isinstance(layer.operator, Conv) else "in_channels")
