"""Receptive fields against following every single element by hand."""

from __future__ import annotations

import random

import pytest

from convsolve.dims import eq, evaluate, hole
from convsolve.files import parse
from convsolve.network import Layer, Network
from convsolve.network.receptive_field import receptive_field, receptive_fields
from convsolve.network.trace import run, trace
from convsolve.operators import (
    OPERATORS,
    AdaptiveAvgPool,
    Add,
    AvgPool,
    Choice,
    Conv,
    ConvTranspose,
    DepthToSpace,
    Flatten,
    GlobalAvgPool,
    Input,
    Linear,
    MaxPool,
    Permute,
    Reduce,
    SpaceToDepth,
    Unsqueeze,
    Upsample,
)
from convsolve.problem import Problem, trace_problem

SIZE = 400


def seen(operators):
    """Return for each output element the lowest and the highest input element that it can depend on."""
    reached = [(i, i) for i in range(SIZE)]
    for operator in operators:
        size = len(reached)
        if isinstance(operator, (Conv, AvgPool)):
            k, s, d = operator.kernel_size, operator.stride, operator.dilation
            window = d * (k - 1)
            count = (size - window - 1) // s + 1
            reached = [_span(reached[y * s : y * s + window + 1 : d]) for y in range(count)]
        elif isinstance(operator, ConvTranspose):
            k, s = operator.kernel_size, operator.stride
            new = [[] for _ in range((size - 1) * s + k)]
            for i in range(size):
                for j in range(k):
                    new[i * s + j].append(reached[i])
            reached = [_span(sources) for sources in new]
        else:
            reached = [r for r in reached for _ in range(operator.scale_factor)]
    return reached


def _span(sources):
    return min(low for low, _ in sources), max(high for _, high in sources)


def chain(operators):
    layers = [Layer("x", Input(shape=(1, SIZE)))]
    for i, operator in enumerate(operators):
        layers.append(Layer(f"l{i}", operator, (layers[-1].name,)))
    return Network(tuple(layers))


def random_operators(rng):
    operators, size = [], SIZE
    for _ in range(rng.randint(1, 6)):
        kind = rng.choice(["conv", "conv", "pool", "up", "transposed"])
        if kind == "conv":
            operators.append(Conv(out_channels=1, kernel_size=rng.randint(1, 4), stride=rng.randint(1, 2),
                                  dilation=rng.randint(1, 2)))  # fmt: skip
        elif kind == "pool":
            operators.append(AvgPool(kernel_size=rng.randint(1, 3), stride=rng.randint(1, 3)))
        elif kind == "up" and size < 2 * SIZE:
            operators.append(Upsample(scale_factor=rng.randint(1, 3)))
        elif size < 2 * SIZE:
            stride = rng.randint(1, 2)
            operators.append(ConvTranspose(out_channels=1, kernel_size=rng.randint(stride, 4), stride=stride))
    return operators


def strided_behind_enlarged(operators):
    enlarged = False
    for operator in operators:
        if isinstance(operator, (Conv, AvgPool)):
            if enlarged and operator.stride != 1:
                return True
        else:
            enlarged |= (operator.stride if isinstance(operator, ConvTranspose) else operator.scale_factor) != 1
    return False


@pytest.mark.parametrize("seed", range(200))
def test_random_chains(seed):
    operators = random_operators(random.Random(seed))
    if not operators:
        return
    traced = trace(chain(operators))
    fields = receptive_field(traced, f"l{len(operators) - 1}")
    if strided_behind_enlarged(operators):
        assert isinstance(fields, str) and "stride" in fields
        return
    reached = seen(operators)
    widths = [high - low + 1 for low, high in reached]
    middle = widths[len(widths) // 4 : -len(widths) // 4] or widths
    assert evaluate(fields["length"][0], run(traced, {})) == max(middle)


def fields_of(*operators, shape=(3, 64, 64)):
    layers = [Layer("x", Input(shape=shape))]
    for i, operator in enumerate(operators):
        layers.append(Layer(f"l{i}", operator, (layers[-1].name,)))
    return receptive_field(trace(Network(tuple(layers))), layers[-1].name)


def test_known_values():
    conv = Conv(out_channels=4, kernel_size=3)
    assert fields_of(conv, conv)["height"] == (5, 1)
    assert fields_of(Conv(out_channels=4, kernel_size=7, stride=2), AvgPool(kernel_size=3, stride=2))["width"] == (
        11,
        4,
    )
    up = Upsample(scale_factor=2)
    assert fields_of(AvgPool(kernel_size=2), up)["height"][1] == 1
    assert fields_of(up)["height"][1] is None  # half an input position


def test_a_network_that_sees_everything():
    traced = trace(chain([Conv(out_channels=4, kernel_size=3), GlobalAvgPool()]))
    known = run(traced, {})
    extent, stride = receptive_field(traced, "l1")["length"]
    assert evaluate(extent, known) == SIZE and stride is None
    traced = trace(chain([Flatten()]))
    assert evaluate(receptive_field(traced, "l0")["length"][0], run(traced, {})) == SIZE


def test_branches_count_the_farthest_seeing():
    net = Network((
        Layer("x", Input(shape=(3, 64))),
        Layer("a", Conv(out_channels=4, kernel_size=3, padding=1), ("x",)),
        Layer("b", Conv(out_channels=4, kernel_size=7, padding=3), ("x",)),
        Layer("y", Add(), ("a", "b")),
    ))  # fmt: skip
    assert receptive_field(trace(net), "y")["length"] == (7, 1)


def test_branches_of_different_strides_have_no_stride():
    for other, stride in ((2, None), (1, 1)):
        net = Network((
            Layer("x", Input(shape=(1, 8))),
            Layer("a", Conv(out_channels=1, kernel_size=1, stride=other), ("x",)),
            Layer("b", Conv(out_channels=1, kernel_size=5 if other == 2 else 1), ("x",)),
            Layer("y", Add(), ("a", "b")),
        ))  # fmt: skip
        assert receptive_field(trace(net), "y")["length"][1] == stride


def test_requirements_may_speak_of_it():
    net = chain([Conv(out_channels=4, kernel_size=5, stride=3), Conv(out_channels=4, kernel_size=3)])
    problem = Problem(net, ("receptive_field == 11", "output.receptive_field_stride == 3", "l0.receptive_field == 5"))
    traced = trace_problem(problem).trace
    values = run(traced, {})
    assert all(evaluate(r.condition, values) for r in traced.requirements)


def extents(*operators, shape=(3, 12, 10), **options):
    """Return the receptive field as numbers, or the sentence on why there is none."""
    layers = [Layer("x", Input(shape=shape))]
    for i, operator in enumerate(operators):
        layers.append(Layer(f"l{i}", operator, (layers[-1].name,)))
    traced = trace(Network(tuple(layers), **options))
    fields = receptive_field(traced, layers[-1].name)
    return fields if isinstance(fields, str) else [evaluate(far, run(traced, {})) for far, _ in fields.values()]


@pytest.mark.parametrize(
    ("operators", "expected"),
    [
        ([AdaptiveAvgPool(output_size=(1, None))], [12, 1]),
        ([Reduce(axes=(1, 2))], [12, 10]),
        ([Reduce(axes=(2,), keepdims=True)], [1, 10]),
        ([SpaceToDepth(block_size=2)], [2, 2]),
        ([Conv(out_channels=4, kernel_size=3), DepthToSpace(block_size=2)], [3, 3]),
        ([Upsample(scale_factor=2, mode="linear")], [2, 2]),
        ([Flatten(), Linear(out_features=4)], [12, 10]),
    ],
)
def test_what_operators_see(operators, expected):
    assert extents(*operators) == expected


def test_a_linear_layer_on_the_channels_keeps_neighbours_apart():
    conv, mix = Conv(out_channels=4, kernel_size=3), Linear(out_features=5)
    assert extents(conv, mix, shape=(12, 10, 3), data_format="channels_last") == [3, 3]


@pytest.mark.parametrize(
    ("operators", "shape", "word"),
    [
        ([Linear(out_features=4)], (3,), "the input has no spatial axes"),
        ([AdaptiveAvgPool(output_size=5)], (3, 12), "does not keep neighbours together"),
        ([Permute(order=(1, 0, 2))], (3, 12, 10), "does not keep neighbours together"),
        ([Flatten(start_axis=1)], (3, 12, 10), "does not keep neighbours together"),
        ([Upsample(scale_factor=1.5)], (3, 12), "does not keep neighbours together"),
        ([MaxPool(kernel_size=(2, 2))], (3, 12), "has no shape"),
        ([Flatten(), Unsqueeze(axis=0), MaxPool(kernel_size=2)], (3, 12, 10), "another number of spatial axes"),
    ],
)
def test_where_there_is_none(operators, shape, word):
    found = extents(*operators, shape=shape)
    assert isinstance(found, str) and word in found


def test_several_inputs_have_no_receptive_field():
    net = Network((Layer("x", Input(shape=(3, 8))), Layer("y", Input(shape=(3, 8))), Layer("z", Add(), ("x", "y"))))
    assert receptive_field(trace(net), "z") == "the network has several inputs"


@pytest.mark.parametrize("operator", [Conv(out_channels=4, kernel_size=3), Upsample(scale_factor=2)])
def test_what_does_not_depend_on_the_input(operator):
    layers = (Layer("x", Input(shape=(3, 8))), Layer("c", OPERATORS["constant"](shape=(3, 8))))
    net = Network((*layers, Layer("y", operator, ("c",))))
    assert receptive_field(trace(net), "y") == "y does not depend on the input"


@pytest.mark.parametrize("up", [Conv(out_channels=3, kernel_size=1), Upsample(scale_factor=2)])
def test_an_absent_layer_sees_nothing(up):
    here = eq(hole("here", 1, 0), 1)
    net = Network((
        Layer("x", Input(shape=(3, 32))),
        Layer("up", up, ("x",)),
        Layer("c", Conv(out_channels=3, kernel_size=5, padding=2), ("up",), here),
        Layer("y", Choice(conditions=(here,)), ("c", "up")),
    ))  # fmt: skip
    traced = trace(net)
    extent = receptive_field(traced, "y")["length"][0]
    seen_by = [evaluate(extent, run(traced, {"here": value})) for value in (0, 1)]
    assert seen_by == ([1, 5] if isinstance(up, Conv) else [1, 3])


@pytest.mark.parametrize("shape", [(3, 64), (3, 64, 7)])
def test_what_is_scaled_by_a_vector_of_all_sees_all(shape):
    squeezed = OPERATORS["global_avg_pool"](keepdims=False)
    net = Network((
        Layer("x", Input(shape=shape)),
        Layer("small", Conv(out_channels=3, kernel_size=3, stride=2), ("x",)),
        Layer("vector", squeezed, ("small",)),
        Layer("gate", Linear(out_features=shape[-1]), ("vector",)),
        Layer("y", OPERATORS["mul"](), ("x", "gate")),
    ))  # fmt: skip
    traced = trace(net)
    extent, stride = receptive_field(traced, "y")["length" if len(shape) == 2 else "height"]
    assert (evaluate(extent, run(traced, {})), stride) == (63, None)  # the last of 64 is left out by the stride


def test_an_absent_layer_strides_over_nothing():
    here = eq(hole("here", 1, 0), 1)
    net = Network((
        Layer("x", Input(shape=(3, 33))),
        Layer("down", Conv(out_channels=3, kernel_size=3, stride=2), ("x",), here),
        Layer("same", Conv(out_channels=3, kernel_size=1), ("x",)),
        Layer("one", Choice(conditions=(here,)), ("down", "same")),
        Layer("y", Conv(out_channels=3, kernel_size=3), ("one",)),
    ))  # fmt: skip
    traced = trace(net)
    extent, stride = receptive_field(traced, "y")["length"]
    found = [(evaluate(extent, run(traced, {"here": h})), evaluate(stride, run(traced, {"here": h}))) for h in (0, 1)]
    assert found == [(3, 1), (7, 2)]


def test_the_fields_of_all_layers_are_those_of_each_alone():
    conv = Conv(out_channels=3, kernel_size=3, stride=2)
    for last in (conv, Reduce(axes=(2,), keepdims=True), AdaptiveAvgPool(output_size=(None, 1)), GlobalAvgPool()):
        layers = [Layer("x", Input(shape=(3, 20, 30)))]
        for i, operator in enumerate((conv, conv, last)):
            layers.append(Layer(f"l{i}", operator, (layers[-1].name,)))
        traced = trace(Network(tuple(layers)))
        values = run(traced, {})
        alone = {layer.name: receptive_field(traced, layer.name) for layer in layers}
        assert receptive_fields(traced, values) == {
            name: {axis: evaluate(extent, values) for axis, (extent, _) in own.items()} for name, own in alone.items()
        }


def test_behind_a_flatten_a_field_ends_with_the_input():
    layers = "[{conv: {name: a, out_channels: 2, kernel_size: 9, padding: half, dilation: D}}, HEAD, {linear: {out_features: 3}}]"
    for head, dilation, own, whole in (("flatten", 1, 9, 40), ("flatten", 8, 65, 40), ("global_avg_pool", 8, 65, 104)):
        problem = parse(f"input: [1, 40]\nlayers: {layers}".replace("HEAD", head).replace("D", str(dilation)))
        traced = trace(problem.network)
        values = run(traced, {})
        fields = receptive_fields(traced, values)
        assert (fields["a"]["length"], fields[head + "1"]["length"]) == (own, whole)
