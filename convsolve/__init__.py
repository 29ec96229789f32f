"""Design, check and repair convolutional networks with a constraint solver.

Importing this package is cheap: each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
"""As in ``typing``, which ``python -m convsolve`` would look for in the current folder here (see ``__main__``)."""

if TYPE_CHECKING:
    from . import operators
    from .checks.check import CheckReport, Failure, check
    from .checks.lint import LintReport, lint
    from .checks.summary import Summary, summary
    from .diagnosis.diagnose import Cause, diagnose
    from .dims import Domain, all_of, any_of, eq, hole, maximum, minimum, where
    from .dims.sizeset import SizeSet
    from .errors import ConvsolveError, FileError, NetworkError, UndecidedError, UnreadableError, WorkersError
    from .explanations.explain import Explanation, explain
    from .explanations.live import explaining, install, load_ipython_extension
    from .files import dump, parse
    from .frameworks import code, to_keras, to_onnx, to_torch
    from .frameworks.keras import from_keras
    from .frameworks.onnx import from_onnx
    from .frameworks.torch import from_torch
    from .network import Layer, Network
    from .pictures import Picture, draw
    from .problem import Objective, Problem
    from .repairs.repair import Repair, repair
    from .sizes.compare import Comparison, compare
    from .sizes.counterexample import Counterexample, counterexample
    from .sizes.valid_sizes import ValidSizes, valid_sizes
    from .sources import load
    from .space import Bin, Count, Evaluation, LocalPool, Neighbour, Samples, Space
    from .synthesis.open_parameters import open  # noqa: F401  # no name of `import *`
    from .synthesis.pareto import Front, pareto
    from .synthesis.relax import Relaxation
    from .synthesis.smallest_input import minimum_input, smallest_input
    from .synthesis.solve import Infeasible, Solution, Unknown, solutions, solve

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
    "explanations.live": ("explaining", "install", "load_ipython_extension"),
    "network.network": ("Layer", "Network"),
    "pictures": ("Picture", "draw"),
    "problem": ("Objective", "Problem"),
    "checks.check": ("CheckReport", "Failure", "check"),
    "sizes.compare": ("Comparison", "compare"),
    "sizes.counterexample": ("Counterexample", "counterexample"),
    "explanations.explain": ("Explanation", "explain"),
    "diagnosis.diagnose": ("Cause", "diagnose"),
    "checks.lint": ("LintReport", "lint"),
    "checks.summary": ("Summary", "summary"),
    "synthesis.open_parameters": ("open",),
    "synthesis.pareto": ("Front", "pareto"),
    "synthesis.relax": ("Relaxation",),
    "repairs.repair": ("Repair", "repair"),
    "sizes.valid_sizes": ("ValidSizes", "valid_sizes"),
    "synthesis.smallest_input": ("minimum_input", "smallest_input"),
    "synthesis.solve": ("Infeasible", "Solution", "Unknown", "solutions", "solve"),
    "sources": ("load",),
    "space": ("Bin", "Count", "Evaluation", "LocalPool", "Neighbour", "Samples", "Space"),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "Bin",
    "Cause",
    "CheckReport",
    "Comparison",
    "ConvsolveError",
    "Count",
    "Counterexample",
    "Domain",
    "Evaluation",
    "Explanation",
    "Failure",
    "FileError",
    "Front",
    "Infeasible",
    "Layer",
    "LintReport",
    "LocalPool",
    "Neighbour",
    "Network",
    "NetworkError",
    "Objective",
    "Picture",
    "Problem",
    "Relaxation",
    "Repair",
    "Samples",
    "SizeSet",
    "Solution",
    "Summary",
    "Space",
    "UndecidedError",
    "Unknown",
    "UnreadableError",
    "ValidSizes",
    "WorkersError",
    "all_of",
    "any_of",
    "check",
    "code",
    "compare",
    "counterexample",
    "diagnose",
    "draw",
    "dump",
    "eq",
    "explain",
    "explaining",
    "from_keras",
    "from_onnx",
    "from_torch",
    "hole",
    "install",
    "lint",
    "load",
    "load_ipython_extension",
    "maximum",
    "minimum",
    "minimum_input",
    "operators",
    "pareto",
    "parse",
    "repair",
    "smallest_input",
    "solutions",
    "solve",
    "summary",
    "to_keras",
    "to_onnx",
    "to_torch",
    "valid_sizes",
    "where",
]
"""All public names but ``open``, which ``from convsolve import *`` must not put in the place of Python's own."""


if not TYPE_CHECKING:  # which would take any name for one that there is

    def __getattr__(name):
        if name == "operators":
            return import_module(".operators", __name__)
        if name not in _MODULE_OF:
            from .support.suggestions import nearest

            raise AttributeError(f"module {__name__!r} has no attribute {name!r}{nearest(name, __all__, listed=0)}")
        value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
