"""Explaining windows: a kernel that does not fit what arrives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..messages import Complaint
from ..operators import AvgPool, Conv, MaxPool, Operator
from .finding import Finding, Way, headline
from .shown import by, one
from .trial import Trial, rules_of, tried

__all__ = ["explain_window"]

_POOLS = ("pool", "max_pool", "avg_pool", "lp_pool")
_LARGEST = 2**40

_SEND = "which layer shrank it so far: give the network (--model) and its input size (--input), or its code"


@dataclass(frozen=True)
class _Seen:
    """The window that does not fit, by axis: ``sizes`` as far as they are known, padded or not."""

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    dilation: tuple[int, ...]
    stride: tuple[int, ...]
    padded: bool

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
    i = max(range(len(seen.sizes)), key=lambda i: seen.window[i] - seen.sizes[i])
    numbers = {"window": seen.window[i], "padded": seen.sizes[i]}
    meaning = (f"A kernel that spans {seen.window[i]} does not fit {seen.sizes[i]} even once"
               + (", padding included" if seen.padded else "")
               + "; a smaller stride here does not change that.")  # fmt: skip
    code = "CS025" if c.code == "CS025" else "CS001"
    return Finding(
        complaint=c, code=code, layer=c.layer or "", headline=headline(replace(c, numbers=numbers), code),
        arithmetic=now.formula, meaning=meaning, ways=tuple(_ways(c, seen)), needs=_needs(c, seen),
        notes=tuple(_notes(c, seen)), causes=tuple(_causes(c, seen)), asks=(_SEND,))  # fmt: skip


def _seen(c: Complaint) -> _Seen | None:
    sizes, padded = (c.padded, True) if c.padded else (c.sizes, False)
    kernel, dilation = c.kernel_size or c.window, c.dilation
    if c.window and dilation is None and c.kernel_size != c.window:
        kernel = c.window  # the dilation is not said: the effective kernel stands for it
    padding = c.padding if isinstance(c.padding, tuple) else ()
    if sizes and padding and len(padding) == len(sizes) and not padded:
        sizes, padded = tuple(None if n is None else n + 2 * p for n, p in zip(sizes, padding, strict=True)), True
    if sizes and kernel and len(sizes) == len(kernel):
        rank = len(sizes)
        known = [i for i, n in enumerate(sizes) if n is not None]
        stride, dilation = (v if v and len(v) == rank else (1,) * rank for v in (c.stride, dilation))
        found = _Seen(
            tuple(sizes[i] or 0 for i in known), tuple(kernel[i] for i in known), tuple(dilation[i] for i in known),
            tuple(stride[i] for i in known), padded)  # fmt: skip
        if known and any(w > n for w, n in zip(found.window, found.sizes, strict=True)) and _sane(found):
            return found
    numbers = c.numbers
    if "window" in numbers and "padded" in numbers:
        stride = c.stride if c.stride and len(set(c.stride)) == 1 else (1,)
        found = _Seen((numbers["padded"],), (numbers["window"],), (1,), stride[:1],
                          c.padding != "valid" and c.framework != "tensorflow")  # fmt: skip
        return found if _sane(found) else None
    return None


def _sane(seen: _Seen) -> bool:
    """Whether a message's numbers are such as operators take."""
    return all(1 <= n < _LARGEST for n in (*seen.kernel, *seen.dilation, *seen.stride, *seen.sizes))


def _run(c: Complaint, seen: _Seen, **changes: object) -> Trial:
    """Return what the layer gives from these sizes, with some parameters changed."""
    sizes = changes.pop("sizes", seen.sizes)
    values = {"kernel_size": seen.kernel, "dilation": seen.dilation, "stride": seen.stride, **changes}
    operator: Operator
    if c.operator in _POOLS:
        pool = AvgPool if c.operator == "avg_pool" else MaxPool  # in PyTorch, average pools refuse a little more
        operator = pool(**values)  # type: ignore[arg-type]
    else:
        operator = Conv(out_channels=1, **values)  # type: ignore[arg-type]
    return tried([operator], (1, *sizes), framework=rules_of(c.framework))  # type: ignore[misc]


def _ways(c: Complaint, seen: _Seen) -> list[Way]:
    ways = []
    fitting = tuple(
        min(k, (n - 1) // d + 1) for k, n, d in zip(seen.kernel, seen.sizes, seen.dilation, strict=True))
    if min(fitting) >= 1:
        name = "kernel_size=" if c.kernel_size or c.dilation else "an effective kernel of "
        ways += _way(f"{name}{one(fitting)} (now {one(seen.kernel)})", _run(c, seen, kernel_size=fitting))
    if max(seen.dilation) > 1:
        ways += _way("dilation=1", _run(c, seen, dilation=1))
    if rules_of(c.framework) == "keras" and c.framework is not None:
        ways += _way("padding='same' (it keeps the size, but hides a kernel that is larger than the map)",
                     _run(c, seen, padding="same"))  # fmt: skip
    missing = max(w - n for w, n in zip(seen.window, seen.sizes, strict=True))
    each = (missing + 1) // 2
    if rules_of(c.framework) != "keras":
        text = f"padding larger by {each} on each side" if seen.padded else f"padding={each}"
        ways += _way(text, _run(c, seen, padding=each))
    return ways


def _way(change: str, trial: Trial) -> list[Way]:
    """Return a change as a repair, if it is one."""
    return [Way(change, trial.output[1:])] if trial.ok else []


def _needs(c: Complaint, seen: _Seen) -> tuple[int, ...]:
    """Return the smallest sizes that work there, the others left as they are."""
    sizes = tuple(max(n, w) for n, w in zip(seen.sizes, seen.window, strict=True))
    return sizes if _run(c, seen, sizes=sizes).ok else ()


def _notes(c: Complaint, seen: _Seen) -> list[str]:
    notes = []
    if seen.padded:
        notes.append("these sizes count the padding on both sides")
    if c.kernel_size is None and c.dilation is None:
        notes.append(f"{by(seen.window)} counts the dilation: kernel 3 with dilation 4 spans 9, for instance")
    if c.stride is None:
        notes.append("the text does not give the stride; the formula is shown with stride 1")
    if any(w == n + 1 for w, n in zip(seen.window, seen.sizes, strict=True)) and c.framework in ("keras", "tensorflow"):
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
