"""Summary: the table of a network by its modules: what each costs, and which part of the whole that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import NetworkError
from ..network import InputShapes
from ..network.receptive_field import receptive_fields
from ..network.trace import run, trace
from ..sources import Asked, problem_of
from ..support.arguments import checked
from ..support.suggestions import whole
from .check import CheckReport, Row, check
from .text import aligned, failure_lines, screenful, shape

__all__ = ["Summary", "SummaryRow", "summary"]

_BYTES = 4
"""Of a number of single precision."""


@dataclass(frozen=True)
class SummaryRow:
    """A layer, or a module with all that is in it, ``depth`` deep.

    ``trainable`` are those of its parameters that are; None where that is not known. ``output`` is what its last layer
    gives. Costs are None where they depend on a failure. ``field`` says how far its last layer sees, along each axis.
    """

    name: str
    depth: int
    operator: str
    output: tuple[int | None, ...] | None
    params: int | None
    trainable: int | None
    macs: int | None
    activations: int | None
    formula: str = ""
    field: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Summary:
    """The table of a network by its modules; ``print`` shows it.

    ``report`` is the check that it is made of. ``trainable`` and ``frozen`` are the parameters of the
    whole module, those that no layer uses among them; None where that is not known.
    """

    rows: tuple[SummaryRow, ...]
    report: CheckReport
    trainable: int | None
    frozen: int | None = None
    formulas: bool = False
    receptive_field: bool = False

    def __repr__(self) -> str:
        return f"<Summary of {len(self.report.rows)} layers in {len(self.rows)} rows>"

    def __str__(self) -> str:
        """Return the table, and the sums."""
        rows, report = self.rows, self.report
        columns = {
            "layer": ["  " * row.depth + row.name for row in rows],
            "operator": [row.operator for row in rows],
            "output": [shape(row.output) for row in rows],
            "params": [_count(row.params) for row in rows],
            "%": [_share(row.params, report.params) for row in rows],
            "trainable": [_count(row.trainable) for row in rows],
            "macs": [_count(row.macs) for row in rows],
            "% ": [_share(row.macs, report.macs) for row in rows],
            "MB": [_megabytes(row.activations) for row in rows],
        }
        if all(row.trainable is None for row in rows):
            del columns["trainable"]
        right = tuple(columns)[3:]
        if self.receptive_field:
            columns["sees"] = ["" if row.field is None else "x".join(map(str, row.field)) for row in rows]
        if self.formulas:
            columns["formula"] = [row.formula for row in rows]
        lines = [*screenful(aligned(columns, right=right)), "", *_sums(self)]
        return "\n".join([*lines, *(line for f in report.failures for line in failure_lines(f))])


@checked
def summary(
    network: Asked,
    input_shape: InputShapes | None = None,
    *,
    depth: int | None = None,
    formulas: bool = False,
    receptive_field: bool = False,
) -> Summary:
    """Return the table of a network: its modules one in the other, with parameters, operations and memory.

    Nothing is run: the numbers are those of :func:`convsolve.check`. MB are those of the outputs in single precision,
    for one example.

    Args:
        network: a PyTorch module, a network or problem without open parameters, or a source.
        input_shape: the input's shape without the batch, without which a PyTorch module cannot be read.
        depth: how deep modules are opened; those that are deeper are summed up. None opens all.
        formulas: whether to show how each size is computed.
        receptive_field: whether to show how far the outputs of each layer see.

    Raises:
        NetworkError: parameters are open, or it is no network.

    >>> print(summary("problems/seeds/mnist_same_5x5_pool.yaml", receptive_field=True))
    layer      operator  output    params     %     macs    %     MB  sees
    input      input     28x28x1        0   0.0        0   0.0  0.00  1x1
    conv1      conv      28x28x32     832   1.3  627,200  90.9  0.10  5x5
    relu1      relu      28x28x32       0   0.0        0   0.0  0.10  5x5
    max_pool1  max_pool  14x14x32       0   0.0        0   0.0  0.03  6x6
    flatten1   flatten   6272           0   0.0        0   0.0  0.03  28x28
    linear1    linear    10        62,730  98.7   62,720   9.1  0.00  28x28
    <BLANKLINE>
    params 63,562 (0.25 MB)
    macs 689,920   outputs 62,730 (0.25 MB)
    """
    if depth is not None:
        whole("depth", depth, least=1)
    problem = problem_of(network, input_shape)
    report = check(problem, input_shape)
    if report.network is None:
        raise NetworkError("there is nothing to sum up")
    trainable = _trainable(network)
    fields = _fields(report) if receptive_field else {}
    rows = tuple(_rows(report.rows, depth, trainable, fields))
    total = None if trainable is None else sum(trainable.values())
    module: Any = network
    frozen = None if total is None else sum(p.numel() for p in module.parameters()) - total
    return Summary(rows, report, total, frozen, formulas, receptive_field)


def _rows(
    rows: Iterable[Row], depth: int | None, trainable: Mapping[str, int] | None, fields: Mapping[str, tuple[int, ...]]
) -> Iterable[SummaryRow]:
    """Yield a row for each module that begins, in front of its layers, and for each layer that is not too deep."""
    rows = list(rows)
    paths = [tuple(row.layer.split(".")) for row in rows]
    open_modules: tuple[str, ...] = ()
    told: set[str] = set()
    for i, (row, path) in enumerate(zip(rows, paths, strict=True)):
        for level in range(1, len(path)):
            module = path[:level]
            if open_modules[:level] == module or (depth is not None and level > depth):
                continue
            last = i
            while last + 1 < len(rows) and paths[last + 1][:level] == module:
                last += 1
            inside = rows[i : last + 1]
            name = ".".join(module)
            own = 0 if name in told and trainable is not None else _within(trainable, name)
            told.add(name)
            yield SummaryRow(
                module[-1], level - 1, "", inside[-1].shape, _sum(r.params for r in inside), own,
                _sum(r.macs for r in inside), _sum(r.activations for r in inside), "", fields.get(inside[-1].layer),
            )  # fmt: skip
        open_modules = path[:-1]
        if depth is None or len(path) <= depth:
            own = None if trainable is None else _within(trainable, row.layer)
            yield SummaryRow(path[-1], len(path) - 1, row.operator, row.shape, row.params, own, row.macs,
                             row.activations, row.formula, fields.get(row.layer))  # fmt: skip


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = list(numbers)
    return None if None in known else sum(n for n in known if n is not None)


def _within(trainable: Mapping[str, int] | None, name: str) -> int | None:
    """Return how many parameters of a module, and of what is in it, are trainable."""
    if trainable is None:
        return None
    return sum(count for owner, count in trainable.items() if owner == name or owner.startswith(f"{name}."))


def _trainable(network: Any) -> dict[str, int] | None:
    """Return how many parameters of each module of PyTorch are trainable, by its path; None of what is none."""
    parameters = getattr(network, "named_parameters", None)
    if parameters is None:
        return None
    found: dict[str, int] = {}
    for name, parameter in parameters():
        owner = name.rpartition(".")[0]
        found[owner] = found.get(owner, 0) + (int(parameter.numel()) if parameter.requires_grad else 0)
    return found


def _fields(report: CheckReport) -> dict[str, tuple[int, ...]]:
    assert report.network is not None
    if report.failures or report.unknown:
        return {}
    traced = trace(report.network)
    return {layer: tuple(axes.values()) for layer, axes in receptive_fields(traced, run(traced, {})).items()}


def _sums(found: Summary) -> Iterable[str]:
    report = found.report
    if report.params is not None:
        parts = [f"params {report.params:,} ({_megabytes(report.params)} MB)"]
        if found.trainable is not None and found.frozen is not None:
            parts.append(f"trainable {found.trainable:,}, frozen {found.frozen:,}")
        yield "   ".join(parts)
    parts = [] if report.macs is None else [f"macs {report.macs:,}"]
    if report.activations is not None:
        parts.append(f"outputs {report.activations:,} ({_megabytes(report.activations)} MB)")
    if parts:
        yield "   ".join(parts)


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _share(part: int | None, of: int | None) -> str:
    return "" if part is None or not of else f"{100 * part / of:.1f}"


def _megabytes(numbers: int | None) -> str:
    return "?" if numbers is None else f"{numbers * _BYTES / 1e6:.2f}"
