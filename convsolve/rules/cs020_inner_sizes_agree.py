"""CS020: the inner sizes of the matrix product differ."""

from .rule import Rule

__all__ = ["INNER_SIZES_AGREE"]

INNER_SIZES_AGREE = Rule(
    "CS020",
    "inner sizes of the product agree",
    "the inner sizes of the matrix product differ",
    meaning="In a matrix product (n x k) @ (k x m) the inner sizes must be the same.",
    mend="Transpose one side, or make the sizes agree.",
    example="""\
input: [4, 6]
layers:
  - matmul: {inputs: [input, input]}
""",
    wrong="[4, 6]",
    right="[6, 6]",
    poisons=False,
)
