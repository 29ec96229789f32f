"""The operators that a file may call: all of them stand here, by name.

An exported program names what it calls. A name is looked up in this table, and nowhere else: no attribute of anything
is reached by a text from a file. What is in the table depends on nothing but its arguments, and changes nothing but
the tensors among them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch

from ...dims.normal import Polynomial
from ...errors import UnreadableError
from ..common.recording.symbolic_values import Followed, unfollowed
from .lent_builtins import EXTREMES

__all__ = ["ATEN", "NUMBERS", "calculated", "operator_named"]

_PREFIX = "torch.ops.aten."

ATEN = {
    "Scalar": """__and__ __or__ __xor__ add add_ bitwise_and bitwise_and_ bitwise_or bitwise_or_ bitwise_xor
        bitwise_xor_ copysign copysign_ div div_ divide divide_ eq eq_ fill fill_ float_power floor_divide
        floor_divide_ fmod fmod_ ge ge_ greater greater_ greater_equal greater_equal_ gt gt_ le le_ lerp lerp_ less
        less_ less_equal less_equal_ lt lt_ masked_fill masked_fill_ mul mul_ multiply multiply_ ne ne_ norm not_equal
        not_equal_ pow pow_ remainder remainder_ rsub sub sub_ subtract subtract_ true_divide true_divide_ where""",
    "ScalarOpt_dim": "norm",
    "ScalarOpt_dim_dtype": "norm",
    "ScalarOpt_dtype": "norm",
    "ScalarOther": "where",
    "ScalarSelf": "where",
    "Scalar_Other": "xlogy xlogy_",
    "Scalar_Self": "xlogy",
    "Scalar_Tensor": "bitwise_and bitwise_or bitwise_xor linspace remainder",
    "Scalar_mode": "div div_ divide divide_",
    "Tensor": """__and__ __or__ __xor__ _unsafe_index add add_ bernoulli bernoulli_ bitwise_and bitwise_and_ bitwise_or
        bitwise_or_ bitwise_xor bitwise_xor_ clamp clamp_ clamp_max clamp_max_ clamp_min clamp_min_ clip clip_
        copysign copysign_ div div_ divide divide_ eq eq_ fill fill_ floor_divide_ fmod fmod_ ge ge_ greater greater_
        greater_equal greater_equal_ gt gt_ index le le_ lerp lerp_ less less_ less_equal less_equal_ lt lt_
        masked_fill masked_fill_ mul mul_ multiply multiply_ narrow ne ne_ not_equal not_equal_ pow_ remainder
        remainder_ rsub slice split sub sub_ subtract subtract_ true_divide true_divide_ xlogy xlogy_""",
    "Tensor_Scalar": "linspace pow",
    "Tensor_Tensor": "float_power linspace pow",
    "Tensor_mode": "div div_ divide divide_",
    "correction": "std std_mean var var_mean",
    "decimals": "round round_",
    "default": """_adaptive_avg_pool2d _adaptive_avg_pool3d _assert_tensor_metadata _log_softmax
        _native_batch_norm_legit_no_training _prelu_kernel _safe_softmax _softmax _to_copy _trilinear
        _unsafe_index_put _unsafe_view _weight_norm abs abs_ absolute absolute_ acos acos_ acosh acosh_
        adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
        adaptive_max_pool3d addbmm addcdiv addcdiv_ addcmul addcmul_ addmm addmv addr adjoint affine_grid_generator
        alias all alpha_dropout alpha_dropout_ amax amin aminmax angle any arange arccos arcsin arctan arctan2 argmax
        argmin argsort as_strided asin asin_ asinh asinh_ atan atan2 atan2_ atan_ atanh atanh_ atleast_1d atleast_2d
        atleast_3d avg_pool1d avg_pool2d avg_pool3d baddbmm batch_norm bernoulli bilinear bitwise_not bitwise_not_
        block_diag bmm broadcast_tensors broadcast_to cat cdist ceil ceil_ celu celu_ channel_shuffle chunk clamp
        clamp_ clamp_max clamp_max_ clamp_min clamp_min_ clip clip_ clone col2im complex concat concatenate conj
        constant_pad_nd contiguous conv1d conv2d conv3d conv_transpose1d convolution copy copy_ cos cos_ cosh cosh_
        cosine_similarity cross cummax cummin cumprod cumprod_ cumsum cumsum_ detach detach_ diag diag_embed diagonal
        dot dropout dropout_ einsum elu elu_ embedding empty_like empty_permuted erf erf_ erfc erfc_ erfinv exp exp2
        exp2_ exp_ expand expand_as expm1 expm1_ eye feature_alpha_dropout feature_alpha_dropout_ feature_dropout
        feature_dropout_ fft_fft fft_fft2 fft_fftn fft_fftshift fft_ifft fft_ifft2 fft_ifftn fft_ifftshift fft_irfft
        fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftn flip fliplr flipud floor floor_ floor_divide fmax fmin frac
        frac_ full full_like gather gelu gelu_ glu grid_sampler grid_sampler_2d grid_sampler_3d group_norm hardshrink
        hardsigmoid hardsigmoid_ hardswish hardswish_ hardtanh hardtanh_ hypot hypot_ im2col imag index_add index_put
        index_put_ index_select inner instance_norm isclose isfinite isinf isnan kron layer_norm leaky_relu
        leaky_relu_ lgamma lift_fresh_copy linalg_cross linalg_matmul linalg_matrix_norm linalg_norm linalg_vecdot
        linalg_vector_norm linear linspace log log10 log10_ log1p log1p_ log2 log2_ log_ log_sigmoid logaddexp
        logaddexp2 logical_and logical_and_ logical_not logical_not_ logical_or logical_or_ logical_xor logical_xor_
        logit logit_ logsumexp mH mT masked_scatter matmul max max_pool1d max_pool1d_with_indices max_pool2d
        max_pool2d_with_indices max_pool3d max_pool3d_with_indices max_unpool2d max_unpool3d maximum mean median
        meshgrid min minimum mish mish_ mm mv nan_to_num nan_to_num_ nanmean nansum narrow native_batch_norm
        native_channel_shuffle native_dropout native_group_norm native_layer_norm neg neg_ negative negative_
        new_empty new_full new_ones new_zeros numel numpy_T ones ones_like outer pad permute pixel_shuffle
        pixel_unshuffle polar positive prelu prod rand rand_like randn randn_like randperm ravel real reciprocal
        reciprocal_ reflection_pad1d reflection_pad2d reflection_pad3d relu relu6 relu6_ relu_ repeat
        replication_pad1d replication_pad2d replication_pad3d reshape reshape_as rms_norm roll rot90 round round_
        rrelu rrelu_ rsqrt rsqrt_ scalar_tensor scaled_dot_product_attention scatter_add select_scatter selu selu_ sgn
        sigmoid sigmoid_ sign sign_ silu silu_ sin sin_ sinc sinh sinh_ slice_scatter softplus softshrink sort
        split_with_sizes sqrt sqrt_ square square_ squeeze squeeze_ stack std sum swapaxes swapaxes_ swapdims
        swapdims_ sym_numel t t_ take take_along_dim tan tan_ tanh tanh_ tensordot threshold threshold_ tile topk
        trace transpose_ tril tril_ triu triu_ trunc trunc_ type_as unfold unsqueeze unsqueeze_ upsample_bicubic2d
        upsample_bilinear2d upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d
        upsample_trilinear3d var view view_as view_as_complex view_as_real where zero_ zeros zeros_like""",
    "deprecated": "_convolution",
    "device": "to",
    "dim": "all any max mean median min squeeze squeeze_ std std_mean var var_mean",
    "dim_IntList": "sum",
    "dim_int": "prod",
    "dims": "all any squeeze squeeze_",
    "dtype": "bmm mm to view",
    "dtype_layout": "to",
    "float": "bernoulli_",
    "indexing": "meshgrid",
    "indices": "tensor_split",
    "input": "conv_transpose2d conv_transpose3d gru lstm rnn_relu rnn_tanh",
    "int": "log_softmax moveaxis movedim select size softmax sym_size sym_stride transpose unbind unflatten",
    "int_Scalar": "index_fill index_fill_",
    "int_Tensor": "index_fill index_fill_",
    "intlist": "moveaxis movedim",
    "m": "eye",
    "memory_format": "empty",
    "other": "max min to",
    "p": "bernoulli",
    "padding": "conv1d conv2d conv3d",
    "reduce": "scatter",
    "sections": "tensor_split",
    "self": "where",
    "self_int": "repeat_interleave",
    "sizes": "split",
    "src": "scatter",
    "stable": "argsort sort",
    "start": "arange",
    "start_step": "arange",
    "two": "scatter_reduce",
    "using_ints": "flatten",
    "value": "scatter",
    "vec": """_upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_nearest_exact1d _upsample_nearest_exact2d
        _upsample_nearest_exact3d upsample_bicubic2d upsample_bilinear2d upsample_linear1d upsample_nearest1d
        upsample_nearest2d upsample_nearest3d upsample_trilinear3d""",
}  # fmt: skip
"""Overloads of PyTorch's operators, and of which operators."""

_ALLOWED = {
    f"{_PREFIX}{name}.{overload}": (name, overload) for overload, names in ATEN.items() for name in names.split()
}


def operator_named(target: str) -> Any:
    """Return an operator that a file may call, by its full name; None for any other name.

    >>> operator_named("torch.ops.aten.relu.default")
    <OpOverload(op='aten.relu', overload='default')>
    >>> operator_named("torch.ops.aten.relu.__getattribute__"), operator_named("torch.ops.aten.from_file.default")
    (None, None)
    """
    if target not in _ALLOWED:
        return None
    name, overload = _ALLOWED[target]
    return getattr(getattr(torch.ops.aten, name), overload)


# -- arithmetic on sizes

_LARGEST = 2**63
_MOST_TERMS = 1_000
_HIGHEST_POWER = 64


NUMBERS: dict[str, Callable[..., Any]] = {
    "_operator.add": operator.add, "_operator.sub": operator.sub, "_operator.mul": operator.mul,
    "_operator.floordiv": operator.floordiv, "_operator.mod": operator.mod, "_operator.truediv": operator.truediv,
    "_operator.neg": operator.neg, "_operator.pos": operator.pos, "_operator.pow": operator.pow,
    "_operator.eq": operator.eq, "_operator.ne": operator.ne, "_operator.lt": operator.lt, "_operator.le": operator.le,
    "_operator.gt": operator.gt, "_operator.ge": operator.ge, "_operator.and_": operator.and_,
    "_operator.or_": operator.or_, "_operator.not_": operator.not_,
    "math.ceil": math.ceil, "math.floor": math.floor, "math.trunc": math.trunc,
    "torch.sym_float": lambda number: number / 1, "torch.sym_int": math.trunc, "torch.sym_not": operator.not_,
    "torch.sym_max": EXTREMES["max"], "torch.sym_min": EXTREMES["min"],
}  # fmt: skip
"""Operations on sizes and other numbers."""


def calculated(target: str, arguments: Sequence[Any]) -> Any:
    """Return the result of an operation on numbers, all of which are bounded, as are their expressions.

    Raises:
        UnreadableError: an argument is no number, or something grows beyond what any size is.

    >>> calculated("_operator.pow", [7, 2]), calculated("_operator.floordiv", [7, 2])
    (49, 3)
    >>> calculated("_operator.pow", [7, 10**8])
    Traceback (most recent call last):
    ...
    convsolve.errors.UnreadableError: `_operator.pow` of 7 and 100000000 is beyond what sizes are
    """
    if not all(isinstance(number, (int, float)) for number in arguments):
        raise UnreadableError(f"`{target}` is called on something else than numbers")
    if target == "_operator.pow":
        base, power = map(unfollowed, arguments)
        if not isinstance(power, int) or not 0 <= power <= _HIGHEST_POWER or _bits(base) * power > 2 * _HIGHEST_POWER:
            raise _beyond(target, arguments)
    if math.prod(_terms(number) for number in arguments) > _MOST_TERMS:
        raise _beyond(target, arguments)
    result = NUMBERS[target](*arguments)
    if isinstance(result, (bool, float)):
        return result
    if not isinstance(result, int) or not -_LARGEST <= unfollowed(result) < _LARGEST or _terms(result) > _MOST_TERMS:
        raise _beyond(target, arguments)
    return result


def _beyond(target: str, given: Sequence[Any]) -> UnreadableError:
    return UnreadableError(f"`{target}` of {' and '.join(map(repr, given))} is beyond what sizes are")


def _bits(number: Any) -> int:
    return int.bit_length(number) if isinstance(number, int) else _HIGHEST_POWER


def _terms(number: Any) -> int:
    """Return how much is written in the expression of a number."""
    form = number.form if isinstance(number, Followed) else Polynomial(())
    return 1 + sum(1 + len(monomial) for monomial, _ in form.terms)
