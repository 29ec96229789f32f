"""A real Dask cluster on this machine: the same answers, also where a worker is killed in the middle."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

import convsolve as cs
from convsolve.cli import cli, main
from convsolve.space import pools

from .test_commands import TEXT
from .test_cubes import WIDE

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    ) as started:
        yield started


@pytest.fixture
def executor(cluster):
    with distributed.Client(cluster, set_as_default=False) as client:
        yield client.get_executor(pure=False, retries=2)


def kill_one(cluster) -> int:
    """Kill a worker; its nanny starts another one."""
    victim = next(nanny.pid for nanny in cluster.workers.values() if nanny.pid)
    os.kill(victim, signal.SIGKILL)
    return victim


def test_a_killed_worker_loses_nothing(cluster, executor):
    problem = cs.load("problems/once_for_all.yaml")
    undisturbed = "".join(cs.Space(problem).lines(60_000))
    text, killed = [], []
    for piece in cs.Space(problem).lines(60_000, executor=executor):
        text.append(piece)
        if len(text) == 2:
            killed.append(kill_one(cluster))
    assert killed and len(text) > 5 and "".join(text) == undisturbed


def test_counts_draws_and_the_best_are_the_same_where_a_worker_is_killed(cluster, executor):
    problem = cs.parse(WIDE)
    here = cs.Space(problem)
    killed: list[int] = []

    def tell(done: float) -> None:
        if not killed:
            killed.append(kill_one(cluster))

    there = cs.Space(problem)
    assert there.count(executor=executor, tell=tell) == here.count() and killed
    assert list(there.sample(2000, seed=4, executor=executor)) == list(here.sample(2000, seed=4))
    killed.clear()
    assert there.best(executor=executor, cubes=9, tell=tell).assignment == here.best().assignment and killed


def test_commands(cluster, tmp_path):
    space, path = tmp_path / "space.yaml", tmp_path / "all.jsonl"
    space.write_text(f"{TEXT}minimize: params\n")
    for words in (["count"], ["enumerate"], ["synth", "-q"], ["enumerate", "-o", str(path)]):
        words = [words[0], str(space), *words[1:]]
        here = CliRunner().invoke(cli, words, standalone_mode=False)
        there = CliRunner().invoke(cli, [*words, "--cluster", cluster.scheduler_address], standalone_mode=False)
        assert there.exception is None and there.return_value == 0, there.exception
        assert there.stdout == here.stdout
    assert path.read_text().count("\n") == 9


@pytest.mark.parametrize(("address", "words"), [
    ("nonsense", "'nonsense' is no address such as tcp://host:8786: missing port"),
    ("http://here:80", "no address such as tcp"),
    ("", "no address such as tcp"),
    ("tcp://127.0.0.1:1", "no Dask scheduler answers at tcp://127.0.0.1:1"),
])  # fmt: skip
def test_a_cluster_that_is_not_there(address, words, monkeypatch, capsys):
    monkeypatch.setattr(pools, "_PATIENCE", 0.5)
    with pytest.raises(SystemExit) as end:
        main(["count", "problems/cell_search.yaml", "--cluster", address])
    said = capsys.readouterr().err
    assert end.value.code == 2 and words in said and said.count("\n") == 1


def test_a_cluster_without_workers(monkeypatch):
    monkeypatch.setattr(pools, "_PATIENCE", 0.5)
    empty = distributed.LocalCluster(n_workers=0, processes=True, dashboard_address=":0", silence_logs=50)
    with empty, pytest.raises(cs.WorkersError, match="no workers"), pools.cluster(empty.scheduler_address):
        pass


def test_a_scheduler_that_goes_away(cluster):
    with pools.cluster(cluster.scheduler_address) as executor:
        future = executor.submit(time.sleep, 4)
        executor._client = SimpleNamespace(status="closed")  # as after it has tried in vain to connect again
        with pytest.raises(cs.WorkersError, match="gone away"):
            future.result(timeout=60)


def test_without_dask(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SystemExit) as end:
        main(["count", "problems/cell_search.yaml", "--cluster", "tcp://127.0.0.1:8786"])
    assert end.value.code == 2 and "pip install 'convsolve[dask]'" in capsys.readouterr().err
    with contextlib.suppress(SystemExit):
        main(["count", "problems/cell_search.yaml"])
    assert "13,438" in capsys.readouterr().out
