"""Parts, positions and tables of recorded programs, against running them; and features that are as many as declared."""

from __future__ import annotations

import pytest
from torch import nn

import convsolve as cs


class Sequence(nn.Module):
    """A layer made for 8 features, behind a convolution that leaves as many as its input is long, but 2."""

    def __init__(self, make):
        super().__init__()
        self.conv, self.layer = nn.Conv1d(3, 4, 3), make()

    def forward(self, x):
        x = self.conv(x)
        if isinstance(self.layer, nn.Transformer):
            return self.layer(x, x[:, :2])
        found = self.layer(x)
        return found[0] if isinstance(found, tuple) else found


MADE_FOR_8 = {
    "rnn": lambda: nn.RNN(8, 3, batch_first=True), "lstm": lambda: nn.LSTM(8, 3, 2, batch_first=True),
    "gru": lambda: nn.GRU(8, 3, bidirectional=True, batch_first=True),
    "encoder": lambda: nn.TransformerEncoderLayer(8, 2, 8, batch_first=True),
    "transformer": lambda: nn.Transformer(8, 2, 1, 1, 8, batch_first=True),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE_FOR_8)
@pytest.mark.parametrize("length", [10, 13])
def test_features_are_as_many_as_a_layer_was_made_for(name, length):
    network = cs.from_torch(Sequence(MADE_FOR_8[name]), (3, length))
    report = cs.check(network)
    if length == 10:
        assert report.ok
    else:
        failure = report.failures[0]
        assert failure.code == "CS011" and failure.layer.startswith("layer")
        assert "features=11, in_features=8" in failure.message and failure.smallest_input == (3, 10)
    sizes = cs.valid_sizes(network)
    assert str(sizes) == "length = 10" and sizes.complete and sizes.proved
