"""CS027: what an opaque operator does is known only for the sizes recorded."""

from .rule import Rule

__all__ = ["AS_RECORDED"]

AS_RECORDED = Rule(
    "CS027",
    "sizes are as they were recorded",
    "what an opaque operator does is known only for the sizes recorded",
    meaning=(
        "An operator that convsolve has no rule for was recorded with other sizes than it now gets: whether it works "
        "is not known."
    ),
    mend="Record the network again at this size, or replace the operator by one that is known.",
    example="""\
input: [3, 9, 9]
layers:
  - opaque: {what: deform, seen: [[3, 8, 8]], outputs: [[16, 4, 4]]}
""",
    wrong="[3, 9, 9]",
    right="[3, 8, 8]",
    decides=False,
)
