"""``[tool.convsolve]`` of a ``pyproject.toml``: the networks of a project, and what is claimed of them.

[tool.convsolve]
timeout = 60

[tool.convsolve.networks.segmenter]
source = "models.py:UNet"
input = [3, 256, 256]
arguments = {classes = 4}
sizes = "64..512 step 32"
claims = ["output.height == input.height"]
budgets = {params = "25M", macs = "2G"}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import FileError, Problematic
from ..files.document import LARGEST_FILE, Node, Place, parse_document
from ..files.mistakes import Mistakes, shown
from ..network.trace import COSTS

__all__ = ["Declared", "Project", "find_project", "read_project"]

_FILE = "pyproject.toml"
_TABLE = ("tool", "convsolve")
_KEYS = {"networks": "the networks by name", "timeout": "seconds for each of them"}
_NETWORK_KEYS = {
    "source": "a problem file, a framework's file, or file.py:Class", "input": "the shape of its input",
    "arguments": "keyword arguments for what makes it", "sizes": "the sizes that it must take",
    "claims": "conditions that must hold", "budgets": "the most that a cost may be",
    "training": "whether what only training requires counts", "timeout": "seconds for the answer",
}  # fmt: skip


@dataclass(frozen=True)
class Declared:
    """A network that a project names, and what it says of it.

    ``input_shape`` is None where the source states it; ``sizes`` are None where only that shape is asked about;
    ``claims`` are conditions, budgets among them.
    """

    name: str
    source: str
    input_shape: Any = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sizes: str | Mapping[str, str] | None = None
    claims: tuple[str, ...] = ()
    training: bool = False
    timeout: float | None = None
    place: Place = (1, 1)


@dataclass(frozen=True)
class Project:
    """The networks that a file declares; their sources are named from its folder."""

    file: Path
    networks: tuple[Declared, ...]

    @property
    def folder(self) -> Path:
        """The folder of the file."""
        return self.file.parent


def find_project(start: Path) -> Path | None:
    """Return the nearest ``pyproject.toml`` that has ``[tool.convsolve]``, of a folder and those that it is in."""
    for folder in [start.absolute(), *start.absolute().parents]:
        file = folder / _FILE
        if file.is_file() and b"convsolve" in _content(file) and _root(file).value:
            return file
    return None


def read_project(file: Path) -> Project:
    """Read ``[tool.convsolve]`` of a file.

    Raises:
        FileError: with the place of every mistake.
    """
    mistakes = Mistakes()
    entries = mistakes.mapping(_root(file), "[tool.convsolve]", _KEYS) or {}
    timeout = _seconds(mistakes, entries)
    networks = entries.get("networks")
    named = None if networks is None else mistakes.mapping(networks, "networks")
    found = [_declared(mistakes, name, node, timeout) for name, node in (named or {}).items()]
    if mistakes.found:
        raise FileError(str(file), mistakes.found)
    return Project(file, tuple(one for one in found if one is not None))


def _root(file: Path) -> Node:
    return parse_document(_content(file), str(file), "toml", table=_TABLE)


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FileError(str(file), [Problematic(1, 1, f"cannot be read: {error.strerror or error}")]) from None


def _declared(mistakes: Mistakes, name: str, node: Node, timeout: float | None) -> Declared | None:
    """Return what an entry of the networks says; None where it cannot be read."""
    if isinstance(node.value, str):
        return Declared(name, node.value, timeout=timeout, place=node.place)
    entries = mistakes.mapping(node, f"the network {name}", _NETWORK_KEYS)
    if entries is None:
        return None
    source = entries.get("source")
    if source is None or not isinstance(source.value, str):
        mistakes.add(node.place, f'the network {name} needs a source, such as source = "models.py:Net"')
        return None
    arguments = entries.get("arguments")
    given = None if arguments is None else mistakes.mapping(arguments, "arguments")
    return Declared(
        name, source.value, _shapes(mistakes, entries.get("input")),
        {key: value.plain() for key, value in (given or {}).items()}, _sizes(mistakes, entries.get("sizes")),
        (*(str(text.value) for text in mistakes.texts(entries, "claims")), *_budgets(mistakes, entries)),
        mistakes.option(entries, "training", False, "true or false"), _seconds(mistakes, entries, timeout), node.place,
    )  # fmt: skip


def _seconds(mistakes: Mistakes, entries: Mapping[str, Node], otherwise: float | None = None) -> float | None:
    node = entries.get("timeout")
    if node is None:
        return otherwise
    if isinstance(node.value, bool) or not isinstance(node.value, (int, float)) or node.value <= 0:
        mistakes.add(node.place, f"timeout must be a number of seconds, found {shown(node)}")
        return otherwise
    return float(node.value)


def _shapes(mistakes: Mistakes, node: Node | None) -> Any:
    """Return the shape of the input: sizes, a list of shapes, or shapes by name; each may be a text like 3x64x64."""
    if node is None:
        return None
    if isinstance(node.value, dict):
        return {key.text: _shape(mistakes, value) for key, value in node.items}
    if isinstance(node.value, list) and not all(isinstance(size.value, int) for size in node.value):
        return [_shape(mistakes, value) for value in node.value]
    return _shape(mistakes, node)


def _shape(mistakes: Mistakes, node: Node) -> tuple[int, ...]:
    sizes = node.value.lower().split("x") if isinstance(node.value, str) else node.plain()
    try:
        read = tuple(int(size) for size in sizes)
    except (TypeError, ValueError):
        read = ()
    if not read or min(read) < 1:
        mistakes.add(node.place, f'input must be a shape without the batch, such as "3x224x224", found {shown(node)}')
    return read


def _sizes(mistakes: Mistakes, node: Node | None) -> str | Mapping[str, str] | None:
    """Return the sizes in question: a domain for every axis, or one by axis."""
    if node is None:
        return None
    if isinstance(node.value, dict) and all(isinstance(v.value, (str, int)) for _, v in node.items):
        return {key.text: str(value.value) for key, value in node.items}
    if not isinstance(node.value, (str, int)) or isinstance(node.value, bool):
        mistakes.add(node.place, f'sizes must be a range, such as "64..512 step 32", found {shown(node)}')
        return None
    return str(node.value)


def _budgets(mistakes: Mistakes, entries: Mapping[str, Node]) -> list[str]:
    """Return budgets as conditions."""
    node = entries.get("budgets")
    budgets = None if node is None else mistakes.mapping(node, "budgets", dict.fromkeys(COSTS, ""))
    claims = []
    for cost, most in (budgets or {}).items():
        if isinstance(most.value, bool) or not isinstance(most.value, (int, str)):
            mistakes.add(most.place, f'the budget {cost} must be a number, such as "25M", found {shown(most)}')
        claims.append(f"{cost} <= {most.value}")
    return claims
