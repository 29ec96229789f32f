"""Who does the work of a command: this process, others on this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["checkpoint_option", "kept", "workers_options", "working"]


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


def checkpoint_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option that keeps what is known of pieces of its work in a file: ``checkpoint``."""
    option = click.option("--checkpoint", type=click.Path(dir_okay=False), metavar="FILE",
                          help="Keep what is known in FILE: if this command is stopped, it goes on from there when it "
                          "is called again.")  # fmt: skip
    return option(command)


@contextmanager
def kept(checkpoint: str | None) -> Iterator[Callable[[], None]]:
    """Say, where work is stopped or its file cannot be written, that what is known is kept; yields what says so."""
    from ..errors import UndecidedError
    from ..support.atomic_write import unwritable

    def say() -> None:
        if checkpoint is not None:
            click.echo(f"{checkpoint} has what is known: the same command goes on from there", err=True)

    try:
        yield say
    except OSError as error:
        if checkpoint is None:
            raise
        raise unwritable(checkpoint, error) from None
    except (KeyboardInterrupt, UndecidedError):
        say()
        raise
