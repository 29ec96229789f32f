"""What exporters want to be told: which sizes an exported network takes, as torch.export and ONNX write it."""

from __future__ import annotations

from dataclasses import dataclass

from ..dims.sizeset import SizeSet

__all__ = ["Dimension", "exported_dimensions"]

_MOST = 16


@dataclass(frozen=True)
class Dimension:
    """One declaration of a dynamic axis, and the sizes that it covers.

    ``torch`` is Python for ``torch.export``; ``onnx`` is what stands for the dimension in an ONNX file (a number,
    a name, or a formula over a name).
    """

    torch: str
    onnx: str
    sizes: SizeSet


def exported_dimensions(axis: str, sizes: SizeSet) -> tuple[Dimension, ...]:
    """Return declarations of an axis that together cover a set of sizes, as few as it takes (sixteen at most).

    Exporters know ranges, and multiples of a range plus a constant (``torch.export.Dim``, section "derived
    dimensions"); sizes with several residues need as many exports. Sizes below the threshold are declared, too,
    as ranges.

    >>> for dimension in exported_dimensions("height", SizeSet.between(64, None, 32, axis="height")):
    ...     print(dimension.torch, "|", dimension.onnx)
    height = 32*torch.export.Dim("_height", min=2) | 32*_height
    """
    name = axis.replace(".", "_")
    found = [_range(name, axis, piece.start, piece.stop - 1) for piece in sizes.below]
    if not sizes.finite:
        for progression in sizes.progressions:
            for residue in (r for piece in progression.residues for r in piece):
                found.append(_multiple(name, axis, progression.modulus, residue, sizes))
                if len(found) > _MOST:
                    break
    return tuple(found[:_MOST])


def _range(name: str, axis: str, low: int, high: int) -> Dimension:
    sizes = SizeSet.between(low, high, axis=axis)
    if low == high:
        return Dimension(f"{name} = {low}", str(low), sizes)
    return Dimension(f'{name} = torch.export.Dim("{name}", min={low}, max={high})', name, sizes)


def _multiple(name: str, axis: str, modulus: int, residue: int, sizes: SizeSet) -> Dimension:
    covered = sizes & SizeSet.between(residue or modulus, None, modulus, axis=axis)
    start = covered.threshold
    covered = covered & SizeSet.between(start, None, axis=axis)
    if modulus == 1:
        return Dimension(f'{name} = torch.export.Dim("{name}", min={start})', name, covered)
    times = f"{modulus}*_{name}"
    offset = f" + {residue}" if residue else ""
    least = (start - residue) // modulus
    return Dimension(
        f'{name} = {modulus}*torch.export.Dim("_{name}", min={least}){offset}', f"{times}{offset}", covered)
