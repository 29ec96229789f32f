"""Explaining borders: reflected and circular padding larger than the input, and crops that leave nothing."""

from __future__ import annotations

from ..messages import ParsedError
from ..operators import Crop, Pad
from .finding import ExplainedMessage, Fix, mends
from .missing_facts import ask_layer, ask_line, ask_network
from .single_layer import LayerTrial, failing, known, order_of, sane, tried
from .wording import by, dialect

__all__ = ["explain_circular", "explain_crop", "explain_reflection"]

_OTHER_MODES = {
    "torch": "mode='replicate' or 'constant'", "keras": "mode='CONSTANT'",
    "onnx": "mode='edge' or 'constant'",
}  # fmt: skip
_SHRANK = "which layer shrank it so far"


def explain_reflection(c: ParsedError) -> ExplainedMessage:
    """Explain a reflected padding that is not smaller than the input."""
    padding, size = c.numbers.get("padding"), c.numbers.get("size")
    ways: list[Fix] = []
    now = None
    if padding is not None and size and sane((padding, size), 0):
        both = isinstance(c.padding, tuple) and len(c.padding) == 2
        pair = c.padding if isinstance(c.padding, tuple) and both else (padding, 0)
        now = _padded(c, (size,), pair, "reflect")
        most = tuple(min(p, size - 1) for p in pair)
        if max(most) > 0:
            less, was = (str(most), str(pair)) if both else (str(most[0]), str(padding))
            trial = _padded(c, (size,), most, "reflect")
            ways += mends(f"a padding of {less} on this axis, the most that works (now {was})", now, trial,
                          trial.output[1:] if both else ())  # fmt: skip
        trial = _padded(c, (size,), pair, "constant")
        ways += mends(_other_mode(c), now, trial, trial.output[1:] if both else ())
    elif c.shapes and (shape := known(c.shapes[0])) and len(shape) > 1:  # a size of 1 has nothing to reflect
        now = _padded(c, shape[1:], (1, 1), "reflect", shape[0])
        ways += mends(_other_mode(c), now, _padded(c, shape[1:], (1, 1), "constant", shape[0]), ())
    return ExplainedMessage(
        complaint=c, code="CS005",
        arithmetic=f"{padding} >= {size}" if padding and size else " and ".join(map(by, c.shapes)),
        ways=tuple(ways), needs=(padding + 1,) if padding and size and sane((padding,)) else (),
        asks=(*(() if size else (ask_line(c, "how much is padded", "pad"),)), ask_network(c, _SHRANK), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


def _other_mode(c: ParsedError) -> str:
    return f"another mode: {_OTHER_MODES.get(dialect(c), 'replicate or constant')}"


def _padded(c: ParsedError, sizes: tuple[int, ...], pair: tuple[int, ...], mode: str, channels: int = 1) -> LayerTrial:
    padding = (pair,) * len(sizes)
    return tried(c, [Pad(padding=padding, mode=mode)], (channels, *sizes), order="channels_first")


def explain_circular(c: ParsedError) -> ExplainedMessage:
    """Explain a circular padding that goes around more than once: PyTorch does not say with which numbers."""
    ways = mends(f"{_other_mode(c)} (of a convolution: padding_mode='replicate' or 'zeros')",
                 _padded(c, (1,), (2, 2), "circular"), _padded(c, (1,), (2, 2), "constant"), ())  # fmt: skip
    return ExplainedMessage(
        complaint=c, code="CS006", ways=tuple(ways),
        asks=("the shape of what is padded: print it in front of the line",
              ask_line(c, "how much is padded", "pad"), *ask_layer(c)))  # fmt: skip


def explain_crop(c: ParsedError) -> ExplainedMessage:
    """Explain a crop that leaves nothing."""
    shape = known(c.shapes[0]) if c.shapes else None
    cropping = c.cropping
    ways: list[Fix] = []
    needs: tuple[int, ...] = ()
    now, arithmetic = None, f"{by(c.shapes[0])} arrives" if c.shapes else ""
    if shape and cropping and len(cropping) == len(shape) - 1 and sane((n for pair in cropping for n in pair), 0):
        first = order_of(c) == "channels_first"
        sizes = shape[1:] if first else shape[:-1]
        now = tried(c, [Crop(amount=cropping)], shape)
        taken = " and ".join(f"{before} + {after}" for before, after in dict.fromkeys(cropping))
        arithmetic = f"{by(shape)} arrives, and {taken} are cut off"
        less = tuple(_less(n, pair) for n, pair in zip(sizes, cropping, strict=True))
        trial = tried(c, [Crop(amount=less)], shape)
        written = [str(x[0] if len(x) == 1 else x) for x in (less, cropping)]
        ways = mends(f"cropping={written[0]} (now {written[1]})", now, trial)
        needs = tuple(max(n, sum(pair) + 1) for n, pair in zip(sizes, cropping, strict=True))
    return ExplainedMessage(
        complaint=c, code="CS019", arithmetic=arithmetic,
        ways=tuple(ways), needs=needs,
        asks=(ask_network(c, _SHRANK), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


def _less(size: int, pair: tuple[int, int]) -> tuple[int, int]:
    """Return the crop that leaves one, as even as the crop was, where more was to be cut off."""
    if sum(pair) < size:
        return pair
    before = min(pair[0], max((size - 1) // 2, size - 1 - pair[1]))
    return before, min(pair[1], size - 1 - before)
