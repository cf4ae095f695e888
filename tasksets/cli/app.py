"""The command: its subcommands, its logging, and the one table from an error to an exit code."""

import errno
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from openenv_tasksets.cli.cache import cache
from openenv_tasksets.cli.console import say, write
from openenv_tasksets.cli.diff import diff
from openenv_tasksets.cli.export import export
from openenv_tasksets.cli.init import init
from openenv_tasksets.cli.lock import lock
from openenv_tasksets.cli.push import push
from openenv_tasksets.cli.run import run
from openenv_tasksets.cli.schema import schema
from openenv_tasksets.cli.serve import serve
from openenv_tasksets.cli.show import show
from openenv_tasksets.cli.validate import validate
from openenv_tasksets.cli.verify import verify
from openenv_tasksets.loaders.errors import TasksetError

_EPILOG = """Data goes to stdout, everything else to stderr.

\b
Exit codes:
    0  done
    1  an error in what was given; or stdout cannot be written, or is read no more
    2  a command line that cannot be understood
    3  a bug in this program, with its traceback
    4  run: some episodes ended in an error
    5  diff, verify: some task differs
  130  interrupted
"""

_EXIT_CODES: dict[type[BaseException], int] = {
    TasksetError: 1,
    BrokenPipeError: 1,
    KeyboardInterrupt: 130,
    Exception: 3,
}
_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS))

app = typer.Typer(
    name="tasksets",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
for _command in (init, validate, show, serve, run, push, verify, export, lock, diff, cache, schema):
    app.command(no_args_is_help=_command is not schema)(_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        write(f"tasksets {version('openenv-tasksets')}")
        raise typer.Exit


@app.callback()
def options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what is done, on stderr.")] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Dataset rows as the tasks of OpenEnv environments: declare, check, look at, serve and play them."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        stream=sys.stderr,
        format="%(levelname)s %(name)s: %(message)s",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words behind ``tasksets``; None takes the process's.

    Returns:
        The exit code.
    """
    try:
        app(args=arguments, prog_name="tasksets")
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else 0
    except (Exception, KeyboardInterrupt) as exc:  # noqa: BLE001 - the outermost border of the process
        code = _report(exc)
    try:
        # There is none where the shell closed it.
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as exc:
        # The interpreter flushes once more at its end; there must be something to flush into.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = code or _report(exc)
    return code


def _report(exc: BaseException) -> int:
    code = next(_EXIT_CODES[kind] for kind in type(exc).__mro__ if kind in _EXIT_CODES)
    if isinstance(exc, TasksetError):
        say(exc.message)
    elif isinstance(exc, OSError) and exc.errno in _NO_ROOM:
        say(f"{exc.filename or 'output'} cannot be written: {exc.strerror}")
        return _EXIT_CODES[TasksetError]
    elif code == _EXIT_CODES[Exception]:
        traceback.print_exception(exc)
        say("this is a bug in tasksets: please report it with the lines above")
    return code
