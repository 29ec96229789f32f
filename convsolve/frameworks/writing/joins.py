"""Tensors that meet element by element: as many axes each, and functions of two that are applied to more."""

from __future__ import annotations

from collections.abc import Callable

from .plan import Step
from .source import Chained, Code, Stage

__all__ = ["aligned", "between", "grown", "nested"]


def grown(tensor: str, count: int) -> str:
    """Return a tensor with that many new axes behind the batch axis.

    >>> grown("{x}", 2), grown("{x}", 0)
    ('{x}[:, None, None]', '{x}')
    """
    return f"{tensor}[:{', None' * count}]" if count else tensor


def aligned(step: Step) -> list[str]:
    """Return the inputs with as many axes each: new ones come behind the batch axis."""
    rank = max(len(sizes) for sizes in step.sizes)
    return [grown(f"{{{i}}}", rank - len(sizes)) for i, sizes in enumerate(step.sizes)]


def between(operator: str) -> Callable[[Step], list[Stage]]:
    """Return what says a layer with an operator between its inputs: ``a / b / c``."""
    return lambda step: [Stage(Chained(tuple(aligned(step)), operator))]


def nested(function: str) -> Callable[[Step], list[Stage]]:
    """Return what says a layer with a function of two tensors: ``f(f(a, b), c)``."""

    def phrase(step: Step) -> list[Stage]:
        first, *rest = aligned(step)
        for other in rest:
            first = f"{function}({first}, {other})"
        return [Stage(Code(first))]

    return phrase
