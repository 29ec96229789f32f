"""Tables of measured times: rows of an operator, or of a block by its name, with settings and nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

__all__ = ["LatencyRow", "LatencyTable"]


@dataclass(frozen=True)
class LatencyRow:
    """One measurement. ``fused`` says that what follows element by element was measured with it (``conv-bn-relu``)."""

    operator: str
    settings: tuple[tuple[str, int], ...]
    nanoseconds: int
    fused: bool = False


@dataclass(frozen=True)
class LatencyTable:
    """Measurements, and the file that they come from (empty where they stand in the problem itself).

    >>> table = LatencyTable((LatencyRow("relu", (("in_channels", 16),), 1200),))
    >>> list(table.operators)
    ['relu']
    """

    rows: tuple[LatencyRow, ...]
    source: str = field(default="", compare=False)

    @cached_property
    def operators(self) -> dict[str, tuple[LatencyRow, ...]]:
        """The rows by operator."""
        found: dict[str, list[LatencyRow]] = {}
        for row in self.rows:
            found.setdefault(row.operator, []).append(row)
        return {operator: tuple(rows) for operator, rows in found.items()}

    @property
    def expands_by_ratio(self) -> bool:
        """Whether ``expand`` is a ratio, as in ProxylessNAS, rather than a width, as for MobileNetV3."""
        return all(value <= 12 for row in self.rows for column, value in row.settings if column == "expand")
