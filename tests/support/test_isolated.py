"""Nothing in the current folder is taken for a library, in this process and in all that it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

import convsolve as cs
from convsolve import sources
from convsolve.support import isolated
from convsolve.support import user_imports as neighbours
from tests.audit import audited

ROOT = Path(__file__).parents[2]

NAMES = (
    "click", "convsolve_", "dask", "dataclasses", "difflib", "distributed", "fcntl_", "fractions", "hashlib", "html",
    "http", "json", "keras", "logging", "multiprocessing", "networkx", "numpy", "onnx", "pickle", "queue", "random",
    "resource_", "rich", "runpy", "secrets", "shlex", "signal_", "sitecustomize_", "socketserver", "statistics",
    "subprocess", "tempfile", "threading", "tomllib", "torch", "traceback", "typing", "usercustomize_", "yaml", "z3",
)  # fmt: skip
"""What convsolve and Python import, some late, each of which lies in the current folder, too."""

PROBLEM = "input: [1, 12, 12]\nlayers:\n  - conv: {out_channels: 4|8, kernel_size: 1..5}\n"

NETS = """
import helper
from click import mine

class Net(helper.Base):
    pass
"""
HELPER = """
import statistics
from torch import nn
assert statistics.OWN

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        from late import kernel
        self.conv = nn.Conv2d(1, 2, kernel)

    def forward(self, x):
        from later import twice
        return twice(self.conv(x))
"""


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "work"
    found.mkdir()
    (found / "net.yaml").write_text(PROBLEM)
    (found / "fixed.yaml").write_text("input: [1, 2, 2]\nlayers: [{conv: {out_channels: 4, kernel_size: 3}}]\n")
    for name in NAMES:
        (found / f"{name}.py").write_text("raise SystemExit('taken for a library')\n")
    return found


@pytest.mark.parametrize("words", [
    ["check", "fixed.yaml"], ["draw", "net.yaml", "--solve"], ["sizes", "fixed.yaml"], ["sample", "net.yaml"],
    ["enumerate", "net.yaml", "--workers", "2"], ["repair", "fixed.yaml", "--write"], ["explain", "x"],
])  # fmt: skip
def test_commands_run_nothing_and_write_nothing(folder, words):
    audit = audited(folder)
    result = audit.run(*words)
    assert result.returncode == {"check": 1, "explain": 3, "repair": 2}.get(words[0], 0), result.stderr
    assert audit.events == [] and audit.processes >= (3 if "--workers" in words else 1), audit.events
    assert "taken for" not in result.stderr


def test_the_audit_sees(tmp_path):
    folder = tmp_path / "loud"
    folder.mkdir()
    (folder / "loud.py").write_text(
        "import os, subprocess\nos.system('true')\nsubprocess.run(['true'])\nopen('x', 'w')\n"
    )
    audit = audited(folder)
    audit.run("check", "loud.py:x")
    kinds = {event.partition(":")[0] for event in audit.events}
    assert kinds == {"code", "process", "write"}


def page(address: str, **headers: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=60) as answer:
        return answer.read().decode()


def test_serve_runs_nothing(folder):
    audit = audited(folder)
    with audit.started("serve", "net.yaml", "--port", "0") as server:
        address = server.stdout.readline().split()[2]
        assert "conv1" in page(address) or "open" in page(address)
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 130 and server.stderr.read().strip() == "interrupted"
    assert audit.events == [] and audit.processes == 2


def test_drawing_ends_with_the_server(folder):
    (folder / "slow.py").write_text("import time, pathlib\npathlib.Path('begun').touch()\ntime.sleep(600)\n")
    audit = audited(folder)
    with audit.started("serve", "slow.py:Net", "--port", "0") as server:
        address = server.stdout.readline().split()[2]
        asking = subprocess.Popen([sys.executable, "-c", f"import urllib.request as r; r.urlopen('{address}')"],
                                  stderr=subprocess.DEVNULL)  # fmt: skip
        while not (folder / "begun").exists():
            time.sleep(0.05)
        children = psutil.Process(server.pid).children()
        server.kill()
        gone, _ = psutil.wait_procs(children, timeout=20)
        assert len(children) == 1 and all(c in gone or c.status() == psutil.STATUS_ZOMBIE for c in children)
        asking.wait(20)


def test_a_process_of_its_own_has_limits(tmp_path, monkeypatch):
    (tmp_path / "hungry.py").write_text("import sys\ndef main():\n    print(len(bytearray(int(sys.argv[1]) << 20)))\n")
    (tmp_path / "slow.py").write_text("import time\ndef main():\n    time.sleep(60)\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert isolated.run("hungry", "1", seconds=60, memory=1 << 29)[:2] == (0, f"{1 << 20}\n")
    code, _, said = isolated.run("hungry", "1000", seconds=60, memory=1 << 29)
    assert code == 1 and "MemoryError" in said
    with pytest.raises(TimeoutError, match=r"longer than 0.5 seconds"):
        isolated.run("slow", seconds=0.5, memory=1 << 29)


# -- what a SOURCE is


@pytest.mark.parametrize(("name", "kind"), [
    ("-", "file"), ("net.yaml", "file"), ("evil:x.yaml", "file"), ("evil:x.YML", "file"), ("evil:x.json", "file"),
    ("evil:x.toml", "file"), ("evil:x.onnx", "file"), ("evil:x.keras", "file"), ("evil:x.h5", "file"),
    ("evil:x.hdf5", "file"), ("evil:x.pt2", "file"), ("evil:x.pt", "file"), ("evil:x.pth", "file"),
    ("evil:x.py", "file"), ("evil:there", "file"), ("evil:folder", "file"), ("evil:dangling", "file"),
    ("evil:pipe", "file"), ("evil.py:there", "file"), ("evil", "file"), ("evil:", "file"), (":x", "file"),
    ("evil:x y", "file"), ("evil:1", "file"), ("a/evil:x", "file"), ("./evil:x", "file"), ("../evil:x", "file"),
    ("C:evil", "file"), ("C:\\evil:x", "file"), ("http://evil:x", "file"), ("evil::x", "file"), ("evil\n:x", "file"),
    ("evil.:x", "file"), (".evil:x", "file"), ("e-vil:x", "file"), ("evil:x/", "file"), ("evil:x.", "file"),
    ("x.yaml:y", "module"), ("evil\0:x", "file"), ("a:b:c", "file"),
    ("evil:x", "module"), ("evil.sub:x", "module"), ("evil:X.y", "module"), ("evil.py:x", "script"),
    ("a/evil.py:x", "script"), ("C:\\evil.py:x", "script"), ("/evil.py:X.y", "script"), ("nets.py:Net", "script"),
])  # fmt: skip
def test_what_a_source_is(tmp_path, monkeypatch, name, kind):
    monkeypatch.chdir(tmp_path)
    for there in ("evil:there", "evil.py:there"):
        Path(there).touch()
    Path("evil:folder").mkdir()
    Path("evil:dangling").symlink_to("nowhere")
    os.mkfifo("evil:pipe")
    found = sources.named_by(name)
    assert kind == ("module" if found.is_module else "script" if found.attribute else "file")
    assert found.file is None or name != "-"


def test_files_are_found_without_importing_anything(tmp_path, monkeypatch):
    package = tmp_path / "loud"
    package.mkdir()
    for name in ("__init__", "inner"):
        (package / f"{name}.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.chdir(tmp_path)
    assert sources.named_by("loud.inner:Net").file == package / "inner.py"
    assert sources.named_by("loud:Net").file == package / "__init__.py"
    assert sources.named_by("loud.nothing:Net").file is None is sources.named_by("nothing.at.all:Net").file
    assert (
        sources.named_by("convsolve.support.suggestions:nearest").file
        == ROOT / "convsolve" / "support" / "suggestions.py"
    )
    assert str(sources.named_by("nets.py:Net").file) == "nets.py" and sources.named_by("-").file is None


@pytest.mark.parametrize("name", ["evil:x.yaml", "evil:folder", "evil:dangling"])
def test_what_looks_like_a_file_is_not_imported(folder, name):
    (folder / "evil.py").write_text("open('ran', 'w')\n")
    (folder / "evil:folder").mkdir()
    (folder / "evil:dangling").symlink_to("nowhere")
    audit = audited(folder)
    result = audit.run("check", name)
    assert result.returncode == 2 and result.stderr.count("\n") == 1, result.stderr
    assert audit.events == []


# -- the user's own code


@pytest.mark.parametrize("source", ["nets.py:Net", "nets:Net", "./nets.py:Net"])
def test_a_users_code_finds_its_neighbours_and_nobody_else_does(folder, source):
    (folder / "nets.py").write_text(NETS.replace("from click import mine\n", ""))
    (folder / "helper.py").write_text(HELPER)
    (folder / "statistics.py").write_text("OWN = True\n")
    (folder / "late.py").write_text("kernel = 3\n")
    (folder / "later.py").write_text("def twice(x):\n    return x + x\n")
    result = audited(folder).run("check", source, "--input", "1x8x8")
    assert result.returncode == 0 and "2x6x6" in result.stdout, result.stderr


def test_a_file_that_is_named_like_a_library_is_no_library(tmp_path):
    for name in ("rich", "no-name"):
        (tmp_path / f"{name}.py").write_text(
            "from dataclasses import dataclass\nimport convsolve as cs\n"
            "@dataclass\nclass Sizes:\n    height: 'int' = 8\n"
            "def net():\n    return cs.parse(f'{{input: [1, {Sizes().height}, 8], layers: [relu]}}')\n"
        )
        result = subprocess.run(
            [sys.executable, "-m", "convsolve", "check", f"{name}.py:net"], cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)  # fmt: skip
        assert result.returncode == 0 and "1x8x8" in result.stdout, result.stderr


def test_a_folder_is_no_rival_and_is_looked_at_last(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(neighbours._neighbours, "folders", [])
    (tmp_path / "statistics").mkdir()  # without a module in it
    (tmp_path / "nets_of_his.py").write_text("import statistics\nnumber = statistics.mean([3, 5])\n")
    with pytest.raises(cs.UnreadableError, match="of type int"):
        cs.load(f"{tmp_path}/nets_of_his.py:number")
    assert sys.path[-1] == str(tmp_path)


def test_a_worker_is_started_without_the_current_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    before = os.environ.get("PYTHONSAFEPATH")
    with cs.LocalPool(1) as pool:
        assert pool.submit(len, "four").result(60) == 4
    assert os.environ.get("PYTHONSAFEPATH") == before
