"""Repair: the cheapest changes that make a network work, each proven and verified."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.check import CheckReport, at_shapes, check
from ..errors import ConvsolveError, ExpressionError, InternalError, NetworkError, UndecidedError, UnreadableError
from ..network import InputShapes, Network
from ..operators.base import to_written
from ..problem import Problem
from ..rules import RANK
from ..sizes.counterexample import counterexample
from ..solver.clock import Clock, OutOfTime
from ..sources import Asked, problem_of
from ..support.arguments import checked
from ..support.caller_errors import limited
from ..support.notebook_display import Carded, Shown
from ..support.suggestions import whole
from .edits import Change, Edit, weighed
from .evaluated_network import Situation, believed, judge, with_target
from .exhaustive import Point, single_and_double
from .input_resizing import padded_inputs, resized_inputs, sizes_taken
from .insertions import replaced
from .join_repairs import every_join
from .locked_layers import Locks
from .parameter_values import DECLARING
from .search import ChangeSet, Options, cheapest_sets, options_of
from .size_ranges import only_these, read_ranges, with_sizes
from .structural import structural_changes

__all__ = ["Repair", "RepairList", "RepairCost", "repair"]

_SECONDS = 10.0


@dataclass(frozen=True)
class RepairCost:
    """What a repair costs: first the three numbers by which repairs are compared, then what the network costs.

    ``ranks`` and ``magnitude`` are explained in :mod:`convsolve.repairs.edits`. Of ``params``, ``macs`` and
    ``output`` (the output shape as written) each is a pair, before and after; before it may not be known.
    """

    layers: int
    ranks: int
    magnitude: int
    params: tuple[int | None, int | None]
    macs: tuple[int | None, int | None]
    output: tuple[tuple[int, ...] | None, tuple[int, ...] | None]

    @property
    def order(self) -> tuple[int, int, int]:
        """What repairs are compared by."""
        return self.layers, self.ranks, self.magnitude

    @property
    def weight(self) -> int:
        """The order as one number."""
        return weighed(self.order)


@dataclass(frozen=True)
class Repair(Shown):
    """Edits that make a network work, the network that they make, and its check.

    ``proven`` says that no cheaper set of edits works that changes the same kinds of things or fewer.
    """

    edits: tuple[Edit, ...]
    network: Network
    cost: RepairCost
    report: CheckReport
    proven: bool

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is changed, each kind once."""
        return tuple(dict.fromkeys(edit.kind for edit in self.edits))

    def __str__(self) -> str:
        return "; ".join(map(str, self.edits))

    def __repr__(self) -> str:
        return f"<Repair: {self}{'' if self.proven else '; not proven'}>"


class RepairList(Carded, list[Repair]):
    """Repairs, the cheapest first: a list that prints a line for each, and that notebooks show as cards."""

    def __str__(self) -> str:
        return "\n".join(f"{i}. {found}" for i, found in enumerate(self, 1)) or "nothing is to be repaired"


@checked
def repair(
    network: Asked,
    input_shape: InputShapes | None = None,
    *,
    target: Iterable[int] | None = None,
    locked: str | Iterable[str] = (),
    limit: int = 5,
    for_all: Mapping[str, Any] | None = None,
    timeout: float | None = _SECONDS,
) -> RepairList:
    """Return repairs of a network that does not work, cheapest first; an empty list where nothing is wrong.

    Every repair has been checked again. Repairs differ in what they change: each is the cheapest of its kinds,
    and none uses all the kinds of one before it. What "cheapest" means: :mod:`convsolve.repairs.edits`.

    Args:
        network: the network, a module or a file's name, or a problem, whose requirements are to hold, too.
        input_shape: the input's shape in place of the one that the network states, as written; of several inputs a list
            of shapes, or a mapping from their names.
        target: the shape, as written, that the output should have.
        locked: names of layers (or patterns, as ``enc*``) that are not touched; with ``:weights`` behind them their
            kernels and channels are kept, and the rest may change.
        limit: how many repairs are wanted at most.
        for_all: ranges of input sizes by axis, for all of which the repaired network is to work.
        timeout: seconds to search at most; what was found until then is returned.

    Raises:
        NetworkError: parameters are open, or there is no such layer or axis.
        UndecidedError: nothing was found in the time given.

    >>> from convsolve.files import parse
    >>> net = parse('''
    ... input: [1, 5, 5]
    ... layers: [{max_pool: {kernel_size: 2}}, {conv: {out_channels: 8, kernel_size: 3}}]
    ... ''')
    >>> for found in repair(net, limit=3):
    ...     print(found, found.cost.order)
    input: shape [1, 5, 5] -> [1, 6, 6] (1, 3, 2)
    conv1: padding 0 -> 1 (1, 4, 1)
    max_pool1: ceil_mode false -> true (1, 4, 1)
    """
    clock, limit = Clock(timeout), whole("limit", limit, least=1)
    try:
        with limited(timeout):
            problem = problem_of(network, input_shape)
            if input_shape is not None:
                problem = at_shapes(problem, input_shape)
            ranges = dict(problem.for_all) if for_all is None else read_ranges(for_all, problem.network)
            problem = dataclasses.replace(with_target(problem, target), for_all=ranges, objectives=(), pareto=())
            return RepairList(_Repairs(problem, Locks.read(locked, problem.network), clock).best(limit))
    except OutOfTime:
        raise UndecidedError("no repair was found in the time given") from None


class _Repairs:
    """The search for the repairs of one problem."""

    def __init__(self, problem: Problem, locks: Locks, clock: Clock) -> None:
        self.stated = problem
        self.problem = believed(problem)
        self.locks = locks
        self.clock = clock
        self.now = judge(dataclasses.replace(problem, for_all={}))
        self.before = check(dataclasses.replace(problem, for_all={}, requirements=()))
        self.late = False
        self.limit = 1
        self.found: list[Repair] = []
        self.settled = 0
        """So many repairs were found by searches that came to their end, cheaper ones of their kinds with them."""
        self.points: list[Point] = [{}]
        for size in ("lower", "upper") if problem.for_all else ():
            ends = {axis: getattr(domain, size) for axis, domain in problem.for_all.items()}
            self._note({axis: n for axis, n in ends.items() if n is not None})

    def best(self, limit: int) -> list[Repair]:
        """Return the repairs, cheapest first: those of one layer, then of two, then of more."""
        if self.now.ok:
            breaks = self._counterexample(self.problem)
            if breaks is None:
                return []
            self._note(breaks)
            self.now = judge(
                dataclasses.replace(self.problem, network=with_sizes(self.problem.network, breaks), for_all={})
            )
        self.limit = limit
        try:
            variants = self._tried(self._structural())
            self.settled = len(self.found)
            self._try(self.now, 1)
            self.settled = len(self.found)
            variants += self._tried(self._of_sizes())
            self.settled = len(self.found)
            self._pairs_and_more(variants)
        except OutOfTime:
            self.late = True
            cut = (dataclasses.replace(repair, proven=False) for repair in self.found[self.settled :])
            self.found[self.settled :] = cut
        if not self.found and self.late:
            raise UndecidedError("no repair was found in the time given")
        return _different(self.found)[:limit]

    def _tried(self, changes: Iterator[Change]) -> list[tuple[Change, Situation]]:
        """Keep the changes that are repairs; return the others, and what the network is like after each."""
        variants = []
        for change in changes:
            self.clock.check()
            if self.locks.allow(change.layers) and not self._keep((change,)):
                variant = self._after(change)
                if variant is not None:
                    variants.append((change, variant))
        return variants

    def _pairs_and_more(self, variants: Sequence[tuple[Change, Situation]]) -> None:
        if self._enough(weighed((2, 0, 0))):
            return
        decided = self._try(self.now, 2)
        self.settled = len(self.found)
        for change, variant in variants:
            if not self._enough(change.weight + weighed((1, 0, 0))):
                self._try(variant, 1, (change,))
        self.settled = len(self.found)
        if self.problem.for_all and self.found:
            return  # over ranges, larger sets are far to seek, and what is found is enough
        if not self._enough(weighed((3, 0, 0)) if decided else 0):
            self._solve(self.now)
        for change, variant in variants:
            if not self.found:
                self._solve(variant, (change,))

    def _try(self, now: Situation, size: int, first: tuple[Change, ...] = ()) -> bool:
        """Add the repairs by so many changes of parameters; False where there are too many to try."""
        trials = single_and_double(now, self._options(now), size, self.points)
        if trials is None:
            return False
        for trial in trials:
            self.clock.check("trying repairs")
            base = sum(change.weight for change in first)
            if self._enough(base + trial.weight):
                break
            kinds = trial.kinds.union(*(change.kinds for change in first))
            if not any(kinds >= set(r.kinds) for r in self.found):
                self._keep((*first, *trial.changes))
        return True

    def _enough(self, weight: int) -> bool:
        """Whether so many repairs are known that cost no more than this that no other is wanted."""
        best = _different(self.found)[: self.limit]
        return len(best) >= self.limit and weight >= best[-1].cost.weight

    def _structural(self) -> Iterator[Change]:
        """Yield the changes that are no parameter of a layer, but for those of the input's size."""
        yield from structural_changes(self.now)
        if self.problem.for_all:
            yield from every_join(self.now)

    def _of_sizes(self) -> Iterator[Change]:
        """Yield the changes of the input's size: which it may have takes longer to find out than to try an edit."""
        sizes = sizes_taken(self.stated, self.clock.left)
        if sizes is not None:
            if not self.problem.for_all:
                yield from resized_inputs(self.now, sizes)
            yield from padded_inputs(self.now, sizes, self.problem.for_all)

    def _options(self, now: Situation) -> Options:
        """Return the changes of parameters, without the kinds of which the cheapest is known."""
        if any(r.rule is RANK for r in now.failed):
            return {}
        known = {kind for r in self.found if len(r.kinds) == 1 for kind in r.kinds}
        return options_of(now, self.locks, known | ({"in_features"} if self.problem.for_all else set()))

    def _solve(self, now: Situation, first: tuple[Change, ...] = ()) -> None:
        """Add the repairs by changes of parameters that the solver finds, behind others that have been made."""
        options = self._options(now)
        base = sum(change.weight for change in first)
        whole = dataclasses.replace(now, problem=dataclasses.replace(now.problem, for_all=self.problem.for_all))
        for found in cheapest_sets(whole, options, self.clock, lambda weight: self._enough(base + weight)):
            if not self._keep((*first, *found.changes), found.proven):
                raise InternalError(f"a repair does not hold: {_texts(found)}. Please report this with the network")

    def _after(self, change: Change) -> Situation | None:
        try:
            return judge(dataclasses.replace(self.problem, network=change.make(self.problem.network), for_all={}))
        except ConvsolveError:
            return None

    def _keep(self, changes: tuple[Change, ...], proven: bool = True) -> bool:
        """Verify the repair by some changes and keep it; return whether it holds."""
        try:
            network = self.problem.network
            for change in changes:
                network = change.make(network)
            network, edits = _declared(network, [e for change in changes for e in change.edits])
            if any(edit.kind != "resize_input" for edit in edits):
                network = dataclasses.replace(network, record=None)  # the program is still as it was
            problem = dataclasses.replace(self.problem, network=network, for_all={})
            if not judge(problem).ok:
                return False
            breaks = self._counterexample(dataclasses.replace(self.problem, network=network))
            if breaks is not None:
                self._note(breaks)
                return False
            report = check(problem)
        except (ExpressionError, NetworkError, UnreadableError):
            return False
        total = [sum(parts) for parts in zip(*(c.cost for c in changes), strict=True)]
        old = self.before
        output = old.output if not old.failures else None
        cost = RepairCost(
            total[0], total[1], total[2], (old.params, report.params), (old.macs, report.macs), (output, report.output)
        )
        self.found.append(Repair(tuple(edits), network, cost, report, proven))
        return True

    def _counterexample(self, problem: Problem) -> Mapping[str, int] | None:
        """Return sizes of the ranges for which a problem does not hold; None where closed forms say that it does.

        Raises:
            NetworkError: that is not known.
        """
        if not problem.for_all:
            return None
        try:
            sizes = only_these(problem.for_all, problem.network)
            found = counterexample(dataclasses.replace(problem, for_all={}), sizes, timeout=self.clock.left)
        except UndecidedError as error:
            raise NetworkError(str(error)) from error
        return None if found is None else found.sizes

    def _note(self, sizes: Mapping[str, int]) -> None:
        """Note sizes at which other repairs have to hold, too."""
        axes = self.problem.network.input_axes
        names = {}
        for axis, size in sizes.items():
            if axis in self.problem.for_all:
                names[f"{axes[axis][0]}.{axis.rpartition('.')[2]}"] = size
        if names not in self.points:
            self.points.append(names)


def _texts(found: ChangeSet) -> str:
    return "; ".join(str(edit) for change in found.changes for edit in change.edits)


def _different(found: Sequence[Repair]) -> list[Repair]:
    """Return repairs by cost, without those that use all kinds of a cheaper one."""
    kept: list[Repair] = []
    for candidate in sorted(found, key=lambda r: r.cost.order):
        if not any(set(candidate.kinds) >= set(r.kinds) for r in kept):
            kept.append(candidate)
    return kept


def _declared(network: Network, edits: Sequence[Edit]) -> tuple[Network, list[Edit]]:
    """Fill in what arrives at the layers whose declared number of features or channels was left open."""
    now = judge(Problem(network))
    operators: dict[str, Any] = {}
    filled = []
    for edit in edits:
        if edit.kind in DECLARING and edit.parameter and edit.after is None:
            layer = network.by_name[edit.layer]
            shape = now.arriving(layer)
            if layer.operator.written:
                shape = to_written(network.data_format, shape)
            if not shape:
                raise NetworkError(f"{edit.layer}: nothing is known of what arrives")
            there: Any = shape[-1] if edit.parameter == "in_features" else shape[0]
            if isinstance(edit.before, tuple):
                there = shape[len(shape) - len(edit.before) :]
            edit = dataclasses.replace(edit, after=there)
            operators[edit.layer] = dataclasses.replace(layer.operator, **{edit.parameter: there})
        filled.append(edit)
    return replaced(network, operators), filled
