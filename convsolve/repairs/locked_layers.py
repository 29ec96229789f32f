"""Locks: the layers that a repair must not touch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..errors import NetworkError
from ..network import Network
from ..support.suggestions import listed

__all__ = ["Locks"]

_WEIGHTS = ":weights"


@dataclass(frozen=True)
class Locks:
    """Patterns of layers' names: ``enc*`` locks all of a layer, ``enc*:weights`` what its weights depend on.

    >>> locks = Locks(("head", "enc*:weights"))
    >>> locks.everything("head"), locks.everything("enc1"), locks.weights("enc1"), locks.weights("dec1")
    (True, False, True, False)
    """

    patterns: tuple[str, ...] = ()

    @classmethod
    def read(cls, locked: str | Iterable[str], network: Network) -> Locks:
        """Read patterns, or raise NetworkError where one names no layer."""
        locks = cls((locked,) if isinstance(locked, str) else listed("locked", locked, "['conv1']"))
        for pattern in locks.patterns:
            if not any(fnmatchcase(name, str(pattern).removesuffix(_WEIGHTS)) for name in network.by_name):
                some = ", ".join(list(network.by_name)[:8])
                raise NetworkError(f"there is no layer {pattern!r} to be locked; there are {some}")
        return locks

    def everything(self, layer: str) -> bool:
        """Return whether nothing of a layer may change."""
        return any(fnmatchcase(layer, p) for p in self.patterns if not p.endswith(_WEIGHTS))

    def weights(self, layer: str) -> bool:
        """Return whether a layer keeps its weights, and so its kernel and its channels."""
        return self.everything(layer) or any(
            fnmatchcase(layer, p.removesuffix(_WEIGHTS)) for p in self.patterns if p.endswith(_WEIGHTS)
        )

    def allow(self, layers: Iterable[str]) -> bool:
        """Return whether none of some layers is locked."""
        return not any(self.everything(layer) for layer in layers)
