"""Design, check and repair convolutional networks with a constraint solver.

Importing this package is cheap: each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
"""As in ``typing``, which ``python -m convsolve`` would look for in the current folder here (see ``__main__``)."""

if TYPE_CHECKING:
    from typing import Any

    from .dims import Domain, all_of, any_of, eq, hole, maximum, minimum, where
    from .dims.sizeset import SizeSet
    from .errors import ConvsolveError, FileError, NetworkError, UndecidedError, UnreadableError, WorkersError
    from .files import dump, parse
    from .frameworks import code, to_keras, to_onnx, to_torch
    from .frameworks.keras import from_keras
    from .frameworks.onnx import from_onnx
    from .frameworks.torch import from_torch
    from .live import explaining, install, load_ipython_extension
    from .network import Layer, Network
    from .pictures import Picture, draw
    from .problem import Objective, Problem
    from .queries.check import CheckReport, Failure, check
    from .queries.compare import Comparison, compare
    from .queries.counterexample import Counterexample, counterexample
    from .queries.diagnose import Cause, diagnose
    from .queries.explain import Explanation, explain
    from .queries.lint import LintReport, lint
    from .queries.opening import open  # noqa: F401  # no name of `import *`
    from .queries.pareto import Front, pareto
    from .queries.relax import Relaxation
    from .queries.repair import Repair, repair
    from .queries.sizes import ValidSizes, valid_sizes
    from .queries.smallest import minimum_input, smallest_input
    from .queries.synthesize import Infeasible, Solution, Unknown, solutions, solve
    from .sources import load
    from .space import Bin, Count, Evaluation, LocalPool, Neighbour, Samples, Space

__version__ = "0.1.0"

_PLACES = {
    "dims": ("Domain", "all_of", "any_of", "eq", "hole", "maximum", "minimum", "where"),
    "dims.sizeset": ("SizeSet",),
    "errors": ("ConvsolveError", "FileError", "NetworkError", "UndecidedError", "UnreadableError", "WorkersError"),
    "files": ("dump", "parse"),
    "frameworks": ("code", "to_keras", "to_onnx", "to_torch"),
    "frameworks.keras": ("from_keras",),
    "frameworks.onnx": ("from_onnx",),
    "frameworks.torch": ("from_torch",),
    "live": ("explaining", "install", "load_ipython_extension"),
    "network": ("Layer", "Network"),
    "pictures": ("Picture", "draw"),
    "problem": ("Objective", "Problem"),
    "queries.check": ("CheckReport", "Failure", "check"),
    "queries.compare": ("Comparison", "compare"),
    "queries.counterexample": ("Counterexample", "counterexample"),
    "queries.explain": ("Explanation", "explain"),
    "queries.diagnose": ("Cause", "diagnose"),
    "queries.lint": ("LintReport", "lint"),
    "queries.opening": ("open",),
    "queries.pareto": ("Front", "pareto"),
    "queries.relax": ("Relaxation",),
    "queries.repair": ("Repair", "repair"),
    "queries.sizes": ("ValidSizes", "valid_sizes"),
    "queries.smallest": ("minimum_input", "smallest_input"),
    "queries.synthesize": ("Infeasible", "Solution", "Unknown", "solutions", "solve"),
    "sources": ("load",),
    "space": ("Bin", "Count", "Evaluation", "LocalPool", "Neighbour", "Samples", "Space"),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "Bin", "Cause", "CheckReport", "Comparison", "ConvsolveError", "Count", "Counterexample", "Domain",
    "Evaluation", "Explanation", "Failure", "FileError", "Front", "Infeasible", "Layer", "LintReport", "LocalPool",
    "Neighbour", "Network", "NetworkError", "Objective", "Picture", "Problem", "Relaxation", "Repair", "Samples",
    "SizeSet", "Solution", "Space", "UndecidedError", "Unknown", "UnreadableError", "ValidSizes", "WorkersError",
    "all_of", "any_of", "check", "code", "compare", "counterexample", "diagnose", "draw", "dump", "eq", "explain",
    "explaining", "from_keras", "from_onnx", "from_torch", "hole", "install", "lint", "load", "load_ipython_extension",
    "maximum", "minimum", "minimum_input", "operators", "pareto", "parse", "repair", "smallest_input", "solutions",
    "solve", "to_keras", "to_onnx", "to_torch", "valid_sizes", "where",
]
"""All public names but ``open``, which ``from convsolve import *`` must not put in the place of Python's own."""


def __getattr__(name: str) -> Any:
    if name == "operators":
        return import_module(".operators", __name__)
    if name not in _MODULE_OF:
        from .words import nearest

        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{nearest(name, __all__, listed=0)}")
    value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
