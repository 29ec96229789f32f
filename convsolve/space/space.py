"""The search space of a problem: all its valid architectures, to be counted, drawn, completed and evaluated."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm, prod
from typing import Any

import numpy as np

from ..dims import evaluate, variables
from ..errors import NetworkError, UndecidedError
from ..network import Network
from ..problem import Problem, trace_problem
from ..queries.pareto import Front, pareto
from ..queries.synthesize import Infeasible, Solution, Unknown, solve
from ..solver.clock import Clock
from ..words import nearest
from . import moves
from .ask import completion, decided, nearest_by_search
from .draws import distinct, uniform
from .evaluation import Evaluation, Evaluator
from .parts import Parts, parts_of, presence
from .paths import Stage
from .samples import Samples
from .tally import Tally, tally

__all__ = ["Count", "Neighbour", "Space"]

_PROBES = 20_000
"""How many candidates an estimate rests on."""

_MOST_TRIES = 2_000
"""Candidates for each sample that is wanted, before it is said that too many of them are not valid."""


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


@dataclass(frozen=True)
class Neighbour:
    """A valid architecture near another: what was changed on purpose comes first in ``changed``, then its repair."""

    assignment: Mapping[str, int]
    changed: tuple[str, ...]


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
        self.present = presence(self.traced)
        self._timeout = timeout

    @property
    def holes(self) -> dict[str, tuple[int, ...]]:
        """The values of each open parameter, as the problem gives them, preferred ones first."""
        found = self.problem.network.holes.items()
        return {name: unknown.domain.values() for name, unknown in found if unknown.domain is not None}

    @cached_property
    def _parts(self) -> Parts | None:
        return parts_of(self.traced, Clock(self._timeout))

    @cached_property
    def _tallies(self) -> tuple[Tally, ...]:
        return () if self._parts is None else tuple(tally(part) for part in self._parts.parts)

    @cached_property
    def _evaluator(self) -> Evaluator:
        return Evaluator(self.traced, self.present)

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
        try:
            whole = parts_of(self.traced, Clock(self._timeout), [])
            free = 0 if whole is None else prod(tally(part).total for part in whole.parts)
        except UndecidedError:
            free = None
        if self._parts is None:
            return Count(0, True, 0, 0, free)
        high = prod(t.total for t in self._tallies)
        if self._parts.exact:
            return Count(high, True, high, high, free)
        low = prod(tally(part, certain=True).total for part in self._parts.parts)
        numbers = uniform(np.random.default_rng(0), high, _PROBES)
        hits = int(self._evaluator(self._columns(self._tallies, numbers)).valid.sum())
        value = min(max(high * hits // _PROBES, low), high)
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
        if self._parts is None:
            raise NetworkError("the space has no valid architecture: `convsolve synth` says why")
        generator = np.random.default_rng(seed)
        if weight:
            tallies: tuple[Tally, ...] = tuple(tally(p, weigh=self._weigher(weight)) for p in self._parts.parts)
        else:
            tallies = self._tallies
        total = prod(t.total for t in tallies)
        plain = not weight and self._parts.exact
        if not replace:
            most = self.count().high
            if n > most or (n > self.count().low and n > self._fewer(n)):
                raise NetworkError(f"the space has fewer than {n:,} valid architectures: draw fewer, or with replacement")
        if plain:
            numbers = uniform(generator, total, n) if replace else distinct(generator, total, n)
            return self._samples(self._columns(tallies, numbers), n, False, n)
        return self._tried(tallies, total, generator, n, replace, bool(weight))

    def _fewer(self, n: int) -> int:
        """Return how many of at most ``n`` architectures there are for certain, by going through them."""
        found = 0
        for found, _ in enumerate(self.enumerate(n), start=1):  # noqa: B007
            pass
        return found

    def _tried(
        self, tallies: tuple[Tally, ...], total: int, generator: np.random.Generator, n: int, replace: bool,
        weighted: bool,
    ) -> Samples:
        """Draw until there are enough that are valid and, without replacement, different."""
        kept: list[dict[str, np.ndarray]] = []
        seen: set[tuple[int, ...]] = set()
        found = tried = 0
        while found < n:
            size = min(max(2 * (n - found), 256), 1 << 16)
            columns = self._columns(tallies, uniform(generator, total, size))
            assert self._parts is not None
            good = np.ones(size, dtype=bool) if self._parts.exact else self._evaluator(columns).valid
            rows = np.flatnonzero(good)
            if not replace:
                table = np.stack([columns[name] for name in self.holes], axis=1)[rows].tolist()
                fresh = []
                for row, values in zip(rows.tolist(), map(tuple, table), strict=True):
                    if values not in seen:
                        seen.add(values)
                        fresh.append(row)
                rows = np.array(fresh, dtype=np.int64)
            rows = rows[: n - found]
            kept.append({name: column[rows] for name, column in columns.items()})
            found += len(rows)
            tried += size if found < n or not len(rows) else int(rows[-1]) + 1
            if found < n and tried > _MOST_TRIES * (n + 256):
                raise UndecidedError(
                    f"only {found:,} of {tried:,} candidates could be used: the budgets are too fine to be gone through, "
                    f"or the weights too uneven for drawing without replacement")
        columns = {name: np.concatenate([k[name] for k in kept]) for name in self.holes}
        return self._samples(columns, n, weighted, tried)

    def _samples(self, columns: dict[str, np.ndarray], n: int, weighted: bool, tried: int) -> Samples:
        ordered = {name: columns[name] for name in self.holes}
        return Samples(ordered, self.problem.network, self.present, weighted, n, tried)

    def _columns(self, tallies: tuple[Tally, ...], numbers: np.ndarray) -> dict[str, np.ndarray]:
        """Return the holes' values of the architectures with these numbers."""
        assert self._parts is not None
        edges = []
        for own in tallies:
            edges.append(own.edges(numbers % own.total))
            numbers = numbers // own.total
        return self._parts.columns(edges, len(numbers))

    def _weigher(self, weight: Mapping[str, Mapping[int, Any]]) -> Any:
        """Return the whole number that an edge's values weigh; absent holes weigh 1, scaled as the others are."""
        scaled: dict[str, tuple[dict[int, int], int]] = {}
        for name, given in weight.items():
            domain = self.problem.network.holes[self._known(name)].domain
            assert domain is not None
            exact = {value: Fraction(str(given.get(value, 1))) for value in domain}
            if any(w <= 0 for w in exact.values()) or not set(given) <= set(exact):
                raise NetworkError(f"weight of {name}: wanted positive weights for values in {domain}, found {given}")
            unit = lcm(*(w.denominator for w in exact.values()))
            scaled[name] = {value: int(w * unit) for value, w in exact.items()}, unit

        def weigh(stage: Stage) -> np.ndarray | None:
            factor: np.ndarray | None = None
            for name, options in stage.options.items():
                if name in scaled:
                    table = np.array([scaled[name][0][int(v)] for v in options], dtype=object)
                    own = table[stage.places[name]]
                    factor = own if factor is None else factor * own
            for name, absent in stage.absent.items():
                if name in scaled:
                    weights, unit = scaled[name]
                    own = np.where(absent, unit, next(iter(weights.values()))).astype(object)
                    factor = own if factor is None else factor * own
            return factor

        return weigh

    def enumerate(self, limit: int | None = None) -> Iterator[dict[str, int]]:
        """Yield the valid architectures, each once, in a fixed order.

        >>> import convsolve as cs
        >>> space = cs.Space(cs.parse("{input: [1, 8, 8], layers: [{max_pool: {kernel_size: 2..99}}]}"))
        >>> [found["max_pool1.kernel_size"] for found in space.enumerate(limit=3)]
        [2, 3, 4]
        """
        if self._parts is None:
            return
        total = prod(t.total for t in self._tallies)
        given, start = 0, 0
        while start < total and (limit is None or given < limit):
            size = min(4096, total - start, 4096 if limit is None else max(limit - given, 64))
            numbers = np.array([start + i for i in range(size)], dtype=object if total >= 1 << 61 else np.int64)
            start += size
            columns = self._columns(self._tallies, numbers)
            if not self._parts.exact:
                good = self._evaluator(columns).valid
                columns = {name: column[good] for name, column in columns.items()}
                size = int(good.sum())
            for found in self._samples(columns, size, False, size):
                if limit is not None and given >= limit:
                    return
                given += 1
                yield found

    # -- one architecture, or a part of one

    def domains(self, partial: Mapping[str, int] | None = None) -> dict[str, tuple[int, ...]]:
        """Return for each parameter that is still open exactly the values that lead to a valid architecture.

        Args:
            partial: the values that are decided. Those of holes whose layer they leave out do not matter.

        Returns:
            The values by hole, preferred ones first; no values at all where nothing valid is left. A hole whose layer
            is absent has its preferred value.
        """
        given = self._given(partial or {})
        open_names = [name for name in self.holes if name not in (partial or {})]
        found = None if self._parts is None else moves.possible(self._parts, given)
        if found is None or self._parts is None:
            return {name: () for name in open_names}
        if not self._parts.exact:
            sure = moves.possible(self._parts, given, certain=True) or {}
            found = {name: tuple(v for v in values if v in sure.get(name, ()) or decided(self.traced, {**given, name: v}))
                     for name, values in found.items() if name in open_names}  # fmt: skip
        return {name: found[name] for name in open_names}

    def complete(self, partial: Mapping[str, int], *, timeout: float | None = None) -> Solution | Infeasible | Unknown:
        """Return the best architecture that keeps some decided values: by the problem's objectives, then by preference.

        The answer is that of :func:`convsolve.solve` for the problem with these values.
        """
        return completion(self.problem, self._given(partial), timeout)

    def nearest(self, assignment: Mapping[str, int], *, keep: Mapping[str, int] | None = None) -> dict[str, int] | None:
        """Return the valid architecture that differs from an assignment in the fewest values; None if there is none.

        Of equals, the one whose values are the fewest places away in their domains. ``keep`` has values that it must
        have; holes that the assignment leaves out are free.
        """
        ranks = {name: {v: i for i, v in enumerate(values)} for name, values in self.holes.items()}
        much = 1 + sum(map(len, ranks.values()))
        costs = {
            name: {v: 0 if v == assignment[name] else much + abs(i - ranks[name].get(assignment[name], 0))
                   for v, i in ranks[name].items()}
            for name in assignment if self._known(name)
        }  # fmt: skip
        return self._cheapest(costs, self._given(keep or {}))

    def neighbours(self, assignment: Mapping[str, int]) -> list[Neighbour]:
        """Return what one change makes of a valid architecture, the nearest first.

        For every parameter and each of its other values: the architecture with that change if it is valid, otherwise
        the nearest valid one that has it. Each is given once, at its nearest.

        Raises:
            NetworkError: the assignment is not valid.
        """
        if assignment not in self:
            raise NetworkError("the assignment is not valid: `nearest` gives the valid architecture next to it")
        filled = self._filled(assignment)
        shown = set(self._shown(filled))
        changes = [(n, v) for n, values in self.holes.items() if n in shown for v in values if v != filled[n]]
        single = self._evaluator([{**filled, name: value} for name, value in changes]).valid if changes else []
        found: dict[tuple[tuple[str, int], ...], Neighbour] = {}
        ranks = {name: {v: i for i, v in enumerate(values)} for name, values in self.holes.items()}
        order: list[tuple[int, int, Neighbour]] = []
        for (name, value), valid in zip(changes, single, strict=True):
            near = {**filled, name: value} if valid else self.nearest(assignment, keep={name: value})
            if near is None:
                continue
            near = self._shown(near)
            changed = [name, *(n for n, v in near.items() if n != name and n in shown and v != filled[n])]
            far = sum(abs(ranks[n][near[n]] - ranks[n][filled[n]]) for n in changed if n in near)
            order.append((len(changed), far, Neighbour(near, tuple(changed))))
        for _, _, neighbour in sorted(order, key=lambda entry: entry[:2]):
            found.setdefault(tuple(sorted(neighbour.assignment.items())), neighbour)
        return list(found.values())

    def crossover(self, a: Mapping[str, int], b: Mapping[str, int], seed: int = 0) -> dict[str, int]:
        """Return a valid child of two valid architectures.

        A coin decides for each parameter which parent's value the child should have. It is the valid architecture with
        the fewest values that neither parent has, and among these with the fewest against the coin.

        Raises:
            NetworkError: a parent is not valid.
        """
        if a not in self or b not in self:
            raise NetworkError("a parent is not valid: `nearest` gives the valid architecture next to it")
        heads = np.random.default_rng(seed).integers(0, 2, len(self.holes)).tolist()
        costs: dict[str, dict[int, int]] = {}
        for coin, (name, values) in zip(heads, self.holes.items(), strict=True):
            parents = [p[name] for p in ((a, b) if coin else (b, a)) if name in p]
            if parents:
                costs[name] = {v: parents.index(v) if v in parents else 1 + len(self.holes) for v in values}
        child = self._cheapest(costs, {})
        assert child is not None
        return child

    def __bool__(self) -> bool:
        """Whether there may be a valid architecture: certain where :meth:`count` is exact."""
        return self._parts is not None

    def __contains__(self, assignment: Mapping[str, int]) -> bool:
        """Whether an assignment is a valid architecture; it may leave out what an absent layer would have."""
        for name in assignment:
            self._known(name)
        filled = self._filled(assignment)
        if any(name not in assignment for name in self._shown(filled)):
            return False
        return bool(self._evaluator([filled]).valid[0])

    def network(self, assignment: Mapping[str, int]) -> Network:
        """Return the network that an assignment makes."""
        return self.problem.network.assign(self._filled(assignment))

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

    # -- assignments

    def _known(self, name: str) -> str:
        if name not in self.problem.network.holes:
            raise NetworkError(f"the space has no hole {name!r}{nearest(name, list(self.holes), listed=8)}")
        return name

    def _filled(self, assignment: Mapping[str, int]) -> dict[str, int]:
        """Return an assignment with a value for each hole: the preferred one, where it has none or the hole is absent."""
        values = {name: assignment.get(name, options[0]) for name, options in self.holes.items()}
        for _ in range(2):  # a hole that is absent may decide whether others are
            shown = self._shown(values)
            values = {name: values[name] if name in shown else options[0] for name, options in self.holes.items()}
        return values

    def _shown(self, values: Mapping[str, int]) -> dict[str, int]:
        """Return an assignment without the holes that the network does not have."""
        return {n: values[n] for n in self.holes if evaluate(self.present[n], values)}

    def _given(self, partial: Mapping[str, int]) -> dict[str, int]:
        """Return the decided values that matter: not those of layers that the others leave out."""
        for name, value in partial.items():
            if value not in self.holes[self._known(name)]:
                raise NetworkError(f"{name}={value} is outside its domain {self.problem.network.holes[name].domain}")
        given = {}
        for name, value in partial.items():
            when = self.present[name]
            settled = when is True or not all(v.name in partial for v in variables(when))
            if settled or evaluate(when, partial):
                given[name] = value
        return given

    def _cheapest(self, costs: moves.Costs, given: Mapping[str, int]) -> dict[str, int] | None:
        if self._parts is None:
            return None
        found = moves.cheapest(self._parts, costs, given)
        if found is not None and not self._parts.exact and not self._evaluator([found]).valid[0]:
            found = nearest_by_search(self.traced, self.present, costs, given)
        return None if found is None else self._shown(found)
