"""Edits: what a repair changes, and which of two repairs is cheaper.

A repair is cheaper than another if it touches fewer layers; if both touch as many, if the kinds of its edits
leave more of what is written and trained as it is (the order of :data:`KINDS`, ranks added up); and then if it
changes its numbers by less. Of equally cheap single edits, that of the later layer is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..network import Network

__all__ = ["KINDS", "Change", "Edit", "shown_value", "touched", "weighed"]

KINDS: Mapping[str, tuple[int, str]] = {
    "layout": (1, "read the axes of the input in the other order, channels first or last"),
    "batch_axis": (1, "give the input the batch axis that it lacks"),
    "missing_axis": (1, "give the input the axis of channels, or of steps, that it lacks"),
    "return_sequences": (1, "let recurrent layers give all their steps"),
    "flatten": (1, "insert a flatten, or let one begin at the axis where it should"),
    "in_features": (2, "declare the number of features that really arrives"),
    "in_channels": (2, "declare the number of channels that really arrives"),
    "resize_input": (3, "resize the input"),
    "colours": (3, "give pictures the channels that the first layer takes"),
    "batch": (3, "a batch of several, or evaluation, where training needs more than one value"),
    "swap_arguments": (3, "swap the tensor and the weights of a functional convolution"),
    "padding": (4, "pad more or less, 'same' in place of 'valid'"),
    "output_padding": (4, "give back what the rounding of a stride has lost"),
    "reshape": (4, "another shape for a reshape, or other parts for a split"),
    "slice": (4, "take another part of an axis"),
    "ceil_mode": (4, "round up or down where a pooling halves"),
    "pad_input": (5, "pad the input to a size that works, and crop the output"),
    "fit_skip": (5, "pad, crop or resize one side of a join to the size of the other"),
    "stride": (6, "another stride"),
    "dilation": (6, "another dilation"),
    "pool": (7, "a smaller pooling window"),
    "kernel": (8, "another kernel size, whose weights are new"),
    "groups": (8, "other groups, whose weights are new"),
    "width": (8, "another number of channels or features, whose weights are new"),
    "rank": (8, "the same layer for as many axes as arrive, whose weights are new"),
    "project": (8, "bring a tensor to the channels or features that are wanted by a 1x1 convolution or a linear layer"),
    "global_pool": (9, "pool to a fixed size before a fixed head, or at the end"),
    "remove": (9, "leave a pooling out"),
}
"""The kinds of edits: the rank in the order of costs, and what they do."""

_STEP = 10**6


@dataclass(frozen=True)
class Edit:
    """One thing that a repair changes: a parameter of a layer, or a whole layer.

    ``parameter`` is empty where a layer is inserted (then ``before`` is None and ``after`` says what is inserted)
    or removed (then ``after`` is None). ``why`` says what the edit makes good, where that is not plain.
    """

    kind: str
    layer: str
    parameter: str
    before: Any
    after: Any
    why: str = ""

    def __str__(self) -> str:
        if self.parameter:
            why = f" ({self.why})" if self.why else ""
            return f"{self.layer}: {self.parameter} {shown_value(self.before)} -> {shown_value(self.after)}{why}"
        if self.after is None:
            return f"{self.layer}: removed ({self.before})"
        return f"{self.layer}: inserted ({self.after})"


@dataclass(frozen=True)
class Change:
    """A change of a network: the edits of which it consists, and how to make them.

    ``layers`` are those that are touched, ``magnitude`` says by how much numbers change.
    """

    edits: tuple[Edit, ...]
    layers: tuple[str, ...]
    magnitude: int
    make: Callable[[Network], Network] = field(compare=False, repr=False)

    @property
    def kinds(self) -> frozenset[str]:
        """What is changed."""
        return frozenset(edit.kind for edit in self.edits)

    @property
    def cost(self) -> tuple[int, int, int]:
        """The cost: layers touched, ranks of the kinds, magnitude."""
        return *touched(self.edits, self.layers), self.magnitude

    @property
    def weight(self) -> int:
        """The cost as one number with the same order."""
        return weighed(self.cost)


def touched(edits: Sequence[Edit], layers: Iterable[str] = ()) -> tuple[int, int]:
    """Return how many layers edits touch (those that are named, or each edit's own), and their ranks added up.

    >>> touched([Edit("padding", "c", "padding", 0, 1)])
    (1, 4)
    """
    count = len(set(layers) or {edit.layer for edit in edits})
    if len({edit.kind for edit in edits}) == 1:
        return count, count * KINDS[edits[0].kind][0]
    return count, sum(KINDS[edit.kind][0] for edit in edits)


def weighed(cost: tuple[int, int, int]) -> int:
    """Return a cost as one number: of two costs with another order, the numbers have the same.

    >>> weighed((1, 9, 500)) < weighed((2, 4, 1))
    True
    """
    touched, ranks, magnitude = cost
    return (touched * _STEP + ranks) * _STEP + min(magnitude, _STEP - 1)


def shown_value(value: Any) -> str:
    """Return a parameter's value as it is shown.

    >>> shown_value((1, 0)), shown_value("same"), shown_value(None)
    ('[1, 0]', 'same', 'not given')
    """
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(shown_value, value))}]"
    return str(value)
