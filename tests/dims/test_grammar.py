"""The grammar of requirement texts."""

from __future__ import annotations

import pytest

from convsolve.dims import Domain, eq, evaluate, hole
from convsolve.dims.grammar import Several, parse_condition, parse_dim, parse_expression, parse_value
from convsolve.errors import ExpressionError

VALUES = {"h": 7, "w": 9, "$k": 3, "layer1.0.conv1.height": 28, "split1[1].channels": 4, "my-layer.width": 5}


PATTERN = {"c*.macs": (10, 20, 40), "c*.stride": (1, 2, 2)}
THERE = (True, eq(hole("$k", 3), 3), eq(hole("$k", 3), 4))  # the last of the three is not there


def resolve(name, column):
    if name in PATTERN:
        return Several.of(PATTERN[name], THERE)
    if name == "shape":
        return (hole("h", 7), hole("w", 9))
    if name not in VALUES:
        raise ExpressionError(f"there is no {name!r}", column)
    return hole(name, VALUES[name])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h == 7", True),
        ("h == 7 and w == 8", False),
        ("h == 8 or not w == 8", True),
        ("not (h < 7 or w < 9)", True),
        ("1 <= $k <= 5 < w", True),
        ("$k in [1, 3]", True),
        ("$k not in 4..9", True),
        ("w in 1..100 step 4", True),
        ("h in 8..", False),
        ("h*w // 2 % 5 == 31 % 5", True),
        ("-h + 10 == 3", True),
        ("- -h == 7", True),
        ("min(h, w, 100) == 7 and max(h, w) == 9", True),
        ("shape == 7x9", True),
        ("shape == [7, 9]", True),
        ("shape >= 7", True),
        ("shape > 7", False),
        ("shape != [7, 9]", False),
        ("shape == 7x9x1", False),
        ("layer1.0.conv1.height == 28", True),
        ("split1[1].channels == 4", True),
        ("`my-layer`.width == 5", True),
        ("1_000 == 1K and 1.5K == 1500 and 2M > 1.9M", True),
        ("h - 1 - 1 == 5 and 100 // 7 // 2 == 7", True),
        ("2 ** 10 == 1024 and 2 ** 3 ** 2 == 512 and -2 ** 2 == 0 - 4 and h ** 2 == 49 and h ** 0 == 1", True),
        ("2 ** ($k - 1) == 4 and 3 * 2 ** $k == 24", True),
        ("sum(c*.macs) == 30 and max(c*.macs) == 20 and min(c*.macs) == 10 and sum(h, w, 1) == 17", True),
        ("count(c*.stride == 2) == 1 and count(c*.macs >= h) == 2 and count(h < w) == 1", True),
        ("all(c*.macs <= 20)", True),
        ("all(c*.macs < 20)", False),
        ("all(c*.macs > c*.stride)", True),
        ("nondecreasing(c*.stride) and nondecreasing(h, w)", True),
        ("nondecreasing(w, h)", False),
        ("not all(c*.macs == 10) and 2*h == 14", True),
    ],
)
def test_conditions(text, expected):
    assert bool(evaluate(parse_condition(text, resolve), VALUES)) is expected


@pytest.mark.parametrize(
    ("text", "column", "word"),
    [
        ("h = 7", 2, "=="),
        ("h / 2 == 3", 2, "//"),
        ("hh == 7", 0, "hh"),
        ("h == ", 5, "the end"),
        ("(h == 7", 7, "')'"),
        ("h == 7 7", 7, "7"),
        ("h and w == 9", 0, "condition"),
        ("shape + 1 == 3", 0, "list"),
        ("__import__('os').system('true')", 11, "meaning"),
        ("print(h) == 1", 0, "called"),
        ("h.__class__ == 1", 0, "h.__class__"),
        ("lambda: 1", 6, "meaning"),
        ("h == 1.5", 6, "meaning"),
        ("h == 1.23456789K", 5, "whole"),
        ("h == 99999999999999999999999999", 5, "larger"),
        ("h // (w - 9) == 1", 2, "positive"),
        ("shape == 3x3 and shape < 3x3x3", 23, "list"),
        ("max() == 1", 0, "argument"),
        ("c*.macs <= 3", 0, "several values"),
        ("2 ** h ** 9 == 1", 2, "exponent"),
        ("2 ** (0 - 1) == 1", 2, "exponent"),
        ("h ** $k == 1", 2, "must be a number"),
        ("3 ** 64 == 1", 2, "larger"),
        ("count(c*.macs)", 6, "comparison"),
        ("all(c*.macs == shape)", 12, "3 values are compared with 2"),
        ("h in w", 5, "range"),
        ("(" * 60 + "h" + ")" * 60, 51, "deep"),
        ("not " * 60 + "h == 7", 204, "deep"),
        ("-" * 60 + "h == 7", 51, "deep"),
        ("[" * 60, 51, "deep"),
        ("h" * 30_000, 0, "too long"),
        ("", 0, "the end"),
    ],
)
def test_mistakes_say_where_and_what(text, column, word):
    with pytest.raises(ExpressionError) as caught:
        parse_condition(text, resolve)
    assert word in caught.value.message
    assert caught.value.column == column


def test_a_value_is_not_a_condition():
    with pytest.raises(ExpressionError, match="condition"):
        parse_condition("h + 1", resolve)
    with pytest.raises(ExpressionError, match="number"):
        parse_dim("h == 7", resolve)


@pytest.mark.parametrize("size", [7, 9])
def test_a_condition_counts_1_where_it_holds(size):
    """As in Python; inside of sums and products, where it cannot be mistaken for a requirement."""
    assert parse_condition(f"3 + ({size} == 9) == 4", resolve) is (size == 9)
    assert parse_dim(f"2 * ({size} > 8) + (1 < {size} < 8)", resolve) == (2 if size > 8 else 1)
    assert evaluate(parse_dim("10 * (h >= 7)", resolve), {"h": size}) == 10


def test_a_long_chain_does_not_recurse_without_end():
    text = " + ".join(["1"] * 5000)
    assert parse_expression(text, resolve) == 5000
    assert evaluate(parse_expression(" + ".join(["h"] * 4000), resolve), VALUES) == 28_000
    assert evaluate(parse_expression(" - ".join(["h*h"] * 3000), resolve), VALUES) == -2998 * 49


def test_powers_are_domains():
    assert parse_value("8..512 pow 2", resolve) == Domain.of(8, 16, 32, 64, 128, 256, 512)
    assert parse_value("3 | 5..60 pow 3", resolve) == Domain.of(3, 5, 15, 45)
    for text in ("0..8 pow 2", "8..2 pow 2", "1.. pow 2", "1..8 pow 1", "1..8 pow k"):
        with pytest.raises(ExpressionError, match="powers are written like"):
            parse_value(text, resolve)
