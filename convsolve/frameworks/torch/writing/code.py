"""Source code of a PyTorch module: a Sequential for a plain chain, a forward function for everything else."""

from __future__ import annotations

import re

from ....network import Network
from ...common.writing.data_flow import Flow, Line, is_chain, makers
from ...common.writing.identifiers import Identifiers
from ...common.writing.plan import Plan, PlannedLayer, plan
from ...common.writing.source_lines import CallText, Code, Statement, literal, maps, shape_text, statement
from .phrases import say

__all__ = ["PRELUDE", "TAKEN", "TorchSource", "source", "written"]

TAKEN = frozenset({
    "F", "T_destination", "Tensor", "add_module", "append", "apply", "bfloat16", "buffers", "call_super_init",
    "center_crop", "children", "compile", "cpu", "cuda", "double", "dump_patches", "eval", "extend", "extra_repr",
    "float", "forward", "get_buffer", "get_extra_state", "get_parameter", "get_submodule", "half", "insert", "ipu",
    "len", "load_state_dict", "modules", "mtia", "named_buffers", "named_children", "named_modules",
    "named_parameters", "nn", "parameters", "pop", "register_backward_hook", "register_buffer",
    "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_load_state_dict_post_hook", "register_load_state_dict_pre_hook",
    "register_module", "register_parameter", "register_state_dict_post_hook", "register_state_dict_pre_hook",
    "requires_grad_", "self", "set_extra_state", "set_submodule", "share_memory", "state_dict", "super", "to",
    "to_empty", "torch", "train", "training", "type", "x", "xpu", "zero_grad",
})  # fmt: skip
"""What a layer cannot be called: attributes of ``nn.Sequential`` and names that the source uses."""

_CENTER_CROP = '''

def center_crop(x: Tensor, size: Sequence[int]) -> Tensor:
    """Cut the middle out of each spatial axis."""
    for axis, wished in enumerate(size, start=2):
        x = x.narrow(axis, (x.shape[axis] - wished) // 2, wished)
    return x
'''


PRELUDE = f"""from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
{_CENTER_CROP}"""
"""Everything that lines may need before them."""


class TorchSource:
    """A network in PyTorch's words, layer by layer: the modules that it needs, and the lines that use them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.said = {step.name: say(step) for step in plan.steps}
        self.makers = makers(plan, self.said)
        self.attributes = Identifiers(TAKEN)
        # in the chain, a module may come before the one that has its layer's name
        for step in (*plan.inputs, *plan.steps):
            self.attributes.of(step.name)
        self.flow = Flow(plan, self.said, self.attributes, _turned, self._apply)

    def _apply(self, step: PlannedLayer, stage: Statement) -> tuple[Code, str]:
        return Code(stage.use.replace("{m}", f"self.{self.attribute(step, stage)}")), ""

    def attribute(self, step: PlannedLayer, stage: Statement) -> str:
        """Return the name of a module."""
        maker = self.makers[step.name, stage.suffix]
        return self.attributes.of(f"{maker}_{stage.suffix}" if stage.suffix else maker)

    def modules(self, step: PlannedLayer) -> list[tuple[str, CallText]]:
        """Return the modules that a layer makes: name and construction."""
        stages = [stage for stage in self.said[step.name] if stage.module]
        return [
            (self.attribute(step, stage), stage.code)
            for stage in stages
            if self.makers[step.name, stage.suffix] == step.name and isinstance(stage.code, CallText)
        ]

    def lines(self, step: PlannedLayer) -> list[Line]:
        """Return the statements of a layer."""
        return self.flow.step(step)


def _turned(variable: str, order: str) -> Code:
    """Return a tensor with its channels in front of the spatial axes, or behind them."""
    return Code(f"{variable}.movedim(-1, 1)" if order == "channels_first" else f"{variable}.movedim(1, -1)")


def written(network: Network, *, strict: bool = True) -> TorchSource:
    """Return a network in PyTorch's words; with ``strict=False``, also one whose shapes do not work out."""
    return TorchSource(plan(network, "channels_first", strict=strict))


def source(network: Network, name: str = "Net") -> str:
    """Return the source of a module class, called ``name``, that can be run as it stands.

    Raises:
        NetworkError: the network has holes or does not work, or PyTorch has no word for an operator.
    """
    found = written(network)
    chain = is_chain(found.plan, found.said)
    body = _sequential(found, name) if chain else _module(found, name)
    text = "\n".join(body)
    imports = ["import torch"] if "torch." in text else []
    imports.append("from torch import Tensor, nn" if "Tensor" in text else "from torch import nn")
    if re.search(r"\bF\.", text):
        imports.append("from torch.nn import functional as F")
    head = "\n".join(imports)
    if "center_crop(" in text:
        head = f"from collections.abc import Sequence\n\n{head}\n{_CENTER_CROP}"
    return f"{head.rstrip()}\n\n\n{text}\n"


def _head(found: TorchSource, name: str, base: str) -> list[str]:
    """Return the first lines of a class, up to its modules."""
    plan = found.plan
    ins = [plan.shapes[step.name] for step in plan.inputs]
    doc = maps("Maps", ins, [plan.shapes[output] for output, _ in plan.outputs])
    return [f"class {name}({base}):", *doc, "", "    def __init__(self) -> None:", "        super().__init__()"]


def _sequential(found: TorchSource, name: str) -> list[str]:
    lines = _head(found, name, "nn.Sequential")
    for step in found.plan.steps:
        modules = found.modules(step)
        for attribute, call in modules:
            comment = shape_text(step.shape(step.made[0])) if call is modules[-1][1] else ""
            lines += statement(8, f"self.{attribute} = ", call, comment=comment)
    return lines


def _module(found: TorchSource, name: str) -> list[str]:
    lines = _head(found, name, "nn.Module")
    for step in found.plan.steps:
        for attribute, call in found.modules(step):
            lines += statement(8, f"self.{attribute} = ", call)
    variables = [found.flow.variables[step.name] for step in found.plan.inputs]
    several = len(found.plan.outputs) > 1
    returned = f"tuple[{', '.join(['Tensor'] * len(found.plan.outputs))}]" if several else "Tensor"
    parameters = tuple(Code(f"{variable}: Tensor") for variable in variables)
    signature = statement(4, "def ", CallText("forward", (Code("self"), *parameters)), f" -> {returned}:")
    lines += ["", *signature]
    for step in found.plan.steps:
        for line in found.lines(step):
            lines += line.lines(8)
    return [*lines, f"        return {literal(found.flow.result())}"]
