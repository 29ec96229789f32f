"""The modules of Python that are loaded: each recording asks for them, and a process may hold thousands."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["loaded"]

_LAST: tuple[list[int], list[Any], list[tuple[str, dict[str, Any]]]] = ([], [], [])
"""The identities of the modules when they were last gone through, the modules, which keep them, and what was found."""


def loaded() -> list[tuple[str, dict[str, Any]]]:
    """Return of each loaded module the package that it is in, and its global names.

    >>> import fractions
    >>> ("fractions", vars(fractions)) in loaded()
    True
    """
    global _LAST
    modules = list(sys.modules.items())
    identities = [id(module) for _, module in modules]
    if identities != _LAST[0]:
        _LAST = (
            identities,
            [module for _, module in modules],
            [
                (name.partition(".")[0], module.__dict__)
                for name, module in modules
                if isinstance(getattr(module, "__dict__", None), dict)
            ],
        )
    return _LAST[2]
