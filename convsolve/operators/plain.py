"""Operators that keep the shape, and the sources of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..dims import Dim, any_of, eq, product
from ..errors import NetworkError, RankError, RefusedError
from ..rules import AS_RECORDED, CALL_TAKEN, CHANNELS_MATCH
from .base import Operator, Reach, Shape, Site, positive, written_names
from .parameters import Flag, Number, Shapes, Sizes, Text, WholeNumber, parameter

__all__ = ["IDENTITIES", "Constant", "Dropout", "Identity", "Input", "Opaque", "Prelu"]


@dataclass(frozen=True, kw_only=True)
class Input(Operator):
    """An input of the network: its shape as the data format writes it, without the batch axis.

    >>> from convsolve.operators import Input, shape_of
    >>> shape_of(Input(shape=(3, 224, 224)))
    (3, 224, 224)
    """

    kind = "input"
    arity = (0, 0)
    written = True

    shape: Any = parameter(Sizes(empty=True))

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        names = written_names(site, len(self.shape))
        return tuple(positive(site, n, axis) for axis, n in zip(names, self.shape, strict=True))


@dataclass(frozen=True, kw_only=True)
class Constant(Input):
    """A tensor that does not depend on the input, such as a position embedding; learned or not.

    >>> from convsolve.operators import Constant, shape_of
    >>> shape_of(Constant(shape=(49, 96), learned=True))
    (49, 96)
    """

    kind = "constant"

    learned: bool = parameter(Flag(), default=False)

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return product(outputs[0]) if self.learned else 0


@dataclass(frozen=True, kw_only=True)
class Opaque(Operator):
    """An operator that convsolve does not know, with the shapes that were seen when it ran.

    It gives ``outputs`` for the inputs that were ``seen``; for any other nothing is known, which is not the
    same as a failure. Where the framework ``refused`` the call, that is what it said; it fails for what was seen,
    and without ``outputs`` for any inputs. Shapes are as the data format writes them.

    >>> from convsolve.operators import Opaque, shape_of
    >>> shape_of(Opaque(what="torch.fft.rfft2", seen=((3, 32, 32),), outputs=((3, 32, 17),)), (3, 32, 32))
    (3, 32, 17)
    """

    kind = "opaque"
    arity = (0, None)
    written = True

    what: str = parameter(Text())
    seen: Any = parameter(Shapes())
    outputs: Any = parameter(Shapes())
    weights: int = parameter(WholeNumber(minimum=0), default=0)
    refused: str = parameter(Text(), default="")

    def infer(self, site: Site, *inputs: Shape) -> Shape | Sequence[Shape]:
        if not self.outputs:
            raise RefusedError(self.refused) if self.refused else NetworkError(f"{self.what} has no outputs")
        if [len(shape) for shape in inputs] != [len(shape) for shape in self.seen]:
            raise RankError(f"{self.what} was recorded with other numbers of axes or inputs")
        for shape, seen in zip(inputs, self.seen, strict=True):
            for axis, size, known in zip(written_names(site, len(shape)), shape, seen, strict=True):
                site.require(AS_RECORDED, eq(size, known), axis=axis, size=size, recorded=known)
        for shape in self.outputs:
            for axis, size in zip(written_names(site, len(shape)), shape, strict=True):
                positive(site, size, axis)
        if self.refused:
            site.require(CALL_TAKEN, False, note=self.refused)
        return self.outputs[0] if len(self.outputs) == 1 else list(self.outputs)

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return self.weights


@dataclass(frozen=True, kw_only=True)
class _Same(Operator):
    """What keeps the shape of its input, element by element."""

    pointwise = True
    in_place = True

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        return inputs[0]


@dataclass(frozen=True, kw_only=True)
class Identity(_Same):
    """Any operator that keeps its input's shape, with as many parameters as ``weights`` says.

    ``mixes``: an element depends on others, too (a roll, a cumulative sum), so that there is no receptive field.

    >>> from convsolve.operators import Identity, shape_of
    >>> shape_of(Identity(), (64, 28, 28))
    (64, 28, 28)
    """

    kind = "identity"

    weights: Dim = parameter(WholeNumber(minimum=0), default=0)
    mixes: bool = parameter(Flag(), default=False)

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach] | None:
        return None if self.mixes else super().reach(site, inputs, outputs)

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return self.weights


@dataclass(frozen=True, kw_only=True)
class Prelu(_Same):
    """A rectifier that learns the slope of what is negative: one for all, or one for each channel (PyTorch ``PReLU``).

    >>> from convsolve.operators import Prelu, shape_of
    >>> shape_of(Prelu(slopes=64), (64, 28, 28))
    (64, 28, 28)
    """

    kind = "prelu"

    slopes: Dim = parameter(WholeNumber(), edit="in_channels", default=1)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels = inputs[0][0]
        if self.slopes != 1:
            fits = any_of(eq(self.slopes, 1), eq(self.slopes, channels))
            site.require(CHANNELS_MATCH, fits, axis="channels", channels=channels, declared=self.slopes)
        return inputs[0]

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return self.slopes


@dataclass(frozen=True, kw_only=True)
class Dropout(_Same):
    """Dropout; no shape depends on the rate.

    >>> from convsolve.operators import Dropout, shape_of
    >>> shape_of(Dropout(p=0.2), (64, 28, 28))
    (64, 28, 28)
    """

    kind = "dropout"

    p: float = parameter(Number(), default=0.5)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.p <= 1:
            raise NetworkError(f"p is the share that is dropped: it must be from 0 to 1, got {self.p}")


def _identities() -> dict[str, type[Operator]]:
    """Return an operator for each well-known function that keeps the shape."""
    names = (
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "celu",
        "gelu",
        "silu",
        "mish",
        "hardswish",
        "hardsigmoid",
        "hardtanh",
        "sigmoid",
        "tanh",
        "softplus",
    )
    along_channels = ("softmax", "log_softmax", "local_response_norm")
    found: dict[str, type[Operator]] = {}
    for name in (*names, *along_channels):
        own = {"kind": name, "__doc__": f"The function {name}.", "by_channel": name in along_channels}
        made = type(name.title().replace("_", ""), (_Same,), own)
        found[name] = dataclass(frozen=True, kw_only=True)(made)
    return found


IDENTITIES = _identities()
"""Operators for well-known functions that keep the shape, by name."""

globals().update({made.__name__: made for made in IDENTITIES.values()})  # pickle looks for a class in its module
