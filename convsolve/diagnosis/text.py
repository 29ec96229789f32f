"""What a diagnosis says, as lines of plain text."""

from __future__ import annotations

from collections.abc import Sequence

from .diagnose import Cause

__all__ = ["cause_lines"]


def cause_lines(causes: Sequence[Cause]) -> list[str]:
    """Return what caused the failures: the layer that causes, the sizes that led there, the evidence."""
    lines = []
    for cause in causes:
        head = "cause" if cause.certain else "possible cause"
        where = f" in {cause.layer}" if cause.layer else ""
        path = f"  ({cause.path})" if len(cause.chain) > 1 else ""
        lines += [f"{head}: {cause.kind}{where}: {cause.message}{path}", *(f"  {line}" for line in cause.evidence)]
    return lines
