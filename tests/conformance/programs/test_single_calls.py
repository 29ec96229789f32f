"""Single calls: none is opaque, and nothing false is said of the sizes that they take; held against running them."""

from __future__ import annotations

import os

import pytest

import convsolve as cs
from convsolve.errors import UnreadableError

from .single_calls import CALLS, call_of
from .truth import Truth, judged, points

SCALE = max(1, int(os.environ.get("CONVSOLVE_CONFORMANCE_SCALE", "1")))
COUNT, POINTS = 5 * SCALE, 20


@pytest.mark.parametrize("name", CALLS)
def test_what_a_call_takes_is_known(name: str) -> None:
    for number in range(COUNT):
        program = call_of(name, number)
        try:
            network = cs.from_torch(program.module(), program.shape)
            opaque = [layer.operator.what for layer in network.layers if layer.operator.kind == "opaque"]  # type: ignore[attr-defined]
            refused = bool(cs.check(network).failures)
        except UnreadableError:
            opaque, refused = ["unread"], True
        runs = Truth(program).at(program.shape[1:]) is not None
        found = judged(program, points(program, 14, POINTS), prove=number % 5 == 0)
        program.forget()
        assert not found.false, f"{program}\n\n" + "\n".join(found.false[:10])
        assert refused is not runs, str(program)
        assert not runs or not opaque, f"{program}\n\n{opaque}"
        assert not runs or not found.unknown, f"{program}\n\n{found.unknown} sizes are not known"
