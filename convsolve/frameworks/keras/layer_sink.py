"""Where the layers of a recorded call go: to the graph of the recording, or nowhere, where just a shape is asked."""

from __future__ import annotations

from collections.abc import Sequence

from ...dims.normal import Polynomial
from ...operators import Operator, Shape
from ..common.builder import Building
from ..common.recording.recorded_graph import RecordedGraph
from ..common.recording.recorded_tensors import Value

__all__ = ["DrySink", "Sink"]

Forms = tuple[Polynomial, ...]


class Sink(Building):
    """Takes the layers of a call as a builder does, and gives them to a graph."""

    def __init__(self, graph: RecordedGraph) -> None:
        self.graph = graph
        self.data_format = graph.data_format
        self.shapes: dict[str, Shape | None] = {}
        self.forms: dict[str, Forms] = {}

    def know(self, ref: str, forms: Forms) -> None:
        """Remember the shape of a tensor."""
        self.forms[ref] = forms
        self.shapes[ref] = tuple(n.dim() for n in forms)

    def free_name(self, wished: str) -> str:
        """Return a layer's name that is not taken."""
        return self.graph.unique(wished)

    def add(
        self,
        name: str,
        operator: Operator,
        inputs: Sequence[str] = (),
        *,
        source: str = "",
        shares: str = "",
        rank: int | None = None,
    ) -> list[str]:
        """Add a layer, and return the tensors that it makes."""
        made = self.graph.put(name, operator, [Value(ref, self.forms[ref]) for ref in inputs], shares=shares, rank=rank)
        for ref, forms in made:
            self.know(ref, forms)
            self.graph.later_undo(lambda ref=ref: self.shapes.pop(ref, None))  # type: ignore[misc]
        return [ref for ref, _ in made]


class DrySink(Sink):
    """Computes the shapes that layers give, and adds none."""

    def add(
        self,
        name: str,
        operator: Operator,
        inputs: Sequence[str] = (),
        *,
        source: str = "",
        shares: str = "",
        rank: int | None = None,
    ) -> list[str]:
        """Compute what a layer gives."""
        made = self.graph.foretold(operator, [self.forms[ref] for ref in inputs], rank)
        refs = [f"{name}[{i}]" for i in range(len(made))] if len(made) > 1 else [name]
        for ref, forms in zip(refs, made, strict=True):
            self.know(ref, forms)
        return refs
