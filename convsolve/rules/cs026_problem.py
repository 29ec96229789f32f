"""CS026: a requirement of the problem does not hold."""

from .rule import Rule

__all__ = ["PROBLEM"]

PROBLEM = Rule(
    "CS026",
    "requirement of the problem",
    "a requirement of the problem does not hold",
    meaning=(
        "A requirement that the problem itself states, under `require`, does not hold. The target of a loss is one, "
        "too: the output must have the shape that it asks for."
    ),
    mend="Change the network or the requirement; `convsolve synth` finds values for what you leave open.",
    example="""\
input: [1, 8, 8]
layers:
  - conv: {out_channels: 4, kernel_size: 3}
require: [output.height == 8]
""",
    wrong="kernel_size: 3",
    right="kernel_size: 3, padding: 1",
    poisons=False,
)
