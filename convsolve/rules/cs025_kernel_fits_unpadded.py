"""CS025: the kernel is larger than the input itself."""

from .rule import Rule

__all__ = ["KERNEL_FITS_UNPADDED"]

KERNEL_FITS_UNPADDED = Rule(
    "CS025",
    "kernel fits the input itself",
    "the kernel is larger than the input itself",
    meaning=(
        "On three spatial axes, PyTorch's average and power-average pools want a kernel that fits the input without "
        "padding."
    ),
    mend="Take a smaller kernel, or pad in a layer of its own.",
    example="""\
input: [3, 1, 4, 4]
layers:
  - avg_pool: {kernel_size: 2, padding: 1}
""",
    wrong="[3, 1, 4, 4]",
    right="[3, 2, 4, 4]",
)
