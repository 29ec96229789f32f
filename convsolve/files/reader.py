"""Reading problem files: a checked translation of a document into a :class:`~convsolve.problem.Problem`.

Every mistake is collected with its place, so that one run names them all.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from ..dims import Domain
from ..errors import FileError, NetworkError, Problematic
from ..lints import LINTS, SENSIBLE
from ..network import BYTES, Network
from ..network.trace import Trace, trace
from ..operators import Input
from ..operators.base import DataFormat, Framework
from ..problem import WARNINGS, Objective, Problem, Scope
from ..support.arguments import checked
from ..support.suggestions import known_word, nearest
from .blocks import Blocks
from .document import FORMATS, LARGEST_FILE, Node, Place, format_of, parse_document
from .holes import Holes, read_domain
from .latency_tables import latency_rows, latency_table
from .layers import LayerContext, Layers
from .layout import EXPECT_KEYS, TOP_KEYS, VERDICTS
from .mistakes import Mistakes, listed, shown
from .names import HoleNames, names_given, read_references
from .templates import Templates
from .values import ValueReader

__all__ = ["layer_places", "load", "parse", "read_problem"]


def load(source: str | Path) -> Problem:
    """Read a problem file (``.yaml``, ``.json`` or ``.toml``; ``-`` is YAML from standard input).

    Raises:
        FileError: the file cannot be read as a problem; its text names the place of every mistake.
    """
    if str(source) == "-":
        return parse(sys.stdin.buffer.read(LARGEST_FILE + 1), source="<stdin>")
    return read_problem(_document(str(source)), str(source))


def layer_places(source: str | Path, *, text: str | None = None) -> dict[str, Place]:
    """Return where each layer of a problem file stands: line and column, counted from 1.

    With ``text``, that is read in the place of what the file holds.

    Raises:
        FileError: the file cannot be read.
    """
    name = str(source)
    reader = _Reader(Path(name).parent)
    reader.problem(_document(name) if text is None else parse_document(text, name, format_of(name) or "yaml"))
    return reader.layers.places


def _document(name: str) -> Node:
    format = format_of(name)
    if format is None:
        wanted = ", ".join(FORMATS)
        raise FileError(name, [Problematic(1, 1, f"not a problem file by its name: wanted one of {wanted}")])
    try:
        with open(name, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FileError(name, [Problematic(1, 1, f"cannot be read: {error.strerror or error}")]) from None
    return parse_document(content, name, format)


@checked
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
    known_word("format", format, ("yaml", "json", "toml"))
    return read_problem(parse_document(text, source, format), source)


def read_problem(document: Node, source: str) -> Problem:
    """Translate a document into a problem, or raise FileError with every mistake found."""
    reader = _Reader(Path(source).parent)
    problem = reader.problem(document)
    if problem is None or reader.mistakes.found:
        raise FileError(source, reader.mistakes.found)
    return problem


class _Reader:
    """Reads one document: first the network, then what speaks of the network as a whole."""

    def __init__(self, folder: str | Path = "") -> None:
        self.folder = folder
        """Where files that the document names are."""
        self.mistakes = Mistakes()
        self.holes = Holes(self.mistakes)
        self.values = ValueReader(self.mistakes, self.holes)
        self.layers = Layers(self.mistakes, self.values)
        self.names = HoleNames()
        self.templates = Templates()

    def problem(self, document: Node) -> Problem | None:
        """Return the problem, or None where mistakes hide what it is."""
        entries = self.mistakes.mapping(document, "a problem", TOP_KEYS)
        if entries is None:
            return None
        description = self.mistakes.option(entries, "description", "", "a text")
        network = self.network(entries, document.place)
        traced = self.trace(network) if network is not None else None
        if network is None or traced is None:
            return None
        scope = Scope(traced)
        requirements = self.texts(entries, "require", scope.requirement)
        objectives = tuple(
            Objective(sense, text)  # type: ignore[arg-type]
            for sense in entries
            if sense in ("minimize", "maximize")  # as written: most important first
            for text in self.texts(entries, sense, scope.objective)
        )
        if "prefer" in entries:
            self.mistakes.word(entries, "prefer", ("sensible",), "sensible")
            objectives = (*objectives, Objective("minimize", WARNINGS))
        pareto = self.texts(entries, "pareto", scope.objective)
        if pareto and len(pareto) not in (2, 3):
            self.mistakes.add(entries["pareto"].place, f"pareto takes two or three expressions, found {len(pareto)}")
        expect = self.expectations(entries, network)
        ranges, sensible = self.ranges(entries, network), self.sensible(entries)
        return Problem(network, requirements, objectives, pareto, description, expect, ranges, sensible)

    # -- the network

    def network(self, entries: Mapping[str, Node], place: Place) -> Network | None:
        """Return the network; ``place`` is the document's, for what is missing from it."""
        if "holes" in entries:
            self.holes.read(entries["holes"])
        if "templates" in entries:
            self.templates.read(entries["templates"], self.mistakes)
        options = self.options(entries) | self.latency(entries)
        previous = self.inputs(entries, place)
        if "layers" in entries:
            self.body(entries["layers"], previous)
        else:
            self.mistakes.add(place, "`layers` is missing: a list of the network's layers")
        outputs = self.outputs(entries)
        said = [str(text.value) for key in ("require", "minimize", "maximize", "pareto") if key in entries
                for text in listed(entries[key])]  # fmt: skip
        self.holes.note_unused(said)
        if self.mistakes.found:
            return None
        try:
            network = Network(tuple(self.layers.made), outputs, **options)
            named = self.holes.named(network.holes)
            return dataclasses.replace(network, named=named) if named else network
        except NetworkError as error:
            self.mistakes.add(self.layers.places.get(error.layer, place), str(error))
            return None

    def options(self, entries: Mapping[str, Node]) -> dict[str, Any]:
        """Return the options of the network."""
        batch_size = self.mistakes.option(entries, "batch_size", 1, "a whole number")
        if batch_size < 1:
            self.mistakes.add(entries["batch_size"].place, "batch_size must be at least 1")
        return {
            "framework": self.mistakes.word(entries, "framework", get_args(Framework), "torch"),
            "data_format": self.mistakes.word(entries, "data_format", get_args(DataFormat), "channels_first"),
            "training": self.mistakes.option(entries, "training", False, "true or false"),
            "batch_size": batch_size,
            "dtype": self.mistakes.word(entries, "dtype", tuple(BYTES), "float32"),
        }

    def latency(self, entries: Mapping[str, Node]) -> dict[str, Any]:
        """Return the table of measured times: a file beside the problem, or rows in it."""
        node = entries.get("latency")
        if node is None:
            return {}
        if isinstance(node.value, str):
            path = Path(self.folder) / node.value
            return {"latency": self.mistakes.attempt(node, latency_table, path)}
        return {"latency": self.mistakes.attempt(node, latency_rows, node.plain())}

    def inputs(self, entries: Mapping[str, Node], place: Place) -> str:
        """Read the inputs; return the first one's name."""
        shapes = self.shapes(entries, place)
        for name, node in shapes.items():
            shape = self.mistakes.attempt(node, self.values.shape, name, node)
            if shape is not None and all(size is not None for size in shape):
                self.layers.add(node.place, name, Input, {"shape": shape})
            self.names.known[name] = name
            self.layers.naming.taken.add(name)
        return next(iter(shapes), "")

    def shapes(self, entries: Mapping[str, Node], place: Place) -> dict[str, Node]:
        """Return what is written about each input by name."""
        if "input" in entries and "inputs" in entries:
            self.mistakes.add(entries["inputs"].place, "give `input` or `inputs`, not both")
        if "input" in entries:
            return {"input": entries["input"]}
        if "inputs" not in entries:
            wanted = "the input's shape without the batch axis, such as [3, 224, 224]"
            self.mistakes.add(place, f"`input` is missing: {wanted}")
            return {}
        shapes = self.mistakes.mapping(entries["inputs"], "inputs")
        if shapes == {}:
            self.mistakes.add(entries["inputs"].place, "inputs must name at least one input")
        return shapes or {}

    def body(self, node: Node, previous: str) -> None:
        """Read the layers, of which one may use another that stands further down."""
        if node.value in ([], None):
            self.mistakes.add(node.place, "`layers` is empty: a network needs at least one layer")
        for name in names_given(node):
            self.names.known.setdefault(name, name)
        Blocks(self.layers, self.templates).read(node, LayerContext(self.names, previous))

    def outputs(self, entries: Mapping[str, Node]) -> tuple[str, ...]:
        """Return the tensors that are named as outputs."""
        if "output" in entries and "outputs" in entries:
            self.mistakes.add(entries["outputs"].place, "give `output` or `outputs`, not both")
        node = entries.get("output") or entries.get("outputs")
        return read_references(node, self.names, self.mistakes) if node is not None else ()

    # -- the network as a whole

    def trace(self, network: Network) -> Trace | None:
        """Return the network's trace, in which every size that a parameter uses must be found."""
        try:
            traced = trace(network)
        except NetworkError as error:
            self.mistakes.add(self.layers.places.get(error.layer, (1, 1)), str(error))
            return None
        defined = {definition.name for definition in traced.definitions}
        for size, node in self.values.sizes:
            if size.name not in defined:
                self.mistakes.add(node.place, f"there is no size {size.name!r}")
        return None if self.mistakes.found else traced

    def texts(self, entries: Mapping[str, Node], key: str, read: Callable[[str], object]) -> tuple[str, ...]:
        """Return the expressions under a key, noting those that ``read`` refuses."""
        nodes = self.mistakes.texts(entries, key, numbers=key != "require")
        for node in nodes:
            self.mistakes.attempt(node, read, str(node.value))
        return tuple(str(node.value) for node in nodes)

    def ranges(self, entries: Mapping[str, Node], network: Network) -> dict[str, Domain]:
        """Return the ranges of ``for_all`` by axis."""
        if "for_all" not in entries:
            return {}
        found = self.mistakes.mapping(entries["for_all"], "for_all", dict.fromkeys(network.spatial_input_axes, ""))
        ranges = {}
        for axis, node in (found or {}).items():
            domain = read_domain(f"for_all.{axis}", node, self.mistakes)
            if domain is not None and domain.lower < 1:
                self.mistakes.add(node.place, f"sizes are at least 1, found {domain}")
            elif domain is not None:
                ranges[axis] = domain
        return ranges

    def sensible(self, entries: Mapping[str, Node]) -> tuple[str, ...]:
        """Return the codes of the lints that must hold."""
        node = entries.get("sensible")
        if node is None or node.value is False:
            return ()
        if node.value is True:
            return SENSIBLE
        if not isinstance(node.value, list):
            self.mistakes.add(node.place, f"sensible takes true, or codes like [W001, W002], found {shown(node)}")
            return ()
        for code in node.value:
            if code.value not in list(LINTS):
                near = nearest(str(code.value), LINTS, listed=20)
                self.mistakes.add(code.place, f"there is no lint {shown(code)}{near}")
        return tuple(code for code in LINTS if code in [entry.value for entry in node.value])

    def expectations(self, entries: Mapping[str, Node], network: Network) -> dict[str, Any]:
        """Return what is expected of the answer; only names of layers and the verdict are checked."""
        if "expect" not in entries:
            return {}
        expected = self.mistakes.mapping(entries["expect"], "expect", EXPECT_KEYS)
        if expected is None:
            return {}
        self.mistakes.word(expected, "verdict", VERDICTS, "valid")
        named = []
        if "fails_at" in expected and expected["fails_at"].value is not None:
            named.append((expected["fails_at"].plain(), expected["fails_at"].place))
        if "shapes" in expected and isinstance(expected["shapes"].value, dict):
            named += [(key.text, key.place) for key, _ in expected["shapes"].items if key.text != "output"]
        for name, place in named:
            if name not in list(network.by_name):  # a list, as what is written may be no name at all
                self.mistakes.add(place, f"there is no layer {name!r}{nearest(str(name), network.by_name)}")
        return dict(entries["expect"].plain())
