"""Shape rules: what the formulas give, and what every operator promises."""

from __future__ import annotations

import dataclasses
import math
import pickle
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsolve.dims import Domain, bounds, eq, evaluate, hole
from convsolve.errors import NetworkError, RankError
from convsolve.network import Layer, Network
from convsolve.network.trace import run, trace
from convsolve.operators import (
    OPERATORS,
    RULES,
    Add,
    Choice,
    Conv,
    ConvTranspose,
    Flatten,
    Input,
    Linear,
    MaxPool,
    MaxUnpool,
    Pad,
    Reach,
    Slice,
    Stepwise,
    Upsample,
    _Alone,
    shape_of,
)
from convsolve.operators.resizing import _rounding
from convsolve.operators.windows import clipped_count, dilated, same_count, transposed_size, window_count


def test_operators_can_be_sent_to_other_processes():
    for kind in OPERATORS.values():
        assert pickle.loads(pickle.dumps(kind)) is kind


def test_codes_are_stable_and_distinct():
    assert list(RULES) == [f"CS{i:03d}" for i in range(1, len(RULES) + 1)]
    demands = [rule.demand for rule in RULES.values()]
    assert len(set(demands)) == len(demands)


def test_every_operator_is_documented_and_named():
    for kind, operator in OPERATORS.items():
        assert operator.kind == kind
        assert operator.__doc__ and operator.__doc__.split("\n")[0].endswith((".", ":"))


@given(st.integers(1, 60), st.integers(0, 5), st.integers(1, 9), st.integers(1, 4), st.integers(1, 3))
def test_windows_are_counted_as_by_hand(size, padding, kernel, stride, dilation):
    window = dilated(kernel, dilation)
    padded = size + 2 * padding
    places = [i for i in range(0, padded, stride) if i + window <= padded]
    if window <= padded:
        assert window_count(padded, window, stride) == len(places)
    else:
        assert window_count(padded, window, stride) <= 0 and not places


@given(st.integers(1, 60), st.integers(0, 4), st.integers(1, 9), st.integers(1, 5))
def test_ceil_mode_counts_windows_that_start_inside(size, padding, kernel, stride):
    padded = size + 2 * padding
    counted, start = 0, 0
    while True:  # a window counts while the one before it has not reached the end, and it starts inside
        if start >= size + padding or (counted and start - stride + kernel >= padded):
            break
        counted, start = counted + 1, start + stride
    if 2 * padding <= kernel <= padded:  # what PyTorch takes
        assert clipped_count(size, padding, padding, kernel, stride) == counted


@given(st.integers(1, 40), st.integers(0, 3), st.integers(1, 6), st.integers(1, 4), st.integers(1, 2))
def test_a_transposed_convolution_undoes_a_convolution(size, padding, kernel, stride, dilation):
    window = dilated(kernel, dilation)
    padded = size + 2 * padding
    if window <= padded:
        small = window_count(padded, window, stride)
        lost = (padded - window) % stride
        assert transposed_size(small, padding, padding, window, stride, lost) == size


@given(st.integers(1, 100), st.integers(1, 7))
def test_same_is_rounded_up(size, stride):
    assert same_count(size, stride) == -(-size // stride)


def network(operator, *shapes, **options):
    layers = [Layer(f"x{i}", Input(shape=s)) for i, s in enumerate(shapes)]
    return Network((*layers, Layer("y", operator, tuple(layer.name for layer in layers))), **options)


def judged(net):
    """Return the written output shape and the codes of the requirements that fail."""
    traced = trace(net)
    values = run(traced, {})
    failed = [r.rule.code for r in traced.requirements if not evaluate(r.condition, values)]
    shape = traced.written("y")
    return (None if shape is None else tuple(values[v.name] for v in shape)), failed


SIZES = st.integers(1, 7)
SAMPLES = {
    "conv": st.builds(dict, out_channels=st.just(4), kernel_size=SIZES, stride=SIZES, padding=st.integers(0, 3),
                      dilation=st.integers(1, 3)),
    "conv_transpose": st.builds(dict, out_channels=st.just(4), kernel_size=SIZES, stride=SIZES,
                                padding=st.integers(0, 4), output_padding=st.integers(0, 3)),
    "max_pool": st.builds(dict, kernel_size=SIZES, stride=SIZES, padding=st.integers(0, 3), ceil_mode=st.booleans()),
    "pad": st.builds(dict, padding=st.integers(-4, 4), mode=st.sampled_from(["constant", "reflect", "circular"])),
    "crop": st.builds(dict, amount=st.integers(0, 5)),
    "upsample": st.builds(dict, scale_factor=st.sampled_from([2, 0.5, 0.3, 1.7])),
    "slice": st.builds(dict, axis=st.just(1), start=st.integers(-9, 9), stop=st.integers(-9, 9), step=SIZES),
    "chunk": st.builds(dict, chunks=SIZES, axis=st.just(1)),
    "space_to_depth": st.builds(dict, block_size=SIZES),
    "depth_to_space": st.builds(dict, block_size=SIZES),
    "reshape": st.builds(dict, shape=st.tuples(st.sampled_from([-1, 2, 3]), SIZES)),
}  # fmt: skip


@pytest.mark.parametrize("kind", SAMPLES)
def test_what_fulfils_its_requirements_has_elements(kind):
    @given(SAMPLES[kind], st.sampled_from(["torch", "keras", "onnx"]), st.integers(1, 9), st.integers(1, 9))
    def holds(settings, framework, height, width):
        net = network(OPERATORS[kind](**settings), (4, height, width), framework=framework)
        traced = trace(net)
        values = run(traced, {})
        if all(evaluate(r.condition, values) for r in traced.requirements):
            for tensor in traced.shapes.values():
                assert all(values[v.name] >= 1 for v in tensor)

    holds()


@pytest.mark.parametrize(
    ("operator", "shapes", "options", "code"),
    [
        (Conv(out_channels=8, kernel_size=5), [(3, 4, 9)], {}, "CS001"),
        (ConvTranspose(out_channels=8, kernel_size=1, padding=3), [(3, 4, 4)], {}, "CS002"),
        (ConvTranspose(out_channels=8, kernel_size=3, stride=2, output_padding=2), [(3, 4, 4)], {}, "CS004"),
        (Pad(padding=4, mode="reflect"), [(3, 4, 9)], {}, "CS005"),
        (Pad(padding=5, mode="circular"), [(3, 4, 9)], {}, "CS006"),
        (MaxPool(kernel_size=2, padding=2), [(3, 9, 9)], {}, "CS007"),
        (Conv(out_channels=8, kernel_size=1, groups=2), [(3, 4, 4)], {}, "CS008"),
        (Conv(out_channels=7, kernel_size=1, groups=2), [(4, 4, 4)], {}, "CS009"),
        (Conv(out_channels=8, kernel_size=1, in_channels=4), [(3, 4, 4)], {}, "CS010"),
        (Linear(out_features=8, in_features=4), [(3,)], {}, "CS011"),
        (OPERATORS["add"](), [(3, 4, 4), (3, 4, 5)], {}, "CS012"),
        (OPERATORS["concat"](), [(3, 4, 4), (3, 4, 5)], {}, "CS013"),
        (OPERATORS["reshape"](shape=(5, 7)), [(3, 4, 4)], {}, "CS014"),
        (OPERATORS["pixel_shuffle"](block_size=2), [(6, 4, 4)], {}, "CS015"),
        (OPERATORS["batch_norm"](), [(6, 1, 1)], {"training": True}, "CS016"),
        (Conv(out_channels=8, kernel_size=3, stride=2, padding="same"), [(3, 4, 4)], {}, "CS017"),
        (Conv(out_channels=8, kernel_size=3, stride=2, dilation=2), [(3, 9, 9)], {"framework": "keras"}, "CS018"),
        (OPERATORS["crop"](amount=2), [(3, 4, 9)], {}, "CS019"),
        (OPERATORS["matmul"](), [(3, 4), (5, 3)], {}, "CS020"),
        (ConvTranspose(out_channels=8, kernel_size=3, stride=2, output_size=19), [(3, 8, 8)], {}, "CS021"),
        (Linear(out_features=8, in_features=4), [(3, 4, 5)], {}, "CS011"),
        (Slice(axis=1, start=4), [(3, 4, 9)], {}, "CS024"),
        (OPERATORS["avg_pool"](kernel_size=2, padding=1), [(3, 1, 1, 1)], {}, "CS025"),
        (MaxPool(kernel_size=2), [(3,)], {}, "CS022"),
        (Conv(out_channels=8, kernel_size=(3, 3)), [(3, 4)], {}, "CS022"),
        (Conv(out_channels=8, kernel_size=3, dilation=2, padding="same"), [(3, 9, 9)], {"framework": "onnx"}, "CS023"),
    ],
)
def test_each_failure_has_its_own_requirement(operator, shapes, options, code):
    assert code in judged(network(operator, *shapes, **options))[1]


def test_computed_parameters_are_kept_in_range():
    k = hole("k", 1, 3)
    net = network(Conv(out_channels=4, kernel_size=3, padding=k - 2), (3, 8, 8))
    traced = trace(net)
    failing = [r.rule.code for r in traced.requirements if not evaluate(r.condition, run(traced, {"k": 1}))]
    assert failing == ["CS003"]
    for fitting in (2, 3):
        assert not [r for r in traced.requirements if not evaluate(r.condition, run(traced, {"k": fitting}))]
    never = network(Conv(out_channels=4, kernel_size=3, padding=hole("p", 2, 3) - 2), (3, 8, 8))
    assert "CS003" not in [r.rule.code for r in trace(never).requirements]


def test_the_data_format_only_changes_how_shapes_are_written():
    for operator, shape in [
        (Conv(out_channels=8, kernel_size=3), (9, 7, 4)),
        (OPERATORS["global_avg_pool"](), (9, 7, 4)),
        (OPERATORS["depthwise_conv"](kernel_size=3), (9, 7, 4)),
    ]:
        last, failed = judged(network(operator, shape, data_format="channels_last"))
        first, _ = judged(network(operator, (shape[-1], *shape[:-1])))
        assert not failed and (last == first or last == (*first[1:], first[0]))


def test_linear_works_on_the_last_written_axis():
    assert judged(network(Linear(out_features=5), (9, 7, 4), data_format="channels_last")) == ((9, 7, 5), [])
    assert judged(network(Linear(out_features=5), (4, 9, 7))) == ((4, 9, 5), [])


def test_concat_joins_the_channels_of_either_format():
    concat = OPERATORS["concat"]()
    assert judged(network(concat, (9, 7, 4), (9, 7, 2), data_format="channels_last")) == ((9, 7, 6), [])
    assert judged(network(concat, (4, 9, 7), (2, 9, 7))) == ((6, 9, 7), [])


def test_a_scale_is_computed_as_the_framework_computes_it():
    assert shape_of(Upsample(scale_factor=1.5), (1, 7)) == (1, 10)
    assert shape_of(Upsample(scale_factor="3/2"), (1, 7)) == (1, 10)
    for size in range(1, 400):
        for scale in (0.7, 1 / 49, 1 / 3, 2.2, 0.1):
            expected = int(size * scale)
            if expected >= 1:
                assert shape_of(Upsample(scale_factor=scale), (1, size)) == (1, expected)
    with pytest.raises(NetworkError):
        shape_of(Upsample(scale_factor=1 / 49), (1, 49))  # 49 * (1/49) is just below 1 in floating point


@pytest.mark.parametrize(
    ("build", "word"),
    [
        (lambda: Conv(out_channels=3, kernel_size=0), "at least 1"),
        (lambda: Conv(out_channels=3, kernel_size=3, stride=-1), "at least 1"),
        (lambda: Conv(out_channels=3, kernel_size=3, padding=-1), "at least 0"),
        (lambda: Conv(out_channels=3, kernel_size="three"), "whole number"),
        (lambda: Conv(out_channels=3, kernel_size=[]), "empty"),
        (lambda: Conv(out_channels=3, kernel_size=3, padding="smae"), "'same'"),
        (lambda: Conv(out_channels=3, kernel_size=3, padding=[[1, 2, 3]]), "pair"),
        (lambda: Conv(out_channels=3, kernel_size=3, bias=1), "true or false"),
        (lambda: Conv(out_channels=3, kernel_size=3, padding_mode="mirror"), "reflect"),
        (lambda: Conv(out_channels=3, kernel_size=2**50), "more than any network"),
        (lambda: Conv(out_channels=3, kernel_size=hole("k", 0, 3)), "at least 1"),
        (lambda: Upsample(scale_factor=2, size=3), "not both"),
        (lambda: Upsample(scale_factor=0), "at least 1"),
        (lambda: Upsample(scale_factor=-0.5), "above 0"),
        (lambda: Upsample(scale_factor=[2, "1/0"]), r"scale_factor\[1\] must be a number or a fraction"),
        (lambda: OPERATORS["reshape"](shape=7), "list"),
        (lambda: OPERATORS["dropout"](p="half"), "must be a number"),
        (lambda: OPERATORS["einsum"](equation="ij,jk"), "like ab,bc->ac"),
        (lambda: OPERATORS["einsum"](equation="ij,jk->iz"), "axes of its inputs, each once"),
        (lambda: OPERATORS["einsum"](equation="ij->ii"), "axes of its inputs, each once"),
        (lambda: Choice(conditions=[1]), "list of conditions"),
        (lambda: Conv(out_channels=3, kernel_size=3, padding=[]), "empty"),
        (lambda: Conv(out_channels=hole("w", domain=Domain.range(1, 2**50)), kernel_size=3), "may reach"),
    ],
)
def test_wrong_parameters_are_refused(build, word):
    with pytest.raises(NetworkError, match=word):
        build()


def test_costs():
    x = (16, 20, 20)
    conv = network(Conv(out_channels=32, kernel_size=(3, 5), stride=2, groups=4), x)
    values = run(trace(conv), {})
    assert values["y.params"] == 32 * (16 // 4) * 15 + 32
    assert values["y.macs"] == 32 * 4 * 15 * 9 * 8
    assert values["y.activations"] == values["activations"] == 32 * 9 * 8
    assert bounds(trace(conv).shapes["y"][0]) == (32, 32)


@pytest.mark.parametrize(
    ("operator", "shape", "framework", "word"),
    [
        (Conv(out_channels=2, kernel_size=3), (1, 2, 2), "keras", "3.14"),
        (MaxPool(kernel_size=2), (1, 1, 1), "keras", "3.15"),
        (MaxPool(kernel_size=2), (1, 1, 1), "onnx", "window that is not there"),
        (Slice(axis=1, start=4), (1, 4, 4), "torch", "empty tensor"),
        (Pad(padding=-2), (1, 4, 4), "torch", "empty tensor"),
        (OPERATORS["chunk"](chunks=3, axis=1), (1, 4, 4), "torch", "fewer parts"),
        (OPERATORS["squeeze"](axis=1), (1, 4, 4), "torch", "leaves the axis"),
    ],
)
def test_what_a_framework_silently_does_is_a_note(operator, shape, framework, word):
    traced = trace(network(operator, shape, framework=framework))
    values = run(traced, {})
    notes = [r.note for r in traced.requirements if not evaluate(r.condition, values)]
    assert any(word in note for note in notes)


@pytest.mark.parametrize(
    ("operator", "shapes", "word"),
    [
        (MaxPool(kernel_size=2), [(3,)], "at least 1 spatial axes, got 1 axes"),
        (OPERATORS["matmul"](), [(3,), (3, 2)], "two axes on both sides"),
        (OPERATORS["rnn"](hidden_size=4), [(3, 4, 5)], "a length and features"),
        (OPERATORS["conv_lstm"](out_channels=4, kernel_size=3), [(3, 4)], "at least 2 spatial axes"),
        (OPERATORS["einsum"](equation="ij,jk->ik"), [(3, 4)], "takes 2 inputs, got 1"),
        (OPERATORS["einsum"](equation="ij->j"), [(3,)], "names 2 axes of an input that has 1"),
        (OPERATORS["grid_sample"](), [(3, 8, 8), (4, 2)], "one axis for each"),
        (OPERATORS["grid_sample"](mode="cubic"), [(3, 8, 8, 8), (4, 4, 4, 3)], "2 spatial axes, got 3"),
        (OPERATORS["add"](broadcast=False), [(3, 4), (4,)], "joins 2 axes with 1"),
        (OPERATORS["concat"](), [(3, 4), (4,)], "of 2 and of 1 axes"),
        (Choice(conditions=(eq(hole("c", 1, 2), 1),)), [(3, 4), (4,)], "same number of axes, got 2, 1"),
        (OPERATORS["layer_norm"](normalized_shape=(4, 5)), [(5,)], "normalises 2 axes, got 1"),
        (OPERATORS["permute"](order=(0, 0)), [(3, 4)], "does not name each of 2 axes once"),
        (OPERATORS["squeeze"](axis=2), [(3, 4)], "axis 2 is out of range for 2 axes"),
        (Upsample(scale_factor=2, mode="cubic"), [(3, 4)], "2 spatial axes, got 1"),
        (OPERATORS["center_crop"](), [(3, 8, 8), (3, 4)], "2 spatial axes, got 2 axes"),
    ],
)
def test_a_rank_that_an_operator_cannot_work_on(operator, shapes, word):
    with pytest.raises(RankError, match=word):
        shape_of(operator, *shapes)


@pytest.mark.parametrize(
    ("operator", "shapes", "word"),
    [
        (OPERATORS["flatten"](start_axis=2, end_axis=1), [(3, 4, 5)], "start_axis 2 comes after end_axis 1"),
        (OPERATORS["reshape"](shape=(-1, -1)), [(3, 4)], "only one entry"),
        (OPERATORS["reshape"](shape=(0, 12)), [(3, 4)], "must not be 0"),
        (OPERATORS["chunk"](chunks=hole("n", 2, 3)), [(6,)], "number of chunks must be known"),
        (OPERATORS["squeeze"](axis=hole("n", 0, 1)), [(1, 1)], "axis must be a known number"),
        (Upsample(), [(3, 4)], "needs a scale_factor, a size, or a second input"),
        (Upsample(size=4), [(3, 4), (3, 8)], "a size or a second input, not both"),
        (Conv(out_channels=8, kernel_size=3, padding="causal"), [(3, 8)], "torch has no padding 'causal' for conv"),
    ],
)
def test_parameters_that_do_not_fit_together(operator, shapes, word):
    with pytest.raises(NetworkError, match=word) as caught:
        shape_of(operator, *shapes)
    assert not isinstance(caught.value, RankError)


def test_causal_padding_works_along_one_axis():
    causal = Conv(out_channels=8, kernel_size=3, stride=2, padding="causal")
    assert shape_of(causal, (3, 9), framework="keras") == (8, 5)
    with pytest.raises(RankError, match="1 spatial axis"):
        shape_of(causal, (3, 9, 9), framework="keras")


@pytest.mark.parametrize(
    ("framework", "settings", "expected"),
    [
        ("torch", {"kernel_size": 3}, 11),
        ("torch", {"kernel_size": 3, "padding": 1, "output_padding": 1}, 10),
        ("torch", {"kernel_size": 3, "output_size": 12}, 12),
        ("torch", {"kernel_size": 3, "output_padding": 7, "output_size": 12}, 12),
        ("keras", {"kernel_size": 3, "padding": "valid"}, 11),
        ("keras", {"kernel_size": 1, "padding": "valid"}, 10),
        ("keras", {"kernel_size": 3, "padding": "same"}, 10),
        ("keras", {"kernel_size": 3, "padding": "same", "output_padding": 1}, 10),
        ("keras", {"kernel_size": 3, "padding": "same", "output_size": 9}, 9),
        ("keras", {"kernel_size": 3, "padding": "same", "output_size": 10}, 10),
        ("keras", {"kernel_size": 3, "padding": "valid", "output_size": 12}, 12),
        ("onnx", {"kernel_size": 1, "padding": "valid"}, 9),
        ("onnx", {"kernel_size": 3, "padding": "same"}, 10),
        ("onnx", {"kernel_size": 1, "padding": "same"}, 9),
        ("onnx", {"kernel_size": 3, "padding": "same", "output_padding": 1}, 10),
        ("onnx", {"kernel_size": 3, "padding": 9, "output_size": 2}, 2),
    ],
)
def test_transposed_sizes_by_framework(framework, settings, expected):
    operator = ConvTranspose(out_channels=2, stride=2, **settings)
    assert shape_of(operator, (3, 5), framework=framework) == (2, expected)


def test_a_wished_size_of_same_padding_comes_back_under_the_stride():
    for size in range(7, 13):
        operator = ConvTranspose(out_channels=2, kernel_size=5, stride=2, padding="same", output_size=size)
        codes = judged(network(operator, (3, 5), framework="keras"))[1]
        assert codes == ([] if 9 <= size <= 10 else ["CS021"])


@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_same_padding_of_a_pooling_is_rounded_up_in_every_framework(kernel):
    pool = MaxPool(kernel_size=kernel, stride=2, padding="same")
    assert shape_of(pool, (3, 7), framework="keras") == (3, 4)
    assert shape_of(pool, (3, 7), framework="onnx") == (3, 4)


def test_onnxruntime_refuses_a_same_padding_that_crops():
    pool = MaxPool(kernel_size=1, stride=3, padding="same")  # 3 windows from 0, 3 and 6 leave the last of 8 over
    with pytest.raises(NetworkError, match="padding is too large"):
        shape_of(pool, (3, 8), framework="onnx")
    assert shape_of(OPERATORS["lp_pool"](kernel_size=1, stride=3, padding="same"), (3, 8), framework="onnx") == (3, 3)


def test_a_slice_from_an_open_position_counts_from_either_end():
    net = network(Slice(axis=1, start=hole("start", -2, 2)), (3, 7))
    assert [run(trace(net), {"start": start})["y.length"] for start in (-2, 2)] == [2, 5]


@pytest.mark.parametrize(
    ("operator", "framework", "expected"),
    [
        (OPERATORS["embedding"](count=100, dim=8), "torch", 800),
        (OPERATORS["batch_norm"](), "torch", 2 * 6),
        (OPERATORS["batch_norm"](), "keras", 4 * 6),
        (OPERATORS["batch_norm"](affine=False), "torch", 0),
        (OPERATORS["instance_norm"](affine=True), "torch", 2 * 6),
        (OPERATORS["group_norm"](groups=3), "torch", 2 * 6),
        (OPERATORS["layer_norm"](), "torch", 2 * 5),
        (OPERATORS["layer_norm"](normalized_shape=(4, 5)), "torch", 2 * 20),
        (Linear(out_features=7), "torch", 5 * 7 + 7),
        (Linear(out_features=7, bias=False), "torch", 5 * 7),
        (ConvTranspose(out_channels=2, kernel_size=(3, 2), groups=2), "torch", 6 // 2 * 2 * 6 + 2),
        (OPERATORS["depthwise_conv"](kernel_size=3, multiplier=2), "torch", 12 * 9 + 12),
        (OPERATORS["conv_lstm"](out_channels=2, kernel_size=3), "keras", 3 * 4 * 2 * (6 + 2) + 4 * 2),
        (OPERATORS["batch_norm"](running=False), "keras", 2 * 6),
    ],
)
def test_learned_parameters(operator, framework, expected):
    net = network(operator, (6, 4, 5), framework=framework)
    assert run(trace(net), {})["y.params"] == expected


def test_products_are_counted_from_left_to_right():
    shapes = {"a": (2, 3), "b": (3, 5), "c": (5, 7)}
    layers = [Layer(name, Input(shape=shape)) for name, shape in shapes.items()]
    net = Network((*layers, Layer("y", OPERATORS["einsum"](equation="ij,jk,kl->il"), tuple(shapes))))
    assert run(trace(net), {})["y.macs"] == 2 * 3 * 5 + 2 * 5 * 7
    diagonal = OPERATORS["einsum"](equation="ii->i")
    assert shape_of(diagonal, (3, 3)) == (3,)
    with pytest.raises(NetworkError, match="inner sizes"):
        shape_of(diagonal, (3, 1))
    net = network(OPERATORS["conv_lstm"](out_channels=2, kernel_size=3, return_sequences=False), (6, 4, 5))
    assert run(trace(net), {})["y.macs"] == 4 * 3 * (3 * 4 * 2 * (6 + 2))


def test_normalisation_by_the_batch_alone():
    for running, expected in ((True, 0), (False, 1)):
        traced = trace(network(OPERATORS["batch_norm"](running=running), (6, 1, 1)))
        failing = [r for r in traced.requirements if not evaluate(r.condition, run(traced, {}))]
        assert len(failing) == expected


def test_a_learned_constant_is_counted():
    for learned, expected in ((True, 60), (False, 0)):
        net = Network((Layer("y", OPERATORS["constant"](shape=(3, 4, 5), learned=learned)),))
        assert run(trace(net), {})["params"] == expected


def test_sizes_mean_something_after_the_failures_that_say_how_many_there_are():
    lasting = {code for code, rule in RULES.items() if not rule.poisons}
    assert lasting == {f"CS{n:03d}" for n in (7, 9, 10, 11, 14, 16, 17, 18, 20, 21, 23, 26, 28, 29, 31)}
    assert {code for code, rule in RULES.items() if not rule.decides} == {f"CS{n:03d}" for n in (27, 28, 30, 32)}


@pytest.mark.parametrize(
    ("operator", "shapes", "expected"),
    [
        (OPERATORS["crop"](amount=2), [(3, 5, 6)], (3, 1, 2)),
        (OPERATORS["center_crop"](size=5), [(3, 5, 6)], (3, 5, 5)),
        (OPERATORS["center_crop"](size=[4, None]), [(3, 5, 6)], (3, 4, 6)),
        (OPERATORS["center_crop"](), [(3, 5, 6), (7, 5, 2)], (3, 5, 2)),
        (OPERATORS["center_crop_pad"](size=[None, 9]), [(3, 5, 6)], (3, 5, 9)),
        (OPERATORS["matmul"](), [(3, 2), (2, 4)], (3, 4)),
        (OPERATORS["matmul"](), [(5, 3, 2), (2, 4)], (5, 3, 4)),
        (OPERATORS["matmul"](), [(3, 2), (6, 2, 4)], (6, 3, 4)),
        (OPERATORS["matmul"](), [(1, 3, 2), (6, 2, 4)], (6, 3, 4)),
        (OPERATORS["dropout"](p=0), [(3, 5)], (3, 5)),
        (OPERATORS["dropout"](p=1), [(3, 5)], (3, 5)),
    ],
)
def test_what_just_fits(operator, shapes, expected):
    assert shape_of(operator, *shapes) == expected


@pytest.mark.parametrize(
    ("operator", "shapes", "word"),
    [
        (ConvTranspose(out_channels=2, kernel_size=3, stride=2, padding=1, output_size=8), [(3, 5)], "out of reach"),
        (ConvTranspose(out_channels=2, kernel_size=3, stride=2, padding=1, output_size=11), [(3, 5)], "out of reach"),
        (OPERATORS["crop"](amount=2), [(3, 4, 6)], "takes all"),
        (OPERATORS["center_crop"](size=[6, None]), [(3, 5, 9)], "takes all"),
        (OPERATORS["center_crop"](size=4), [(3, 5, 6), (3, 2, 2)], "not both"),
        (OPERATORS["matmul"](), [(2,), (2, 3)], "two axes on both sides"),
        (OPERATORS["matmul"](), [(3, 2), (2,)], "two axes on both sides"),
    ],
)
def test_what_just_does_not_fit(operator, shapes, word):
    with pytest.raises(NetworkError, match=word):
        shape_of(operator, *shapes)


@pytest.mark.parametrize(("kind", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_recurrent_layers_multiply_each_weight_once_a_step(kind, gates):
    steps, features, hidden = 5, 3, 4
    first, second = (features + hidden) * hidden, (2 * hidden + hidden) * hidden
    for options, weights in (({}, first), ({"bidirectional": True, "num_layers": 2}, 2 * (first + second))):
        net = network(OPERATORS[kind](hidden_size=hidden, **options), (steps, features))
        assert run(trace(net), {})["y.macs"] == steps * weights * gates


@pytest.mark.parametrize("share", [-0.01, 1.01])
def test_a_share_is_from_0_to_1(share):
    with pytest.raises(NetworkError, match="from 0 to 1"):
        OPERATORS["dropout"](p=share)


@pytest.mark.parametrize(
    ("scale", "largest"), [(0.7, 22_719), (0.29, 189_399), (1 / 49, 44_589), (1 / 3, 2**20), (2.2, 2**20)]
)
def test_a_scale_is_followed_as_far_as_rounding_is_known(scale, largest):
    upsample = Upsample(scale_factor=scale)
    for size in (60, 490, 700, 1000, largest - 1, largest):
        assert shape_of(upsample, (1, size)) == (1, int(size * scale))
    with pytest.raises(NetworkError, match="rounds"):
        shape_of(upsample, (1, largest + 1))


def test_same_padding_by_reflection_needs_its_wider_side():
    conv = Conv(out_channels=2, kernel_size=4, padding="same", padding_mode="reflect")
    assert judged(network(conv, (1, 3)))[1] == []
    assert judged(network(conv, (1, 2)))[1] == ["CS005"]


@pytest.mark.parametrize(("padding", "codes"), [((-3, 2), []), ((-4, 3), ["CS019"])])
def test_constant_padding_may_crop_all_there_was(padding, codes):
    assert judged(network(Pad(padding=(padding,)), (1, 3)))[1] == codes


def test_open_padding_that_may_crop():
    open_padding = network(Pad(padding=hole("p", -1, 2), mode="reflect"), (1, 2), framework="onnx")
    traced = trace(open_padding)
    found = {p: [r.rule.code for r in traced.requirements if not evaluate(r.condition, run(traced, {"p": p}))]
             for p in (-1, 0, 1, 2)}  # fmt: skip
    assert found == {-1: ["CS019", "CS002"], 0: [], 1: [], 2: ["CS005"]}
    never = trace(network(Pad(padding=hole("p", 0, 2)), (1, 2)))
    assert "CS019" not in [r.rule.code for r in never.requirements]


def test_open_entries_of_a_shape():
    for operator in (
        OPERATORS["reshape"](shape=(hole("k", 1, 3), -1)),
        OPERATORS["unflatten"](sizes=(hole("k", 1, 3), -1)),
    ):
        traced = trace(network(operator, (6,)))
        found = [tuple(evaluate(n, run(traced, {"k": k})) for n in traced.shapes["y"]) for k in (1, 2, 3)]
        assert found == [(1, 6), (2, 3), (3, 2)]
    for kind, name in (("reshape", "shape"), ("unflatten", "sizes")):
        with pytest.raises(NetworkError, match="at least -1"):
            OPERATORS[kind](**{name: (-2, 3)})


def test_a_slice_from_an_open_position_that_lies_outside():
    net = network(Slice(axis=1, start=hole("start", -9, 9)), (3, 7))
    assert [run(trace(net), {"start": start})["y.length"] for start in (-9, -7, -1, 0, 1, 6)] == [7, 7, 1, 7, 6, 1]


def test_the_first_input_of_a_choice_whose_condition_holds():
    pick = eq(hole("pick", 1, 2), 1)
    assert Choice(conditions=(False, True)).chosen() == 1
    assert Choice(conditions=(False, False)).chosen() == 2
    assert Choice(conditions=(False, pick)).chosen() is None
    assert Layer("y", Choice(conditions=()), ("x",)).operator.chosen() == 0
    with pytest.raises(NetworkError, match="at least 1 inputs, got 0"):
        Layer("y", Choice(conditions=()))


@pytest.mark.parametrize(
    ("framework", "shape", "size", "codes"),
    [("onnx", (1, 2, 3), (4, 6), []), ("onnx", (1, 2, 3), (8, 3), []), ("onnx", (1, 2, 3), (23, 1), ["CS021"]),
     ("torch", (1, 3), 7, []), ("torch", (1, 3), 5, []), ("torch", (1, 3), 8, ["CS021"]), ("torch", (1, 3), 4, ["CS021"])],
)  # fmt: skip
def test_where_maxima_may_be_put_back(framework, shape, size, codes):
    unpool = OPERATORS["max_unpool"](kernel_size=2, output_size=size)
    assert judged(network(unpool, shape, shape, framework=framework))[1] == codes


@pytest.mark.parametrize("aspect", ["not_larger", "not_smaller"])
def test_an_aspect_that_is_kept(aspect):
    rng = random.Random(aspect)
    for _ in range(200):
        sizes = [rng.randint(1, 30) for _ in range(3)]
        wished = [rng.choice([None, rng.randint(1, 30)]) for _ in sizes]
        if wished == [None] * 3:
            continue
        ratios = [Fraction(w, n) for w, n in zip(wished, sizes, strict=True) if w is not None]
        scale = min(ratios) if aspect == "not_larger" else max(ratios)
        exact = [n if w is None else scale * n for n, w in zip(sizes, wished, strict=True)]
        expected = tuple(int(n + Fraction(1, 2)) for n in exact)
        shape, codes = judged(network(Upsample(size=wished, aspect=aspect), (1, *sizes), framework="onnx"))
        if 0 in expected:
            assert "CS002" in codes
        elif "CS030" not in codes:
            assert (shape, codes) == ((1, *expected), [])
        else:  # it lies halfway along some axis, by some of the ratios
            assert any((2 * r * n).denominator == 1 and (r * n).denominator == 2 for r in ratios for n in sizes)


def test_reaches():
    site = network(OPERATORS["relu"](), (1, 2, 2))
    unpool = OPERATORS["max_unpool"](kernel_size=(3, 2), stride=(4, 1))
    assert unpool.reach(site, [(1, 5, 5)], [(1, 9, 9)]) == [Reach(3, 1, 4), Reach(2, 1, 1)]
    assert (
        OPERATORS["deform_conv"](out_channels=1, kernel_size=3).reach(site, [(1, 5, 5)], [(1, 3, 3)])
        == [Reach(whole=True)] * 2
    )
    assert OPERATORS["space_to_depth"](block_size=3).reach(site, [(1, 6, 6)], [(9, 2, 2)]) == [Reach(3, 3)] * 2


def test_the_gist_of_a_page_is_its_first_sentence():
    assert RULES["CS002"].gist == "An output would have no elements along some axis: its size comes out as 0 or less."
    assert RULES["CS029"].gist.endswith("with an exception of its own.")


def test_what_must_be_a_number_is_not_left_out():
    for name in ("kernel_size", "stride", "dilation"):
        with pytest.raises(NetworkError, match=f"{name} must be a whole number, got None"):
            Conv(**{"out_channels": 2, "kernel_size": 3, name: None})


def test_every_operator_is_a_frozen_value_of_named_parameters():
    for kind, operator in OPERATORS.items():
        assert operator.__dataclass_params__.frozen, kind
        assert all(field.kw_only for field in dataclasses.fields(operator) if field.init), kind


def test_an_unknown_that_meets_a_size_of_1_stays_what_it_is():
    n = hole("n", 4, 5)
    assert shape_of(Add(), (n, 3), (1, 3)) == shape_of(Add(), (1, 3), (n, 3)) == (n, 3)


def test_a_batch_that_is_flattened_too_is_counted():
    assert shape_of(Flatten(with_batch=True), (3, 4, 5)) == (2 * 60,)


def test_a_position_of_nothing_or_zero_is_counted_from_the_front():
    part = shape_of(Slice(axis=0, start=hole("z", 0)), (5, 4))
    assert [evaluate(n, {"z": 0}) for n in part] == [5, 4]


def test_sizes_halfway_between_two_numbers_are_not_known_where_the_aspect_is_kept():
    with pytest.raises(NetworkError):
        shape_of(Upsample(size=(3, 99), aspect="not_larger"), (1, 2, 5), framework="onnx")
    assert shape_of(Upsample(size=(4, 99), aspect="not_larger"), (1, 2, 5), framework="onnx") == (1, 4, 10)


@pytest.mark.parametrize("scale", [1.1, 0.1, 2 / 3, 0.1234567, 1.9999, 3.3333333, 0.7])
def test_what_is_said_of_rounding_is_said_as_far_as_it_is_true(scale):
    p, q, less, far = _rounding(scale, False)
    short = set(less)
    tried = [*range(1, min(far, 3000) + 1), *range(max(1, far - 50), far + 1)]
    assert all(n * p // q - (n in short) == math.floor(n * scale) for n in tried)
    if far < 1 << 20:
        assert (far + 1) * p // q - math.floor((far + 1) * scale) != 0


def test_places_of_maxima_have_the_axes_of_the_maxima():
    for places in ((1, 4), (1, 4, 4, 4)):
        with pytest.raises(RankError, match="a place for each maximum"):
            shape_of(MaxUnpool(kernel_size=2), (1, 4, 4), places)


def test_a_norm_of_two_axes_reaches_everywhere():
    shape = (4, 4, 4)
    site = _Alone("torch")
    assert OPERATORS["layer_norm"](normalized_shape=(4, 4)).reach(site, [shape], [shape]) is None
    assert OPERATORS["layer_norm"](normalized_shape=(4,)).reach(site, [shape], [shape]) == [Reach()] * 2


def test_steps_cost_as_many_times_one_as_there_are():
    step = Conv(out_channels=8, kernel_size=3)
    layers = (Layer("x", Input(shape=(10, 1, 6, 6))), Layer("y", Stepwise(layer=step), ("x",)))
    assert run(trace(Network(layers)), {})["y.macs"] == 10 * 8 * 9 * 16
    assert Input(shape=()).shape == ()
