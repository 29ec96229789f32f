"""Values of parameters: numbers, domains that become holes, and expressions over holes and sizes of layers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ..dims import Cond, Domain, Var
from ..dims.grammar import Resolver, Value, parse_condition, parse_value
from ..errors import ExpressionError, NetworkError
from ..operators.parameters import Conditions, Flag, Kind, Number, Padding, Scale, Sizes, Text, Word, usual_domain
from .document import Node
from .holes import Holes, read_domain
from .mistakes import Mistakes, Rejected, shown
from .names import HoleNames

__all__ = ["ValueReader"]

_MOST_AXES = 8
_SHAPE = re.compile(r"\d+([x,]\s*\d+)*")
_FRACTION = re.compile(r"\d+\s*/\s*\d+")
_LETTERS = re.compile(r"[A-Za-z]+")
_SIZE = re.compile(r"(?P<layer>.+?)(?P<index>\[\d+\])?\.(?P<axis>[^.]*)")


@dataclass
class ValueReader:
    """Reads the values of parameters.

    ``sizes`` collects the sizes of layers that values use, with where each stands: whether there is such a
    size is known only when the whole network is.
    """

    mistakes: Mistakes
    holes: Holes
    sizes: list[tuple[Var, Node]] = field(default_factory=list)

    def parameter(self, layer: str, name: str, kind: Kind, node: Node, names: HoleNames) -> Any:
        """Return a parameter's value, or None after noting what is wrong with it."""
        before = len(self.mistakes.found)
        value = self.mistakes.attempt(node, self._value, f"{layer}.{name}", node, kind, names)
        if len(self.mistakes.found) > before:
            return None
        return self.mistakes.attempt(node, kind.check, name, value)

    def condition(self, node: Node, names: HoleNames) -> Cond | None:
        """Return the condition that a node writes, or None after noting what is wrong with it."""
        if isinstance(node.value, bool):
            return node.value
        return self.mistakes.attempt(node, parse_condition, str(node.value), self._resolver(names))

    def shape(self, name: str, node: Node) -> tuple[Any, ...]:
        """Return an input's shape, with None for a size that is wrong; or raise NetworkError."""
        if isinstance(node.value, str) and len(node.value) < 100 and _SHAPE.fullmatch(node.value):
            return tuple(int(part) for part in re.split(r"[x,]\s*", node.value))
        if not isinstance(node.value, list) or not node.value:
            raise NetworkError(f"{name} must be a shape, such as [3, 224, 224], found {shown(node)}")
        if len(node.value) > _MOST_AXES:
            raise NetworkError(f"{name} has {len(node.value)} axes; at most {_MOST_AXES} are read")
        for entry in node.value:
            if entry.value is None:
                self.mistakes.add(entry.place, "a size must be a whole number, a domain or a hole, found nothing")
        return self._entries(name, node.value, Sizes(), HoleNames())

    def count(self, block: str, node: Node, names: HoleNames) -> int | Var:
        """Return how often a block is repeated: a number, a hole, or a domain that becomes a hole."""
        if isinstance(node.value, str) and node.value.startswith("$"):
            found = self.mistakes.attempt(node, self._resolver(names), node.value, 0)
            if isinstance(found, Var):
                return found
            wrong = "" if found is None else f"repeat takes a count, a domain or a hole, found {node.value!r}"
            raise Rejected(node.place, wrong)
        domain = read_domain("repeat", node, self.mistakes)
        if domain is None:
            raise Rejected(node.place, "")
        return domain.lower if domain.size == 1 else Var(f"{block}.repeat", domain)

    def _value(self, name: str, node: Node, kind: Kind, names: HoleNames) -> Any:
        """Return what a node says, as the kind's own check takes it; ``name`` is for the hole of a domain."""
        value = node.value
        if isinstance(value, list):
            return self._entries(name, value, kind, names)
        if isinstance(value, dict):
            raise NetworkError(f"{name.rpartition('.')[2]} must not be a mapping")
        if not isinstance(value, str) or isinstance(kind, (Flag, Word, Number, Text)):
            return value
        if isinstance(kind, Conditions):
            return parse_condition(value, self._resolver(names))
        if value == "any":
            return Var(name, _usual(kind))
        if _is_literal(value, kind):
            return value
        read = parse_value(value, self._resolver(names, node))
        if not isinstance(read, Domain):
            return read
        if read.size is None and not isinstance(kind, Sizes):
            raise ExpressionError(f"the domain {read} needs an upper end: only an input's size may stay open")
        return Var(name, read)

    def _entries(self, name: str, nodes: list[Node], kind: Kind, names: HoleNames) -> tuple[Any, ...]:
        """Return the entries of a list; a mistake is noted at the entry's own place."""
        return tuple(
            self.mistakes.attempt(node, self._value, f"{name}[{i}]", node, kind, names) for i, node in enumerate(nodes)
        )

    def _resolver(self, names: HoleNames, node: Node | None = None) -> Resolver:
        """Return what resolves the names in an expression: holes and, inside ``node``, sizes of layers."""

        def resolve(name: str, column: int) -> Value:
            if name == "$copy" and "copy" not in self.holes.declared:
                number = names.number()
                if number is None:
                    raise ExpressionError("$copy is the number of a copy: it stands inside `repeat`", column)
                return number
            if name.startswith("$"):
                return self.holes.use(name[1:], column)
            size = _size(name, names)
            if size is not None and node is not None:
                self.sizes.append((size, node))
                return size
            hint = "a parameter may use holes ($k) and sizes of layers (conv1.height)"
            if name in self.holes.declared:
                hint = f"did you mean ${name}?"
            raise ExpressionError(f"{name!r} is not known here: {hint}", column)

        return resolve


def _is_literal(text: str, kind: Kind) -> bool:
    """Return whether a text is no expression but a mode or a fraction, for the kind's own check to take or refuse."""
    if isinstance(kind, Padding) and kind.modes:
        return text.lower() in kind.modes or _LETTERS.fullmatch(text) is not None
    return isinstance(kind, Scale) and _FRACTION.fullmatch(text) is not None


def _usual(kind: Kind) -> Domain:
    """Return the domain that ``any`` stands for, or raise ExpressionError."""
    domain = usual_domain(kind)
    if domain is None:
        raise ExpressionError("`any` is not possible here: write a domain, such as 1..8")
    return domain


def _size(name: str, names: HoleNames) -> Var | None:
    """Return the size that a name such as ``conv1.height`` or ``split1[0].width`` stands for."""
    match = _SIZE.fullmatch(name)
    layer = names.find(match["layer"]) if match else None
    if match is None or layer is None:
        return None
    return Var(f"{layer}{match['index'] or ''}.{match['axis']}")
