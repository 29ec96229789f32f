"""CS014: the new shape has another number of elements."""

from .rule import Rule

__all__ = ["ELEMENTS_MATCH"]

ELEMENTS_MATCH = Rule(
    "CS014",
    "the new shape keeps the number of elements",
    "the new shape has another number of elements",
    meaning=(
        "A reshape must keep the number of elements. Mostly the input has another size than the new shape was written "
        "for."
    ),
    mend="Flatten instead, leave one size open (-1), or make the sizes independent of the input.",
    example="""\
input: [16, 4, 4]
layers:
  - reshape: {shape: [400]}
""",
    wrong="[400]",
    right="[256]",
    poisons=False,
)
