"""Reading ONNX's operators on spectra of signals."""

from __future__ import annotations

from ...errors import RefusedError
from ...operators import Expand, Identity, Slice, Squeeze, Unfold, Unsqueeze
from .call import NodeCall, reads
from .values import Value

__all__ = ()


@reads("STFT")
def _short_time(call: NodeCall) -> Value:
    """Read the spectra of windows of a signal, whose samples may be complex: windows, frequencies, and two parts."""
    x, (step, *more) = call.tensor(batch=0), call.numbers(1)
    window = call.known(2).shape if call.has(2) else None
    length = call.integers(3) if call.has(3) else list(window or [])
    scalar = not call.has(3) or call.known(3).shape == ()
    if more or not scalar or len(length) != 1 or (window is not None and window != tuple(length)):
        raise RefusedError(f"its frame_length is {length}, its window has the shape {[*(window or [])]}")
    if len(x.shape) not in (1, 2) or x.shape[1:] not in ((), (1,), (2,)):
        raise RefusedError(f"its signal has the shape {[*map(str, x.shape)]}: wanted a length, and 1 or 2 parts")
    if len(x.shape) == 2:
        x = call.layer(Slice(axis=1, stop=1), x, last=False)
        x = call.layer(Squeeze(axis=1), x, last=False)
    made = call.layer(Unfold(axis=0, size=length[0], step=step), x, last=False)
    if call.option("onesided", 1):
        made = call.layer(Slice(axis=1, stop=length[0] // 2 + 1), made, last=False)
    mixed = call.layer(Identity(mixes=True), made, last=False)
    return call.layer(Expand(shape=(1, 1, 2)), call.layer(Unsqueeze(axis=2), mixed, last=False))
