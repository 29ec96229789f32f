"""Work that is done cube by cube: whatever stops it, it goes on, and the answer is that of an undisturbed run."""

from __future__ import annotations

import threading
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

import convsolve as cs
from convsolve.cli import cli
from convsolve.solver.outcome import Outcome
from convsolve.space import cubes
from convsolve.space.checkpoint import Checkpoint
from convsolve.space.optimisation import _outcome, _written_outcome
from convsolve.synthesis.solve import Interrupted
from tests.attack.kills import WIDE as PROBLEM


class Stop(BaseException):
    """As a SIGKILL, at a place of our choice."""


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "known"


@pytest.fixture
def done(monkeypatch) -> list[cubes.Decided]:
    """The cubes that have been worked on."""
    seen = []
    real = cubes._work

    def work(subspace, decided, depth, task):
        seen.append(decided)
        return real(subspace, decided, depth, task)

    monkeypatch.setattr(cubes, "_work", work)
    return seen


def asked(what: str, path: Path | None, tell=cubes.untold):
    space = cs.Space(cs.parse(PROBLEM))
    if what == "count":
        return space.count(cubes=20, checkpoint=path, tell=tell)
    if what == "best":
        return space.best(cubes=20, checkpoint=path, tell=tell)
    return space.pareto("params", "macs", cubes=20, checkpoint=path, tell=tell)


def stopping(after: int):
    def tell(share: float) -> None:
        nonlocal after
        after -= 1
        if after < 0:
            raise Stop

    return tell


@pytest.mark.parametrize("what", ["best", "pareto"])
def test_a_stopped_run_goes_on(what, path, done):
    whole = str(asked(what, None))
    every = len(done)
    done.clear()
    for after in (3, 5, 0):
        with pytest.raises(Stop):
            asked(what, path, stopping(after))
    assert str(asked(what, path)) == whole
    assert every > 8 and len(done) == len(set(done)) and len(done) <= every  # none is worked on twice
    done.clear()
    assert str(asked(what, path)) == whole and not done


def test_a_count_goes_on(path, done, monkeypatch):
    monkeypatch.setattr("convsolve.space.paths._MOST_MERGED", 60)
    whole = asked("count", None)
    every = len(done)
    done.clear()
    with pytest.raises(Stop):
        asked("count", path, stopping(0))
    assert asked("count", path) == whole and len(done) == every
    done.clear()
    assert asked("count", path) == whole and not done


def test_what_has_befallen_a_line_is_found_out_again(path):
    whole = str(asked("best", path))
    content = path.read_bytes()
    ends = [i for i, byte in enumerate(content) if byte == 10]
    random = Random(1)
    for _ in range(12):
        damaged = bytearray(content)
        at = random.randrange(ends[0] + 1, len(content))
        kind = random.randrange(3)
        if kind == 0:
            damaged[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            del damaged[at:]
        else:
            damaged[at:at] = b"\n\xff {"
        path.write_bytes(damaged)
        assert str(asked("best", path)) == whole
        assert sorted(path.read_bytes().splitlines()) == sorted(content.splitlines())


@pytest.mark.parametrize("content", [b"mine\n", b"{}\n", b"\0" * 50, b'{"convsolve checkpoint": 1} 00000000\n'])
def test_a_file_of_something_else_stays(path, content):
    path.write_bytes(content)
    with pytest.raises(cs.FileError, match=r"known:1:1: this is no checkpoint; name another file"):
        asked("best", path)
    assert path.read_bytes() == content


def test_answers_to_another_question_are_not_taken(path):
    asked("best", path)
    before = path.read_bytes()
    for text in (PROBLEM.replace("40K", "39K"), PROBLEM.replace("maximize", "minimize"), PROBLEM.replace("[3,", "[1,")):
        with pytest.raises(cs.FileError, match="another question"):
            cs.Space(cs.parse(text)).best(checkpoint=path)
    with pytest.raises(cs.FileError, match="another question"):
        cs.Space(cs.parse(PROBLEM)).pareto("params", "macs", checkpoint=path)
    assert path.read_bytes() == before


def test_what_is_not_certain_is_not_kept(path):
    with Checkpoint(path, {}) as checkpoint:
        answers = checkpoint.of("best", _outcome, _written_outcome)
        job = cubes.Job(None, None)  # type: ignore[arg-type]
        answers.keep(job, Outcome(({"a": 1},), False, reason="the time ran out"))
    with Checkpoint(path, {}) as checkpoint:
        assert checkpoint.of("best", _outcome, _written_outcome).known(job) is None
        certain = Outcome(({"a": 1},), True, bound=7, plainest=True)
        checkpoint.of("best", _outcome, _written_outcome).keep(job, certain)
    with Checkpoint(path, {}) as checkpoint:
        assert checkpoint.of("best", _outcome, _written_outcome).known(job) == certain


def test_two_runs_do_not_share_a_file(path):
    with Checkpoint(path, {"a": 1}), pytest.raises(cs.FileError, match="another run is using this file"):
        Checkpoint(path, {"a": 1}).__enter__()


def test_what_is_no_file_of_ours_is_left_alone(path, tmp_path):
    (tmp_path / "other").write_text("mine")
    path.symlink_to(tmp_path / "other")
    for name in (path, tmp_path, "/dev/null"):
        with pytest.raises(cs.FileError):
            Checkpoint(name, {}).__enter__()
    assert (tmp_path / "other").read_text() == "mine" and path.is_symlink()


def test_an_interrupt_says_the_best_so_far(path):
    def tell(share: float) -> None:
        if share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as stopped:
        asked("best", path, tell)
    best = asked("best", path)
    answer = stopped.value.answer
    assert isinstance(answer, cs.Solution) and not answer.proven and answer.report.params <= best.report.params


def test_the_command_line(path, tmp_path):
    problem = tmp_path / "net.yaml"
    problem.write_text(PROBLEM)
    words = ["synth", str(problem), "--checkpoint", str(path)]
    first, second = (CliRunner().invoke(cli, words, standalone_mode=False) for _ in range(2))
    assert first.return_value == 0 and first.stdout == second.stdout
    short = CliRunner().invoke(
        cli, ["synth", str(problem), "--checkpoint", f"{path}2", "--timeout", "0.02"], standalone_mode=False
    )
    assert short.return_value in (0, 3) and "the same command goes on from there" in short.stderr
    nowhere = CliRunner().invoke(cli, ["count", str(problem), "--checkpoint", "/proc/no/such"], standalone_mode=False)
    assert isinstance(nowhere.exception, cs.ConvsolveError) and "cannot write" in str(nowhere.exception)


def test_threads_with_files_of_their_own(tmp_path):
    whole = str(asked("best", None))
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda i=i: found.append(str(asked("best", tmp_path / str(i))))) for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [whole] * 4
