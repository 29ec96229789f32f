"""Files are written whole or not at all, and nothing else is put in their place."""

from __future__ import annotations

import os
import stat

import pytest

from convsolve.errors import ConvsolveError
from convsolve.support.atomic_write import write_file


def test_a_file_takes_the_place_of_another(tmp_path):
    path = tmp_path / "net.svg"
    path.write_text("old")
    write_file(path, "new")
    assert path.read_text() == "new" and [p.name for p in tmp_path.iterdir()] == ["net.svg"]


def test_a_link_stays(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_file(link, b"new")
    assert link.is_symlink() and target.read_text() == "new"


def test_a_device_or_a_pipe_is_written_to_and_stays_what_it_is(tmp_path):
    write_file("/dev/null", "gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_file(pipe, "through")
    assert os.read(reader, 100) == b"through" and stat.S_ISFIFO(os.stat(pipe).st_mode)
    os.close(reader)
    with pytest.raises(ConvsolveError, match="cannot write /dev/full: No space left"):
        write_file("/dev/full", "x")


def test_what_cannot_be_written_is_named_and_nothing_is_left(tmp_path):
    for path in (tmp_path / "no" / "net.svg", tmp_path):
        with pytest.raises(ConvsolveError, match=f"cannot write {path}: "):
            write_file(path, "x")
    assert list(tmp_path.iterdir()) == []
