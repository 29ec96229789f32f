"""CS033: a size is larger than any framework can count."""

from .rule import Rule

__all__ = ["SIZE_IN_WORD"]

SIZE_IN_WORD = Rule(
    "CS033",
    "sizes fit into 64 bits",
    "a size is larger than any framework can count",
    meaning="A size is larger than 2^63 - 1, the largest number that frameworks keep a size in.",
    mend="Enlarge less: the factors of all layers multiply.",
    example="""\
input: [1, 1000000]
layers:
  - upsample: {scale_factor: 1000000}
  - upsample: {scale_factor: 100000000}
""",
    wrong="100000000",
    right="1000000",
)
