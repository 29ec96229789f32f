"""CS001: the kernel does not fit the padded input."""

from .rule import Rule

__all__ = ["KERNEL_FITS"]

KERNEL_FITS = Rule(
    "CS001",
    "kernel fits the padded input",
    "the kernel does not fit the padded input",
    meaning=(
        "The kernel, with its dilation, is larger than the input with its padding: it does not fit even once. "
        "Frameworks say 'negative dimension size', 'kernel size can't be greater than actual input size', 'output "
        "size is too small'."
    ),
    mend="Take a smaller kernel or dilation, more padding, fewer layers that shrink before it, or a larger input.",
    example="""\
input: [1, 4, 4]
layers:
  - conv: {out_channels: 8, kernel_size: 5}
""",
    wrong="kernel_size: 5",
    right="kernel_size: 3",
)
