"""Every output of every command: whole or not at all, with its mode and owner, and nothing else is replaced."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from convsolve.cli import main
from convsolve.support.atomic_write import destination, write_file

ROOT = Path(__file__).parent.parent.parent

PROBLEM = "input: [1, 12, 12]\nlayers:\n  - conv: {out_channels: 4|8, kernel_size: 1..5, name: c}\n"
COMMANDS = {
    "draw": (["draw", "net.yaml", "--solve", "--to", "svg", "-o"], b"<svg"),
    "draw_png": (["draw", "net.yaml", "--solve", "--to", "png", "-o"], b"\x89PNG"),
    "export_torch": (["export", "net.yaml", "--to", "torch", "-o"], b"nn.Conv2d"),
    "export_yaml": (["export", "net.yaml", "--to", "yaml", "-o"], b"input:"),
    "export_onnx": (["export", "net.yaml", "--to", "onnx", "-o"], b"Conv"),
    "enumerate": (["enumerate", "net.yaml", "-q", "-o"], b'"c.kernel_size"'),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "net.yaml").write_text(PROBLEM)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=COMMANDS)
def command(request):
    """Return what runs a command with an output: it gives the exit code; and what stands in the output then."""
    words, mark = COMMANDS[request.param]

    def run(output) -> int:
        with pytest.raises(SystemExit) as end:
            main([*words, str(output), "--force"])
        return end.value.code

    return run, mark


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def refused(capsys, code: int, path: object, reason: str | tuple[str, ...]) -> bool:
    """Whether a command has ended with one message on one line."""
    said, head = capsys.readouterr(), f"error: cannot write {path}: "
    return (
        code == 2
        and said.out == ""
        and said.err.startswith(head)
        and said.err.count("\n") == 1
        and said.err.removeprefix(head).startswith(reason)
    )


def test_a_new_file_and_one_that_keeps_its_mode_and_owner(folder, command):
    run, mark = command
    umask = os.umask(0o027)
    try:
        assert run("out/new") == 0
    finally:
        os.umask(umask)
    new = folder / "out" / "new"
    assert mark in new.read_bytes() and stat.S_IMODE(new.stat().st_mode) == 0o640 and names(folder / "out") == ["new"]
    for mode in (0o600, 0o755, 0o666):
        new.write_text("old")
        new.chmod(mode)
        if os.geteuid() == 0:
            os.chown(new, 12345, 54321)
        before = new.stat()
        assert run("out/new") == 0 and mark in new.read_bytes() and names(folder / "out") == ["new"]
        after = new.stat()
        assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_a_link_stays_and_leads_to_what_is_written(folder, command):
    run, mark = command
    target, link, far, dangling = (folder / "out" / x for x in ("target", "link", "far", "dangling"))
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to("target")
    far.symlink_to(link)
    (folder / "other").mkdir()
    dangling.symlink_to(folder / "other" / "made")
    for path, written in ((link, target), (far, target), (dangling, folder / "other" / "made")):
        target.write_text("old")
        assert run(path) == 0 and path.is_symlink() and mark in written.read_bytes()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert names(folder / "out") == ["dangling", "far", "link", "target"] and names(folder / "other") == ["made"]


def test_a_pipe_is_written_through(folder, command):
    run, mark = command
    pipe = folder / "out" / "pipe"
    os.mkfifo(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    assert run(pipe) == 0
    reader.join(20)
    assert mark in found[0] and stat.S_ISFIFO(pipe.stat().st_mode) and names(folder / "out") == ["pipe"]


def test_a_device_is_written_through(folder, command):
    run, _ = command
    ours, theirs = os.openpty()
    threading.Thread(target=lambda: [os.read(ours, 4096) for _ in range(10_000)], daemon=True).start()
    devices = [Path(os.ttyname(theirs)), Path("/dev/null")]
    if os.geteuid() == 0:
        devices.append(folder / "out" / "node")
        os.mknod(devices[-1], 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    before = [os.stat(d) for d in devices]
    for device in devices:
        assert run(device) == 0
    for device, old in zip(devices, before, strict=True):
        new = os.stat(device)
        assert stat.S_ISCHR(new.st_mode) and (new.st_rdev, new.st_ino, new.st_mode) == (
            old.st_rdev,
            old.st_ino,
            old.st_mode,
        )
    assert set(names(folder / "out")) <= {"node"}


def test_a_full_device(folder, command, capsys):
    run, _ = command
    assert refused(capsys, run("/dev/full"), "/dev/full", "No space left")


@pytest.mark.parametrize("name", ["export_yaml", "enumerate"])
def test_what_the_process_has_open(folder, name):
    words, mark = COMMANDS[name]
    for path in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        (folder / "log").write_text("kept\n")
        with open(folder / "log", "a") as log:
            result = subprocess.run([sys.executable, "-m", "convsolve", *words, path], stdout=log, stderr=subprocess.PIPE,
                                    cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)  # fmt: skip
        assert result.returncode == 0, result.stderr
        content = (folder / "log").read_bytes()
        assert content.startswith(b"kept\n") and mark in content
    assert names(folder) == ["log", "net.yaml", "out"]


def test_a_full_disk(folder, command, capsys):
    run, _ = command
    out = folder / "out"
    (out / "old").write_text("old")
    with little_space(out):
        for path in (out / "old", out / "new"):
            code = run(path)
            assert refused(capsys, code, path, ("No space left", "File too large"))
        assert names(out) == ["old"] and (out / "old").read_text() == "old"


@contextmanager
def little_space(folder: Path):
    """Let there be no space left in a folder: on a disk of its own, or as far as files may grow."""
    mounted = (
        os.geteuid() == 0
        and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=8", "tmpfs", str(folder)],
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        if mounted:
            (folder / "old").write_text("old")  # which takes the only page
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (3, hard))
        yield
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_files_that_may_not_grow(folder, command, capsys):
    run, _ = command
    old = folder / "out" / "old"
    old.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3, hard))
    try:
        codes = [run(old), run(old.with_name("new"))]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert codes == [2, 2] and names(folder / "out") == ["old"] and old.read_text() == "old"
    assert capsys.readouterr().err.count("File too large") == 2


def test_a_folder_that_cannot_be_written(folder, command, capsys, monkeypatch):
    run, _ = command
    out = folder / "out"
    (out / "old").write_text("old")
    with only_to_be_read(out, monkeypatch):
        for path in (out / "new", out / "old"):
            code, reason = run(path), "Permission denied" if os.geteuid() else "Read-only file system"
            assert refused(capsys, code, path, reason)
    assert names(out) == ["old"] and (out / "old").read_text() == "old"


@contextmanager
def only_to_be_read(folder: Path, monkeypatch):
    """Let a folder be one that cannot be written: for root, who may write everywhere, by a mount, or by what is said."""
    if os.geteuid():
        folder.chmod(0o555)
        (folder / "old").chmod(0o444)
        yield
        folder.chmod(0o755)
        return
    if subprocess.run(["mount", "--bind", folder, folder], capture_output=True, check=False).returncode == 0:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
        subprocess.run(["umount", folder], check=True)
        return
    real = os.open

    def opened(name, flags, *rest, **options):
        if str(name).startswith(str(folder)) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(name, flags, *rest, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", opened)
        yield


def test_what_is_no_place_for_a_file(folder, command, capsys):
    import socket

    run, _ = command
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("out/socket")
        (folder / "out" / "round").symlink_to("round")
        for path, reason in (("out/socket", "it is a socket or a disk"), ("no/such/x", "No such file"),
                             ("net.yaml/x", "Not a directory"), ("out/round", "Too many levels"),
                             ("out/x/", "Is a directory"), ("out/" + "x" * 300, "File name too long")):  # fmt: skip
            assert refused(capsys, run(path), path, reason), path
    assert run("out") == 2 and names(folder / "out") == ["round", "socket"]


def test_the_output_is_not_the_input(folder, command, capsys):
    run, _ = command
    (folder / "link.yaml").symlink_to("net.yaml")
    os.link("net.yaml", "same.yaml")
    for path in ("net.yaml", "./net.yaml", folder / "net.yaml", "link.yaml", "same.yaml"):
        assert refused(capsys, run(path), path, "it is what net.yaml is read from")
    assert (folder / "net.yaml").read_text() == PROBLEM and names(folder / "out") == []


def test_long_names_and_letters(folder, command):
    run, _ = command
    for name in ("x" * 240, "größe 🙂 \n'\"", "é" * 110):
        assert run(f"out/{name}") == 0 and names(folder / "out") == [name]
        shutil.rmtree("out")
        os.mkdir("out")


def test_a_disk_is_refused(tmp_path):
    if os.geteuid() == 0:
        os.mknod(tmp_path / "disk", 0o600 | stat.S_IFBLK, os.makedev(7, 200))
        with pytest.raises(OSError, match="a socket or a disk"):
            destination(tmp_path / "disk")


def test_a_file_of_another_owner_stays_with_him(tmp_path, monkeypatch):
    path = tmp_path / "his"
    path.write_text("old")
    real = os.stat(path)
    other = os.stat_result((real.st_mode, real.st_ino, real.st_dev, 1, 4242, 4242, 3, 0, 0, 0))
    monkeypatch.setattr(os, "stat", lambda name, *a, **k: other if str(name) == str(path) else os.lstat(name))

    def chown(*given):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", chown)
    with pytest.raises(Exception, match="belongs to somebody else"):
        write_file(path, "new")
    assert path.read_text() == "old" and names(tmp_path) == ["his"]


# -- the files beside a listing


@pytest.mark.parametrize("ending", ["part", "journal"])
@pytest.mark.parametrize("kind", ["text", "torn", "empty", "link", "pipe", "folder"])
def test_a_users_own_files_beside_a_listing_stay(folder, ending, kind, capsys):
    beside = folder / "out" / f"all.{ending}"
    {
        "text": lambda: beside.write_text("mine\n"), "torn": lambda: beside.write_text("mine\nwithout an end"),
        "empty": lambda: beside.write_text(""), "link": lambda: beside.symlink_to(folder / "net.yaml"),
        "pipe": lambda: os.mkfifo(beside), "folder": lambda: beside.mkdir(),
    }[kind]()  # fmt: skip
    before = beside.lstat()
    with pytest.raises(SystemExit) as end:
        main(["enumerate", "net.yaml", "-o", "out/all"])
    said = capsys.readouterr().err
    if (ending, kind) == ("journal", "empty"):  # as a run leaves it that was stopped at once
        assert end.value.code == 0
        return
    assert end.value.code == 2 and f"all.{ending}" in said and "Traceback" not in said
    after = beside.lstat()
    assert (after.st_ino, after.st_size, after.st_mode) == (before.st_ino, before.st_size, before.st_mode)
    assert names(folder / "out") == [f"all.{ending}"] and (folder / "net.yaml").read_text() == PROBLEM


def test_a_private_listing_is_private_while_it_grows(folder, monkeypatch):
    from convsolve.space import journal

    (folder / "all").touch()
    (folder / "all").chmod(0o600)
    real, modes = journal._Journal.add, []
    monkeypatch.setattr(
        journal._Journal,
        "add",
        lambda self, piece: (modes.append(stat.S_IMODE((folder / "all.part").stat().st_mode)), real(self, piece)),
    )
    with pytest.raises(SystemExit):
        main(["enumerate", "net.yaml", "-o", "all"])
    assert modes and set(modes) == {0o600} and stat.S_IMODE((folder / "all").stat().st_mode) == 0o600
