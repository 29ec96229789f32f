"""Explaining windows: a kernel that does not fit what arrives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...messages import Complaint
from ...operators import AvgPool, Conv, MaxPool, Operator
from .finding import Finding, Way, headline
from .shown import by, one
from .trial import Trial, rules_of, tried

__all__ = ["explain_window"]

_POOLS = ("pool", "max_pool", "avg_pool", "lp_pool")
_LARGEST = 2**40

_SEND = "which layer shrank it so far: give the network (--model) and its input size (--input), or its code"


@dataclass(frozen=True)
class _Seen:
    """The window that does not fit, along the axes that are known; ``included`` says that sizes count the padding."""

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    dilation: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    included: bool

    @property
    def padded(self) -> tuple[int, ...]:
        return tuple(n + 2 * p for n, p in zip(self.sizes, self.padding, strict=True))

    @property
    def missing(self) -> tuple[int, ...]:
        """By how much the window is too large (below 1 where it fits)."""
        return tuple(w - n for w, n in zip(self.window, self.padded, strict=True))

    @property
    def window(self) -> tuple[int, ...]:
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))


def explain_window(c: Complaint) -> Finding:
    """Explain a kernel that does not fit: the arithmetic, what mends it there, what may have caused it."""
    seen = _seen(c)
    if seen is None:
        return _unsaid(c)
    now = _run(c, seen)
    if now.ok:
        return _unsaid(c)
    i = seen.missing.index(max(seen.missing))
    numbers = {"window": seen.window[i], "padded": seen.padded[i]}
    meaning = (f"A kernel that spans {seen.window[i]} does not fit {seen.padded[i]} even once"
               + (", padding included" if seen.included or any(seen.padding) else "")
               + "; a smaller stride here does not change that.")  # fmt: skip
    code = "CS025" if c.code == "CS025" else "CS001"
    return Finding(
        complaint=c, code=code, layer=c.layer or "", headline=headline(replace(c, numbers=numbers), code),
        arithmetic=now.formula, meaning=meaning, ways=tuple(_ways(c, seen)), needs=_needs(c, seen),
        notes=tuple(_notes(c, seen, now)), causes=tuple(_causes(c, seen)), asks=(_SEND,))  # fmt: skip


def _seen(c: Complaint) -> _Seen | None:
    sizes, included = (c.padded, True) if c.padded else (c.sizes, False)
    kernel, dilation = c.kernel_size or c.window, c.dilation
    if c.window and dilation is None and c.kernel_size != c.window:
        kernel = c.window  # the dilation is not said: the effective kernel stands for it
    padding = c.padding if isinstance(c.padding, tuple) and not included else None
    if sizes and kernel and len(sizes) == len(kernel):
        rank = len(sizes)
        known = [i for i, n in enumerate(sizes) if n is not None]
        kernels, dilations, strides, paddings = (
            tuple((values if values and len(values) == rank else (default,) * rank)[i] for i in known)
            for values, default in ((kernel, 1), (dilation, 1), (c.stride, 1), (padding, 0))
        )
        found = _Seen(tuple(sizes[i] or 0 for i in known), kernels, dilations, strides, paddings, included)
        if known and _sane(found) and max(found.missing) > 0:
            return found
    numbers = c.numbers
    if "window" in numbers and "padded" in numbers:
        stride = c.stride if c.stride and len(set(c.stride)) == 1 else (1,)
        found = _Seen((numbers["padded"],), (numbers["window"],), (1,), stride[:1], (0,),
                      c.padding != "valid" and c.framework != "tensorflow")  # fmt: skip
        return found if _sane(found) else None
    return None


def _sane(seen: _Seen) -> bool:
    """Whether a message's numbers are such as operators take."""
    positive = (*seen.kernel, *seen.dilation, *seen.stride, *seen.sizes)
    return all(1 <= n < _LARGEST for n in positive) and all(0 <= n < _LARGEST for n in seen.padding)


def _run(c: Complaint, seen: _Seen, **changes: object) -> Trial:
    """Return what the layer gives from these sizes, with some parameters changed."""
    sizes = changes.pop("sizes", seen.sizes)
    values: dict[str, Any] = {
        "kernel_size": seen.kernel, "dilation": seen.dilation, "stride": seen.stride, "padding": seen.padding,
        **changes}  # fmt: skip
    operator: Operator
    if c.operator in _POOLS:
        pool = AvgPool if c.operator == "avg_pool" else MaxPool  # in PyTorch, average pools refuse a little more
        operator = pool(**values)
    else:
        operator = Conv(out_channels=1, **values)
    return tried([operator], (1, *sizes), framework=rules_of(c.framework))  # type: ignore[misc]


def _ways(c: Complaint, seen: _Seen) -> list[Way]:
    ways = []
    fitting = tuple(
        min(k, (n - 1) // d + 1) for k, n, d in zip(seen.kernel, seen.padded, seen.dilation, strict=True))
    if min(fitting) >= 1:
        name = "kernel_size=" if c.kernel_size or c.dilation else "an effective kernel of "
        ways += _way(f"{name}{one(fitting)} (now {one(seen.kernel)})", _run(c, seen, kernel_size=fitting))
    if max(seen.dilation) > 1:
        ways += _way("dilation=1", _run(c, seen, dilation=1))
    if rules_of(c.framework) == "keras" and c.framework is not None:
        ways += _way("padding='same' (it keeps the size, but hides a kernel that is larger than the map)",
                     _run(c, seen, padding="same"))  # fmt: skip
    if rules_of(c.framework) != "keras":
        more = tuple(p + max(0, (m + 1) // 2) for p, m in zip(seen.padding, seen.missing, strict=True))
        text = f"padding={one(more)} (now {one(seen.padding)})"
        if seen.included:
            text = f"padding larger by {one(more)} on each side"
        ways += _way(text, _run(c, seen, padding=more))
    return ways


def _way(change: str, trial: Trial) -> list[Way]:
    """Return a change as a repair, if it is one."""
    return [Way(change, trial.output[1:])] if trial.ok else []


def _needs(c: Complaint, seen: _Seen) -> tuple[int, ...]:
    """Return the smallest sizes that work there, the others left as they are."""
    sizes = tuple(n + max(0, m) for n, m in zip(seen.sizes, seen.missing, strict=True))
    return sizes if _run(c, seen, sizes=sizes).ok else ()


def _notes(c: Complaint, seen: _Seen, now: Trial) -> list[str]:
    notes = []
    if seen.included:
        notes.append("these sizes count the padding on both sides")
    if c.kernel_size is None and c.dilation is None:
        notes.append(f"{by(seen.window)} counts the dilation: kernel 3 with dilation 4 spans 9, for instance")
    if c.stride is None:
        notes.append("the text does not give the stride; the formula is shown with stride 1")
    if 0 in now.output[1:] and c.framework in ("keras", "tensorflow"):
        notes.append("where the size comes out as exactly 0, Keras before 3.14 (pools: 3.15) says nothing")
    return notes


def _causes(c: Complaint, seen: _Seen) -> list[str]:
    causes = _other_order(c, seen)
    if c.framework in ("keras", "tensorflow") and c.operator == "conv" and c.stride and max(c.stride) > 1 \
            and c.stride == c.kernel_size:
        k = c.stride[0]
        causes.append(f"a call such as Conv2D(32, {k}, {k}) means kernel {k}, stride {k} since Keras 2 (in Keras 1 a "
                      f"{k}x{k} kernel): look at the call; Conv2D(32, ({k}, {k})) has stride 1")  # fmt: skip
    if max(seen.window) >= 16 and len(seen.sizes) == 1 and c.framework == "torch":
        causes.append("swapped arguments: Conv1d takes (in_channels, out_channels, kernel_size), and data as "
                      "(batch, channels, length)")  # fmt: skip
    causes.append("the input is smaller than the network was made for, or more layers shrink it than it bears: the "
                  "sizes of all layers would tell")  # fmt: skip
    return causes


def _other_order(c: Complaint, seen: _Seen) -> list[str]:
    """Return the suspicion that height, width and channels are in another order than the layer takes them for."""
    few, shape = (1, 3, 4), c.shapes[0] if c.shapes else ()
    if c.framework in ("keras", "tensorflow") and len(shape) >= 3 and c.layout != "channels_first":
        place = next((i for i, n in enumerate(shape[:-1]) if n in few), None)
        others = [n or 0 for i, n in enumerate(shape) if i != place]
        if place is not None and min(others) >= 8:
            what = f"{shape[place]} channel{'s' * (shape[place] != 1)}"
            where = "in front" if place == 0 else f"on axis {place + 1} of {len(shape)}"
            return [f"{by(shape)} looks like data with its {what} {where}, in a layer that takes channels last: if "
                    "this is the network's first layer, move the channels to the end"]  # fmt: skip
    if c.framework == "torch" and len(seen.sizes) == 2 and seen.sizes[1] in few and seen.sizes[0] >= 8 \
            and c.operator not in _POOLS:
        return [f"{by(seen.sizes)} looks like pictures of {seen.sizes[1]} channels in the order height, width, "
                "channels: if this is the network's first layer, it takes channels first: x.permute(0, 3, 1, 2)"]
    return []


def _unsaid(c: Complaint) -> Finding:
    """Explain a window of which the text gives too little to compute."""
    what = "pool" if c.operator in _POOLS else "convolution" if c.operator else "layer"
    code = c.code or "CS001"
    given = f"{by(c.sizes)} arrives" if c.sizes else "what arrives is too small"
    reported = f", {by(c.output)} would come out" if c.output else ""
    asks: Sequence[str] = [f"the {what}'s kernel size, stride and padding", _SEND]
    return Finding(
        complaint=c, code=code, layer=c.layer or "", headline=headline(c, code),
        arithmetic=f"{given}{reported}",
        meaning=f"The kernel of this {what} does not fit even once.",
        notes=("the input must be at least as large as the effective kernel, less the padding on both sides",),
        asks=tuple(asks))  # fmt: skip
