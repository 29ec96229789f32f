"""Receptive fields: how many input positions, along each axis, can influence one output element.

Source: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks" (Distill,
2019), extended to layers that enlarge (with a stride behind one, the number depends on where an output lies,
and is not given). With ``e + 1`` neighbouring outputs of a layer, ``(e*stride +
window - 1)//up + 1`` neighbouring inputs are seen; borders are not taken into account, but behind
what tells the places of a whole map apart (a flatten) a field ends with the input: nothing beyond it is ever seen. A
global pool, for which all places count alike, leaves the field of its windows as it is reported for classifiers. Where
branches join, the farthest-seeing one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import gcd

from ..dims import Dim, evaluate, maximum, minimum, where
from ..operators import Reach
from ..operators.base import spatial_names
from .network import Layer, tensor_layer
from .trace import Trace, to_written

__all__ = ["Extent", "Undefined", "reach_along", "receptive_field", "receptive_fields"]

Extent = tuple[Dim, "Dim | None"]
"""The receptive field along one axis, and its stride: how far it moves from one output to the next.

The stride is None where it is not a whole number of input positions, or differs between branches.
"""


_FIELD = ".receptive_field."
"""Between a layer and an axis: the name under which its receptive field is defined on the way to others'."""


class Undefined(Exception):
    """Why a receptive field is not defined."""


def receptive_field(
    traced: Trace, tensor: str, define: Callable[[str, Dim], Dim] = lambda name, value: value
) -> dict[str, Extent] | str:
    """Return the receptive field of a tensor for each axis of the input, or a sentence on why it has none.

    ``define`` may give each intermediate value a name, so that expressions stay shallow.

    >>> from convsolve.network import Network
    >>> from convsolve.operators import Conv, Input
    >>> from convsolve.network.trace import trace
    >>> net = Network((Layer("x", Input(shape=(1, 64))),
    ...                Layer("conv1", Conv(out_channels=4, kernel_size=3, stride=2), ("x",)),
    ...                Layer("conv2", Conv(out_channels=4, kernel_size=3), ("conv1",))))
    >>> receptive_field(trace(net), "conv2")
    {'length': (7, 2)}
    """
    network = traced.network
    if len(network.inputs) != 1:
        return "the network has several inputs"
    source = network.inputs[0].name
    shape = traced.shapes[source]
    if shape is None or len(shape) < 2:
        return "the input has no spatial axes"
    try:
        return {
            axis: _along(traced, tensor, source, i, axis, define)
            for i, axis in enumerate(spatial_names(len(shape) - 1))
        }
    except Undefined as reason:
        return str(reason)


def receptive_fields(traced: Trace, values: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return, for each layer that has one, how far its outputs see along each axis of the input.

    ``values`` are those of the trace's names, as :func:`convsolve.network.trace.run` returns them.

    >>> from convsolve.network import Network
    >>> from convsolve.operators import Conv, Input
    >>> from convsolve.network.trace import run, trace
    >>> traced = trace(Network((Layer("x", Input(shape=(1, 64))),
    ...                         Layer("conv1", Conv(out_channels=4, kernel_size=3, stride=2), ("x",)),
    ...                         Layer("conv2", Conv(out_channels=4, kernel_size=3), ("conv1",)))))
    >>> receptive_fields(traced, run(traced, {}))
    {'conv2': {'length': 7}, 'conv1': {'length': 3}, 'x': {'length': 1}}
    """
    found: dict[str, dict[str, int]] = {}
    for layer in reversed(traced.network.ordered):
        if layer.name in found:
            continue  # it was passed where another layer's field was summed up from the input
        passed: dict[str, dict[str, int]] = {}

        def define(name: str, value: Dim, passed: dict[str, dict[str, int]] = passed) -> int:
            number: int = evaluate(value, values)
            before, mark, axis = name.partition(_FIELD)
            if mark:
                passed.setdefault(before, {})[axis] = number
            return number

        own = receptive_field(traced, layer.name, define)
        if not isinstance(own, str):
            found[layer.name] = {axis: evaluate(extent, values) for axis, (extent, _) in own.items()}
            for before, fields in passed.items():
                if fields.keys() == own.keys():
                    found.setdefault(before, fields)
    return found


def _along(
    traced: Trace, tensor: str, source: str, position: int, axis: str, define: Callable[[str, Dim], Dim]
) -> Extent:
    used = _ancestors(traced, tensor_layer(tensor))
    reaches = {layer.name: reach_along(traced, layer, position) for layer in used}
    stride = _stride(used, reaches, source, axis, define, tensor)
    if all(r is None or (r.up == 1 and not r.whole) for r in reaches.values()):
        return _forward(used, reaches, source, axis, define, tensor), stride
    far = _backward(traced, used, reaches, source, position, axis, define, tensor)
    shape = traced.shapes[source]
    if shape is not None and any(r is not None and r.whole and not r.pooled for r in reaches.values()):
        far = minimum(far, shape[position + 1])
    return far, stride


def _ancestors(traced: Trace, name: str) -> list[Layer]:
    network = traced.network
    wanted = {name}
    found = []
    for layer in reversed(network.ordered):
        if layer.name in wanted:
            found.append(layer)
            wanted.update(map(tensor_layer, layer.inputs))
    return found[::-1]


def reach_along(traced: Trace, layer: Layer, position: int) -> Reach | None:
    """Return a layer's reach along an axis; None for a source of tensors.

    Raises:
        Undefined: it has none.
    """
    if not layer.inputs:
        return None
    shapes = [traced.shapes[reference] for reference in layer.inputs]
    own = traced.shapes[layer.name]
    known = [shape for shape in shapes if shape is not None]
    if own is None or len(known) < len(shapes):
        raise Undefined(f"{layer.name} has no shape")
    if all(len(shape) < 2 for shape in known):
        return Reach()  # what comes from the input was flattened, and what flattened it sees everything
    operator = layer.operator
    network = traced.network
    ordered = [to_written(network.data_format, shape) if operator.written else shape for shape in known]
    outputs = [to_written(network.data_format, own) if operator.written else own]
    reaches = operator.reach(network, ordered, outputs)  # type: ignore[arg-type]  # it requires nothing of a site
    if reaches is None:
        if operator.kind == "linear" and len(own) == len(known[0]):
            return Reach()
        raise Undefined(f"{layer.name} ({operator.kind}) does not keep neighbours together")
    if position >= len(reaches):
        raise Undefined(f"{layer.name} has another number of spatial axes than the input")
    return reaches[position]


_Reaches = Mapping[str, "Reach | None"]


def _forward(
    used: list[Layer], reaches: _Reaches, source: str, axis: str, define: Callable[[str, Dim], Dim], tensor: str
) -> Dim:
    """Sum up from the input: each layer adds ``(window - 1)`` times the stride so far."""
    extent: dict[str, Dim] = {source: 1}
    step: dict[str, Dim] = {source: 1}
    for layer in used:
        reach = reaches[layer.name]
        arriving = [name for name in map(tensor_layer, layer.inputs) if name in extent]
        if reach is None or not arriving:
            continue
        before = maximum(*(extent[name] for name in arriving))
        stride = maximum(*(step[name] for name in arriving))
        grown, moved = before + (reach.window - 1) * stride, stride * reach.stride
        extent[layer.name] = define(f"{layer.name}{_FIELD}{axis}", where(layer.when, grown, 1))
        step[layer.name] = define(f"{layer.name}.receptive_field_stride.{axis}", where(layer.when, moved, 1))
    name = tensor_layer(tensor)
    if name not in extent:
        raise Undefined(f"{name} does not depend on the input")
    return extent[name]


def _backward(
    traced: Trace,
    used: list[Layer],
    reaches: _Reaches,
    source: str,
    position: int,
    axis: str,
    define: Callable[[str, Dim], Dim],
    tensor: str,
) -> Dim:
    """Go back from the output: ``seen[l]`` is how far apart the outermost outputs of ``l`` that count are."""
    target = tensor_layer(tensor)
    seen: dict[str, Dim] = {target: 0}
    strided: set[str] = set()
    """Layers of whose outputs not every one is looked at: behind them comes a stride."""
    for layer in reversed(used):
        if layer.name not in seen or not layer.inputs:
            continue
        reach = reaches[layer.name]
        assert reach is not None
        if reach.up != 1 and layer.name in strided:
            raise Undefined(
                f"{layer.name} enlarges and a stride follows: how far an output sees differs from one to the next"
            )
        if not reach.whole and (reach.stride != 1 or layer.name in strided):
            strided.update(map(tensor_layer, layer.inputs))
        for reference in layer.inputs:
            sizes = (traced.shapes[reference] or ())[1:]
            if reach.whole and position < len(sizes):
                far = sizes[position] - 1
            else:
                far = (seen[layer.name] * reach.stride + reach.window - 1) // reach.up
            name, far = tensor_layer(reference), where(layer.when, far, 0)
            joined = maximum(seen[name], far) if name in seen else far
            seen[name] = define(f"{target}.sees.{name}.{axis}.{len(seen)}.{layer.name}", joined)
    if source not in seen:
        raise Undefined(f"{target} does not depend on the input")
    return seen[source] + 1


def _stride(
    used: list[Layer], reaches: _Reaches, source: str, axis: str, define: Callable[[str, Dim], Dim], tensor: str
) -> Dim | None:
    """Return the product of the strides over the product of the enlargements, if it is a whole number."""
    ratio: dict[str, tuple[Dim, Dim]] = {source: (1, 1)}
    for layer in used:
        reach = reaches[layer.name]
        arriving = list(dict.fromkeys(ratio[n] for n in map(tensor_layer, layer.inputs) if n in ratio))
        if reach is None or not arriving:
            continue
        if reach.whole:
            return None
        moved = [_reduced(up * reach.stride, down * reach.up) for up, down in arriving]
        if len(moved) == 1:
            ratio[layer.name] = moved[0]
        elif all(isinstance(a, int) and isinstance(b, int) for a, b in moved) or any(b != 1 for _, b in moved):
            return None  # the branches arrive with different strides
        else:
            ratio[layer.name] = (maximum(*(a for a, _ in moved)), 1)
        a, b = ratio[layer.name]
        a = where(layer.when, a, 1)
        ratio[layer.name] = (define(f"{layer.name}.output_stride.{axis}", a) if not isinstance(a, int) else a, b)
    name = tensor_layer(tensor)
    return ratio[name][0] if name in ratio and ratio[name][1] == 1 else None


def _reduced(a: Dim, b: Dim) -> tuple[Dim, Dim]:
    if a == b:
        return 1, 1
    if isinstance(a, int) and isinstance(b, int):
        common = gcd(a, b)
        return a // common, b // common
    return a, b
