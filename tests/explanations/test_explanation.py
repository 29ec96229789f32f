"""What explanations propose: every repair is replayed by the rules and executed, and what is wrong is wrong."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import convsolve as cs
from convsolve.cli import cli
from convsolve.explanations.handlers import explained
from convsolve.explanations.statements import STATEMENTS
from convsolve.explanations.wording import dialect
from convsolve.repairs.edits import KINDS
from tests.frameworks.writing.written import layer_shapes
from tests.messages.examples import EXAMPLES
from tests.messages.test_messages import mutilated, renumbered

UNSKETCHED = {
    # the text does not give the numbers of the layer
    "caffe.signal",
    "keras.downsampling",
    "keras.reshape_old",
    "mxnet.kernel",
    "onnx.conv",
    "onnx.incompatible",
    "onnx.matmul",
    "onnx.pool",
    "onnx.unification",
    "tensorflow.computed_output_negative",
    "torch.circular_padding",
    "torch.concat_unsaid",
    "torch.groups",
    "torch.groups_of_output",
    "torch.linear_features_unsaid",
    "torch.max_pool1d_empty",
    "torch.output_too_small",
    "torch.target_axes",
    "torch.target_batch",
    "torch.target_class",
    "torch.target_elements",
    "torch.target_not_classes",
    "torch.target_places",
    "tensorflow.logits_and_classes",
    # it is not known which rule is broken, or none of ours is
    "keras.flatten_open",
    "keras.input_array",
    "keras.input_array_rank",
    "keras.input_shape",
    "keras.input_tensor",
    "jax.contracting",
    "tensorflow.same_size",
    "keras.open_weights",
    "keras.smallest_input",
    "onnx.inferred",
    "tensorflow.dimensions_must_be_equal",
    # tensors with other numbers of axes than each other, or than our operators refuse
    "keras.loss_shapes",
    "numpy.concat_axes",
    "torch.concat_rank",
    "torch.empty_adaptive_pool",
    "torch.norm_rank",
    "torch.pool_rank",
    "torch.target_size",
    "torch.batched_product",
}
"""Templates of which some messages do not tell enough for a small network that fails as they say."""

findings = pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, text, _ in EXAMPLES], ids=[f"{i}-{e[0]}" for i, e in enumerate(EXAMPLES)]
)


def finding(text):
    (found,) = cs.explain(text).findings
    return found


@findings
def test_every_message_gets_repairs_or_is_told_what_to_send(name, text):
    found = finding(text)
    assert found.ways or found.asks
    assert all(found.ways) and len({way.change for way in found.ways}) == len(found.ways)
    assert bool(found.mend) or found.ways or not found.code or name == "torch.empty_adaptive_pool"


@findings
def test_what_the_message_says_fails(name, text):
    found = finding(text)
    if found.sketch is None:
        assert name in UNSKETCHED or name in STATEMENTS
        return
    assert found.code in {failure.code for failure in cs.check(found.sketch).failures}


@findings
def test_every_repair_is_replayed_and_executed(name, text):
    found = finding(text)
    target = {"keras": "keras", "onnx": "onnx"}.get(dialect(found.complaint), "torch")
    for way in found.ways:
        report = cs.check(way.sketch)
        assert report.ok, way
        run = layer_shapes(way.sketch.network, target)
        assert {layer: tuple(shape) for layer, shape in run.items() if layer in report.shapes} == {
            layer: shape for layer, shape in report.shapes.items() if layer in run}, way  # fmt: skip
        assert set(report.shapes) & set(run)


@findings
def test_every_repair_is_edits_of_what_fails(name, text):
    """No repair is a sentence alone: what it changes is said as repairs say it, with a rank for each kind."""
    found = finding(text)
    for way in found.ways:
        assert way.edits and {edit.kind for edit in way.edits} <= set(KINDS), way
        assert way.cost[0] >= 1 and way.cost[1] >= 1
    if found.ways and found.sketch is not None:
        assert cs.repair(found.sketch, limit=1), name


@pytest.mark.parametrize("seed", range(200))
def test_mutilated_messages_are_explained_without_inventions(seed):
    chance = random.Random(seed)
    for _, text, _ in chance.sample(EXAMPLES, 6):
        found = cs.explain(mutilated(renumbered(text, chance), chance))
        assert str(found)
        for one in found.findings:
            assert one.ways or one.asks or one.notes
            assert all(cs.check(way.sketch).ok for way in one.ways)
            assert one.sketch is None or one.code in {failure.code for failure in cs.check(one.sketch).failures}


NUMBERS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 28, 49, 64, 100, 224, 10**6, 2**31, 2**40, 2**63)


@pytest.mark.parametrize("seed", range(300))
def test_messages_with_any_numbers_are_explained(seed):
    """Numbers that contradict each other, or that no network has, are not believed, and nothing is proposed from them."""
    chance = random.Random(seed)
    _, text, _ = chance.choice(EXAMPLES)
    text = re.sub(r"\d+", lambda m: m[0] if chance.random() < 0.5 else str(chance.choice(NUMBERS)), text)
    if chance.random() < 0.3:  # shapes with any number of axes
        text = re.sub(r"([\[(])\d[^\])]*([\])])", lambda m: m[1] + ", ".join(
            str(chance.choice(NUMBERS)) for _ in range(chance.randrange(6))) + m[2], text)  # fmt: skip
    found = cs.explain(text)
    assert str(found)
    for one in found.findings:
        assert all(cs.check(way.sketch).ok for way in one.ways), text
        assert one.sketch is None or one.code in {failure.code for failure in cs.check(one.sketch).failures}, text


def test_the_texts_name_numbers_of_the_message_alone():
    """A message with other numbers gets the same sentences, with other numbers: none is a constant."""
    text = "mat1 and mat2 shapes cannot be multiplied (1x{} and {}x10)"
    first, second = (str(finding(text.format(n, m))) for n, m in ((256, 400), (258, 401)))
    assert first.replace("256", "258").replace("400", "401") == second


# -- the repairs that people accept come first


FIRST = [
    ("Given groups=1, weight of size [8, 3, 3, 3], expected input[1, 28, 30, 3] to have 3 channels, but got 28 channels instead",
     "move the channels to the front: x.permute(0, 3, 1, 2)"),
    ("Given groups=1, weight of size [64, 80, 5], expected input[32, 100, 80] to have 80 channels, but got 100 channels instead",
     "move the channels to the front: x.permute(0, 2, 1)"),
    ("Given groups=1, weight of size [8, 1, 3, 3], expected input[1, 64, 28, 28] to have 1 channels, but got 64 channels instead",
     "x.unsqueeze(1), if the 64 are the samples of a batch"),
    ("Given groups=1, weight of size [64, 3, 7, 7], expected input[8, 1, 224, 224] to have 3 channels, but got 1 channels instead",
     "repeat the one channel of grey pictures: x.repeat(1, 3, 1, 1)"),
    ("Given groups=1, weight of size [32, 3, 3, 3], expected input[1, 32, 8, 8] to have 3 channels, but got 32 channels instead",
     "in_channels=32 in this layer (now 3)"),
    ("Input 0 of layer conv2d is incompatible with the layer: expected axis -1 of input shape to have value 3 but received input with shape [None, 3, 224, 200]",
     "move the channels to the end: Permute((2, 3, 1))"),
    ("Input 0 of layer dense is incompatible with the layer: expected axis -1 of input shape to have value 400 but received input with shape [None, 5, 5, 16]",
     "a flatten in front (5*5*16 = 400): Flatten()"),
    ("Negative dimension size caused by subtracting 3 from 1 for 'conv2d_2/convolution' (op: 'Conv2D') with input shapes: [?,1,28,28], [3,3,28,32].",
     "move the 1 channel to the end, if that is what the 1 is: Permute((2, 3, 1)) (28x28x1 arrives then)"),
    ("mat1 and mat2 shapes cannot be multiplied (128x512 and 2048x4096)", "in_features=512 in this layer (now 2048)"),
    ("mat1 and mat2 shapes cannot be multiplied (64x5 and 80x10)", "a flatten from axis 1, if the batch holds 4 samples"),
    ("Target and input must have the same number of elements. target nelement (2) != input nelement (338)", "one number for each map of 13x13"),
    ("mat1 and mat2 shapes cannot be multiplied (10x49 and 490x10)", "a flatten from axis 1 (10 * 49 = 490): x.flatten(1)"),
    ("mat1 and mat2 shapes cannot be multiplied (1x1280 and 640x1)", "a flatten from axis 1 (1280 = 2 samples of 640)"),
    ("mat1 and mat2 shapes cannot be multiplied (1x256 and 400x10)", "in_features=256 in this layer (now 400)"),
    ("Given normalized_shape=[96], expected input with shape [*, 96], but got input of size[2, 96, 7, 7]",
     "move the axis of 96 to the end: x.permute(0, 2, 3, 1)"),
    ("Inputs have incompatible shapes. Received shapes (56, 56, 64) and (28, 28, 128)",
     "shrink 56x56x64 to 28x28x128, with Conv2D(128, kernel_size=1, strides=2)"),
    ("Inputs have incompatible shapes. Received shapes (28, 28, 64) and (28, 28, 128)",
     "bring 28x28x64 to 28x28x128, with Conv2D(128, kernel_size=1)"),
    ("stack expects each tensor to be equal size, but got [3, 224, 224] at entry 0 and [3, 224, 298] at entry 1",
     "resize every picture: transforms.Resize((224, 224))"),
    ("Input 0 of layer sequential is incompatible with the layer: expected shape=(None, 28, 28, 1), found shape=(28, 28, 1)",
     "x[None], if 28x28x1 is one sample"),
    ("Input 0 of layer model is incompatible with the layer: expected shape=(None, 784), found shape=(None, 28, 28)", "x.reshape(-1, 784)"),
    ("Input 0 of layer lstm is incompatible with the layer: expected ndim=3, found ndim=4. Full shape received: (None, 5, 5, 5)",
     "Reshape((5, 25)) in front"),
    ("Input 0 of layer conv2d is incompatible with the layer: expected ndim=4, found ndim=3. Full shape received: (28, 28, 3)", "x[None]"),
    ("Arguments `target` and `output` must have the same shape. Received: target.shape=(None, 1), output.shape=(None, 10)",
     "sparse_categorical_crossentropy"),
    ("Using a target size (torch.Size([4])) that is different to the input size (torch.Size([4, 1]))", "output.squeeze(1)"),
    ("Target size (torch.Size([4, 1])) must be the same as input size (torch.Size([4]))", "target.squeeze(1) (or output.unsqueeze(1))"),
    ("Expected input batch_size (128) to match target batch_size (64).", "x.flatten(1) in the network"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "first"), FIRST)
def test_the_first_repair(text, first):
    assert finding(text).ways[0].change.startswith(first), [str(way) for way in finding(text).ways]


@pytest.mark.parametrize("text", [
    "Given groups=1, weight of size [8, 8, 3, 3], expected input[1, 6, 8, 8] to have 8 channels, but got 6 channels instead",  # square maps
    "Given groups=1, weight of size [8, 3, 3, 3], expected input[1, 4, 8, 8] to have 3 channels, but got 4 channels instead",  # no pictures
])  # fmt: skip
def test_neither_a_layout_nor_a_picture_is_suspected_without_a_sign(text):
    assert [way.change.split()[0] for way in finding(text).ways] == [
        f"in_channels={text.split('but got ')[1][0]}",
        f"{text.split('to have ')[1][0]}",
    ]


def test_the_words_of_the_framework():
    text = ("Negative dimension size caused by subtracting 9 from 4 for '{{node a/Conv2D}} = Conv2D[data_format=\"NHWC\", dilations=[1, 4, 4, 1], "
            "padding=\"VALID\", strides=[1, 1, 1, 1]](x, y)' with input shapes: [?,4,20,64], [3,3,64,128].")  # fmt: skip
    assert [way.change for way in finding(text).ways][1] == "dilation_rate=1 (now 4)"
    pool = "Computed output size would be negative. Received: `inputs.shape=[None 4 4 3]` and `pool_size=[5 5]`."
    assert finding(pool).ways[0].change == "pool_size=4 (now 5)"
    onnx = "Non-zero status code returned while running Conv node. Name:'c' Status Message: Invalid input shape: {3,3}"
    assert finding(onnx).ways[0].change == "kernel_shape=[3, 3], dilations=[1, 1], pads=[0, 0, 0, 0]"


def test_numbers_that_no_network_has_are_not_repaired():
    from convsolve.messages import ParsedError

    for code in ("CS001", "CS005", "CS008", "CS010", "CS011", "CS012", "CS014", "CS020"):
        numbers = dict.fromkeys(("window", "padded", "padding", "size", "channels", "groups", "declared", "features",
                                 "in_features", "first", "second", "elements", "multiple"), 2**60)  # fmt: skip
        found = explained(ParsedError(template="t", code=code, framework="torch", numbers=numbers))
        assert found.headline and all(cs.check(way.sketch).ok for way in found.ways)


@pytest.mark.parametrize(("text", "kinds"), [
    ("The number of filters must be evenly divisible by the number of groups. Received: groups=4, filters=6.",
     ["width", "width", "groups"]),
    ("Expected number of channels in input to be divisible by num_groups, but got input of shape [2, 6, 8, 8] and "
     "num_groups=4", ["groups", "groups", "project", "project"]),
    ("`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: strides=(2, 2) and "
     "dilation_rate=(2, 2)", ["dilation", "stride"]),
])  # fmt: skip
def test_what_mends_are_edits_of_repair(text, kinds):
    for found in cs.explain(text).findings:
        assert [edit.kind for way in found.ways for edit in way.edits] == kinds
        repairs = {str(r) for r in cs.repair(found.sketch, limit=9)}
        assert repairs & {str(edit) for way in found.ways for edit in way.edits}
        assert all(cs.check(way.sketch).ok for way in found.ways)


# -- all of it, as it is printed

GOLDEN = Path(__file__).parent / "golden"


def printed(*words):
    return CliRunner().invoke(cli, ["explain", *words], standalone_mode=False).stdout


def without_facts(document):
    """Leave out the facts of the messages, which are tested where they are read."""
    for found in document["findings"]:
        del found["message"]
    return document


@pytest.mark.parametrize("name", ["explain.txt", "explain.jsonl"])
def test_every_explanation_is_as_it_was(name, request):
    """As text, and as a document on one line each: a change of one word is to be seen, and to be meant."""
    found = {}
    for text in dict.fromkeys([text for _, text, _ in EXAMPLES] + [text for text, _ in FIRST]):
        found[text] = (
            printed(text) if name == "explain.txt" else json.dumps(without_facts(json.loads(printed("--json", text))))
        )
    whole = "".join(f"$ {text}\n{said}\n" for text, said in found.items()) if name == "explain.txt" else \
        "".join(f"{said}\n" for said in found.values())  # fmt: skip
    if request.config.getoption("--update-golden"):
        (GOLDEN / name).write_text(whole)
    assert whole == (GOLDEN / name).read_text()
