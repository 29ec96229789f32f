"""Values of parameters: numbers, domains that become holes, and expressions over holes and sizes of layers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ..dims import Cond, Domain, Expr, Var, eq
from ..dims.grammar import Resolver, Value, parse_condition, parse_value
from ..errors import ExpressionError, NetworkError
from ..operators import Operator, axis_names
from ..operators.parameters import Conditions, Flag, Kind, Number, Padding, Scale, Sizes, Text, Word, usual_domain
from .document import Node
from .holes import Holes, read_domain
from .mistakes import Mistakes, Rejected, shown
from .names import HoleNames, RepeatedCopy

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
    operators: dict[str, Operator] = field(default_factory=dict)
    """The operators of the layers read so far, of which later ones may take parameters."""

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
        if not isinstance(value, str) or isinstance(kind, (Word, Number, Text)) or (kind == Flag()):
            return value
        if isinstance(kind, Flag):
            open_flag = eq(Var(name, Domain.of(0, 1)), 1)
            return open_flag if value == "any" else parse_condition(value, self._resolver(names))
        if isinstance(kind, Conditions):
            return parse_condition(value, self._resolver(names))
        if value == "any":
            return Var(name, _usual(kind))
        if _is_literal(value, kind):
            return value
        read = parse_value(value, self._resolver(names, node, name.rpartition(".")))
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

    def _resolver(
        self, names: HoleNames, node: Node | None = None, place: tuple[str, str, str] = ("", "", "")
    ) -> Resolver:
        """Return what resolves the names in an expression: holes and, inside ``node``, sizes of layers.

        ``place`` is the layer and, last, the parameter whose value is read.
        """

        def resolve(name: str, column: int) -> Value:
            if name == "$copy" and "copy" not in self.holes.declared:
                copy = names.innermost()
                if copy is None:
                    raise ExpressionError("$copy is the number of a copy: it stands inside `repeat`", column)
                return copy.number
            if name.startswith("previous.") and names.find("previous") is None:
                return self._of_previous(name, column, names, node, place)
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

    def _of_previous(
        self, name: str, column: int, names: HoleNames, node: Node | None, place: tuple[str, str, str]
    ) -> Value:
        """Resolve ``previous.k``: of the copy before, a hole, a parameter of the same layer or another, or a size."""
        copy = names.innermost()
        wanted = name.removeprefix("previous.")
        if copy is None:
            raise ExpressionError("`previous` is the copy before this one: it stands inside `repeat`", column)
        if wanted in copy.holes and copy.before is not None:
            return self.holes.use(copy.before.holes[wanted], column)
        layer, _, attribute = wanted.rpartition(".")
        if layer:
            source = copy.before.names.find(layer) if copy.before is not None else None
        else:
            source = copy.counterpart(place[0])
        parameter = None if source is None else getattr(self.operators.get(source), attribute, None)
        if isinstance(parameter, (int, Expr)) and not isinstance(parameter, bool):
            return parameter
        size = None
        if attribute in _SIZES and not layer:
            size = Var(f"{copy.arriving}.{attribute}")
        elif attribute in _SIZES and source is not None:
            size = Var(f"{source}.{attribute}")
        elif copy.before is None and not layer and attribute in _WIDTHS:
            size = Var(f"{copy.arriving}.{_WIDTHS[attribute]}")
        if size is None or node is None:
            raise ExpressionError(_no_previous(name, copy, attribute), column)
        self.sizes.append((size, node))
        return size


_SIZES = frozenset(name for rank in range(1, 6) for name in axis_names(rank))
_WIDTHS = {"out_channels": "channels", "out_features": "features"}
"""Parameters that say what comes out, and the size of what arrives at the first copy in their place."""


def _no_previous(name: str, copy: RepeatedCopy, attribute: str) -> str:
    if copy.before is None:
        return f"the first copy has no {name}: write {{first: 1, then: 2*{name}}}"
    return f"the copy before has no {attribute!r} here: name a layer of it, as in previous.conv.{attribute}"


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
