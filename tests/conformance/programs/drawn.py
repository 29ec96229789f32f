"""Drawing programs: ingredients put together at random."""

from __future__ import annotations

from random import Random

import torch

from . import control, layers, places, sequences, views  # noqa: F401 -- each registers its ingredients
from .draft import INGREDIENTS, SAMPLES, Draft, Program

__all__ = ["drawn"]


def drawn(number: int) -> Program:
    """Draw a program; of the same number, it is the same in every run.

    It works at some size; it is recorded there, or at a size at which perhaps some layer fails.
    """
    r = Random(f"program {number}")
    rank = r.choice((1, 1, 2, 2, 2, 2, 2, 2, 2, 3))
    high = {1: 40, 2: 32, 3: 12}[rank]
    home = tuple(r.randint(2, high) for _ in range(rank))
    if r.random() < 0.5:
        home = tuple(max(4, n // 4 * 4) for n in home)
    channels = r.choice((1, 2, 2, 3, 4))
    draft = Draft(r, rank, torch.zeros(SAMPLES, channels, *home))
    wished = r.randint(1, 6)
    for _ in range(6 * wished):
        some = [i for i in INGREDIENTS if i.kind == draft.kind]
        (chosen,) = r.choices(some, [i.weight for i in some])
        if chosen.write(draft):
            draft.ingredients.append(chosen.name)
            if len(draft.ingredients) == wished:
                break
    if r.random() < 0.3:
        home = tuple(r.randint(1, high) for _ in range(rank))
    return draft.program(f"drawn_{number}", (channels, *home))
