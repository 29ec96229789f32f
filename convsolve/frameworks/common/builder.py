"""Building a network layer by layer while reading it from elsewhere: names, and shapes as they become known."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ...dims import Cond, Dim, Domain, Var, bounds, evaluate, variables
from ...errors import ConvsolveError, NetworkError, ShapelessError
from ...network import Layer, Network, as_name, tensor_layer
from ...network.trace import apply_rule, to_canonical, to_written
from ...operators import Constant, Input, Operator, Rule, Shape, axis_names
from ...operators.base import DataFormat, Framework

__all__ = ["Builder", "Building"]


class Building(Protocol):
    """What layers are added to; it knows the shape of every tensor, as written, or None where a failure hides it."""

    data_format: DataFormat
    shapes: dict[str, Shape | None]

    def free_name(self, wished: str) -> str:
        """Return a layer's name that is not taken, as near to the wished one as can be."""

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
        """Add a layer under a name that is free, and return the tensors that it makes.

        ``rank`` is the number of axes that its first input must have, if the operator alone does not decide.
        """


@dataclass
class Builder(Building):
    """Collects layers, and knows the shape of every tensor so far: as written, without the batch axis.

    A size that depends on an open input is the dimension of a layer (``conv1.height``), ready to stand in
    another layer's parameters; a shape is None where an error of rank leaves a tensor without one. Where ``numbers``
    has the sizes of open inputs, it gets those of all other dimensions, at least 1.

    >>> from convsolve.operators import Conv
    >>> building = Builder("onnx")
    >>> x = building.input("x", (3, None, 32))
    >>> (y,) = building.add("conv", Conv(out_channels=8, kernel_size=3), (x,))
    >>> building.shapes[y]
    (8, conv.height, 30)
    """

    framework: Framework
    data_format: DataFormat = "channels_first"
    layers: list[Layer] = field(default_factory=list)
    shapes: dict[str, Shape | None] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    numbers: dict[str, int] = field(default_factory=dict)

    def free_name(self, wished: str) -> str:
        """Return a layer's name that is not taken, as near to the wished one as can be."""
        base = name = as_name(wished)
        while name in self.shapes:
            self.counts[base] += 1
            name = f"{base}_{self.counts[base] + 1}"
        return name

    def input(self, name: str, shape: Sequence[int | Var | None], *, source: str = "") -> str:
        """Add an input; a size of None is open. Return its name."""
        name = self.free_name(name)
        sizes = tuple(Var(f"{name}[{i}]", Domain.range(1, None)) if n is None else n for i, n in enumerate(shape))
        self.add(name, Input(shape=sizes), source=source)
        return name

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
        """Add a layer under a name that is free, and return the tensors that it makes.

        Raises:
            NetworkError: the parameters do not fit together.
        """
        layer = Layer(name, operator, tuple(inputs), source=source, shares=shares, rank=rank)
        self.layers.append(layer)
        given = [self.shapes[reference] for reference in inputs]
        known = [shape for shape in given if shape is not None]
        self.shapes[name] = None
        if len(known) < len(given):
            return [name]
        site = _ShapeOnly(self.framework, self.data_format)
        try:
            canonical = [to_canonical(self.data_format, shape) for shape in known]
            outputs = apply_rule(site, operator.guarded(site), canonical, rank)
        except ShapelessError:
            return [name]
        except ConvsolveError as error:
            raise NetworkError(f"{name}: {error}", layer=name) from error
        several = len(outputs) > 1
        tensors = [f"{name}[{i}]" if several else name for i in range(len(outputs))]
        for tensor, shape in zip(tensors, outputs, strict=True):
            sizes = tuple(
                self._named(f"{tensor}.{axis}", size) for axis, size in zip(axis_names(len(shape)), shape, strict=True)
            )
            self.shapes[tensor] = to_written(self.data_format, sizes)
        self.shapes[name] = self.shapes[tensors[0]]
        return tensors

    def forget(self, count: int) -> None:
        """Leave out all layers but the first ``count``."""
        for layer in self.layers[count:]:
            for tensor in [t for t in self.shapes if t == layer.name or t.startswith(f"{layer.name}[")]:
                del self.shapes[tensor]
        del self.layers[count:]

    def share(self, count: int, prefix: str, original: str) -> None:
        """Let the layers after the first ``count`` share parameters with those of one name under another prefix."""
        for i in range(count, len(self.layers)):
            first = original + self.layers[i].name.removeprefix(prefix)
            if first in self.shapes and first != self.layers[i].name:
                self.layers[i] = dataclasses.replace(self.layers[i], shares=first)

    def _named(self, name: str, size: Dim) -> Dim:
        """Return a size that later layers may use: a number, or the dimension of a layer.

        Such a dimension is taken for at least 1: where it is not, the layer that makes it has failed.
        """
        if isinstance(size, int) and size >= 1:
            return size
        if all(v.name in self.numbers for v in variables(size)):
            self.numbers[name] = max(evaluate(size, self.numbers), 1)
        low, high = bounds(size)
        return Var(name, interval=(max(low or 1, 1), None if high is None else max(high, 1)))

    def network(self, outputs: Sequence[str]) -> Network:
        """Return the network; a constant that nothing uses is left out."""
        used = {tensor_layer(reference) for layer in self.layers for reference in layer.inputs}
        used.update(map(tensor_layer, outputs))
        layers = (layer for layer in self.layers if layer.name in used or not isinstance(layer.operator, Constant))
        return Network(tuple(layers), tuple(outputs), self.framework, self.data_format)


@dataclass
class _ShapeOnly:
    """Where a rule is run for its shape alone: what it requires is found when the network is traced."""

    framework: Framework
    data_format: DataFormat
    batch_size: int = 1

    def require(
        self, rule: Rule, condition: Cond, *, axis: str = "", note: str = "", training: bool = False, **values: Dim
    ) -> None:
        """Take no notice."""
