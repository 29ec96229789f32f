"""Suspecting the order of axes: channels that stand where a layer takes them for height or width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..messages import ParsedError
from ..operators import Conv, Permute
from .finding import Fix, mends
from .single_layer import Branch, known, tried
from .wording import POOLS, by, counted, dialect

__all__ = ["moved", "other_order"]

_FEW = (1, 3, 4)
"""So many channels pictures have."""


def other_order(c: ParsedError, sizes: Sequence[int]) -> list[str]:
    """Return the suspicion that height, width and channels are in another order than a layer takes them for.

    >>> c = ParsedError(template="t", framework="keras", operator="conv", shapes=((1, 28, 28),))
    >>> other_order(c, (1, 28))[0].partition(",")[0]
    '1x28x28 looks like data with its 1 channel in front'
    """
    place = _turned(c)
    if place is not None:
        shape = c.shapes[0]
        what = counted(shape[place] or 0, "channel")
        where = "in front" if place == 0 else f"on axis {place + 1} of {len(shape)}"
        return [f"{by(shape)} looks like data with its {what} {where}, in a layer that takes channels last: if the "
                "network's input is turned like that, move its channels to the end, or set "
                "data_format='channels_first' in its layers"]  # fmt: skip
    if c.framework == "torch" and len(sizes) == 2 and sizes[1] in _FEW and sizes[0] >= 8 and c.operator not in POOLS:
        return [
            f"{by(sizes)} looks like pictures of {sizes[1]} channels in the order height, width, "
            "channels: if this is the network's first layer, it takes channels first: x.permute(0, 3, 1, 2)"
        ]
    return []


def _turned(c: ParsedError) -> int | None:
    """Return which axis of data in Keras looks like that of the channels, other than the last."""
    shape = c.shapes[0] if c.shapes else ()
    if dialect(c) != "keras" or len(shape) < 3 or c.layout == "channels_first":
        return None
    place = next((i for i, n in enumerate(shape[:-1]) if n in _FEW), None)
    others = [n or 0 for i, n in enumerate(shape) if i != place]
    square = len(set(others)) == 1
    inner = (shape[-1] or 0) % 16 == 0  # so many channels have the layers inside of a network
    picture = place is not None and min(others) >= 8 and (square or (shape[place] in (1, 3) and not inner))
    return place if picture else None


def moved(c: ParsedError, parameters: Mapping[str, Any]) -> list[Fix]:
    """Return the move of the channels to the end, in front of a convolution where they look to stand elsewhere."""
    place, shape = _turned(c), known(c.shapes[0]) if c.shapes else None
    if place is None or shape is None or c.operator in POOLS:
        return []
    order = (*(i for i in range(len(shape)) if i != place), place)
    layer = Conv(out_channels=1, **parameters)
    now = tried(c, [layer], shape, order="channels_last")
    trial = tried(c, [layer], Branch(shape, (Permute(order=order),)), order="channels_last")
    turned = tuple(shape[i] for i in order)
    return mends(f"move the {counted(shape[place], 'channel')} to the end, if that is what the {shape[place]} is: "
                 f"{trial.said(c)} ({by(turned)} arrives then)", now, trial, trial.output[:-1])  # fmt: skip
