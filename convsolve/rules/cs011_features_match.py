"""CS011: the input has another number of features than declared."""

from .rule import Rule

__all__ = ["FEATURES_MATCH"]

FEATURES_MATCH = Rule(
    "CS011",
    "input features are as declared",
    "the input has another number of features than declared",
    meaning=(
        "A linear layer was made for another number of features than it gets. Mostly the input has another size than "
        "the one that in_features was computed for, or a flatten is missing."
    ),
    mend=(
        "Give in_features the number that arrives, or pool to a fixed size before, which makes it independent of the "
        "input."
    ),
    example="""\
input: [1, 32, 32]
layers:
  - conv: {out_channels: 4, kernel_size: 5}
  - flatten
  - linear: {in_features: 2304, out_features: 10}
""",
    wrong="[1, 32, 32]",
    right="[1, 28, 28]",
    poisons=False,
)
