"""Layers: one operator with its parameters, its inputs and the condition under which it is present."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..dims import Cond, all_of, eq, hole
from ..errors import ConvsolveError
from ..network import Layer
from ..operators import OPERATORS, Choice, Kind, Operator
from ..operators.parameters import HALF, Inner, Padding
from ..operators.windows import dilated
from ..support.suggestions import nearest
from ..vocabulary import bare_name, our_operator, our_parameter
from .document import Key, Node, Place
from .layout import LAYER_KEYS
from .mistakes import Mistakes, Rejected, listed, shown
from .names import OR_SKIP, HoleNames, Naming, of_copy, read_references
from .values import ValueReader

__all__ = ["LayerContext", "Layers", "is_optional"]


@dataclass
class LayerContext:
    """Where layers are being read: their names, condition, what comes before, the copy's suffix, the blocks around."""

    names: HoleNames
    previous: str
    when: Cond = True
    suffix: str = ""
    within: tuple[str, ...] = ()

    def inside(self, name: str, when: Cond, suffix: str = "") -> LayerContext:
        """Return a block inside this one, with names and a condition of its own."""
        within = (*self.within, name)
        return LayerContext(
            HoleNames(outer=self.names), self.previous, all_of(self.when, when), self.suffix + suffix, within
        )


@dataclass
class Layers:
    """The layers read so far, and where each stands in the file."""

    mistakes: Mistakes
    values: ValueReader
    naming: Naming = field(default_factory=Naming)
    made: list[Layer] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)

    def read(self, key: Key, body: Node, block: LayerContext) -> str:
        """Read a layer; return the tensor that it makes."""
        before = len(self.mistakes.found)
        operator = _operator(key)
        kinds = operator.parameters()
        entries = self._entries(key, body, operator)
        entries = {parameter: of_copy(node, block.names) for parameter, node in entries.items()}
        name = self.naming.take(entries.get("name"), key.text, block.names, block.suffix)
        when = self._when(entries.get("when"), block)
        inputs = self._inputs(entries.get("inputs"), operator, block)
        optional = is_optional(entries.get("optional"))
        if optional and not inputs:
            raise Rejected(key.place, f"{key.text} has no input that could be passed on in its absence")
        half = entries.pop("padding", None) if _is_half(entries, kinds) else None
        values = {
            parameter: self._parameter(name, parameter, kinds[parameter], node, block)
            for parameter, node in entries.items()
            if parameter in kinds
        }
        if half is not None:
            values["padding"] = _half(key, half, values)
        if len(self.mistakes.found) > before:
            return name
        here = eq(hole(f"{name}.present", 1, 0), 1) if optional else True
        shares = read_references(entries["shares"], block.names, self.mistakes)[:1] if "shares" in entries else ()
        within = self._within(entries.get("within"), block)
        rank = _rank(entries.get("rank"))
        self.add(key.place, name, operator, values, inputs, all_of(when, here), "".join(shares), within, rank)
        if all_of(when, here) is True:
            block.names.note(name)
        if not optional:
            return name
        passed = f"{name}{OR_SKIP}"
        self.choose(key.place, passed, (here,), (name, inputs[0]), when, within)
        block.names.redirect(name, passed)
        return passed

    def _parameter(self, layer: str, name: str, kind: Kind, node: Node, block: LayerContext) -> Any:
        """Return a parameter's value, or None after noting what is wrong with it."""
        if not isinstance(kind, Inner):
            return self.values.parameter(layer, name, kind, node, block.names)
        key, body = (node.items[0] if isinstance(node.value, dict) and len(node.items) == 1
                     else (Key(str(node.value), node.place), None))  # fmt: skip
        operator = _operator(key)
        kinds = operator.parameters()
        values = {}
        for part in body.items if body is not None and body.value is not None else ():
            if part[0].text not in kinds:
                self.mistakes.add(part[0].place, f"{key.text} has no parameter {part[0].text!r}")
            else:
                values[part[0].text] = self._parameter(
                    f"{layer}.{name}", part[0].text, kinds[part[0].text], part[1], block
                )
        missing = [parameter for parameter in operator.required() if parameter not in values]
        if missing:
            raise Rejected(key.place, f"{operator.kind} needs {' and '.join(missing)}")
        return None if self.mistakes.found else operator(**values)

    def add(
        self,
        place: Place,
        name: str,
        operator: type[Operator],
        values: dict[str, Any],
        inputs: Sequence[str] = (),
        when: Cond = True,
        shares: str = "",
        within: tuple[str, ...] = (),
        rank: int | None = None,
    ) -> None:
        """Add a layer to the network, or note why it cannot be one."""
        self.places[name] = place
        missing = [parameter for parameter in operator.required() if parameter not in values]
        if missing:
            self.mistakes.add(place, f"{operator.kind} needs {' and '.join(missing)}")
            return
        try:
            made = Layer(name, operator(**values), tuple(inputs), when, shares=shares, within=within, rank=rank)
            self.made.append(made)
            self.values.operators[name] = made.operator
        except ConvsolveError as error:
            self.mistakes.add(place, str(error))

    def choose(
        self,
        place: Place,
        name: str,
        conditions: Sequence[Cond],
        inputs: Sequence[str],
        when: Cond,
        within: tuple[str, ...],
    ) -> None:
        """Add a layer that passes on the first input whose condition holds, or else the last."""
        self.add(place, name, Choice, {"conditions": tuple(conditions)}, inputs, when, within=within)

    def _entries(self, key: Key, body: Node, operator: type[Operator]) -> dict[str, Node]:
        """Return what is written about a layer by key, and note keys that do not exist."""
        parameters = operator.parameters()
        if body.value is None:
            return {}
        if not isinstance(body.value, dict):
            first = next(iter(parameters), None)
            hint = f": write {{{first}: {body.plain()}}}" if first else ""
            raise Rejected(body.place, f"{key.text} takes named parameters, found {shown(body)}{hint}")
        known = [*parameters, *LAYER_KEYS]
        for name, _ in body.items:
            if name.text not in known:
                self.mistakes.add(
                    name.place, f"{key.text} has no parameter {name.text!r}{_ours(name.text, key.text, known)}"
                )
        return {name.text: node for name, node in body.items}

    def _when(self, node: Node | None, block: LayerContext) -> Cond:
        condition = self.values.condition(node, block.names) if node is not None else None
        return block.when if condition is None else all_of(block.when, condition)

    def _within(self, node: Node | None, block: LayerContext) -> tuple[str, ...]:
        """Return the blocks around a layer: those that it stands in, and those that it says it is part of."""
        names = [entry.value for entry in listed(node)] if node is not None else []
        if node is not None and not all(isinstance(name, str) for name in names):
            raise Rejected(node.place, f"within takes the names of blocks, found {shown(node)}")
        return (*block.within, *names)

    def _inputs(self, node: Node | None, operator: type[Operator], block: LayerContext) -> tuple[str, ...]:
        if node is not None:
            return read_references(node, block.names, self.mistakes)
        return () if operator.arity[1] == 0 else (block.previous,)


_WITH_BATCH = ("start_dim", "end_dim", "dims", "dim")


def _ours(name: str, operator: str, known: Sequence[str]) -> str:
    """Suggest a parameter for a name of another library, or for a misspelt one."""
    if re.search(r"[^\w]", name):
        return ": an expression with a comma inside of braces stands in quotes, as in 'max(a, b)'"
    ours = our_parameter(name, operator, known)
    if ours:
        return f": here it is {ours!r}" + (", which does not count the batch axis" if name in _WITH_BATCH else "")
    return nearest(name, known)


def _is_half(entries: Mapping[str, Node], kinds: Mapping[str, Kind]) -> bool:
    return "padding" in entries and isinstance(kinds.get("padding"), Padding) and entries["padding"].value == HALF


def _half(key: Key, node: Node, values: Mapping[str, Any]) -> Any:
    """Return half of the window, of whatever kernel and dilation are chosen, as padding; or raise Rejected."""
    kernel, dilation = values.get("kernel_size"), values.get("dilation", 1)
    if "kernel_size" not in values:
        raise Rejected(node.place, f"{key.text} has no kernel of which the padding could be half")
    if kernel is None or dilation is None:
        return None  # a mistake that has been noted
    axes = max((len(v) for v in (kernel, dilation) if isinstance(v, tuple)), default=0)
    pairs = zip(*(v if isinstance(v, tuple) else (v,) * max(axes, 1) for v in (kernel, dilation)), strict=False)
    halves = tuple(dilated(k, d) // 2 for k, d in pairs)
    return halves if axes else halves[0]


def is_optional(node: Node | None) -> bool:
    """Return whether a layer or block may be left out, or raise Rejected."""
    if node is None:
        return False
    if not isinstance(node.value, bool):
        raise Rejected(node.place, f"optional must be true or false, found {shown(node)}")
    return node.value


def _rank(node: Node | None) -> int | None:
    """Return the number of axes that a layer's first input must have, or raise Rejected."""
    if node is not None and (type(node.value) is not int or node.value < 1):
        raise Rejected(node.place, f"rank must be a whole number above 0, found {shown(node)}")
    return None if node is None else node.value


def _operator(key: Key) -> type[Operator]:
    operator = Choice if key.text == "choice" else OPERATORS.get(key.text)
    if operator is None:
        raise Rejected(key.place, f"there is no operator {key.text!r}{_nearest_operator(key.text)}")
    return operator


def _nearest_operator(name: str) -> str:
    """Suggest an operator for a name from another library, or for a misspelt one."""
    same = {kind.replace("_", ""): kind for kind in OPERATORS}
    known = our_operator(name) or same.get(bare_name(name))
    return f": did you mean {known!r}?" if known else nearest(name, OPERATORS)
