"""One call of the program while it becomes layers: what handlers of calls are written with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch

from ...dims import Dim
from ...dims.normal import Polynomial
from ...operators import Flatten, Operator, Squeeze
from ..common.recording.recorded_graph import RecordedGraph
from ..common.recording.recorded_tensors import Unsupported, Value, regrouped_beside
from ..common.recording.symbolic_sizes import Size
from ..common.recording.symbolic_values import expressed
from ..common.registry import registrar

__all__ = ["HANDLERS", "RecordedCall", "Handler", "handles", "lift", "plain"]


class Handler(Protocol):
    """What turns a call into layers; it takes the arguments of the function that is called."""

    def __call__(self, call: RecordedCall, *args: Any, **kwargs: Any) -> Any: ...


HANDLERS: dict[str, Handler] = {}
"""What handles a function or method of PyTorch, by its name."""


def handles(names: str) -> Callable[[Any], Any]:
    """Register a handler for the functions of these names; those that work in place have an underscore more."""

    return registrar(HANDLERS)(*names.split())


def plain(value: Any) -> Any:
    """Return a parameter with expressions for its sizes; lists become tuples."""
    if isinstance(value, (list, tuple)):
        return tuple(map(plain, value))
    return expressed(value)


_NEUTRAL = {"kernel_size": 1, "stride": 1, "dilation": 1, "padding": 0, "output_padding": 0, "scale_factor": 1}
"""What parameters of an operator are along an axis that it leaves as it is."""


def lift(operator: Operator, sizes: tuple[Dim, ...], rank: int) -> Operator:
    """Return an operator on ``rank`` spatial axes as one on more, of which it leaves those in front, of these sizes.

    Raises:
        Unsupported: it is none, or it means something else on more axes.
    """
    kinds = (
        "conv",
        "conv_transpose",
        "max_pool",
        "prelu",
        "adaptive_avg_pool",
        "adaptive_max_pool",
        "upsample",
        "batch_norm",
        "group_norm",
    )
    unpadded = operator.kind in ("avg_pool", "lp_pool") and not getattr(operator, "padding", 0)
    if operator.kind not in kinds and not unpadded:
        raise Unsupported(f"{operator.kind} of folded samples")
    if getattr(operator, "mode", "") == "cubic":
        raise Unsupported("cubic interpolation of folded samples")
    changed: dict[str, Any] = {}
    for name, neutral in (*_NEUTRAL.items(), *((n, None) for n in ("output_size", "size"))):
        value = getattr(operator, name, None)
        if value is not None and not isinstance(value, str):
            own = value if isinstance(value, tuple) else (value,) * rank
            changed[name] = (*([neutral] * len(sizes) if neutral is not None else sizes), *own)
    return replace(operator, **changed)


def _channels_first(rank: int, fold: int) -> tuple[int, ...]:
    """Return the order of axes in which those that are folded stand behind the channels."""
    return (fold, *range(fold), *range(fold + 1, rank))


@dataclass
class RecordedCall:
    """A call of ``function``; ``value`` finds what is known of a tensor."""

    function: str
    graph: RecordedGraph
    value_of: Callable[[torch.Tensor], Value]
    keep: Callable[[torch.Tensor, Value], None]
    tensor_constants: dict[tuple[int, tuple[Polynomial, ...]], tuple[torch.Tensor, str]]

    def value(self, tensor: Any) -> Value:
        """Return what is known of a tensor; of anything else, Unsupported."""
        if not isinstance(tensor, torch.Tensor):
            raise Unsupported("an argument that is no tensor")
        return self.value_of(tensor)

    def sizes(self, weight: Any) -> list[Dim]:
        """Return the sizes of a weight."""
        return [size.dim() for size in self.value(weight).shape]

    def parameters(self, *tensors: Any) -> list[str]:
        """Return the names of the parameters among tensors, or from which they were computed."""
        values = [self.value_of(t) for t in tensors if isinstance(t, torch.Tensor)]
        if any(v.ref and v.batch is not None for v in values):
            raise Unsupported("weights that depend on the input")
        return [p for value in values for p in sorted(value.parameters)]

    def input(self, tensor: Any) -> Value:
        """Return a tensor as an input of a layer: a constant becomes a layer."""
        value = self.value(tensor)
        if value.ref:
            return value
        made = replace(value, ref=self.constant(tensor, value.shape))
        self.keep(tensor, made)
        return made

    def constant(self, tensor: torch.Tensor, shape: tuple[Polynomial, ...]) -> str:
        """Return a constant of the program, as a tensor of this shape in the network."""
        value = self.value(tensor)
        key = (id(tensor), shape)
        if key not in self.tensor_constants:
            (parameter,) = value.parameters if len(value.parameters) == 1 else ("",)
            own = parameter if parameter and self.graph.uncounted.get(parameter) == tensor.numel() else ""
            place = f"{self.graph.place}{self.graph.joint}" if self.graph.place else ""
            ref = self.graph.constant(own or f"{place}constant", shape, own)
            self.tensor_constants[key] = tensor, ref
            self.graph.later_undo(lambda: self.tensor_constants.pop(key))
        return self.tensor_constants[key][1]

    def layer(
        self, operator: Operator, *inputs: Value, weights: Sequence[Any] = (), name: str = "", turned: bool = True
    ) -> tuple[str, tuple[Polynomial, ...]]:
        """Add a layer with one output, and return the output's name and shape."""
        return self.layers(operator, *inputs, weights=weights, name=name, turned=turned)[0]

    def layers(
        self, operator: Operator, *inputs: Value, weights: Sequence[Any] = (), name: str = "", turned: bool = True
    ) -> list[tuple[str, tuple[Polynomial, ...]]]:
        """Add a layer, and return its outputs' names and shapes.

        PyTorch's functions find the channels in front. In a network that writes them last, axes are turned for an
        operator that tells channels from space, and back, unless it is not to be ``turned``.
        """
        parameters = self.parameters(*weights)
        function = name or self.function
        first = self.graph.data_format == "channels_first" or operator.written or operator.pointwise
        if first or not turned:
            self.graph.as_in_torch(operator, inputs)
            return self.graph.add(function, operator, inputs, parameters)
        own = [self._turned(value, (*range(1, len(value.shape)), 0)) for value in inputs]
        self.graph.as_in_torch(operator, own)
        made = [Value(ref, shape) for ref, shape in self.graph.add(function, operator, own, parameters)]
        back = [self._turned(value, (len(value.shape) - 1, *range(len(value.shape) - 1))) for value in made]
        return [(value.ref, value.shape) for value in back]

    def parts(
        self, weights: Sequence[Any], *parts: tuple[str, Operator, Value]
    ) -> list[list[tuple[str, tuple[Polynomial, ...]]]]:
        """Add layers that use one part each of the same weights, and return their outputs' names and shapes."""
        for _, operator, value in parts:
            self.graph.as_in_torch(operator, (value,))
        return self.graph.put_parts(parts, self.parameters(*weights))

    def _turned(self, value: Value, order: Sequence[int]) -> Value:
        if len(value.shape) < 2:
            return value
        return Value(*self.graph.permuted("permute", value, order))

    def same(
        self,
        operator: Operator,
        value: Value,
        *others: Value,
        weights: Sequence[Any] = (),
        name: str = "",
        turned: bool = True,
    ) -> Value:
        """Add a layer that leaves the axes of its first input where they are, and return its output."""
        if value.lifted:
            return self._lifted(operator, value, *others, weights=weights, name=name)
        return value.made(*self.layer(operator, value, *others, weights=weights, name=name, turned=turned))

    def spatial(self, tensor: Any, rank: int) -> Value:
        """Return an input of channels and ``rank`` spatial axes, with the batch in front or with none."""
        value = self.value(tensor)
        if value.batch is None and value.rank == rank + 2 and value.shape[0].constant == 1:
            if value.ref:
                ref, shape = self.layer(Squeeze(axis=0), value, name="squeeze")
            else:
                shape = value.shape[1:]
                ref = self.constant(tensor, shape)
            return Value(ref, shape, many=False)
        value = self.input(tensor)
        if value.batch not in (0, None) or len(value.shape) != value.fold + rank + 1:
            raise Unsupported(f"something else than channels and {rank} spatial axes")
        return self.fronted(value) if value.fold else value

    def fronted(self, value: Value) -> Value:
        """Return a tensor of samples that are folded, with its channels in front of the axes that are."""
        if self.graph.data_format != "channels_first":
            raise Unsupported("folded samples whose channels are last")
        order = _channels_first(len(value.shape), value.fold)
        return replace(value.made(*self.graph.permuted("permute", value, order, cancels=True)), lifted=value.fold)

    def _lifted(self, operator: Operator, value: Value, *others: Value, weights: Sequence[Any], name: str) -> Value:
        """Add a layer of which the folded axes are space like the rest, but that leaves them as they are."""
        folded = tuple(size.dim() for size in value.shape[1 : 1 + value.lifted])
        lifted = lift(operator, folded, len(value.shape) - 1 - value.lifted)
        done = value.made(*self.layer(lifted, value, *others, weights=weights, name=name))
        order = _channels_first(len(done.shape), value.lifted)
        back = tuple(order.index(i) for i in range(len(order)))
        return replace(done.made(*self.graph.permuted("permute", done, back, cancels=True)), lifted=0)

    def joined(self, tensors: Sequence[Any]) -> tuple[list[Value], Value]:
        """Return tensors as inputs of one element-wise layer, and where the batch stands in its result.

        Broadcasting aligns axes at the end; the batch axes must meet there, and a constant has size 1 in
        that place, if it has the axis at all.
        """
        values = [self.value(t) for t in tensors]
        batched = [v for v in values if v.batch is not None]
        if not batched:
            inputs = [self.input(t) for t in tensors]
            return inputs, Value("", (), None)
        if len({v.fold for v in batched}) > 1 and all(v.fold for v in batched):
            values = [self.grouped(t) if v.batch is not None else v for t, v in zip(tensors, values, strict=True)]
            batched = [v for v in values if v.batch is not None]
        ends = {(v.rank - (v.batch or 0), v.fold) for v in batched}
        if len(ends) > 1:
            raise Unsupported("batch axes that do not meet")
        ((end, fold),) = ends
        inputs = [
            (v if v.ref else self.input(t)) if v.batch is not None else self.aligned(t, v, v.rank - end, fold)
            for t, v in zip(tensors, values, strict=True)
        ]
        rank = max(v.rank for v in values)
        many = any(v.many for v in batched)
        return inputs, Value("", (), rank - end, fold, many, regrouped=regrouped_beside(batched))

    def grouped(self, tensor: Any) -> Value:
        """Return a tensor as an input of a layer, its axes that are folded into the batch being one."""
        x = self.input(tensor)
        if x.fold < 2 or x.batch is None:
            return x
        merged = Flatten(start_axis=x.batch, end_axis=x.batch + x.fold - 1)
        return replace(x.made(*self.layer(merged, x, name="flatten")), fold=1)

    def aligned(self, tensor: torch.Tensor, value: Value, axis: int, fold: int) -> Value:
        """Return a constant as an input of a layer, without the axis of size 1 where others have their batch."""
        if axis < 0:
            return self.input(tensor)
        if value.shape[axis].constant != 1 or (fold and axis > 0):
            raise Unsupported("a constant that differs between samples")
        if value.ref:
            ref, shape = self.layer(Squeeze(axis=axis), value, name="squeeze")
        else:
            shape = (*value.shape[:axis], *value.shape[axis + 1 :])
            if not shape:
                raise Unsupported("a constant of one element")
            ref = self.constant(tensor, shape)
        return Value(ref, shape, None)

    def reordered(self, value: Value, order: Sequence[int]) -> Value:
        """Return a tensor with its axes (those of the program) in another order."""
        if sorted(order) != list(range(value.rank)):
            raise Unsupported("an order that does not name every axis")
        axes = [axis for position in order for axis in value.axes_at(position)]
        batch = None if value.batch is None else list(order).index(value.batch)
        if axes == list(range(len(axes))):
            return replace(value, batch=batch)
        return replace(value.made(*self.graph.permuted("permute", value, axes)), batch=batch)

    def freeze(self, *sizes: Any) -> None:
        """Keep that sizes must stay what they are: what they decided cannot be expressed."""
        for size in sizes:
            if isinstance(size, Size):
                size.freeze()
