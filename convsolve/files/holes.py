"""Holes that a file declares under ``holes``: domains, what follows from other holes, and tables of settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..dims import Dim, Domain, Expr, Var, eq, variables, where
from ..dims.grammar import Value, parse_value
from ..errors import ExpressionError
from ..support.suggestions import nearest
from .document import Key, Node
from .mistakes import Mistakes, shown
from .names import HoleNames, of_copy
from .templates import substituted

__all__ = ["Holes", "read_domain"]

_COMPUTED = re.compile(r"[$*+%(]|//|\bprevious\.")
_NAME = re.compile(r"[A-Za-z_]\w*(\[\d+\])*(\.\w+(\[\d+\])*)*")
_SAID = re.compile(rf"\$({_NAME.pattern})")


@dataclass
class Holes:
    """The names declared in a file, and which of them are used: unknowns, and what is computed from unknowns."""

    mistakes: Mistakes
    declared: dict[str, tuple[Dim, Key]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    _waiting: dict[str, tuple[Key, Node]] = field(default_factory=dict)
    """What is still to be read, as it may use what stands further down."""
    _open: list[str] = field(default_factory=list)
    _before: Mapping[str, str] = field(default_factory=dict)
    """What holes of the copy before are called, where those of a further copy are read."""

    def read(self, node: Node) -> None:
        """Read the declarations."""
        self._read([(key.text, key, value) for key, value in self._entries(node)])

    def for_copy(self, node: Node, suffix: str, names: HoleNames) -> dict[str, Node]:
        """Declare holes of one copy of a block, and return by their names in the block how they are written."""
        copy = names.innermost()
        assert copy is not None
        number, self._before = copy.number, copy.before.holes if copy.before is not None else {}
        entries = [(key, of_copy(value, names)) for key, value in self._entries(node)]
        written = {key.text: Node(f"${key.text}{suffix}", key.place, None) for key, _ in entries}
        values = {**written, "copy": Node(number, node.place, None)}
        self._read([(f"{key.text}{suffix}", key, substituted(value, values)) for key, value in entries])
        self._before = {}
        return written

    def _entries(self, node: Node) -> Sequence[tuple[Key, Node]]:
        if self.mistakes.mapping(node, "holes") is None:
            return []
        found = []
        for key, value in node.items:
            if _NAME.fullmatch(key.text):
                found.append((key, value))
            else:
                self.mistakes.add(key.place, f"{key.text!r} cannot be a hole's name: use letters, digits and _")
        return found

    def _read(self, entries: Iterable[tuple[str, Key, Node]]) -> None:
        self._waiting = {name: (key, value) for name, key, value in entries}
        while self._waiting:
            self._settle(next(iter(self._waiting)))

    def _settle(self, name: str) -> None:
        """Read what is declared under a name."""
        key, node = self._waiting.pop(name)
        if isinstance(node.value, list) and any(isinstance(entry.value, dict) for entry in node.value):
            self._table(name, key, node)
            return
        if isinstance(node.value, str) and _COMPUTED.search(node.value):
            self._open.append(name)
            derived = self.mistakes.attempt(node, parse_value, node.value, self._behind)
            self._open.pop()
            if isinstance(derived, (int, Expr)):
                self.declared[name] = (derived, key)
            elif derived is not None:
                self.mistakes.add(node.place, f"{name} must be a number computed from other holes, found {shown(node)}")
            return
        domain = read_domain(name, node, self.mistakes)
        if domain is not None:
            self.declared[name] = (Var(name, domain), key)

    def _behind(self, name: str, column: int) -> Value:
        """Resolve a name in what follows from other holes."""
        if (before := self._before.get(name.removeprefix("previous."))) and name.startswith("previous."):
            return self.use(before, column)
        if not name.startswith("$"):
            hint = f": did you mean ${name}?" if name in self.declared or name in self._waiting else ""
            raise ExpressionError(f"{name!r} is not known here{hint or ': only other holes are, as in 64*$alpha//100'}",
                                  column)  # fmt: skip
        if name[1:] in self._open:
            raise ExpressionError(f"{name} would follow from itself", column)
        if name[1:] not in self.declared and name[1:] in self._waiting:
            self._settle(name[1:])
        return self.use(name[1:], column)

    def _table(self, name: str, key: Key, node: Node) -> None:
        """Declare an unknown that chooses one row of a table, and what each column is then."""
        rows: list[dict[str, int]] = []
        before = len(self.mistakes.found)
        for entry in node.value:
            row = self.mistakes.mapping(entry, f"a row of {name}") or {}
            if row == {} and isinstance(entry.value, dict):
                self.mistakes.add(entry.place, f"a row of {name} needs at least one column, such as {{kernel: 3}}")
            for column, cell in row.items():
                if type(cell.value) is not int:
                    self.mistakes.add(cell.place, f"{name}.{column} must be a whole number, found {shown(cell)}")
            if rows and row.keys() != rows[0].keys():
                wanted = ", ".join(rows[0])
                self.mistakes.add(entry.place, f"every row of {name} has the same columns as the first: {wanted}")
            rows.append({column: cell.value for column, cell in row.items()})
        if len(self.mistakes.found) > before:
            return
        chosen = Var(name, Domain.range(1, len(rows)))
        self.declared[name] = (chosen, key)
        for column in rows[0]:
            value: Dim = rows[-1][column]
            for number in range(len(rows) - 1, 0, -1):
                value = where(eq(chosen, number), rows[number - 1][column], value)
            self.declared[f"{name}.{column}"] = (value, key)

    def use(self, name: str, column: int) -> Dim:
        """Return what a name (without its $) stands for, or raise ExpressionError."""
        if name not in self.declared:
            raise ExpressionError(f"there is no hole {name!r} under `holes`{nearest(name, self.declared)}", column)
        found = self.declared[name][0]
        self.used.update((name, *(unknown.name for unknown in variables(found))))
        return found

    def named(self, layers: Mapping[str, Var]) -> tuple[tuple[str, Dim], ...]:
        """Return what only requirements may speak of, given the holes of the layers: other unknowns, and what follows.

        Of a block's own holes, copies that nothing uses have none.
        """
        for name, (value, key) in self.declared.items():
            constant = _constant(name, value)
            if name not in layers and constant is not None:
                self.declared[name] = (constant, key)
        in_copies = {id(key) for name, (_, key) in self.declared.items() if name in self.used}
        declared = [(name, value) for name, (value, key) in self.declared.items() if name not in layers
                    and (name in self.used or not _is_unknown(name, value) or id(key) not in in_copies)]  # fmt: skip
        return tuple(sorted(declared, key=lambda entry: not _is_unknown(*entry)))

    def note_unused(self, texts: Iterable[str]) -> None:
        """Note a mistake for every unknown that neither a layer nor one of these texts uses."""
        for name in {match[1] for text in texts for match in _SAID.finditer(text)} & self.declared.keys():
            self.use(name, 0)
        used = {id(key) for name, (_, key) in self.declared.items() if name in self.used}
        for name, (value, key) in self.declared.items():
            if _is_unknown(name, value) and _constant(name, value) is None and id(key) not in used:
                self.mistakes.add(key.place, f"nothing uses the hole {name!r}: write ${name} where its value belongs")


def _is_unknown(name: str, value: Dim) -> bool:
    """Return whether a name is an unknown of its own, rather than what follows from others."""
    return isinstance(value, Var) and value.name == name


def _constant(name: str, value: Dim) -> int | None:
    """Return the value of an unknown that can have but one."""
    domain = value.domain if isinstance(value, Var) and value.name == name else None
    return domain.lower if domain is not None and domain.size == 1 else None


def read_domain(name: str, node: Node, mistakes: Mistakes) -> Domain | None:
    """Return the domain that a node writes, as a text, a number or a list; or None after noting a mistake."""
    value = node.value
    if isinstance(value, str):
        value = mistakes.attempt(node, parse_value, value, _no_names)
        if value is None or isinstance(value, Domain):
            return value
    numbers = [entry.value for entry in value] if isinstance(value, list) else [value]
    if numbers and all(type(number) is int for number in numbers):  # true is no number here
        return Domain.of(*numbers)
    mistakes.add(node.place, f"{name} needs a domain, such as 3 | 5 | 7 or 0..3, found {shown(node)}")
    return None


def _no_names(name: str, column: int) -> Value:
    raise ExpressionError(f"a domain is made of numbers, found {name!r}", column)
