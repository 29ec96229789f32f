"""Memory is asked for before it is taken: problems far too wide to be written down are answered within 2 GB.

The environment variable CONVSOLVE_WIDE_SCALE multiplies how many random ones are tried.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.solver.wide_problems import wide_problem

ROOT = Path(__file__).parents[2]
SCALE = max(1, int(os.environ.get("CONVSOLVE_WIDE_SCALE", "1")))
MOST = 2 << 30

ASK = """
import json, re, sys
from pathlib import Path
import convsolve as cs
from convsolve.files import parse
for text in json.load(sys.stdin):
    answer = cs.solve(parse(text), timeout=float(sys.argv[1]), explain=False)
    # its own high-water mark: ru_maxrss would begin with that of the process that started this one
    most = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    print(json.dumps([type(answer).__name__, getattr(answer, "reason", ""), int(most[1]) * 1024]), flush=True)
"""

TEN = ("input: [3, 32, 32]\nlayers:\n" + "".join(
    f"  - conv: {{name: c{i}, out_channels: 8..64 step 8, kernel_size: 3, padding: 1}}\n" for i in range(10))
    + "require:\n  - " + " or ".join(f"c{i}.channels == 24" for i in range(10)) + "\n")  # fmt: skip
FOUR = ("input: [1, 9, 9]\nholes: {a: 1..500, b: 1..500, c: 1..500, d: 1..500}\nlayers:\n" + "".join(
    f"  - conv: {{out_channels: ${name}, kernel_size: 1}}\n" for name in "abcd")
    + "require: ['$a * $b * $c * $d == 36030960']\n")  # fmt: skip
VOLUME = ("input: [1, 64, 64, 64]\nlayers:\n  - conv: {out_channels: 4, "
          + ", ".join(f"{name}: [1..64, 1..64, 1..64]" for name in ("kernel_size", "stride", "dilation", "padding"))
          + "}\n")  # fmt: skip


def answers(texts, timeout):
    ran = subprocess.run([sys.executable, "-c", ASK, str(timeout)], input=json.dumps(texts), capture_output=True,
                         text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)  # fmt: skip
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(found) == len(texts), ran.stderr[-2000:]
    return found


@pytest.mark.parametrize("goal", ["", "minimize: macs\n"])
def test_wide_examples_answer_within_their_memory(goal):
    texts = [TEN + goal, FOUR + goal, VOLUME + goal]
    for text, (verdict, reason, most) in zip(texts, answers(texts, 2), strict=True):
        none = text.startswith(FOUR) and verdict == "Infeasible"  # 36030960 has a prime factor of 2383
        assert verdict == "Solution" or none or (verdict == "Unknown" and reason)
        assert most < MOST


def test_random_wide_blocks_answer_or_say_why_not():
    texts = [wide_problem(seed) for seed in range(12 * SCALE)]
    found = answers(texts, 0.5)
    assert all(verdict != "Unknown" or reason for verdict, reason, _ in found)
    assert max(most for *_, most in found) < MOST
    assert {"Solution"} < {verdict for verdict, *_ in found}
