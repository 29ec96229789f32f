"""CS017: PyTorch does not take padding='same' with a stride above 1."""

from .rule import Rule

__all__ = ["SAME_NEEDS_STRIDE_1"]

SAME_NEEDS_STRIDE_1 = Rule(
    "CS017",
    "padding 'same' has stride 1",
    "PyTorch does not take padding='same' with a stride above 1",
    meaning=(
        "PyTorch does not take padding='same' with a stride above 1. (Keras does: the size is divided and rounded up.)"
    ),
    mend="Write the padding in numbers: k // 2 for an odd kernel k.",
    example="""\
input: [3, 8, 8]
layers:
  - conv: {out_channels: 8, kernel_size: 3, stride: 2, padding: same}
""",
    wrong="padding: same",
    right="padding: 1",
    poisons=False,
)
