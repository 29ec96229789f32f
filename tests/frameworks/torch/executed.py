"""Recorded modules held against executions on the CPU."""

from __future__ import annotations

import itertools
import math
import os
import random

import torch
from torch import nn

import convsolve as cs

SCALE = int(os.environ.get("CONVSOLVE_CONFORMANCE_SCALE", "1"))
POINTS = 8 * SCALE
"""How many sizes are tried of each program."""


class Program(nn.Module):
    """Runs a function with parts of its own."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


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


def truthful(make, recorded, sides, *, most_unknown=0.0, samples=2, after=lambda: None):
    """Assert that a check, and the set of valid sizes, say of sizes what executions on the CPU do; return the set.

    ``recorded`` is the shape at which the module is recorded, ``sides`` are the sizes of every axis but the channels;
    some of all points are tried. What is not known is no false claim; no more than ``most_unknown`` of the points may be
    that. Where samples come out in groups, as many as one has are its first axis. ``after`` is called after executions.
    """
    network = cs.from_torch(make(), recorded)
    sizes = cs.valid_sizes(network, timeout=3 if most_unknown == 1 and SCALE == 1 else None)
    points = list(itertools.product(sides, repeat=len(sizes.axes)))
    points = random.Random(0).sample(points, min(len(points), POINTS))
    unknown = 0
    for point in points:
        shape = (*recorded[: len(recorded) - len(point)], *point)
        ran = _grouped(make().eval(), shape, samples)
        after()
        report = cs.check(network, shape)
        assert report.ok == (ran is not None), (shape, report.failures, report.unknown, ran)
        assert ran is None or _alike(report.output, ran), (shape, report.output, ran)
        assert not report.unknown, (shape, report.unknown)
        inside = point in sizes.region
        if point in sizes.known and not (inside and sizes.unresolved):
            assert inside == (ran is not None), (point, str(sizes), ran)
        unknown += point not in sizes.known or bool(inside and sizes.unresolved)
    assert unknown <= most_unknown * len(points), (unknown, len(points), str(sizes))
    assert not (unknown and (sizes.proved or sizes.complete)), str(sizes)
    return sizes


def _grouped(module, shape, samples):
    """Return the shape of what a module gives for one sample, its groups as an axis in front; None where it fails."""
    try:
        with torch.no_grad():
            result = module(torch.rand(samples, *shape))
    except (RuntimeError, ValueError, IndexError, AssertionError, ZeroDivisionError, AttributeError):
        return None
    first = result[0] if isinstance(result, tuple) else result
    assert first.shape[0] % samples == 0
    groups = first.shape[0] // samples
    return ((groups,) if groups != 1 else ()) + tuple(first.shape[1:]) if first.numel() else None


def _alike(output, ran):
    """Whether shapes are the same, but for which axes the groups of samples are made of."""
    return output == ran or (len(output) > 0 and math.prod(output) == math.prod(ran) and output[-1] == ran[-1])
