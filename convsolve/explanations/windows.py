"""Explaining windows: a kernel that does not fit what arrives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..messages import ParsedError
from ..messages.parsed_error import SeenShape
from ..operators import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, Conv, Identity, MaxPool, Operator
from .finding import ExplainedMessage, Fix, headline, mends
from .layout_suspects import moved, other_order
from .missing_facts import ask_layer, ask_line, ask_network
from .single_layer import LayerTrial, known, sane, tried
from .wording import POOLS, by, dialect, one, setting, word

__all__ = ["explain_window"]

_SHRANK = "which layer shrank it so far"
_SAME = "padding='same' (it hides a kernel that is larger than the map)"


@dataclass(frozen=True)
class _Seen:
    """The window that does not fit, along the axes that are known.

    ``included`` says that sizes count the padding, ``effective`` that kernels count the dilation, which is not said,
    ``alone`` that nothing is known of the other axes.
    """

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    dilation: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    included: bool
    effective: bool
    alone: bool

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


def explain_window(c: ParsedError) -> ExplainedMessage:
    """Explain a kernel that does not fit: the arithmetic, what mends it there, what may have caused it."""
    seen = _seen(c)
    now = _run(c, seen) if seen is not None else None
    if seen is None or now is None or now.ok:
        return _unsaid(c)
    i = seen.missing.index(max(seen.missing))
    numbers = {"window": seen.window[i], "padded": seen.padded[i]}
    padded = ", padding included" if seen.included or any(seen.padding) else ""
    code = "CS025" if c.code == "CS025" else "CS001"
    return ExplainedMessage(
        complaint=c, code=code, headline=headline(c, code, numbers), arithmetic=now.formula,
        meaning=f"A kernel that spans {seen.window[i]} does not fit {seen.padded[i]} even once{padded}; a "
                "smaller stride here does not change that.",
        ways=tuple(_ways(c, seen, now)), needs=_needs(c, seen), notes=tuple(_notes(c, seen, now)),
        causes=tuple(_causes(c, seen)), asks=(ask_network(c, _SHRANK), *ask_layer(c)), sketch=now.problem)  # fmt: skip


def _seen(c: ParsedError) -> _Seen | None:
    sizes, included = (c.padded, True) if c.padded else (c.sizes or _usual(c), False)
    kernel, dilation = c.kernel_size or c.window, c.dilation
    dilates = not (c.operator in POOLS and dialect(c) == "keras")  # there, pools have no dilation
    effective = dilates and dilation is None and c.kernel_size is None
    if c.window and dilation is None and c.kernel_size != c.window:
        kernel, effective = c.window, dilates  # the effective kernel stands for what is not said
    padding = c.padding if isinstance(c.padding, tuple) and not included else None
    if sizes and kernel and len(sizes) == len(kernel):
        rank = len(sizes)
        axes = [i for i, n in enumerate(sizes) if n is not None]
        kernels, dilations, strides, paddings = (
            tuple((values if values and len(values) == rank else (default,) * rank)[i] for i in axes)
            for values, default in ((kernel, 1), (dilation, 1), (c.stride, 1), (padding, 0))
        )
        found = _Seen(
            tuple(sizes[i] or 0 for i in axes), kernels, dilations, strides, paddings, included, effective, False
        )
        if axes and _sane(found) and max(found.missing) > 0:
            return found
    numbers = c.numbers
    if "window" in numbers and "padded" in numbers:
        stride = c.stride if c.stride and len(set(c.stride)) == 1 else (1,)
        # Keras and TensorFlow pad in other ways: what they report is never padded
        found = _Seen(
            (numbers["padded"],), (numbers["window"],), (1,), stride[:1], (0,), dialect(c) != "keras", dilates, True
        )
        return found if _sane(found) else None
    return None


def _usual(c: ParsedError) -> SeenShape | None:
    """Return the sizes of a map as Keras has it by default, channels at the end, where the text does not say which."""
    clear = dialect(c) != "keras" or c.layout or not c.shapes or not c.kernel_size
    return None if clear or len(c.shapes[0]) != len(c.kernel_size or ()) + 1 else c.shapes[0][:-1]


def _sane(seen: _Seen) -> bool:
    """Whether a message's numbers are such as operators take."""
    return sane((*seen.kernel, *seen.dilation, *seen.stride, *seen.sizes)) and sane(seen.padding, 0)


def _run(c: ParsedError, seen: _Seen, **changes: object) -> LayerTrial:
    """Return what the layer gives from these sizes, with some parameters changed."""
    sizes = changes.pop("sizes", seen.sizes)
    values: dict[str, Any] = {
        "kernel_size": seen.kernel, "dilation": seen.dilation, "stride": seen.stride, "padding": seen.padding,
        **changes}  # fmt: skip
    operator: Operator
    if c.operator in POOLS:
        pool = AvgPool if c.operator == "avg_pool" else MaxPool  # in PyTorch, average pools refuse a little more
        operator = pool(**values)
    else:
        operator = Conv(out_channels=1, **values)
    return _alone(c, operator, sizes)  # type: ignore[arg-type]


def _alone(c: ParsedError, operator: Operator, sizes: Sequence[int]) -> LayerTrial:
    return tried(c, [operator], (1, *sizes), order="channels_first")


def _fitting(change: str, now: LayerTrial, trial: LayerTrial, seen: _Seen | None = None) -> list[Fix]:
    """Return a change as a repair, if it is one; of what comes out, the channels are not known."""
    if seen is not None and seen.alone and trial.ok:
        return mends(f"{change}: {trial.output[1]} comes out on that axis", now, trial, ())
    return mends(change, now, trial, trial.output[1:])


# -- repairs


def _ways(c: ParsedError, seen: _Seen, now: LayerTrial) -> list[Fix]:
    pool = c.operator in POOLS
    layer = (
        {}
        if seen.alone or seen.effective
        else {"kernel_size": seen.kernel, "dilation": seen.dilation, "stride": seen.stride}
    )
    ways = moved(c, layer) if layer else []
    fitting = tuple(min(k, (n - 1) // d + 1) for k, n, d in zip(seen.kernel, seen.padded, seen.dilation, strict=True))
    if pool and set(fitting) == {1}:
        sizes = known(c.sizes) or (() if seen.alone else seen.sizes)
        ways += mends("leave this pool out", now, _alone(c, Identity(), seen.sizes), sizes)
    elif min(fitting) >= 1:
        change = f"{_kernel(c, seen, fitting)} (now {one(seen.kernel)})"
        ways += _fitting(change, now, _run(c, seen, kernel_size=fitting), seen)
    if max(seen.dilation) > 1:
        ways += _fitting(f"{setting(c, 'dilation', (1,) * len(seen.dilation))} (now {one(seen.dilation)})", now,
                         _run(c, seen, dilation=1), seen)  # fmt: skip
    if pool and set(fitting) != {1}:
        ways += _whole_map(c, seen, now)
    if dialect(c) == "keras":
        ways += _fitting(_SAME, now, _run(c, seen, padding="same"), seen)
    else:
        more = tuple(p + max(0, (m + 1) // 2) for p, m in zip(seen.padding, seen.missing, strict=True))
        said = f"{word(c, 'padding')} larger by {one(more)} on each side" if seen.included else \
            f"{setting(c, 'padding', more)} (now {one(seen.padding)})"  # fmt: skip
        ways += _fitting(said, now, _run(c, seen, padding=more), seen)
    if pool and c.framework == "torch":
        ways += _fitting("ceil_mode=True", now, _run(c, seen, ceil_mode=True), seen)
    return ways


def _kernel(c: ParsedError, seen: _Seen, kernel: Sequence[int]) -> str:
    """Return how a kernel is set: the text may give nothing but what it spans with its dilation."""
    return f"an effective kernel of {one(kernel)}" if seen.effective else setting(c, "kernel_size", kernel)


def _whole_map(c: ParsedError, seen: _Seen, now: LayerTrial) -> list[Fix]:
    """Return the pool over the whole map, whatever its size: what the last pool of a network mostly is meant for."""
    sizes = known(c.sizes)
    pools = {"avg_pool": AdaptiveAvgPool, "max_pool": AdaptiveMaxPool}
    if not sizes or c.operator not in pools:
        return []
    if seen.sizes != sizes:  # of some axes nothing is known: a window that does not fit any stands for this one
        now = _alone(c, MaxPool(kernel_size=max(sizes) + 1), sizes)
    trial = _alone(c, pools[c.operator](output_size=1), sizes)
    said = trial.said(c, "layer")
    return _fitting(f"a pool over the whole map, whatever its size{f': {said}' if said else ''}", now, trial)


def _needs(c: ParsedError, seen: _Seen) -> tuple[int, ...]:
    """Return the smallest sizes that work there, the others left as they are."""
    sizes = tuple(n + max(0, m) for n, m in zip(seen.sizes, seen.missing, strict=True))
    return sizes if _run(c, seen, sizes=sizes).ok else ()


# -- what else there is to say


def _notes(c: ParsedError, seen: _Seen, now: LayerTrial) -> list[str]:
    notes = []
    if seen.included:
        notes.append("these sizes count the padding on both sides")
    if seen.effective:
        notes.append(f"{by(seen.window)} counts the dilation: {_spans(c, seen)}")
    if not c.sizes and not seen.alone and not seen.included:
        notes.append(f"read with the channels at the end: {by(seen.sizes)} is the map")
    if c.stride is None:
        notes.append("the text does not give the stride; the formula is shown with stride 1")
    if 0 in now.output[1:] and dialect(c) == "keras":
        notes.append("where the size comes out as exactly 0, Keras before 3.14 (pools: 3.15) says nothing")
    return notes


def _spans(c: ParsedError, seen: _Seen) -> str:
    """Return how a dilation makes a kernel span more: this kernel where the text gives its own size, or another."""
    own, span = (c.kernel_size or (1,))[0], seen.window[0]
    if len(set(c.kernel_size or ())) == 1 and own > 1 and span > own and (span - 1) % (own - 1) == 0:
        return f"kernel {own} spans {span} with dilation {(span - 1) // (own - 1)}"
    return "kernel 3 with dilation 4 spans 9, for instance"


def _causes(c: ParsedError, seen: _Seen) -> list[str]:
    causes = other_order(c, seen.sizes)
    if dialect(c) == "keras" and c.operator == "conv" and c.stride and max(c.stride) > 1 and c.stride == c.kernel_size:
        k = c.stride[0]
        causes.append(f"a call such as Conv2D(32, {k}, {k}) means kernel {k}, stride {k} since Keras 2 (in Keras 1 a "
                      f"{k}x{k} kernel): look at the call; Conv2D(32, ({k}, {k})) has stride 1")  # fmt: skip
    if max(seen.window) >= 16 and len(seen.sizes) == 1 and c.framework == "torch":
        causes.append("swapped arguments: Conv1d takes (in_channels, out_channels, kernel_size), and data as "
                      "(batch, channels, length)")  # fmt: skip
    causes.append("the input is smaller than the network was made for, or more layers shrink it than it bears: the "
                  "sizes of all layers would tell")  # fmt: skip
    return causes


# -- texts that give too little to compute


def _unsaid(c: ParsedError) -> ExplainedMessage:
    """Explain a window of which the text gives too little to compute: what is certain for any kernel and stride."""
    kind = "pool" if c.operator in POOLS else "conv"
    what = "pool" if c.operator in POOLS else "convolution" if c.operator else "layer"
    code = c.code if c.code == "CS025" else "CS001"  # an output of 0 or less means nothing else
    given = f"{by(c.shapes[0] if c.shapes else c.sizes or ())} arrives" if c.shapes or c.sizes else ""
    reported = f"{by(c.output)} would come out" if c.output else ""
    numbers = [word(c, name) for name in ("kernel_size", "stride", "padding")]
    missing = f"the {what}'s {numbers[0]}, {numbers[1]} and {numbers[2]}{'' if given else ', and what arrives there'}"
    window = c.kernel_size if c.kernel_size and c.padding == "valid" and c.operator in POOLS else ()
    rank = len(c.output or ()) if c.template == "torch.max_pool1d_empty" else len(c.sizes or ()) or 2
    return ExplainedMessage(
        complaint=c, code=code,
        arithmetic=", ".join(part for part in (given, reported) if part), ways=tuple(_certain(c)), needs=window,
        meaning=f"The kernel of this {what} does not fit what arrives even once.",
        notes=("the input must be at least as large as the effective kernel, less the padding on both sides",),
        asks=(ask_line(c, missing, kind, rank) if not window else "what arrives there: the shape of the layer's input",
              ask_network(c, _SHRANK), *ask_layer(c)))  # fmt: skip


def _certain(c: ParsedError) -> list[Fix]:
    """Return repairs that hold whatever kernel, stride and padding are: a kernel that does not fit stands for all."""
    last = dialect(c) == "keras"
    shape = known(c.shapes[0]) if c.shapes else None
    sizes = known(c.sizes) or (shape[:-1] if shape and last else None)
    if not sizes:
        return []
    if c.operator in POOLS:
        pool = AvgPool if c.operator == "avg_pool" else MaxPool
        now = _alone(c, pool(kernel_size=tuple(n + 1 for n in sizes)), sizes)
        ways = mends("leave this pool out", now, _alone(c, Identity(), sizes), shape or sizes)
        if set(sizes) == {1}:
            return ways
        whole = f"{setting(c, 'kernel_size', sizes)}, {setting(c, 'padding', (0,) * len(sizes))}"
        return [*ways, *_fitting(whole, now, _alone(c, pool(kernel_size=sizes), sizes))]
    if c.operator not in ("conv", "depthwise_conv"):
        return []
    larger = tuple(max(n + 1, 3) for n in sizes)  # which stands for any kernel that does not fit
    now = _alone(c, Conv(out_channels=1, kernel_size=larger, padding="valid" if last else 0), sizes)
    if last:
        alone = Conv(out_channels=1, kernel_size=(1,) * len(sizes), padding="valid")
        return [
            *mends("kernel_size=1", now, _alone(c, alone, sizes), ()),
            *mends(_SAME, now, _alone(c, Conv(out_channels=1, kernel_size=larger, padding="same"), sizes), ()),
        ]
    settings = (("kernel_size", sizes), ("dilation", (1,) * len(sizes)), ("padding", (0,) * len(sizes)))
    trial = _alone(c, Conv(out_channels=1, kernel_size=sizes), sizes)
    channels = c.output[0] if c.output and len(c.output) == len(sizes) + 1 else None
    return mends(", ".join(setting(c, name, values) for name, values in settings), now, trial,
                 trial.output[1:] if channels is None else (channels, *trial.output[1:]))  # fmt: skip
