"""Small random design problems with budgets, and their true answers by the arithmetic of the design suite.

Budgets are drawn from what the network's assignments really cost, so that they bind: most rule some out, some all.
"""

from __future__ import annotations

import random

import numpy as np

from tests.benchmarks.design.columns import combinations, reading_of, rows_of

__all__ = ["MOST", "random_design"]

MOST = 6_000
"""Assignments, at most."""

_WIDTHS = ["4", "2..8 step 2", "4 | 8", "8 | 4 | 6", "3..9 step 3", "1..5", "8..1024 step 8", "5..200 step 13"]
_CHANCES = [4, 4, 4, 3, 2, 2, 0.5, 0.5]
_KERNELS = ["3", "1 | 3", "3 | 5", "2..4", "$k", "5 | 3 | 1"]
_COSTS = ["params", "macs", "activations"]


def random_design(seed: int) -> str:
    """Return the text of a random problem with at most :data:`MOST` assignments."""
    rng = random.Random(f"design {seed}")
    while True:
        text = _network(rng)
        if combinations(text) <= MOST:
            return text + _wishes(rng, text)


def _conv(rng: random.Random, name: str, *, keep: bool = False, holes: set[str] | None = None) -> str:
    width = rng.choices(_WIDTHS, _CHANCES)[0]
    if rng.random() < 0.2:
        width = rng.choice(["$w", "2*$w"])
    kernel = rng.choice(_KERNELS)
    if keep:
        kernel = rng.choice(["1", "3"])
        return f"conv: {{name: {name}, out_channels: {width}, kernel_size: {kernel}, padding: {int(kernel) // 2}}}"
    more = rng.choice(["", ", stride: 1 | 2", ", padding: 0..1", ", padding: 1", ", stride: 2 | 3, padding: 0 | 2",
                       ", dilation: 1 | 2", ", bias: false"])  # fmt: skip
    if kernel == "$k" and rng.random() < 0.4:
        more = ", padding: $k // 2"
    return f"conv: {{name: {name}, out_channels: {width}, kernel_size: {kernel}{more}}}"


def _place(rng: random.Random, i: int) -> list[str]:
    """Return the lines of one place of the network."""
    kind = rng.choices(
        ["conv", "optional", "choose", "repeat", "depthwise", "pool", "branches", "residual", "transposed", "when"],
        [6, 2, 2, 2, 1, 1, 1, 1, 1, 1])[0]  # fmt: skip
    name = f"c{i}"
    if kind == "optional":
        body = _conv(rng, name)
        return [f"  - {body[:-1]}, optional: true}}"]
    if kind == "choose":
        pool = f"{{max_pool: {{name: m{i}, kernel_size: 2 | 3, stride: 2}}}}"
        others = rng.sample([f"{{{_conv(rng, name)}}}", f"[{{{_conv(rng, name + 'a')}}}, relu]", pool, "identity",
                             f"[{{{_conv(rng, name + 'b')}}}, {{{_conv(rng, name + 'd', keep=True)}}}]"],
                            rng.randint(2, 3))  # fmt: skip
        return [f"  - choose: [{', '.join(others)}]", f"    name: pick{i}"]
    if kind == "repeat":
        inner = rng.choice([_conv(rng, f"r{i}"), _conv(rng, f"r{i}", keep=True)])
        lines = [f"  - repeat: {rng.choice(['1..2', '0..2', '1 | 3', '2..3', '2'])}", f"    name: block{i}", "    layers:",
                 f"      - {inner}"]  # fmt: skip
        return [*lines, "      - batch_norm"] if rng.random() < 0.4 else lines
    if kind == "depthwise":
        return [f"  - depthwise_conv: {{name: {name}, kernel_size: 3 | 5, padding: 1..2, stride: 1 | 2}}"]
    if kind == "pool":
        more = rng.choice(["", ", stride: 1 | 2", ", ceil_mode: true", ", padding: 0..1"])
        return [f"  - {rng.choice(['max_pool', 'avg_pool'])}: {{name: {name}, kernel_size: 2 | 3{more}}}"]
    if kind == "branches":
        join = rng.choice(["concat", "concat", "add"])
        same = rng.choice(["4 | 6", "$w"])
        left, right = (same, same) if join == "add" else ("4 | 6", "2..6 step 2")
        more = ", broadcast: false" if join == "add" else ""
        return [
            f"  - identity: {{name: e{i}}}",
            f"  - conv: {{name: a{i}, out_channels: {left}, kernel_size: 3, stride: 1 | 2, padding: 1}}",
            f"  - conv: {{name: b{i}, inputs: e{i}, out_channels: {right}, kernel_size: 1 | 2, stride: 1 | 2}}",
            f"  - {join}: {{name: {name}, inputs: [a{i}, b{i}]{more}}}"]  # fmt: skip
    if kind == "residual":
        return [f"  - conv: {{name: in{i}, out_channels: $w, kernel_size: 1}}",
                f"  - conv: {{name: a{i}, out_channels: 2..6 step 2, kernel_size: 1}}",
                f"  - conv: {{name: b{i}, out_channels: $w, kernel_size: $k, padding: $k // 2}}",
                f"  - add: {{name: {name}, inputs: [b{i}, in{i}], broadcast: false}}"]  # fmt: skip
    if kind == "transposed":
        return [
            f"  - conv_transpose: {{name: {name}, out_channels: 3 | 5, kernel_size: 2..3, stride: 1 | 2, padding: 0..1}}"
        ]
    if kind == "when":
        return [f"  - identity: {{name: e{i}}}",
                f"  - conv: {{name: a{i}, out_channels: 4 | 6, kernel_size: 3, padding: 1, when: $op == 1}}",
                f"  - conv: {{name: b{i}, inputs: e{i}, out_channels: 2..6 step 2, kernel_size: 1, when: $op == 2}}",
                f"  - max_pool: {{name: d{i}, inputs: e{i}, kernel_size: 3, stride: 1, padding: 1, when: $op == 3}}",
                f"  - choice: {{name: {name}, inputs: [a{i}, b{i}, d{i}], conditions: [$op == 1, $op == 2]}}"]  # fmt: skip
    return [f"  - {_conv(rng, name)}"]


def _network(rng: random.Random) -> str:
    size = rng.choice([6, 8, 9, 12, 17])
    lines = [line for i in range(1, rng.randint(2, 4) + 1) for line in _place(rng, i)]
    ending = rng.random()
    if ending < 0.25:
        lines += ["  - global_avg_pool", f"  - linear: {{name: head, out_features: {rng.choice(['5', '4 | 7'])}}}"]
    elif ending < 0.4:
        lines += ["  - flatten", "  - linear: {name: head, out_features: 3 | 4}"]
    written = "\n".join(lines)
    declared = {"k": rng.choice(["1 | 3", "5 | 3 | 1", "3 | 5"]), "w": rng.choice(["4 | 2", "2..6 step 2", "3 | 5"]),
                "op": "1..3"}  # fmt: skip
    used = [f"  {name}: {values}" for name, values in declared.items() if f"${name}" in written]
    holes = "holes:\n" + "\n".join(used) + "\n" if used else ""
    side = size if rng.random() < 0.6 else rng.choice([size, size + 2, f"{size}..{size + 4} step 2"])
    return f"input: [{rng.choice([1, 2, 3])}, {size}, {side}]\n{holes}layers:\n{written}\n"


def _wishes(rng: random.Random, text: str) -> str:
    """Return requirements near what assignments cost, and objectives."""
    rows = rows_of(text)
    valid, costs = reading_of(text + "minimize: [params, macs, activations, output.size]\n", rows)
    costs = costs[valid] if valid.any() else costs

    def about(column: int) -> int:
        return int(np.quantile(costs[:, column], rng.choice([0.02, 0.1, 0.3, 0.5, 0.8])))

    require = []
    for column in rng.sample(range(3), rng.choice([0, 1, 2, 2, 2])):
        sign = rng.choice(["<=", "<=", "<=", ">=", "<"])
        require.append(f"{_COSTS[column]} {sign} {about(column) + rng.choice([0, 0, 1, -1])}")
    extra = rng.random()
    if extra < 0.1:
        require.append(f"params == {about(0)}")
    elif extra < 0.2:
        require.append(f"params <= {about(0)} or macs <= {about(1)}")
    elif extra < 0.3:
        require.append(f"macs >= {max(1, about(1) // max(1, about(0)))} * params")
    elif extra < 0.35:
        require.append(f"not (activations > {about(2)} and params % 2 == 0)")
    elif extra < 0.4:
        least = about(3)
        require.append(f"output.size in {least}..{2 * least + 3}")
    elif extra < 0.45:
        require.append(f"max(params, activations) <= {max(about(0), about(2))}")
    if "$k" in text and rng.random() < 0.2:
        require.append("$k != 3 or params % 3 != 0")
    objective = rng.choice(
        ["", "minimize: macs", "maximize: params", "minimize: [params, macs]", "maximize: macs\nminimize: params",
         "minimize: activations\nmaximize: output.size", "minimize: max(params, activations)",
         "maximize: [output.size, params]", "minimize: macs - 3*params\nmaximize: activations"])  # fmt: skip
    required = "require:\n" + "".join(f"  - {r}\n" for r in require) if require else ""
    return required + (objective + "\n" if objective else "")
