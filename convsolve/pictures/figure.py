"""Figures: what a picture of a network shows, before anything has a place: boxes, arrows, and blocks that repeat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from ..checks.check import CheckReport, Failure
from ..dims import Cond, Domain, Expr, Var, bounds, render, variables
from ..network import Layer, Network, tensor_layer
from ..network.trace import trace
from ..operators import Choice, Input
from ..operators.base import to_written

__all__ = ["Arrow", "RepeatedBoxes", "Box", "Figure", "Parameter", "State", "figure_of"]

State = Literal["plain", "fails", "unknown", "opaque"]


@dataclass(frozen=True)
class Parameter:
    """A parameter as it is shown. ``strong``: it was chosen or changed, and is not what the network began with."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Box:
    """A layer, with the layers behind it that change no shape and that only it leads to.

    ``group`` is the module of ``operators`` in which its operator stands.
    ``layers`` are the names of all of them, those of the copies of a block that repeats included; ``tensors`` what
    leaves the box, one for each copy, and ``shape`` the shape of all of them. ``sentences`` say what is wrong.
    """

    name: str
    kind: str
    group: str
    parameters: tuple[Parameter, ...]
    followers: tuple[str, ...]
    shape: str
    layers: tuple[str, ...]
    tensors: tuple[str, ...]
    state: State = "plain"
    sentences: tuple[str, ...] = ()
    when: str = ""
    is_output: bool = False
    """Whether it is an output of several."""
    inside: tuple[Any, ...] = ()
    """Of a closed module, what is in it: two that differ there are not drawn as copies."""


@dataclass(frozen=True)
class Arrow:
    """A tensor on its way from one box to another: ``label`` is its shape."""

    source: str
    target: str
    tensor: str
    label: str


@dataclass(frozen=True)
class RepeatedBoxes:
    """Boxes that stand for ``times`` copies of themselves, one after the other."""

    boxes: tuple[str, ...]
    times: int


@dataclass(frozen=True)
class Figure:
    """What is drawn: boxes in the order of computation, arrows between them, and blocks that repeat."""

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    blocks: tuple[RepeatedBoxes, ...] = ()
    sentences: tuple[tuple[State, str], ...] = ()
    """What is wrong with the network as a whole, and with no box of it."""

    by_name: Mapping[str, Box] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {box.name: box for box in self.boxes})


def figure_of(
    network: Network,
    report: CheckReport | None,
    *,
    before: Network | None = None,
    title: str = "",
    apart: bool = False,
) -> Figure:
    """Return the figure of a network: with the shapes of a report, or where parameters are open, with their ranges.

    Args:
        network: what to draw.
        report: what :func:`convsolve.check` says of it; None for a network with open parameters.
        before: the network that it was made from: parameters that differ from that one's are strong.
        title: shown above.
        apart: whether a layer of another module has a box of its own, even if it changes no shape.

    >>> from convsolve.files import parse
    >>> net = parse("{input: [1, 8, 8], layers: [{conv: {out_channels: 4, kernel_size: 3 | 5}}, relu]}").network
    >>> box = figure_of(net, None).boxes[1]
    >>> [p.text for p in box.parameters], box.followers, box.shape
    (['out_channels=4', 'kernel_size=? {3 | 5}'], ('relu',), '4 x 4..6 x 4..6')
    """
    shapes = _ranges(network) if report is None else _known(network, report)
    states = _states(network, report)
    users = _users(network)
    leading: dict[str, str] = {}  # by layer: the box that it is drawn in
    members: dict[str, list[Layer]] = {}
    for layer in network.ordered:
        host = leading.get(tensor_layer(layer.inputs[0]), "") if len(layer.inputs) == 1 else ""
        near = not apart or _module(layer.name) == _module(host)
        if host and near and _follows(network, layer, members[host][-1], users, shapes, states):
            leading[layer.name] = host
            members[host].append(layer)
        else:
            leading[layer.name] = layer.name
            members[layer.name] = [layer]
    boxes = []
    for name, layers in members.items():
        state, sentences = states.get(name, ("plain", ()))
        first, last = layers[0], layers[-1]
        boxes.append(Box(
            name=name, kind=_kind(first), group=_group(first),
            parameters=_parameters(first, before, state == "fails"),
            followers=tuple(layer.operator.kind for layer in layers[1:]),
            shape=shapes.get(last.name, "?"), layers=tuple(layer.name for layer in layers), tensors=(last.name,),
            state=state, sentences=sentences, when="" if first.when is True else _marked(first.when),
            is_output=len(network.outputs) > 1 and last.name in map(tensor_layer, network.outputs)))  # fmt: skip
    arrows = [
        Arrow(leading[tensor_layer(reference)], name, reference, shapes.get(reference, "?"))
        for name, layers in members.items() for reference in layers[0].inputs
    ]  # fmt: skip
    return Figure(title, tuple(boxes), tuple(dict.fromkeys(arrows)), sentences=_as_a_whole(report))


def _module(name: str) -> str:
    return name.rpartition(".")[0]


def _follows(
    network: Network,
    layer: Layer,
    last: Layer,
    users: Mapping[str, list[str]],
    shapes: Mapping[str, str],
    states: Mapping[str, Any],
) -> bool:
    """Return whether a layer is shown within the box of the one before it."""
    operator = layer.operator
    return (
        layer.inputs[0] == last.name
        and users[last.name] == [layer.name]
        and last.name not in network.outputs
        and operator.pointwise
        and operator.arity == (1, 1)
        and shapes.get(layer.name) == shapes.get(last.name)
        and layer.name not in states
        and last.name not in states
        and layer.when is True
        and type(last.operator) is not Input
        and not any(True for _ in operator.unknowns())
    )


def _users(network: Network) -> dict[str, list[str]]:
    users: dict[str, list[str]] = {layer.name: [] for layer in network.layers}
    for layer in network.ordered:
        for needed in dict.fromkeys(layer.needs()):
            users[needed].append(layer.name)
    return users


def _kind(layer: Layer) -> str:
    return str(layer.operator.what) if layer.operator.kind == "opaque" else layer.operator.kind  # type: ignore[attr-defined]


def _group(layer: Layer) -> str:
    return type(layer.operator).__module__.rpartition(".")[2]


# -- shapes


def _known(network: Network, report: CheckReport) -> dict[str, str]:
    """Return the shape of each tensor of a network that was checked."""
    rows = {row.layer: row.shape for row in report.rows}
    found = {name: "?" if sizes is None else _shape("?" if n is None else str(n) for n in sizes)
             for name, sizes in rows.items()}  # fmt: skip
    several = {reference for layer in network.layers for reference in (*layer.inputs, *network.outputs)
               if reference not in found}  # fmt: skip
    if several and found:
        ranges = _ranges(network)
        found.update({reference: ranges.get(reference, "?") for reference in several})
    return found


def _ranges(network: Network) -> dict[str, str]:
    """Return the shape of each tensor, with the range of what is open."""
    found = {}
    traced = trace(network)
    for tensor, shape in traced.shapes.items():
        written = None if shape is None else to_written(network.data_format, shape)
        found[tensor] = "?" if written is None else _shape(_range(size) for size in written)
    return found


def _range(size: Any) -> str:
    low, high = bounds(size)
    if low == high and low is not None:
        return str(low)
    low = max(low or 1, 1)  # what is less is no size: there the network would fail
    return f"{low}.." if high is None else f"{low}..{high}" if high > low else str(high)


def _shape(sizes: Iterable[str]) -> str:
    texts = list(sizes)
    return (" x " if any(".." in text for text in texts) else "x").join(texts) or "one number"


# -- what is wrong


def _states(network: Network, report: CheckReport | None) -> dict[str, tuple[State, tuple[str, ...]]]:
    """Return the layers that are not plain, with what is to be said of them."""
    found: dict[str, tuple[State, tuple[str, ...]]] = {
        layer.name: ("opaque", ()) for layer in network.layers if layer.operator.kind == "opaque"
    }
    for state, failure in _failures(report):
        if failure.layer:
            _, before = found.get(failure.layer, ("plain", ()))
            found[failure.layer] = (state, (*before, f"{failure.code} {failure.message}"))
    return found


def _as_a_whole(report: CheckReport | None) -> tuple[tuple[State, str], ...]:
    return tuple((state, f"{f.code} {f.message}") for state, f in _failures(report) if not f.layer)


def _failures(report: CheckReport | None) -> Iterator[tuple[State, Failure]]:
    if report is not None:
        yield from (("unknown", failure) for failure in report.unknown)
        yield from (("fails", failure) for failure in report.failures)


# -- parameters


_FIRST = ("out_channels", "out_features")
_ARRIVING = ("in_channels", "in_features")
"""What a layer only declares of its input: shown where it is wrong."""


def _parameters(layer: Layer, before: Network | None, fails: bool) -> tuple[Parameter, ...]:
    """Return the parameters that differ from their defaults, what a layer makes first."""
    operator = layer.operator
    if operator.kind == "opaque" or isinstance(operator, Choice):
        return ()
    old = before.by_name.get(layer.name) if before is not None else None
    known = old.operator.stated() if old is not None and old.operator.kind == operator.kind else None
    names = [*operator.stated(), *(n for n in known or () if n not in operator.stated())]
    found = []
    for name in sorted(names, key=lambda n: n not in _FIRST):
        changed = before is not None and (known is None or known.get(name) != operator.stated().get(name))
        plain = type(operator) is Input or (name in _ARRIVING and not fails)
        if changed or not plain:
            found.append(Parameter(f"{name}={_value(getattr(operator, name), f'{layer.name}.{name}')}", changed))
    if layer.shares:
        found.append(Parameter(f"weights of {layer.shares}"))
    return tuple(found)


def _value(value: Any, place: str) -> str:
    """Return a parameter's value as text, a hole as ``?name`` with its domain (as ``?`` if it has its place's name)."""
    if isinstance(value, tuple):
        texts = [_value(v, f"{place}[{i}]") for i, v in enumerate(value)]
        return "x".join(texts) if all(isinstance(v, int) and v >= 0 for v in value) else f"[{', '.join(texts)}]"
    if isinstance(value, Var) and value.domain is not None:
        return f"?{'' if value.name == place else value.name} {{{_domain(value.domain)}}}"
    if isinstance(value, Expr):
        return _marked(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, str, Fraction)) else f"{value}"


def _domain(domain: Domain) -> str:
    text = str(domain)
    return text if len(text) <= 24 else f"{domain.lower}..{'' if domain.upper is None else domain.upper}"


def _marked(x: Expr | Cond) -> str:
    """Return an expression with its holes marked."""
    names: Mapping[str, Any] = {v.name: f"?{v.name}" for v in variables(x) if v.domain is not None}
    return render(x, names)
