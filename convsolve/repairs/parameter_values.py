"""Candidates: the other values that one parameter of one layer may have in a repair.

Which values are tried is written here and nowhere else; a repair is the cheapest among them. They depend on the
operator, on what arrives at it, and on how many channels or features other layers want of it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..dims import Var
from ..errors import ConvsolveError
from ..network import Layer, Network
from ..operators import Conv, ConvTranspose, DepthwiseConv, Identity, MaxPool, Operator, Reshape, Unflatten, shape_of
from ..operators.base import per_axis, to_written
from .edits import Change, Edit
from .insertions import replacing

__all__ = ["DECLARING", "VALUES", "declares", "parameter_changes", "width_of", "without"]

_WIDER = 4
"""By how much a kernel or a padding may grow beyond what is written."""
_STRIDES = (1, 2, 3, 4)
_MANY = 256
"""How many values of one parameter are tried at most, beside those near a size that arrives."""
_LARGEST = 4096
"""Numbers whose divisors are tried are no larger."""

DECLARING = ("in_features", "in_channels")
"""The kinds of edits of parameters that declare what arrives."""

_Found = tuple[Operator, Change]


@dataclass(frozen=True)
class _Tuned:
    """A layer of a network whose parameters are to be others.

    ``shape`` arrives at it, channels first, and is empty where that is not known; ``weights`` says whether parameters
    may change that weights depend on; ``axes`` is the number of axes to be treated apart.
    """

    network: Network
    layer: Layer
    shape: tuple[int, ...]
    weights: bool

    @property
    def axes(self) -> int:
        return 0 if len(set(self.shape[1:])) < 2 else len(self.shape) - 1

    @property
    def written(self) -> tuple[int, ...]:
        return to_written(self.network.data_format, self.shape)


def parameter_changes(
    network: Network, layer: Layer, shape: Sequence[int], weights: bool, widths: Iterable[int] = ()
) -> Iterator[_Found]:
    """Yield the operators that a layer may have instead of its own, and the changes that make them.

    Args:
        network: the network.
        layer: the layer; what is open in its parameters is left as it is.
        shape: what arrives at the layer, channels first; empty where that is not known.
        weights: whether parameters may change that weights depend on (kernels and numbers of features).
        widths: how many channels or features it may make, where others are wanted than it makes.
    """
    if any(True for _ in layer.operator.unknowns()):
        return
    tuned = _Tuned(network, layer, tuple(shape), weights)
    made = width_of(layer.operator)
    if weights:
        for name, kind in declares(layer.operator).items():  # left open; filled in when the sizes are known
            yield from _one(layer, kind, {name: None})
        if made:
            yield from _numbers(tuned, made, "width", sorted(widths, reverse=True), 0)
    for name, kind in layer.operator.tunables().items():
        if weights or kind not in _WITH_WEIGHTS:
            yield from VALUES.get((kind, name), _nothing)(tuned)


def width_of(operator: Operator) -> str:
    """Return the parameter of an operator that says how many channels or features it makes; empty if none does.

    >>> from convsolve.operators import Linear, MaxPool
    >>> width_of(Linear(out_features=10)), width_of(MaxPool(kernel_size=2))
    ('out_features', '')
    """
    return next((name for name, kind in operator.tunables().items() if kind == "width"), "")


def declares(operator: Operator) -> dict[str, str]:
    """Return the parameters of an operator that declare what arrives, where they do, and the kind of an edit of each.

    >>> from convsolve.operators import Linear
    >>> declares(Linear(out_features=10, in_features=400)), declares(Linear(out_features=10))
    ({'in_features': 'in_features'}, {})
    """
    optional = {name for name, kind in operator.parameters().items() if getattr(kind, "optional", False)}
    return {name: kind for name, kind in operator.tunables().items()
            if kind in DECLARING and name in optional and getattr(operator, name) is not None}  # fmt: skip


def _nothing(tuned: _Tuned) -> Iterator[_Found]:
    return iter(())


def _strides(tuned: _Tuned) -> Iterator[_Found]:
    operator: Any = tuned.layer.operator
    if operator.tunables()["kernel_size"] == "pool":  # its stride is its kernel, where none is written
        strides = operator.kernel_size if operator.stride is None else operator.stride
        explicit = dataclasses.replace(operator, stride=strides)
        yield from _numbers(tuned, "stride", "stride", range(1, _largest(strides) + 1), tuned.axes, operator=explicit)
    else:
        yield from _numbers(tuned, "stride", "stride", (*_STRIDES, _largest(operator.stride)), tuned.axes)


def _dilations(tuned: _Tuned) -> Iterator[_Found]:
    largest = _largest(tuned.layer.operator.dilation)  # type: ignore[attr-defined]
    yield from _numbers(tuned, "dilation", "dilation", range(1, largest + 1), tuned.axes)


def _kernels(tuned: _Tuned) -> Iterator[_Found]:
    operator: Any = tuned.layer.operator
    values = range(1, max(_largest(operator.kernel_size) + _WIDER, 7) + 1)
    yield from _numbers(tuned, "kernel_size", "kernel", values, tuned.axes)
    keeps = type(operator) is Conv and operator.out_channels == (tuned.shape or (0,))[0]
    if keeps or (isinstance(operator, DepthwiseConv) and operator.multiplier == 1):
        yield _removed(tuned.layer)


def _pools(tuned: _Tuned) -> Iterator[_Found]:
    operator: Any = tuned.layer.operator
    values = range(2, max(_largest(operator.kernel_size), 2 * _largest(operator.padding) + 1))
    yield from _numbers(tuned, "kernel_size", "pool", values, tuned.axes)
    yield _removed(tuned.layer)


def _groups(tuned: _Tuned) -> Iterator[_Found]:
    operator: Any = tuned.layer.operator
    if width_of(operator):
        common = math.gcd(operator.out_channels, *tuned.shape[:1])
        yield from _numbers(tuned, "groups", "groups", range(1, operator.groups), 0, also=(common,))
    else:
        channels = (tuned.shape or (0,))[0]  # of which nothing is known, 0, every number is a divisor
        divisors = [d for d in range(1, min(operator.groups, _LARGEST)) if channels % d == 0]
        more = [d for d in range(operator.groups + 1, min(channels, _LARGEST) + 1) if channels % d == 0][:1]
        yield from _numbers(tuned, "groups", "groups", (*divisors, *more), 0)


def _paddings(tuned: _Tuned) -> Iterator[_Found]:
    operator: Any = tuned.layer.operator
    kernel = operator.tunables().get("kernel_size")
    if kernel is None:  # a pad
        yield from _numbers(tuned, "padding", "padding", range(max(_largest(operator.padding) + 2, 4)), tuned.axes)
        return
    if tuned.network.framework != "keras" and not isinstance(operator.padding, str):
        largest = _largest(operator.kernel_size)
        most = largest // 2 if kernel == "pool" else max(largest, _largest(operator.padding) + _WIDER)
        yield from _numbers(tuned, "padding", "padding", range(most + 1), tuned.axes)
    if "output_padding" not in operator.tunables() or (
        isinstance(operator.padding, str) and not operator.output_padding
    ):
        yield from _words(tuned.network, tuned.layer)


def _amounts(tuned: _Tuned) -> Iterator[_Found]:
    largest = _largest(tuned.layer.operator.amount)  # type: ignore[attr-defined]
    yield from _numbers(tuned, "amount", "padding", range(max(largest + 2, 4)), tuned.axes)


def _plain_border(name: str, plain: str) -> Callable[[_Tuned], Iterator[_Found]]:
    """Return what puts a border of one value in the place of one that is taken from the map itself."""

    def values(tuned: _Tuned) -> Iterator[_Found]:
        if getattr(tuned.layer.operator, name) != plain:
            yield from _one(tuned.layer, "padding", {name: plain}, magnitude=_OTHER_MODE)

    return values


def _rounding(tuned: _Tuned) -> Iterator[_Found]:
    if tuned.network.framework != "keras":
        yield from _one(tuned.layer, "ceil_mode", {"ceil_mode": not tuned.layer.operator.ceil_mode})  # type: ignore[attr-defined]


def _output_paddings(tuned: _Tuned) -> Iterator[_Found]:
    operator: Any = tuned.layer.operator
    if not isinstance(operator.padding, str) or operator.output_padding is not None:
        written = dataclasses.replace(operator, output_padding=0) if operator.output_padding is None else operator
        extra = range(max(_largest(operator.stride), 1))
        yield from _numbers(tuned, "output_padding", "output_padding", extra, tuned.axes, operator=written)


def _nearest_output(tuned: _Tuned) -> Iterator[_Found]:
    """Yield the output nearest to the one that is wished: it is at most a stride larger than without a wish."""
    operator: Any = tuned.layer.operator
    if operator.output_size is None or not tuned.shape:
        return
    try:
        least = shape_of(dataclasses.replace(operator, output_size=None), tuned.shape)[1:]
    except ConvsolveError:
        return
    wished, strides = (per_axis(name, getattr(operator, name), len(least)) for name in ("output_size", "stride"))
    near = tuple(min(max(w, n), n + s - 1) for w, n, s in zip(wished, least, strides, strict=True))
    yield from _one(tuned.layer, "output_padding", {"output_size": near}, magnitude=_distance(wished, near))


def _adaptive(tuned: _Tuned) -> Iterator[_Found]:
    yield from _numbers(tuned, "output_size", "global_pool", range(1, 8), tuned.axes)


def _scales(tuned: _Tuned) -> Iterator[_Found]:
    scale: Any = tuned.layer.operator.scale_factor  # type: ignore[attr-defined]
    if isinstance(scale, int):
        yield from _numbers(tuned, "scale_factor", "stride", _STRIDES, tuned.axes)
    elif isinstance(scale, Fraction) and scale < 1 and min(tuned.shape[1:], default=0) > 0:
        for least in (Fraction(1, min(tuned.shape[1:])), 1):  # the smallest that leaves something
            yield from _one(tuned.layer, "stride", {"scale_factor": least})


def _blocks(tuned: _Tuned) -> Iterator[_Found]:
    block: Any = tuned.layer.operator.block_size  # type: ignore[attr-defined]
    yield from _numbers(tuned, "block_size", "stride", range(2, min(block, _LARGEST) + 2), 0)


def _slopes(tuned: _Tuned) -> Iterator[_Found]:
    yield from _numbers(tuned, "slopes", "in_channels", tuned.shape[:1], 0)


def _shapes(tuned: _Tuned) -> Iterator[_Found]:
    """Yield the shapes of a reshape that differ in one entry, the one that the elements that arrive ask for."""
    layer, shape = tuned.layer, tuned.written
    operator: Any = layer.operator
    if not isinstance(operator, (Reshape, Unflatten)):
        return  # the parts of a split add up; a whole layer takes its place
    name = "shape" if isinstance(operator, Reshape) else "sizes"
    target = getattr(operator, name)
    if not shape or not all(isinstance(n, int) and (n > 0 or n == -1) for n in target):
        return
    count = (
        shape[operator.axis]
        if isinstance(operator, Unflatten) and -len(shape) <= operator.axis < len(shape)
        else math.prod(shape)
    )
    for i, n in enumerate(target):
        rest = math.prod(t for j, t in enumerate(target) if j != i and t > 0)
        if n > 0 and count % rest == 0:
            fits = [count // rest] if -1 not in target else _nearest_divisors(count // rest, n)
            for new in fits:
                yield from _one(layer, "reshape", {name: (*target[:i], new, *target[i + 1 :])}, magnitude=abs(n - new))


def _nearest_divisors(n: int, wished: int) -> list[int]:
    """Return the nearest divisors of a number on both sides of one that is wished.

    >>> _nearest_divisors(48, 7), _nearest_divisors(256, 400)
    ([6, 8], [256])
    """
    if n > _LARGEST**2:
        return []
    small = [d for d in range(1, math.isqrt(n) + 1) if n % d == 0]
    divisors = sorted({*small, *(n // d for d in small)})
    below, above = [d for d in divisors if d < wished], [d for d in divisors if d > wished]
    return [*below[-1:], *above[:1]]


def _parts(tuned: _Tuned) -> Iterator[_Found]:
    """Yield as long a part of an axis at its end, and the whole axis."""
    layer, shape = tuned.layer, tuned.written
    operator: Any = layer.operator
    if -len(shape) <= operator.axis < len(shape):
        size, start, stop = shape[operator.axis], operator.start, operator.stop
        if isinstance(stop, int) and 0 <= start < stop <= size + start:
            ends = {"start": size - (stop - start), "stop": size}
            yield from _one(layer, "slice", ends, magnitude=abs(stop - size))
        yield from _one(layer, "slice", {"start": 0, "stop": None, "step": 1}, magnitude=size)


VALUES: Mapping[tuple[str, str], Callable[[_Tuned], Iterator[_Found]]] = {
    ("stride", "stride"): _strides, ("dilation", "dilation"): _dilations, ("kernel", "kernel_size"): _kernels,
    ("pool", "kernel_size"): _pools, ("groups", "groups"): _groups, ("padding", "padding"): _paddings,
    ("padding", "amount"): _amounts, ("padding", "padding_mode"): _plain_border("padding_mode", "zeros"),
    ("padding", "mode"): _plain_border("mode", "constant"), ("ceil_mode", "ceil_mode"): _rounding,
    ("output_padding", "output_padding"): _output_paddings, ("output_padding", "output_size"): _nearest_output,
    ("global_pool", "output_size"): _adaptive, ("stride", "scale_factor"): _scales, ("stride", "block_size"): _blocks,
    ("in_channels", "slopes"): _slopes, ("reshape", "shape"): _shapes, ("reshape", "sizes"): _shapes,
    ("slice", "start"): _parts,
}  # fmt: skip
"""What else than what is declared, and what is made, may be otherwise: by the kind of edit and the parameter."""

_WITH_WEIGHTS = ("kernel", "groups", "width", *DECLARING)
"""Kinds of edits that change weights."""

_OTHER_MODE = 16
"""How much another kind of border changes: more than other numbers do."""


def _removed(layer: Layer) -> _Found:
    edit = Edit("remove", layer.name, "", layer.operator.kind, None)
    return Identity(), Change((edit,), (layer.name,), 1, without(layer.name))


def _words(network: Network, layer: Layer) -> Iterator[_Found]:
    """'same' in place of 'valid', or of numbers that come to nothing; and the other way round."""
    padding = layer.operator.padding  # type: ignore[attr-defined]
    torch = network.framework == "torch"
    if torch and isinstance(layer.operator, (MaxPool, ConvTranspose)):
        return
    if padding == "same":
        if torch:  # half of a kernel keeps the centres of the windows where they are
            yield from _one(layer, "padding", {"padding": _halves(layer.operator)})
        yield from _one(layer, "padding", {"padding": 0 if torch else "valid"}, magnitude=2)
    elif padding in (0, "valid") and not (torch and layer.operator.stride != 1):  # type: ignore[attr-defined]
        yield from _one(layer, "padding", {"padding": "same"})


def _halves(operator: Any) -> Any:
    """Return half of what a kernel spans beside its centre, along each axis."""
    kernel, dilation = operator.kernel_size, operator.dilation
    if isinstance(kernel, tuple) or isinstance(dilation, tuple):
        rank = len(kernel if isinstance(kernel, tuple) else dilation)
        pairs = zip(per_axis("kernel_size", kernel, rank), per_axis("dilation", dilation, rank), strict=True)
        return tuple(d * (k - 1) // 2 for k, d in pairs)
    return dilation * (kernel - 1) // 2


def without(name: str) -> Callable[[Network], Network]:
    """Return what leaves a layer with one input out; where its sizes are used, those of its input are."""

    def make(network: Network) -> Network:
        source = network.by_name[name].inputs[0]
        used = {v.name: v for x in network.layers for v in x.operator.unknowns() if v.name.rpartition(".")[0] == name}
        sizes = {n: Var(f"{source}.{n.rpartition('.')[2]}", interval=v.interval) for n, v in used.items()}
        layers = tuple(
            dataclasses.replace(
                x,
                inputs=tuple(source if i == name else i for i in x.inputs),
                operator=x.operator.replace(sizes) if sizes else x.operator,
            )
            for x in network.layers
            if x.name != name
        )
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
    edits = tuple(
        Edit(kind, layer.name, name, getattr(layer.operator, name), getattr(changed, name))
        for name in values
        if getattr(layer.operator, name) != getattr(changed, name)
    )
    if edits:
        yield changed, Change(edits, (layer.name,), magnitude, replacing({layer.name: changed}))


def _numbers(
    tuned: _Tuned,
    name: str,
    kind: str,
    values: Sequence[int],
    axes: int,
    *,
    operator: Operator | None = None,
    also: Sequence[int] = (),
) -> Iterator[_Found]:
    """Yield a parameter's other values: the same for all axes, and where the axes differ, for one of them.

    Of very many values, those at both ends are taken, those near a size that arrives, and near ``also``.
    """
    layer = tuned.layer
    written = getattr(operator or layer.operator, name)
    differ = axes > 1 or (isinstance(written, tuple) and len(set(written)) > 1)
    entries = written if isinstance(written, tuple) else (written,) * axes
    seen = {written, getattr(layer.operator, name), entries}
    for value in _few(values, (*tuned.shape, *also)):
        options = [_uniform(written, value)]
        if differ:
            options += [(*entries[:i], _uniform(w, value), *entries[i + 1 :]) for i, w in enumerate(entries)]
        for option in options:
            if option not in seen:
                seen.add(option)
                magnitude = _distance(entries if isinstance(option, tuple) else written, option)
                yield from _one(layer, kind, {name: option}, magnitude=magnitude, operator=operator)


def _few(values: Sequence[int], near: Sequence[int]) -> Sequence[int]:
    """Return values of which there may be millions: not too many of them.

    >>> _few(range(1, 4), (9,)), len(_few(range(10**9), (28, 10**6)))
    (range(1, 4), 137)
    """
    if len(values) <= _MANY:
        return values
    found = {*values[: _MANY // 4], *values[-_MANY // 4 :]}
    found |= {n for size in near for n in range(size - _WIDER, size + _WIDER + 1) if n in values}
    return sorted(found, reverse=True)  # what is written is mostly the largest: the nearest come first


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
