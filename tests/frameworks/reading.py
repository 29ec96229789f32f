"""What the readers have read, ready to be compared."""

from __future__ import annotations

from convsolve.dims import evaluate
from convsolve.network import Network
from convsolve.network.trace import run, to_written, trace


def every_shape(network: Network) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a network without holes, as written."""
    traced = trace(network)
    known = run(traced, {})
    return {
        tensor: tuple(evaluate(n, known) for n in to_written(network.data_format, shape))
        for tensor, shape in traced.shapes.items()
        if shape is not None
    }
