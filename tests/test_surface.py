"""The names of the package as people use them: checked by type checkers, kept in files, shown in a line."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

import convsolve as cs

ROOT = Path(__file__).parent.parent


def test_mypy_flags_a_name_that_there_is_not(tmp_path):
    (tmp_path / "use.py").write_text("import convsolve as cs\ncs.check\ncs.operators\ncs.summary\ncs.chek\n")
    (tmp_path / "convsolve").mkdir()  # the names alone: to follow what they are takes half a minute
    (tmp_path / "convsolve" / "__init__.py").write_text((ROOT / "convsolve" / "__init__.py").read_text())
    options = [
        "--config-file=",
        "--no-error-summary",
        "--ignore-missing-imports",
        "--no-site-packages",
        "--cache-dir=cache",
    ]
    command = [sys.executable, "-m", "mypy", *options, "use.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    found = [line for line in ran.stdout.splitlines() if line.startswith("use.py")]
    assert found == ['use.py:5: error: Module has no attribute "chek"; maybe "check"?  [attr-defined]'], ran.stdout


UNET, SPACE = "problems/unet_300x300.yaml", "problems/imagenet_stem.yaml"
RESULTS = {
    "network": lambda: cs.from_torch(nn.Sequential(nn.Conv2d(3, 8, 3)), (3, 8, 8)),
    "check": lambda: cs.check(UNET),
    "repairs": lambda: cs.repair(UNET, limit=1)[0],
    "sizes": lambda: cs.valid_sizes(UNET, prove=False),
    "solution": lambda: cs.solve(cs.load(SPACE)),
    "infeasible": lambda: cs.solve(cs.load("problems/overconstrained_tiny_model.yaml")),
    "front": lambda: cs.pareto(cs.load(SPACE), ["params", "macs"]),
    "explanation": lambda: cs.explain("mat1 and mat2 shapes cannot be multiplied (1x576 and 400x120)"),
    "counterexample": lambda: cs.counterexample(UNET, range(64, 513)),
    "comparison": lambda: cs.compare(cs.load(UNET), cs.load("problems/unet_any_size.yaml")),
    "lint": lambda: cs.lint(UNET),
    "cause": lambda: cs.diagnose(UNET)[0],
    "count": lambda: cs.Space(cs.load(SPACE)).count(),
    "samples": lambda: cs.Space(cs.load(SPACE)).sample(3, 0),
    "summary": lambda: cs.summary(UNET),
    "picture": lambda: cs.draw(UNET),
}


@pytest.mark.parametrize("name", RESULTS)
def test_results_can_be_kept_and_shown(name):
    found = RESULTS[name]()
    for again in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert type(again) is type(found) and str(again) == str(found)
    assert len(str(found).splitlines()) <= 55
    assert len(repr(found)) <= 200, repr(found)
