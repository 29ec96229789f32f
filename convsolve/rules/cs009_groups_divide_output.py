"""CS009: the output channels are not divisible by groups."""

from .rule import Rule

__all__ = ["GROUPS_DIVIDE_OUTPUT"]

GROUPS_DIVIDE_OUTPUT = Rule(
    "CS009",
    "groups divide the output channels",
    "the output channels are not divisible by groups",
    meaning="A grouped convolution makes the output channels group by group, so that they must be divisible.",
    mend="Take a number of output channels that is a multiple of the groups.",
    example="""\
input: [8, 8, 8]
layers:
  - conv: {out_channels: 6, kernel_size: 3, groups: 4}
""",
    wrong="out_channels: 6",
    right="out_channels: 8",
    poisons=False,
)
