"""The command line: commands parse and print, nothing else. Start-up is kept cheap by importing late."""

from __future__ import annotations

import atexit
import errno
import gc
import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from itertools import pairwise
from typing import Any

import click

__all__ = ["ALIASES", "cli", "main"]

_GROUPS = {
    "Check": {
        "check": "Check a network's shapes, and find the layers that are impossible.",
        "lint": "Say what an expert would change in a network that works.",
        "explain": "Explain an error message: what is impossible, and what mends it.",
        "run": "Run a script, and explain the shape error that ends it.",
        "rule": "Say what a code such as CS001 means, with an example.",
        "diff": "Compare the input sizes that two networks take.",
        "counterexample": "Find the smallest input that breaks a claim, or prove that there is none.",
        "sizes": "Say which input sizes a network takes, exactly.",
    },
    "Design": {
        "design": "Design a network from its ends: what comes in, what has to come out, budgets.",
        "repair": "Find the cheapest changes that make a network work.",
        "synth": "Find values for the open parameters of a problem.",
        "export": "Write a network as PyTorch or Keras source, ONNX or YAML.",
    },
    "Search": {
        "count": "Count the valid architectures of a problem.",
        "sample": "Draw valid architectures, each equally likely.",
        "enumerate": "List the valid architectures, one JSON object a line.",
    },
    "Show": {
        "draw": "Draw a network: as a picture, or as a page with sliders.",
        "lsp": "Speak with an editor: findings, shapes and repairs where a network is written.",
        "serve": "Show a network's page in a browser, and follow its file.",
        "guide": "Read the guide: tutorial, recipes, reference.",
        "example": "Print an example, a problem file.",
        "schema": "Print the JSON Schema of problem files, for editors.",
    },
}
_COMMANDS = {name: said for group in _GROUPS.values() for name, said in group.items()}

ALIASES = {"valid_sizes": "sizes", "valid-sizes": "sizes", "solve": "synth", "compare": "diff"}
"""Names of the Python API, which are taken for the commands that do the same."""


_CLOSED_PIPE = 128 + 13
"""What a shell says of a command that a closed pipe has ended."""

_INTERNAL = 70
"""The exit code of a fault of convsolve itself (``EX_SOFTWARE`` of sysexits.h)."""

_UNWRITTEN = (errno.EPIPE, errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF, getattr(errno, "EDQUOT", errno.ENOSPC))
"""The errors of an output that cannot be written."""

atexit.register(gc.freeze)  # a process that ends need not look for rings in what it has made, which takes long


class _Lazy(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        from .help_examples import EXAMPLES

        name = ALIASES.get(name, name)
        if name not in _COMMANDS:
            return None
        command: click.Command = import_module(f".{name}", __name__).command
        command.name = name
        command.epilog = "\n".join(["\b", "Examples:", *(f"  convsolve {words}" for words in EXAMPLES[name])])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, _COMMANDS))
        for group, commands in _GROUPS.items():
            with formatter.section(group):
                formatter.write_dl([(name.ljust(width), said) for name, said in commands.items()])

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
    bad file; 3 not known in the time given; 70 an internal error, which says nothing of the network; 130
    interrupted. With CONVSOLVE_DEBUG=1 an internal error shows its traceback.
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit: the one place where what has happened becomes an exit code."""
    _open_streams()
    handlers = _end_when_asked()
    words = sys.argv[1:] if args is None else list(args)
    try:
        code = _code(words)
        sys.stdout.flush()
    except BaseException as error:
        code = _failed(error, words)
        if code in (2, 3, _INTERNAL) and _wants_json(words):
            _print_error(error, code, words)
    for number, handler in handlers.items():  # who has called this may go on
        signal.signal(number, handler)
    sys.exit(code)


def _say(text: str) -> None:
    """Print on standard error; where that cannot be written either, the exit code has to do."""
    try:
        click.echo(text, err=True)
    except OSError:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # what is still buffered has nowhere to go


def _code(words: Sequence[str]) -> int:
    written = sys.stdout
    try:
        status = cli.main(args=list(words), prog_name="convsolve", standalone_mode=False)
    except SystemExit:
        if sys.stdout is not written:  # click wraps the stream, and exits, when nobody reads the pipe
            raise BrokenPipeError(errno.EPIPE, "nobody reads the output") from None
        if "_CONVSOLVE_COMPLETE" in os.environ:  # click has answered a shell, and ends there
            return 0
        raise
    return status if isinstance(status, int) else 0


def _failed(error: BaseException, words: Sequence[str]) -> int:
    """Say what went wrong, and return the exit code."""
    from ..errors import ConvsolveError, FileError, InternalError, UndecidedError
    from ..support.foreign_text import visible

    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if _INTERRUPTS:
        _say("interrupted")
        return 130
    if isinstance(error, click.ClickException):
        shown = io.StringIO()
        error.show(shown)
        words_said = shown.getvalue().rstrip("\n").replace("\nError: ", "\nerror: ").removeprefix("Error: ")
        _say(visible(words_said if "error: " in words_said else f"error: {words_said}", keep="\n"))
        return 2
    if isinstance(error, click.Abort) and isinstance(error.__cause__, EOFError):
        return _crashed(error.__cause__, words)  # which click takes for an end of what is typed
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        _say("interrupted")
        return 130
    if isinstance(error, UndecidedError):
        _say(f"not known: {visible(str(error))}")
        return 3
    if isinstance(error, ConvsolveError) and not isinstance(error, InternalError):
        several = isinstance(error, FileError) and len(error.mistakes) > 1
        _say(str(error) if several else f"error: {visible(str(error))}")
        return 2
    if isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITTEN:
        return _unwritten(error)
    return _crashed(error, words)


def _wants_json(words: Sequence[str]) -> bool:
    return "--json" in words or any(pair == ("--output-format", "json") for pair in pairwise(words))


def _print_error(error: BaseException, code: int, words: Sequence[str]) -> None:
    """Print the JSON document of an error, in the place of the one of an answer."""
    import json

    from ..errors import FileError
    from ..support.foreign_text import visible
    from .json_schemas import DOCUMENTS, VERSION

    name = next((ALIASES.get(word, word) for word in words if not word.startswith("-")), "")
    if name not in DOCUMENTS:
        return
    message = error.format_message() if isinstance(error, click.ClickException) else str(error)
    mistakes = [{"file": error.source, "line": m.line, "column": m.column, "message": m.message}
                for m in error.mistakes] if isinstance(error, FileError) else []  # fmt: skip
    document = {"version": VERSION, "command": name, "status": "error", "exit_code": code,
                "message": visible(message, keep="\n"), "mistakes": mistakes}  # fmt: skip
    with suppress(OSError):
        click.echo(json.dumps(document, indent=2))


def _crashed(error: BaseException, words: Sequence[str]) -> int:
    """Say that this is a fault of convsolve, and how to report it."""
    import shlex
    import traceback
    from importlib.metadata import PackageNotFoundError, version

    if os.environ.get("CONVSOLVE_DEBUG", "0") not in ("", "0"):
        _say("".join(traceback.format_exception(error)).rstrip())
    try:
        release = version("convsolve")
    except PackageNotFoundError:  # run from its sources
        release = "of no release"
    said = ascii(" ".join(str(error).split()))[1:-1][:300]
    called = ascii(shlex.join(["convsolve", *words]))[1:-1]
    _say(
        f"internal error: {type(error).__name__}{said and f': {said}'}. This says nothing about the network. Please "
        f"report it: convsolve {release}, the command {called}, the file, and what CONVSOLVE_DEBUG=1 shows"
    )
    return _INTERNAL


def _end_when_asked() -> dict[int, Any]:
    """Let SIGTERM end a command as Ctrl-C does: what is known is said, what is done is kept; the exit code is 130.

    Returns the handlers that were there before.
    """
    _INTERRUPTS.clear()
    before: dict[int, Any] = {}
    with suppress(ValueError):  # signals are for the first thread
        for number, usual in ((signal.SIGTERM, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
            if signal.getsignal(number) is usual:
                before[number] = signal.signal(number, _interrupt)
    return before


_INTERRUPTS: list[int] = []
"""The signals that came: while a package of C is imported, what they raise may end as another error."""


def _interrupt(number: int, frame: Any) -> None:
    _INTERRUPTS.append(number)
    raise KeyboardInterrupt


def _open_streams() -> None:
    """Let standard streams that are closed lead nowhere, and output never fail over a letter that it cannot show."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  # as long as the process is there
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _unwritten(error: OSError) -> int:
    """Return the exit code where the output could not be written; say nothing where nobody reads it."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # what is still buffered has nowhere to go
    if error.errno == errno.EPIPE:
        return _CLOSED_PIPE
    _say(f"error: {error.strerror or error}: the output could not be written")
    return 2
