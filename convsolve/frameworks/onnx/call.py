"""One node of an ONNX graph as a reader of its operator sees it: inputs, attributes, and where layers go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ...dims import Cond, Condition, Dim, Expr
from ...errors import RefusedError
from ...operators import Constant, Operator
from ..common.builder import Builder
from ..common.registry import registrar
from .branch_decisions import BranchDecisions
from .values import (
    Failed,
    FailsError,
    Known,
    NotReadError,
    NotThereError,
    Tensor,
    UnreadValue,
    Value,
    depends_on_batch,
)

__all__ = ["READERS", "NodeCall", "Result", "reads"]

Result: TypeAlias = Value | Sequence[Value]

READERS: dict[str, Callable[[NodeCall], Result]] = {}
"""How each operator of ONNX is read, of which at least one input is a tensor of the network."""

reads = registrar(READERS)


@dataclass
class NodeCall:
    """A node: its operator, its inputs (None where one is left out) and attributes, in a graph being read.

    ``inside`` reads a graph that is an attribute, with what its inputs stand for, and returns its outputs.
    """

    kind: str
    name: str
    inputs: Sequence[Value | None]
    attributes: Mapping[str, Any]
    outputs: int
    opset: int
    batch: Dim
    builder: Builder
    decisions: BranchDecisions
    inside: Callable[[Any, Sequence[Value | None]], list[Value]]
    source: str = ""
    parts: int = field(default=0, init=False)

    def has(self, position: int) -> bool:
        """Return whether an input is there."""
        return position < len(self.inputs) and self.inputs[position] is not None

    def value(self, position: int) -> Tensor | Known:
        """Return an input, or raise NotReadError where it is left out or could not be read (FailsError: it fails)."""
        value = self.inputs[position] if position < len(self.inputs) else None
        if isinstance(value, Failed):
            raise FailsError(value.reference)
        if value is None:
            raise NotReadError(f"its input {position} is missing")
        if isinstance(value, UnreadValue):
            raise NotThereError(value.why)
        return value

    def tensor(self, position: int = 0, *, batch: int | None = None) -> Tensor:
        """Return an input that is a tensor of the network, with the batch on this axis, if given."""
        value = self.value(position)
        if isinstance(value, Known):
            raise NotReadError(f"its input {position} is no tensor of the network")
        if batch is not None and (value.batch != batch or value.merged):
            raise NotReadError("the batch is not the first axis")
        return value

    def known(self, position: int) -> Known:
        """Return an input that is known beforehand, such as a weight."""
        value = self.value(position)
        if isinstance(value, Tensor):
            raise NotReadError(f"its input {position} is computed by the network, not a weight")
        return value

    def numbers(self, position: int) -> list[Any]:
        """Return the values of an input that is known beforehand, as a flat list."""
        found = self.known(position)
        if found.items is None:
            raise NotReadError(f"the values of its input {position} are not known")
        return list(found.items.ravel())

    def row(self, position: int) -> list[Any]:
        """Return the values of an input that must be a list."""
        axes = len(self.known(position).shape)
        if axes != 1:
            raise RefusedError(f"its input {position} has {axes} axes: wanted a list")
        return self.numbers(position)

    def integers(self, position: int) -> list[int]:
        """Return the values of an input that must be known whole numbers."""
        return [self._integer(x) for x in self.numbers(position)]

    def _integer(self, x: Any) -> int:
        found = self.decisions.number(x, self.source) if isinstance(x, Expr) else x
        if type(found) is not int:
            raise NotReadError(f"it needs a known whole number, not {x}")
        return found

    def holds(self, condition: Cond) -> bool:
        """Return whether a condition on sizes holds; where the input decides that, this is noted."""
        return self.decisions.holds(condition, self.source)

    def condition(self, position: int) -> bool:
        """Return whether an input is true, which sizes alone must decide."""
        if isinstance(self.value(position), Tensor):
            raise NotReadError("what it does depends on values that the network computes")
        (found,) = self.numbers(position)
        if not isinstance(found, (bool, Condition)):
            raise NotReadError(f"its input {position} is no truth value")
        return self.holds(found)

    def option(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.attributes.get(name, default)

    def listed(self, name: str, position: int, default: Any = None) -> Any:
        """Return a list that older opsets have as an attribute, newer ones as an input."""
        if self.has(position):
            if len(self.known(position).shape) > 1:
                raise RefusedError(f"its {name} have the shape {list(self.known(position).shape)}: wanted a list")
            return self.integers(position)
        return self.attributes.get(name, default)

    def add(self, operator: Operator, *inputs: str, last: bool = True) -> list[str]:
        """Add a layer, the ``last`` of this node under the node's own name; return the tensors that it makes."""
        if depends_on_batch(*operator.unknowns()):
            raise NotReadError("a size depends on the size of the batch")
        if last:
            name = self.name
        else:
            self.parts += 1
            name = f"{self.name}.{self.parts}"
        made = self.builder.add(self.builder.free_name(name), operator, inputs, source=self.source)
        if self.builder.shapes[made[0]] is None:
            raise FailsError(made[0])
        return made

    def layer(self, operator: Operator, *inputs: Tensor, like: Tensor | None = None, last: bool = True) -> Tensor:
        """Add a layer with one output; the batch stays where the input ``like`` (the first) has it."""
        (made,) = self.add(operator, *(x.reference for x in inputs), last=last)
        return self.made(made, like or inputs[0])

    def made(self, reference: str, like: Tensor) -> Tensor:
        """Return a tensor just made, with the batch where another has it."""
        shape = self.builder.shapes[reference]
        assert shape is not None
        return Tensor(reference, shape, like.batch, like.merged, like.inner)

    def constant(self, known: Known, shape: Sequence[Dim]) -> str:
        """Add a constant of this shape, and return its name."""
        name = self.builder.free_name(f"{self.name}.constant")
        if 0 in shape:
            raise RefusedError(f"a constant of the shape {list(shape)} leaves nothing")
        operator = Constant(shape=tuple(shape), learned=known.learned)
        return self.builder.add(name, operator, source=self.source)[0]
