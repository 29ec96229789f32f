"""Copies of modules for recordings: their own state, parameters without contents; the module itself is not touched."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from types import CellType, FunctionType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ...errors import UnreadableError
from ...support.caller_errors import pass_on
from .meta_execution import without_data
from .recorded_programs import Inputs

__all__ = ["copy_of", "initialised", "marks"]

_MOST_KEPT = 1 << 12
"""Buffers of so many whole numbers or truth values at most keep their contents: programs compute sizes with them."""


def copy_of(module: torch.nn.Module, training: bool) -> torch.nn.Module:
    """Return a copy of a module whose parameters have shapes and no contents.

    What cannot be copied (a lock, an open file) is shared. Small buffers of whole numbers keep what is in them.
    """
    memo: dict[int, Any] = {}
    outside = sys.exception()
    for tensor in [*module.parameters(), *module.buffers()]:
        memo[id(tensor)] = _bare(tensor)
    with torch.no_grad(), _Bare():
        try:
            copied: torch.nn.Module = copy.deepcopy(module, memo)
        except Exception as error:  # a module may hold anything, and say anything when it is copied
            pass_on(error, within=outside)
            copied = _part_by_part(module, {key: value for key, value in memo.items() if torch.is_tensor(value)})
    for part in copied.modules():
        _rebind(part, memo)
        if isinstance(part, torch.nn.RNNBase):  # that features are as many as declared, operators require
            part.check_input = lambda *_: None  # type: ignore[method-assign]
        elif isinstance(part, torch.nn.Transformer):
            part.d_model = _Any()  # type: ignore[assignment]
    return copied.train(training)


class _Any:
    """A number of features that is that of every tensor."""

    def __ne__(self, other: object) -> bool:
        return False


def initialised(module: torch.nn.Module, inputs: Inputs) -> torch.nn.Module:
    """Return a module whose parameters have shapes: a lazy one as it becomes when it is run with one such input.

    Raises:
        UnreadableError: it does not run.
    """
    if not any(map(torch.nn.parameter.is_lazy, [*module.parameters(), *module.buffers()])):
        return module
    outside = sys.exception()
    module = copy.deepcopy(module).eval()
    args, kwargs = inputs.passed([torch.zeros(1, *shape) for shape in inputs.shapes])
    try:
        with torch.no_grad():
            module(*args, **kwargs)
    except Exception as error:  # whatever the program raises: it does not get as far as its parameters
        pass_on(error, within=outside)
        raise UnreadableError(
            f"a lazy module has no parameters before it is run, and does not run ({type(error).__name__}: "
            f"{str(error).strip().partition(chr(10))[0]}): run it once before it is read"
        ) from error
    return module


def marks(module: torch.nn.Module) -> list[tuple[int, int]]:
    """Return marks by which it is seen whether a run has left something in a module."""
    return [(id(v), len(v) if isinstance(v, (list, dict, set)) else 0)
            for part in module.modules() for v in vars(part).values()]  # fmt: skip


def _bare(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor without contents, or with them where they may be sizes."""
    kept = not tensor.is_floating_point() and not tensor.is_complex() and tensor.numel() <= _MOST_KEPT
    if kept and not tensor.is_meta and not isinstance(tensor, torch.nn.Parameter):
        return tensor.detach().clone()
    return without_data(tensor)


class _Bare(TorchFunctionMode):
    """Leaves the contents out wherever a tensor is copied."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.__deepcopy__:
            tensor, memo = args
            if id(tensor) not in memo:
                memo[id(tensor)] = _bare(tensor)
            return memo[id(tensor)]
        return func(*args, **(kwargs or {}))


def _part_by_part(module: torch.nn.Module, memo: dict[int, Any]) -> torch.nn.Module:
    """Copy a module by its parts and their attributes, and share the attributes that cannot be copied."""
    if id(module) in memo:
        return memo[id(module)]  # type: ignore[no-any-return]
    outside = sys.exception()
    made: torch.nn.Module = module.__new__(type(module))
    memo[id(module)] = made
    children = {k: m if m is None else _part_by_part(m, memo) for k, m in module._modules.items()}
    for name, value in vars(module).items():
        if name != "_modules":
            try:
                value = copy.deepcopy(value, memo)
            except Exception as error:  # as above
                pass_on(error, within=outside)
            vars(made)[name] = value
    vars(made)["_modules"] = children
    return made


def _rebind(part: torch.nn.Module, memo: dict[int, Any]) -> None:
    """Let functions that a module holds, such as hooks, speak of the copy, where they spoke of the module."""
    for name, value in list(vars(part).items()):
        if isinstance(value, FunctionType):
            vars(part)[name] = _rebound(value, memo)
        elif isinstance(value, dict) and "hooks" in name:
            for key, hook in list(value.items()):
                if isinstance(hook, FunctionType):
                    value[key] = _rebound(hook, memo)


def _rebound(function: FunctionType, memo: dict[int, Any]) -> FunctionType:
    def contents() -> Iterator[Any]:
        for cell in function.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # it is empty
                yield None

    found = [memo.get(id(value), value) for value in contents()]
    if all(a is b for a, b in zip(found, contents(), strict=True)):
        return function
    made = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, tuple(map(CellType, found))
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made
