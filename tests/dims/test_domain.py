"""Domains: sets with an order of preference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsolve.dims import Domain, Span
from convsolve.dims import domain as domain_module
from convsolve.dims.grammar import parse_value
from convsolve.errors import DimensionError, ExpressionError

spans = st.tuples(st.integers(-20, 20), st.integers(0, 12), st.integers(1, 4)).map(
    lambda t: Span(t[0], t[0] + t[1], t[2])
)
domains = st.lists(spans, min_size=1, max_size=4).map(lambda s: Domain(tuple(s)))


@given(domains)
def test_values_are_distinct_and_ranked_in_order(domain):
    values = domain.values()
    assert len(set(values)) == len(values) == domain.size
    assert [domain.rank(v) for v in values] == list(range(len(values)))
    assert (min(values), max(values)) == (domain.lower, domain.upper)
    assert all(v in domain for v in values)


@given(domains)
def test_a_domain_reads_back(domain):
    again = parse_value(str(domain), None)
    again = again if isinstance(again, Domain) else Domain.of(again)
    assert again.values() == domain.values()


def test_order_is_preference():
    assert Domain.of(5, 3, 5).values() == (5, 3)
    assert parse_value("7 | 3..5", None).values() == (7, 3, 4, 5)


def test_an_open_domain_never_ends():
    domain = parse_value("32.. step 16", None)
    assert domain.size is None and domain.upper is None
    assert domain.values(3) == (32, 48, 64) and domain.rank(64) == 2 and 10**12 in domain


@pytest.mark.parametrize(
    "text", ["5..3", "1..4 step 0", "1..4 step", "1..4 step x", "3.. | 5", "1..x", "3 |", "..", "1.5"]
)
def test_wrong_domains_are_refused(text):
    with pytest.raises(ExpressionError):
        parse_value(text, lambda name, column: 1)


def test_an_empty_domain_is_refused():
    with pytest.raises(DimensionError):
        Domain(())
    with pytest.raises(DimensionError):
        Domain.of(1).rank(2)


span = st.builds(lambda a, n, step: Span(a, a + n, step), st.integers(-9, 30), st.integers(0, 40), st.integers(1, 9))


@given(st.lists(span, min_size=1, max_size=5).map(lambda spans: Domain(tuple(spans))))
def test_ranks_are_counted_without_writing_values_down(domain):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(domain_module, "_FEW", 0)
        values = domain.values()
        assert domain.size == len(values)
        assert [domain.rank(value) for value in values] == list(range(len(values)))


@given(span, span)
def test_what_two_ranges_have_in_common(one, other):
    both = one & other
    assert {v for v in range(-20, 90) if v in one and v in other} == {
        v for v in range(-20, 90) if both is not None and v in both
    }


def test_large_domains_cost_nothing():
    domain = Domain((Span(1, 10**12), Span(5, None, 10**6)))
    assert domain.size is None and domain.rank(10**12 + 5) > 10**12 - 1
    assert Domain((Span(1, 10**12), Span(-(10**12), 5, 3))).size > 10**12
