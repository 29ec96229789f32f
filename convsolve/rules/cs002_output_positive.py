"""CS002: the output would have no elements."""

from .rule import Rule

__all__ = ["OUTPUT_POSITIVE"]

OUTPUT_POSITIVE = Rule(
    "CS002",
    "output size is at least 1",
    "the output would have no elements",
    meaning=(
        "An output would have no elements along some axis: its size comes out as 0 or less. Some frameworks return an "
        "empty tensor without a word."
    ),
    mend="Take less padding or cropping, a larger scale, or a larger input.",
    example="""\
input: [8, 2, 2]
layers:
  - conv_transpose: {out_channels: 4, kernel_size: 1, padding: 2}
""",
    wrong="padding: 2",
    right="padding: 0",
)
