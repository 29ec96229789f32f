"""Calls that work on features and sequences: linear layers, products, attention, recurrence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from ...operators import (
    OPERATORS,
    Add,
    Embedding,
    Gru,
    Linear,
    Lstm,
    Matmul,
    Permute,
    Reshape,
    Rnn,
    Slice,
    Split,
)
from .calls import Call, handles
from .values import Unsupported, Value

__all__ = [
    "attention", "embedding", "linear", "matmul", "multi_head_attention", "recurrent", "torch_embedding",
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
    x = call.input(input)
    return x.made(*call.layer(Embedding(count=count, dim=dim), x, weights=(weight,)))


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


@handles("scaled_dot_product_attention")
def attention(
    call: Call, query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: Any = 0.0,
    is_causal: bool = False, scale: Any = None, enable_gqa: bool = False,
) -> Value:
    """Attention: a product of queries and keys, a softmax, a product with the values."""
    if enable_gqa:
        raise Unsupported("grouped queries")
    for x in (call.value(query), call.value(key), call.value(value)):
        x.axis(-1), x.axis(-2)
    given = [query, key, value, *([] if attn_mask is None else [attn_mask])]
    (q, k, v, *mask), like = call.joined(given)
    return like.made(*_attended(call, like, q, k, v, *mask))


def _attended(call: Call, like: Value, q: Value, k: Value, v: Value, *mask: Value) -> Any:
    rank = len(k.shape)
    order = (*range(rank - 2), rank - 1, rank - 2)
    turned = k.made(*call.layer(Permute(order=order), k, name="attention.keys"))
    scores = like.made(*call.layer(Matmul(), q, turned, name="attention.scores"))
    if mask:
        scores = like.made(*call.layer(Add(), scores, *mask, name="attention.mask"))
    weights = like.made(*call.layer(OPERATORS["softmax"](), scores, name="attention.softmax"))
    return call.layer(Matmul(), weights, v, name="attention.values")


@handles("multi_head_attention_forward")
def multi_head_attention(
    call: Call, query: Any, key: Any, value: Any, embed_dim_to_check: int, num_heads: int, in_proj_weight: Any,
    in_proj_bias: Any, bias_k: Any, bias_v: Any, add_zero_attn: bool, dropout_p: Any, out_proj_weight: Any,
    out_proj_bias: Any, *_: Any, attn_mask: Any = None, key_padding_mask: Any = None, need_weights: bool = True,
    use_separate_proj_weight: bool = False, **__: Any,
) -> Any:
    """Attention of several heads over ``(length, batch, features)``, with the linear layers before and after."""
    if need_weights:
        raise Unsupported("the weights of attention")
    masked = attn_mask is not None or key_padding_mask is not None
    if query is not key or key is not value or bias_k is not None or add_zero_attn or masked:
        raise Unsupported("attention to another tensor")
    x = call.input(query)
    if x.fold or len(x.shape) != 2 or use_separate_proj_weight:
        raise Unsupported("attention over something else than a sequence")
    size = embed_dim_to_check
    projected = x.made(*call.layer(
        Linear(out_features=3 * size, in_features=size, bias=in_proj_bias is not None), x,
        weights=(in_proj_weight, in_proj_bias), name="in_proj"))  # fmt: skip
    parts = call.layers(Split(sizes=(size, size, size), axis=1), projected, name="in_proj.split")
    heads = [_headed(call, x.made(*part), num_heads, size // num_heads) for part in parts]
    attended = x.made(*_attended(call, x, *heads))
    back = x.made(*call.layer(Permute(order=(1, 0, 2)), attended, name="heads.merge"))
    merged = x.made(*call.layer(Reshape(shape=(-1, size)), back, name="heads.merge"))
    operator = Linear(out_features=size, in_features=size, bias=out_proj_bias is not None)
    result = x.made(*call.layer(operator, merged, weights=(out_proj_weight, out_proj_bias), name="out_proj"))
    return (result, None)


def _headed(call: Call, x: Value, heads: int, size: int) -> Value:
    split = x.made(*call.layer(Reshape(shape=(-1, heads, size)), x, name="heads.split"))
    return x.made(*call.layer(Permute(order=(1, 0, 2)), split, name="heads.split"))


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
        hidden_size=hidden, num_layers=num_layers, bidirectional=bidirectional, bias=bias)
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
