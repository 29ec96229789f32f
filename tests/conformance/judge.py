"""Judges our operators by what a framework executes.

A test file makes a :class:`Suite` for its framework and registers, for each operator, a function that
draws one random :class:`Case`. Draws are seeded by name, so every run sees the same cases; the
environment variable CONVSOLVE_CONFORMANCE_SCALE multiplies their number.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from convsolve.dims import evaluate, hole
from convsolve.errors import ConvsolveError, NetworkError
from convsolve.network import Layer, Network
from convsolve.network.trace import run, run_arrays, to_written, trace
from convsolve.operators import Chunk, Input, Operator, shape_of
from convsolve.operators.parameters import Padding, PerAxis, Scale, Sizes, WholeNumber

SCALE = max(1, int(os.environ.get("CONVSOLVE_CONFORMANCE_SCALE", "1")))
"""How many times the usual number of cases is drawn."""

NAMES = ("x", "y", "z")
"""The inputs, in a case's source."""

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Case:
    """One operator on inputs of known shapes (without the batch axis), and the same in a framework's words.

    ``call`` is an expression over the inputs ``x``, ``y``, ``z`` and over ``m``, which is what the
    expression ``module`` makes. What ``m`` learns is counted, too.
    """

    operator: Operator
    shapes: Shapes
    call: str = "m(x)"
    module: str = ""
    training: bool = False
    batch_size: int = 2
    data_format: Any = "channels_first"


@dataclass(frozen=True)
class Verdict:
    """The shapes of the outputs (without the batch axis), or None and why not; and the parameters learned."""

    shapes: Shapes | None
    params: int | None = None
    why: str = ""

    def __str__(self) -> str:
        if self.shapes is None:
            return f"refused: {self.why}"
        learned = "" if self.params is None else f" with {self.params} parameters"
        return f"{', '.join(map(str, self.shapes))}{learned}"


Excuse = Callable[[Case, Verdict, Verdict], bool]


def usable(shapes: Shapes, params: int | None = None) -> Verdict:
    """Return what was executed; a tensor without elements counts as a refusal."""
    empty = [s for s in shapes if any(n <= 0 for n in s)]
    return Verdict(None, why=f"nothing is left: {empty[0]}") if empty else Verdict(shapes, params)


def ours(operator: Operator, *shapes: tuple[int, ...], framework: Any = "torch", **network: Any) -> Shapes | None:
    """Return the shapes of the outputs by our rule, as written; None where a requirement fails."""
    return _read(operator, {}, shapes, framework=framework, **network).shapes


def _read(operator: Operator, values: dict[str, int], shapes: Shapes, **network: Any) -> Verdict:
    """Run our rule with these values for the unknowns among the operator's parameters."""
    inputs = [Layer(f"input{i}", Input(shape=s)) for i, s in enumerate(shapes)]
    layers = (*inputs, Layer("op", operator, tuple(layer.name for layer in inputs)))
    try:
        traced = trace(Network(layers, **network))
    except NetworkError as error:
        return Verdict(None, why=str(error))
    known = run(traced, values)
    if values:
        columns = run_arrays(traced, {name: np.array([value, value + 1]) for name, value in values.items()})
        for definition in traced.definitions:
            first = np.broadcast_to(columns[definition.name], 2)[0]
            assert first == known[definition.name], f"{definition.name}: array {first}"
    failed = [r for r in traced.requirements if not evaluate(r.condition, known)]
    if failed:
        return Verdict(None, why=f"{failed[0].rule.demand} {failed[0].note}".strip())
    tensors = [t for t in traced.shapes if t.startswith("op[")] or ["op"]
    written = [to_written(traced.network.data_format, traced.shapes[t] or ()) for t in tensors]
    found = tuple(tuple(evaluate(n, known) for n in shape) for shape in written)
    assert all(n >= 1 for shape in found for n in shape), f"{operator} on {shapes}: {found} is returned as valid"
    return Verdict(found, known["op.params"])


def judged(case: Case, framework: Any) -> Verdict:
    """Return our verdict on a case, and assert that the rule says the same however it is read."""
    network = {name: getattr(case, name) for name in ("data_format", "training", "batch_size")}
    network["framework"] = framework
    verdict = _read(case.operator, {}, case.shapes, **network)
    opened, values = _opened(case.operator)
    if values:
        other = _read(opened, values, case.shapes, **network)
        assert (other.shapes, other.params) == (verdict.shapes, verdict.params), (
            f"with unknown parameters: {other}, with known ones: {verdict}"
        )
    if case.data_format == "channels_first" and case.batch_size == 2 and not case.training:
        direct = _directly(case, framework)
        assert direct == verdict.shapes, f"shape_of: {direct}, traced: {verdict}"
    return verdict


_STRUCTURAL = {"axis", "axes", "start_axis", "end_axis", "order", "num_layers", "chunks"}
"""Parameters that must be known before a rule can be read."""


def _opened(operator: Operator) -> tuple[Operator, dict[str, int]]:
    """Return the operator with an unknown for each number among its parameters, and the unknowns' values."""
    values: dict[str, int] = {}

    def open_up(value: Any, minimum: int | None) -> Any:
        if isinstance(value, tuple):
            return tuple(open_up(v, minimum) for v in value)
        if type(value) is not int or value == -1 == minimum:
            return value
        name = f"hole{len(values)}"
        values[name] = value
        return hole(name, value, value + 1, value + 2)

    changes = {}
    for name, kind in operator.parameters().items():
        if isinstance(kind, (WholeNumber, PerAxis, Padding, Sizes, Scale)) and name not in _STRUCTURAL:
            changes[name] = open_up(getattr(operator, name), getattr(kind, "minimum", None))
    return dataclasses.replace(operator, **changes), values


def _directly(case: Case, framework: Any) -> Shapes | None:
    """Return what the rule gives for plain numbers, without a trace."""
    try:
        result: Any = shape_of(case.operator, *case.shapes, framework=framework)
    except ConvsolveError:
        return None
    several = isinstance(result, list) or isinstance(case.operator, Chunk)
    return tuple(result) if several else (tuple(result),)


@dataclass
class Report:
    """What came of the cases of one operator."""

    cases: int = 0
    refused: int = 0
    excused: int = 0
    disagreements: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Operation:
    draw: Callable[[Random], Case]
    cases: int
    refused: tuple[float, float]
    excused: Excuse


def _never(case: Case, verdict: Verdict, executed: Verdict) -> bool:
    return False


@dataclass
class Suite:
    """The operators of one framework: how to draw cases of each, and how to execute one."""

    framework: Any
    execute: Callable[[Case], Verdict]
    operations: dict[str, _Operation] = field(default_factory=dict)

    def operation(
        self,
        cases: int,
        *,
        refused: tuple[float, float] = (0.1, 0.7),
        excused: Excuse = _never,
    ) -> Callable[[Callable[[Random], Case]], Callable[[Random], Case]]:
        """Register a draw, the number of cases, and which share of them the framework must refuse.

        ``excused`` says in which cases we disagree on purpose, given our verdict and the framework's.
        """

        def register(draw: Callable[[Random], Case]) -> Callable[[Random], Case]:
            assert draw.__name__ not in self.operations
            self.operations[draw.__name__] = _Operation(draw, cases, refused, excused)
            return draw

        return register

    def drawn(self, name: str, scale: int = SCALE) -> Iterator[Case]:
        """Yield the cases of one operation; more of them begin with the same ones."""
        random = Random(f"{self.framework}/{name}")
        operation = self.operations[name]
        for _ in range(operation.cases * scale):
            yield operation.draw(random)

    def report(self, name: str, scale: int = SCALE) -> Report:
        """Compare our verdict with the framework's on every case of one operation."""
        report = Report()
        for case in self.drawn(name, scale):
            executed = self.execute(case)
            report.cases += 1
            report.refused += executed.shapes is None
            try:
                verdict = judged(case, self.framework)
            except AssertionError as error:
                report.disagreements.append(_reproducer(case, self.framework, f"inconsistent: {error}", executed))
                continue
            if _agree(verdict, executed):
                continue
            if self.operations[name].excused(case, verdict, executed):
                report.excused += 1
            else:
                report.disagreements.append(_reproducer(case, self.framework, verdict, executed))
        return report

    def check(self, name: str) -> None:
        """Assert that there is no disagreement, and that the cases were worth executing."""
        report = self.report(name)
        shown = "\n\n".join(report.disagreements[:4])
        assert not report.disagreements, (
            f"{name}: {len(report.disagreements)} of {report.cases} cases disagree\n\n{shown}"
        )
        least, most = self.operations[name].refused
        assert least <= report.refused / report.cases <= most, (
            f"{name}: {report.refused} of {report.cases} cases were refused, which is not in {least}..{most}"
        )


def _agree(verdict: Verdict, executed: Verdict) -> bool:
    if verdict.shapes != executed.shapes:
        return False
    return executed.params is None or verdict.params == executed.params


def _reproducer(case: Case, framework: str, verdict: object, executed: Verdict) -> str:
    """Return a disagreement as lines that can be pasted into a session."""
    settings = {f.name: getattr(case, f.name) for f in dataclasses.fields(case)}
    given = {k: settings[k] for k in ("training", "batch_size", "data_format")}
    options = "".join(f", {k}={v!r}" for k, v in given.items())
    inputs = "; ".join(f"{n} = {(case.batch_size, *s)}" for n, s in zip(NAMES, case.shapes, strict=False))
    module = f"; m = {case.module}" if case.module else ""
    return (
        f"ours({case.operator!r}, {', '.join(map(str, case.shapes))}, framework={framework!r}{options})\n"
        f"    # {verdict}\n{inputs}{module}; {case.call}\n    # {executed}"
    )


# What draws are made of.


def sizes(r: Random, rank: int, low: int = 1, high: int = 14) -> tuple[int, ...]:
    """Draw spatial sizes; with more axes, smaller ones."""
    return tuple(r.randint(low, min(high, low + 16 // rank)) for _ in range(rank))


def each(r: Random, rank: int, *values: Any) -> Any:
    """Draw one value for all axes, or one for each."""
    if r.random() < 0.4:
        return r.choice(values)
    return tuple(r.choice(values) for _ in range(rank))


def spread(value: Any, rank: int) -> tuple[Any, ...]:
    """Return one value for each axis."""
    return value if isinstance(value, tuple) else (value,) * rank


def multiple(r: Random, of: int, high: int = 6) -> int:
    """Draw a number of channels, most often a multiple of a number of groups."""
    return of * r.randint(1, max(1, high // of)) if r.random() < 0.85 else r.randint(1, high)


def near(r: Random, value: int, low: int = 1) -> int:
    """Draw a number that is most often the given one, sometimes just beside it."""
    return value if r.random() < 0.9 else max(low, value + r.choice((-1, 1)))


def drawn_equation(r: Random) -> tuple[str, Shapes]:
    """Return an equation of sums of products without the batch axis, and shapes that it mostly fits."""
    known = {label: r.randint(1, 4) for label in "abcd"}
    given = ["".join(r.sample("abcd", r.randint(1, 3))) for _ in range(r.choice((1, 2, 2, 2, 3)))]
    result = "".join(r.sample(sorted(set("".join(given))), r.randint(1, len(set("".join(given))))))
    shapes = [tuple(1 if r.random() < 0.06 else known[label] + (r.random() < 0.2) for label in labels)
              for labels in given]  # fmt: skip
    return f"{','.join(given)}->{result}", tuple(shapes)


def batched_equation(equation: str) -> str:
    """Return an equation with a letter for the batch axis in front of every tensor's."""
    given, _, result = equation.partition("->")
    return f"{','.join(f'z{labels}' for labels in given.split(','))}->z{result}"
