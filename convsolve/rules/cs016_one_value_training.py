"""CS016: there is only one value per channel to normalise."""

from .rule import Rule

__all__ = ["ONE_VALUE_TRAINING"]

ONE_VALUE_TRAINING = Rule(
    "CS016",
    "more than one value per channel when training",
    "there is only one value per channel to normalise",
    meaning=(
        "Normalisation over a batch needs more than one value for each channel when training: with a batch of 1 and a "
        "map of 1x1 there is only one. PyTorch refuses it; in evaluation it does not matter."
    ),
    mend="Train with a larger batch or larger input, or leave the normalisation out where maps are 1x1.",
    example="""\
training: true
batch_size: 1
input: [8, 2, 2]
layers:
  - max_pool: {kernel_size: 2}
  - batch_norm
""",
    wrong="kernel_size: 2",
    right="kernel_size: 1",
    poisons=False,
)
