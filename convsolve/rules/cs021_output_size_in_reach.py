"""CS021: the wished output size is out of reach."""

from .rule import Rule

__all__ = ["OUTPUT_SIZE_IN_REACH"]

OUTPUT_SIZE_IN_REACH = Rule(
    "CS021",
    "output size is in reach",
    "the wished output size is out of reach",
    meaning=(
        "A transposed convolution was asked for an output size that its kernel, stride and padding cannot give: there "
        "are just as many sizes as the stride says."
    ),
    mend="Ask for a size in that range, or change kernel, stride or padding.",
    example="""\
input: [8, 8, 8]
layers:
  - conv_transpose: {out_channels: 4, kernel_size: 3, stride: 2, output_size: 30}
""",
    wrong="output_size: 30",
    right="output_size: 18",
    poisons=False,
)
