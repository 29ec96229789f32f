"""The edits that lead from a network to what was chosen for its opened parameters, for its source."""

from __future__ import annotations

from ..checks.check import check
from ..dims import Expr, evaluate
from ..network import Layer, Network
from ..network.trace import run, trace
from ..operators import Conv
from ..operators.base import to_canonical
from .edits import Edit
from .parameter_values import declares
from .written_values import same_value

__all__ = ["edits_of_opened"]


def edits_of_opened(before: Network, after: Network) -> tuple[Edit, ...]:
    """Return what is to change in the layers of a network so that it becomes another one with the same layers.

    What a layer declares of its input and the other one leaves out, as where a width was opened in front of it, is what
    arrives there.

    >>> from convsolve.files import parse
    >>> old = parse("{input: [3, 8, 8], layers: [{conv: {name: a, out_channels: 4, kernel_size: 3}}]}").network
    >>> new = parse("{input: [3, 8, 8], layers: [{conv: {name: a, out_channels: 8, kernel_size: 3}}]}").network
    >>> [str(edit) for edit in edits_of_opened(old, new)]
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
        declared = declares(layer.operator)
        for name in layer.operator.parameters():
            old, new = getattr(layer.operator, name), getattr(other.operator, name)
            if new is None and name in declared:
                arriving, place = shapes.get(other.inputs[0]), -1 if declared[name] == "in_features" else 0
                new = None if arriving is None else to_canonical(after.data_format, arriving)[place]
            new = evaluate(new, values) if isinstance(new, Expr) else new
            if new is not None and not same_value(old, new):
                found.append(Edit(_kind(layer, name), layer.name, name, old, new))
    return tuple(found)


def _kind(layer: Layer, name: str) -> str:
    tunables = layer.operator.tunables()
    return tunables.get(name) or ("width" if isinstance(layer.operator, Conv) else "in_channels")
