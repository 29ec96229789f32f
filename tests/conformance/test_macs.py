"""Multiply-accumulate operations against PyTorch's own flop counter, which counts two for each."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.conformance.judge import NAMES, Case
from tests.conformance.test_torch import GLOBALS, suite
from tests.operators.recorded import computed

COUNTED = {"conv", "depthwise_conv", "conv_transpose", "conv_transpose_output_size", "linear", "matmul"}
"""The operations of products, which the counter counts; of an einsum it counts what is done by a matrix product."""

CASES = 60


def counted(case: Case) -> int | None:
    """Return how many flops a call takes for one sample; None where it is refused."""
    kind = torch.int64 if case.operator.kind == "embedding" else torch.float32
    tensors = {n: torch.zeros(case.batch_size, *s, dtype=kind) for n, s in zip(NAMES, case.shapes, strict=False)}
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), counter:
            module = eval(case.module, GLOBALS) if case.module else None
            eval(case.call, {**GLOBALS, **tensors, "m": module})
    except (RuntimeError, ValueError, IndexError):
        return None
    return counter.get_total_flops() // case.batch_size


def ours(case: Case) -> int | None:
    row = {"operator": case.operator.kind, **case.operator.stated(), "inputs": case.shapes,
           "network": {"framework": "torch", "batch_size": case.batch_size}}  # fmt: skip
    found = computed(row)
    return None if found["fails"] else found["macs"]


@pytest.mark.parametrize("name", suite.operations)
def test_the_counter_agrees(name):
    compared = 0
    for _, case in zip(range(CASES), suite.drawn(name, 1), strict=False):
        if name == "einsum" and any(1 in shape for shape in case.shapes):
            continue  # an axis of size 1 that is summed against a longer one is summed apart, and costs nothing
        macs, flops = ours(case), counted(case)
        if macs is not None and flops is not None and (flops or name in COUNTED):
            assert 2 * macs == flops, f"{case}: {macs} multiply-accumulates, {flops} flops"
            compared += 1
    assert compared >= 5 or name not in COUNTED
