"""Lists of layers, and the blocks in them: ``choose`` and ``repeat``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..dims import Domain, Var, eq
from ..support.suggestions import nearest
from .document import Key, Node
from .layers import LayerContext, Layers, is_optional
from .mistakes import Rejected, listed, shown
from .names import RepeatedCopy, of_copy
from .templates import Templates, substituted

__all__ = ["Blocks"]

_MOST_LAYERS = 20_000
_MOST_COPIES = 1000
_MOST_LISTS = 100_000
"""So many lists of layers, of copies and alternatives, are gone through at most: they may hold nothing."""

_CHOOSE_KEYS = {"choose": "the alternatives", "name": "the block's name", "optional": "true: or none of them"}
_REPEAT_KEYS = {"repeat": "how often", "layers": "what is repeated", "name": "the block's name",
                "holes": "unknowns that each copy has for itself"}  # fmt: skip
_USE_KEYS = {"use": "a template's name", "with": "its arguments", "name": "the block's name"}


@dataclass
class Blocks:
    """Reads lists of layers into ``layers``."""

    layers: Layers
    templates: Templates = field(default_factory=Templates)
    full: bool = False
    lists: int = 0

    def read(self, node: Node, block: LayerContext) -> str:
        """Read a list of layers; return the tensor that the last one makes."""
        mistakes = self.layers.mistakes
        if not isinstance(node.value, list):
            mistakes.add(node.place, f"wanted a list of layers (each line with a -), found {shown(node)}")
            return block.previous
        self.lists += 1
        if self.lists > _MOST_LISTS and not self.full:
            mistakes.add(node.place, f"blocks and their copies are more than {_MOST_LISTS} lists of layers")
            self.full = True
        for entry in () if self.full else node.value:
            if len(self.layers.made) > _MOST_LAYERS:
                if not self.full:
                    mistakes.add(entry.place, f"the network has more than {_MOST_LAYERS} layers")
                self.full = True
                break
            try:
                block.previous = self._entry(entry, block)
            except Rejected as rejected:
                if rejected.message:
                    mistakes.add(rejected.place, rejected.message)
        return block.previous

    def _entry(self, node: Node, block: LayerContext) -> str:
        """Read an entry of a list of layers; return the tensor that it makes."""
        if isinstance(node.value, str):
            return self.layers.read(Key(node.value, node.place), Node({}, node.place), block)
        if not isinstance(node.value, dict) or not node.value:
            raise Rejected(node.place, f"wanted a layer, such as `conv: {{kernel_size: 3}}`, found {shown(node)}")
        if "choose" in node.value:
            return self._choose(node, block)
        if "repeat" in node.value:
            return self._repeat(node, block)
        if "use" in node.value:
            return self._use(node, block)
        (key, body), *more = node.items
        if more:
            second = more[0][0]
            raise Rejected(
                second.place,
                f"one operator a line: found {second.text!r} beside {key.text!r} (a layer's "
                f"parameters stand inside the braces, or are indented further)",
            )
        return self.layers.read(key, body, block)

    def _choose(self, node: Node, block: LayerContext) -> str:
        """Read alternatives, each present under a condition on one hole that numbers them."""
        entries = self.layers.mistakes.mapping(node, "choose", _CHOOSE_KEYS) or {}
        alternatives = entries["choose"]
        if not isinstance(alternatives.value, list) or not alternatives.value:
            raise Rejected(alternatives.place, f"choose takes a list of layers, found {shown(alternatives)}")
        name = self.layers.naming.take(entries.get("name"), "choice", block.names, block.suffix)
        bodies = list(alternatives.value)
        if is_optional(entries.get("optional")):
            bodies.append(Node([], node.place))
        selector = Var(f"{name}.choose", Domain.range(1, len(bodies)))
        conditions = [eq(selector, number) for number in range(1, len(bodies) + 1)]
        ends = [
            self.read(Node(listed(body), body.place), block.inside(name, condition))
            for condition, body in zip(conditions, bodies, strict=True)
        ]
        self.layers.choose(node.place, name, conditions[:-1], ends, block.when, block.within)
        return name

    def _repeat(self, node: Node, block: LayerContext) -> str:
        """Read as many copies as there may be; each that may be missing is passed by under a condition."""
        entries = self.layers.mistakes.mapping(node, "repeat", _REPEAT_KEYS) or {}
        if "layers" not in entries:
            raise Rejected(node.place, "repeat needs `layers`, the list of what is repeated")
        name = self.layers.naming.take(entries.get("name"), "repeat", block.names, block.suffix)
        count = self.layers.values.count(name, entries["repeat"], block.names)
        least, most = _span(count, entries["repeat"])
        before: RepeatedCopy | None = None
        for copy in range(1, most + 1):
            here = copy <= least or count >= copy
            inner = block.inside(name, here, f"_{copy}")
            before = inner.names.copy = RepeatedCopy(copy, inner.names, block.previous, before)
            end = self.read(self._own_holes(entries, inner), inner)
            if here is not True:
                passed = f"{name}{inner.suffix}"
                self.layers.choose(node.place, passed, (here,), (end, block.previous), block.when, inner.within)
                end = passed
            block.previous = end
            if self.layers.mistakes.found:
                break  # the other copies would only repeat them
        block.names.redirect(name, block.previous)
        return block.previous

    def _own_holes(self, entries: Mapping[str, Node], block: LayerContext) -> Node:
        """Return what is repeated, with holes of one copy in the place of the block's own."""
        own = entries.get("holes")
        if own is None:
            return entries["layers"]
        written = self.layers.values.holes.for_copy(own, block.suffix, block.names)
        copy = block.names.innermost()
        assert copy is not None
        copy.holes = {name: f"{name}{block.suffix}" for name in written}
        return substituted(entries["layers"], written)

    def _use(self, node: Node, block: LayerContext) -> str:
        """Read the layers of a template as a block of its own, whose layers have its name behind theirs."""
        entries = self.layers.mistakes.mapping(node, "use", _USE_KEYS) or {}
        wanted, templates = entries["use"], self.templates
        if not isinstance(wanted.value, str) or wanted.value not in templates.known:
            near = nearest(str(wanted.value), templates.known, listed=8)
            raise Rejected(wanted.place, f"there is no template {shown(wanted)} under `templates`{near}")
        if wanted.value in templates.open:
            raise Rejected(wanted.place, f"the template {wanted.value} uses itself")
        name = self.layers.naming.take(entries.get("name"), wanted.value, block.names, block.suffix)
        given = entries.get("with")
        if given is not None and isinstance(given.value, dict):
            given = Node(
                {n: (key, of_copy(value, block.names)) for n, (key, value) in given.value.items()}, given.place
            )
        layers = templates.layers(wanted.value, given, node.place)
        templates.open.append(wanted.value)
        try:
            inner = block.inside(name, True)
            inner.suffix = f"_{name}"  # which tells the copy that it stands in, too
            end = self.read(layers, inner)
        finally:
            templates.open.pop()
        block.names.redirect(name, end)
        return end


def _span(count: int | Var, node: Node) -> tuple[int, int]:
    """Return the least and the most copies of a repeated block."""
    domain = count.domain if isinstance(count, Var) else Domain.of(count)
    assert domain is not None
    if domain.lower < 0 or domain.upper is None or domain.upper > _MOST_COPIES:
        raise Rejected(node.place, f"repeat must lie within 0..{_MOST_COPIES}, found {domain}")
    return domain.lower, domain.upper
