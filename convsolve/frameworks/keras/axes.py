"""Reading Keras's layers and operations that rearrange axes, pick from them or reduce them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...operators import (
    Expand,
    Flatten,
    Identity,
    Operator,
    Pad,
    Permute,
    Reshape,
    Slice,
    Squeeze,
    Tile,
    Unsqueeze,
)
from ...support.suggestions import quoted
from .arguments import count
from .call import LayerCall, NotReadError, RefusedSettingError, reads

__all__ = ()


@reads("Flatten", settings="data_format")
def _flatten(call: LayerCall) -> str:
    return call.add(Flatten())


@reads("Reshape", settings="newshape target_shape")
def _reshape(call: LayerCall) -> str:
    target = call.config.get("target_shape")
    if target is None:
        target = call.option("newshape")
        if target is None or len(target) < 2:
            raise NotReadError(f"its shape {target} has no batch axis and more")
        if target[0] not in (-1, None):
            raise NotReadError(f"its shape {target} fixes the batch")
        if -1 in target[1:]:
            raise NotReadError(f"its shape {target} leaves more than the batch open")
        target = target[1:]
    return call.add(Reshape(shape=[-1 if n is None else n for n in target]))


@reads("Permute", settings="dims")
def _permute(call: LayerCall) -> str:
    dims = call.need("dims")
    if not isinstance(dims, (list, tuple)) or sorted(dims) != list(range(1, len(dims) + 1)):
        raise RefusedSettingError(f"dims must be the numbers from 1 on, in any order, got {quoted(dims)}")
    return call.add(Permute(order=[n - 1 for n in dims]))


@reads("Transpose", settings="axes")
def _transpose(call: LayerCall) -> str:
    axes = call.option("axes")
    rank = len(call.shape())
    if axes is None or axes[0] != 0:
        raise NotReadError("it moves the batch axis")
    return call.add(Permute(order=[call.axis(a, rank) for a in axes[1:]]))


@reads("Moveaxis", settings="destination source")
def _moveaxis(call: LayerCall) -> str:
    rank, source, destination = len(call.shape()), call.config["source"], call.config["destination"]
    if type(source) is not int or type(destination) is not int:
        raise NotReadError("it moves several axes")
    moved, place = call.axis(source, rank), call.axis(destination, rank)
    order = [i for i in range(rank) if i != moved]
    order.insert(place, moved)
    return call.add(Permute(order=order))


@reads("Tile", settings="repeats")
def _tile(call: LayerCall) -> str:
    repeats = call.config["repeats"]
    repeats = [repeats] if type(repeats) is int else list(repeats)
    whole = [1] * (len(call.shape()) + 1 - len(repeats)) + repeats
    if len(whole) != len(call.shape()) + 1 or whole[0] != 1:
        raise NotReadError(f"its repeats {repeats} add axes or repeat the batch")
    return call.add(Tile(repeats=whole[1:]))


@reads("Pad", settings="constant_values mode pad_width")
def _pad(call: LayerCall) -> str:
    width, mode, rank = call.config["pad_width"], call.config.get("mode", "constant"), len(call.shape())
    if mode not in ("constant", "reflect"):
        raise NotReadError(f"there is no padding with mode {quoted(mode)}")
    sides = [tuple(pair) for pair in width] if isinstance(width, (list, tuple)) else []
    if len(sides) != rank + 1 or rank < 2:
        raise NotReadError(f"its widths {width} are not a pair for each axis")
    batch, *own = sides
    channels = own.pop(-1 if call.builder.data_format == "channels_last" else 0)
    if any((*batch, *channels)):
        raise NotReadError("it pads the batch or the channels")
    return call.add(Pad(padding=own, mode=mode))


@reads("RepeatVector", settings="n")
def _repeat_vector(call: LayerCall) -> str:
    raised = call.add(Unsqueeze(axis=0), part="unsqueeze", rank=1)
    return call.add(Expand(shape=(count(call, "n"), 1)), raised)


@reads("ExpandDims", settings="axis")
def _expand_dims(call: LayerCall) -> str:
    return call.add(Unsqueeze(axis=call.axis(call.option("axis"), len(call.shape()) + 1)))


@reads("Squeeze", settings="axis")
def _squeeze(call: LayerCall) -> str:
    written = call.option("axis")
    axes = sorted(call.axis(a) for a in (written if isinstance(written, (list, tuple)) else [written]))
    made = call.inputs[0]
    for i, axis in enumerate(reversed(axes), 1):
        made = call.add(Squeeze(axis=axis), made, part="" if i == len(axes) else f"squeeze{i}")
    return made


@reads("GetItem")
def _get_item(call: LayerCall) -> str:
    if len(call.arguments) < 2:
        raise NotReadError("what it picks is not in its config")
    picked = call.arguments[1]
    parts = _spelt(picked if isinstance(picked, (list, tuple)) else [picked], len(call.shape()) + 1)
    if not parts or _range(parts[0]) != (0, None, 1):
        raise NotReadError("it picks from the batch")
    made, axis = call.inputs[0], 0
    steps: list[Operator] = []
    for part in parts[1:]:
        if part is None:
            steps.append(Unsqueeze(axis=axis))
        elif type(part) is int:
            steps += [Slice(axis=axis, start=part, stop=part + 1 if part != -1 else None), Squeeze(axis=axis)]
            continue
        else:
            start, stop, step = _range(part)
            if (start, stop, step) != (0, None, 1):
                steps.append(Slice(axis=axis, start=start, stop=stop, step=step))
        axis += 1
    for i, operator in enumerate(steps or [Identity()]):
        made = call.add(operator, made, part="" if i >= len(steps) - 1 else f"{operator.kind}{i + 1}")
    return made


def _spelt(parts: Sequence[Any], rank: int) -> Sequence[Any]:
    """Return what is picked with a slice of all for each axis that an ellipsis stands for."""
    marks = [isinstance(part, Mapping) and part.get("class_name") == "__ellipsis__" for part in parts]
    if True not in marks:
        return parts
    at = marks.index(True)
    missing = rank - (len(parts) - 1 - sum(part is None for part in parts))
    return [*parts[:at], *[{"class_name": "__slice__", "config": {}}] * missing, *parts[at + 1 :]]


def _range(part: Any) -> tuple[int, int | None, int]:
    """Return start, stop and step of a slice in a config."""
    if not isinstance(part, Mapping) or part.get("class_name") != "__slice__":
        raise NotReadError("it picks by something else than numbers and slices")
    config = part.get("config") or {}
    start, stop, step = (config.get(n) for n in ("start", "stop", "step"))
    if any(n is not None and type(n) is not int for n in (start, stop, step)) or (step or 1) < 1:
        raise NotReadError("its slice is not made of numbers, or goes backwards")
    return start or 0, stop, step or 1
