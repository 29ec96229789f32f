"""Explanations under live errors: they are printed, and change nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import convsolve as cs
from convsolve.explanations import live

ROOT = Path(__file__).parents[2]
SHAPE_ERROR = "Negative dimension size caused by subtracting 5 from 1 for 'c/Conv2D' (op: 'Conv2D')"
FAILING = f"def forward():\n    raise ValueError({SHAPE_ERROR!r})\nforward()\n"
SHOWN = "-- convsolve explains --\nc: CS001"


def python(*words, code=None, **options):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, *words],
        input=code,
        capture_output=True,
        text=True,
        env=env,
        check=False,
        timeout=100,
        **options,
    )


def test_explaining_prints_and_passes_the_error_on(capsys):
    error = ValueError(SHAPE_ERROR)
    with pytest.raises(ValueError, match="Negative dimension") as caught, cs.explaining():
        raise error
    assert caught.value is error and error.args == (SHAPE_ERROR,) and not hasattr(error, "__notes__")
    assert error.__cause__ is None and error.__context__ is None
    shown = capsys.readouterr()
    assert SHOWN in shown.err and shown.out == ""


def test_other_errors_are_left_alone(capsys):
    with pytest.raises(KeyError), cs.explaining():
        raise KeyError("x")
    assert capsys.readouterr().err == ""


def test_a_failure_inside_is_one_quiet_line(monkeypatch, capsys):
    monkeypatch.setattr("convsolve.explanations.explain.explain", lambda error: 1 // 0)
    with pytest.raises(ValueError, match="x"), cs.explaining():
        raise ValueError("x")
    assert capsys.readouterr().err == "convsolve: no explanation (ZeroDivisionError)\n"


def test_install_explains_what_ends_a_program():
    plain = python("-c", FAILING)
    result = python("-c", f"import convsolve\nconvsolve.install()\nconvsolve.install()\n{FAILING}")
    assert (plain.returncode, result.returncode) == (1, 1)
    assert result.stderr.count(SHOWN) == 1 and result.stderr.index("ValueError") < result.stderr.index(SHOWN)
    assert "convsolve" not in python("-c", "import convsolve\nconvsolve.install()\n1 / 0").stderr.replace(
        "convsolve.install", ""
    )


def test_uninstall_takes_it_back():
    code = "import sys, convsolve.explanations.live as live\nbefore = sys.excepthook\nlive.install()\nlive.uninstall()\nassert sys.excepthook is before"
    assert python("-c", code).returncode == 0


def test_another_hook_is_still_called():
    code = f"import sys, convsolve\nsys.excepthook = lambda *a: print('mine', file=sys.stderr)\nconvsolve.install()\n{FAILING}"
    shown = python("-c", code).stderr
    assert shown.startswith("mine\n") and SHOWN in shown


class Shell:
    """As much of an IPython shell as the extension uses."""

    def __init__(self):
        self.handler, self.shown = None, []

    def set_custom_exc(self, kinds, handler):
        self.kinds, self.handler = kinds, handler

    def showtraceback(self, exc_tuple, tb_offset=None):
        self.shown.append(exc_tuple)


def test_the_notebook_extension(capsys):
    shell, error = Shell(), ValueError(SHAPE_ERROR)
    cs.load_ipython_extension(shell)
    assert shell.kinds == (Exception,)
    shell.handler(shell, ValueError, error, None, tb_offset=1)
    assert shell.shown == [(ValueError, error, None)] and SHOWN in capsys.readouterr().err
    live.unload_ipython_extension(shell)
    assert shell.kinds == () and shell.handler is None


def test_run_is_like_python(tmp_path):
    (tmp_path / "beside.py").write_text("name = 'beside'")
    script = tmp_path / "train.py"
    script.write_text("import sys, beside\nprint(sys.argv[1:], __name__, beside.name)\n" + FAILING)
    result = python("-m", "convsolve", "run", str(script), "--epochs", "3", "-h")
    plain = python(str(script), "--epochs", "3", "-h")
    assert result.returncode == plain.returncode == 1
    assert result.stdout == plain.stdout == "['--epochs', '3', '-h'] __main__ beside\n"
    assert result.stderr.startswith(plain.stderr) and SHOWN in result.stderr


@pytest.mark.parametrize(
    ("code", "status"),
    [("", 0), ("import sys; sys.exit(7)", 7), ("raise SystemExit('bye')", 1), ("1/0", 1), ("x = (", 1)],
)
def test_run_keeps_the_exit_code(tmp_path, code, status):
    script = tmp_path / "s.py"
    script.write_text(code)
    result = python("-m", "convsolve", "run", str(script))
    assert result.returncode == python(str(script)).returncode == status
    assert "convsolve explains" not in result.stderr


def test_run_does_not_explain_twice(tmp_path):
    script = tmp_path / "s.py"
    script.write_text(f"import convsolve\nconvsolve.install()\n{FAILING}")
    assert python("-m", "convsolve", "run", str(script)).stderr.count(SHOWN) == 1


# -- pytest


TESTS = f"""
def test_shape():
    raise ValueError({SHAPE_ERROR!r})

def test_other():
    assert 1 == 2

def test_sizes(assert_accepts):
    import convsolve as cs
    assert_accepts(cs.parse("{{input: [3, 64, 64], layers: [{{conv: {{out_channels: 8, kernel_size: 5}}}}]}}"), range(5, 513))
"""


@pytest.mark.parametrize("options", [["--explain-shapes"], []])
def test_the_pytest_plugin(tmp_path, options):
    (tmp_path / "test_it.py").write_text(TESTS)
    result = python("-m", "pytest", "-p", "convsolve.testing.plugin", "-q", *options, cwd=tmp_path)
    assert "2 failed, 1 passed" in result.stdout, result.stdout + result.stderr
    assert ("shape errors, explained by convsolve" in result.stdout) is bool(options)
    if options:
        explained = result.stdout.split("explained by convsolve")[1]
        assert "test_it.py::test_shape\nc: CS001" in explained and "test_other\n" not in explained


def test_the_plugin_is_cheap():
    code = "import sys, convsolve.testing.plugin\nprint({'numpy', 'networkx', 'yaml', 'z3', 'torch', 'hypothesis'} & set(sys.modules))"
    assert python("-c", code).stdout == "set()\n"
