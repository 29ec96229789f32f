"""Explain: from an error message, a traceback or an exception to the cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..checks.check import CheckReport
from ..messages import ParsedError, reading
from ..network import InputShapes
from .error_sources import material, text_of
from .finding import ExplainedMessage
from .handlers import explained
from .network_findings import Deeper, deeper
from .statements import EVERYDAY
from .wording import by

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True)
class Explanation:
    """What an error message means.

    Args:
        findings: the messages that were understood, the last (innermost) first.
        report: the check of the network, where there is one.
        reported: the layer of the network that reports; ``causing``: the layers that cause it, as far as known.
        causes, repairs: the diagnosis, and changes to the network that mend it, each verified.
        notes: what could not be done, and why.
        asks: what to send, where the material does not carry enough.

    ``str()`` gives the whole as text; a notebook shows it as a block of its own.
    """

    findings: tuple[ExplainedMessage, ...] = ()
    report: CheckReport | None = None
    reported: str = ""
    causing: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()

    @property
    def understood(self) -> bool:
        """Whether anything was understood: a message, or a network that was found to fail."""
        return bool(self.findings) or bool(self.report and not self.report.ok)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the rules that are broken, in order."""
        own = [f.code for f in self.findings if f.code]
        return tuple(dict.fromkeys([*own, *(f.code for f in self.report.failures)] if self.report else own))

    @property
    def text(self) -> str:
        """The explanation as text."""
        return str(self)

    def __repr__(self) -> str:
        return f"<Explanation: {', '.join(f.code or 'a message' for f in self.findings) or 'nothing understood'}>"

    def __str__(self) -> str:
        parts = [str(finding) for finding in self.findings]
        if self.report is not None:
            parts.append("\n".join(_network_lines(self)))
        if self.notes:
            parts.append("\n".join(f"note: {note}" for note in self.notes))
        if self.asks:
            parts.append("\n".join(["to go further, send:", *(f"  - {ask}" for ask in self.asks)]))
        return "\n\n".join(parts)

    def _repr_markdown_(self) -> str:
        fence = "```"
        while fence in str(self):
            fence += "`"
        return f"{fence}text\n{self}\n{fence}"


def explain(error_or_text: Any, *, network: Any = None, input_shape: InputShapes | None = None) -> Explanation:
    """Explain an error message: what is impossible, by how much, and what mends it.

    It never raises: what cannot be understood is said in the explanation.

    Args:
        error_or_text: an exception, whose chain and traceback are used, too; or a text with a message in it, such as a
            traceback or a log.
        network: the network, if it is at hand: a Network or Problem, a PyTorch module, or a Keras model.
        input_shape: the shape of its input without the batch axis, in place of the one that it states.

    >>> print(explain("Negative dimension size caused by subtracting 5 from 1 for 'conv2d_7/Conv2D' (op: 'Conv2D') "
    ...               "with input shapes: [?,1,1,64], [5,5,64,128].").findings[0].arithmetic)
    1 - 5 + 1 = -3
    """
    read = reading(text_of(error_or_text))
    unread = not read.complaints and isinstance(error_or_text, _REFUSALS)
    given = material(error_or_text, network, input_shape, live=bool(read.complaints) or unread)
    whole = isinstance(error_or_text, BaseException)  # nothing is cut off of its text
    said = tuple(c for c in read.complaints if not whole or given.network is not None or c.template not in EVERYDAY)
    if said and given.layer:
        said = (given.layer.complete(said[0]), *said[1:])
    findings = tuple(explained(c) for c in said)
    found = deeper(given.network, given.input_shape, findings) if given.network is not None else Deeper()
    if unread and network is None and (found.report is None or found.report.ok):
        return Explanation(asks=_ASKS)  # an error about something else, as far as the network tells
    if found.report is not None:  # the network is at hand: nobody has to send it
        findings = tuple(replace(finding, asks=()) for finding in findings)
    return Explanation(
        findings=findings, report=found.report, reported=found.reported, causing=found.causing, causes=found.causes,
        repairs=found.repairs, notes=(*given.notes, *found.notes, *(() if whole else _cut(said)),
                                   *map(_contradiction, read.contradictions)),
        asks=() if findings or found.report else _ASKS)  # fmt: skip


_REFUSALS = (AssertionError, RuntimeError, ValueError, IndexError, TypeError)
"""What programs raise where a size does not suit them, in words that nobody knows: the network itself is checked."""

_ASKS = (
    "the whole error message: no message about shapes that convsolve knows was found in this text",
    "the traceback above it, or the network (--model) and the size of its input (--input)",
)


def _cut(said: Sequence[ParsedError]) -> list[str]:
    if said and said[0].open_end:
        return ["the text ends with a number: if it was cut off there, digits may be missing"]
    if said and said[0].cut:
        return ["only a part of this message stands in the text: the whole of it has numbers, too"]
    return []


def _contradiction(text: str) -> str:
    return f"no framework says this with these numbers: {text}. Are they copied right?"


def _network_lines(found: Explanation) -> list[str]:
    report = found.report
    assert report is not None
    width = max((len(row.layer) for row in report.rows), default=0)
    first = next((i for i, row in enumerate(report.rows) if row.fails), len(report.rows) - 1)
    lines = ["the network, layer by layer:"]
    for row in report.rows[: first + 1]:
        shape = "?" if row.shape is None else by(row.shape)
        formula = f"   {row.formula}" if row.formula else ""
        lines.append(f"  {row.layer.ljust(width)}  {shape}{formula}{'   FAILS' if row.fails else ''}")
    for failure in report.failures:
        lines.append(f"{failure.layer}: {failure.code} {failure.message}")
        if failure.smallest_input:
            what = "" if failure.mends_all else " for which at least this holds"
            lines.append(f"  the smallest network input that works{what}: {by(failure.smallest_input)}")
    if report.ok and not found.causes:
        lines.append("at this input size the network's shapes all work out: the message comes from another size, or "
                     "from what is done with its output")  # fmt: skip
    if found.reported:
        lines.append(f"the layer that reports: {found.reported}")
    if found.causing:
        lines.append(f"the layer that causes it: {', '.join(found.causing)}")
    last = report.network.known_up_to if report.network is not None else ""
    verified = f"the network as far as it is known, up to {last}" if last else "the whole network"
    for title, entries in (("causes:", found.causes), (f"repairs, each verified on {verified}:", found.repairs)):
        lines += [title, *(f"  - {entry}" for entry in entries)] if entries else []
    return lines
