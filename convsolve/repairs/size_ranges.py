"""Ranges: the sizes of inputs, by axis, for all of which something is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..dims import Domain
from ..dims.grammar import Value, parse_value
from ..errors import ExpressionError, NetworkError
from ..network import Network

__all__ = ["only_these", "read_ranges", "with_sizes"]


def read_ranges(for_all: Mapping[str, Any], network: Network) -> dict[str, Domain]:
    """Return domains by axis, from domains, ranges of Python, or texts like ``64..512 step 32``.

    Raises:
        NetworkError: the network's inputs have no such axis, or the sizes cannot be read.

    >>> from convsolve.files import parse
    >>> net = parse("{input: [3, 64, 64], layers: [relu]}").network
    >>> str(read_ranges({"height": "64..512", "width": range(8, 33, 8)}, net)["width"])
    '8..32 step 8'
    """
    found: dict[str, Domain] = {}
    for axis, sizes in for_all.items():
        if axis not in network.input_axes:
            axes = ", ".join(network.input_axes)
            raise NetworkError(f"for_all: the inputs have no axis {axis!r}; there are {axes}")
        if isinstance(sizes, Domain):
            found[axis] = sizes
        elif isinstance(sizes, range) and sizes and sizes.step > 0:
            found[axis] = Domain.range(sizes.start, sizes[-1], sizes.step)
        elif isinstance(sizes, str):
            found[axis] = _domain(axis, sizes)
        else:
            raise NetworkError(f"for_all: the sizes of {axis} must be a range or a text like 64..512, got {sizes!r}")
    return found


def only_these(ranges: Mapping[str, Domain], network: Network) -> dict[str, Domain]:
    """Return ranges for every spatial axis: where none is given, the size that the network states.

    >>> from convsolve.files import parse
    >>> net = parse("{input: [3, 64, 48], layers: [relu]}").network
    >>> {axis: str(sizes) for axis, sizes in only_these({"height": Domain.range(8, 32)}, net).items()}
    {'height': '8..32', 'width': '48'}
    """
    found: dict[str, Domain] = {}
    shapes = {layer.name: layer.operator.shape for layer in network.inputs}  # type: ignore[attr-defined]
    for axis, (layer, place) in network.input_axes.items():
        stated = shapes[layer][place]
        if axis in ranges:
            found[axis] = ranges[axis]
        elif axis.rpartition(".")[2] not in ("channels", "features") and isinstance(stated, int):
            found[axis] = Domain.of(stated)
    return found


def with_sizes(network: Network, sizes: Mapping[str, int]) -> Network:
    """Return the network with other sizes for some axes of its inputs.

    >>> from convsolve.files import parse
    >>> net = parse("{input: [3, 64, 48], layers: [relu]}").network
    >>> with_sizes(net, {"width": 50}).inputs[0].operator.shape
    (3, 64, 50)
    """
    shapes = {layer.name: list(layer.operator.shape) for layer in network.inputs}  # type: ignore[attr-defined]
    for axis, size in sizes.items():
        layer, place = network.input_axes[axis]
        shapes[layer][place] = size
    return network.with_input(*shapes.values())


def _domain(axis: str, text: str) -> Domain:
    try:
        value = parse_value(text, _no_names)
    except ExpressionError as error:
        raise NetworkError(f"for_all: the sizes of {axis}: {error}") from None
    if isinstance(value, Domain):
        return value
    if isinstance(value, int):
        return Domain.of(value)
    raise NetworkError(f"for_all: the sizes of {axis} must be like 64..512, got {text!r}")


def _no_names(name: str, column: int) -> Value:
    raise ExpressionError(f"{name!r} is no number", column)
