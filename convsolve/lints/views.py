"""Lints of views: which elements of the input an output sees, and where branches that join look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..dims import Dim, all_of, any_of, eq, where
from ..network import Layer, tensor_layer
from ..network.receptive_field import Undefined, reach_along, receptive_field
from ..operators import Choice, Concat, Crop, Pad
from ..operators.base import axis_names, normal_axis, pairs, spatial_names, to_written
from .base import LintDemand, Look, View, lint
from .windows import Window, windows

__all__ = ["SeenOffsets", "centres", "seen"]

_FARTHEST = 1 << 14
"""Views that reach over more elements than this are not looked at for holes."""


@dataclass(frozen=True)
class SeenOffsets:
    """What the first output element of a layer sees along one axis: a set of offsets, and the step to the next one.

    Bit ``i`` of ``offsets`` is the element ``first + i`` of the input.

    >>> SeenOffsets(0b10101, -2, 1).holes
    2
    """

    offsets: int
    first: int
    step: int

    @property
    def holes(self) -> int:
        """How many elements between the outermost are not seen."""
        return self.offsets.bit_length() - self.offsets.bit_count()


def seen(view: View, axis: int) -> dict[str, SeenOffsets | None]:
    """Return what each layer sees along a spatial axis of the only input; None where that is not known, or all."""
    known: dict[int, dict[str, SeenOffsets | None]] = view.memory.setdefault("seen", {})
    if axis not in known:
        found: dict[str, SeenOffsets | None] = {}
        for layer in view.network.ordered:
            arriving = [found[tensor_layer(reference)] for reference in layer.inputs]
            found[layer.name] = _seen_by(view, layer, axis, arriving)
        known[axis] = found
    return known[axis]


def _seen_by(view: View, layer: Layer, axis: int, arriving: Sequence[SeenOffsets | None]) -> SeenOffsets | None:
    look = view.look(layer)
    if look is None or len(look.output) <= axis + 1:
        return None
    if not arriving:
        return SeenOffsets(1, 0, 1) if (layer,) == view.network.inputs else None
    joined = _union([s for s in arriving if s is not None]) if None not in arriving else None
    if joined is None:
        return None
    w = _window(look, axis)
    if w is None:
        moved = _moved(look, axis)
        start = None if moved is None else view.value(moved)
        return None if start is None else SeenOffsets(joined.offsets, joined.first + start * joined.step, joined.step)
    numbers = [view.value(n) for n in (w.kernel_size, w.dilation, w.stride, w.before)]
    kernel, dilation, stride, before = (0 if n is None else n for n in numbers)
    if None in numbers or joined.offsets.bit_length() + kernel * dilation * joined.step > _FARTHEST:
        return None
    offsets = 0
    for i in range(kernel):
        offsets |= joined.offsets << (i * dilation * joined.step)
    return SeenOffsets(offsets, joined.first - before * joined.step, joined.step * stride)


def _union(arriving: Sequence[SeenOffsets]) -> SeenOffsets | None:
    first, step = min(s.first for s in arriving), arriving[0].step
    offsets = 0
    for s in arriving:
        if s.step != step or s.first - first > _FARTHEST:
            return None
        offsets |= s.offsets << (s.first - first)
    return SeenOffsets(offsets, first, step)


def _window(look: Look, axis: int) -> Window | None:
    name = spatial_names(len(look.inputs[0]) - 1)[axis] if len(look.inputs[0]) > axis + 1 else ""
    return next((w for w in windows(look) if w.axis == name), None)


def _moved(look: Look, axis: int) -> Dim | None:
    """Return which element of its input the first output of a layer without windows looks at; None if not known."""
    operator, rank = look.operator, len(look.inputs[0]) - 1
    if isinstance(operator, Pad):
        before = pairs("padding", operator.padding, rank)[axis][0]
        return 0 - before
    if isinstance(operator, Crop):
        return pairs("amount", operator.amount, rank)[axis][0]
    spread = any(len(shape) != len(look.output) for shape in look.inputs)
    if not operator.pointwise or spread or operator.kind in ("center_crop", "center_crop_pad"):
        return None
    if isinstance(operator, Concat) and operator.axis is not None:
        names = to_written(look.view.network.data_format, axis_names(len(look.output)))
        return 0 if names[normal_axis(operator.axis, len(names))] == "channels" else None
    sizes = {look.view.value(shape[axis + 1]) for shape in (*look.inputs, look.output)}
    return 0 if len(sizes) == 1 else None  # one that is spread over the others centres nowhere


@lint(
    "W005", "outputs see their field without holes", "outputs see the input through a grid with holes",
    level="warning",
    source="Yu, Koltun and Funkhouser, 'Dilated Residual Networks' (2017); Wang et al., 'Understanding Convolution for "
           "Semantic Segmentation' (2018), section 3.2",
    meaning="Dilations that share a factor, such as 2, 4, 8, read one grid of elements and never what lies between: "
            "within its receptive field an output sees holes (gridding).",
    mend="Take dilations of which the first is 1 and each is at most what is seen so far (1, 2, 5), or put "
         "convolutions without dilation behind.",
    example="input: [1, 64]\nlayers:\n  - conv: {out_channels: 8, kernel_size: 3, dilation: 2}\n"
            "  - conv: {out_channels: 8, kernel_size: 3, dilation: 3}\n",
    wrong="dilation: 2", right="dilation: 1",
)  # fmt: skip
def fields_have_no_holes(look: Look) -> Iterator[LintDemand]:
    view, rank = look.view, len(look.inputs[0]) - 1
    for axis in range(rank):
        w = _window(look, axis)
        if w is None or w.dilation == 1:
            continue
        if view.values is None:
            yield from _dense_so_far(look, w)
        elif look.layer.name in _to_blame(view, axis):
            own = seen(view, axis)[look.layer.name]
            assert own is not None
            span = own.offsets.bit_length()
            yield LintDemand(False, w.axis, {"dilation": w.dilation, "seen": span - own.holes, "of": span})


def _dense_so_far(look: Look, w: Window) -> Iterator[LintDemand]:
    """Ask, while parameters are open, that taps stand no farther apart than what is seen so far reaches."""
    fields = receptive_field(look.view.trace, look.layer.inputs[0], look.view.define)
    extent, step = fields.get(w.axis, (1, None)) if not isinstance(fields, str) else (1, None)
    if step is not None:
        yield LintDemand(w.dilation * step <= extent, w.axis, {"dilation": w.dilation, "seen": extent})


def _to_blame(view: View, axis: int) -> set[str]:
    """Return the dilated layers through which what the network returns sees its input with holes."""
    known: dict[int, set[str]] = view.memory.setdefault("blamed", {})
    if axis in known:
        return known[axis]
    found = seen(view, axis)
    blamed = known[axis] = set()
    for layer in view.network.ordered:
        own = found[layer.name]
        last = all(found[reader.name] is None and _keeps_places(view, reader, axis)
                   for _, reader in view.readers[layer.name] or ())  # fmt: skip
        if own is None or not own.holes or not last or view.passes_on(layer):
            continue
        todo, gone = [layer.name], set()
        while todo:
            name = todo.pop()
            look, sight = view.look(view.network.by_name[name]), found[name]
            if name in gone or look is None or sight is None:
                continue
            gone.add(name)
            w = _window(look, axis) if look.inputs else None
            if w is not None and w.dilation != 1 and sight.holes:
                blamed.add(name)
            else:
                todo += map(tensor_layer, look.layer.inputs)
    return blamed


def _keeps_places(view: View, layer: Layer, axis: int) -> bool:
    """Return whether the outputs of a layer see some places only: not those of a flatten, or a global pool."""
    look = view.look(layer)
    if look is None or len(look.output) <= axis + 1:
        return False
    try:
        reach = reach_along(view.trace, layer, axis)
    except Undefined:
        return False
    return reach is not None and not reach.whole


@lint(
    "W007", "branches that join look at the same places", "branches that join look at places that are shifted",
    level="warning",
    source="Zhang, 'Making Convolutional Networks Shift-Invariant Again' (2019); PyTorch `Conv2d`: paddings are whole",
    meaning="Along one branch the centre of what an element sees lies elsewhere than along the other: even kernels and "
            "one-sided paddings shift it, by half an element each. What is added or concatenated does not belong to "
            "the same place.",
    mend="Take odd kernels with a padding of half their size on every branch, or shift both alike.",
    example="input: [8, 32, 32]\nlayers:\n  - conv: {name: a, out_channels: 8, kernel_size: 2, stride: 2, padding: 0}\n"
            "  - conv: {name: b, inputs: input, out_channels: 8, kernel_size: 3, stride: 2, padding: 1}\n"
            "  - add: {inputs: [a, b]}\n",
    wrong="kernel_size: 2, stride: 2, padding: 0", right="kernel_size: 3, stride: 2, padding: 1",
)  # fmt: skip
def branches_are_in_register(look: Look) -> Iterator[LintDemand]:
    if len(look.inputs) < 2 or isinstance(look.operator, Choice) or len(look.output) < 2:
        return
    for axis, name in enumerate(spatial_names(len(look.output) - 1)):
        found = centres(look.view, axis)
        arriving = [found[tensor_layer(reference)] for reference in look.layer.inputs]
        known = [pair for pair in dict.fromkeys(arriving) if pair is not None]
        if len(known) < 2 or any(len(shape) != len(look.output) for shape in look.inputs):
            continue
        (first, _), *others = known
        alike = all_of(*(eq(first, centre) for centre, _ in others))
        one = any_of(*(eq(shape[axis + 1], 1) for shape in look.inputs))
        yield LintDemand(any_of(one, alike), name, {"half_elements": others[0][0] - first})


def centres(view: View, axis: int) -> dict[str, tuple[Dim, Dim] | None]:
    """Return twice the place, on the only input, that the first element of each layer centres on, and the step.

    Twice, so that half elements are whole numbers; None where it is not known.
    """
    known: dict[int, dict[str, tuple[Dim, Dim] | None]] = view.memory.setdefault("centres", {})
    if axis not in known:
        found: dict[str, tuple[Dim, Dim] | None] = {}
        for layer in view.network.ordered:
            arriving = [found[tensor_layer(reference)] for reference in layer.inputs]
            own = _centre(view, layer, axis, arriving)
            if own is not None:
                place, step = own
                place = view.define(f"{layer.name}.centre.{axis}", place)
                own = place, view.define(f"{layer.name}.grid.{axis}", step)
            found[layer.name] = own
        known[axis] = found
    return known[axis]


def _centre(view: View, layer: Layer, axis: int, arriving: Sequence[tuple[Dim, Dim] | None]) -> tuple[Dim, Dim] | None:
    look = view.look(layer)
    if look is None or len(look.output) <= axis + 1:
        return None
    if not arriving:
        return (0, 1) if (layer,) == view.network.inputs else None
    known = [pair for pair in arriving if pair is not None]
    if len(known) < len(arriving):
        return None
    place, step = known[-1] if isinstance(layer.operator, Choice) else known[0]
    if isinstance(layer.operator, Choice):
        for condition, (other, its_step) in zip(reversed(layer.operator.conditions), known[-2::-1], strict=True):
            place, step = where(condition, other, place), where(condition, its_step, step)
        return place, step
    w = _window(look, axis)
    if w is not None:
        return place + step * (w.span - 1 - 2 * w.before), step * w.stride
    moved = _moved(look, axis)
    return None if moved is None else (place + 2 * step * moved, step)
