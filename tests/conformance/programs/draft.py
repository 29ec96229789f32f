"""Random PyTorch programs, written ingredient by ingredient, each tried on real tensors as it is added."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from types import ModuleType
from typing import Any

import torch
from torch import nn

__all__ = ["INGREDIENTS", "LARGEST", "SAMPLES", "Draft", "Program", "ingredient"]

HEAD = """\
import functools
import math
import operator

import numpy
import torch
from torch import nn
from torch.nn import functional as F

"""
SAMPLES = 2
LARGEST = 40
"""Sizes up to this one are tried."""
_MOST_ELEMENTS = 500_000


@dataclass(frozen=True)
class Program:
    """A program as text that can be pasted, and the shape at which it is recorded."""

    name: str
    source: str
    shape: tuple[int, ...]
    ingredients: tuple[str, ...]

    def module(self) -> nn.Module:
        """Return the network, of a module of Python of its own, as a user's would be."""
        path = f"/drawn/{self.name}.py"
        space = ModuleType(self.name)
        space.__file__ = path
        linecache.cache[path] = len(self.source), None, self.source.splitlines(keepends=True), path
        sys.modules[self.name] = space
        exec(compile(self.source, path, "exec"), space.__dict__)
        made: nn.Module = space.Net().eval()
        return made

    def forget(self) -> None:
        """Take the program's module of Python away again."""
        sys.modules.pop(self.name, None)
        linecache.cache.pop(f"/drawn/{self.name}.py", None)

    def __str__(self) -> str:
        return f"{self.source}\nSHAPE = {self.shape}  # {', '.join(self.ingredients)}"


@dataclass
class Draft:
    """A program while it is written. ``x`` is its present tensor at a size for which it works, of two samples.

    A ``map`` has channels and space, ``tokens`` are ``(samples, count, features)``, a ``vector`` has one axis.
    ``saved`` are names of earlier maps.
    """

    r: Random
    rank: int
    x: torch.Tensor
    kind: str = "map"
    globals: list[str] = field(default_factory=list)
    init: list[str] = field(default_factory=list)
    forward: list[str] = field(default_factory=list)
    saved: list[str] = field(default_factory=list)
    ingredients: list[str] = field(default_factory=list)
    count: int = 0
    home: int = 0
    space: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = self.x[0, 0].numel()
        exec(HEAD, self.space)
        self.space |= {"self": nn.Module().eval(), "x": self.x}

    # -- what ingredients ask

    @property
    def channels(self) -> int:
        return int(self.x.shape[1])

    @property
    def features(self) -> int:
        return int(self.x.shape[-1])

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(self.x.shape[2:])

    def at_most(self, count: int) -> int:
        """Return about how many of something there are at the largest size, if there are so many now."""
        return count * max(1, LARGEST**self.rank // self.home)

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def per_axis(self, *choices: int) -> Any:
        """Draw one number for all axes of space, or one for each."""
        if self.rank == 1 or self.r.random() < 0.7:
            return self.r.choice(choices)
        return tuple(self.r.choice(choices) for _ in range(self.rank))

    def axis(self) -> int:
        """Draw an axis of space, as the program counts it."""
        return self.r.randint(2, self.rank + 1)

    # -- writing

    def add(self, *lines: str, init: tuple[str, ...] = (), globals: tuple[str, ...] = (), kind: str = "") -> bool:
        """Write lines, if they run; return whether they do."""
        before, training = dict(self.space), self.space["self"]
        try:
            for line in (*globals, *init):
                exec(line, self.space)
            training.eval()
            with torch.no_grad():
                exec("\n".join(lines), self.space)
            x = self.space["x"]
            assert x.numel() and x.shape[0] == SAMPLES and self.at_most(x.numel()) < _MOST_ELEMENTS
        except Exception:
            self.space = before
            return False
        self.globals += globals
        self.init += init
        self.forward += lines
        self.x, self.kind = x, kind or self.kind
        return True

    def program(self, name: str, shape: tuple[int, ...]) -> Program:
        """Return what was written."""
        init = "".join(f"        {line}\n" for line in self.init)
        forward = "".join(f"        {part}\n" for line in self.forward for part in line.split("\n"))
        text = "".join(f"{line}\n\n" for line in self.globals)
        source = (
            f"{HEAD}{text}\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n{init}\n"
            f"    def forward(self, x):\n{forward}        return x\n"
        )
        return Program(name, source, shape, tuple(self.ingredients))


@dataclass(frozen=True)
class Ingredient:
    """Something that a program may do to a tensor of one kind, and how often it is drawn."""

    name: str
    kind: str
    weight: float
    write: Callable[[Draft], bool]


INGREDIENTS: list[Ingredient] = []


def ingredient(kind: str, weight: float = 1.0) -> Callable[[Callable[[Draft], bool]], Callable[[Draft], bool]]:
    """Register an ingredient for tensors of a kind."""

    def register(write: Callable[[Draft], bool]) -> Callable[[Draft], bool]:
        INGREDIENTS.append(Ingredient(write.__name__, kind, weight, write))
        return write

    return register
