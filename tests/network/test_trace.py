"""The trace: what is named, what is required and under which condition, and what the numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsolve.dims import Domain, any_of, eq, evaluate, hole, negation
from convsolve.errors import NetworkError
from convsolve.network import Layer, Network
from convsolve.network.trace import COSTS, run, run_arrays, to_canonical, to_written, trace
from convsolve.operators import (
    Add,
    BatchNorm,
    Choice,
    Chunk,
    Conv,
    Flatten,
    GlobalAvgPool,
    Identity,
    Input,
    Linear,
    MaxPool,
    Split,
    Upsample,
)
from convsolve.rules import RANK


def network(*layers, shape=(4, 8, 8), **options):
    return Network((Layer("x", Input(shape=shape)), *layers), **options)


def defined(traced):
    return [definition.name for definition in traced.definitions]


def demands(traced, layer):
    return [(r.rule.code, r.axis) for r in traced.requirements if r.layer == layer]


def by_rules(traced, values):
    """Return the codes of the requirements that these values break."""
    return [r.rule.code for r in traced.requirements if not evaluate(r.condition, values)]


# -- definitions


def test_every_axis_and_every_cost_has_a_name():
    traced = trace(network(Layer("c", Conv(out_channels=2, kernel_size=3), ("x",)), Layer("f", Flatten(), ("c",))))
    assert defined(traced) == [
        "x.channels", "x.height", "x.width", "x.params", "x.macs", "x.activations",
        "c.channels", "c.height", "c.width", "c.params", "c.macs", "c.activations",
        "f.features", "f.params", "f.macs", "f.activations",
        *COSTS,
    ]  # fmt: skip


def test_a_definition_speaks_of_the_layer_before():
    first, second = (Layer(n, MaxPool(kernel_size=2), (i,)) for n, i in [("a", "x"), ("b", "a")])
    values = {d.name: d.value for d in trace(network(first, second, shape=(1, hole("n", 8, 9), 8))).definitions}
    assert str(values["b.height"]) == "(a.height - 2)//2 + 1" and str(values["a.height"]) == "(x.height - 2)//2 + 1"


def test_each_tensor_of_several_has_names_of_its_own():
    split = Layer("s", Split(sizes=(1, 3)), ("x",))
    traced = trace(network(split, Layer("y", Identity(), ("s[1]",))))
    assert {"s[0].channels", "s[1].channels", "s[1].height", "s.activations"} <= {*defined(traced)}
    assert traced.shapes["s"] == traced.shapes["s[0]"] != traced.shapes["s[1]"]
    values = run(traced, {})
    assert (values["s[0].channels"], values["s[1].channels"], values["y.channels"]) == (1, 3, 3)
    assert values["s.activations"] == 4 * 8 * 8


def test_a_list_of_one_tensor_is_that_tensor():
    traced = trace(network(Layer("s", Chunk(chunks=1), ("x",))))
    assert "s.channels" in defined(traced) and "s[0]" not in traced.shapes


@pytest.mark.parametrize("reference", ["s[2]", "x[0]"])
def test_a_tensor_that_no_layer_makes(reference):
    split = Layer("s", Split(sizes=(1, 3)), ("x",))
    with pytest.raises(NetworkError, match="is not an output of a layer") as caught:
        trace(network(split, Layer("y", Identity(), (reference,))))
    assert caught.value.layer == "y"
    with pytest.raises(NetworkError, match="is not an output of") as caught:
        trace(network(split, outputs=(reference,)))
    assert caught.value.layer == reference[0]


def test_parameters_that_do_not_fit_together_name_their_layer():
    choice = Layer("y", Choice(conditions=()), ("x", "x"))
    with pytest.raises(NetworkError, match=r"y: a choice of 2 needs 1 conditions") as caught:
        trace(network(choice))
    assert caught.value.layer == "y"


# -- costs


def test_costs_add_up():
    traced = trace(network(
        Layer("c", Conv(out_channels=2, kernel_size=3), ("x",)),
        Layer("p", GlobalAvgPool(), ("c",)),
        Layer("l", Linear(out_features=5), ("p",)),
    ))  # fmt: skip
    values = run(traced, {})
    assert (values["c.params"], values["l.params"], values["params"]) == (4 * 9 * 2 + 2, 15, 74 + 15)
    assert (values["c.macs"], values["l.macs"], values["macs"]) == (72 * 36, 10, 72 * 36 + 10)
    assert values["activations"] == 2 * 36 + 2 + 5
    assert all(values[cost] == sum(values[f"{n}.{cost}"] for n in "xcpl") for cost in COSTS)


def test_an_input_and_a_choice_cost_nothing():
    here = eq(hole("here", 1, 0), 1)
    traced = trace(network(Layer("c", Identity(), ("x",), here), Layer("y", Choice(conditions=(here,)), ("c", "x"))))
    values = run(traced, {"here": 1})
    assert [values[f"{n}.activations"] for n in "xcy"] == [0, 256, 0]


def test_an_absent_layer_costs_and_demands_nothing():
    here = eq(hole("here", 1, 0), 1)
    conv = Layer("c", Conv(out_channels=2, kernel_size=9), ("x",), here)
    traced = trace(network(conv, Layer("y", Choice(conditions=(here,)), ("c", "x"))))
    present, absent = run(traced, {"here": 1}), run(traced, {"here": 0})
    assert (present["c.params"], present["params"]) == (4 * 81 * 2 + 2, 4 * 81 * 2 + 2)
    assert (absent["c.params"], absent["c.macs"], absent["params"], absent["macs"]) == (0, 0, 0, 0)
    assert by_rules(traced, present) == ["CS001", "CS001"] and not by_rules(traced, absent)


# -- requirements


def test_what_always_holds_is_no_requirement():
    flat = Layer("f", Flatten(), ("x",))
    assert demands(trace(network(flat)), "x") == []
    assert demands(trace(network(flat, shape=(4, hole("n", 8, 9), 8))), "x") == [("CS002", "height")]


def test_a_requirement_carries_its_axis_and_its_numbers():
    traced = trace(network(Layer("c", Conv(out_channels=2, kernel_size=3), ("x",))))
    assert demands(traced, "c") == [("CS001", "height"), ("CS001", "width")]
    first = next(r for r in traced.requirements if r.layer == "c")
    values = run(traced, {})
    assert {name: evaluate(value, values) for name, value in first.values} == {"window": 3, "padded": 8}


def test_what_only_training_demands_is_in_force_only_then():
    norm = Layer("n", BatchNorm(), ("x",))
    apart = trace(network(norm, shape=(4, 1, 1)))
    assert demands(apart, "n") == [] and [r.rule.code for r in apart.training] == ["CS016"]
    forced = trace(network(norm, shape=(4, 1, 1), training=True))
    assert demands(forced, "n") == [("CS016", "")] and forced.training == ()
    assert by_rules(forced, run(forced, {})) == ["CS016"]
    of_two = trace(network(norm, shape=(4, 1, 1), training=True, batch_size=2))
    assert not by_rules(of_two, run(of_two, {}))


def test_a_wrong_rank_leaves_layers_without_shapes():
    traced = trace(network(
        Layer("f", Flatten(), ("x",)),
        Layer("c", Conv(out_channels=2, kernel_size=3), ("f",)),
        Layer("after", Identity(), ("c",)),
        Layer("beside", Identity(), ("f",)),
    ))  # fmt: skip
    assert traced.shapes["c"] is None and traced.shapes["after"] is None and traced.shapes["beside"] is not None
    assert traced.written("c") is None
    (failure,) = [r for r in traced.requirements if r.rule is RANK]
    assert failure.layer == "c" and failure.condition is False and "got 1 axes" in failure.note
    assert not any(name.startswith(("c.", "after.")) for name in defined(traced))


def test_a_wrong_rank_of_a_layer_that_may_be_absent_requires_its_absence():
    here = eq(hole("here", 1, 0), 1)
    traced = trace(network(Layer("c", MaxPool(kernel_size=(2, 2, 2)), ("x",), here), outputs=("x",)))
    (failure,) = [r for r in traced.requirements if r.rule is RANK]
    assert failure.condition == negation(here)
    assert evaluate(failure.condition, {"here": 0}) and not evaluate(failure.condition, {"here": 1})


# -- one way to write one network


def test_holes_of_absent_layers_are_fixed_to_what_is_preferred():
    here = eq(hole("here", 1, 0), 1)
    k = hole("k", 5, 3)
    conv = Layer("c", Conv(out_channels=hole("width", 8, 16), kernel_size=k), ("x",), here)
    traced = trace(network(conv, Layer("y", Choice(conditions=(here,)), ("c", "x"))))
    assert set(traced.canonical.values()) == {any_of(here, eq(hole("width", 8, 16), 8)), any_of(here, eq(k, 5))}


def test_a_hole_that_a_present_layer_uses_stays_open():
    here = eq(hole("here", 1, 0), 1)
    k = hole("k", 5, 3)
    traced = trace(network(
        Layer("a", MaxPool(kernel_size=k), ("x",)),
        Layer("c", MaxPool(kernel_size=k), ("a",), here),
        Layer("y", Choice(conditions=(here,)), ("c", "a")),
    ))  # fmt: skip
    assert traced.canonical == {}


def test_a_hole_of_two_absent_layers_is_open_while_either_is_there():
    a, b = (eq(hole(n, 1, 0), 1) for n in ("a.present", "b.present"))
    k = hole("k", 1, 3)
    traced = trace(network(
        Layer("a", Conv(out_channels=4, kernel_size=k), ("x",), a),
        Layer("b", Conv(out_channels=4, kernel_size=k), ("x",), b),
        outputs=("x",),
    ))  # fmt: skip
    (condition,) = traced.canonical.values()
    for at, bt, size in [(1, 0, 3), (0, 1, 3), (0, 0, 1)]:
        assert evaluate(condition, {"a.present": at, "b.present": bt, "k": size})
    assert not evaluate(condition, {"a.present": 0, "b.present": 0, "k": 3})


# -- numbers


def branches():
    """Two paths whose sizes depend on three holes, joined, with an optional layer behind."""
    k, s, here = hole("k", 1, 3, 5), hole("s", 1, 2), eq(hole("here", 1, 0), 1)
    return network(
        Layer("a", Conv(out_channels=4, kernel_size=k, stride=s, padding=k // 2), ("x",)),
        Layer("b", MaxPool(kernel_size=s), ("x",)),
        Layer("sum", Add(), ("a", "b")),
        Layer("c", Conv(out_channels=8, kernel_size=k), ("sum",), here),
        Layer("y", Choice(conditions=(here,)), ("c", "sum")),
    )


@given(st.lists(st.tuples(st.sampled_from([1, 3, 5]), st.sampled_from([1, 2]), st.sampled_from([0, 1])), min_size=1))
def test_arrays_say_what_integers_say(rows):
    traced = trace(branches())
    columns = {name: np.array(column) for name, column in zip(("k", "s", "here"), zip(*rows, strict=True), strict=True)}
    arrays = run_arrays(traced, columns)
    for i, (k, s, here) in enumerate(rows):
        for name, value in run(traced, {"k": k, "s": s, "here": here}).items():
            assert np.broadcast_to(arrays[name], len(rows))[i] == value, name


def test_a_dimension_that_is_given_takes_the_place_of_its_definition():
    traced = trace(network(Layer("p", MaxPool(kernel_size=2), ("x",)), Layer("q", MaxPool(kernel_size=2), ("p",))))
    sizes = np.array([8, 9, 31])
    arrays = run_arrays(traced, {"x.height": sizes})
    assert arrays["x.height"] is sizes and arrays["x.width"] == 8
    assert arrays["q.height"].tolist() == [2, 2, 7] and arrays["q.width"] == 2
    inside = run_arrays(traced, {"p.height": sizes})
    assert inside["x.height"] == 8 and inside["q.height"].tolist() == [4, 4, 15]


def test_five_thousand_layers_deep():
    layers = [Layer("l1", Conv(out_channels=4, kernel_size=3, padding=1), ("x",))]
    layers += [
        Layer(f"l{i}", Conv(out_channels=4, kernel_size=3, padding=1), (f"l{i - 1}",)) for i in range(2, 5001)
    ]  # fmt: skip
    traced = trace(network(*reversed(layers), outputs=("l5000",)))
    values = run(traced, {})
    assert (values["l5000.height"], values["params"]) == (8, 5000 * (4 * 9 * 4 + 4))
    assert max(d.value.depth for d in traced.definitions if not isinstance(d.value, int)) < 10


def test_numbers_beyond_all_bounds_are_refused():
    layers = [Layer(f"u{i}", Upsample(scale_factor=2**40), (f"u{i - 1}" if i else "x",)) for i in range(60)]
    with pytest.raises(NetworkError, match="more than 1,200 digits"):
        run(trace(network(*layers)), {})


# -- how shapes are written


@given(st.sampled_from(["channels_first", "channels_last"]), st.lists(st.integers(1, 9)).map(tuple))
def test_the_orders_of_writing_are_inverse(data_format, shape):
    assert to_canonical(data_format, to_written(data_format, shape)) == shape
    assert to_written(data_format, to_canonical(data_format, shape)) == shape


def test_channels_last_puts_the_channels_behind():
    assert to_written("channels_last", (3, 8, 9)) == (8, 9, 3) and to_written("channels_first", (3, 8, 9)) == (3, 8, 9)
    assert to_canonical("channels_last", (8, 9, 3)) == (3, 8, 9) and to_canonical("channels_last", (5,)) == (5,)


@pytest.mark.parametrize("operator", [
    Conv(out_channels=2, kernel_size=(3, 2)), MaxPool(kernel_size=2), Identity(), GlobalAvgPool(), BatchNorm(),
])  # fmt: skip
def test_the_data_format_changes_only_how_shapes_are_written(operator):
    first = trace(network(Layer("y", operator, ("x",)), shape=(3, 8, 9)))
    last = trace(network(Layer("y", operator, ("x",)), shape=(8, 9, 3), data_format="channels_last"))
    assert run(first, {}) == run(last, {})
    assert last.shapes == first.shapes and demands(last, "y") == demands(first, "y")
    canonical = first.written("y")
    assert last.written("y") == to_written("channels_last", canonical)


def test_an_open_input_is_bounded_below():
    traced = trace(network(Layer("y", Identity(), ("x",)), shape=(3, hole("n", domain=Domain.range(4, None)), 8)))
    height = traced.shapes["y"][1]
    assert height.interval == (4, None)
