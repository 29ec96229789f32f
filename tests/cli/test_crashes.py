"""A fault of convsolve is no answer: it exits 70 in every command, in one line that says how to report it."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from convsolve.cli import _COMMANDS, main
from convsolve.errors import ConvsolveError, InternalError, NetworkError, UndecidedError, WorkersError
from tests.cli.test_cli import at_work

ROOT = Path(__file__).parent.parent.parent

FAULTS = [
    ZeroDivisionError("division by\nzero"), InternalError("two readers disagree"), RecursionError("too deep"),
    MemoryError(), KeyError("x"), AssertionError(), OSError(errno.ENOENT, "No such file", "inside"), EOFError(),
    StopIteration(), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), TimeoutError("late"), SystemExit(0),
    SystemExit("bye"), GeneratorExit(), BaseException("bare"), BlockingIOError(errno.EAGAIN, "again"),
]  # fmt: skip


def ended(monkeypatch, name, error) -> int:
    """Return how a command ends inside which an error is raised."""

    def fault(**given):
        raise error

    command = import_module(f"convsolve.cli.{name}").command
    monkeypatch.setattr(command, "callback", fault)
    monkeypatch.setattr(command, "params", [])
    with pytest.raises(SystemExit) as end:
        main([name])
    return end.value.code


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_fault_in_every_command(name, monkeypatch, capsys):
    for error in FAULTS:
        assert ended(monkeypatch, name, error) == 70, error
        said = capsys.readouterr()
        assert said.out == "" and said.err.strip().count("\n") == 0 and "Traceback" not in said.err
        assert f"internal error: {type(error).__name__}" in said.err and f"convsolve {name}" in said.err
        assert "CONVSOLVE_DEBUG=1" in said.err


@pytest.mark.parametrize(("error", "code"), [
    (ConvsolveError("x"), 2), (NetworkError("x"), 2), (WorkersError("x"), 2), (UndecidedError("x"), 3),
    (KeyboardInterrupt(), 130), (BrokenPipeError(errno.EPIPE, "x"), 141), (OSError(errno.ENOSPC, "full"), 2),
])  # fmt: skip
def test_what_is_no_fault(error, code, monkeypatch, capsys):
    with monkeypatch.context() as kept:
        kept.setattr(sys, "stdout", sys.stdout)
        assert ended(kept, "schema", error) == code
    assert "internal" not in capsys.readouterr().err


def test_the_traceback_is_shown_to_who_asks(monkeypatch, capsys):
    for value, shown in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv("CONVSOLVE_DEBUG", value)
        assert ended(monkeypatch, "schema", ZeroDivisionError("x")) == 70
        assert ("Traceback" in capsys.readouterr().err) is shown


def test_the_message_shows_no_control_character(monkeypatch, capsys):
    assert ended(monkeypatch, "schema", ValueError("\x1b[2J\x9b\u202e\udcff::error::" + "x" * 10_000)) == 70
    said = capsys.readouterr().err
    assert said.strip("\n").isprintable() and len(said) < 1000


def run(*command, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("environment", {})}
    return subprocess.run([*command], capture_output=True, text=True, env=environment, check=False, **options)


def test_python_m_and_workers(tmp_path):
    code = (
        "import runpy, sys, convsolve.files.reader as r\n"
        "r.parse_document = lambda *a: 1 // 0\n"
        "sys.argv = ['convsolve', 'check', 'x.yaml']\n"
        "sys.path.insert(0, '')\n"
        "runpy.run_module('convsolve', run_name='__main__', alter_sys=True)\n"
    )
    (tmp_path / "x.yaml").touch()
    result = run(sys.executable, "-c", code, cwd=tmp_path)
    assert result.returncode == 70 and result.stderr.startswith("internal error: ZeroDivisionError"), result.stderr


def test_streams_that_are_closed(tmp_path):
    (tmp_path / "x.yaml").write_text("input: [1, 8, 8]\nlayers: [relu]\n")
    for words, code in (
        ("check x.yaml >&-", 0),
        ("check x.yaml 2>&-", 0),
        ("check - <&-", 2),
        ("check y.yaml 2>&-", 2),
    ):
        result = run("bash", "-c", f"{sys.executable} -m convsolve {words}", cwd=tmp_path)
        assert result.returncode == code and "Traceback" not in result.stderr and "internal" not in result.stderr


def test_pipes_that_nobody_reads_and_streams_that_are_full(tmp_path):
    (tmp_path / "x.yaml").write_text("input: [1, 8, 8]\nlayers: [{conv: {out_channels: 1 | 2, kernel_size: 3}}]\n")
    said = tmp_path / "said"
    for words in ("synth x.yaml", "check --input 1x1x1 y.yaml", "sizes x.yaml", "count x.yaml", "schema"):
        (tmp_path / "y.yaml").write_text("input: [1, 8, 8]\nlayers: [{conv: {out_channels: 1, kernel_size: 3}}]\n")
        command = f"{sys.executable} -m convsolve {words}"
        closed = run("bash", "-c", f"({command} 2>{said}; echo $? >&2) | true", cwd=tmp_path)
        assert closed.stderr.split() == ["141"] and said.read_text() == "", (words, said.read_text())
        assert run("bash", "-c", f"{command} >/dev/full 2>/dev/full", cwd=tmp_path).returncode == 2, words
    for words in ("check none.yaml", "check --none", "none"):
        assert run("bash", "-c", f"{sys.executable} -m convsolve {words} 2>/dev/full", cwd=tmp_path).returncode == 2


def test_letters_that_the_output_does_not_have(tmp_path):
    (tmp_path / "x.yaml").write_text("input: [1, 8, 8]\nlayers: [{relu: {name: Σize}}]\n")
    result = run(sys.executable, "-m", "convsolve", "synth", "x.yaml", "--emit", "yaml", cwd=tmp_path,
                 environment={"PYTHONIOENCODING": "latin-1"})  # fmt: skip
    assert result.returncode == 0 and "\\u03a3ize" in result.stdout


# -- `run`: what a script does is its own


@pytest.mark.parametrize(("body", "code", "said"), [
    ("import sys; sys.exit(3)", 3, ""), ("import sys; sys.exit('bye')", 1, "bye\n"), ("raise SystemExit", 0, ""),
    ("import sys, io; sys.stdout = io.StringIO(); sys.exit(4)", 4, ""), ("1 // 0", 1, "ZeroDivisionError"),
    ("import asyncio; raise asyncio.CancelledError('x')", 1, "CancelledError: x"), ("raise GeneratorExit", 1, "GeneratorExit"),
    ("raise KeyboardInterrupt", 130, "interrupted"), ("def f(): f()\nf()", 1, "RecursionError"), ("def (", 1, "SyntaxError"),
    ("raise MemoryError", 1, "MemoryError"), ("raise __import__('convsolve').ConvsolveError('x')", 1, "ConvsolveError: x"),
    ("import sys; sys.excepthook = lambda *a: 1 // 0\nraise KeyError('mine')", 1, "KeyError: 'mine'"),
    ("import os; os._exit(9)", 9, ""), ("raise __import__('click').exceptions.Exit(0)", 1, "Exit"),
])  # fmt: skip
def test_a_script_ends_as_python_ends_it(tmp_path, body, code, said):
    (tmp_path / "script.py").write_text(body + "\n")
    result = run(sys.executable, "-m", "convsolve", "run", "script.py", cwd=tmp_path)
    assert result.returncode == code and said in result.stderr and "internal error" not in result.stderr, result.stderr
    if code != 130:
        assert run(sys.executable, "script.py", cwd=tmp_path).returncode == code


def test_a_command_that_is_terminated_ends(tmp_path):
    layers = "  - conv: {out_channels: 8..256 step 8, kernel_size: 1|3|5, stride: 1|2, padding: 0..2}\n" * 12
    (tmp_path / "hard.yaml").write_text(f"input: [3, 97, 101]\nlayers:\n{layers}require: [params == 123457]\n")
    before = sorted(p.name for p in tmp_path.iterdir())
    command = [sys.executable, "-m", "convsolve", "export", "hard.yaml", "--to", "yaml", "-o", "out.yaml"]
    with subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        at_work(process)
        process.terminate()
        assert process.wait(20) == 130
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_an_interrupt_that_a_package_of_c_swallows_is_one(monkeypatch, capsys):
    def swallowed(words):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        raise ImportError("initialization failed")

    monkeypatch.setattr("convsolve.cli._code", swallowed)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with pytest.raises(SystemExit) as ended:
        main(["check", "net.yaml"])
    assert {number: signal.getsignal(number) for number in before} == before  # who has called may go on
    assert ended.value.code == 130 and "internal error" not in capsys.readouterr().err
