"""Explaining axes: too few or too many of them, and normalisation over a single value."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..messages import ParsedError
from ..messages.parsed_error import SeenShape
from ..operators import BatchNorm, Concat, Conv, Flatten, Identity, InstanceNorm, MaxPool, Operator, Reshape, Unsqueeze
from .finding import ExplainedMessage, Fix, headline, mends
from .missing_facts import ask_layer, ask_line, ask_network
from .single_layer import Branch, LayerTrial, failing, known, tried
from .wording import by, counted, dialect

__all__ = ["explain_one_value", "explain_rank"]

COLOURS = (1, 3, 4)
"""Numbers of channels that pictures usually have."""

_MOST = 8
"""No layer works on more axes."""


def explain_rank(c: ParsedError) -> ExplainedMessage:
    """Explain a tensor with another number of axes than a layer works on."""
    wanted, found = (n if n is not None and n <= _MOST else None for n in map(c.numbers.get, ("wanted", "found")))
    whole = known(c.shapes[0]) if c.shapes and c.framework == "torch" else None
    sample = known(c.shapes[0] if whole is None and c.shapes else (whole or ())[1:])
    now = _convolved(c, sample, wanted - 2) if sample and wanted and wanted > 2 else None
    ways: list[Fix] = []
    mend = None
    if c.operator == "concat":
        ways = list(_flattened(c))
        mend = "flatten the one with more axes, or give the one with fewer as many, of size 1"
    elif c.operator == "batch_norm" and found:
        ways = list(_normalised(c, found))
    elif c.target is not None:
        ways = list(_as_declared(c))
    elif c.framework == "torch" and whole and wanted and c.operator in ("conv", "conv_transpose"):
        ways = list(_of_torch(c, now, whole, wanted))
    elif dialect(c) == "keras" and c.shapes and wanted and found:
        ways = list(_of_keras(c, now, wanted, found))
    shape: SeenShape | None = whole or ((c.batch, *c.shapes[0]) if c.shapes else None)
    parts = [f"{by(shape)} arrives" if shape else "", f"{counted(found, 'axis')} with the batch" if found else "",
             f"{wanted} are wanted" if wanted and found else f"{counted(wanted or 0, 'axis')} with the batch are wanted"
             if wanted else ""]  # fmt: skip
    return ExplainedMessage(
        complaint=c, code="CS022", headline=headline(c, "CS022", {}), ways=tuple(ways),
        arithmetic=_sentence(c, parts), meaning=_axes_of(c, wanted), mend=mend,
        causes=tuple(_causes(c, wanted, found)), asks=(*_asks(c, shape), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


def _sentence(c: ParsedError, parts: list[str]) -> str:
    if c.operator == "concat" and len(c.numbers) == 2:
        return f"{c.numbers.get('first')} axes and {c.numbers.get('second')}"
    if c.target is not None:
        return f"{by((c.batch, *c.shapes[0]))} arrives, and the model was made for {by((None, *c.target))}"
    return ", ".join(part for part in parts if part)


def _axes_of(c: ParsedError, wanted: int | None) -> str | None:
    if c.operator == "concat":
        return "All tensors that are concatenated must have the same number of axes."
    names = {3: ("batch", "channels", "length"), 4: ("batch", "channels", "height", "width"),
             5: ("batch", "channels", "depth", "height", "width")}.get(wanted or 0)  # fmt: skip
    if not names or c.target is not None:
        return None
    if dialect(c) == "keras":
        names = (names[0], *names[2:], names[1])
    return f"It takes ({', '.join(names)})."


def _convolved(c: ParsedError, sample: tuple[int, ...], rank: int, *before: object) -> LayerTrial:
    """Return what a convolution gives that takes whatever channels arrive; its kernel stands for any."""
    channels = (known(c.weight) or (0, 0))[1] if c.weight and c.framework == "torch" else 0
    layer = Conv(out_channels=1, kernel_size=(1,) * rank, in_channels=channels or None)
    return tried(c, [layer], Branch(sample, tuple(before)))  # type: ignore[arg-type]


def _of_torch(c: ParsedError, now: LayerTrial | None, shape: tuple[int, ...], wanted: int) -> Iterator[Fix]:
    """Yield which axes are to be added for PyTorch: the batch, the channels, or both; or which are to be merged.

    Without a weight in the text it is not known how many channels the layer takes; with one, what does not agree with
    it is left out.
    """
    missing = wanted - len(shape)
    rank = wanted - 2
    if missing == 1:
        trial = _convolved(c, shape, rank)
        yield from mends(f"x.unsqueeze(0), if {by(shape)} is one sample: a batch of one", now, trial, ())
        trial = _convolved(c, (1, *shape[1:]), rank)
        yield from mends(f"x.unsqueeze(1), if the {shape[0]} are the samples of a batch, with one channel each",
                         now, trial, ())  # fmt: skip
    elif missing == 2:
        if len(shape) == 2 == rank and (side := math.isqrt(shape[1])) ** 2 == shape[1] > 1:
            trial = _convolved(c, (shape[1],), rank, Reshape(shape=(1, side, side)))
            yield from mends(f"x.view(-1, 1, {side}, {side}), if each row of {shape[1]} is a picture of one channel",
                             now, trial, ())  # fmt: skip
        trial = _convolved(c, (1, *shape), rank)
        yield from mends(f"x[None, None], if {by(shape)} is one sample with one channel", now, trial, ())
    elif missing < 0 and len(shape) > 2:
        merged = (*shape[1 : wanted - 1], math.prod(shape[wanted - 1 :]))
        trial = _convolved(c, merged, rank)
        yield from mends(f"nn.Conv{len(shape) - 2}d in its place, for {len(shape) - 2} spatial axes", now,
                         _convolved(c, shape[1:], len(shape) - 2), ())  # fmt: skip
        yield from mends(f"x.flatten({wanted - 1}), so that {by((shape[0], *merged))} arrives", now, trial, ())


def _of_keras(c: ParsedError, now: LayerTrial | None, wanted: int, found: int) -> Iterator[Fix]:
    """Yield which axes are to be added for Keras: the channels at the end, or the batch in front; or a reshape."""
    shape = known(c.shapes[0])
    if shape is None:
        return
    batch = c.batch
    if wanted - found == 1:
        if batch is not None and shape and shape[-1] in COLOURS:
            whole = (batch, *shape)
            yield from mends(f"x[None], if {by(whole)} is one sample: a batch of one", _any_axes(c, shape),
                             _any_axes(c, whole), ())  # fmt: skip
        trial = _any_axes(c, shape, Unsqueeze(axis=len(shape))) if shape else _any_axes(c, (batch or 1, 1))
        what = {1: "", 2: "", 3: ", for one feature in each step"}.get(wanted, ", for one channel")
        yield from mends(f"one more axis at the end{what}: x[..., None], so that {by((batch, *trial.output))} arrives",
                         _any_axes(c, shape or (1,)), trial, ())  # fmt: skip
    elif c.operator == "conv" and found > wanted > 2:
        yield from mends(f"Conv{found - 2}D in its place, for {found - 2} spatial axes", now,
                         _convolved(c, shape, found - 2), ())  # fmt: skip
    if found > wanted >= 2 and len(shape) >= wanted:
        merged = (*shape[: wanted - 2], math.prod(shape[wanted - 2 :]))
        trial = _any_axes(c, shape, Reshape(shape=merged))
        layer = "Flatten()" if wanted == 2 else f"Reshape({merged})"
        yield from mends(f"{layer} in front: {by((batch, *trial.output))} arrives then", _any_axes(c, shape), trial, ())
    elif found == 2 and wanted > 3 and "pooling" in (c.layer or ""):
        yield from mends("leave this pool out: what arrives is one row of features for each sample",
                         tried(c, [MaxPool(kernel_size=(2,) * (wanted - 2))], shape),
                         tried(c, [Identity()], shape), ())  # fmt: skip


def _as_declared(c: ParsedError) -> Iterator[Fix]:
    """Yield what gives the input of a Keras model the axes that it was declared with."""
    wanted, given = known(c.target), known(c.shapes[0]) if c.shapes else None
    if wanted is None or given is None:
        return
    if c.batch is not None and (c.batch, *given) == wanted:
        yield from mends(f"x[None], if {by(wanted)} is one sample: a batch of one", _any_axes(c, given, target=wanted),
                         _any_axes(c, wanted, target=wanted), ())  # fmt: skip
    elif (*given, 1) == wanted:
        trial = _any_axes(c, given, Unsqueeze(axis=len(given)), target=wanted)
        yield from mends(f"one more axis at the end: x[..., None], so that {by((None, *wanted))} arrives",
                         _any_axes(c, given, target=wanted), trial, ())  # fmt: skip
    elif math.prod(given) == math.prod(wanted):
        trial = _any_axes(c, given, Reshape(shape=wanted))
        yield from mends(f"x.reshape({', '.join(map(str, (-1, *wanted)))})", _any_axes(c, given), trial, ())


def _normalised(c: ParsedError, found: int) -> Iterator[Fix]:
    """Yield the batch norm for as many axes as there are."""
    rank = {2: 1, 3: 1, 4: 2, 5: 3}.get(found)
    if rank:
        trial = tried(c, [BatchNorm()], (8, *(8,) * (found - 2)))
        yield from mends(f"nn.BatchNorm{rank}d in its place, for {counted(found, 'axis')}", None, trial, ())


def _flattened(c: ParsedError) -> Iterator[Fix]:
    """Yield the flatten of the one with more axes, where the other one is rows of features."""
    axes = sorted(c.numbers.values())
    if len(axes) == 2 and axes[0] == 2 < axes[1] <= 8:
        now, trial = (tried(c, [Concat(axis=0)], Branch((2,) * (axes[1] - 1), fit), (3,), order="channels_first")
                      for fit in ((), (Flatten(),)))  # fmt: skip
        yield from mends(
            f"x.flatten(1) for the one with {axes[1]} axes, if they are joined along axis 1", now, trial, ()
        )


def _any_axes(
    c: ParsedError, shape: tuple[int, ...], *before: Operator, target: tuple[int, ...] | None = None
) -> LayerTrial:
    """Return what arrives at a layer of which nothing else is known."""
    return tried(c, [], Branch(shape, before), target=target)


def _causes(c: ParsedError, wanted: int | None, found: int | None) -> Iterator[str]:
    if found == 2 and wanted and wanted > 2 and c.operator != "concat":
        yield "a flatten, or a linear layer, stands before a layer that works on maps"
    shape = known(c.shapes[0]) if c.shapes else None
    if dialect(c) == "keras" and shape and wanted and found and wanted - found == 1:
        if any(word in (c.layer or "").lower() for word in ("lstm", "gru", "rnn")):
            yield "the recurrent layer before it gives its last step alone: return_sequences=True in that one"
        if shape[-1] not in COLOURS or len(shape) < 3:
            yield f"the channel axis is missing: {by((*shape, 1))}"
    if wanted and found and wanted - found == 1:
        yield "a single sample is given without its batch axis, or grey pictures without the axis of their one channel"


def _asks(c: ParsedError, shape: object) -> Iterator[str]:
    if c.operator == "concat":
        yield "the shapes of both tensors: print them in front of the line that joins them"
    elif not shape:
        yield "the shape that arrives: print it in front of the line"
        yield ask_line(c, "how many axes the layer takes")
    else:
        yield ask_network(c, "what made these axes")


# -- normalisation over a single value


def explain_one_value(c: ParsedError) -> ExplainedMessage:
    """Explain normalisation in training over the only value of each channel."""
    shape = known(c.shapes[0]) if c.shapes else None
    single = c.operator == "instance_norm"
    ways: list[Fix] = []
    now = None
    if shape and len(shape) > single:
        layer = InstanceNorm() if single else BatchNorm()
        now = tried(c, [layer], shape, batch=1)
        if not single:
            ways += mends("a batch of 2 or more: DataLoader(..., drop_last=True) leaves out a last batch of one", now,
                          tried(c, [layer], shape, batch=2), ())  # fmt: skip
            ways += mends("model.eval() in front, where you do not train", now, tried(c, [layer], shape), ())
        if len(shape) > 1:
            larger = (*shape[:-1], 2)
            ways += mends(f"a larger input: {by((c.batch, *larger))} is enough here", now,
                          tried(c, [layer], larger, batch=1), ())  # fmt: skip
        ways += mends("no normalisation where maps are 1x1", now, tried(c, [Identity()], shape, batch=1), ())
    return ExplainedMessage(
        complaint=c, code="CS016", ways=tuple(ways),
        arithmetic=f"{by((c.batch, *shape))} arrives: one value for each of {counted(shape[0], 'channel')}"
        if shape else "",
        meaning="Each channel is normalised over its own map, also outside of training." if single else None,
        asks=(*(() if shape else ("the shape that arrives: print it in front of the line",)), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip
