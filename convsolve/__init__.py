"""Design, check and repair convolutional networks with a constraint solver.

Importing this package is cheap: each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .dims import Domain, all_of, any_of, eq, hole, maximum, minimum, where
    from .errors import ConvsolveError, FileError, NetworkError, UnreadableError
    from .files import dump, parse
    from .frameworks.torch import from_torch
    from .network import Layer, Network
    from .problem import Objective, Problem
    from .queries.check import CheckReport, Failure, check
    from .queries.pareto import Front, pareto
    from .queries.relax import Relaxation
    from .queries.synthesize import Infeasible, Solution, Unknown, solutions, solve
    from .sources import load

__version__ = "0.1.0"

_PLACES = {
    "dims": ("Domain", "all_of", "any_of", "eq", "hole", "maximum", "minimum", "where"),
    "errors": ("ConvsolveError", "FileError", "NetworkError", "UnreadableError"),
    "files": ("dump", "parse"),
    "frameworks.torch": ("from_torch",),
    "network": ("Layer", "Network"),
    "problem": ("Objective", "Problem"),
    "queries.check": ("CheckReport", "Failure", "check"),
    "queries.pareto": ("Front", "pareto"),
    "queries.relax": ("Relaxation",),
    "queries.synthesize": ("Infeasible", "Solution", "Unknown", "solutions", "solve"),
    "sources": ("load",),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "CheckReport", "ConvsolveError", "Domain", "Failure", "FileError", "Front", "Infeasible", "Layer", "Network",
    "NetworkError", "Objective", "Problem", "Relaxation", "Solution", "Unknown", "UnreadableError", "all_of", "any_of",
    "check", "dump", "eq", "from_torch", "hole", "load", "maximum", "minimum", "operators", "pareto", "parse",
    "solutions", "solve", "where",
]


def __getattr__(name: str) -> Any:
    if name == "operators":
        return import_module(".operators", __name__)
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
