"""What frameworks executed, recorded: every rule gives the same without them."""

from __future__ import annotations

import pytest

from convsolve.operators import OPERATORS
from tests.operators.recorded import FOUND, computed, rows


@pytest.mark.parametrize("kind", sorted({row["operator"] for row in rows()}))
def test_rules_give_what_was_executed(kind):
    for row in rows():
        if row["operator"] == kind:
            assert computed(row) == {key: row[key] for key in FOUND}, row


def test_every_operator_with_a_rule_is_recorded():
    without = set(OPERATORS) - {row["operator"] for row in rows()}
    assert without <= {"input", "constant", "opaque", "identity", "stepwise"} | _alike()


def _alike() -> set[str]:
    """Return the operators that are another under another name: the same rule for the same parameters."""
    recorded = {row["operator"] for row in rows()}
    rules = {(OPERATORS[k].infer, OPERATORS[k].params, OPERATORS[k].macs, OPERATORS[k].reach) for k in recorded}
    return {k for k, o in OPERATORS.items() if (o.infer, o.params, o.macs, o.reach) in rules}


def test_the_record_holds_what_is_refused_too():
    refused = sum(row["outputs"] is None for row in rows())
    assert 0.1 < refused / len(rows()) < 0.7
