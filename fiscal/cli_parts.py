"""What the commands of ``fiscal`` share: how one is declared, how one fails."""

from __future__ import annotations

import argparse


class Failure(Exception):
    """Ends the command with a line on stderr and this exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, short: str, text: str, more: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=short,
        description=text,
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def server_option(parser: argparse._ActionsContainer) -> None:
    """For commands that speak to a running server."""
    parser.add_argument(
        "--server",
        default="http://127.0.0.1:8054",
        metavar="URL",
        help="where `fiscal serve` runs (default: %(default)s); its token comes from FISCAL_TOKEN",
    )
