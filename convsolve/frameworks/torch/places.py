"""Where in a program a call stands: files and lines, PyTorch's own and ours left out."""

from __future__ import annotations

import os
from types import FrameType

import torch

__all__ = ["is_program", "place_of", "shortened"]

_PYTORCH = os.path.dirname(torch.__file__) + os.sep
_OURS = os.path.dirname(__file__) + os.sep


def place_of(frame: FrameType | None) -> str:
    """Return the file and line of the program in which a frame stands: PyTorch's and our own are left out."""
    while frame is not None and not is_program(frame):
        frame = frame.f_back
    return "" if frame is None else f"{shortened(frame.f_code.co_filename)}:{frame.f_lineno}"


def is_program(frame: FrameType) -> bool:
    """Return whether a frame is one of the program's, not PyTorch's or our own."""
    return not frame.f_code.co_filename.startswith((_PYTORCH, _OURS, "<"))


def shortened(path: str) -> str:
    """Return a path as seen from the working directory, or inside the package that is installed."""
    _, packages, inside = path.rpartition("site-packages" + os.sep)
    if packages:
        return inside
    here = os.getcwd() + os.sep
    return path.removeprefix(here)
