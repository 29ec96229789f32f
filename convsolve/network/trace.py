"""The trace: the straight-line program that the rules of a network write when they are run once.

Every dimension of every tensor gets a name and a definition (``conv1.height := (input.height - 3)//1 + 1``),
every requirement its condition, every layer its costs. Expressions stay one layer deep, so nothing here
or in a reader recurses over the depth of a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..dims import (
    Cond,
    Dim,
    Expr,
    Var,
    all_of,
    any_of,
    bounds,
    eq,
    evaluate,
    evaluate_arrays,
    negation,
    product,
    render,
    total,
    variables,
    where,
)
from ..errors import ConvsolveError, NetworkError, RankError, ShapelessError
from ..operators import Operator, Rule, Shape, Site, axis_names
from ..operators.base import DataFormat, Framework, to_canonical, to_written
from ..rules import BRANCH, CALL_TAKEN, RANK, REFUSAL, SIZE_IN_WORD
from .network import Layer, Network, tensor_layer

__all__ = [
    "COSTS",
    "Definition",
    "Requirement",
    "Trace",
    "apply_rule",
    "learned_by",
    "run",
    "run_arrays",
    "to_canonical",
    "to_written",
    "trace",
]

COSTS = ("params", "macs", "activations")
"""The costs of a layer and of a network, in the order in which they are shown."""


MOST_AXES = 64
"""No framework has tensors of more axes."""

_LARGEST = 2**4096
"""Numbers beyond this one are of no network, and soon of more digits than Python prints."""


@dataclass(frozen=True)
class Definition:
    """A named value of the trace: a tensor's dimension (``conv1.height``) or a cost (``conv1.macs``)."""

    name: str
    value: Dim
    layer: str

    @property
    def computed(self) -> bool:
        """Whether there is something to compute: not where a size is taken over, or one of several is."""
        return not _taken_over(self.value)


def _taken_over(value: Dim) -> bool:
    if isinstance(value, Expr) and value.op == "where":
        return all(map(_taken_over, value.args[1:]))
    return isinstance(value, (int, Var))


@dataclass(frozen=True)
class Requirement:
    """A named condition of one layer, or of the problem (then ``layer`` is empty and ``text`` its source)."""

    layer: str
    rule: Rule
    condition: Cond
    axis: str = ""
    note: str = ""
    text: str = ""
    values: tuple[tuple[str, Dim], ...] = ()


@dataclass(frozen=True)
class Trace:
    """What the rules of a network have written.

    ``steps`` holds definitions and requirements in the order in which they can be read; ``shapes`` the
    dimensions of each tensor in canonical order (channels first), None where an error of rank left a
    layer without a shape. ``training`` are requirements that hold only in training and are not in force;
    ``canonical`` has, by name, the conditions that fix the holes of layers which are not present.
    """

    network: Network
    steps: tuple[Definition | Requirement, ...]
    shapes: dict[str, tuple[Dim, ...] | None]
    training: tuple[Requirement, ...] = ()
    canonical: Mapping[str, Cond] = field(default_factory=dict)

    @property
    def definitions(self) -> Iterator[Definition]:
        """The definitions, in order."""
        return (s for s in self.steps if isinstance(s, Definition))

    @property
    def requirements(self) -> Iterator[Requirement]:
        """The requirements in force, in order."""
        return (s for s in self.steps if isinstance(s, Requirement))

    def needed(self, *expressions: Any) -> set[str]:
        """Return the names that some expressions depend on, directly or through definitions."""
        names = {v.name for v in variables(*expressions)}
        for definition in reversed(list(self.definitions)):
            if definition.name in names:
                names.update(v.name for v in variables(definition.value))
        return names

    def written(self, tensor: str) -> tuple[Dim, ...] | None:
        """Return a tensor's dimensions in the order of the network's data format."""
        shape = self.shapes[tensor]
        return None if shape is None else to_written(self.network.data_format, shape)


@dataclass
class _TracedRule:
    """Where one rule is run: collects its requirements."""

    framework: Framework
    data_format: DataFormat
    batch_size: int
    layer: Layer
    force_training: bool
    steps: list[Any] = field(default_factory=list)
    training: list[Requirement] = field(default_factory=list)

    def require(
        self, rule: Rule, condition: Cond, *, axis: str = "", note: str = "", training: bool = False, **values: Dim
    ) -> None:
        if self.layer.when is not True:
            condition = any_of(negation(self.layer.when), condition)
        if condition is True:
            return
        requirement = Requirement(self.layer.name, rule, condition, axis, note, values=tuple(values.items()))
        (self.training if training and not self.force_training else self.steps).append(requirement)


_LARGEST_SIZE = 2**63 - 1

_LATEST: list[Trace] = []
"""The trace that was made last: reading a problem, solving it and checking the answer ask for the same one."""


def trace(network: Network) -> Trace:
    """Run every layer's rule once, in topological order, and return what they wrote.

    Raises:
        NetworkError: an operator's parameters do not fit together (not: a shape that does not work out).

    >>> from convsolve.network import Layer, Network
    >>> from convsolve.operators import Conv, Input
    >>> t = trace(Network((Layer("x", Input(shape=(3, 32, 32))),
    ...                    Layer("conv1", Conv(out_channels=8, kernel_size=5, stride=2), ("x",)))))
    >>> next(d for d in t.definitions if d.name == "conv1.height").value
    (x.height - 5)//2 + 1
    """
    if _LATEST and _LATEST[0].network is network:
        return _LATEST[0]
    steps: list[Definition | Requirement] = []
    training: list[Requirement] = []
    shapes: dict[str, tuple[Dim, ...] | None] = {}
    costs: dict[str, dict[str, Dim]] = {cost: {} for cost in COSTS}
    guards = _guards(network)
    for layer in network.ordered:
        site = _TracedRule(network.framework, network.data_format, network.batch_size, layer, network.training)
        inputs = [_shape(shapes, layer, reference) for reference in layer.inputs]
        known = [shape for shape in inputs if shape is not None]
        if len(known) < len(inputs):
            shapes[layer.name] = None
            continue
        try:
            operator = layer.operator.guarded(site)
            outputs = apply_rule(site, operator, known, layer.rank)
            _fit_into_words(site, outputs)
            named = _name_outputs(site.steps, layer.name, outputs)
            layer_costs = _costs(site, operator, known, named)
        except ShapelessError as error:
            rule, condition = RANK if isinstance(error, RankError) else CALL_TAKEN, negation(layer.when)
            steps.append(Requirement(layer.name, rule, condition, note=str(error)))
            shapes[layer.name] = None
            continue
        except ConvsolveError as error:
            raise NetworkError(f"{layer.name}: {error}", layer=layer.name) from error
        for i, shape in enumerate(named):
            shapes[f"{layer.name}[{i}]" if len(named) > 1 else layer.name] = shape
        shapes.setdefault(layer.name, named[0])
        for cost, value in zip(COSTS, layer_costs if layer.name not in network.blocks else (), strict=False):
            guarded = value if layer.when is True else where(layer.when, value, 0)
            costs[cost][layer.name] = _define(site.steps, f"{layer.name}.{cost}", guarded, layer.name)
        steps.extend(site.steps)
        training.extend(site.training)
        steps.extend(_still_fails(steps, guard) for guard in guards.get(layer.name, ()))
    for output in network.outputs:
        if output not in shapes:
            layer = network.by_name[tensor_layer(output)]
            raise NetworkError(f"{output!r} is not an output of {layer.name}", layer=layer.name)
    if network.refusal:
        steps.append(Requirement("", REFUSAL, False, text=network.refusal))
    for block, members in network.blocks.items():
        for cost in COSTS:
            parts = [costs[cost][name] for name in members if name in costs[cost]]
            _define(steps, f"{block}.{cost}", total(parts), "")
    for cost in COSTS:
        _define(steps, cost, total(costs[cost].values()), "")
    _LATEST[:] = [Trace(network, tuple(steps), shapes, tuple(training), _canonical(network))]
    return _LATEST[0]


def shapes_as(
    network: Network, layer: Layer, operator: Operator, inputs: Sequence[Shape]
) -> list[tuple[int, ...]] | None:
    """Return the shapes, channels first, that a layer gives as another operator; None where something fails.

    >>> from convsolve.network import Layer, Network
    >>> from convsolve.operators import Conv, Input
    >>> net = Network((Layer("x", Input(shape=(3, 9, 9))), Layer("c", Conv(out_channels=8, kernel_size=5), ("x",))))
    >>> [shapes_as(net, net.by_name["c"], Conv(out_channels=8, kernel_size=k), [(3, 9, 9)]) for k in (3, 11)]
    [[(8, 7, 7)], None]
    """
    site = _TracedRule(network.framework, network.data_format, network.batch_size, layer, network.training)
    try:
        outputs = apply_rule(site, operator.guarded(site), inputs, layer.rank)
        _fit_into_words(site, outputs)
    except ConvsolveError:
        return None
    if not all(evaluate(step.condition, {}) for step in site.steps):
        return None
    return [tuple(evaluate(size, {}) for size in shape) for shape in outputs]


def _guards(network: Network) -> dict[str, list[Requirement]]:
    """Return the branches that were recorded as requirements, by the layer behind which they were taken."""
    place = {layer.name: i for i, layer in enumerate(network.ordered)} if network.guards else {}
    found: dict[str, list[Requirement]] = {}
    for guard in network.guards:
        sizes = list(variables(guard.condition))
        speaks_of = (place.get(tensor_layer(v.name.rpartition(".")[0]), len(place)) for v in sizes)
        last = max([place.get(guard.after, 0), *speaks_of])
        if guard.condition is not True and last < len(place):
            text = f"{render(guard.condition)}{f' ({guard.source})' if guard.source else ''}"
            values = tuple((v.name, v) for v in sizes)
            requirement = Requirement("", BRANCH, guard.condition, note=guard.fails, text=text, values=values)
            found.setdefault(network.ordered[last].name, []).append(requirement)
    return found


def _still_fails(steps: Sequence[Definition | Requirement], guard: Requirement) -> Requirement:
    """Return a guard; where it is that a layer fails, in the words of what that layer requires in the trace."""
    if not guard.note:
        return guard
    required = [s.condition for s in steps if isinstance(s, Requirement) and s.layer == guard.note and s.rule.decides]
    return replace(guard, condition=negation(all_of(*required)) if required else guard.condition)


def _shape(shapes: Mapping[str, Shape | None], layer: Layer, reference: str) -> Shape | None:
    if reference not in shapes:
        raise NetworkError(f"{layer.name}: {reference!r} is not an output of a layer", layer=layer.name)
    return shapes[reference]


def apply_rule(site: Site, operator: Operator, inputs: Sequence[Shape], rank: int | None = None) -> list[Shape]:
    """Run one operator's rule; take and return shapes in canonical order.

    Raises:
        NetworkError: an output has more axes than any framework knows.
        RankError: the operator, or the layer whose ``rank`` is given, works on another number of axes.
    """
    if rank is not None and len(inputs[0]) != rank:
        raise RankError(
            f"{operator.kind} needs {rank} {'axis' if rank == 1 else 'axes'} beside the batch, got {len(inputs[0])}"
        )
    written = operator.written
    result = operator.infer(site, *(to_written(site.data_format, s) if written else s for s in inputs))
    several = bool(result) and isinstance(result[0], tuple)
    outputs: list[Any] = list(result) if several else [result]
    most = max(map(len, outputs), default=0)
    if most > MOST_AXES:
        raise NetworkError(f"{operator.kind} makes a tensor of {most} axes: no framework has more than {MOST_AXES}")
    return [to_canonical(site.data_format, s) for s in outputs] if written else outputs


def _name_outputs(steps: list[Any], layer: str, outputs: list[Shape]) -> list[Shape]:
    named: list[Shape] = []
    for i, shape in enumerate(outputs):
        tensor = f"{layer}[{i}]" if len(outputs) > 1 else layer
        axes = zip(axis_names(len(shape)), shape, strict=True)
        named.append(tuple(_define(steps, f"{tensor}.{axis}", size, layer) for axis, size in axes))
    return named


def _fit_into_words(site: _TracedRule, shapes: list[Shape]) -> None:
    """Require of sizes, where they have an end that is so large, that frameworks can count them."""
    for shape in shapes:
        for axis, size in zip(axis_names(len(shape)), shape, strict=True):
            lowest, highest = bounds(size)
            if (highest or lowest or 0) > _LARGEST_SIZE:
                site.require(SIZE_IN_WORD, size <= _LARGEST_SIZE, axis=axis, size=size)


def _costs(site: _TracedRule, operator: Operator, inputs: list[Shape], outputs: list[Shape]) -> list[Dim]:
    """Return the costs of one layer in the order of COSTS; a choice only passes on what others computed."""
    passes_on = operator.arity == (0, 0) or operator.kind == "choice"
    elements = 0 if passes_on else total(product(shape) for shape in outputs)
    learned = 0 if site.layer.shares else learned_by(site, operator, inputs, outputs)
    return [learned, operator.macs(site, *_as_seen(site, operator, inputs, outputs)), elements]


def learned_by(site: Site, operator: Operator, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
    """Return the number of parameters that an operator learns; shapes are in canonical order."""
    return operator.params(site, *_as_seen(site, operator, inputs, outputs))


def _as_seen(site: Site, operator: Operator, *shapes: Sequence[Shape]) -> list[list[Shape]]:
    """Return shapes in canonical order as an operator sees them."""
    return [[to_written(site.data_format, s) if operator.written else s for s in group] for group in shapes]


def _define(steps: list[Any], name: str, value: Dim, layer: str) -> Var:
    steps.append(Definition(name, value, layer))
    return Var(name, interval=bounds(value))


def _canonical(network: Network) -> dict[str, Cond]:
    """Return the conditions that give the holes of absent layers their preferred values.

    Without them, one network would be found once for every value of a hole that it does not have.
    """
    present: dict[str, list[Cond]] = {}
    for layer in network.ordered:
        for unknown in layer.operator.unknowns():
            if unknown.domain is not None:
                present.setdefault(unknown.name, []).append(layer.when)
    conditions: dict[str, Cond] = {}
    for name, whens in present.items():
        unknown = network.holes[name]
        if unknown.domain is not None and True not in whens:
            preferred = next(iter(unknown.domain))
            conditions[name] = any_of(*whens, eq(unknown, preferred))
    return conditions


def run(traced: Trace, values: Mapping[str, int]) -> dict[str, int]:
    """Return the value of every name of the trace, by plain integer arithmetic.

    Args:
        traced: the trace.
        values: the holes' values by name.

    Raises:
        DimensionError: a hole has no value.
        NetworkError: a value is larger than any network's can be.

    >>> from convsolve.dims import hole
    >>> from convsolve.network import Layer, Network
    >>> from convsolve.operators import Conv, Input
    >>> conv = Conv(out_channels=8, kernel_size=hole("k", 3, 5))
    >>> t = trace(Network((Layer("x", Input(shape=(3, 32, 32))), Layer("conv1", conv, ("x",)))))
    >>> values = run(t, {"k": 5})
    >>> values["conv1.height"], values["params"]
    (28, 608)
    """
    known = dict(values)
    for definition in traced.definitions:
        value = definition.value
        found = known[definition.name] = value if isinstance(value, int) else evaluate(value, known)
        if not -_LARGEST < found < _LARGEST:
            raise NetworkError(f"{definition.name} is a number of more than 1,200 digits", layer=definition.layer)
    return known


def run_arrays(traced: Trace, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of every name of the trace for many candidates at once, as numpy arrays.

    Args:
        traced: the trace.
        columns: values for the holes, broadcast as in numpy; a tensor's dimension that is named here, such as
            ``input.height``, takes these values in place of its definition's.

    Raises:
        DimensionError: a hole has no values.

    >>> import numpy as np
    >>> from convsolve.network import Layer, Network
    >>> from convsolve.operators import Conv, Input
    >>> t = trace(Network((Layer("x", Input(shape=(3, 32, 32))),
    ...                    Layer("conv1", Conv(out_channels=8, kernel_size=5, stride=2), ("x",)))))
    >>> run_arrays(t, {"x.height": np.array([5, 32, 33])})["conv1.height"]
    array([ 1, 14, 15])
    """
    known = dict(columns)
    for definition in traced.definitions:
        if definition.name in columns:
            continue
        value = definition.value
        known[definition.name] = value if isinstance(value, int) else evaluate_arrays(value, known)
    return known
