"""Assignments: values for the holes of a network, with or without those of layers that it has not; many, as columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from ..dims import Cond, evaluate, evaluate_arrays, variables
from ..errors import NetworkError
from ..network import Network
from ..support.notebook_display import Carded
from ..support.suggestions import nearest, quoted, whole

__all__ = ["Assignments", "Bin", "Columns", "Samples"]

Columns = dict[str, np.ndarray]
"""For each hole its values, one for each candidate."""

_SHOWN = 20
"""So many architectures are shown by ``print``."""


_MOST_KEPT = 4096
"""So many times what a network has is kept, not found out again."""


class Assignments:
    """Reads assignments to the holes of a network; ``present`` says when the network has each of them."""

    def __init__(self, network: Network, present: Mapping[str, Cond]) -> None:
        self.present = present
        self.domains = {name: hole.domain for name, hole in network.holes.items() if hole.domain is not None}
        self.values = {name: domain.values() for name, domain in self.domains.items()}
        self.ranks = {name: {v: i for i, v in enumerate(values)} for name, values in self.values.items()}
        conditions = [when for when in present.values() if not isinstance(when, bool)]
        self._deciding = [v.name for v in variables(*conditions)]
        self._shown: dict[tuple[int, ...], list[str]] = {}

    def known(self, name: str) -> str:
        """Return the name of a hole.

        Raises:
            NetworkError: there is no such hole.
        """
        if name not in self.values:
            raise NetworkError(f"the space has no hole {quoted(name)}{nearest(name, list(self.values), listed=8)}")
        return name

    def filled(self, assignment: Mapping[str, int]) -> dict[str, int]:
        """Return a value for each hole: the preferred one where it has none, or where the network has no such hole.

        Raises:
            NetworkError: there is no such hole.
        """
        for name in _mapping(assignment):
            self.known(name)
        values = {name: assignment.get(name, options[0]) for name, options in self.values.items()}
        for _ in self.values:  # a hole that is absent may decide whether others are
            shown = self.shown(values)
            settled = {name: values[name] if name in shown else options[0] for name, options in self.values.items()}
            if settled == values:
                break
            values = settled
        return values

    def shown(self, values: Mapping[str, int]) -> dict[str, int]:
        """Return an assignment without the holes that the network does not have."""
        key = tuple(values[name] for name in self._deciding)
        names = self._shown.get(key)
        if names is None:
            if len(self._shown) >= _MOST_KEPT:
                self._shown.clear()
            names = self._shown[key] = [n for n in self.values if evaluate(self.present[n], values)]
        return {n: values[n] for n in names}

    def given(self, partial: Mapping[str, int]) -> dict[str, int]:
        """Return the decided values that matter: not those of layers that the others leave out.

        Raises:
            NetworkError: there is no such hole, or a value is outside of its domain.
        """
        for name, value in _mapping(partial).items():
            if whole(name, value) not in self.domains[self.known(name)]:
                raise NetworkError(f"{name}={value} is outside its domain {self.domains[name]}")
        found = {}
        for name, value in partial.items():
            when = self.present[name]
            undecided = when is True or not all(v.name in partial for v in variables(when))
            if undecided or evaluate(when, partial):
                found[name] = value
        return found


@dataclass(frozen=True)
class Bin:
    """A range of costs: from ``low`` to ``high`` architectures have one of these, and ``drawn`` of them were drawn."""

    costs: range
    low: int
    high: int
    drawn: int


@dataclass(frozen=True, eq=False)
class Samples(Carded, Sequence[dict[str, int]]):
    """Valid architectures: a sequence of assignments, and their columns.

    ``columns`` has a numpy array for each hole; where a hole's layer is absent, its preferred value. The assignments,
    as everywhere, leave such holes out. ``weighted`` says whether a preference weighed the draw; otherwise each
    architecture was equally likely. ``tried`` is how many candidates were drawn for these: more than there are samples
    where a budget was too fine for exact counts, and the few that exceed it were left out. ``bins`` says what a wished
    spread came to.
    """

    columns: Mapping[str, np.ndarray]
    network: Network
    present: Mapping[str, Cond]
    weighted: bool
    size: int
    tried: int
    bins: tuple[Bin, ...] = ()

    def __len__(self) -> int:
        return self.size

    def __str__(self) -> str:
        """Return the first architectures, one a line."""
        shown = [str(assignment) for assignment in self[:_SHOWN]]
        return "\n".join(shown + ([f"... {len(self) - _SHOWN} more ..."] if len(self) > _SHOWN else []))

    def __repr__(self) -> str:
        return f"<Samples: {self.size} architectures of {len(self.columns)} holes>"

    @overload
    def __getitem__(self, index: int) -> dict[str, int]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, int]]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._rows(index)
        at = range(len(self))[index]
        return self._rows(slice(at, at + 1))[0]

    def __iter__(self) -> Iterator[dict[str, int]]:
        for start in range(0, len(self), 4096):
            yield from self._rows(slice(start, start + 4096))

    def _rows(self, part: slice) -> list[dict[str, int]]:
        count = len(range(len(self))[part])
        columns = {name: column[part] for name, column in self.columns.items()}
        rows: list[dict[str, int]] = [{} for _ in range(count)]
        for name, column in columns.items():
            when = self.present[name]
            values = column.tolist()
            if when is True:
                for row, value in zip(rows, values, strict=True):
                    row[name] = value
            else:
                here = np.broadcast_to(np.asarray(evaluate_arrays(when, columns), dtype=bool), count).tolist()
                for row, value, shown in zip(rows, values, here, strict=True):
                    if shown:
                        row[name] = value
        return rows

    def networks(self) -> Iterator[Network]:
        """Yield the networks that the assignments make."""
        for i, values in enumerate(self):
            hidden = {n: int(c[i]) for n, c in self.columns.items() if n not in values}
            yield self.network.assign({**values, **hidden})


def _mapping(given: Any) -> Mapping[str, int]:
    """Return an assignment, or raise NetworkError where it is none."""
    if not isinstance(given, Mapping):
        raise NetworkError(f"an assignment maps holes to values, like {{'conv1.stride': 2}}, got {quoted(given)}")
    return given
