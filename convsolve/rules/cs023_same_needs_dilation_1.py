"""CS023: onnxruntime does not take a 'same' padding with dilation."""

from .rule import Rule

__all__ = ["SAME_NEEDS_DILATION_1"]

SAME_NEEDS_DILATION_1 = Rule(
    "CS023",
    "padding 'same' has dilation 1",
    "onnxruntime does not take a 'same' padding with dilation",
    meaning="onnxruntime does not take auto_pad SAME with a dilation above 1.",
    mend="Write the padding in numbers.",
    example="""\
framework: onnx
input: [3, 8, 8]
layers:
  - conv: {out_channels: 8, kernel_size: 3, dilation: 2, padding: same}
""",
    wrong="padding: same",
    right="padding: 2",
    poisons=False,
)
