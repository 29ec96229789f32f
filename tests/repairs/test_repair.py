"""Repair: each repair works, none is dearer than need be, and locked layers stay as they are."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convsolve as cs
from convsolve.repairs.edits import KINDS, weighed
from convsolve.repairs.evaluated_network import judge
from convsolve.repairs.locked_layers import Locks
from convsolve.repairs.repair import _Repairs
from convsolve.repairs.search import cheapest_sets, options_of
from convsolve.solver.clock import Clock, OutOfTime

UNET = """
input: [3, 300, 300]
layers:
  - conv: {name: e0, out_channels: 8, kernel_size: 3, padding: 1}
  - max_pool: {name: p0, kernel_size: 2}
  - conv: {name: e1, out_channels: 16, kernel_size: 3, padding: 1}
  - max_pool: {name: p1, kernel_size: 2}
  - conv: {name: e2, out_channels: 32, kernel_size: 3, padding: 1}
  - max_pool: {name: p2, kernel_size: 2}
  - conv: {name: mid, out_channels: 64, kernel_size: 3, padding: 1}
  - conv_transpose: {name: up2, out_channels: 32, kernel_size: 2, stride: 2}
  - concat: {name: cat2, inputs: [up2, e2]}
  - conv: {name: d2, out_channels: 32, kernel_size: 3, padding: 1}
  - conv_transpose: {name: up1, out_channels: 16, kernel_size: 2, stride: 2}
  - concat: {name: cat1, inputs: [up1, e1]}
  - conv: {name: d1, out_channels: 16, kernel_size: 3, padding: 1}
  - conv_transpose: {name: up0, out_channels: 8, kernel_size: 2, stride: 2}
  - concat: {name: cat0, inputs: [up0, e0]}
  - conv: {name: d0, out_channels: 1, kernel_size: 3, padding: 1}
"""


def layer_text(r) -> str:
    kind = r(st.sampled_from(("conv", "conv", "max_pool")))
    if kind == "conv":
        k, s, p = r(st.integers(2, 4)), r(st.integers(1, 2)), r(st.integers(0, 1))
        return f"conv: {{out_channels: 2, kernel_size: {k}, stride: {s}, padding: {p}}}"
    return f"max_pool: {{kernel_size: {r(st.integers(2, 3))}}}"


@st.composite
def failing(draw, most=4):
    """Draw small networks that do not work."""
    size = draw(st.integers(2, 9))
    layers = [layer_text(draw) for _ in range(draw(st.integers(2, most)))]
    text = f"input: [2, {size}, {size + draw(st.integers(0, 1))}]\nlayers:\n" + "".join(f"  - {x}\n" for x in layers)
    problem = cs.parse(text)
    while judge(problem).ok:
        problem = dataclasses.replace(
            problem, network=cs.parse(text := text + "  - max_pool: {kernel_size: 3}\n").network
        )
    return problem


def brute_force(problem, most=2):
    """Return the least cost of up to so many changes of parameters, by trying every set with a check."""
    options = [[c for _, c in found] for found in options_of(judge(problem), Locks()).values()]
    for size in range(1, most + 1):
        costs = []
        for layers in itertools.combinations(options, size):
            for changes in itertools.product(*layers):
                network = problem.network
                for change in changes:
                    network = change.make(network)
                if judge(cs.Problem(network)).ok:
                    costs.append(tuple(map(sum, zip(*(c.cost for c in changes), strict=True))))
        if costs:
            return min(costs)
    return None


@settings(max_examples=15)
@given(failing(most=3))
def test_no_cheaper_set_of_parameter_changes_exists(problem):
    least = brute_force(problem, most=1) or brute_force(problem)
    names = [layer.name for layer in problem.network.inputs]
    own = [r for r in cs.repair(problem, locked=names, limit=8) if not {"pad_input"} & set(r.kinds)]
    if least is None:
        assert all(r.cost.layers > 2 for r in own)
    else:
        assert min(r.cost.order for r in own) == least


@settings(max_examples=10)
@given(failing(most=3))
def test_the_solver_agrees_with_brute_force(problem):
    now = judge(problem)
    found = next(cheapest_sets(now, options_of(now, Locks()), Clock(60), lambda weight: False), None)
    least = brute_force(problem)
    if least is not None:
        assert found is not None and found.proven and found.weight == weighed(least)
    else:
        assert found is None or len(found.changes) > 2


@settings(max_examples=25)
@given(failing(), st.data())
def test_repairs_work_and_differ_and_leave_locked_layers_alone(problem, data):
    name = data.draw(st.sampled_from([layer.name for layer in problem.network.layers]))
    repairs = cs.repair(problem, locked=(name,))
    for r in repairs:
        assert cs.check(r.network).ok and r.report.ok
        assert r.network.by_name[name].operator == problem.network.by_name[name].operator
        assert name not in {edit.layer for edit in r.edits}
    assert [r.cost.order for r in repairs] == sorted(r.cost.order for r in repairs)
    for a, b in itertools.combinations(repairs, 2):
        assert not set(a.kinds) <= set(b.kinds)


def test_what_works_is_not_repaired():
    assert cs.repair(cs.parse("{input: [1, 8, 8], layers: [relu]}")) == []


def test_locked_weights_keep_kernels_and_channels():
    problem = cs.parse("{input: [1, 4, 4], layers: [{conv: {name: c, out_channels: 2, kernel_size: 5}}]}")
    assert "kernel" in {k for r in cs.repair(problem) for k in r.kinds}
    locked = cs.repair(problem, locked=("*:weights",))
    assert locked and not {"kernel", "remove"} & {k for r in locked for k in r.kinds}
    with pytest.raises(cs.NetworkError, match="there is no layer 'd'"):
        cs.repair(problem, locked=("d",))


def test_a_head_is_told_what_really_arrives():
    problem = cs.parse("""
    input: [3, 40, 36]
    layers: [{conv: {out_channels: 8, kernel_size: 5}}, flatten, {linear: {in_features: 100, out_features: 10}}]
    """)
    first = cs.repair(problem)[0]
    assert str(first) == "linear1: in_features 100 -> 9216"
    assert first.network.by_name["linear1"].operator.in_features == 9216 and first.cost.output == (None, (10,))


def test_two_mistakes_take_two_edits_of_two_kinds():
    problem = cs.parse("""
    input: [1, 28, 28]
    layers:
      - conv: {name: c, in_channels: 2, out_channels: 8, kernel_size: 3}
      - flatten
      - linear: {name: head, in_features: 10, out_features: 10}
    """)
    best = cs.repair(problem)[0]
    assert best.cost.layers == 2 and best.report.ok


def test_a_target_is_reached():
    problem = cs.parse("""
    input: [3, 31, 31]
    layers:
      - conv: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}
      - conv_transpose: {name: up, out_channels: 3, kernel_size: 4, stride: 2, padding: 1}
    """)
    repairs = cs.repair(problem, target=(3, 31, 31), locked=("input",))
    assert repairs and all(r.report.output == (3, 31, 31) for r in repairs)


def test_a_network_is_repaired_for_a_whole_range():
    ranges = {"height": "64..512", "width": range(64, 513)}
    repairs = cs.repair(cs.parse(UNET), for_all=ranges, timeout=300)
    assert [r.kinds for r in repairs] == [("pad_input",), ("fit_skip",)]
    for r in repairs:
        assert cs.counterexample(r.network, "64..512") is None
        assert cs.check(r.network, (3, 67, 510)).ok
    again = cs.parse(cs.dump(cs.Problem(repairs[0].network)))  # the formulas can be written down
    assert cs.counterexample(again, "64..512") is None


def test_ranges_are_read_or_refused():
    problem = cs.parse(UNET)
    with pytest.raises(cs.NetworkError, match="the sizes of height"):
        cs.repair(problem, for_all={"height": "big"})
    with pytest.raises(cs.NetworkError, match="a range or a text"):
        cs.repair(problem, for_all={"height": 3.5})
    with pytest.raises(cs.NetworkError, match="no axis 'depth'"):
        cs.repair(problem, for_all={"depth": "64..512"})


def test_fifty_layers():
    body = "  - conv: {out_channels: 8, kernel_size: 3}\n" * 9 + "  - max_pool: {kernel_size: 2}\n"
    problem = cs.parse(f"input: [3, 300, 300]\nlayers:\n{body * 5}")
    repairs = cs.repair(problem, limit=3, timeout=300)
    assert [r.cost.layers for r in repairs] == [1, 2, 2] and all(r.proven for r in repairs)


def test_the_order_of_costs_is_that_of_the_kinds():
    assert weighed((1, 9, 10**6)) < weighed((2, 4, 0)) and weighed((1, 4, 3)) < weighed((1, 5, 1))
    assert {rank for rank, _ in KINDS.values()} == set(range(1, 10))


def test_time_that_runs_out():
    with pytest.raises(cs.UndecidedError, match="in the time given"):
        cs.repair(cs.parse("""
        input: [3, 40, 40]
        layers: [{repeat: 60, layers: [{conv: {out_channels: 8, kernel_size: 3}}]}]
        """), locked=("input",), timeout=1e-6)  # fmt: skip


def test_requirements_may_speak_of_what_changes():
    problem = cs.parse("""
    input: [3, 8, 8]
    layers: [{conv: {name: c, out_channels: 8, kernel_size: 5}}, {max_pool: {name: p, kernel_size: 7, stride: 2}}]
    require: [c.kernel_size >= 2, p.stride == 2]
    """)
    repairs = cs.repair(problem, locked=("input",), limit=9)
    kernel = next(r for r in repairs if r.kinds == ("kernel",))
    assert str(kernel) == "c: kernel_size 5 -> 2"
    assert all(cs.check(cs.Problem(r.network, problem.requirements)).ok for r in repairs)


def test_groups_that_do_not_divide():
    problem = cs.parse("{input: [6, 7, 7], layers: [{conv: {out_channels: 9, kernel_size: 3, groups: 4}}]}")
    assert str(cs.repair(problem)[0]) == "conv1: groups 4 -> 3"


def test_several_inputs():
    problem = cs.parse("""
    inputs: {left: [3, 32, 32], right: [3, 31, 31]}
    layers:
      - conv: {name: a, inputs: [left], out_channels: 8, kernel_size: 3}
      - conv: {name: b, inputs: [right], out_channels: 8, kernel_size: 3}
      - concat: {inputs: [a, b]}
    """)
    assert [r.kinds for r in cs.repair(problem, limit=2)] == [("fit_skip",), ("kernel",)]


def test_what_is_known_at_one_size_stays_at_it():
    problem = cs.parse("""
    input: [3, 32, 32]
    layers: [{opaque: {what: mystery, seen: [[3, 32, 32]], outputs: [[8, 4, 4]]}}, {conv: {out_channels: 8, kernel_size: 7}}]
    """)
    assert not any(c.certain for c in cs.diagnose(problem))
    assert not {"resize_input", "pad_input"} & {k for r in cs.repair(problem) for k in r.kinds}


def test_a_network_that_works_as_it_stands_is_repaired_for_a_range():
    problem = cs.parse(UNET.replace("300, 300", "256, 256"))
    assert cs.check(problem).ok
    repairs = cs.repair(problem, for_all={"height": "64..512"}, timeout=300)
    assert [r.kinds for r in repairs] == [("pad_input",), ("fit_skip",)]
    assert all(cs.counterexample(r.network, {"height": range(64, 513), "width": [256]}) is None for r in repairs)


TWO_WAYS = """
input: [3, 33, 33]
layers:
  - conv: {name: a, out_channels: 8, kernel_size: 3, stride: 2}
  - conv: {name: b, out_channels: 8, kernel_size: 7, stride: 2}
  - conv: {name: c, out_channels: 8, kernel_size: 9}
  - flatten
  - linear: {name: head, in_features: 72, out_features: 10}
"""


class Ending(Clock):
    """A clock whose time is over after so many looks at it."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def check(self, stage: str = "") -> None:
        self.looks -= 1
        if self.looks < 0:
            raise OutOfTime


@pytest.mark.parametrize(("text", "step"), [(UNET, 3), (TWO_WAYS, 1)], ids=["unet", "two ways"])
def test_a_search_that_is_cut_claims_no_more_than_it_has_seen(text, step):
    problem = cs.parse(text)
    locks = Locks.read((), problem.network)
    whole = _Repairs(problem, locks, Clock())
    whole.best(4)
    seen = set()
    for looks in range(0, 60, step):
        cut = _Repairs(problem, locks, Ending(looks))
        try:
            found = cut.best(4)
        except cs.UndecidedError:
            continue
        for repair in found:
            cheaper = [r for r in whole.found if set(r.kinds) <= set(repair.kinds) and r.cost.order < repair.cost.order]
            assert not (repair.proven and cheaper), (looks, repair, cheaper)
            seen.add((cut.late, repair.proven))
    assert (True, False) in seen  # it was cut, and said so
