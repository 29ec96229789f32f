"""CS024: the selected part lies outside the input."""

from .rule import Rule

__all__ = ["IN_RANGE"]

IN_RANGE = Rule(
    "CS024",
    "selected part lies inside the input",
    "the selected part lies outside the input",
    meaning="A slice or a part of a split lies outside of the input.",
    mend="Take a part that is there, or a larger input.",
    example="""\
input: [4, 8]
layers:
  - slice: {axis: 0, start: 5, stop: 6}
""",
    wrong="start: 5, stop: 6",
    right="start: 2, stop: 3",
)
