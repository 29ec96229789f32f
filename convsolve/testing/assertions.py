"""An assertion about the input sizes of a network, whose message is the smallest counterexample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..network import Network
    from ..problem import Problem
    from ..sizes.counterexample import Sizes

__all__ = ["assert_accepts"]


def assert_accepts(
    network: Network | Problem, sizes: Sizes = None, *, claim: str | Sequence[str] = (), training: bool = False
) -> None:
    """Assert that a network takes every one of some input sizes, and that claims hold there.

    It is decided for all of them, not tried on some. The message of the AssertionError is the smallest input
    that breaks it, what fails there, and the shapes of all layers.

    Args:
        network: a network or problem without open parameters.
        sizes: such as ``range(64, 513)`` or ``"64..512"``, for every axis or by axis; all sizes if None.
        claim: one or more conditions, such as ``output.height == input.height // 8``.
        training: whether what only training requires counts, too.

    Raises:
        AssertionError: some size is refused.
        UndecidedError: it is not known.

    >>> import convsolve as cs
    >>> net = cs.parse("{input: [3, 64, 64], layers: [{conv: {out_channels: 8, kernel_size: 5}}]}")
    >>> assert_accepts(net, range(5, 513))
    >>> assert_accepts(net, range(4, 513))
    Traceback (most recent call last):
    ...
    AssertionError: an input of 3x4x4 breaks it:
      conv1: CS001 the kernel does not fit the padded input (height, width): window=5, padded=4
    <BLANKLINE>
      input: 3x4x4
      conv1: 8x0x0    4 - 5 + 1 = 0
    """
    from ..sizes.counterexample import counterexample

    found = counterexample(network, sizes, claim=claim, training=training)
    if found is not None:
        width = max(len(row.layer) for row in found.report.rows)
        rows = []
        for row in found.report.rows:
            shape = "?" if row.shape is None else "x".join("?" if n is None else str(n) for n in row.shape)
            rows.append(f"  {f'{row.layer}:':{width + 1}} {shape}{f'    {row.formula}' if row.formula else ''}")
        raise AssertionError("\n".join([str(found), "", *rows]))
