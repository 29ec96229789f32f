"""Cubes: smaller spaces that make up a space, each with some holes decided; and jobs on them, done anywhere.

(Heule, Kullmann, Wieringa and Biere, "Cube and Conquer: Guiding CDCL SAT Solvers by Lookaheads", 2011.) A job is a
function of plain values: a problem, what is decided, and the task. So it may be done in any process, and again where
it was lost; and what is made of the answers does not depend on who gave them when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ConvsolveError, WorkersError
from ..solver.clock import Clock, OutOfTime
from .components import Outline, Parts, TooManyStates, possible

if TYPE_CHECKING:
    from .checkpoint import Answers
    from .subspace import Subspace

__all__ = ["Cut", "Decided", "Job", "Task", "Tell", "cut", "run", "untold"]

Decided = tuple[tuple[str, int], ...]
Task = Callable[["Subspace", int], Any]
"""What is asked of a space, which has been cut so many times."""

Tell = Callable[[float], None]
"""Is told which share of the work is done, from 0 to 1."""

_TRIES = 3
"""How often a job is handed out before it is said that it cannot be done."""

_FEWEST = 8
"""Cubes, at least, that a space with too many states is cut into."""

_DEEPEST = 3
"""How often a space is cut before it is said that it has too many states."""

_WORKERS = 32
"""How many workers an executor is taken to have that does not say."""


@dataclass(frozen=True)
class Cut:
    """The answer of a task that is to be asked of smaller cubes instead."""

    cubes: tuple[Decided, ...]


@dataclass(frozen=True)
class Job:
    """A task for a cube of a space; ``share`` is its part of all work."""

    subspace: Subspace
    task: Task
    share: float = 1.0
    decided: Decided = ()
    depth: int = 0


def untold(done: float) -> None:
    """Be told, and do nothing."""


def cut(outline: Outline, least: int, parts: Parts | None = None) -> tuple[Decided, ...]:
    """Return cubes that make up a space: at least so many, if its holes have as many values.

    One hole after the other is decided, in the outline's order. Where the space's parts are given, a value that leaves
    no architecture has no cube; otherwise, that is seen when the cube is gone through.
    """
    cubes: list[Decided] = [()]
    for hole, values in outline.holes.items():
        if len(cubes) >= least:
            break
        longer = []
        for cube in cubes:
            left = None if parts is None else possible(parts, dict(cube))
            longer += [(*cube, (hole, value)) for value in (values if left is None else left[hole])]
        cubes = longer
    return tuple(cubes)


_GRACE = 0.3
"""Seconds in which workers that keep the time themselves hand over what they have found when it is over."""


@dataclass(frozen=True)
class _Failed:
    error: ConvsolveError


def _work(subspace: Subspace, decided: Decided, depth: int, task: Task) -> Any:
    """Do a job. An error of ours is an answer: to ask again would not change it."""
    try:
        cube = subspace.cube(decided)
        try:
            return task(cube, depth)
        except TooManyStates:
            cubes = cut(cube.outline, _FEWEST) if cube.outline is not None and depth < _DEEPEST else ()
            if len(cubes) < 2:
                raise
            return Cut(cubes)
    except ConvsolveError as error:
        return _Failed(error)


@dataclass(eq=False)
class _Place:
    """Where a job stands in line: handed out as ``future``, or done."""

    job: Job
    future: Future[Any] | None = None
    tries: int = 0
    done: bool = False
    answer: Any = None


def run(
    jobs: Iterable[Job],
    executor: Executor | None = None,
    *,
    clock: Clock | None = None,
    in_order: bool = True,
    tell: Tell = untold,
    answers: Answers | None = None,
) -> Iterator[tuple[Job, Any]]:
    """Do jobs, and yield each with its answer; a job whose answer is a cut is replaced by those for its cubes.

    Args:
        jobs: the jobs; no more are taken than can be handed out.
        executor: who does them; by default this process, one after the other, each when its answer is wanted.
        clock: the deadline.
        in_order: whether answers come in the order of the jobs (and of the cubes), otherwise as they are there.
        tell: is told the sum of the shares that are done.
        answers: what is known from an earlier run, and keeps what is found out.

    Raises:
        OutOfTime: the deadline passed.
        WorkersError: a job was lost again and again.
    """
    line = _Line(jobs, executor, clock or Clock(), answers)
    done = 0.0
    try:
        while line.hand_out():
            for place in line.taken(in_order):
                yield place.job, place.answer
                done += place.job.share
                tell(done)
            line.wait()
    finally:
        line.cancel()


class _Line:
    """The jobs that have been begun, and those that cuts have put in their place, in order.

    When the time is over none is begun any more, but what has been done by then is there to be taken.
    """

    def __init__(
        self, jobs: Iterable[Job], executor: Executor | None, clock: Clock, answers: Answers | None = None
    ) -> None:
        self._answers = answers
        self._jobs = iter(jobs)
        self._clock = clock
        self._executor = executor
        self._most = 1 if executor is None else 2 * int(getattr(executor, "workers", _WORKERS))
        self._places: list[_Place] = []

    def hand_out(self) -> bool:
        """Hand out what is next in line; return whether anything is left to be done or to be taken.

        Raises:
            OutOfTime: the deadline has passed.
        """
        free = self._most - sum(place.done or place.future is not None for place in self._places)
        waiting = [place for place in self._places if not place.done and place.future is None]
        for place in waiting[: max(free, 0)]:
            self._begin(place)
        for _ in range(len(waiting), free):
            job = next(self._jobs, None)
            if job is None:
                break
            place = _Place(job)
            self._places.append(place)
            self._begin(place)
        return bool(self._places)

    def _begin(self, place: _Place) -> None:
        self._clock.check()
        job = place.job
        known = None if self._answers is None else self._answers.known(job)
        if known is not None:
            self._put(place, known)
            return
        if self._executor is None:
            self._settle(place, _work(job.subspace, job.decided, job.depth, job.task))
            return
        try:
            place.future = self._executor.submit(_work, job.subspace, job.decided, job.depth, job.task)
        except Exception as error:
            self._lost(place, error)

    def taken(self, in_order: bool) -> list[_Place]:
        """Take the places out of line whose answers may go on."""
        found: list[_Place] = []
        for place in self._places:
            if place.done:
                found.append(place)
            elif in_order:
                break
        self._places = [place for place in self._places if place not in found]
        return found

    def wait(self) -> None:
        """Wait until something more is done.

        Raises:
            OutOfTime: the time is up before.
        """
        running = {place.future: place for place in self._places if place.future is not None}
        if not running:
            return
        left = self._clock.left
        seconds = None if left is None else max(left, 0) + _GRACE
        ended = wait(running, timeout=seconds, return_when=FIRST_COMPLETED).done
        if not ended:
            raise OutOfTime
        for future in ended:
            place = running[future]
            place.future = None
            try:
                answer = future.result()
            except WorkersError:  # nobody is there to be asked again
                raise
            except Exception as error:  # whatever befell a worker: another may do it
                self._lost(place, error)
            else:
                self._settle(place, answer)

    def _lost(self, place: _Place, error: Exception) -> None:
        place.tries += 1
        if place.tries < _TRIES:
            return
        advice = (
            "they may run out of memory (use fewer), or not start at all (a script has to be a file, and to begin its "
            'work under `if __name__ == "__main__":`)'
            if isinstance(error, BrokenExecutor)
            else "they need the same version of convsolve as here"
        )
        what = f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(": ")
        raise WorkersError(f"workers have lost a piece of work {place.tries} times ({what}): {advice}") from error

    def _settle(self, place: _Place, answer: Any) -> None:
        if isinstance(answer, _Failed):
            raise answer.error
        if self._answers is not None:
            self._answers.keep(place.job, answer)
        self._put(place, answer)

    def _put(self, place: _Place, answer: Any) -> None:
        """Put an answer, or the smaller cubes that it asks for, where the job stood."""
        if isinstance(answer, Cut):
            at, job = self._places.index(place), place.job
            share = job.share / max(len(answer.cubes), 1)
            self._places[at : at + 1] = [
                _Place(Job(job.subspace, job.task, share, (*job.decided, *decided), job.depth + 1))
                for decided in answer.cubes
            ]  # fmt: skip
        else:
            place.done, place.answer = True, answer

    def cancel(self) -> None:
        """Give up what has been handed out."""
        for place in self._places:
            if place.future is not None:
                place.future.cancel()
