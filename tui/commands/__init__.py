"""The command line: one file a subcommand; without one, the app."""

from __future__ import annotations

import argparse
import importlib
import io
import sys
from collections.abc import Sequence

from solver import machine
from solver.refusal import BadSetting
from solver.version import VERSION
from tui.commands import output
from tui.commands.ending import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_INTERRUPTED, complain
from tui.commands.table import COMMANDS


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    output.whole()
    for stream in (sys.stdout, sys.stderr):
        # A locale without our characters shows question marks, neither escapes nor a traceback.
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="replace")
    try:
        machine.cores_asked()
        try:
            return _dispatch(list(arguments))
        finally:
            # Now, and not as the interpreter's last act, which nobody could report of.
            output.close()
    except BadSetting as error:
        complain(str(error))
        return EXIT_BAD_INPUT
    except BrokenPipeError:
        # The reader of our output went away, as in `… | head`: not an error of ours.
        output.discard()
        return 0
    except OSError as error:
        output.discard()
        complain(f"what was asked for could not be written or read ({(error.strerror or str(error)).lower()})")
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _dispatch(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="implicit-tui",
        description="Watch gradient descent choose low rank. Without a command: the app.",
        epilog="implicit-tui [PRESET|RUN|FILE] opens the app on it.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"implicit-tui {VERSION}")
    if arguments and arguments[0] in COMMANDS:
        command = arguments[0]
        module = importlib.import_module(f"tui.commands.{command}")
        own = argparse.ArgumentParser(prog=f"implicit-tui {command}", description=COMMANDS[command])
        module.add_arguments(own)
        status: int = module.main(own.parse_args(arguments[1:]))
        return status
    commands = "\n".join(f"  {name:<11}{text}" for name, text in COMMANDS.items())
    parser.epilog = f"commands:\n{commands}\n\n{parser.epilog}"
    parser.add_argument("target", nargs="?", metavar="PRESET|RUN|FILE", help="open the app on it")
    from tui.commands import app

    return app.main(parser.parse_args(arguments).target)
