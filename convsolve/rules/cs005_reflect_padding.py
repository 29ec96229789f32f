"""CS005: the reflect padding is too large for the input."""

from .rule import Rule

__all__ = ["REFLECT_PADDING"]

REFLECT_PADDING = Rule(
    "CS005",
    "reflect padding is smaller than the input",
    "the reflect padding is too large for the input",
    meaning=(
        "Reflection does not repeat the border itself, so that it can add at most one less than the size of the input."
    ),
    mend="Take less padding, the mode replicate or constant, or a larger input.",
    example="""\
input: [3, 8, 8]
layers:
  - pad: {padding: 8, mode: reflect}
""",
    wrong="padding: 8",
    right="padding: 7",
)
