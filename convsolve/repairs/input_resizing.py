"""Resizing: the input sizes that mend a network, and the padding that leads to one of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from ..dims import Dim, Domain, Var, maximum
from ..dims.sizeset import SizeSet
from ..errors import ConvsolveError
from ..network import Network
from ..operators import Crop, Pad
from ..operators.base import spatial_names, to_written
from ..problem import Problem
from ..rules import CONCAT_SIZES_AGREE, SIZES_AGREE
from ..sizes.valid_sizes import ValidSizes, valid_sizes
from .edits import Change, Edit
from .evaluated_network import Situation, at_input, judge
from .insertions import after_input, at_output, fresh

__all__ = ["padded_inputs", "resized_inputs", "sizes_taken"]


def sizes_taken(problem: Problem, timeout: float | None = 30.0) -> ValidSizes | None:
    """Return the input sizes that a problem takes; None where no size of its input can be another."""
    try:
        found = valid_sizes(dataclasses.replace(problem, for_all={}), prove=False, timeout=timeout)
    except ConvsolveError:
        return None
    return found if found.region and not found.unresolved else None


def _stated(problem: Problem, sizes: ValidSizes) -> tuple[int, ...]:
    """Return the sizes that the network states, for the open axes."""
    shapes = {layer.name: layer.operator.shape for layer in problem.network.inputs}  # type: ignore[attr-defined]
    places = problem.network.input_axes
    point = [1] * len(sizes.region.axes)
    for axis, i in sizes.axes.items():
        layer, place = places[axis]
        point[i] = shapes[layer][place]
    return tuple(point)


def _alike(sizes: ValidSizes, stated: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the nearest valid input with all sides alike, where the axes depend on each other."""
    if not sizes.coupled:
        return None
    middle = sum(stated) // len(stated)
    found: list[int] = []
    for part in sizes.region.parts:
        common = part[0]
        for other in part[1:]:
            common = common & other
        found += common.nearest(middle)
    best = min(found, key=lambda n: (abs(n - middle), n), default=None)
    return None if best is None else (best,) * len(stated)


def resized_inputs(now: Situation, sizes: ValidSizes) -> Iterator[Change]:
    """Yield the change to the nearest input that works: with the least sum of differences.

    Where the axes depend on each other, as before a fixed head, it is the nearest with all sides alike, if any is.
    """
    if len(now.network.inputs) != 1:
        return
    stated = _stated(now.problem, sizes)
    nearest = _alike(sizes, stated) or sizes.region.nearest(stated)
    if nearest is None or nearest == stated:
        return
    joins = {SIZES_AGREE, CONCAT_SIZES_AGREE} >= {r.rule for r in now.failed}
    if joins and any(not a <= 2 * b <= 4 * a for a, b in zip(stated, nearest, strict=True)):
        return  # far away, sizes of 1 come to agree by accident
    layer = now.network.inputs[0]
    before: tuple[int, ...] = layer.operator.shape  # type: ignore[attr-defined]
    after = sizes.opened.shapes(nearest)[0]
    edit = Edit("resize_input", layer.name, "shape", before, after)
    magnitude = sum(abs(a - b) for a, b in zip(before, after, strict=True))
    yield Change((edit,), (layer.name,), magnitude, lambda n: at_input(now, n, after))


def padded_inputs(now: Situation, sizes: ValidSizes, ranges: Mapping[str, Domain]) -> Iterator[Change]:
    """Yield the changes that pad the input to a size that works, and crop the output if it follows the input.

    Over ranges of sizes the padding is a formula: up to the next of the sizes that recur.
    """
    shape = now.shape(now.network.inputs[0].name) if len(now.network.inputs) == 1 else ()
    if len(shape) < 2:
        return
    names = spatial_names(len(shape) - 1)
    source = now.network.inputs[0].name
    if not set(names) <= set(sizes):
        return
    amounts: list[tuple[Dim, Dim]] = []
    target = list(shape)
    for i, (axis, size) in enumerate(zip(names, shape[1:], strict=True)):
        wished = sizes[axis].at_least(size)
        if wished is None or 4 * wished > 5 * size:
            return  # a border of more than a quarter of the picture again is no repair
        target[i + 1] = wished
        missing: Dim | None = wished - size
        if axis in ranges:
            missing = _missing(sizes[axis], Var(f"{source}.{axis}", interval=(1, None)))
        if missing is None:
            return
        amounts.append((0, missing))
    if target == list(shape) and not ranges:
        return
    pad = Pad(padding=tuple(amounts))
    name = fresh(now.network, "fit_input")
    what = "pad to " + (
        " and ".join(f"{a} in {_classes(sizes[a])}" for a in names if a in ranges)
        if ranges
        else "x".join(map(str, target[1:]))
    )
    first = Edit("pad_input", name, "", None, what)
    magnitude = sum(target) - sum(shape)

    stated: tuple[int, ...] = now.network.inputs[0].operator.shape  # type: ignore[attr-defined]
    written = to_written(now.network.data_format, tuple(target))

    def padded(network: Network) -> Network:
        inside = network if ranges else at_input(now, network, written).with_input(stated)
        return after_input(inside, pad, name)

    yield Change((first,), (name,), magnitude, padded)
    if not _follows(now, tuple(target), written):
        return
    last, output = fresh(now.network, "fit_output"), now.network.outputs[0]
    extra = tuple(
        (0, Var(f"{output}.{a}", interval=(1, None)) - Var(f"{source}.{a}", interval=(1, None))) for a in names
    )
    second = Edit("pad_input", last, "", None, "crop to the size of the input")
    yield Change((first, second), (name, last), magnitude, lambda n: at_output(padded(n), Crop(amount=extra), last))


def _missing(sizes: SizeSet, size: Dim) -> Dim | None:
    """Return how far the next size of the greatest recurring residue is, as a formula."""
    if not sizes.residues:
        return None
    residue = sizes.residues[0]
    return (
        maximum((residue - size) % sizes.period, sizes.threshold - size)
        if sizes.period == 1
        else ((residue - size) % sizes.period)
    )


def _classes(sizes: SizeSet) -> str:
    return f"{sizes.residues[0]} mod {sizes.period}" if sizes.period > 1 else f"{sizes.threshold} and more"


def _follows(now: Situation, target: tuple[int, ...], written: tuple[int, ...]) -> bool:
    """Whether the output has the size of the input, where the network works."""
    source = now.network.inputs[0].name
    there = judge(Problem(at_input(now, now.network, written)))
    shape = there.shape(there.network.outputs[0])
    return len(shape) == len(target) and shape[1:] == there.shape(source)[1:]
