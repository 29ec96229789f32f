"""``--timeout`` of commands that keep no clock: whatever they do, they end, and say that the answer is not known."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from importlib import import_module

import pytest
from click.testing import CliRunner

import convsolve as cs
from convsolve.cli import cli, deadline
from convsolve.cli.deadline import Deadline


def test_whatever_is_done_ends():
    def swallow() -> None:
        while True:
            try:
                sum(range(1000))
            except Exception:
                continue

    began = time.monotonic()
    with pytest.raises(cs.UndecidedError, match=r"the time ran out \(0.3 s\)"), Deadline(0.3)():
        swallow()
    assert time.monotonic() - began < 20 and signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_an_end_that_is_told_again_at_once_is_the_same_end(monkeypatch):
    monkeypatch.setattr(deadline, "_AGAIN", 1e-3)

    def work() -> None:
        with Deadline(0.002)():
            while True:
                sum(range(100))

    for _ in range(300):
        with pytest.raises(cs.UndecidedError):
            work()
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_file_is_read_in_time_or_not_at_all(tmp_path):
    """Whatever a command does with a file, reading counts."""
    cs.load("problems/unet_300x300.yaml")
    for module in ("space", "synthesis.solve", "sizes.valid_sizes", "repairs.repair", "pictures"):
        import_module(f"convsolve.{module}")  # an import that is cut off would be missed by the next command
    path = tmp_path / "net.yaml"
    path.write_text("input: [3, 224, 224]\nlayers:\n" + "  - conv: {out_channels: 8, kernel_size: 1}\n" * 9000)
    for command in ("synth", "count", "sample", "enumerate", "sizes", "repair", "export", "draw"):
        words = [command, str(path), "--timeout", "0.05", *(["--to", "yaml"] if command == "export" else [])]
        began = time.process_time()
        ended = CliRunner().invoke(cli, words, standalone_mode=False)
        assert isinstance(ended.exception, cs.UndecidedError), (command, ended)
        assert "0.05 s" in str(ended.exception) and time.process_time() - began < 5


def test_a_deadline_is_one_for_all_that_is_done_within():
    deadline = Deadline(0.05)
    time.sleep(0.1)
    with pytest.raises(cs.UndecidedError), deadline():
        time.sleep(5)


def test_what_is_in_time_is_left_alone_and_so_are_others_timers():
    seen = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append("alarm"))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.4)
        with Deadline(60)():
            pass
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
        time.sleep(1)
        assert seen == ["alarm"]
    finally:
        signal.signal(signal.SIGALRM, before)


def test_other_threads_are_not_stopped():
    found = []

    def work() -> None:
        with Deadline(0.01)():
            time.sleep(0.1)
            found.append("done")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == ["done"]


@pytest.mark.parametrize("words", [
    ["check", "{}"], ["check", "--json", "{}"], ["check", "{}", "{}"], ["diff", "--json", "{}", "{}"], ["counterexample", "--json", "{}"],
    ["explain", "RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x400 and 120x84)", "--json", "--model", "{}"],
], ids=lambda words: " ".join(words[:2]))  # fmt: skip
def test_commands_end_in_time(words, tmp_path):
    path = tmp_path / "chain.yaml"
    path.write_text(
        "input: [3, 224, 224]\nlayers:\n" + "  - conv: {out_channels: 8, kernel_size: 3, padding: 1}\n" * 6000
    )
    command = [
        sys.executable,
        "-m",
        "convsolve",
        *(str(path) if word == "{}" else word for word in words),
        "--timeout",
        "0.3",
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 3 and "Traceback" not in result.stderr
    if "--json" in words:
        found = json.loads(result.stdout)
        assert (found["status"], found["reason"]) == ("unknown", "the time ran out (0.3 s)")
    else:
        assert "not known: the time ran out (0.3 s)" in result.stderr
