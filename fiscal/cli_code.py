"""The command ``fiscal code``: what a marking code says, and what is wrong with one."""

from __future__ import annotations

import argparse
import json
import sys

from fiscal.cli_parts import Failure, command


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    code = command(
        commands,
        "code",
        "explain a marking code",
        "Say what a marking code is, its parts, and what a receipt of each format makes of it; or where it is damaged.\n"
        "Codes come as scanners give them: with or without their prefix, the separator as a character or written \\x1d,\n"
        "\\u001d, <GS>. Quote them for the shell.",
        "examples:\n  fiscal code '010460065310599021\\x1d...'\n  fiscal code - < codes.txt        one a line",
    )
    code.add_argument("code", metavar="CODE", help="the code; - for standard input, one a line")
    code.add_argument("--json", action="store_true", help="one JSON object a code, for machines")
    code.set_defaults(run=_code)


def _code(options: argparse.Namespace) -> int:
    given = sys.stdin.read().splitlines() if options.code == "-" else [options.code]
    wrong = []
    for line, text in enumerate(given, start=1):
        if text.strip() or options.code != "-":
            fault = _one(text, options.json)
            if fault:
                wrong.append(f"line {line}: {fault}" if options.code == "-" else fault)
    if wrong:
        raise Failure("\n".join(wrong), 3)
    return 0


def _one(text: str, as_json: bool) -> str:
    """Print one code. Returns what is wrong with it, or nothing."""
    from fiscal.gs1 import IDENTIFIERS, BadCode
    from fiscal.marking import KINDS, parse

    try:
        code = parse(text)
    except BadCode as bad:
        return str(bad)
    tag, product = code.product_12
    if as_json:
        print(
            json.dumps(
                {
                    "kind": code.kind.value,
                    "code": code.code,
                    "parts": dict(code.parts),
                    "notes": list(code.notes),
                    "tag_1162": code.product_105.hex(),
                    "tag_1163": {str(tag): product},
                    "tag_2115": code.control,
                },
                ensure_ascii=False,
            )
        )
        return ""
    print(KINDS[code.kind].title)
    for ai, value in code.parts:
        print(f"  {ai:<5}{IDENTIFIERS[ai].title}: {value}")
    print(f"  FFD 1.05, tag 1162: {code.product_105.hex(' ')}")
    print(f"  FFD 1.2,  tag 1163: {tag} {product}")
    print(f"  control (tag 2115): {code.control}")
    for note in code.notes:
        print(f"  note: {note}")
    return ""
