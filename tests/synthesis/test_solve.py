"""Synthesize: solutions that hold, proofs that there are none, and honest answers in between."""

from __future__ import annotations

import itertools
import resource

import pytest

import convsolve as cs
from convsolve.errors import InternalError
from convsolve.problem import trace_problem
from convsolve.solver.outcome import Outcome
from convsolve.synthesis import solve as synthesize
from convsolve.synthesis.relax import relaxations


def chain(layers, size, wanted, more=""):
    body = "kernel_size: 1 | 3 | 5 | 7, stride: 1 | 2, padding: 0..3"
    lines = "".join(f"  - conv: {{out_channels: 8, {body}}}\n" for _ in range(layers))
    return cs.parse(f"input: [3, {size}, {size}]\nlayers:\n{lines}require: [output.height == {wanted}{more}]\n")


@pytest.mark.parametrize(("size", "wanted"), [(224, 7), (224, 1), (224, 113)])
def test_a_chain_of_160(size, wanted):
    solution = cs.solve(chain(160, size, wanted), timeout=60)
    assert isinstance(solution, cs.Solution) and solution.proven
    assert solution.output == (8, wanted, wanted)


def test_a_chain_of_160_is_refuted():
    holes = "".join(f"  k{i}: 1 | 3 | 5 | 7\n" for i in range(160))
    lines = "".join(f"  - conv: {{out_channels: 8, kernel_size: $k{i}, stride: 1 | 2, padding: $k{i} // 2}}\n"
                    for i in range(160))  # fmt: skip
    problem = f"input: [3, 224, 224]\nholes:\n{holes}layers:\n{lines}require: [output.height == 113]\n"
    answer = cs.solve(cs.parse(problem), timeout=60)
    assert answer == cs.Infeasible(("output.height == 113",), True)


def test_a_core_may_be_large():
    limits = "".join(f", '2*conv{i}.padding < conv{i}.kernel_size'" for i in range(1, 13))
    answer = cs.solve(chain(12, 224, 113, limits), timeout=60)
    assert isinstance(answer, cs.Infeasible) and answer.minimal
    assert len(answer.core) == 13  # any one limit less, and its layer makes 113 with a kernel of 1 and padding 1


def test_the_plainest_solution_prefers_what_is_written_first():
    text = "input: [1, 9, 9]\nlayers:\n  - conv: {{out_channels: 4, kernel_size: {k}, padding: 0..2}}\nrequire: [{r}]\n"
    first = cs.solve(cs.parse(text.format(k="3 | 5", r="params >= 1")))
    assert first.assignment == {"conv1.kernel_size": 3, "conv1.padding": 0}
    other = cs.solve(cs.parse(text.format(k="5 | 3", r="params >= 1")))
    assert other.assignment["conv1.kernel_size"] == 5
    tie = cs.solve(cs.parse(text.format(k="3 | 5", r="output.height == 9")))
    assert tie.assignment == {"conv1.kernel_size": 3, "conv1.padding": 1}


def test_objectives_come_before_preference():
    problem = cs.parse(
        "input: [1, 9, 9]\nlayers:\n  - conv: {out_channels: 8 | 4, kernel_size: 5 | 3}\nminimize: params\n"
    )
    solution = cs.solve(problem)
    assert solution.goals[0].value == 40 and solution.goals[0].proven
    best = cs.solve(
        cs.parse("input: [1, 9, 9]\nlayers:\n  - conv: {out_channels: 8 | 4, kernel_size: 5 | 3}\nmaximize: params\n")
    )
    assert best.goals[0].value == 208


def test_absent_layers_have_no_values():
    problem = cs.parse("input: [1, 9, 9]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 3 | 5, optional: true}\n"
                       "  - relu\nrequire: [output.height == 9]\n")  # fmt: skip
    solution = cs.solve(problem)
    assert solution.assignment == {"conv1.present": 0}
    assert [layer.name for layer in solution.network.layers] == ["input", "relu1"]
    assert len(list(cs.solutions(problem))) == 1


def test_a_choice_of_operators():
    problem = cs.parse("input: [4, 9, 9]\nlayers:\n  - choose:\n      - conv: {out_channels: 4, kernel_size: 3}\n"
                       "      - [relu, {max_pool: {kernel_size: 3}}]\n    name: block\nrequire: [output.height == 3]\n")  # fmt: skip
    solution = cs.solve(problem)
    assert solution.assignment == {"block.choose": 2}
    assert [layer.operator.kind for layer in solution.network.layers] == ["input", "relu", "max_pool"]


def test_open_depth():
    problem = cs.parse("input: [1, 20, 20]\nlayers:\n  - repeat: 1..6\n    name: body\n    layers:\n"
                       "      - conv: {name: c, out_channels: 4, kernel_size: 3}\n      - relu\n"
                       "require: [output.height == 12]\n")  # fmt: skip
    solution = cs.solve(problem)
    assert solution.assignment == {"body.repeat": 4}
    assert [n for n in solution.shapes if n.startswith("c_")] == ["c_1", "c_2", "c_3", "c_4"]


def test_solutions_are_distinct_complete_and_in_order():
    problem = cs.parse("input: [1, 9, 9]\nlayers:\n  - conv: {out_channels: 2 | 4, kernel_size: 3 | 5, padding: 0..2}\n"
                       "  - conv: {out_channels: 2, kernel_size: 1 | 3}\nrequire: ['output.height >= 7']\nminimize: macs\n")  # fmt: skip
    found = list(cs.solutions(problem))
    assert len({tuple(s.assignment.items()) for s in found}) == len(found)
    values = [s.goals[0].value for s in found]
    assert values == sorted(values)
    expected = 0
    for _, k, p, k2 in itertools.product((2, 4), (3, 5), (0, 1, 2), (1, 3)):
        height = (9 + 2 * p - k + 1) - k2 + 1
        expected += height >= 7
    assert len(found) == expected
    assert len(list(cs.solutions(problem, limit=5))) == 5
    assert [s.assignment for s in cs.solutions(problem, limit=5)] == [s.assignment for s in found[:5]]


def test_more_solutions_than_one_batch():
    problem = cs.parse("input: [1, 9, 9]\nlayers:\n  - conv: {out_channels: 1..40, kernel_size: 1..5}\n")
    assert len(list(cs.solutions(problem))) == 200


def test_no_solution_names_what_is_needed():
    problem = cs.parse("input: [3, 32, 32]\nlayers:\n  - conv: {out_channels: 16 | 32, kernel_size: 3, stride: 1 | 2}\n"
                       "require: ['output.height >= 20', 'macs <= 100_000', 'params <= 1M', 'output.channels >= 8']\n")  # fmt: skip
    answer = cs.solve(problem)
    assert isinstance(answer, cs.Infeasible) and answer.minimal
    assert set(answer.core) == {"output.height >= 20", "macs <= 100_000"}


def test_a_core_of_layers_speaks_of_layers():
    problem = cs.parse("input: [1, 4, 4]\nlayers:\n  - conv: {out_channels: 2, kernel_size: 5 | 7}\n")
    answer = cs.solve(problem)
    assert answer.core == ("conv1: kernel fits the padded input (height, width)",)


def test_time_that_runs_out_is_not_a_proof():
    layers = "  - conv: {out_channels: 8..256 step 8, kernel_size: 1 | 3 | 5, stride: 1 | 2, padding: 0..2}\n" * 12
    problem = cs.parse(
        f"input: [3, 97, 101]\nlayers:\n{layers}require: [params * macs % 1000003 == 17, params * params % 1000033 == 18]\n"
    )
    answer = cs.solve(problem, timeout=0.3)
    assert isinstance(answer, (cs.Unknown, cs.Solution))
    if isinstance(answer, cs.Unknown):
        assert "time" in answer.reason


def test_a_wrong_answer_of_the_solver_is_never_shown():
    problem = cs.parse(
        "input: [1, 9, 9]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 3 | 5}\nrequire: [output.height == 7]\n"
    )
    with pytest.raises(InternalError, match="report"):
        synthesize.solution_of(trace_problem(problem), {"conv1.kernel_size": 5}, Outcome((), True))


def test_a_network_without_holes_is_its_own_solution():
    solution = cs.solve(cs.parse("input: [1, 9, 9]\nlayers: [relu]\n"))
    assert solution.assignment == {} and solution.proven
    answer = cs.solve(cs.parse("input: [1, 1, 1]\nlayers: [{max_pool: {kernel_size: 2}}]\n"))
    assert isinstance(answer, cs.Infeasible)


def test_shared_holes_are_one_unknown():
    problem = cs.parse("input: [1, 28, 28]\nholes: {k: 3 | 5 | 7, w: 8 | 16}\nlayers:\n"
                       "  - conv: {out_channels: $w, kernel_size: $k}\n  - conv: {out_channels: 2*$w, kernel_size: $k}\n"
                       "require: [output.height == 20, 'output.channels == 32']\n")  # fmt: skip
    assert cs.solve(problem).assignment == {"k": 5, "w": 16}


def test_sizes_of_other_layers_may_be_parameters():
    problem = cs.parse("input: [1, 29, 31]\nlayers:\n  - conv: {name: a, out_channels: 4, kernel_size: 3, stride: 2}\n"
                       "  - conv: {out_channels: 4, kernel_size: 3, stride: 1 | 2}\n"
                       "  - upsample: {size: [a.height, a.width]}\n  - concat: {inputs: [upsample1, a]}\n")  # fmt: skip
    assert cs.solve(problem).output == (8, 14, 15)


def test_the_finished_network_reads_back():
    problem = cs.parse("input: [1, 28, 28]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 3 | 5, optional: true}\n"
                       "  - max_pool: {kernel_size: 2}\nrequire: [output.height == 12]\n")  # fmt: skip
    solution = cs.solve(problem)
    again = cs.parse(cs.dump(solution.concrete))
    assert cs.check(again).shapes == solution.shapes


OPTIONAL = """
input: [3, 32, 32]
layers:
  - conv: {name: c1, out_channels: 8, kernel_size: 3, optional: true}
  - conv: {name: c2, out_channels: 8, kernel_size: 3}
"""


@pytest.mark.parametrize(
    ("requirement", "present"),
    [
        ("c1.height == 30", 1),
        ("c1.height == 7 and output.height == 5", None),
        ("c1.height == 7 or output.height == 30", 0),
        ("not c1.height == 30", 0),
        ("c1.params >= 1", 1),
        ("$c1.present == 0 or c1.height == 30", 1),
        ("output.height == 28", 1),
    ],
)
def test_a_comparison_of_an_absent_layer_is_false(requirement, present):
    answer = cs.solve(cs.parse(OPTIONAL + f"require: ['{requirement}']\n"))
    if present is None:
        assert isinstance(answer, cs.Infeasible)
    else:
        assert answer.assignment == {"c1.present": present}


def test_an_absent_layer_counts_nothing_in_an_objective():
    solution = cs.solve(cs.parse(OPTIONAL + "minimize: c1.height\n"))
    assert solution.assignment == {"c1.present": 0} and solution.goals[0].value == 0
    solution = cs.solve(cs.parse(OPTIONAL + "maximize: c1.height\n"))
    assert solution.assignment == {"c1.present": 1} and solution.goals[0].value == 30


def test_an_objective_without_limit_is_said_to_be_one():
    problem = cs.parse("input: [3, 32.., 32]\nlayers: [{conv: {out_channels: 8, kernel_size: 3, stride: 2}}]\n"
                       "maximize: input.height\n")  # fmt: skip
    solution = cs.solve(problem)
    assert not solution.proven and "no limit" in solution.reason
    limited = cs.parse("input: [3, 8.., 8]\nlayers: [{conv: {name: a, out_channels: 8, kernel_size: 3}}]\n"
                       "require: macs <= 1000000000000\nmaximize: input.height\n")  # fmt: skip
    solution = cs.solve(limited, timeout=60)
    assert solution.proven and solution.goals[0].value == 771_604_940


INFEASIBLE = """
input: [3, 32, 32]
layers:
  - conv: {name: stem, out_channels: 16 | 32, kernel_size: 3 | 5, stride: 1 | 2}
  - conv: {name: next, out_channels: 64, kernel_size: 3 | 5, stride: 1 | 2}
"""


@pytest.mark.parametrize(
    ("requirements", "changes"),
    [
        (["output.height == 4"], {"`output.height == 5`", "stem.stride = 3", "next.kernel_size = 7"}),
        (["output == 64x4x4"], {"`output == 64x5x5`", "stem.stride = 3", "next.stride = 3"}),
        (["macs <= 300K"], {"`macs <= 548_784`", "stem.stride = 3"}),
        (["params < 100", "output.channels == 64"], {"`params <= 9_728`"}),
        (["output.height >= 29"], {"`output.height >= 28`"}),
        (["output.height % 2 == 1 and output.width % 2 == 0"], {""}),
    ],
)
def test_ways_out_are_the_least_and_enough(requirements, changes):
    problem = cs.parse(INFEASIBLE + "require: [" + ", ".join(f"'{r}'" for r in requirements) + "]\n")
    answer = cs.solve(problem)
    assert isinstance(answer, cs.Infeasible) and answer.minimal
    found = {r.change for r in answer.relaxations}
    assert changes <= found
    for relaxation in answer.relaxations:
        if relaxation.change.startswith("`"):
            others = [r for r in requirements if f"`{r}`" != relaxation.instead_of]
            text = ", ".join(f"'{r}'" for r in [*others, relaxation.change.strip("`")])
            assert isinstance(cs.solve(cs.parse(INFEASIBLE + f"require: [{text}]\n")), cs.Solution)
            if " <= " in relaxation.change:
                less = text.replace("_", "") + " - 1'"
                less = less.replace("' - 1'", " - 1'")
                assert isinstance(cs.solve(cs.parse(INFEASIBLE + f"require: [{less}]\n")), cs.Infeasible)


def test_solutions_that_differ():
    problem = cs.parse(INFEASIBLE + "minimize: macs\n")
    found = list(cs.solutions(problem, different=3))
    for i, one in enumerate(found):
        for other in found[:i]:
            assert sum(one.assignment[n] != other.assignment[n] for n in one.assignment) >= 3
    assert len(found) >= 3
    assert found[0].assignment == next(cs.solutions(problem)).assignment
    values = [s.goals[0].value for s in found]
    assert values == sorted(values)
    every = [s.assignment for s in cs.solutions(problem)]
    assert all(any(sum(a[n] != s.assignment[n] for n in a) < 3 for s in found) for a in every)  # none was missed


def test_no_time_is_no_answer():
    problem = cs.parse(INFEASIBLE)
    answer = cs.solve(problem, timeout=1e-9)
    assert isinstance(answer, cs.Unknown) and "time" in answer.reason
    for different in (1, 2):
        with pytest.raises(TimeoutError, match="time"):
            next(cs.solutions(problem, different=different, timeout=1e-9))


def test_solutions_that_differ_where_nothing_is_open():
    problem = cs.parse("input: [1, 9, 9]\nlayers: [relu]\n")
    assert [s.assignment for s in cs.solutions(problem, different=2)] == [{}]


def test_a_solution_gives_what_its_report_says():
    solution = cs.solve(cs.parse("input: [1, 9, 9]\nlayers: [{conv: {out_channels: 4, kernel_size: 3 | 5}}]\n"))
    assert solution.shapes == {"input": (1, 9, 9), "conv1": (4, 7, 7)} and solution.receptive_field == (3, 3)
    assert (solution.params, solution.macs, solution.activations) == (40, 36 * 49, 4 * 49)


def test_without_an_explanation_there_is_no_core():
    answer = cs.solve(cs.parse(INFEASIBLE + "require: [output.height == 4]\n"), explain=False)
    assert answer == cs.Infeasible((), False) and answer.relaxations != ()


def test_no_time_to_look_for_ways_out():
    problem = cs.parse(INFEASIBLE + "require: [output.height == 4]\n")
    assert relaxations(problem, ("output.height == 4",), seconds=1e-9) == ()


def test_a_way_out_without_a_change_is_to_leave_a_requirement_out():
    assert str(cs.Relaxation("", "`a == 1 or b == 1`", True)) == "without `a == 1 or b == 1`"
    assert str(cs.Relaxation("k = 3", "5 | 7", False)) == "k = 3 instead of 5 | 7"


@pytest.mark.parametrize(
    "objective", ["minimize: output.height", "maximize: [output.height, params]", "minimize: macs * 0 + 3"]
)
def test_an_objective_that_is_decided_beforehand(objective):
    problem = cs.parse("input: [3, 16, 16]\nlayers:\n  - conv: {kernel_size: 3 | 5, out_channels: 4, stride: 2, padding: 1 | 2}\n"
                       f"require: [output.height == 8, params >= 0]\n{objective}\n")  # fmt: skip
    solution = cs.solve(problem)
    assert solution.proven and solution.output == (4, 8, 8)
    assert len(list(cs.solutions(problem))) == 2


def test_an_objective_may_be_part_of_another():
    problem = cs.parse("input: [2, 8, 12]\nholes: {k: 5 | 3}\nlayers:\n"
                       "  - conv: {name: c1, kernel_size: $k, stride: 3, out_channels: 6 | 4}\n"
                       "  - flatten: {name: f2}\n  - linear: {name: l3, out_features: 3 | 5}\n"
                       "minimize: [c1.width + params, params, c1.width]\n")  # fmt: skip
    solution = cs.solve(problem)
    values = [(s.report.shapes["c1"][2] + s.params, s.params) for s in cs.solutions(problem)]
    assert len(values) == 8 and values == sorted(values)
    assert tuple(goal.value for goal in solution.goals[:2]) == values[0]


def test_solutions_are_distinct_networks_where_a_selector_is_named():
    problem = cs.parse("input: [1, 20, 20]\nholes: {n: 1..3}\nlayers:\n  - repeat: $n\n    layers:\n"
                       "      - conv: {name: c, out_channels: 4 | 8, kernel_size: 3, optional: true}\n"
                       "require: ['$n <= 2']\nminimize: $n\n")  # fmt: skip
    networks = [cs.dump(s.concrete) + str(s.assignment["n"]) for s in cs.solutions(problem)]
    assert len(set(networks)) == len(networks) == 3 + 9
    assert len({str(dict(s.assignment)) for s in cs.solutions(problem)}) == 12


def test_the_first_of_many_is_the_only_one_of_one():
    for text in (
        "input: [3, 40]\nlayers:\n  - conv: {kernel_size: 2..3, padding: [[2 | 1 | 0, 0]], out_channels: 4}\n"
        "require: [output.length == 40]\n",
        "input: [1, 8]\nlayers: [{conv_transpose: {out_channels: 3, kernel_size: 2..3, stride: 1 | 2, padding: 0..1}}]\n"
        "require: ['output.length != 9']\n",
    ):
        problem = cs.parse(text)
        many = [s.assignment for s in cs.solutions(problem, limit=3)]
        assert cs.solve(problem).assignment == many[0] == next(cs.solutions(problem, limit=1)).assignment


def test_a_way_out_keeps_the_layer_that_it_speaks_of():
    answer = cs.solve(cs.parse("input: [3, 8, 8]\nlayers:\n"
                               "  - conv: {name: c, out_channels: 8, kernel_size: 3, optional: true}\n"
                               "require: [c.height <= 5]\n"))  # fmt: skip
    assert [r.change for r in answer.relaxations] == ["`c.height <= 6`"]


def test_wide_open_sizes_do_not_take_all_memory():
    layers = ("  - choose: [{conv: {kernel_size: 5, stride: 3, out_channels: 2*$w}}, "
              "{conv: {kernel_size: 2 | 1, stride: 3, out_channels: 2*$w}}]\n"
              "  - flatten: {name: f}\n  - linear: {out_features: 3}\n")  # fmt: skip
    problem = cs.parse(f"input: [1, 20.., 14..]\nholes: {{w: 2 | 4 | 3}}\nlayers:\n{layers}"
                       "require: [params == 1748, 'input.height >= 23 or params in [1745, 1746]', "
                       "'2*f.features - input.width <= 510']\n")  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = cs.solve(problem, timeout=4, explain=False)
    assert not isinstance(answer, cs.Solution)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 3 << 20  # kilobytes
