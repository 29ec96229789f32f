"""Attributes of HDF5 files: the same text as the HDF5 library reads; of damaged files, a message."""

from __future__ import annotations

import io
import itertools
import os
from random import Random

import h5py
import numpy as np
import pytest

import convsolve as cs
from convsolve.frameworks.common.documents import boundary
from convsolve.frameworks.keras.hdf5 import text_attribute

SCALE = int(os.environ.get("CONVSOLVE_SCALE", "1"))
TEXTS = (b"config" * 9, np.bytes_("config" * 900), "gewölbt ☂" * 300, b"long" * 100_000)


def made(text: object, version: object, others: int, *, ordered: bool = False) -> bytes:
    """Return a file with a text among other attributes of its root."""
    content = io.BytesIO()
    with h5py.File(content, "w", libver=version, track_order=ordered) as file:
        for i in range(others):
            file.attrs[f"before{i}"] = "v" * i * 7
        file.attrs["model_config"] = text
        for i in range(others):
            file.attrs[f"after{i}"] = i
        file.create_group("model_weights").attrs["names"] = ["a", "b"]
    return content.getvalue()


@pytest.mark.parametrize("version", ["earliest", "latest", ("earliest", "v108"), "v110"], ids=str)
def test_texts_are_those_that_were_written(version: object) -> None:
    for text, others, ordered in itertools.product(TEXTS, (0, 3, 30 if version == "earliest" else 2), (False, True)):
        content = made(text, version, others, ordered=ordered and others < 8)
        expected = text.encode() if isinstance(text, str) else bytes(text)
        assert text_attribute(io.BytesIO(content), "model_config") == expected
        assert text_attribute(io.BytesIO(content), "config") is None


def test_many_attributes_in_a_newer_file_are_told() -> None:
    with pytest.raises(cs.UnreadableError, match="heap"):
        text_attribute(io.BytesIO(made(b"text", "latest", 30)), "model_config")


def test_damaged_files_end_in_a_message() -> None:
    whole = [made(text, version, 3) for text in TEXTS[:3] for version in ("earliest", "latest")]
    random, refused = Random("damaged"), 0
    for _ in range(400 * SCALE):
        damaged = bytearray(random.choice(whole))
        for _ in range(random.randint(1, 4)):
            damaged[random.randrange(min(len(damaged), 2500))] = random.choice(
                (0, 1, 0x10, 0xFF, random.randrange(256))
            )
        try:
            with boundary("net.h5"):
                text_attribute(
                    io.BytesIO(bytes(damaged[: random.choice((len(damaged), random.randrange(len(damaged))))])),
                    "model_config",
                )
        except cs.UnreadableError:
            refused += 1
    assert refused > 100 * SCALE
