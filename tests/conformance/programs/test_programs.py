"""What is said of random PyTorch programs, against running them: no claim may be false.

By default 300 programs at some sizes; ``CONVSOLVE_CONFORMANCE_SCALE=10`` draws 10,000, and asks of every size up to 40.
"""

from __future__ import annotations

import os
from random import Random

import pytest

from convsolve.frameworks.common.recording import second_runs
from convsolve.sizes.valid_sizes import ValidSizes

from .draft import LARGEST
from .drawn import drawn
from .truth import asked_again, judged, points

SCALE = max(1, int(os.environ.get("CONVSOLVE_CONFORMANCE_SCALE", "1")))
COUNT = 300 if SCALE == 1 else 1000 * SCALE
POINTS = 24 if SCALE == 1 else LARGEST**2
BLOCKS = 6

TIMEOUT = 1.0 if SCALE == 1 else None
"""Seconds for each question: what is not known by then is unknown."""


@pytest.mark.parametrize("block", range(BLOCKS))
def test_nothing_false_is_said(block: int) -> None:
    asked = unknown = 0
    for number in range(block, COUNT, BLOCKS):
        program = drawn(number)
        some = SCALE > 1 or number % 12 < 2
        found = judged(
            program, points(program, LARGEST, POINTS), prove=some, smallest=some or number % 4 == 3, timeout=TIMEOUT
        )
        program.forget()
        asked, unknown = asked + found.asked, unknown + found.unknown
        assert not found.false, f"{program}\n\n" + "\n".join(found.false[:10])
    print(f"{asked} sizes asked, {100 * unknown / asked:.1f} % not known")


@pytest.mark.parametrize("number", range(20_000, 20_000 + 6 * SCALE))
def test_asking_changes_no_later_answer(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if number % 2:  # taken for one of many layers: no run is made that others make needless
        monkeypatch.setattr(second_runs, "_FEW_LAYERS", 0)
    program = drawn(number)
    found = asked_again(program, points(program, LARGEST, POINTS // 2), Random(number), timeout=TIMEOUT)
    program.forget()
    assert not found.false, f"{program}\n\n" + "\n".join(found.false[:10])


def test_false_claims_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    program = next(p for p in (drawn(n) for n in range(60)) if "conv" in p.ingredients)
    tried = points(program, LARGEST, 60)
    assert not judged(program, tried).false
    with monkeypatch.context() as patched:
        patched.setattr(ValidSizes, "__contains__", lambda self, size: True)
        assert judged(program, tried).false
    monkeypatch.setattr(ValidSizes, "__contains__", lambda self, size: False)
    assert judged(program, tried).false


def test_programs_are_the_same_in_every_run() -> None:
    assert str(drawn(7)) == str(drawn(7)) != str(drawn(8))
