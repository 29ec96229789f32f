"""Reading Keras's layers of products: Einstein's sums, and attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...dims import Dim, product
from ...operators import (
    OPERATORS,
    Add,
    Einsum,
    Identity,
    Linear,
    Mul,
    Reduce,
    Reshape,
    Tile,
    Unsqueeze,
)
from ...support.suggestions import quoted
from ..common.attention import attended, heads_of, merged, scores
from ..common.equations import per_sample
from .call import LayerCall, NotReadError, RefusedSettingError, reads

__all__ = ()


@reads("EinsumDense", settings="activation bias_axes equation output_shape")
def _einsum_dense(call: LayerCall) -> str:
    """Read a product with a learned tensor: a linear layer, where it is one."""
    shape, written = call.shape(), call.config["output_shape"]
    kernels = call.config["equation"].partition(",")[2].partition("->")[0].strip()
    equation, batch = per_sample(call.config["equation"], [len(shape) + 1, len(kernels)], [0, None])
    if batch != 0:
        raise NotReadError(f"its equation {quoted(call.config['equation'])} moves the batch axis")
    operator = Einsum(equation=equation)
    given, kernel, result = operator.labels
    wished = [written] if isinstance(written, int) else list(written)
    sizes: dict[str, Any] = dict(zip(given, shape, strict=True))
    named = [label for label in result if label in call.config["equation"]]  # not what stands for dots
    if len(wished) < len(named) or not all(n is None or (type(n) is int and n > 0) for n in wished):
        raise RefusedSettingError(f"output_shape must have {len(named)} sizes, got {quoted(written)}")
    fixed = dict(zip(named, wished, strict=False))
    sizes |= {label: size for label, size in fixed.items() if label not in sizes}
    bias = call.config.get("bias_axes") or ""
    if operator.dense and bias in ("", kernel[1]):
        made = call.add(
            Linear(out_features=sizes[kernel[1]], bias=bool(bias), in_features=call.built[-1] if call.built else None)
        )
    else:
        made = call.add(operator, call.inputs[0], call.constant([sizes[label] for label in kernel], "kernel"))
        if bias:
            start = min(map(result.index, bias))
            shift = call.constant([sizes[n] if n in bias else 1 for n in result[start:]], "bias")
            made = call.add(Add(), made, shift, part="biased")
    stated = [fixed.get(label) or sizes[label] for label in result]
    if any(size != sizes[label] for label, size in zip(result, stated, strict=True)):
        made = call.add(Reshape(shape=stated), made, part="stated")  # what the layer says of a size of its input
    return call.activated(made)


# -- attention

_HEADED = ("query", "value", "key")


def _adds(call: LayerCall) -> Any:
    return lambda part, operator, *inputs: call.add(operator, *inputs, part=part)


@reads("Attention", "AdditiveAttention", settings="dropout score_mode use_scale")
def _attention(call: LayerCall) -> Any:
    """Read attention without heads: a query, values and perhaps keys in one list."""
    add, config = _adds(call), call.config
    query, value, *rest = (
        x if len(call.shape_of(x)) == 2 else call.add(Identity(), x, part="input", rank=2)
        for x in call.taken("inputs")["inputs"]
    )
    key = rest[0] if rest else value
    additive, scaled = call.kind == "AdditiveAttention", bool(config.get("use_scale", call.kind == "AdditiveAttention"))
    if additive or config.get("score_mode") == "concat":
        pairs = add("attention.pairs", Add(), *(
            add(f"attention.{side}", Unsqueeze(axis=axis), x) for side, axis, x in
            (("queries", 1, query), ("keys", 0, key))))  # fmt: skip
        bent = add("attention.tanh", OPERATORS["tanh"](), pairs)
        found = add("attention.scores", Reduce(axes=(2,)), bent)
        learned: Dim = (call.shape(0)[-1] if additive else 1) * scaled + (not additive)
        weights = add("attention.softmax", OPERATORS["softmax"](), _learning(add, found, learned))
    else:
        weights = _learning(add, scores(add, 2, query, key), int(scaled))
    made = attended(add, weights, value)
    return [made, weights] if call.option("return_attention_scores") else made


def _learning(add: Any, x: str, count: Dim) -> str:
    """Return a tensor that is multiplied with learned numbers, if there are any."""
    return x if count == 0 else str(add("attention.scale", Identity(weights=count), x))


_HEADS = "dropout flash_attention sliding_window use_bias use_gate "


@reads("MultiHeadAttention", settings=_HEADS +
       "attention_axes key_dim key_shape num_heads output_shape query_shape value_dim value_shape")  # fmt: skip
def _multi_head_attention(call: LayerCall) -> Any:
    """Read attention of several heads, over all axes between the batch and the features."""
    config = call.config
    size = config["key_dim"]
    shape = call.shape()
    axes = config.get("attention_axes")
    if axes is not None and sorted([axes] if isinstance(axes, int) else axes) != list(range(1, len(shape))):
        raise NotReadError("it attends along some axes alone")
    written = config.get("output_shape") or shape[-1]
    wished = list(written) if isinstance(written, (list, tuple)) else [written]
    return _headed(call, config["num_heads"], config["num_heads"], size, config.get("value_dim") or size, wished)


@reads("GroupedQueryAttention", "GroupQueryAttention", settings=_HEADS +
       "head_dim num_key_value_heads num_query_heads")  # fmt: skip
def _grouped_query_attention(call: LayerCall) -> Any:
    """Read attention in which several heads of the query share one of the keys and values."""
    config, shape = call.config, call.shape()
    size = config["head_dim"]
    return _headed(call, config["num_query_heads"], config["num_key_value_heads"], size, size, [shape[-1]])


def _headed(call: LayerCall, heads: int, groups: int, size: int, value_size: int, wished: Sequence[Any]) -> Any:
    """Return what attention gives: linear layers, heads, products, heads merged, and a linear layer."""
    add, bias = _adds(call), bool(call.config.get("use_bias", True))
    found = call.taken(*_HEADED, "query_mask", "value_mask", "key_mask", "attention_mask")
    query, value = found["query"][0], found["value"][0]
    given = {"query": query, "value": value, "key": found.get("key", [value])[0]}
    ranks = {name: len(call.shape_of(ref)) for name, ref in given.items()}
    places = call.shape_of(query)[:-1]
    mask = found.get("attention_mask", [])
    if max(ranks.values()) > 2 and mask:
        raise NotReadError("it has a mask over several axes")

    def projected(name: str, out: Dim) -> str:
        x = given["query" if name == "gate" else name]
        if ranks["query" if name == "gate" else name] > 2:
            x = add(f"{name}.places", Reshape(shape=(-1, call.shape_of(x)[-1])), x)
        source = {"gate": "query", "key": "key" if "key_shape" in call.builds else "value"}.get(name, name)
        built = call.builds.get(f"{source}_shape")
        operator = Linear(out_features=out, bias=bias, in_features=built[-1] if built else None)
        return str(add(name, operator, x))

    q = heads_of(add, projected("query", heads * size), heads, size)
    k = heads_of(add, projected("key", groups * size), groups, size)
    v = heads_of(add, projected("value", groups * value_size), groups, value_size)
    if groups != heads:
        k, v = (add("heads.repeat", Tile(repeats=(heads // groups, 1, 1)), x) for x in (k, v))
    weights = scores(add, 3, q, k, *mask)
    whole = merged(add, attended(add, weights, v), heads * value_size)
    if call.config.get("use_gate"):
        gate = add("gate.sigmoid", OPERATORS["sigmoid"](), projected("gate", heads * value_size))
        whole = add("gated", Mul(), whole, gate)
    plain = len(places) == len(wished) == 1
    made = add("" if plain else "output", Linear(out_features=product(wished), bias=bias), whole)
    if not plain:
        made = add("", Reshape(shape=(*places, *wished)), made)
    if not call.option("return_attention_scores"):
        return made
    if max(ranks.values()) > 2:
        weights = add("weights", Reshape(shape=(heads, *places, *call.shape_of(given["key"])[:-1])), weights)
    return [made, weights]
