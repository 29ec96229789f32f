"""Source code of a Keras model: Sequential for a plain chain, the functional API for everything else."""

from __future__ import annotations

import dataclasses

from ....network import Network
from ....operators.base import to_written
from ...common.writing.data_flow import Flow, Line, is_chain, makers
from ...common.writing.identifiers import Identifiers, snake
from ...common.writing.plan import Plan, PlannedLayer, plan
from ...common.writing.source_lines import CallText, Code, Statement, literal, maps, shape_text, statement
from .phrases import say

__all__ = ["PRELUDE", "TAKEN", "KerasSource", "source", "written"]

TAKEN = frozenset({"Constant", "float", "keras", "layers", "x"})
"""What a variable cannot be called: names that the source uses."""

_CONSTANT = '''
class Constant(layers.Layer):
    """A tensor that does not depend on the input, the same for every sample."""

    def __init__(self, shape, learned, **options):
        super().__init__(**options)
        self.shape, self.learned = tuple(shape), learned

    def build(self, input_shape):
        if self.learned:
            self.value = self.add_weight(shape=self.shape, initializer="zeros")

    def call(self, x):
        value = self.value if self.learned else keras.ops.zeros(self.shape)
        return keras.ops.broadcast_to(value, (keras.ops.shape(x)[0], *self.shape))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.shape)

    def get_config(self):
        return {**super().get_config(), "shape": self.shape, "learned": self.learned}

'''


PRELUDE = f"import keras\nfrom keras import layers\n\n{_CONSTANT}"
"""Everything that lines may need before them."""


class KerasSource:
    """A network in Keras' words, layer by layer; its tensors have their channels last."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.said = {step.name: say(step) for step in plan.steps}
        self.makers = makers(plan, self.said)
        self._shared = {(maker, suffix) for (name, suffix), maker in self.makers.items() if maker != name}
        self.names = Identifiers(TAKEN)
        self._layers = Identifiers()
        for step in (*plan.inputs, *plan.steps):
            self._layers.of(step.name)
        self.flow = Flow(plan, self.said, self.names, _turned, self._apply)

    def _apply(self, step: PlannedLayer, stage: Statement) -> tuple[CallText | Code, str]:
        key = (self.makers[step.name, stage.suffix], stage.suffix)
        made = Code(self._variable(*key)) if key in self._shared else self.layer(step, stage)
        return made, stage.use.removeprefix("{m}")

    def _variable(self, maker: str, suffix: str) -> str:
        """Return the variable that holds a layer which is called several times."""
        return self.names.of(f"{maker}_{suffix}_layer" if suffix else f"{maker}_layer")

    def layer(self, step: PlannedLayer, stage: Statement) -> CallText:
        """Return the construction of a layer, with its name."""
        assert isinstance(stage.code, CallText)
        name = self._layers.of(f"{step.name}_{stage.suffix}" if stage.suffix else step.name)
        return dataclasses.replace(stage.code, options={**stage.code.options, "name": name})

    def input(self, step: PlannedLayer) -> CallText:
        """Return the construction of an input."""
        return CallText("keras.Input", (step.shape(step.made[0]),), {"name": self._layers.of(step.name)})

    def lines(self, step: PlannedLayer) -> list[Line]:
        """Return the statements of a layer."""
        made = [
            Line(self._variable(step.name, stage.suffix), self.layer(step, stage))
            for stage in self.said[step.name]
            if stage.module and (step.name, stage.suffix) in self._shared
        ]
        return [*made, *self.flow.step(step)]


def _turned(variable: str, order: str) -> Code:
    """Return a tensor with its channels in front of the spatial axes, or behind them."""
    moved = "-1, 1" if order == "channels_first" else "1, -1"
    return Code(f"keras.ops.moveaxis({variable}, {moved})")


def written(network: Network, *, strict: bool = True) -> KerasSource:
    """Return a network in Keras' words; with ``strict=False``, also one whose shapes do not work out."""
    return KerasSource(plan(network, "channels_last", strict=strict))


def source(network: Network, name: str = "Net") -> str:
    """Return the source of a function ``build_net`` (for ``name="Net"``) that returns the model.

    Raises:
        NetworkError: the network has holes or does not work, or Keras has no word for an operator.
    """
    found = written(network)
    model = snake(name)
    body = _sequential(found, model) if is_chain(found.plan, found.said) else _functional(found, model)
    text = "\n".join([f"def build_{model}() -> keras.Model:", *_doc(found), *body])
    helper = _CONSTANT if "Constant(" in text else ""
    imports = "import keras\nfrom keras import layers\n" if "layers." in helper + text else "import keras\n"
    return f"{imports}\n{helper}\n{text}\n"


def _doc(found: KerasSource) -> list[str]:
    plan = found.plan
    names = [step.name for step in plan.inputs], [output for output, _ in plan.outputs]
    ins, outs = ([to_written(plan.own, plan.shapes[name]) for name in group] for group in names)
    return maps("Map", ins, outs)


def _sequential(found: KerasSource, model: str) -> list[str]:
    lines = ["    return keras.Sequential(", "        [", *_entry(found.input(found.plan.inputs[0]), "")]
    for step in found.plan.steps:
        stages = found.said[step.name]
        for stage in stages:
            comment = shape_text(step.shape(step.made[0])) if stage is stages[-1] else ""
            lines += _entry(found.layer(step, stage), comment)
    return [*lines, "        ],", f"        name={literal(model)},", "    )"]


def _entry(call: CallText, comment: str) -> list[str]:
    return statement(12, "", call, ",", comment)


def _functional(found: KerasSource, model: str) -> list[str]:
    lines = []
    for step in found.plan.inputs:
        lines += statement(4, f"{found.flow.variables[step.name]} = ", found.input(step))
    sources = [found.flow.variables[step.name] for step in found.plan.inputs]
    if sources == ["x"]:  # the model still needs it when x is another tensor
        lines = statement(4, "inputs = x = ", found.input(found.plan.inputs[0]))
        sources = ["inputs"]
    for step in found.plan.steps:
        for line in found.lines(step):
            lines += line.lines(4)
    result = found.flow.result().text
    outputs = f"[{result}]" if len(found.plan.outputs) > 1 else result
    inputs = sources[0] if len(sources) == 1 else f"[{', '.join(sources)}]"
    model_call = CallText("keras.Model", (Code(inputs), Code(outputs)), {"name": model})
    return [*lines, *statement(4, "return ", model_call)]
