"""Repairs that are written into broken programs: afterwards these run, and none is worse than before."""

from __future__ import annotations

import io
import runpy
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import keras
import pytest
import torch

import convsolve as cs
from convsolve.cli import main
from convsolve.repairs.source_patch import patch
from convsolve.sources import defined_in

from .broken_programs import KERAS, TORCH

LEFT = {"torch": set(), "keras": set()}
"""Programs that are not mended, and stay as they are."""


def written(path: Path, *words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main(["repair", f"{path.name}:{defined(path)}", *words, "--write", "--timeout", "60"])
    return int(end.value.code or 0), out.getvalue(), err.getvalue()


def defined(path: Path) -> str:
    return "Net" if "class Net" in path.read_text() else defined_in(str(path))[-1]


def runs(path: Path, shape: tuple[int, ...] | None) -> bool:
    try:
        made: Any = runpy.run_path(str(path))[defined(path)]()
        if shape is not None:
            made.eval()(torch.zeros(1, *shape))
    except (ValueError, RuntimeError, TypeError, IndexError):
        return False
    return True


def programs() -> Iterator[Any]:
    for name, (text, shape) in TORCH.items():
        yield pytest.param("torch", name, text, shape, id=f"torch-{name}")
    for name, text in KERAS.items():
        yield pytest.param("keras", name, text, None, id=f"keras-{name}")


def test_there_are_forty_and_most_are_mended() -> None:
    count = len(TORCH) + len(KERAS)
    assert count >= 40
    assert count - sum(map(len, LEFT.values())) >= 32


@pytest.mark.parametrize(("framework", "name", "text", "shape"), programs())
def test_a_broken_program_runs_once_its_repair_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, framework: str, name: str, text: str, shape: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"broken_{framework}_{name}.py"
    path.write_text(text)
    assert not runs(path, shape), "it is not broken"
    given = ["--input", "x".join(map(str, shape))] if shape is not None else []
    code, diff, said = written(path, *given)
    if name in LEFT[framework]:
        assert path.read_text() == text
        assert code == 2 and "error" in said
        return
    assert runs(path, shape), f"{said}\n{diff}\n{path.read_text()}"
    assert code == 0 and path.read_text() != text
    assert diff.count("\n+") >= 2
    if framework == "keras":
        keras.utils.clear_session()


def test_without_running_only_calls_are_changed_that_make_one_layer(tmp_path: Path) -> None:
    path = tmp_path / "shared.py"
    text, shape = TORCH["helper"]
    path.write_text(text)
    problem = cs.load(f"{path}:Net", input_shape=shape)
    repair = next(r for r in cs.repair(problem) if r.kinds == ("in_channels",))
    with pytest.raises(cs.NetworkError, match="other layers are made, too"):
        patch(problem.network, repair)
    text, shape = TORCH["lenet"]
    path.write_text(text)
    problem = cs.load(f"{path}:Net", input_shape=shape)
    assert "+        self.fc = nn.Linear(400, 10)" in patch(problem.network, cs.repair(problem)[0]).diff()
