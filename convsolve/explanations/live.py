"""Explanations where people are: under a live error, in a program, a notebook or an interactive session."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO

from ..errors import NetworkError
from ..support.caller_errors import pass_on
from ..support.suggestions import quoted

__all__ = ["explaining", "install", "installed", "load_ipython_extension", "say", "uninstall",
           "unload_ipython_extension"]  # fmt: skip


def say(error: BaseException, stream: TextIO | None = None) -> bool:
    """Print the explanation of a shape error on standard error, or nothing if it is none; return whether it was.

    It never raises: a failure of the explanation itself is one line.

    >>> say(KeyError("learning_rate"))
    False
    """
    out = stream or sys.stderr
    try:
        from .explain import explain

        found = explain(error)
        if not found.understood:
            return False
        print(f"\n-- convsolve explains --\n{found}", file=out)
    except Exception as problem:  # whatever goes wrong here must not stand in the way of the error itself
        pass_on(problem, within=error)
        try:
            print(f"convsolve: no explanation ({type(problem).__name__})", file=out)
        except Exception:  # nothing can be printed
            return False
    return True


@contextmanager
def explaining() -> Iterator[None]:
    """Explain a shape error that comes out of a block, on standard error; the error itself goes on as it is.

    >>> with explaining():
    ...     shape = (3, 28, 28)
    """
    try:
        yield
    except Exception as error:
        say(error)
        raise


_before: list[Any] = []
"""The hook that was there before install()."""


def install() -> None:
    """Explain every shape error that ends the program, or a cell of a notebook, below its traceback.

    In IPython and Jupyter, ``%load_ext convsolve`` does the same.
    """
    shell = _shell()
    if shell is not None:
        load_ipython_extension(shell)
    elif not installed():
        _before.append(sys.excepthook)
        sys.excepthook = _hook


def uninstall() -> None:
    """Take back what :func:`install` did, unless another hook was put in its place since."""
    shell = _shell()
    if shell is not None:
        unload_ipython_extension(shell)
    elif installed():
        sys.excepthook = _before.pop()


def installed() -> bool:
    """Return whether errors that end the program are explained already."""
    return sys.excepthook is _hook


def _hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    before = _before[-1] if _before else sys.__excepthook__
    before(kind, error, traceback)
    if isinstance(error, Exception):
        say(error)


def _shell() -> Any:
    """Return the running IPython shell, or None."""
    ipython = sys.modules.get("IPython")
    get = getattr(ipython, "get_ipython", None)
    return get() if get is not None else None


def load_ipython_extension(shell: Any) -> None:
    """Explain shape errors in the cells of an IPython shell (``%load_ext convsolve``)."""
    if not hasattr(shell, "set_custom_exc"):
        raise NetworkError(f"this is for IPython's %load_ext, which gives its shell, got {quoted(shell)}")

    def handler(
        shell: Any, kind: type[BaseException], error: BaseException, traceback: Any, tb_offset: Any = None
    ) -> None:
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
        say(error)

    shell.set_custom_exc((Exception,), handler)


def unload_ipython_extension(shell: Any) -> None:
    """Take back what :func:`load_ipython_extension` did."""
    shell.set_custom_exc((), None)
