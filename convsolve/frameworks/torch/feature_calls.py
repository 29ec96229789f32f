"""Calls that work on features and sequences: linear layers, products, recurrence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from ...operators import (
    Einsum,
    Embedding,
    Gru,
    Linear,
    Lstm,
    Matmul,
    Reshape,
    Rnn,
    Slice,
)
from ..equations import per_sample
from .calls import Call, handles
from .spans import known_ends, span_of
from .values import Unsupported, Value

__all__ = [
    "einsum", "embedding", "linear", "matmul", "recurrent", "torch_embedding",
]


@handles("linear")
def linear(call: Call, input: Any, weight: Any, bias: Any = None) -> Value:
    """A linear layer on the last axis."""
    x = call.input(input)
    x.axis(-1)
    if weight.dim() != 2:
        raise Unsupported("a weight with other than two axes")
    out_features, in_features = call.sizes(weight)
    operator = Linear(out_features=out_features, in_features=in_features, bias=bias is not None)
    return call.same(operator, x, weights=(weight, bias))


@handles("embedding")
def embedding(call: Call, input: Any, weight: Any, *_: Any, **__: Any) -> Value:
    """A vector for each index."""
    count, dim = call.sizes(weight)
    ends = {}
    if call.value(input).batch is None or span_of(call, input):  # a constant, not what the network is given
        span = known_ends(call, input, call.value(weight).shape[0])
        ends = {"least": span.least.dim(), "largest": span.largest.dim()}
    x = call.input(input)
    return x.made(*call.layer(Embedding(count=count, dim=dim, **ends), x, weights=(weight,)))


@handles("torch.embedding")
def torch_embedding(call: Call, weight: Any, indices: Any, *_: Any, **__: Any) -> Value:
    """A vector for each index, as ``torch.embedding`` takes its arguments."""
    call.function = "embedding"
    result: Value = embedding(call, indices, weight)
    return result


@handles("matmul bmm __matmul__ mm")
def matmul(call: Call, input: Any, mat2: Any = None, other: Any = None) -> Value:
    """A product of matrices, broadcasting the axes in front."""
    right = mat2 if mat2 is not None else other
    a, b = call.value(input), call.value(right)
    if b.batch is None and b.rank == 2 and len(b.parameters) > 0 and not b.ref:
        x = call.input(input)
        x.axis(-1)
        in_features, out_features = call.sizes(right)
        return call.same(
            Linear(out_features=out_features, in_features=in_features, bias=False), x, weights=(right,), name="linear")
    for value in (a, b):
        if value.rank < 2:
            raise Unsupported("a product with a vector")
        value.axis(-1), value.axis(-2)
    inputs, like = call.joined([input, right])
    return like.made(*call.layer(Matmul(), *inputs))


@handles("einsum")
def einsum(call: Call, equation: Any, *operands: Any) -> Value:
    """A sum of products over named axes."""
    tensors = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else list(operands)
    if not isinstance(equation, str):
        raise Unsupported("an equation that is no text")
    values = [call.value(t) for t in tensors]
    if any(v.fold or not v.many for v in values):
        raise Unsupported("samples that are not one axis")
    equation, batch = per_sample(equation, [v.rank for v in values], [v.batch for v in values])
    operator = Einsum(equation=equation)
    like = Value("", (), batch)
    if len(tensors) == 2 and values[1].batch is None and not values[1].ref and values[1].parameters:
        dense = operator.dense
        if dense:
            out_features, in_features = (call.sizes(tensors[1])[i] for i in (1, 0))
            linear = Linear(out_features=out_features, in_features=in_features, bias=False)
            return like.made(*call.layer(linear, call.input(tensors[0]), weights=(tensors[1],), name="linear"))
    return like.made(*call.layer(operator, *map(call.input, tensors)))


_RECURRENT = {"lstm": Lstm, "gru": Gru, "rnn_tanh": Rnn, "rnn_relu": Rnn}


@handles(" ".join(_RECURRENT))
def recurrent(
    call: Call, input: Any, hx: Any, weights: Any, bias: bool, num_layers: int, dropout: Any, train: bool,
    bidirectional: bool, batch_first: bool = False, *_: Any,
) -> Any:
    """A recurrent layer: the steps, and the last state of each layer and direction."""
    if isinstance(batch_first, (list, tuple, torch.Tensor)):
        raise Unsupported("a packed sequence")
    x = call.input(input)
    if x.fold or len(x.shape) != 2 or x.batch not in (None, 0 if batch_first else 1):
        raise Unsupported("recurrence over something else than a sequence")
    states = hx if call.function == "lstm" else (hx,)
    hidden = states[0].shape[-1]
    if any(s.shape[-1] != hidden for s in states):
        raise Unsupported("a projection of the state")
    operator = _RECURRENT[call.function](
        hidden_size=hidden, in_features=call.sizes(weights[0])[-1], num_layers=num_layers, bidirectional=bidirectional,
        bias=bias)
    result = x.made(*call.layer(operator, x, weights=tuple(weights)))
    state = _last(call, result, hidden, 2 if bidirectional else 1, num_layers)
    return (result, *(state for _ in states))


def _last(call: Call, steps: Value, hidden: int, directions: int, num_layers: int) -> Value:
    """Return the last state, which has the sizes of the last step, divided by direction, for each layer."""
    from ...operators import Tile

    last = steps.made(*call.layer(Slice(axis=0, start=-1), steps, name="state"))
    state = replace(steps, batch=None if steps.batch is None else 1)
    if directions > 1:
        last = state.made(*call.layer(Reshape(shape=(directions, hidden)), last, name="state"))
    if num_layers > 1:
        last = state.made(*call.layer(Tile(repeats=(num_layers, 1)), last, name="state"))
    return replace(last, batch=state.batch)
