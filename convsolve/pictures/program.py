"""The trace as a JavaScript program: a page computes every shape, for any input size, from the rules' own expressions.

Numbers are BigInt, so that they are exact; ``div`` and ``mod`` round down as Python's ``//`` and ``%`` do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..checks.failures import requirement_message
from ..dims import Var, variables
from ..dims.expr import fold
from ..dims.render import template
from ..network.trace import COSTS, Definition, Requirement, Trace, to_written
from ..problem import trace_problem
from ..rules import BRANCH, CALL_TAKEN, RANK, REFUSAL
from ..sizes.open_inputs import OpenInputs

__all__ = ["JAVASCRIPT", "PageProgram", "javascript", "program_of"]


def _infix(symbol: str) -> Callable[[list[str]], str]:
    return lambda a: f"({symbol.join(a)})"


def _call(name: str) -> Callable[[list[str]], str]:
    return lambda a: f"{name}({','.join(a)})"


JAVASCRIPT: dict[str, Callable[[list[str]], str]] = {
    "add": _infix("+"),
    "sub": _infix("-"),
    "mul": _infix("*"),
    "floordiv": _call("div"),
    "mod": _call("mod"),
    "min": _call("min"),
    "max": _call("max"),
    "where": lambda a: f"({a[0]}?{a[1]}:{a[2]})",
    "eq": _infix("==="),
    "lt": _infix("<"),
    "le": _infix("<="),
    "and": _infix("&&"),
    "or": _infix("||"),
    "not": lambda a: f"(!{a[0]})",
}


def javascript(x: Any, place: Callable[[str], str]) -> str:
    """Return an expression in JavaScript; ``place`` says where the value of an unknown is found.

    >>> from convsolve.dims import hole
    >>> javascript((hole("n", 28) - 5) // 2 + 1, lambda name: name)
    '(div((n-5n),2n)+1n)'
    """

    def leaf(a: Any) -> str:
        if isinstance(a, Var):
            return place(a.name)
        return str(a).lower() if isinstance(a, bool) else f"{a}n" if a >= 0 else f"({a}n)"

    text: str = fold(x, JAVASCRIPT, leaf)
    return text


@dataclass(frozen=True)
class PageProgram:
    """A trace in JavaScript, and what a page has to know of it.

    ``code`` is an object with ``run(v)``, which fills in a list of values of which the open sizes and parameters are
    there, ``holds``, a list of functions, one for each requirement, ``said``, functions for the values that a failure
    shows, ``present``, those that say whether a layer is there, and ``goals``, the objectives.
    ``data`` says, in plain data, which place of the list is what. Its ``steps`` are those of the trace: for a
    definition the places that it needs, its layer, its place; for a requirement the places that it needs, its layer,
    its rule (code, text, decides, poisons), its axis, and the numbers of its functions. ``region`` is what a page
    knows of valid sizes, in closed form.
    """

    code: str
    data: Mapping[str, Any]


def program_of(opened: OpenInputs, region: str = "null") -> PageProgram:
    """Return the program of a problem whose input sizes are open, and whatever else of it is."""
    problem_trace = trace_problem(opened.problem)
    traced = problem_trace.trace
    holes = [name for name in traced.network.holes if name not in opened.unknowns]
    place = {name: i for i, name in enumerate((*opened.unknowns, *holes))}
    layers = {layer.name: i for i, layer in enumerate(traced.network.ordered)}
    lines, said, holds = [], list[str](), list[str]()
    steps: list[list[Any]] = []
    rules: dict[tuple[Any, ...], int] = {}
    for step in traced.steps:
        if isinstance(step, Definition):
            lines.append(f"v[{len(place)}]={_in(step.value, place)};")
            needed = _places(step.value, place)
            place[step.name] = len(place)
            steps.append([needed, layers.get(step.layer, -1), place[step.name]])
        else:
            shown = [] if step.rule in _SAID else step.values if step.layer else sorted(set(step.values), key=_name)
            rule = (step.rule.code, _text(step), step.rule.decides, step.rule.poisons)
            values = [[name, len(said) + i] for i, (name, _) in enumerate(shown)]
            needed, number = _places(step.condition, place), rules.setdefault(rule, len(rules))
            steps.append([needed, layers.get(step.layer, -1), number, step.axis, len(holds), values])
            said += [_function(value, place) for _, value in shown]
            holds.append(_function(step.condition, place))
    functions = "const run=v=>{" + "".join(lines) + "};"
    present = {layer.name: layer.when for layer in traced.network.ordered if layer.when is not True}
    tables = {
        "holds": holds, "said": said, "present": [_function(when, place) for when in present.values()],
        "goals": [_function(goal, place) for goal in problem_trace.objectives],
    }  # fmt: skip
    code = "".join(f"const {name}=[{','.join(table)}];" for name, table in tables.items())
    data = _data(traced, opened, place, layers, steps, list(rules))
    for i, name in enumerate(present):
        data["layers"][layers[name]]["when"] = i
    data["unknowns"] += holes
    data["goals"] = [f"{goal.sense} {goal.text}" for goal in opened.problem.objectives]
    names = f"run,region,{','.join(tables)}"
    return PageProgram(f"(()=>{{{functions}{code}const region={region};return {{{names}}}}})()", data)


_SAID = (RANK, BRANCH, CALL_TAKEN, REFUSAL)
"""Rules whose sentence is in the requirement itself."""


def _name(value: tuple[str, Any]) -> str:
    return value[0]


def _text(requirement: Requirement) -> str:
    """Return the sentence of a failure, without the numbers."""
    return requirement_message(replace(requirement, values=()), {}, ())


def _in(x: Any, place: Mapping[str, int]) -> str:
    return javascript(x, lambda name: f"v[{place[name]}]")


def _function(x: Any, place: Mapping[str, int]) -> str:
    return f"v=>{_in(x, place)}"


def _places(x: Any, place: Mapping[str, int]) -> list[int]:
    return [place[v.name] for v in variables(x)]


def _data(
    traced: Trace,
    opened: OpenInputs,
    place: Mapping[str, int],
    layers: Mapping[str, int],
    steps: Sequence[Any],
    rules: Sequence[Any],
) -> dict[str, Any]:
    network = traced.network
    tensors: dict[str, Any] = {}
    for tensor, shape in traced.shapes.items():
        written = None if shape is None else to_written(network.data_format, shape)
        tensors[tensor] = (
            None if written is None else [place[n.name] if isinstance(n, Var) else str(n) for n in written]
        )
    formulas: list[list[Any]] = [[] for _ in layers]
    for definition in traced.definitions:
        axis = definition.name.rpartition(".")[2]
        value = definition.value
        if axis not in COSTS and definition.layer in layers:
            text = template(value, lambda name: f"\x02{place[name]}\x03") if definition.computed else ""
            formulas[layers[definition.layer]].append([axis, text, place[definition.name]])
    return {
        "unknowns": list(opened.unknowns),
        "axes": dict(opened.axes),
        "size": len(place),
        "layers": [{
            "name": layer.name, "kind": layer.operator.kind, **({"source": layer.source} if layer.source else {}),
            "shape": tensors.get(layer.name), "formulas": formulas[i],
            "costs": [place.get(f"{layer.name}.{cost}", -1) for cost in COSTS],
        } for layer, i in zip(network.ordered, layers.values(), strict=True)],
        "tensors": {name: shape for name, shape in tensors.items() if name not in layers},
        "costs": [place[cost] for cost in COSTS],
        "inputs": [layer.name for layer in network.inputs],
        "outputs": network.outputs,
        "steps": list(steps),
        "rules": list(rules),
    }  # fmt: skip
