"""The frames of a function that builds a network, apart from those of Keras and ours."""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CellType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from ..common.recording.source_locations import is_message, is_program

__all__ = ["asking_frame", "builder_of", "handles_errors", "program_frames"]

_ASK = ("input_shape", "int_shape", "output_shape", "shape")
"""Functions of Keras that ask a tensor's shape for their caller."""


def asking_frame() -> FrameType | None:
    """Return the frame of the program that asks for a tensor's shape of whoever calls this.

    That is None where Keras or convsolve asks, or where only people read it.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_name in _ASK and not is_program(frame.f_code):
        frame = frame.f_back
    return frame if frame is not None and is_program(frame.f_code) and not is_message(frame) else None


def program_frames(start: CodeType) -> Iterator[FrameType]:
    """Yield the program's own frames, from the innermost out, as far as what began to run it."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not start:
        if is_program(frame.f_code):
            yield frame
        frame = frame.f_back


def handles_errors(frame: FrameType) -> bool:
    """Return whether a frame handles errors where it is: in a ``try``, or a ``with``."""
    at = frame.f_lasti
    entries: Any = dis.Bytecode(frame.f_code).exception_entries  # type: ignore[attr-defined]
    return any(entry.start <= at < entry.end for entry in entries)


_PLAIN = (int, float, str, bytes, bool, type(None), type, range, FunctionType, BuiltinFunctionType, ModuleType)
_OTHER_KINDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_MOST_VALUES = 1_000


def builder_of(error: BaseException) -> Callable[[], Any] | None:
    """Return the function that built a network when an error was raised, as it was called; None where it is not known.

    It is the innermost whose arguments are plain values, which it has not set anew: what it makes begins in it.
    """
    frames = []
    traceback = error.__traceback__
    while traceback is not None:
        if is_program(traceback.tb_frame.f_code):
            frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    for frame in reversed(frames):
        code = frame.f_code
        if code.co_name.startswith("<") or code.co_flags & _OTHER_KINDS:
            return None
        arguments = inspect.getargvalues(frame)
        named = [*arguments.args, *filter(None, (arguments.varargs, arguments.keywords)), *code.co_freevars]
        if all(name in frame.f_locals and _is_plain(frame.f_locals[name]) for name in named):
            return None if _sets(code, named) else _as_called(frame)
    return None


def _is_plain(value: Any) -> bool:
    """Return whether a value is a number, a text, a function or the like, or holds only such."""
    stack, count = [value], 0
    while stack:
        one = stack.pop()
        count += 1
        if count > _MOST_VALUES or not (isinstance(one, _PLAIN) or type(one) in (list, tuple, dict, set)):
            return False
        stack += [*one, *one.values()] if isinstance(one, dict) else one if isinstance(one, (list, tuple, set)) else []
    return True


def _sets(code: CodeType, names: list[str]) -> bool:
    """Return whether a function sets some of its names: then they are not as they were passed."""
    return any(
        instruction.opname.startswith(("STORE_", "DELETE_")) and instruction.argval in names
        for instruction in dis.get_instructions(code)
    )


def _as_called(frame: FrameType) -> Callable[[], Any]:
    """Return a call of the function that a frame runs, with the arguments that it was called with."""
    code = frame.f_code
    closure = tuple(CellType(frame.f_locals[name]) for name in code.co_freevars)
    function = FunctionType(code, frame.f_globals, code.co_name, None, closure)
    given = inspect.getargvalues(frame)
    values = [given.locals[name] for name in given.args]
    positional = values[: code.co_argcount]
    by_name = dict(zip(given.args[code.co_argcount :], values[code.co_argcount :], strict=True))
    more = given.locals[given.varargs] if given.varargs else ()
    by_name |= given.locals[given.keywords] if given.keywords else {}
    return lambda: function(*positional, *more, **by_name)
