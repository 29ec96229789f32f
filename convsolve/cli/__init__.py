"""The command line: commands parse and print, nothing else. Start-up is kept cheap by importing late."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

__all__ = ["cli", "main"]

_COMMANDS = {
    "check": "Check a network's shapes, and find the layers that are impossible.",
    "repair": "Find the cheapest changes that make a network work.",
    "synth": "Find values for the open parameters of a problem.",
    "sizes": "Say which input sizes a network takes, exactly.",
    "counterexample": "Find the smallest input that breaks a claim, or prove that there is none.",
    "explain": "Explain an error message: what is impossible, and what mends it.",
    "run": "Run a script, and explain the shape error that ends it.",
    "rule": "Say what a code such as CS001 means, with an example.",
    "diff": "Compare the input sizes that two networks take.",
    "count": "Count the valid architectures of a problem.",
    "sample": "Draw valid architectures, each equally likely.",
    "enumerate": "List the valid architectures, one JSON object a line.",
    "draw": "Draw a network: as a picture, or as a page with sliders.",
    "serve": "Show a network's page in a browser, and follow its file.",
    "export": "Write a network as PyTorch or Keras source, ONNX or YAML.",
    "schema": "Print the JSON Schema of problem files, for editors.",
}


_CLOSED_PIPE = 128 + 13
"""What a shell says of a command that a closed pipe has ended."""


class _Lazy(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = import_module(f".{name}", __name__).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        import difflib

        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(error.message + hint, ctx) from None


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="convsolve")
def cli() -> None:
    """Design, check and repair convolutional networks with a constraint solver.

    Exit codes: 0 it holds, or a solution was found; 1 it does not hold, or there is none; 2 bad usage or a
    bad file; 3 not known in the time given; 130 interrupted.
    """


def _status(args: Sequence[str] | None) -> Any:
    written = sys.stdout
    try:
        return cli.main(args=list(args) if args is not None else None, prog_name="convsolve", standalone_mode=False)
    except SystemExit:
        if sys.stdout is not written:  # click wraps the stream, and exits, when nobody reads the pipe
            raise BrokenPipeError(errno.EPIPE, "nobody reads the output") from None
        raise  # a script that `run` runs has ended itself


def _unwritten(error: OSError) -> NoReturn:
    """Exit where the output could not be written; say nothing where nobody reads it."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # what is still buffered has nowhere to go
    if error.errno == errno.EPIPE:
        sys.exit(_CLOSED_PIPE)
    click.echo(f"error: {error.strerror or error}: the output could not be written", err=True)
    sys.exit(2)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    from ..errors import ConvsolveError, InternalError, UndecidedError

    try:
        status = _status(args)
        sys.stdout.flush()
        sys.exit(status if isinstance(status, int) else 0)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except UndecidedError as error:
        click.echo(f"not known: {error}", err=True)
        sys.exit(3)
    except InternalError as error:
        click.echo(f"internal error: {error}", err=True)
        sys.exit(70)
    except ConvsolveError as error:
        click.echo(f"error: {error}" if "\n" not in str(error) else str(error), err=True)
        sys.exit(2)
    except OSError as error:
        _unwritten(error)
