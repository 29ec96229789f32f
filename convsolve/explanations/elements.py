"""Explaining elements: reshapes and splits to another number of them, and sizes that cannot be divided."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..messages import ParsedError
from ..operators import Flatten, Linear, Operator, Pad, PixelShuffle, Reshape, SpaceToDepth, Split
from .finding import ExplainedMessage, Fix, mends
from .fixes import fixes
from .missing_facts import ask_layer, ask_network
from .single_layer import Branch, LayerTrial, failing, known, sane, tried
from .wording import by, dialect

__all__ = ["explain_divisible", "explain_elements", "explain_parts"]


def explain_elements(c: ParsedError) -> ExplainedMessage:
    """Explain a reshape to another number of elements."""
    shape = known(c.shapes[0]) if c.shapes else None
    count = c.numbers.get("elements", math.prod(shape) if shape else None)
    target = c.target
    wanted, open_axis = _wanted(c)
    now, ways = None, []
    if count and sane((count,)):
        new = tuple(-1 if n is None else n for n in target or ()) or ((-1, wanted) if open_axis else (wanted,))
        if sane(n for n in new if n != -1):
            now = tried(c, [Reshape(shape=new)], shape or (count,))
        if wanted is None or now is None or not now.ok:
            ways = [*_before(c, now, count, wanted), *_entries(c, now, count), *_flat(c, now, count)]
    arithmetic = f"{count} elements arrive" if count else ""
    if count and wanted:
        arithmetic = f"{count} = {count // wanted} * {wanted} + {count % wanted}" if open_axis else \
            f"{count} elements arrive, {_product(c)}{wanted} are wanted"  # fmt: skip
    return ExplainedMessage(
        complaint=c, code="CS014", arithmetic=arithmetic,
        ways=tuple(ways),
        causes=("the input has another size than the one for which the new shape was written: a pool to a fixed size "
                "in front makes the count independent of the input",),
        asks=(*_asks(c, count, wanted), ask_network(c, "the size of the network's input"), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


def _wanted(c: ParsedError) -> tuple[int | None, bool]:
    """Return how many elements are wanted, and whether a multiple of that is as good."""
    if "multiple" in c.numbers:
        return (c.numbers["multiple"] or None), True
    if "wanted" in c.numbers:
        return c.numbers["wanted"] or None, False
    if c.target is None or not sane(n for n in c.target if n not in (None, -1)):
        return None, False
    return math.prod(n for n in c.target if n is not None and n > 0), any(n in (None, -1) for n in c.target)


def _product(c: ParsedError) -> str:
    return f"{'*'.join(map(str, c.target))} = " if c.target and len(c.target) > 1 else ""


def _before(c: ParsedError, now: LayerTrial | None, count: int, wanted: int | None) -> Iterator[Fix]:
    """Yield the layer in front that gives as many features as the new shape has, where it is one row of them."""
    row = c.shapes and len(c.shapes[0]) == 1 and dialect(c) == "keras"
    if not wanted or not (row or c.operator == "unflatten") or None in (c.target or (None,)) or -1 in (c.target or ()):
        return
    trial = tried(c, [Reshape(shape=c.target)], Branch((count,), (Linear(out_features=wanted),)))
    layer = f"Dense({wanted})" if dialect(c) == "keras" else f"nn.Linear(..., {wanted})"
    yield from mends(f"{wanted} features from the layer in front (now {count}): {layer}", now, trial)


def _entries(c: ParsedError, now: LayerTrial | None, count: int) -> Iterator[Fix]:
    """Yield the new shapes that differ in one number, where there is one with as many elements."""
    target = known(c.target)
    if not target or len(target) < 2:
        return
    arriving = known(c.shapes[0]) or (count,) if c.shapes else (count,)
    batched = c.template == "torch.view"  # its first entry is the batch, mostly: that is not to change
    for i in range(1 if batched else 0, len(target)):
        rest = math.prod(target) // target[i]
        if count % rest == 0:
            new = (*target[:i], count // rest, *target[i + 1 :])
            yield from mends(f"shape {by(new)} (now {by(target)})", now, tried(c, [Reshape(shape=new)], arriving))


def _flat(c: ParsedError, now: LayerTrial | None, count: int) -> Iterator[Fix]:
    trial = tried(c, [Flatten()], known(c.shapes[0]) or (count,) if c.shapes else (count,))
    if c.framework == "torch" and c.operator == "reshape":
        change = "x.view(x.shape[0], -1), which is x.flatten(1): one row for each sample, of whatever there is"
        yield from mends(change, now, trial, ())
    elif dialect(c) == "keras":
        yield from mends("Flatten() in its place: one row of whatever there is", now, trial,
                         trial.output if c.shapes else ())  # fmt: skip
    elif c.framework in ("jax", "onnx"):
        said = "x.reshape(x.shape[0], -1)" if c.framework == "jax" else "the shape [0, -1]: 0 keeps the batch"
        yield from mends(f"{said}, one row for each sample, of whatever there is", now, trial, ())


def _asks(c: ParsedError, count: int | None, wanted: int | None) -> Iterator[str]:
    if not count or not wanted:
        yield "the old shape and the new one: print the shape of what is reshaped, and send the line that does it"


# -- splits


def explain_parts(c: ParsedError) -> ExplainedMessage:
    """Explain the parts of a split, which do not add up to the size."""
    parts, size = known(c.target), c.numbers.get("size")
    now, ways = None, []
    if parts and size and sane((size,)):
        now = tried(c, [Split(sizes=parts, axis=0)], (size,))
        last = size - sum(parts[:-1])
        if last > 0:
            new = (*parts[:-1], last)
            trial = tried(c, [Split(sizes=new, axis=0)], (size,))
            ways += mends(f"split_sizes={list(new)} (now {list(parts)})", now, trial, ())
        even = tuple(min(parts[0], size - i) for i in range(0, size, parts[0])) if size <= 4096 else ()
        if even:
            trial = tried(c, [Split(sizes=even, axis=0)], (size,))
            ways += mends(
                f"x.split({parts[0]}), whose last part may be smaller: parts of {', '.join(map(str, even))}"
                if len(even) <= 8
                else f"x.split({parts[0]}), whose last part may be smaller",
                now,
                trial,
                (),
            )
    return ExplainedMessage(
        complaint=c, code="CS014", ways=tuple(ways),
        arithmetic=f"{' + '.join(map(str, parts))} = {sum(parts)}, and not {size}" if parts and size else "",
        meaning="The parts of a split must add up to the size of the axis.",
        asks=(ask_network(c, "how the axis got its size"), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


# -- sizes to be divided


def explain_divisible(c: ParsedError) -> ExplainedMessage:
    """Explain a size that cannot be divided by a factor."""
    size, divisor = c.numbers.get("size"), c.numbers.get("divisor")
    now, ways = None, []
    if size and divisor and sane((size, divisor)):
        now = _divided(c, size, divisor)
        if c.operator == "pixel_shuffle":
            ways = fixes(c, now.problem, "project") if now.problem else []
        else:
            up, down = -(-size // divisor) * divisor, size // divisor * divisor
            for verb, to in (("pad", up), ("crop", down)) if down else (("pad", up),):
                trial = _divided(c, size, divisor, _trimmed(to - size))
                ways += mends(f"{verb} {size} to {to} on that axis", now, trial, ())
    return ExplainedMessage(
        complaint=c, code="CS015", ways=tuple(ways),
        arithmetic=f"{size} = {size // divisor} * {divisor} + {size % divisor}" if size and divisor else "",
        meaning=_whose(c), asks=(ask_network(c, "how it got that size"), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


def _trimmed(by_so_much: int) -> Operator:
    return Pad(padding=((0, by_so_much), (0, 0)))


def _divided(c: ParsedError, size: int, divisor: int, *before: Operator) -> LayerTrial:
    """Return what the operator gives; where it moves channels into space, the divisor is the square of its factor."""
    if c.operator == "pixel_shuffle":
        return tried(c, [PixelShuffle(block_size=math.isqrt(divisor))], (size, 8, 8))
    return tried(c, [SpaceToDepth(block_size=divisor)], Branch((1, size, divisor), before), order="channels_first")


def _whose(c: ParsedError) -> str:
    if c.operator == "pixel_shuffle":
        divisor = c.numbers.get("divisor", 0)
        return f"upscale_factor is {math.isqrt(divisor)}: each output channel takes {divisor} input channels." \
            if divisor and math.isqrt(divisor) ** 2 == divisor else ""  # fmt: skip
    if c.operator == "pixel_unshuffle":
        return "downscale_factor divides height and width."
    return "TensorFlow cuts the padded input into blocks; those of a dilated convolution are as large as its dilation."
