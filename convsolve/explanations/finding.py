"""What one message means: the arithmetic, the repairs at that layer, and what the text leaves open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..messages import ParsedError
from ..problem import Problem
from ..repairs.difference import edits_between
from ..repairs.edits import Edit, touched
from ..rules import RULES
from .single_layer import LayerTrial
from .wording import by

__all__ = ["ExplainedMessage", "Fix", "headline", "mends"]


@dataclass(frozen=True)
class Fix:
    """A repair at the layer that reports.

    It is ``edits``, as those of :func:`convsolve.repair`, of the layer as the text describes it; ``sketch`` is the
    small network that they make, which was checked. ``change`` says them in the words of the framework, and ``output``
    is the shape that convsolve's own rule gives with them, as far as the text tells it.
    """

    change: str
    output: tuple[int, ...]
    sketch: Problem = field(compare=False, repr=False)
    edits: tuple[Edit, ...]

    @property
    def cost(self) -> tuple[int, int]:
        """How many layers are touched, and the ranks of what is done to them, by which repairs are compared."""
        return touched(self.edits)

    def __str__(self) -> str:
        return f"{self.change}: the output is then {by(self.output)}" if self.output else self.change


def mends(change: str, now: LayerTrial | None, trial: LayerTrial, output: Sequence[int] | None = None) -> list[Fix]:
    """Return what makes a layer of what it is now as a repair, if it works then.

    Args:
        change: what is done, in the words of the framework.
        now: the layer as it is, of the same inputs as far as these are kept.
        trial: the layer with the change made.
        output: what is known of what comes out; by default all of it.
    """
    if trial.problem is None or not trial.ok:
        return []
    edits = edits_between(now.problem if now is not None else None, trial.problem)
    return [Fix(change, trial.output if output is None else tuple(output), trial.problem, edits)] if edits else []


@dataclass(frozen=True, kw_only=True)
class ExplainedMessage:
    """One message, explained.

    Args:
        complaint: the facts in the message.
        code: the rule that is broken (CS001 ...), empty where none of ours stands behind the message.
        layer: the layer that reports, by default as the text names it.
        headline: what is impossible, in one line; by default what the rule says, with the numbers of the message.
        arithmetic: the formula with the numbers in it, by how much it misses.
        meaning: what that means, in a sentence or two; by default what the rule wants.
        ways: the repairs at that layer, each computed again by convsolve's operators.
        needs: the smallest sizes at the layer's input that work, by axis if they differ.
        notes: what else is worth knowing, such as what a framework does silently.
        causes: what may stand behind it, each with what would decide.
        asks: what the text does not carry, and what to send.
        mend: how it is mended in general, shown where there are no repairs with numbers; by default what the page of
            the rule says.
        sketch: the layer as the text describes it, which fails; None where the text does not carry enough.
    """

    complaint: ParsedError
    code: str = ""
    layer: str = ""
    headline: str = ""
    arithmetic: str = ""
    meaning: str | None = None
    ways: tuple[Fix, ...] = ()
    needs: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    mend: str | None = None
    sketch: Problem | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Fill in what the message and the rule say by themselves."""
        if not self.layer:
            object.__setattr__(self, "layer", self.complaint.layer or "")
        if not self.headline:
            object.__setattr__(self, "headline", headline(self.complaint, self.code))
        if self.meaning is None:
            object.__setattr__(self, "meaning", RULES[self.code].gist if self.code else "")
        if self.mend is None:
            object.__setattr__(self, "mend", RULES[self.code].mend if self.code else "")

    def __str__(self) -> str:
        lines = [self.headline]
        lines += [f"  {line}" for line in (self.arithmetic, self.meaning) if line]
        if self.complaint.where:
            lines.append(f"  in your program: {self.complaint.where}")
        if self.needs:
            shape = self.complaint.padded or self.complaint.sizes or ()
            along = " on that axis" if len(self.needs) == 1 != len(shape) else ""
            lines.append(f"  the smallest input there that works: {by(self.needs)}{along}")
        if self.mend and not self.ways:
            lines.append(f"  to mend it: {self.mend}")
        for title, entries in _SECTIONS.items():
            found = entries(self)
            lines += [f"  {title}", *(f"    - {entry}" for entry in found)] if found else []
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


_SECTIONS: dict[str, Callable[[ExplainedMessage], list[str]]] = {
    "repairs at this layer, each computed with convsolve's own rules:": lambda f: [str(w) for w in f.ways],
    "what may stand behind it:": lambda f: list(f.causes),
    "what the text does not say:": lambda f: list(f.asks),
}


def headline(complaint: ParsedError, code: str, numbers: Mapping[str, int] | None = None, *, failure: str = "") -> str:
    """Return what is impossible, where, with which numbers: those of the message or others.

    >>> headline(ParsedError(template="t", layer="conv2d_7", numbers={"window": 5, "padded": 1}), "CS001")
    'conv2d_7: CS001 the kernel does not fit the padded input: window=5, padded=1'
    """
    place = (complaint.layer or complaint.node or "").lstrip(":")  # two of which begin a command of a build's log
    says = failure or (RULES[code].message("", complaint.numbers if numbers is None else numbers) if code else "")
    return ": ".join(part for part in (place, f"{code} {says}".strip()) if part)
