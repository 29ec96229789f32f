"""Random expressions for property tests: every operation, negative numbers and zero included."""

from __future__ import annotations

from hypothesis import strategies as st

from convsolve.dims import Domain, Var, add, all_of, any_of, bounds, eq, maximum, minimum, negation, total, where

NAMES = ("a", "b", "c")
DOMAINS = {"a": Domain.range(-4, 6), "b": Domain.of(3, -2, 0, 7), "c": Domain.of(1, 2, 3)}
UNKNOWNS = {name: Var(name, DOMAINS[name]) for name in NAMES}


def _divided(op):
    def build(pair):
        x, y = pair
        divisor = y if (bounds(y)[0] or 0) >= 1 else maximum(y, 1)
        return x // divisor if op == "floordiv" else x % divisor

    return build


def _combined(dims, conds):
    pair = st.tuples(dims, dims)
    several = st.lists(dims, min_size=2, max_size=4)
    return st.one_of(
        pair.map(lambda p: add(*p)),
        several.map(total),
        pair.map(lambda p: p[0] - p[1]),
        pair.map(lambda p: p[0] * p[1]),
        pair.map(_divided("floordiv")),
        pair.map(_divided("mod")),
        several.map(lambda xs: minimum(*xs)),
        several.map(lambda xs: maximum(*xs)),
        st.tuples(conds, dims, dims).map(lambda t: where(*t)),
    )


def _compared(dims, conds):
    pair = st.tuples(dims, dims)
    several = st.lists(conds, min_size=1, max_size=3)
    return st.one_of(
        pair.map(lambda p: eq(*p)),
        pair.map(lambda p: p[0] < p[1]),
        pair.map(lambda p: p[0] <= p[1]),
        several.map(lambda cs: all_of(*cs)),
        several.map(lambda cs: any_of(*cs)),
        conds.map(negation),
    )


def language(*unknowns):
    """Return strategies for dimensions and conditions over some unknowns."""
    leaves = st.one_of(st.integers(-5, 9), st.sampled_from(unknowns))
    simple_conds = st.one_of(st.booleans(), st.tuples(leaves, leaves).map(lambda p: eq(*p)))
    level1 = st.one_of(leaves, _combined(leaves, simple_conds))
    conds1 = st.one_of(simple_conds, _compared(level1, simple_conds))
    level2 = st.one_of(level1, _combined(level1, conds1))
    return st.one_of(level2, _combined(level2, conds1)), _compared(level2, conds1)


dims, conditions = language(*UNKNOWNS.values())
assignments = st.fixed_dictionaries({n: st.sampled_from(sorted(DOMAINS[n].values())) for n in NAMES})
