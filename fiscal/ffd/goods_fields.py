"""The fields that few lines of a receipt have: for whom the goods are sold, and by which code they are known.

An agent: 1222, 1223, 1224, 1226, in both formats. A marking code: 1162 in FFD 1.05, where the bytes say it all; in FFD 1.2 the
structure 1163, the part of a package (1291), how the code was processed (2102) and what came of the check (2106). What a check says
of a receipt as a whole is 2107. Source: tables of the format (requirements.csv, 1059, 1163, 1223, 1224, 1291).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from fiscal.agents import Agent
from fiscal.ffd.tlv import byte, raw, stlv, text, vln
from fiscal.marking import Mark, MarkingCode, parse

__all__ = [
    "CHECKED",
    "FINE",
    "POSITIVE",
    "RIGHT",
    "STATUS_CHECKED",
    "agent_fields",
    "code_fields",
    "common_agent",
    "mark_fields",
    "negative",
    "part_field",
    "verdict_field",
]

FFD_12 = 4

CHECKED, POSITIVE, STATUS_CHECKED, RIGHT, ALONE = 1, 2, 4, 8, 16
"""Bits of 2106 (and 2004, 2005): the drive checked the code; it is genuine; the marking service was asked; the planned status is right;
the register works without a network."""
FINE = CHECKED | POSITIVE | STATUS_CHECKED | RIGHT


def negative(result: int) -> bool:
    """Whether a check (2106) came out against the goods. What was not checked is not negative."""
    return bool(
        (result & CHECKED and not result & POSITIVE) or (result & STATUS_CHECKED and not result & RIGHT)
    )


def verdict_field(results: Iterable[int]) -> bytes:
    """Tag 2107, which stands in a receipt when a check came out against any of its goods; else nothing."""
    return byte(2107, 1) if any(map(negative, results)) else b""


@lru_cache(maxsize=1024)
def agent_fields(agent: Agent) -> bytes:
    """Tags 1222, 1223, 1224, 1226. Raises `FfdError` for what does not fit."""
    own = b"".join(
        (
            *(text(1075, phone, limit=19) for phone in agent.operator_phones),
            text(1044, agent.operation, limit=24) if agent.operation else b"",
            *(text(1073, phone, limit=19) for phone in agent.phones),
            *(text(1074, phone, limit=19) for phone in agent.acceptor_phones),
            text(1026, agent.operator_name, limit=64) if agent.operator_name else b"",
            text(1005, agent.operator_address, limit=256) if agent.operator_address else b"",
            text(1016, agent.operator_inn, width=12) if agent.operator_inn else b"",
        )
    )
    supplier = b"".join(
        (
            *(text(1171, phone, limit=19) for phone in agent.supplier_phones),
            text(1225, agent.supplier_name, limit=256) if agent.supplier_name else b"",
        )
    )
    return b"".join(
        (
            byte(1222, agent.kind),
            stlv(1223, own) if own else b"",
            stlv(1224, supplier) if supplier else b"",
            text(1226, agent.supplier_inn, width=12),
        )
    )


def common_agent(agents: Iterable[Agent | None], ffd: int) -> bytes:
    """Tag 1057 of a receipt of FFD 1.05, when all its lines are sold for somebody in the same manner; FFD 1.2 knows it no more."""
    kinds = {None if agent is None else agent.kind for agent in agents}
    if ffd >= FFD_12 or len(kinds) != 1:
        return b""
    kind = kinds.pop()
    return b"" if kind is None else byte(1057, kind)


def part_field(numerator: int, denominator: int) -> bytes:
    """Tag 1291, or nothing for whole goods."""
    return stlv(1291, vln(1293, numerator) + vln(1294, denominator)) if denominator else b""


def code_fields(code: MarkingCode, result: int, part: bytes = b"") -> bytes:
    """What a line of FFD 1.2 says of a code: 1163, 1291, 2102, 2106."""
    tag, product = code.product_12
    return stlv(1163, text(tag, product)) + part + byte(2102, 0) + byte(2106, result)


def mark_fields(mark: Mark, ffd: int, result: int = 0) -> bytes:
    """What a line says of its code in this format; ``result``: of the check (2106). Raises `fiscal.marking.BadCode`."""
    code = parse(mark.code)
    if ffd < FFD_12:
        return raw(1162, code.product_105)
    return code_fields(code, result, part_field(mark.numerator, mark.denominator))
