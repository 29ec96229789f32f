"""A Python file whose networks a project names: what editors show of it, found by another process.

The file is imported, and so run: only where ``[tool.convsolve]`` names it as a source, and never in the process that
speaks with the editor. ``python -m convsolve.editor.python_text FILE`` prints what was found as JSON.
"""

from __future__ import annotations

import ast
import functools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

__all__ = ["shown_of"]

_SECONDS = 60.0
_NOTHING: dict[str, Any] = {"hints": [], "findings": [], "fixes": []}


def shown_of(path: Path) -> dict[str, Any]:
    """Return the hints, findings and fixes of a Python file; nothing where no project names it.

    Hints are pairs of a line and a text, findings have line, code and message, fixes a title and the new text of the
    file. Lines count from 0.
    """
    from ..errors import ConvsolveError
    from ..project import find_project

    try:
        file = find_project(path.parent)
    except ConvsolveError:
        return _NOTHING
    if file is None or path.stem not in file.read_text(encoding="utf-8", errors="replace"):
        return _NOTHING
    command = [sys.executable, "-m", "convsolve.editor.python_text", str(path)]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
        found: dict[str, Any] = json.loads(ran.stdout.rpartition("\n\0")[2])
    except (subprocess.TimeoutExpired, ValueError):
        return _NOTHING
    return found


def _look(path: Path) -> dict[str, Any]:
    """Read and check every network of the project that comes from a file."""
    from ..errors import ConvsolveError
    from ..project import find_project, read_project
    from ..sources import named_by

    found: dict[str, Any] = {"hints": [], "findings": [], "fixes": []}
    file = find_project(path.parent)
    if file is None:
        return found
    project = read_project(file)
    for declared in project.networks:
        named = named_by(declared.source)
        place = project.folder / named.head
        if not named.attribute or not place.exists() or not place.samefile(path):
            continue
        try:
            again = functools.partial(_again, f"{place}:{named.attribute}", declared)
            _see(again({}, own=False), again, path, found)
        except ConvsolveError as error:
            found["findings"].append({"line": 0, "code": "", "message": f"{declared.name}: {error}"})
    return found


def _again(source: str, declared: Any, texts: Mapping[Path, str], own: bool) -> Any:
    """Read a declared network with other texts of its files, for the input that it states, or that is declared."""
    from ..sources import edited, load

    with edited(texts) if texts else nullcontext():
        return load(source, input_shape=None if own else declared.input_shape, arguments=declared.arguments)


def _see(problem: Any, again: Any, path: Path, found: dict[str, Any]) -> None:
    from ..checks.check import check
    from ..checks.text import shape
    from ..repairs.repair import repair
    from ..repairs.tried_patches import first_that_does

    report = check(problem)
    made = dict(_made(path))
    lines: dict[int, list[str]] = {}
    for row in report.rows:
        line = _line(problem.network.by_name[row.layer].source, path)
        for at in {line, made.get(row.layer)} - {None}:
            texts = lines.setdefault(at, [])  # type: ignore[arg-type]
            if (text := shape(row.shape)) not in texts[-1:]:
                texts.append(text)
    found["hints"] += [[line, f"→ {' → '.join(texts)}"] for line, texts in sorted(lines.items())]
    for failure in report.failures:
        line = _line(problem.network.by_name[failure.layer].source, path) if failure.layer else None
        found["findings"].append(
            {"line": line or 0, "code": failure.code, "message": f"{failure.layer}: {failure.message}"}
        )
    for one in repair(problem, limit=3, timeout=10) if report.failures else ():
        tried = first_that_does(problem.network, [one], again, folder=path.parent)
        after = tried.patch.after if tried.patch is not None else {}
        if len(after) == 1 and next(iter(after)).samefile(path):
            found["fixes"].append({"title": str(one), "text": next(iter(after.values()))})


def _line(source: str, path: Path) -> int | None:
    """Return the line, counted from 0, that a layer comes from, if it is one of a file."""
    name, _, line = source.rpartition(":")
    return int(line) - 1 if line.isdecimal() and Path(name).name == path.name else None


def _made(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the attributes that classes of a file give themselves, ``self.stem = ...``, with their lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                    yield target.attr, node.lineno - 1


if __name__ == "__main__":
    print("\n\0" + json.dumps(_look(Path(sys.argv[1]))), end="")
