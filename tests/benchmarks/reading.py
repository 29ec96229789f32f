"""Reading networks out of PyTorch, beside PyTorch's own ways: ``python -m tests.benchmarks.reading [NETWORK ...]``.

For each network: seconds for `convsolve.from_torch` (two runs, sizes as expressions), for `torch.export` with dynamic
height and width, and for `torch.fx` with shape propagation (one size, no expressions), the least of three, and
how many times as long as convsolve the others take. A dash: it cannot.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

import convsolve as cs
from tests.frameworks.torch.zoo import build

__all__ = ["main"]

NETWORKS = ("torchvision:resnet50", "torchvision:densenet121", "torchvision:swin_t", "timm:tf_efficientnet_b0",
            "timm:hrnet_w18_small", "smp:Unet", "smp:DeepLabV3Plus")  # fmt: skip
SHAPE = (3, 224, 224)


def read(module: nn.Module) -> Any:
    return cs.from_torch(module, SHAPE)


def export(module: nn.Module) -> Any:
    sizes = ({2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO},)
    return torch.export.export(module, (torch.empty(2, *SHAPE, device="meta"),), dynamic_shapes=sizes)


def propagate(module: nn.Module) -> Any:
    return ShapeProp(fx.symbolic_trace(module)).propagate(torch.empty(2, *SHAPE, device="meta"))


def seconds(way: Callable[[nn.Module], Any], module: nn.Module) -> float | None:
    """Return the least time of three, or None where a way does not lead there."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        try:
            way(module)
        except Exception as error:  # whatever a peer raises: it cannot
            print(
                f"  {way.__name__}: {type(error).__name__}: {str(error).strip().splitlines()[0][:90]}", file=sys.stderr
            )
            return None
        times.append(time.perf_counter() - start)
    return min(times)


def main(names: tuple[str, ...] = NETWORKS) -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    read(nn.ReLU())  # what is loaded at first use
    print(f"{'network':26} {'convsolve':>10} {'torch.export':>21} {'torch.fx + ShapeProp':>22}")
    for name in names:
        module = build(name)
        own = seconds(read, module)
        assert own is not None
        cells = [f"{own:9.2f}s"]
        for way, width in ((export, 21), (propagate, 22)):
            taken = seconds(way, module)
            cells.append("-".rjust(width) if taken is None else f"{taken:.2f}s ({taken / own:.1f}x)".rjust(width))
        print(f"{name:26} {' '.join(cells)}")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or NETWORKS)
