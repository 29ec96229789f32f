"""Operators on features: linear layers, matrix products, embeddings and recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..dims import Dim, eq, product
from ..errors import RankError
from .base import Operator, Shape, Site
from .joining import Add
from .parameters import Count, Flag, parameter
from .rules import FEATURES_MATCH, INNER_SIZES_AGREE

__all__ = ["Embedding", "Gru", "Linear", "Lstm", "Matmul", "Rnn"]

_WIDTHS = (64, 128, 256, 512)


@dataclass(frozen=True, kw_only=True)
class Linear(Operator):
    """A linear layer on the last axis, as written: ``(..., features) -> (..., out_features)``.

    With ``in_features`` given, the input must have just as many. (PyTorch ``Linear``, Keras ``Dense``.)

    >>> from convsolve.operators import Linear, shape_of
    >>> shape_of(Linear(out_features=10, in_features=400), (400,))
    (10,)
    """

    kind = "linear"
    written = True

    out_features: Dim = parameter(Count(usual=_WIDTHS))
    in_features: Dim | None = parameter(Count(optional=True), default=None)
    bias: bool = parameter(Flag(), default=True)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        features = inputs[0][-1]
        if self.in_features is not None:
            site.require(
                FEATURES_MATCH, eq(features, self.in_features), features=features, in_features=self.in_features)
        return (*inputs[0][:-1], self.out_features)

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return (inputs[0][-1] + (1 if self.bias else 0)) * self.out_features

    def macs(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return product((*inputs[0], self.out_features))


@dataclass(frozen=True, kw_only=True)
class Matmul(Operator):
    """Matrix product ``(..., n, k) @ (..., k, m) -> (..., n, m)``, broadcasting the axes in front.

    >>> from convsolve.operators import Matmul, shape_of
    >>> shape_of(Matmul(), (8, 16, 64), (8, 64, 16))
    (8, 16, 16)
    """

    kind = "matmul"
    arity = (2, 2)
    written = True

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        a, b = inputs
        if len(a) < 2 or len(b) < 2:
            raise RankError(f"matmul needs two axes on both sides, got {len(a)} and {len(b)}")
        site.require(INNER_SIZES_AGREE, eq(a[-1], b[-2]), first=a[-1], second=b[-2])
        front = Add().infer(site, a[:-2], b[:-2]) if len(a) > 2 or len(b) > 2 else ()
        return (*front, a[-2], b[-1])

    def macs(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return product((*outputs[0], inputs[0][-1]))


@dataclass(frozen=True, kw_only=True)
class Embedding(Operator):
    """A vector for each index: ``(...) -> (..., dim)``.

    >>> from convsolve.operators import Embedding, shape_of
    >>> shape_of(Embedding(count=1000, dim=64), (20,))
    (20, 64)
    """

    kind = "embedding"
    written = True

    count: Dim = parameter(Count())
    dim: Dim = parameter(Count(usual=_WIDTHS))

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        return (*inputs[0], self.dim)

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return self.count * self.dim


@dataclass(frozen=True, kw_only=True)
class Rnn(Operator):
    """A recurrent layer over ``(length, features)`` as written: ``(length, hidden)``, or the last step alone.

    ``hidden`` is ``hidden_size``, twice that when bidirectional. (PyTorch ``RNN`` with ``batch_first``,
    Keras ``SimpleRNN``.) PyTorch has two bias vectors for each gate, Keras one, and two in a GRU.

    >>> from convsolve.operators import Rnn, shape_of
    >>> shape_of(Rnn(hidden_size=32), (50, 8))
    (50, 32)
    """

    kind = "rnn"
    written = True
    gates: ClassVar[int] = 1
    keras_biases: ClassVar[int] = 1

    hidden_size: Dim = parameter(Count(usual=_WIDTHS))
    num_layers: int = parameter(Count(), default=1)
    bidirectional: bool = parameter(Flag(), default=False)
    return_sequences: bool = parameter(Flag(), default=True)
    bias: bool = parameter(Flag(), default=True)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        shape = inputs[0]
        if len(shape) != 2:
            raise RankError(f"{self.kind} needs a length and features, got {len(shape)} axes")
        hidden = self.hidden_size * (2 if self.bidirectional else 1)
        return (shape[0], hidden) if self.return_sequences else (hidden,)

    def _weights(self, features: Dim) -> Dim:
        """Return the weights of the matrices of one time step, over all layers and directions."""
        directions = 2 if self.bidirectional else 1
        later = (self.hidden_size * directions + self.hidden_size) * (self.num_layers - 1)
        return (features + self.hidden_size + later) * self.hidden_size * (self.gates * directions)

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        biases = 0 if not self.bias else self.keras_biases if site.framework == "keras" else 2
        directions = 2 if self.bidirectional else 1
        return self._weights(inputs[0][1]) + self.hidden_size * self.num_layers * (biases * self.gates * directions)

    def macs(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return self._weights(inputs[0][1]) * inputs[0][0]


@dataclass(frozen=True, kw_only=True)
class Lstm(Rnn):
    """A long short-term memory layer; sizes as in a plain recurrent layer.

    >>> from convsolve.operators import Lstm, shape_of
    >>> shape_of(Lstm(hidden_size=32, bidirectional=True, return_sequences=False), (50, 8))
    (64,)
    """

    kind = "lstm"
    gates = 4


@dataclass(frozen=True, kw_only=True)
class Gru(Rnn):
    """A gated recurrent unit layer; sizes as in a plain recurrent layer.

    ``reset_after=False`` is the older variant of Keras, with one bias vector for each gate instead of two.

    >>> from convsolve.operators import Gru, shape_of
    >>> shape_of(Gru(hidden_size=32), (50, 8))
    (50, 32)
    """

    kind = "gru"
    gates = 3

    reset_after: bool = parameter(Flag(), default=True)

    @property
    def keras_biases(self) -> int:  # type: ignore[override]
        """One bias vector for each gate, two where the state is reset after the product."""
        return 2 if self.reset_after else 1
