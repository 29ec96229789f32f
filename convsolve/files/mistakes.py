"""The mistakes in a file, each with its place: collected, so that one run names them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from ..errors import ConvsolveError, ExpressionError, Problematic
from ..support.suggestions import nearest
from .document import Node, Place

__all__ = ["Mistakes", "Rejected", "listed", "shown"]

P = ParamSpec("P")
T = TypeVar("T")


class Rejected(Exception):
    """A mistake that leaves nothing of a layer to be read, on its way to the list of mistakes.

    Without a message, the mistake is in the list already.
    """

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


@dataclass
class Mistakes:
    """The mistakes found so far; reads the plain parts of a document and notes what is wrong with them."""

    found: list[Problematic] = field(default_factory=list)

    def add(self, place: Place, message: str) -> None:
        """Note a mistake."""
        self.found.append(Problematic(*place, message))

    def attempt(self, node: Node, read: Callable[P, T], *args: P.args, **options: P.kwargs) -> T | None:
        """Return what ``read`` gives; where the text of ``node`` is wrong, note it and return None."""
        try:
            return read(*args, **options)
        except ExpressionError as error:
            line, column = node.place
            if node.offset is not None and isinstance(node.value, str) and "\n" not in node.value:
                self.add((line, column + node.offset + error.column), error.message)
            else:  # the column inside the text cannot be told, so the message shows the text
                self.add(node.place, f"`{node.value}`: {error.message}")
        except ConvsolveError as error:
            self.add(node.place, str(error))
        return None

    def mapping(self, node: Node, what: str, keys: Mapping[str, str] | None = None) -> dict[str, Node] | None:
        """Return the entries of a mapping, None if it is none; ``keys``, where given, are the keys it may have."""
        if not isinstance(node.value, dict):
            self.add(node.place, f"{what} must be a mapping (key: value), found {shown(node)}")
            return None
        for key, _ in node.items:
            if keys is not None and key.text not in keys:
                self.add(key.place, f"{what} has no key {key.text!r}{nearest(key.text, keys)}")
        return {key.text: value for key, value in node.items}

    def word(self, entries: Mapping[str, Node], key: str, options: Sequence[str], default: str) -> str:
        """Return the word under a key, which must be one of ``options``."""
        node = entries.get(key)
        if node is None:
            return default
        if node.value not in options:
            near = nearest(str(node.value), options)
            self.add(node.place, f"{key} must be one of {', '.join(options)}, found {shown(node)}{near}")
        return str(node.value)

    def option(self, entries: Mapping[str, Node], key: str, default: T, wanted: str) -> T:
        """Return the value under a key, which must be of the type of ``default``."""
        node = entries.get(key)
        if node is None:
            return default
        if type(node.value) is not type(default):  # not isinstance: true is no whole number here
            self.add(node.place, f"{key} must be {wanted}, found {shown(node)}")
            return default
        return node.value

    def texts(self, entries: Mapping[str, Node], key: str, *, numbers: bool = False) -> list[Node]:
        """Return the texts under a key, one or a list of them; with ``numbers``, a number is as good as a text."""
        node = entries.get(key)
        if node is None:
            return []
        found = []
        for entry in listed(node):
            if isinstance(entry.value, (str, int) if numbers else str):
                found.append(entry)
            else:
                self.add(entry.place, f"{key} takes texts, such as `output.height == 7`, found {shown(entry)}")
        return found


def listed(node: Node) -> list[Node]:
    """Return the entries of a list; what is no list counts as a list of one."""
    return node.value if isinstance(node.value, list) else [node]


def shown(node: Node) -> str:
    """Return a value as a message shows it, shortened."""
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    if node.value is None:
        return "nothing"
    text = repr(node.value)
    return text if len(text) <= 60 else text[:57] + "..."
