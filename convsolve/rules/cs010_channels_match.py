"""CS010: the input has another number of channels than declared."""

from .rule import Rule

__all__ = ["CHANNELS_MATCH"]

CHANNELS_MATCH = Rule(
    "CS010",
    "input channels are as declared",
    "the input has another number of channels than declared",
    meaning=(
        "A convolution was made for another number of input channels than it gets. Often height, width and channels "
        "are in another order than the layer takes them for, or the layer before was changed."
    ),
    mend="Give in_channels the number that arrives, or put the axes in order.",
    example="""\
input: [1, 28, 28]
layers:
  - conv: {out_channels: 8, kernel_size: 3, in_channels: 3}
""",
    wrong="in_channels: 3",
    right="in_channels: 1",
    poisons=False,
)
