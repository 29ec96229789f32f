"""Runs a network in Keras, layer by layer as the writer writes it, and tells the shapes that come out."""

from __future__ import annotations

import keras

from convsolve.frameworks.common.writing.execute import run_source
from convsolve.frameworks.keras.writing.code import PRELUDE, written
from convsolve.network import Network
from tests.conformance.execute_torch import walk


def execute(network: Network) -> dict[str, tuple[int, ...]]:
    """Run a network without holes in Keras, on zeros; see :func:`execute_torch.execute`."""
    found = written(network, strict=False)
    return walk(found, run_source(PRELUDE), lambda shape: keras.ops.zeros(shape, "float32"))
