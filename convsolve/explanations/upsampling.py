"""Explaining what makes maps larger, or smaller, and gives nothing: transposed convolutions, resizing, empty inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from ..messages import ParsedError
from ..messages.parsed_error import SeenShape
from ..operators import ConvTranspose, Upsample
from .finding import ExplainedMessage, Fix, headline, mends
from .missing_facts import ask_layer, ask_line, ask_network
from .single_layer import LayerTrial, failing, known, sane, tried
from .wording import by, one, word

__all__ = ["explain_empty", "explain_out_of_reach", "explain_resized", "explain_transposed"]


def explain_transposed(c: ParsedError) -> ExplainedMessage:
    """Explain a transposed convolution whose padding takes away all that it makes."""
    sizes, output = known(c.sizes), c.output
    ways: list[Fix] = []
    now, arithmetic = None, f"{by(c.sizes)} arrives, {by(c.output)} would come out" if c.sizes and c.output else ""
    if sizes and output and len(sizes) == len(output) and sane(abs(n) + 1 for n in output if n is not None):
        missing = tuple(max(0, 1 - (n or 0)) for n in output)
        layer, told = _transposed(c, sizes, output)
        now = _alone(c, layer, sizes)
        arithmetic += f": {now.formula}" if told else ""
        less = tuple(p - (m + 1) // 2 for p, m in zip(layer.padding, missing, strict=True))
        by_so_much = f"smaller by {one([(m + 1) // 2 for m in missing])} on each side"
        if min(less) >= 0:
            trial = _alone(c, replace(layer, padding=less), sizes)
            change = f"={one(less)} (now {one(layer.padding)})" if told else f" {by_so_much}"
            ways += mends(f"{word(c, 'padding')}{change}", now, trial, trial.output[1:])
        kernel = tuple(k + m for k, m in zip(layer.kernel_size, missing, strict=True))
        change = f"={one(kernel)} (now {one(layer.kernel_size)})" if told else f" larger by {one(missing)}"
        trial = _alone(c, replace(layer, kernel_size=kernel), sizes)
        ways += mends(f"{word(c, 'kernel_size')}{change}", now, trial, trial.output[1:] if told else ())
        steps = layer.stride if told else (1,) * len(sizes)
        larger = tuple(n - -m // s for n, m, s in zip(sizes, missing, steps, strict=True))
        trial = _alone(c, layer, larger)
        enough = "" if told else ": with a stride above 1, less is enough"
        ways += mends(f"an input of {by(larger)} there{enough}", now, trial, trial.output[1:] if told else ())
    return ExplainedMessage(
        complaint=c, code="CS002", arithmetic=arithmetic, ways=tuple(ways),
        meaning="Each unit of padding takes two from what a transposed convolution makes.",
        asks=(*(() if c.stride else (ask_line(c, "its kernel_size, stride and padding", "conv_transpose"),)),
              *ask_layer(c)), sketch=failing(now))  # fmt: skip


def _alone(c: ParsedError, layer: ConvTranspose, sizes: Sequence[int]) -> LayerTrial:
    return tried(c, [layer], (1, *sizes), order="channels_first")


def _transposed(c: ParsedError, sizes: Sequence[int], output: SeenShape) -> tuple[ConvTranspose, bool]:
    """Return the transposed convolution, and whether its numbers are told: the message has none, a live layer has all.

    Without them, only what they come to matters: a layer of stride 1 that gives the same output stands for all.
    """
    kernel, stride, dilation, padding = known(c.kernel_size), known(c.stride), known(c.dilation), c.padding
    if kernel and stride and dilation and isinstance(padding, tuple) and sane(padding, 0):
        layer = ConvTranspose(out_channels=1, kernel_size=kernel, stride=stride, dilation=dilation, padding=padding,
                              output_padding=c.output_padding or 0)  # fmt: skip
        if _alone(c, layer, sizes).output[1:] == output:
            return layer, True
    paddings = tuple(max(0, (n - (out or 0) + 1) // 2) for n, out in zip(sizes, output, strict=True))
    kernels = tuple((out or 0) - (n - 1) + 2 * p for n, out, p in zip(sizes, output, paddings, strict=True))
    return ConvTranspose(out_channels=1, kernel_size=kernels, padding=paddings, stride=(1,) * len(sizes)), False


def explain_out_of_reach(c: ParsedError) -> ExplainedMessage:
    """Explain an output size that a transposed convolution cannot give, and what it can."""
    wished, least, greatest = (c.numbers.get(name) for name in ("output_size", "least", "greatest"))
    sizes, target, lows, strides = known(c.sizes), known(c.target), known(c.output), known(c.stride)
    ways: list[Fix] = []
    now = None
    if sizes and target and lows and strides and len(sizes) == len(target) == len(lows):
        now = _wished(c, sizes, lows, strides, target)
        near = tuple(min(max(n, low), low + s - 1) for n, low, s in zip(target, lows, strides, strict=True))
        trial = _wished(c, sizes, lows, strides, near)
        ways = mends(f"output_size={near} (now {target})", now, trial, trial.output[1:])
        needed = tuple(n + (want - low) // s for n, low, want, s in zip(sizes, lows, target, strides, strict=True))
        if sane(needed):
            moved = tuple(low + (m - n) * s for low, m, n, s in zip(lows, needed, sizes, strides, strict=True))
            trial = _wished(c, needed, moved, strides, target)
            ways += mends(f"an input of {by(needed)} there (now {by(sizes)})", now, trial, trial.output[1:])
    return ExplainedMessage(
        complaint=c, code="CS021", ways=tuple(ways),
        arithmetic=f"{wished} is not between {least} and {greatest}" if wished and least and greatest else "",
        asks=(ask_network(c, "where the wished size comes from"), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


def _wished(
    c: ParsedError, sizes: Sequence[int], lows: Sequence[int], strides: tuple[int, ...], wished: tuple[int, ...]
) -> LayerTrial:
    """Return what comes of a wish; any kernel and padding that give these least sizes stand for all."""
    spans = [low - (n - 1) * s for low, n, s in zip(lows, sizes, strides, strict=True)]
    paddings = tuple(max(0, (2 - span) // 2) for span in spans)
    layer = ConvTranspose(
        out_channels=1, kernel_size=tuple(span + 2 * p for span, p in zip(spans, paddings, strict=True)),
        stride=strides, padding=paddings, output_size=wished)  # fmt: skip
    return tried(c, [layer], (1, *sizes), order="channels_first")


def explain_resized(c: ParsedError) -> ExplainedMessage:
    """Explain a resizing to nothing: a factor so small that the size is rounded down to 0."""
    sizes = known(c.sizes)
    ways: list[Fix] = []
    now = None
    if sizes:
        gone = max((n for n, out in zip(sizes, c.output or (), strict=False) if out == 0), default=0)
        scale = Fraction(1, gone + 1)  # one of those that give nothing
        now = tried(c, [Upsample(scale_factor=scale)], (1, *sizes), order="channels_first")
        least = min(sizes)
        trial = tried(c, [Upsample(scale_factor=Fraction(1, least))], (1, *sizes), order="channels_first")
        ways = mends(f"scale_factor={1 / least:g}, or larger" if (1 / least).as_integer_ratio()[1] <= 64 else
                     f"scale_factor=1/{least}, or larger", now, trial, trial.output[1:])  # fmt: skip
        trial = tried(c, [Upsample(size=(1,) * len(sizes))], (1, *sizes), order="channels_first")
        ways += mends(f"size={(1,) * len(sizes) if len(sizes) > 1 else 1}, or larger, in place of scale_factor", now,
                      trial, trial.output[1:])  # fmt: skip
    return ExplainedMessage(
        complaint=c, code="CS002", ways=tuple(ways),
        arithmetic=f"{by(c.sizes)} arrives, {by(c.output)} would come out" if c.sizes and c.output else "",
        meaning="The size times scale_factor is rounded down.",
        asks=(ask_line(c, "its scale_factor"), ask_network(c, "which layer shrank it so far"), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


def explain_empty(c: ParsedError) -> ExplainedMessage:
    """Explain a layer that gets a tensor without elements: the mistake lies before it."""
    return ExplainedMessage(
        complaint=c, code="CS002", headline=headline(c, "CS002", failure="what arrives is empty"),
        arithmetic=f"{by(c.shapes[0])} arrives" if c.shapes else "",
        meaning="This layer takes every size of at least 1, and cannot mend it: a layer before it gave an empty tensor "
                "without a word, as slices, negative padding and some resizings do.",
        mend="", asks=(ask_network(c, "which layer gave the empty tensor"), *ask_layer(c)))  # fmt: skip
