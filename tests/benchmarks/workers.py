"""Workers: what is gained by sharing work, what a piece of it costs, and what a killed worker costs.

Run with ``python -m tests.benchmarks.workers``.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext

import convsolve as cs
from convsolve.space.cubes import Job, run
from convsolve.space.subspace import Subspace

from .space import spaces, timed

ROWS = 400_000
WIDE = """
input: [1, 32, 32]
holes: {a: 1..11, b: 1..11, c: 1..11, d: 1..11, e: 1..11, f: 1..11, g: 1..11}
layers:
  - conv: {out_channels: $a, kernel_size: 3 | 5}
  - conv: {out_channels: $b, kernel_size: 1}
  - conv: {out_channels: $c, kernel_size: 1}
  - conv: {out_channels: $d, kernel_size: 1}
  - conv: {out_channels: $e, kernel_size: 1}
  - conv: {out_channels: $f, kernel_size: 1}
  - conv: {out_channels: $g, kernel_size: 1}
require: ["($a*$b + $c*$d) * ($e*$f + $g) <= 900"]
"""


def nothing(subspace: Subspace, depth: int) -> None:
    """Do nothing: what is left is what a job costs."""


def listing(executor: Executor | None, disturb: Callable[[], None] = lambda: None) -> float:
    start = time.perf_counter()
    for i, _ in enumerate(cs.Space(cs.load("problems/once_for_all.yaml")).lines(ROWS, executor=executor)):
        if i == 20:
            disturb()
    return time.perf_counter() - start


def kill_one() -> None:
    victim = multiprocessing.active_children()[0].pid
    assert victim is not None
    os.kill(victim, signal.SIGKILL)


def main() -> None:
    budgeted = spaces()["once for all, macs <= 230M"]
    for workers in (None, 1, 2):
        with nullcontext() if workers is None else cs.LocalPool(workers) as pool:
            print("in this process" if pool is None else f"{workers} workers")
            if pool is not None:
                print(f"  first answer after {timed(lambda pool=pool: pool.submit(int).result())[1]:.2f} s")
            wide, counting = timed(lambda pool=pool: cs.Space(cs.parse(WIDE)).count(executor=pool))
            print(f"  {wide.value:,} architectures of a space with too many states counted in {counting:.2f} s")
            found, cutting = timed(lambda pool=pool: cs.Space(budgeted).count(cubes=16, executor=pool))
            print(
                f"  once for all with a budget counted in 16 cubes to within {found.high / found.low - 1:.2%}: {cutting:.1f} s"
            )
            print(f"  {ROWS:,} architectures listed in {listing(pool):.2f} s")
            subspace = Subspace(budgeted)
            _, jobs = timed(lambda pool=pool, subspace=subspace: list(run([Job(subspace, nothing)] * 500, pool)))
            print(f"  a job costs {2 * jobs:.2f} ms")
            if pool is not None:
                print(f"  the same list with a worker killed in the middle: {listing(pool, kill_one):.2f} s")


if __name__ == "__main__":
    main()
