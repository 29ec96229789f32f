"""Reading ONNX's operators of several tensors: element by element, products, and one behind the other."""

from __future__ import annotations

from collections.abc import Sequence

from ...dims import Dim
from ...errors import RefusedError
from ...operators import (
    Add,
    Average,
    Concat,
    Div,
    Einsum,
    Elementwise,
    Identity,
    Linear,
    Matmul,
    Maximum,
    Minimum,
    Mul,
    Operator,
    Pow,
    Squeeze,
    Sub,
)
from ..common.equations import UnfitError, per_sample
from .call import NodeCall, reads
from .values import Known, NotReadError, Tensor, Value

__all__ = ["from_the_end", "joined"]

_JOINS: dict[str, type[Operator]] = {
    "Add": Add,
    "Sub": Sub,
    "Mul": Mul,
    "Div": Div,
    "Pow": Pow,
    "Max": Maximum,
    "Min": Minimum,
    "Sum": Add,
    "Mean": Average,
}


def from_the_end(a: Sequence[Dim], b: Sequence[Dim]) -> list[tuple[Dim, Dim]]:
    """Return the sizes of two shapes that meet when they are aligned at their last axes."""
    return list(zip(reversed(a), reversed(b), strict=False))


@reads(*_JOINS)
def _join(call: NodeCall) -> Value:
    return joined(call, _JOINS[call.kind](), [call.value(i) for i in range(len(call.inputs))])


_FUNCTIONS = {
    "And": "logical_and", "Or": "logical_or", "Xor": "logical_xor", "Equal": "equal", "Greater": "greater",
    "GreaterOrEqual": "greater_equal", "Less": "less", "LessOrEqual": "less_equal", "Mod": "remainder",
    "Where": "where", "BitwiseAnd": "bitwise_and", "BitwiseOr": "bitwise_or", "BitwiseXor": "bitwise_xor",
}  # fmt: skip


@reads(*_FUNCTIONS)
def _function(call: NodeCall) -> Value:
    """Read element-wise functions that have no operator of their own; of one tensor, what keeps its shape."""
    values = [call.value(i) for i in range(len(call.inputs))]
    tensors = [v for v in values if isinstance(v, Tensor)]
    full, constants = tensors[0].full(call.batch), [v for v in values if isinstance(v, Known)]
    if len(tensors) == 1 and all(_fits(v.shape, full) for v in constants):
        return call.layer(Identity(), tensors[0])
    return joined(call, Elementwise(function=_FUNCTIONS[call.kind]), values)


def _fits(shape: Sequence[int], full: Sequence[Dim]) -> bool:
    """Return whether a constant does not enlarge a tensor that it meets."""
    return len(shape) <= len(full) and all(n in (1, m) for n, m in from_the_end(shape, full))


def joined(call: NodeCall, operator: Operator, values: Sequence[Tensor | Known]) -> Tensor:
    """Return the element-wise join of tensors and constants, whose batch axes must meet."""
    tensors = [v for v in values if isinstance(v, Tensor)]
    rank = max(v.rank if isinstance(v, Tensor) else len(v.shape) for v in values)
    from_end = {v.rank - v.batch for v in tensors}
    if len(from_end) > 1 or len({(v.merged, v.inner) for v in tensors}) > 1:
        raise NotReadError("it joins tensors with the batch on different axes")
    first = tensors[0]
    batch, merged = rank - from_end.pop(), first.merged
    references = []
    for value in values:
        if isinstance(value, Tensor):
            references.append(value.reference)
            continue
        shape = [1] * (rank - len(value.shape)) + list(value.shape)
        if not merged:
            if shape.pop(batch) != 1:
                raise NotReadError("a constant has a size of its own on the batch axis")
        elif shape[batch] != 1:
            raise NotReadError("a constant meets an axis that holds the batch and more")
        while shape and shape[0] == 1:
            del shape[0]
        if not shape and len(first.shape) >= rank - (not merged):
            continue  # a scalar
        references.append(call.constant(value, shape or (1,)))
    if len(references) == 1:
        (made,) = call.add(Identity(), references[0])
    else:
        (made,) = call.add(operator, *references)
    found = call.made(made, first)
    return Tensor(made, found.shape, batch, merged, first.inner)


@reads("Concat")
def _concat(call: NodeCall) -> Value:
    values = [call.value(i) for i in range(len(call.inputs))]
    first = next(v for v in values if isinstance(v, Tensor))
    axis = first.own_axis(call.option("axis", 1))
    references = []
    for value in values:
        if isinstance(value, Tensor):
            if (value.batch, value.merged, value.rank) != (first.batch, first.merged, first.rank):
                raise NotReadError("it joins tensors with the batch on different axes")
            references.append(value.reference)
            continue
        shape = list(value.shape)
        if len(shape) != first.rank or first.merged or shape.pop(first.batch) != 1 or call.batch != 1:
            raise NotReadError("it joins a constant with a batch")
        references.append(call.constant(value, shape))
    (made,) = call.add(Concat(axis=axis), *references)
    return call.made(made, first)


@reads("MatMul")
def _matmul(call: NodeCall) -> Value:
    a, b = call.value(0), call.value(1)
    if isinstance(a, Tensor) and isinstance(b, Known) and len(b.shape) == 2:
        if not a.merged and a.batch == a.rank - 1:
            raise NotReadError("it multiplies along the batch")
        return call.layer(Linear(out_features=b.shape[1], in_features=b.shape[0], bias=False), a)
    if isinstance(a, Tensor) and isinstance(b, Known) and len(b.shape) == 1 and (a.merged or a.batch < a.rank - 1):
        product = call.layer(Linear(out_features=1, in_features=b.shape[0], bias=False), a, last=False)
        return call.layer(Squeeze(axis=-1), product)
    if isinstance(b, Known) and not b.shape:
        raise RefusedError("it multiplies by a constant without axes")
    ranks = [v.rank if isinstance(v, Tensor) else len(v.shape) for v in (a, b)]
    tensors = [v for v in (a, b) if isinstance(v, Tensor)]
    places = {v.rank - v.batch for v in tensors}
    if min(ranks) < 2 or len(places) > 1 or min(places) < 3 or len({v.merged for v in tensors}) > 1:
        raise NotReadError("it multiplies along the batch, or vectors")
    references = []
    for value in (a, b):
        if isinstance(value, Tensor):
            references.append(value.reference)
            continue
        shape = list(value.shape)
        place = len(shape) - min(places)
        if place >= 0:
            if tensors[0].merged or shape.pop(place) != 1:
                raise NotReadError("a constant has a size of its own on the batch axis")
        references.append(call.constant(value, shape))
    (made,) = call.add(Matmul(), *references)
    found = call.made(made, tensors[0])
    return Tensor(made, found.shape, max(ranks) - min(places), tensors[0].merged, tensors[0].inner)


@reads("Einsum")
def _einsum(call: NodeCall) -> Value:
    values = [call.value(i) for i in range(len(call.inputs))]
    if any(isinstance(v, Tensor) and v.merged for v in values):
        raise NotReadError("an axis holds the batch and more")
    ranks = [v.rank if isinstance(v, Tensor) else len(v.shape) for v in values]
    batches = [v.batch if isinstance(v, Tensor) else None for v in values]
    try:
        equation, batch = per_sample(call.option("equation"), ranks, batches)
    except UnfitError as error:
        raise RefusedError(str(error)) from None
    if any(isinstance(v, Known) and not v.shape for v in values):
        raise NotReadError("a constant has no axes")
    references = [v.reference if isinstance(v, Tensor) else call.constant(v, v.shape) for v in values]
    (made,) = call.add(Einsum(equation=equation), *references)
    return call.made(made, Tensor(made, (), batch))
