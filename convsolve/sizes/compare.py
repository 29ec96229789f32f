"""Compare: which input sizes does one network take and another not, and where do their outputs differ?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..checks.check import check
from ..dims.boxes import Boxes
from ..dims.expr import Symbolic
from ..dims.separate import Of, Sum
from ..errors import NetworkError, UndecidedError
from ..network import Network
from ..problem import Problem, as_problem
from .analysis import Analysis, described
from .branches import analyse_all
from .regions import region

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """What a change from one network to another gained and lost.

    ``gained`` are the input sizes that only the second network takes, ``lost`` those that only the first takes,
    ``changed`` those that both take, with outputs of different shapes; ``example`` is the smallest of the latter,
    with the two output shapes.
    """

    gained: Boxes
    lost: Boxes
    changed: Boxes
    example: tuple[tuple[int, ...], tuple[int, ...] | None, tuple[int, ...] | None] | None = None

    def __repr__(self) -> str:
        found = [name for name in ("gained", "lost", "changed") if getattr(self, name)]
        return f"<Comparison: {', '.join(found) or 'the same'}>"

    def __str__(self) -> str:
        """Return which sizes were gained, lost, and which give another output."""
        lines = [f"{name}: {sizes}" for name in ("gained", "lost", "changed") if (sizes := getattr(self, name))]
        return "\n".join(lines) or "the same sizes, the same outputs"

    @property
    def same(self) -> bool:
        """Whether both take the same sizes and give outputs of the same shapes."""
        return not (self.gained or self.lost or self.changed)


def compare(first: Network | Problem, second: Network | Problem) -> Comparison:
    """Compare the input sizes that two networks take, for all sizes, and their output shapes.

    Raises:
        NetworkError: their inputs have different axes.
        UndecidedError: something is not known of one of them.

    >>> from convsolve.files import parse
    >>> old = parse("{input: [3, 64, 64], layers: [{conv: {out_channels: 8, kernel_size: 5}}]}")
    >>> new = parse("{input: [3, 64, 64], layers: [{conv: {out_channels: 8, kernel_size: 5, padding: 1}}]}")
    >>> found = compare(old, new)
    >>> print(found.gained)
    height in {3, 4} with width >= 3; or height >= 5 with width in {3, 4}
    >>> bool(found.lost), found.example
    (False, ((5, 5), (8, 1, 1), (8, 3, 3)))
    """
    analyses = [_whole(as_problem(n)) for n in (first, second)]
    a, b = analyses
    if a.opened.labels != b.opened.labels:
        raise NetworkError(
            f"the inputs have different axes: {', '.join(a.opened.labels)} and {', '.join(b.opened.labels)}"
        )
    both = a.region & b.region
    changed = both - _equal_outputs(a, b)
    example = None
    point = changed.smallest()
    if point is not None:
        example = (point, _output(a, point), _output(b, point))
    return Comparison(b.region - a.region, a.region - b.region, changed, example)


def _output(analysis: Analysis, point: tuple[int, ...]) -> tuple[int, ...] | None:
    return check(analysis.opened.with_sizes(point)).output


def _whole(problem: Problem) -> Analysis:
    found = analyse_all(problem)
    if len(found) > 1 or found[0].known.parts != Boxes.all(found[0].known.axes).parts:
        raise UndecidedError("a network that was recorded from a program is not known for all sizes")
    if found[0].unresolved:
        raise UndecidedError(f"`{described(found[0].unresolved[0])}` has no closed form")
    return found[0]


def _equal_outputs(a: Analysis, b: Analysis) -> Boxes:
    """Return where two networks' outputs have the same shape."""
    outputs = [[x.values(output) for output in x.trace.network.outputs] for x in (a, b)]
    flat = [[n for shape in shapes for n in shape or ()] for shapes in outputs]
    ranks = [[shape and len(shape) for shape in shapes] for shapes in outputs]
    axes = a.opened.labels
    if ranks[0] != ranks[1]:
        return Boxes(axes, ())
    names = dict(zip(b.opened.unknowns, a.opened.unknowns, strict=True))
    conditions = [a.reading.read("eq", [x, _renamed(y, names)]) for x, y in zip(*flat, strict=True)]
    equal, left = region(a.reading, conditions)
    if left:
        raise UndecidedError("where the outputs are equal has no closed form")
    return Boxes(axes, equal.parts)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Of):
        return Of(names[value.unknown], value.function)
    if isinstance(value, Sum):
        return Sum({tuple(_renamed(f, names) for f in factors): c for factors, c in value.terms.items()})
    if isinstance(value, Symbolic):
        raise UndecidedError("an output size has no closed form")
    return value
