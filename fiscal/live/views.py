"""What the HTTP interface shows: receipts and registers as JSON, and one plain page.

Statuses say what is true. A fact about a register - its cable, the agent that asks it, its drive, the operator - stands alone, with its own
moment of having been seen; none is concluded from another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from fiscal.engine import states
from fiscal.engine.views import ReceiptView, RegisterView
from fiscal.ffd.qr import qr_svg, qr_text
from fiscal.live.clock import wall_text
from fiscal.live.logs import masked
from fiscal.live.worker import Cable
from fiscal.receipt import Receipt
from fiscal.watch.facts import NAMES, Fact

STATUSES = tuple(states.RECEIPT)


def roubles(kopecks: int) -> str:
    return f"{kopecks // 100}.{kopecks % 100:02}"


def receipt_json(view: ReceiptView) -> dict[str, Any]:
    """A receipt for its shop. Times are local; ``link`` appears when the operator has the document, never before."""
    receipt: Receipt = view.receipt
    recorded = view.recorded
    document = None
    if recorded is not None:
        total_kop = receipt.total_kop
        document = {
            "number": recorded.document,
            "sign": recorded.sign,
            "drive": recorded.drive,
            "time": wall_text(recorded.time_s * 1_000_000)[:19],
            "shift": recorded.shift or None,
            "receipt_number": recorded.receipt_number or None,
            "recorded_at": wall_text(view.recorded_wall_us),
            "qr": qr_text(
                recorded.time_s,
                total_kop,
                recorded.drive,
                recorded.document,
                recorded.sign,
                int(receipt.type),
            ),
        }
    return {
        "key": view.key,
        "status": view.status,
        "number": view.number,
        "type": receipt.type.name.lower(),
        "total": roubles(receipt.total_kop),
        "register": view.register,
        "attempts": view.attempts,
        "reason": view.reason,
        "accepted_at": wall_text(view.accepted_wall_us),
        "deadline_at": wall_text(view.deadline_wall_us),
        "document": document,
        "sent_at": wall_text(view.sent_wall_us) or None,
        "confirmed_at": wall_text(view.confirmed_wall_us) or None,
        "manual": {"person": view.person, "reason": view.why} if view.person else None,
        "link": f"/receipts/{quoted(view.key)}/copy" if view.status == states.CONFIRMED else None,
    }


def quoted(key: str) -> str:
    """A key as part of a path."""
    return quote(key, safe="", errors="surrogatepass")


def fact_json(fact: Fact) -> dict[str, Any]:
    """``ok`` is ``None`` when nobody knows."""
    return {
        "ok": fact.ok,
        "since": wall_text(fact.since_us) or None,
        "last_seen": wall_text(fact.seen_us) or None,
        "detail": fact.detail,
    }


def register_json(
    view: RegisterView, cable: Cable, address: str, agent_wall_us: int, facts: Mapping[str, Fact]
) -> dict[str, Any]:
    """A register: five separate facts, each with its last seen, then its queue and its shift."""
    seen = view.seen
    drive_seen = wall_text(view.seen_wall_us) or None
    return {
        "name": view.name,
        "address": address,
        "state": view.state,
        "detail": view.detail,
        "service": view.service,
        "replacement": view.replacement or None,
        "facts": {name: fact_json(fact) for name, fact in facts.items()},
        "agent": {"ok": True, "last_seen": wall_text(agent_wall_us)},
        "cable": {
            "ok": cable.open,
            "last_seen": wall_text(cable.heard_wall_us) or None,
            "problem": cable.problem,
        },
        "drive": {
            "ok": seen is not None and seen.phase == 3 and not seen.flags,
            "last_seen": drive_seen,
            "number": view.drive,
            "phase": seen.phase if seen else None,
            "flags": seen.flags if seen else None,
            "last_document": view.last_document,
        },
        "operator": {
            "last_seen": drive_seen,
            "unsent": seen.unsent if seen else None,
            "first_unsent": seen.first_unsent if seen else None,
        },
        "paper": seen.paper if seen else None,
        "clock": wall_text(seen.time_s * 1_000_000)[:19] if seen else None,
        "model": seen.model if seen else "",
        "serial": seen.serial if seen else "",
        "registration": seen.registration if seen else "",
        "queue": {"waiting": view.waiting, "working_on": view.working_on, "in_doubt": view.in_doubt},
        "shift": {
            "state": view.shift,
            "number": view.shift_number,
            "opened_at": wall_text(view.shift_opened_wall_us or 0) or None,
            "closes_at": wall_text(view.closes_wall_us or 0) or None,
        },
    }


STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#222;background:#fff}"
    "table{border-collapse:collapse;width:100%;margin:0 0 2em}"
    "th,td{text-align:left;padding:.3em .8em .3em 0;border-bottom:1px solid #ccc;vertical-align:top}"
    "th{font-weight:600}td.n{text-align:right;font-variant-numeric:tabular-nums}small{color:#555}"
)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], empty: str) -> str:
    if not rows:
        return f"<p>{empty}</p>"
    titles = "".join(f'<th scope="col">{title}</th>' for title in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


NAVIGATION = (("/", "Registers"), ("/z-reports", "Z-reports"), ("/manual", "Receipt by hand"))


def framed(title: str, body: str) -> str:
    """A page without scripts or anything from elsewhere. ``body`` is HTML."""
    links = " · ".join(f'<a href="{path}">{name}</a>' for path, name in NAVIGATION)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<nav>{links}</nav><h1>{escape(title)}</h1>{body}</body></html>"
    )


def page(registers: list[dict[str, Any]], receipts: list[dict[str, Any]], counts: dict[str, int]) -> str:
    """The farm at a glance: one page without scripts or anything from elsewhere."""
    register_rows = [
        (
            f"<b>{escape(one['name'])}</b><br><small>{escape(one['address'])}</small>",
            escape(one["state"])
            + (f"<br><small>{escape(masked(one['detail']))}</small>" if one["detail"] else ""),
            *(_fact(one["facts"][name]) for name in NAMES),
            f"{escape(one['shift']['state'])} {one['shift']['number'] or ''}",
            str(one["queue"]["waiting"]),
            "" if one["operator"]["unsent"] is None else str(one["operator"]["unsent"]),
        )
        for one in registers
    ]
    receipt_rows = [
        (
            f'<a href="/receipts/{quoted(one["key"])}">{escape(one["key"])}</a>',
            escape(one["status"])
            + (f"<br><small>{escape(masked(one['reason']))}</small>" if one["reason"] else ""),
            one["total"],
            escape(one["register"]),
            str(one["document"]["number"]) if one["document"] else "",
            one["accepted_at"][:19].replace("T", " "),
        )
        for one in receipts
    ]
    summary = ", ".join(f"{status} {count}" for status, count in counts.items()) or "none yet"
    return framed(
        "Fiscal registers",
        table(
            (
                "Register",
                "State",
                *(name.capitalize() for name in NAMES),
                "Shift",
                "Waiting",
                "Not at the operator",
            ),
            register_rows,
            "No registers.",
        )
        + f"<h2>Receipts</h2><p>{escape(summary)}</p>"
        + table(
            ("Key", "Status", "Total", "Register", "Document", "Accepted"), receipt_rows, "No receipts yet."
        ),
    )


def _fact(fact: dict[str, Any]) -> str:
    said = {True: "yes", False: "<b>no</b>", None: "unknown"}[fact["ok"]]
    if fact["detail"]:
        said += f"<br><small>{escape(fact['detail'])}</small>"
    seen = fact["last_seen"]
    return f"{said}<br><small>seen {seen[11:19]}</small>" if seen else said


def copy_page(view: ReceiptView) -> str:
    """The buyer's copy, for a receipt whose document the operator has."""
    shown = receipt_json(view)
    document = shown["document"]
    lines = [
        (escape(item.name), f"{item.quantity_e6 / 1_000_000:g}", roubles(item.sum_kop))
        for item in view.receipt.items
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Receipt</title>'
        f"<style>{STYLE}</style></head><body><h1>Receipt {document['number']}</h1>"
        f"<p>{escape(view.receipt.site)}, INN {escape(view.receipt.entity)}, {document['time'].replace('T', ' ')}</p>"
        + table(("Name", "Quantity", "Sum"), lines, "")
        + f"<p>Total {shown['total']}. Drive {document['drive']}, document {document['number']}, sign {document['sign']}.</p>"
        + qr_svg(document["qr"])
        + "</body></html>"
    )
