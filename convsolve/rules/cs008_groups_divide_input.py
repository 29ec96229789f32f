"""CS008: the input channels are not divisible by groups."""

from .rule import Rule

__all__ = ["GROUPS_DIVIDE_INPUT"]

GROUPS_DIVIDE_INPUT = Rule(
    "CS008",
    "groups divide the input channels",
    "the input channels are not divisible by groups",
    meaning="A grouped convolution divides the input channels among its groups, so that they must be divisible.",
    mend="Take a number of groups that divides the channels.",
    example="""\
input: [6, 8, 8]
layers:
  - conv: {out_channels: 8, kernel_size: 3, groups: 4}
""",
    wrong="groups: 4",
    right="groups: 2",
)
