"""What a layer of Keras would give if it did not fail: the sizes that its rule believes in."""

from __future__ import annotations

from typing import Any

import keras

from ...dims import evaluate
from ...network import Network
from ...network.trace import Requirement, run, trace
from .config_sources import is_program
from .read_model import from_keras
from .unfinished_models import OneCall, tensors_in

__all__ = ["believed_outputs"]

_OPEN = (64, 96)
"""What open sizes are taken for: a size that differs between them stays open."""


def believed_outputs(layer: Any, args: Any, kwargs: Any) -> Any:
    """Return tensors as a call would return them that fails by a rule; None where no rule says that it does.

    Raises:
        ConvsolveError: the call cannot be read.
    """
    first, second = (_read(layer, args, kwargs, size) for size in _OPEN)
    if first is None or second is None:
        return None
    pairs = (zip(*same, strict=True) for same in zip(first, second, strict=True))
    shapes = [tuple(a if a == b else None for a, b in pair) for pair in pairs]
    tensor = next(tensors_in((args, kwargs)))
    made = [keras.KerasTensor((tensor.shape[0], *shape), dtype=_type(layer, tensor)) for shape in shapes]
    return made[0] if len(made) == 1 else made


def _type(layer: Any, tensor: Any) -> Any:
    return getattr(layer, "compute_dtype", None) or tensor.dtype


def _read(layer: Any, args: Any, kwargs: Any, size: int) -> list[tuple[int, ...]] | None:
    """Return the shapes of the samples that come out, open sizes being of so many; None where no rule fails."""
    if is_program(layer) and keras.backend.backend() == "torch":
        shapes = [tuple(size if n is None else n for n in t.shape[1:]) for t in tensors_in((args, kwargs))]
        network = from_keras(layer, input_shape=shapes[0] if len(shapes) == 1 else shapes)
    else:
        network = from_keras(OneCall(layer, args, kwargs, size))
    return _failing(network)


def _failing(network: Network) -> list[tuple[int, ...]] | None:
    traced = trace(network)
    values = run(traced, {})
    required = [s for s in traced.steps if isinstance(s, Requirement) and s.rule.decides]
    if all(evaluate(r.condition, values) for r in required):
        return None
    shapes: list[tuple[int, ...]] = []
    for output in network.outputs:
        shape = traced.written(output)
        if shape is None:
            return None
        shapes.append(tuple(max(1, evaluate(n, values)) for n in shape))
    return shapes
