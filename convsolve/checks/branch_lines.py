"""The branches of a network beside the list of its layers, as lines that can be followed."""

from __future__ import annotations

from collections.abc import Mapping

from ..network import Network, tensor_layer

__all__ = ["branch_lines"]

_MOST_LANES = 16
"""With more tensors than this under way at once, lines could not be followed."""


def branch_lines(network: Network) -> Mapping[str, str]:
    """Return for each layer the lines that stand before its name; nothing where the network does not branch.

    A dot is the layer, a line a tensor that is used further down; a layer's dot stands in the line of the tensor that
    it is the last to use.

    >>> from convsolve.files import parse
    >>> net = parse('''
    ... input: [4, 8, 8]
    ... layers:
    ...   - conv: {out_channels: 4, kernel_size: 1}
    ...   - relu
    ...   - add: {inputs: [relu1, input]}
    ... ''').network
    >>> for name, lines in branch_lines(net).items():
    ...     print(lines, name)
    ●    input
    ├─●  conv1
    │ ●  relu1
    ●─╯  add1
    """
    order = network.ordered
    last_use = {layer.name: i for i, layer in enumerate(order)}
    for i, layer in enumerate(order):
        for name in map(tensor_layer, layer.inputs):
            last_use[name] = i
    lanes: list[str] = []  # the layer whose tensor is in each lane, or nothing
    found: dict[str, list[str]] = {}
    for i, layer in enumerate(order):
        used = [k for k, name in enumerate(lanes) if name and name in map(tensor_layer, layer.inputs)]
        ended = [k for k in used if last_use[lanes[k]] == i]
        own = ended[0] if ended else _free(lanes)
        if own == len(lanes):
            lanes.append("")
        found[layer.name] = _line(lanes, own, used, ended)
        for k in ended:
            lanes[k] = ""
        lanes[own] = layer.name if last_use[layer.name] > i else ""
        while lanes and not lanes[-1]:
            lanes.pop()
    width = max(map(len, found.values()))
    if width == 1 or width > 2 * _MOST_LANES - 1:
        return dict.fromkeys(found, "")
    return {name: "".join(line).ljust(width + 1) for name, line in found.items()}


def _free(lanes: list[str]) -> int:
    """Return the first lane behind all that are taken."""
    return max((k + 1 for k, name in enumerate(lanes) if name), default=0)


def _line(lanes: list[str], own: int, used: list[int], ended: list[int]) -> list[str]:
    """Return the signs of one row: lanes at even places, what joins them between."""
    others = [k for k in used if k != own]
    low, high = min([own, *others]), max([own, *others])
    line = []
    for k, name in enumerate(lanes):
        inside = low < k < high
        if k == own:
            sign = "●"
        elif k in ended:
            sign = "┴" if inside else "╯" if k == high else "╰"
        elif k in used:
            sign = "┼" if inside else "┤" if k == high else "├"
        else:
            sign = ("┼" if inside else "│") if name else ("─" if inside else " ")
        line += [sign, "─" if low <= k < high else " "]
    return line[:-1] if len(line) > 1 else line
