"""Runs a network in PyTorch, layer by layer, and tells the shapes that come out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from convsolve.network import Layer, Network
from convsolve.operators import OPERATORS, Operator, axis_names

BATCH = 2

Run = Callable[..., Any]


class RefusedError(Exception):
    """A framework does not run a layer; ``shapes`` are those of the layers before it."""

    def __init__(self, layer: str, shapes: Mapping[str, tuple[int, ...]], why: str) -> None:
        super().__init__(f"{layer}: {why}")
        self.layer, self.shapes = layer, dict(shapes)


def execute(network: Network, *, device: str = "cpu") -> dict[str, tuple[int, ...]]:
    """Run a network without holes on zeros, two samples at a time.

    Return the shape that comes out of every layer, without the batch axis and as the network's data format
    writes it. Of a layer with several outputs, ``name[i]`` has the i-th, and ``name`` the first.

    Raises:
        RefusedError: PyTorch does not run a layer.
        NotImplementedError: PyTorch has no such operator, or this module does not run it.
    """
    if network.framework != "torch":
        raise NotImplementedError(f"a network for {network.framework} means other sizes by the same parameters")
    last = network.data_format == "channels_last"

    def run(layer: Layer, operator: Operator, inputs: Sequence[Tensor]) -> Any:
        if operator.arity == (0, 0):
            return torch.zeros(BATCH, *operator.shape, device=device)  # type: ignore[attr-defined]
        if operator.written:
            more = {"last": last} if operator.kind in _BY_FORMAT else {}
            return _RUNS[operator.kind](operator, *inputs, **more)
        fronted = [x.movedim(-1, 1) if last and x.dim() > 2 else x for x in inputs]
        result = _RUNS.get(operator.kind, _function)(operator, *fronted)
        return result.movedim(1, -1) if last and result.dim() > 2 else result

    with torch.no_grad():
        return walk(network, run)


def walk(network: Network, run: Run) -> dict[str, tuple[int, ...]]:
    """Call ``run(layer, operator, inputs)`` for every layer, in order, and return the shapes of what it returns."""
    tensors: dict[str, Any] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    sizes: dict[str, int] = {}
    for layer in network.ordered:
        operator = layer.operator.substitute(sizes)  # sizes of other layers in its parameters
        try:
            result = run(layer, operator, [tensors[reference] for reference in layer.inputs])
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            if isinstance(error, NotImplementedError):
                raise
            raise RefusedError(layer.name, shapes, f"{type(error).__name__}: {error}") from error
        several = isinstance(result, (tuple, list))
        named = {f"{layer.name}[{i}]": x for i, x in enumerate(result)} if several else {}
        named[layer.name] = result[0] if several else result
        for name, tensor in named.items():
            batch, *shape = tensor.shape
            if batch != BATCH or 0 in shape:
                raise RefusedError(layer.name, shapes, f"an unusable shape, {tuple(tensor.shape)}")
            tensors[name], shapes[name] = tensor, tuple(shape)
            canonical = [shape[-1], *shape[:-1]] if network.data_format == "channels_last" and shape else shape
            sizes.update({f"{name}.{axis}": n for axis, n in zip(axis_names(len(shape)), canonical, strict=True)})
    return shapes


_RUNS: dict[str, Run] = {}
_BY_FORMAT = ("concat", "split", "chunk")
"""Operators that work on the channels where no axis is given."""


def runs(*kinds: str) -> Callable[[Run], Run]:
    """Register how operators are run: a function of the operator and the tensors that enter it."""

    def register(run: Run) -> Run:
        _RUNS.update(dict.fromkeys(kinds, run))
        return run

    return register


def module(name: str, x: Tensor, *args: Any, **options: Any) -> Any:
    """Make a module without filling its weights, where ``x`` is; in ``name``, ``Nd`` stands for the spatial axes."""
    kind = getattr(nn, name.replace("Nd", f"{max(x.dim() - 2, 1)}d"), None)
    if kind is None:
        raise NotImplementedError(f"PyTorch has no {name} for {x.dim() - 2} spatial axes")
    made = nn.utils.skip_init(kind, *args, **options, device=x.device)
    return made.eval()


def function(name: str, x: Tensor) -> Any:
    """Return a function for as many spatial axes as ``x`` has, which stand as ``Nd`` in the name."""
    found = getattr(functional, name.replace("Nd", f"{x.dim() - 2}d"), None)
    if found is None:
        raise NotImplementedError(f"PyTorch has no {name} for {x.dim() - 2} spatial axes")
    return found


def spread(value: Any, x: Tensor) -> tuple[Any, ...]:
    """Return a parameter as one value for each spatial axis."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * (x.dim() - 2)


def pairs(value: Any, x: Tensor) -> tuple[tuple[int, int], ...]:
    """Return a padding as ``(before, after)`` for each spatial axis."""
    return tuple(v if isinstance(v, tuple) else (v, v) for v in spread(value, x))


def flat(padding: Sequence[tuple[int, int]]) -> list[int]:
    """Return paddings as functional.pad takes them: from the last axis to the first."""
    return [n for pair in reversed(padding) for n in pair]


def symmetric(padding: Sequence[tuple[int, int]]) -> bool:
    return all(before == after for before, after in padding)


# -- convolutions


@runs("conv")
def conv(op: Any, x: Tensor) -> Tensor:
    return _convolution(op, x, op.in_channels or x.shape[1], op.out_channels, op.groups)


@runs("depthwise_conv")
def depthwise_conv(op: Any, x: Tensor) -> Tensor:
    channels = op.in_channels or x.shape[1]
    return _convolution(op, x, channels, channels * op.multiplier, channels)


def _convolution(op: Any, x: Tensor, channels: int, out_channels: int, groups: int) -> Tensor:
    padding: Any = op.padding
    if padding == "valid":
        padding = pairs(0, x)
    elif padding != "same":
        padding = pairs(padding, x)
    if padding != "same" and not symmetric(padding):
        x = functional.pad(x, flat(padding), "constant" if op.padding_mode == "zeros" else op.padding_mode)
        padding = pairs(0, x)
    return module(
        "ConvNd", x, channels, out_channels, spread(op.kernel_size, x), stride=spread(op.stride, x),
        padding=padding if padding == "same" else tuple(before for before, _ in padding),
        dilation=spread(op.dilation, x), groups=groups, bias=op.bias, padding_mode=op.padding_mode,
    )(x)  # fmt: skip


@runs("conv_transpose")
def conv_transpose(op: Any, x: Tensor) -> Tensor:
    if op.padding == "same":
        raise ValueError("PyTorch has no padding 'same' for transposed convolutions")
    padding = pairs(0 if op.padding == "valid" else op.padding, x)
    wished = None if op.output_size is None else spread(op.output_size, x)
    if not symmetric(padding) and wished is not None:
        raise NotImplementedError("an output size with asymmetric padding")
    made = module(
        "ConvTransposeNd", x, op.in_channels or x.shape[1], op.out_channels, spread(op.kernel_size, x),
        stride=spread(op.stride, x), padding=tuple(b for b, _ in padding) if symmetric(padding) else 0,
        output_padding=tuple(n or 0 for n in spread(op.output_padding, x)), dilation=spread(op.dilation, x),
        groups=op.groups, bias=op.bias,
    )  # fmt: skip
    result = made(x, output_size=wished)
    return result if symmetric(padding) else functional.pad(result, [-n for n in flat(padding)])


# -- pools


def _pool(op: Any, x: Tensor, name: str, *, fill: float = 0.0, dilates: bool = False) -> Tensor:
    kernel, stride = spread(op.kernel_size, x), spread(op.stride, x)
    stride = tuple(k if s is None else s for k, s in zip(kernel, stride, strict=True))
    if isinstance(op.padding, str) and op.padding != "valid":
        raise ValueError(f"PyTorch has no padding {op.padding!r} for pools")
    padding = pairs(0 if op.padding == "valid" else op.padding, x)
    if not symmetric(padding):
        if op.ceil_mode:
            raise NotImplementedError("asymmetric padding together with ceil_mode")
        x, padding = functional.pad(x, flat(padding), value=fill), pairs(0, x)
    sides = tuple(before for before, _ in padding)
    if dilates:
        result: Tensor = function(name, x)(x, kernel, stride, sides, spread(op.dilation, x), op.ceil_mode)
    elif any(n != 1 for n in spread(op.dilation, x)):
        raise ValueError(f"PyTorch's {op.kind} has no dilation")
    elif op.kind == "lp_pool":
        if any(sides):
            raise ValueError("PyTorch's lp_pool has no padding")
        one = x.dim() == 3  # lp_pool1d takes no tuples
        result = function(name, x)(x, 2.0, kernel[0] if one else kernel, stride[0] if one else stride, op.ceil_mode)
    else:
        result = function(name, x)(x, kernel, stride, sides, op.ceil_mode)
    return result


@runs("max_pool")
def max_pool(op: Any, x: Tensor) -> Tensor:
    return _pool(op, x, "max_poolNd", fill=-math.inf, dilates=True)


@runs("avg_pool", "lp_pool")
def avg_pool(op: Any, x: Tensor) -> Tensor:
    return _pool(op, x, f"{op.kind}Nd")


@runs("adaptive_avg_pool", "adaptive_max_pool")
def adaptive_pool(op: Any, x: Tensor) -> Tensor:
    wished = [n if w is None else w for n, w in zip(x.shape[2:], spread(op.output_size, x), strict=True)]
    result: Tensor = function(f"{op.kind}Nd", x)(x, wished)
    return result


@runs("global_avg_pool", "global_max_pool")
def global_pool(op: Any, x: Tensor) -> Tensor:
    axes = list(range(2, x.dim()))
    return x.mean(axes, op.keepdims) if op.kind == "global_avg_pool" else x.amax(axes, op.keepdims)


# -- padding, cropping, resizing


@runs("pad")
def pad(op: Any, x: Tensor) -> Tensor:
    return functional.pad(x, flat(pairs(op.padding, x)), op.mode)


@runs("crop")
def crop(op: Any, x: Tensor) -> Tensor:
    return functional.pad(x, [-n for n in flat(pairs(op.amount, x))])


@runs("center_crop")
def center_crop(op: Any, x: Tensor, like: Tensor | None = None) -> Tensor:
    wished = spread(op.size, x) if like is None else like.shape[2:]
    for axis, target in enumerate(wished, start=2):
        if target is not None:
            x = x.narrow(axis, (x.shape[axis] - target) // 2, target)
    return x


@runs("upsample")
def upsample(op: Any, x: Tensor, like: Tensor | None = None) -> Tensor:
    rank = x.dim() - 2
    mode = {"linear": ("linear", "bilinear", "trilinear")[rank - 1], "cubic": "bicubic"}.get(op.mode, op.mode)
    if op.scale_factor is not None:
        return functional.interpolate(x, scale_factor=tuple(map(float, spread(op.scale_factor, x))), mode=mode)
    wished = spread(op.size, x) if like is None else like.shape[2:]
    return functional.interpolate(x, size=[w or n for w, n in zip(wished, x.shape[2:], strict=True)], mode=mode)


@runs("pixel_shuffle", "pixel_unshuffle", "depth_to_space", "space_to_depth")
def pixels(op: Any, x: Tensor) -> Tensor:
    if x.dim() != 4:
        raise NotImplementedError(f"PyTorch has {op.kind} for 2 spatial axes only")
    if op.kind in ("pixel_shuffle", "depth_to_space"):
        return functional.pixel_shuffle(x, op.block_size)
    return functional.pixel_unshuffle(x, op.block_size)


# -- axes; these operators count them as they are written, without the batch


def batched(axis: int) -> int:
    return axis if axis < 0 else axis + 1


@runs("flatten")
def flatten(op: Any, x: Tensor) -> Tensor:
    return x.flatten(batched(op.start_axis), batched(op.end_axis))


@runs("unflatten")
def unflatten(op: Any, x: Tensor) -> Tensor:
    return x.unflatten(batched(op.axis), op.sizes)


@runs("reshape")
def reshape(op: Any, x: Tensor) -> Tensor:
    return x.reshape(BATCH, *op.shape)


@runs("permute")
def permute(op: Any, x: Tensor) -> Tensor:
    return x.permute(0, *(i + 1 for i in op.order))


@runs("squeeze")
def squeeze(op: Any, x: Tensor) -> Tensor:
    if x.shape[batched(op.axis)] != 1:
        raise ValueError("PyTorch would silently keep the axis")
    return x.squeeze(batched(op.axis))


@runs("unsqueeze")
def unsqueeze(op: Any, x: Tensor) -> Tensor:
    return x.unsqueeze(batched(op.axis))


@runs("expand")
def expand(op: Any, x: Tensor) -> Tensor:
    rank = max(x.dim() - 1, len(op.shape))
    x = x.reshape(BATCH, *(1,) * (rank - x.dim() + 1), *x.shape[1:])
    return x + torch.zeros(*op.shape, device=x.device)


@runs("tile")
def tile(op: Any, x: Tensor) -> Tensor:
    return x.repeat(1, *op.repeats)


@runs("slice")
def slice_(op: Any, x: Tensor) -> Tensor:
    where = [slice(None)] * x.dim()
    where[batched(op.axis)] = slice(op.start, op.stop, op.step)
    return x[tuple(where)]


@runs("split")
def split(op: Any, x: Tensor, last: bool = False) -> Sequence[Tensor]:
    return _unpacked(x.split(list(op.sizes), _channels(op, last)))


@runs("chunk")
def chunk(op: Any, x: Tensor, last: bool = False) -> Sequence[Tensor]:
    parts = x.chunk(op.chunks, _channels(op, last))
    if len(parts) != op.chunks:
        raise ValueError(f"PyTorch makes {len(parts)} chunks of it")
    return _unpacked(parts)


def _channels(op: Any, last: bool) -> int:
    return batched((-1 if last else 0) if op.axis is None else op.axis)


def _unpacked(parts: Sequence[Tensor]) -> Any:
    return parts if len(parts) > 1 else parts[0]


@runs("reduce")
def reduce(op: Any, x: Tensor) -> Tensor:
    return x.mean([batched(a) for a in op.axes], op.keepdims)


# -- several inputs


@runs("average")
def average(op: Any, *tensors: Tensor) -> Tensor:
    total: Tensor = elementwise(OPERATORS["add"](broadcast=op.broadcast), *tensors)
    return total / len(tensors)


@runs("add", "sub", "mul", "div", "pow", "maximum", "minimum")
def elementwise(op: Any, x: Tensor, *others: Tensor) -> Tensor:
    for y in others:
        if not op.broadcast and x.shape != y.shape:
            raise ValueError(f"{tuple(x.shape)} and {tuple(y.shape)} differ")
        x = getattr(torch, op.kind)(*_aligned(x, y))
    return x


@runs("matmul")
def matmul(op: Any, x: Tensor, y: Tensor) -> Tensor:
    return torch.matmul(*_aligned(x, y))


def _aligned(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Give both tensors as many axes, by axes of size 1 behind the batch axis."""
    rank = max(x.dim(), y.dim())
    a, b = (t.reshape(BATCH, *(1,) * (rank - t.dim()), *t.shape[1:]) for t in (x, y))
    return a, b


@runs("concat")
def concat(op: Any, *tensors: Tensor, last: bool = False) -> Tensor:
    return torch.cat(tensors, _channels(op, last))


# -- features, sequences, normalisation


@runs("linear")
def linear(op: Any, x: Tensor) -> Tensor:
    result: Tensor = module("Linear", x, op.in_features or x.shape[-1], op.out_features, bias=op.bias)(x)
    return result


@runs("embedding")
def embedding(op: Any, x: Tensor) -> Tensor:
    result: Tensor = module("Embedding", x, op.count, op.dim)(torch.zeros_like(x).long())
    return result


@runs("rnn", "lstm", "gru")
def recurrent(op: Any, x: Tensor) -> Tensor:
    kind = getattr(nn, op.kind.upper())
    steps: Tensor = kind(
        x.shape[-1], op.hidden_size, op.num_layers, bias=op.bias, batch_first=True, bidirectional=op.bidirectional,
        device=x.device,
    )(x)[0]  # fmt: skip
    return steps if op.return_sequences else steps[:, -1]


@runs("batch_norm")
def batch_norm(op: Any, x: Tensor) -> Tensor:
    result: Tensor = module("BatchNormNd", x, op.num_features or x.shape[1], affine=op.affine)(x)
    return result


@runs("instance_norm")
def instance_norm(op: Any, x: Tensor) -> Tensor:
    result: Tensor = module("InstanceNormNd", x, x.shape[1], affine=op.affine)(x)
    return result


@runs("group_norm")
def group_norm(op: Any, x: Tensor) -> Tensor:
    result: Tensor = module("GroupNorm", x, op.groups, x.shape[1], affine=op.affine)(x)
    return result


@runs("layer_norm")
def layer_norm(op: Any, x: Tensor) -> Tensor:
    wished = op.normalized_shape or x.shape[-1:]
    result: Tensor = module("LayerNorm", x, tuple(wished), elementwise_affine=op.affine, bias=op.shift)(x)
    return result


# -- what keeps the shape


def _function(op: Any, x: Tensor) -> Tensor:
    """Run an operator that bears the name of a function."""
    if op.kind == "identity":
        return x
    if op.kind in ("softmax", "log_softmax"):
        result: Tensor = getattr(functional, op.kind)(x, 1)
    elif op.kind == "local_response_norm":
        result = functional.local_response_norm(x, 5)
    elif hasattr(functional, op.kind):
        result = getattr(functional, op.kind)(x)
    else:
        raise NotImplementedError(f"no way is known to run {op.kind}")
    return result
