"""for_all: values that hold for every size of a range, and proof that there are none."""

from __future__ import annotations

import itertools

import pytest

import convsolve as cs
from convsolve.errors import FileError

ROUND_TRIP = """
input: [3, 224, 224]
for_all: {height: 64..200, width: 64..200}
layers:
  - conv: {name: down, out_channels: 8, kernel_size: 3 | 5, stride: 2, padding: 0..2}
  - conv_transpose: {name: up, out_channels: 8, kernel_size: 2 | 3 | 4, stride: 2, padding: 0..1}
  - center_crop: {size: [input.height, input.width]}
minimize: params
"""


def brute(text, sizes):
    """Return the assignments that hold at every size."""
    problem = cs.parse(text)
    holes = problem.network.holes
    found = []
    for values in itertools.product(*(h.domain for h in holes.values())):
        network = problem.network.assign(dict(zip(holes, values, strict=True)))
        checked = cs.Problem(network, problem.requirements)
        if all(cs.check(checked, (3, h, w)).ok for h, w in sizes):
            found.append(dict(zip(holes, values, strict=True)))
    return found


def test_a_solution_holds_for_every_size():
    solution = cs.solve(cs.parse(ROUND_TRIP))
    assert solution.proven and solution.goals[0].proven
    assert cs.counterexample(solution.network, "64..200") is None
    assert solution.output == (8, 224, 224)  # at the size that the file states
    good = brute(ROUND_TRIP, [(h, h) for h in range(64, 201)])
    everything = [dict(s.assignment) for s in cs.solutions(cs.parse(ROUND_TRIP))]
    assert sorted(map(sorted, (a.items() for a in everything))) == sorted(map(sorted, (a.items() for a in good)))
    assert dict(solution.assignment) == everything[0]


def test_none_for_all_sizes_is_proven():
    text = """
    input: [3, 64, 64]
    for_all: {height: 64..80}
    layers:
      - conv: {name: down, out_channels: 8, kernel_size: 3 | 5, stride: 2, padding: 0..2}
      - upsample: {scale_factor: 2}
    require: output.height == input.height
    """
    answer = cs.solve(cs.parse(text))
    assert isinstance(answer, cs.Infeasible) and answer.core[0].startswith("output.height == input.height (at ")
    assert isinstance(cs.solve(cs.parse(text.replace("64..80", "64"))), cs.Solution)  # one size alone is easier
    ways = [str(r) for r in answer.relaxations]
    assert ways[0] == "without `output.height == input.height`"


def test_ranges_without_an_end():
    text = """
    input: [3, 64.., 64..]
    for_all: {height: 64.., width: 64..}
    layers:
      - conv: {out_channels: 8, kernel_size: 3 | 5 | 7, stride: 1 | 2, padding: 0..3}
    require: [output.height == (input.height + 1) // 2, output.width == (input.width + 1) // 2]
    """
    solution = cs.solve(cs.parse(text))
    assert solution.assignment == {"conv1.kernel_size": 3, "conv1.stride": 2, "conv1.padding": 1} and solution.proven
    assert solution.network.inputs[0].operator.shape == (3, 64, 64)


def test_pareto_and_different_solutions_hold_for_every_size():
    front = cs.pareto(cs.parse(ROUND_TRIP), ["params", "down.kernel_size"])
    assert front.complete
    for solution in [*front.solutions, *cs.solutions(cs.parse(ROUND_TRIP), limit=3, different=2)]:
        assert cs.counterexample(solution.network, "64..200") is None


def test_written_and_read_again():
    problem = cs.parse(ROUND_TRIP)
    assert cs.parse(cs.dump(problem)) == problem and str(problem.for_all["height"]) == "64..200"


@pytest.mark.parametrize(("line", "message"), [
    ("for_all: {depth: 3..4}", "no key 'depth'"), ("for_all: {height: 0..4}", "at least 1"),
    ("for_all: {height: x}", "1:1"), ("for_all: 3", "must be a mapping"),
])  # fmt: skip
def test_mistakes(line, message):
    with pytest.raises(FileError) as error:
        cs.parse(line + "\ninput: [3, 8, 8]\nlayers: [relu]")
    assert message in str(error.value) or ":1:" in str(error.value)
