"""The house: imports run downward, heavy packages are loaded late, the public names are the ones promised."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import convsolve

PACKAGE = Path(convsolve.__file__).parent

FLOORS = [
    {"support.foreign_text"},
    {"errors"},
    {"support"},
    {"dims"},
    {"rules"},
    {"operators", "vocabulary"},
    {"network"},
    {"lints"},
    {"problem"},
    {"messages"},
    {"files", "solver", "frameworks.common"},
    {"frameworks.torch"},
    {"frameworks.keras", "frameworks.onnx"},
    {"frameworks"},
    {"sources", "guide"},
    {"checks"},
    {"sizes"},
    {"synthesis"},
    {"repairs"},
    {"diagnosis"},
    {"explanations"},
    {"project"},
    {"editor"},
    {"space"},
    {"pictures"},
    {"cli", "testing"},
    {"__init__", "__main__"},
]
"""The rooms from the ground up: a room imports from its own floor's folder and from floors below."""

ONLY_IN = {
    "hypothesis": "testing", "pytest": "testing", "z3": "solver", "click": "cli", "rich": "cli", "yaml": "files",
    "torch": "frameworks/torch", "keras": "frameworks/keras", "onnx": "frameworks/onnx", "h5py": "frameworks/keras",
    "optuna": "space", "distributed": "space", "resvg_py": "pictures", "pygls": "editor", "lsprotocol": "editor", "markdown_it": "guide",
}  # fmt: skip


def room(parts: list[str]) -> str:
    """Return the room that a path of names leads to: a folder, a module, or a module with a floor of its own."""
    named = ".".join(parts[:2])
    return named if any(named in names for names in FLOORS) else parts[0]


def rooms() -> dict[Path, str]:
    return {path: room(list(path.relative_to(PACKAGE).with_suffix("").parts)) for path in PACKAGE.rglob("*.py")}


def imports(path: Path) -> list[tuple[str, bool]]:
    """Return the rooms of convsolve that a module imports, and packages from outside (marked True)."""
    inside = path.relative_to(PACKAGE).parts
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name.partition(".")[0], True) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append((str(node.module).partition(".")[0], True))
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level]
            target = [*base, *(node.module.split(".") if node.module else [])]
            found += [(room([*target, alias.name]), False) for alias in node.names]
    return found


def floor(name: str) -> int:
    return next(i for i, names in enumerate(FLOORS) if name in names)


def test_every_room_has_a_floor():
    assert set(rooms().values()) == set().union(*FLOORS)


def test_imports_run_downward():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path, own in rooms().items()
        for name, outside in imports(path)
        if not outside and name != own and floor(name) >= floor(own)
    ]
    assert not wrong


def test_heavy_packages_stay_in_their_rooms():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in rooms()
        for name, outside in imports(path)
        if outside and name in ONLY_IN and not path.is_relative_to(PACKAGE / ONLY_IN[name])
    ]
    assert not wrong


def loaded_after(code: str) -> set[str]:
    probe = f"{code}\nimport sys\nprint(*{{m.partition('.')[0] for m in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(result.stdout.split()[-2000:])


def test_importing_is_light():
    assert not loaded_after("import convsolve") & {
        "z3",
        "numpy",
        "networkx",
        "yaml",
        "click",
        "rich",
        "torch",
        "keras",
        "onnx",
    }


def test_the_probe_can_see_a_heavy_import():
    assert "numpy" in loaded_after("import convsolve, numpy")


def test_checking_a_file_needs_neither_z3_nor_a_framework(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("input: [1, 5, 5]\nlayers: [{max_pool: {kernel_size: 2}}]\n")
    code = f"import convsolve as cs; cs.check(cs.load({str(path)!r}))"
    assert not loaded_after(code) & {"z3", "torch", "keras", "onnx"}


def test_the_surface():
    for name in convsolve.__all__:
        assert getattr(convsolve, name) is not None
    assert set(convsolve.__all__) >= {"load", "check", "solve", "solutions", "Solution", "Infeasible", "Unknown"}
    with pytest.raises(AttributeError):
        convsolve.no_such_name  # noqa: B018


def test_modules_say_what_they_are_for_and_what_they_offer():
    for path in rooms():
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        if path.name != "__main__.py":
            assert any(isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "__all__" for n in tree.body) \
                or (ast.get_docstring(tree) and len(tree.body) <= 2), path  # fmt: skip


@pytest.mark.parametrize("name", ["solver", "space", "frameworks/torch"])
def test_a_hard_room_names_all_its_modules(name):
    told = set(re.findall(r"`(\w+\.py)`", (PACKAGE / name / "README.md").read_text()))
    assert told == {path.name for path in (PACKAGE / name).glob("*.py")} - {"__init__.py"}


def test_the_picture_of_the_house_has_every_room():
    picture = (PACKAGE / "guide" / "house.md").read_text()
    drawn = set(re.findall(r"^      (\w+)(?:/|\.py) ", picture, re.MULTILINE))
    assert drawn == {name.partition(".")[0] for names in FLOORS for name in names} - {"__init__", "__main__"}
