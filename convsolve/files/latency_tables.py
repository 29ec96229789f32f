"""Reading tables of measured times: CSV, rows in YAML or JSON, and those of Once-for-All and nn-Meter.

Once-for-All's are keyed by texts such as ``expanded_conv-input:56x56x24-output:28x28x40-expand:6-kernel:5-stride:2``,
with the mean in milliseconds; nn-Meter's hold configurations (``HW``, ``CIN``, ``COUT``, ``KERNEL_SIZE``, ``STRIDES``)
by kernel (``conv-bn-relu``), with times such as ``23.4 +- 0.2``.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import FileError, NetworkError, Problematic
from ..network.latency_table import LatencyRow, LatencyTable
from ..operators import OPERATORS
from ..support.suggestions import nearest
from ..vocabulary import our_operator
from .document import LARGEST_FILE, format_of, parse_document

__all__ = ["latency_rows", "latency_table"]

_OPERATOR = ("operator", "op", "layer", "type", "kernel_type")
_TIME = re.compile(r"(latency|time|mean)(_(ns|us|ms|s))?")
_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, None: 10**6}
_PASSED_OVER = ("std", "count", "name", "id", "device", "model", "shapes", "min", "max")

_COLUMNS = {
    "kernel": "kernel_size", "ks": "kernel_size", "k": "kernel_size", "strides": "stride", "pool_strides": "stride",
    "cin": "in_channels", "c_in": "in_channels", "input_channels": "in_channels", "in_features": "in_features",
    "cout": "out_channels", "c_out": "out_channels", "filters": "out_channels", "output_channels": "out_channels",
    "hw": "in_size", "size": "in_size", "height": "in_height", "width": "in_width", "h": "in_height", "w": "in_width",
    "length": "in_length",
}  # fmt: skip
"""What people call the columns, and what they are here."""

_MEASURES = re.compile(r"(in|out)_(channels|height|width|depth|length|size|features)|expand|idskip|se|hs")

_KERNELS = {"dwconv": "depthwise_conv", "fc": "linear", "bn": "batch_norm", "bnrelu": "batch_norm",
            "hswish": "hard_swish", "addrelu": "add", "global": "global_avg_pool"}  # fmt: skip
"""Kernels of nn-Meter by the first word of their name."""

_KEYED = re.compile(r"(?P<operator>\w+)-(?P<rest>input:.*)")


def latency_table(source: str | Path) -> LatencyTable:
    """Read a table of measured times from a file (``.csv``, ``.yaml``, ``.json``).

    Raises:
        FileError: the file cannot be read as one.
    """
    name = str(source)
    try:
        with open(name, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FileError(name, [Problematic(1, 1, f"cannot be read: {error.strerror or error}")]) from None
    try:
        if name.lower().endswith(".csv"):
            entries: Any = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
        else:
            entries = parse_document(content, name, format_of(name) or "yaml").plain()
        return latency_rows(entries, os.path.abspath(name))
    except (UnicodeDecodeError, csv.Error):
        raise FileError(name, [Problematic(1, 1, "not a table of times in UTF-8")]) from None
    except NetworkError as error:
        raise FileError(name, [Problematic(1, 1, str(error))]) from None


def latency_rows(entries: Any, source: str = "") -> LatencyTable:
    """Return the table that a document holds: rows with an operator, settings and a time.

    Raises:
        NetworkError: it holds none, or a row cannot be read.

    >>> latency_rows([{"operator": "conv", "kernel_size": 3, "in_channels": 16, "latency_us": 1.5}]).rows
    (LatencyRow(operator='conv', settings=(('in_channels', 16), ('kernel_size', 3)), nanoseconds=1500, fused=False),)
    """
    if not isinstance(entries, (list, dict)) or not entries:
        raise NetworkError("a table of times holds rows, such as {operator: conv, kernel_size: 3, latency_ms: 1.2}")
    rows: dict[tuple[str, tuple[tuple[str, int], ...]], LatencyRow] = {}
    for number, entry in enumerate(_entries(entries), start=1):
        try:
            row = _row(entry)
        except NetworkError as error:
            raise NetworkError(f"row {number} of the times: {error}") from None
        known = rows.setdefault((row.operator, row.settings), row)
        if known.nanoseconds != row.nanoseconds:
            told = ", ".join(f"{name}={value}" for name, value in row.settings)
            raise NetworkError(f"row {number} of the times: {row.operator} with {told} has two times")
    return LatencyTable(tuple(rows.values()), source)


def _entries(entries: list[Any] | dict[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield rows as mappings, whatever form a document gives them."""
    if isinstance(entries, list):
        yield from entries
        return
    for key, value in entries.items():
        keyed = _KEYED.fullmatch(str(key))
        if keyed is not None:
            time = value if isinstance(value, Mapping) else {"mean": value}
            yield {"operator": keyed["operator"], **_parts(keyed["rest"]), **time}
        elif isinstance(value, Mapping) and value and all(isinstance(one, Mapping) for one in value.values()):
            for one in value.values():
                yield {"operator": key, **one.get("config", {}), **{k: v for k, v in one.items() if k != "config"}}
        else:
            yield {"operator": key, **(value if isinstance(value, Mapping) else {"mean": value})}


def _parts(text: str) -> dict[str, int]:
    """Return what stands in a key of Once-for-All's: ``input:56x56x24-output:28x28x40-kernel:5``."""
    found: dict[str, int] = {}
    for part in text.split("-"):
        name, _, value = part.partition(":")
        sizes = [int(n) for n in value.split("x") if n.isdecimal()]
        if name in ("input", "output") and sizes:
            axes = ("height", "width", "channels") if len(sizes) == 3 else ("channels",)
            found |= {f"{name.removesuffix('put')}_{axis}": n for axis, n in zip(axes, sizes, strict=False)}
        elif len(sizes) == 1:
            found[name] = sizes[0]
        else:
            raise NetworkError(f"{part!r} says no size")
    return found


def _row(entry: Any) -> LatencyRow:
    if not isinstance(entry, Mapping):
        raise NetworkError(f"wanted a mapping of columns, found {entry!r}")
    columns = {str(name).strip().lower(): value for name, value in entry.items() if name is not None}
    named = next((columns.pop(name) for name in _OPERATOR if name in columns), None)
    if not isinstance(named, str) or not named.strip():
        raise NetworkError("`operator` is missing: what was measured, such as conv")
    timed = [name for name in columns if _TIME.fullmatch(name)]
    if len(timed) != 1:
        raise NetworkError("wanted one time, as latency_ms (or latency_us, latency_ns)")
    match = _TIME.fullmatch(timed[0])
    assert match is not None
    time = _nanoseconds(columns.pop(timed[0]), _UNITS[match[3]])
    operator, fused = _operator(named.strip())
    settings = {_column(name, operator): value for name, value in columns.items()
                if name not in _PASSED_OVER and value not in (None, "")}  # fmt: skip
    numbers = {name: _whole(name, value) for name, value in settings.items()}
    return LatencyRow(operator, tuple(sorted(numbers.items())), time, fused)


def _column(name: str, operator: str) -> str:
    ours = _COLUMNS.get(name, name)
    own = OPERATORS[operator].parameters() if operator in OPERATORS else {"kernel_size": None, "stride": None}
    if ours in own and ours not in ("out_channels", "out_features", "in_channels", "in_features"):
        return ours
    if not _MEASURES.fullmatch(ours):
        known = [*own, "in_channels", "in_height", "in_width", "in_size", "out_channels", "out_height"]
        raise NetworkError(f"there is no column {name!r} of {operator}{nearest(ours, known, listed=12)}")
    return ours


def _operator(name: str) -> tuple[str, bool]:
    """Return what was measured in our words, and whether element-wise functions were measured with it."""
    if name in OPERATORS:
        return name, False
    first, *others = re.split(r"[-+]", name)
    kind = _KERNELS.get(first.lower()) or (first.lower() if first.lower() in OPERATORS else None)
    if kind is None and not re.fullmatch(r"[A-Z]\w*_\d+|Conv|Logits", first):
        kind = our_operator(first)
    return (kind, bool(others)) if kind is not None else (name, False)


def _whole(name: str, value: Any) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdecimal() or len(text) > 12:
        raise NetworkError(f"{name} must be a whole number, found {value!r}")
    return int(text)


def _nanoseconds(value: Any, unit: int) -> int:
    """Return a time in whole nanoseconds; of ``23.4 +- 0.2`` the first number counts."""
    text = str(value).partition("+-")[0].strip()
    if not re.fullmatch(r"\d{1,15}(\.\d{1,30})?([eE][-+]?\d{1,2})?", text):
        raise NetworkError(f"a time must be a number, found {value!r}")
    return int(Fraction(text) * unit + Fraction(1, 2))
