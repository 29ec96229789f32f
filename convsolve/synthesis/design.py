"""Design from what is known of a network alone: the sizes at its ends, how many layers, and budgets.

The answer is a problem as a document, which a file could hold: every layer's kernel, stride, padding and width are open
as far as the wishes leave them, and everything is ``sensible``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, log2
from typing import Any

from ..dims import Domain
from ..errors import NetworkError
from ..files import parse, to_document
from ..operators import MaxPool, Operator
from ..operators.base import spatial_names
from ..problem import Problem
from ..sources import Asked, problem_of

__all__ = ["Wishes", "design", "mirror"]

_WIDTHS = "16 | 32 | 64 | 128 | 256 | 512 | 8 | 4"

_KEPT = ("batch_norm", "dropout", "identity")


@dataclass(frozen=True)
class Wishes:
    """What is asked of a network.

    ``output`` is its whole shape (channels first), or its sizes along the spatial axes, or, for an input with two or
    more of these, a number of classes. ``channels`` is a domain as in problem files; ``budgets`` are the largest
    values of costs by name; ``receptive_field`` the smallest along every axis.
    """

    input: tuple[int, ...]
    output: tuple[int, ...]
    layers: int = 4
    channels: str = ""
    kernels: str = ""
    receptive_field: int = 0
    budgets: Mapping[str, int] = field(default_factory=dict)
    require: tuple[str, ...] = ()
    minimize: tuple[str, ...] = ()
    maximize: tuple[str, ...] = ()
    framework: str = "torch"


def design(wishes: Wishes) -> Problem:
    """Return the problem of designing a chain of convolutions with the wished ends.

    Where the output is larger than the input, the convolutions are transposed; where the size stays and the receptive
    field is given, dilations grow, by one factor. Widths grow as maps shrink, unless ``channels`` says which there are.

    Raises:
        NetworkError: the wishes do not fit together.

    >>> problem = design(Wishes(input=(3, 32, 32), output=(8, 8), layers=2))
    >>> problem.requirements[2:]
    ('conv2.kernel_size <= conv1.kernel_size', 'conv2.channels == min(512, conv1.channels * conv2.stride)')
    >>> from convsolve.synthesis.solve import solve
    >>> solve(problem).output
    (32, 8, 8)
    """
    return parse(json.dumps(_document(wishes)), source="<design>", format="json")


def _document(wishes: Wishes) -> dict[str, Any]:
    names = spatial_names(len(wishes.input) - 1)
    if not 1 <= len(names) <= 3:
        raise NetworkError(f"the input is channels and one to three sizes, such as 3x224x224, got {len(wishes.input)}")
    if wishes.layers < 1:
        raise NetworkError(f"layers must be at least 1, got {wishes.layers}")
    classes, channels, sizes = _ends(wishes, len(names))
    way = _Way.of(wishes, sizes)
    layers: list[Any] = []
    for i in range(1, wishes.layers + 1):
        layers += [_layer(wishes, i, way, channels), "relu"]
    if classes:
        layers += ["global_avg_pool", {"linear": {"name": "head", "out_features": classes}}]
    elif channels:
        layers.pop()  # what is asked for is not cut off at 0
    require = [f"output.{name} == {size}" for name, size in zip(names, sizes, strict=False)]
    require += _orders(wishes, way, names, hidden=wishes.layers - (1 if channels else 0))
    if wishes.receptive_field:
        require.append(f"conv{wishes.layers}.receptive_field >= {wishes.receptive_field}")
    require += [f"{cost} <= {limit}" for cost, limit in wishes.budgets.items()]
    document: dict[str, Any] = {"framework": wishes.framework} if wishes.framework != "torch" else {}
    document["input"] = list(wishes.input)
    if way.dilated:
        document["holes"] = {"k": wishes.kernels or "3 | 5 | 7 | 9"}
    document |= {"layers": layers, "require": [*require, *wishes.require], "sensible": True}
    document |= {sense: list(texts) for sense, texts in (("minimize", wishes.minimize), ("maximize", wishes.maximize))
                 if texts}  # fmt: skip
    return document


@dataclass(frozen=True)
class _Way:
    """How sizes go from the input to the output."""

    up: bool
    dilated: bool
    """Whether the size stays and the view grows."""
    to_one: bool
    """Whether nothing but one place is left."""
    from_one: bool
    """Whether the input is one place, of which the first layer makes a map."""
    whole: bool
    """Whether each further layer can enlarge by just its stride."""
    strides: str

    @classmethod
    def of(cls, wishes: Wishes, sizes: Sequence[int]) -> _Way:
        given, count = wishes.input[1:], wishes.layers
        ratios = [b / a for a, b in zip(given, sizes, strict=True)] if sizes else [2.0**-count]
        up = min(ratios) >= 1 and max(ratios) > 1
        if min(ratios) < 1 < max(ratios):
            raise NetworkError("the output is larger than the input along one axis and smaller along another: design "
                               "one part after the other")  # fmt: skip
        from_one = up and max(given) == 1 and count > 1
        halvings = max(abs(log2(r)) for r in ratios)
        if from_one:
            halvings, count = max(0.0, halvings - 2), count - 1
        each = max(1, ceil(halvings / count))
        return cls(
            up,
            max(ratios) == min(ratios) == 1 and wishes.receptive_field > 0,
            bool(sizes) and max(sizes) == 1,
            from_one,
            up and _doubles(given, sizes, count, from_one),
            " | ".join(str(2**i) for i in range(each + 1)),
        )


def _doubles(given: Sequence[int], sizes: Sequence[int], layers: int, from_one: bool) -> bool:
    """Return whether doublings alone lead from one size to the other (or, of one place, from a map of up to 8)."""
    powers = [2**i for i in range(layers + 1)]
    if from_one:
        return any(all(n % p == 0 and 2 <= n // p <= 8 for n in sizes) for p in powers)
    return any(all(a * p == b for a, b in zip(given, sizes, strict=True)) for p in powers)


def _orders(wishes: Wishes, way: _Way, names: Sequence[str], hidden: int) -> list[str]:
    """Return what one layer after the other has to keep: widths follow sizes, kernels do not grow."""
    count, require = wishes.layers, []
    for i in range(2, count + 1):
        if way.dilated and i > 2:  # the second one's dilation is the factor by which they grow
            require.append(f"conv{i}.dilation == conv{i - 1}.dilation * conv2.dilation")
        if way.whole:
            require += [f"conv{i}.{name} == conv{i - 1}.{name} * conv{i}.stride" for name in names]
        elif not way.up and not way.dilated and not (way.to_one and i == count):
            require.append(f"conv{i}.kernel_size <= conv{i - 1}.kernel_size")
        if i <= hidden and not wishes.channels:  # as many more channels as the map has fewer places along an axis
            few, many = (f"conv{i}", f"conv{i - 1}") if way.up else (f"conv{i - 1}", f"conv{i}")
            require.append(f"{many}.channels == min(512, {few}.channels * conv{i}.stride)")
        elif i <= hidden:
            widths = (f"conv{i - 1}.channels", f"conv{i}.channels")
            require.append(" >= ".join(widths) if way.up else " <= ".join(widths))
    if way.whole and not way.from_one:
        require += [f"conv1.{name} == input.{name} * conv1.stride" for name in names]
    return require


def _ends(wishes: Wishes, axes: int) -> tuple[int, int, tuple[int, ...]]:
    """Return the number of classes, or else the channels (0: open) and the sizes that come out."""
    output = wishes.output
    if len(output) == axes:
        return 0, 0, output
    if len(output) == axes + 1:
        return 0, output[0], output[1:]
    if len(output) == 1:
        return output[0], 0, ()
    raise NetworkError(f"an output of {len(output)} sizes does not go with an input of {axes + 1}: give {axes} sizes, "
                       f"{axes + 1} with the channels, or a number of classes")  # fmt: skip


def _layer(wishes: Wishes, number: int, way: _Way, channels: int) -> dict[str, Any]:
    """Return one convolution, with as much of it open as makes sense."""
    last = number == wishes.layers
    width = channels if last and channels else wishes.channels or _WIDTHS
    settings: dict[str, Any] = {"name": f"conv{number}", "out_channels": width}
    if way.up:
        first = way.from_one and number == 1
        kernels = wishes.kernels or "4 | 3 | 2 | 5 | 6 | 7 | 8"
        settings |= {"kernel_size": kernels, "stride": 1 if first else way.strides}
        return {"conv_transpose": settings if first else {**settings, "padding": "0..3", "output_padding": "0 | 1"}}
    if way.dilated:
        dilations = " | ".join(str(n) for n in dict.fromkeys(growth ** (number - 1) for growth in (2, 1, 3, 4)))
        return {"conv": {**settings, "kernel_size": "$k", "padding": "half", "dilation": dilations}}
    if way.to_one and last:
        return {
            "conv": {**settings, "kernel_size": wishes.kernels or "3 | 5 | 7 | 1 | 2 | 4 | 6 | 8..16", "padding": 0}
        }
    return {
        "conv": {**settings, "kernel_size": wishes.kernels or "3 | 5 | 7", "padding": "half", "stride": way.strides}
    }


def mirror(encoder: Asked, sizes: Mapping[str, Domain] | None = None) -> Problem:
    """Return the problem of a decoder that gives back, stage by stage, exactly the sizes of an encoder.

    Every convolution and pooling of the encoder, a chain, becomes a transposed convolution with its kernel, stride and
    padding, whose output padding is open; widths are those at the encoder's stages. With ``sizes``, ranges by axis of
    the input, it has to give back every size of these.

    Raises:
        NetworkError: the encoder is no such chain, or has unknowns.

    >>> from convsolve.files import parse
    >>> encoder = parse("{input: [1, 28, 28], layers: [{conv: {out_channels: 8, kernel_size: 3, stride: 2}}, relu]}")
    >>> from convsolve.synthesis.solve import solve
    >>> answer = solve(mirror(encoder))
    >>> answer.output, dict(answer.assignment)
    ((1, 28, 28), {'mirror_conv1.output_padding': 1})
    """
    from ..checks.check import check

    problem = problem_of(encoder, None)
    if sizes:
        smallest = list(problem.network.inputs[0].operator.shape)  # type: ignore[attr-defined]
        for axis, domain in sizes.items():
            smallest[problem.network.input_axes[axis][1]] = domain.lower
        problem = replace(problem, network=problem.network.with_input(smallest))
    report = check(problem)
    network = problem.network
    document = to_document(problem)
    shapes = {**report.shapes, network.inputs[0].name: tuple(network.inputs[0].operator.shape)}  # type: ignore[attr-defined]
    if not report.ok:
        raise NetworkError("the encoder does not work: convsolve check says why")
    decoder: list[Any] = []
    require = list(document.get("require", ()))
    for layer in reversed(network.ordered[1:]):
        if len(layer.inputs) != 1 or len(network.inputs) != 1:
            raise NetworkError(f"mirror takes a chain, and {layer.name} has {len(layer.inputs)} inputs")
        operator = layer.operator
        if operator.kind in _KEPT or (operator.pointwise and not operator.parameters()):
            continue
        if operator.kind not in ("conv", "max_pool", "avg_pool", "depthwise_conv"):
            raise NetworkError(f"mirror takes encoders of convolutions and poolings, and {layer.name} is "
                               f"{operator.kind}: give the part before it")  # fmt: skip
        shape = shapes[layer.inputs[0]]
        if sizes:
            require += [f"mirror_{layer.name}.{axis} == `{layer.inputs[0]}`.{axis}" for axis in sizes]
        decoder += [{"conv_transpose": _mirrored(operator, f"mirror_{layer.name}", shape, network.data_format)}, "relu"]
        if not sizes:
            require.append(f"mirror_{layer.name}.shape == {'x'.join(map(str, shape))}")
    if not decoder:
        raise NetworkError("the encoder has nothing that changes a size")
    document["layers"] = [*document["layers"], *decoder[:-1]]
    document.pop("outputs", None)
    document["require"] = require
    if sizes:
        document["for_all"] = {axis: str(domain) for axis, domain in sizes.items()}
    return parse(json.dumps(document), source="<mirror>", format="json")


def _mirrored(operator: Operator, name: str, shape: tuple[int, ...], data_format: str) -> dict[str, Any]:
    channels = shape[0 if data_format == "channels_first" else -1]
    axes = len(shape) - 1
    read = {key: getattr(operator, key, None) for key in ("kernel_size", "stride", "padding", "dilation")}
    if isinstance(read["padding"], str):
        raise NetworkError(f"{name.removeprefix('mirror_')} has padding {read['padding']!r}: write it as numbers")
    stride = read["stride"] if read["stride"] is not None else read["kernel_size"]
    steps = [stride] * axes if isinstance(stride, int) else list(stride)  # type: ignore[arg-type]
    settings: dict[str, Any] = {"name": name, "out_channels": channels, "kernel_size": _plain(read["kernel_size"]),
                                "stride": _plain(stride), "padding": _plain(read["padding"] or 0)}  # fmt: skip
    if not isinstance(operator, MaxPool) and read["dilation"] not in (None, 1):
        settings["dilation"] = _plain(read["dilation"])
    if max(steps) > 1:
        settings["output_padding"] = [f"0..{step - 1}" if step > 1 else 0 for step in steps]
        if len({*steps}) == 1 and len({*shape[-axes:]} if data_format == "channels_first" else {*shape[:axes]}) == 1:
            settings["output_padding"] = settings["output_padding"][0]
    return settings


def _plain(value: Any) -> Any:
    return list(map(_plain, value)) if isinstance(value, (list, tuple)) else value
