"""A graph that is being written: nodes, weights and constants, each with a name that says whose they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ....errors import NetworkError
from ...common.writing.plan import Plan, PlannedLayer, not_shared

if TYPE_CHECKING:
    import numpy as np

__all__ = ["GraphWriter"]

_LARGEST = 2**31 - 2**20
"""A model in one message stays below two gibibytes, with some room for what is not weights."""


class GraphWriter:
    """Collects nodes and tensors. Tensors are called after the layers, what is learned after its layer and role."""

    def __init__(self, plan: Plan, seed: int) -> None:
        import numpy as np

        self.plan = plan
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []
        self._random = np.random.default_rng(seed)
        self._kinds = {step.name: step.operator.kind for step in plan.steps}
        self._names: set[str] = {name for step in (*plan.inputs, *plan.steps) for name in (step.name, *step.outputs)}
        self._bytes = 0
        self._learned: dict[tuple[str, str], list[tuple[str, tuple[int, ...]]]] = {}

    def name(self, wanted: str) -> str:
        """Return a name that is not used yet, as near to the wanted one as can be."""
        name, number = wanted, 2
        while name in self._names:
            name, number = f"{wanted}_{number}", number + 1
        self._names.add(name)
        return name

    def node(
        self, step: PlannedLayer, kind: str, inputs: list[str], output: str | None = None, **attributes: Any
    ) -> str:
        """Add a node with one output and return that tensor's name."""
        return self.nodes_of(step, kind, inputs, [output or self.name(f"{step.name}.{kind}")], **attributes)[0]

    def nodes_of(
        self, step: PlannedLayer, kind: str, inputs: list[str], outputs: list[str], **attributes: Any
    ) -> list[str]:
        """Add a node with several outputs and return their names."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, outputs, name=f"{step.name}/{len(self.nodes)}", **attributes))
        return outputs

    def weight(self, step: PlannedLayer, role: str, *shape: int) -> str:
        """Add something learned, filled at random within what its fan-in allows, and return its name."""

        def values() -> np.ndarray[Any, Any]:
            bound = 1 / math.sqrt(max(math.prod(shape[1:]), 1))
            return self._random.uniform(-bound, bound, shape).astype("float32")

        return self._kept(step, role, shape, values)

    def filled(self, step: PlannedLayer, role: str, value: float, *shape: int) -> str:
        """Add a tensor that has the same value everywhere, and return its name."""
        import numpy as np

        return self._kept(step, role, shape, lambda: np.full(shape, value, "float32"))

    def _kept(
        self, step: PlannedLayer, role: str, shape: tuple[int, ...], values: Callable[[], np.ndarray[Any, Any]]
    ) -> str:
        """Add a tensor that belongs to a layer, or return the one of the layer whose parameters it uses."""
        own = self._learned.setdefault((step.name, role), [])
        alike = self._kinds.get(step.shares) == step.operator.kind
        shared = [n for n, s in self._learned.get((step.shares, role), [])[len(own) :][:1] if alike and s == shape]
        if shared:
            name = shared[0]
        elif step.shares and step.params:
            raise not_shared(step, f"which has no {role} of {'x'.join(map(str, shape))}")
        else:
            self._weigh(step, math.prod(shape))
            name = self._tensor(f"{step.name}.{role}", values())
        own.append((name, shape))
        return name

    def numbers(self, step: PlannedLayer, *values: int) -> str:
        """Add whole numbers, such as axes or sizes, and return their name."""
        import numpy as np

        return self._tensor(f"{step.name}.numbers", np.array(values, "int64"))

    def index(self, step: PlannedLayer, positions: Any) -> str:
        """Add positions, one or nested lists of them, and return their name."""
        import numpy as np

        return self._tensor(f"{step.name}.index", np.array(positions, "int64"))

    def scalar(self, step: PlannedLayer, value: float | int) -> str:
        """Add one number without an axis and return its name."""
        import numpy as np

        return self._tensor(f"{step.name}.number", np.array(value, "int64" if isinstance(value, int) else "float32"))

    def floats(self, step: PlannedLayer, *values: float) -> str:
        """Add numbers such as scales, and return their name."""
        import numpy as np

        return self._tensor(f"{step.name}.numbers", np.array(values, "float32"))

    def _weigh(self, step: PlannedLayer, elements: int) -> None:
        self._bytes += 4 * elements
        if self._bytes > _LARGEST:
            raise NetworkError(
                f"{step.name}: the weights up to here take {self._bytes:,} bytes, and an ONNX model holds less than "
                "2 GiB: write the network to torch or keras",
                layer=step.name,
            )

    def _tensor(self, name: str, values: np.ndarray[Any, Any]) -> str:
        from onnx import numpy_helper

        name = self.name(name)
        self.tensors.append(numpy_helper.from_array(values, name))
        return name
