"""CS003: a parameter is too small."""

from .rule import Rule

__all__ = ["PARAMETER_IN_RANGE"]

PARAMETER_IN_RANGE = Rule(
    "CS003",
    "parameter is large enough",
    "a parameter is too small",
    meaning="A parameter that is computed from other sizes comes out smaller than it may be, such as a kernel of 0.",
    mend="Look at the expression: at these sizes it gives too little.",
    example="""\
input: [1, 8, 8]
layers:
  - conv: {name: c, out_channels: 4, kernel_size: 5}
  - max_pool: {kernel_size: c.height - 4}
""",
    wrong="c.height - 4",
    right="c.height - 2",
)
