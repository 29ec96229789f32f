"""Holes that a file declares under ``holes``, and the domains that it writes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..dims import Domain, Var
from ..dims.grammar import Value, parse_value
from ..errors import ExpressionError
from ..support.suggestions import nearest
from .document import Key, Node
from .mistakes import Mistakes, shown

__all__ = ["Holes", "read_domain"]

_NAME = re.compile(r"[A-Za-z_]\w*(\[\d+\])*(\.\w+(\[\d+\])*)*")


@dataclass
class Holes:
    """The holes declared in a file, and which of them are used."""

    mistakes: Mistakes
    declared: dict[str, tuple[Var, Key]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def read(self, node: Node) -> None:
        """Read the declarations."""
        if self.mistakes.mapping(node, "holes") is None:
            return
        for key, value in node.items:
            if not _NAME.fullmatch(key.text):
                self.mistakes.add(key.place, f"{key.text!r} cannot be a hole's name: use letters, digits and _")
                continue
            domain = read_domain(key.text, value, self.mistakes)
            if domain is not None:
                self.declared[key.text] = (Var(key.text, domain), key)

    def for_copy(self, node: Node, suffix: str) -> dict[str, Node]:
        """Declare holes of one copy of a block, and return by their names in the block how they are written."""
        own = Holes(self.mistakes)
        own.read(node)
        for name, (unknown, key) in own.declared.items():
            self.declared[f"{name}{suffix}"] = (Var(f"{name}{suffix}", unknown.domain), key)
        return {name: Node(f"${name}{suffix}", key.place, None) for name, (_, key) in own.declared.items()}

    def use(self, name: str, column: int) -> Var:
        """Return the hole of a name (without its $), or raise ExpressionError."""
        if name not in self.declared:
            raise ExpressionError(f"there is no hole {name!r} under `holes`{nearest(name, self.declared)}", column)
        self.used.add(name)
        return self.declared[name][0]

    def note_unused(self) -> None:
        """Note a mistake for every hole that has not been used."""
        for name, (_, key) in self.declared.items():
            if name not in self.used:
                self.mistakes.add(key.place, f"no layer uses the hole {name!r}: write ${name} where its value belongs")


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
