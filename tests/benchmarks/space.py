"""Search spaces: drawing beside rejection and beside a solver's call for each sample; domains; evaluation.

Run with ``python -m tests.benchmarks.space``.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

import convsolve as cs

CHAIN = """
input: [3, 128, 128]
layers:
  - repeat: 20..20
    layers:
      - conv: {name: c, out_channels: 16 | 32 | 48, kernel_size: 1 | 3 | 5, stride: 1 | 2, padding: 0..2}
require: [output.height == 8, output.width == 8]
"""


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def spaces() -> dict[str, cs.Problem]:
    chain, mobile = cs.parse(CHAIN), cs.load("problems/once_for_all.yaml")
    return {
        "chain of 20": chain,
        "chain of 20, params <= 200K": dataclasses.replace(chain, requirements=(*chain.requirements, "params <= 200K")),
        "once for all": mobile,
        "once for all, macs <= 230M": dataclasses.replace(mobile, requirements=("macs <= 230M",)),
        "blocks of a tuner": cs.load("problems/blocks_search.yaml"),
    }


def main() -> None:
    generator = np.random.default_rng(0)
    for name, problem in spaces().items():
        space = cs.Space(problem)
        count, counting = timed(space.count)
        space.sample(1)
        samples, drawing = timed(lambda space=space: space.sample(20_000))
        assert space.evaluate(samples).valid.all()
        columns = {n: generator.choice(v, 1_000_000) for n, v in space.holes.items()}
        _, evaluating = timed(lambda space=space, columns=columns: space.evaluate(columns))
        # to be uniform, rejection must also refuse all but one assignment of what an absent layer would have
        hits = 1_000_000 * count.value / prod(map(len, space.holes.values()))
        _, solving = timed(lambda space=space, sample=samples[0]: space.complete(dict(list(sample.items())[:1])))
        half = dict(list(samples[0].items())[: len(samples[0]) // 2])
        domains = min(timed(lambda space=space, half=half: space.domains(half))[1] for _ in range(5))
        print(f"{name}: {count.value:,} {'exactly' if count.exact else f'from {count.low:,} to {count.high:,}'}")
        print(f"  counting {counting:.2f} s; drawing {20_000 / drawing:,.0f} samples a second; by rejection "
              f"{hits / evaluating:,.1f}; a solver's call for each {1 / solving:,.1f}")
        print(f"  a million candidates in {evaluating:.1f} s; domains in {1000 * domains:.1f} ms")


if __name__ == "__main__":
    main()
