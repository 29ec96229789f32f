"""A page for each rule: what it means, a problem that breaks it, and how to mend it. Tests run every example."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .rules import RULES

__all__ = ["PAGES", "Page"]


@dataclass(frozen=True)
class Page:
    """What a rule means, for someone whose network breaks it.

    ``example`` is a problem file that fails with the rule and nothing else; with ``wrong`` replaced by ``right`` it
    holds. What only programs do, no problem file can, and has no example.
    """

    meaning: str
    mend: str
    example: str = ""
    wrong: str = ""
    right: str = ""

    @property
    def gist(self) -> str:
        """The first sentence of the meaning."""
        return re.split(r"(?<=\.)\s+(?=[A-Z(])", self.meaning, maxsplit=1)[0]

    @property
    def mended(self) -> str:
        """The example with its mistake mended."""
        return self.example.replace(self.wrong, self.right)


def _layers(input: str, *layers: str, head: str = "", tail: str = "") -> str:
    return "\n".join([*([head] if head else []), f"input: {input}", "layers:", *(f"  - {layer}" for layer in layers),
                      *([tail] if tail else [])]) + "\n"  # fmt: skip


PAGES: dict[str, Page] = {
    "CS001": Page(
        "The kernel, with its dilation, is larger than the input with its padding: it does not fit even once. "
        "Frameworks say 'negative dimension size', 'kernel size can't be greater than actual input size', 'output "
        "size is too small'.",
        "Take a smaller kernel or dilation, more padding, fewer layers that shrink before it, or a larger input.",
        _layers("[1, 4, 4]", "conv: {out_channels: 8, kernel_size: 5}"), "kernel_size: 5", "kernel_size: 3"),
    "CS002": Page(
        "An output would have no elements along some axis: its size comes out as 0 or less. Some frameworks return "
        "an empty tensor without a word.",
        "Take less padding or cropping, a larger scale, or a larger input.",
        _layers("[8, 2, 2]", "conv_transpose: {out_channels: 4, kernel_size: 1, padding: 2}"),
        "padding: 2", "padding: 0"),
    "CS003": Page(
        "A parameter that is computed from other sizes comes out smaller than it may be, such as a kernel of 0.",
        "Look at the expression: at these sizes it gives too little.",
        _layers("[1, 8, 8]", "conv: {name: c, out_channels: 4, kernel_size: 5}",
                "max_pool: {kernel_size: c.height - 4}"),
        "c.height - 4", "c.height - 2"),
    "CS004": Page(
        "The output padding of a transposed convolution must be smaller than its stride (in PyTorch: than its "
        "stride or its dilation).",
        "Lower the output padding, or raise the stride: with stride 2 it may be 0 or 1.",
        _layers("[8, 8, 8]", "conv_transpose: {out_channels: 4, kernel_size: 3, stride: 1, output_padding: 1}"),
        "stride: 1", "stride: 2"),
    "CS005": Page(
        "Reflection does not repeat the border itself, so that it can add at most one less than the size of the input.",
        "Take less padding, the mode replicate or constant, or a larger input.",
        _layers("[3, 8, 8]", "pad: {padding: 8, mode: reflect}"), "padding: 8", "padding: 7"),
    "CS006": Page(
        "Circular padding takes from the other end, and in PyTorch it goes around at most once: it can add at most "
        "the size.",
        "Take less padding, another mode, or a larger input.",
        _layers("[3, 8, 8]", "pad: {padding: 9, mode: circular}"), "padding: 9", "padding: 8"),
    "CS007": Page(
        "PyTorch wants the padding of a pool to be at most half of the kernel, ONNX to be smaller than the kernel: "
        "beyond that a window would hold nothing but padding. A dilation does not change it.",
        "Take less padding or a larger kernel, or pad in a layer of its own.",
        _layers("[3, 8, 8]", "max_pool: {kernel_size: 2, padding: 2}"), "padding: 2", "padding: 1"),
    "CS008": Page(
        "A grouped convolution divides the input channels among its groups, so that they must be divisible.",
        "Take a number of groups that divides the channels.",
        _layers("[6, 8, 8]", "conv: {out_channels: 8, kernel_size: 3, groups: 4}"), "groups: 4", "groups: 2"),
    "CS009": Page(
        "A grouped convolution makes the output channels group by group, so that they must be divisible.",
        "Take a number of output channels that is a multiple of the groups.",
        _layers("[8, 8, 8]", "conv: {out_channels: 6, kernel_size: 3, groups: 4}"),
        "out_channels: 6", "out_channels: 8"),
    "CS010": Page(
        "A convolution was made for another number of input channels than it gets. Often height, width and channels "
        "are in another order than the layer takes them for, or the layer before was changed.",
        "Give in_channels the number that arrives, or put the axes in order.",
        _layers("[1, 28, 28]", "conv: {out_channels: 8, kernel_size: 3, in_channels: 3}"),
        "in_channels: 3", "in_channels: 1"),
    "CS011": Page(
        "A linear layer was made for another number of features than it gets. Mostly the input has another size "
        "than the one that in_features was computed for, or a flatten is missing.",
        "Give in_features the number that arrives, or pool to a fixed size before, which makes it independent of "
        "the input.",
        _layers("[1, 32, 32]", "conv: {out_channels: 4, kernel_size: 5}", "flatten",
                "linear: {in_features: 2304, out_features: 10}"),
        "[1, 32, 32]", "[1, 28, 28]"),
    "CS012": Page(
        "Two tensors that are added (or multiplied ...) must have the same size on every axis, or size 1 on one of "
        "them.",
        "Shrink both paths alike, or change the size of one: a convolution with the same stride, a crop, an upsample.",
        _layers("[4, 8, 8]", "conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1, stride: 2}",
                "add: {inputs: [input, a]}"),
        "stride: 2", "stride: 1"),
    "CS013": Page(
        "Tensors that are concatenated must have the same size on every other axis. In a U-Net, an odd size that "
        "was halved and doubled again is one too small.",
        "Take an input size that stays even (`convsolve sizes` says which), or pad or crop one of them.",
        _layers("[3, 9, 9]", "max_pool: {name: down, kernel_size: 2}", "upsample: {name: up, scale_factor: 2}",
                "concat: {inputs: [input, up]}"),
        "[3, 9, 9]", "[3, 8, 8]"),
    "CS014": Page(
        "A reshape must keep the number of elements. Mostly the input has another size than the new shape was "
        "written for.",
        "Flatten instead, leave one size open (-1), or make the sizes independent of the input.",
        _layers("[16, 4, 4]", "reshape: {shape: [400]}"), "[400]", "[256]"),
    "CS015": Page(
        "A size must be divisible, by the factor of a pixel shuffle or by the number of equal parts, and is not.",
        "Take a number of channels, or an input size, that is a multiple of it.",
        _layers("[6, 8, 8]", "pixel_shuffle: {block_size: 2}"), "[6, 8, 8]", "[8, 8, 8]"),
    "CS016": Page(
        "Normalisation over a batch needs more than one value for each channel when training: with a batch of 1 and "
        "a map of 1x1 there is only one. PyTorch refuses it; in evaluation it does not matter.",
        "Train with a larger batch or larger input, or leave the normalisation out where maps are 1x1.",
        _layers("[8, 2, 2]", "max_pool: {kernel_size: 2}", "batch_norm",
                head="training: true\nbatch_size: 1"), "kernel_size: 2", "kernel_size: 1"),
    "CS017": Page(
        "PyTorch does not take padding='same' with a stride above 1. (Keras does: the size is divided and rounded up.)",
        "Write the padding in numbers: k // 2 for an odd kernel k.",
        _layers("[3, 8, 8]", "conv: {out_channels: 8, kernel_size: 3, stride: 2, padding: same}"),
        "padding: same", "padding: 1"),
    "CS018": Page(
        "Keras does not take a stride and a dilation that are both above 1.",
        "Use one of them, or subsample in a layer of its own.",
        _layers("[8, 8, 3]", "conv: {out_channels: 8, kernel_size: 3, stride: 2, dilation: 2}",
                head="framework: keras\ndata_format: channels_last"), "dilation: 2", "dilation: 1"),
    "CS019": Page(
        "A crop takes all there is, or is wider than what it is cut from.",
        "Crop less, or give a larger input.",
        _layers("[3, 5, 5]", "crop: {amount: 3}"), "amount: 3", "amount: 2"),
    "CS020": Page(
        "In a matrix product (n x k) @ (k x m) the inner sizes must be the same.",
        "Transpose one side, or make the sizes agree.",
        _layers("[4, 6]", "matmul: {inputs: [input, input]}"), "[4, 6]", "[6, 6]"),
    "CS021": Page(
        "A transposed convolution was asked for an output size that its kernel, stride and padding cannot give: "
        "there are just as many sizes as the stride says.",
        "Ask for a size in that range, or change kernel, stride or padding.",
        _layers("[8, 8, 8]", "conv_transpose: {out_channels: 4, kernel_size: 3, stride: 2, output_size: 30}"),
        "output_size: 30", "output_size: 18"),
    "CS022": Page(
        "An operator got a tensor with another number of axes than it works on, such as a convolution after a "
        "flatten, or an input without its batch axis.",
        "Flatten later, or add the axis that is missing. Shapes in convsolve leave out the batch.",
        _layers("[64]", "conv: {out_channels: 8, kernel_size: 3}"), "[64]", "[1, 8, 8]"),
    "CS023": Page(
        "onnxruntime does not take auto_pad SAME with a dilation above 1.",
        "Write the padding in numbers.",
        _layers("[3, 8, 8]", "conv: {out_channels: 8, kernel_size: 3, dilation: 2, padding: same}",
                head="framework: onnx"), "padding: same", "padding: 2"),
    "CS024": Page(
        "A slice or a part of a split lies outside of the input.",
        "Take a part that is there, or a larger input.",
        _layers("[4, 8]", "slice: {axis: 0, start: 5, stop: 6}"), "start: 5, stop: 6", "start: 2, stop: 3"),
    "CS025": Page(
        "On three spatial axes, PyTorch's average and power-average pools want a kernel that fits the input without "
        "padding.",
        "Take a smaller kernel, or pad in a layer of its own.",
        _layers("[3, 1, 4, 4]", "avg_pool: {kernel_size: 2, padding: 1}"), "[3, 1, 4, 4]", "[3, 2, 4, 4]"),
    "CS026": Page(
        "A requirement that the problem itself states, under `require`, does not hold. The target of a loss is one, "
        "too: the output must have the shape that it asks for.",
        "Change the network or the requirement; `convsolve synth` finds values for what you leave open.",
        _layers("[1, 8, 8]", "conv: {out_channels: 4, kernel_size: 3}", tail="require: [output.height == 8]"),
        "kernel_size: 3", "kernel_size: 3, padding: 1"),
    "CS027": Page(
        "An operator that convsolve has no rule for was recorded with other sizes than it now gets: whether it "
        "works is not known.",
        "Record the network again at this size, or replace the operator by one that is known.",
        _layers("[3, 9, 9]", "opaque: {what: deform, seen: [[3, 8, 8]], outputs: [[16, 4, 4]]}"), "[3, 9, 9]", "[3, "
                                                                                                               "8, 8]"),
    "CS028": Page(
        "A network was recorded from a program that looks at sizes; at this size it would take another branch, of "
        "which nothing is known. It comes from programs alone: a problem file has no branches.",
        "Record the network at a size for which the program takes the branch in question."),
    "CS029": Page(
        "A network was recorded from a program that looks at its input's size and refuses it itself, with an exception "
        "of its own. It comes from programs alone: a problem file refuses nothing by itself.",
        "Give it a size that it takes: `convsolve sizes` says which. Or change the program."),
    "CS030": Page(
        "A size is multiplied by a scale factor that is no simple binary fraction, such as 0.3. Frameworks compute "
        "that in floating point, and for very large sizes it is not known on which side of a whole number they end.",
        "Write the scale as a whole number or a fraction like 3/2, or give the size itself.",
        _layers("[1, 3000000]", "upsample: {scale_factor: 0.3}"), "0.3", "0.5"),
    "CS031": Page(
        "A network was recorded from a program that makes a call for which convsolve has no rule, and the framework "
        "refuses it, with the message that stands here, for the sizes that were seen.",
        "Read the message; at another size the call may be taken: `convsolve check` records the program again there.",
        _layers("[3, 8, 8]", "opaque: {what: inv, seen: [[3, 8, 8]], outputs: [[3, 8, 8]], refused: not square}"),
        ", refused: not square", ""),
    "CS032": Page(
        "Maxima are put back to places that lie in a map with more elements than the one that is made. Where the "
        "maxima were found decides whether they fit, so that it is not known. Max pooling of an odd size does that, as "
        "it leaves out the last row.",
        "Give max_unpool the output_size of what was pooled.",
        _layers("[2, 9, 9]", "max_pool: {name: pooled, kernel_size: 2}",
                "max_unpool: {inputs: [pooled, pooled], kernel_size: 2, places: 80}"),
        "places: 80", "places: 80, output_size: 9"),
    "CS033": Page(
        "A size is larger than 2^63 - 1, the largest number that frameworks keep a size in.",
        "Enlarge less: the factors of all layers multiply.",
        _layers("[1, 1000000]", "upsample: {scale_factor: 1000000}", "upsample: {scale_factor: 100000000}"),
        "100000000", "1000000"),
}  # fmt: skip
"""The pages by code."""

assert list(PAGES) == list(RULES)
