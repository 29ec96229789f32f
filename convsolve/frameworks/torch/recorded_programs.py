"""Programs that are recorded: run as often as it takes, and held against a second run at another size."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any

import torch

from ...dims.normal import Polynomial
from ...errors import ConvsolveError, InternalError, UnreadableError
from ...network import InputShapes, Network
from ...support.caller_errors import pass_on
from ...support.suggestions import listed, nearest, quoted, refuse_tensor
from ..common.recording.second_runs import SeenLayers, Shapes, bound, confirmed
from ..common.recording.source_locations import is_ours, is_program, shortened
from .call_log import Log, OtherwiseError, Replay
from .digit_probes import Digits, sizes_read
from .digit_readers import lent_functions
from .lent_builtins import lent, modules_of
from .opaque_calls import tensors_in
from .program_caches import apart
from .recorder import Recorder, RefusedCallError

__all__ = ["Inputs", "RecordedProgram", "Run", "Shapes"]

_MOST_ATTEMPTS = 4
_MOST_UNCAUGHT = 32

_OUR_FAULTS = (KeyError, AttributeError, AssertionError, NameError)
"""Errors that a program does not cause in our code."""

Run = tuple[Recorder, Callable[[], Any]]
"""A fresh recorder that has its inputs, and what runs the program under it and returns what that returns."""


class RecordedProgram(ABC):
    """Something that computes tensors from tensors, and can be run again and again; ``seen`` is what its runs made."""

    seen: SeenLayers

    @abstractmethod
    def classes(self) -> Iterable[type]:
        """Return the classes whose code runs: their modules are lent ``max``, ``min`` and ``int`` for sizes."""

    @abstractmethod
    def begin(self, shapes: Shapes) -> Run:
        """Return a run for inputs of these shapes."""

    def logged(self) -> bool:
        """Return whether a run asks the same as the one before, so that one may be held against the other."""
        return False

    def leaking(self) -> Iterable[dict[str, Any]]:
        """Return the global names of modules that are known to call ``int`` on sizes; others are found out."""
        return ()

    def network(self, shapes: Shapes) -> Network:
        """Return the program as a network: what a run at these shapes records, held against another run."""
        shapes = _shapes(shapes)
        return confirmed(self.record(shapes), shapes, self.record, self.seen)

    def record(self, shapes: Shapes) -> Network:
        """Record the program at these shapes."""
        with _uncollected():
            network = self._record(shapes)
        self.seen.add(network, shapes)
        return network

    def _record(self, shapes: Shapes) -> Network:
        classes = list(self.classes())
        lending = modules_of(iter(classes))
        leaks = {id(names): names for names in self.leaking()}
        uncaught: set[int] = set()
        apart_from: set[int] = set()
        read: frozenset[Polynomial] = frozenset()
        attempts = 0
        while True:
            recorder, call = self.begin(shapes)
            recorder.log = Log(recorder) if self.logged() else None
            recorder.tape.read = read
            recorder.uncaught = uncaught if len(uncaught) < _MOST_UNCAUGHT else None
            recorder.graph.apart = apart_from
            try:
                with apart(classes, lending):
                    escaped = _run(recorder, call, lending, leaks)
            finally:
                recorder.tape.ended = True
            if escaped is not None:
                uncaught.add(escaped)  # once more, with that layer marked as failing
                continue
            if recorder.regrouped - apart_from:
                apart_from |= recorder.regrouped  # once more: samples were mixed, and not taken apart again
                continue
            new = {k: v for k, v in recorder.tape.leaks.items() if k not in leaks and "int" not in v}
            attempts += 1
            if new and attempts < _MOST_ATTEMPTS:
                leaks.update(new)  # once more, with an `int` that carries expressions on
                continue
            if recorder.log is None or not recorder.log.asked:
                return recorder.network()
            beyond = 2 * max(n for shape in shapes for n in (*shape, 1)) + 97
            found = sizes_read(partial(self._same, recorder, shapes, lending, leaks), beyond)
            if found is None or found & read:
                return bound(recorder.network(), shapes)
            if not found:
                return recorder.network()
            read |= found  # once more, with guards that these sizes stay what they are

    def _same(
        self,
        recorded: Recorder,
        shapes: Shapes,
        lending: list[dict[str, Any]],
        leaks: dict[int, dict[str, Any]],
        digits: Digits,
    ) -> bool:
        """Return whether the program asks the same again where code of C finds other digits in its sizes."""
        recorder, call = self.begin(shapes)
        recorder.tape.read, recorder.tape.digits = recorded.tape.read, digits
        assert recorded.log is not None
        recorder.log = replay = Replay(recorder, recorded.log)
        try:
            with (
                apart(self.classes(), lending),
                lent(lending, leaks),
                lent_functions(lending),
                torch.no_grad(),
                recorder,
            ):
                replay.ended(call())
        except OtherwiseError:
            return False
        except Exception as error:
            if not replay.otherwise:
                pass_on(error, within=recorder.outside)
                replay.ended(error)
        finally:
            recorder.tape.ended = True
        return not replay.otherwise


@dataclass(frozen=True)
class Inputs:
    """The shapes of a program's inputs and their names in the network.

    ``named`` says that it takes them by name, ``together`` that they are in one mapping, or list.
    """

    names: tuple[str, ...]
    shapes: Shapes
    named: bool = False
    together: bool = False

    @classmethod
    def of(cls, given: InputShapes, arguments: Sequence[str]) -> Inputs:
        """Return the inputs of a program that takes these arguments, for the shapes given.

        Raises:
            UnreadableError: one is no shape, or there is no such argument.
        """
        if isinstance(given, Mapping):
            names = tuple(map(str, given))
            alike = any(name in arguments or "did you mean" in nearest(name, arguments) for name in names)
            keys = len(arguments) == 1 and not alike
            for name in names:
                if name not in arguments and not keys:
                    raise UnreadableError(f"the program has no input {name!r}{nearest(name, arguments)}")
            return cls(names, _shapes(given.values()), named=True, together=keys)
        entries = listed("input_shape", given, "[3, 224, 224], without the batch axis")
        several = bool(entries) and not any(isinstance(n, Integral) for n in entries)
        shapes = _shapes(entries) if several else _shapes([entries])
        if len(shapes) == 1:
            return cls(("input",), shapes)
        more = (f"input{i + 1}" for i in range(len(arguments), len(shapes)))
        return cls((*arguments[: len(shapes)], *more), shapes)

    def passed(self, tensors: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and the named arguments of a call."""
        if self.named:
            mapping = dict(zip(self.names, tensors, strict=True))
            return ((mapping,), {}) if self.together else ((), mapping)
        return ((list(tensors),), {}) if self.together else (tuple(tensors), {})


def _shapes(given: Iterable[Any]) -> Shapes:
    """Return the shapes of inputs; of several some may have no axis but the batch's."""
    listed = list(given)
    shapes = [_sizes(shape) if isinstance(shape, Iterable) else None for shape in listed]
    for shape, own in zip(shapes, listed, strict=True):
        if shape is None or not any(shapes) or any(type(n) is not int or n < 1 for n in shape):
            words = "write it like (3, 224, 224), without the batch axis"
            raise UnreadableError(f"{quoted(own)} is no input shape: {words}")
    return tuple(shape for shape in shapes if shape is not None)


def _run(
    recorder: Recorder, call: Callable[[], Any], lending: list[dict[str, Any]], leaks: dict[int, dict[str, Any]]
) -> int | None:
    """Record one run of a program; return the number of the failing call whose error it got and has not caught."""
    try:
        with lent(lending, leaks), lent_functions(lending), recorder.watching():
            result = call()
    except Exception as error:
        pass_on(error, within=recorder.outside)
        if recorder.log is not None:
            recorder.log.ended(error)
        chain = list(_chain(error))
        number = next((n for e in chain for n, raised in recorder.raised.items() if raised is e), None)
        if number is None:
            ours = recorder.unread or next((e for e in chain if isinstance(e, ConvsolveError)), None)
            _ended(recorder, ours or recorder.refused_by_module(chain) or error)
        return number
    if recorder.log is not None:
        recorder.log.ended(result)
    if recorder.unread is not None:
        raise recorder.unread
    try:
        recorder.finish(list(tensors_in(result)))
    except RefusedCallError as error:
        _ended(recorder, error)
    return None


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep Python from looking for garbage: a recording keeps nearly all that it makes, until it ends."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, that in whose handling it was raised, and so on."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _ended(recorder: Recorder, error: Exception) -> None:
    """End the recording of a program that raised an error, where something can be said of it all the same."""
    if isinstance(error, InternalError):
        raise error
    # what comes after a call that fails is moot, as long as it fails
    if not recorder.failed and not (recorder.graph.failed and isinstance(error, RefusedCallError)):
        if isinstance(error, ConvsolveError):
            raise error
        if is_ours(error) and isinstance(error, _OUR_FAULTS):
            raise InternalError(f"recording a program failed: {error!r}. Please report this with it") from error
        # the program's own: whatever it raises is shown
        looked = any(not taken.fails for taken in recorder.tape.conditions.values())
        if not looked or not recorder.graph.layers:
            raise UnreadableError(_own_failure(error)) from error
        recorder.refusal = _own_failure(error)  # for other sizes, it may not
    recorder.end()


def _own_failure(error: Exception) -> str:
    frame, where = error.__traceback__, "the network"
    while frame is not None:
        if is_program(frame.tb_frame.f_code):
            where = f"{shortened(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}"
        frame = frame.tb_next
    text = str(error).strip().split("\n")[0]
    return f"{where}: the network's own code raised {type(error).__name__}{f': {text}' if text else ''}"


def _sizes(shape: Iterable[Any]) -> tuple[Any, ...]:
    """Return sizes, whole numbers of any library as Python's."""
    refuse_tensor("input_shape", shape)
    return tuple(int(n) if isinstance(n, Integral) and not isinstance(n, bool) else n for n in shape)
