"""Imports of the user's own code: its neighbours are found as Python finds them, and stand in the way of nobody else.

``python nets.py`` looks for every module beside ``nets.py`` first. Here only imports that are written in the user's
folder do; for all others, convsolve's and the libraries' own, that folder comes last. So a ``click.py`` beside a
network is never taken for the library.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import FrameType, ModuleType
from typing import Any

__all__ = ["add_folder", "import_named"]

_LIBRARIES = frozenset({
    "click", "convsolve", "dask", "distributed", "h5py", "keras", "networkx", "numpy", "onnx", "optuna", "rich",
    "torch", "yaml", "z3",
})  # fmt: skip
"""What convsolve itself builds on, and so never takes from a user's folder."""

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class _Neighbours:
    """Finds the modules of users' folders for code that stands there."""

    def __init__(self) -> None:
        self.folders: list[str] = []

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """Return a neighbour of the importing code; None where there is none, or where the code is not a user's."""
        if path is not None or name in _LIBRARIES:
            return None
        importer = _importer()
        if importer == __file__:  # a module that the user names
            folders = self.folders[-1:]
        else:
            folders = [f for f in self.folders if _holds(f, importer)]
        found = PathFinder.find_spec(name, [max(folders, key=len)]) if folders else None
        return found if found is not None and found.has_location else None  # a mere folder is no rival to a module


def _importer() -> str:
    """Return the file in which the import stands that is going on."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and "importlib" in frame.f_code.co_filename:
        frame = frame.f_back
    return frame.f_code.co_filename if frame is not None else ""


def _holds(folder: str, file: str) -> bool:
    """Return whether a file is the user's own in a folder, and of no library that is kept in there, too."""
    inside = [p for p in (_PACKAGE, *sys.path) if p.startswith(folder + os.sep)]
    return file.startswith(folder + os.sep) and not any(file.startswith(p + os.sep) for p in inside)


_neighbours = _Neighbours()


def add_folder(folder: str) -> None:
    """Let the code that stands in a folder import what is beside it."""
    if folder in _neighbours.folders:
        _neighbours.folders.remove(folder)
    _neighbours.folders.append(folder)
    if folder not in sys.path:
        sys.path.append(folder)
    if _neighbours not in sys.meta_path:
        sys.meta_path.insert(0, _neighbours)


def import_named(name: str, folder: str) -> ModuleType:
    """Import a module that a user names: that of a folder, or else one that is installed."""
    add_folder(folder)
    return import_module(name)
