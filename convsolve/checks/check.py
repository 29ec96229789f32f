"""Check: do the shapes of a network work out, and if not, where and why?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..dims import Expr, Var, evaluate, render
from ..errors import ExpressionError, NetworkError
from ..network import InputShapes, Network, tensor_layer
from ..network.costs import DERIVED
from ..network.latency import latency_notes
from ..network.receptive_field import receptive_field
from ..network.trace import COSTS, Definition, Requirement, Trace, run, trace
from ..problem import Problem, Scope, trace_problem
from ..rules import BRANCH, CALL_TAKEN, RANK
from ..sources import Asked, problem_of
from ..support.notebook_display import Shown
from ..support.suggestions import few
from .failures import alike, failed_requirements, requirement_message
from .inputs_tried import InputsTried, smallest_need

__all__ = ["CheckReport", "Failure", "Row", "at_shapes", "check"]

_MOST_NOTED = 3


@dataclass(frozen=True)
class Failure:
    """A requirement that does not hold, and that no earlier failure explains.

    ``needs`` gives, by axis, the smallest size of the layer's input for which the requirement holds;
    ``smallest_input`` and ``nearest_input`` are the input shapes (as written), the smallest and the nearest to
    the present one, for which the whole network works (``mends_all``) or, if no size does that, for which this
    requirement and everything before it holds. Empty where changing the size does not help, or is not known to.
    ``along`` are the axes that were changed for that, where others stay as they are.
    ``source`` is the line of the program that a recorded layer comes from.
    """

    layer: str
    requirement: str
    message: str
    code: str
    axes: tuple[str, ...] = ()
    note: str = ""
    needs: Mapping[str, int] = field(default_factory=dict)
    smallest_input: tuple[int, ...] = ()
    nearest_input: tuple[int, ...] = ()
    mends_all: bool = False
    along: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class Row:
    """One line of the table of shapes. ``shape`` is as written; what is None depends on an earlier failure."""

    layer: str
    operator: str
    formula: str
    shape: tuple[int | None, ...] | None
    params: int | None
    macs: int | None
    activations: int | None
    fails: bool


@dataclass(frozen=True)
class CheckReport(Shown):
    """What a check found. Shapes leave out the batch axis and are in the network's data format.

    ``ok`` says that every requirement holds. Where ``failures`` is empty and ``unknown`` is not, it is not known:
    an operator was met with sizes for which it was not recorded, or another branch would be taken.
    ``shapes`` holds the layers whose shapes are certain: not those behind a failure. Costs are None where
    they depend on one. ``receptive_field`` is a number for each spatial axis of the input (a plain number
    for one axis), or None where it is not defined; ``notes`` say why, and what else is worth knowing.
    """

    ok: bool
    shapes: Mapping[str, tuple[int, ...]]
    output: tuple[int, ...] | None
    params: int | None
    macs: int | None
    activations: int | None
    receptive_field: tuple[int, ...] | int | None
    failures: tuple[Failure, ...]
    unknown: tuple[Failure, ...] = ()
    rows: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    network: Network | None = field(default=None, compare=False, repr=False)
    """The network that was checked, with the input that it was checked for."""

    def costs(self) -> dict[str, int]:
        """Return the costs that follow from sizes (``flops``, ``peak_memory`` ...) by name.

        Empty unless ``ok``; without those that are not known for this network, such as the best of too many orders.

        >>> from convsolve.files import parse
        >>> report = check(parse("{input: [1, 8], layers: [{conv: {out_channels: 4, kernel_size: 3}}, relu]}"))
        >>> report.costs()["peak_memory"]
        48
        """
        if self.network is None or not self.ok:
            return {}
        scope = Scope(trace(self.network))
        known, demands = {}, {}
        for name in DERIVED:
            with suppress(ExpressionError):
                known[name] = scope.resolve(name)
            demands[name] = [demand.condition for demand in scope.demanded]
            scope.demanded.clear()
        values = run(dataclasses.replace(scope.trace, steps=(*scope.trace.steps, *scope.definitions)), {})
        return {name: evaluate(value, values) for name, value in known.items() if isinstance(value, (int, Expr, Var))
                and all(evaluate(condition, values) for condition in demands[name])}  # fmt: skip

    def __str__(self) -> str:
        """Return the table of shapes, the costs, the findings and the verdict."""
        from .text import report_lines

        return "\n".join(report_lines(self))

    def __repr__(self) -> str:
        from .text import verdict

        return f"<CheckReport of {len(self.rows)} layers: {verdict(self)}>"


def check(network: Asked, input_shape: InputShapes | None = None) -> CheckReport:
    """Check a network without holes: every shape, every requirement, every cost.

    Args:
        network: a network, a module or a file's name, or a problem, whose requirements are then checked, too.
        input_shape: the input's shape without the batch axis, in the network's data format, in place of
            the one that the network states; of several inputs a list of shapes, or a mapping from their names.
            Where a network that was recorded from a program is not known for it (another branch would be taken),
            the program is recorded again.

    Raises:
        NetworkError: the network has holes, or operators' parameters do not fit together.

    >>> from convsolve.files import parse
    >>> report = check(parse('''
    ... input: [1, 5, 5]
    ... layers:
    ...   - max_pool: {kernel_size: 2}
    ...   - conv: {out_channels: 8, kernel_size: 3}
    ... '''))
    >>> report.ok, report.failures[0].layer, report.failures[0].needs
    (False, 'conv1', {'height': 3, 'width': 3})
    """
    problem = problem_of(network, input_shape)
    net = problem.network
    notes = []
    if input_shape is not None:
        stated, net = net, net.with_shapes(input_shape)
        notes = _outside(stated, net)
    domains = {name: unknown.domain for name, unknown in net.holes.items()}
    net = net.assign({name: d.lower for name, d in domains.items() if d is not None and d.size == 1})
    if net.holes:
        some = few(net.holes)
        advice = "give the input a shape" if net.holes.keys() <= net.input_holes else "let synth find values for them"
        raise NetworkError(f"the network has open parameters ({some}): {advice}")
    report = _report(Problem(net, problem.requirements, sensible=problem.sensible), notes)
    if report.unknown and input_shape is not None and net.record is not None:
        asked = Problem(net.record(*_stated(net)), problem.requirements, sensible=problem.sensible)
        return _report(asked, notes)
    return report


def at_shapes(problem: Problem, given: InputShapes) -> Problem:
    """Return a problem for other shapes of its inputs.

    Where a program that was recorded does something else for them, it is recorded again.
    """
    network = problem.network.with_shapes(given)
    if network.record is not None and not network.holes:
        traced = trace(network)
        failed, _ = failed_requirements(traced, run(traced, {}))
        if any(not r.rule.decides for r in failed):
            network = network.record(*_stated(network))
    return dataclasses.replace(problem, network=network)


def _stated(network: Network) -> list[tuple[int, ...]]:
    return list(network.input_shapes.values())


def _outside(network: Network, asked: Network) -> list[str]:
    """Return a note where an input's shape lies outside what the network states."""
    for stated, given in zip(network.inputs, asked.inputs, strict=True):
        for wanted, size in zip(stated.operator.shape, given.operator.shape, strict=True):  # type: ignore[attr-defined]
            domain = wanted.domain if isinstance(wanted, Var) else None
            if domain is not None and not isinstance(size, Var) and size not in domain:
                return [f"the file asks for an input size within {domain}, which {size} is not"]
    return []


def _report(problem: Problem, remarks: Sequence[str]) -> CheckReport:
    traced = trace_problem(problem).trace
    values = run(traced, {})
    failed, poisoned = failed_requirements(traced, values)
    rows = tuple(_rows(traced, values, {r.layer for r in failed if r.rule.decides}, poisoned))
    shapes = {row.layer: row.shape for row in rows if row.shape is not None and None not in row.shape and not row.fails}
    found = list(_explained(traced, values, failed))
    undecided = {r.rule.code for r in failed if not r.rule.decides}
    failures = tuple(f for f in found if f.code not in undecided)
    unknown = tuple(f for f in found if f.code in undecided)
    costs = {cost: values[cost] if cost not in poisoned else None for cost in COSTS}
    unshaped = any(shape is None for shape in traced.shapes.values())
    field_value, notes = _receptive_field(traced, values)
    notes = [*remarks, *notes]
    notes += _recorded(traced.network)
    notes += latency_notes(traced, values) if traced.network.latency is not None else ()
    output = _sizes(traced, values, traced.network.outputs[0], poisoned)
    certain = output is not None and None not in output and tensor_layer(traced.network.outputs[0]) in shapes
    if not failed:
        head = f"in training with a batch of {traced.network.batch_size},"
        broken = [r for r in traced.training if not evaluate(r.condition, values)]
        notes += [f"{head} {r.layer} would fail: {requirement_message(r, values, [])}" for r in broken]
    return CheckReport(
        ok=not found,
        shapes=shapes,  # type: ignore[arg-type]
        output=output if certain else None,  # type: ignore[arg-type]
        params=None if unshaped else costs["params"],
        macs=None if unshaped else costs["macs"],
        activations=None if unshaped else costs["activations"],
        receptive_field=field_value if not found else None,
        failures=failures,
        unknown=unknown,
        rows=rows,
        notes=tuple(notes),
        network=traced.network,
    )


def rows_with(problem: Problem, values: Mapping[str, int]) -> tuple[Row, ...]:
    """Return what every layer does where the open parameters have these values; one that is left out has a row, too.

    >>> from convsolve.files import parse
    >>> problem = parse("{input: [1, 8, 8], layers: [{conv: {name: c, out_channels: 4, kernel_size: 3 | 5}}]}")
    >>> [row.shape for row in rows_with(problem, {"c.kernel_size": 5})]
    [(1, 8, 8), (4, 4, 4)]
    """
    traced = trace_problem(problem).trace
    known = run(traced, values)
    failed, poisoned = failed_requirements(traced, known)
    return tuple(_rows(traced, known, {r.layer for r in failed if r.rule.decides}, poisoned))


def _recorded(network: Network) -> list[str]:
    """Return what is to be known of a network that was recorded from a program: where it is valid."""
    notes = []
    if network.known_up_to:
        notes.append(f"known up to {network.known_up_to}, where building it ended: what comes after is not known")
    elif network.guards:
        shown = [f"{render(g.condition)}{f' ({g.source})' if g.source else ''}" for g in network.guards[:_MOST_NOTED]]
        notes.append(f"valid where the program takes the branches that were recorded: {_listed(network.guards, shown)}")
    if network.only_in_training and not network.training:
        shown = list(network.only_in_training[:_MOST_NOTED])
        listed = _listed(network.only_in_training, shown)
        notes.append(f"in training the program does something else, which this says nothing of: {listed}")
    opaque = [layer for layer in network.layers if layer.operator.kind == "opaque" and layer.operator.outputs]  # type: ignore[attr-defined]
    if opaque:
        shown = [f"{layer.name} ({layer.operator.what})" for layer in opaque[:_MOST_NOTED]]  # type: ignore[attr-defined]
        notes.append(f"known only for the sizes that were recorded: {_listed(opaque, shown)}")
    return notes


def _listed(found: Sequence[object], shown: Sequence[str]) -> str:
    more = len(found) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more else "")


def _rows(traced: Trace, values: Mapping[str, int], failing: set[str], poisoned: set[str]) -> Iterable[Row]:
    definitions: dict[str, list[Definition]] = {}
    for definition in traced.definitions:
        definitions.setdefault(definition.layer, []).append(definition)
    for layer in traced.network.ordered:
        own = definitions.get(layer.name, [])
        fails = layer.name in failing
        shown = _sizes(traced, values, layer.name, set() if fails else poisoned)
        sizes = [d for d in own if d.name.rpartition(".")[2] not in COSTS]
        formula = _formula(sizes, values) if not any(d.name in poisoned for d in sizes) or fails else ""
        costs = (f"{layer.name}.{cost}" for cost in COSTS)
        params, macs, activations = (values.get(cost) if cost not in poisoned else None for cost in costs)
        yield Row(layer.name, layer.operator.kind, formula, shown, params, macs, activations, fails)


def _sizes(traced: Trace, values: Mapping[str, int], tensor: str, poisoned: set[str]) -> tuple[int | None, ...] | None:
    """Return a tensor's sizes as written, None for each that a failure has spoilt."""
    shape = traced.written(tensor)
    if shape is None:
        return None
    return tuple(None if v.name in poisoned else values[v.name] for v in shape if isinstance(v, Var))


def _formula(sizes: Sequence[Definition], values: Mapping[str, int]) -> str:
    """Return the shape formula with the numbers in it, once where all axes agree."""
    texts: dict[str, list[str]] = {}
    for definition in sizes:
        if definition.computed:
            text = f"{render(definition.value, values)} = {values[definition.name]}"
            texts.setdefault(text, []).append(definition.name.rpartition(".")[2])
    if len(texts) == 1:
        return next(iter(texts))
    return ", ".join(f"{'/'.join(axes)}: {text}" for text, axes in texts.items())


def _receptive_field(traced: Trace, values: Mapping[str, int]) -> tuple[tuple[int, ...] | int | None, list[str]]:
    known = dict(values)

    def define(name: str, value: Any) -> Any:
        known[name] = evaluate(value, known)
        return known[name]

    if any(shape is None for shape in traced.shapes.values()):
        return None, []
    fields = receptive_field(traced, traced.network.outputs[0], define)
    if isinstance(fields, str):
        return None, [f"no receptive field: {fields}"] if "stride" in fields else []
    found = tuple(evaluate(extent, known) for extent, _ in fields.values())
    return (found[0] if len(found) == 1 else found), []


def _explained(traced: Trace, values: Mapping[str, int], failed: Sequence[Requirement]) -> Iterable[Failure]:
    """Yield the failures, those of one rule and one layer with the same numbers as one."""
    tried = InputsTried.of(traced)
    for group in alike(failed, values):
        first = group[0]
        axes = [r.axis for r in group if r.axis]
        needs = {}
        for r in group:
            needed = smallest_need(r, values)
            if needed is not None and r.axis:
                needs[r.axis] = needed
        smallest, nearest, mends_all, along = tried.inputs(group)
        yield Failure(
            layer=first.layer,
            requirement=first.rule.demand if first.layer else first.text,
            message=requirement_message(first, values, axes),
            code=first.rule.code,
            axes=tuple(axes),
            note="" if first.rule in (RANK, CALL_TAKEN, BRANCH) else first.note,
            needs=needs,
            smallest_input=smallest,
            nearest_input=nearest,
            mends_all=mends_all,
            along=along,
            source=traced.network.by_name[first.layer].source if first.layer else "",
        )
