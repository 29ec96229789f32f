"""Finding the messages in a text."""

from __future__ import annotations

import dataclasses
import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from . import (
    keras,
    keras_layers,
    losses,
    models,
    numpy,
    onnx,
    others,
    pytorch,
    pytorch_calls,
    pytorch_layers,
    pytorch_sizes,
    tensorflow,
)
from .parsed_error import ParsedError
from .template import Facts, Groups, Template
from .text import Squeezed, cleaned, squeezed

__all__ = ["CONTEXTS", "TEMPLATES", "Reading", "complaints", "reading"]

_READERS = (pytorch, pytorch_sizes, pytorch_calls, pytorch_layers, tensorflow, keras, keras_layers, losses, onnx,
            others, models, numpy)  # fmt: skip

TEMPLATES: tuple[Template, ...] = tuple(kind for reader in _READERS for kind in reader.TEMPLATES)
CONTEXTS: tuple[Template, ...] = (*keras.CONTEXTS, *onnx.CONTEXTS, *others.CONTEXTS)
"""What stands in front of a message and says in which layer or node it arose."""

_Found: TypeAlias = "tuple[int, int, str, Facts]"
"""Where a message stands in the squeezed text, its template and its facts."""

_MOST = 100
"""So many messages are kept of one text, the last ones."""

_NEAR = 700
"""So many characters may stand between a layer's name and the message."""

_FAR = 6000
"""So many may stand between the frame of a library and the message."""

_FRAME = re.compile(
    r'^[^\S\n]*File "(?P<cell>)(?P<file>[^"\n]{1,400})", line (?P<line>\d+)(?:, in [^\n]{1,200})?\n'
    r"(?P<code>[^\n]{1,400})?",
    re.MULTILINE,
)
_CELL = re.compile(
    r"^(?:(?P<cell>Cell In ?\[\d+\]|<ipython-input-[\w-]{1,60}>)|File (?P<file>[^\n:\"]{1,400}):\d+, in )"
    r"(?:(?!\nFile |\nCell In ).){0,1500}?^-+> ?(?P<line>\d+) (?P<code>[^\n]{1,400})",
    re.MULTILINE | re.DOTALL,
)
"""How IPython shows a frame: an arrow marks the line."""

_LIBRARY = re.compile(r"site-packages|dist-packages|[/\\]lib[/\\]python\d|<frozen|importlib|[/\\]runpy\.py")


@dataclass(frozen=True)
class Reading:
    """What a text says: the messages that were understood, the last first, and those that contradict themselves."""

    complaints: tuple[ParsedError, ...]
    contradictions: tuple[str, ...] = ()


def complaints(text: str) -> tuple[ParsedError, ...]:
    """Return what the messages in a text say, the last one (in a traceback the innermost) first.

    Colours, prefixes of log lines and line breaks do not matter. What the text does not carry stays None.

    >>> (found,) = complaints("E RuntimeError: Calculated padded input size per channel: (4 x 9). Kernel size: "
    ...                       "(5 x 5). Kernel size can't be\\n greater than actual input size")
    >>> found.framework, found.operator, found.padded, found.window
    ('torch', 'conv', (4, 9), (5, 5))
    """
    return reading(text).complaints


def reading(text: str) -> Reading:
    """Return what a text says, and which of its messages cannot be as they stand: their numbers contradict them.

    >>> reading("Negative dimension size caused by subtracting 4 from 4 for 'a/Conv2D' (op: 'Conv2D')").contradictions
    ('Negative dimension size caused by subtracting 4 from 4',)
    """
    whole = squeezed(cleaned(text))
    found: list[_Found] = []
    denied: list[tuple[int, int]] = []
    for kind in TEMPLATES:
        for match in kind.pattern.finditer(whole.text):
            facts = kind.facts(Groups(match))
            if facts is not None:
                found.append((match.start(), match.end(), kind.name, facts))
            else:
                denied.append(match.span())
    found += _fragments(whole, [*denied, *((start, end) for start, end, _, _ in found)])
    found.sort(key=lambda entry: (entry[0], -entry[1]))
    kept: list[_Found] = []
    for entry in found:
        if not kept or entry[0] >= kept[-1][1]:
            kept.append(entry)
    contexts = _contexts(whole)
    frames = sorted((m for kind in (_FRAME, _CELL) for m in kind.finditer(whole.clean)), key=lambda m: m.start())
    made = [_complaint(whole, entry, contexts, frames, i, kept) for i, entry in enumerate(kept)][-_MOST:]
    alone = [span for span in denied if not _ends_open(whole, span[1]) and not any(
        start < span[1] and span[0] < end for start, end, _, _ in kept)]  # fmt: skip
    texts = dict.fromkeys(_shortened(whole.original(*span)) for span in sorted(alone))
    return Reading(tuple(_distinct(reversed(made))), tuple(texts)[-_FEW:])


_FEW = 3
"""So many messages that contradict themselves are told, the last ones."""


def _shortened(text: str) -> str:
    """Return the first clause of a message."""
    return re.split(r" for (?:node )?['{\"]|\. ", text)[0]


def _ends_open(whole: Squeezed, end: int) -> bool:
    """Whether the text ends right behind a number: digits may have been cut off."""
    return end == len(whole.text) and whole.text[end - 1 : end].isdigit()


def _fragments(whole: Squeezed, spans: list[tuple[int, int]]) -> list[_Found]:
    """Return the messages of which a part is there alone; where several have it, what is a fact in all of them."""
    lowered = whole.text.lower()
    found: list[_Found] = []
    for fragment, kinds in _BY_FRAGMENT.items():
        start = lowered.rfind(fragment)
        end = start + len(fragment)
        if start < 0 or any(first < end and start < last for first, last in spans):
            continue
        first, *others = (kind.always for kind in kinds)
        facts = {name: value for name, value in first.items() if all(name in x and x[name] == value for x in others)}
        if facts.get("code"):
            found.append((start, end, kinds[0].name, {**facts, "cut": True}))
    return found


def _by_fragment() -> dict[str, list[Template]]:
    """Return, by fragment, the templates that it may belong to, its own first."""
    return {
        own.fragment: [own, *(kind for kind in TEMPLATES if kind is not own and own.fragment in kind.words)]
        for own in TEMPLATES
        if own.fragment
    }


_BY_FRAGMENT = _by_fragment()


def _contexts(whole: Squeezed) -> list[tuple[int, Facts]]:
    found = [
        (match.end(), kind.facts(Groups(match)) or {})
        for kind in CONTEXTS
        for match in kind.pattern.finditer(whole.text)
    ]
    return sorted(found, key=lambda entry: entry[0])


def _complaint(
    whole: Squeezed,
    entry: _Found,
    contexts: list[tuple[int, Facts]],
    frames: list[re.Match[str]],
    i: int,
    kept: list[_Found],
) -> ParsedError:
    start, end, name, facts = entry
    after = kept[i - 1][1] if i else 0
    said: dict[str, Any] = {}
    for place, context in contexts:
        if max(after, start - (_NEAR if "library" not in context else _FAR)) <= place <= start + 40:
            said |= {key: value for key, value in context.items() if value is not None}
    vague = (None, "pool")
    joined = {**facts}
    for key, value in said.items():
        if joined.get(key) in vague:
            joined[key] = value
    place = whole.places[start]
    return ParsedError(
        template=name, text=whole.original(start, end), start=place, open_end=_ends_open(whole, end),
        where=_where(frames, place), **joined)  # fmt: skip


def _where(frames: list[re.Match[str]], place: int) -> str | None:
    """Return the last place in front of a message that is in nobody's library."""
    last = bisect_left([frame.start() for frame in frames], place)
    for frame in reversed(frames[:last]):
        file = frame["file"] or frame["cell"]
        if not _LIBRARY.search(file):
            code = (frame["code"] or "").strip()
            shown = f": {code}" if code and not code.startswith(("File ", "^")) else ""
            return f"{file}:{frame['line']}{shown}"
    return None


def _distinct(found: Iterable[ParsedError]) -> list[ParsedError]:
    """Leave out messages that say nothing new: chained exceptions and logs repeat them, and tracebacks show source."""
    kept: dict[str, ParsedError] = {}
    for complaint in found:
        facts = dataclasses.replace(complaint, start=0, text="", where=None, open_end=False)
        kept.setdefault(repr(facts), complaint)
    telling = {c.code for c in kept.values() if _tells(c)}
    return [c for c in kept.values() if _tells(c) or c.code is None or c.code not in telling]


def _tells(complaint: ParsedError) -> bool:
    return bool(
        complaint.numbers
        or complaint.shapes
        or complaint.sizes
        or complaint.output
        or complaint.padded
        or complaint.tensors
    )
