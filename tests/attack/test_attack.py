"""Damaged files of every format: each command answers, or says what is wrong with them, within its bounds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack.cases import command, judged
from tests.attack.crafted import crafted
from tests.attack.limited import Limited
from tests.attack.mutators import mutant

CASES = 100 * int(os.environ.get("CONVSOLVE_ATTACK_SCALE", "1"))
PAST = Path(__file__).parent / "past"

LOUD = {
    "process": "os.system('true')", "write": "open('../elsewhere', 'w')", "time": "while True: pass", "memory": "x = b'x' * (5 << 28)",
    "traceback": "sys.stderr.write('Traceback (most recent call last):')", "exit -9": "os.kill(os.getpid(), 9)",
}  # fmt: skip


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    with Limited(tmp_path_factory.mktemp("attack") / "files") as found:
        yield found


def test_damaged_files(limited: Limited) -> None:
    codes = Counter[int]()
    for number in range(CASES):
        file, content = mutant(number)
        (limited.folder / file).write_bytes(content)
        words = command(number, file)
        ended = limited.run(words)
        codes[ended.code] += 1
        fault = judged(ended)
        assert not fault, f"python -m tests.attack --case {number}: {fault}"
    assert set(codes) >= {0, 1, 2, 3}


@pytest.mark.parametrize("path", sorted(PAST.iterdir()), ids=lambda path: path.name)
def test_what_once_broke_something(limited: Limited, path: Path) -> None:
    (limited.folder / path.name).write_bytes(path.read_bytes())
    for words in (
        ["check"],
        ["check", "--output-format", "junit"],
        ["sizes", "--timeout", "2"],
        ["synth", "--timeout", "2"],
        ["draw", "--to", "svg"],
    ):
        ended = limited.run([*words, path.name])
        assert not judged(ended), (words, judged(ended), ended)


@pytest.mark.parametrize("kind", LOUD)
def test_what_is_wrong_is_seen(limited: Limited, kind: str) -> None:
    (limited.folder / "loud.py").write_text(f"import os, sys\n\n\ndef net():\n    {LOUD[kind]}\n")
    ended = limited.run(["check", "loud.py:net"], seconds=1)
    assert kind in judged(ended), ended


def test_files_that_are_built_to_hurt(limited: Limited) -> None:
    for number in range(CASES // 4):
        file, content = crafted(number)
        (limited.folder / file).write_bytes(content)
        fault = judged(limited.run(command(number, file, limited=True)))
        assert not fault, f"python -m tests.attack --crafted --case {number}: {fault}"


def test_what_is_killed_goes_on() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.attack.kills", "--times", "5"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0 and ended.stdout.splitlines()[-1] == "5 kills, 0 faults", ended.stdout + ended.stderr
