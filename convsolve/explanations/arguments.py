"""Explaining arguments of one layer that do not go together, whatever arrives there."""

from __future__ import annotations

from ..messages import ParsedError
from ..operators import Conv, ConvTranspose, MaxPool
from .finding import ExplainedMessage, Fix, mends
from .fixes import fixes
from .missing_facts import ask_layer, ask_line
from .single_layer import LayerTrial, failing, known, sane, tried
from .wording import dialect, one, word

__all__ = ["explain_output_padding", "explain_pool_padding", "explain_same", "explain_strided"]


def _map(rank: int) -> tuple[int, ...]:
    """Return an input that is large enough for the kernels that stand here for one that is not known."""
    return (1, *(16,) * rank)


def explain_output_padding(c: ParsedError) -> ExplainedMessage:
    """Explain an output padding that is not smaller than the stride."""
    extra, stride, dilation = c.output_padding, c.stride, c.dilation
    if not extra and "output_padding" in c.numbers and "stride" in c.numbers:  # of one axis, that is
        extra, stride = (c.numbers["output_padding"],), (c.numbers["stride"],)
    ways: list[Fix] = []
    now = None
    if extra and stride and len(extra) == len(stride) and sane(extra, 0) and sane(stride):
        dilations = dilation or (1,) * len(extra)
        now = _transposed(c, stride, dilations, extra)
        limits = [max(s, d) if dialect(c) == "torch" else s for s, d in zip(stride, dilations, strict=True)]
        lower = tuple(min(e, limit - 1) for e, limit in zip(extra, limits, strict=True))
        higher = tuple(s if e < limit else e + 1 for s, e, limit in zip(stride, extra, limits, strict=True))
        name = "output_padding"
        ways = mends(f"{name}={one(lower)} (now {one(extra)})", now, _transposed(c, stride, dilations, lower), ())
        if dialect(c) == "keras":
            ways += mends(f"{name}=None: Keras then chooses it", now, _transposed(c, stride, dilations, None), ())
        ways += mends(f"{word(c, 'stride')}={one(higher)} (now {one(stride)})", now,
                      _transposed(c, higher, dilations, extra), ())  # fmt: skip
    return ExplainedMessage(
        complaint=c, code="CS004", ways=tuple(ways),
        asks=ask_layer(c), sketch=failing(now))  # fmt: skip


def _transposed(
    c: ParsedError, stride: tuple[int, ...], dilation: tuple[int, ...], extra: tuple[int, ...] | None
) -> LayerTrial:
    padding = "valid" if dialect(c) == "keras" else 0
    layer = ConvTranspose(
        out_channels=1, kernel_size=3, stride=stride, dilation=dilation, output_padding=extra, padding=padding
    )
    return tried(c, [layer], _map(len(stride)), order="channels_first")


def explain_pool_padding(c: ParsedError) -> ExplainedMessage:
    """Explain the padding of a pool that is more than half of its kernel."""
    padding = c.padding if isinstance(c.padding, tuple) else None
    kernel = c.kernel_size
    if padding is None and "padding" in c.numbers and "kernel_size" in c.numbers:
        padding, kernel = (c.numbers["padding"],), (c.numbers["kernel_size"],)
    ways: list[Fix] = []
    now = None
    if padding and kernel and len(padding) == len(kernel) and sane(kernel) and sane(padding, 0):

        def pooled(kernel: tuple[int, ...], padding: tuple[int, ...]) -> LayerTrial:
            return tried(c, [MaxPool(kernel_size=kernel, padding=padding)], shape, order="channels_first")

        shape = (1, *(max(k, 2 * p, 2) for k, p in zip(kernel, padding, strict=True)))
        now = pooled(kernel, padding)
        most = tuple(min(p, k // 2) for p, k in zip(padding, kernel, strict=True))
        wider = tuple(max(k, 2 * p) for p, k in zip(padding, kernel, strict=True))
        ways = [*mends(f"padding={one(most)} (now {one(padding)})", now, pooled(kernel, most), ()),
                *mends(f"kernel_size={one(wider)} (now {one(kernel)})", now, pooled(wider, padding), ())]  # fmt: skip
    return ExplainedMessage(
        complaint=c, code="CS007", ways=tuple(ways),
        arithmetic=f"{one(padding)} > {one(kernel)}/2" if padding and kernel else "",
        asks=(*(() if ways else (ask_line(c, "its kernel_size and padding", "pool"),)), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


def explain_same(c: ParsedError) -> ExplainedMessage:
    """Explain padding='same' with a stride, which PyTorch does not take."""

    def made(**options: object) -> LayerTrial:
        return tried(c, [Conv(out_channels=1, kernel_size=3, **options)], _map(2))  # type: ignore[arg-type]

    now = made(stride=2, padding="same")
    return ExplainedMessage(
        complaint=c, code="CS017",
        meaning="",
        ways=(*mends("padding=1 for kernel_size=3, 2 for 5, 3 for 7 (all with dilation=1)", now,
                     made(stride=2, padding=1), ()),
              *mends("stride=1", now, made(padding="same"), ())),
        asks=(ask_line(c, "its kernel_size, stride and dilation", "conv"), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip


def explain_strided(c: ParsedError) -> ExplainedMessage:
    """Explain a stride and a dilation that are both above 1, which Keras does not take."""
    stride, dilation = known(c.stride), known(c.dilation)
    ways: list[Fix] = []
    now = None
    if stride and dilation and len(stride) == len(dilation):
        layer = Conv(out_channels=1, kernel_size=1, stride=stride, dilation=dilation)
        now = tried(c, [layer], _map(len(stride)), order="channels_first")
        ways = fixes(c, now.problem, "dilation", "stride") if now.problem else []
    return ExplainedMessage(
        complaint=c, code="CS018", ways=tuple(ways),
        meaning="",
        asks=(*(() if ways else (ask_line(c, "its strides and dilation_rate", "conv"),)), *ask_layer(c)),
        sketch=failing(now))  # fmt: skip
