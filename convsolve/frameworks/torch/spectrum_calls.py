"""Calls that turn signals into spectra and back, and what works on complex numbers."""

from __future__ import annotations

from typing import Any

from ...operators import Expand, Identity, Pad, Permute, Slice, Split, Squeeze, Unfold, Unsqueeze
from ..common.recording.recorded_tensors import Unsupported, Value
from .axis_calls import inserted
from .calls import RecordedCall, handles, plain

__all__ = ["apart", "short_time", "spectrum", "together"]

_ONE = " ".join(f"fft_{name}" for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"))
_TWO = " ".join(f"fft_{name}2" for name in ("fft", "ifft", "rfft", "irfft"))
_SEVERAL = " ".join(f"fft_{name}n" for name in ("fft", "ifft", "rfft", "irfft"))


@handles(f"{_ONE} {_TWO} {_SEVERAL}")
def spectrum(
    call: RecordedCall, input: Any, n: Any = None, dim: Any = None, norm: Any = None, *, s: Any = None, out: Any = None
) -> Value:
    """A Fourier transform along some axes, of the sizes wished; of real numbers, the last axis has a half of it."""
    x = call.input(input)
    kind, last = call.function.removeprefix("fft_"), call.function[-1]
    wished = n if n is not None else s
    sizes = [wished] if isinstance(wished, int) else None if wished is None else list(wished)
    if dim is None and last not in "2n":
        dims = [x.rank - 1]
    elif dim is None and (last == "2" or sizes is not None):
        dims = list(range(x.rank - (2 if sizes is None else len(sizes)), x.rank))
    elif dim is None:
        raise Unsupported("a transform along all axes, the batch among them")
    else:
        dims = [d % x.rank for d in (dim if isinstance(dim, (list, tuple)) else [dim])]
    if sizes is not None and len(sizes) != len(dims):
        raise Unsupported("a size for each of some axes")
    axes = [x.axis(d) for d in dims]
    real, back = kind.startswith(("rfft", "ihfft")), kind.startswith(("irfft", "hfft"))
    for i, axis in enumerate(axes):
        (present,) = call.graph.sizes((x.shape[axis],))
        wanted = None if sizes is None or (isinstance(sizes[i], int) and sizes[i] == -1) else sizes[i]
        size = present if wanted is None else wanted
        if i == len(axes) - 1 and back and wanted is None:
            size = 2 * (present - 1)
        if i == len(axes) - 1 and real:
            size = size // 2 + 1
        x = _fitted(call, x, axis, size)
    return call.same(Identity(mixes=True), x)


def _fitted(call: RecordedCall, x: Value, axis: int, size: Any) -> Value:
    """Return a tensor with one axis cut, or filled with zeros, to a size."""
    (present,) = call.graph.sizes((x.shape[axis],))
    if size is present or axis == 0:
        if size is not present:
            raise Unsupported("a transform of channels to another size")
        return x
    sides = [(0, 0)] * (len(x.shape) - 1)
    sides[axis - 1] = (0, plain(size - present))
    return x.made(*call.layer(Pad(padding=tuple(sides)), x, name="fitted"))


@handles("view_as_real")
def apart(call: RecordedCall, input: Any) -> Value:
    """Real and imaginary parts along an axis more."""
    return _apart(call, call.input(input))


def _apart(call: RecordedCall, x: Value) -> Value:
    x = inserted(call, x, -1)
    shape = (*[1] * (len(x.shape) - 1), 2)
    return x.made(*call.layer(Expand(shape=shape), x, name="parts"))


@handles("view_as_complex")
def together(call: RecordedCall, input: Any) -> Value:
    """Complex numbers of an axis of two parts."""
    x = call.input(input)
    x.axis(-1)
    real = x.made(*call.layers(Split(sizes=(1, 1), axis=len(x.shape) - 1), x, name="parts")[0])
    return real.made(*call.layer(Squeeze(axis=len(x.shape) - 1), real, name="squeeze"))


@handles("stft")
def short_time(
    call: RecordedCall,
    input: Any,
    n_fft: Any,
    hop_length: Any = None,
    win_length: Any = None,
    window: Any = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: Any = None,
    return_complex: Any = None,
    align_to_window: Any = None,
) -> Value:
    """Spectra of windows of a signal: frequencies by windows."""
    x = call.input(input)
    if len(x.shape) != 1 or x.batch != 0 or x.fold or align_to_window:
        raise Unsupported("something else than a signal for each sample")
    if window is not None and call.value(window).shape[0].constant != (n_fft if win_length is None else win_length):
        raise Unsupported("a window of another length")
    if center:
        lifted = x.made(*call.layer(Unsqueeze(axis=0), x, name="unsqueeze"))
        lifted = x.made(*call.layer(Pad(padding=((n_fft // 2, n_fft // 2),), mode=pad_mode), lifted, name="pad"))
        x = x.made(*call.layer(Squeeze(axis=0), lifted, name="squeeze"))
    step = n_fft // 4 if hop_length is None else hop_length
    x = x.made(*call.layer(Unfold(axis=0, size=plain(n_fft), step=plain(step)), x, name="windows"))
    if onesided is not False:
        x = x.made(*call.layer(Slice(axis=1, stop=plain(n_fft // 2 + 1), inside=True), x, name="half"))
    x = call.same(Identity(mixes=True), x)
    x = x.made(*call.layer(Permute(order=(1, 0)), x, name="permute"))
    return x if return_complex else _apart(call, x)
