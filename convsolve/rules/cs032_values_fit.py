"""CS032: whether the places lie inside the output depends on the values."""

from .rule import Rule

__all__ = ["VALUES_FIT"]

VALUES_FIT = Rule(
    "CS032",
    "any places lie inside the output",
    "whether the places lie inside the output depends on the values",
    meaning=(
        "Maxima are put back to places that lie in a map with more elements than the one that is made. Where the "
        "maxima were found decides whether they fit, so that it is not known. Max pooling of an odd size does that, "
        "as it leaves out the last row."
    ),
    mend="Give max_unpool the output_size of what was pooled.",
    example="""\
input: [2, 9, 9]
layers:
  - max_pool: {name: pooled, kernel_size: 2}
  - max_unpool: {inputs: [pooled, pooled], kernel_size: 2, places: 80}
""",
    wrong="places: 80",
    right="places: 80, output_size: 9",
    decides=False,
)
