"""Sizes: which inputs does a network take? All of them, in closed form, and proven."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..checks.check import Failure, at_shapes, check
from ..dims.boxes import Boxes
from ..dims.sizeset import SizeSet
from ..errors import NetworkError, UndecidedError
from ..network import InputShapes
from ..problem import Problem
from ..solver.clock import Clock
from ..sources import Asked, problem_of
from ..support.arguments import checked
from ..support.notebook_display import Shown
from ..support.suggestions import known_word
from .analysis import AllowedSizes, analyse, described, proved
from .branches import analyse_all
from .open_inputs import OpenInputs

__all__ = ["ValidSizes", "valid_sizes"]


@dataclass(frozen=True)
class ValidSizes(Shown, Mapping[str, SizeSet]):
    """The input sizes that a network takes: for each open axis a set, and together a union of boxes.

    A mapping from axes (``height``; ``left.height`` where there are several inputs; or their positions) to sets.
    Where axes are coupled, a set holds the sizes that are valid together with some size of the others, and
    ``region`` tells which go together. ``(224, 224) in sizes`` asks for sizes of all axes at once; where the sets do
    not tell, that point is checked, and a program recorded there. ``known`` is where anything is known at all:
    outside, a recorded program does something that was not recorded. ``unresolved`` are requirements that have no
    closed form; where there are any, the sets are only what all others allow. ``never`` are requirements that hold
    for no size. ``proved`` says that z3 has proven the sets, for all sizes: all is known then, and every combination
    of a program's branches has been recorded.
    """

    region: Boxes
    known: Boxes
    axes: Mapping[str, int]
    opened: OpenInputs = dataclasses.field(compare=False, repr=False)
    unresolved: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    proved: bool = False
    causes: tuple[AllowedSizes, ...] = ()

    def __getitem__(self, axis: str | int) -> SizeSet:
        if isinstance(axis, int):
            axis = list(self.axes)[axis]
        found = self.region.axis(self.axes[axis])
        return dataclasses.replace(found, axis=axis, proved=self.proved)

    def __iter__(self) -> Iterator[str]:
        return iter(self.axes)

    def __len__(self) -> int:
        return len(self.axes)

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str):
            return key in self.axes
        if not isinstance(key, tuple) or len(key) != len(self.axes):
            return False
        point = self._point(key)
        holds = self.holds(point)
        if holds is None:
            raise UndecidedError(f"whether {'x'.join(map(str, point))} is valid is not known")
        return holds

    @property
    def coupled(self) -> bool:
        """Whether which sizes one axis may have depends on another."""
        return len(self.region.parts) > 1

    @property
    def complete(self) -> bool:
        """Whether all is known: every requirement has a closed form, and nothing is left unrecorded."""
        return not self.unresolved and not ~self.known

    # -- points

    def holds(self, point: tuple[int, ...]) -> bool | None:
        """Return whether the network takes a point, one size for each unknown; None where that is not known.

        Where it does not follow from the sets, the point is checked; a program is recorded again there.
        """
        if point not in self.opened.domains():
            return False
        if point in self.known and not (self.unresolved and point in self.region):
            return point in self.region
        report = check(self.at(point))
        return None if report.unknown else report.ok

    def smallest(self) -> tuple[tuple[int, ...], ...] | None:
        """Return the shapes of the inputs, as written, at the valid point with the least sum; None if there is none."""
        point = self.region.smallest()
        return None if point is None else tuple(self.opened.shapes(point))

    @checked
    def pick(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Return a point from one size for all axes, one for each axis, or the shape of the only input as written.

        Raises:
            NetworkError: there are too many or too few.
        """
        network = self.opened.problem.network
        if len(sizes) == len(network.input_axes) and len(network.inputs) == 1:
            places = [network.input_axes[axis][1] for axis in self.axes]
            stated = next(iter(network.input_shapes.values()))
            for i, (size, own) in enumerate(zip(sizes, stated, strict=True)):
                if i not in places and size != own:
                    shape = "x".join(map(str, sizes))
                    raise NetworkError(f"{shape} is no shape of the input, which has {own} where that has {size}")
            sizes = [sizes[i] for i in places]
        elif len(sizes) == 1:
            sizes = [sizes[0]] * len(self.axes)
        if len(sizes) != len(self.axes):
            raise NetworkError(f"wanted a size for each of {', '.join(self.axes)}, got {len(sizes)}")
        point = self._point(sizes)
        if 0 in point:
            raise NetworkError(f"some of {', '.join(self.axes)} have to be equal: give one size for both")
        return point

    def _point(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Return a point from the sizes of all axes; 0 where axes that have one size are given two."""
        point = [-1] * len(self.opened.unknowns)
        for i, size in zip(self.axes.values(), sizes, strict=True):
            point[i] = size if point[i] in (-1, size) else 0
        return tuple(point)

    @checked
    def at(self, point: Sequence[int]) -> Problem:
        """Return the problem with these sizes; a program that does something else there is recorded again."""
        if len(point) != len(self.opened.unknowns):
            raise NetworkError(f"a point has one size for each of {', '.join(self.opened.unknowns)}, got {len(point)}")
        shapes = self.opened.shapes(point)
        return at_shapes(self.opened.problem, shapes[0] if len(shapes) == 1 else shapes)

    # -- reasons

    @checked
    def limits(self, axis: str) -> tuple[Failure, ...]:
        """Return what fails when, at the smallest point, the size of one axis is less by one."""
        known_word("axis", axis, self.axes)
        point = self.region.smallest()
        if point is None or point[self.axes[axis]] < 2:
            return ()
        less = [n - (i == self.axes[axis]) for i, n in enumerate(point)]
        return check(self.at(less)).failures

    @checked
    def period_set_by(self, axis: str) -> list[str]:
        """Return the requirements that only certain residues of an axis meet."""
        known_word("axis", axis, self.axes)
        label = self.region.axes[self.axes[axis]]
        causes = (c.requirement for c in self.causes if c.axis == label and c.sizes.period > 1)
        return list(dict.fromkeys(f"{r.layer}: {r.rule.demand}" if r.layer else r.text for r in causes))

    def __repr__(self) -> str:
        return f"<ValidSizes: {'; '.join(str(self).splitlines())[:200]}{'; proven' if self.proved else ''}>"

    def __str__(self) -> str:
        """Return the sets as text, one line for each axis (for coupled axes, for each box), and what is not known."""
        first: dict[int, str] = {}
        if not self.region:
            lines = ["no size is valid" if self.complete else "no size is known to be valid"]
        elif self.coupled:
            lines = str(self.region).split("; or ")
        else:
            lines = [str(self[axis]) if first.setdefault(i, axis) == axis else f"{axis} = {first[i]}"
                     for axis, i in self.axes.items()]  # fmt: skip
        lines += [f"not taken into account, as it has no closed form: {text}" for text in self.unresolved]
        if ~self.known:
            lines.append(f"not known for {~self.known}: the network was recorded at other sizes")
        return "\n".join(lines)


@checked
def valid_sizes(
    network: Asked,
    input_shape: InputShapes | None = None,
    *,
    training: bool = False,
    prove: bool = True,
    timeout: float | None = 30.0,
    branches: bool = True,
) -> ValidSizes:
    """Return the input sizes that a network takes: all of them, in closed form.

    Every spatial axis of the inputs is taken as open, whatever size the network states; where a problem leaves
    a size open within a domain, the domain counts as a requirement, as do the problem's own.

    Args:
        network: a network or problem without open parameters, or what can be read as one: a module, a file's name.
        input_shape: with which a module is read.
        training: whether what only training requires counts, too (as batch normalisation over one value).
        prove: whether z3 is to prove the answer, for all sizes and in both directions.
        timeout: seconds for the whole answer. What has not been read by then is not ``known`` or ``unresolved``, what
            has not been proven not ``proved``.
        branches: whether a program is recorded again for sizes at which it takes another branch than it did;
            otherwise they are left out of ``known``.

    Raises:
        NetworkError: a parameter is open, or the network has no input with spatial axes.
        InternalError: the closed form is wrong (a bug).

    >>> from convsolve.files import parse
    >>> sizes = valid_sizes(parse('''
    ... input: [3, 64, 64]
    ... layers:
    ...   - max_pool: {name: down, kernel_size: 2, ceil_mode: true}
    ...   - max_pool: {kernel_size: 2}
    ...   - upsample: {scale_factor: 2}
    ...   - concat: {inputs: [upsample1, down]}
    ... '''))
    >>> print(sizes)
    height mod 4 in {0, 3}, height >= 3
    width mod 4 in {0, 3}, width >= 3
    >>> 63 in sizes["height"], (63, 62) in sizes, sizes["width"].minimum, sizes.proved
    (True, False, 3, True)
    """
    problem = problem_of(network, input_shape)
    if training:
        problem = dataclasses.replace(problem, network=dataclasses.replace(problem.network, training=True))
    clock = Clock(timeout)
    found = analyse_all(problem, clock) if branches else [analyse(problem, clock)]
    first = found[0]
    region, known = first.region, first.known
    for other in found[1:]:
        region, known = region | (other.region - known), known | other.known
    unresolved = tuple(dict.fromkeys(described(r) for a in found for r in a.unresolved))
    certain = prove and not unresolved and not ~known and proved(found, clock)
    labels = dict(zip(first.opened.unknowns, range(len(first.opened.unknowns)), strict=True))
    axes = {axis: labels[unknown] for axis, unknown in first.opened.axes.items()}
    return ValidSizes(
        region=region.fewest(),
        known=known.fewest(),
        axes=axes or {label: i for i, label in enumerate(first.opened.labels)},
        unresolved=unresolved,
        never=tuple(dict.fromkeys(described(r) for a in found for r in a.never)),
        proved=certain,
        causes=tuple(c for a in found for c in a.causes),
        opened=first.opened,
    )
