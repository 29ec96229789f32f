"""Cubes: what is put together of them is what the whole space is, whoever does the work and whatever befalls them."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import random
import signal
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache, partial
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import convsolve as cs
from convsolve.solver.clock import Clock, OutOfTime
from convsolve.space import cubes, paths
from convsolve.space.cubes import Job, cut, run
from convsolve.space.enumeration import rows
from convsolve.space.sampling import measure
from convsolve.space.subspace import Subspace
from tests.synthesis.test_pareto import expected_front

from .test_space import cases, chi_square, full, solutions_of

WIDE = """
input: [1, 32, 32]
holes: {a: 1..9, b: 1..9, c: 1..9, d: 1..9, e: 1..9, f: 1..9, g: 1..9}
layers:
  - conv: {name: first, out_channels: $a, kernel_size: 3 | 5, padding: same}
  - conv: {out_channels: $b, kernel_size: 1}
  - conv: {out_channels: $c, kernel_size: 1}
  - conv: {out_channels: $d, kernel_size: 1}
  - conv: {out_channels: $e, kernel_size: 1}
  - conv: {out_channels: $f, kernel_size: 1}
  - conv: {out_channels: $g, kernel_size: 1}
require: ["($a*$b + $c*$d) * ($e*$f + $g) <= 700", "$a * $d * $g % 2 == 0"]
minimize: macs
"""
"""One requirement joins seven holes: they have more combinations than are gone through at once."""


@pytest.fixture(scope="module")
def pools():
    with cs.LocalPool(1) as one, cs.LocalPool(2) as two, ThreadPoolExecutor(2) as threads:
        yield [None, one, two, threads]


@pytest.fixture
def in_cubes(monkeypatch):
    """Let a space with more than a few states have too many, so that it is gone through cube by cube."""
    monkeypatch.setattr(paths, "MOST_STATES", 4)
    monkeypatch.setattr(cubes, "_FEWEST", 2)
    monkeypatch.setattr(cubes, "_DEEPEST", 99)


def listed(subspace: Subspace) -> list[tuple[tuple[str, int], ...]]:
    found = rows(subspace, measure([subspace])[0])
    return [tuple(subspace.assignments.filled(assignment).items()) for assignment in found]


# -- what cubes are


def test_cubes_make_up_a_space():
    several = 0
    for seed, traced in cases()[::2]:
        subspace = Subspace(traced.problem)
        if subspace.outline is None:
            assert not solutions_of(seed)
            continue
        for parts in (None, subspace.parts):
            found = [listed(subspace.cube(decided)) for decided in cut(subspace.outline, 5, parts)]
            assert sorted(chain(*found)) == sorted(solutions_of(seed)), seed
            assert all(found) or parts is None, seed
            several += sum(map(bool, found)) > 3
    assert several > 12


def test_what_is_remembered_longest_is_decided_first():
    outline = Subspace(cs.load("problems/blocks_search.yaml")).outline
    assert [dict(cube) for cube in cut(outline, 6)] == [{"blocks.repeat": depth} for depth in range(3, 9)]
    assert [hole for hole, _ in cut(outline, 7)[0]] == ["blocks.repeat", "conv_1.out_channels"]


# -- what is made of them


def test_spaces_with_too_many_states(in_cubes):
    cut_up = 0
    for seed, traced in cases()[1::2]:
        true, space = solutions_of(seed), cs.Space(traced.problem)
        count = space.count()
        assert count.exact and count.value == len(true), seed
        assert sorted(listed(space._subspace)) == sorted(true), seed
        if true:
            assert sorted(full(space, space.sample(len(true), replace=False))) == sorted(true), seed
        cut_up += len(space._cubes(None)) > 1
    assert cut_up > 5


def test_draws_from_cubes_are_uniform(in_cubes):
    tried = 0
    for seed, traced in cases():
        solutions, space = list(solutions_of(seed)), cs.Space(traced.problem)
        if 5 < len(solutions) < 200 and len(space._cubes(None)) > 1:
            assert abs(chi_square(space, solutions, [1] * len(solutions), 60 * len(solutions))) < 4.5, seed
            tried += 1
    assert tried > 6


def test_draws_from_cubes_are_mixed():
    space = cs.Space(cs.parse(WIDE))
    ((hole, _),) = space._cubes(None)[0].decided
    column = space.sample(4000, seed=9).columns[hole]
    assert abs(column[:2000].mean() - column[2000:].mean()) < 0.3 and column.std() > 1


def test_weights_are_the_same_in_every_cube(in_cubes):
    tried = 0
    for seed, traced in cases():
        solutions, space = list(solutions_of(seed)), cs.Space(traced.problem)
        if not (5 < len(solutions) < 60 and len(space._cubes(None)) > 1):
            continue
        weight = {name: {v: i + 1.5 for i, v in enumerate(values)} for name, values in space.holes.items()}
        true = [
            np.prod([weight[n][v] for n, v in space._subspace.assignments.shown(dict(s)).items()]) for s in solutions
        ]
        samples = full(space, space.sample(4000, seed=1, weight=weight))
        place = {s: i for i, s in enumerate(solutions)}
        seen = np.bincount([place[s] for s in samples], minlength=len(solutions))
        expected = np.array(true) / sum(true) * 4000
        measure = ((seen - expected) ** 2 / np.maximum(expected, 1)).sum()
        assert measure < len(solutions) + 5 * (2 * len(solutions)) ** 0.5, seed
        tried += 1
    assert tried > 5


def test_more_cubes_bring_the_bounds_nearer(monkeypatch):
    space = cs.Space(
        cs.parse("""
input: [3, 16, 16]
layers: [{repeat: 5..5, layers: [{conv: {name: c, out_channels: 4 | 7 | 9, kernel_size: 1 | 3, padding: same}}]}]
require: [macs <= 300K]
""")
    )
    true = space.count()
    assert true.exact
    monkeypatch.setattr(paths, "_MOST_EDGES", 0)
    monkeypatch.setattr(paths, "_MOST_MERGED", 60)
    counts = [cs.Space(space.problem).count(cubes=n) for n in (1, 9, 200)]
    widths = [count.high - count.low for count in counts]
    assert widths == sorted(widths, reverse=True) and widths[0] > 2 * widths[1] > 0 == widths[2]
    assert all(count.low <= true.value <= count.high and count.of == true.of for count in counts)


def test_the_best_of_the_cubes_is_the_best():
    rng = random.Random(3)
    for seed, traced in problems_with_goals():
        whole, space = cs.solve(traced.problem), cs.Space(traced.problem)
        best = space.best(cubes=rng.choice([2, 5, 20]))
        assert type(best) is type(whole), seed
        if isinstance(whole, cs.Solution):
            assert best.assignment == whole.assignment and best.proven == whole.proven, seed
            assert [g.value for g in best.goals] == [g.value for g in whole.goals], seed
        else:
            assert best.core == whole.core and best.relaxations == whole.relaxations, seed


@cache
def problems_with_goals():
    from tests.solver.random_problems import problems

    return problems(range(0, 60, 2), most=700)


def test_the_plainest_of_the_cubes_is_the_plainest():
    problem = cs.parse("""
input: [1, 8, 8]
layers: [{conv: {name: c, out_channels: 4, kernel_size: 7 | 3, padding: 0..4}}]
require: [output.height == 8]
""")
    assert dict(cs.Space(problem).best(cubes=2).assignment) == {"c.kernel_size": 3, "c.padding": 1}


def test_the_front_of_the_cubes_is_the_front():
    several = 0
    for seed, traced in cases()[::4]:
        objectives = ["params", "-macs", "activations"][: 2 + seed % 2]
        front = cs.Space(traced.problem).pareto(*objectives, cubes=4)
        assert front.complete and list(front.points) == expected_front(traced, objectives), seed
        whole = cs.pareto(traced.problem, objectives)
        assert [s.assignment for s in front.solutions] == [s.assignment for s in whole.solutions], seed
        several += len(front.points) > 1
    assert several > 2


def test_no_time_is_no_answer():
    space = cs.Space(cs.load("problems/once_for_all.yaml"))
    assert isinstance(space.best(timeout=1e-9, cubes=4), cs.Unknown)
    front = space.pareto("params", "macs", timeout=1e-9, cubes=4)
    assert not front.points and not front.complete and "time" in front.reason
    with pytest.raises(cs.UndecidedError, match="time"):
        cs.Space(cs.parse(WIDE), timeout=1e-9).count()


# -- who does the work


def test_everybody_gives_the_same_answers(pools):
    problem = cs.parse(WIDE)
    known = [np.arange(1, 10).reshape([-1 if i == axis else 1 for i in range(7)]) for axis in range(7)]
    a, b, c, d, e, f, g = known
    true = 2 * int((((a * b + c * d) * (e * f + g) <= 700) & (a * d * g % 2 == 0)).sum())
    tuner = dataclasses.replace(cs.load("problems/unet_search.yaml"), requirements=("macs <= 2G", "down3.height <= 12"))
    best, spread = cs.solve(tuner), cs.Space(tuner).sample(500, spread="macs", bins=2)
    drawn, first = list(cs.Space(problem).sample(3000, seed=2)), list(cs.Space(problem).enumerate(9000))
    assert len({tuple(row.items()) for row in first}) == 9000
    for executor in pools:
        space = cs.Space(problem)
        count = space.count(executor=executor)
        assert count.exact and count.value == true and len(space._cubes(executor)) > 1
        samples = space.sample(3000, seed=2, executor=executor)
        assert list(samples) == drawn and space.evaluate(samples).valid.all()
        assert list(space.enumerate(9000, executor=executor)) == first
        small = cs.Space(tuner)
        assert small.best(executor=executor, cubes=6).assignment == best.assignment
        assert list(small.sample(500, spread="macs", bins=2, executor=executor)) == list(spread)


def test_progress_is_told(pools):
    told: list[float] = []
    cs.Space(cs.parse(WIDE)).count(executor=pools[2], tell=told.append)
    assert len(told) > 5 and told == sorted(told) and told[-1] == pytest.approx(1)


def test_a_hopeless_space_is_given_up(monkeypatch):
    monkeypatch.setattr(paths, "MOST_STATES", 0)
    monkeypatch.setattr(cubes, "_DEEPEST", 1)
    with pytest.raises(cs.UndecidedError, match="too many states"):
        cs.Space(cs.load("problems/cell_search.yaml")).count()


# -- what befalls them


def square(subspace: Subspace, depth: int) -> int:
    return len(subspace.problem.network.holes) ** 2


def die(subspace: Subspace, depth: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(subspace: Subspace, depth: int) -> None:
    raise ZeroDivisionError("no such luck")


def refuse(subspace: Subspace, depth: int) -> None:
    raise cs.NetworkError("this is not for me")


def small() -> Subspace:
    return Subspace(cs.load("problems/unet_search.yaml"))


def test_a_killed_worker_loses_nothing():
    problem, others = cs.load("problems/once_for_all.yaml"), multiprocessing.active_children()
    undisturbed = "".join(cs.Space(problem).lines(90_000))
    text, killed = [], []
    with cs.LocalPool(2) as pool:
        for piece in cs.Space(problem).lines(90_000, executor=pool):
            text.append(piece)
            if len(text) in (2, 6):
                victim = next(child for child in multiprocessing.active_children() if child not in others)
                os.kill(victim.pid, signal.SIGKILL)
                victim.join()
                killed.append(victim.pid)
    assert len(set(killed)) == 2 and len(text) > 8 and "".join(text) == undisturbed


def test_work_that_kills_every_worker_is_given_up(pools):
    with pytest.raises(cs.WorkersError, match=r"lost a piece of work 3 times.*out of memory.*__main__"):
        list(run([Job(small(), square), Job(small(), die)], pools[2]))
    assert [answer for _, answer in run([Job(small(), square)] * 3, pools[2])] == [square(small(), 0)] * 3


def long_answer(subspace: Subspace, depth: int, *, once: Path) -> bytes:
    if not once.exists():
        once.touch()
        threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGKILL)).start()
    return bytes(1 << 27)


def test_a_worker_that_is_killed_while_it_answers(pools, tmp_path):
    jobs = [Job(small(), partial(long_answer, once=tmp_path / str(i))) for i in range(3)]
    assert [len(answer) for _, answer in run(jobs, pools[2])] == [1 << 27] * 3


def test_what_a_worker_says_is_said(pools):
    for executor in pools[1:]:
        with pytest.raises(cs.WorkersError, match="3 times \\(ZeroDivisionError: no such luck\\)"):
            list(run([Job(small(), fail)], executor))
        with pytest.raises(cs.NetworkError, match="not for me"):
            list(run([Job(small(), refuse)], executor))
    with pytest.raises(ZeroDivisionError):
        list(run([Job(small(), fail)]))


def test_an_executor_that_does_not_recover():
    executor = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with executor, pytest.raises(cs.WorkersError, match="BrokenProcessPool"):
        list(run([Job(small(), die)], executor))


def test_a_problem_that_cannot_be_sent():
    subspace = small()
    object.__setattr__(subspace.problem, "expect", {"verdict": lambda: "not a text"})
    with cs.LocalPool(1) as pool, pytest.raises(cs.WorkersError, match="cannot be sent"):
        list(run([Job(subspace, square)], pool))


def test_a_deadline_ends_the_waiting(pools):
    with pytest.raises(OutOfTime):
        list(run([Job(small(), square)] * 50, pools[2], clock=Clock(1e-9)))


def until_it_is_over(subspace: Subspace, depth: int) -> int:
    time.sleep(0.05)
    return depth


def test_what_is_done_when_the_time_is_over_is_an_answer():
    answers = run([Job(small(), until_it_is_over)] * 2, clock=Clock(0.04))
    assert next(answers)[1] == 0
    with pytest.raises(OutOfTime):
        next(answers)
    assert len(list(run([Job(small(), until_it_is_over)], clock=Clock(0.04)))) == 1


class Unsendable(Exception):
    def __init__(self) -> None:
        super().__init__(threading.Lock())


def unsendable(subspace: Subspace, depth: int) -> None:
    raise Unsendable


def test_answers_that_cannot_be_sent(pools):
    for task in (unsendable, lambda_of):
        with pytest.raises(cs.WorkersError, match="3 times"):
            list(run([Job(small(), task)], pools[1]))
    assert [answer for _, answer in run([Job(small(), square)], pools[1])] == [square(small(), 0)]


def lambda_of(subspace: Subspace, depth: int) -> object:
    return lambda: None


def test_a_pool_that_is_left_in_a_hurry():
    pool = cs.LocalPool(2)
    pool.submit(int).result()
    waiting = [pool.submit(time.sleep, 600) for _ in range(5)]
    pool.shutdown(wait=False)
    assert all(future.cancelled() or isinstance(future.exception(), BrokenExecutor) for future in waiting)


def test_pools_say_what_they_cannot_do():
    with pytest.raises(cs.WorkersError, match="at least one"):
        cs.LocalPool(0)
    pool: Executor = cs.LocalPool(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(int)
