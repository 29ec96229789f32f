"""CS004: the output padding is too large."""

from .rule import Rule

__all__ = ["OUTPUT_PADDING"]

OUTPUT_PADDING = Rule(
    "CS004",
    "output padding is small enough",
    "the output padding is too large",
    meaning=(
        "The output padding of a transposed convolution must be smaller than its stride (in PyTorch: than its stride "
        "or its dilation)."
    ),
    mend="Lower the output padding, or raise the stride: with stride 2 it may be 0 or 1.",
    example="""\
input: [8, 8, 8]
layers:
  - conv_transpose: {out_channels: 4, kernel_size: 3, stride: 1, output_padding: 1}
""",
    wrong="stride: 1",
    right="stride: 2",
)
