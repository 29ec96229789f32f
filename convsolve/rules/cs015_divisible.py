"""CS015: a size is not divisible."""

from .rule import Rule

__all__ = ["DIVISIBLE"]

DIVISIBLE = Rule(
    "CS015",
    "size is divisible",
    "a size is not divisible",
    meaning="A size must be divisible, by the factor of a pixel shuffle or by the number of equal parts, and is not.",
    mend="Take a number of channels, or an input size, that is a multiple of it.",
    example="""\
input: [6, 8, 8]
layers:
  - pixel_shuffle: {block_size: 2}
""",
    wrong="[6, 8, 8]",
    right="[8, 8, 8]",
)
