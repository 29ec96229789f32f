"""What one message means: the arithmetic, the repairs at that layer, and what the text leaves open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...messages import Complaint
from ...operators.rules import RULES
from .shown import by

__all__ = ["Finding", "Way", "headline"]


@dataclass(frozen=True)
class Way:
    """A repair at the layer that reports; ``output`` is the shape that convsolve's own rule gives with it."""

    change: str
    output: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.change}: the output is then {by(self.output)}" if self.output else self.change


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One message, explained.

    Args:
        complaint: the facts in the message.
        code: the rule that is broken (CS001 ...), empty where none of ours stands behind the message.
        layer: the layer that reports, where the text names it.
        headline: what is impossible, in one line.
        arithmetic: the formula with the numbers in it, by how much it misses.
        meaning: what that means, in a sentence or two.
        ways: the repairs at that layer, each computed again by convsolve's operators.
        needs: the smallest sizes at the layer's input that work, by axis if they differ.
        notes: what else is worth knowing, such as what a framework does silently.
        causes: what may stand behind it, each with what would decide.
        asks: what the text does not carry, and what to send.
    """

    complaint: Complaint
    code: str = ""
    layer: str = ""
    headline: str = ""
    arithmetic: str = ""
    meaning: str = ""
    ways: tuple[Way, ...] = ()
    needs: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [self.headline]
        lines += [f"  {line}" for line in (self.arithmetic, self.meaning) if line]
        if self.complaint.where:
            lines.append(f"  in your program: {self.complaint.where}")
        for title, entries in _SECTIONS.items():
            found = entries(self)
            lines += [f"  {title}", *(f"    - {entry}" for entry in found)] if found else []
        if self.needs:
            lines.append(f"  the smallest input there that works: {by(self.needs)}")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


_SECTIONS: dict[str, Callable[[Finding], list[str]]] = {
    "repairs at this layer, each computed with convsolve's own rules:": lambda f: [str(w) for w in f.ways],
    "what may stand behind it:": lambda f: list(f.causes),
    "what the text does not say:": lambda f: list(f.asks),
}


def headline(complaint: Complaint, code: str, failure: str = "") -> str:
    """Return what is impossible, where, with which numbers.

    >>> headline(Complaint(template="t", layer="conv2d_7", numbers={"window": 5, "padded": 1}), "CS001")
    'conv2d_7: CS001 the kernel does not fit the padded input: window=5, padded=1'
    """
    place = complaint.layer or complaint.node or ""
    says = RULES[code].message("", complaint.numbers) if code and not failure else failure
    return f"{place}: {code} {says}" if place and code else f"{place}: {says}" if place else f"{code} {says}".strip()
