"""The mutation run itself: which places it changes, how changed code gets in, and what it reports."""

from __future__ import annotations

import ast
import os
from pathlib import Path

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.places import Mutant, _Places, changed, mutants, unchanged
from tests.mutation.running import ROOMS, Coverage, in_child
from tests.mutation.swapping import functions, outermost, swap

SOURCE = """
MOST = 64
def rule(n, flag=True):
    if n <= 3 and flag:
        return -n * 2
    words = "a" + str(n)
    return [a for a, b in zip([1], [n - 1], strict=True) if a == b]
"""


def test_comparisons_numbers_signs_and_flags_are_changed_and_budgets_are_not():
    count = _Places()
    count.visit(ast.parse(SOURCE))
    made = []
    for place in range(len(count.found)):
        one = _Places(place)
        one.visit(ast.parse(SOURCE))
        made.append(one.found[place].split(": ", 1)[1])
    assert sorted(made) == sorted([
        "n <= 3  ->  n < 3", "3  ->  4", "True  ->  False", "-n * 2  ->  -n // 2", "-n  ->  n", "2  ->  3", "1  ->  2",
        "n - 1  ->  n + 1", "1  ->  2", "a == b  ->  a != b",
    ])  # fmt: skip


def test_every_change_is_one_change_that_compiles():
    tried = list(mutants("network/receptive_field"))
    for mutant in tried:
        code, text = changed(mutant)
        assert (
            text.startswith(mutant.text)
            and "  ->  " in text
            and mutant.lines[0] <= int(text.split(":")[0]) <= mutant.lines[1]
        )
        assert code != unchanged(mutant.module)
    assert len(tried) > 40


def test_a_function_is_given_other_code_and_its_caches_forget():
    from convsolve.dims import bounds
    from convsolve.operators.windows import dilated

    mutant = next(m for m in mutants("operators") if m.module.endswith(".windows") and "kernel_size - 1" in m.text)
    codes = outermost(unchanged(mutant.module), changed(mutant)[0], set(functions({_file(mutant)})))
    assert codes is not None and codes

    def seen():
        known = functions({_file(mutant)})
        swap(codes, known)
        return [dilated(k, d) for k in range(1, 5) for d in (1, 2, 3)]

    assert in_child(seen) != [dilated(k, d) for k in range(1, 5) for d in (1, 2, 3)]
    assert bounds(dilated(3, 2)) == (5, 5)  # unchanged here


def _file(mutant):
    from tests.mutation.places import path_of

    return str(path_of(mutant.module))


def test_what_runs_at_import_is_no_function():
    mutant = next(m for m in mutants("operators") if m.module.endswith(".convolution") and m.text.endswith(": 32"))
    assert outermost(unchanged(mutant.module), changed(mutant)[0], set()) is None


def test_a_child_that_dies_has_seen_the_change():
    assert in_child(lambda: 3) == 3
    assert in_child(lambda: os.kill(os.getpid(), 9)) is None


def test_the_quickest_tests_that_come_by_are_shown_first_and_tables_to_all():
    mutant = Mutant("convsolve.dims.ranges", 0, "", (3, 4))
    coverage = Coverage(seconds={"slow": 5.0, "quick": 1.0, "far": 0.5, "red": 0.1}, failing=["red"])
    for line, test in ((3, "slow"), (4, "quick"), (9, "far"), (3, "red")):
        coverage.tests[_file(mutant), line].add(test)
    assert coverage.of(mutant, 20) == ["quick", "slow"] and coverage.of(mutant, 2) == ["quick"]
    assert coverage.of(mutant, 0.5) == ["quick"]  # one at least
    coverage.seconds["elsewhere"] = 1.0
    assert coverage.of_module(mutant, 20) == ["far", "quick", "slow", "elsewhere"]


def test_the_rooms_and_what_is_called_equivalent_are_there():
    assert all((Path(__file__).parents[1] / test).exists() for tests in ROOMS.values() for test in tests)
    for entry, reason in EQUIVALENT.items():
        module, text = entry.split(": ", 1)
        tried = [m for room in ROOMS for m in mutants(room) if m.module == f"convsolve.{module}"]
        assert any(changed(m)[1].endswith(f": {text}") for m in tried), f"{entry} is no change any more"
        assert len(reason) > 20
