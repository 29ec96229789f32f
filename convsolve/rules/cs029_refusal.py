"""CS029: the program itself refuses the input."""

from .rule import Rule

__all__ = ["REFUSAL"]

REFUSAL = Rule(
    "CS029",
    "the program does not refuse the input",
    "the program itself refuses the input",
    meaning=(
        "A network was recorded from a program that looks at its input's size and refuses it itself, with an "
        "exception of its own. It comes from programs alone: a problem file refuses nothing by itself."
    ),
    mend="Give it a size that it takes: `convsolve sizes` says which. Or change the program.",
    poisons=False,
)
