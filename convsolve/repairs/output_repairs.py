"""Changes at the output, where a target says which shape it should have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..network import Network, tensor_layer
from ..operators import (
    AdaptiveAvgPool,
    CenterCrop,
    Conv,
    Flatten,
    Linear,
    Operator,
    Squeeze,
    Unsqueeze,
    Upsample,
)
from ..operators.base import to_canonical, to_written
from .edits import Change, Edit
from .evaluated_network import Situation
from .insertions import at_output, fresh, resizable
from .parameter_values import without

__all__ = ["fitted_outputs", "target_of"]


def target_of(now: Situation) -> tuple[int, ...]:
    """Return the shape that the output should have, channels first; empty where nothing says so."""
    for text in now.problem.requirements:
        for head in ("output.shape == ", "output.features == "):
            parts = text.removeprefix(head).split("x")
            if text.startswith(head) and all(p.isdigit() for p in parts):
                return to_canonical(now.network.data_format, tuple(map(int, parts)))
    return ()


def fitted_outputs(now: Situation) -> Iterator[Change]:
    """Yield what gives the output the shape of the target: other axes, other sizes, or other channels."""
    wished, shape = target_of(now), now.shape(now.network.outputs[0])
    if not wished or not shape or wished == shape:
        return
    written = tuple(to_written(now.network.data_format, x) for x in (shape, wished))
    for kind, operator, what, magnitude in (*_axes(*written), *_sizes(shape, wished), *_channels(shape, wished)):
        if isinstance(operator, Upsample) and not resizable(now.network, len(shape) - 1):
            continue
        name = fresh(now.network, "fit_output")
        edit = Edit(kind, name, "", None, f"{what} at the output")
        yield Change((edit,), (name,), magnitude, _put(operator, name))
    last = now.network.by_name[tensor_layer(now.network.outputs[0])]
    if len(last.inputs) == 1 and now.arriving(last) == wished and len(wished) != len(shape):
        edit = Edit("remove", last.name, "", last.operator.kind, None)
        yield Change((edit,), (last.name,), 1, without(last.name))


def _put(operator: Operator, name: str) -> Callable[[Network], Network]:
    return lambda network: at_output(network, operator, name)


_Fit = tuple[str, Operator, str, int]


def _axes(shape: tuple[int, ...], wished: tuple[int, ...]) -> Iterator[_Fit]:
    """Yield the axis of size 1 that the output has more or less than the target; one row, where that is wanted."""
    if len(shape) == len(wished) + 1:
        for i in [i for i, n in enumerate(shape) if n == 1 and (*shape[:i], *shape[i + 1 :]) == wished][:1]:
            yield "missing_axis", Squeeze(axis=i), f"axis {i}, which is of size 1, left out", 0
    if len(shape) + 1 == len(wished):
        for i in [i for i, n in enumerate(wished) if n == 1 and (*wished[:i], *wished[i + 1 :]) == shape][:1]:
            yield "missing_axis", Unsqueeze(axis=i), f"an axis of size 1 as axis {i}", 0
    if len(shape) > len(wished) == 1:
        yield "flatten", Flatten(), "flatten", 1


def _sizes(shape: tuple[int, ...], wished: tuple[int, ...]) -> Iterator[_Fit]:
    """Yield what brings maps to the size of the target: pools to less, crops off no more than half, resizes."""
    if not len(wished) == len(shape) > 1 or wished[0] != shape[0]:
        return
    new = wished[1:]
    said = "x".join(map(str, new))
    pairs = list(zip(new, shape[1:], strict=True))
    if all(a <= b for a, b in pairs):
        pool = AdaptiveAvgPool(output_size=new[0] if len(set(new)) == 1 else new)
        yield "global_pool", pool, f"{pool.kind} to {pool.output_size}", 1
    if all(b // 2 <= a <= b for a, b in pairs):
        yield "fit_skip", CenterCrop(size=new), f"crop to {said}", 1
    if all(b // 2 <= a <= 2 * b for a, b in pairs):
        yield "fit_skip", Upsample(size=new), f"resize to {said}", 2


def _channels(shape: tuple[int, ...], wished: tuple[int, ...]) -> Iterator[_Fit]:
    """Yield the layer that makes as many channels, or features, as the target has."""
    if len(shape) == len(wished) and shape[1:] == wished[1:]:
        rest = abs(shape[0] - wished[0])
        if len(shape) == 1:
            yield "project", Linear(out_features=wished[0]), f"linear layer to {wished[0]} features", rest
        else:
            conv = Conv(out_channels=wished[0], kernel_size=1)
            yield "project", conv, f"conv 1x1 to {wished[0]} channels", rest
