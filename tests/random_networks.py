"""Random networks for questions about sizes: chains, skips, upsampling, every mode that rounds."""

from __future__ import annotations

import random

from convsolve.dims import Var
from convsolve.network import Layer, Network
from convsolve.operators import (
    AdaptiveAvgPool,
    Add,
    AvgPool,
    CenterCrop,
    Concat,
    Conv,
    ConvTranspose,
    Crop,
    Flatten,
    Input,
    Linear,
    MaxPool,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Upsample,
)

__all__ = ["random_network"]


class _Builder:
    def __init__(self, seed: int, rank: int) -> None:
        self.draw = random.Random(seed)
        self.rank = rank
        framework = self.draw.choice(["torch", "torch", "keras", "onnx"])
        self.framework = framework
        self.layers = [Layer("input", Input(shape=(4, *(64,) * rank)))]
        self.channels = {"input": 4}

    def add(self, operator, *inputs, channels=None):
        inputs = inputs or (self.layers[-1].name,)
        name = f"{operator.kind}{len(self.layers)}"
        self.layers.append(Layer(name, operator, inputs))
        self.channels[name] = self.channels[inputs[0]] if channels is None else channels
        return name

    def per_axis(self, *choices):
        if self.draw.random() < 0.3:
            return tuple(self.draw.choice(choices) for _ in range(self.rank))
        return self.draw.choice(choices)

    def conv(self):
        padding = self.draw.choice([0, 0, 1, 2, "same"])
        stride = self.per_axis(1, 1, 2, 3)
        dilation = 1 if self.framework != "torch" else self.per_axis(1, 1, 2)
        if padding == "same" and self.framework == "torch":
            stride = 1
        self.add(Conv(out_channels=4, kernel_size=self.per_axis(1, 2, 3, 5), stride=stride, padding=padding,
                      dilation=dilation))  # fmt: skip

    def pool(self):
        kernel = self.draw.choice([2, 3])
        ceil_mode = self.framework != "keras" and self.draw.random() < 0.5
        padding = self.draw.choice([0, 1] if self.framework == "torch" else [0])
        kind = self.draw.choice([MaxPool, AvgPool])
        self.add(kind(kernel_size=kernel, stride=self.draw.choice([None, 2, 3]), padding=padding, ceil_mode=ceil_mode))

    def up(self):
        x = self.layers[-1].name
        which = self.draw.randrange(4)
        if which == 0:
            self.add(Upsample(scale_factor=self.draw.choice([2, 3, "3/2", 0.5])))
        elif which == 1:
            other = self.draw.choice(self.layers).name
            names = ("length",) if self.rank == 1 else ("height", "width")
            self.add(Upsample(size=tuple(Var(f"{other}.{a}", interval=(None, None)) for a in names)), x)
        elif which == 2:
            self.add(ConvTranspose(out_channels=4, kernel_size=self.draw.choice([2, 3, 4]), stride=2,
                                   padding=0 if self.framework != "torch" else self.draw.choice([0, 1])))  # fmt: skip
        else:
            self.add(Conv(out_channels=4 * 2**self.rank, kernel_size=1))
            self.add(PixelShuffle(block_size=2), channels=4)

    def join(self):
        x, other = self.layers[-1].name, self.draw.choice(self.layers).name
        if self.channels[x] == self.channels[other] and self.draw.random() < 0.6:
            self.add(Add(broadcast=self.draw.random() < 0.7), x, other)
        else:
            self.add(Concat(), x, other, channels=self.channels[x] + self.channels[other])
            self.add(Conv(out_channels=4, kernel_size=1), channels=4)

    def other(self):
        which = self.draw.randrange(5)
        if which == 0:
            self.add(Pad(padding=self.draw.choice([1, 2]), mode=self.draw.choice(["constant", "reflect"])))
        elif which == 1:
            self.add(Crop(amount=1))
        elif which == 2:
            self.add(PixelUnshuffle(block_size=2), channels=4 * 2**self.rank)
            self.add(Conv(out_channels=4, kernel_size=1), channels=4)
        elif which == 3 and self.framework == "torch":  # padded to a multiple, as a program would
            x = self.layers[-1].name
            names = ("length",) if self.rank == 1 else ("height", "width")
            sizes = [Var(f"{x}.{a}", interval=(None, None)) for a in names]
            self.add(Pad(padding=tuple((0, (4 - n % 4) % 4) for n in sizes)))
        elif which == 4:
            names = ("length",) if self.rank == 1 else ("height", "width")
            other = self.draw.choice(self.layers).name
            self.add(CenterCrop(size=tuple(Var(f"{other}.{a}", interval=(None, None)) for a in names)))


def random_network(seed: int, rank: int = 2, depth: int = 10) -> Network:
    """Return a random network with ``rank`` spatial axes; the same for the same seed."""
    builder = _Builder(seed, rank)
    for _ in range(builder.draw.randint(2, depth)):
        builder.draw.choice([builder.conv, builder.conv, builder.pool, builder.up, builder.join, builder.other])()
    end = builder.draw.randrange(6)
    if end == 0:
        builder.add(AdaptiveAvgPool(output_size=builder.draw.choice([1, 3])))
    if end <= 1:
        builder.add(Flatten())
        builder.add(Linear(out_features=10, in_features=4 * builder.draw.choice([1, 4, 9, 12, 36, 49])))
    return Network(tuple(builder.layers), framework=builder.framework)
