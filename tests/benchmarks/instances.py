"""The instances that benchmarks run: problem files made from fixed seeds, decisions and optimisations."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Instance", "growth", "suite"]


@dataclass(frozen=True)
class Instance:
    """A problem with a name; ``optimise`` says whether it has an objective."""

    name: str
    text: str
    optimise: bool


def _file(
    shape: str, layers: list[str], require: list[str], tail: str = "", holes: dict[str, str] | None = None
) -> str:
    declared = "holes: {" + ", ".join(f"{k}: {v}" for k, v in holes.items()) + "}\n" if holes else ""
    required = "require:\n" + "".join(f"  - {r}\n" for r in require) if require else ""
    return f"input: {shape}\n{declared}layers:\n" + "".join(f"  - {layer}\n" for layer in layers) + required + tail


def chain(count: int, size: int, wanted: int, *, seed: int | None = None) -> str:
    """A chain of convolutions, kernel, stride and padding open in each."""
    rng = random.Random(seed)
    layers = []
    for _ in range(count):
        kernels, strides = "1 | 3 | 5 | 7", "1 | 2"
        if seed is not None:
            kernels = " | ".join(map(str, sorted(rng.sample([1, 2, 3, 4, 5, 7, 9], 3))))
            strides = rng.choice(["1", "1 | 2", "1 | 2 | 3"])
        layers.append(f"conv: {{out_channels: 8, kernel_size: {kernels}, stride: {strides}, padding: 0..3}}")
    return _file(f"[3, {size}]", layers, [f"output.length == {wanted}"])


def tied_chain(count: int, size: int, wanted: int) -> str:
    """A chain whose padding is half the kernel: 224 never becomes 113."""
    holes = {f"k{i}": "1 | 3 | 5 | 7" for i in range(count)}
    layers = [
        f"conv: {{out_channels: 8, kernel_size: $k{i}, stride: 1 | 2, padding: $k{i} // 2}}" for i in range(count)
    ]
    return _file(f"[3, {size}]", layers, [f"output.length == {wanted}"], holes=holes)


def field_chain(count: int, size: int, wanted: int, field: int) -> str:
    """A chain with a wished output and a wished receptive field."""
    layers = ["conv: {out_channels: 8, kernel_size: 1 | 3 | 5 | 7, stride: 1 | 2, padding: 0..3}"] * count
    return _file(f"[3, {size}]", layers, [f"output.length == {wanted}", f"receptive_field == {field}"])


def shared(count: int, size: int, wanted: int) -> str:
    """A two-dimensional chain with one kernel for all layers."""
    layers = ["conv: {out_channels: 8, kernel_size: $k, stride: 1 | 2, padding: 0..2}"] * count
    return _file(f"[3, {size}, {size + 7}]", layers, [f"output.height == {wanted}"], holes={"k": "3 | 5 | 7"})


def residual(stages: int, size: int, wanted: int, budget: str = "") -> str:
    """Residual stages: a main branch of two convolutions, a shortcut of one, sizes must agree."""
    layers = []
    previous = "input"
    for i in range(stages):
        layers += [
            f"conv: {{name: a{i}, inputs: {previous}, out_channels: $w{i}, kernel_size: 1 | 3 | 5, stride: 1 | 2, padding: 0..2}}",
            f"conv: {{name: b{i}, out_channels: $w{i}, kernel_size: 3 | 5, stride: 1, padding: 0..2}}",
            f"conv: {{name: s{i}, inputs: {previous}, out_channels: $w{i}, kernel_size: 1 | 2, stride: 1 | 2, padding: 0..1}}",
            f"add: {{name: r{i}, inputs: [b{i}, s{i}], broadcast: false}}",
        ]
        previous = f"r{i}"
    holes = {f"w{i}": "8 | 16 | 32" for i in range(stages)}
    require = [f"output.height == {wanted}", f"output.width == {wanted}", *([budget] if budget else [])]
    return _file(f"[3, {size}, {size}]", layers, require, holes=holes)


def unet(depth: int, size: int, *, same: bool, tail: str = "", require: list[str] | None = None) -> str:
    """A U-Net with open kernels and paddings; skips must meet."""
    layers, widths = [], [8 * 2**i for i in range(depth)]
    for i, w in enumerate(widths):
        layers += [
            f"conv: {{name: e{i}, out_channels: {w} | {2 * w}, kernel_size: 2 | 3 | 5, padding: 0..2}}",
            f"conv: {{name: d{i}, out_channels: {w}, kernel_size: 2 | 3, stride: 2, padding: 0..1}}",
        ]
    for i in reversed(range(depth)):
        layers += [
            f"conv_transpose: {{name: u{i}, out_channels: {widths[i]}, kernel_size: 2 | 3 | 4, stride: 2, padding: 0..1}}",
            f"concat: {{name: c{i}, inputs: [u{i}, e{i}]}}",
            f"conv: {{name: f{i}, out_channels: {widths[i]} | {2 * widths[i]}, kernel_size: 1 | 3, padding: 0..1}}",
        ]
    wanted = [f"output.height == {size}", f"output.width == {size}"] if same else ["output.height >= 4"]
    return _file(f"[3, {size}, {size}]", layers, [*wanted, *(require or [])], tail)


def optional(count: int, size: int, wanted: int, more: list[str] | None = None, tail: str = "") -> str:
    """Optional layers, choices and an open depth."""
    layers = []
    for i in range(count):
        layers += [
            f"conv: {{name: o{i}, out_channels: 8, kernel_size: 3 | 5, padding: 0..1, optional: true}}",
            "choose: [{max_pool: {kernel_size: 2}}, {conv: {out_channels: 8, kernel_size: 3, stride: 2}}, identity]",
        ]
    layers.append("repeat: 0..3\n    layers: [{conv: {out_channels: 8, kernel_size: 3, padding: 0..1}}]")
    return _file(f"[8, {size}, {size}]", layers, [f"output.height == {wanted}", *(more or [])], tail)


def wide(count: int, size: int, wanted: int, require: list[str], tail: str = "") -> str:
    """Kernel, stride, padding and width open in every layer."""
    layers = [
        "conv: {out_channels: 16 | 32 | 64 | 128, kernel_size: 1 | 3 | 5 | 7, stride: 1 | 2, padding: 0..3}"
    ] * count
    return _file(f"[3, {size}]", layers, [f"output.length == {wanted}", *require], tail)


def _decisions() -> Iterator[tuple[str, str]]:
    for count, size, wanted in [(10, 224, 7), (40, 224, 1), (80, 61, 4), (160, 224, 7), (160, 224, 1), (320, 224, 3)]:
        yield f"chain {count}: {size} to {wanted}", chain(count, size, wanted)
    for seed in range(6):
        rng = random.Random(seed)
        count, size = rng.choice([15, 30, 60]), rng.randint(60, 300)
        yield f"random chain {seed}", chain(count, size, rng.randint(1, 40), seed=seed)
    for count in (20, 80, 160):
        yield f"tied chain {count}: 224 to 113", tied_chain(count, 224, 113)
    yield "tied chain 40: 224 to 28", tied_chain(40, 224, 28)
    for count, wanted, field in [(12, 7, 121), (24, 4, 333), (40, 14, 511), (12, 56, 200)]:
        yield f"field chain {count}: field {field}", field_chain(count, 224, wanted, field)
    yield "chain 3: 32 to 5", chain(3, 32, 5)  # small enough for brute force
    yield "optional 1 infeasible", optional(1, 20, 6, ["output.height == 7"])
    yield "shared 4", shared(4, 64, 5)
    yield "shared 8", shared(8, 128, 9)
    yield "shared 20", shared(20, 300, 5)
    for stages, size, wanted in [(2, 32, 8), (4, 64, 4), (6, 97, 3)]:
        yield f"residual {stages}", residual(stages, size, wanted)
    yield "residual 3 budget", residual(3, 64, 8, "params <= 9000")
    for depth, size in [(2, 64), (3, 96), (4, 128)]:
        yield f"unet {depth}", unet(depth, size, same=True)
    for count, size, wanted in [(3, 64, 6), (6, 200, 5)]:
        yield f"optional {count}", optional(count, size, wanted)
    yield "optional 4 infeasible", optional(4, 100, 6, ["output.height == 7"])
    for count, wanted, require in [
        (6, 7, ["params <= 30_000", "macs >= 500_000"]), (12, 7, ["params <= 40_000"]),
        (12, 7, ["macs <= 600_000"]), (8, 3, ["params <= 9000", "macs <= 150_000"]), (20, 7, ["params <= 12_000"]),
    ]:  # fmt: skip
        yield f"budget {count}: {' '.join(require)}", wide(count, 224, wanted, require)


def _optimisations() -> Iterator[tuple[str, str]]:
    for count, budget in [(4, 40_000), (6, 60_000), (9, 90_000), (12, 120_000), (20, 200_000)]:
        require = [f"params <= {budget}", f"params >= {budget // 2}"]
        yield f"least macs {count}", wide(count, 224, 7, require[:1], "minimize: macs\n")
        if count <= 12:
            yield f"least macs {count}, params at least half", wide(count, 224, 7, require, "minimize: macs\n")
    yield "least params 12", wide(12, 224, 7, ["macs <= 2M", "receptive_field >= 100"], "minimize: params\n")
    yield "largest field 12", wide(12, 224, 7, ["macs <= 2M"], "maximize: receptive_field\n")
    yield "least macs 2", wide(2, 28, 7, ["params <= 3000"], "minimize: macs\n")
    yield "residual 1 macs", residual(1, 32, 16) + "minimize: macs\n"
    for count in (10, 40):
        total = " + ".join(f"conv{i}.padding" for i in range(1, count + 1))
        yield f"least padding {count}", chain(count, 224, 7) + f"minimize: {total}\n"
    yield "residual 3 macs", residual(3, 64, 8) + "minimize: macs\n"
    yield "residual 5 params", residual(5, 64, 4) + "minimize: params\n"
    yield "unet 2 macs", unet(2, 64, same=True, tail="minimize: macs\n")
    yield "unet 3 params", unet(3, 96, same=True, require=["macs <= 400M"], tail="minimize: params\n")
    yield "optional 4 macs", optional(4, 100, 5, ["params >= 3000"], "minimize: macs\n")


def suite() -> list[Instance]:
    """Return the whole suite."""
    decisions = [Instance(name, text, False) for name, text in _decisions()]
    return decisions + [Instance(name, text, True) for name, text in _optimisations()]


def growth() -> list[tuple[int, Instance]]:
    """Return chains of growing length."""
    return [(n, Instance(f"chain {n}", chain(n, 224, 7), False)) for n in (125, 250, 500, 1000)]
