"""CS012: the sizes to be joined differ."""

from .rule import Rule

__all__ = ["SIZES_AGREE"]

SIZES_AGREE = Rule(
    "CS012",
    "joined sizes agree",
    "the sizes to be joined differ",
    meaning=(
        "Two tensors that are added (or multiplied ...) must have the same size on every axis, or size 1 on one of "
        "them."
    ),
    mend="Shrink both paths alike, or change the size of one: a convolution with the same stride, a crop, an upsample.",
    example="""\
input: [4, 8, 8]
layers:
  - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1, stride: 2}
  - add: {inputs: [input, a]}
""",
    wrong="stride: 2",
    right="stride: 1",
)
