"""Which variable holds which tensor: the body of a function that runs a network's stages in order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .identifiers import Identifiers
from .plan import Plan, PlannedLayer, not_shared
from .source_lines import CallText, Chained, Code, Statement, shape_text, statement

__all__ = ["Flow", "Line", "filled", "is_chain", "makers"]


def is_chain(plan: Plan, said: Mapping[str, Sequence[Statement]]) -> bool:
    """Say whether every layer is modules that take what the layer above has made, and nothing else."""
    if len(plan.inputs) != 1 or len(plan.outputs) != 1 or plan.outputs[0][1] or not plan.steps:
        return False
    above = plan.inputs[0].name
    for step in plan.steps:
        own = not step.shares and len(step.outputs) == 1
        plain = own and all(stage.plain for stage in said[step.name])
        if step.inputs != (above,) or any(step.turned) or not plain:
            return False
        above = step.name
    return plan.outputs[0][0] == above


def makers(plan: Plan, said: Mapping[str, Sequence[Statement]]) -> dict[tuple[str, str], str]:
    """Return which layer's module each module is, by layer and suffix: its own, or that of the layer it shares with.

    Raises:
        NetworkError: a layer would need other options than the one whose parameters it uses.
    """
    found: dict[tuple[str, str], str] = {}
    for step in plan.steps:
        shared = {stage.suffix: stage.code for stage in said.get(step.shares, ()) if stage.module}
        for stage in said[step.name]:
            if not stage.module:
                continue
            same = shared.get(stage.suffix) == stage.code
            if step.shares and step.params and stage.learns and not same:
                raise not_shared(step, "which becomes another module")
            found[step.name, stage.suffix] = step.shares if same else step.name
    return found


def filled(code: CallText | Code | Chained, tensors: Mapping[str, str]) -> CallText | Code | Chained:
    """Return code with variables in place of ``{x}``, ``{0}`` ..."""

    def fill(value: Any) -> Any:
        if isinstance(value, Code):
            return Code(_put(value.text, tensors))
        return tuple(fill(v) for v in value) if isinstance(value, tuple) else value

    if isinstance(code, Code):
        return Code(_put(code.text, tensors))
    if isinstance(code, Chained):
        return Chained(tuple(_put(operand, tensors) for operand in code.operands), code.operator)
    options = {name: fill(value) for name, value in code.options.items()}
    return CallText(_put(code.head, tensors), fill(code.args), options, _put(code.tail, tensors))


def _put(text: str, tensors: Mapping[str, str]) -> str:
    for name, variable in tensors.items():
        text = text.replace("{" + name + "}", variable)
    return text


@dataclasses.dataclass(frozen=True)
class Line:
    """One statement of a function's body: ``target = code after``; ``comment`` is the shape that is made."""

    target: str
    code: CallText | Code | Chained
    after: str = ""
    comment: str = ""

    def lines(self, indent: int) -> list[str]:
        """Return it as source."""
        return statement(indent, f"{self.target} = ", self.code, self.after, self.comment)


@dataclasses.dataclass
class Flow:
    """Writes a body: tensors that only the next layer uses are called ``x``, the others after their layers.

    ``turn`` gives the code that turns a tensor into an order of axes; ``apply`` gives the code that applies a
    module of a layer, and what stands behind it.
    """

    plan: Plan
    said: Mapping[str, Sequence[Statement]]
    names: Identifiers
    turn: Callable[[str, str], Code]
    apply: Callable[[PlannedLayer, Statement], tuple[CallText | Code, str]]

    def __post_init__(self) -> None:
        uses = self.plan.uses()
        sources = [step.name for step in self.plan.inputs]
        self.variables: dict[str, str] = {}
        for name in sources:
            alone = len(sources) == 1
            wanted = "inputs" if alone and name in ("x", "input") else name
            self.variables[name] = "x" if alone and self._brief(uses, name, -1) else self.names.of(wanted)
        for place, step in enumerate(self.plan.steps):
            for tensor in step.outputs:
                brief = len(step.outputs) == 1 and self._brief(uses, tensor, place)
                self.variables[tensor] = "x" if brief else self.names.of(tensor)

    def _brief(self, uses: Mapping[str, list[int]], tensor: str, place: int) -> bool:
        return set(uses.get(tensor, [])) <= {place + 1}

    def step(self, step: PlannedLayer) -> list[Line]:
        """Return the statements of one layer."""
        lines: list[Line] = []
        tensors = {str(i): self.variables[reference] for i, reference in enumerate(step.inputs)}
        target = ", ".join(self.variables[tensor] for tensor in step.outputs)
        for i, turned in enumerate(step.turned):
            if turned:
                around = self.turn(tensors[str(i)], step.works)
                if len(step.inputs) == 1:
                    lines.append(Line("x", around))
                    tensors["0"] = "x"
                else:
                    tensors[str(i)] = around.text
        tensors["x"] = tensors.get("0", "")
        stages = self.said[step.name]
        for stage in stages:
            last = stage is stages[-1]
            code, after = self.apply(step, stage) if stage.module else (stage.code, "")
            comment = shape_text(*(step.shape(sizes) for sizes in step.made)) if last else ""
            lines.append(Line(target if last else "x", filled(code, tensors), _put(after, tensors), comment))
            tensors["x"] = "x"
        return lines

    def result(self) -> Code:
        """Return what the function returns."""
        found = []
        for reference, turned in self.plan.outputs:
            variable = self.variables[reference]
            found.append(self.turn(variable, self.plan.own).text if turned else variable)
        return Code(", ".join(found))
