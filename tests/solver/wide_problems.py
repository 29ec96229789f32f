"""Random problems with one block that is far too wide to be written down: everything of a layer is open at once."""

from __future__ import annotations

import itertools
import random


def wide_problem(seed: int) -> str:
    """Return the text of a problem whose holes, met together, have up to 10**30 combinations."""
    rng = random.Random(seed)
    rank = rng.choice([1, 2, 2, 3, 3])
    size = [rng.choice([16, 48, 64, 224]) for _ in range(rank)]
    lines = [f"input: [{', '.join(map(str, [rng.randint(1, 4), *size]))}]", "layers:"]
    count = rng.randint(1, 5)
    for i in range(1, count + 1):
        parts = [f"name: c{i}", f"out_channels: {rng.choice(['8', '1..500', '8..64 step 8', '1..4096'])}"]
        for parameter, low, ends in (
            ("kernel_size", 1, ["64", "16", "500 step 3"]), ("stride", 1, ["64", "8", "9 step 2"]),
            ("padding", 0, ["64", "7"]), ("dilation", 1, ["64", "4"]),
        ):  # fmt: skip
            if rng.random() < (0.8 if parameter == "kernel_size" else 0.5):
                each = [f"{low}..{rng.choice(ends)}" for _ in range(rank)]
                together = rng.random() < 0.3
                parts.append(f"{parameter}: {each[0] if together else '[' + ', '.join(each) + ']'}")
        if not any(p.startswith("kernel_size") for p in parts):
            parts.append("kernel_size: 3")
        lines.append(f"  - conv: {{{', '.join(parts)}}}")
    names = [f"c{i}" for i in range(1, count + 1)]
    requirements = rng.sample([
        " or ".join(f"{n}.channels == {rng.choice([8, 24])}" for n in names),
        " * ".join(f"{n}.channels" for n in names) + f" == {rng.choice([123456789, 2**12 * 3**count, 8**count])}",
        " + ".join(f"{n}.channels" for n in names) + f" >= {10 * count}",
        "output.size == 500", f"params <= {rng.choice(['20K', '2M'])}", "params % 997 == 3", "macs <= 100M",
        " and ".join(f"{a}.channels <= 2 * {b}.channels" for a, b in itertools.pairwise(names)) or "params >= 9",
    ], rng.randint(1, 2))  # fmt: skip
    lines += ["require:", *(f"  - {r}" for r in requirements)]
    goal = rng.choice(
        ["", "", "minimize: macs", "maximize: params", "minimize: [params, macs]", "maximize: output.size"]
    )
    return "\n".join([*lines, goal]) + "\n"
