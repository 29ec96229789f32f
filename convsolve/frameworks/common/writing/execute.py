"""Running the source that a writer has written, so that what is given is what is shown."""

from __future__ import annotations

import hashlib
import linecache
from importlib import import_module
from typing import Any

from ....errors import FrameworkMissingError

__all__ = ["need", "run_source"]


def need(package: str) -> None:
    """Import a framework, before anything is done with it.

    Raises:
        FrameworkMissingError: it is not installed, or lacks what it runs on.

    >>> need("no_such_framework")
    Traceback (most recent call last):
    ...
    convsolve.errors.FrameworkMissingError: no_such_framework is needed: pip install no_such_framework
    """
    try:
        import_module(package)
    except ImportError as error:
        missing = error.name or package
        if missing.partition(".")[0] == package:
            raise FrameworkMissingError(f"{package} is needed: pip install {package}") from None
        advice = f"pip install {missing}"
        if package == "keras":
            advice += ", or set KERAS_BACKEND to torch or jax, which run it too"
        raise FrameworkMissingError(f"{package} needs {missing}, which is missing: {advice}") from None


def run_source(text: str) -> dict[str, Any]:
    """Run source written by a writer and return its names.

    Nothing of a file's text is in such source: it is made of numbers, of words from closed lists, and of
    identifiers made from names. Tracebacks show its lines.
    """
    name = f"<convsolve {hashlib.sha256(text.encode()).hexdigest()[:12]}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    space: dict[str, Any] = {"__name__": "convsolve_net"}
    exec(compile(text, name, "exec"), space)
    return space
