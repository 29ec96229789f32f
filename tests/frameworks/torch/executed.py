"""Recorded modules held against executions on the CPU."""

from __future__ import annotations

import torch

import convsolve as cs


def opaque(network):
    return [layer.operator.what for layer in network.layers if layer.operator.kind == "opaque"]


def executed(module, shapes, samples=2):
    """Return the shapes that a module gives for inputs of these shapes, without the batch axis; None where it fails."""
    try:
        with torch.no_grad():
            result = module(*(torch.zeros(samples, *shape) for shape in shapes))
    except (RuntimeError, ValueError, IndexError, AssertionError):
        return None
    outputs = [t for t in (result if isinstance(result, (tuple, list)) else [result]) if t is not None]
    whole = all(t.shape[0] == samples and t.numel() for t in outputs)
    return [tuple(t.shape[1:]) for t in outputs] if whole else None


def faithful(module, recorded, *others, samples=2):
    """Assert that a network says of each size what an execution on the CPU does; return the network.

    Where it says that another branch is taken, it is recorded again. A size of several inputs is a list of shapes.
    """
    network = cs.from_torch(module, recorded)
    module.eval()
    for size in (recorded, *others):
        ran = executed(module, size if isinstance(size, list) else [size], samples)
        known = network.with_shapes(size)
        report = cs.check(known)
        if report.unknown:
            known = network.record(*size) if isinstance(size, list) else network.record(size)
            report = cs.check(known)
        assert report.ok == (ran is not None), (size, report.failures, report.unknown, ran)
        if ran is not None:
            # a tensor that is given back twice is one output
            assert list(dict.fromkeys(ran)) == list(dict.fromkeys(report.shapes[o] for o in known.outputs)), size
    assert cs.check(network).params == sum(p.numel() for p in module.parameters())
    return network
