"""Recurrent operators: of features, and of maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..dims import Dim, product, total
from ..errors import RankError
from .base import Operator, Shape, Site, spatial
from .convolution import Convolution, kernel_weights
from .dense import WIDTHS, features_match
from .parameters import Flag, WholeNumber, parameter

__all__ = ["ConvLstm", "Gru", "Lstm", "Rnn"]


@dataclass(frozen=True, kw_only=True)
class Rnn(Operator):
    """A recurrent layer over ``(length, features)`` as written: ``(length, hidden)``, or the last step alone.

    ``hidden`` is ``hidden_size``, twice that when bidirectional. (PyTorch ``RNN`` with ``batch_first``,
    Keras ``SimpleRNN``.) PyTorch has two bias vectors for each gate, Keras one, and two in a GRU. With ``in_features``
    given, the input must have just as many.

    >>> from convsolve.operators import Rnn, shape_of
    >>> shape_of(Rnn(hidden_size=32), (50, 8))
    (50, 32)
    """

    kind = "rnn"
    written = True
    gates: ClassVar[int] = 1
    keras_biases: ClassVar[int] = 1

    hidden_size: Dim = parameter(WholeNumber(usual=WIDTHS), edit="width")
    in_features: Dim | None = parameter(WholeNumber(optional=True), edit="in_features", default=None)
    num_layers: int = parameter(WholeNumber(), default=1)
    bidirectional: bool = parameter(Flag(), default=False)
    return_sequences: bool = parameter(Flag(), edit="return_sequences", default=True)
    bias: bool = parameter(Flag(), default=True)

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        shape = inputs[0]
        if len(shape) != 2:
            raise RankError(f"{self.kind} needs a length and features, got {len(shape)} axes")
        features_match(site, shape[1], self.in_features)
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
        """Every step multiplies each weight once: ``W x + U h`` for each gate (PyTorch ``LSTM``, its equations)."""
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


@dataclass(frozen=True, kw_only=True)
class ConvLstm(Convolution):
    """A long short-term memory of maps: convolutions in place of matrices, over ``(channels, length, *spatial)``.

    Each step of the length is convolved as by :class:`Conv`, and so is the state before it, which has the sizes of the
    step's result: ``(hidden, length, *spatial)``, or the last step alone. (Keras ``ConvLSTM2D``.)

    >>> from convsolve.operators import ConvLstm, shape_of
    >>> shape_of(ConvLstm(out_channels=16, kernel_size=3, stride=2, padding=1), (3, 10, 64, 64))
    (16, 10, 32, 32)
    """

    kind = "conv_lstm"

    out_channels: Dim = parameter(WholeNumber(usual=(8, 16, 32, 64)), edit="width")
    return_sequences: bool = parameter(Flag(), edit="return_sequences", default=True)

    def _grouping(self, channels: Dim) -> tuple[Dim, Dim]:
        return 1, self.out_channels

    def infer(self, site: Site, *inputs: Shape) -> Shape:
        channels, sizes = spatial(self, inputs[0], least=2)
        made = super().infer(site, (channels, *sizes[1:]))
        return (made[0], sizes[0], *made[1:]) if self.return_sequences else made

    def _step_weights(self, channels: Dim, rank: int) -> Dim:
        """Return the weights of the four gates for one step: those of the input, and those of the state."""
        gates = self.out_channels * 4
        return total(kernel_weights(self.kernel_size, rank, n, gates, 1) for n in (channels, self.out_channels))

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        weights = self._step_weights(inputs[0][0], len(inputs[0]) - 2)
        return weights + (self.out_channels * 4 if self.bias else 0)

    def macs(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        rank = len(inputs[0]) - 2
        return product((self._step_weights(inputs[0][0], rank), inputs[0][1], *outputs[0][-rank:]))

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> None:  # type: ignore[override]
        return None
