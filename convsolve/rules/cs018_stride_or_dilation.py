"""CS018: Keras does not take a stride and a dilation both above 1."""

from .rule import Rule

__all__ = ["STRIDE_OR_DILATION"]

STRIDE_OR_DILATION = Rule(
    "CS018",
    "stride and dilation are not both above 1",
    "Keras does not take a stride and a dilation both above 1",
    meaning="Keras does not take a stride and a dilation that are both above 1.",
    mend="Use one of them, or subsample in a layer of its own.",
    example="""\
framework: keras
data_format: channels_last
input: [8, 8, 3]
layers:
  - conv: {out_channels: 8, kernel_size: 3, stride: 2, dilation: 2}
""",
    wrong="dilation: 2",
    right="dilation: 1",
    poisons=False,
)
