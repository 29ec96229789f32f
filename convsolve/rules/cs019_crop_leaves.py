"""CS019: the crop takes all of the input."""

from .rule import Rule

__all__ = ["CROP_LEAVES"]

CROP_LEAVES = Rule(
    "CS019",
    "crop leaves something",
    "the crop takes all of the input",
    meaning="A crop takes all there is, or is wider than what it is cut from.",
    mend="Crop less, or give a larger input.",
    example="""\
input: [3, 5, 5]
layers:
  - crop: {amount: 3}
""",
    wrong="amount: 3",
    right="amount: 2",
)
