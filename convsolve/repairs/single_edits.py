"""Single edits, all of them, whatever the size of a network: each is read from its layer on, all of a layer's at once.

What stands before a layer does not change by what the layer is. So the layer's rule is run for each of its options
with the sizes that arrive, and what comes behind is read once for all of them, as columns of numbers. A failure that
does not rest on the layer stays: only layers on which all of them rest are looked at.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..dims import Var, evaluate, evaluate_arrays
from ..network import Layer, tensor_layer
from ..network.trace import COSTS, Definition, Requirement, Trace, run_arrays, shapes_as
from ..operators import Operator
from ..problem import Problem, trace_problem
from .edits import Change
from .evaluated_network import Situation
from .search import Options

if TYPE_CHECKING:
    import numpy as np

__all__ = ["working_edits"]


def working_edits(now: Situation, options: Options, points: Sequence[Mapping[str, int]]) -> list[Change] | None:
    """Return the single edits that work at all points, cheapest first; None if more than shapes is required.

    Raises:
        ConvsolveError: the network cannot be read.
    """
    if not all(text.startswith("output.") for text in now.problem.requirements):
        return None
    traced = trace_problem(Problem(now.network, now.problem.requirements)).trace
    tried = [_Point(now, traced, point) for point in points]
    found = []
    for layer in reversed(now.network.ordered):
        own = options.get(layer.name, ())
        if own and all(point.may_mend(layer) for point in tried):
            works = [point.works(layer, [operator for operator, _ in own]) for point in tried]
            found += [change for i, (_, change) in enumerate(own) if all(w[i] for w in works)]
    return sorted(found, key=lambda change: change.weight)


class _Point:
    """A network with its numbers at one size of its inputs, to be read anew from some layer on."""

    def __init__(self, now: Situation, traced: Trace, point: Mapping[str, int]) -> None:
        import numpy as np

        self.now, self.traced = now, traced
        self.values = run_arrays(traced, {name: np.array([size]) for name, size in point.items()})
        self.behind = _behind(now.network.ordered)
        self.failing = {
            step.layer
            for step in traced.steps
            if isinstance(step, Requirement) and not bool(np.all(evaluate_arrays(step.condition, self.values)))
        }

    def may_mend(self, layer: Layer) -> bool:
        """Return whether all that fails rests on a layer, or is of the whole network."""
        return all(not name or name == layer.name or name in self.behind[layer.name] for name in self.failing)

    def works(self, layer: Layer, operators: Sequence[Operator]) -> list[bool]:
        """Return for each of some operators whether everything holds with it in the place of a layer's own."""
        import numpy as np

        shapes = [self.traced.shapes.get(reference) for reference in layer.inputs]
        old = self._outputs(layer)
        if any(shape is None for shape in shapes) or old is None:
            return [False] * len(operators)
        arriving = [tuple(int(self._number(n)) for n in shape or ()) for shape in shapes]
        columns: dict[str, list[int]] = {name: [] for names in old for name in names}
        tried = []
        for i, operator in enumerate(operators):
            found = shapes_as(self.now.network, layer, operator, arriving)
            if found is not None and [len(s) for s in found] == [len(s) for s in old]:
                tried.append(i)
                for names, sizes in zip(old, found, strict=True):
                    for name, size in zip(names, sizes, strict=True):
                        columns[name].append(size)
        holds = self._hold(layer, {name: np.array(sizes) for name, sizes in columns.items()}, len(tried))
        works = [False] * len(operators)
        for i, holding in zip(tried, holds, strict=True):
            works[i] = bool(holding)
        return works

    def _number(self, size: Any) -> Any:
        found = self.values[size.name] if isinstance(size, Var) else evaluate(size, {})
        return found if isinstance(found, int) else found.reshape(-1)[0]

    def _outputs(self, layer: Layer) -> list[list[str]] | None:
        """Return the names of the sizes of what a layer gives; None where they have none."""
        shapes = self.traced.shapes
        tensors = [t for t in shapes if "[" in t and tensor_layer(t) == layer.name] or [layer.name]
        found = [shapes[tensor] for tensor in tensors]
        if any(shape is None or not all(isinstance(n, Var) for n in shape) for shape in found):
            return None
        return [[n.name for n in shape or () if isinstance(n, Var)] for shape in found]

    def _hold(self, layer: Layer, columns: Mapping[str, np.ndarray], count: int) -> np.ndarray:
        """Return for which columns all requirements hold that rest on a layer, or are of the whole network."""
        import numpy as np

        holds = np.ones(count, dtype=bool)
        if not count:
            return holds
        behind = self.behind[layer.name]
        values: ChainMap[str, Any] = ChainMap(dict(columns), self.values)
        for step in self.traced.steps:
            if step.layer and step.layer not in behind:
                continue
            if isinstance(step, Requirement):
                holds &= np.broadcast_to(evaluate_arrays(step.condition, values), (count,)).astype(bool)
                if not holds.any():
                    break
            elif isinstance(step, Definition) and step.name.rpartition(".")[2] not in COSTS:
                value = step.value
                values[step.name] = value if isinstance(value, int) else evaluate_arrays(value, values)
        return holds


def _behind(layers: Sequence[Layer]) -> dict[str, set[str]]:
    """Return for each layer those that rest on it."""
    found: dict[str, set[str]] = {layer.name: set() for layer in layers}
    users: dict[str, set[str]] = {layer.name: set() for layer in layers}
    for layer in layers:
        for needed in layer.needs():
            if needed in users:
                users[needed].add(layer.name)
    for layer in reversed(layers):
        for user in users[layer.name]:
            found[layer.name] |= {user} | found[user]
    return found
