"""What exporters want to be told: which sizes an exported network takes, as torch.export and ONNX write it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ..dims import ne
from ..dims.separate import Of, Unread
from ..dims.sizeset import SizeSet
from .analysis import analyse_opened
from .regions import read_trace
from .valid_sizes import ValidSizes

__all__ = ["Dimension", "exported_dimensions", "onnx_dimensions", "torch_dimensions"]

_MOST = 16


@dataclass(frozen=True)
class Dimension:
    """One declaration of a dynamic axis, and the sizes that it covers."""

    text: str
    sizes: SizeSet


def torch_dimensions(sizes: ValidSizes, axis: str) -> tuple[Dimension, ...]:
    """Return declarations of an axis for ``torch.export``, as Python.

    torch.export treats sizes of 0 and 1 apart from all others (its "0/1 specialization"), so sizes for which a
    tensor inside the network has a size of 1 are left out where that does not hold for all.

    >>> import convsolve as cs
    >>> net = cs.parse("{input: [3, 64, 64], layers: [{max_pool: {kernel_size: 4}}]}")
    >>> for dimension in torch_dimensions(cs.valid_sizes(net), "height"):
    ...     print(dimension.text)
    height = torch.export.Dim("height", min=8)
    """
    return exported_dimensions(axis, sizes[axis] & _without_ones(sizes, axis), torch=True)


def onnx_dimensions(sizes: ValidSizes, axis: str) -> tuple[Dimension, ...]:
    """Return what stands for an axis in an ONNX file: a number, a name, or a formula over a name."""
    return exported_dimensions(axis, sizes[axis], torch=False)


def _without_ones(sizes: ValidSizes, axis: str) -> SizeSet:
    """Return the sizes of an axis for which no size of a tensor that depends on it is 1."""
    opened = sizes.opened
    traced = analyse_opened(opened).trace
    shapes = [n for shape in traced.shapes.values() for n in shape or ()]
    reading = read_trace(traced, traced.needed(*shapes), tuple(opened.unknowns), {})
    found = SizeSet.everything(axis)
    for condition in {ne(n, 1) for n in shapes}:
        try:
            value = reading.of(condition)
        except Unread:
            continue  # two axes together, as behind a flatten: seldom 1
        if isinstance(value, Of) and value.unknown == opened.axes[axis]:
            found &= SizeSet.of(value.function)
    return found


def exported_dimensions(axis: str, sizes: SizeSet, *, torch: bool) -> tuple[Dimension, ...]:
    """Return declarations of an axis that together cover a set of sizes, as few as it takes (sixteen at most).

    Exporters know ranges, and multiples of a range plus a constant (``torch.export.Dim``, section "derived
    dimensions"); sizes with several residues need as many exports. Members below the threshold are declared, too,
    as ranges.

    >>> for dimension in exported_dimensions("height", SizeSet.between(64, None, 32, axis="height"), torch=True):
    ...     print(dimension.text)
    height = 32*torch.export.Dim("_height", min=2)
    """
    name = axis.replace(".", "_")
    found = [_range(name, axis, piece.start, piece.stop - 1, torch) for piece in sizes.below[:_MOST]]
    if not sizes.finite:
        for progression in sizes.progressions:
            for residue in (r for piece in progression.residues for r in piece):
                if len(found) < _MOST:
                    found.append(_multiple(name, axis, progression.modulus, residue, sizes, torch))
    return tuple(found)


def _range(name: str, axis: str, low: int, high: int, torch: bool) -> Dimension:
    sizes = SizeSet.between(low, high, axis=axis)
    if low == high:
        return Dimension(f"{name} = {low}" if torch else str(low), sizes)
    return Dimension(f'{name} = torch.export.Dim("{name}", min={low}, max={high})' if torch else name, sizes)


def _multiple(name: str, axis: str, modulus: int, residue: int, sizes: SizeSet, torch: bool) -> Dimension:
    covered = sizes & SizeSet.between(residue or modulus, None, modulus, axis=axis)
    start = covered.threshold
    covered = dataclasses.replace(covered & SizeSet.between(start, None), axis=axis)
    if modulus == 1:
        return Dimension(f'{name} = torch.export.Dim("{name}", min={start})' if torch else name, covered)
    offset = f" + {residue}" if residue else ""
    if not torch:
        return Dimension(f"{modulus}*_{name}{offset}", covered)
    least = (start - residue) // modulus
    return Dimension(f'{name} = {modulus}*torch.export.Dim("_{name}", min={least}){offset}', covered)
