"""Explaining joins: tensors that are to be added, concatenated or stacked, and whose sizes differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..messages import ParsedError
from ..operators import Add, CenterCrop, Concat, Conv, Linear, Operator, Pad, Unsqueeze, Upsample
from ..operators.base import DataFormat, to_canonical
from .finding import ExplainedMessage, Fix, headline, mends
from .missing_facts import ask_layer, ask_network
from .single_layer import Branch, LayerTrial, failing, known, order_of, sane, tried
from .statement_hints import position_table, table_sides
from .wording import by, dialect, one

__all__ = ["explain_join", "explain_stack"]

Shape = tuple[int, ...]
Pair = tuple[Shape, Shape]

_ONE_BY_ONE = "a convolution of kernel size 1"
_SEAM = 2
"""From this ratio on, two sizes do not differ by rounding."""


def explain_join(c: ParsedError) -> ExplainedMessage:
    """Explain two tensors that are to be joined, and whose sizes differ."""
    shapes = [found for shape in c.shapes if (found := known(shape)) is not None]
    whole = len(shapes) == len(c.shapes) >= 2 and len({len(shape) for shape in shapes}) == 1
    numbers = tuple(c.numbers[name] for name in ("first", "second") if name in c.numbers)
    sides: Pair | None = None
    now, ways = None, []
    arithmetic = " and ".join(by(shape) for shape in c.shapes)
    if c.template == "tensorflow.dimension_in_both_shapes":  # it leaves out the joined axis and those behind it
        if whole:
            now, ways = _maps(c, shapes[0], shapes[1]), list(_trimmed(c, shapes[0], shapes[1], ""))
    elif whole and c.code == "CS013" and _sides(c, shapes) is None:
        ways = list(_along(c, shapes))
    elif whole and (sides := _sides(c, shapes)) is not None:
        arithmetic = f"{by(sides[0])} and {by(sides[1])}"
        now, ways = _join(c, Branch(sides[0]), Branch(sides[1])), list(_joined(c, sides))
    elif len(numbers) == 2:
        on = f" on axis {c.axis}" if c.axis is not None else ""
        arithmetic = f"{numbers[0]} and {numbers[1]}{on}: they differ by {abs(numbers[0] - numbers[1])}"
        now, ways = _maps(c, numbers[:1], numbers[1:]), list(_joined_axis(c, *numbers)) if sane(numbers) else []
    if not c.code:  # which rule it is depends on the operation, which the text does not tell
        ways, now = [], None
    maps = [to_canonical(_order(c, *sides), side)[1:] for side in sides] if sides else [numbers[:1], numbers[1:]]
    pairs = [pair for pair in zip(*maps, strict=False) if len(set(pair)) == 2]
    code = c.code or ""
    return ExplainedMessage(
        complaint=c, code=code, ways=tuple(ways), arithmetic=arithmetic,
        headline=headline(c, code, failure="" if code else "two sizes differ that must be the same"),
        mend=None if code else "bring both sides to the same size",
        causes=tuple(_causes(c, pairs, sides)) if code else (), notes=tuple(_notes(c, sides)),
        asks=(*_asks(c, sides), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


def _sides(c: ParsedError, shapes: Sequence[Shape]) -> Pair | None:
    """Return the first two shapes that do not go together."""
    for other in shapes[1:]:
        if not _join(c, Branch(shapes[0]), Branch(other)).ok:
            return shapes[0], other
    return None


def _along(c: ParsedError, shapes: Sequence[Shape]) -> Iterator[Fix]:
    """Yield the axis along which tensors fit, where they differ on one alone: another one was joined."""
    differ = [i for i, sizes in enumerate(zip(*shapes, strict=True)) if len(set(sizes)) > 1]
    if len(differ) == 1:
        other = 0 if differ[0] else len(shapes[0]) - 1
        now, trial = (tried(c, [Concat(axis=axis)], *shapes[:2]) for axis in (other, differ[0]))
        said = "-1" if differ[0] == len(shapes[0]) - 1 else str(differ[0] + 1)
        yield from mends(f"axis={said}, along which alone they differ: another axis is joined now", now, trial, ())


def _join(c: ParsedError, a: Branch, b: Branch) -> LayerTrial:
    axis = c.axis - 1 if c.template == "jax.concat" and c.axis and c.axis <= len(a.shape) else None
    return tried(c, [_operator(c, axis)], a, b, order=_order(c, a.shape, b.shape))


def _operator(c: ParsedError, axis: int | None = None) -> Operator:
    return Concat(axis=axis) if c.code == "CS013" else Add()


def _order(c: ParsedError, a: Shape, b: Shape) -> DataFormat:
    """Return in which order of axes two shapes are: where just one of them shows maps as high as wide, that one."""
    if c.layout is None and order_of(c) == "channels_last" and len(a) > 2:
        first, last = (all(len(set(x)) == 1 for x in maps) for maps in ((a[1:], b[1:]), (a[:-1], b[:-1])))
        if first and not last:
            return "channels_first"
    return order_of(c)


# -- repairs where both shapes are known


def _joined(c: ParsedError, sides: Pair) -> Iterator[Fix]:
    """Yield what brings one side to the other: first what keeps all values, then what drops some."""
    order = _order(c, *sides)
    a, b = sides
    if len(a) == 1:
        for side, other in ((a, b), (b, a)):
            yield from _fitted(c, sides, side, "", [Linear(out_features=other[0])], "a linear layer")
        return
    (p, *x), (q, *y) = to_canonical(order, a), to_canonical(order, b)
    channels = p != q and c.code != "CS013"
    if x == y:
        for side, width in ((a, q), (b, p)):
            yield from _fitted(c, sides, side, "bring", [_one_by_one(width)], _ONE_BY_ONE)
        return
    small, large = (a, b) if sum(x) < sum(y) else (b, a)
    (s, *m), (t, *n) = to_canonical(order, small), to_canonical(order, large)
    steps = [high // low for low, high in zip(m, n, strict=True)]
    if all(high == low * step for low, high, step in zip(m, n, steps, strict=True)):
        factor = one(steps)
        yield from _fitted(c, sides, large, "shrink", [_one_by_one(s if channels else t, steps)],
                           f"{_ONE_BY_ONE} and stride {factor}")  # fmt: skip
        wider = [_one_by_one(t)] if channels else []
        yield from _fitted(c, sides, small, "enlarge", [Upsample(scale_factor=tuple(steps)), *wider],
                           f"upsampling by {factor}{f' and {_ONE_BY_ONE}' if channels else ''}")  # fmt: skip
    elif channels:
        yield from _fitted(c, sides, small, "bring", [Upsample(size=tuple(n)), _one_by_one(t)],
                           f"resizing and {_ONE_BY_ONE}")  # fmt: skip
    else:
        for verb, moved, (maps, _) in _seams(m, n):
            yield from _fitted(c, sides, small if maps == tuple(m) else large, verb, [moved])
        yield from _fitted(c, sides, small, "resize", [Upsample(size=tuple(n))])


def _one_by_one(channels: int, stride: Any = 1) -> Operator:
    return Conv(out_channels=channels, kernel_size=1, stride=tuple(stride) if isinstance(stride, list) else stride)


def _seams(x: Sequence[int], y: Sequence[int]) -> Iterator[tuple[str, Operator, Pair]]:
    """Yield how the smaller maps are padded, and the larger ones cropped, if they differ by a seam alone."""
    small, large = sorted((tuple(x), tuple(y)), key=sum)
    if all(low <= high < _SEAM * low for low, high in zip(small, large, strict=True)) and small != large:
        halves = tuple(((v - u) // 2, (v - u + 1) // 2) for u, v in zip(small, large, strict=True))
        yield "pad", Pad(padding=halves), (small, large)
        yield "crop", CenterCrop(size=small), (large, small)


def _fitted(
    c: ParsedError, sides: Pair, side: Shape, verb: str, operators: Sequence[Operator], how: str = ""
) -> Iterator[Fix]:
    """Yield the repair that brings one side to the other, if the two then go together and there are words for it."""
    now = _join(c, *(Branch(x) for x in sides))
    trial = _join(c, *(Branch(x, tuple(operators) if x == side else ()) for x in sides))
    moved = tried(c, operators, side, order=_order(c, *sides))
    said = trial.said(c) or how
    if trial.ok and moved.ok and (said or dialect(c) not in ("torch", "keras")):
        (other,) = (x for x in sides if x != side)
        change = f"{verb} {by(side)} to {by(moved.output)}" if len(side) > 1 else f"{side[0]} features to {other[0]}"
        yield from mends(f"{change}{f', with {said}' if said else ''}", now, trial)


# -- repairs where the sizes of some axes are known, and nothing else


def _maps(c: ParsedError, x: Shape, y: Shape, /, **fit: Operator) -> LayerTrial:
    """Return what joining maps of these sizes gives, one of them after an operator: ``x=Pad(...)``."""
    if not sane((*x, *y)):
        return LayerTrial(False, (), "")
    return tried(
        c,
        [_operator(c)],
        *(Branch((2, *sizes), (fit[name],) if name in fit else ()) for name, sizes in (("x", x), ("y", y))),
        order="channels_first",
    )


def _trimmed(c: ParsedError, x: Shape, y: Shape, where: str) -> Iterator[Fix]:
    for verb, moved, (side, other) in _seams(x, y):
        trial = _maps(c, x, y, **{"x" if side == x else "y": moved})
        yield from mends(f"{verb} {by(side)} to {by(other)}{where}, before they are joined", _maps(c, x, y), trial, ())


def _joined_axis(c: ParsedError, x: int, y: int) -> Iterator[Fix]:
    """Yield what brings one side to the other on an axis of which only the two sizes are known."""
    if table_sides(x, y):
        return  # two counts of tokens: no layer brings one to the other
    if c.framework == "torch" and c.axis == 1 and c.code == "CS012":  # behind the batch: channels, or features
        for n, m in ((x, y), (y, x)):
            wide = (("maps", (n, 8, 8), _one_by_one(m)), ("rows of features", (n,), Linear(out_features=m)))
            for what, shape, operator in wide:
                now, trial = (_join(c, Branch(shape, fit), Branch((m, *shape[1:]))) for fit in ((), (operator,)))
                yield from mends(f"for {what}, on the side with {n}: {trial.said(c)}", now, trial, ())
    elif c.axis is None or c.axis >= 2 or c.axis < 0:
        where = " on that axis" if c.axis is not None else " on the axis where they differ"
        yield from _trimmed(c, (x,), (y,), where)


# -- what else there is to say


def _causes(c: ParsedError, pairs: Sequence[Sequence[int]], sides: Pair | None) -> Iterator[str]:
    empty = [i + 1 for shape in c.shapes[:1] for i, n in enumerate(shape) if n == 0]
    if empty:
        yield f"axis {empty[0]} has size 0 already: a layer before took all of it, and says nothing"
    alone = c.framework == "torch" and c.code == "CS012" and sides is None
    counts = next(((x, y, table) for x, y in pairs if (table := table_sides(x, y))), None)
    if counts:
        yield position_table(*counts)
    elif alone and c.axis == 1:
        yield ("in a batch, axis 1 holds the channels: the shortcut then needs a convolution of kernel_size 1 to the "
               "channels of the other side")  # fmt: skip
    elif alone and c.axis == 0:
        yield ("axis 0 is the batch: both sides must come from the same samples; with a state or a target that was "
               "made for full batches, leave out a smaller last one (DataLoader(..., drop_last=True))")  # fmt: skip
    elif any(abs(x - y) == 1 for x, y in pairs):
        yield ("an odd size was halved on the way down: doubling it again gives one more or one less than the skip "
               "has; `convsolve sizes` says which inputs avoid that")  # fmt: skip
    elif any(max(x, y) == 2 * min(x, y) for x, y in pairs if min(x, y) > 0):
        yield "one side was halved once more than the other: a stride or a pool on one path only"
    if alone:
        yield ("the same message comes from a loss that compares the output with a target of another size: the last "
               "line of your own program in the traceback would tell")  # fmt: skip


def _notes(c: ParsedError, sides: Pair | None) -> Iterator[str]:
    if sides and _order(c, *sides) != order_of(c):
        yield f"read with the channels in front: {by(sides[0][1:])} and {by(sides[1][1:])} are the maps"


def _asks(c: ParsedError, sides: Pair | None) -> Iterator[str]:
    if sides is None and c.framework != "onnx":
        yield "the shapes of both tensors: print them in front of the line that joins them"
    yield ask_network(c, "how the two sides got their sizes")


# -- stacks


def explain_stack(c: ParsedError) -> ExplainedMessage:
    """Explain tensors that are to be stacked, which must have the same shape: mostly the samples of a batch."""
    shapes = [found for shape in c.shapes if (found := known(shape)) is not None]
    a, b = shapes if len(shapes) == 2 else ((), ())
    same = len(a) == len(b) > 0
    grey = same and len(a) == 3 and a[1:] == b[1:] and {a[0], b[0]} <= {1, 3, 4}
    causes = []
    if c.framework == "torch":
        causes.append("a DataLoader stacks the samples of a batch, which all must have the same shape")
    if causes and same and len(a) == 3 and a[0] == b[0]:
        causes.append("transforms.Resize(224) keeps the proportions of a picture, so that the other side goes on to "
                      "differ; transforms.Resize((224, 224)) gives all the same size")  # fmt: skip
    now = _stacked(c, (a, b)) if same else None
    ways = list(_alike(c, a, b, now)) if now is not None else []
    if grey:
        trial = _stacked(c, ((3, *a[1:]), (3, *b[1:])))
        ways += mends("open every picture with 3 channels: image.convert('RGB')", now, trial, (3, *a[1:]))
    return ExplainedMessage(
        complaint=c, code="CS013",
        arithmetic=" and ".join(by(shape) for shape in c.shapes), ways=tuple(ways), causes=tuple(causes),
        meaning="Tensors that are stacked must have the same size on every axis.",
        asks=("which samples differ: print the shapes of the samples" if c.framework == "torch" else
              "how the tensors got their shapes: send the lines that make them", *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


def _stacked(c: ParsedError, shapes: Sequence[Shape], fit: Sequence[Operator | None] = (None, None)) -> LayerTrial:
    """Return what stacking gives, after an operator on each; an axis more in front makes all of them spatial."""
    both = (Branch((1, *x), (done,) if done else (), own=(Unsqueeze(axis=0),))
            for x, done in zip(shapes, fit, strict=True))  # fmt: skip
    return tried(c, [Concat(axis=0)], *both, order="channels_first")


def _alike(c: ParsedError, a: Shape, b: Shape, now: LayerTrial) -> Iterator[Fix]:
    """Yield what gives two samples the same shape: resizing pictures, padding everything."""
    if c.framework == "torch" and len(a) == 3 and a[0] == b[0]:
        resized = [Upsample(size=a) if x != a else None for x in (a, b)]
        yield from mends(f"resize every picture: transforms.Resize({a[1:]})", now, _stacked(c, (a, b), resized), a)
    whole = tuple(map(max, a, b))
    padded = [Pad(padding=tuple((0, n - m) for m, n in zip(x, whole, strict=True))) if x != whole else None
              for x in (a, b)]  # fmt: skip
    said = "torch.nn.utils.rnn.pad_sequence(batch, batch_first=True)" if c.framework == "torch" and len(a) == 1 else ""
    if not (len(a) == 3 and a[1:] == b[1:]):
        yield from mends(f"pad every sample to {by(whole)}{f': {said}' if said else ''}", now,
                         _stacked(c, (a, b), padded), whole)  # fmt: skip
