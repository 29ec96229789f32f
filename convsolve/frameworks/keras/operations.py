"""Reading operations: the functions of ``keras.ops`` in functional networks, beside those that layers share."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ...dims import product
from ...operators import (
    AvgPool,
    Concat,
    DepthToSpace,
    Einsum,
    Gather,
    Identity,
    MaxPool,
    Pad,
    Permute,
    Reduce,
    Slice,
    SpaceToDepth,
    Split,
    Squeeze,
    Tile,
    Unsqueeze,
    Upsample,
)
from ...operators.padding import Crop
from ...support.suggestions import quoted
from ..common.equations import per_sample
from .arguments import count, counts, plain, word
from .call import LayerCall, NotReadError, RefusedSettingError, reads
from .joins import joined

__all__ = ()

# -- element by element


@reads(
    "Abs", "Absolute", "Angle", "Arccos", "Arccosh", "Arcsin", "Arcsinh", "Arctan", "Arctanh", "BitwiseInvert",
    "BitwiseNot", "Cbrt", "Conj", "Conjugate", "Copy", "ConvertToTensor", "Cosh", "Deg2rad", "EmptyLike", "Erfc",
    "Erfinv", "Exp2", "Fabs", "FullLike", "GaussianBlur", "HSVToRGB", "HardShrink", "HardTanh", "I0", "Imag",
    "Isfinite", "Isinf", "Isnan", "Isneginf", "Isposinf", "Isreal", "Log10", "Log2", "LogSigmoid", "LogicalNot",
    "NanToNum", "OnesLike", "RGBToHSV", "Rad2deg", "Real", "SaturateCast", "Signbit", "Sinc", "Sinh", "SoftShrink",
    "Softsign", "SparsePlus", "SparseSigmoid", "Squareplus", "Tan", "TanhShrink", "Threshold", "Trunc", "ZerosLike",
    "Negative", "Sqrt", "Rsqrt", "Square", "Exp", "Log", "Log1p", "Expm1", "Cast", "Clip", "Erf", "Sin",
    "Cos", "Floor", "Ceil", "Round", "Sign", "StopGradient", "Reciprocal",
    settings="b data_format decimals default_value kernel_size nan neginf posinf ragged sigma sparse threshold x_max "
    "x_min")  # fmt: skip
def _same(call: LayerCall) -> str:
    return call.add(Identity(), call.inputs[0])


@reads("Argsort", "Cumprod", "Cumsum", "Flip", "Nancumprod", "Nancumsum", "Normalize", "Roll", "Sort", "Sparsemax",
       "Tril", "Triu", settings="axis epsilon k order shift")  # fmt: skip
def _mixed(call: LayerCall) -> str:
    """Read what keeps the shape, and whose elements depend on others."""
    axis = call.option("axis", -1)
    if axis is None and call.kind not in ("Flip", "Roll"):
        raise NotReadError("it works on the batch axis, too")
    for one in axis if isinstance(axis, (list, tuple)) else [] if axis is None else [axis]:
        call.axis(one)
    return call.add(Identity(mixes=True), call.inputs[0])


@reads("Arctan2", "BitwiseAnd", "BitwiseLeftShift", "BitwiseOr", "BitwiseRightShift", "BitwiseXor", "DivideNoNan",
       "Equal", "FloorDivide", "Fmax", "Fmin", "Fmod", "Gcd", "Greater", "GreaterEqual", "Heaviside", "Hypot",
       "Isclose", "Lcm", "Ldexp", "LeftShift", "Less", "LessEqual", "LogicalAnd", "LogicalOr", "LogicalXor",
       "Logaddexp", "Logaddexp2", "Mod", "Nextafter", "NotEqual", "RightShift", "SquaredDifference", "Where",
       settings="equal_nan")  # fmt: skip
def _elementwise(call: LayerCall) -> str:
    return joined(call, call.kind.lower(), one_rank=True)


# -- reductions


def _axes_of(call: LayerCall, axis: Any) -> list[int]:
    if axis is None:
        raise NotReadError("it reduces the batch axis, too")
    return sorted(call.axis(a) for a in (axis if isinstance(axis, (list, tuple)) else [axis]))


@reads("All", "Amax", "Amin", "Any", "Argmax", "Argmin", "Logsumexp", "Max", "Mean", "Median", "Min",
       "Nanargmax", "Nanargmin", "Nanmax", "Nanmean", "Nanmedian", "Nanmin", "Nanprod", "Nanstd", "Nansum", "Nanvar",
       "Norm", "Prod", "Ptp", "Std", "Sum", "Var", "ops.Average",
       settings="axis initial keepdims ord")  # fmt: skip
def _reduce(call: LayerCall) -> str:
    return call.add(
        Reduce(axes=_axes_of(call, call.option("axis")), keepdims=bool(call.option("keepdims", False))), call.inputs[0]
    )


@reads("Moments", settings="axes keepdims synchronized")
def _moments(call: LayerCall) -> Sequence[str]:
    reduce = Reduce(axes=_axes_of(call, call.option("axes")), keepdims=bool(call.option("keepdims", False)))
    return [call.add(reduce, call.inputs[0], part=part) for part in ("mean", "variance")]


@reads("RGBToGrayscale", settings="data_format")
def _grey(call: LayerCall) -> str:
    shape, channels = call.shape(), -1 if call.data_format == "channels_last" else 0
    if shape[channels] not in (1, 3):
        raise RefusedSettingError(f"it takes 1 or 3 channels, got {shape[channels]}")
    return call.add(Reduce(axes=(channels,), keepdims=True), rank=2 if len(shape) == 2 else 3)


# -- parts


def _picked(call: LayerCall, axis: int, last: Any, many: Any) -> str:
    """Return so many elements of an axis, the farthest of which is number ``last``."""
    one = call.add(Slice(axis=axis, start=last, stop=None if last == -1 else last + 1), call.inputs[0], part="picked")
    return call.add(Tile(repeats=[many if i == axis else 1 for i in range(len(call.shape()))]), one)


def _parts(call: LayerCall, wished: Any, axis: int, *, uneven: bool = False) -> list[str]:
    """Return the parts of an axis: so many, or those between some places."""
    size = call.shape()[axis]
    if isinstance(wished, int):
        if wished < 1:
            raise RefusedSettingError(f"it makes {wished} parts")
        if uneven:
            if not isinstance(size, int):
                raise NotReadError("its parts depend on a size that is open")
            sizes: list[Any] = [size // wished + (i < size % wished) for i in range(wished)]
        else:
            sizes = [size // wished] * wished  # they must add up to the size
    else:
        ends: list[Any] = [0, *(_plain(wished) or ()), size]
        sizes = [end - start for start, end in itertools.pairwise(ends)]
    if len(sizes) == 1:
        return [call.add(Identity(), call.inputs[0])]
    if all(not isinstance(n, int) or n > 0 for n in sizes):
        return call.several(Split(sizes=sizes, axis=axis), call.inputs[0])
    ends = [0, *itertools.accumulate(sizes)]
    return [  # where one would be empty, it is the slice that fails
        call.add(Slice(axis=axis, start=start, stop=end), call.inputs[0], part=f"part{i}")
        for i, (start, end) in enumerate(itertools.pairwise(ends))
    ]


@reads("Split", "ArraySplit", settings="axis indices_or_sections")
def _split(call: LayerCall) -> Sequence[str]:
    return _parts(
        call, call.option("indices_or_sections"), call.axis(call.option("axis", 0)), uneven=call.kind == "ArraySplit"
    )


@reads("Hsplit", "Dsplit", settings="indices_or_sections")
def _split_along(call: LayerCall) -> Sequence[str]:
    return _parts(call, call.option("indices_or_sections"), 0 if call.kind == "Hsplit" else 1)


@reads("SplitInSizes", settings="axis sizes")
def _split_in_sizes(call: LayerCall) -> Sequence[str]:
    """Read TensorFlow's split by the sizes of its parts, of which one may be left open."""
    axis, sizes = call.axis(call.option("axis", 0)), list(call.need("sizes"))
    if -1 in sizes:
        sizes[sizes.index(-1)] = call.shape()[axis] - sum(n for n in sizes if n != -1)
    return call.several(Split(sizes=sizes, axis=axis), call.inputs[0])


@reads("Unstack", settings="axis num")
def _unstack(call: LayerCall) -> Sequence[str]:
    axis = call.axis(call.option("axis", 0))
    number = call.option("num") or call.shape()[axis]
    if not isinstance(number, int):
        raise NotReadError("it makes as many tensors as an open size")
    parts = _parts(call, number, axis) if number > 1 else [call.inputs[0]]
    return [call.add(Squeeze(axis=axis), part, part=f"part{i}") for i, part in enumerate(parts)]


@reads("Take", settings="axis")
def _take(call: LayerCall) -> str:
    """Read elements of one axis that are picked by constant places."""
    if len(call.inputs) > 1 or len(call.arguments) + len(call.options) < 2:
        raise NotReadError("it picks by a tensor")
    places = _plain([*call.arguments, *call.options.values()][1])
    axis = call.axis(call.option("axis"))
    if isinstance(places, int):
        stop = None if places == -1 else places + 1
        part = call.add(Slice(axis=axis, start=places, stop=stop), call.inputs[0], part="picked")
        return call.add(Squeeze(axis=axis), part)
    index = _index(places)
    if index.ndim == 1:
        return call.add(Gather(axis=axis, positions=index.tolist()), call.inputs[0])
    ends = {"least": int(index.min()), "largest": int(index.max())}
    return call.add(Gather(axis=axis, shape=index.shape, **ends), call.inputs[0])


def _index(places: Any) -> Any:
    """Return the places of a list, perhaps of lists, as an array."""
    import numpy as np

    try:
        index = np.array(places)
    except ValueError:  # lists of different lengths
        index = np.array(())
    if index.size == 0 or index.dtype.kind not in "iu":
        raise NotReadError("the places that it picks are no list of whole numbers")
    return index


@reads("TopK", settings="k sorted")
def _top_k(call: LayerCall) -> Sequence[str]:
    k = count(call, "k")
    made = _picked(call, len(call.shape()) - 1, k - 1, k)
    return [made, made]


@reads("Diff", settings="axis n")
def _diff(call: LayerCall) -> str:
    times = call.option("n", 1)
    if type(times) is not int or times < 0:
        raise RefusedSettingError(f"n must be a whole number of at least 0, got {quoted(times)}")
    return call.add(Slice(axis=call.axis(call.option("axis", -1)), start=times), call.inputs[0])


@reads("Glu", settings="axis")
def _glu(call: LayerCall) -> str:
    return _parts(call, 2, call.axis(call.option("axis", -1)))[0]


def _plain(value: Any) -> Any:
    """Return a constant: a number, or a list of them."""
    if isinstance(value, dict) and value.get("class_name") in ("__numpy__", "__tensor__"):
        value = value["config"].get("value")
    return list(value) if isinstance(value, tuple) else value


# -- axes


@reads("Swapaxes", settings="axis1 axis2")
def _swapaxes(call: LayerCall) -> str:
    order = list(range(len(call.shape())))
    a, b = call.axis(call.option("axis1")), call.axis(call.option("axis2"))
    order[a], order[b] = order[b], order[a]
    return call.add(Permute(order=order))


@reads("Rot90", settings="axes k")
def _rot90(call: LayerCall) -> str:
    axes = call.option("axes", (0, 1))
    a, b = (call.axis(axis) for axis in axes)
    order = list(range(len(call.shape())))
    if call.option("k", 1) % 2:
        order[a], order[b] = order[b], order[a]
    return call.add(Permute(order=order))


@reads("Stack", settings="axis")
def _stack(call: LayerCall) -> str:
    axis = call.axis(call.option("axis", 0), len(call.shape()) + 1)
    raised = [call.add(Unsqueeze(axis=axis), x, part=f"raised{i}") for i, x in enumerate(call.inputs)]
    return call.add(Concat(axis=axis), *raised)


@reads("Hstack", "Dstack", "Append", settings="axis")
def _stack_along(call: LayerCall) -> str:
    axis = {"Hstack": 1, "Dstack": 2}.get(call.kind, call.option("axis"))
    if axis is None or (axis == 2 and len(call.shape()) < 2):
        raise NotReadError("it makes new axes")
    return call.add(Concat(axis=call.axis(axis)))


@reads("Repeat", settings="axis repeats")
def _repeat(call: LayerCall) -> str:
    repeats = _plain(call.option("repeats"))
    if type(repeats) is not int:
        raise NotReadError("it repeats each element another number of times")
    axis = call.axis(call.option("axis"))
    return call.add(Tile(repeats=[repeats if i == axis else 1 for i in range(len(call.shape()))]), call.inputs[0])


@reads("OneHot", settings="axis depth num_classes sparse")
def _one_hot(call: LayerCall) -> str:
    rank, written = len(call.shape()) + 1, call.option("axis", -1)
    if written != -1 and (type(written) is not int or not 0 <= written < rank):
        raise RefusedSettingError(f"axis must be -1 or from 0 to {rank - 1}, got {quoted(written)}")
    axis = call.axis(written, rank)
    raised = call.add(Unsqueeze(axis=axis), call.inputs[0], part="raised")
    return call.add(Tile(repeats=[count(call, "num_classes") if i == axis else 1 for i in range(rank)]), raised)


@reads("Einsum", settings="subscripts")
def _einsum(call: LayerCall) -> str:
    ranks = [len(call.shape(i)) + 1 for i in range(len(call.inputs))]
    equation, batch = per_sample(call.need("subscripts"), ranks, [0] * len(ranks))
    if batch != 0:
        raise NotReadError(f"its equation {quoted(call.config['subscripts'])} moves the batch axis")
    return call.add(Einsum(equation=equation))


# -- images and windows


def _pair(value: Any) -> Any:
    return plain(list(value)) if isinstance(value, (list, tuple)) else value


@reads("Resize", settings="antialias crop_to_aspect_ratio data_format fill_mode fill_value interpolation "
       "pad_to_aspect_ratio size")  # fmt: skip
def _resize(call: LayerCall) -> str:
    if len(call.shape()) != 3:
        raise NotReadError("it resizes something else than images in a batch")
    return call.spatial(Upsample(size=_pair(call.need("size"))))


def _borders(call: LayerCall, what: str, sign: int) -> Any:
    """Return what is added (or, with ``sign`` -1, taken) on each side of images: two of three numbers say it."""
    if len(call.shape()) != 3:
        raise NotReadError("it works on something else than images in a batch")
    sizes = call.shape()[:2] if call.data_format == "channels_last" else call.shape()[1:]
    found = []
    for (first, second, target), size in zip(
        (("top", "bottom", "height"), ("left", "right", "width")), sizes, strict=True
    ):
        a, b = (call.option(f"{side}_{what}") for side in (first, second))
        wished = call.option(f"target_{target}")
        if [a, b, wished].count(None) != 1:
            raise RefusedSettingError(f"it takes two of {first}_{what}, {second}_{what} and target_{target}")
        total = None if wished is None else (wished - size) * sign
        pair = (total - b if a is None else a, total - a if b is None else b)
        if any(isinstance(n, int) and n < 0 for n in pair):
            raise RefusedSettingError(
                f"{first}_{what} and {second}_{what} must be at least 0, got {pair[0]} and {pair[1]}"
            )
        found.append(pair)
    return tuple(found)


@reads("PadImages", settings="bottom_padding data_format left_padding right_padding target_height target_width "
       "top_padding")  # fmt: skip
def _pad_images(call: LayerCall) -> str:
    return call.spatial(Pad(padding=_borders(call, "padding", 1)))


@reads("CropImages", settings="bottom_cropping data_format left_cropping right_cropping target_height target_width "
       "top_cropping")  # fmt: skip
def _crop_images(call: LayerCall) -> str:
    return call.spatial(Crop(amount=_borders(call, "cropping", -1)))


@reads("ExtractPatches", settings="data_format dilation_rate padding size strides")
def _patches(call: LayerCall) -> str:
    """Read patches: windows whose elements all become channels."""
    written = call.need("size")
    rank = len(written) if isinstance(written, (list, tuple)) else 2
    if call.data_format != call.builder.data_format or len(call.shape()) != rank + 1:
        raise NotReadError("its patches are in another order, or have other axes")
    size = counts(call, "size", rank)
    windows = call.add(
        MaxPool(
            kernel_size=size,
            stride=counts(call, "strides", rank, optional=True),
            padding=word(call, "padding", ("valid", "same"), "valid", lowered=False),
            dilation=counts(call, "dilation_rate", rank, 1),
        ),
        part="windows",
    )
    number = product(size if isinstance(size, tuple) else (size,) * rank)
    channels = rank if call.data_format == "channels_last" else 0
    return call.add(Tile(repeats=[number if i == channels else 1 for i in range(rank + 1)]), windows)


@reads("MaxPool", "AveragePool", settings="data_format padding pool_size strides")
def _pool(call: LayerCall) -> str:
    operator, rank = MaxPool if call.kind == "MaxPool" else AvgPool, len(call.shape()) - 1
    return call.spatial(
        operator(
            kernel_size=counts(call, "pool_size", rank),
            stride=counts(call, "strides", rank, optional=True),
            padding=word(call, "padding", ("valid", "same"), "valid", lowered=False),
        )
    )


@reads("DepthToSpace", "SpaceToDepth", settings="block_size data_format")
def _blocks(call: LayerCall) -> str:
    operator = DepthToSpace if call.kind == "DepthToSpace" else SpaceToDepth
    return call.spatial(operator(block_size=count(call, "block_size")))
