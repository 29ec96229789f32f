"""Tensors that meet element by element: as many axes each, and functions of two that are applied to more."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .plan import PlannedLayer, cannot
from .source_lines import Chained, Code, Statement

__all__ = ["aligned", "between", "equation", "grown", "nested", "word_for", "worded"]


def grown(tensor: str, count: int) -> str:
    """Return a tensor with that many new axes behind the batch axis.

    >>> grown("{x}", 2), grown("{x}", 0)
    ('{x}[:, None, None]', '{x}')
    """
    return f"{tensor}[:{', None' * count}]" if count else tensor


def aligned(step: PlannedLayer) -> list[str]:
    """Return the inputs with as many axes each: new ones come behind the batch axis."""
    rank = max(len(sizes) for sizes in step.sizes)
    return [grown(f"{{{i}}}", rank - len(sizes)) for i, sizes in enumerate(step.sizes)]


def between(operator: str) -> Callable[[PlannedLayer], list[Statement]]:
    """Return what says a layer with an operator between its inputs: ``a / b / c``."""
    return lambda step: [Statement(Chained(tuple(aligned(step)), operator))]


def nested(function: str) -> Callable[[PlannedLayer], list[Statement]]:
    """Return what says a layer with a function of two tensors: ``f(f(a, b), c)``."""

    def phrase(step: PlannedLayer) -> list[Statement]:
        first, *rest = aligned(step)
        for other in rest:
            first = f"{function}({first}, {other})"
        return [Statement(Code(first))]

    return phrase


def worded(framework: str, words: Mapping[str, str]) -> Callable[[PlannedLayer], list[Statement]]:
    """Return what says a layer by what it computes, in the framework's words."""

    def phrase(step: PlannedLayer) -> list[Statement]:
        text = word_for(step, framework, words)
        for i, tensor in enumerate(aligned(step)):
            text = text.replace(f"{{{i}}}", f"<{i}>").replace(f"<{i}>", tensor)
        return [Statement(Code(text))]

    return phrase


def word_for(step: PlannedLayer, framework: str, words: Mapping[str, str]) -> str:
    """Return a framework's word for what a layer computes element by element."""
    function = step.operator.function
    if function not in words:
        raise cannot(
            step, f"{framework} is not told what {function!r} computes", "put an operator in its place that it knows"
        )
    return words[function]


def equation(step: PlannedLayer) -> str:
    """Return an equation of sums of products in which the batch axis has a letter, too."""
    free = next(letter for letter in "nbmzyxwvutsrqponmlkjihgfedcba" if letter not in step.operator.equation)
    given, result = step.operator.labels[:-1], step.operator.labels[-1]
    return f"{','.join(free + labels for labels in given)}->{free}{result}"
