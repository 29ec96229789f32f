"""Repairs with numbers for messages that are explained by a statement: heads of attention, sizes of pictures."""

from __future__ import annotations

from collections.abc import Iterable

from ..messages import ParsedError
from ..operators import Operator, Pad, SpaceToDepth, Upsample
from .finding import Fix, mends
from .single_layer import Branch, LayerTrial, known, sane, tried
from .wording import by

__all__ = ["cut_features", "cut_picture", "divisible_picture", "larger_picture", "other_heads", "resized_picture"]


def other_heads(c: ParsedError) -> Iterable[Fix]:
    """Yield the numbers of heads that divide the features, the nearest on both sides."""
    size, heads = c.numbers.get("size"), c.numbers.get("divisor")
    if not size or not heads or not sane((size, heads)) or size > 2**20:
        return
    near = [n for n in range(1, min(size, 4 * heads) + 1) if size % n == 0]
    for n in (*[n for n in near if n < heads][-1:], *[n for n in near if n > heads][:1]):
        name = "num_attention_heads" if c.template == "models.heads" else "num_heads"
        yield from mends(f"{name}={n} (now {heads})", _blocks(c, size, heads, n), _blocks(c, size, n, heads), ())
    up = -(-size // heads) * heads
    name = "hidden_size" if c.template == "models.heads" else "embed_dim"
    yield from mends(f"{name}={up} (now {size})", _blocks(c, size, heads), _blocks(c, up, heads), ())


def _blocks(c: ParsedError, size: int, divisor: int, other: int = 1) -> LayerTrial:
    """Return whether a size falls into so many parts, beside an axis that does, and into ``other`` ones, too."""
    return tried(c, [SpaceToDepth(block_size=divisor)], (1, size, divisor * other), order="channels_first")


def cut_features(c: ParsedError) -> LayerTrial | None:
    """Return whether the features fall into as many parts as there are heads."""
    size, heads = c.numbers.get("size"), c.numbers.get("divisor")
    return _blocks(c, size, heads) if size and heads and sane((size, heads)) else None


def cut_picture(c: ParsedError, *before: Operator) -> LayerTrial | None:
    """Return what cutting a picture into patches gives."""
    size, divisor, sizes = c.numbers.get("size"), c.numbers.get("divisor"), known(c.sizes)
    if not size or not divisor or not sane((size, divisor)):
        return None
    shape = (1, *sizes) if sizes else (1, size, divisor)
    return tried(c, [SpaceToDepth(block_size=divisor)], Branch(shape, before), order="channels_first")


def divisible_picture(c: ParsedError) -> Iterable[Fix]:
    """Yield the padding and the resizing to the next sizes that can be divided."""
    now = cut_picture(c)
    if now is None:
        return
    divisor, sizes = c.numbers["divisor"], known(c.sizes)
    given = sizes or (c.numbers["size"],)
    up = tuple(-(-n // divisor) * divisor for n in given)
    more = tuple((0, m - n) for m, n in zip(up, given, strict=True))
    trial = cut_picture(c, Pad(padding=more if sizes else (*more, (0, 0))))
    where = "" if sizes else " on that side"
    if trial is not None:
        yield from mends(f"pad {by(given)} to {by(up)}{where}", now, trial, ())
    for size in (up, tuple(n // divisor * divisor for n in given)):
        trial = cut_picture(c, Upsample(size=size if sizes else (*size, divisor))) if min(size) else None
        if trial is not None:
            yield from mends(f"resize pictures to {by(size)}{where}", now, trial, ())


def resized_picture(c: ParsedError) -> Iterable[Fix]:
    """Yield the resizing of pictures to the size that a model was made for."""
    sizes, target = known(c.sizes), known(c.target)
    wanted, found = c.numbers.get("wanted"), c.numbers.get("found")
    if sizes and target and len(sizes) == len(target):
        yield from _brought(c, f"resize pictures to {by(target)}", sizes, target, Upsample(size=target))
    elif wanted and found and sane((wanted, found)):
        whole = (wanted, wanted)
        yield from _brought(c, f"resize pictures so that this side is {wanted}", (found, found), whole,
                            Upsample(size=whole))  # fmt: skip


def larger_picture(c: ParsedError) -> Iterable[Fix]:
    """Yield the padding and the resizing to at least the size of a crop."""
    sizes, target = known(c.sizes), known(c.target)
    if not sizes or not target or len(sizes) != len(target):
        return
    whole = tuple(map(max, sizes, target))
    padding = tuple((0, m - n) for m, n in zip(whole, sizes, strict=True))
    yield from _brought(c, f"pad to {by(whole)} first: pad_if_needed=True", sizes, whole, Pad(padding=padding))
    small = tuple(map(min, sizes, target))
    yield from _brought(c, f"resize to {by(whole)} first, or crop {by(small)}", sizes, whole, Upsample(size=whole))


def _brought(
    c: ParsedError, change: str, sizes: tuple[int, ...], wanted: tuple[int, ...], operator: Operator
) -> Iterable[Fix]:
    """Yield the operator that brings pictures of one size to another."""
    now, trial = (tried(c, [], Branch((1, *sizes), fit), order="channels_first", target=(1, *wanted))
                  for fit in ((), (operator,)))  # fmt: skip
    yield from mends(change, now, trial, ())
