"""Causes of sizes that run out: kernels that do not fit, paddings that are too wide, too few values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from ..errors import ConvsolveError
from ..network import Layer
from ..network.trace import Requirement
from ..operators import ConvTranspose, Input, Operator
from ..repairs.evaluated_network import Situation
from ..repairs.input_resizing import sizes_taken
from ..sizes.valid_sizes import valid_sizes
from .causes import Cause, chain_to, shown_path, shown_sizes

__all__ = ["larger_input", "padding", "sizes", "training"]


def sizes(now: Situation, group: Sequence[Requirement]) -> Iterator[Cause]:
    """Yield why a kernel does not fit what arrives at its layer."""
    first = group[0]
    layer = now.network.by_name[first.layer]
    chain = chain_to(now, layer.name)
    numbers = {name: _number(now, value) for name, value in first.values}
    what = ", ".join(f"{name}={value}" for name, value in numbers.items())
    if isinstance(layer.operator, ConvTranspose):
        yield _all_taken(layer, chain, what)
        return
    found = list(_direct(now, layer, chain, what) if len(chain) < 2 else _shrunk(now, layer, chain, what))
    empty = _empty(now, layer, first)
    if empty is not None and len(chain) < 2:
        found.insert(0, empty)
    elif empty is not None:
        found.append(empty)
    yield from found


def _all_taken(layer: Layer, chain: tuple[tuple[int, ...], ...], what: str) -> Cause:
    """Return that a transposed convolution takes away with its padding what it makes."""
    arriving = f" of {shown_sizes(chain[-1])}" if chain else ""
    message = f"the padding of {layer.name} takes away all that it makes{arriving} ({what})"
    evidence = ("each unit of padding takes two from what a transposed convolution makes",)
    return Cause("requirement", layer.name, layer.name, message, evidence, True, chain)


def _number(now: Situation, value: object) -> object:
    name = getattr(value, "name", None)
    return now.values.get(name, value) if name else value


def larger_input(now: Situation) -> str:
    """Return the smallest input that works, as a sentence; empty where no size does."""
    found = sizes_taken(now.stated)
    smallest = found.smallest() if found is not None else None
    return f"the smallest input that works is {', '.join('x'.join(map(str, s)) for s in smallest)}" if smallest else ""


def _no_size(now: Situation) -> bool:
    """Whether it is certain that no size of the input works."""
    try:
        found = valid_sizes(now.stated, prove=False)
    except ConvsolveError:
        return False
    return found.complete and not found.region


def _direct(now: Situation, layer: Layer, chain: tuple[tuple[int, ...], ...], what: str) -> Iterator[Cause]:
    """The size is still that of the input: nothing before took any of it away."""
    arriving = f" of size {shown_sizes(chain[0])}" if chain else ""
    wanted = larger_input(now)
    yield Cause(
        "kernel_gt_input",
        layer.name,
        layer.name,
        f"the kernel of {layer.name} is larger than the network's input{arriving} ({what})",
        tuple(filter(None, ["no layer before it has changed the size", wanted])),
        True,
        chain,
    )


def _shrunk(now: Situation, layer: Layer, chain: tuple[tuple[int, ...], ...], what: str) -> Iterator[Cause]:
    """The size was used up on the way."""
    wanted = larger_input(now)
    source = next((x.name for x in now.behind(layer.name) if type(x.operator) is Input), layer.name)
    takers = _takers(now, layer)
    repeated = [x for x in takers if _same(x.operator, layer.operator)]
    evidence = [f"sizes: {shown_path(chain)}, then {layer.name} ({what})"]
    if takers:
        evidence.append(f"what takes away from the size: {', '.join(x.name for x in takers)}")
    small = Cause(
        "input_too_small",
        source,
        layer.name,
        f"the input of {shown_sizes(chain[0])} is used up before {layer.name}",
        tuple(filter(None, [*evidence, wanted])),
        bool(wanted),
        chain,
    )
    deep = Cause(
        "too_deep",
        layer.name,
        layer.name,
        f"{layer.name} is one of {len(repeated) + 1} layers alike that together take more than there is",
        (*evidence, "whether the input or the depth is wrong, the network alone does not say"),
        False,
        chain,
    )
    stacked = len(takers) > 1 and all(x in repeated for x in takers[-2:])  # three alike in a row
    if not wanted and _no_size(now):
        yield dataclasses.replace(
            deep,
            evidence=(*evidence, "no size of the input works"),
            message=f"what comes before {layer.name} leaves too little, whatever the size of the input",
            certain=True,
        )
    elif stacked:
        yield deep
        yield dataclasses.replace(small, certain=False)
    elif len(repeated) > 1:
        yield dataclasses.replace(small, certain=False)
        yield deep
    else:
        yield small


def _takers(now: Situation, layer: Layer) -> list[Layer]:
    """Return the layers on the way that leave a smaller size than they get."""
    found = []
    for x in now.behind(layer.name)[:-1]:
        before, after = now.arriving(x)[1:], now.shape(x.name)[1:]
        if before and len(before) == len(after) and any(b > a for b, a in zip(before, after, strict=True)):
            found.append(x)
    return found


def _same(a: Operator, b: Operator) -> bool:
    """Return whether two operators do the same to sizes; channels do not matter."""
    names = [n for n in a.parameters() if n not in ("out_channels", "in_channels", "groups", "bias")]
    return type(a) is type(b) and all(getattr(a, n) == getattr(b, n) for n in names)


def _empty(now: Situation, layer: Layer, first: Requirement) -> Cause | None:
    """An output of size 0 that some version of the framework lets pass."""
    shape = now.trace.shapes[layer.name] or ()
    named = [now.values.get(getattr(v, "name", ""), 1) for v in shape]
    if not first.note or 0 not in named or min(named) < 0:
        return None
    message = f"the output of {layer.name} has size 0, which may pass silently"
    chain = chain_to(now, layer.name)
    return Cause("silent_non_positive", layer.name, layer.name, message, (first.note,), True, chain)


def padding(now: Situation, group: Sequence[Requirement]) -> Iterator[Cause]:
    """Yield why a reflected or circular padding is too wide."""
    first = group[0]
    chain = chain_to(now, first.layer)
    numbers = ", ".join(f"{name}={_number(now, value)}" for name, value in first.values)
    axes = ", ".join(r.axis for r in group)
    yield Cause(
        "reflect_pad", first.layer, first.layer, f"{first.rule.failure} ({axes}: {numbers})",
        tuple(filter(None, [f"it takes its values from the input itself, {shown_sizes(chain[-1])}" if chain else "",
                            larger_input(now)])), True, chain)  # fmt: skip


def training(now: Situation, group: Sequence[Requirement]) -> Iterator[Cause]:
    """Yield why normalisation has too few values."""
    first = group[0]
    chain = chain_to(now, first.layer)
    batch = now.network.batch_size
    yield Cause(
        "one_value_training",
        first.layer,
        first.layer,
        f"{first.layer} has one value for each channel when it trains with a batch of {batch}",
        tuple(filter(None, ["a larger batch helps, or a larger input", larger_input(now)])),
        True,
        chain,
    )
