"""Whole networks, written to every framework: each layer's shape and the parameters are convsolve's."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import convsolve as cs
from convsolve.errors import FrameworkMissingError, NetworkError
from convsolve.frameworks.common.writing.execute import run_source
from convsolve.frameworks.common.writing.identifiers import snake
from convsolve.frameworks.common.writing.plan import plan
from convsolve.operators import OPERATORS
from convsolve.operators.base import to_written
from tests.conformance.test_networks import NETWORKS, SINGLY
from tests.frameworks.writing.written import TARGETS, layer_shapes, leading_out, learned, params_in, run
from tests.solver.random_problems import random_problem
from tests.test_problems import answer_of, having, problem_of

ROOT = Path(__file__).parent.parent.parent.parent
GOLDEN = Path(__file__).parent / "golden"
WRITERS: dict[str, Any] = {"torch": cs.to_torch, "keras": cs.to_keras, "onnx": cs.to_onnx}

NO_WORDS = {
    ("pictures", "keras"): ("circular", "dilation: [1, 2], ceil_mode", "local_response_norm"),
    ("branches", "keras"): ("area",),
    ("branches", "onnx"): ("area",),
    ("sequences", "keras"): ("replicate",),
    ("queries", "keras"): ("grid_sample: {name: sampled, inputs: [map, grid]}",),
}
"""What a framework has no word for in the networks that use every operator."""
INSTEAD = {"circular": "zeros", "dilation: [1, 2], ceil_mode": "ceil_mode", "local_response_norm": "relu",
           "area": "nearest", "replicate": "reflect", "grid_sample: {name: sampled, inputs: [map, grid]}":
           "upsample: {name: sampled, inputs: map, size: [3, 5]}"}  # fmt: skip


def sayable(name: str, target: str) -> str:
    """Return one of the networks of every operator, with what a framework has words for in place of the rest."""
    text = NETWORKS[name]
    for word in NO_WORDS.get((name, target), ()):
        text = text.replace(word, INSTEAD[word])
    return text


def network_of(file: str) -> cs.Network:
    answer = answer_of(file)
    return answer.network if isinstance(answer, cs.Solution) else problem_of(file).network


def agree(network: cs.Network, target: str) -> None:
    """Assert that a network, written to a framework, has the shapes and the parameters that convsolve says."""
    report = cs.check(network)
    assert report.ok
    large = (report.macs or 0) > 3 * 10**8 or (report.activations or 0) > 10**7
    model = WRITERS[target](network)
    assert learned(network, target, model) == params_in(network, target)
    if target == network.framework or (target != "keras" and network.framework != "keras"):
        assert learned(network, target, model) == report.params
    if large and target == "onnx":
        return
    shapes = layer_shapes(network, target, meta=large)
    assert {name: shapes[name] for name in report.shapes} == report.shapes
    assert report.shapes.keys() == {layer.name for layer in network.layers}
    if not large:
        last = run(network, target, model)
        assert len(last) == len(network.outputs)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("file", [*having("solved"), *having("valid")])
def test_problems(file: str, target: str) -> None:
    agree(network_of(file), target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_every_operator(name: str, target: str) -> None:
    if NO_WORDS.get((name, target)):
        with pytest.raises(NetworkError, match="has no"):
            WRITERS[target](cs.parse(NETWORKS[name]).network)
    agree(cs.parse(sayable(name, target)).network, target)


def test_every_operator_is_written() -> None:
    used = {layer.operator.kind for text in NETWORKS.values() for layer in cs.parse(text).network.layers}
    assert used >= OPERATORS.keys() - {
        "opaque",
        "conv_lstm",
        "stepwise",
        *SINGLY,
    }  # which nothing can write, and which Keras alone has


LAST = """
    framework: {framework}
    data_format: channels_last
    input: [17, 19, 3]
    layers:
      - conv: {{out_channels: 8, kernel_size: [3, 5], stride: 2, padding: {padding}}}
      - batch_norm
      - chunk: {{name: halves, chunks: 2}}
      - concat: {{inputs: ["halves[1]", "halves[0]", "halves[1]"]}}
      - add: {{inputs: [concat1, concat1]}}
      - layer_norm
      - linear: {{out_features: 6}}
      - reshape: {{name: flipped, shape: [6, -1, 6]}}
      - max_pool: {{kernel_size: 2, padding: {pool}}}
      - reduce: {{name: rows, axes: [1]}}
      - lstm: {{name: steps, inputs: rows, hidden_size: 5}}
      - permute: {{name: turned, inputs: max_pool1, order: [2, 0, 1]}}
      - slice: {{axis: 0, start: 1}}
      - upsample: {{size: ["halves[0].height", "halves[1].width"], mode: linear}}
      - flatten: {{end_axis: 1}}
    outputs: [steps, flatten1, "halves[1]"]
"""


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("framework", "padding", "pool"), [("torch", "[1, 0]", "[1, 0]"), ("keras", "same", "same"),
                                                            ("onnx", "same", "[[0, 1], 1]")])  # fmt: skip
def test_channels_last(framework: str, padding: str, pool: str, target: str) -> None:
    agree(cs.parse(LAST.format(framework=framework, padding=padding, pool=pool)).network, target)


@pytest.mark.parametrize("target", TARGETS)
def test_channels_first_of_keras(target: str) -> None:
    text = LAST.format(framework="keras", padding="same", pool="same")
    text = text.replace("channels_last", "channels_first").replace("[17, 19, 3]", "[4, 17, 19]")
    agree(cs.parse(text).network, target)


@pytest.mark.parametrize("target", TARGETS)
def test_random_networks(target: str) -> None:
    found = [cs.solve(cs.parse(random_problem(seed)), explain=False) for seed in range(40)]
    solved = [answer.network for answer in found if isinstance(answer, cs.Solution)]
    assert len(solved) > 20
    for network in solved:
        agree(network, target)


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_that_are_outputs_too(target: str) -> None:
    layers = (cs.Layer("x", cs.operators.Input(shape=(2, 5, 5))), cs.Layer("y", cs.operators.Identity(), ("x",)))
    agree(cs.Network(layers[:1]), target)
    agree(cs.Network(layers, outputs=("x", "y", "y")), target)


def test_wrong_words_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    network = cs.parse("input: [3, 9, 9]\nlayers: [{conv: {out_channels: 4, kernel_size: 3, padding: 1}}]").network
    for target in TARGETS:
        agree(network, target)
    monkeypatch.setattr(
        "convsolve.frameworks.common.writing.window_padding.sides_of", lambda step, name="": ((0, 0), (0, 0))
    )
    monkeypatch.setattr("convsolve.frameworks.torch.writing.phrases.sides_of", lambda step, name="": ((0, 0), (0, 0)))
    with pytest.raises(AssertionError):
        agree(network, "torch")


# -- source code


SOURCES = {
    "mnist_repair": ("torch", "keras"), "unet_any_size": ("torch", "keras"), "residual_strides": ("torch", "keras"),
    "downsampling_choice": ("torch",), "sensor_fusion": ("torch", "keras"), "dcgan_generator": ("torch", "keras"),
}  # fmt: skip


def file_of(stem: str) -> str:
    return next(f for f in [*having("solved"), *having("valid")] if Path(f).stem == stem)


@pytest.mark.parametrize(("stem", "language"), [(stem, lang) for stem, langs in SOURCES.items() for lang in langs])
def test_source(stem: str, language: str, request: pytest.FixtureRequest) -> None:
    text = cs.code(network_of(file_of(stem)), language, name="".join(w.title() for w in stem.split("_")))
    path = GOLDEN / f"{stem}_{language}.txt"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()
    assert max(map(len, text.splitlines())) <= 88


@pytest.mark.parametrize("language", ["torch", "keras"])
@pytest.mark.parametrize("stem", ["mnist_repair", "residual_strides", "sensor_fusion"])
def test_source_runs_by_itself(stem: str, language: str) -> None:
    network = network_of(file_of(stem))
    space = run_source(cs.code(network, language, name="MyNet"))
    made = space["MyNet"]() if language == "torch" else space[f"build_{snake('MyNet')}"]()
    assert learned(network, language, made) == params_in(network, language)
    assert run(network, language, made)[0] == cs.check(network).output


def test_source_needs_no_framework() -> None:
    probe = (
        "import sys, convsolve as cs; net = cs.parse('{input: [1, 8, 8], layers: [relu]}').network; "
        "print(cs.code(net, 'torch'), cs.code(net, 'keras')); print({'torch', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.endswith("set()\n")


def test_names_are_made_valid_and_unique() -> None:
    names = ["forward", "1x1", "class", "__init__", "a.b", "a_b", "self", "x", "größe", "nn", "weights;import-os", "T"]
    layers = [cs.Layer("input", cs.operators.Input(shape=(2, 5, 5)))]
    for name in names:
        layers.append(cs.Layer(name, cs.operators.Conv(out_channels=2, kernel_size=1), (layers[-1].name,)))
    layers.append(cs.Layer("end", cs.operators.Concat(), tuple(names)))
    for target in TARGETS:
        agree(cs.Network(tuple(layers)), target)


def test_a_network_takes_a_gradient_step() -> None:
    solution = answer_of("mnist_repair.yaml")
    torch.manual_seed(0)
    net = solution.to_torch()
    pictures, labels = torch.rand(4, 1, 28, 28), torch.tensor([3, 1, 4, 1])
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(net(pictures), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_sizes_of_other_layers_are_asked_for_at_run_time() -> None:
    text = """
        input: [3, 21, 23]
        layers:
          - conv: {name: stem, out_channels: 4, kernel_size: 3, stride: 2}
          - max_pool: {kernel_size: 3, stride: 2}
          - upsample: {size: [stem.height, stem.width]}
          - center_crop: {size: [max_pool1.height, max_pool1.width]}
    """
    net = cs.to_torch(cs.parse(text).network)
    assert net(torch.zeros(1, 3, 47, 33)).shape[2:] == (11, 7)


# -- layers that use the parameters of others


def two_convolutions(first: str, second: str, size: int = 8) -> cs.Network:
    return cs.parse(f"""
        input: [2, {size}, {size}]
        layers:
          - conv: {{name: first, out_channels: 2, kernel_size: 3, {first}}}
          - conv: {{name: second, out_channels: 2, kernel_size: 3, {second}, shares: first}}
    """).network


def test_shared_parameters_are_made_once() -> None:
    network = two_convolutions("padding: 1", "padding: 1")
    module = cs.to_torch(network)
    assert [name for name, _ in module.named_parameters()] == ["first.weight", "first.bias"]
    assert [layer.name for layer in cs.to_keras(network).layers][1:] == ["first"]
    graph = cs.to_onnx(network).graph
    assert [tensor.name for tensor in graph.initializer] == ["first.weight", "first.bias"]
    assert [list(node.input[1:]) for node in graph.node] == [["first.weight", "first.bias"]] * 2


def test_shared_layers_come_back_from_keras() -> None:
    network = cs.parse(NETWORKS["twins"]).network
    again = {layer.name: layer.shares for layer in cs.from_keras(cs.to_keras(network).get_config()).layers}
    live = cs.from_keras(cs.to_keras(network))  # a constant is a layer with a program, which is recorded
    assert [x.name.partition("/")[0] for x in live.layers if x.operator.kind == "constant"] == ["offset"]
    assert {name: shared for name, shared in again.items() if shared} == {
        **{
            f"{name}:2": name
            for name in ("stem", "norm", "bent", "pooled", "seen", "scaled", "features", "score", "first", "offset")
        },
        **{f"{name}:2.{way}": f"{name}.{way}" for name in ("first", "first_layer1") for way in ("forward", "backward")},
        "score:3": "score",
        "first_layer1:2": "first_layer1",
    }


@pytest.mark.parametrize("target", ["keras", "onnx"])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_was_written_can_be_read(name: str, target: str) -> None:
    network = cs.parse(sayable(name, target)).network
    read = cs.from_keras(cs.to_keras(network)) if target == "keras" else cs.from_onnx(cs.to_onnx(network))
    report, planned = cs.check(read), plan(network, "channels_last" if target == "keras" else "channels_first")
    assert report.ok
    assert report.output == to_written(planned.own, planned.shapes[network.outputs[0]])
    unknown = [layer.name.partition(":")[0] for layer in read.layers if layer.operator.kind == "opaque"]
    assert set(unknown) <= {step.name for step in planned.steps if step.operator.kind == "constant"}


def test_the_order_of_layers_that_share_does_not_matter() -> None:
    conv = cs.operators.Conv(out_channels=2, kernel_size=3)
    image = cs.Layer("image", cs.operators.Input(shape=(2, 9, 9)))
    layers = (image, cs.Layer("late", conv, ("image",), shares="early"), cs.Layer("early", conv, ("late",)))
    for target in TARGETS:
        agree(cs.Network(layers), target)
    circle = cs.Network((*layers[:2], cs.Layer("early", conv, ("late",), shares="late")))
    for target in TARGETS:
        assert message(circle, target) == "layers share parameters in a circle: late -> early -> late"


def test_what_is_padded_elsewhere_is_shared() -> None:
    network = two_convolutions("padding: same, stride: 2", "padding: same, stride: 2", size=16)
    keras = dataclasses.replace(network, framework="keras", data_format="channels_last").with_input((16, 16, 2))
    for target in TARGETS:
        agree(keras, target)
        agree(keras.with_input((7, 8, 2)), target)  # padded by other amounts
    assert message(keras.with_input((7, 7, 2)), "torch") == (
        "second: it uses the parameters of first, which becomes another module: give both layers the same options, or "
        "leave `shares` out"
    )


def test_what_cannot_be_shared() -> None:
    strided = two_convolutions("padding: 1", "stride: 2")
    agree(strided, "onnx")
    for target in ("torch", "keras"):
        assert message(strided, target) == (
            "second: it uses the parameters of first, which becomes another module: give both layers the same options, "
            "or leave `shares` out"
        )
    biased = two_convolutions("bias: false", "bias: true")
    for target in TARGETS:
        assert message(biased, target) == (
            "second: it uses the parameters of first, which has 36, and would have 38: give both layers the same "
            "options, or leave `shares` out"
        )
    wide, high = (cs.operators.Conv(out_channels=2, kernel_size=kernel) for kernel in ((1, 3), (3, 1)))
    layers = (biased.layers[0], dataclasses.replace(biased.by_name["first"], operator=wide),
              dataclasses.replace(biased.by_name["second"], operator=high))  # fmt: skip
    assert message(cs.Network(layers), "onnx") == (
        "second: it uses the parameters of first, which has no weight of 2x2x3x1: give both layers the same options, "
        "or leave `shares` out"
    )


# -- what cannot be written


def message(network: cs.Network, target: str) -> str:
    with pytest.raises(NetworkError) as error:
        WRITERS[target](network)
    return str(error.value)


@pytest.mark.parametrize("target", TARGETS)
def test_what_cannot_be_written(target: str) -> None:
    def net(text: str) -> cs.Network:
        return cs.parse(text).network

    assert message(net("{input: [1, 8, 8], layers: [{max_pool: {kernel_size: 2 | 3}}]}"), target) == (
        "the network has open parameters (max_pool1.kernel_size): solve it first, and write the solution"
    )
    assert message(net("{input: [1, 2, 2], layers: [{max_pool: {kernel_size: 3}}]}"), target) == (
        "the network does not work with its input (max_pool1: the kernel does not fit the padded input (height): "
        "window=3, padded=2): `convsolve check` says what would mend it"
    )
    opaque = "{input: [2], layers: [{opaque: {name: fft, what: my.fft, seen: [[2]], outputs: [[2]]}}]}"
    assert message(net(opaque), target) == (
        "fft: it cannot be written what my.fft does: put operators that convsolve knows in its place"
    )
    assert message(net("{input: [2], layers: [{identity: {name: prelu, weights: 2}}]}"), target) == (
        "prelu: it cannot be written what an identity with weights=2 does: put operators that convsolve knows in its "
        "place"
    )
    agree(net("{input: [2], layers: [{identity: {weights: 0}}]}"), target)


def test_no_word() -> None:
    four = cs.parse("{input: [1, 2, 2, 2, 2], layers: [{conv: {out_channels: 1, kernel_size: 1}}]}").network
    assert message(four, "torch") == "conv1: PyTorch has no Conv4d: use 1 to 3 spatial axes"
    half = cs.parse("{input: [2, 4], layers: [{batch_norm: {scale: false}}]}").network
    assert message(half, "torch") == (
        "batch_norm1: PyTorch's batch_norm learns a scale and a shift, or neither: set both to the same"
    )
    shifted = cs.parse("{input: [2, 4], layers: [{layer_norm: {scale: false}}]}").network
    assert message(shifted, "torch") == (
        "layer_norm1: PyTorch's layer_norm has no shift without a scale: set scale to true, or shift to false"
    )
    older = cs.parse("{input: [2, 4], layers: [{gru: {hidden_size: 3, reset_after: false}}]}").network
    assert message(older, "torch") == (
        "gru1: PyTorch's GRU resets the state after the product: set reset_after to true"
    )
    grouped = cs.parse("{input: [2, 4], layers: [{conv_transpose: {out_channels: 2, kernel_size: 2, groups: 2}}]}")
    assert message(grouped.network, "keras") == (
        "conv_transpose1: Keras has no groups in a transposed convolution: set groups to 1"
    )


@pytest.mark.parametrize(("language", "name", "said"), [
    ("torhc", "Net", "there is no source code for 'torhc': did you mean 'torch'?"),
    ("torch", "class", "'class' cannot be the name of a class"), ("keras", "A b", "'A b' cannot be the name"),
])  # fmt: skip
def test_no_such_language_or_name(language: str, name: str, said: str) -> None:
    with pytest.raises(NetworkError, match=said.replace("?", r"\?")):
        cs.code(cs.parse("{input: [2], layers: [relu]}").network, language, name=name)


def test_a_missing_framework_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(FrameworkMissingError, match="onnx is needed: pip install onnx"):
        cs.to_onnx(cs.parse("{input: [2], layers: [relu]}").network)


def test_a_share_is_a_share() -> None:
    for share in (-0.1, 1.5, float("nan")):
        with pytest.raises(NetworkError, match="it must be from 0 to 1"):
            cs.operators.Dropout(p=share)


def test_dead_ends_are_no_part_of_a_keras_model() -> None:
    network = cs.parse("""
        input: [1, 8, 8]
        layers:
          - conv: {name: aside, out_channels: 2, kernel_size: 1}
          - conv: {inputs: input, out_channels: 3, kernel_size: 1}
    """).network
    assert cs.to_keras(network).count_params() == 6
    assert cs.check(network).params == 10 == learned(network, "torch", cs.to_torch(network))


def test_weights_are_those_of_the_seed() -> None:
    network = dataclasses.replace(network_of("mnist_repair.yaml"))
    once, again, other = (cs.to_onnx(network, seed=seed).SerializeToString() for seed in (0, 0, 1))
    assert once == again != other


def test_reserved_names_are_complete() -> None:
    from convsolve.frameworks.torch.writing.code import TAKEN

    inherited = {name for name in dir(torch.nn.Sequential()) if not name.startswith("_")}
    assert inherited <= TAKEN, sorted(inherited - TAKEN)


def test_leading_out_is_no_empty_promise() -> None:
    network = network_of("mnist_repair.yaml")
    assert leading_out(plan(network, "channels_first")) == {s.name for s in plan(network, "channels_first").steps}


def test_padding_between_turned_axes() -> None:
    """A network that pads what it has turned itself, as windows of attention are padded."""
    network = cs.parse("""
        input: [3, 10, 14]
        layers:
          - permute: {order: [1, 2, 0]}
          - unsqueeze: {axis: 0}
          - pad: {padding: [[0, 2], [0, 2], [0, 0]]}
          - crop: {amount: [[0, 1], 0, 1]}
          - squeeze: {axis: 0}
          - permute: {order: [2, 0, 1]}
        """).network
    for target in TARGETS:
        agree(network, target)


def test_a_name_that_the_source_uses_is_refused() -> None:
    network = cs.parse("{input: [1, 8, 8], layers: [relu]}").network
    for language, name in (("torch", "nn"), ("torch", "Tensor"), ("keras", "layers")):
        with pytest.raises(cs.NetworkError, match="take another"):
            cs.code(network, language, name=name)
