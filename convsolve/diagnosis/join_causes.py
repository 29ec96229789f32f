"""Causes of joins whose sizes differ: which layer rounded, and at which size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..network import Layer, tensor_layer
from ..network.trace import Requirement
from ..operators import Concat, ConvTranspose, Upsample
from ..operators.base import per_axis
from ..repairs.evaluated_network import Situation
from ..repairs.input_resizing import sizes_taken
from .causes import Cause, chain_to, shown_sizes

__all__ = ["Rounding", "joins", "roundings"]


@dataclass(frozen=True)
class Rounding:
    """A layer with a stride that does not divide what it gets: the size before and after, and what is lost."""

    layer: str
    before: int
    after: int
    stride: int
    axis: int

    def __str__(self) -> str:
        odd = "is odd" if self.stride == 2 else f"is no whole number of strides of {self.stride}"
        way = "up" if self.after * self.stride > self.before else "down"
        return f"{self.layer} makes {self.after} of {self.before}: {self.before} {odd}, and is rounded {way}"


def joins(now: Situation, group: Sequence[Requirement]) -> Iterator[Cause]:
    """Yield why the sizes at a concatenation or an addition differ."""
    first = group[0]
    layer = now.network.by_name[first.layer]
    shapes = [now.shape(i) for i in layer.inputs]
    pair = _pair(shapes)
    if pair is None:
        return
    a, b = pair
    between = _between(now, layer.inputs[a], layer.inputs[b])
    names = {r.axis for r in group}
    chain = chain_to(now, layer.name)
    differ = f"{layer.inputs[a]} is {_shown(shapes[a])}, {layer.inputs[b]} is {_shown(shapes[b])}"
    kind = "skip_mismatch" if isinstance(layer.operator, Concat) else "residual_mismatch"
    axes = _differing(shapes[a], shapes[b])
    rounded = [r for x in between for r in roundings(now, x) if r.axis in axes]
    strided = [x for x in between if _shrinks(now, x)]
    grows = any(isinstance(x.operator, (Upsample, ConvTranspose)) for x in between)
    if len(shapes[a]) == len(shapes[b]) and shapes[a][1:] == shapes[b][1:]:
        message = f"the channels differ: {differ}{_other_axis(layer)}"
        yield Cause(kind, layer.name, layer.name, message, (), True, chain)
        return
    if rounded and grows:
        worst = _culprit(rounded, shapes[a], shapes[b])
        evidence = [*dict.fromkeys(map(str, rounded)), *_taken(now)]
        yield Cause(
            "skip_mismatch",
            worst.layer,
            layer.name,
            f"{differ}: {worst.before} {'is odd' if worst.stride == 2 else 'has a remainder'} where {worst.layer} "
            "divides it, and doubling does not give it back"
            if worst.stride == 2
            else f"{differ}: {worst.layer} rounds {worst.before} to {worst.after}",
            tuple(evidence),
            True,
            chain,
        )
        return
    shrinking = [x for x in strided if _takes_borders(now, x)] if grows else []
    causing = (shrinking or strided or [layer])[-1].name
    what = (
        f"{causing} changes the size on one way to {layer.name}, and not on the other"
        if strided
        else (f"the two ways to {layer.name} come to different sizes ({', '.join(sorted(names))})")
    )
    evidence = [*(f"{x.name}: {shown_sizes(now.arriving(x)[1:])} -> {shown_sizes(now.shape(x.name)[1:])}"
                  for x in strided), *_taken(now)]  # fmt: skip
    yield Cause(kind, causing, layer.name, f"{differ}: {what}", tuple(evidence), True, chain)


def _differing(a: tuple[int, ...], b: tuple[int, ...]) -> set[int]:
    """Return which spatial axes of two tensors differ."""
    return {i for i, (x, y) in enumerate(zip(a[1:], b[1:], strict=False)) if x != y}


def _culprit(rounded: Sequence[Rounding], a: tuple[int, ...], b: tuple[int, ...]) -> Rounding:
    """Return the rounding that the two sizes show: of the size that one of them still has; or else the last."""
    shown = [r for r in rounded if r.before in (a[1 + r.axis], b[1 + r.axis])]
    return (shown or rounded)[-1]


def _takes_borders(now: Situation, layer: Layer) -> bool:
    """Whether a layer takes away from the size without a stride, as an unpadded convolution or a crop does."""
    before, after = now.arriving(layer)[1:], now.shape(layer.name)[1:]
    return any(b > a > b // 2 for b, a in zip(before, after, strict=True))


def _other_axis(layer: Layer) -> str:
    """Return which axis a concatenation joins, and that the channels would fit, where they alone differ."""
    operator = layer.operator
    if not isinstance(operator, Concat) or operator.axis is None:
        return ""
    return f"; {layer.name} joins along axis {operator.axis + 1}, and along the channels they would fit"


def _taken(now: Situation) -> list[str]:
    """Return which sizes work, and the nearest, as a sentence."""
    found = sizes_taken(now.problem)
    if found is None or found.coupled:
        return []
    text = "; ".join(str(found[axis]) for axis in found)
    return [f"sizes that work: {text}"] if len(text) < 200 else []


def _shown(shape: tuple[int, ...]) -> str:
    return f"{shown_sizes(shape[1:])} with {shape[0]} channels" if len(shape) > 1 else str(shape)


def _pair(shapes: Sequence[tuple[int, ...]]) -> tuple[int, int] | None:
    """Return the first two inputs that are known and differ beside the channels, or in them."""
    for i in range(1, len(shapes)):
        if shapes[0] and shapes[i] and shapes[0][1:] != shapes[i][1:]:
            return 0, i
    for i in range(1, len(shapes)):
        if shapes[0] and shapes[i] and shapes[0] != shapes[i]:
            return 0, i
    return None


def _between(now: Situation, a: str, b: str) -> list[Layer]:
    """Return the layers on which just one of two tensors rests, in order."""
    first = {x.name for x in now.behind(tensor_layer(a))}
    second = {x.name for x in now.behind(tensor_layer(b))}
    return [x for x in now.network.ordered if (x.name in first) != (x.name in second)]


def _shrinks(now: Situation, layer: Layer) -> bool:
    before, after = now.arriving(layer)[1:], now.shape(layer.name)[1:]
    return len(before) == len(after) > 0 and before != after


def roundings(now: Situation, layer: Layer) -> list[Rounding]:
    """Return where a layer's stride leaves a remainder, one for each axis."""
    operator = layer.operator
    before, after = now.arriving(layer)[1:], now.shape(layer.name)[1:]
    strides = getattr(operator, "stride", None)
    if strides is None and hasattr(operator, "stride"):
        strides = getattr(operator, "kernel_size", None)
    if strides is None or isinstance(operator, ConvTranspose) or len(before) != len(after) or not before:
        return []
    found = []
    for i, (b, a, s) in enumerate(zip(before, after, per_axis("stride", strides, len(before)), strict=True)):
        if isinstance(s, int) and s > 1 and b % s:
            found.append(Rounding(layer.name, b, a, s, i))
    return found
