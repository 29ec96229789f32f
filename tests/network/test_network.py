"""Networks: what is refused, in which order layers stand, and what fixing holes leaves of a sketch."""

from __future__ import annotations

import pytest

from convsolve.dims import Domain, Var, eq, hole, where
from convsolve.errors import NetworkError
from convsolve.network import Layer, Network, tensor_layer
from convsolve.operators import Add, Choice, Concat, Conv, Identity, Input, MaxPool, Split

SOURCE = Layer("x", Input(shape=(4, 8, 8)))


def relu(name, *inputs, when=True):
    return Layer(name, Identity(), inputs or ("x",), when)


def names(network):
    return [layer.name for layer in network.layers]


# -- what is refused


@pytest.mark.parametrize("reference", ["", "a[", "a[x]", "a[1][2]", "[0]"])
def test_what_names_no_tensor(reference):
    with pytest.raises(NetworkError, match="names no tensor"):
        tensor_layer(reference)


@pytest.mark.parametrize("name", ["", "two words", "a[0]", "$k", 'say"', "it's", 7])
def test_what_cannot_be_a_name(name):
    with pytest.raises(NetworkError, match="cannot be a layer's name"):
        Layer(name, Identity(), ("x",))


@pytest.mark.parametrize(
    ("operator", "inputs", "message"),
    [
        (Input(shape=(1,)), ("x",), "y: input takes 0 inputs, got 1"),
        (MaxPool(kernel_size=2), (), "y: max_pool takes 1 inputs, got 0"),
        (MaxPool(kernel_size=2), ("x", "x"), "y: max_pool takes 1 inputs, got 2"),
        (Add(), ("x",), "y: add takes at least 2 inputs, got 1"),
    ],
)
def test_every_operator_takes_so_many_inputs(operator, inputs, message):
    with pytest.raises(NetworkError) as caught:
        Layer("y", operator, inputs)
    assert str(caught.value) == message


def test_a_network_has_layers():
    with pytest.raises(NetworkError, match="at least one layer"):
        Network(())


def test_a_name_is_used_once():
    with pytest.raises(NetworkError, match="two layers are called 'y'") as caught:
        Network((SOURCE, relu("y"), relu("z"), relu("y")))
    assert caught.value.layer == "y"


def test_an_unknown_input():
    with pytest.raises(NetworkError, match="y: there is no layer 'nowhere'") as caught:
        Network((SOURCE, relu("y", "nowhere")))
    assert caught.value.layer == "y"


def test_an_unknown_output():
    with pytest.raises(NetworkError, match="no layer 'nowhere' to be the output"):
        Network((SOURCE, relu("y")), outputs=("y", "nowhere"))


def test_a_parameter_may_use_the_size_of_a_layer_that_exists():
    crop = Layer("y", Conv(out_channels=Var("gone.channels"), kernel_size=1), ("x",))
    with pytest.raises(NetworkError, match="y: there is no layer 'gone'"):
        Network((SOURCE, crop))


def test_a_circle_is_named():
    with pytest.raises(NetworkError) as caught:
        Network((SOURCE, relu("a", "c"), relu("b", "a"), relu("c", "b")))
    message = str(caught.value)
    assert message.startswith("layers depend on each other in a circle: ")
    circle = message.rpartition(": ")[2].split(" -> ")
    assert circle[0] == circle[-1] == caught.value.layer and {*circle} == {"a", "b", "c"}


def test_a_layer_cannot_take_its_own_output():
    with pytest.raises(NetworkError, match="a -> a"):
        Network((SOURCE, relu("a", "a")))


# -- the order


def test_an_order_that_works_is_kept():
    layers = (SOURCE, relu("z"), relu("a"), relu("m", "z"))
    assert Network(layers).ordered == layers


def test_another_order_is_sorted_and_stays_near_what_was_given():
    layers = (relu("late", "first"), SOURCE, relu("z"), relu("first"), relu("a"))
    network = Network(layers)
    assert [layer.name for layer in network.ordered] == ["x", "z", "first", "late", "a"]
    assert network.layers == layers


def test_a_layer_comes_after_those_whose_sizes_it_uses():
    user = Layer("user", Conv(out_channels=Var("sized.channels"), kernel_size=1), ("x",))
    sized = Layer("sized", Conv(out_channels=8, kernel_size=3), ("x",))
    ordered = [layer.name for layer in Network((SOURCE, user, sized)).ordered]
    assert ordered == ["x", "sized", "user"]


# -- views


def test_the_output_is_by_default_that_of_the_last_layer():
    assert Network((SOURCE, relu("a"), relu("b"))).outputs == ("b",)


def test_inputs_are_the_layers_that_are_inputs():
    network = Network((SOURCE, relu("a"), Layer("other", Input(shape=(3,)))))
    assert [layer.name for layer in network.inputs] == ["x", "other"]


def test_the_graph_knows_layers_and_where_tensors_enter():
    split = Layer("parts", Split(sizes=(2, 2)), ("x",))
    twice = Layer("twice", Concat(), ("parts[1]", "x", "parts[0]"))
    sized = Layer("sized", Conv(out_channels=Var("parts.channels"), kernel_size=1), ("twice",))
    graph = Network((SOURCE, split, twice, sized)).graph()
    assert {name: data["layer"].name for name, data in graph.nodes(data=True)} == {n: n for n in graph.nodes}
    assert {(a, b): data["inputs"] for a, b, data in graph.edges(data=True)} == {
        ("x", "parts"): [0], ("parts", "twice"): [0, 2], ("x", "twice"): [1], ("twice", "sized"): [0],
        ("parts", "sized"): [],
    }  # fmt: skip


def test_a_tensor_that_enters_twice_is_one_edge():
    graph = Network((SOURCE, Layer("double", Add(), ("x", "x")))).graph()
    assert graph.number_of_edges() == 1 and graph.edges["x", "double"]["inputs"] == [0, 1]


def test_holes_come_in_order_of_first_use():
    k, present = hole("k", 3, 5), hole("present", 1, 0)
    network = Network((
        SOURCE,
        Layer("a", Conv(out_channels=hole("width", 8, 16), kernel_size=k), ("x",)),
        Layer("b", Conv(out_channels=4, kernel_size=k), ("a",), eq(present, 1)),
    ))  # fmt: skip
    assert list(network.holes) == ["k", "width", "present"]


def test_a_hole_has_one_domain():
    network = Network((
        SOURCE,
        Layer("a", Conv(out_channels=4, kernel_size=hole("k", 3, 5)), ("x",)),
        Layer("b", Conv(out_channels=4, kernel_size=hole("k", 3, 7)), ("a",)),
    ))  # fmt: skip
    with pytest.raises(NetworkError, match=r"'k' has two domains: 3 \| 5 and 3 \| 7"):
        _ = network.holes


# -- values for holes


def sketch():
    """A convolution that may be left out, and a choice between two poolings behind it."""
    here, pick = eq(hole("conv.present", 1, 0), 1), hole("pick", 1, 2)
    return Network((
        SOURCE,
        Layer("conv", Conv(out_channels=hole("width", 8, 16), kernel_size=hole("k", 1, 3)), ("x",), here),
        Layer("conv.or_skip", Choice(conditions=(here,)), ("conv", "x")),
        Layer("small", MaxPool(kernel_size=2), ("conv.or_skip",), eq(pick, 1)),
        Layer("large", MaxPool(kernel_size=4), ("conv.or_skip",), eq(pick, 2)),
        Layer("pool", Choice(conditions=(eq(pick, 1),)), ("small", "large")),
        Layer("again", Choice(conditions=(True,)), ("pool", "x")),
    ))  # fmt: skip


def test_all_values_leave_a_network_without_holes():
    network = sketch().assign({"conv.present": 1, "width": 16, "k": 3, "pick": 2})
    assert names(network) == ["x", "conv", "large"] and not network.holes
    assert network.by_name["conv"].operator == Conv(out_channels=16, kernel_size=3)
    assert all(layer.when is True for layer in network.layers)


def test_an_absent_layer_is_passed_by_through_every_choice():
    network = sketch().assign({"conv.present": 0, "pick": 1})
    assert names(network) == ["x", "small"]
    assert network.by_name["small"].inputs == ("x",) and network.outputs == ("small",)
    assert not network.holes


def test_some_values_leave_the_rest_open():
    network = sketch().assign({"conv.present": 1, "k": 3})
    assert list(network.holes) == ["width", "pick"]
    assert names(network) == ["x", "conv", "small", "large", "pool"]
    assert network.by_name["conv"].when is True and network.by_name["small"].inputs == ("conv",)
    assert network.outputs == ("pool",)


def test_no_values_change_nothing_but_choices_that_are_made():
    network = sketch()
    assert names(network.assign({})) == names(network)[:-1]


def test_an_expression_keeps_the_holes_that_have_no_value():
    a, b = hole("a", 1, 2), hole("b", 1, 2)
    network = Network((SOURCE, Layer("y", MaxPool(kernel_size=a + b), ("x",))))
    some = network.assign({"a": 1})
    assert list(some.holes) == ["b"] and some.by_name["y"].operator == MaxPool(kernel_size=b + 1)
    assert network.assign({"a": 1, "b": 2}).by_name["y"].operator == MaxPool(kernel_size=3)
    assert network.assign({"a": 1, "b": 2}).by_name["y"].operator == MaxPool(kernel_size=3)


def test_a_value_outside_its_domain_is_refused():
    with pytest.raises(NetworkError, match=r"k=2 is outside its domain 1 \| 3"):
        sketch().assign({"k": 2})


def test_a_value_for_no_hole_is_refused():
    with pytest.raises(NetworkError, match="no hole 'depth'"):
        sketch().assign({"depth": 2})


def test_another_domain_reaches_parameters_and_conditions():
    network = sketch().with_domain("pick", Domain.of(2, 1, 3)).with_domain("k", Domain.of(5))
    assert network.holes["pick"].domain == Domain.of(2, 1, 3)
    assert network.holes["k"].domain == Domain.of(5)
    assert network.holes["width"].domain == Domain.of(8, 16)
    assert names(network.assign({"pick": 2, "conv.present": 0})) == ["x", "large"]


def test_another_input_shape():
    network = Network((SOURCE, relu("y"), Layer("other", Input(shape=(3,))))).with_input((1, 5, 7), [9])
    assert network.by_name["x"].operator == Input(shape=(1, 5, 7))
    assert network.by_name["other"].operator == Input(shape=(9,))
    assert names(network) == ["x", "y", "other"]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([], "the network has 1 inputs, got 0 shapes"),
        ([(4, 8, 8), (1,)], "the network has 1 inputs, got 2 shapes"),
        ([(8, 8)], r"x has 3 axes, got the shape 8x8 \(without the batch axis\)"),
    ],
)
def test_another_input_shape_must_fit(shapes, message):
    with pytest.raises(NetworkError, match=message):
        Network((SOURCE, relu("y"))).with_input(*shapes)


def test_an_input_of_open_size_takes_any_shape():
    network = Network((Layer("x", Input(shape=(3, hole("side", domain=Domain.range(32, None)), 8))), relu("y")))
    assert not network.with_input((3, 7, 9)).holes


def test_where_in_a_parameter_is_replaced_with_its_value():
    pick = hole("pick", 1, 2)
    network = Network((SOURCE, Layer("y", MaxPool(kernel_size=where(eq(pick, 1), 2, 4)), ("x",))))
    assert network.assign({"pick": 2}).by_name["y"].operator == MaxPool(kernel_size=4)
