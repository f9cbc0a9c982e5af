"""The command ``gpubp``: its sub-commands, and how they fail."""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from collections.abc import Collection
from typing import NoReturn

from gpubp import __version__
from gpubp.errors import GpubpError

# A sub-command is a module with add_arguments(parser) and run(arguments) -> exit status; it is
# imported when it is called, so that `gpubp --help` doesn't wait for it.
COMMANDS = {
    "train": ("gpubp.train.command", "train a classifier, on digits or on your own data"),
    "predict": ("gpubp.train.predict", "write what a trained network makes of new examples"),
    "check": ("gpubp.check", "compare every function with the right values, in ulps"),
    "info": ("gpubp.info", "say which backends are usable, and why the others are not"),
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # One line, without the usage before it.
        help = "" if message.endswith("?") else f"; see {self.prog} --help"
        self.exit(2, f"{self.prog}: {message}{help}\n")


def _check(parser: _Parser, given: str, known: Collection[str], what: str) -> None:
    """End with an error if ``given`` isn't ``known``."""
    if given not in known:
        close = difflib.get_close_matches(given, known, n=1)
        parser.error(f"{what} {given!r}" + (f"; did you mean {close[0]!r}?" if close else ""))


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; its exit status is 2 for input that can't be used."""
    argv = sys.argv[1:] if argv is None else argv
    parser = _Parser(prog="gpubp", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"gpubp {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    called = parser
    for name, (module, help) in COMMANDS.items():
        command = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
        if name in argv[:1]:
            importlib.import_module(module).add_arguments(command)
            called = command
    if argv[:1] and not argv[0].startswith("-"):
        _check(parser, argv[0], COMMANDS, "there is no command")
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:  # the sub-command's own error, which argparse leaves to the parser above it
        flags = called._option_string_actions
        _check(called, unknown[0].partition("=")[0], flags, "there is no argument")
    try:
        return importlib.import_module(COMMANDS[arguments.command][0]).run(arguments)
    except GpubpError as error:
        print(f"gpubp {arguments.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"gpubp {arguments.command}: interrupted", file=sys.stderr)
        return 130
