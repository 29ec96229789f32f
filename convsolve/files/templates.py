"""Blocks that are written once: the layers of templates, and of copies, with values in the place of names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .document import Node
from .mistakes import Mistakes, Rejected, shown

__all__ = ["TEMPLATE_KEYS", "Templates", "substituted"]

TEMPLATE_KEYS = {"with": "the arguments and their usual values (null: must be given)", "layers": "the block"}

_NAMED = re.compile(r"\$([A-Za-z_]\w*)")


@dataclass
class Templates:
    """The templates of a file by name."""

    known: dict[str, Node] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    """Those whose layers are being read, the innermost last."""

    def read(self, node: Node, mistakes: Mistakes) -> None:
        """Read the declarations."""
        for name, entry in (mistakes.mapping(node, "templates") or {}).items():
            entries = mistakes.mapping(entry, f"the template {name}", TEMPLATE_KEYS)
            if entries is not None and "layers" not in entries:
                mistakes.add(entry.place, f"the template {name} needs `layers`")
            elif entries is not None:
                self.known[name] = entry

    def layers(self, name: str, given: Node | None, place: tuple[int, int]) -> Node:
        """Return a template's layers with the arguments that are given; raise Rejected where they do not fit."""
        template = self.known[name]
        declared = _arguments(template.get("with"))
        arguments = _arguments(given)
        for argument, node in arguments.items():
            if argument not in declared:
                takes = f"takes {', '.join(declared)}" if declared else "takes no arguments"
                raise Rejected(node.place, f"the template {name} has no argument {argument!r}: it {takes}")
        values = {**declared, **arguments}
        missing = [argument for argument, node in values.items() if node.value is None]
        if missing:
            raise Rejected(place, f"the template {name} needs {' and '.join(missing)}, under `with`")
        body = template.get("layers")
        assert body is not None
        return substituted(body, values)


def _arguments(node: Node | None) -> dict[str, Node]:
    if node is None or node.value is None:
        return {}
    if not isinstance(node.value, dict):
        raise Rejected(node.place, f"`with` takes arguments by name, such as {{stride: 2}}, found {shown(node)}")
    return {key.text: value for key, value in node.items}


def substituted(node: Node, values: Mapping[str, Node]) -> Node:
    """Return a part of a document with values in the place of ``$name``; other names stay as they are.

    >>> from convsolve.files.document import parse_document
    >>> body = parse_document("[{conv: {out_channels: 16*$expand, stride: $stride}}]", "text", "yaml")
    >>> given = parse_document("{expand: 6, stride: 1 | 2}", "text", "yaml")
    >>> substituted(body, {key.text: value for key, value in given.items}).plain()
    [{'conv': {'out_channels': '16*6', 'stride': '1 | 2'}}]
    """
    if isinstance(node.value, list):
        return Node([substituted(entry, values) for entry in node.value], node.place, node.offset)
    if isinstance(node.value, dict):
        entries = {name: (key, substituted(value, values)) for name, (key, value) in node.value.items()}
        return Node(entries, node.place, node.offset)
    if not isinstance(node.value, str):
        return node
    whole = _NAMED.fullmatch(node.value.strip())
    if whole and whole[1] in values:
        return Node(values[whole[1]].value, node.place, None)
    if not any(match[1] in values for match in _NAMED.finditer(node.value)):
        return node

    def text(match: re.Match[str]) -> str:
        value = values[match[1]].value if match[1] in values else match[0]
        if isinstance(value, str) and "|" not in value and ".." not in value:
            return value if value == match[0] or re.fullmatch(r"\$?\w+", value) else f"({value})"
        if type(value) is int:
            return str(value)
        raise Rejected(node.place, f"${match[1]} is {shown(values[match[1]])}, which cannot stand inside of "
                       f"`{node.value}`: declare a hole for it")  # fmt: skip

    return Node(_NAMED.sub(text, node.value), node.place, None)
