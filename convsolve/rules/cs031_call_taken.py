"""CS031: the framework itself refuses the call."""

from .rule import Rule

__all__ = ["CALL_TAKEN"]

CALL_TAKEN = Rule(
    "CS031",
    "the framework takes the call",
    "the framework itself refuses the call",
    meaning=(
        "A network was recorded from a program that makes a call for which convsolve has no rule, and the framework "
        "refuses it, with the message that stands here, for the sizes that were seen."
    ),
    mend="Read the message; at another size the call may be taken: `convsolve check` records the program again there.",
    example="""\
input: [3, 8, 8]
layers:
  - opaque: {what: inv, seen: [[3, 8, 8]], outputs: [[3, 8, 8]], refused: not square}
""",
    wrong=", refused: not square",
    right="",
    poisons=False,
)
