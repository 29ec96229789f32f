"""CS007: the padding is too large for the pooling kernel."""

from .rule import Rule

__all__ = ["POOL_PADDING"]

POOL_PADDING = Rule(
    "CS007",
    "pooling padding is small enough for the kernel",
    "the padding is too large for the pooling kernel",
    meaning=(
        "PyTorch wants the padding of a pool to be at most half of the kernel, ONNX to be smaller than the kernel: "
        "beyond that a window would hold nothing but padding. A dilation does not change it."
    ),
    mend="Take less padding or a larger kernel, or pad in a layer of its own.",
    example="""\
input: [3, 8, 8]
layers:
  - max_pool: {kernel_size: 2, padding: 2}
""",
    wrong="padding: 2",
    right="padding: 1",
    poisons=False,
)
