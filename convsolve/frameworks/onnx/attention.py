"""Reading attention: that of ONNX, and onnxruntime's own (com.microsoft), which may continue a sequence.

What onnxruntime runs on the CPU is taken; packed queries, keys and values (5 axes) are left to graphics cards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...dims import Dim
from ...errors import RefusedError
from ...operators import OPERATORS, Concat, Identity, Operator, Split, Squeeze, Tile, Unsqueeze
from ..common.attention import attended, heads_of, merged, scores
from .call import NodeCall, reads
from .values import NotReadError, Tensor, Value

__all__ = ()


def _adds(call: NodeCall) -> Callable[..., Tensor]:
    return lambda _, operator, *inputs: call.layer(operator, *inputs, last=False)


def _differ(shape: Sequence[Dim], wished: Sequence[Dim]) -> bool:
    """Return whether a shape is known not to be another."""
    return len(shape) != len(wished) or any(
        isinstance(n, int) and isinstance(m, int) and n != m for n, m in zip(shape, wished, strict=True)
    )


def _must_be(call: NodeCall, position: int, what: str, *allowed: Sequence[Dim]) -> None:
    """Require that an input has one of these shapes, which have the batch where ONNX has it."""
    if not call.has(position):
        return
    value = call.value(position)
    shape = value.full(call.batch) if isinstance(value, Tensor) else list(value.shape)
    if all(_differ(shape, wished) for wished in allowed):
        raise RefusedError(f"its {what} has the shape {shape}: wanted {' or '.join(str([*w]) for w in allowed)}")


def _added(call: NodeCall, mask: int, bias: int, queries: Dim, keys: Dim, heads: int) -> Tensor | None:
    """Return what is added to the scores, where the network computes it: its sizes have to agree with theirs."""
    batch = call.batch
    allowed: list[Sequence[Dim]] = [(batch,), (3 * batch + 2,), (batch, keys), (batch, queries, keys)]
    if call.kind.endswith(".Attention"):
        allowed += [(2 * batch,), (batch, 1)]  # where each sequence ends and begins; nothing masked
    _must_be(call, mask, "mask", *allowed)
    _must_be(call, bias, "attention bias", *[(b, h, queries, keys) for b in (batch, 1) for h in (heads, 1)])
    for position in (bias, mask):
        value = call.value(position) if call.has(position) else None
        if isinstance(value, Tensor) and value.shape:
            return value
    return None


def _mixed(
    call: NodeCall, query: Tensor, key: Tensor, value: Tensor, added: Tensor | None, features: Dim
) -> list[Value]:
    """Return attention, ``(queries, features)``, of heads side by side: ``(heads, length, size)`` each."""
    add = _adds(call)
    mixed = merged(add, attended(add, scores(add, 3, query, key, added), value), features)
    return [call.layer(Identity(), mixed)]


def _heads(call: NodeCall, x: Tensor, heads: int) -> Tensor:
    """Return ``(heads, length, size)`` of ``(length, features)``."""
    features = x.shape[-1]
    if not isinstance(features, int):
        raise NotReadError("it has features of unknown number")
    if heads < 1 or features % heads:
        raise RefusedError(f"its {features} features cannot be shared out to {heads} heads")
    return heads_of(_adds(call), x, heads, features // heads)


def _shared(call: NodeCall, x: Tensor, heads: Dim) -> Tensor:
    """Return keys or values with each head as often as queries share it."""
    own = x.shape[0]
    if not isinstance(own, int) or not isinstance(heads, int):
        raise NotReadError("it has heads of unknown number")
    if heads % own:
        raise RefusedError(f"{heads} heads of queries cannot share {own} of keys")
    return x if own == heads else call.layer(Tile(repeats=(heads // own, 1, 1)), x, last=False)


def _continued(call: NodeCall, x: Tensor, past: Tensor | None) -> Tensor:
    """Return keys or values behind those of before."""
    return x if past is None else call.layer(Concat(axis=1), past, x, last=False)


# -- onnxruntime's own


@reads("com.microsoft.Attention")
def _packed_attention(call: NodeCall) -> list[Value]:
    """Read attention of a sequence to itself, whose three projections are one matrix."""
    x, weight, count = call.tensor(batch=0), call.known(1), call.option("num_heads")
    if len(x.shape) != 2 or len(weight.shape) != 2 or not count or count < 1:
        raise RefusedError(f"it takes 3 axes, a matrix and num_heads, got {x.rank}, {list(weight.shape)} and {count}")
    bias = call.has(2)
    if bias and call.known(2).shape != (weight.shape[1],):
        raise RefusedError(f"its bias {list(call.known(2).shape)} does not fit its weights {list(weight.shape)}")
    parts = call.option("qkv_hidden_sizes") or [weight.shape[1] // 3] * 3
    if len(parts) != 3 or sum(parts) != weight.shape[1] or parts[0] != parts[1]:
        raise RefusedError(f"its weights have {weight.shape[1]} columns: wanted three parts of {parts}")
    linear: Operator = OPERATORS["linear"](out_features=weight.shape[1], in_features=weight.shape[0], bias=bias)  # type: ignore[call-arg]
    projected = call.layer(linear, x, last=False)
    split = call.add(Split(sizes=parts, axis=1), projected.reference, last=False)
    query, key, value = (_heads(call, call.made(r, x), count) for r in split)
    if call.has(4):
        if call.has(5) or call.outputs < 2:
            raise RefusedError("with keys and values of before it returns what continues them, and takes no bias")
        key, value = (_continued(call, *both) for both in zip((key, value), _pasts(call, key, value), strict=True))
    added = _added(call, 3, 5, x.shape[0], key.shape[1], count)
    made = _mixed(call, query, key, value, added, parts[2])
    return [*made, *([_kept(call, key, value)] if call.outputs > 1 else [])]


def _pasts(call: NodeCall, key: Tensor, value: Tensor) -> list[Tensor]:
    """Return the keys and values of before, ``(2, batch, heads, length, size)``."""
    past = call.tensor(4, batch=1)
    if (
        past.rank != 5
        or key.shape[2] != value.shape[2]
        or _differ((2, key.shape[0], key.shape[2]), (past.shape[0], past.shape[1], past.shape[3]))
    ):
        raise RefusedError(f"its past has the shape {past.full(call.batch)}: wanted that of its keys and values")
    parts = call.add(Split(sizes=(1, 1), axis=0), past.reference, last=False)
    return [call.layer(Squeeze(axis=0), Tensor(part, (1, *past.shape[1:])), last=False) for part in parts]


def _kept(call: NodeCall, key: Tensor, value: Tensor) -> Value:
    """Return the keys and values, one behind the other along a first axis that the batch does not lead."""
    alike = key if key.shape[2] == value.shape[2] else value  # onnxruntime writes both as large as the values
    parts = [call.layer(Unsqueeze(axis=0), x, last=False) for x in (alike, value)]
    whole = call.layer(Concat(axis=0), *parts, last=False)
    return Tensor(whole.reference, whole.shape, 1)


@reads("com.microsoft.MultiHeadAttention")
def _multi_head_attention(call: NodeCall) -> list[Value]:
    query, heads = call.tensor(batch=0), call.option("num_heads", 0)
    if call.outputs > 3:
        raise RefusedError("no CPU returns its scores")
    if query.rank != 3 or not (call.has(1) and call.has(2)):
        raise RefusedError("its queries, keys and values are packed, which no CPU runs, or lack one")
    key, value = call.tensor(1, batch=0), call.tensor(2, batch=0)
    q = _heads(call, query, heads)
    if key.rank == value.rank == 4:
        for x in (key, value):
            if _differ(x.shape, (heads, key.shape[1], q.shape[2])):
                raise RefusedError(
                    f"its keys and values of {[*key.shape]} and {[*value.shape]} are not {heads} heads of {q.shape[2]}"
                )
        k, v = key, value
    elif key.rank == value.rank == 3:
        if _differ(key.shape[:1], value.shape[:1]):
            raise RefusedError(f"it has {key.shape[0]} keys and {value.shape[0]} values")
        k, v = _heads(call, key, heads), _heads(call, value, heads)
    else:
        raise RefusedError(f"its keys have {key.rank} axes, its values {value.rank}: wanted 3 or 4 both")
    features = query.shape[-1] if value.rank == 4 else value.shape[-1]
    _must_be(call, 3, "bias", (2 * query.shape[-1] + features,))
    if call.has(6) != call.has(7):
        raise RefusedError("it takes the keys of before and the values of before, or neither")
    if call.has(6):
        before = call.tensor(6, batch=0).shape[1:2]
        for position in (6, 7):
            _must_be(call, position, "past", (call.batch, heads, *before, q.shape[2]))
        k, v = (_continued(call, x, call.tensor(i, batch=0)) for x, i in ((k, 6), (v, 7)))
    added = _added(call, 4, 5, query.shape[0], k.shape[1], heads)
    return [*_mixed(call, q, k, v, added, features), k, v][: call.outputs]


# -- that of ONNX


@reads("Attention")
def _attention(call: NodeCall) -> list[Value]:
    inputs = [call.tensor(i, batch=0) for i in range(3)]
    ranks = [x.rank for x in inputs]
    if ranks not in ([3] * 3, [4] * 3):
        raise RefusedError(f"its queries, keys and values have {ranks} axes: wanted 3 or 4 each")
    flat = ranks[0] == 3
    if flat:
        counts = [call.option(f"{of}_num_heads", 0) for of in ("q", "kv", "kv")]
        inputs = [_heads(call, x, count) for x, count in zip(inputs, counts, strict=True)]
    query, key, value = inputs
    if _differ(key.shape[:2], value.shape[:2]) or _differ(query.shape[2:], key.shape[2:]):
        raise RefusedError(f"its queries {[*query.shape]}, keys {[*key.shape]} and values {[*value.shape]} do not fit")
    if call.has(4) != call.has(5) or (call.has(4) and call.outputs < 3):
        raise RefusedError("it takes the keys and values of before together, and returns what continues them")
    if call.has(4):
        before = call.tensor(4, batch=0).shape[1:2]
        for position, now in ((4, key), (5, value)):
            _must_be(call, position, "past", (call.batch, now.shape[0], *before, now.shape[2]))
        key, value = (_continued(call, x, call.tensor(i, batch=0)) for x, i in ((key, 4), (value, 5)))
    heads, queries, keys = query.shape[0], query.shape[1], key.shape[1]
    fits = [(queries, keys), *((h, queries, keys) for h in (heads, 1))]
    _must_be(call, 3, "mask", *fits, *((b, h, queries, keys) for b in (call.batch, 1) for h in (heads, 1)))
    mask = call.value(3) if call.has(3) else None
    if isinstance(mask, Tensor) and (mask.rank < 4 or mask.batch or mask.merged):
        raise NotReadError("its mask has the batch for heads or places")
    shared = [_shared(call, x, heads) for x in (key, value)]
    return _returned(call, query, (key, value), shared, mask if isinstance(mask, Tensor) else None, flat)


def _returned(
    call: NodeCall, query: Tensor, kept: Sequence[Tensor], shared: Sequence[Tensor], mask: Tensor | None, flat: bool
) -> list[Value]:
    """Return what the queries take, the keys and values that are kept, and the scores."""
    add = _adds(call)
    weights = scores(add, 3, query, shared[0], mask)
    mixed = attended(add, weights, shared[1])
    if flat:
        mixed = merged(add, mixed, query.shape[0] * shared[1].shape[2])
    made: list[Value] = [call.layer(Identity(), mixed), *kept, weights]
    return made[: call.outputs]
