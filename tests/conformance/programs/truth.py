"""What convsolve says of a program's sizes, held against running the program at each of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

import convsolve as cs
from convsolve.errors import UndecidedError, UnreadableError
from convsolve.sizes.valid_sizes import ValidSizes

from .draft import SAMPLES, Program

__all__ = ["Judged", "Truth", "asked_again", "judged", "points"]

GO_ON = {"cat", "concat", "concatenate", "__setitem__"}
"""Calls that go on with tensors of no elements."""


class _Empties(TorchFunctionMode):
    """Notes whether something else than a concatenation or an assignment got a tensor without elements."""

    def __init__(self) -> None:
        super().__init__()
        self.used = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") not in (*GO_ON, "__get__", "size"):
            with torch._C.DisableTorchFunction():
                self.used = self.used or any(isinstance(x, torch.Tensor) and not x.numel() for x in args)
        return func(*args, **(kwargs or {}))


class Truth:
    """What a program does, by running it on the CPU."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.module = program.module()
        self.known: dict[tuple[int, ...], tuple[int, ...] | None] = {}

    def at(self, size: tuple[int, ...]) -> tuple[int, ...] | None:
        """Return the shape that comes out, with the samples; None where it fails for one or several, or nothing comes out."""
        if size not in self.known:
            self.known[size] = self._ran(SAMPLES, size) if self._ran(1, size) else None
        return self.known[size]

    def _ran(self, samples: int, size: tuple[int, ...]) -> tuple[int, ...] | None:
        try:
            with torch.no_grad():
                out = self.module(torch.zeros(samples, self.program.shape[0], *size))
        except Exception:  # whatever it raises, it does not run
            return None
        return tuple(out.shape) if out.numel() else None

    def empties(self, size: tuple[int, ...]) -> bool:
        """Return whether the program computes with a tensor that has no elements: convsolve says that this fails."""
        watch = _Empties()
        with torch.no_grad(), watch:
            self.module(torch.zeros(SAMPLES, self.program.shape[0], *size))
        return watch.used


@dataclass
class Judged:
    """What came of it: false claims, and how many sizes were asked for and not known."""

    false: list[str] = field(default_factory=list)
    asked: int = 0
    unknown: int = 0
    unread: str = ""


def points(program: Program, largest: int, count: int) -> list[tuple[int, ...]]:
    """Return sizes to try: all, if they are not more than ``count``; or a cross through the recorded size, the
    diagonal and random ones."""
    rank = len(program.shape) - 1
    if largest**rank <= count:
        return list(_all(largest, rank))
    r, home = Random(program.name), program.shape[1:]
    found = [home, (1,) * rank]
    for axis in range(rank):
        found += [(*home[:axis], n, *home[axis + 1 :]) for n in range(1, largest + 1)]
    found += [(n,) * rank for n in range(1, largest + 1)]
    r.shuffle(found)
    found = found[: count // 2] + [tuple(r.randint(1, largest) for _ in range(rank)) for _ in range(count // 2)]
    return list(dict.fromkeys([home, *found]))


def _all(largest: int, rank: int) -> Iterator[tuple[int, ...]]:
    if not rank:
        yield ()
        return
    for rest in _all(largest, rank - 1):
        yield from ((*rest, n) for n in range(1, largest + 1))


def judged(
    program: Program,
    tried: Sequence[tuple[int, ...]],
    *,
    checks: int = 6,
    prove: bool = True,
    smallest: bool = True,
    timeout: float | None = None,
) -> Judged:
    """Ask for sizes, for checks and perhaps for the smallest input; return what is false of the answers.

    ``timeout`` is for each question, in seconds: what is not known by then is unknown.
    """

    def ask(network: cs.Network, truth: Truth, found: Judged) -> None:
        sizes = cs.valid_sizes(network, prove=prove, timeout=timeout)
        for size in tried:
            _sizes(sizes, size, truth, found)
        for size in tried[:checks]:
            _check(cs.check(network, (program.shape[0], *size)), size, truth, found)
        if smallest:
            _smallest(network, tried, truth, found, timeout)

    return _asked(program, tried, ask)


def asked_again(
    program: Program, tried: Sequence[tuple[int, ...]], order: Random, *, timeout: float | None = None
) -> Judged:
    """Ask the same network the same again, with other questions in between in a random order.

    No answer may be false, and none may be other than one before.
    """

    def ask(network: cs.Network, truth: Truth, found: Judged) -> None:
        answers: list[ValidSizes] = []

        def all_sizes() -> None:
            sizes = cs.valid_sizes(network, prove=False, timeout=timeout)
            for size in tried:
                known = [one for one in (*answers, sizes) if size in one.known and not one.unresolved]
                if len({size in one.region for one in known}) > 1:
                    found.false.append(f"{size} is valid in one answer and not in another")
            answers.append(sizes)

        def one_size() -> None:
            for sizes in answers[-1:]:
                _sizes(sizes, order.choice(tried), truth, found)

        def check_one() -> None:
            size = order.choice(tried)
            _check(cs.check(network, (program.shape[0], *size)), size, truth, found)

        def smallest() -> None:
            _smallest(network, tried, truth, found, timeout)

        questions = [*[all_sizes] * 2, *[one_size] * 8, *[check_one] * 6, *[smallest] * 2]
        order.shuffle(questions)
        for question in [*questions, all_sizes]:
            question()
        for size in tried:
            _sizes(answers[-1], size, truth, found)

    return _asked(program, tried, ask)


def _asked(
    program: Program, tried: Sequence[tuple[int, ...]], ask: Callable[[cs.Network, Truth, Judged], None]
) -> Judged:
    """Read a program and ask of it; return what is false of the answers."""
    truth, found = Truth(program), Judged()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ask(cs.from_torch(truth.module, program.shape), truth, found)
    except UnreadableError as error:
        if "refuses" in str(error) and truth.at(program.shape[1:]):
            found.false.append(f"{program.shape}: {error}, but it runs")
        found.asked, found.unknown, found.unread = len(tried), len(tried), str(error)
    except Exception as error:  # whatever it is, it is no answer
        found.false.append(f"asking ends in {type(error).__name__}: {error}")
    return found


def _fails(truth: Truth, size: tuple[int, ...]) -> bool:
    """Return whether it may be said that a size is not valid."""
    return truth.at(size) is None or truth.empties(size)


def _sizes(sizes: ValidSizes, size: tuple[int, ...], truth: Truth, found: Judged) -> None:
    found.asked += 1
    known, inside = size in sizes.known, size in sizes.region
    try:
        valid = size in sizes
    except UndecidedError:
        found.unknown += 1
        if sizes.complete or (known and not sizes.unresolved):
            found.false.append(f"{size} is not decided, and said to be known")
        return
    if valid and truth.at(size) is None:
        found.false.append(f"{size} is said to be in the sizes")
    if not valid and inside and not sizes.unresolved:
        found.false.append(f"{size} is in the region, and said not to be in the sizes")
    denied = known and not (inside if sizes.unresolved else valid)
    if denied and not _fails(truth, size):
        found.false.append(f"{size} is known, and said not to be in the sizes")
    if not valid and not denied:
        found.unknown += 1
        if sizes.complete:
            found.false.append(f"{size} is not known, and the sizes are said to be complete")
    if sizes.complete and not sizes.unresolved and not _fails(truth, size):
        outside = [axis for axis, n in zip(sizes, size, strict=True) if n not in sizes[axis]]
        if outside:
            found.false.append(f"{size} is said not to be valid: {outside[0]}")


def _check(report: cs.CheckReport, size: tuple[int, ...], truth: Truth, found: Judged) -> None:
    ran = truth.at(size)
    if report.ok and ran is None:
        found.false.append(f"{size} is said to be ok by check")
    if report.failures and not _fails(truth, size):
        failure = report.failures[0]
        found.false.append(f"{size} is said to fail by check: {failure.code} {failure.layer}: {failure.message}")
    if report.ok and ran is not None and report.output is not None and ran[0] == SAMPLES and ran[1:] != report.output:
        found.false.append(f"{size} is said to give {report.output}, and gives {ran[1:]}")


def _smallest(
    network: cs.Network, tried: Sequence[tuple[int, ...]], truth: Truth, found: Judged, timeout: float | None
) -> None:
    try:
        shape = cs.minimum_input(network, timeout=timeout)
    except UndecidedError:
        return
    smaller = [size for size in tried if shape is None or sum(size) < sum(shape[1:])]  # type: ignore[arg-type]
    found.false += [
        f"{size} runs, and {shape} is said to be the smallest" for size in smaller if not _fails(truth, size)
    ]
    if shape is not None and truth.at(tuple(shape[1:])) is None:  # type: ignore[arg-type]
        found.false.append(f"{shape} is said to be the smallest input")
