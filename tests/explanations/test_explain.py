"""Explain: from a text, a live exception or both with the network, to the cause; and it never raises."""

from __future__ import annotations

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from keras import layers as kl
from onnx import TensorProto, helper
from torch import nn
from torch.nn import functional as F  # noqa: N812

import convsolve as cs
from tests.messages.examples import EXAMPLES


def raised(call):
    with pytest.raises(Exception) as caught:
        call()
    return caught.value


def finding(text, **options):
    return cs.explain(text, **options).findings[0]


# -- texts


@pytest.mark.parametrize("text", [text for _, text, _ in EXAMPLES])
def test_every_message_is_explained(text):
    found = cs.explain(text)
    assert found.understood and found.text == str(found) and found.findings[0].headline
    assert all(way.output is not None for way in found.findings[0].ways)


def test_the_message_of_the_first_title():
    found = finding(EXAMPLES[1][1])
    assert (found.code, found.layer, found.arithmetic, found.needs) == ("CS001", "conv2d_7", "1 - 5 + 1 = -3", (5, 5))
    assert [(way.change.partition(" ")[0], way.output) for way in found.ways] == [
        ("kernel_size=1", (1, 1)), ("padding='same'", (1, 1))]  # fmt: skip
    assert any("which layer shrank it" in ask for ask in found.asks)


def test_the_message_of_the_second_title():
    found = finding(EXAMPLES[4][1])
    assert (found.layer, found.arithmetic, found.needs) == ("maxpool1", "(1 - 2)//2 + 1 = 0", (2, 2))


def test_a_stride_that_was_meant_as_a_kernel():
    text = EXAMPLES[1][1].replace("strides=[1, 1, 1, 1]", "strides=[1, 5, 5, 1]")
    assert any("stride 5 since Keras 2" in cause for cause in finding(text).causes)
    assert not any("Keras 2" in cause for cause in finding(EXAMPLES[1][1]).causes)


@pytest.mark.parametrize(("text", "said"), [
    ("Negative dimension size caused by subtracting 3 from 1 for 'conv2d_2/convolution' (op: 'Conv2D') with input shapes: [?,1,28,28], [3,3,28,32].", "its 1 channel in front"),
    ("Calculated padded input size per channel: (160 x 3). Kernel size: (8 x 8). Kernel size can't be greater than actual input size", "permute"),
    ("Given groups=1, weight of size [8, 3, 3, 3], expected input[1, 28, 28, 3] to have 3 channels, but got 28 channels instead", "permute"),
    ("mat1 and mat2 shapes cannot be multiplied (10x49 and 490x10)", "no batch axis"),
    ("mat1 and mat2 shapes cannot be multiplied (1x1280 and 640x1)", "a batch of 2 was flattened"),
    ("A `Concatenate` layer requires inputs with matching shapes except for the concat axis. Got inputs shapes: [(None, 20, 20, 8), (None, 19, 19, 8)]", "an odd size"),
])  # fmt: skip
def test_suspicions(text, said):
    assert any(said in cause for cause in finding(text).causes)


@pytest.mark.parametrize("text", [
    "Calculated padded input size per channel: (2 x 2). Kernel size: (4 x 4). Kernel size can't be greater than actual input size",
    "Negative dimension size caused by subtracting 5 from 1 for 'c/Conv2D' (op: 'Conv2D') with input shapes: [?,1,1,64], [5,5,64,128].",
])  # fmt: skip
def test_the_order_of_axes_is_not_suspected_without_a_sign(text):
    assert not any("channels" in cause for cause in finding(text).causes)


def test_what_channels_differ_by_says_nothing_of_halving():
    for text in (
        "Inputs have incompatible shapes. Received shapes (5, 5, 32) and (5, 5, 64)",
        "Incompatible shapes: [1,7] vs. [1,6]",
        "A `Concatenate` layer requires inputs with matching shapes except for the concat axis. Got inputs shapes: [(None, 14, 14, 512), (None, 10, 10, 256)]",
    ):
        assert finding(text).causes == ()


def test_joins_are_mended_on_either_side():
    found = finding("Inputs have incompatible shapes. Received shapes (56, 56, 32) and (112, 112, 32)")
    assert [way.output for way in found.ways] == [(56, 56, 32), (112, 112, 32)]


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (
            "Sizes of tensors must match except in dimension 1. Expected size 24 but got size 25 for tensor number 1 in the list.",
            ["pad 24 to 25 on the axis where they differ", "crop 25 to 24 on the axis where they differ"],
        ),
        (
            "The size of tensor a (7) must match the size of tensor b (9) at non-singleton dimension 3",
            ["pad 7 to 9 on that axis", "crop 9 to 7 on that axis"],
        ),
        (
            "The size of tensor a (64) must match the size of tensor b (128) at non-singleton dimension 3",
            [],
        ),  # half is no seam
        (
            "The size of tensor a (7) must match the size of tensor b (9) at non-singleton dimension 1",
            [  # channels, or features
                "for maps, on the side with 7: nn.Conv2d(7, 9, kernel_size=1)",
                "for rows of features, on the side with 7: nn.Linear(7, 9)",
                "for maps, on the side with 9: nn.Conv2d(9, 7, kernel_size=1)",
                "for rows of features, on the side with 9: nn.Linear(9, 7)",
            ],
        ),
    ],
)
def test_a_join_of_which_one_axis_is_known(text, changes):
    (found,) = cs.explain(f"RuntimeError: {text}").findings
    assert [way.change.removesuffix(", before they are joined") for way in found.ways] == changes
    assert any("kernel_size 1" in cause for cause in found.causes) == text.endswith("dimension 1")


def test_a_pool_whose_kernel_is_not_said():
    found = finding("Given input size: (64x3x1). Calculated output size: (64x0x0). Output size is too small")
    assert [str(way) for way in found.ways] == [  # what holds whatever the kernel is
        "leave this pool out: the output is then 64x3x1",
        "kernel_size=(3, 1), padding=0: the output is then 1x1",
    ]
    assert found.needs == () and any("kernel_size, stride and padding" in ask for ask in found.asks)


def test_explaining_a_text_is_light():
    import subprocess
    import sys

    code = f"import sys, convsolve as cs; cs.explain({EXAMPLES[0][1]!r}); print({{'z3', 'torch', 'keras', 'onnx'}} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_what_is_not_understood_says_what_to_send():
    found = cs.explain("KeyError: 'learning_rate'")
    assert not found.understood and found.findings == () and "the whole error message" in str(found)


# -- live errors


X = torch.zeros
TORCH = {
    "CS001": lambda: nn.Conv2d(3, 8, 5)(X(1, 3, 2, 7)),
    "CS004": lambda: nn.ConvTranspose2d(3, 8, 3, output_padding=1)(X(1, 3, 4, 4)),
    "CS005": lambda: F.pad(X(1, 3, 8, 8), (9, 9, 0, 0), mode="reflect"),
    "CS006": lambda: F.pad(X(1, 3, 8, 8), (9, 9, 0, 0), mode="circular"),
    "CS007": lambda: F.max_pool2d(X(1, 3, 8, 8), 2, padding=2),
    "CS010": lambda: nn.Conv2d(3, 8, 3)(X(1, 4, 8, 8)),
    "CS011": lambda: nn.Linear(400, 10)(X(1, 256)),
    "CS012": lambda: X(1, 4, 5, 5) + X(1, 4, 6, 6),
    "CS013": lambda: torch.cat([X(1, 4, 5, 5), X(1, 4, 6, 6)], 1),
    "CS014": lambda: X(1, 256).view(-1, 400),
    "CS015": lambda: F.pixel_shuffle(X(1, 3, 4, 4), 2),
    "CS016": lambda: nn.BatchNorm2d(3)(X(1, 3, 1, 1)),
    "CS017": lambda: nn.Conv2d(3, 3, 3, stride=2, padding="same"),
    "CS021": lambda: nn.ConvTranspose2d(3, 8, 3, stride=2)(X(1, 3, 8, 8), output_size=(30, 30)),
    "CS022": lambda: nn.Conv2d(3, 8, 3)(X(9, 9)),
    "CS025": lambda: F.avg_pool3d(X(1, 4, 1, 4, 4), 2),
    "CS002": lambda: nn.ConvTranspose2d(3, 8, 1, padding=2)(X(1, 3, 2, 2)),
}


@pytest.mark.parametrize("code", TORCH)
def test_live_errors_of_pytorch(code):
    assert cs.explain(raised(TORCH[code])).codes[0] == code


LABELS = X(2, 7, 8, dtype=torch.long)
MORE_TORCH = {
    "torch.stack": lambda: torch.stack([X(3, 4), X(3, 5)]),
    "torch.batched_product": lambda: X(2, 3, 4) @ X(2, 5, 6),
    "torch.matrix_and_vector": lambda: X(2, 3) @ X(4),
    "torch.recurrent_features": lambda: nn.LSTM(8, 16)(X(5, 2, 6)),
    "torch.attention_features": lambda: nn.MultiheadAttention(8, 2)(X(5, 2, 6), X(5, 2, 6), X(5, 2, 6)),
    "torch.concat_rank": lambda: torch.cat([X(1, 4, 5, 5), X(1, 4)], 1),
    "torch.split": lambda: torch.split(X(5, 3), [2, 2]),
    "torch.group_norm": lambda: F.group_norm(X(1, 6, 4, 4), 4),
    "torch.group_norm_made": lambda: nn.GroupNorm(4, 6),
    "torch.group_norm_channels": lambda: nn.GroupNorm(2, 8)(X(1, 6, 4, 4)),
    "torch.layer_norm": lambda: nn.LayerNorm([3, 8, 8])(X(2, 3, 9, 9)),
    "torch.batch_norm": lambda: nn.BatchNorm2d(8)(X(2, 6, 4, 4)),
    "torch.instance_norm": lambda: nn.InstanceNorm2d(8, affine=True)(X(2, 6, 4, 4)),
    "torch.norm_rank": lambda: nn.BatchNorm1d(8)(X(2, 8, 4, 4)),
    "torch.pool_rank": lambda: nn.MaxPool2d(2)(X(9, 9)),
    "torch.pool_padding": lambda: F.max_pool1d(X(1, 3, 8), 2, padding=2),
    "torch.groups": lambda: nn.Conv2d(3, 4, 3, groups=2),
    "torch.groups_of_output": lambda: nn.Conv2d(4, 3, 3, groups=2),
    "torch.groups_of_weight": lambda: F.conv2d(X(1, 8, 8, 8), X(6, 2, 3, 3), groups=4),
    "torch.channel_shuffle": lambda: nn.ChannelShuffle(4)(X(1, 6, 4, 4)),
    "torch.pixel_unshuffle": lambda: F.pixel_unshuffle(X(1, 3, 5, 4), 2),
    "torch.resized_to_nothing": lambda: F.interpolate(X(1, 3, 4, 4, 4), scale_factor=0.1),
    "torch.output_padding": lambda: nn.ConvTranspose3d(3, 8, 3, stride=2, output_padding=2)(X(1, 3, 4, 4, 4)),
    "torch.target_batch": lambda: F.cross_entropy(X(8, 10), LABELS[0, 0, :4]),
    "torch.target_spatial": lambda: F.cross_entropy(X(2, 10, 8, 8), LABELS),
    "torch.target_places": lambda: F.cross_entropy(X(2, 5, 10), LABELS[:, 0, :5]),
    "torch.target_axes": lambda: F.cross_entropy(X(2, 10, 7, 8), LABELS[:, None]),
    "torch.target_not_classes": lambda: F.cross_entropy(X(2, 10), LABELS[:, 0, :1]),
    "torch.target_class": lambda: F.cross_entropy(X(2, 10), LABELS[:, 0, 0] + 12),
    "torch.target_size": lambda: F.binary_cross_entropy(X(4, 1), X(4)),
    "torch.target_size_logits": lambda: F.binary_cross_entropy_with_logits(X(4, 1), X(4)),
}  # fmt: skip


@pytest.mark.parametrize("template", MORE_TORCH)
def test_more_live_errors_of_pytorch(template):
    found = cs.explain(raised(MORE_TORCH[template])).findings[0]
    assert found.complaint.template == template and found.code and (found.ways or found.asks or found.mend)


def test_samples_that_a_data_loader_cannot_stack():
    loader = torch.utils.data.DataLoader([X(3, 24, 24), X(3, 24, 30)], batch_size=2)
    assert (
        finding(raised(lambda: next(iter(loader)))).ways[0].change
        == "resize every picture: transforms.Resize((24, 24))"
    )


def test_live_layers_give_the_numbers_that_their_messages_leave_out():
    found = finding(raised(lambda: nn.Sequential(nn.ConvTranspose1d(3, 8, 3, stride=2, padding=4))(X(1, 3, 2))))
    assert found.arithmetic == "2 arrives, -3 would come out: (2 - 1)*2 - 8 + 3 = -3"
    assert [str(way) for way in found.ways] == [
        "padding=2 (now 4): the output is then 1",
        "kernel_size=7 (now 3): the output is then 1",
        "an input of 4 there: the output is then 1",
    ]
    assert nn.ConvTranspose1d(3, 8, 3, stride=2, padding=2)(X(1, 3, 2)).shape[-1] == 1
    found = finding(raised(lambda: nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1))(X(1, 5, 32, 32))))
    assert str(found.ways[0]) == "in_channels=5 in this layer (now 3): the output is then 8x16x16"


def test_the_layer_of_pytorch_that_raised_is_named_and_asked():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, dilation=4, padding=1)))
    found = finding(raised(lambda: net(X(2, 3, 6, 6))))
    assert (found.layer, found.arithmetic, found.needs) == ("1.1", "2 + 2 - 9 + 1 = -4", (7, 7))
    assert [way.change for way in found.ways][:2] == ["kernel_size=1 (now 3)", "dilation=1 (now 4)"]
    assert found.ways[2].change == "padding=4 (now 1)"
    pool = finding(raised(lambda: nn.Sequential(nn.MaxPool1d(3, stride=1, padding=1), nn.AvgPool1d(9))(X(1, 4, 5))))
    assert (pool.layer, pool.code, pool.arithmetic) == ("1", "CS001", "(5 - 9)//9 + 1 = 0")


KERAS = {
    "CS001": lambda: kl.Conv2D(16, 5)(keras.Input((4, 4, 3))),
    "CS004": lambda: kl.Conv2DTranspose(3, 3, strides=2, output_padding=2)(keras.Input((5, 5, 3))),
    "CS008": lambda: kl.Conv2D(4, 3, groups=2)(keras.Input((5, 5, 3))),
    "CS012": lambda: kl.Add()([keras.Input((5, 5, 3)), keras.Input((6, 6, 3))]),
    "CS013": lambda: kl.Concatenate()([keras.Input((5, 5, 3)), keras.Input((6, 6, 3))]),
    "CS014": lambda: kl.Reshape((7, 7))(keras.Input((48,))),
    "CS019": lambda: kl.Cropping2D(3)(keras.Input((5, 5, 3))),
    "CS022": lambda: kl.Conv2D(10, 3)(keras.Input((8, 8))),
}


@pytest.mark.parametrize("code", KERAS)
def test_live_errors_of_keras(code):
    assert cs.explain(raised(KERAS[code])).codes[0] == code


def called_again(layer, first, second):
    layer(keras.Input(first))
    layer(keras.Input(second))


MORE_KERAS = {
    "keras.dot": lambda: kl.Dot(axes=(1, 2))([keras.Input((5, 3)), keras.Input((4, 6))]),
    "keras.matmul": lambda: keras.ops.matmul(keras.Input((4, 5)), keras.Input((6, 7))),
    "keras.stack": lambda: keras.ops.stack([keras.Input((4, 5)), keras.Input((6, 7))]),
    "keras.broadcast": lambda: keras.Input((4, 8)) + keras.Input((6, 8)),
    "keras.group_norm": lambda: kl.GroupNormalization(groups=4)(keras.Input((5, 5, 6))),
    "keras.filters": lambda: kl.Conv2D(5, 3, groups=2)(keras.Input((5, 5, 4))),
    "keras.stride_and_dilation": lambda: kl.Conv2D(3, 3, strides=2, dilation_rate=2),
    "keras.kernel_rank": lambda: kl.Conv2D(3, 3)(keras.Input((8, 8, 3, 3))),
    "keras.crop": lambda: kl.Cropping1D((3, 3))(keras.Input((5, 3))),
    "keras.input_axis": lambda: called_again(kl.Dense(3), (5, 5, 400), (5, 5, 256)),
    "keras.input_shape": lambda: keras.Model(i := keras.Input((28, 28, 1)), kl.Flatten()(i))(X(1, 20, 28, 1)),
    "keras.loss_shapes": lambda: keras.losses.categorical_crossentropy(X(4, 6), X(4, 5)),
    "keras.loss_classes": lambda: keras.losses.sparse_categorical_crossentropy(X(4, 2), X(4, 5)),
    "torch.add": lambda: keras.losses.mean_squared_error(X(4, 6), X(4, 5)),
}  # fmt: skip


@pytest.mark.parametrize("template", MORE_KERAS)
def test_more_live_errors_of_keras(template):
    found = cs.explain(raised(MORE_KERAS[template])).findings[0]
    assert found.complaint.template == template and (found.ways or found.asks)


def test_the_network_of_a_keras_error_is_found_in_its_traceback():
    error = raised(lambda: keras.Sequential([
        keras.Input((28, 28, 1)), kl.Conv2D(16, 5, strides=2), kl.MaxPooling2D(2), kl.MaxPooling2D(2), kl.Conv2D(16, 5, name="deep")]))  # fmt: skip
    found = cs.explain(error)
    assert found.reported == "deep" and found.report.failures[0].smallest_input == (43, 43, 1)
    assert "the smallest network input that works for which at least this holds: 43x43x1" in str(found)  # up to deep


def run_onnx(operator, shapes, weights, **attributes):
    inputs = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, [None] * len(s)) for i, s in enumerate(shapes)]
    constants = [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()]
    node = helper.make_node(
        operator, [*(f"x{i}" for i in range(len(shapes))), *weights], ["y"], name="/enc/node", **attributes
    )
    graph = helper.make_graph(
        [node], "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {f"x{i}": np.zeros(shape, np.float32) for i, shape in enumerate(shapes)})


ZEROS = np.zeros
ONNX = {
    "CS001": lambda: run_onnx("Conv", [(1, 3, 3, 3)], {"w": ZEROS((8, 3, 5, 5), np.float32)}),
    "CS010": lambda: run_onnx("Conv", [(1, 4, 9, 9)], {"w": ZEROS((8, 3, 5, 5), np.float32)}),
    "CS013": lambda: run_onnx("Concat", [(1, 3, 5, 5), (1, 3, 6, 6)], {}, axis=1),
    "CS012": lambda: run_onnx("Add", [(1, 3, 5, 5), (1, 3, 6, 6)], {}),
    "CS011": lambda: run_onnx("Gemm", [(1, 256)], {"w": ZEROS((400, 10), np.float32)}),
    "CS014": lambda: run_onnx("Reshape", [(1, 256)], {"s": np.array([-1, 400])}),
    "CS005": lambda: run_onnx("Pad", [(1, 3, 8, 8)], {"p": np.array([0, 0, 9, 9, 0, 0, 9, 9])}, mode="reflect"),
}


@pytest.mark.parametrize("code", ONNX)
def test_live_errors_of_onnxruntime(code):
    found = cs.explain(raised(ONNX[code]))
    assert found.codes[0] == code and found.findings[0].complaint.framework == "onnx"


# -- with the network


VOLUME = """
input: [1, 5, 5, 5]
layers:
  - conv: {name: conv1, out_channels: 16, kernel_size: 3}
  - max_pool: {name: pool1, kernel_size: 2}
  - conv: {name: conv2, out_channels: 32, kernel_size: 3}
"""


def test_with_the_network():
    text = "Calculated padded input size per channel: (1 x 1 x 1). Kernel size: (3 x 3 x 3)."
    found = cs.explain(text, network=cs.parse(VOLUME))
    assert found.reported == "conv2" and found.report.failures[0].smallest_input == (1, 8, 8, 8)
    assert found.findings[0].asks == () and "give the network" not in str(found)
    fine = cs.explain(text, network=cs.parse(VOLUME), input_shape=(1, 8, 8, 8))
    assert fine.report.ok and "all work out" in str(fine)


def test_the_target_of_a_loss_with_the_network():
    network = cs.parse("{input: [1, 28, 28], layers: [{conv: {name: c, out_channels: 1, kernel_size: 3}}]}")
    text = "Using a target size (torch.Size([4, 1, 28, 28])) that is different to the input size (torch.Size([4, 1, {n}, {n}]))"
    found = cs.explain(text.replace("{n}", "26"), network=network)
    assert (
        found.report.ok and found.causes and "c: padding 0 -> 1" in found.repairs and "all work out" not in str(found)
    )
    other = cs.explain(text.replace("{n}", "24"), network=network)  # another output than this network has
    assert other.repairs == () and "all work out" in str(other)


def test_a_keras_model_as_the_network():
    model = keras.Sequential([keras.Input((28, 28, 1)), kl.Conv2D(8, 5)])
    found = cs.explain("Kernel size can't be greater", network=model, input_shape=(4, 4, 1))
    assert found.understood and found.codes == ("CS001",)


def test_the_network_adds_causes_and_repairs():
    found = cs.explain("", network=cs.parse(VOLUME))
    assert (found.reported, found.causing) == ("conv2", ("input",)) and found.causes[0].startswith("input_too_small")
    assert found.repairs[:2] == ("input: shape [1, 5, 5, 5] -> [1, 8, 8, 8]", "conv2: padding 0 -> 1")
    assert "the layer that causes it: input" in str(found)


# -- odd material


class Unsayable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def endless():
    error = ValueError(EXAMPLES[0][1])
    error.__context__ = ValueError("other")
    error.__context__.__context__ = error
    return error


@pytest.mark.parametrize("odd", [
    None, 7, b"\xff\xfe Output size", object(), [], Unsayable(), endless(), ExceptionGroup("g", [ValueError(EXAMPLES[0][1])]),
    "Negative dimension size caused by subtracting 99999999999999999999999999 from 1 for 'a/Conv2D'",
    "Calculated padded input size per channel: (0 x 0). Kernel size: (0 x 5). x", "Given input size: (). Calculated output size: (). Output size is too small",
    "mat1 and mat2 shapes cannot be multiplied (0x0 and 99999999999999999x1)", "shape '[0, -5]' is invalid for input of size 0",
    "Computed output size would be negative. Received inputs shape=(), kernel shape=(0,0,0,0), dilation_rate=[0 0].",
    "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding (99999999999999999999, 3) at dimension 2 of input [0, 9, 2, 7]",
    "Inputs have incompatible shapes. Received shapes (0, -3) and (5,)", "Given groups=0, weight of size [0], expected input[] to have 0 channels, but got 1 channels instead",
    "requested an output size of (), but valid sizes range from [] to [] (for an input of torch.Size([]))",
])  # fmt: skip
def test_it_never_raises(odd):
    for network in (None, object(), "net.yaml", cs.parse(VOLUME), nn.Conv2d(1, 1, 3)):
        found = cs.explain(odd, network=network, input_shape=None if network is None else ("a", 3))
        assert isinstance(str(found), str) and found._repr_markdown_().startswith("```")


def test_an_open_network_is_said_to_be_open():
    found = cs.explain(
        "x", network=cs.parse("{input: [1, 8, 8], layers: [{conv: {out_channels: 8, kernel_size: 3 | 5}}]}")
    )
    assert not found.understood and "open parameters" in str(found)


def test_cause_and_context_are_read():
    def wrapped():
        try:
            nn.Conv2d(3, 8, 5)(X(1, 3, 2, 7))
        except RuntimeError as error:
            raise ValueError("training failed") from error

    assert cs.explain(raised(wrapped)).codes == ("CS001",)


class Picky(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, stride=2)

    def forward(self, x):
        x = self.conv(x)
        if x.shape[-1] != 15:  # an assert of its own is rewritten by pytest
            raise AssertionError("pictures of another size, please")
        return x


def test_an_assertion_in_nobodys_words_has_its_network_checked():
    found = cs.explain(raised(lambda: Picky()(torch.zeros(1, 3, 28, 28))))
    assert found.findings == () and found.understood and found.codes == ("CS029",)
    assert "input: shape [3, 28, 28] -> [3, 28, 31]" in found.repairs


def test_an_error_about_something_else_is_left_alone():
    class Broken(Picky):
        def forward(self, x):
            raise TypeError("a mistake of my own")

    found = cs.explain(raised(lambda: Broken()(torch.zeros(1, 3, 31, 31))))
    assert not found.understood and found.report is None


def test_equinox_multiplies_the_weight_from_the_left():
    text = ('File "/v/site-packages/equinox/nn/_linear.py", line 99, in __call__\n    x = self.weight @ x\n'
            "TypeError: dot_general requires contracting dimensions to have the same shape, got (1728,) and (2304,).")  # fmt: skip
    assert cs.explain(text).findings[0].arithmetic == "2304 features arrive, the weight is for 1728"
    alone = cs.explain(text.partition("TypeError: ")[2]).findings[0]
    assert alone.arithmetic == "1728 and 2304 should be the same" and not alone.ways


def test_two_counts_of_tokens_are_a_table_of_positions():
    (found,) = cs.explain(
        "The size of tensor a (197) must match the size of tensor b (257) at non-singleton dimension 1"
    ).findings
    assert found.causes[0].startswith("197 = 14*14 + 1 and 257 = 16*16 + 1") and not found.ways
