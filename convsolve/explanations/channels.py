"""Explaining channels: more or fewer than a layer takes, or not divisible among its groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..messages import ParsedError
from ..operators import BatchNorm, Conv, ConvTranspose, GroupNorm, Operator, Permute, Slice, Tile
from .finding import ExplainedMessage, Fix, headline, mends
from .fixes import fixes
from .missing_facts import ask_layer, ask_line, ask_network
from .single_layer import Branch, LayerTrial, failing, known, order_of, sane, tried
from .wording import by, counted, dialect, word

__all__ = ["explain_channels", "explain_filters", "explain_groups"]

_NORMS = ("batch_norm", "instance_norm", "group_norm")
_PICTURE = 16
"""Smaller maps are no pictures."""


def explain_channels(c: ParsedError) -> ExplainedMessage:
    """Explain a layer that takes another number of channels than arrives."""
    got, wanted = c.numbers.get("channels"), c.numbers.get("declared")
    shape = known(c.shapes[0]) if c.shapes else None
    ways: list[Fix] = []
    now = None
    if got and wanted and sane((got, wanted)):
        now = _taken(c, wanted, shape or _any_map(c, got))
        ways = [*_turned(c, now, wanted, shape), *_pictures(c, now, got, wanted, shape),
                *_declared(c, now, got, wanted, shape), *_brought(c, now, got, wanted, shape)]  # fmt: skip
    code = c.code or "CS010"
    says = [("channels", got), ("declared", wanted)]
    return ExplainedMessage(
        complaint=c, code=code, meaning="",
        headline=headline(c, code, {name: n for name, n in says if n is not None}),
        arithmetic=f"{counted(got, 'channel')} arrive{'s' * (got == 1)}, the weight is for {wanted}"
        if got and wanted else "",
        ways=tuple(ways), causes=tuple(_causes(c, got, wanted, shape)),
        asks=(*(() if got and wanted else (ask_line(c, "what the layer takes", "conv"),)),
              ask_network(c, "which layer makes these channels"), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


def _any_map(c: ParsedError, channels: int) -> tuple[int, ...]:
    """Return a map with so many channels, where the text does not say how large it is."""
    return (8, 8, channels) if order_of(c) == "channels_last" else (channels, 8, 8)


def _layer(c: ParsedError, declared: int) -> Operator:
    """Return the layer as far as the text describes it, with a declared number of channels."""
    if c.operator in _NORMS:
        return BatchNorm(num_features=declared)
    transposed = c.operator == "conv_transpose"
    sizes, weight = known(c.kernel_size), known(c.weight) or (1,)
    place = -1 if dialect(c) != "torch" or len(weight) < 3 else 1 if transposed else 0
    out = weight[place]
    groups, kernel = c.numbers.get("groups", 1), sizes or 1
    told: dict[str, Any] = {
        name: value for name in ("stride", "dilation", "padding") if isinstance(value := getattr(c, name), tuple)
    }
    if transposed:
        return ConvTranspose(out_channels=out * groups, kernel_size=kernel, in_channels=declared, groups=groups, **told)
    return Conv(out_channels=out, kernel_size=kernel, in_channels=declared, groups=groups, **told)


def _taken(c: ParsedError, declared: int, shape: tuple[int, ...], *before: Operator) -> LayerTrial:
    return tried(c, [_layer(c, declared)], Branch(shape, before))


def _shown(c: ParsedError, trial: LayerTrial) -> tuple[int, ...]:
    """Return what comes out, where the text says enough for that."""
    whole = c.kernel_size and c.stride and isinstance(c.padding, tuple) and known(c.weight) and c.shapes
    return trial.output if whole else ()


def _turned(c: ParsedError, now: LayerTrial, wanted: int, shape: tuple[int, ...] | None) -> Iterator[Fix]:
    """Yield the move of the channels to where the layer takes them, if they stand at the other end."""
    if shape is None or len(shape) < 2:
        return
    last = len(shape) - 1
    first = order_of(c) == "channels_first"
    if _at_other_end(c, wanted, shape):
        order = (last, *range(last)) if first else (*range(1, last + 1), 0)
        trial = _taken(c, wanted, shape, Permute(order=order))
        turned = tuple(shape[i] for i in order)
        where = "to the front" if first else "to the end"
        said = f": {text}" if (text := trial.said(c)) else ""
        yield from mends(f"move the channels {where}{said} ({by(turned)} arrives then)", now, trial, _shown(c, trial))


def _at_other_end(c: ParsedError, wanted: int, shape: tuple[int, ...]) -> bool:
    """Whether the channels that are wanted stand where the other order has them, and are no side of a square map."""
    end, maps = (shape[-1], shape[1:]) if order_of(c) == "channels_first" else (shape[0], shape[:-1])
    return end == wanted and (len(maps) == 1 or len(set(maps)) > 1)


def _pictures(c: ParsedError, now: LayerTrial, got: int, wanted: int, shape: tuple[int, ...] | None) -> Iterator[Fix]:
    """Yield what is done to pictures: those without an axis of channels, grey ones, and such with an alpha channel."""
    first = order_of(c) == "channels_first"
    whole = shape or _any_map(c, got)
    sizes = shape and (shape[1:] if first else shape[:-1])
    if c.operator == "conv_transpose" or c.operator in _NORMS or (sizes and min(sizes) < _PICTURE):
        return
    if c.framework == "torch" and wanted == 1 and got > 1 and c.batch in (None, 1) and shape and len(shape) == 3:
        trial = _taken(c, 1, (1, *shape[1:]))
        yield from mends(f"x.unsqueeze(1), if the {got} are the samples of a batch, without an axis for the one "
                         "channel", now, trial, _shown(c, trial))  # fmt: skip
    if (got, wanted) == (1, 3):
        repeats = (3, *(1,) * (len(whole) - 1)) if first else (*(1,) * (len(whole) - 1), 3)
        trial = _taken(c, 3, whole, Tile(repeats=repeats))
        said = trial.said(c)
        yield from mends(f"repeat the one channel of grey pictures{f': {said}' if said else ''}", now, trial,
                         _shown(c, trial))  # fmt: skip
    if (got, wanted) == (4, 3):
        trial = _taken(c, 3, whole, Slice(axis=0 if first else -1, stop=3))
        yield from mends(
            "open the pictures without their alpha channel: image.convert('RGB')", now, trial, _shown(c, trial)
        )
    if (got, wanted) == (3, 1):
        trial = _taken(c, 1, whole, Slice(axis=0 if first else -1, stop=1))
        yield from mends("open the pictures in grey: image.convert('L')", now, trial, _shown(c, trial))


def _declared(c: ParsedError, now: LayerTrial, got: int, wanted: int, shape: tuple[int, ...] | None) -> Iterator[Fix]:
    """Yield the layer that takes what arrives; its weights are new."""
    trial = _taken(c, got, shape or _any_map(c, got))
    name = {"batch_norm": "num_features", "instance_norm": "num_features", "group_norm": "num_channels"}.get(
        c.operator or "", "in_channels")  # fmt: skip
    if dialect(c) == "torch":
        change = f"{name}={got} in this layer (now {wanted})"
    elif dialect(c) == "keras":
        change = f"a new layer in its place, with weights for {counted(got, 'channel')} (now {wanted})"
    else:
        change = f"a weight for {counted(got, 'channel')} in this layer (now {wanted})"
    if c.operator not in _NORMS and known(c.weight) and c.kernel_size and c.shapes and not c.stride:
        yield from mends(f"{change}; with stride 1 and no padding", now, trial)
    else:
        yield from mends(change, now, trial, trial.output if c.operator in _NORMS and shape else _shown(c, trial))


def _brought(c: ParsedError, now: LayerTrial, got: int, wanted: int, shape: tuple[int, ...] | None) -> Iterator[Fix]:
    """Yield the 1x1 convolution in front that gives the channels which are declared: the layer keeps its weights."""
    bridge = Conv(out_channels=wanted, kernel_size=1)
    trial = _taken(c, wanted, shape or _any_map(c, got), bridge)
    said = trial.said(c) if shape else ""
    text = f"{counted(wanted, 'channel')} by a convolution of {word(c, 'kernel_size')}=1 in front"
    yield from mends(f"{text}{f': {said}' if said else ''}", now, trial, _shown(c, trial))


def _causes(c: ParsedError, got: int | None, wanted: int | None, shape: tuple[int, ...] | None) -> Iterator[str]:
    if shape and wanted and len(shape) >= 3 and _at_other_end(c, wanted, shape):
        if order_of(c) == "channels_first":
            yield (f"{by(shape)} has {wanted} at the end, where channels last would have the channels: if these are "
                   "pictures, they have to be permuted")  # fmt: skip
        else:
            yield (f"{by(shape)} has {wanted} in front, where channels first would have the channels: if these are "
                   "pictures, move the channels to the end")  # fmt: skip
    if c.framework == "torch" and c.operator == "conv" and c.weight and c.weight[0] == got:
        yield f"the layer gives {got} channels itself: it may be called a second time, where another one was meant"
    if {got, wanted} == {1, 3}:
        yield "grey pictures have 1 channel, colour pictures 3: load them as the network was made for"
    yield "the layer before has another number of output channels than this one takes, as after a concatenation"


# -- groups


def explain_groups(c: ParsedError) -> ExplainedMessage:
    """Explain input channels that cannot be divided among the groups."""
    channels, groups = c.numbers.get("channels"), c.numbers.get("groups")
    ways: list[Fix] = []
    now = None
    if channels and groups and sane((channels, groups)):
        now = _grouped(c, channels, groups)
        ways = fixes(c, now.problem, "groups", "project") if now.problem else []
    elif not c.numbers:
        ways = _ungrouped(c, _any_map(c, 1))
    asks = () if c.numbers else (ask_line(c, f"{_width(c)} and groups", "conv"),)
    return ExplainedMessage(
        complaint=c, code="CS008", ways=tuple(ways),
        arithmetic=f"{channels} = {channels // groups} * {groups} + {channels % groups}" if channels and groups else "",
        meaning=None if c.operator == "conv" else "Each group gets the same number of channels.",
        asks=(*asks, *ask_layer(c)), sketch=failing(now))  # fmt: skip


def _ungrouped(c: ParsedError, shape: tuple[int, ...]) -> list[Fix]:
    """Return what mends groups of which no number is known: one group, as in one that stands for all."""
    two, one = (tried(c, [Conv(out_channels=1, kernel_size=1, groups=n)], shape) for n in (2, 1))
    return mends("groups=1", two, one, ())


def _width(c: ParsedError) -> str:
    return "in_channels" if dialect(c) == "torch" else "the channels that arrive"


def _grouped(c: ParsedError, channels: int, groups: int) -> LayerTrial:
    """Return what comes of so many channels in so many groups, by which the channels that are made can be divided."""
    shape = known(c.shapes[0]) if c.shapes else None
    norm = c.operator not in ("conv", "conv_transpose")
    layer = GroupNorm(groups=groups) if norm else Conv(out_channels=groups, kernel_size=1, groups=groups)
    return tried(c, [layer], shape or _any_map(c, channels), batch=c.batch)


def explain_filters(c: ParsedError) -> ExplainedMessage:
    """Explain output channels that cannot be divided among the groups."""
    out, groups = c.numbers.get("out_channels"), c.numbers.get("groups")
    name = word(c, "out_channels")
    ways: list[Fix] = []
    now = None

    if out and groups and sane((out, groups)):
        now = tried(c, [Conv(out_channels=out, kernel_size=1, groups=groups)], _any_map(c, groups))
        ways = fixes(c, now.problem, "width", "groups") if now.problem else []
    elif not c.numbers:
        ways = _ungrouped(c, _any_map(c, 2))
    return ExplainedMessage(
        complaint=c, code="CS009", ways=tuple(ways),
        arithmetic=f"{out} = {out // groups} * {groups} + {out % groups}" if out and groups else "",
        asks=(*(() if c.numbers else (ask_line(c, f"{name} and groups", "conv"),)), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip
