"""Errors of whoever called us pass through, whatever broad ``except`` stands in the way."""

from __future__ import annotations

import ast
import functools
import signal
from pathlib import Path

import pytest

import convsolve
from convsolve.support.caller_errors import pass_on

PACKAGE = Path(convsolve.__file__).parent

GO_ON = {
    "cli/run.py": 1, "explanations/live.py": 1,  # an error is shown in another way, or cannot be
    "explanations/error_sources.py": 2,  # the text of an error cannot be had
    "pictures/server.py": 1,  # a server of its own goes on
    "space/cubes.py": 2, "space/pools.py": 2,  # what befell a worker is told, or another one does it
}  # fmt: skip
"""How many broad ``except`` of a module catch what is no error of a caller."""


def broad(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if node.type is None or any(isinstance(one, ast.Name) and one.id == "Exception" for one in caught):
                yield node


def test_no_broad_except_keeps_an_error_of_a_caller():
    for path in sorted(PACKAGE.rglob("*.py")):
        silent = 0
        for handler in broad(ast.parse(path.read_text())):
            names = {n.func.id for n in ast.walk(handler) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
            raises = isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None
            silent += not raises and "pass_on" not in names
        assert silent <= GO_ON.get(path.relative_to(PACKAGE).as_posix(), 0), path


class Caller:
    def __call__(self, number, frame):
        raise ValueError("of the caller")

    def handle(self, number, frame):
        self(number, frame)


def of_a_signal():
    signal.raise_signal(signal.SIGUSR1)


def in_place_of_another():
    try:
        raise TimeoutError("of the caller")
    except TimeoutError:
        raise KeyError("of the program") from None


def ran(program):
    try:
        program()
    except Exception as error:
        pass_on(error)


@pytest.mark.parametrize("handler", [Caller(), Caller().handle, functools.partial(Caller().handle)])
def test_an_error_of_a_signal_handler_is_the_callers(handler):
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(ValueError, match="of the caller"):
            ran(of_a_signal)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_an_error_in_whose_place_the_program_raises_another():
    with pytest.raises(TimeoutError, match="of the caller"):
        ran(in_place_of_another)


def test_an_error_that_was_being_handled_before_is_not_raised():
    try:
        raise TimeoutError
    except TimeoutError as outside:
        try:
            raise KeyError("of the program")
        except KeyError as error:
            pass_on(error, within=outside)
