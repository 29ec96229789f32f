"""Ways out of problems without a solution: the values that a domain could be widened by."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest

import convsolve as cs
from convsolve.dims import Domain, Span
from convsolve.solver.clock import Clock
from convsolve.synthesis.relax import _nearest_outside


def test_the_nearest_values_outside_are_those_that_sorting_gives():
    random = Random(5)
    for _ in range(300):
        spans = []
        for _ in range(random.randrange(1, 5)):
            start = random.randrange(0, 40)
            spans.append(Span(start, start + random.randrange(0, 30), random.choice((1, 1, 2, 3, 7))))
        domain = Domain(tuple(spans))
        low, high = domain.lower, domain.upper
        wanted = [v for v in range(min(low, 1), 2 * high + 2) if v not in domain]
        wanted.sort(key=lambda v: (max(v - high, low - v, 0), v))
        assert list(_nearest_outside(domain, low, high, Clock())) == wanted, domain


@pytest.mark.parametrize("domain", ["1..1099511627776", "1..1099511627776 step 3", "5..1099511627770 | 1..3"])
def test_wide_domains_have_neighbours_too(domain):
    problem = cs.parse(
        f"{{input: [1, '{domain}', 1], layers: [{{conv: {{name: c, out_channels: 1, kernel_size: 5}}}}]}}"
    )
    answer = cs.solve(problem, timeout=5)
    assert isinstance(answer, cs.Infeasible) and isinstance(answer.relaxations, tuple)
    size = problem.network.holes["input[1]"].domain
    found = list(islice(_nearest_outside(size, size.lower, size.upper, Clock(5)), 3))
    assert len(found) == 3 and not any(value in size for value in found)


def test_what_a_lint_demands_can_be_left_out():
    problem = cs.parse("""
    input: [1, 100]
    layers: [{conv: {name: c, out_channels: 4, kernel_size: 3, stride: 2}}, {conv: {out_channels: 8, kernel_size: 1}}]
    sensible: true
    """)
    answer = cs.solve(problem)
    assert isinstance(answer, cs.Infeasible)
    assert "without W003 (the last rows are read)" in map(str, answer.relaxations)
    assert not any("W001" in str(way) for way in answer.relaxations)
