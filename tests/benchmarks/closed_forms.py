"""What valid sizes in closed form cost, beside checking every size one by one and beside torch.export.

    python -m tests.benchmarks.closed_forms

Ratios are peer / closed form with its proof: above 1, the closed form is faster. torch.export gets the dimensions
that the closed form names, and takes them; by itself it finds guards, but not the sizes that they leave.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import convsolve as cs
from convsolve.network import Layer, Network
from convsolve.operators import Add, BatchNorm, Conv, GlobalAvgPool, Input, Linear, MaxPool
from convsolve.sizes.export_constraints import torch_dimensions
from tests.sizes.test_valid_sizes import ALEXNET, VGG, encoder_decoder

__all__ = ["NETWORKS", "main", "resnet50"]

LARGEST = 1024


def resnet50() -> Network:
    """Return a network with the layers of ResNet-50."""
    layers = [Layer("input", Input(shape=(3, 224, 224)))]

    def add(name: str, operator: Any, *inputs: str) -> str:
        layers.append(Layer(name, operator, inputs or (layers[-1].name,)))
        return name

    add("conv1", Conv(out_channels=64, kernel_size=7, stride=2, padding=3, bias=False))
    add("bn1", BatchNorm())
    add("pool", MaxPool(kernel_size=3, stride=2, padding=1))
    for stage, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), start=1):
        for block in range(blocks):
            x, stride, p = layers[-1].name, 2 if block == 0 and stage > 1 else 1, f"layer{stage}.{block}"
            add(f"{p}.conv1", Conv(out_channels=width, kernel_size=1, bias=False), x)
            add(f"{p}.bn1", BatchNorm())
            add(f"{p}.conv2", Conv(out_channels=width, kernel_size=3, stride=stride, padding=1, bias=False))
            add(f"{p}.bn2", BatchNorm())
            add(f"{p}.conv3", Conv(out_channels=4 * width, kernel_size=1, bias=False))
            y = add(f"{p}.bn3", BatchNorm())
            if block == 0:
                add(f"{p}.down", Conv(out_channels=4 * width, kernel_size=1, stride=stride, bias=False), x)
                x = add(f"{p}.bn4", BatchNorm())
            add(f"{p}.add", Add(), y, x)
    add("mean", GlobalAvgPool())
    add("fc", Linear(out_features=1000))
    return Network(tuple(layers))


NETWORKS: dict[str, Callable[[], Network]] = {
    "alexnet": lambda: cs.parse(ALEXNET).network,
    "vgg features": lambda: cs.parse(VGG).network,
    "resnet50": resnet50,
    "u-net, 5 halvings": lambda: cs.parse(encoder_decoder(5)).network,
    "u-net, stride 2^10": lambda: cs.parse(encoder_decoder(10, first=0)).network,
}


def seconds(work: Callable[[], Any]) -> float:
    """Return the shortest of three times."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def one_by_one(network: Network) -> Callable[[], Any]:
    """Return what checks every square size."""
    channels = network.inputs[0].operator.shape[0]  # type: ignore[attr-defined]
    return lambda: [cs.check(network, (channels, n, n)).ok for n in range(1, LARGEST + 1)]


def exported(network: Network) -> Callable[[], Any] | None:
    """Return what exports the network with the dimensions that the closed form names, or None where it cannot."""
    import torch

    sizes = cs.valid_sizes(network, prove=False)
    declared = [torch_dimensions(sizes, axis)[0] for axis in sizes]
    space = {"torch": torch}
    for dimension in declared:
        exec(dimension.text, space)
    shape = [d.sizes.at_least(256) for d in declared]
    channels = network.inputs[0].operator.shape[0]  # type: ignore[attr-defined]
    module = cs.to_torch(network.with_input((channels, *shape))).eval()  # type: ignore[list-item]
    x = torch.zeros(2, channels, *shape, device="meta")  # type: ignore[arg-type]
    dims = {i: space[axis] for i, axis in enumerate(sizes, start=2)}

    def work() -> Any:
        return torch.export.export(module.to("meta"), (x,), dynamic_shapes=[dims])

    try:
        work()
    except Exception as error:  # whatever it raises, it cannot do this one
        print(f"    torch.export refuses: {str(error).strip().splitlines()[0][:100]}")
        return None
    return work


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    cs.valid_sizes(NETWORKS["alexnet"]())  # imports
    heads = ("closed form", "with proof", "one by one", "ratio", "export", "ratio")
    print(f"{'network':20}" + "".join(f"{head:>13}" for head in heads))
    for name, make in NETWORKS.items():
        network = make()
        form = seconds(partial(cs.valid_sizes, network, prove=False))
        proof = seconds(partial(cs.valid_sizes, network))
        start = time.perf_counter()
        one_by_one(network)()
        each = time.perf_counter() - start
        export = exported(network)
        exporting = seconds(export) if export else None
        row = [f"{form:.4f} s", f"{proof:.4f} s", f"{each:.2f} s", f"{each / proof:.0f}"]
        row += [f"{exporting:.2f} s", f"{exporting / proof:.0f}"] if exporting else ["-", "-"]
        print(f"{name:20}" + "".join(f"{cell:>13}" for cell in row), flush=True)


if __name__ == "__main__":
    main()
