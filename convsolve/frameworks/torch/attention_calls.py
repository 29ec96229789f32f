"""Calls of attention: of one head or several, to the same tensor or another."""

from __future__ import annotations

from typing import Any

from ...dims.normal import Polynomial
from ...operators import Concat, Linear, Pad, Reduce, Split, Tile
from ..common.attention import attended, heads_of, merged, scores
from ..common.recording.recorded_tensors import Unsupported, Value
from .calls import RecordedCall, handles

__all__ = ["attention", "multi_head_attention"]


def _adds(call: RecordedCall, like: Value) -> Any:
    """Return what adds a layer whose result has its batch axis where a tensor has it."""
    return lambda name, operator, *inputs: like.made(*call.layer(operator, *inputs, name=name))


@handles("scaled_dot_product_attention")
def attention(
    call: RecordedCall,
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: Any = 0.0,
    is_causal: bool = False,
    scale: Any = None,
    enable_gqa: bool = False,
) -> Value:
    """Attention: a product of queries and keys, a softmax, a product with the values."""
    for x in (call.value(query), call.value(key), call.value(value)):
        x.axis(-1), x.axis(-2)
    given = [query, key, value, *([] if attn_mask is None else [attn_mask])]
    (q, k, v, *mask), like = call.joined(given)
    add = _adds(call, like)
    if enable_gqa:
        k, v = (_repeated(add, x, q) for x in (k, v))
    weights: Value = attended(add, scores(add, len(k.shape), q, k, *mask), v)
    return weights


def _repeated(add: Any, x: Value, query: Value) -> Value:
    """Return keys or values with each head as often as queries share it."""
    heads, groups = (v.shape[-3].constant if len(v.shape) > 2 else None for v in (query, x))
    if not isinstance(heads, int) or not isinstance(groups, int) or heads % groups:
        raise Unsupported("heads that are not shared alike")
    repeats = [1] * len(x.shape)
    repeats[-3] = heads // groups
    return x if heads == groups else add("heads.repeat", Tile(repeats=repeats), x)


@handles("multi_head_attention_forward")
def multi_head_attention(
    call: RecordedCall,
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: Any,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> Any:
    """Attention of several heads over ``(length, batch, features)``, with the linear layers before and after."""
    if static_k is not None or static_v is not None:
        raise Unsupported("keys or values that are given as they are")
    given = [call.input(t) for t in (query, key, value)]
    if any(x.fold or len(x.shape) != 2 or x.batch != 1 for x in given):
        raise Unsupported("attention over something else than sequences")
    like, size, bias = given[0], embed_dim_to_check, in_proj_bias is not None
    add, head = _adds(call, like), size // num_heads
    weights = [in_proj_weight] if not use_separate_proj_weight else [q_proj_weight, k_proj_weight, v_proj_weight]
    features = [call.sizes(w)[1] for w in weights]  # those of each projection, or of all

    def linear(part: str, count: int, i: int) -> tuple[str, Linear, Value]:
        operator = Linear(out_features=count * size, in_features=features[i % len(features)], bias=bias)
        return f"in_proj{part}", operator, given[i]

    if query is key and key is value and not use_separate_proj_weight:
        parts = [linear("", 3, 0)]
    elif key is value and not use_separate_proj_weight:
        parts = [linear(".query", 1, 0), linear(".memory", 2, 1)]
    else:
        parts = [linear(f".{name}", 1, i) for i, name in enumerate(("query", "key", "value"))]
    projected = []
    for (name, operator, x), (made,) in zip(parts, call.parts([*weights, in_proj_bias], *parts), strict=True):
        several = int(operator.out_features) // size
        whole = x.made(*made)
        cut = Split(sizes=(size,) * several, axis=1)
        projected += (
            [whole] if several == 1 else [x.made(*one) for one in call.layers(cut, whole, name=f"{name}.split")]
        )
    q, k, v = projected
    if bias_k is not None:
        k, v = (_longer(call, x, extra) for x, extra in ((k, bias_k), (v, bias_v)))
    q, k, v = (heads_of(add, x, num_heads, head) for x in (q, k, v))
    if add_zero_attn:
        k, v = (add("zero_attn", Pad(padding=((0, 1), (0, 0))), x) for x in (k, v))
    taken = scores(add, 3, q, k, *_masks(call, attn_mask, key_padding_mask, bias_k is not None or add_zero_attn))
    whole = merged(add, attended(add, taken, v), size)
    operator = Linear(out_features=size, in_features=size, bias=out_proj_bias is not None)
    result = like.made(*call.layer(operator, whole, weights=(out_proj_weight, out_proj_bias), name="out_proj"))
    if not need_weights:
        return (result, None)
    seen = Value("", (), 0)
    if not average_attn_weights:
        return (result, seen.made(taken.ref, taken.shape))
    return (result, seen.made(*call.layer(Reduce(axes=(0,)), taken, name="average")))


def _longer(call: RecordedCall, x: Value, extra: Any) -> Value:
    """Return a sequence with a learned step more at its end."""
    features = call.value(extra).shape[-1]
    step = Value(call.constant(extra, (Polynomial.of(1), features)), (Polynomial.of(1), features), None)
    return x.made(*call.layer(Concat(axis=0), x, step, name="longer"))


def _masks(call: RecordedCall, mask: Any, padding: Any, longer: bool) -> list[Value]:
    """Return the mask that is added to the scores, if there is one."""
    if mask is None and padding is None:
        return []
    if longer or (mask is not None and padding is not None):
        raise Unsupported("several masks, or one of another length")
    value = call.input(padding if mask is None else mask)
    if mask is None:
        if value.batch != 0 or value.fold or len(value.shape) != 1:
            raise Unsupported("a mask that is none of samples")
    elif value.batch is not None:
        raise Unsupported("a mask of its own for each sample")
    return [value]
