"""Lint: what an expert would not build, although it works.

Each lint states a condition over dimensions, as a shape rule does. Read with integers it is a finding of
``convsolve lint``; read by the solver it is a requirement, where a problem asks for ``sensible: true``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from ..dims import Dim, any_of, negation
from ..errors import NetworkError
from ..network.trace import Requirement, Trace
from ..rules import RULES, Rule
from ..support.suggestions import nearest, quoted
from . import base, views, widths, windows

__all__ = ["CODES", "LINTS", "SENSIBLE", "demanded", "known_codes", "rule_of"]

assert views and widths and windows  # which register their lints

LINTS: dict[str, base.Lint] = dict(sorted(base.LINTS.items()))
"""Every lint by its code."""

SENSIBLE: tuple[str, ...] = tuple(code for code, lint in LINTS.items() if lint.level == "warning")
"""What ``sensible: true`` asks for: all warnings, no hints."""

CODES: tuple[str, ...] = (*RULES, *LINTS)
"""Every code that a finding may have."""


def rule_of(code: str) -> Rule:
    """Return the rule of a code.

    >>> rule_of("W001").demand
    'every window reads some of the input'
    """
    return LINTS[code].rule if code in LINTS else RULES[code]


def known_codes(codes: Collection[str]) -> tuple[str, ...]:
    """Return codes of lints in their order, or raise NetworkError with the nearest."""
    for code in codes:
        if not isinstance(code, str) or code not in LINTS:
            raise NetworkError(f"there is no lint {quoted(code)}{nearest(str(code), LINTS, listed=20)}")
    return tuple(code for code in LINTS if code in codes)


def demanded(
    traced: Trace,
    codes: Collection[str],
    *,
    values: Mapping[str, int] | None = None,
    define: Callable[[str, Dim], Dim] | None = None,
) -> Iterator[Requirement]:
    """Yield what lints ask of a network, as requirements of its layers.

    Args:
        traced: the network's trace.
        codes: the lints.
        values: the value of every name of the trace, where nothing is open.
        define: gives an expression a name of its own, where something is.

    >>> from convsolve.network import Layer, Network
    >>> from convsolve.operators import Conv, Input
    >>> from convsolve.network.trace import trace
    >>> conv = Conv(out_channels=8, kernel_size=1, padding=3)
    >>> net = Network((Layer("x", Input(shape=(3, 32, 32))), Layer("conv1", conv, ("x",))))
    >>> [(r.layer, r.rule.code, r.axis) for r in demanded(trace(net), ["W001"])]
    [('conv1', 'W001', 'height'), ('conv1', 'W001', 'width')]
    """
    view = base.View(traced, values, define)
    for layer in traced.network.ordered:
        look = view.look(layer) if layer.inputs else None
        for code in codes if look is not None else ():
            assert look is not None
            for demand in LINTS[code].find(look):
                condition = any_of(negation(layer.when), demand.condition)
                if condition is not True:
                    yield Requirement(layer.name, LINTS[code].rule, condition, demand.axis,
                                      values=tuple(demand.values.items()))  # fmt: skip
