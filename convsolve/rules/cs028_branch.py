"""CS028: another branch would be taken than the one that was recorded."""

from .rule import Rule

__all__ = ["BRANCH"]

BRANCH = Rule(
    "CS028",
    "the branch that was recorded is taken",
    "another branch would be taken than the one that was recorded",
    meaning=(
        "A network was recorded from a program that looks at sizes; at this size it would take another branch, of "
        "which nothing is known. It comes from programs alone: a problem file has no branches."
    ),
    mend="Record the network at a size for which the program takes the branch in question.",
    poisons=False,
    decides=False,
)
