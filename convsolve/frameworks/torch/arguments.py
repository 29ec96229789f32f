"""Arguments as functions of PyTorch take them: sizes one by one or as a list, numbers with expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...dims.normal import Polynomial
from ..common.recording.recorded_tensors import Unsupported
from ..common.recording.symbolic_values import form_of

__all__ = ["listed", "whole_form"]


def listed(sizes: Sequence[Any]) -> list[Any]:
    """Return sizes given one by one, or as one list, as a list."""
    return list(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (list, tuple)) else list(sizes)


def whole_form(size: Any) -> Polynomial:
    form = form_of(size) if isinstance(size, int) else None
    if form is None:
        raise Unsupported("a size that is no whole number")
    return form
