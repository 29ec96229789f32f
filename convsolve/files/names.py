"""Names of layers in a file: where each is known, what it stands for, and names for the nameless."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import NetworkError
from ..network import tensor_layer
from ..support.suggestions import nearest
from .document import Node
from .layout import BY_COPY
from .mistakes import Mistakes, Rejected, listed, shown

__all__ = ["OR_SKIP", "HoleNames", "Naming", "RepeatedCopy", "of_copy", "names_given", "read_references"]

_NAME = re.compile(r"(?!:)[^\s\[\]$\"'`]+")

OR_SKIP = ".or_skip"
"""What the name of an optional layer ends with where it may be passed by."""


@dataclass
class HoleNames:
    """What the names written in a file stand for: names inside a block hide those outside."""

    known: dict[str, str] = field(default_factory=dict)
    outer: HoleNames | None = None
    copy: RepeatedCopy | None = None
    """The copy of a repeated block whose names these are."""
    always: set[str] = field(default_factory=set)
    """Outside of all blocks: layers inside of blocks that are always there, by their names in the network."""

    def innermost(self) -> RepeatedCopy | None:
        """Return the innermost copy of a repeated block around, None outside of these."""
        return self.copy if self.copy is not None or self.outer is None else self.outer.innermost()

    def find(self, name: str) -> str | None:
        """Return the layer that a name stands for, None if it is not known here."""
        if name in self.known:
            return self.known[name]
        return self.outer.find(name) if self.outer else name if name in self.always else None

    def note(self, layer: str) -> None:
        """Let the name of a layer that is always there be known everywhere."""
        if self.outer is not None:
            self.outer.note(layer)
        else:
            self.always.add(layer)

    def everything(self) -> list[str]:
        """Return every name known here, those inside before those outside."""
        return [*self.known, *(self.outer.everything() if self.outer else [])]

    def redirect(self, layer: str, to: str) -> None:
        """Let the names of this block that stand for one layer stand for another."""
        self.known.update({name: to for name, actual in self.known.items() if actual == layer})


@dataclass
class RepeatedCopy:
    """One copy of a repeated block: its number from 1, what arrives at it, the copy before it, and its own holes."""

    number: int
    names: HoleNames
    arriving: str
    before: RepeatedCopy | None = None
    holes: dict[str, str] = field(default_factory=dict)
    """What the block's own holes are called in this copy, by their names in the block."""

    def counterpart(self, layer: str) -> str | None:
        """Return the layer of the copy before in the place of one of this copy's; None if it is not of this copy."""
        own = [written for written, actual in self.names.known.items() if actual == layer]
        if not own or self.before is None:
            return None
        place = list(self.names.known).index(own[0])
        return list(self.before.names.known.values())[place].removesuffix(OR_SKIP)


@dataclass
class Naming:
    """Gives every layer of a network a name of its own."""

    taken: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    def take(self, given: Node | None, kind: str, names: HoleNames, suffix: str) -> str:
        """Return the name of a layer: the given one, with the suffix of its copy, or else its kind and a number."""
        if given is None:
            written = name = self._invent(kind, names)
        else:
            written, name = given.value, self._checked(given, suffix)
        names.known[written] = name
        self.taken.add(name)
        return name

    def _checked(self, given: Node, suffix: str) -> str:
        if not isinstance(given.value, str) or not _NAME.fullmatch(given.value) or not given.value.isprintable():
            raise Rejected(
                given.place,
                f"a name has no spaces, quotes, brackets or $, and no colon at its start, found {shown(given)}",
            )
        name: str = given.value + suffix
        if name in self.taken:
            raise Rejected(given.place, f"two layers are called {name!r}")
        return name

    def _invent(self, kind: str, names: HoleNames) -> str:
        while True:
            self.counts[kind] += 1
            name = f"{kind}{self.counts[kind]}"
            if name not in self.taken and names.find(name) is None:
                return name


def of_copy(node: Node, names: HoleNames) -> Node:
    """Return what a node that says ``{first: ..., then: ...}`` says in the copy that is read; others as they are."""
    if not isinstance(node.value, dict) or not node.value.keys() & BY_COPY.keys():
        return node
    if node.value.keys() != BY_COPY.keys():
        missing = [key for key in BY_COPY if key not in node.value]
        odd = [key for key in node.value if key not in BY_COPY]
        hint = "an expression with a comma inside of braces stands in quotes, as in 'min(512, 2*previous.out_channels)'"
        raise Rejected(
            node.place, f"`{missing[0]}` is missing" if missing else f"{odd[0]!r} has no meaning here: {hint}"
        )
    copy = names.innermost()
    if copy is None:
        raise Rejected(node.place, "`first` and `then` say what copies of a block have: they stand inside `repeat`")
    said: Node = node.value["first" if copy.number == 1 else "then"][1]
    return said


def names_given(layers: Node) -> Iterator[str]:
    """Yield the names written in a list of layers, but not those inside its blocks."""
    for entry in layers.value if isinstance(layers.value, list) else []:
        bodies = [body for _, body in entry.items] if isinstance(entry.value, dict) else []
        for named in (*bodies, entry):
            given = named.get("name")
            if given is not None and isinstance(given.value, str):
                yield given.value


def read_references(node: Node, names: HoleNames, mistakes: Mistakes) -> tuple[str, ...]:
    """Return the tensors that a name, or a list of names, stands for."""
    found = (_read_reference(entry, names, mistakes) for entry in listed(node))
    return tuple(tensor for tensor in found if tensor is not None)


def _read_reference(node: Node, names: HoleNames, mistakes: Mistakes) -> str | None:
    """Return the tensor that a name stands for, or None after noting a mistake."""
    if not isinstance(node.value, str):
        mistakes.add(node.place, f"wanted a layer's name, found {shown(node)}")
        return None
    try:
        written = tensor_layer(node.value)
    except NetworkError as error:
        mistakes.add(node.place, str(error))
        return None
    layer = names.find(written)
    if layer is None:
        mistakes.add(node.place, f"there is no layer {written!r}{nearest(written, names.everything())}")
        return None
    return layer + node.value[len(written) :]
