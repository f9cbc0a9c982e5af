"""The command ``gpubp``: its sub-commands, and how they fail."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import NoReturn

from gpubp.errors import GpubpError

# A sub-command is a module with add_arguments(parser) and run(arguments) -> exit status; it is
# imported when it is called, so that `gpubp --help` doesn't wait for it.
COMMANDS = {
    "train": ("gpubp.train.command", "train a classifier, on digits or on your own data"),
    "predict": ("gpubp.train.predict", "write what a trained network makes of new examples"),
    "info": ("gpubp.info", "say which backends are usable, and why the others are not"),
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")  # one line, without the usage before it


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; its exit status is 2 for input that can't be used."""
    argv = sys.argv[1:] if argv is None else argv
    parser = _Parser(prog="gpubp", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, help) in COMMANDS.items():
        command = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
        if name in argv[:1]:
            importlib.import_module(module).add_arguments(command)
    arguments = parser.parse_args(argv)
    try:
        return importlib.import_module(COMMANDS[arguments.command][0]).run(arguments)
    except GpubpError as error:
        print(f"gpubp {arguments.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"gpubp {arguments.command}: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
