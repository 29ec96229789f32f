"""Calls of which nothing is known but what they do: where the batch axis of their results is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any

import torch

from ...errors import UnreadableError
from ...support.caller_errors import pass_on
from ..common.recording.guards import BATCH_NAME
from ..common.recording.recorded_graph import RecordedGraph
from ..common.recording.recorded_tensors import Value
from ..common.recording.symbolic_sizes import Size
from ..common.recording.symbolic_values import unfollowed

__all__ = ["batch_axes", "said_of_one", "tensors_in"]

_OTHER_BATCH = 29


def tensors_in(x: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested lists, tuples, dictionaries and dataclasses, in order."""
    if isinstance(x, torch.Tensor):
        yield x
    elif isinstance(x, (list, tuple)):
        for v in x:
            yield from tensors_in(v)
    elif isinstance(x, Mapping):
        for v in x.values():
            yield from tensors_in(v)
    elif is_dataclass(x) and not isinstance(x, type):
        yield from tensors_in(vars(x))


def batch_axes(
    graph: RecordedGraph,
    func: Any,
    args: Any,
    kwargs: Any,
    value_of: Callable[[torch.Tensor], Value],
    outputs: Sequence[torch.Tensor],
) -> list[int | None]:
    """Return the batch axis of each result of a call, found by calling it with another number of samples.

    Raises:
        UnreadableError: the results do not tell which axis it is.
    """
    outside = sys.exception()
    try:
        second = list(tensors_in(_again(graph, func, args, kwargs, value_of, _OTHER_BATCH)))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        pass_on(error, within=outside)
        second = []
    found = []
    for i, output in enumerate(outputs):
        with torch._C.DisableTorchFunction():
            shape = tuple(output.shape)
            other = tuple(second[i].shape) if i < len(second) else None
        if other is not None and len(other) == len(shape):
            axes = [a for a, (m, n) in enumerate(zip(shape, other, strict=True)) if m != n]
            proportional = all(shape[a] * _OTHER_BATCH == other[a] * graph.batch for a in axes)
        else:
            axes = [a for a, n in enumerate(shape) if n and n % graph.batch == 0]
            proportional = len(axes) == 1
        if len(axes) > 1 or not proportional:
            where = f"{graph.source}: " if graph.source else ""
            name = getattr(func, "__name__", func)
            raise UnreadableError(f"{where}what `{name}` makes of a batch of samples cannot be told apart by sample")
        found.append(axes[0] if axes else None)
    return found


def said_of_one(
    graph: RecordedGraph, func: Any, args: Any, kwargs: Any, value_of: Callable[[torch.Tensor], Value], error: Exception
) -> str:
    """Return what is said of a call that is refused, as it would be for few samples: how many there are is ours."""
    for samples in (1, 2, 3):
        try:
            _again(graph, func, args, kwargs, value_of, samples)
        except Exception as of_few:
            pass_on(of_few, within=error)
            return f"{type(of_few).__name__}: {str(of_few).strip().partition(chr(10))[0]}"
    return f"{type(error).__name__} for some numbers of samples"


def _again(
    graph: RecordedGraph, func: Any, args: Any, kwargs: Any, value_of: Callable[[torch.Tensor], Value], samples: int
) -> Any:
    """Make a call for another number of samples."""
    before = graph.numbers[BATCH_NAME]
    graph.numbers[BATCH_NAME] = samples
    try:
        others = [_with_batch(x, graph, value_of) for x in (args, kwargs)]
    finally:
        graph.numbers[BATCH_NAME] = before
    with torch._C.DisableTorchFunction():
        return func(*others[0], **others[1])


def _with_batch(x: Any, graph: RecordedGraph, value_of: Callable[[torch.Tensor], Value]) -> Any:
    """Return arguments as they would be for another number of samples."""
    if isinstance(x, torch.Tensor):
        value = value_of(x)
        if value.batch is None or not value.many:
            return x if x.is_meta else x.to("meta")
        return torch.empty(graph.shape(value.real), dtype=x.dtype, device="meta")
    if isinstance(x, Size):
        return graph.number(x.form)
    if isinstance(x, (list, tuple)):
        items = [_with_batch(v, graph, value_of) for v in x]
        return items if isinstance(x, list) else tuple(items)
    if isinstance(x, dict):
        return {k: _with_batch(v, graph, value_of) for k, v in x.items()}
    if isinstance(x, slice):
        return slice(*(_with_batch(v, graph, value_of) for v in (x.start, x.stop, x.step)))
    return unfollowed(x)
