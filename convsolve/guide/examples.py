"""The examples: the files of ``problems/``, which an installed convsolve carries along."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConvsolveError
from ..files import load
from ..support.suggestions import nearest

__all__ = ["example", "examples"]

_PLACES = (Path(__file__).parent / "problems", Path(__file__).parents[2] / "problems")
"""Where they stand when convsolve is installed, and in a checkout."""


def _files() -> dict[str, Path]:
    folder = next((place for place in _PLACES if place.is_dir()), None)
    if folder is None:
        raise ConvsolveError("this installation has no examples")
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix in (".yaml", ".toml", ".json")}


def examples() -> dict[str, str]:
    """Return what each example is about, by name.

    >>> examples()["how_deep"][:24]
    'Stack as many blocks of '
    """
    return {name: load(path).description.partition(". ")[0].strip().rstrip(".") for name, path in _files().items()}


def example(name: str) -> str:
    """Return the text of an example.

    Raises:
        ConvsolveError: there is no such example.
    """
    known = _files()
    if name not in known:
        raise ConvsolveError(f"there is no example {name!r}{nearest(name, known, listed=len(known))}")
    return known[name].read_text(encoding="utf-8")
