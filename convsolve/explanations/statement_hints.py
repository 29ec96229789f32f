"""What the numbers of some messages tell in addition to what their statement says."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..messages import ParsedError
from .single_layer import known
from .wording import by

__all__ = [
    "axis_missing",
    "expanded",
    "guard_text",
    "hidden_state",
    "incompatible_loss",
    "loaded_kernel",
    "loaded_weights",
    "normalised_grey",
    "position_table",
    "remainder",
    "reordered",
    "table_sides",
    "turned_grid",
    "unpacked",
    "wrong_sizes",
]


def hidden_state(c: ParsedError) -> Iterable[str]:
    """Yield which axis of a state differs: (layers, batch, features), whatever batch_first says."""
    if len(c.tensors) != 2 or len(c.tensors[0]) != len(c.tensors[1]):
        return
    wanted, got = c.tensors
    if len(wanted) == 3 and wanted != got and (wanted[1], wanted[0], wanted[2]) == got:
        yield "the first two axes are swapped: the state is (layers, batch, features), also with batch_first=True"
        return
    names = ("layers times directions", "samples of the batch", "features of the state")[3 - len(wanted) :]
    for name, w, g in zip(names, wanted, got, strict=False):
        if w != g:
            yield f"the {name} should be {w}, and are {g}"
    if len(wanted) == 3 and wanted[1] != got[1]:
        yield "a state that was made for full batches does not fit a smaller last one: make it from x's own batch size"


def expanded(c: ParsedError) -> Iterable[str]:
    """Yield what a position table looks like, and where a target has axes that the tensor lacks."""
    wanted, found = c.numbers.get("wanted"), c.numbers.get("found")
    if wanted and found and (sides := table_sides(found, wanted)):
        yield position_table(found, wanted, sides)


def table_sides(a: int, b: int) -> tuple[int, int] | None:
    """Return the sides of two square grids of tokens with one more token, where two counts are such.

    >>> table_sides(197, 257), table_sides(197, 256)
    ((14, 16), None)
    """
    sides = (math.isqrt(max(a - 1, 0)), math.isqrt(max(b - 1, 0)))
    whole = all(side > 2 and side * side + 1 == n for side, n in zip(sides, (a, b), strict=True))
    return sides if whole and a != b else None


def position_table(a: int, b: int, sides: tuple[int, int]) -> str:
    """Return the sentence for two counts of tokens that are both a square and one."""
    first, second = sides
    return (f"{a} = {first}*{first} + 1 and {b} = {second}*{second} + 1: tokens of {first}x{first} and "
            f"{second}x{second} patches and one for the class; a table of positions was made for "
            "another input size, and has to be interpolated")  # fmt: skip


def loaded_weights(c: ParsedError) -> Iterable[str]:
    """Yield which side of two weights differs, and what that mostly means."""
    saved, own = known(c.output), known(c.weight)
    if not saved or not own:
        return
    if len(saved) != len(own):
        yield "the two weights have different numbers of axes: they belong to different kinds of layers"
    elif saved[0] != own[0] and saved[1:] == own[1:]:
        yield (f"only the first axis differs, of a linear or convolution layer its outputs: {saved[0]} when it was "
               f"saved, {own[0]} now; in a last layer these are the classes, and its weights are left out of what is "
               "loaded")  # fmt: skip
    elif len(own) > 1 and saved[1] != own[1] and (saved[0], *saved[2:]) == (own[0], *own[2:]):
        sides = table_sides(saved[1], own[1]) if len(own) == 3 and own[0] == 1 else None
        if sides:
            yield position_table(saved[1], own[1], sides)
        else:
            yield (f"only the second axis differs, of a linear or convolution layer its inputs: {saved[1]} when it was "
                   f"saved, {own[1]} now")  # fmt: skip
    elif len(own) > 2 and saved[:2] == own[:2]:
        yield f"only the kernel differs: {by(saved[2:])} was saved, and the model has {by(own[2:])}"


def loaded_kernel(c: ParsedError) -> Iterable[str]:
    """Yield which side of two weights of Keras or Flax differs; their outputs stand at the end."""
    saved, own = known(c.output), known(c.weight)
    if not saved or not own or len(saved) != len(own):
        return
    if saved[:-1] == own[:-1]:
        yield (f"only the last axis differs, of a layer its outputs: {saved[-1]} when it was saved, {own[-1]} now; in "
               "a last layer these are the classes, and its weights are left out of what is loaded")  # fmt: skip
    elif len(own) > 2 and saved[1] == own[-2] and saved[2:] == own[:-2]:
        yield (f"the saved weight has its outputs in front, {saved[0]} of them, and the model has them at the end, "
               f"{own[-1]}: another order of axes, or a last layer for other classes")  # fmt: skip
    elif len(own) > 1 and saved[-1] == own[-1] and saved[:-2] == own[:-2]:
        yield f"only the axis of the inputs differs: {saved[-2]} when it was saved, {own[-2]} now"


def wrong_sizes(c: ParsedError) -> Iterable[str]:
    """Yield the sizes that a model declares, axis by axis, and what each is mostly about."""
    if len(c.tensors) != 3:
        return
    axes, found, wanted = c.tensors
    for axis, got, size in zip(axes, found, wanted, strict=True):
        where = " (mostly the batch: one sample at a time, or an export with that axis open)" if axis == 0 else ""
        yield f"axis {axis} is {got}, and the model declares {size}{where}"
    last = dict(zip(axes, zip(found, wanted, strict=True), strict=True))
    if 1 in last and 3 in last and last[1][1] == last[3][0]:
        yield f"the {last[1][1]} stands at the end: x.transpose(0, 3, 1, 2), if these are the channels"


def incompatible_loss(c: ParsedError) -> Iterable[str]:
    """Yield that labels are whole numbers where one column for each class is wanted, if they look so."""
    if len(c.tensors) == 2 and len(c.tensors[0]) == len(c.tensors[1]) and c.tensors[0][-1:] == (1,):
        yield ("in a loss, the first is the target and the second the output: for classes as whole numbers take "
               "sparse_categorical_crossentropy, or keras.utils.to_categorical(labels)")  # fmt: skip


def turned_grid(c: ParsedError) -> Iterable[str]:
    """Yield where the coordinates stand, if it is on axis 1."""
    shape = c.tensors[0] if c.tensors else ()
    if len(shape) == 4 and shape[1] == 2 and shape[-1] != 2:
        yield "the 2 coordinates stand on axis 1: grid.permute(0, 2, 3, 1) moves them to the end"


def normalised_grey(c: ParsedError) -> Iterable[str]:
    """Yield that grey pictures are normalised as if they were in colour."""
    if len(c.tensors) == 2 and c.tensors[0][:1] == (1,) and c.tensors[1][:1] == (3,) and len(c.tensors[0]) == 3:
        yield ("in transforms.Normalize: three means for pictures with one channel; give one mean and one std, or open "
               "the pictures in colour")  # fmt: skip


def axis_missing(c: ParsedError) -> Iterable[str]:
    """Yield that an axis is missing, where there is one at most."""
    if (c.numbers.get("least"), c.numbers.get("greatest")) == (-1, 0):
        yield "what arrives has a single axis at most: a sample without its batch axis, for instance (x.unsqueeze(0))"


def unpacked(c: ParsedError) -> Iterable[str]:
    """Yield which axis is missing or too many, where a shape of pictures is unpacked."""
    wanted, found = c.numbers.get("wanted"), c.numbers.get("found")
    if (wanted, found) == (4, 3):
        yield "if it is a shape: one sample without its batch axis, or pictures without the axis of their channel"
    elif wanted == 4 and found == 5:
        yield (
            "if it is a shape: one axis too many, such as one for frames or crops; x.flatten(0, 1) merges it with the "
            "batch"
        )


def reordered(c: ParsedError) -> Iterable[str]:
    """Yield that the batch axis is missing, where pictures are permuted."""
    if (c.numbers.get("found"), c.numbers.get("wanted")) == (3, 4):
        yield "one sample without its batch axis: x.unsqueeze(0) adds it"


def remainder(c: ParsedError) -> Iterable[str]:
    """Yield the division with its remainder."""
    size, divisor = c.numbers.get("size"), c.numbers.get("divisor")
    if size and divisor:
        yield f"{size} = {size // divisor} * {divisor} + {size % divisor}"


def guard_text(c: ParsedError) -> Iterable[str]:
    """Yield the condition that failed, as the message has it."""
    yield c.text.removeprefix("Guard failed: ")
