"""Latency from a table that was measured: which row a layer or a block has, and what lies between rows.

A time is a whole number of nanoseconds. Between two rows that differ in one number of channels or one size it is
interpolated linearly; beyond the last row it is not known, and never guessed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from ..dims import Cond, Dim, Expr, Var, all_of, any_of, bounds, eq, evaluate, maximum, negation, total, where
from ..errors import NetworkError
from ..operators import OPERATORS, Conv, Operator
from ..operators.base import axis_names
from ..support.suggestions import few
from .latency_table import LatencyRow, LatencyTable
from .network import Layer, Network, tensor_layer
from .trace import Trace

__all__ = ["Timing", "latency_notes", "timings"]

_OF_BLOCKS = ("expand", "idskip", "se", "hs")
"""Columns of Once-for-All's tables that speak of a whole inverted residual."""

_MOST_VALUES = 64
"""An unknown with so few values is looked up for each of them."""

_BETWEEN = re.compile(r"(in|out)_(channels|height|width|depth|length|size|features)|expand")
"""Columns in which times are interpolated; in all others a row fits or does not."""


@dataclass(frozen=True)
class Timing:
    """How long a layer or a block takes: ``nanoseconds``, where ``known`` holds.

    ``said`` names what was interpolated, where nothing is open.
    """

    nanoseconds: Dim
    known: Cond
    said: tuple[str, ...] = ()


def timings(traced: Trace, values: Mapping[str, int] | None = None) -> dict[str, Timing]:
    """Return the times of a network's layers; what no row speaks of takes none, unless it multiplies.

    The time of a block stands at its last layer. ``values`` are those of the names of the trace, where nothing is open.

    Raises:
        NetworkError: the network has no table.
    """
    table = traced.network.latency
    if table is None:
        raise NetworkError("latency needs a table of times: `latency: table.csv` in the problem")
    measured = _Measured(traced, table, values)
    found = {}
    for layer in traced.network.ordered:
        if layer.operator.arity != (0, 0) and layer.operator.kind != "choice" and traced.shapes[layer.name] is not None:
            found[layer.name] = measured.of_layer(layer)
    for end, timing in measured.of_blocks():
        found[end] = timing
    return found


def latency_notes(traced: Trace, values: Mapping[str, int]) -> list[str]:
    """Return what is to be said of the time of a finished network: what was measured, and what is not known."""
    table = traced.network.latency
    assert table is not None
    found = timings(traced, values)
    whole = {name: timing for name, timing in found.items() if timing.nanoseconds or not timing.known}
    unknown = [name for name, timing in whole.items() if not timing.known]
    between = [f"{name} ({', '.join(timing.said)})" for name, timing in whole.items() if timing.known and timing.said]
    rows = f"the rows of {os.path.basename(table.source) or 'the table'}"
    if unknown:
        return [f"the latency is not known: {rows} do not reach {few(unknown)}, and nothing is extrapolated"]
    together = evaluate(total(timing.nanoseconds for timing in whole.values()), values)
    said = f"latency {_shown(together)}, layer after layer, from {rows}: {len(whole) - len(between)} measured"
    lines = [f"{said}, {len(between)} interpolated linearly" + (f": {few(between)}" if between else "")]
    free = {traced.network.by_name[name].operator.kind for name, timing in found.items() if name not in whole}
    measured = {row.operator for row in table.rows}
    silent = sorted(free - measured) if not any(row.fused for row in table.rows) else []
    return lines + ([f"no rows for {few(silent)}, which count for nothing in it"] if silent else [])


def _shown(nanoseconds: int) -> str:
    """Return a time in milliseconds.

    >>> _shown(38_332)
    '0.038332 ms'
    """
    whole, rest = divmod(nanoseconds, 10**6)
    return f"{whole:,}.{rest:06}".rstrip("0").rstrip(".") + " ms"


@dataclass(frozen=True)
class _Measured:
    """A table beside the trace of a network."""

    traced: Trace
    table: LatencyTable
    known: Mapping[str, int] | None = None

    @property
    def network(self) -> Network:
        return self.traced.network

    @cached_property
    def values(self) -> dict[str, Dim]:
        """What the names of the trace stand for."""
        return {definition.name: definition.value for definition in self.traced.definitions}

    @cached_property
    def blocks(self) -> dict[str, str]:
        """The blocks that have rows of their own, each with the name that the table has for them."""
        names = [name for name in self.table.operators if name not in OPERATORS]
        return {block: name for block in self.network.blocks for name in names
                if re.fullmatch(rf"{re.escape(name)}[_\d]*", block)}  # fmt: skip

    def of_layer(self, layer: Layer) -> Timing:
        """Return the time of a layer: its own row's, none inside of a block that has one, or that of its operator."""
        if any(block in self.blocks for block in layer.within):
            return Timing(0, True)
        own = self._name(layer)
        if not own:
            return Timing(0, eq(self._resolved(Var(f"{layer.name}.macs")), 0))
        members = (layer.name,)
        timing = self._look(self.table.operators[own], members)
        return Timing(where(layer.when, timing.nanoseconds, 0), any_of(negation(layer.when), timing.known), timing.said)

    def _name(self, layer: Layer) -> str:
        """Return what the table calls a layer; empty where it does not speak of it, or has it with the one before."""
        operators = self.table.operators
        if layer.name in operators and layer.name not in OPERATORS:
            return layer.name
        kind = layer.operator.kind
        if isinstance(layer.operator, Conv) and kind == "conv" and layer.operator.groups != 1:
            arriving = self._quantity((layer.name,), "in_channels")
            kind = "depthwise_conv" if self._resolved(layer.operator.groups) == arriving else kind
        if kind not in operators or (layer.operator.pointwise and self._fused(layer)):
            return ""
        return kind

    def _fused(self, layer: Layer) -> bool:
        """Return whether a layer is measured with the one that it reads, as in ``conv-bn-relu``."""
        while layer.operator.pointwise and len(layer.inputs) == 1:
            layer = self.network.by_name[tensor_layer(layer.inputs[0])]
        kind = layer.operator.kind
        return any(kind == row.operator and row.fused for row in self.table.rows)

    def of_blocks(self) -> Iterator[tuple[str, Timing]]:
        """Yield the times of the blocks that have rows of their own."""
        for block, name in self.blocks.items():
            members = self.network.blocks[block]
            when = self.network.by_name[members[0]].when
            timing = self._look(self.table.operators[name], members)
            yield (
                members[-1],
                Timing(where(when, timing.nanoseconds, 0), any_of(negation(when), timing.known), timing.said),
            )

    # -- what a column means of a layer or a block

    def _quantity(self, members: Sequence[str], column: str) -> Dim | None:
        first, last = self.network.by_name[members[0]], members[-1]
        way, _, axis = column.partition("_")
        if way in ("in", "out") and axis:
            shape = self.traced.shapes[first.inputs[0] if way == "in" else last]
            return None if shape is None else self._axis(shape, axis)
        layers = [self.network.by_name[name] for name in members]
        if column in _OF_BLOCKS and len(layers) > 1:
            return self._of_block(layers, column)
        main = self._main(layers)
        value = None if main is None else getattr(main, column, None)
        if value is None and column == "stride" and main is not None:
            value = getattr(main, "kernel_size", None)
        if isinstance(value, tuple) and len({*value}) == 1:
            value = value[0]
        return self._resolved(value) if isinstance(value, (int, Expr)) else None

    def _axis(self, shape: Sequence[Dim], axis: str) -> Dim | None:
        names = axis_names(len(shape))
        if len(shape) == 1 and axis not in ("channels", "features"):
            return 1  # a vector is a map of one place
        if axis == "size":
            return self._resolved(shape[1]) if len(shape) > 1 else None
        if axis in ("features", "channels") and axis not in names:
            axis = "features" if axis == "channels" else "channels"
        return self._resolved(shape[names.index(axis)]) if axis in names else None

    @staticmethod
    def _main(layers: Sequence[Layer]) -> Operator | None:
        """Return the layer that gives a block its kernel and stride: the only one, or the depthwise one."""
        if len(layers) == 1:
            return layers[0].operator
        deep = [
            x.operator for x in layers if x.operator.kind == "depthwise_conv" or getattr(x.operator, "groups", 1) != 1
        ]
        some = deep or [x.operator for x in layers if isinstance(x.operator, Conv)]
        return some[0] if len(some) == 1 else None

    def _of_block(self, layers: Sequence[Layer], column: str) -> Dim | None:
        """Return what Once-for-All's tables say of an inverted residual."""
        kinds = {"idskip": ("add",), "se": ("mul",), "hs": ("hard_swish", "hardswish")}
        if column in kinds:
            return where(any_of(*(x.when for x in layers if x.operator.kind in kinds[column])), 1, 0)
        deep = [x for x in layers if x.operator.kind == "depthwise_conv" or getattr(x.operator, "groups", 1) != 1]
        shape = self.traced.shapes[deep[0].name] if len(deep) == 1 else None
        if shape is None:
            return None
        if not self.table.expands_by_ratio:
            return self._resolved(shape[0])
        arriving = self._quantity([x.name for x in layers], "in_channels")
        assert arriving is not None
        return self._resolved(shape[0]) // maximum(arriving, 1)

    def _resolved(self, dim: Dim) -> Dim:
        """Return what a name of the trace stands for, where that is a number or another name."""
        if self.known is not None:
            return evaluate(dim, self.known) if isinstance(dim, Expr) else dim
        while isinstance(dim, Var) and isinstance(self.values.get(dim.name), (int, Var)):
            dim = self.values[dim.name]
        return dim

    # -- looking up

    def _square(self, members: Sequence[str], column: str) -> Cond:
        """Return whether what a column calls a size is the same along every axis."""
        way, _, axis = column.partition("_")
        reference = self.network.by_name[members[0]].inputs[0] if way == "in" else members[-1]
        shape = self.traced.shapes[reference] if axis == "size" else None
        sizes = [] if shape is None else [self._resolved(size) for size in shape[1:]]
        return all_of(*(eq(sizes[0], size) for size in sizes[1:]))

    def _look(self, rows: Sequence[LatencyRow], members: Sequence[str]) -> Timing:
        """Return the time of a layer or of a block, from rows that may have different columns."""
        nanoseconds: Dim = 0
        known: Cond = False
        said: tuple[str, ...] = ()
        for columns in dict.fromkeys(tuple(name for name, _ in row.settings) for row in rows):
            some = [{**dict(row.settings), "": row.nanoseconds} for row in rows
                    if tuple(name for name, _ in row.settings) == columns]  # fmt: skip
            quantities = {column: value for column in columns if (value := self._quantity(members, column)) is not None}
            if len(quantities) < len(columns):
                continue
            one = _within(some, _in_order(some, columns), quantities)
            one = replace(one, known=all_of(one.known, *(self._square(members, c) for c in columns)))
            said = one.said if known is False else said
            nanoseconds, known = where(known, nanoseconds, one.nanoseconds), any_of(known, one.known)
        return Timing(nanoseconds, known, said)


def _in_order(rows: Sequence[Mapping[str, int]], columns: Sequence[str]) -> list[str]:
    """Return the columns in which a row is sought: those that must fit, those between whose rows others lie, and,
    marked with =, those that follow from these in every row."""
    between = [column for column in columns if _BETWEEN.fullmatch(column)]
    exact = [column for column in columns if column not in between]
    chosen: list[str] = []
    for column in between:
        groups: dict[tuple[int, ...], set[int]] = {}
        for row in rows:
            groups.setdefault(tuple(row[c] for c in (*exact, *chosen)), set()).add(row[column])
        if not chosen or any(len(values) > 1 for values in groups.values()):
            chosen.append(column)
    return [*exact, *chosen, *(f"={column}" for column in between if column not in chosen)]


def _within(rows: Sequence[Mapping[str, int]], columns: Sequence[str], quantities: Mapping[str, Dim]) -> Timing:
    """Return the time that rows give, column by column."""
    if not columns:
        return Timing(rows[0][""], True)
    column, rest = columns[0].removeprefix("="), columns[1:]
    given = quantities[column]
    by: dict[int, list[Mapping[str, int]]] = {}
    for row in rows:
        by.setdefault(row[column], []).append(row)
    pieces = [(eq(given, value), _within(some, rest, quantities)) for value, some in by.items()
              if _possible(given, value, value)]  # fmt: skip
    if column == columns[0] and _BETWEEN.fullmatch(column):
        pieces += _between(by, column, [c for c in rest if not c.startswith("=")], quantities)
    nanoseconds: Dim = 0
    known: Cond = False
    said: tuple[str, ...] = ()
    for condition, one in reversed(pieces):
        nanoseconds = where(condition, one.nanoseconds, nanoseconds)
        known = any_of(all_of(condition, one.known), known)
        said = one.said if condition is True else said
    return Timing(nanoseconds, known, said)


def _between(
    by: Mapping[int, list[Mapping[str, int]]], column: str, rest: Sequence[str], quantities: Mapping[str, Dim]
) -> Iterator[tuple[Cond, Timing]]:
    """Yield the times between one value of a column and the next, each with the condition that it lies there."""
    given, values = quantities[column], sorted(by)
    for below, above in pairwise(values):
        if not _possible(given, below + 1, above - 1):
            continue
        a, b = (_within(by[value], rest, quantities) for value in (below, above))
        time = a.nanoseconds + (b.nanoseconds - a.nanoseconds) * (given - below) // (above - below)
        said = (*a.said, f"{column} {given} between {below} and {above}")
        yield all_of(given >= below + 1, given <= above - 1), Timing(time, all_of(a.known, b.known), said)


def _possible(given: Dim, low: int, high: int) -> bool:
    """Return whether a quantity may lie in a range."""
    least, most = bounds(given)
    if low > high or (least is not None and least > high) or (most is not None and most < low):
        return False
    domain = given.domain if isinstance(given, Var) else None
    if domain is None or domain.size is None or domain.size > _MOST_VALUES:
        return True
    return any(low <= value <= high for value in domain)
