"""Proof by z3 that a closed form is right: for all sizes, requirements hold just where it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import z3

from ..dims import Cond, Var
from ..errors import InternalError
from ..network.trace import Trace
from .clock import Clock
from .values import ValueSet
from .z3_session import GaveUp, ask
from .z3_terms import Lowering

__all__ = ["equivalent"]


def equivalent(
    traced: Trace,
    conditions: Sequence[Cond],
    claim: Cond,
    unknowns: Mapping[str, Var],
    clock: Clock,
    holes: Mapping[str, int],
) -> bool:
    """Return whether z3 proves that conditions all hold exactly where the claim does; False if it gives up.

    Args:
        traced: the trace.
        conditions: conditions over names of the trace.
        claim: a condition over the unknowns.
        unknowns: the open sizes by name, within whose bounds it has to be so.
        clock: when to stop.
        holes: the values of all other unknowns.

    Raises:
        InternalError: they do not.
        OutOfTime: the deadline passed.
    """
    domains = {name: ValueSet(*unknown.interval) for name, unknown in unknowns.items()}
    lowering = Lowering({**domains, **{name: ValueSet(value, value) for name, value in holes.items()}})
    needed = traced.needed(*conditions)
    for definition in traced.definitions:
        if definition.name in needed:
            lowering.definition(definition.name, definition.value)
    hold = [lowering.read(condition)[0] for condition in conditions]
    claimed = lowering.read(claim)[0]
    solver = z3.Solver(ctx=lowering.context)
    solver.set("ctrl_c", False)
    solver.add(lowering.assertions)
    solver.add(claimed != z3.And([z3.BoolVal(True, lowering.context), *hold]))
    try:
        answer = ask(solver, clock)
    except GaveUp:
        return False
    if answer is not None:
        sizes = {name: answer.eval(lowering.unknown(name), model_completion=True).as_long() for name in unknowns}
        raise InternalError(f"a closed form is wrong for {sizes}. Please report this with the network")
    return True
