"""Samples: assignments that were drawn from a space, as columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from ..dims import Cond, evaluate_arrays
from ..network import Network

__all__ = ["Bin", "Samples"]


@dataclass(frozen=True)
class Bin:
    """A range of costs: from ``low`` to ``high`` architectures have one of these, and ``drawn`` of them were drawn."""

    costs: range
    low: int
    high: int
    drawn: int



@dataclass(frozen=True, eq=False)
class Samples(Sequence[dict[str, int]]):
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
