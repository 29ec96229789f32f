"""Reading problem files: a checked translation of a document into a :class:`~convsolve.problem.Problem`.

Every mistake is collected with its place, so that one run names them all.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..dims import Cond, Domain, Var, all_of, eq, hole
from ..dims.grammar import parse_condition, parse_value
from ..errors import ConvsolveError, ExpressionError, FileError, NetworkError, Problematic, RankError
from ..network import Layer, Network, tensor_layer
from ..operators import OPERATORS, Choice, Input, Operator
from ..operators.parameters import Conditions, Flag, Kind, Number, Padding, Scale, Sizes, Word
from ..problem import Objective, Problem, Scope
from ..trace import trace
from .document import FORMATS, LARGEST_FILE, Key, Node, Place, format_of, parse_document
from .layout import EXPECT_KEYS, LAYER_KEYS, TOP_KEYS, VERDICTS

__all__ = ["load", "parse", "read_problem"]

_MOST_LAYERS = 20_000
_MOST_AXES = 8
_FRAMEWORKS = ("torch", "keras", "onnx")
_DATA_FORMATS = ("channels_first", "channels_last")


def load(source: str | Path) -> Problem:
    """Read a problem file (``.yaml``, ``.json`` or ``.toml``; ``-`` is YAML from standard input).

    Raises:
        FileError: the file cannot be read as a problem; its text names the place of every mistake.
    """
    name = str(source)
    if name == "-":
        return parse(sys.stdin.buffer.read(LARGEST_FILE + 1), source="<stdin>")
    format = format_of(name)
    if format is None:
        wanted = ", ".join(FORMATS)
        raise FileError(name, [Problematic(1, 1, f"not a problem file by its name: wanted one of {wanted}")])
    try:
        with open(name, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FileError(name, [Problematic(1, 1, f"cannot be read: {error.strerror or error}")]) from None
    return parse(content, source=name, format=format)


def parse(text: str | bytes, *, source: str = "<text>", format: str = "yaml") -> Problem:
    """Read a problem from text.

    >>> problem = parse('''
    ... input: [1, 28, 28]
    ... layers:
    ...   - conv: {out_channels: 8, kernel_size: 3 | 5}
    ... ''')
    >>> [layer.name for layer in problem.network.layers], list(problem.network.holes)
    (['input', 'conv1'], ['conv1.kernel_size'])
    """
    return read_problem(parse_document(text, source, format), source)


def read_problem(document: Node, source: str) -> Problem:
    """Translate a document into a problem, or raise FileError with every mistake found."""
    reader = _Reader(source)
    problem = reader.problem(document)
    if problem is None or reader.mistakes:
        raise FileError(source, reader.mistakes)
    return problem


class _Reject(Exception):
    """One mistake, on its way to the list of mistakes."""

    def __init__(self, place: Place, message: str) -> None:
        self.mistake = Problematic(*place, message)


@dataclass
class _Names:
    """What the names written in a file stand for: names inside a block hide those outside."""

    known: dict[str, str]
    outer: _Names | None = None

    def find(self, name: str) -> str | None:
        scope: _Names | None = self
        while scope is not None:
            if name in scope.known:
                return scope.known[name]
            scope = scope.outer
        return None

    def all(self) -> list[str]:
        return [*self.known, *(self.outer.all() if self.outer else [])]


@dataclass
class _Block:
    """Where layers are being read: their names, condition, what comes before, and the copy's suffix."""

    names: _Names
    previous: str
    when: Cond = True
    suffix: str = ""


@dataclass
class _Reader:
    source: str
    mistakes: list[Problematic] = field(default_factory=list)
    holes: dict[str, tuple[Var, Key]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    layers: list[Layer] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    sizes: list[tuple[Var, Node]] = field(default_factory=list)
    full: bool = False

    # -- the whole document

    def problem(self, document: Node) -> Problem | None:
        entries = self.mapping(document, "a problem", TOP_KEYS)
        if entries is None:
            return None
        if "holes" in entries:
            self.read_holes(entries["holes"])
        options = {
            "framework": self.word(entries, "framework", _FRAMEWORKS, "torch"),
            "data_format": self.word(entries, "data_format", _DATA_FORMATS, "channels_first"),
            "training": self.option(entries, "training", bool, False, "true or false"),
            "batch_size": self.option(entries, "batch_size", int, 1, "a whole number"),
        }
        if isinstance(options["batch_size"], int) and options["batch_size"] < 1:
            self.mistake(entries["batch_size"].place, "batch_size must be at least 1")
        description = self.option(entries, "description", str, "", "a text")
        names = _Names({})
        previous = self.read_inputs(entries, document.place, names)
        if "layers" in entries:
            if entries["layers"].value in ([], None):
                self.mistake(entries["layers"].place, "`layers` is empty: a network needs at least one layer")
            self.prescan(entries["layers"], names)
            self.read_layers(entries["layers"], _Block(names, previous))
        else:
            self.mistake(document.place, "`layers` is missing: a list of the network's layers")
        outputs = self.read_outputs(entries, names)
        for key, (_, declared) in self.holes.items():
            if key not in self.used:
                self.mistake(declared.place, f"no layer uses the hole {key!r}: write ${key} where its value belongs")
        if self.mistakes:
            return None
        network = self.network(document.place, outputs, options)
        return self.finish(entries, network, description) if network is not None else None

    def network(self, place: Place, outputs: tuple[str, ...], options: dict[str, Any]) -> Network | None:
        try:
            return Network(tuple(self.layers), outputs, **options)
        except NetworkError as error:
            self.mistake(self.places.get(error.layer, place), str(error))
            return None

    def finish(self, entries: Mapping[str, Node], network: Network, description: str) -> Problem | None:
        """Read what speaks of the network as a whole: sizes used in parameters, requirements, objectives."""
        try:
            traced = trace(network)
        except NetworkError as error:
            self.mistake(self.places.get(error.layer, (1, 1)), str(error))
            return None
        defined = {d.name for d in traced.definitions}
        for unknown, node in self.sizes:
            if unknown.name not in defined:
                self.mistake(node.place, f"there is no size {unknown.name!r}")
        if self.mistakes:
            return None
        scope = Scope(traced)
        requirements = []
        for node in self.texts(entries.get("require"), "require"):
            if self.attempt(lambda node=node: scope.requirement(str(node.value)), node):
                requirements.append(str(node.value))
        objectives = []
        for sense in (key for key in entries if key in ("minimize", "maximize")):  # most important first
            for node in self.texts(entries[sense], sense):
                if self.attempt(lambda node=node: scope.objective(str(node.value)) is not None, node):
                    objectives.append(Objective(sense, str(node.value)))  # type: ignore[arg-type]
        expect = self.read_expect(entries.get("expect"), network)
        return Problem(network, tuple(requirements), tuple(objectives), description, expect)

    # -- mistakes

    def mistake(self, place: Place, message: str) -> None:
        self.mistakes.append(Problematic(*place, message))

    def attempt(self, read: Any, node: Node) -> Any:
        """Return what ``read`` gives; where a text inside ``node`` is wrong, note it and return None."""
        try:
            return read()
        except ExpressionError as error:
            line, column = node.place
            inside = node.offset is not None and isinstance(node.value, str) and "\n" not in node.value
            at = column + (node.offset or 0) + error.column if inside else column
            shown = "" if inside else f"`{node.value}`: "
            self.mistake((line, at), shown + error.message)
        except ConvsolveError as error:
            self.mistake(node.place, str(error))
        return None

    def mapping(self, node: Node, what: str, keys: Mapping[str, str] | None) -> dict[str, Node] | None:
        if not isinstance(node.value, dict):
            self.mistake(node.place, f"{what} must be a mapping (key: value), found {_shown(node)}")
            return None
        if keys is not None:
            for key, _ in node.items:
                if key.text not in keys:
                    self.mistake(key.place, f"{what} has no key {key.text!r}{_nearest(key.text, keys)}")
        return {key.text: value for key, value in node.items}

    def word(self, entries: Mapping[str, Node], key: str, options: Sequence[str], default: str) -> str:
        node = entries.get(key)
        if node is None:
            return default
        if node.value not in options:
            near = _nearest(str(node.value), options)
            self.mistake(node.place, f"{key} must be one of {', '.join(options)}, found {_shown(node)}{near}")
        return str(node.value)

    def option(self, entries: Mapping[str, Node], key: str, kind: type, default: Any, wanted: str) -> Any:
        node = entries.get(key)
        if node is None:
            return default
        if not isinstance(node.value, kind) or (kind is int and isinstance(node.value, bool)):
            self.mistake(node.place, f"{key} must be {wanted}, found {_shown(node)}")
            return default
        return node.value

    def texts(self, node: Node | None, key: str) -> list[Node]:
        """Return the texts under a key: one, or a list of them."""
        if node is None:
            return []
        found = []
        for entry in node.value if isinstance(node.value, list) else [node]:
            if isinstance(entry.value, str) or (isinstance(entry.value, int) and key != "require"):
                found.append(entry)
            else:
                self.mistake(entry.place, f"{key} takes texts, such as `output.height == 7`, found {_shown(entry)}")
        return found

    # -- holes, inputs, outputs

    def read_holes(self, node: Node) -> None:
        entries = self.mapping(node, "holes", None)
        if entries is None:
            return
        for key, value in node.items:
            if not re.fullmatch(r"[A-Za-z_]\w*(\[\d+\])*(\.\w+(\[\d+\])*)*", key.text):
                self.mistake(key.place, f"{key.text!r} cannot be a hole's name: use letters, digits and _")
                continue
            domain = self.read_domain(key.text, value)
            if domain is not None:
                self.holes[key.text] = (Var(key.text, domain), key)

    def read_domain(self, name: str, node: Node) -> Domain | None:
        value = node.value
        if isinstance(value, list):
            if value and all(isinstance(n.value, int) and not isinstance(n.value, bool) for n in value):
                return Domain.of(*(n.value for n in value))
        elif isinstance(value, int) and not isinstance(value, bool):
            return Domain.of(value)
        elif isinstance(value, str):
            read = self.attempt(lambda: parse_value(value, _no_names), node)
            if isinstance(read, (Domain, int)):
                return read if isinstance(read, Domain) else Domain.of(read)
            if read is None:
                return None
        self.mistake(node.place, f"{name} needs a domain, such as 3 | 5 | 7 or 0..3, found {_shown(node)}")
        return None

    def read_inputs(self, entries: Mapping[str, Node], place: Place, names: _Names) -> str:
        if "input" in entries and "inputs" in entries:
            self.mistake(entries["inputs"].place, "give `input` or `inputs`, not both")
        elif "input" not in entries and "inputs" not in entries:
            self.mistake(place, "`input` is missing: the input's shape without the batch axis, such as [3, 224, 224]")
        shapes: list[tuple[str, Node]] = []
        if "input" in entries:
            shapes.append(("input", entries["input"]))
        elif "inputs" in entries:
            read = self.mapping(entries["inputs"], "inputs", None)
            shapes.extend((read or {}).items())
            if read is not None and not read:
                self.mistake(entries["inputs"].place, "inputs must name at least one input")
        for name, node in shapes:
            shape = self.attempt(lambda name=name, node=node: self.shape(name, node), node)
            if shape is not None and None not in shape:
                self.add(name, Input, {"shape": shape}, (), True, node)
            names.known[name] = name
            self.taken.add(name)
        return shapes[0][0] if shapes else ""

    def shape(self, name: str, node: Node) -> tuple[Any, ...]:
        if isinstance(node.value, str) and re.fullmatch(r"\d+([x,]\s*\d+)*", node.value):
            return tuple(int(part) for part in re.split(r"[x,]\s*", node.value))
        if not isinstance(node.value, list) or not node.value:
            raise NetworkError(f"{name} must be a shape, such as [3, 224, 224], found {_shown(node)}")
        if len(node.value) > _MOST_AXES:
            raise NetworkError(f"{name} has {len(node.value)} axes; at most {_MOST_AXES} are read")
        axes = [f"{name}[{i}]" for i in range(len(node.value))]
        return tuple(self.entry(axis, n, Sizes(), _Names({})) for axis, n in zip(axes, node.value, strict=True))

    def read_outputs(self, entries: Mapping[str, Node], names: _Names) -> tuple[str, ...]:
        if "output" in entries and "outputs" in entries:
            self.mistake(entries["outputs"].place, "give `output` or `outputs`, not both")
        node = entries.get("output") or entries.get("outputs")
        if node is None:
            return ()
        listed = node.value if isinstance(node.value, list) else [node]
        return tuple(found for n in listed if (found := self.reference(n, names)))

    def reference(self, node: Node, names: _Names) -> str | None:
        """Return the tensor that a name in the file stands for."""
        if not isinstance(node.value, str):
            self.mistake(node.place, f"wanted a layer's name, found {_shown(node)}")
            return None
        try:
            layer = tensor_layer(node.value)
        except NetworkError as error:
            self.mistake(node.place, str(error))
            return None
        found = names.find(layer)
        if found is None:
            self.mistake(node.place, f"there is no layer {layer!r}{_nearest(layer, names.all())}")
            return None
        return found + node.value[len(layer) :]

    # -- layers

    def prescan(self, node: Node, names: _Names) -> None:
        """Note the names given to layers, so that a layer may use one that stands further down."""
        for entry in node.value if isinstance(node.value, list) else []:
            if not isinstance(entry.value, dict):
                continue
            for _, body in entry.items:
                given = body.value.get("name") if isinstance(body.value, dict) else None
                if given is not None and isinstance(given[1].value, str):
                    names.known.setdefault(given[1].value, given[1].value)
            given = entry.value.get("name")
            if given is not None and isinstance(given[1].value, str):
                names.known.setdefault(given[1].value, given[1].value)

    def read_layers(self, node: Node, block: _Block) -> str:
        """Read a list of layers; return the tensor that the last one makes."""
        if not isinstance(node.value, list):
            self.mistake(node.place, f"wanted a list of layers (each line with a -), found {_shown(node)}")
            return block.previous
        for entry in node.value:
            if len(self.layers) > _MOST_LAYERS:
                if not self.full:
                    self.mistake(entry.place, f"the network has more than {_MOST_LAYERS} layers")
                self.full = True
                break
            try:
                block.previous = self.read_entry(entry, block)
            except _Reject as reject:
                self.mistakes.append(reject.mistake)
        return block.previous

    def read_entry(self, node: Node, block: _Block) -> str:
        if isinstance(node.value, str):
            return self.read_operator(Key(node.value, node.place), Node({}, node.place), block)
        if not isinstance(node.value, dict) or not node.value:
            raise _Reject(node.place, f"wanted a layer, such as `conv: {{kernel_size: 3}}`, found {_shown(node)}")
        if "choose" in node.value:
            return self.read_choose(node, block)
        if "repeat" in node.value:
            return self.read_repeat(node, block)
        (key, body), *more = node.items
        if more:
            raise _Reject(
                more[0][0].place, f"one operator a line: found {more[0][0].text!r} beside {key.text!r} (a layer's "
                f"parameters stand inside the braces, or are indented further)")
        return self.read_operator(key, body, block)

    def name(self, given: Node | None, kind: str, block: _Block) -> str:
        if given is not None:
            if not isinstance(given.value, str) or not re.fullmatch(r"[^\s\[\]$\"'`]+", given.value):
                raise _Reject(given.place, f"a name has no spaces, quotes, brackets or $, found {_shown(given)}")
            name = given.value + block.suffix
            if name in self.taken:
                raise _Reject(given.place, f"two layers are called {name!r}")
            block.names.known[given.value] = name
        else:
            while True:
                self.counters[kind] = self.counters.get(kind, 0) + 1
                name = f"{kind}{self.counters[kind]}"
                if name not in self.taken and block.names.find(name) is None:
                    break
            block.names.known[name] = name
        self.taken.add(name)
        return name

    def read_operator(self, key: Key, body: Node, block: _Block) -> str:
        operator: type[Operator] | None = OPERATORS.get(key.text) if key.text != "choice" else Choice
        if operator is None:
            raise _Reject(key.place, f"there is no operator {key.text!r}{_nearest_operator(key.text)}")
        if body.value is None:
            body = Node({}, body.place)
        if not isinstance(body.value, dict):
            first = next(iter(operator.parameters()), None)
            hint = f": write {{{first}: {_plain(body)}}}" if first else ""
            raise _Reject(body.place, f"{key.text} takes named parameters, found {_shown(body)}{hint}")
        before = len(self.mistakes)
        kinds = operator.parameters()
        settings: dict[str, Node] = {}
        for name, value in body.items:
            if name.text in kinds:
                settings[name.text] = value
            elif name.text not in LAYER_KEYS:
                near = _nearest(name.text, [*kinds, *LAYER_KEYS])
                self.mistake(name.place, f"{key.text} has no parameter {name.text!r}{near}")
        entries = {k.text: v for k, v in body.items}
        layer = self.name(entries.get("name"), key.text, block)
        when = block.when
        if "when" in entries:
            written = entries["when"]
            condition = self.attempt(lambda: parse_condition(str(written.value), self.hole_names(block.names)), written)
            when = all_of(when, condition) if condition is not None else when
        inputs = self.read_references(entries.get("inputs"), operator, block)
        optional = entries.get("optional")
        if optional is not None and not isinstance(optional.value, bool):
            raise _Reject(optional.place, f"optional must be true or false, found {_shown(optional)}")
        values: dict[str, Any] = {}
        for parameter, value in settings.items():
            values[parameter] = self.read_parameter(layer, parameter, kinds[parameter], value, block.names)
        if len(self.mistakes) > before:
            return layer
        if optional is not None and optional.value:
            return self.add_optional(layer, operator, values, inputs, when, key, block)
        self.add(layer, operator, values, inputs, when, Node(None, key.place))
        return layer

    def add_optional(
        self, layer: str, operator: type[Operator], values: dict[str, Any], inputs: tuple[str, ...], when: Cond,
        key: Key, block: _Block,
    ) -> str:
        present = hole(f"{layer}.present", 1, 0)
        here = eq(present, 1)
        node = Node(None, key.place)
        self.add(layer, operator, values, inputs, all_of(when, here), node)
        passed = f"{layer}.or_skip"
        self.add(passed, Choice, {"conditions": (here,)}, (layer, inputs[0]), when, node)
        for written, actual in block.names.known.items():
            if actual == layer:
                block.names.known[written] = passed
        return passed

    def add(
        self, name: str, operator: type[Operator], values: dict[str, Any], inputs: tuple[str, ...], when: Cond,
        node: Node,
    ) -> None:
        self.places[name] = node.place
        try:
            self.layers.append(Layer(name, operator(**values), inputs, when))
        except TypeError:
            missing = [n for n in _required(operator) if n not in values]
            self.mistake(node.place, f"{operator.kind} needs {' and '.join(missing)}")
        except (NetworkError, RankError) as error:
            self.mistake(node.place, str(error))

    def read_references(self, node: Node | None, operator: type[Operator], block: _Block) -> tuple[str, ...]:
        if node is None:
            return () if operator.arity[1] == 0 else (block.previous,)
        listed = node.value if isinstance(node.value, list) else [node]
        return tuple(found for n in listed if (found := self.reference(n, block.names)))

    def read_choose(self, node: Node, block: _Block) -> str:
        entries = self.mapping(node, "choose", {"choose": "", "name": "", "optional": ""}) or {}
        alternatives = entries["choose"]
        if not isinstance(alternatives.value, list) or not alternatives.value:
            raise _Reject(alternatives.place, f"choose takes a list of layers, found {_shown(alternatives)}")
        name = self.name(entries.get("name"), "choice", block)
        bodies = list(alternatives.value)
        optional = entries.get("optional")
        if optional is not None and optional.value is True:
            bodies.append(Node([], optional.place))
        selector = Var(f"{name}.choose", Domain.range(1, len(bodies)))
        conditions = [eq(selector, i + 1) for i in range(len(bodies))]
        ends = []
        for condition, body in zip(conditions, bodies, strict=True):
            inner = _Block(_Names({}, block.names), block.previous, all_of(block.when, condition), block.suffix)
            listed = body if isinstance(body.value, list) else Node([body], body.place)
            ends.append(self.read_layers(listed, inner))
        self.add(name, Choice, {"conditions": tuple(conditions[:-1])}, tuple(ends), block.when, node)
        return name

    def read_repeat(self, node: Node, block: _Block) -> str:
        entries = self.mapping(node, "repeat", {"repeat": "", "layers": "", "name": ""}) or {}
        if "layers" not in entries:
            raise _Reject(node.place, "repeat needs `layers`, the list of what is repeated")
        name = self.name(entries.get("name"), "repeat", block)
        count = self.repeat_count(name, entries["repeat"], block)
        domain = count.domain if isinstance(count, Var) else Domain.of(count)
        assert domain is not None
        if domain.lower < 0 or domain.upper is None or domain.upper > 1000:
            raise _Reject(entries["repeat"].place, f"repeat must lie within 0..1000, found {domain}")
        for i in range(1, domain.upper + 1):
            certain = i <= domain.lower
            here = True if certain else count >= i
            suffix = f"{block.suffix}_{i}"
            inner = _Block(_Names({}, block.names), block.previous, all_of(block.when, here), suffix)
            end = self.read_layers(entries["layers"], inner)
            if not certain:
                passed = f"{name}{suffix}"
                self.add(passed, Choice, {"conditions": (here,)}, (end, block.previous), block.when, node)
                end = passed
            block.previous = end
            if self.mistakes:
                break  # the copies would only repeat them
        for written, actual in block.names.known.items():
            if actual == name:
                block.names.known[written] = block.previous
        return block.previous

    def repeat_count(self, name: str, node: Node, block: _Block) -> Any:
        value = node.value
        if isinstance(value, str) and value.startswith("$"):
            found = self.attempt(lambda: self.hole_names(block.names)(value, 0), node)
            if isinstance(found, Var):
                return found
            raise _Reject(node.place, f"repeat takes a count, a domain or a hole, found {value!r}")
        domain = self.read_domain("repeat", node)
        if domain is None:
            raise _Reject(node.place, "repeat takes a count such as 3, or a domain such as 1..4")
        return domain.lower if domain.size == 1 else Var(f"{name}.repeat", domain)

    # -- parameters

    def read_parameter(self, layer: str, name: str, kind: Kind, node: Node, names: _Names) -> Any:
        """Return a parameter's value, or None after noting what is wrong with it."""
        before = len(self.mistakes)
        value = self.attempt(lambda: self.dim(f"{layer}.{name}", node, kind, names), node)
        if len(self.mistakes) > before:
            return None
        try:
            return kind.check(name, value)
        except NetworkError as error:
            self.mistake(node.place, str(error))
            return None

    def dim(self, name: str, node: Node, kind: Kind, names: _Names) -> Any:
        """Return what a node says for a parameter: numbers, holes made of domains, or expressions."""
        value = node.value
        if isinstance(value, list):
            return tuple(self.entry(f"{name}[{i}]", n, kind, names) for i, n in enumerate(value))
        if isinstance(value, dict):
            raise NetworkError(f"{name.rpartition('.')[2]} must not be a mapping")
        if not isinstance(value, str) or isinstance(kind, (Flag, Word, Number)):
            return value
        if isinstance(kind, Conditions):
            return parse_condition(value, self.hole_names(names))
        if isinstance(kind, Padding) and value.lower() in kind.modes:
            return value
        if value == "any":
            if not kind.usual:
                raise ExpressionError("`any` is not possible here: write a domain, such as 1..8")
            return Var(name, Domain.of(*kind.usual))
        if isinstance(kind, Scale) and re.fullmatch(r"\d+\s*/\s*\d+", value):
            return value
        if isinstance(kind, Padding) and kind.modes and re.fullmatch(r"[A-Za-z]+", value):
            return value  # the kind's own check names the modes
        read = parse_value(value, self.hole_names(names, node))
        if isinstance(read, Domain):
            if read.size is None and not isinstance(kind, Sizes):
                raise ExpressionError(f"the domain {read} needs an upper end: only an input's size may stay open")
            return Var(name, read)
        return read

    def entry(self, name: str, node: Node, kind: Kind, names: _Names) -> Any:
        """Return an entry of a list; a mistake is noted at the entry's own place."""
        return self.attempt(lambda: self.dim(name, node, kind, names), node)

    def hole_names(self, names: _Names, node: Node | None = None) -> Any:
        """Return a resolver of names for parameters: holes, and sizes of other layers."""

        def resolve(name: str, column: int) -> Any:
            if name.startswith("$"):
                found = self.holes.get(name[1:])
                if found is None:
                    near = _nearest(name[1:], self.holes)
                    raise ExpressionError(f"there is no hole {name[1:]!r} under `holes`{near}", column)
                self.used.add(name[1:])
                return found[0]
            head, _, axis = name.rpartition(".")
            layer = names.find(re.sub(r"\[\d+\]$", "", head)) if head else None
            if layer is not None and node is not None:
                unknown = Var(f"{_actual(head, layer)}.{axis}")
                self.sizes.append((unknown, node))
                return unknown
            hint = f": did you mean ${name}?" if name in self.holes else ""
            wanted = "holes ($k) and sizes of layers (conv1.height)"
            raise ExpressionError(f"{name!r} is not known here{hint or f': a parameter may use {wanted}'}", column)

        return resolve

    # -- expectations

    def read_expect(self, node: Node | None, network: Network) -> dict[str, Any]:
        if node is None:
            return {}
        entries = self.mapping(node, "expect", EXPECT_KEYS)
        if entries is None:
            return {}
        self.word(entries, "verdict", VERDICTS, "valid")
        named = [entries["fails_at"]] if "fails_at" in entries else []
        for n in named:
            if n.value is not None and n.value not in network.by_name:
                self.mistake(n.place, f"there is no layer {_plain(n)!r}{_nearest(str(n.value), network.by_name)}")
        if "shapes" in entries and isinstance(entries["shapes"].value, dict):
            for key, _ in entries["shapes"].items:
                if key.text not in network.by_name and key.text != "output":
                    self.mistake(key.place, f"there is no layer {key.text!r}{_nearest(key.text, network.by_name)}")
        return dict(node.plain())


def _actual(head: str, layer: str) -> str:
    match = re.search(r"\[\d+\]$", head)
    return layer + (match.group() if match else "")


def _required(operator: type[Operator]) -> list[str]:
    import dataclasses

    return [
        f.name for f in dataclasses.fields(operator)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]


def _no_names(name: str, column: int) -> Any:
    raise ExpressionError(f"a domain is made of numbers, found {name!r}", column)


def _plain(node: Node) -> Any:
    return node.plain()


def _shown(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    if node.value is None:
        return "nothing"
    text = repr(node.value)
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest(name: str, choices: Any) -> str:
    near = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    if near:
        return f": did you mean {near[0]!r}?"
    some = list(choices)
    return f" (there is {', '.join(map(str, some[:12]))}{', ...' if len(some) > 12 else ''})" if some else ""


_OTHER_NAMES = {
    "batchnormalization": "batch_norm", "bn": "batch_norm", "averagepooling": "avg_pool", "cat": "concat",
    "concatenate": "concat", "convolution": "conv", "convtransposed": "conv_transpose", "cropping": "crop",
    "deconv": "conv_transpose", "dense": "linear", "fc": "linear", "fullyconnected": "linear",
    "globalaveragepooling": "global_avg_pool", "globalmaxpooling": "global_max_pool", "interpolate": "upsample",
    "maxpooling": "max_pool", "multiply": "mul", "resize": "upsample", "upsampling": "upsample", "view": "reshape",
    "zeropadding": "pad",
}


def _nearest_operator(name: str) -> str:
    """Suggest an operator for a name from another library, or for a misspelt one."""
    bare = re.sub(r"\dd|[^a-z]", "", name.lower())
    same = {re.sub(r"_", "", kind): kind for kind in OPERATORS}
    known = _OTHER_NAMES.get(bare) or same.get(bare)
    return f": did you mean {known!r}?" if known else _nearest(name, OPERATORS)

