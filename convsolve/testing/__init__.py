"""Tools for tests: hypothesis strategies that draw networks and inputs, and an assertion about sizes.

Importing this package is cheap; hypothesis is loaded when a strategy is first made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .assertions import assert_accepts

if TYPE_CHECKING:
    from .strategies import architectures, input_shapes, invalid_input_shapes, just_invalid

__all__ = ["architectures", "assert_accepts", "input_shapes", "invalid_input_shapes", "just_invalid"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        strategies = import_module(".strategies", __name__)
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ModuleNotFoundError(f"convsolve.testing.{name} needs hypothesis: pip install 'convsolve[hypothesis]'",
                                  name="hypothesis") from None  # fmt: skip
    return getattr(strategies, name)
