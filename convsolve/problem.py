"""Problems: a network, requirements on it, and objectives; and the names that requirements may use."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from .dims import Cond, Condition, Dim, Domain, Var, all_of, bounds, product, total, variables, where
from .dims.grammar import Several, Value, parse_condition, parse_dim
from .errors import ExpressionError, NetworkError
from .lints import SENSIBLE, demanded, known_codes
from .network import Layer, Network, tensor_layer
from .network.costs import DERIVED
from .network.receptive_field import receptive_field
from .network.trace import COSTS, Definition, Requirement, Trace, trace
from .operators import Choice, axis_names
from .rules import PROBLEM
from .support.arguments import must_fit
from .support.notebook_display import Shown
from .support.suggestions import known_word, listed, nearest, quoted

__all__ = ["WARNINGS", "Objective", "Problem", "ProblemTrace", "Scope", "as_problem", "trace_problem"]


_COSTS = (*COSTS, *DERIVED)

WARNINGS = "warnings"
"""How many warnings of lints a network gives: a name that requirements and objectives may use."""


@dataclass(frozen=True)
class Objective:
    """What to make as small or as large as possible.

    Raises:
        NetworkError: the sense is neither "minimize" nor "maximize".

    >>> print(Objective("maximize", "receptive_field.height"))
    maximize receptive_field.height
    """

    sense: Literal["minimize", "maximize"]
    text: str

    def __post_init__(self) -> None:
        known_word("sense", self.sense, ("minimize", "maximize"))
        if not isinstance(self.text, str):
            raise NetworkError(f"an objective is an expression such as 'macs', got {quoted(self.text)}")

    def __str__(self) -> str:
        return f"{self.sense} {self.text}"


@dataclass(frozen=True)
class Problem(Shown):
    """A network, requirements on it as texts, and objectives, most important first.

    Requirements may speak of ``output``, ``input``, layers (``conv1.height``, ``conv1.kernel_size``,
    ``conv1.macs``), costs (``params``, ``macs``, ``activations``, ``receptive_field``) and holes (``$k``).
    ``pareto`` names two or three expressions whose trade-off is of interest (all minimised). ``for_all`` gives
    ranges of input sizes by axis: every requirement has to hold for each of them.
    ``expect`` is what the problem's author knows of its answer; tests hold it. ``sensible`` are codes of lints
    (:data:`convsolve.lints.SENSIBLE`: all warnings) that a solution must not break.
    """

    network: Network
    requirements: tuple[str, ...] = ()
    objectives: tuple[Objective, ...] = ()
    pareto: tuple[str, ...] = ()
    description: str = ""
    expect: Mapping[str, Any] = field(default_factory=dict)
    for_all: Mapping[str, Domain] = field(default_factory=dict)
    sensible: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.network, Network):
            raise NetworkError(f"a problem is made of a Network, got {quoted(self.network)}")
        must_fit("sensible", "Iterable[str]", self.sensible)
        must_fit("description", "str", self.description)
        must_fit("expect", "Mapping[str, Any]", self.expect)
        must_fit("for_all", "Mapping[str, Any]", self.for_all)
        object.__setattr__(self, "sensible", known_codes(self.sensible))
        for name, kind, example in (("requirements", str, "params <= 100_000"), ("pareto", str, "macs"),
                                    ("objectives", Objective, 'Objective("minimize", "macs")')):  # fmt: skip
            given = getattr(self, name)
            written = f"[{example if kind is Objective else repr(example)}]"
            entries = listed(name, given, written)
            if not all(isinstance(entry, kind) for entry in entries):
                raise NetworkError(f"{name} takes a list such as {written}, got {quoted(given)}")
            object.__setattr__(self, name, entries)

    def __str__(self) -> str:
        """Return the layers, one a line, what is required, and what is best."""
        required = [f"require {text}" for text in self.requirements]
        return "\n".join([str(self.network), *required, *map(str, self.objectives)])

    def __repr__(self) -> str:
        said = [f"{len(self.network.holes)} open", f"{len(self.requirements)} required", *map(str, self.objectives)]
        return f"<Problem: {self.network!r}, {', '.join(said)}>"


def as_problem(network: Network | Problem) -> Problem:
    """Return a network as a problem without requirements of its own; a problem as it is.

    Raises:
        NetworkError: it is neither.
    """
    if isinstance(network, Problem):
        return network
    if isinstance(network, Network):
        return Problem(network)
    if isinstance(network, type):
        raise NetworkError(f"wanted a network, got the class {network.__name__}: make it, {network.__name__}(...)")
    kinds = {kind.__module__.partition(".")[0] for kind in type(network).__mro__}
    readers = [f"read it with convsolve.from_{kind}" for kind in ("torch", "keras", "onnx") if kind in kinds]
    advice = readers[0] if readers else "convsolve.load reads one from a file, convsolve.parse from a text"
    raise NetworkError(f"wanted a Network or a Problem, got {type(network).__name__}: {advice}")


@dataclass(frozen=True)
class ProblemTrace:
    """The trace of a problem: that of its network, with the problem's requirements and objectives read.

    ``named`` are the holes that requirements and objectives speak of. ``forced`` names for requirements the layers,
    which might be absent, without which they cannot hold.
    """

    problem: Problem
    trace: Trace
    objectives: tuple[Dim, ...]
    named: frozenset[str] = frozenset()
    forced: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def trace_problem(problem: Problem) -> ProblemTrace:
    """Run the rules of a problem's network once and read its requirements and objectives.

    Raises:
        ExpressionError: a requirement or an objective cannot be read.
        NetworkError: an operator's parameters do not fit together.

    >>> from convsolve.files import parse
    >>> problem = parse("{input: [1, 8, 8], layers: [{conv: {out_channels: 4, kernel_size: 3 | 5}}], minimize: macs}")
    >>> trace_problem(problem).objectives
    (macs,)
    """
    traced = trace(problem.network)
    scope = Scope(traced)
    requirements = [scope.requirement(text) for text in problem.requirements]
    objectives = tuple(scope.objective(objective.text) for objective in problem.objectives)
    sensible = scope.lints(problem.sensible)
    asked = (*requirements, *sensible, *scope.demanded)
    whole = Trace(
        traced.network,
        (*traced.steps, *scope.definitions, *(r for r in asked if r.condition is not True)),
        traced.shapes,
        traced.training,
        {name: c for name, c in traced.canonical.items() if name not in scope.holes_named},
    )
    return ProblemTrace(problem, whole, objectives, frozenset(scope.holes_named), scope.forced)


class Scope:
    """The names that a requirement may use, and what they stand for in a trace."""

    def __init__(self, traced: Trace) -> None:
        self.trace = traced
        self.network: Network = traced.network
        self.definitions: list[Definition] = []
        self.demanded: list[Requirement] = []
        """What costs that are spoken of ask for: that they are known."""
        self.holes_named: set[str] = set()
        self._named = dict(traced.network.named)
        self._costs = {d.name: d.value for d in traced.definitions if d.name.rpartition(".")[2] in COSTS}
        self._defined: dict[str, Var] = {}
        self._derived: dict[str, dict[str, Dim]] = {}
        self.forced: dict[str, tuple[str, ...]] = {}
        self._whens: list[Cond] = []
        self._spoken_of: dict[str, Cond] = {}
        self._absent_counts_0 = False

    def requirement(self, text: str) -> Requirement:
        """Read a requirement; a comparison that speaks of a layer which is not present is false.

        Costs and sizes of such a layer are 0, though, alone as in sums and in the largest of several.
        """
        self._whens, self._spoken_of = [], {}
        condition = parse_condition(text, self.resolve, self._present)
        needed = set(_conjuncts(condition))
        if forced := tuple(name for name, when in self._spoken_of.items() if needed.issuperset(_conjuncts(when))):
            self.forced[text] = forced
        values = tuple((v.name, v) for v in variables(condition))
        return Requirement("", PROBLEM, condition, text=text, values=values)

    def objective(self, text: str) -> Dim:
        """Read an objective; what it takes of a layer that is not present counts 0."""
        self._absent_counts_0 = True
        try:
            return parse_dim(text, self.resolve)
        finally:
            self._absent_counts_0 = False

    def lints(self, codes: Collection[str]) -> tuple[Requirement, ...]:
        """Return what lints ask of the network's layers."""
        return tuple(demanded(self.trace, codes, define=self._define)) if codes else ()

    def _present(self, comparison: Cond) -> Cond:
        """Return that a comparison holds and every layer it speaks of is present."""
        whens, self._whens = self._whens, []
        return all_of(*whens, comparison)

    # -- names

    def resolve(self, name: str, column: int = 0) -> Value:
        """Return what a name stands for, or raise ExpressionError with the nearest names."""
        if name.startswith("$"):
            return self._hole(name[1:], name, column)
        if "*" in name:
            return self._pattern(name, column)
        if name in COSTS:
            return self._var(name)
        if name in DERIVED and name not in self.network.by_name and name not in self.network.blocks:
            return self._derived_cost(name, "", column)
        if name == WARNINGS and name not in self.network.by_name and name not in self.network.blocks:
            return self._define(name, total(where(r.condition, 0, 1) for r in self.lints(SENSIBLE)))
        if name == "receptive_field" or name.startswith(("receptive_field.", "receptive_field_stride")):
            head, _, axis = name.partition(".")
            return self._field(self.network.outputs[0], head, axis, column)
        if name == "input" or name.startswith("input."):
            inputs = self.network.inputs
            if name.split(".")[0] not in self.network.by_name and inputs:
                name = inputs[0].name + name[len("input") :]
        elif (name == "output" or name.startswith("output.")) and "output" not in self.network.by_name:
            name = self.network.outputs[0] + name[len("output") :]
        found = self._tensor(name, column)
        if found is not None:
            return found
        if name in self.network.holes:
            return self._hole(name, name, column)
        raise self._unknown(name, column)

    def _pattern(self, name: str, column: int) -> Several:
        """Resolve ``conv*.macs`` or ``body.*.stride``: of every layer of such a name, or of a block, that has one."""
        head, _, attribute = name.rpartition(".")
        block = self.network.blocks.get(head.removesuffix(".*"), ()) if head.endswith(".*") else ()
        layers = [layer for layer in self.network.ordered if not isinstance(layer.operator, Choice)]
        named = [layer for layer in layers if layer.name in block or fnmatchcase(layer.name, head)]
        if not named:
            raise ExpressionError(f"no layer is called {head!r}{nearest(head, self.network.by_name, listed=8)}", column)
        found, whens, wrong = [], [], ""
        self._absent_counts_0, before = True, self._absent_counts_0
        for layer in named:
            if layer.operator.arity == (0, 0) and attribute in _COSTS:
                continue
            try:
                value = self._attribute(layer.name, attribute, "", column)
            except ExpressionError as error:
                wrong = wrong or str(error)
                continue
            found.append(value)
            whens.append(layer.when)
        self._absent_counts_0 = before
        if not found:
            raise ExpressionError(wrong or f"no layer {head!r} has {attribute!r}", column)
        if any(isinstance(value, tuple) for value in found):
            some = f"{head}.height or {head}.{attribute}[0]"
            raise ExpressionError(f"{name} are lists: name one axis, as in {some}", column)
        return Several.of(found, whens)

    def _hole(self, name: str, written: str, column: int) -> Value:
        if name in self._named:
            value = self._named[name]
            self.holes_named.update(unknown.name for unknown in variables(value))
            return value
        if name not in self.network.holes:
            raise self._unknown(written, column)
        self.holes_named.add(name)
        return self.network.holes[name]

    def _tensor(self, name: str, column: int) -> Value | None:
        """Resolve ``layer``, ``layer.axis``, ``layer.parameter`` or ``layer.receptive_field.axis``.

        A block's costs are the sum of its layers' that are present, its shape that of the last.
        """
        head, _, attribute = name.rpartition(".")
        first_head, _, first = head.rpartition(".")
        for tensor, own, axis in ((name, "shape", ""), (head, attribute, ""), (first_head, first, attribute)):
            if tensor in self.trace.shapes or tensor in self.network.blocks:
                return self._attribute(tensor, own, axis, column)
        return None

    def _attribute(self, tensor: str, attribute: str, axis: str, column: int) -> Value:
        end = tensor if tensor in self.trace.shapes else self.network.blocks[tensor][-1]
        layer = self.network.by_name[tensor_layer(end)]
        if attribute in COSTS and not axis:
            value: Value = self._var(f"{tensor_layer(tensor)}.{attribute}")
        elif attribute in DERIVED and not axis:
            value = self._derived_cost(attribute, tensor_layer(tensor), column)
        else:
            value = self._of_layer(layer, end, attribute, axis, column)
        if layer.when is True or (attribute in _COSTS and not axis and tensor in self.network.blocks):
            return value
        nothing = attribute in (*_COSTS, "size") and not axis  # a layer that is not there costs nothing
        if self._absent_counts_0 or nothing:
            return where(layer.when, value, 0) if not isinstance(value, tuple) else value
        self._whens.append(layer.when)
        self._spoken_of[layer.name] = layer.when
        return value

    def _of_layer(self, layer: Layer, tensor: str, attribute: str, axis: str, column: int) -> Value:
        if attribute.startswith("receptive_field"):
            return self._field(tensor, attribute, axis, column)
        parameter, index = _indexed(attribute)
        if parameter in layer.operator.parameters() and attribute not in ("shape", "size") and not axis:
            return _parameter(layer, parameter, index, column)
        shape = self.trace.shapes[tensor]
        if shape is None:
            raise ExpressionError(f"{tensor} has no shape: an operator before it cannot work on its input", column)
        if attribute == "shape":
            written = self.trace.written(tensor)
            assert written is not None
            return written
        if attribute == "size":
            return self._define(f"{tensor}.size", product(shape))
        names = axis_names(len(shape))
        if attribute in names and not axis:
            return shape[names.index(attribute)]
        choices = [*names, "shape", "size", *_COSTS, "receptive_field", *layer.operator.parameters()]
        shown = f"{attribute}.{axis}" if axis else attribute
        raise ExpressionError(f"{tensor} has no {shown!r}{nearest(shown, choices, listed=8)}", column)

    def _field(self, tensor: str, attribute: str, axis: str, column: int) -> Value:
        if attribute not in ("receptive_field", "receptive_field_stride"):
            raise self._unknown(attribute, column)
        fields = receptive_field(self.trace, tensor, self._define)
        if isinstance(fields, str):
            raise ExpressionError(f"{tensor} has no receptive field: {fields}", column)
        part = 0 if attribute == "receptive_field" else 1
        values = {name: extent[part] for name, extent in fields.items()}
        if any(value is None for value in values.values()):
            raise ExpressionError(
                f"the receptive field of {tensor} has no stride: it is no whole number, or branches differ", column
            )
        if axis:
            if axis not in values:
                raise ExpressionError(f"the input has no {axis!r}{nearest(axis, values, listed=8)}", column)
            return values[axis]
        found = tuple(values.values())
        return found[0] if len(found) == 1 else found

    def _derived_cost(self, name: str, of: str, column: int) -> Dim:
        """Return a cost of a layer or of a block, or, without ``of``, of the network."""
        cost = DERIVED[name]
        if name not in self._derived:
            try:
                found = cost.of_layers(self.trace, self._define)
            except NetworkError as error:
                raise ExpressionError(str(error), column) from error
            for layer, known in (cost.known(self.trace) if cost.known is not None else {}).items():
                self.demanded.append(Requirement("", PROBLEM, known, text=f"{name} of {layer} is known"))
            self._derived[name] = {
                layer: self._define(f"{layer}.{name}" if layer else name, value) for layer, value in found.items()
            }
        values = self._derived[name]
        if not of:
            return self._define(name, cost.together(values.values()))
        if "" in values:
            raise ExpressionError(f"{name} is of the whole network, not of {of}", column)
        if of in self.network.blocks:
            members = (values[member] for member in self.network.blocks[of] if member in values)
            return self._define(f"{of}.{name}", cost.together(members))
        return values.get(of, 0)

    def _define(self, name: str, value: Dim) -> Dim:
        """Give a value of this scope a name of its own in the trace."""
        if isinstance(value, (int, Var)):
            return value
        known = self._defined.get(name)
        if known is None:
            known = self._defined[name] = Var(name, interval=bounds(value))
            self.definitions.append(Definition(name, value, ""))
        return known

    def _var(self, name: str) -> Var:
        return Var(name, interval=bounds(self._costs[name]))

    def _unknown(self, name: str, column: int) -> ExpressionError:
        names = [*_COSTS, WARNINGS, "receptive_field", "input", "output", *self.trace.shapes, *self.network.blocks]
        names = list(dict.fromkeys([*names, *(f"${hole}" for hole in [*self.network.holes, *self._named])]))
        odd = [n for n in self.network.by_name if not re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", n)]
        hint = f"; names like {odd[0]} stand in backquotes: `{odd[0]}`.size" if odd else ""
        return ExpressionError(f"there is no {name!r}{nearest(name.split('.')[0], names, listed=8)}{hint}", column)


def _conjuncts(condition: Cond) -> Iterator[Cond]:
    """Yield conditions that all hold where one does."""
    if isinstance(condition, Condition) and condition.op == "and":
        for part in condition.args:
            yield from _conjuncts(part)
    else:
        yield condition


def _indexed(name: str) -> tuple[str, int | None]:
    head, bracket, index = name.partition("[")
    return head, int(index.rstrip("]")) if bracket else None


def _parameter(layer: Layer, name: str, index: int | None, column: int) -> Value:
    value = getattr(layer.operator, name)
    if isinstance(value, tuple):
        flat = [v for entry in value for v in (entry if isinstance(entry, tuple) else (entry,))]
        if index is not None and index < len(flat):
            return flat[index]
        value = tuple(flat) if index is None else None
    if value is None and name == "stride" and hasattr(layer.operator, "kernel_size"):
        return _parameter(layer, "kernel_size", index, column)
    if isinstance(value, Condition):
        return where(value, 1, 0)
    entries = value if isinstance(value, tuple) else (value,)
    if any(isinstance(v, (str, bool)) or v is None for v in entries):
        raise ExpressionError(f"{layer.name}.{name} is {value!r}, not a number", column)
    return value
