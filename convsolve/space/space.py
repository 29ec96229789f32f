"""The search space of a problem: all its valid architectures, to be counted, drawn, completed and evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from ..errors import NetworkError, NoArchitectureError
from ..network import Network
from ..problem import Problem, as_problem
from ..support.arguments import checked
from ..support.notebook_display import Carded
from ..support.suggestions import whole
from ..synthesis.pareto import Front
from ..synthesis.solve import Infeasible, Solution, Unknown
from . import enumeration, journal, optimisation
from .assignments import Samples
from .checkpoint import Checkpoint
from .components import TooManyStates, in_words
from .counting import Count, count
from .cubes import Tell, untold
from .decisions import Decisions
from .evaluation import Evaluation
from .neighbourhood import (
    Costs,
    Neighbour,
    cheapest,
    child_costs,
    distance_costs,
    nearest_by_one_change,
    nearest_by_search,
    neighbours,
)
from .note_lines import identity
from .path_counts import Weight
from .sampling import Cube, Numbers, draw, measure
from .stratified import Bins, Spread
from .subspace import Subspace, having

__all__ = ["Space"]

P = ParamSpec("P")
R = TypeVar("R")

_CUBES = 64
"""Cubes, at least, that work is cut into where others are to share it."""

_MOST_VALUES = 1_000_000
"""So many values have the holes of a space together at most: they are listed, each with its rank."""


def _question(method: Callable[P, R]) -> Callable[P, R]:
    """Let a method of a space be one question: its time bounds the whole answer."""

    @wraps(method)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        space: Any = args[0]
        with space._subspace.question():
            return method(*args, **kwargs)

    return asked


class Space(Carded):
    """All valid architectures of a problem.

    Args:
        problem: a network whose open parameters have ends, and requirements on it. Its objectives count in
            :meth:`best` and :meth:`complete` only.
        timeout: seconds for each answer; most go by for the first, which goes through the space.

    Raises:
        NetworkError: an open parameter has no end, or the problem is one for a range of input sizes.

    >>> import convsolve as cs
    >>> space = cs.Space(cs.parse('''
    ... input: [3, 32, 32]
    ... layers:
    ...   - conv: {out_channels: 8 | 16, kernel_size: 3 | 5, stride: 1 | 2, padding: 0..2}
    ...   - max_pool: {kernel_size: 2, optional: true}
    ... require: [output.height == 16]
    ... '''))
    >>> space.count().value, space.count().of
    (8, 48)
    >>> space.domains({"conv1.kernel_size": 3})["conv1.padding"]
    (1,)
    """

    def __init__(self, problem: Problem, *, timeout: float | None = None) -> None:
        problem = as_problem(problem)
        if problem.for_all:
            raise NetworkError("a space has one input size: leave out for_all, or state it as requirements")
        for name, unknown in problem.network.holes.items():
            if unknown.domain is not None and unknown.domain.upper is None:
                raise NetworkError(
                    f"{name} is open above ({unknown.domain}): a space needs an end, such as "
                    f"{unknown.domain.lower}..{4 * unknown.domain.lower + 64}"
                )
        sizes = {name: hole.domain.size or 0 for name, hole in problem.network.holes.items() if hole.domain is not None}
        if sum(sizes.values()) > _MOST_VALUES:
            widest = max(sizes, key=sizes.__getitem__)
            raise NetworkError(
                f"the holes of the space have {sum(sizes.values()):,} values, of which {widest} has "
                f"{sizes[widest]:,}: at most {_MOST_VALUES:,} are gone through"
            )
        self._subspace = Subspace(problem, timeout)
        self._spread: tuple[tuple[str, Any], Spread] | None = None
        self._measured: tuple[Cube, ...] | None = None
        self._counted: tuple[int, Count] | None = None

    @property
    def problem(self) -> Problem:
        """The problem."""
        return self._subspace.problem

    @property
    def holes(self) -> dict[str, tuple[int, ...]]:
        """The values of each open parameter, as the problem gives them, preferred ones first."""
        return self._subspace.assignments.values

    def _cubes(self, executor: Executor | None) -> tuple[Cube, ...]:
        if self._measured is None:
            self._measured = measure([self._subspace], executor)[0]
        return self._measured

    def __repr__(self) -> str:
        return f"<Space of {self.problem!r}>"

    # -- how many

    @_question
    @checked
    def count(
        self,
        *,
        cubes: int = 1,
        executor: Executor | None = None,
        tell: Tell = untold,
        checkpoint: str | Path | None = None,
    ) -> Count:
        """Count the valid architectures, exactly where the budgets allow.

        A budget over many layers has more different sums than can be told apart; then similar sums are taken
        together, the count gets certain bounds, and an estimate between them. The more cubes such a space is cut into,
        the nearer are the bounds, and the longer it takes. A space with too many states is cut in any case.

        Args:
            cubes: into how many cubes, at least, to cut a space that cannot be counted exactly as a whole.
            executor: who counts the cubes, such as a :class:`LocalPool`; by default this process.
            tell: is told which share of the work is done, from 0 to 1.
            checkpoint: a file that keeps what is known of cubes: where a run is stopped, the next one goes on from it.

        Raises:
            UndecidedError: there are too many states to go through.
            FileError: the checkpoint is a file of something else.
        """
        if self._counted is None or self._counted[0] != cubes:
            with self._kept(checkpoint) as known:
                self._counted = cubes, count(self._subspace, cubes, executor, tell, known)
        return self._counted[1]

    # -- drawing

    @_question
    @checked
    def sample(
        self,
        n: int,
        seed: int = 0,
        *,
        replace: bool = True,
        weight: Weight | None = None,
        spread: str | None = None,
        bins: Bins = 10,
        executor: Executor | None = None,
    ) -> Samples:
        """Draw valid architectures, each equally likely, or by a preference.

        Paths are drawn by their number among all. Where a budget is too fine for that, they are drawn among few more
        than are valid, and those that are not are drawn again, so that every valid one stays equally likely.

        Args:
            n: how many.
            seed: the same seed draws the same, whoever does the work.
            replace: whether an architecture may be drawn more than once.
            weight: by hole and value, how much likelier an architecture becomes by having it: the weights of its
                values are multiplied; 1 where nothing is given.
            spread: a cost, or any expression over the network. What lies between the smallest and the largest (between
                bounds of these, where budgets bind) is cut into bins of the same width, and each that has architectures
                gives as many samples, one more or less. Within a bin, each architecture is equally likely, or as its
                weight says.
            bins: how many bins, or the bins with the proportion in which they give samples:
                ``{range(0, 200): 1, range(200, 300): 3}``.
            executor: who looks up the architectures; by default this process.

        Raises:
            NetworkError: there is no valid architecture, or without replacement there are fewer than ``n``.
            UndecidedError: the space cannot be gone through.

        >>> import convsolve as cs
        >>> space = cs.Space(cs.parse("{input: [1, 8, 8], layers: [{conv: {out_channels: 4, kernel_size: 1..9}}]}"))
        >>> sorted(space.sample(8, replace=False).columns["conv1.kernel_size"].tolist())
        [1, 2, 3, 4, 5, 6, 7, 8]
        >>> [(b.costs, b.high, b.drawn) for b in space.sample(6, spread="params", bins=3).bins]
        [(range(8, 92), 4, 2), (range(92, 176), 2, 2), (range(176, 261), 2, 2)]
        """
        n, seed = whole("n", n, least=0), whole("seed", seed)
        if spread is not None:
            wish = spread, bins if isinstance(bins, int) else tuple(bins.items())
            if self._spread is None or self._spread[0] != wish:
                self._spread = wish, Spread(self._subspace, spread, bins, executor)
            columns, tried, drawn = self._spread[1].draw(n, seed, replace=replace, weight=weight, executor=executor)
            return self._subspace.samples(columns, n, weighted=True, tried=tried, bins=drawn)
        cubes = self._cubes(executor)
        if not cubes:
            raise NoArchitectureError("the space has no valid architecture: `convsolve synth` says why")
        if not replace and enumeration.at_most(self._subspace, cubes, n, executor) < n:
            raise NetworkError(f"the space has fewer than {n:,} valid architectures: draw fewer, or with replacement")
        if weight:
            cubes = measure([self._subspace], executor, weight)[0]
        columns, tried = draw(Numbers(self._subspace, cubes, executor, weight), n, seed, replace=replace)
        return self._subspace.samples(columns, n, weighted=bool(weight), tried=tried)

    @checked
    def enumerate(self, limit: int | None = None, *, executor: Executor | None = None) -> Iterator[dict[str, int]]:
        """Yield the valid architectures, each once, in a fixed order, whoever does the work.

        >>> import convsolve as cs
        >>> space = cs.Space(cs.parse("{input: [1, 8, 8], layers: [{max_pool: {kernel_size: 2..99}}]}"))
        >>> [found["max_pool1.kernel_size"] for found in space.enumerate(limit=3)]
        [2, 3, 4]
        """
        yield from islice(enumeration.rows(self._subspace, self._cubes(executor), executor), limit)

    @checked
    def lines(
        self, limit: int | None = None, *, executor: Executor | None = None, tell: Tell = untold
    ) -> Iterator[str]:
        """Yield what :meth:`enumerate` yields as lines of JSON, many at a time: workers write them, too.

        Raises:
            UndecidedError: the time ran out before all were listed.
        """
        with in_words():
            own = self._subspace
            for piece in enumeration.lines(own, self._cubes(executor), executor, limit=limit, clock=own.clock):
                yield piece.text.decode()
                tell(piece.share)

    @_question
    @checked
    def write(
        self, path: str | Path, limit: int | None = None, *, executor: Executor | None = None, tell: Tell = untold
    ) -> int:
        """Write what :meth:`enumerate` yields to a file, one JSON object a line, and return how many there are.

        A run that is stopped, however it is, goes on from there when it is called again: ``PATH.part`` has the lines
        so far, and ``PATH.journal`` says which of them are whole. The finished file is the same.

        Raises:
            FileError: the journal is that of another problem, or another run is writing it.
            UndecidedError: the time ran out; the same call goes on from there.
            OSError: the file cannot be written.
        """
        return journal.write(self._subspace, Path(path), limit, executor, tell)

    # -- one architecture, or a part of one

    @_question
    @checked
    def domains(self, partial: Mapping[str, int] | None = None) -> dict[str, tuple[int, ...]]:
        """Return for each parameter that is still open exactly the values that lead to a valid architecture.

        What the space's layered graph does not tell, the engine decides; every space is served.

        Args:
            partial: the values that are decided. Those of holes whose layer they leave out do not matter.

        Returns:
            The values by hole, preferred ones first; no values at all where nothing valid is left. A hole whose layer
            is absent has its preferred value.

        Raises:
            UndecidedError: the time ran out before all values were decided.
        """
        open_names = [name for name in self.holes if name not in (partial or {})]
        return self.decisions(partial or {}).domains(open_names)

    @checked
    def decisions(self, partial: Mapping[str, int]) -> Decisions:
        """Return decided values to go on from, value by value, each of which is known to lead to a valid architecture.

        For those who decide many values one after the other: what :meth:`domains` would say is found in microseconds.

        >>> import convsolve as cs
        >>> space = cs.Space(cs.parse("{input: [1, 8, 8], layers: [{max_pool: {kernel_size: 2..99, stride: 1..99}}]}"))
        >>> decisions = space.decisions({"max_pool1.stride": 7})
        >>> decisions.decide("max_pool1.kernel_size", 9), decisions.decide("max_pool1.kernel_size", 8)
        (False, True)
        """
        return Decisions(self._subspace, self._subspace.assignments.given(partial))

    @checked
    def complete(self, partial: Mapping[str, int], *, timeout: float | None = None) -> Solution | Infeasible | Unknown:
        """Return the best architecture that keeps some decided values: by the problem's objectives, then by preference.

        The answer is that of :func:`convsolve.solve` for the problem with these values.
        """
        given = having(self.problem, self._subspace.assignments.given(partial))
        return optimisation.best(self._subspace.within(given), timeout)

    @_question
    @checked
    def nearest(self, assignment: Mapping[str, int], *, keep: Mapping[str, int] | None = None) -> dict[str, int] | None:
        """Return the valid architecture that differs from an assignment in the fewest values; None if there is none.

        Of equals, the one whose values are the fewest places away in their domains. ``keep`` has values that it must
        have; holes that the assignment leaves out are free.
        """
        holes = self._subspace.assignments
        return self._cheapest(distance_costs(holes, assignment), holes.given(keep or {}))

    @_question
    @checked
    def neighbours(self, assignment: Mapping[str, int]) -> list[Neighbour]:
        """Return what one change makes of a valid architecture, the nearest first.

        For every parameter and each of its other values: the architecture with that change if it is valid, otherwise
        the nearest valid one that has it. Each is given once, at its nearest.

        Raises:
            NetworkError: the assignment is not valid.
        """
        if assignment not in self:
            raise NetworkError("the assignment is not valid: `nearest` gives the valid architecture next to it")
        return neighbours(
            self._subspace.assignments,
            assignment,
            lambda batch: self._subspace.evaluator(batch).valid,
            lambda near, keep: self.nearest(near, keep=keep),
        )

    @_question
    @checked
    def crossover(self, a: Mapping[str, int], b: Mapping[str, int], seed: int = 0) -> dict[str, int]:
        """Return a valid child of two valid architectures.

        A coin decides for each parameter which parent's value the child should have. It is the valid architecture with
        the fewest values that neither parent has, and among these with the fewest against the coin.

        Raises:
            NetworkError: a parent is not valid.
        """
        if a not in self or b not in self:
            raise NetworkError("a parent is not valid: `nearest` gives the valid architecture next to it")
        holes = self._subspace.assignments
        child = self._cheapest(child_costs(holes, holes.shown(holes.filled(a)), holes.shown(holes.filled(b)), seed), {})
        assert child is not None
        return child

    def __bool__(self) -> bool:
        """Whether there may be a valid architecture: certain where :meth:`count` is exact."""
        return bool(self._cubes(None))

    def __contains__(self, assignment: Mapping[str, int]) -> bool:
        """Whether an assignment is a valid architecture; it may leave out what an absent layer would have."""
        for name in assignment:
            self._subspace.assignments.known(name)
        filled = self._subspace.assignments.filled(assignment)
        if any(name not in assignment for name in self._subspace.assignments.shown(filled)):
            return False
        return bool(self._subspace.evaluator([filled]).valid[0])

    @checked
    def network(self, assignment: Mapping[str, int]) -> Network:
        """Return the network that an assignment makes."""
        return self.problem.network.assign(self._subspace.assignments.filled(assignment))

    # -- all at once

    def evaluate(self, batch: Any) -> Evaluation:
        """Check many candidates at once, and compute their shapes and costs.

        Args:
            batch: a column of whole numbers for each hole (a mapping, or a data frame), or a list of assignments.
                What a hole of an absent layer has, or has not, does not matter.

        Raises:
            NetworkError: values are missing, or no whole numbers.

        >>> import convsolve as cs
        >>> space = cs.Space(cs.parse("{input: [1, 8, 8], layers: [{conv: {out_channels: 4, kernel_size: 1..9}}]}"))
        >>> space.evaluate({"conv1.kernel_size": [3, 9]}).valid.tolist()
        [True, False]
        """
        return self._subspace.evaluator(batch)

    @checked
    def best(
        self,
        *,
        timeout: float | None = None,
        seed: int = 0,
        executor: Executor | None = None,
        cubes: int | None = None,
        tell: Tell = untold,
        checkpoint: str | Path | None = None,
    ) -> Solution | Infeasible | Unknown:
        """Return the best architecture by the problem's objectives, as :func:`convsolve.solve` does.

        With an ``executor`` or a ``checkpoint``, it is sought in at least so many ``cubes`` (by default 64); the answer
        is the same. A checkpoint is a file that keeps what is known of cubes: where a run is stopped, the next one
        goes on from it.
        """
        least = cubes or (_CUBES if executor or checkpoint else 1)
        with self._kept(checkpoint) as known:
            return optimisation.best(self._subspace, timeout, seed, least, executor, tell, known)

    @checked
    def pareto(
        self,
        *objectives: str,
        timeout: float | None = None,
        seed: int = 0,
        executor: Executor | None = None,
        cubes: int | None = None,
        tell: Tell = untold,
        checkpoint: str | Path | None = None,
    ) -> Front:
        """Return the trade-offs between two or three expressions, as :func:`convsolve.pareto` does.

        With an ``executor`` or a ``checkpoint``, they are sought in at least so many ``cubes`` (by default 64), which
        the checkpoint keeps, as in :meth:`best`; the answer is the same.
        """
        least = cubes or (_CUBES if executor or checkpoint else 1)
        with self._kept(checkpoint, objectives) as known:
            return optimisation.front(self._subspace, objectives, timeout, seed, least, executor, tell, known)

    def _kept(
        self, path: str | Path | None, objectives: Sequence[str] | None = None
    ) -> AbstractContextManager[Checkpoint | None]:
        """Return the checkpoint of what is asked, for as long as it is open."""
        if path is None:
            return nullcontext()
        wished = [f"{objective.sense} {objective.text}" for objective in self.problem.objectives]
        asked = {"space": identity(self._subspace), "objectives": wished if objectives is None else list(objectives)}
        return Checkpoint(path, asked)

    def _cheapest(self, costs: Costs, given: Mapping[str, int]) -> dict[str, int] | None:
        subspace = self._subspace
        try:
            found = None if subspace.parts is None else cheapest(subspace.parts, costs, given)
            settled = found is None or subspace.parts is None or subspace.parts.exact
        except TooManyStates:
            found, settled = None, False
        if not settled and (found is None or not subspace.evaluator([found]).valid[0]):
            found = nearest_by_one_change(
                subspace.assignments, lambda batch: subspace.evaluator(batch).valid, costs, given
            )
            if found is None:
                found = nearest_by_search(subspace.traced, subspace.assignments.present, costs, given, subspace.clock)
        return None if found is None else subspace.assignments.shown(found)
