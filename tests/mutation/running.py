"""Tests of a room: which lines each comes by, and whether one of them sees a change."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.places import Mutant, changed, path_of, unchanged
from tests.mutation.swapping import functions, install, outermost, swap

ROOMS = {
    "operators": ("operators", "network/test_receptive_field.py", "network/test_trace.py", "checks/test_check.py"),
    "network/receptive_field": ("network/test_receptive_field.py", "test_problem.py", "checks/test_check.py"),
    "dims": ("dims", "network/test_trace.py", "operators"),
    "solver": ("solver", "synthesis/test_solve.py", "synthesis/test_pareto.py"),
}
"""The tests that hold each room."""

SLOW = (
    "five_thousand",
    "long_chain",
    "is_no_network",
    "chain_of_160",
    "within_their_memory",
    "wide_blocks",
    "time_that_runs_out",
)
"""Tests, by words in their names, that hold speed, memory or words rather than rules."""

_MOST_MEMORY = 4 << 30
"""Bytes that the tests of one change may take: some make a loop that collects without end."""

_PATIENCE = 8
"""A test that takes so many times as long as it should (and two seconds more) has seen the change."""


@dataclass
class Coverage:
    """Which tests come by which lines, and how many seconds each takes."""

    tests: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    seconds: dict[str, float] = field(default_factory=dict)
    failing: list[str] = field(default_factory=list)

    def of(self, mutant: Mutant, most: float) -> list[str]:
        """Return the tests that come by a change, the quickest first, as many as take ``most`` seconds together."""
        path = str(path_of(mutant.module))
        found = set().union(*(self.tests.get((path, line), ()) for line in range(mutant.lines[0], mutant.lines[1] + 1)))
        return self._quickest(found, most)

    def of_module(self, mutant: Mutant, most: float) -> list[str]:
        """Return the tests that come by any line of a module, and behind them, with as much time again, all others.

        What runs at import, such as a table, is read by tests that come by no line of its module.
        """
        path = str(path_of(mutant.module))
        near = set().union(*(tests for (file, _), tests in self.tests.items() if file == path))
        return self._quickest(near, most) + self._quickest(set(self.seconds) - near, most)

    def _quickest(self, found: set[str], most: float) -> list[str]:
        chosen: list[str] = []
        for test in sorted(found - set(self.failing), key=lambda name: (self.seconds[name], name)):
            most -= self.seconds[test]
            if most < 0 and chosen:
                break
            chosen.append(test)
        return chosen


def _pytest(tests: Iterable[str], loop: Callable[[Any], Any], words: Iterable[str] = SLOW) -> int:
    """Collect tests, and give them to a function in place of running them."""

    class Loop:
        @pytest.hookimpl(tryfirst=True)
        def pytest_runtestloop(self, session: Any) -> bool:
            loop(session)
            return True

    without = " and ".join(f"not {word}" for word in words)
    # without rewritten assertions: pytest would import the package of its plugin itself, unchanged
    options = ["-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", without]
    code = int(pytest.main([*options, *tests], plugins=[Loop()]))
    assert code != pytest.ExitCode.INTERNAL_ERROR, "the run itself failed: nothing can be said"
    return code


def _passes(item: Any, following: Any = None) -> bool:
    from _pytest.runner import runtestprotocol

    reports = runtestprotocol(item, log=False, nextitem=following)
    return all(report.outcome != "failed" for report in reports)


def _paths(room: str) -> list[str]:
    return [str(Path(__file__).parents[1] / test) for test in ROOMS[room]]


def in_child(work: Callable[[], Any]) -> Any:
    """Return what a function gives in a process of its own; ``None`` where that process died."""
    reading, writing = os.pipe()
    sys.stdout.flush(), sys.stderr.flush()
    child = os.fork()
    if child:
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read()
        status = os.waitpid(child, 0)[1]
        assert told or os.WIFSIGNALED(status), "the run itself failed: nothing can be said"
        return pickle.loads(told) if told else None
    try:  # everything from here on is the child's
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(work(), pipe)
    finally:
        os._exit(0)


def coverage(room: str, files: set[str]) -> Coverage:
    """Run the tests of a room once, in a process of its own, and note where each comes by."""

    def work() -> Coverage:
        found = Coverage()
        _pytest(_paths(room), lambda session: _trace(session.items, files, found))
        return found

    found = in_child(work)
    assert found is not None and found.seconds, "the tests of the room do not run"
    return found


def _trace(items: list[Any], files: set[str], found: Coverage) -> None:
    lines: set[tuple[str, int]] = set()

    def local(frame: Any, event: str, _: Any) -> Any:
        if event == "line":
            lines.add((frame.f_code.co_filename, frame.f_lineno))
        return local

    def call(frame: Any, event: str, _: Any) -> Any:
        lines.add((frame.f_code.co_filename, frame.f_lineno)) if frame.f_code.co_filename in files else None
        return local if frame.f_code.co_filename in files else None

    for item, following in zip(items, [*items[1:], None], strict=True):
        lines.clear()
        begun = time.process_time()
        sys.settrace(call)
        try:
            passes = _passes(item, following)
        finally:
            sys.settrace(None)
        found.seconds[item.nodeid] = time.process_time() - begun
        if not passes:
            found.failing.append(item.nodeid)
        for place in lines:
            found.tests[place].add(item.nodeid)


def _limits(seconds: float) -> None:
    used = time.process_time()
    allowed = int(used + seconds * _PATIENCE + 3)
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.RLIM_INFINITY))
    signal.alarm(int(20 * seconds * _PATIENCE + 60))


def _sees(items: list[Any], seconds: dict[str, float]) -> str:
    """Run tests until one fails, and return its name."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1), os.dup2(silence, 2)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    for item in items:
        _limits(seconds[item.nodeid])
        if not _passes(item):
            return str(item.nodeid)
    return ""


def swapped(
    room: str, wished: list[tuple[Mutant, list[str]]], seconds: dict[str, float], told: Callable[..., Any]
) -> None:
    """Try changes of functions, in tests that are collected once; what is left over runs at import."""

    def loop(session: Any) -> None:
        items = {item.nodeid: item for item in session.items}
        known = functions({str(path_of(mutant.module)) for mutant, _ in wished})
        for mutant, tests in wished:
            codes = outermost(unchanged(mutant.module), changed(mutant)[0], set(known))
            if codes is None:
                told(mutant, None, True)
                continue

            def work(codes: Any = codes, tests: list[str] = tests) -> str:
                swap(codes, known)
                return _sees([items[test] for test in tests], seconds)

            told(mutant, in_child(work), False)

    _pytest(_paths(room), loop)


def imported(mutant: Mutant, tests: list[str], seconds: dict[str, float]) -> str | None:
    """Try a change of a line that runs at import: everything is imported again."""

    def work() -> str:
        seen = ["the import"]
        install(mutant.module, changed(mutant)[0])
        order = {test: number for number, test in enumerate(tests)}

        def loop(session: Any) -> None:
            items = sorted(
                (item for item in session.items if item.nodeid in order), key=lambda item: order[item.nodeid]
            )
            seen[0] = _sees(items, seconds)

        _limits(10)
        paths = {test.split("::")[0] for test in tests}
        _pytest(sorted(paths), loop)
        return seen[0]

    return in_child(work)  # type: ignore[no-any-return]
