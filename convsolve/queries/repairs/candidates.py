"""Candidates: the other values that one parameter of one layer may have in a repair.

Which values are tried is written here and nowhere else; a repair is the cheapest among them. Everything depends
on the operator alone, and on whether its input has the same size along all axes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ...dims import Var
from ...errors import ConvsolveError
from ...network import Layer, Network
from ...operators import (
    AdaptiveAvgPool,
    AvgPool,
    Conv,
    ConvTranspose,
    Crop,
    DepthwiseConv,
    Identity,
    Linear,
    LpPool,
    MaxPool,
    Operator,
    Pad,
    Upsample,
)
from .edits import Change, Edit

__all__ = ["parameter_changes", "with_operator"]

_WIDER = 4
"""By how much a kernel or a padding may grow beyond what is written."""
_STRIDES = (1, 2, 3, 4)

_Found = tuple[Operator, Change]


def parameter_changes(network: Network, layer: Layer, shape: Sequence[int], weights: bool) -> Iterator[_Found]:
    """Yield the operators that a layer may have instead of its own, and the changes that make them.

    Args:
        network: the network.
        layer: the layer; what is open in its parameters is left as it is.
        shape: what arrives at the layer, channels first; empty where that is not known.
        weights: whether parameters may change that weights depend on (kernels and numbers of features).
    """
    operator = layer.operator
    axes = 0 if len(set(shape[1:])) < 2 else len(shape) - 1
    kernels = isinstance(operator, (Conv, DepthwiseConv, ConvTranspose))
    if any(True for _ in operator.unknowns()):
        return
    if isinstance(operator, (Linear, Conv, DepthwiseConv)) and weights:
        yield from _declared(layer)
    if kernels:
        yield from _windows(network, layer, axes, weights)
        keeps = isinstance(operator, Conv) and shape and operator.out_channels == shape[0]
        if weights and (keeps or (isinstance(operator, DepthwiseConv) and operator.multiplier == 1)):
            yield _removed(layer)
    elif isinstance(operator, (MaxPool, AvgPool, LpPool)):
        yield from _pools(network, layer, axes)
    elif isinstance(operator, (Pad, Crop)):
        name = "padding" if isinstance(operator, Pad) else "amount"
        values = getattr(operator, name)
        yield from _numbers(layer, name, "padding", range(max(_largest(values) + 2, 4)), axes)
    elif isinstance(operator, AdaptiveAvgPool):
        yield from _numbers(layer, "output_size", "global_pool", range(1, 8), axes)
    elif isinstance(operator, Upsample) and isinstance(operator.scale_factor, int):
        yield from _numbers(layer, "scale_factor", "stride", _STRIDES, axes)


def with_operator(name: str, operator: Operator) -> Callable[[Network], Network]:
    """Return what puts another operator in a layer's place."""

    def make(network: Network) -> Network:
        layers = (dataclasses.replace(x, operator=operator) if x.name == name else x for x in network.layers)
        return dataclasses.replace(network, layers=tuple(layers))

    return make


def _declared(layer: Layer) -> Iterator[_Found]:
    """What is declared of the input may be left open; the number is filled in when the sizes are known."""
    for name in ("in_features", "in_channels"):
        if getattr(layer.operator, name, None) is not None:
            yield from _one(layer, name, {name: None})


def _windows(network: Network, layer: Layer, axes: int, weights: bool) -> Iterator[_Found]:
    operator: Any = layer.operator
    largest = _largest(operator.kernel_size)
    yield from _numbers(layer, "stride", "stride", (*_STRIDES, _largest(operator.stride)), axes)
    yield from _numbers(layer, "dilation", "dilation", range(1, _largest(operator.dilation) + 1), axes)
    if weights:
        yield from _numbers(layer, "kernel_size", "kernel", range(1, max(largest + _WIDER, 7) + 1), axes)
    if weights and not isinstance(operator, DepthwiseConv) and operator.groups != 1:
        yield from _numbers(layer, "groups", "groups", range(1, operator.groups), 0)
    if isinstance(operator, ConvTranspose):
        strides = _largest(operator.stride)
        if isinstance(operator.padding, str) and operator.output_padding is None:
            yield from _words(network, layer)
        else:
            written = dataclasses.replace(operator, output_padding=0) if operator.output_padding is None else operator
            yield from _numbers(
                layer, "output_padding", "output_padding", range(max(strides, 1)), axes, operator=written)
    if network.framework != "keras" and not isinstance(operator.padding, str):
        reach = _largest(operator.padding) + _WIDER
        yield from _numbers(layer, "padding", "padding", range(max(largest, reach) + 1), axes)
    if not isinstance(operator, ConvTranspose):
        yield from _words(network, layer)


def _pools(network: Network, layer: Layer, axes: int) -> Iterator[_Found]:
    operator: Any = layer.operator
    largest = _largest(operator.kernel_size)
    yield from _numbers(layer, "kernel_size", "pool", range(2, largest), axes)
    strides = operator.kernel_size if operator.stride is None else operator.stride
    explicit = dataclasses.replace(operator, stride=strides)
    yield from _numbers(layer, "stride", "stride", range(1, _largest(strides) + 1), axes, operator=explicit)
    if network.framework != "keras":
        if not isinstance(operator.padding, str):
            yield from _numbers(layer, "padding", "padding", range(largest // 2 + 1), axes)
        yield from _one(layer, "ceil_mode", {"ceil_mode": not operator.ceil_mode})
    yield from _words(network, layer)
    yield _removed(layer)


def _removed(layer: Layer) -> _Found:
    edit = Edit("remove", layer.name, "", layer.operator.kind, None)
    return Identity(), Change((edit,), (layer.name,), 1, _without(layer.name))


def _words(network: Network, layer: Layer) -> Iterator[_Found]:
    """'same' in place of 'valid', or of numbers that come to nothing; and the other way round."""
    padding = layer.operator.padding  # type: ignore[attr-defined]
    torch = network.framework == "torch"
    if torch and isinstance(layer.operator, (MaxPool, ConvTranspose)):
        return
    if padding == "same":
        yield from _one(layer, "padding", {"padding": 0 if torch else "valid"})
    elif padding in (0, "valid") and not (torch and layer.operator.stride != 1):  # type: ignore[attr-defined]
        yield from _one(layer, "padding", {"padding": "same"})


def _without(name: str) -> Callable[[Network], Network]:
    """Return what leaves a layer with one input out; where its sizes are used, those of its input are."""

    def make(network: Network) -> Network:
        source = network.by_name[name].inputs[0]
        used = {v.name: v for x in network.layers for v in x.operator.unknowns() if v.name.rpartition(".")[0] == name}
        sizes = {n: Var(f"{source}.{n.rpartition('.')[2]}", interval=v.interval) for n, v in used.items()}
        layers = tuple(
            dataclasses.replace(
                x, inputs=tuple(source if i == name else i for i in x.inputs),
                operator=x.operator.replace(sizes) if sizes else x.operator)
            for x in network.layers if x.name != name)
        outputs = tuple(source if o == name else o for o in network.outputs)
        return dataclasses.replace(network, layers=layers, outputs=outputs)

    return make


def _one(
    layer: Layer, kind: str, values: dict[str, Any], *, magnitude: int = 1, operator: Operator | None = None
) -> Iterator[_Found]:
    """Yield the operator with other values, if it takes them."""
    try:
        changed = dataclasses.replace(operator or layer.operator, **values)
    except ConvsolveError:
        return
    name = next(iter(values))
    edit = Edit(kind, layer.name, name, getattr(layer.operator, name), getattr(changed, name))
    yield changed, Change((edit,), (layer.name,), magnitude, with_operator(layer.name, changed))


def _numbers(
    layer: Layer, name: str, kind: str, values: Iterable[int], axes: int, *, operator: Operator | None = None
) -> Iterator[_Found]:
    """Yield a parameter's other values: the same for all axes, and where the axes differ, for one of them."""
    written = getattr(operator or layer.operator, name)
    differ = axes > 1 or (isinstance(written, tuple) and len(set(written)) > 1)
    entries = written if isinstance(written, tuple) else (written,) * axes
    seen = {written, getattr(layer.operator, name), entries}
    for value in values:
        options = [_uniform(written, value)]
        if differ:
            options += [(*entries[:i], _uniform(w, value), *entries[i + 1 :]) for i, w in enumerate(entries)]
        for option in options:
            if option not in seen:
                seen.add(option)
                magnitude = _distance(entries if isinstance(option, tuple) else written, option)
                yield from _one(layer, kind, {name: option}, magnitude=magnitude, operator=operator)


def _uniform(written: Any, value: int) -> Any:
    """Return a value in the form in which the parameter is written."""
    return tuple(_uniform(w, value) for w in written) if isinstance(written, tuple) else value


def _distance(a: Any, b: Any) -> int:
    if isinstance(a, tuple):
        return sum(_distance(x, y) for x, y in zip(a, b, strict=True))
    return abs(int(a or 0) - int(b or 0))


def _largest(value: Any) -> int:
    if isinstance(value, tuple):
        return max(map(_largest, value))
    return value if isinstance(value, int) else 0
