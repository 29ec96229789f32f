"""The search space of a problem: all its valid architectures, to be counted, drawn, completed and evaluated."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import islice
from math import prod
from typing import Any

from ..errors import NetworkError, UndecidedError
from ..network import Network
from ..problem import Problem, trace_problem
from ..queries.pareto import Front, pareto
from ..queries.synthesize import Infeasible, Solution, Unknown, solve
from ..solver.clock import Clock
from . import moves
from .ask import completion, decided, nearest_by_search
from .assignments import Assignments
from .drawing import Columns, Drawing, weigher
from .evaluation import Evaluation, Evaluator
from .near import Neighbour, child_costs, distance_costs, neighbours
from .parts import Parts, parts_of, presence
from .samples import Samples
from .tally import tally

__all__ = ["Count", "Space"]

_PROBES = 20_000
"""How many candidates an estimate rests on."""


@dataclass(frozen=True)
class Count:
    """How many architectures are valid: ``value``, which lies from ``low`` to ``high``.

    ``exact`` says that the three agree; otherwise ``value`` is an estimate and the bounds are certain. ``of`` is how
    many architectures there would be without any requirement, layers that are absent counting as one; None where
    these are too many to be counted.
    """

    value: int
    exact: bool
    low: int
    high: int
    of: int | None

    @property
    def share(self) -> Fraction | None:
        """The share of valid ones among all architectures."""
        return Fraction(self.value, self.of) if self.of else None


class Space:
    """All valid architectures of a problem.

    Args:
        problem: a network whose open parameters have ends, and requirements on it. Its objectives count in
            :meth:`best` and :meth:`complete` only.
        timeout: seconds for going through the space, which happens when the first answer needs it.

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
        if problem.for_all:
            raise NetworkError("a space has one input size: leave out for_all, or state it as requirements")
        for name, unknown in problem.network.holes.items():
            if unknown.domain is not None and unknown.domain.upper is None:
                raise NetworkError(f"{name} is open above ({unknown.domain}): a space needs an end, such as "
                                   f"{unknown.domain.lower}..{4 * unknown.domain.lower + 64}")
        self.problem = problem
        self.traced = trace_problem(dataclasses.replace(problem, objectives=(), pareto=()))
        self._assignments = Assignments(problem.network, presence(self.traced))
        self._timeout = timeout

    @property
    def holes(self) -> dict[str, tuple[int, ...]]:
        """The values of each open parameter, as the problem gives them, preferred ones first."""
        return self._assignments.values

    @cached_property
    def _parts(self) -> Parts | None:
        return parts_of(self.traced, Clock(self._timeout))

    @cached_property
    def _evaluator(self) -> Evaluator:
        return Evaluator(self.traced, self._assignments.present)

    @cached_property
    def _drawing(self) -> Drawing:
        if self._parts is None:
            raise NetworkError("the space has no valid architecture: `convsolve synth` says why")
        return Drawing(self._parts, lambda columns: self._evaluator(columns).valid)

    # -- how many

    def count(self) -> Count:
        """Count the valid architectures, exactly where the budgets allow.

        A budget over many layers has more different sums than can be told apart; then similar sums are taken
        together, the count gets certain bounds, and an estimate between them.

        Raises:
            UndecidedError: there are too many states to go through.
        """
        return self._count

    @cached_property
    def _count(self) -> Count:
        free: int | None = None
        try:
            whole = parts_of(self.traced, Clock(self._timeout), [])
            free = 0 if whole is None else prod(tally(part).total for part in whole.parts)
        except UndecidedError:
            pass  # the share is not known; the count may be
        if self._parts is None:
            return Count(0, True, 0, 0, free)
        high = self._drawing.total
        if self._parts.exact:
            return Count(high, True, high, high, free)
        low = prod(tally(part, certain=True).total for part in self._parts.parts)
        value = min(max(high * self._drawing.hits(_PROBES) // _PROBES, low), high)
        return Count(value, low == high, low, high, free)

    # -- drawing

    def sample(
        self, n: int, seed: int = 0, *, replace: bool = True, weight: Mapping[str, Mapping[int, Any]] | None = None
    ) -> Samples:
        """Draw valid architectures, each equally likely, or by a preference.

        Paths are drawn by their number among all. Where a budget is too fine for that, they are drawn among few more
        than are valid, and those that are not are drawn again, so that every valid one stays equally likely.

        Args:
            n: how many.
            seed: the same seed draws the same.
            replace: whether an architecture may be drawn more than once.
            weight: by hole and value, how much likelier an architecture becomes by having it: the weights of its
                values are multiplied; 1 where nothing is given.

        Raises:
            NetworkError: there is no valid architecture, or without replacement there are fewer than ``n``.
            UndecidedError: the space cannot be gone through.

        >>> import convsolve as cs
        >>> space = cs.Space(cs.parse("{input: [1, 8, 8], layers: [{conv: {out_channels: 4, kernel_size: 1..9}}]}"))
        >>> sorted(space.sample(8, replace=False).columns["conv1.kernel_size"].tolist())
        [1, 2, 3, 4, 5, 6, 7, 8]
        """
        drawing = self._drawing
        if not replace:
            most = self.count()
            if n > most.high or (n > most.low and sum(1 for _ in self.enumerate(n)) < n):
                raise NetworkError(
                    f"the space has fewer than {n:,} valid architectures: draw fewer, or with replacement")
        if weight:
            weights = weigher({self._assignments.known(n): self._assignments.domains[n] for n in weight}, weight)
            drawing = Drawing(drawing.parts, lambda columns: self._evaluator(columns).valid, weights)
        columns, tried = drawing.draw(n, seed, replace=replace)
        return self._samples(columns, n, bool(weight), tried)

    def _samples(self, columns: Columns, n: int, weighted: bool, tried: int) -> Samples:
        ordered = {name: columns[name] for name in self.holes}
        return Samples(ordered, self.problem.network, self._assignments.present, weighted, n, tried)

    def enumerate(self, limit: int | None = None) -> Iterator[dict[str, int]]:
        """Yield the valid architectures, each once, in a fixed order.

        >>> import convsolve as cs
        >>> space = cs.Space(cs.parse("{input: [1, 8, 8], layers: [{max_pool: {kernel_size: 2..99}}]}"))
        >>> [found["max_pool1.kernel_size"] for found in space.enumerate(limit=3)]
        [2, 3, 4]
        """
        if self._parts is None:
            return
        rows = (
            found for columns in self._drawing.all()
            for found in self._samples(columns, len(next(iter(columns.values()), (0,))), False, 0)
        )
        yield from islice(rows, limit)

    # -- one architecture, or a part of one

    def domains(self, partial: Mapping[str, int] | None = None) -> dict[str, tuple[int, ...]]:
        """Return for each parameter that is still open exactly the values that lead to a valid architecture.

        Args:
            partial: the values that are decided. Those of holes whose layer they leave out do not matter.

        Returns:
            The values by hole, preferred ones first; no values at all where nothing valid is left. A hole whose layer
            is absent has its preferred value.
        """
        given = self._assignments.given(partial or {})
        open_names = [name for name in self.holes if name not in (partial or {})]
        found = None if self._parts is None else moves.possible(self._parts, given)
        if found is None or self._parts is None:
            return dict.fromkeys(open_names, ())
        if not self._parts.exact:
            sure = moves.possible(self._parts, given, certain=True) or {}
            for name in open_names:
                doubtful = [v for v in found[name] if v not in sure.get(name, ())]
                wrong = {v for v in doubtful if not decided(self.traced, {**given, name: v})}
                found[name] = tuple(v for v in found[name] if v not in wrong)
        return {name: found[name] for name in open_names}

    def complete(self, partial: Mapping[str, int], *, timeout: float | None = None) -> Solution | Infeasible | Unknown:
        """Return the best architecture that keeps some decided values: by the problem's objectives, then by preference.

        The answer is that of :func:`convsolve.solve` for the problem with these values.
        """
        return completion(self.problem, self._assignments.given(partial), timeout)

    def nearest(self, assignment: Mapping[str, int], *, keep: Mapping[str, int] | None = None) -> dict[str, int] | None:
        """Return the valid architecture that differs from an assignment in the fewest values; None if there is none.

        Of equals, the one whose values are the fewest places away in their domains. ``keep`` has values that it must
        have; holes that the assignment leaves out are free.
        """
        return self._cheapest(distance_costs(self._assignments, assignment), self._assignments.given(keep or {}))

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
            self._assignments, assignment, lambda batch: self._evaluator(batch).valid,
            lambda near, keep: self.nearest(near, keep=keep))

    def crossover(self, a: Mapping[str, int], b: Mapping[str, int], seed: int = 0) -> dict[str, int]:
        """Return a valid child of two valid architectures.

        A coin decides for each parameter which parent's value the child should have. It is the valid architecture with
        the fewest values that neither parent has, and among these with the fewest against the coin.

        Raises:
            NetworkError: a parent is not valid.
        """
        if a not in self or b not in self:
            raise NetworkError("a parent is not valid: `nearest` gives the valid architecture next to it")
        holes = self._assignments
        child = self._cheapest(child_costs(holes, holes.shown(holes.filled(a)), holes.shown(holes.filled(b)), seed), {})
        assert child is not None
        return child

    def __bool__(self) -> bool:
        """Whether there may be a valid architecture: certain where :meth:`count` is exact."""
        return self._parts is not None

    def __contains__(self, assignment: Mapping[str, int]) -> bool:
        """Whether an assignment is a valid architecture; it may leave out what an absent layer would have."""
        for name in assignment:
            self._assignments.known(name)
        filled = self._assignments.filled(assignment)
        if any(name not in assignment for name in self._assignments.shown(filled)):
            return False
        return bool(self._evaluator([filled]).valid[0])

    def network(self, assignment: Mapping[str, int]) -> Network:
        """Return the network that an assignment makes."""
        return self.problem.network.assign(self._assignments.filled(assignment))

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
        return self._evaluator(batch)

    def best(self, *, timeout: float | None = None) -> Solution | Infeasible | Unknown:
        """Return the best architecture by the problem's objectives: :func:`convsolve.solve`."""
        return solve(self.problem, timeout=timeout)

    def pareto(self, *objectives: str, timeout: float | None = None) -> Front:
        """Return the trade-offs between two or three expressions: :func:`convsolve.pareto`."""
        return pareto(self.problem, objectives, timeout=timeout)

    def _cheapest(self, costs: moves.Costs, given: Mapping[str, int]) -> dict[str, int] | None:
        if self._parts is None:
            return None
        found = moves.cheapest(self._parts, costs, given)
        if found is not None and not self._parts.exact and not self._evaluator([found]).valid[0]:
            found = nearest_by_search(self.traced, self._assignments.present, costs, given)
        return None if found is None else self._assignments.shown(found)
