"""Structural changes: what a repair inserts, turns or resizes, where the sizes that failed give a reason to.

Each is offered only where the network has its occasion (a join whose sizes differ, a linear layer behind several
axes ...); whether it mends the network is found out by trying.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from ..operators import AdaptiveAvgPool, Flatten, Linear
from .axis_repairs import axes_moved, axes_of_a_layer, regrouped, reshaped
from .channel_demands import bridges
from .edits import Change, Edit
from .evaluated_network import Situation
from .input_repairs import batch_axes, batches, colours, layouts, missing_axes, sequences, swaps
from .insertions import insertion, replacing
from .join_repairs import joins, projections
from .output_repairs import fitted_outputs

__all__ = ["flattens", "structural_changes"]


def structural_changes(now: Situation) -> Iterator[Change]:
    """Yield the structural changes for which a network gives occasion, but for those of the input's size."""
    for occasions in _OCCASIONS:
        yield from occasions(now)


def flattens(now: Situation) -> Iterator[Change]:
    """Yield a flatten before each linear layer that gets several axes, and flattens that begin at the first axis."""
    for layer in now.network.ordered:
        operator = layer.operator
        if isinstance(operator, Flatten) and operator.with_batch:
            kept = dataclasses.replace(operator, with_batch=False)
            edit = Edit("flatten", layer.name, "with_batch", True, False)
            yield Change((edit,), (layer.name,), 0, replacing({layer.name: kept}))
        elif isinstance(operator, Flatten) and operator.start_axis != 0:
            whole = dataclasses.replace(operator, start_axis=0)
            edit = Edit("flatten", layer.name, "start_axis", operator.start_axis, 0)
            yield Change((edit,), (layer.name,), 0, replacing({layer.name: whole}))
        elif isinstance(operator, Linear) and len(now.arriving(layer)) > 1:
            yield insertion(now.network, "flatten", layer.name, 0, Flatten(), "flatten")


def _global_pools(now: Situation) -> Iterator[Change]:
    """Pooling to the size that a fixed head was made for."""
    for layer in now.network.ordered:
        operator = layer.operator
        behind = [x for x in now.users.get(layer.name, []) if isinstance(x.operator, Linear)]
        shape = now.arriving(layer)
        if isinstance(operator, Flatten) and behind and len(shape) > 1:
            features = behind[0].operator.in_features  # type: ignore[attr-defined]
            side = _root(features // shape[0], len(shape) - 1) if isinstance(features, int) else None
            if side and features == shape[0] * side ** (len(shape) - 1):
                pool = AdaptiveAvgPool(output_size=side)
                yield insertion(now.network, "global_pool", layer.name, 0, pool, "pool", (),
                                 f"{pool.kind} to {side} before {layer.name}")  # fmt: skip


def _root(n: int, degree: int) -> int | None:
    side = round(n ** (1 / degree)) if n > 0 else 0
    return side if side and side**degree == n else None


_OCCASIONS: tuple[Callable[[Situation], Iterator[Change]], ...] = (
    layouts,
    batch_axes,
    missing_axes,
    batches,
    colours,
    sequences,
    flattens,
    swaps,
    axes_moved,
    axes_of_a_layer,
    regrouped,
    reshaped,
    joins,
    projections,
    bridges,
    _global_pools,
    fitted_outputs,
)
