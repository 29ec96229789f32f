"""What an operator is: its parameters, its shape rule, its costs and its reach.

A rule is plain Python over dimensions. It states what must hold with ``site.require`` and returns the
output shape; whether the requirements hold is for the readers of the trace to find out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

from ..dims import Cond, Dim, Var, bounds, maximum, variables
from ..errors import NetworkError, RankError
from ..rules import OUTPUT_POSITIVE, PARAMETER_IN_RANGE, Rule
from .parameters import Kind, dims_in, replaced, substitute

__all__ = [
    "DataFormat",
    "Framework",
    "Operator",
    "Reach",
    "Shape",
    "Site",
    "axis_names",
    "axis_or_channels",
    "known_mode",
    "normal_axis",
    "pairs",
    "per_axis",
    "positive",
    "spatial",
    "spatial_names",
    "to_canonical",
    "to_written",
    "written_names",
]

Shape: TypeAlias = "tuple[Dim, ...]"
Framework = Literal["torch", "keras", "onnx"]
DataFormat = Literal["channels_first", "channels_last"]

_SPATIAL = {0: (), 1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def axis_names(rank: int) -> tuple[str, ...]:
    """Return the names of a tensor's axes in canonical (channels first) order.

    >>> axis_names(3), axis_names(1)
    (('channels', 'height', 'width'), ('features',))
    """
    if rank == 1:
        return ("features",)
    spatial = spatial_names(rank - 1)
    return ("channels", *spatial) if rank else ()


def spatial_names(rank: int) -> tuple[str, ...]:
    """Return the names of that many spatial axes."""
    return _SPATIAL.get(rank) or tuple(f"axis{i + 1}" for i in range(rank))


def to_written(data_format: DataFormat, shape: Sequence[Any]) -> tuple[Any, ...]:
    """Return a canonical shape in the order of a data format.

    >>> to_written("channels_last", (3, 28, 28))
    (28, 28, 3)
    """
    if data_format == "channels_last" and shape:
        return (*shape[1:], shape[0])
    return tuple(shape)


def to_canonical(data_format: DataFormat, shape: Sequence[Any]) -> tuple[Any, ...]:
    """Return a shape in the order of a data format in canonical order.

    >>> to_canonical("channels_last", (28, 28, 3))
    (3, 28, 28)
    """
    if data_format == "channels_last" and shape:
        return (shape[-1], *shape[:-1])
    return tuple(shape)


class Site(Protocol):
    """Where a rule is applied: what it may know of the network, and where it states requirements."""

    framework: Framework
    data_format: DataFormat
    batch_size: int

    def require(
        self, rule: Rule, condition: Cond, *, axis: str = ..., note: str = ..., training: bool = ..., **values: Dim
    ) -> None:
        """State that ``condition`` must hold; ``values`` are the named numbers that a message shows."""


@dataclass(frozen=True)
class Reach:
    """How far an output element sees along one axis of the input.

    ``n`` neighbouring output elements see ``((n - 1)*stride + window - 1)//up + 1`` neighbouring inputs;
    ``whole`` says that each sees the whole axis, ``pooled`` that all places of it count alike, as in a global pool.
    """

    window: Dim = 1
    stride: Dim = 1
    up: Dim = 1
    whole: bool = False
    pooled: bool = False


@dataclass(frozen=True)
class Operator:
    """Base of all operators: a frozen dataclass whose fields are the operator's parameters.

    ``written`` operators work on the axes in the order in which the network's ``data_format`` writes
    them; the others always see channels first.
    """

    kind: ClassVar[str] = ""
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    written: ClassVar[bool] = False
    pointwise: ClassVar[bool] = False
    """Whether every output element sees just the input elements at its own place."""
    by_channel: ClassVar[bool] = False
    """Whether it works on the channels, or on the axes beside them, where a framework's own order has these."""
    in_place: ClassVar[bool] = False
    """Whether the output may be written over the first input, or is a view of it, where both have as many elements."""

    def __post_init__(self) -> None:
        for name, kind in self.parameters().items():
            object.__setattr__(self, name, kind.check(name, getattr(self, name)))

    @classmethod
    @cache  # asked for at every step of every rule
    def parameters(cls) -> Mapping[str, Kind]:
        """Return the kinds of the parameters by name, in the order of declaration."""
        return {f.name: f.metadata["kind"] for f in dataclasses.fields(cls) if "kind" in f.metadata}

    @classmethod
    @cache  # asked for at every step of a search for repairs
    def tunables(cls) -> Mapping[str, str]:
        """Return the parameters that a repair may change, and the kind of edit that it is.

        >>> from convsolve.operators import Linear
        >>> Linear.tunables()
        {'out_features': 'width', 'in_features': 'in_features'}
        """
        return {f.name: edit for f in dataclasses.fields(cls) if (edit := f.metadata.get("edit"))}

    @classmethod
    def required(cls) -> list[str]:
        """Return the names of the parameters that have no default."""
        return [
            f.name
            for f in dataclasses.fields(cls)
            if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        ]

    def unknowns(self) -> tuple[Var, ...]:
        """Return the unknowns in the parameters, in order of appearance."""
        return self._unknowns

    @cached_property  # asked for at every step of every rule
    def _unknowns(self) -> tuple[Var, ...]:
        return tuple(variables(*(d for name in self.parameters() for d in dims_in(getattr(self, name)))))

    def stated(self) -> dict[str, Any]:
        """Return the parameters that differ from their defaults, by name.

        >>> from convsolve.operators import Conv
        >>> Conv(out_channels=8, kernel_size=3, stride=1).stated()
        {'kernel_size': 3, 'out_channels': 8}
        """
        defaults = {f.name: f.default for f in dataclasses.fields(self)}
        values = {name: getattr(self, name) for name in self.parameters()}
        return {name: value for name, value in values.items() if value != defaults[name]}

    def substitute(self, values: dict[str, int]) -> Operator:
        """Return the operator with these values in place of its unknowns."""
        if not self.unknowns():
            return self
        changes = {name: substitute(getattr(self, name), values) for name in self.parameters()}
        return dataclasses.replace(self, **changes)

    def replace(self, replacements: dict[str, Any]) -> Operator:
        """Return the operator with other expressions in place of some of its unknowns."""
        if not any(u.name in replacements for u in self.unknowns()):
            return self
        changes = {name: replaced(getattr(self, name), replacements) for name in self.parameters()}
        return dataclasses.replace(self, **changes)

    def misfit(self, count: int) -> str:
        """Return why the operator does not take so many inputs; nothing where it does."""
        least, most = self.arity
        if least <= count and (most is None or count <= most):
            return ""
        wanted = str(least) if least == most else f"at least {least}" if most is None else f"{least} to {most}"
        return f"{self.kind} takes {wanted} inputs, got {count}"

    def guarded(self, site: Site) -> Operator:
        """Return the operator with computed parameters kept in range, and require that they are."""
        if not self.unknowns():
            return self
        changes = {}
        for name, kind in self.parameters().items():
            minimum = getattr(kind, "minimum", None)
            value = getattr(self, name)
            if minimum is not None and value is not None:
                changes[name] = _guard(site, name, value, minimum)
        return dataclasses.replace(self, **changes)

    def infer(self, site: Site, *inputs: Shape) -> Shape | Sequence[Shape]:
        """Return the output shape (or shapes) for these input shapes, stating what must hold."""
        raise NotImplementedError

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        """Return the number of learned parameters."""
        return 0

    def macs(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        """Return the number of multiply-accumulate operations for one sample."""
        return 0

    def any_order(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> bool:
        """Return whether inputs in either order of axes do, channels first or last, the output being in the same.

        Writers then turn no tensor. Of the others, what is ``written`` wants the network's order, and the rest that of
        the framework.
        """
        return self.pointwise and not self.written and not self.by_channel

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach] | None:
        """Return how far an output element sees, for each spatial axis of the inputs; None if undefined."""
        return [Reach()] * max(*(len(shape) - 1 for shape in inputs), 0) if self.pointwise else None


def _guard(site: Site, name: str, value: Any, minimum: int) -> Any:
    if isinstance(value, tuple):
        return tuple(_guard(site, name, v, minimum) for v in value)
    low = bounds(value)[0] if not isinstance(value, (int, str, type(None))) else minimum
    if low is not None and low >= minimum:
        return value
    site.require(PARAMETER_IN_RANGE, value >= minimum, axis=name, value=value, minimum=minimum)
    return maximum(value, minimum)


def per_axis(name: str, value: Any, rank: int) -> tuple[Any, ...]:
    """Return a parameter as one value for each of ``rank`` spatial axes."""
    if not isinstance(value, tuple):
        return (value,) * rank
    if len(value) != rank:
        raise RankError(f"{name} has {len(value)} entries for {rank} spatial axes")
    return value


def pairs(name: str, value: Any, rank: int) -> tuple[tuple[Dim, Dim], ...]:
    """Return a padding as a pair ``(before, after)`` for each of ``rank`` spatial axes."""
    return tuple(v if isinstance(v, tuple) else (v, v) for v in per_axis(name, value, rank))


def spatial(operator: Operator, shape: Shape, *, least: int = 1, most: int | None = None) -> tuple[Dim, Shape]:
    """Return channels and spatial sizes of a shape, or raise RankError."""
    rank = len(shape) - 1
    if rank < least or (most is not None and rank > most):
        wanted = f"at least {least}" if most is None else str(least) if least == most else f"{least} to {most}"
        raise RankError(
            f"{operator.kind} needs channels and {wanted} spatial axes, got {len(shape)} axes "
            f"({' x '.join(map(str, shape))})"
        )
    return shape[0], shape[1:]


def known_mode(site: Site, operator: Operator, padding: Any) -> None:
    """Refuse the name of a padding that the network's framework does not take, or raise NetworkError."""
    modes = {"keras": ("valid", "same", "causal"), "onnx": ("valid", "same"), "torch": ("valid",)}[site.framework]
    if site.framework == "torch" and operator.kind in ("conv", "depthwise_conv"):
        modes = ("valid", "same")
    if isinstance(padding, str) and padding not in modes:
        raise NetworkError(
            f"{site.framework} has no padding {padding!r} for {operator.kind}: write numbers, or say under `framework` "
            f"whose network it is"
        )


def positive(site: Site, output: Dim, axis: str, /, *, note: str = "", **values: Dim) -> Dim:
    """Require that an output size is at least 1, and return it; ``note`` is what a framework does instead."""
    site.require(OUTPUT_POSITIVE, 1 <= output, axis=axis, note=note, **values, output=output)  # type: ignore[arg-type]
    return output


def normal_axis(axis: Dim, rank: int, name: str = "axis") -> int:
    """Return an axis number counted from the front."""
    if not isinstance(axis, int):
        raise NetworkError(f"{name} must be a known number")
    if not -rank <= axis < rank:
        raise RankError(f"{name} {axis} is out of range for {rank} axes")
    return axis % rank


def axis_or_channels(site: Site, axis: Dim | None, rank: int) -> int:
    """Return an axis number counted from the front, as written; None is the axis of the channels."""
    channels = -1 if site.data_format == "channels_last" else 0
    return normal_axis(channels if axis is None else axis, rank)


def written_names(site: Site, rank: int) -> tuple[str, ...]:
    """Return the names of a tensor's axes in the order in which the data format writes them."""
    return to_written(site.data_format, axis_names(rank))
