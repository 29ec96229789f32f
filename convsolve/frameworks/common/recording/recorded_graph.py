"""The network that a recording writes: layers with names, exact shapes, and parameters that are counted once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....dims import Cond, Dim, Expr, Var, evaluate, maximum
from ....dims.normal import Polynomial
from ....errors import RankError
from ....network import Layer, as_name, tensor_layer
from ....network.trace import apply_rule, learned_by
from ....operators import Constant, Input, Operator, Permute, Rule, axis_names
from ....operators.base import DataFormat, Framework, to_canonical, to_written
from .guards import BATCH_NAME, Tape
from .recorded_tensors import Unsupported, Value, WrongRank
from .symbolic_sizes import Size

__all__ = ["RecordedGraph"]

_MOST_TERMS = 6
_MOST_COMPUTED = 4
"""A size with more terms, or more operations in them, gets a name of its own."""


def _at_least_1(size: Dim) -> Dim:
    """Return what a rule has kept from falling below 1: where it does, the rule's requirement fails, too."""
    if isinstance(size, Expr) and size.op == "max" and len(size.args) == 2 and size.args[1] == 1:
        inner: Dim = size.args[0]
        return inner
    return size


@dataclass
class _RecordedRule:
    """Where a rule is run while recording: keeps the conditions that it requires."""

    framework: Framework = "torch"
    data_format: DataFormat = "channels_first"
    batch_size: int = 1
    conditions: list[Cond] = field(default_factory=list)

    def require(
        self, rule: Rule, condition: Cond, *, axis: str = "", note: str = "", training: bool = False, **values: Dim
    ) -> None:
        if not training and rule.decides:
            self.conditions.append(condition)


@dataclass
class RecordedGraph:
    """Collects layers; every change can be undone back to a mark. Shapes are as the data format writes them.

    ``required`` are the conditions of the layers since the last mark, ``apart`` has the numbers of the calls that
    must not make groups of the elements of all samples, ``regroupings`` counts those that may; ``failing`` is the
    first that fails since then, ``started`` says how many layers there were before, ``failed`` says that some layer's
    do not hold; ``uncounted`` has the number of entries of each parameter that is still to be counted, ``counted``
    the layer that has counted the others; ``learned`` says how many parameters each layer counts at the recorded
    sizes. ``turned`` has the tensors that are others in another order of axes; ``dispensable`` layers are left out
    when nothing uses them. ``parts`` has, by a parameter and a name, the layers that use a part of it; ``demanded`` is
    what each layer requires.
    """

    tape: Tape
    uncounted: dict[str, int]
    framework: Framework = "torch"
    data_format: DataFormat = "channels_first"
    training: bool = False
    layers: list[Layer] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    counted: dict[str, str] = field(default_factory=dict)
    learned: dict[str, int] = field(default_factory=dict)
    turned: dict[str, tuple[Value, tuple[int, ...]]] = field(default_factory=dict)
    parts: dict[tuple[str, str], str] = field(default_factory=dict)
    demanded: dict[str, list[Cond]] = field(default_factory=dict)
    dispensable: set[str] = field(default_factory=set)
    required: list[Cond] = field(default_factory=list)
    apart: set[int] = field(default_factory=set)
    regroupings: int = 0
    started: int = 0
    failing: str = ""
    failed: bool = False
    place: str = ""
    leaf: bool = False
    source: str = ""
    _undo: list[Callable[[], Any]] = field(default_factory=list)

    @property
    def joint(self) -> str:
        """What joins the names of modules inside of each other."""
        return "/" if self.framework == "keras" else "."

    # -- numbers

    @property
    def numbers(self) -> dict[str, int]:
        """The recorded values of all dimensions that expressions speak of."""
        return self.tape.numbers

    @property
    def batch(self) -> int:
        """The number of samples in the recorded batch."""
        return self.numbers[BATCH_NAME]

    def number(self, form: Polynomial) -> int:
        """Return the recorded value of a size."""
        total = 0
        for monomial, factor in form.terms:
            value: Any = factor
            for atom in monomial:
                value *= self.numbers[atom.name] if isinstance(atom, Var) else evaluate(atom, self.numbers)
            total += value
        return total

    def shape(self, forms: Sequence[Polynomial]) -> tuple[int, ...]:
        """Return the recorded values of sizes."""
        return tuple(map(self.number, forms))

    def sizes(self, forms: Sequence[Polynomial]) -> tuple[int, ...]:
        """Return sizes for the program: numbers that carry their expressions."""
        return tuple(Size.made(self.number(form), form, self.tape) for form in forms)

    @property
    def broken(self) -> bool:
        """Whether the requirements of some layer since the last mark do not hold at the recorded sizes."""
        return not all(map(self.holds, self.required))

    # -- undoing

    def mark(self) -> int:
        """Return a mark to which changes can be undone, and begin to collect what is required."""
        self.required = []
        self.failing = ""
        self.started = len(self.layers)
        return len(self._undo)

    def undo(self, mark: int) -> None:
        """Undo what was done since a mark."""
        while len(self._undo) > mark:
            self._undo.pop()()
        self.required = []

    def next_regrouping(self) -> int:
        """Return a number for a call that makes groups of the elements of all samples, the same in every run."""
        self.regroupings += 1
        return self.regroupings

    def later_undo(self, action: Callable[[], Any]) -> None:
        """Keep how a change is undone."""
        self._undo.append(action)

    # -- layers

    def free_name(self, function: str, parameters: Sequence[str] = ()) -> str:
        """Return a name for a layer: that of the module whose parameters it uses, or in the present module."""
        owner = parameters[0].rpartition(self.joint)[0] if parameters else ""
        if not owner.startswith(self.place) or not owner:
            owner = self.place if self.leaf else ""
        return self.unique(owner or (f"{self.place}{self.joint}{function}" if self.place else function))

    def unique(self, base: str) -> str:
        """Return a name that is not taken."""
        base = name = as_name(base)
        number = 1
        while name in self.names:
            number += 1
            name = f"{base}_{number}"
        return name

    def input(self, name: str, shape: Sequence[int]) -> Value:
        """Add an input of the network."""
        name = self.unique(name)
        names = [f"{name}.{axis}" for axis in self._axes(len(shape))]
        self.numbers.update(zip(names, shape, strict=True))
        self._append(Layer(name, Input(shape=tuple(shape))))
        return Value(name, tuple(Polynomial.of(Var(n, interval=(1, None))) for n in names))

    def constant(self, name: str, shape: Sequence[Polynomial], parameter: str = "") -> str:
        """Add a tensor that does not depend on the input, and return its name."""
        if not shape or any(self.number(n) < 1 for n in shape):
            raise Unsupported("a constant without axes or elements")
        operator = Constant(shape=tuple(n.dim() for n in shape), learned=parameter in self.uncounted)
        name = self.unique(name)
        if parameter in self.uncounted:
            self.count(parameter, name)
        self._append(Layer(name, operator, source=self.source))
        return name

    def add(
        self, function: str, operator: Operator, inputs: Sequence[Value], parameters: Sequence[str] = ()
    ) -> list[tuple[str, tuple[Polynomial, ...]]]:
        """Add a layer that uses parameters; return the names and shapes of its outputs.

        Raises:
            Unsupported: the operator does not work on that many axes.
        """
        return self.put(self.free_name(function, parameters), operator, inputs, parameters)

    def put(
        self,
        name: str,
        operator: Operator,
        inputs: Sequence[Value],
        parameters: Sequence[str] | None = None,
        *,
        shares: str = "",
        rank: int | None = None,
    ) -> list[tuple[str, tuple[Polynomial, ...]]]:
        """Add a layer under a name that is free; where it is said which parameters it uses, they say what it shares.

        Raises:
            WrongRank: the operator does not work on that many axes.
        """
        if any(value.rest is not None for value in inputs):
            raise Unsupported("a tensor without elements")
        site = _RecordedRule(self.framework, self.data_format, self.batch)
        shapes = [to_canonical(self.data_format, [n.dim() for n in value.shape]) for value in inputs]
        refs = tuple(value.ref for value in inputs)
        try:
            guarded = operator.guarded(site)
            outputs = apply_rule(site, guarded, shapes, rank)
        except RankError as error:
            raise WrongRank(str(error), Layer(name, operator, refs, source=self.source, rank=rank)) from None
        broken = not all(self.holds(c) for c in site.conditions)
        self.failing = self.failing or (name if broken else "")
        self.required += site.conditions
        self.demanded[name] = site.conditions
        if broken and not self.failed:
            self.failed = True
            self.later_undo(lambda: setattr(self, "failed", False))
        named = []
        for i, shape in enumerate(outputs):
            ref = f"{name}[{i}]" if len(outputs) > 1 else name
            sizes = zip(self._axes(len(shape)), to_written(self.data_format, shape), strict=True)
            named.append((ref, tuple(self._named(f"{ref}.{axis}", size, broken) for axis, size in sizes)))
        learned = self.number(Polynomial.of(learned_by(site, guarded, shapes, outputs)))
        if parameters is not None:
            shares = self._shares(name, parameters, learned, broken)
        self._append(Layer(name, operator, refs, source=self.source, shares=shares, rank=rank))
        self.learned[name] = 0 if shares else learned
        return named

    def demands(self, operator: Operator, inputs: Sequence[Value]) -> list[Cond]:
        """Return what a layer would require; nothing is added."""
        site = _RecordedRule(self.framework, self.data_format, self.batch)
        shapes = [to_canonical(self.data_format, [n.dim() for n in value.shape]) for value in inputs]
        apply_rule(site, operator.guarded(site), shapes)
        return site.conditions

    def holds(self, condition: Cond) -> bool:
        """Return whether a condition holds of the recorded sizes."""
        return condition if isinstance(condition, bool) else bool(evaluate(condition, self.numbers))

    def foretold(
        self, operator: Operator, inputs: Sequence[Sequence[Polynomial]], rank: int | None = None
    ) -> list[tuple[Polynomial, ...]]:
        """Return the shapes that a layer would give, at least 1 everywhere; nothing is added.

        Raises:
            Unsupported: the operator does not work on that many axes.
        """
        site = _RecordedRule(self.framework, self.data_format, self.batch)
        shapes = [to_canonical(self.data_format, [n.dim() for n in forms]) for forms in inputs]
        try:
            outputs = apply_rule(site, operator.guarded(site), shapes, rank)
        except RankError as error:
            raise Unsupported(str(error)) from None
        written = [to_written(self.data_format, shape) for shape in outputs]
        holds = all(self.holds(c) for c in site.conditions)
        return [tuple(
            self.tape.canonical(Polynomial.of(_at_least_1(n) if holds else maximum(n, 1))) for n in shape)
            for shape in written]  # fmt: skip

    def permuted(
        self, name: str, value: Value, order: Sequence[int], *, cancels: bool = False
    ) -> tuple[str, tuple[Polynomial, ...]]:
        """Add a layer that gives axes another order; return the name and shape of its output.

        Keras turns tensors to PyTorch's order and back for every function. There, and where a turn ``cancels`` out,
        turns become one with those before them, and what is turned back again is what it was.
        """
        source = value
        cancels |= self.framework == "keras"
        if cancels:
            source, before = self.turned.get(value.ref, (value, tuple(range(len(order)))))
            order = [before[i] for i in order]
            if list(order) == list(range(len(order))):
                return source.ref, source.shape
        ((ref, shape),) = self.add(name, Permute(order=tuple(order)), (source,))
        if cancels:
            self.turned[ref] = source, tuple(order)
            self.later_undo(lambda: self.turned.pop(ref, None))
            self.dispense_with(ref)
        return ref, shape

    def dispense_with(self, layer: str) -> None:
        """Let a layer be left out in the end where nothing uses it: where it fails, the program does not."""
        self.dispensable.add(layer)
        self.later_undo(lambda: self.dispensable.discard(layer))

    def prune(self, outputs: Sequence[str]) -> None:
        """Leave out the dispensable layers that nothing uses."""
        used = set(map(tensor_layer, outputs))
        for layer in reversed(self.layers[:]):
            if layer.name in self.dispensable and layer.name not in used:
                self.layers.remove(layer)
            else:
                used.update(layer.needs())

    def put_parts(
        self, parts: Sequence[tuple[str, Operator, Value]], parameters: Sequence[str]
    ) -> list[list[tuple[str, tuple[Polynomial, ...]]]]:
        """Add layers that use one part each of the same parameters; return the names and shapes of their outputs."""
        made = []
        for part, operator, value in parts:
            name, key = self.free_name(part), (parameters[0] if parameters else "", part)
            shares = self.parts.get(key, "") if parameters else name
            made.append(self.put(name, operator, (value,), shares=shares))
            if not shares:
                self.parts[key] = name
                self.later_undo(lambda key=key: self.parts.pop(key))  # type: ignore[misc]
                for parameter in parameters:
                    if parameter in self.uncounted:
                        self.count(parameter, name)
        return made

    def _axes(self, rank: int) -> tuple[str, ...]:
        """Return the names of axes as the data format writes them."""
        return to_written(self.data_format, axis_names(rank))

    def end_with(self, layer: Layer) -> None:
        """Add a layer that fails whatever comes: it gets tensors with the wrong number of axes."""
        self.failed = True
        self._append(layer)

    def as_in_torch(self, operator: Operator, inputs: Sequence[Value]) -> None:
        """Raise Unsupported where an operator of PyTorch means something else in the network's framework."""
        if self.framework == "torch":
            return
        shapes = [to_canonical(self.data_format, [n.dim() for n in value.shape]) for value in inputs]
        meanings = []
        known: tuple[Framework, Framework] = ("torch", self.framework)
        for framework in known:
            site = _RecordedRule(framework, self.data_format, self.batch)
            try:
                guarded = operator.guarded(site)
                outputs = apply_rule(site, guarded, shapes)
            except RankError as error:
                raise Unsupported(str(error)) from None
            meanings.append((outputs, site.conditions, learned_by(site, guarded, shapes, outputs)))
        if meanings[0] != meanings[1]:
            raise Unsupported(f"what {self.framework} does not know")

    def _append(self, layer: Layer) -> None:
        self.layers.append(layer)
        self.names.add(layer.name)
        self.tape.layers.append(layer.name)
        self.later_undo(lambda: self._remove(layer))

    def _remove(self, layer: Layer) -> None:
        self.layers.pop()
        self.names.discard(layer.name)
        self.tape.forget_after(len(self.tape.layers) - 1)

    def _named(self, name: str, size: Dim, broken: bool) -> Polynomial:
        """Return a size of a layer's output: as what it equals among the sizes known, or under its own name."""
        form = self.tape.canonical(Polynomial.of(_at_least_1(size)))
        computed = [atom for atom in form.atoms() if not isinstance(atom, Var)]
        clamped = broken and self.number(form) < 1
        if not clamped and len(computed) <= _MOST_COMPUTED and len(computed) != 1 and len(form.terms) <= _MOST_TERMS:
            if form not in self.tape.positive:
                self.tape.positive.add(form)
                self.later_undo(lambda: self.tape.positive.discard(form))
            return form
        own = Polynomial.of(Var(name, interval=(1, None)))
        self.numbers[name] = max(self.number(form), 1)
        if not clamped and len(computed) == 1:
            self._learn(computed[0], form, own)
        return own

    def _learn(self, atom: Expr, form: Polynomial, own: Polynomial) -> None:
        """Keep that an operation is a dimension with a name, where that dimension is it, but for a number."""
        rest = form - Polynomial.atom(atom)
        if rest.constant is not None:
            self.tape.known[atom] = own - rest
            self.later_undo(lambda: self.tape.known.pop(atom))

    # -- parameters

    def count(self, parameter: str, layer: str) -> None:
        """Keep that a layer has counted a parameter."""
        size = self.uncounted.pop(parameter)
        self.counted[parameter] = layer

        def back() -> None:
            self.uncounted[parameter] = size
            self.counted.pop(parameter)

        self.later_undo(back)

    def _shares(self, name: str, parameters: Sequence[str], learned: int, broken: bool) -> str:
        """Count a layer's parameters; return the layer that has counted them already, if one has.

        Where the operator's count is not that of the parameters which are new here, they stay uncounted, to be
        listed by themselves, and this layer counts none.
        """
        new = [p for p in dict.fromkeys(parameters) if p in self.uncounted]
        if broken or sum(self.uncounted[p] for p in new) == learned:
            for parameter in new:
                self.count(parameter, name)
            return ""
        own = [p for p in new if self.uncounted[p] == learned]
        if own:  # computed from several, such as a direction and a length: one has the shape of the weight
            self.count(own[0], name)
            return ""
        return next((self.counted[p] for p in parameters if p in self.counted), name) if learned else ""

    def attach(self, modules: Mapping[str, str]) -> None:
        """Add a constant for all parameters that no layer counts, under the outermost module that none counts.

        ``modules`` has the module of each parameter.
        """
        reached: set[str] = set()
        for parameter in self.counted:
            parts = modules[parameter].split(self.joint)
            reached.update(self.joint.join(parts[: i + 1]) for i in range(len(parts)))
        groups: dict[str, int] = {}
        for parameter, size in self.uncounted.items():
            parts = modules[parameter].split(self.joint)
            outer = (self.joint.join(parts[: i + 1]) for i in range(len(parts)) if parts[0])
            unused = next((m for m in outer if m not in reached), "")
            group = f"{unused}{self.joint}unused" if unused else parameter
            groups[group] = groups.get(group, 0) + size
        for group, size in groups.items():
            if size:
                self._append(Layer(self.unique(group), Constant(shape=(size,), learned=True)))
        self.uncounted.clear()
