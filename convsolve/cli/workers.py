"""Who does the work of a command: this process, others on this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["working", "workers_options"]


def workers_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say who does its work: ``workers`` and ``cluster``."""
    workers = click.option("--workers", type=click.IntRange(1), metavar="N",
                           help="Share the work among N processes.")  # fmt: skip
    cluster = click.option("--cluster", metavar="ADDRESS",
                           help="Share the work among the workers of a Dask cluster: tcp://host:8786.")  # fmt: skip
    return workers(cluster(command))


@contextmanager
def working(workers: int | None, cluster: str | None) -> Iterator[Executor | None]:
    """Yield who is to do the work; None where this process is."""
    if workers is not None and cluster is not None:
        raise click.UsageError("--workers and --cluster are two ways to share work: leave out one")
    if workers is None and cluster is None:
        yield None
        return
    from ..space import pools

    with pools.LocalPool(workers) if cluster is None else pools.cluster(cluster) as executor:
        yield executor
