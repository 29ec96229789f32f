"""CS013: the sizes to be concatenated differ."""

from .rule import Rule

__all__ = ["CONCAT_SIZES_AGREE"]

CONCAT_SIZES_AGREE = Rule(
    "CS013",
    "concatenated sizes agree",
    "the sizes to be concatenated differ",
    meaning=(
        "Tensors that are concatenated must have the same size on every other axis. In a U-Net, an odd size that was "
        "halved and doubled again is one too small."
    ),
    mend="Take an input size that stays even (`convsolve sizes` says which), or pad or crop one of them.",
    example="""\
input: [3, 9, 9]
layers:
  - max_pool: {name: down, kernel_size: 2}
  - upsample: {name: up, scale_factor: 2}
  - concat: {inputs: [input, up]}
""",
    wrong="[3, 9, 9]",
    right="[3, 8, 8]",
)
