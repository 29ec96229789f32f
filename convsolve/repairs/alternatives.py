"""Sketches: a network in which layers may be other than they are written, as one network with holes.

Every layer that may change becomes a choice of operators, of which the first is the written one; the hole says
which is taken. So whatever reads a network reads all of its variants at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..dims import Cond, Dim, Domain, Var, any_of, eq, ne, where
from ..network import Network
from ..operators import Kind, Operator, Rule, Shape, Site
from ..operators.base import DataFormat, Framework, Reach

__all__ = ["OneOf", "sketch"]


@dataclass(frozen=True, kw_only=True)
class OneOf(Operator):
    """One of several operators with outputs of equally many axes; the hole ``choice`` counts from 0."""

    kind: ClassVar[str] = "one_of"

    options: tuple[Operator, ...]
    choice: Var

    def __post_init__(self) -> None:
        pass  # the options have been checked when they were made

    @property
    def arity(self) -> tuple[int, int | None]:  # type: ignore[override]
        """As many inputs as the operators take."""
        return self.options[0].arity

    @property
    def written(self) -> bool:  # type: ignore[override]
        """As the operators; all of them work on the same order of axes."""
        return self.options[0].written

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        """Where all of the operators are."""
        return all(option.pointwise for option in self.options)

    def parameters(self) -> Mapping[str, Kind]:  # type: ignore[override]
        """The parameters of the written operator: requirements may speak of them."""
        return type(self.options[0]).parameters()

    def __getattr__(self, name: str) -> Any:
        """Return a parameter as a requirement sees it: the number of the option that is taken."""
        if name.startswith("_") or name not in type(self.options[0]).parameters():
            raise AttributeError(name)
        values = [getattr(option, name) for option in self.options]
        if name == "stride":
            kernels = (getattr(option, "kernel_size", None) for option in self.options)
            values = [k if v is None else v for v, k in zip(values, kernels, strict=True)]
        return self._same(values)

    def _same(self, values: Sequence[Any]) -> Any:
        """Return one value for those of all options, where they are written in the same way."""
        if all(v == values[0] for v in values):
            return values[0]
        if any(isinstance(v, tuple) for v in values):
            rank = max(len(v) for v in values if isinstance(v, tuple))
            rows = [v if isinstance(v, tuple) else (v,) * rank for v in values]
            return tuple(self._same([row[i] for row in rows]) for i in range(rank))
        return self._pick(values)

    def unknowns(self) -> tuple[Var, ...]:
        return self.choice, *(unknown for option in self.options for unknown in option.unknowns())

    def substitute(self, values: dict[str, int]) -> Operator:
        if self.choice.name in values:
            return self.options[values[self.choice.name]].substitute(values)
        return self

    def replace(self, replacements: dict[str, Any]) -> Operator:
        return dataclasses.replace(self, options=tuple(option.replace(replacements) for option in self.options))

    def guarded(self, site: Site) -> Operator:
        options = (option.guarded(_Under(site, ne(self.choice, i))) for i, option in enumerate(self.options))
        return dataclasses.replace(self, options=tuple(options))

    def infer(self, site: Site, *inputs: Shape) -> Shape | Sequence[Shape]:
        found = [option.infer(_Under(site, ne(self.choice, i)), *inputs) for i, option in enumerate(self.options)]
        sizes: list[list[Any]] = [list(shape) for shape in found]
        return tuple(self._pick(same) for same in zip(*sizes, strict=True))

    def params(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return self._pick([option.params(site, inputs, outputs) for option in self.options])

    def macs(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Dim:
        return self._pick([option.macs(site, inputs, outputs) for option in self.options])

    def reach(self, site: Site, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Sequence[Reach] | None:
        reaches = [option.reach(site, inputs, outputs) for option in self.options]
        known = [r for r in reaches if r is not None]
        if len(known) < len(reaches) or len({(len(r), *(e.whole for e in r)) for r in known}) > 1:
            return None
        return [
            Reach(self._pick([r.window for r in axis]), self._pick([r.stride for r in axis]),
                  self._pick([r.up for r in axis]), axis[0].whole)
            for axis in zip(*known, strict=True)
        ]  # fmt: skip

    def _pick(self, values: Sequence[Dim]) -> Dim:
        result = values[-1]
        for i in reversed(range(len(values) - 1)):
            result = where(eq(self.choice, i), values[i], result)
        return result


@dataclass
class _Under:
    """A site at which requirements hold only where an option is taken."""

    site: Site
    other: Cond
    framework: Framework = field(init=False)
    data_format: DataFormat = field(init=False)
    batch_size: int = field(init=False)

    def __post_init__(self) -> None:
        self.framework = self.site.framework
        self.data_format = self.site.data_format
        self.batch_size = self.site.batch_size

    def require(
        self, rule: Rule, condition: Cond, *, axis: str = "", note: str = "", training: bool = False, **values: Dim
    ) -> None:
        self.site.require(rule, any_of(self.other, condition), axis=axis, note=note, training=training, **values)


def sketch(network: Network, options: Mapping[str, Sequence[Operator]]) -> tuple[Network, dict[str, Var]]:
    """Return a network in which some layers may be one of several operators, and the hole of each by layer.

    >>> from convsolve.files import parse
    >>> from convsolve.operators import MaxPool
    >>> net = parse("{input: [1, 8, 8], layers: [{max_pool: {name: pool, kernel_size: 2}}]}").network
    >>> made, holes = sketch(net, {"pool": [net.by_name["pool"].operator, MaxPool(kernel_size=3)]})
    >>> made.assign({"edit pool": 1}).by_name["pool"].operator.kernel_size, str(holes["pool"].domain)
    (3, '0..1')
    """
    holes: dict[str, Var] = {}
    layers = []
    for layer in network.layers:
        chosen = options.get(layer.name, ())
        if len(chosen) > 1:
            holes[layer.name] = Var(f"edit {layer.name}", Domain.range(0, len(chosen) - 1))
            layer = dataclasses.replace(layer, operator=OneOf(options=tuple(chosen), choice=holes[layer.name]))
        layers.append(layer)
    return dataclasses.replace(network, layers=tuple(layers)), holes
