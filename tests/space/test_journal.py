"""Listings that go to a file: whatever stops them, they go on, and the file is that of an undisturbed run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import psutil
import pytest

import convsolve as cs
from convsolve.space import enumeration, journal

PROBLEM = "problems/unet_search.yaml"
COUNT = 43_200


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(enumeration, "_AT_ONCE", 1 << 12)
    return tmp_path / "all.jsonl"


@pytest.fixture(scope="module")
def undisturbed() -> str:
    return "".join(cs.Space(cs.load(PROBLEM)).lines())


def space() -> cs.Space:
    return cs.Space(cs.load(PROBLEM))


class Stop(BaseException):
    """As an interrupt, at a place of our choice."""


def stopped(path: Path, after: int, limit: int | None = None) -> list[str]:
    """Write until so many pieces are there, and return the names of what is left behind."""

    def tell(done: float) -> None:
        nonlocal after
        after -= 1
        if not after:
            raise Stop

    with pytest.raises(Stop):
        space().write(path, limit, tell=tell)
    return sorted(p.name for p in path.parent.iterdir())


def test_a_file_has_what_is_yielded(path, undisturbed):
    assert space().write(path) == COUNT and path.read_text() == undisturbed
    assert list(path.parent.iterdir()) == [path]
    rows = [json.loads(line) for line in undisturbed.splitlines()]
    assert rows == list(space().enumerate()) and len(rows) == COUNT
    assert space().write(path, 5000) == 5000 and path.read_text() == "".join(
        undisturbed.splitlines(keepends=True)[:5000]
    )


def test_a_stopped_run_goes_on(path, undisturbed, monkeypatch):
    assert stopped(path, 3) == ["all.jsonl.journal", "all.jsonl.part"]
    assert stopped(path, 2) == ["all.jsonl.journal", "all.jsonl.part"]
    asked = []
    real = enumeration.lines
    monkeypatch.setattr(journal, "lines", lambda *a, **k: asked.append(k["begin"]) or real(*a, **k))
    assert space().write(path) == COUNT and path.read_text() == undisturbed
    assert asked == [(0, 5 << 12)]


def test_a_limit_goes_on_too(path, undisturbed):
    stopped(path, 1, 6000)
    assert space().write(path, 6000) == 6000
    assert path.read_text() == "".join(undisturbed.splitlines(keepends=True)[:6000])


@pytest.mark.parametrize("torn", [b'{"cube": 0, "next": 99', b"{", b"\xff\x00"])
def test_torn_lines_are_written_again(path, undisturbed, torn):
    stopped(path, 3)
    with open(f"{path}.journal", "ab") as notes, open(f"{path}.part", "ab") as part:
        notes.write(torn)
        part.write(b'{"w": 8, "torn')
    assert space().write(path) == COUNT and path.read_text() == undisturbed


@pytest.mark.parametrize("lines", [1, 2])
def test_a_journal_without_pieces(path, undisturbed, lines):
    stopped(path, 3)
    notes = Path(f"{path}.journal")
    notes.write_bytes(b"".join(notes.read_bytes().splitlines(keepends=True)[:lines]))
    assert space().write(path) == COUNT and path.read_text() == undisturbed


@pytest.mark.parametrize("renamed", [False, True])
def test_a_run_that_is_stopped_as_it_ends(path, undisturbed, renamed, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace" if not renamed else "fsync", lambda *a: (_ for _ in ()).throw(Stop))
        if renamed:
            patched.undo()
            patched.setattr(Path, "unlink", lambda *a: (_ for _ in ()).throw(Stop))
        with pytest.raises(Stop):
            space().write(path)
    assert path.exists() == renamed
    assert space().write(path) == COUNT and path.read_text() == undisturbed and list(path.parent.iterdir()) == [path]


def test_what_does_not_belong_together_is_refused(path):
    stopped(path, 2)
    kept = Path(f"{path}.part").read_bytes()
    other = cs.Space(cs.load("problems/cell_search.yaml"))
    for call in (lambda: other.write(path), lambda: space().write(path, 100)):
        with pytest.raises(cs.FileError, match=r"all.jsonl.journal:1:1: .*another problem.*remove it and .*part"):
            call()
    Path(f"{path}.part").write_bytes(kept[:100])
    with pytest.raises(cs.FileError, match="shorter"):
        space().write(path)
    notes = Path(f"{path}.journal")
    for wrong in (b"not a note\n", b"[]\n", b'{"rows": 1}\n'):
        whole = notes.read_bytes().splitlines(keepends=True)
        notes.write_bytes(b"".join([*whole[:2], wrong]))
        with pytest.raises(cs.FileError, match="journal:3:1: this is no line"):
            space().write(path)
    assert not path.exists()


def test_the_same_words_are_the_same_problem(path, undisturbed):
    stopped(path, 2)
    text = Path(PROBLEM).read_text().replace("minimize: macs", "minimize: params").replace("# The plan", "# A plan")
    assert cs.Space(cs.parse(text)).write(path) == COUNT and path.read_text() == undisturbed


def test_two_runs_do_not_write_one_file(path):
    def tell(done: float) -> None:
        with pytest.raises(cs.FileError, match="another run"):
            space().write(path)
        raise Stop

    with pytest.raises(Stop):
        space().write(path, tell=tell)


def test_a_flipped_bit_is_found(path, monkeypatch):
    monkeypatch.setattr(enumeration, "_AT_ONCE", 1 << 8)
    whole = "".join(space().lines(1500))
    stopped(path, 5, 1500)
    files = {name: Path(f"{path}.{name}") for name in ("part", "journal")}
    before = {name: file.read_bytes() for name, file in files.items()}
    random, found = Random("flipped bits"), Counter[str]()
    for _ in range(20):
        name = random.choice(("part", "journal"))
        content = bytearray(before[name])
        at = random.randrange(len(content))
        content[at] ^= 1 << random.randrange(8)
        for other, file in files.items():
            file.write_bytes(content if other == name else before[other])
        try:
            space().write(path, 1500)
            said = ""
        except cs.FileError as error:
            said = str(error)
        found["refused" if said else "written again"] += 1
        if said:
            assert re.search(r"this is no line|is not what this says|another problem", said), said
            assert files[name].read_bytes() == content and not path.exists()
        else:
            assert path.read_text() == whole
            path.unlink()
    assert found["refused"] > 3 and found["written again"] > 3


@pytest.mark.parametrize("finished", [False, True])
def test_a_users_own_file_is_left_alone(path, finished, monkeypatch):
    if finished:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", lambda *a: (_ for _ in ()).throw(Stop))
            with pytest.raises(Stop):
                space().write(path)
    else:
        stopped(path, 2)
    own, listed = Path(f"{path}.part"), path.exists() and path.read_bytes()
    for content in (b"my own\n", b"x" * 10_000_000):
        own.write_bytes(content)
        with pytest.raises(cs.FileError, match=r"than this says|not what this says"):
            space().write(path)
        assert own.read_bytes() == content and (path.exists() and path.read_bytes()) == listed


def test_stopped_workers_do_not_outlast_the_timeout(tmp_path):
    path, notes = tmp_path / "all.jsonl", tmp_path / "all.jsonl.journal"
    command = [sys.executable, "-m", "convsolve", "enumerate", "problems/once_for_all.yaml", "-n", "60000", "-o",
               str(path), "--workers", "2", "--timeout", "20"]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        while run.poll() is None and (not notes.exists() or notes.read_bytes().count(b"\n") < 3):
            time.sleep(0.01)
        workers = [p for p in psutil.Process(run.pid).children() if any("spawn_main" in word for word in p.cmdline())]
        for worker in workers:
            worker.suspend()
        said = run.stderr.read()
        assert run.wait(100) == 3 and "goes on from there" in said and "not known: " in said, said
    gone, _ = psutil.wait_procs(workers, timeout=20)
    assert workers and all(w in gone or w.status() == psutil.STATUS_ZOMBIE for w in workers)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_killed_command_goes_on(tmp_path, ending):
    path, notes = tmp_path / "all.jsonl", tmp_path / "all.jsonl.journal"
    command = [sys.executable, "-m", "convsolve", "enumerate", "problems/once_for_all.yaml", "-n", "60000", "-o",
               str(path), "--workers", "2"]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as first:
        while first.poll() is None and (not notes.exists() or notes.read_bytes().count(b"\n") < 4):
            time.sleep(0.01)
        workers = psutil.Process(first.pid).children()
        first.send_signal(ending)
        said = first.stderr.read()
    assert first.returncode == (-ending if ending == signal.SIGKILL else 130)
    assert "goes on from there" in said or ending == signal.SIGKILL
    gone, _ = psutil.wait_procs(workers, timeout=20)
    assert len(workers) >= 2 and all(w in gone or w.status() == psutil.STATUS_ZOMBIE for w in workers)
    begun = notes.read_bytes().count(b"\n")
    assert 4 <= begun < 10 and not path.exists()
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert second.stderr == f"wrote {path}: 60,000 architectures\n" and second.stdout == ""
    assert path.read_text() == "".join(cs.Space(cs.load("problems/once_for_all.yaml")).lines(60_000))
