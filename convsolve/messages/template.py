"""Templates: how a message looks, and which facts it carries.

A pattern is a verbose regular expression over squeezed text, so blanks in it stand for nothing, with four kinds of
holes: ``{int:n}`` a number, ``{shape:x}`` a shape in any brackets, ``{word:w}`` a name without quotation marks,
``{list:l}`` numbers in brackets that may be named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .parsed_error import SeenShape

__all__ = ["Facts", "Groups", "Template", "all_clear", "indivisible", "shape_of", "template", "told", "without_batch"]

Facts = dict[str, Any]
"""Arguments of a Complaint."""

_KINDS = {
    "int": r"-?\d[\d\n]*",
    "shape": r"(?:torch\.Size|TensorShape)?\(?(?:\[[^\[\]]{0,200}\]|\([^()]{0,200}\)|\{[^{}]{0,200}\}"
    r"|\d{1,9}(?:x\d{1,9}){1,5})\)?",
    "word": r"[^'\"]{1,300}?",
    "list": r"\[[^\[\]]{0,400}\]",
}
_HOLE = re.compile(r"\{(int|shape|word|list):(\w+)\}")
_ENTRY = re.compile(r"None|\?|-?\d[\d\n]*")


def shape_of(text: str | None) -> SeenShape | None:
    """Return a shape that is printed in any of the ways that frameworks have, or None where it is not clear.

    >>> shape_of("[?,1,1,64]"), shape_of("(64x1x1)"), shape_of("torch.Size([1,3])"), shape_of("[None1 1 64]")
    ((None, 1, 1, 64), (64, 1, 1), (1, 3), (None, 1, 1, 64))
    """
    if text is None:
        return None
    inner = re.sub(r"torch\.Size|TensorShape|Dimension\((\d+|None)\)", r"\1", text).strip("()[]{}")
    if "," in inner:
        parts = inner.split(",")
        if parts[-1] == "":
            parts.pop()
        if parts and parts[0] == "batch":
            parts[0] = "None"
    elif "x" in inner:
        parts = inner.split("x")
    else:
        parts = _ENTRY.findall(inner)
        if "".join(parts) != inner.replace(" ", "") or "\n" in inner:
            return None  # where a line breaks between two digits, it is not clear whether they are one number
    if not parts or not all(_ENTRY.fullmatch(part) for part in parts):
        return None
    return tuple(None if part in ("None", "?") else int(part.replace("\n", "")) for part in parts)


def without_batch(shape: SeenShape | None) -> SeenShape | None:
    """Return a shape less its first axis."""
    return shape[1:] if shape else None


class Groups:
    """What the holes of a template were filled with. A hole that was not there, or is not clear, gives None."""

    def __init__(self, match: re.Match[str]) -> None:
        self.match = match

    def text(self, name: str) -> str | None:
        """Return what a hole was filled with, without line breaks."""
        found = self.match.groupdict().get(name)
        return None if found is None else found.replace("\n", "")

    def number(self, name: str) -> int | None:
        """Return a number; None where its end is not clear."""
        found = self.match.groupdict().get(name)
        if found is None or ("\n" in found and self.match.end(name) == self.match.end()):
            return None
        return int(found.replace("\n", "")) if len(found) < 20 else None

    def numbers(self, *names: str) -> dict[str, int]:
        """Return the numbers that are clear, by name."""
        return {name: n for name in names if (n := self.number(name)) is not None}

    def shape(self, name: str) -> SeenShape | None:
        """Return a shape, or None where it is not clear."""
        return shape_of(self.match.groupdict().get(name))

    def known(self, name: str) -> tuple[int, ...] | None:
        """Return a shape all of whose sizes are known, or None."""
        found = self.shape(name)
        return None if found is None or None in found else found  # type: ignore[return-value]

    def inside(self, name: str) -> SeenShape | None:
        """Return a shape less the batch axis, or None where it is not clear."""
        return without_batch(self.shape(name))

    def batch(self, name: str) -> int | None:
        """Return the first size of a shape, that of the batch, or None where it is open or not clear."""
        return (self.shape(name) or (None,))[0]


@dataclass(frozen=True)
class Template:
    """One message: its name, how it looks, and a function from what stands in its holes to facts.

    The function returns None where the numbers contradict the message, which is then not believed. ``fragment`` are
    the longest words of it in a row, squeezed and in small letters, by which it is known where its ends are cut off
    (empty where they are too few); ``words`` are all that it may say, and ``always`` is what is a fact then.
    """

    name: str
    pattern: re.Pattern[str]
    facts: Callable[[Groups], Facts | None]
    fragment: str = ""
    words: str = ""
    always: Facts = field(default_factory=dict)


def template(name: str, pattern: str, facts: Callable[[Groups], Facts | None] | None = None, **always: Any) -> Template:
    """Return a template; ``always`` are facts that do not depend on what stands in the holes.

    >>> found = template("t", r"got {int:n} of {shape:x}").pattern.search("got5of[1,28]")
    >>> found["n"], found["x"]
    ('5', '[1,28]')
    """

    def all_facts(groups: Groups) -> Facts | None:
        found = facts(groups) if facts else {}
        return None if found is None else {**always, **found}

    regex = _HOLE.sub(lambda hole: f"(?P<{hole[2]}>{_KINDS[hole[1]]})", pattern)
    compiled = re.compile(regex, re.VERBOSE | re.IGNORECASE | re.DOTALL)
    return Template(name, compiled, all_facts, _fragment(pattern), re.sub(r"[\\\s]", "", pattern).lower(), always)


_LEAST = 24
"""So many letters in a row are said by no other text."""

_PIECE = re.compile(r"\\(?P<escaped>[^\w\s])|(?P<blank>\s+)|(?P<plain>[\w':=\"/,;<>&#%@!-])|(?P<other>.)", re.DOTALL)


def _fragment(pattern: str) -> str:
    """Return the longest run of plain letters in a pattern outside of its groups, where it is long enough.

    >>> _fragment(r"(?: A )? layer requires inputs with matching shapes, (?: but ) got {shape:x}")
    'layerrequiresinputswithmatchingshapes,'
    """
    runs, depth = [""], 0
    for match in _PIECE.finditer(re.sub(r"\[(?:\\.|[^\]\\])*\]", "|", pattern)):
        piece = match["escaped"] or match["plain"]
        if match["blank"]:
            continue
        if piece is None:
            depth += (match["other"] in "({") - (match["other"] in ")}")
            if match["other"] in "?*+":
                runs[-1] = runs[-1][:-1]
            runs.append("")
        elif depth == 0:
            runs[-1] += piece.lower()
    longest = max(runs, key=len)
    return longest if len(longest) >= _LEAST else ""


def indivisible(size: str, divisor: str) -> Callable[[Groups], Facts | None]:
    """Return a reader of two numbers of which the first cannot be divided by the second."""

    def read(groups: Groups) -> Facts | None:
        found = groups.numbers(size, divisor)
        whole = len(found) == 2 and found[divisor] > 0 and found[size] % found[divisor] == 0
        return None if whole else {"numbers": found}

    return read


def told(
    *numbers: str, tensors: tuple[str, ...] = (), fails: Callable[..., bool] | None = None
) -> Callable[[Groups], Facts | None]:
    """Return a reader of numbers and of whole shapes; where all numbers are clear, they must fail as ``fails`` says.

    A name may stand for several holes, of which one is filled: ``n``, ``n2``, ``n3``.
    """

    def read(groups: Groups) -> Facts | None:
        found = {
            name: n
            for name in numbers
            if (n := next((m for i in ("", "2", "3") if (m := groups.number(f"{name}{i}")) is not None), None))
            is not None
        }
        if fails is not None and len(found) == len(numbers) and not fails(*found.values()):
            return None
        facts: Facts = {"numbers": {name: n for name, n in found.items() if name != "axis"}, "axis": found.get("axis")}
        return facts | ({"tensors": all_clear(map(groups.shape, tensors))} if tensors else {})

    return read


def all_clear(shapes: Iterable[SeenShape | None]) -> tuple[SeenShape, ...]:
    """Return shapes, or nothing where one of them is not clear."""
    found = tuple(shapes)
    return () if any(shape is None for shape in found) else found  # type: ignore[return-value]
