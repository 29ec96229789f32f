"""Reading ONNX's operators that hold graphs, where sizes decide: the branch taken, the body as often as it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ...operators import Concat, Unsqueeze
from ..common.registry import registrar
from .call import NodeCall
from .constant_folding import MOST, array, known
from .values import Known, NotReadError, Tensor, UnreadValue, Value

__all__ = ["CONTROL"]

_MOST_TURNS = 1000

CONTROL: dict[str, Callable[[NodeCall], Sequence[Value]]] = {}
"""How operators are read that hold graphs: by reading those."""

controls = registrar(CONTROL)


@controls("If")
def _if(call: NodeCall) -> list[Value]:
    return call.inside(call.option("then_branch" if call.condition(0) else "else_branch"), ())


@controls("Loop")
def _loop(call: NodeCall) -> list[Value]:
    limit = call.integers(0)[0] if call.has(0) else None
    goes_on = call.condition(1) if call.has(1) else True
    body, carried = call.option("body"), list(call.inputs[2:])
    rows: list[list[Value]] = [[] for _ in range(call.outputs - len(carried))]
    turn = 0
    while goes_on and (limit is None or turn < limit):
        if turn == _MOST_TURNS:
            raise NotReadError(f"it runs more than {_MOST_TURNS} times")
        going, *made = call.inside(body, (_scalar(turn), _scalar(True), *carried))
        goes_on = _truth(call, going)
        carried = list(made[: len(carried)])
        for row, value in zip(rows, made[len(carried) :], strict=True):
            row.append(value)
        turn += 1
    return [*(value or UnreadValue(f"{call.source}: an input is missing") for value in carried),
            *(_stacked(call, row) for row in rows)]  # fmt: skip


def _scalar(item: Any) -> Known:
    return known(array([item], ()))


def _truth(call: NodeCall, value: Value) -> bool:
    """Return whether a body asks for another turn."""
    if not isinstance(value, Known) or value.items is None or value.items.size != 1:
        why = value.why if isinstance(value, UnreadValue) else "how often it runs depends on the values of tensors"
        raise NotReadError(why)
    return call.holds(value.items.ravel()[0])


def _stacked(call: NodeCall, row: Sequence[Value]) -> Value:
    """Return what each turn gives, one after the other on a new first axis."""
    tensors = [value for value in row if isinstance(value, Tensor)]
    if not row or any(isinstance(value, UnreadValue) for value in row):
        return next(
            (v for v in row if isinstance(v, UnreadValue)), UnreadValue(f"{call.source}: its body is never run")
        )
    if not tensors:
        return _stacked_constants([value for value in row if isinstance(value, Known)])
    first = tensors[0]
    if len(tensors) < len(row) or len({(x.batch, x.merged, x.inner) for x in tensors}) > 1:
        raise NotReadError("its turns give tensors of different kinds")
    parts = [call.layer(Unsqueeze(axis=0), x, last=False) for x in tensors]
    made = call.layer(Concat(axis=0), *parts) if len(parts) > 1 else parts[0]
    return Tensor(made.reference, made.shape, first.batch + 1, first.merged, first.inner)


def _stacked_constants(row: Sequence[Known]) -> Known:
    learned, shape = any(value.learned for value in row), (len(row), *row[0].shape)
    if any(value.shape != row[0].shape for value in row):
        raise NotReadError("its turns give tensors of different shapes")
    if any(value.items is None for value in row) or prod(shape) > MOST:
        return Known(shape, None, learned)
    return known(np.stack([value.items for value in row]), learned)
