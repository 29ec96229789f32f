"""Calls that work on features and sequences: linear layers, products, recurrence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from ...operators import (
    OPERATORS,
    Add,
    Einsum,
    Embedding,
    Expand,
    Gru,
    Linear,
    Lstm,
    Matmul,
    Permute,
    Rnn,
    Slice,
    Split,
    Squeeze,
    Stepwise,
    Tile,
    Unflatten,
    Unsqueeze,
)
from ..common.equations import per_sample
from ..common.recording.recorded_tensors import Unsupported, Value
from .calls import RecordedCall, handles
from .index_bounds import known_ends, span_of

__all__ = [
    "added_product",
    "bilinear",
    "einsum",
    "embedding",
    "linear",
    "matmul",
    "recurrent",
    "recurrent_cell",
    "torch_embedding",
]


@handles("linear")
def linear(call: RecordedCall, input: Any, weight: Any, bias: Any = None) -> Value:
    """A linear layer on the last axis."""
    x = call.input(input)
    x.axis(-1)
    if weight.dim() != 2:
        raise Unsupported("a weight with other than two axes")
    out_features, in_features = call.sizes(weight)
    operator = Linear(out_features=out_features, in_features=in_features, bias=bias is not None)
    return call.same(operator, x, weights=(weight, bias))


@handles("embedding")
def embedding(call: RecordedCall, input: Any, weight: Any, *_: Any, **__: Any) -> Value:
    """A vector for each index."""
    count, dim = call.sizes(weight)
    ends = {}
    if call.value(input).batch is None or span_of(call, input):  # a constant, not what the network is given
        span = known_ends(call, input, call.value(weight).shape[0])
        ends = {"least": span.least.dim(), "largest": span.largest.dim()}
    x = call.input(input)
    return x.made(*call.layer(Embedding(count=count, dim=dim, **ends), x, weights=(weight,)))


@handles("torch.embedding")
def torch_embedding(call: RecordedCall, weight: Any, indices: Any, *_: Any, **__: Any) -> Value:
    """A vector for each index, as ``torch.embedding`` takes its arguments."""
    call.function = "embedding"
    result: Value = embedding(call, indices, weight)
    return result


@handles("matmul bmm __matmul__ mm")
def matmul(call: RecordedCall, input: Any, mat2: Any = None, other: Any = None) -> Value:
    """A product of matrices, broadcasting the axes in front."""
    right = mat2 if mat2 is not None else other
    a, b = call.value(input), call.value(right)
    if b.batch is None and b.rank == 2 and len(b.parameters) > 0 and not b.ref:
        x = call.input(input)
        x.axis(-1)
        in_features, out_features = call.sizes(right)
        return call.same(
            Linear(out_features=out_features, in_features=in_features, bias=False), x, weights=(right,), name="linear"
        )
    if b.rank == 1:
        return _with_vector(call, input, right)
    for value in (a, b):
        if value.rank < 2:
            raise Unsupported("a product with a vector")
        value.axis(-1), value.axis(-2)
    inputs, like = call.joined([input, right])
    return like.made(*call.layer(Matmul(), *inputs))


@handles("einsum")
def einsum(call: RecordedCall, equation: Any, *operands: Any) -> Value:
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
    call: RecordedCall,
    input: Any,
    hx: Any,
    weights: Any,
    bias: bool,
    num_layers: int,
    dropout: Any,
    train: bool,
    bidirectional: bool,
    batch_first: bool = False,
    *_: Any,
) -> Any:
    """A recurrent layer: the steps, and the last state of each layer and direction."""
    if isinstance(batch_first, (list, tuple, torch.Tensor)):
        raise Unsupported("a packed sequence")
    x = call.grouped(input)
    if len(x.shape) != 2 + x.fold or x.batch not in (None, 0 if batch_first else 1):
        raise Unsupported("recurrence over something else than a sequence")
    if x.fold and not batch_first:
        x = call.reordered(x, (1, 0, 2))
    states = hx if call.function == "lstm" else (hx,)
    hidden = states[0].shape[-1]
    if any(s.shape[-1] != hidden for s in states):
        raise Unsupported("a projection of the state")
    operator = _RECURRENT[call.function](
        hidden_size=hidden,
        in_features=call.sizes(weights[0])[-1],
        num_layers=num_layers,
        bidirectional=bidirectional,
        bias=bias,
    )
    each = Stepwise(layer=operator) if x.fold else operator
    result = x.made(*call.layer(each, x, weights=tuple(weights)))
    state = _last(call, result, hidden, 2 if bidirectional else 1, num_layers)
    steps = call.reordered(result, (1, 0, 2)) if x.fold and not batch_first else result
    return (steps, *(state for _ in states))


def _last(call: RecordedCall, steps: Value, hidden: int, directions: int, num_layers: int) -> Value:
    """Return the last state, which has the sizes of the last step, divided by direction, for each layer."""
    last = steps.made(*call.layer(Slice(axis=steps.fold, start=-1), steps, name="state"))
    state = replace(steps, batch=None if steps.batch is None else 1)
    if directions > 1:
        last = state.made(*call.layer(Unflatten(axis=-1, sizes=(directions, hidden)), last, name="state"))
        last = state.made(*call.layer(Squeeze(axis=steps.fold), last, name="state"))
    if steps.fold:  # the sequences stand behind the layers and directions
        last = state.made(*call.layer(Permute(order=(1, 0, 2)), last, name="state"))
    if num_layers > 1:
        repeats = (num_layers, *[1] * steps.fold, 1)
        last = state.made(*call.layer(Tile(repeats=repeats), last, name="state"))
    return replace(last, batch=state.batch)


_CELLS = {"lstm_cell": 4, "gru_cell": 3, "rnn_tanh_cell": 1, "rnn_relu_cell": 1}


@handles(" ".join(_CELLS))
def recurrent_cell(
    call: RecordedCall, input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
) -> Any:
    """One step of a recurrent layer: gates from the input and from the state, and the next state."""
    gates, states = _CELLS[call.function], list(hx) if isinstance(hx, (list, tuple)) else [hx]
    (x, state, *others), like = call.joined([input, *states])
    hidden = call.sizes(w_hh)[1]
    if any(v.shape[-1].dim() != hidden for v in others):
        raise Unsupported("a state of another size")
    made = []
    for name, value, weight, bias in (("input", x, w_ih, b_ih), ("hidden", state, w_hh, b_hh)):
        linear = Linear(out_features=hidden * gates, in_features=call.sizes(weight)[1], bias=bias is not None)
        made.append(like.made(*call.layer(linear, value, weights=(weight, bias), name=f"{call.function}.{name}")))
    whole = like.made(*call.layer(Add(broadcast=False), *made, name=f"{call.function}.gates"))
    part = like.made(*call.layer(Slice(axis=-1, stop=hidden), whole, name=f"{call.function}.state"))
    result = call.same(OPERATORS["tanh"](), part, name=f"{call.function}.tanh")
    return (result, result) if len(states) > 1 else result


@handles("bilinear")
def bilinear(call: RecordedCall, input1: Any, input2: Any, weight: Any, bias: Any = None) -> Value:
    """Products of each two features of two tensors, weighed."""
    (x, y), like = call.joined([input1, input2])
    sizes = call.sizes(weight)[1:]
    x, y = (  # an einsum repeats an axis of size 1, as this does not
        like.made(*call.layer(Split(sizes=(size,), axis=len(value.shape) - 1), value, name="bilinear.features"))
        for value, size in zip((x, y), sizes, strict=True)
    )
    axes = "abcdefgh"[: len(x.shape) - 1]
    equation = f"{axes}i,oij,{axes}j->{axes}o"
    x = like.made(*call.layer(Einsum(equation=equation), x, call.input(weight), y))
    return x if bias is None else x.made(*call.layer(Add(), x, call.input(bias), name="bias"))


def _with_vector(call: RecordedCall, input: Any, other: Any) -> Value:
    """A product of the last axis with a vector that is the same for every sample."""
    x, vector = call.input(input), call.value(other)
    if vector.batch is not None or len(vector.shape) != 1 or x.rank < 2:
        raise Unsupported("a product of vectors")
    x.axis(-1)
    if len(x.shape) < 2:
        raise Unsupported("a product that leaves one number")
    column = call.layer(Unsqueeze(axis=1), call.input(other), name="unsqueeze")
    made = x.made(*call.layer(Matmul(), x, Value(*column), name="matmul"))
    return x.made(*call.layer(Squeeze(axis=len(x.shape) - 1), made, name="squeeze"))


@handles("addmm baddbmm")
def added_product(call: RecordedCall, input: Any, first: Any, second: Any, **_: Any) -> Value:
    """A product, and something that is added to it."""
    made: Value = matmul(call, first, second)
    inputs, like = call.joined([input])
    if like.batch is not None and (like.batch, like.fold) != (made.batch, made.fold):
        raise Unsupported("samples that do not meet")
    operator = Expand(shape=tuple(n.dim() for n in made.shape))
    given = call.layer(operator, *inputs, name="expand")
    return made.made(*call.layer(Add(broadcast=False), made, Value(*given), name="add"))
