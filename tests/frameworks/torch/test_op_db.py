"""PyTorch's own samples of its operators (``op_db``): what is read has the shape that runs, and never another."""

from __future__ import annotations

import os
import re
import warnings

import pytest
import torch
from torch import nn
from torch.testing._internal.common_methods_invocations import op_db

import convsolve as cs
from convsolve.errors import ConvsolveError

NAMES = {
    *(f"nn.functional.{name}{n}d" for name in ("conv", "conv_transpose", "max_pool", "avg_pool", "adaptive_avg_pool",
                                               "adaptive_max_pool") for n in (1, 2, 3)),
    *(f"nn.functional.{name}" for name in (
        "interpolate", "upsample_nearest", "upsample_bilinear", "pad", "pixel_shuffle", "pixel_unshuffle", "linear",
        "batch_norm", "layer_norm", "group_norm", "instance_norm", "local_response_norm", "normalize", "relu", "gelu",
        "silu", "hardswish", "leaky_relu", "softmax", "dropout", "embedding", "glu", "prelu", "channel_shuffle")),
    "reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "permute", "movedim", "narrow",
    "chunk", "split", "unbind", "mean", "sum", "amax", "roll", "flip", "cumsum", "repeat", "tile", "expand",
    "add", "sub", "mul", "div", "maximum", "minimum", "pow", "matmul", "bmm", "where", "lerp", "masked_fill", "eq", "gt",
    "le", "logical_and", "nn.functional.grid_sample", "nn.functional.scaled_dot_product_attention",
}  # fmt: skip
SCALE = max(1, int(os.environ.get("CONVSOLVE_CONFORMANCE_SCALE", "1")))
SAMPLES = 12 if SCALE == 1 else 40
"""So many samples are tried of each operator."""

LEAST_READ = 180 if SCALE == 1 else 300


class Sample(nn.Module):
    """Calls one operator as a sample does; its tensors but the first are buffers."""

    def __init__(self, op, sample):
        super().__init__()
        self.op, self.args, self.kwargs = op, sample.args, sample.kwargs

    def forward(self, x):
        return self.op(x, *self.args, **self.kwargs)


def shapes(output):
    found = output if isinstance(output, (tuple, list)) else [output]
    return [tuple(t.shape) for t in found if isinstance(t, torch.Tensor)]


def least_axes(name):
    """Return how many axes an input has, the batch axis among them."""
    match = re.search(r"([123])d$", name)
    return int(match[1]) + 2 if match else 2


@pytest.mark.filterwarnings("ignore")
def test_samples_have_the_shapes_that_run():
    read, refused, wrong = 0, 0, []
    for op in (op for op in op_db if op.name in NAMES):
        torch.manual_seed(0)
        for sample in list(op.sample_inputs("cpu", torch.float32 if torch.float32 in op.dtypes else torch.int64))[
            :SAMPLES
        ]:
            x = sample.input
            if not isinstance(x, torch.Tensor) or x.dim() < least_axes(op.name) or 0 in x.shape:
                continue  # without a batch axis, which a network always has
            if op.name == "squeeze" and x.shape[0] == 1:
                continue  # a batch of one would be squeezed away, any other not
            try:
                ran = shapes(op(x, *sample.args, **sample.kwargs))
            except (RuntimeError, ValueError):
                ran = None
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    network = cs.from_torch(Sample(op.op, sample), tuple(x.shape[1:]), batch_size=x.shape[0])
            except ConvsolveError:
                refused += 1  # what does not keep the samples apart is no network
                continue
            report = cs.check(network)
            if report.ok and ran is not None and network.outputs:
                expected = ran[0][1:]
                read += 1
                if report.output != expected and ran[0][:1] == (x.shape[0],):
                    wrong.append((op.name, tuple(x.shape), sample.args, sample.kwargs, report.output, ran))
    assert not wrong, wrong[:5]
    assert read >= LEAST_READ, (read, refused)
