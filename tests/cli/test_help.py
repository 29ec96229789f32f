"""What leads a new user on: help with examples, names that are meant, completion, the next command."""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from convsolve.cli import _COMMANDS, _GROUPS, ALIASES, cli
from convsolve.cli.help_examples import EXAMPLES

ROOT = Path(__file__).parent.parent.parent
ENV = {**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT)}


def convsolve(folder, *words, **options):
    command = [sys.executable, "-m", "convsolve", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=ENV, **options)


@pytest.mark.parametrize("name", _COMMANDS)
def test_help_ends_with_two_examples_that_can_be_parsed(name):
    shown = CliRunner().invoke(cli, [name, "--help"]).stdout
    for example in EXAMPLES[name]:
        assert f"\n    convsolve {example}\n" in shown, shown
        words = shlex.split(example.partition(" < ")[0].partition(" > ")[0])
        assert words[0] == name
        command = cli.get_command(click.Context(cli), name)
        assert command.make_context(name, words[1:]) is not None
    assert set(EXAMPLES) == set(_COMMANDS)


def test_commands_stand_in_groups():
    shown = CliRunner().invoke(cli, ["--help"]).stdout
    assert [line.rstrip(":") for line in shown.splitlines() if line.rstrip(":") in _GROUPS] == list(_GROUPS)


@pytest.mark.parametrize("name", ALIASES)
def test_names_of_the_python_api_are_taken(name):
    said = cli.get_command(click.Context(cli), name)
    assert said is cli.get_command(click.Context(cli), ALIASES[name])


def test_a_shell_completes_files_and_classes(tmp_path):
    (tmp_path / "nets.py").write_text("class Net: pass\nclass Other: pass\n")
    (tmp_path / "net.yaml").write_text("")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.onnx").write_bytes(b"")

    def completed(incomplete):
        env = {
            **ENV,
            "_CONVSOLVE_COMPLETE": "bash_complete",
            "COMP_WORDS": f"convsolve check {incomplete}",
            "COMP_CWORD": "2",
        }
        command = [sys.executable, "-c", "from convsolve.cli import main; main()"]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=env)
        assert (ran.returncode, ran.stderr) == (0, "")
        return [line.partition(",")[2] for line in ran.stdout.splitlines()]

    assert completed("n") == ["net.yaml", "nets.py:Net", "nets.py:Other"]
    assert completed("nets.py:O") == ["nets.py:Other"]
    assert completed("m") == ["models/"]
    assert completed("models/") == ["models/a.onnx"]


def _command(folder: Path) -> dict[str, str]:
    """Put the command into a folder, and return an environment in which a shell finds it."""
    path = folder / "bin" / "convsolve"
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable}\nfrom convsolve.cli import main\nmain()\n")
    path.chmod(0o755)
    (folder / "nets.py").write_text("class Net: pass\nclass Other: pass\n")
    return {**os.environ, **ENV, "PATH": f"{path.parent}:{os.environ['PATH']}", "TERM": "dumb"}


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_itself_completes(tmp_path):
    script = "_CONVSOLVE_COMPLETE=fish_source convsolve | source; complete -C 'convsolve check ne'; complete -C 'convsolve rep'"
    ran = subprocess.run(["fish", "-c", script], cwd=tmp_path, env=_command(tmp_path), capture_output=True, text=True)
    assert ran.stderr == "" and [line.split("\t")[0] for line in ran.stdout.splitlines()] == [
        "nets.py:Net", "nets.py:Other", "repair"]  # fmt: skip


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_itself_completes(tmp_path):
    """In a terminal of its own: a word, a tab, and what stands there then."""
    env = _command(tmp_path)
    (tmp_path / "rc").write_text(
        'unsetopt zle_bracketed_paste; PS1=""; autoload -Uz compinit; compinit -u -D\n'
        'eval "$(_CONVSOLVE_COMPLETE=zsh_source convsolve)"; echo READY\n'
    )
    process, terminal = pty.fork()
    if not process:
        os.chdir(tmp_path)
        os.execvpe("zsh", ["zsh", "-f", "-i"], env)
    shown, sent, end = "", 0, time.monotonic() + 60
    keys = [("", "source ./rc\n"), ("\r\nREADY", "convsolve check nets.py:O\t"), ("ther", "\x03exit\n")]
    while sent < len(keys) and time.monotonic() < end:
        if keys[sent][0] in shown:
            os.write(terminal, keys[sent][1].encode())
            shown, sent = "", sent + 1
        elif select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
    os.close(terminal)
    os.waitpid(process, 0)
    assert sent == len(keys) and "error" not in shown, shown


def test_a_module_is_run_by_its_name(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "train.py").write_text("import sys, beside\nprint(__name__, sys.argv[1:])\nsys.exit(7)\n")
    (tmp_path / "beside.py").write_text("")
    ran = convsolve(tmp_path, "run", "-m", "package.train", "--epochs", "1")
    assert (ran.returncode, ran.stdout) == (7, "__main__ ['--epochs', '1']\n")
    (tmp_path / "package" / "train.py").write_text(
        "raise RuntimeError('mat1 and mat2 shapes cannot be multiplied (1x576 and 400x120)')"
    )
    ran = convsolve(tmp_path, "run", "-m", "package.train")
    assert ran.returncode == 1
    assert "CS011" in ran.stderr
    assert "convsolve" not in ran.stderr.partition("RuntimeError")[0]
    assert "there is no module 'gone'" in convsolve(tmp_path, "run", "-m", "gone").stderr


@pytest.mark.parametrize("words", [
    ("draw", "net.yaml", "-o", "x.svg"), ("draw", "net.yaml", "-o", "x.html"), ("draw", "net.yaml", "-o", "x.dot"),
    ("draw", "net.yaml", "-o", "x.mmd"), ("draw", "net.yaml", "-o", "x.png"), ("export", "net.yaml", "--to", "torch", "-o", "x"),
    ("export", "net.yaml", "--to", "yaml", "-o", "x"), ("export", "net.yaml", "--to", "onnx", "-o", "x"),
    ("export", "net.yaml", "--to", "keras", "-o", "x"), ("enumerate", "holes.yaml", "-o", "x"),
])  # fmt: skip
def test_a_file_that_is_not_its_own_is_replaced_only_by_force(tmp_path, words):
    net = "input: [1, 12, 12]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 3}\n"
    (tmp_path / "net.yaml").write_text(net)
    (tmp_path / "holes.yaml").write_text(net.replace("3}", "3 | 5}"))
    written = tmp_path / words[-1]
    assert convsolve(tmp_path, *words).returncode == 0
    first = written.read_bytes()
    assert convsolve(tmp_path, *words).returncode == 0  # its own
    assert written.read_bytes() == first
    written.write_text("mine\n")
    refused = convsolve(tmp_path, *words)
    assert refused.returncode == 2
    assert (
        refused.stderr
        == f"error: cannot write {words[-1]}: convsolve has not written what is there (--force replaces it)\n"
    )
    assert written.read_text() == "mine\n"
    assert convsolve(tmp_path, *words, "--force").returncode == 0
    assert written.read_bytes() == first


def at_a_terminal(*words):
    """Return what a command shows where its output is a terminal."""
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "convsolve", *words]
    process = subprocess.Popen(command, cwd=ROOT, stdout=child, stderr=child, stdin=child, env=ENV)
    os.close(child)
    shown = b""
    while True:
        try:
            part = os.read(parent, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    process.wait()
    os.close(parent)
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(("words", "said"), [
    (("check", "problems/unet_300x300.yaml"), "what mends it: convsolve repair problems/unet_300x300.yaml\n"),
    (("check", "problems/unet_300x300.yaml", "--input", "3x304x304"),
     "which other sizes it takes: convsolve sizes problems/unet_300x300.yaml --input 3x304x304\n"),
    (("repair", "problems/unet_300x300.yaml", "-n", "1"),
     "as a file: convsolve repair problems/unet_300x300.yaml --emit yaml\n"),
])  # fmt: skip
def test_a_terminal_is_told_what_is_useful_next(words, said):
    assert at_a_terminal(*words).endswith(said)
    assert said not in at_a_terminal(*words, "-q")
