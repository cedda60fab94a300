"""implicit-tui serve: the same app in a browser, for this machine alone."""

from __future__ import annotations

import argparse
import importlib.util

from solver.refusal import BadSetting
from tui.commands.ending import complain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="?", metavar="PRESET|RUN|FILE", help="open the app on it")
    parser.add_argument("--port", type=int, default=8000, help="on loopback (8000)")


def main(arguments: argparse.Namespace) -> int:
    if importlib.util.find_spec("textual_serve") is None:
        raise BadSetting("serve needs an extra: pip install 'implicit-tui[serve]'")
    if not 1 <= arguments.port <= 65_535:
        raise BadSetting(f"--port must be from 1 to 65535, not {arguments.port}: its default is 8000")
    from tui.browser import LoopbackServer

    server = LoopbackServer(arguments.target, arguments.port)
    complain(f"{server.address} shows the app to whoever has this address; ctrl+c ends it")
    complain(f"from elsewhere: ssh -L 9000:127.0.0.1:{arguments.port} HOST, then the same address with port 9000")
    try:
        server.serve()
    except OSError as error:
        raise BadSetting(f"--port {arguments.port} cannot be used ({error.strerror}): take another one") from None
    return 0
