"""Where the batch axis of an ONNX tensor goes when the tensor is reshaped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...dims import Dim, eq, product
from ...errors import RefusedError
from ...operators import Flatten, Identity, Reshape
from .call import NodeCall
from .values import NotReadError, Tensor, depends_on_batch, without_batch

__all__ = ["reshaped"]


def reshaped(call: NodeCall, x: Tensor, wished: Sequence[Dim]) -> Tensor:
    """Return the tensor with the same elements in another shape, after finding out where the batch goes."""
    axis, merged, inner, shape = _batch_in(call, x, list(wished))
    if not shape:
        elements = product(x.shape)
        if isinstance(elements, int) and elements != 1:
            raise RefusedError(f"a sample has {elements} elements, and the shape {[*map(str, wished)]} has one")
        raise NotReadError("nothing but the batch axis is left")
    if shape == list(x.shape):
        made = call.layer(Identity(), x)
    elif len(shape) == 1 and not merged:
        made = call.layer(Flatten() if shape[0] == -1 else Reshape(shape=shape), x)
    else:
        made = call.layer(Reshape(shape=shape), x)
    return Tensor(made.reference, made.shape, axis, merged, inner)


_Place = tuple[int, bool, bool, list[Dim]]
"""The batch's axis, whether and how other elements are merged into it, and the shape without it."""


def _batch_in(call: NodeCall, x: Tensor, wished: list[Dim]) -> _Place:
    """Find the batch in a wished shape."""
    marked = [i for i, n in enumerate(wished) if depends_on_batch(n)]
    if len(marked) > 1:
        raise NotReadError("its shape has the batch on two axes")
    if marked:
        factor = without_batch(wished[marked[0]])
        if factor is None:
            raise NotReadError(f"the batch takes part in {wished[marked[0]]}")
        return _placed(wished, marked[0], factor, _follow_first(x, product(wished[marked[0] + 1 :])))
    size = call.batch if isinstance(call.batch, int) else 1  # a shape without a batch was made for batches of 1
    if x.batch == 0 and not x.merged and wished and wished[0] == size:
        return _placed(wished, 0, 1)
    open_axis = wished.index(-1) if -1 in wished else None
    if open_axis is not None and not isinstance(call.batch, int):
        return _open(call, x, wished, open_axis)
    if all(isinstance(n, int) for n in (*wished, *x.shape)):
        return _by_stride(x, wished, size, RefusedError if isinstance(call.batch, int) else NotReadError)
    if open_axis == 0 and x.batch == 0:
        return _open(call, x, wished, open_axis)
    raise NotReadError("where its shape has the batch cannot be told")


def _apart(x: Tensor) -> Dim:
    """Return how far apart two samples are stored."""
    within = x.shape[x.batch] if x.merged and not x.inner else 1
    return product((within, *x.shape[x.batch + x.merged :]))


def _follow_first(x: Tensor, below: Dim) -> bool:
    """Return whether, on an axis with so many elements below it, the samples follow each other first."""
    return _apart(x) == below


def _placed(wished: list[Dim], axis: int, factor: Dim, inner: bool = False) -> _Place:
    """Return a shape with the batch on an axis, times a factor."""
    merged = factor != 1
    return axis, merged, merged and inner, [*wished[:axis], *([factor] if merged else []), *wished[axis + 1 :]]


def _open(call: NodeCall, x: Tensor, wished: list[Dim], axis: int) -> _Place:
    """Return a shape whose -1 is the batch, or the batch times what else is left.

    A second axis alone (``[-1, 400]``) means features of each sample; another number of them is a failure,
    although it would run, with another batch.
    """
    if axis != 0:
        raise NotReadError("where its shape has the batch cannot be told")
    rest, elements = product(wished[1:]), product(x.shape)
    if isinstance(rest, int) and isinstance(elements, int) and rest > 0 and len(wished) > 2:
        if elements % rest:
            raise NotReadError(f"{elements} elements of a sample do not fill rows of {rest}")
        return _placed(wished, 0, elements // rest)
    if len(wished) == 2 or elements == rest:
        return _placed(wished, 0, 1)
    if not isinstance(rest, int) and call.decisions.expects(eq(elements, rest), call.source):
        return _placed(wished, 0, 1)  # what was folded into the batch is put back
    return 0, True, False, list(wished)  # -1 now counts the rows of one sample


def _by_stride(x: Tensor, wished: list[Any], batch: int, unfit: type[Exception]) -> _Place:
    """Find the batch of known size among known sizes: reshaping keeps how far apart two samples are stored."""
    elements: Any = product(x.shape) * batch
    if -1 in wished:
        rest: Any = product(n for n in wished if n != -1)
        if rest < 1 or elements % rest:
            raise unfit(f"{elements} elements do not fit the shape {wished}")
        wished = [elements // rest if n == -1 else n for n in wished]
    if product(wished) != elements:
        raise unfit(f"{elements} elements do not fit the shape {wished}")
    apart, places = _apart(x), []
    for axis, size in enumerate(wished):
        below: Any = product(wished[axis + 1 :])
        if size % batch == 0 and apart in (below, below * (size // batch)):
            places.append((axis, size // batch, apart == below))
    if not places:
        raise NotReadError("its shape mixes the batch with other axes")
    # of a batch of 1 any place is true; best is one of its own, then one that leaves the features by themselves
    flat = len(wished) == 2
    axis, factor, inner = min(places, key=lambda place: (place[1] != 1, not flat and place[2], place[0]))
    return _placed(list(wished), axis, factor, inner)
