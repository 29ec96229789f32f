"""What is known of a recorded tensor: where it comes from, its axes, and where among them the batch stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ....dims.normal import Polynomial
from ....network import Layer
from ....operators import Operator
from ..registry import NotReadError
from .guards import BATCH

__all__ = ["ONE", "EntryRange", "Unsupported", "Value", "WrongRank", "product_of", "regrouped_beside"]

ONE = Polynomial.of(1)


class Unsupported(NotReadError):
    """A call does something that no operator expresses; a signal, not an error: the call becomes opaque."""


class WrongRank(Unsupported):
    """A call gives an operator tensors with the wrong number of axes; ``layer`` is the layer that it would make."""

    def __init__(self, text: str, layer: Layer) -> None:
        super().__init__(text)
        self.layer = layer


def product_of(sizes: Sequence[Polynomial]) -> Polynomial:
    """Return the product of sizes."""
    result = ONE
    for size in sizes:
        result = result * size
    return result


def regrouped_beside(values: Sequence[Value]) -> int:
    """Return which call made groups of the elements of all samples, where tensors of samples are joined.

    Beside groups that are axes of each sample, they are meant to be groups.
    """
    return 0 if any(v.fold and not v.regrouped for v in values) else max(v.regrouped for v in values)


@dataclass(frozen=True)
class EntryRange:
    """Between which whole numbers, ``least`` and ``largest``, the entries of a tensor lie.

    ``exact`` says that both are among them, ``consecutive`` that they are all of those in between, in order.
    """

    least: Polynomial
    largest: Polynomial
    exact: bool = True
    consecutive: bool = False


@dataclass(frozen=True)
class Value:
    """A tensor of the program, as a tensor of the network: one without a batch axis.

    ``ref`` names it in the network; it is empty for a constant that no layer has used so far. ``shape`` are its
    axes for one sample. The program's tensor has one axis more, number ``batch`` (None: it has no batch). That
    axis is the number of samples times ``fold`` of the sample's axes, those that follow: a ``(B*windows, n, c)``
    of the program is a ``(windows, n, c)`` here, with one axis folded. ``many`` is False where the batch axis has
    size 1 and stands for any number of samples. ``parameters`` are those that a constant was computed from. Of a
    tensor whose folded axes stand behind its channels for the moment, so that they are space, ``lifted`` is how many.
    ``regrouped`` is the number of the call, if any, that made groups of the elements of all samples.
    ``span`` tells of the entries of a constant that serves as positions. Where a tensor has no elements, ``rest`` is
    the layer that has left none, and that layer's input: it may be concatenated, what else is made of it fails.
    """

    ref: str
    shape: tuple[Polynomial, ...]
    batch: int | None = 0
    fold: int = 0
    many: bool = True
    parameters: frozenset[str] = field(default=frozenset())
    lifted: int = 0
    regrouped: int = 0
    span: EntryRange | None = field(default=None, compare=False)
    rest: tuple[Operator, Value] | None = field(default=None, compare=False)

    @property
    def rank(self) -> int:
        """The number of axes of the program's tensor."""
        return len(self.shape) - self.fold + (self.batch is not None)

    @property
    def real(self) -> tuple[Polynomial, ...]:
        """The axes of the program's tensor."""
        if self.batch is None:
            return self.shape
        folded = product_of(self.shape[self.batch : self.batch + self.fold])
        samples = BATCH * folded if self.many else folded
        return (*self.shape[: self.batch], samples, *self.shape[self.batch + self.fold :])

    def axis(self, axis: int) -> int:
        """Return which axis of the sample an axis of the program's tensor is; Unsupported for the batch axis."""
        if not isinstance(axis, int) or not -self.rank <= axis < self.rank:
            raise Unsupported("an axis that is not there")
        axis = int(axis) % self.rank
        if axis == self.batch:
            raise Unsupported("work on the batch axis")
        return axis if self.batch is None or axis < self.batch else axis - 1 + self.fold

    def axes_at(self, axis: int) -> list[int]:
        """Return the axes of the sample that make up an axis of the program's tensor: none or more for the batch."""
        if axis == self.batch:
            return list(range(axis, axis + self.fold))
        return [self.axis(axis)]

    def made(self, ref: str, shape: tuple[Polynomial, ...]) -> Value:
        """Return the result of a layer, its batch axis being where this one's is."""
        kept = self.parameters if self.batch is None else frozenset()
        return replace(self, ref=ref, shape=shape, parameters=kept, span=None)
