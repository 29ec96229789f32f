"""Documents: YAML, JSON and TOML read into one tree whose every node knows where it stands.

Nothing in a file is ever run: YAML goes through the safe loader, and size, nesting and aliases are
bounded before anything is built.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FileError, NetworkError, Problematic
from ..support.suggestions import quoted

__all__ = ["FORMATS", "LARGEST_FILE", "Key", "Node", "Place", "format_of", "parse_document"]

FORMATS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}
"""The format of a file by its suffix."""

LARGEST_FILE = 2 * 1024 * 1024
_MOST_NODES = 500_000
_MOST_BITS = 332  # of a number of 100 digits
_DEEPEST = 40
_TAG = "tag:yaml.org,2002:"

Place = tuple[int, int]  # line and column, counted from 1


@dataclass(frozen=True)
class Key:
    """A key of a mapping, and where it stands."""

    text: str
    place: Place


@dataclass(frozen=True)
class Node:
    """A value of a document: ``str``, ``int``, ``float``, ``bool``, None, a list of nodes, or key-node pairs.

    ``offset`` is how far into the source a text begins after the node's place (1 behind a quote); None
    where columns inside the text cannot be told.
    """

    value: Any
    place: Place
    offset: int | None = 0

    @property
    def items(self) -> list[tuple[Key, Node]]:
        """The entries of a mapping."""
        assert isinstance(self.value, dict)
        return list(self.value.values())

    def get(self, key: str) -> Node | None:
        """Return the value under a key, None where there is none or the node is no mapping."""
        found = self.value.get(key) if isinstance(self.value, dict) else None
        return found[1] if found is not None else None

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, list):
            return [n.plain() for n in self.value]
        if isinstance(self.value, dict):
            return {key.text: n.plain() for key, n in self.items}
        return self.value


def parse_document(text: str | bytes, source: str, format: str, *, table: Sequence[str] = ()) -> Node:
    """Read a document.

    Args:
        text: the contents.
        source: the file's name, for messages.
        format: "yaml", "json" or "toml".
        table: of TOML, the path of the table that is read alone; where there is none, it is empty.

    Raises:
        FileError: with the place of every mistake.
    """
    if not isinstance(text, (str, bytes)):
        raise NetworkError(f"parse takes the text of a problem, got {quoted(text)}: convsolve.load reads a file")
    if len(text) > LARGEST_FILE:
        raise FileError(source, [Problematic(1, 1, f"the file has {len(text)} bytes; at most {LARGEST_FILE} are read")])
    if isinstance(text, bytes):
        content = text
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            column = error.start - content.rfind(b"\n", 0, error.start)
            raise FileError(source, [Problematic(line, column, "not a text file in UTF-8")]) from None
    if format == "toml":
        return _toml(text, source, tuple(table))
    return {"yaml": _yaml, "json": _json}[format](text, source)


def _fail(source: str, place: Place, message: str) -> FileError:
    return FileError(source, [Problematic(*place, message)])


# -- YAML, and JSON by way of YAML


def _yaml(text: str, source: str) -> Node:
    import yaml

    try:
        root = _compose(text, source)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = (before.count("\n") + 1, error.position - (before.rfind("\n") + 1) + 1)
        raise _fail(source, place, "a control character: this is not a text file") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        context = f" ({error.context})" if error.context else ""
        raise _fail(source, place, f"not valid YAML: {error.problem or error}{context}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise _fail(source, (1, 1), f"not valid YAML: {error}") from None
    if root is None:
        raise _fail(source, (1, 1), "the file is empty; a problem has at least `input` and `layers`")
    constructor = yaml.SafeLoader("")
    budget = [_MOST_NODES]

    def convert(node: Any, depth: int = 0) -> Node:
        place = (node.start_mark.line + 1, node.start_mark.column + 1)
        budget[0] -= 1
        if depth > _DEEPEST:
            raise _fail(source, place, f"the document is nested more than {_DEEPEST} deep (an alias of itself?)")
        if budget[0] < 0:
            raise _fail(source, place, f"the document has more than {_MOST_NODES} parts (aliases multiply them)")
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, constructor, source, place)
        if node.tag not in (_TAG + "seq", _TAG + "map"):
            raise _fail(source, place, f"the tag {node.tag} is not read: write plain values")
        if isinstance(node, yaml.SequenceNode):
            return Node([convert(n, depth + 1) for n in node.value], place)
        entries: dict[str, tuple[Key, Node]] = {}
        for key, value in node.value:
            at = (key.start_mark.line + 1, key.start_mark.column + 1)
            if not isinstance(key, yaml.ScalarNode):
                raise _fail(source, at, "a key must be a word")
            if key.value == "<<":
                raise _fail(source, at, "merge keys (<<) are not read: write the entries out")
            if key.value in entries:
                raise _fail(source, at, f"the key {key.value!r} is given twice")
            entries[key.value] = (Key(key.value, at), convert(value, depth + 1))
        return Node(entries, place)

    return convert(root)


_READ_OTHERWISE = re.compile("[\t?\ufeff\x85\u2028\u2029]")
"""What libyaml takes for more than YAML's own reader in Python does, or counts differently."""


def _compose(text: str, source: str) -> Any:
    """Return the root of YAML's own tree.

    libyaml reads it, where it is and reads the text as YAML's own Python does, which is slower and says best what
    is wrong.
    """
    import yaml

    if yaml.__with_libyaml__ and not _READ_OTHERWISE.search(text):
        from yaml._yaml import CParser
        from yaml.composer import Composer
        from yaml.resolver import Resolver

        class Quick(Composer, CParser, Resolver):  # composed in Python: in C, it would recurse without a limit
            def __init__(self, stream: str) -> None:
                CParser.__init__(self, stream)
                Composer.__init__(self)
                Resolver.__init__(self)

            def get_event(self) -> Any:
                event = super().get_event()
                if isinstance(event, yaml.ScalarEvent) and not event.value and not event.style:
                    raise yaml.YAMLError  # nothing at all: it stands elsewhere
                return event

        try:
            return yaml.compose(text, Loader=_bounded(source, Quick))
        except (yaml.YAMLError, ValueError):
            pass
    return yaml.compose(text, Loader=_bounded(source, yaml.SafeLoader))


def _bounded(source: str, loader: Any) -> Any:
    """Return a loader that bounds the nesting and the size of a document while it is composed, which recurses."""
    import yaml

    class Bounded(loader):  # type: ignore[misc]
        depth = count = 0

        def get_event(self) -> Any:
            event = super().get_event()
            self.count += 1
            if isinstance(event, yaml.CollectionStartEvent):
                self.depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                self.depth -= 1
            if self.depth > _DEEPEST or self.count > _MOST_NODES:
                place = (event.start_mark.line + 1, event.start_mark.column + 1)
                deep = self.depth > _DEEPEST
                what = f"nested more than {_DEEPEST} deep" if deep else f"more than {_MOST_NODES} parts"
                raise _fail(source, place, f"the document is {what}")
            return event

    return Bounded


_WHOLE = re.compile(r"[-+]?(0b|0x|[0-9][0-9_]*:)?[0-9a-fA-F_:]+")
_DECIMAL = re.compile(r"[-+]?[1-9][0-9_]*|[-+]?0")


def _scalar(node: Any, constructor: Any, source: str, place: Place) -> Node:
    plain = not node.style
    if plain and not node.tag.startswith(_TAG):
        raise _fail(source, place, f"the tag {node.tag} is not read: write plain values")
    kind = node.tag.removeprefix(_TAG)
    if kind not in ("str", "int", "float", "bool", "null", "timestamp"):
        raise _fail(source, place, f"a value of type {kind} is not read here")
    if kind in ("str", "timestamp") or not plain:
        offset = 0 if plain else {"'": 1, '"': 1}.get(node.style)
        return Node(node.value, place, offset)
    if kind == "int" and _WHOLE.fullmatch(node.value) is None:
        raise _fail(source, place, f"{node.value} is not a whole number")
    if kind == "int" and len(node.value) > 100:
        raise _fail(source, place, "a number of more than 100 digits")
    if kind == "bool" and node.value.lower() not in ("true", "false"):
        return Node(node.value, place)  # YAML 1.1 reads yes, no, on and off as truth; they are words here
    if kind == "int" and not _DECIMAL.fullmatch(node.value):
        raise _fail(source, place, f"write {node.value} as a plain decimal number")
    return Node(constructor.construct_object(node, deep=True), place)


_JSON_TEXT_OR_TAB = re.compile(r'"(?:\\.|[^"\\])*"|\t', re.DOTALL)


def _json(text: str, source: str) -> Node:
    try:
        json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _fail(source, (error.lineno, error.colno), f"not valid JSON: {error.msg}") from None
    except RecursionError:
        raise _fail(source, (1, 1), f"the document is nested more than {_DEEPEST} deep") from None
    except ValueError as error:
        raise _fail(source, (1, 1), f"not valid JSON: {error}") from None
    # JSON is YAML, but for tabs between tokens and a solidus that is escaped
    spaced = _JSON_TEXT_OR_TAB.sub(lambda m: " " if m.group() == "\t" else m.group().replace("\\/", "/"), text)
    return _yaml(spaced, source)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number that JSON knows")


# -- TOML: the standard library reads it without places, so places are looked up by path


_TOML_TEXT = r"""(?:"(?:\\.|[^"\\\n])*+"?+|'[^'\n]*+'?+)"""
_TOML_DEEP_KEY = re.compile(
    rf"""(?P<deep>(?:(?:[\w-]++|{_TOML_TEXT})[ \t]*+\.[ \t]*+){{{_DEEPEST}}}) | [\w-]++ | \#[^\n]*+
    | \"{{3}}(?:\\.|[^\\"]|"(?!""))*+(?:\"{{3}})?+ | '{{3}}(?:[^']|'(?!''))*+(?:'{{3}})?+ | {_TOML_TEXT}""",
    re.VERBOSE | re.DOTALL,
)
"""A dotted key that is too deep, or what may hold something like it: the library takes long for deep ones."""


def _toml(text: str, source: str, table: tuple[str, ...] = ()) -> Node:
    for match in _TOML_DEEP_KEY.finditer(text):
        if match["deep"]:
            place = (text.count("\n", 0, match.start()) + 1, match.start() - text.rfind("\n", 0, match.start()))
            raise _fail(source, place, f"the document is nested more than {_DEEPEST} deep")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        place = (int(found[1]), int(found[2])) if found else (text.count("\n") + 1, 1)
        message = re.sub(r" \(at [^)]*\)", "", str(error))
        raise _fail(source, place, f"not valid TOML: {message}") from None
    except RecursionError:
        raise _fail(source, (1, 1), f"the document is nested more than {_DEEPEST} deep") from None
    except ValueError:
        raise _fail(source, (1, 1), "a number has more digits than any network needs") from None
    places = dict(_toml_places(text))
    budget = [_MOST_NODES]

    def convert(value: Any, path: tuple[str | int, ...], near: Place) -> Node:
        place = places.get(path, near)
        budget[0] -= 1
        if budget[0] < 0 or len(path) > _DEEPEST:
            raise _fail(source, place, "the document is too large or too deeply nested")
        if isinstance(value, list):
            return Node([convert(v, (*path, i), place) for i, v in enumerate(value)], place)
        if isinstance(value, dict):
            entries = {}
            for key, entry in value.items():
                at = places.get((*path, key), place)
                entries[key] = (Key(key, at), convert(entry, (*path, key), at))
            return Node(entries, place)
        if not isinstance(value, (str, int, float, bool)):
            raise _fail(source, place, f"a value of type {type(value).__name__} is not read here")
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise _fail(source, place, "a number of more than 100 digits")
        return Node(value, place, None)

    for name in table:
        data = data.get(name, {}) if isinstance(data, dict) else {}
    return convert(data, table, (1, 1))


_TOML_LINE = re.compile(
    r"""^(?P<space>[ \t]*)(?:
        \[\[(?P<array>[^\]]+)\]\] | \[(?P<table>[^\]]+)\] | (?P<key>[\w."'-]+)[ \t]*=
    )""",
    re.VERBOSE,
)


def _toml_places(text: str) -> Iterator[tuple[tuple[str | int, ...], Place]]:
    """Yield the place of each key and table header; what stands inside a value has its key's place."""
    counts: dict[tuple[str | int, ...], int] = {}
    table: tuple[str | int, ...] = ()

    def resolve(words: str) -> tuple[str | int, ...]:
        path: tuple[str | int, ...] = ()
        for word in _toml_words(words):
            path = (*path, word)
            if path in counts:
                path = (*path, counts[path])
        return path

    for number, line in enumerate(text.split("\n"), start=1):
        match = _TOML_LINE.match(line)
        if match is None:
            continue
        place = (number, len(match["space"]) + 1)
        if match["array"]:
            *parent, last = re.findall(r"[\w-]+", match["array"])
            path = (*resolve(".".join(parent)), last) if parent else (last,)
            counts[path] = counts.get(path, -1) + 1
            table = (*path, counts[path])
            yield table, place
            yield path, place
        elif match["table"]:
            table = resolve(match["table"])
            yield table, place
        else:
            yield (*table, *_toml_words(match["key"])), place


def _toml_words(words: str) -> tuple[str, ...]:
    """Return the parts of a dotted TOML key."""
    return tuple(word.strip("\"'") for word in re.findall(r"""[\w-]+|"[^"]*"|'[^']*'""", words))


def format_of(path: str) -> str | None:
    """Return the format that a file's name promises."""
    return FORMATS.get(Path(path).suffix.lower())
