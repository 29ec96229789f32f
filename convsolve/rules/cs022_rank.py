"""CS022: the input has the wrong number of axes."""

from .rule import Rule

__all__ = ["RANK"]

RANK = Rule(
    "CS022",
    "number of axes",
    "the input has the wrong number of axes",
    meaning=(
        "An operator got a tensor with another number of axes than it works on, such as a convolution after a "
        "flatten, or an input without its batch axis."
    ),
    mend="Flatten later, or add the axis that is missing. Shapes in convsolve leave out the batch.",
    example="""\
input: [64]
layers:
  - conv: {out_channels: 8, kernel_size: 3}
""",
    wrong="[64]",
    right="[1, 8, 8]",
)
