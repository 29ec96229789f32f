"""What problem files rely on: what is left out, how many inputs there are, in which order axes stand, what is accepted."""

from __future__ import annotations

import contextlib
import dataclasses
import random

import jsonschema
import numpy as np
import pytest

from convsolve.dims import Domain, evaluate, hole
from convsolve.errors import NetworkError
from convsolve.network import Layer, Network
from convsolve.network.trace import run, trace
from convsolve.operators import OPERATORS, Input, axis_names
from convsolve.operators.base import spatial_names
from convsolve.operators.parameters import (
    Conditions,
    Flag,
    Number,
    Padding,
    PerAxis,
    Scale,
    Shapes,
    Sizes,
    Text,
    WholeNumber,
    Word,
)

_WINDOW = {"stride": 1, "padding": 0, "dilation": 1}
_CONVOLUTION = {**_WINDOW, "bias": True, "padding_mode": "zeros", "in_channels": None}
_POOL = {"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False}
_RECURRENT = {
    "in_features": None, "num_layers": 1, "bidirectional": False, "return_sequences": True, "bias": True}  # fmt: skip
_LEARNED = {"affine": True, "scale": True, "shift": True}

_BY_ELEMENT = ("add", "sub", "mul", "div", "pow", "maximum", "minimum", "average", "elementwise")

LEFT_OUT = {
    "conv": {**_CONVOLUTION, "groups": 1},
    "depthwise_conv": {**_CONVOLUTION, "multiplier": 1},
    "conv_transpose": {**_WINDOW, "output_padding": None, "output_size": None, "groups": 1, "bias": True,
                       "in_channels": None},
    "deform_conv": {**_CONVOLUTION, "groups": 1, "offset_groups": 1},
    "conv_lstm": {**_CONVOLUTION, "return_sequences": True},
    "max_pool": {**_POOL, "crops": False}, "avg_pool": {**_POOL, "crops": True}, "lp_pool": {**_POOL, "crops": True},
    "global_avg_pool": {"keepdims": False}, "global_max_pool": {"keepdims": False},
    "max_unpool": {"stride": None, "padding": 0, "output_size": None, "places": None}, "fold": _WINDOW,
    "pad": {"mode": "constant"}, "center_crop": {"size": None},
    "upsample": {"scale_factor": None, "size": None, "mode": "nearest", "aspect": "stretch"},
    "grid_sample": {"mode": "linear"},
    "flatten": {"start_axis": 0, "end_axis": -1, "with_batch": False}, "unflatten": {"axis": 0},
    "slice": {"start": 0, "stop": None, "step": 1, "inside": False},
    "gather": {"positions": None, "shape": None, "least": 0, "largest": 0},
    "split": {"axis": None}, "chunk": {"axis": None}, "concat": {"axis": None}, "unfold": {"step": 1},
    "reduce": {"keepdims": False}, "top_k": {"axis": -1},
    **{kind: {"broadcast": True} for kind in _BY_ELEMENT},
    "linear": {"in_features": None, "bias": True}, "embedding": {"least": 0, "largest": 0},
    "rnn": _RECURRENT, "lstm": _RECURRENT, "gru": {**_RECURRENT, "reset_after": True},
    "batch_norm": {**_LEARNED, "running": True, "num_features": None}, "instance_norm": {"affine": False},
    "group_norm": _LEARNED, "layer_norm": {**_LEARNED, "normalized_shape": None},
    "identity": {"weights": 0, "mixes": False}, "prelu": {"slopes": 1}, "dropout": {"p": 0.5},
    "constant": {"learned": False}, "opaque": {"weights": 0, "refused": ""},
}  # fmt: skip
"""The value of each parameter that a file need not give."""


def test_what_is_left_out():
    found = {
        kind: {f.name: f.default for f in dataclasses.fields(o) if f.default is not dataclasses.MISSING}
        for kind, o in OPERATORS.items()
    }
    assert {kind: defaults for kind, defaults in found.items() if defaults} == LEFT_OUT


REQUIRED = {
    "conv": {"out_channels": 4, "kernel_size": 1}, "depthwise_conv": {"kernel_size": 1},
    "conv_transpose": {"out_channels": 4, "kernel_size": 1}, "deform_conv": {"out_channels": 4, "kernel_size": 1},
    "conv_lstm": {"out_channels": 4, "kernel_size": 1},
    **{kind: {"kernel_size": 1} for kind in ("max_pool", "avg_pool", "lp_pool", "max_unpool")},
    **{kind: {"output_size": 1} for kind in ("adaptive_avg_pool", "adaptive_max_pool")},
    "fold": {"size": (2, 2), "kernel_size": 1}, "pad": {"padding": 1}, "crop": {"amount": 1},
    "center_crop_pad": {"size": 2}, "affine_grid": {"size": (4, 4)},
    **{kind: {"block_size": 1} for kind in ("pixel_shuffle", "pixel_unshuffle", "depth_to_space", "space_to_depth")},
    "unflatten": {"sizes": (2, -1)}, "reshape": {"shape": (-1,)}, "permute": {"order": (0,)}, "squeeze": {"axis": 0},
    "unsqueeze": {"axis": 0}, "slice": {"axis": 0}, "gather": {"axis": 0}, "split": {"sizes": (1, 2)},
    "chunk": {"chunks": 2}, "expand": {"shape": (4,)}, "tile": {"repeats": (2,)}, "unfold": {"axis": 0, "size": 1},
    "reduce": {"axes": (0,)}, "top_k": {"count": 1}, "elementwise": {"function": "where"},
    "linear": {"out_features": 4}, "einsum": {"equation": "ab->ba"}, "embedding": {"count": 9, "dim": 4},
    "rnn": {"hidden_size": 4}, "lstm": {"hidden_size": 4}, "gru": {"hidden_size": 4},
    "stepwise": {"layer": OPERATORS["relu"]()}, "group_norm": {"groups": 1}, "constant": {"shape": (4,)},
    "opaque": {"what": "it", "seen": ((4,),), "outputs": ((4,),)},
}  # fmt: skip
"""Values for the parameters that a file must give."""


@pytest.mark.parametrize("kind", OPERATORS)
def test_what_must_be_given(kind):
    given = REQUIRED.get(kind, {})
    assert sorted(OPERATORS[kind].required()) == sorted(given)
    assert OPERATORS[kind](**given).stated() == given


ONE = (1, 1)
INPUTS = {
    "deform_conv": (2, 3), "max_unpool": (2, 2), "center_crop": (1, 2), "upsample": (1, 2), "grid_sample": (2, 2),
    **dict.fromkeys(_BY_ELEMENT, (2, 9)),
    "concat": (1, 9), "matmul": (2, 2), "einsum": (1, 9), "stepwise": (1, 9), "constant": (0, 0), "opaque": (0, 9),
}  # fmt: skip
"""The least and the greatest number of inputs, where it is not just one; 9 stands for any."""


@pytest.mark.parametrize("kind", OPERATORS)
def test_how_many_inputs_there_are(kind):
    operator = OPERATORS[kind](**REQUIRED.get(kind, {}))
    taken = []
    for count in range(10):
        with contextlib.suppress(NetworkError):
            taken.append(len(Layer("y", operator, tuple(f"x{i}" for i in range(count))).inputs))
    least, greatest = INPUTS.get(kind, ONE)
    assert taken == list(range(least, greatest + 1))


def made(operator, *shapes, **options):
    """Return the shapes that an operator gives, as they are written, or the failing codes."""
    layers = [Layer(f"x{i}", Input(shape=s)) for i, s in enumerate(shapes)]
    traced = trace(Network((*layers, Layer("y", operator, tuple(layer.name for layer in layers))), **options))
    values = run(traced, {})
    failed = [r.rule.code for r in traced.requirements if not evaluate(r.condition, values)]
    tensors = [t for t in traced.shapes if t.startswith("y[")] or ["y"]
    return failed or [tuple(evaluate(n, values) for n in traced.written(t)) for t in tensors]


AS_WRITTEN = [
    ("flatten", {"start_axis": 1}, [(2, 3, 5)], [(2, 15)]),
    ("unflatten", {"axis": 2, "sizes": (3, -1)}, [(4, 5, 6)], [(4, 5, 3, 2)]),
    ("reshape", {"shape": (4, -1)}, [(2, 3, 4)], [(4, 6)]),
    ("permute", {"order": (1, 0, 2)}, [(2, 3, 4)], [(3, 2, 4)]),
    ("squeeze", {"axis": 0}, [(1, 3, 4)], [(3, 4)]),
    ("unsqueeze", {"axis": 0}, [(2, 3)], [(1, 2, 3)]),
    ("slice", {"axis": 0, "start": 2}, [(3, 4, 5)], [(1, 4, 5)]),
    ("gather", {"axis": 0, "positions": (1, 1)}, [(3, 4, 5)], [(2, 4, 5)]),
    ("split", {"axis": 0, "sizes": (1, 2)}, [(3, 4, 5)], [(1, 4, 5), (2, 4, 5)]),
    ("chunk", {"axis": 0, "chunks": 2}, [(3, 4, 5)], [(2, 4, 5), (1, 4, 5)]),
    ("expand", {"shape": (3, 1, 5)}, [(3, 4, 1)], [(3, 4, 5)]),
    ("tile", {"repeats": (2, 1, 3)}, [(3, 4, 5)], [(6, 4, 15)]),
    ("unfold", {"axis": 0, "size": 2}, [(3, 4, 5)], [(2, 4, 5, 2)]),
    ("reduce", {"axes": (0,)}, [(3, 4, 5)], [(4, 5)]),
    ("top_k", {"count": 2}, [(3, 4, 5)], [(3, 4, 2)] * 2),
    ("add", {}, [(3, 4, 5), (4, 1)], [(3, 4, 5)]),
    ("concat", {"axis": 0}, [(3, 4, 5), (1, 4, 5)], [(4, 4, 5)]),
    ("linear", {"out_features": 9}, [(3, 4, 5)], [(3, 4, 9)]),
    ("matmul", {}, [(3, 4, 5), (5, 2)], [(3, 4, 2)]),
    ("einsum", {"equation": "abc->cab"}, [(3, 4, 5)], [(5, 3, 4)]),
    ("embedding", {"count": 9, "dim": 2}, [(3, 4)], [(3, 4, 2)]),
    ("rnn", {"hidden_size": 2}, [(3, 4)], [(3, 2)]),
    ("stepwise", {"layer": OPERATORS["linear"](out_features=9)}, [(3, 4)], [(3, 9)]),
    ("layer_norm", {"normalized_shape": (4, 5)}, [(3, 4, 5)], [(3, 4, 5)]),
    ("affine_grid", {"size": (4, 5)}, [(2, 3)], [(4, 5, 2)]),
    ("opaque", {"what": "it", "seen": ((3, 4),), "outputs": ((5, 4, 3),)}, [(3, 4)], [(5, 4, 3)]),
]


@pytest.mark.parametrize(("kind", "given", "shapes", "expected"), AS_WRITTEN)
def test_some_operators_take_the_axes_as_they_are_written(kind, given, shapes, expected):
    for data_format in ("channels_first", "channels_last"):
        assert made(OPERATORS[kind](**given), *shapes, data_format=data_format) == expected


def test_all_others_know_which_axis_is_the_channels():
    as_written = {kind for kind, *_ in AS_WRITTEN} | {"lstm", "gru", "grid_sample", "constant"}
    as_written |= {kind for kind, operator in OPERATORS.items() if issubclass(operator, OPERATORS["add"])}
    shapes = {"deform_conv": [(3, 6, 6), (2, 6, 6)], "max_unpool": [(3, 6, 6)] * 2, "fold": [(6, 4)],
              "conv_lstm": [(3, 4, 6, 5)], "upsample": [(3, 6, 5), (1, 2, 4)]}  # fmt: skip
    for kind in set(OPERATORS) - as_written:
        operator, first = OPERATORS[kind](**REQUIRED.get(kind, {})), shapes.get(kind, [(3, 6, 5)])
        last = [(*shape[1:], shape[0]) for shape in first]
        expected = [(*shape[1:], shape[0]) for shape in made(operator, *first)]
        assert made(operator, *last, data_format="channels_last") == expected, kind


def test_a_grid_is_written_before_its_coordinates():
    for data_format, expected in (("channels_first", (3, 4, 5)), ("channels_last", (4, 5, 3))):
        shape = (3, 8, 8) if data_format == "channels_first" else (8, 8, 3)
        assert made(OPERATORS["grid_sample"](), shape, (4, 5, 2), data_format=data_format) == [expected]


REACHING = [
    ("conv", {"out_channels": 4, "kernel_size": 1}), ("depthwise_conv", {"kernel_size": 1}),
    ("conv_transpose", {"out_channels": 4, "kernel_size": 1}), ("max_pool", {"kernel_size": 1}),
    ("max_unpool", {"kernel_size": 1}), ("adaptive_avg_pool", {"output_size": 1}), ("global_avg_pool", {}),
    ("upsample", {"scale_factor": 2}), ("depth_to_space", {"block_size": 1}), ("space_to_depth", {"block_size": 1}),
    ("flatten", {}), ("slice", {"axis": 1}), ("split", {"sizes": (1, 2)}), ("chunk", {"chunks": 2}),
    ("reduce", {"axes": (0,), "keepdims": True}), ("layer_norm", {}), ("add", {}), ("concat", {}), ("relu", {}),
    ("identity", {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "given"), REACHING)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_every_spatial_axis_has_its_reach(kind, given, rank):
    operator, shape = OPERATORS[kind](**given), (3, 4, 5, 6)[: rank + 1]
    layers = [Layer(f"x{i}", Input(shape=shape)) for i in range(max(1, operator.arity[0]))]
    network = Network((*layers, Layer("y", operator, tuple(layer.name for layer in layers))))
    traced = trace(network)
    reaches = operator.reach(network, [shape] * len(layers), [traced.shapes[t] for t in traced.shapes if t[0] == "y"])
    assert len(reaches) == rank


def test_axes_have_names():
    assert [axis_names(rank) for rank in range(5)] == [
        (), ("features",), ("channels", "length"), ("channels", "height", "width"),
        ("channels", "depth", "height", "width")]  # fmt: skip
    assert spatial_names(4) == ("axis1", "axis2", "axis3", "axis4")


KINDS = [
    WholeNumber(), WholeNumber(minimum=0), WholeNumber(minimum=None), PerAxis(), PerAxis(minimum=0), PerAxis(optional=True),
    Padding(), Padding(minimum=None), Sizes(), Sizes(minimum=None), Sizes(empty=True), Sizes(minimum=-1), Flag(),
    Word(options=("near", "far")), Number(), Scale(), Shapes(), Text(),
]  # fmt: skip
VALUES = [
    -2, -1, 0, 1, 2, 2**40, True, False, 0.5, "near", [], [0], [1], [-1, 2], [1, None], [None], [1, [1, 1]], [[1, 1]], [[1, -1]],
    [[1, 1, 1]], [[1]], [[]], [[0, 2], [2**40]], [True], ["near"],
]  # fmt: skip


def takes(kind, value):
    try:
        kind.check("it", value)
    except NetworkError:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_schema_takes_just_what_is_taken(kind):
    """Names of words and expressions are another matter: a schema lets texts stand where an unknown may."""
    validator = jsonschema.Draft202012Validator(kind.schema())
    for value in VALUES:
        if isinstance(value, str) or value == ["near"]:
            continue
        assert validator.is_valid(value) == takes(kind, value), value


@pytest.mark.parametrize(
    ("kind", "most", "more"),
    [
        (WholeNumber(), 2**40, 2**40 + 1), (WholeNumber(minimum=None), -(2**40), -(2**40) - 1), (PerAxis(), [2**40], [2**40 + 1]),
        (Shapes(), [[2**40]], [[2**40 + 1]]), (Scale(), 2**40, 2**40 + 1), (Scale(), 2**40 - 0.5, 2.0**40),
        (WholeNumber(), hole("n", domain=Domain.range(1, 2**40)), hole("n", domain=Domain.range(1, 2**40 + 1))),
    ],
)  # fmt: skip
def test_the_largest_number(kind, most, more):
    kind.check("it", most)
    with pytest.raises(NetworkError, match=r"more than any|list of shapes|above 0|may reach"):
        kind.check("it", more)


def test_conditions_have_a_schema():
    jsonschema.Draft202012Validator(Conditions().schema()).validate(["a == 1"])


@pytest.mark.parametrize("seed", range(30))
def test_positions_are_taken_as_from_a_list(seed):
    rng = random.Random(seed)
    size = rng.randint(1, 9)
    row = list(range(size))
    start, stop = rng.randint(-12, 12), rng.choice([None, rng.randint(-12, 12)])
    step = rng.randint(1, 4)
    part = row[start:stop:step]
    found = made(OPERATORS["slice"](axis=0, start=start, stop=stop, step=step), (size, 2))
    assert found == ([(len(part), 2)] if part else ["CS024"])
    inside = made(OPERATORS["slice"](axis=0, start=start, stop=stop, step=step, inside=True), (size, 2))
    last = (size if stop is None else stop) - 1
    assert ("CS024" in inside) == (not part or start < -size or last >= size)


@pytest.mark.parametrize(
    ("shape", "ends"), [(None, (3, 3)), ((1,), (-2, -2)), ((4,), (0, 5)), ((2, 3), (-3, 4)), ((2, 1, 3), (2, 2))]
)
def test_an_index_has_its_shape_and_its_ends(shape, ends):
    index = np.array(OPERATORS["gather"](axis=0, shape=shape, least=ends[0], largest=ends[1]).index())
    assert index.shape == (shape or ())
    assert (index.min(), index.max()) == ends
