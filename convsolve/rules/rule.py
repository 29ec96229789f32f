"""What a rule is: a kind of requirement with a stable code, and the page that explains it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Rule"]


@dataclass(frozen=True)
class Rule:
    """A kind of requirement: its stable code, its name, and what to say when it fails.

    ``demand`` names the requirement (it stands in unsat cores), ``failure`` says what is wrong when it does not hold
    (it opens a finding). ``meaning`` and ``mend`` are its page, for someone whose network breaks it.

    ``example`` is a problem file that fails with the rule and nothing else; with ``wrong`` replaced by ``right`` it
    holds. What only programs do, no problem file can, and has no example.

    ``poisons``: sizes computed from the same numbers mean nothing once the rule has failed, so that
    failures further down which rest on them are not reported as independent.
    ``decides``: where the rule fails, the network fails. Otherwise nothing is known there: neither that it
    works nor that it does not.
    """

    code: str
    demand: str
    failure: str
    meaning: str = field(default="", repr=False)
    mend: str = field(default="", repr=False)
    example: str = field(default="", repr=False)
    wrong: str = field(default="", repr=False)
    right: str = field(default="", repr=False)
    poisons: bool = True
    decides: bool = True

    def __hash__(self) -> int:
        return hash(self.code)

    def message(self, axes: str, values: Mapping[str, object]) -> str:
        """Return the sentence of a failure: what is wrong, along which axes, with which numbers.

        >>> from convsolve.rules import KERNEL_FITS
        >>> KERNEL_FITS.message("height", {"window": 3, "padded": 1})
        'the kernel does not fit the padded input (height): window=3, padded=1'
        """
        shown = ", ".join(f"{name}={value}" for name, value in values.items())
        return f"{self.failure}{f' ({axes})' if axes else ''}{f': {shown}' if shown else ''}"

    @property
    def gist(self) -> str:
        """The first sentence of the meaning."""
        return re.split(r"(?<=\.)\s+(?=[A-Z(])", self.meaning, maxsplit=1)[0]

    @property
    def mended(self) -> str:
        """The example with its mistake mended."""
        return self.example.replace(self.wrong, self.right)
