"""What a program asked of PyTorch while it was recorded, and a second run that gets the same answers.

Sizes are integers, and code of C reads an integer's digits without asking: the index of a list, ``"%d" % size``,
``0.5 * size``. Nothing keeps what depends on that. So the program runs once more, and finds other digits in its sizes,
while all that it can ask of them in Python is as before. Where it then asks PyTorch for something else, code of C has
read them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ..common.recording.recorded_tensors import Value
from ..common.recording.symbolic_sizes import Size
from ..common.recording.symbolic_values import Followed
from .meta_execution import shape_of
from .opaque_calls import tensors_in

if TYPE_CHECKING:
    from .recorder import Recorder

__all__ = ["Log", "OtherwiseError", "Replay"]

_MOST_ENTRIES = 1 << 10
"""Constants with so many whole numbers at most are told apart by what is in them."""


class OtherwiseError(BaseException):
    """A program asks for something else than it did before; no ``except Exception`` catches that."""


@dataclass(frozen=True)
class _Step:
    """A call: what was asked, the answer or error; what was known then of its tensors and of those that were given."""

    asked: Any
    answer: Any
    error: Exception | None
    values: tuple[Value | None, ...]


class Log:
    """Keeps the calls of a program that have to do with the network. ``asked`` says whether it got any size."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.asked = False
        self.steps: list[_Step] = []
        self.end: Any = None
        self._numbers: dict[int, tuple[int, torch.Tensor]] = {}

    def step(self, name: str, args: Any, kwargs: Any, make: Callable[[], Any]) -> Any:
        """Make a call, and keep it."""
        asked = name, self.told(args), self.told(kwargs)
        answer, error = None, None
        try:
            answer = make()
        except Exception as raised:
            error = raised
            raise
        finally:
            known = [*tensors_in(answer), *tensors_in((args, kwargs))]
            for tensor in known:
                self.number(tensor)
            values = tuple(self.recorder.tracked[id(t)][1] if id(t) in self.recorder.tracked else None for t in known)
            self.steps.append(_Step(asked, list(answer) if type(answer) is list else answer, error, values))
        return answer

    def ended(self, result: Any) -> None:
        """Keep what the program returned, or the error that it raised."""
        self.end = self._told_end(result)

    def _told_end(self, result: Any) -> Any:
        return type(result) if isinstance(result, BaseException) else [self.told(t) for t in tensors_in(result)]

    def number(self, tensor: torch.Tensor) -> int:
        """Return the number of a tensor, the same in every run that asks the same."""
        return self._numbers.setdefault(id(tensor), (len(self._numbers), tensor))[0]

    def told(self, x: Any) -> Any:
        """Return what tells arguments apart from those of other calls."""
        if isinstance(x, torch.Tensor):
            if self.recorder.follows(x):
                return torch.Tensor, self.number(x)
            with torch._C.DisableTorchFunction():
                entries = None
                if not x.is_meta and not x.is_floating_point() and not x.is_complex() and x.numel() <= _MOST_ENTRIES:
                    entries = x.tolist()
                return shape_of(x), x.dtype, entries
        if isinstance(x, Followed):
            return Followed, x.number
        if isinstance(x, (list, tuple)):
            return [self.told(v) for v in x]
        if isinstance(x, dict):
            return [(name, self.told(v)) for name, v in x.items()]
        if isinstance(x, slice):
            return [slice, self.told(x.start), self.told(x.stop), self.told(x.step)]
        return (
            x
            if x is None or isinstance(x, (bool, int, str, torch.dtype))
            else repr(x)
            if isinstance(x, (float, complex))
            else type(x)
        )


class Replay(Log):
    """Answers a program as it was answered before, until it asks for something else: then it is ``otherwise``."""

    def __init__(self, recorder: Recorder, before: Log) -> None:
        super().__init__(recorder)
        self.before = before
        self.otherwise = False
        self._tensors: dict[int, torch.Tensor] = {}
        recorder.tape.known, recorder.tape.numbers = before.recorder.tape.known, before.recorder.tape.numbers

    def step(self, name: str, args: Any, kwargs: Any, make: Callable[[], Any]) -> Any:
        """Return the answer that a call got before."""
        asked = name, self.told(args), self.told(kwargs)
        count = len(self.steps)
        if self.otherwise or count == len(self.before.steps) or self.before.steps[count].asked != asked:
            self.otherwise = True
            raise OtherwiseError
        step = self.before.steps[count]
        self.steps.append(step)
        given = self._given(step.answer)
        for tensor, value in zip([*tensors_in(given), *tensors_in((args, kwargs))], step.values, strict=True):
            self.number(tensor)
            if value is not None:
                self.recorder.tracked[id(tensor)] = tensor, value
        if step.error is not None:
            raise step.error
        return given

    def ended(self, result: Any) -> None:
        """Find out whether the program ended as it did before."""
        same = len(self.steps) == len(self.before.steps) and self._told_end(result) == self.before.end
        self.otherwise = self.otherwise or not same

    def number(self, tensor: torch.Tensor) -> int:
        number = super().number(tensor)
        self._tensors.setdefault(number, tensor)
        return number

    def _given(self, x: Any) -> Any:
        """Return an answer with the tensors and sizes of this run."""
        if isinstance(x, torch.Tensor):
            return self._tensors.get(self.before.number(x), x)
        if isinstance(x, Size):
            return Size.made(x.number, x.form, self.recorder.tape)
        if type(x) in (list, tuple, torch.Size):
            return type(x)(map(self._given, x))
        return x
