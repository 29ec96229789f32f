"""CS030: how floating point rounds a size as large as this is not known."""

from .rule import Rule

__all__ = ["ROUNDING"]

ROUNDING = Rule(
    "CS030",
    "how the scale rounds is known",
    "how floating point rounds a size as large as this is not known",
    meaning=(
        "A size is multiplied by a scale factor that is no simple binary fraction, such as 0.3. Frameworks compute "
        "that in floating point, and for very large sizes it is not known on which side of a whole number they end."
    ),
    mend="Write the scale as a whole number or a fraction like 3/2, or give the size itself.",
    example="""\
input: [1, 3000000]
layers:
  - upsample: {scale_factor: 0.3}
""",
    wrong="0.3",
    right="0.5",
    decides=False,
)
