"""Smallest: what is the smallest input that a network takes, and with which parameters?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..dims.boxes import Boxes
from ..errors import UndecidedError
from ..network import Network
from ..problem import Objective, Problem, as_problem
from ..sizes.branches import least_point
from ..sizes.open_inputs import open_inputs
from ..sizes.valid_sizes import valid_sizes
from ..solver.clock import Clock
from ..support.arguments import checked
from .solve import Infeasible, Solution, Unknown, solve

__all__ = ["minimum_input", "smallest_input"]


@checked
def minimum_input(
    network: Network | Problem, *, training: bool = False, timeout: float | None = None
) -> tuple[int, ...] | tuple[tuple[int, ...], ...] | None:
    """Return the shape of the smallest input that a network takes, as written; None if it takes none.

    Smallest is the one with the least sum of its open sizes, of several the one whose first size is least.
    Where parameters are open, too, it is the smallest over all their values; :func:`smallest_input` gives those.
    A network with several inputs has a shape for each.

    Raises:
        UndecidedError: it is not known, in the time given or for want of a closed form.

    >>> from convsolve.files import parse
    >>> text = "{input: [3, 9, 9], layers: [{conv: {out_channels: 8, kernel_size: 5}}, {max_pool: {kernel_size: 2}}]}"
    >>> minimum_input(parse(text))
    (3, 6, 6)
    """
    clock = Clock(timeout)
    problem = as_problem(network)
    if training:
        problem = dataclasses.replace(problem, network=dataclasses.replace(problem.network, training=True))
    if problem.network.holes.keys() <= problem.network.input_holes:
        sizes = valid_sizes(problem, prove=False, timeout=timeout)
        if not sizes.unresolved or problem.network.guards or ~sizes.known:
            clear = sizes.region if not sizes.unresolved else Boxes(sizes.region.axes, ())
            unclear = (sizes.opened.domains() - sizes.known) | (sizes.region - clear)
            point = least_point(clear.smallest(), unclear, sizes.holds, clock)
            return None if point is None else _one_or_all(sizes.opened.shapes(point))
    found = smallest_input(problem, timeout=clock.left)
    if isinstance(found, Unknown):
        raise UndecidedError(f"the smallest input is not known: {found.reason}")
    if isinstance(found, Infeasible):
        return None
    shapes = list(found.network.input_shapes.values())
    if not found.goals[0].proven:
        raise UndecidedError(f"{_one_or_all(shapes)} works, but a smaller input might: {found.reason}")
    return _one_or_all(shapes)


def _one_or_all(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...] | tuple[tuple[int, ...], ...]:
    return shapes[0] if len(shapes) == 1 else tuple(shapes)


@checked
def smallest_input(problem: Problem, *, timeout: float | None = None, seed: int = 0) -> Solution | Infeasible | Unknown:
    """Find the smallest input over all values of the open parameters, and values that take it.

    The problem's own objectives decide among equals.

    >>> from convsolve.files import parse
    >>> found = smallest_input(parse('''
    ... input: [1, 28, 28]
    ... layers: [{conv: {out_channels: 8, kernel_size: 3 | 5, stride: 2, padding: 0..1}}]
    ... require: [output.height == 4, output.width == 4]
    ... '''))
    >>> found.output, dict(found.assignment)
    ((8, 4, 4), {'input[1]': 7, 'input[2]': 7, 'conv1.kernel_size': 3, 'conv1.padding': 1})
    """
    problem = as_problem(problem)
    opened = open_inputs(problem)
    inputs = [layer.name for layer in opened.problem.network.inputs]
    sizes = [axis if "." in axis else f"{inputs[0]}.{axis}" for axis in opened.axes]
    least = Objective("minimize", " + ".join(f"`{name}`" for name in sizes))
    wanted = dataclasses.replace(opened.problem, objectives=(least, *problem.objectives))
    return solve(wanted, timeout=timeout, seed=seed)
