"""Keys and merging against sorting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsolve.solver import labels, transitions
from convsolve.solver.clock import Clock
from convsolve.solver.engine import optimise
from convsolve.solver.transitions import best_of_each, keys
from tests.solver.random_problems import brute_force, problems

wide = st.one_of(st.integers(-3, 3), st.integers(-(2**61), 2**61))
"""Small numbers and such that no product of their ranges fits a word."""


def columns(width):
    return st.lists(st.tuples(*[wide] * width), min_size=1, max_size=20).map(
        lambda rows: [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]
    )


@given(columns(3))
def test_keys_agree_where_all_columns_do(found):
    key, size = keys(found, len(found[0]))
    rows = list(zip(*(column.tolist() for column in found), strict=True))
    assert ((key >= 0) & (key < size)).all()
    for i, one in enumerate(rows):
        assert [k == key[i] for k in key] == [one == other for other in rows]


def test_nothing_has_no_keys():
    key, size = keys([np.zeros(0, dtype=np.int64)], 0)
    assert len(key) == 0 and size == 1


@given(columns(3), st.integers(1, 3))
def test_the_best_of_each_group(found, keep):
    group, *scores = found
    key, size = keys([group], len(group))
    place = np.arange(len(group))  # no two rows may agree in all
    kept = best_of_each(key, size, [*scores, place], keep=keep).tolist()
    expected = []
    for one in set(group.tolist()):
        rows = [i for i in range(len(group)) if group[i] == one]
        expected += sorted(rows, key=lambda i: (*(int(s[i]) for s in scores), i))[:keep]
    assert kept == sorted(expected)


@given(columns(3))
def test_with_budgets_every_row_that_is_not_beaten_stays(found):
    group, score, budget = found
    key, size = keys([group], len(group))
    kept = best_of_each(key, size, [score, np.arange(len(group))], [budget]).tolist()
    rows = range(len(group))
    beaten = {
        i for i in rows for j in rows
        if group[i] == group[j] and (score[j], j) < (score[i], i) and budget[j] <= budget[i]
    }  # fmt: skip
    assert kept == [i for i in rows if i not in beaten]


@pytest.mark.parametrize("at_once", [1, 5])
def test_working_in_small_pieces_changes_nothing(monkeypatch, at_once):
    monkeypatch.setattr(transitions, "_AT_ONCE", at_once)
    monkeypatch.setattr(labels, "_MOST_AT_ONCE", at_once)
    for seed, traced in problems(range(0, 40, 2), most=400):
        expected = brute_force(traced)
        assert list(optimise(traced, Clock(), keep=len(expected) + 1).assignments) == expected, seed
        assert list(optimise(traced, Clock()).assignments) == expected[:1], seed
