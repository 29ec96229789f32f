"""Explaining features: more or fewer than a linear layer takes, and matrix products whose inner sizes differ."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from ..messages import ParsedError
from ..operators import Flatten, LayerNorm, Linear, Matmul, Permute, Reshape
from .finding import ExplainedMessage, Fix, headline, mends
from .missing_facts import ask_layer, ask_line, ask_network
from .single_layer import Branch, LayerTrial, failing, known, sane, tried
from .wording import by, counted, dialect

__all__ = ["explain_features", "explain_product"]


def explain_features(c: ParsedError) -> ExplainedMessage:
    """Explain a linear layer, or another one on the last axis, that takes another number of features than arrives."""
    c = _by_library(c)
    got, wanted = c.numbers.get("features"), c.numbers.get("in_features")
    numbers = {k: n for k, n in c.numbers.items() if k in ("features", "in_features")}
    ways: list[Fix] = []
    now = None
    if got and wanted and sane((got, wanted)):
        if c.operator == "layer_norm":
            now = _normalise(c, known(c.weight) or (wanted,))
            ways = list(_normalised(c, now))
        else:
            now = tried(c, [_linear(c, wanted)], (got,))
            ways = [
                *_flattened(c, now, got, wanted),
                *_transposed(c, now, got, wanted),
                *_declared(c, now, got, wanted),
            ]
    pair = [c.numbers[name] for name in ("first", "second") if name in c.numbers]
    asks = () if (got and wanted) or c.framework == "onnx" else (
        "how many features arrive, and how many the layer takes: print the shape of its input, and send the line that "
        "makes the layer",)  # fmt: skip
    return ExplainedMessage(
        complaint=c, code="CS011", meaning="", headline=headline(c, "CS011", numbers), ways=tuple(ways),
        arithmetic=f"{counted(got, 'feature')} arrive{'s' * (got == 1)}, the weight is for {wanted}"
        if got and wanted else f"{' and '.join(map(str, pair))} should be the same" if len(pair) == 2 else "",
        causes=tuple(_causes(c, got, wanted)), asks=(*asks, ask_network(c, "the size of the network's input"),
                                                     *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


def _by_library(c: ParsedError) -> ParsedError:
    """Return a message of JAX with its two sizes named: Equinox multiplies weight and input, Flax input and weight."""
    pair = [c.numbers[name] for name in ("first", "second") if name in c.numbers]
    if c.library not in ("equinox", "flax") or len(pair) != 2 or "features" in c.numbers:
        return c
    got, wanted = pair if c.library == "flax" else reversed(pair)
    return replace(c, numbers={**c.numbers, "features": got, "in_features": wanted})


def _linear(c: ParsedError, features: int) -> Linear:
    out = (known(c.weight) or (1,))[-1] if c.framework != "torch" or c.operator == "linear" else 1
    return Linear(out_features=out, in_features=features)


def _shown(c: ParsedError, trial: LayerTrial) -> tuple[int, ...]:
    """Return what comes out, where the text has the whole weight."""
    return trial.output if known(c.weight) and c.operator == "linear" else ()


def _flattened(c: ParsedError, now: LayerTrial, got: int, wanted: int) -> Iterator[Fix]:
    """Yield the flatten that is missing, or that begins too early, where the numbers are just those."""
    rows, shape = c.numbers.get("rows"), known(c.shapes[0]) if c.shapes else None
    if shape and len(shape) > 1 and math.prod(shape) == wanted:
        trial = tried(c, [_linear(c, wanted)], Branch(shape, (Flatten(),)))
        product = "*".join(map(str, shape))
        yield from mends(
            f"a flatten in front ({product} = {wanted}): {trial.said(c)}",
            tried(c, [_linear(c, wanted)], shape),
            trial,
            _shown(c, trial),
        )
    if not rows or not sane((rows,)) or c.framework != "torch":
        return
    samples = rows * got // wanted
    rest = samples == 1 or got * got <= wanted  # a map is not wider than its height times its channels
    if wanted > got and rows * got == samples * wanted and wanted % got == 0 and rest:
        trial = tried(c, [_linear(c, wanted)], Branch((wanted // got, got), (Flatten(),)))
        if samples == 1:
            change = (f"a flatten from axis 1 ({rows} * {got} = {wanted}): x.flatten(1); or, where the input has no "
                      "batch axis, x.unsqueeze(0) first")  # fmt: skip
        else:
            change = (f"a flatten from axis 1, if the batch holds {samples} samples ({wanted // got} * {got} = "
                      f"{wanted}): x.flatten(1)")  # fmt: skip
        flat = tried(c, [_linear(c, wanted)], (wanted // got, got))
        yield from mends(change, flat, trial, _shown(c, trial))
    if rows == 1 and got > wanted and got % wanted == 0:
        trial = tried(c, [_linear(c, wanted)], (wanted,))
        yield from mends(f"a flatten from axis 1 ({got} = {got // wanted} samples of {wanted}): x.flatten(1)", now,
                         trial, _shown(c, trial))  # fmt: skip


def _transposed(c: ParsedError, now: LayerTrial, got: int, wanted: int) -> Iterator[Fix]:
    """Yield the transpose of a matrix whose rows are as many as the features that are wanted."""
    rows = c.numbers.get("rows")
    if rows == wanted and c.framework == "torch":
        trial = tried(c, [_linear(c, wanted)], Branch((rows, got), (Permute(order=(1, 0)),)))
        yield from mends(
            f"x.T, if the features of {rows}x{got} stand in its columns",
            tried(c, [_linear(c, wanted)], (rows, got)),
            trial,
            _shown(c, trial),
        )


_NAMES = {"linear": "in_features", "rnn": "input_size", "attention": "embed_dim"}


def _declared(c: ParsedError, now: LayerTrial, got: int, wanted: int) -> Iterator[Fix]:
    """Yield the layer that takes what arrives; its weights are new."""
    trial = tried(c, [_linear(c, got)], (got,))
    if c.framework == "torch":
        change = f"{_NAMES.get(c.operator or '', 'in_features')}={got} in this layer (now {wanted})"
    elif dialect(c) == "keras":
        change = f"a new layer in its place, with weights for {counted(got, 'feature')} (now {wanted})"
    elif c.template == "flax.parameter":
        change = f"parameters from model.init with an input of this size: the kernel then has {got} rows (now {wanted})"
    else:
        change = f"a weight of {got} rows in this layer (now {wanted})"
    yield from mends(change, now, trial, _shown(c, trial))


def _normalise(c: ParsedError, shape: tuple[int, ...], *before: Permute) -> LayerTrial:
    given = known(c.shapes[0]) if c.shapes else None
    return tried(c, [LayerNorm(normalized_shape=shape)], Branch(given or shape, before))


def _normalised(c: ParsedError, now: LayerTrial) -> Iterator[Fix]:
    """Yield other axes, and another shape, for a layer norm."""
    given, wanted = known(c.shapes[0]) if c.shapes else None, known(c.weight)
    if not given or not wanted:
        return
    if len(wanted) == 1 and given[:-1].count(wanted[0]) == 1:
        i = given.index(wanted[0])
        order = (*(j for j in range(len(given)) if j != i), i)
        trial = _normalise(c, wanted, Permute(order=order))
        yield from mends(f"move the axis of {wanted[0]} to the end: {trial.said(c)}", now, trial)
    new = given[len(given) - len(wanted) :]
    trial = _normalise(c, new)
    shown = [str(x[0]) if len(x) == 1 else str(list(x)) for x in (new, wanted)]
    yield from mends(f"normalized_shape={shown[0]} (now {shown[1]})", now, trial)


def _causes(c: ParsedError, got: int | None, wanted: int | None) -> Iterator[str]:
    rows = c.numbers.get("rows")
    if rows and got and wanted and rows > 1 and rows * got == wanted:
        yield (f"{rows} * {got} = {wanted}: the first axis was kept as if it were the batch. Either the input has no "
               "batch axis, or a flatten is missing")  # fmt: skip
    if rows == 1 and got and wanted and got > wanted and got % wanted == 0:
        yield f"{got} = {got // wanted} * {wanted}: a batch of {got // wanted} was flattened into the features"
    few, many = sorted((got or 0, wanted or 0))
    side = math.isqrt(many // few) if few and many % few == 0 else 0
    if wanted and side > 1 and side**2 * few == many and c.operator == "linear":
        larger, smaller = (f"{side}x{side}", "1x1") if many == wanted else ("1x1", f"{side}x{side}")
        yield f"{many} = {side}*{side} * {few}: as if it was made for maps of {larger}, where {smaller} arrive"
    if wanted and c.operator not in ("layer_norm", "rnn", "attention"):
        yield (f"the input has another size than the one for which {wanted} was computed: a pool to a fixed size in "
               "front (adaptive or global) makes it independent of that")  # fmt: skip


# -- products of two tensors


def explain_product(c: ParsedError) -> ExplainedMessage:
    """Explain a matrix product whose inner sizes differ."""
    first, second = c.numbers.get("first"), c.numbers.get("second")
    batches = [c.numbers[name] for name in ("first_batch", "second_batch") if name in c.numbers]
    shapes = [found for shape in c.shapes if (found := known(shape)) is not None]
    ways: list[Fix] = []
    now = None
    if first and second and sane((first, second)) and first != second and not batches:
        now = tried(c, [Matmul()], (1, first), (second, 1))
        ways = [*(_other_axes(c, *shapes) if len(shapes) == 2 else _column(c)), *_projected(c, now, first, second)]
    arithmetic = f"{first} is not {second}" if first and second else ""
    mend = None
    if len(batches) == 2:
        mend = "give both factors the same batch"
        if 1 in batches and first is None:
            trial = tried(c, [Matmul()], (batches[0], 2, 3), (batches[1], 3, 4))
            now = tried(c, [Matmul()], (batches[0], 2, 3), (batches[1], 2, 4))  # stands for what bmm refuses
            ways, now = mends("torch.matmul in its place, which repeats a batch of 1", now, trial, ()), None
        arithmetic = f"the batches differ: {batches[0]} and {batches[1]}"
    return ExplainedMessage(
        complaint=c, code="CS020", ways=tuple(ways),
        arithmetic=" and ".join(map(by, shapes)) + (": " if shapes and arithmetic else "") + arithmetic,
        meaning="The two axes of a dot product must have the same size." if c.operator == "dot" else None, mend=mend,
        asks=(*_product_asks(c, first, bool(shapes)), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


def _product_asks(c: ParsedError, first: int | None, whole: bool) -> Iterator[str]:
    if c.framework == "onnx":
        yield ask_network(c, "the shapes of both factors")
    elif not whole:
        yield "the shapes of both factors: print them in front of the line" + (
            f"; if the last size of the second is {first}, its transpose(1, 2) mends it" if first and c.batch else ""
        )
    else:
        yield ask_line(c, "which axes are meant")


def _other_axes(c: ParsedError, a: tuple[int, ...], b: tuple[int, ...]) -> Iterator[Fix]:
    """Yield the other axes of the two tensors that go together."""
    if c.operator == "dot":
        for i, n in enumerate(a):
            for j in (j for j, m in enumerate(b) if m == n):
                last = Permute(order=(*(k for k in range(len(a)) if k != i), i))
                first = Permute(order=(j, *(k for k in range(len(b)) if k != j)))
                left = Branch(a, (last, Reshape(shape=(math.prod(a) // n, n))))
                right = Branch(b, (first, Reshape(shape=(n, math.prod(b) // n))))
                yield from mends(
                    f"axes=({i + 1}, {j + 1})", tried(c, [Matmul()], a, b), tried(c, [Matmul()], left, right), ()
                )
        return
    swaps = {"swapaxes(x2, -1, -2)": (False, True), "swapaxes(x1, -1, -2)": (True, False)}
    for said, turned in swaps.items():
        sides = [Branch(x, (Permute(order=(*range(len(x) - 2), len(x) - 1, len(x) - 2)),) if turn else ())
                 for x, turn in zip((a, b), turned, strict=True)]  # fmt: skip
        yield from mends(
            f"keras.ops.{said}" if dialect(c) == "keras" else said,
            tried(c, [Matmul()], a, b),
            tried(c, [Matmul()], *sides),
        )


def _column(c: ParsedError) -> Iterator[Fix]:
    """Yield the transpose of a matrix that is to be multiplied with a vector."""
    matrix, length = known(c.weight), c.numbers.get("second")
    if matrix and length and matrix[0] == length:
        trial = tried(c, [Matmul()], Branch(matrix, (Permute(order=(1, 0)),)), (length, 1))
        yield from mends("matrix.T", tried(c, [Matmul()], matrix, (length, 1)), trial, ())


def _projected(c: ParsedError, now: LayerTrial, first: int, second: int) -> Iterator[Fix]:
    """Yield the linear layer that gives the first factor as many features as the second takes."""
    trial = tried(c, [Matmul()], Branch((1, first), (Linear(out_features=second),)), (second, 1))
    said = trial.said(c) or "a linear layer"
    yield from mends(f"{said} on the first factor: its last axis then has {second} instead of {first}", now, trial, ())
