"""Evaluating many candidates at once: the numpy reader of the trace over columns of values, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dims import Cond, Dim, Domain, Var, bounds, evaluate_arrays, variables
from ..dims.bounds import Interval
from ..dims.evaluate import evaluate_words, fits_word
from ..dims.expr import Symbolic
from ..errors import NetworkError
from ..network.receptive_field import receptive_field
from ..network.trace import COSTS, Definition, Requirement, to_written
from ..problem import ProblemTrace
from ..support.suggestions import nearest, quoted

__all__ = ["Evaluation", "Evaluator"]

_CHUNK = 1 << 14
"""Candidates that are computed together: their columns fit a processor's cache."""


@dataclass(frozen=True)
class Evaluation:
    """What each candidate is: one entry, or one row, for each.

    ``valid`` says whether every requirement holds. ``output`` is the output's shape as the network writes it,
    ``receptive_field`` that of the output along each axis of the input (None where it has none). Of candidates that
    are not valid, the numbers are what the formulas give; 0 where a value is outside of its hole's domain.
    """

    valid: np.ndarray
    output: np.ndarray
    params: np.ndarray
    macs: np.ndarray
    activations: np.ndarray
    receptive_field: np.ndarray | None

    def __len__(self) -> int:
        return len(self.valid)


def columns_of(batch: Any, holes: Mapping[str, Var]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], int]:
    """Return columns of values, masks of where values are missing, and the number of candidates.

    Raises:
        NetworkError: a column is no column of whole numbers, or is named after no hole, or columns differ in length.
    """
    several = isinstance(batch, Sequence) and not isinstance(batch, str)
    if not several and not isinstance(batch, Mapping) and not hasattr(batch, "columns"):
        raise NetworkError(f"a batch is a list of assignments, or a column for each hole, got {quoted(batch)}")
    if several and not all(isinstance(candidate, Mapping) for candidate in batch):
        raise NetworkError(f"a batch is a list of assignments, got {quoted(list(batch))}")
    if several and not hasattr(batch, "columns"):
        given: dict[str, Any] = {n: np.array([c.get(n, np.nan) for c in batch], dtype=object) for n in holes}
        count = len(batch)
        names = {name for candidate in batch for name in candidate}
    else:
        source = batch.columns if isinstance(getattr(batch, "columns", None), Mapping) else batch
        given = {name: np.atleast_1d(np.asarray(source[name])) for name in holes if name in source}
        count = max((len(column) for column in given.values()), default=0)
        names = set(source)
    for name in names - holes.keys():
        raise NetworkError(f"the space has no hole {quoted(name)}{nearest(str(name), holes, listed=8)}")
    columns, missing = {}, {}
    for name, column in given.items():
        if column.ndim != 1 or len(column) != count:
            raise NetworkError(f"{name} has {column.size} values, where another column has {count}")
        if column.dtype.kind not in "iu":
            gaps = np.array([v is None or v != v for v in column.tolist()], dtype=bool)
            whole = np.where(gaps, 0, column)
            try:
                exact = whole.astype(np.int64)
            except (TypeError, ValueError, OverflowError):
                raise NetworkError(f"{name} has values that are not whole numbers") from None
            if (exact != whole).any():
                raise NetworkError(f"{name} has values that are not whole numbers")
            column = exact
            if gaps.any():
                missing[name] = gaps
        columns[name] = column.astype(np.int64, copy=False)
    missing |= {name: np.ones(count, dtype=bool) for name in holes if name not in columns}
    columns |= {name: np.zeros(count, dtype=np.int64) for name in holes if name not in columns}
    return columns, missing, count


class Evaluator:
    """Reads a problem's trace for columns of candidates. What no answer depends on is left out."""

    def __init__(self, traced: ProblemTrace, present: Mapping[str, Cond]) -> None:
        self.present = present
        self.holes = traced.problem.network.holes
        trace = traced.trace
        tensor = trace.network.outputs[0]
        shape = trace.shapes[tensor]
        self.output = () if shape is None else to_written(trace.network.data_format, shape)
        more: list[Definition] = []

        def define(name: str, value: Dim) -> Dim:
            if isinstance(value, int):
                return value
            label = f"{name} (evaluation)"
            more.append(Definition(label, value, ""))
            return Var(label, interval=bounds(value))

        fields = receptive_field(trace, tensor, define)
        self.fields = None if isinstance(fields, str) else tuple(extent for extent, _ in fields.values())
        costs = tuple(Var(cost) for cost in COSTS)
        wanted = [*(r.condition for r in trace.requirements), *self.output, *costs, *(self.fields or ())]
        names = trace.needed(*wanted, *(d.value for d in more))
        steps = (s for s in trace.steps if isinstance(s, Requirement) or s.name in names)
        self.steps: list[Definition | Requirement] = [*steps, *more]
        self._ends = {v.name for v in variables(*self.output, *costs, *(self.fields or ()))}
        self._plan()

    def _plan(self) -> None:
        """Find which steps fit a machine word whatever the candidate, and which names each step needs last."""
        domains = {name: unknown.domain for name, unknown in self.holes.items()}
        ranges: dict[str, Interval] = {n: (d.lower, d.upper) for n, d in domains.items() if d is not None}
        self._safe: list[bool] = []
        last: dict[str, int] = {}
        for i, step in enumerate(self.steps):
            x = step.value if isinstance(step, Definition) else step.condition
            names = [v.name for v in variables(x)]
            last.update(dict.fromkeys(names, i))
            self._safe.append(fits_word(x, {n: ranges[n] for n in names}))
            if isinstance(step, Definition):
                ranges[step.name] = bounds(x)
        self._done: list[list[str]] = [[] for _ in self.steps]
        for name, i in last.items():
            if name not in self._ends and name not in self.holes:
                self._done[i].append(name)

    def __call__(self, batch: Any) -> Evaluation:
        """Evaluate candidates.

        Raises:
            NetworkError: a candidate has no value for a hole of a layer that it has.
        """
        columns, missing, count = columns_of(batch, self.holes)
        parts = []
        for start in range(0, max(count, 1), _CHUNK):
            part = slice(start, start + _CHUNK)
            parts.append(self._chunk({n: c[part] for n, c in columns.items()},
                                     {n: m[part] for n, m in missing.items()}, min(_CHUNK, count - start)))  # fmt: skip
        valid, output, fields, *costs = (np.concatenate(found) for found in zip(*parts, strict=True))
        params, macs, activations = costs
        return Evaluation(valid, output, params, macs, activations, None if self.fields is None else fields)

    def _chunk(
        self, columns: dict[str, np.ndarray], missing: Mapping[str, np.ndarray], count: int
    ) -> tuple[np.ndarray, ...]:
        valid = self._clean(columns, missing, count)
        known: dict[str, Any] = dict(columns)
        inside = valid.copy()
        for step, safe, done in zip(self.steps, self._safe, self._done, strict=True):
            read = evaluate_words if safe else evaluate_arrays
            if isinstance(step, Definition):
                known[step.name] = step.value if isinstance(step.value, int) else read(step.value, known)
            else:
                valid &= np.asarray(read(step.condition, known), dtype=bool)
            for name in done:
                del known[name]

        def column(dim: Dim) -> np.ndarray:
            value = evaluate_arrays(dim, known) if isinstance(dim, Symbolic) else np.asarray(dim)
            return np.where(inside, value, 0)

        def table(dims: Sequence[Dim]) -> np.ndarray:
            return np.stack([column(d) for d in dims], axis=1) if dims else np.zeros((count, 0), dtype=np.int64)

        return (valid, table(self.output), table(self.fields or ()), *(column(Var(cost)) for cost in COSTS))

    def _clean(self, columns: dict[str, np.ndarray], missing: Mapping[str, np.ndarray], count: int) -> np.ndarray:
        """Put preferred values where others are outside of a domain; return where only absent holes had these."""
        outside: dict[str, np.ndarray] = {}
        for name, unknown in self.holes.items():
            domain = unknown.domain
            assert domain is not None
            wrong = ~_inside(domain, columns[name])
            if name in missing:
                wrong |= missing[name]
            if wrong.any():
                outside[name] = wrong
                columns[name] = np.where(wrong, next(iter(domain)), columns[name])
        valid = np.ones(count, dtype=bool)
        for name, wrong in outside.items():
            when = self.present[name]
            counts = wrong if when is True else wrong & np.asarray(evaluate_arrays(when, columns), dtype=bool)
            if name in missing and (counts & missing[name]).any():
                row = int(np.flatnonzero(counts & missing[name])[0])
                raise NetworkError(f"candidate {row} of the batch has no value for {name}, and has its layer")
            valid &= ~counts
        return valid


def _inside(domain: Domain, column: np.ndarray) -> np.ndarray:
    """Return where a column's values are in a domain."""
    found = np.zeros(len(column), dtype=bool)
    for span in domain.spans:
        here = column >= span.start
        if span.stop is not None:
            here &= column <= span.stop
        if span.step > 1:
            here &= (column - span.start) % span.step == 0
        found |= here
    return found
