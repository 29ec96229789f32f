"""What every writer starts from: the layers in order, every size a number, every tensor's order of axes settled.

A framework has an order of its own in which convolutions want their axes (channels first or last). A network
may be written in the other: then operators that count axes work on tensors turned into the order in which the
network writes them, and the plan says which tensors have to be turned for whom.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ....dims import Var, evaluate
from ....errors import NetworkError
from ....network import Layer, Network, tensor_layer
from ....network.trace import Trace, run, trace
from ....operators import CenterCrop, Choice, Flatten, Identity, Opaque, Upsample, axis_names
from ....operators.base import DataFormat, Framework, to_written
from ....support.suggestions import few, quoted

__all__ = ["Plan", "PlannedLayer", "cannot", "known_network", "not_shared", "plan"]

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class PlannedLayer:
    """One layer, ready to be written.

    ``operator`` has numbers alone in its parameters. ``works`` is the order of axes in which it works, in which
    its inputs must come (``turned`` says of each whether it stands in the other order) and its outputs leave.
    ``sizes`` and ``made`` are the shapes of inputs and outputs, channels first and without the batch axis.
    ``shares`` names the step before it whose parameters it uses; ``params`` is how many they are, shared or not.
    """

    name: str
    operator: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sizes: tuple[Sizes, ...]
    made: tuple[Sizes, ...]
    works: DataFormat
    turned: tuple[bool, ...]
    framework: Framework
    written: DataFormat
    shares: str
    params: int

    @property
    def rank(self) -> int:
        """The number of spatial axes of the first input."""
        return len(self.sizes[0]) - 1

    def axis(self, axis: int | None, rank: int | None = None) -> int:
        """Return where an axis of the first input is in the tensor, counting the batch axis.

        ``axis`` counts as the network writes shapes, without the batch; None is the axis of the channels.
        """
        rank = len(self.sizes[0]) if rank is None else rank
        if axis is None:
            canonical = 0
        else:
            canonical = (axis % rank + (self.written == "channels_last" and rank > 1)) % rank
        return (canonical - (self.works == "channels_last" and rank > 1)) % rank + 1

    @property
    def affine(self) -> tuple[bool, bool]:
        """Whether a normalisation learns a scale, and whether it learns a shift."""
        op = self.operator
        return op.affine and getattr(op, "scale", True), op.affine and getattr(op, "shift", True)

    def shape(self, sizes: Sizes) -> Sizes:
        """Return a channels-first shape in the order in which the operator works."""
        return to_written(self.works, sizes)


@dataclass(frozen=True)
class Plan:
    """A network's layers in order; ``outputs`` pairs each output with whether it must be turned to leave."""

    network: Network
    own: DataFormat
    inputs: tuple[PlannedLayer, ...]
    steps: tuple[PlannedLayer, ...]
    outputs: tuple[tuple[str, bool], ...]
    shapes: Mapping[str, Sizes]

    def uses(self) -> dict[str, list[int]]:
        """Return the places (positions of steps, or their number for the network's outputs) where tensors are used."""
        found: dict[str, list[int]] = {}
        for place, step in enumerate(self.steps):
            for reference in step.inputs:
                found.setdefault(reference, []).append(place)
        for reference, _ in self.outputs:
            found.setdefault(reference, []).append(len(self.steps))
        return found


def cannot(step: PlannedLayer, what: str, advice: str) -> NetworkError:
    """Return the error of a layer that a framework cannot express."""
    return NetworkError(f"{step.name}: {what}: {advice}", layer=step.name)


def not_shared(step: PlannedLayer, why: str) -> NetworkError:
    """Return the error of a layer that cannot use another layer's parameters as they are."""
    return cannot(
        step,
        f"it uses the parameters of {step.shares}, {why}",
        "give both layers the same options, or leave `shares` out",
    )


def known_network(network: Network) -> Network:
    """Return the network with nothing left open.

    Raises:
        NetworkError: it has holes.
    """
    if not isinstance(network, Network):
        raise NetworkError(f"wanted a Network, got {quoted(network)}: a problem has one as .network, a solution too")
    domains = {name: unknown.domain for name, unknown in network.holes.items()}
    settled = network.assign({name: d.lower for name, d in domains.items() if d is not None and d.size == 1})
    if settled.holes:
        some = few(settled.holes)
        raise NetworkError(f"the network has open parameters ({some}): solve it first, and write the solution")
    return settled


def plan(network: Network, own: DataFormat, *, strict: bool = True) -> Plan:
    """Return what a framework whose order of axes is ``own`` has to write.

    With ``strict=False``, a network that does not work is planned up to the first layer without a shape.

    Raises:
        NetworkError: the network has holes, or does not work with the input that it states.
    """
    network = known_network(network)
    alone = tuple(dataclasses.replace(layer, shares="") for layer in network.layers)
    traced = trace(dataclasses.replace(network, layers=alone))  # so that each layer's own parameters are counted
    values = run(traced, {})
    if strict:
        _must_work(traced, values)
    shapes = {
        tensor: tuple(evaluate(n, values) for n in shape)
        for tensor, shape in traced.shapes.items()
        if shape is not None
    }
    orders: dict[str, DataFormat] = {}
    makers: dict[str, str] = {}
    steps = []
    for layer in network.ordered:
        if layer.name not in shapes:
            break
        step = _step(network, own, layer, values, shapes, orders)
        maker = makers.setdefault(_origin(network, layer), layer.name)
        if maker != layer.name:
            step = dataclasses.replace(step, shares=maker)
            if step.params != values[f"{maker}.params"]:
                raise not_shared(step, f"which has {values[f'{maker}.params']:,}, and would have {step.params:,}")
        steps.append(step)
        orders.update(dict.fromkeys(step.outputs, step.works))
        orders[step.name] = step.works
    made = [(_tensor(reference, shapes), _differs(orders, own, reference, shapes))
            for reference in network.outputs if reference in orders]  # fmt: skip
    return Plan(
        network,
        own,
        tuple(s for s in steps if s.operator.kind == "input"),
        tuple(s for s in steps if s.operator.kind != "input"),
        tuple(made),
        shapes,
    )


def _must_work(traced: Trace, values: Mapping[str, int]) -> None:
    for requirement in traced.requirements:
        if not evaluate(requirement.condition, values):
            shown = {name: evaluate(value, values) for name, value in requirement.values}
            what = (
                requirement.note
                if requirement.rule.code == "CS022"
                else requirement.rule.message(requirement.axis, shown)
            )
            place = f"{requirement.layer}: " if requirement.layer else ""
            raise NetworkError(
                f"the network does not work with its input ({place}{what}): `convsolve check` says what would mend it",
                layer=requirement.layer,
            )


def _origin(network: Network, layer: Layer) -> str:
    """Return the layer whose parameters a layer uses in the end, where it shares with one that shares itself."""
    passed = [layer.name]
    while layer.shares:
        if layer.shares in passed:
            raise NetworkError(
                f"layers share parameters in a circle: {' -> '.join([*passed, layer.shares])}", layer=layer.name
            )
        passed.append(layer.shares)
        layer = network.by_name[layer.shares]
    return layer.name


def _tensor(reference: str, shapes: Mapping[str, Sizes]) -> str:
    """Return the one name of a tensor: the first of several outputs is ``name[0]``, also where ``name`` stands."""
    first = f"{reference}[0]"
    return first if first in shapes else reference


def _step(
    network: Network,
    own: DataFormat,
    layer: Layer,
    values: Mapping[str, int],
    shapes: Mapping[str, Sizes],
    orders: Mapping[str, DataFormat],
) -> PlannedLayer:
    operator, references = _sized_like(layer, shapes)
    if operator.kind == "constant":  # it is repeated for as many samples as come in
        if not network.inputs:
            raise NetworkError(f"{layer.name}: a network without inputs cannot be written: give it an input")
        references = (network.inputs[0].name,)
    operator = operator.substitute(dict(values))
    what = _unknown(operator)
    if what:
        raise NetworkError(
            f"{layer.name}: it cannot be written what {what} does: put operators that convsolve knows in its place",
            layer=layer.name,
        )
    if isinstance(operator, Flatten) and operator.with_batch:
        raise NetworkError(
            f"{layer.name}: it merges the batch axis, which is not written: leave out with_batch", layer=layer.name
        )
    sizes = tuple(shapes[reference] for reference in references)
    outputs = tuple(t for t in shapes if t.startswith(f"{layer.name}[")) or (layer.name,)
    made = tuple(shapes[t] for t in outputs)
    works = _order(network, own, operator, references, sizes, made, orders)
    turned = tuple(operator.arity[1] != 0 and _differs(orders, works, r, shapes) for r in references)
    return PlannedLayer(
        layer.name,
        operator,
        tuple(_tensor(r, shapes) for r in references),
        outputs,
        sizes,
        made,
        works,
        turned,
        network.framework,
        network.data_format,
        "",
        values[f"{layer.name}.params"],
    )


def _unknown(operator: Any) -> str:
    """Return what to call an operator of which the shapes are known, and not what it computes; or nothing."""
    if isinstance(operator, Opaque):
        return operator.what
    if isinstance(operator, Choice):
        return "a choice that is still open"
    plain = Identity()
    if not isinstance(operator, Identity) or operator == plain:
        return ""
    given = {name: getattr(operator, name) for name in operator.parameters()}
    stated = ", ".join(f"{name}={value}" for name, value in given.items() if value != getattr(plain, name))
    return f"an identity with {stated}"


def _differs(orders: Mapping[str, DataFormat], own: DataFormat, reference: str, shapes: Mapping[str, Sizes]) -> bool:
    return orders[reference] != own and len(shapes[reference]) > 1


def _order(
    network: Network,
    own: DataFormat,
    operator: Any,
    references: tuple[str, ...],
    sizes: tuple[Sizes, ...],
    made: tuple[Sizes, ...],
    orders: Mapping[str, DataFormat],
) -> DataFormat:
    """Return the order of axes in which an operator works: its own if it needs one, or else its first input's."""
    kind = operator.kind
    if kind == "input":
        return own
    if kind == "constant":
        return network.data_format
    present = orders[references[0]] if len(sizes[0]) > 1 else own
    if operator.any_order(sizes, made):
        return present
    return network.data_format if operator.written else own


def _sized_like(layer: Layer, shapes: Mapping[str, Sizes]) -> tuple[Any, tuple[str, ...]]:
    """Return an operator that takes its size from another tensor's dimensions with that tensor as its second input."""
    operator = layer.operator
    wished = getattr(operator, "size", None)
    if not isinstance(operator, (Upsample, CenterCrop)) or not isinstance(wished, tuple) or len(layer.inputs) != 1:
        return operator, layer.inputs
    names = [size.name for size in wished if isinstance(size, Var) and size.domain is None]
    sources = {name.rpartition(".")[0] for name in names}
    if len(names) == len(wished) and len(sources) == 1:
        source = sources.pop()
        axes = axis_names(len(shapes[source]))[1:] if source in shapes else ()
        if tensor_layer(source) != layer.name and [name.rpartition(".")[2] for name in names] == list(axes):
            return dataclasses.replace(operator, size=None), (*layer.inputs, source)
    return operator, layer.inputs
