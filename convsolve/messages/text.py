"""Making text comparable: without colours, prefixes of logs, quotation marks of mails, and line breaks.

Messages are matched in a *squeezed* text, in which all white space is gone, so that it does not matter where
a terminal, a log or a mail broke the lines. Only between two digits something is left: a blank where there was
one, and a line break where there was one, of which nobody can tell whether it stands for a blank.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from ..support.foreign_text import visible

__all__ = ["LONGEST", "Squeezed", "cleaned", "squeezed"]

LONGEST = 2**20
"""Of a longer text only the end is read, where the error stands."""

_COLOURS = re.compile(
    r"(?:\x1b|\\x1b|\\u001b|\\033|\\e)\[[0-?]*[ -/]*[@-~]"  # also as an escape sequence that was printed
    r"|\x1b\][^\x07\x1b]{0,300}(?:\x07|\x1b\\)|\x1b[@-Z\\-_]"
    r"|(?<!\w)\[\d{1,2}(?:;\d{1,3}){0,4}m"  # what is left when the escape character itself was lost
)
_WIDTHLESS = re.compile(r"[\u200b-\u200d\u2060\ufeff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_ENTITY = re.compile(r"&(?:#39|#x27|quot|lt|gt|amp);")
_SAME = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "×": "x",
        "\r": "\n",
        "`": None,
        "\u2028": "\n",
        "\u2029": "\n",
        "\x85": "\n",
        "\x0c": "\n",
        "\t": " ",
        "\xa0": " ",
    }
)

_PREFIX = re.compile(
    r"\s*(?:"
    r"[>|│┃┆║#]+(?=\s)"                                                            # quotations and boxes
    r"|E(?=\s{2})"                                                                  # pytest
    r"|\[?\d{4}[-/]\d\d[-/]\d\d[T ]+\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?:?(?=\s)"  # dates
    r"|\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?:?(?=\s)"
    r"|[IWEFD]\d{4,8} \d\d:\d\d:\d\d(?:\.\d+)? +\d+ [\w./-]+:\d+\]"                 # glog
    r"|[IWEF] [\w./-]+:\d+\]"                                                       # TensorFlow
    r"|\[?(?:DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL)\]?(?:\s*[:|-](?:root:)?|(?=\s))"
    r"|[\w./-]+\.(?:py|cc|cpp|h):\d+\s*[:|-]?(?=\s)"                                # train.py:33 -
    r"|\[(?:rank|default)\d+\]:?(?=\s)|\(\w+ pid=\d+(?:, ip=[\d.]+)?\)(?=\s)"        # torchrun, Ray
    r"|[\w.-]+\s+\|(?=\s)"                                                          # docker compose
    r"|-(?=\s+\S+Error:)"
    r")"
)  # fmt: skip
_BORDERS = "│┃║"


@dataclass(frozen=True)
class Squeezed:
    """A text without white space, and for each of its characters the place in the clean text."""

    text: str
    places: list[int]
    clean: str

    def original(self, start: int, end: int) -> str:
        """Return what stands at a span of the squeezed text, on one line."""
        if start >= end:
            return ""
        return " ".join(self.clean[self.places[start] : self.places[end - 1] + 1].split())


def cleaned(text: str) -> str:
    """Return a text without colours, invisible characters and what logs put in front of lines.

    >>> cleaned("\\x1b[31m2024-01-31 10:00:00,123 ERROR train.py:33 - Output size is too small\\x1b[0m")
    'Output size is too small'
    """
    text = _WIDTHLESS.sub("", text[-LONGEST:])
    for _ in range(3):  # one inside of another shows only when that is gone
        text = _COLOURS.sub("", text)
    if _ENTITY.search(text):
        text = html.unescape(text)
    text = _CONTROL.sub("", text.translate(_SAME))
    text = text.replace("\\n", "\n").replace('\\"', '"').replace("\\'", "'")
    return "\n".join(visible(_without_prefixes(line.rstrip())).rstrip(_BORDERS) for line in text.split("\n"))


def _without_prefixes(line: str) -> str:
    for _ in range(8):
        match = _PREFIX.match(line)
        if match is None or match.end() == 0:
            return line
        line = line[match.end() :].lstrip()
    return line


def squeezed(clean: str) -> Squeezed:
    """Return a clean text without its white space.

    >>> squeezed("subtracting 5\\nfrom 1 for").text, squeezed("[None 1\\n28 64]").text
    ('subtracting5from1for', '[None1\\n28 64]')
    """
    kept: list[str] = []
    places: list[int] = []
    for match in re.finditer(r"\S+", clean):
        word, start = match.group(), match.start()
        if kept and kept[-1].isdigit() and word[0].isdigit():
            gap = clean[places[-1] + 1 : start]
            kept.append("\n" if "\n" in gap else " ")
            places.append(places[-1] + 1)
        kept += word
        places += range(start, start + len(word))
    return Squeezed("".join(kept), places, clean)
