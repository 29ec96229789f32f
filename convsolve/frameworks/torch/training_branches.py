"""Whether a module may do something else in training: whether its own code asks for it in a condition."""

from __future__ import annotations

import dis
import functools
import itertools
from types import FunctionType

__all__ = ["branches_in_training"]

_OF_PYTORCH = "torch.nn.modules."


@functools.cache
def branches_in_training(kind: type) -> bool:
    """Return whether the code of a class of modules branches on ``training``, which is more than to pass it on.

    >>> class Head:
    ...     def forward(self, x):
    ...         return x if self.training else x + 1
    >>> branches_in_training(Head), branches_in_training(object)
    (True, False)
    """
    for owner in kind.__mro__:
        if owner.__module__.startswith(_OF_PYTORCH):
            continue
        if any(isinstance(value, FunctionType) and _branches(value) for value in vars(owner).values()):
            return True
    return False


def _branches(function: FunctionType) -> bool:
    if "training" not in function.__code__.co_names:
        return False
    pairs = itertools.pairwise(i for i in dis.get_instructions(function) if i.opname not in ("UNARY_NOT", "TO_BOOL"))
    return any(first.argval == "training" and "JUMP" in second.opname for first, second in pairs)
