"""Calls that work element by element, or reduce axes; and those that make constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from ...dims import product, total
from ...dims.normal import Polynomial
from ...operators import (
    OPERATORS,
    Add,
    Div,
    Dropout,
    Elementwise,
    Identity,
    Maximum,
    Minimum,
    Mul,
    Operator,
    Pow,
    Prelu,
    Reduce,
    Slice,
    Sub,
)
from ..common.recording.guards import BATCH, BATCH_SIZE
from ..common.recording.recorded_tensors import ONE, Unsupported, Value
from ..common.recording.symbolic_sizes import Size
from ..common.recording.symbolic_values import form_of
from .calls import RecordedCall, handles, plain

__all__ = [
    "ALIASES",
    "OF_ELEMENTS",
    "activation",
    "alias",
    "along_one_axis",
    "arange",
    "compared_along",
    "dropout",
    "elementwise",
    "full",
    "joined",
    "linspace",
    "meshgrid",
    "made",
    "made_by",
    "made_like",
    "mixed",
    "new_full",
    "prelu",
    "reduced",
    "unary",
]

_KEEP = (
    "relu relu6 leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh sigmoid tanh softplus softmax "
    "log_softmax local_response_norm"
)
_UNARY = (
    "abs exp log log2 log1p expm1 sqrt rsqrt square sin cos erf neg negative reciprocal sign floor ceil round clamp "
    "clip clamp_min clamp_max logsigmoid softsign softmin tanhshrink hardshrink softshrink threshold rrelu logit "
    "nan_to_num bitwise_not logical_not __invert__ bernoulli isnan isfinite isinf triu tril get:imag imag conj angle "
    "sgn trunc frac tan asin acos atan sinh cosh asinh acosh atanh exp2 log10 erfc erfinv lgamma sinc gumbel_softmax"
)
_COMPARED = {"eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
_OF_SEVERAL = (
    " ".join((*_COMPARED, *(f"__{name}__" for name in _COMPARED))) + " not_equal less less_equal greater greater_equal "
    "where masked_fill fmod remainder __mod__ lerp logical_and logical_or logical_xor bitwise_and bitwise_or "
    "bitwise_xor __and__ __or__ __xor__ atan2 hypot fmax fmin copysign xlogy addcmul addcdiv heaviside polar complex "
    "logaddexp logaddexp2 float_power"
)
ALIASES = (
    "contiguous clone to detach float double half bfloat16 long int bool cpu cuda type type_as requires_grad_ "
    "alias get:data get:real _to_copy lift_fresh_copy positive"
)


OF_ELEMENTS = frozenset(f"{_KEEP} {_UNARY} {_OF_SEVERAL} {ALIASES}".split()) | {
    "dropout",
    "add",
    "sub",
    "mul",
    "div",
    "neg",
    "maximum",
    "minimum",
    "radd",
    "rmul",
    "rsub",
    "truediv",
}
"""Functions that work element by element."""


@handles(ALIASES)
def alias(call: RecordedCall, input: Any, *_: Any, **__: Any) -> Value:
    """The same tensor, as far as its shape goes."""
    return call.value(input)


@handles(_KEEP)
def activation(call: RecordedCall, input: Any, *others: Any, **named: Any) -> Value:
    """A well-known function that keeps the shape."""
    return call.same(OPERATORS[call.function](), _normalised(call, input, others, named))


def _normalised(call: RecordedCall, input: Any, others: Any, named: Any) -> Value:
    """Return the input of a function; a softmax over an axis that is not there passes on the meta device alone."""
    x = call.input(input)
    dim = named.get("dim", others[0] if others else None)
    if "softm" in call.function and isinstance(dim, int) and not -x.rank <= dim < x.rank:
        raise Unsupported("an axis that the tensor does not have")
    return x


@handles("dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout feature_dropout")
def dropout(call: RecordedCall, input: Any, p: Any = 0.5, *_: Any, **__: Any) -> Value:
    """Dropout."""
    return call.same(Dropout(p=float(p)), call.input(input))


@handles(_UNARY)
def unary(call: RecordedCall, input: Any, *others: Any, **named: Any) -> Value:
    """A function of each element."""
    return call.same(Identity(), _normalised(call, input, others, named))


@handles(_OF_SEVERAL)
def elementwise(call: RecordedCall, *operands: Any, **named: Any) -> Value:
    """A function of the elements at the same place of several tensors, or of tensors and numbers."""
    tensors = [x for x in (*operands, *named.values()) if isinstance(x, torch.Tensor) and not _is_number(call, x)]
    name = call.function.strip("_")
    if not tensors or (name == "where" and len(operands) + len(named) < 3):
        raise Unsupported("a function of the values of a tensor")
    scalars = [x for x in (*operands, *named.values()) if isinstance(x, torch.Tensor) and _is_number(call, x)]
    if len(tensors) == 1:
        return _weighed(call, tensors[0], scalars)
    inputs, like = call.joined(tensors)
    return like.made(*call.layer(Elementwise(function=_COMPARED.get(name, name)), *inputs))


def _weighed(call: RecordedCall, tensor: Any, scalars: Sequence[Any]) -> Value:
    """Return a function of a tensor and of numbers, some of which may be parameters."""
    learned = len(call.parameters(*scalars))
    return call.same(Identity(weights=learned), call.input(tensor), weights=scalars)


@handles("prelu _prelu_kernel")
def prelu(call: RecordedCall, input: Any, weight: Any) -> Value:
    """A rectifier with a learned slope."""
    slopes = product(call.sizes(weight))
    x = call.input(input) if slopes == 1 else call.spatial(input, call.value(input).rank - 2)
    return call.same(Prelu(slopes=slopes), x, weights=(weight,))


_JOINED: dict[str, type[Operator]] = {
    "add": Add, "__radd__": Add, "sub": Sub, "subtract": Sub, "__rsub__": Sub, "rsub": Sub, "mul": Mul,
    "multiply": Mul, "__rmul__": Mul, "div": Div, "divide": Div, "true_divide": Div, "__rdiv__": Div,
    "__rtruediv__": Div, "__truediv__": Div, "pow": Pow, "__pow__": Pow, "__rpow__": Pow, "maximum": Maximum,
    "minimum": Minimum, "__floordiv__": Div, "floor_divide": Div, "__rfloordiv__": Div, "__add__": Add,
    "__mul__": Mul, "__sub__": Sub,
}  # fmt: skip


@handles(" ".join(_JOINED))
def joined(call: RecordedCall, input: Any, other: Any, *_: Any, alpha: Any = 1, **__: Any) -> Value:
    """An element-wise function of two tensors, or of a tensor and a number."""
    operator = _JOINED[call.function]()
    call.function = operator.kind
    operands = [x for x in (input, other) if isinstance(x, torch.Tensor) and not _is_number(call, x)]
    if len(operands) < 2:
        scalars = [x for x in (input, other) if isinstance(x, torch.Tensor) and all(x is not o for o in operands)]
        return _weighed(call, operands[0] if operands else input, scalars)
    inputs, like = call.joined(operands)
    return like.made(*call.layer(operator, *inputs))


def _is_number(call: RecordedCall, x: torch.Tensor) -> bool:
    """Return whether a tensor is one number that does not depend on the input."""
    value = call.value(x)
    return x.dim() == 0 and value.batch is None and not value.ref


@handles(
    "normalize roll flip cumsum cumprod cummax cummin logcumsumexp sort argsort fliplr flipud rms_norm "
    "fft_fftshift fft_ifftshift"
)
def mixed(call: RecordedCall, input: Any, *others: Any, **named: Any) -> Any:
    """A function that keeps the shape, but whose elements depend on others along some axis."""
    x = call.input(input)
    axes = [n for n in (*others, *named.values()) if isinstance(n, (int, list, tuple))]
    shifted = "shift" in call.function
    if call.function == "roll" or shifted:
        named_so, place = ("dim", 0) if shifted else ("dims", 1)
        given = named.get(named_so, others[place] if len(others) > place else None)
        axes = [] if given is None else [given]
        if not axes:
            raise Unsupported("a roll over all axes")
    if x.batch is not None and (shifted or call.function in ("roll", "flip")):
        for axis in axes:
            for a in axis if isinstance(axis, (list, tuple)) else [axis]:
                x.axis(a)
    weights = [n for n in (*others, *named.values()) if isinstance(n, torch.Tensor)]
    if call.function in ("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "sort", "argsort", "normalize"):
        dim = named.get("dim", others[-1] if others and isinstance(others[-1], int) else -1)
        x.axis(1 if call.function == "normalize" and "dim" not in named and len(others) < 2 else dim)
    result = call.same(Identity(weights=total(product(call.sizes(w)) for w in weights), mixes=True), x, weights=weights)
    return (result, result) if call.function in ("sort", "cummax", "cummin") else result


_REDUCED = (
    "mean sum amax amin std var norm prod logsumexp argmax argmin all any median nanmedian nansum nanmean var_mean "
    "std_mean linalg_norm linalg_vector_norm count_nonzero"
)
_PAIRS = ("max", "min", "median", "nanmedian", "var_mean", "std_mean")
"""Reductions along an axis that come with something else of the same shape."""


@handles(_REDUCED + " max min")
def reduced(call: RecordedCall, input: Any, *args: Any, **named: Any) -> Any:
    """A reduction of some axes; ``max`` and ``min`` of two tensors are element-wise."""
    if args and isinstance(args[0], torch.Tensor):
        call.function = {"max": "maximum", "min": "minimum"}[call.function]
        return joined(call, input, args[0])
    x = call.input(input)
    rest = list(args[1:] if call.function in ("norm", "linalg_norm", "linalg_vector_norm") else args)
    dim = named.get("dim", named.get("axis", rest[0] if rest else None))
    if isinstance(dim, bool):
        dim = None
    flags = [r for r in rest[1:] if isinstance(r, bool)]
    keepdims = bool(named.get("keepdim", named.get("keepdims", flags[-1] if flags else False)))
    if dim is None or dim in ([], ()):
        raise Unsupported("a reduction over all axes, the batch among them")
    dims = sorted({d % x.rank for d in (dim if isinstance(dim, (list, tuple)) else [dim])})
    axes = tuple(x.axis(d) for d in dims)
    if len(axes) == len(x.shape) and not keepdims and x.batch is None:
        raise Unsupported("a reduction to one number")
    ref, shape = call.layer(Reduce(axes=axes, keepdims=keepdims), x)
    before = 0 if keepdims or x.batch is None else sum(d < x.batch for d in dims)
    result = replace(x.made(ref, shape), batch=None if x.batch is None else x.batch - before)
    return (result, result) if call.function in _PAIRS else result


@handles("aminmax mode kthvalue")
def along_one_axis(
    call: RecordedCall, input: Any, *args: Any, k: Any = None, dim: Any = None, keepdim: bool = False
) -> Any:
    """Two results along one axis, by default the last."""
    given = list(args)
    count = (given.pop(0) if given else k) if call.function == "kthvalue" else 1
    axis = given[0] if given else dim
    if axis is None and call.function == "aminmax":
        raise Unsupported("a reduction over all axes, the batch among them")
    x = call.input(input)
    at = x.axis(-1 if axis is None else axis)
    if call.function == "kthvalue":
        x = x.made(*call.layer(Slice(axis=at, stop=plain(count), inside=True), x, name="kthvalue.part"))
    result = _without(call, x, -1 if axis is None else axis, bool(given[1] if len(given) > 1 else keepdim))
    return (result, result)


def _without(call: RecordedCall, x: Value, axis: int, keepdims: bool) -> Value:
    """Return what is left of a tensor where one axis is reduced."""
    ref, shape = call.layer(Reduce(axes=(x.axis(axis),), keepdims=keepdims), x)
    before = not keepdims and x.batch is not None and axis % x.rank < x.batch
    return replace(x.made(ref, shape), batch=x.batch - 1 if before and x.batch is not None else x.batch)


@handles("cosine_similarity pairwise_distance")
def compared_along(
    call: RecordedCall, x1: Any, x2: Any, dim: Any = None, eps: Any = None, keepdim: bool = False, *, p: Any = None
) -> Value:
    """How alike two tensors are along an axis."""
    axis = -1 if call.function == "pairwise_distance" else 1 if dim is None else dim
    inputs, like = call.joined([x1, x2])
    return _without(call, like.made(*call.layer(Mul(), *inputs, name="mul")), axis, bool(keepdim))


# -- constants


def _from_real(sizes: Sequence[Any]) -> Value:
    """Return a new constant of these sizes; one of them may be the number of samples."""
    forms = [form_of(n) if isinstance(n, int) else None for n in sizes]
    forms = [BATCH if f is not None and f.constant == BATCH_SIZE and type(n) is int else f
             for f, n in zip(forms, sizes, strict=True)]  # fmt: skip
    shape = [f for f in forms if f is not None]
    if len(shape) < len(sizes):
        raise Unsupported("a size that is no whole number")
    at = [i for i, f in enumerate(shape) if BATCH in (Polynomial(((m, 1),)) for m, _ in f.terms) or _has_batch(f)]
    if not at:
        return Value("", tuple(shape), None)
    folded = shape[at[0]].quotient(BATCH)
    if len(at) > 1 or folded is None or not folded.is_whole:
        raise Unsupported("sizes in which the samples cannot be told apart")
    if folded.constant == 1:
        return Value("", (*shape[: at[0]], *shape[at[0] + 1 :]), at[0])
    return Value("", (*shape[: at[0]], folded, *shape[at[0] + 1 :]), at[0], 1)


def _has_batch(form: Polynomial) -> bool:
    (batch,) = BATCH.atoms()
    return any(atom == batch for atom in form.atoms())


@handles("zeros ones empty rand randn")
def made(call: RecordedCall, *sizes: Any, size: Any = None, **_: Any) -> Value:
    """A constant of a given shape."""
    listed = size if size is not None else sizes[0] if sizes and isinstance(sizes[0], (list, tuple)) else sizes
    return _from_real(list(listed))


@handles("new_zeros new_ones new_empty")
def made_by(call: RecordedCall, input: Any, *sizes: Any, size: Any = None, **_: Any) -> Value:
    """A constant of a given shape, of the type of a tensor."""
    return made(call, *sizes, size=size)  # type: ignore[no-any-return]


@handles("full")
def full(call: RecordedCall, size: Any, fill_value: Any, **_: Any) -> Value:
    """A constant of one value."""
    return _from_real(list(size))


@handles("new_full")
def new_full(call: RecordedCall, input: Any, size: Any, fill_value: Any, **_: Any) -> Value:
    """A constant of one value, of the type of a tensor."""
    return _from_real(list(size))


@handles("zeros_like ones_like empty_like rand_like randn_like full_like")
def made_like(call: RecordedCall, input: Any, *_: Any, **__: Any) -> Value:
    """A constant of the shape of a tensor."""
    value = call.value(input)
    return replace(value, ref="", parameters=frozenset(), span=None)


@handles("arange")
def arange(call: RecordedCall, *args: Any, start: Any = 0, end: Any = None, step: Any = 1, **_: Any) -> Value:
    """Whole numbers in a row."""
    if end is None:
        start, end, step = (0, args[0], 1) if len(args) == 1 else (*args, 1)[:3]
    if not all(isinstance(n, int) for n in (start, end, step)):
        raise Unsupported("numbers that are not whole")
    way = end - start if step > 0 else start - end
    return _from_real([-(-way // abs(step)) if isinstance(way, Size) else len(range(start, end, step))])


@handles("meshgrid")
def meshgrid(call: RecordedCall, *tensors: Any, indexing: str | None = None) -> list[Value]:
    """Constants of one axis each, laid out along an axis of their own."""
    values = [call.value(t) for t in (tensors[0] if isinstance(tensors[0], (list, tuple)) else tensors)]
    if any(v.ref or v.batch is not None or v.rank > 1 for v in values):
        raise Unsupported("something else than constants of one axis")
    sizes = [size for v in values for size in (v.shape or (ONE,))]
    if indexing == "xy" and len(sizes) > 1:
        sizes[:2] = sizes[1::-1]
    return [replace(v, shape=tuple(sizes), span=v.span and replace(v.span, consecutive=False)) for v in values]


@handles("linspace")
def linspace(call: RecordedCall, start: Any, end: Any, steps: Any = None, **_: Any) -> Value:
    """Numbers at equal distances."""
    return _from_real([steps])
