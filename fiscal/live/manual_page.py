"""The pages for a receipt by hand: fill in, see what will be printed, confirm. No scripts, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from fiscal.live import manual_form
from fiscal.live.manual_form import ROWS, one
from fiscal.live.schema import METHOD_NAMES, TAXATION_NAMES, TYPE_NAMES, VAT_NAMES
from fiscal.live.views import framed, quoted, table

_STYLE = (
    "<style>label{display:inline-block;margin:0 1.2em .7em 0}label span{display:block;font-size:13px;color:#444}"
    "fieldset{border:1px solid #ccc;margin:0 0 1em}input,select,button{font:inherit;padding:.2em .4em}"
    ".wide{width:22em}.money{width:7em;text-align:right}ul.wrong{color:#b00020}pre{border:1px solid #ccc;padding:1em;width:max-content}"
    "button{padding:.4em 1.2em}</style>"
)


def form_page(form: Mapping[str, Sequence[str]], wrong: Sequence[str] = ()) -> str:
    """The form; ``wrong``: what has to be put right first."""
    said = "".join(f"<li>{escape(line)}</li>" for line in wrong)
    items = "".join(_row(form, row) for row in range(ROWS))
    body = (
        f"{_STYLE}<p>For the day on which the automatic way failed. The journal keeps who had it made, and why.</p>"
        + (f"<ul class=wrong>{said}</ul>" if said else "")
        + '<form method="post" action="/manual" accept-charset="utf-8">'
        + f'<input type="hidden" name="key" value="{escape(one(form, "key"))}">'
        + "<fieldset><legend>Who, and why</legend>"
        + _text(form, "person", "Your name (the cashier)", "wide", "required maxlength=64")
        + _text(form, "reason", "Reason", "wide", "required maxlength=200")
        + "</fieldset><fieldset><legend>What</legend>"
        + _choice(form, "type", "Type", TYPE_NAMES)
        + _choice(form, "taxation", "Taxation", ("", *TAXATION_NAMES))
        + _text(form, "entity", "Seller's INN, if not the usual", "", "")
        + _text(form, "site", "Site, if not the usual", "", "")
        + '<table><thead><tr><th scope="col">Name</th><th scope="col">Price</th><th scope="col">Quantity</th>'
        + f'<th scope="col">VAT</th><th scope="col">Settlement</th></tr></thead><tbody>{items}</tbody></table>'
        + "</fieldset><fieldset><legend>Paid (nothing: all cashless)</legend>"
        + "".join(
            _text(form, name, name.capitalize(), "money", "")
            for name in ("cash", "cashless", "prepaid", "credit")
        )
        + "</fieldset><fieldset><legend>To the buyer</legend>"
        + _text(form, "email", "E-mail", "wide", "")
        + _text(form, "phone", "or phone", "", "")
        + f'<label><input type="checkbox" name="paper" value="yes"{" checked" if one(form, "paper") else ""}> on paper, too</label>'
        + "</fieldset><fieldset><legend>Only for a correction</legend>"
        + _text(form, "corrects", "Day of the wrong settlement", "", 'placeholder="2026-01-31"')
        + _text(form, "order", "Number of the tax office's order, if one was given", "", "")
        + _text(form, "sign", "Fiscal sign of the wrong receipt, if there was one", "", "")
        + '</fieldset><button name="step" value="check">Show what will be made</button></form>'
    )
    return framed("Receipt by hand", body)


def confirm_page(form: Mapping[str, Sequence[str]], preview: Sequence[str]) -> str:
    """What will be made, and the last question."""
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name in (
            *manual_form.HAND_FIELDS,
            *manual_form.TEXT_FIELDS,
            *manual_form.ITEM_FIELDS,
            *manual_form.CORRECTION_FIELDS,
        )
        for value in form.get(name, ())
    )
    text = "\n".join(preview)
    body = (
        f"{_STYLE}<p>{escape(one(form, 'person'))}: {escape(one(form, 'reason'))}</p><pre>{escape(text)}</pre>"
        f'<form method="post" action="/manual" accept-charset="utf-8">{hidden}'
        '<button name="step" value="make">Make it</button> <button name="step" value="edit">Change it</button></form>'
    )
    return framed("Make this receipt?", body)


def made_page(shown: Mapping[str, Any]) -> str:
    """What has become of a receipt; ``shown`` as `fiscal.live.views.receipt_json` gives it."""
    document, manual = shown["document"], shown["manual"]
    rows = [
        ("Receipt", f"{shown['type'].replace('_', ' ')}, {shown['total']} roubles"),
        ("Status", shown["status"].replace("_", " ") + (f": {shown['reason']}" if shown["reason"] else "")),
        ("Register", shown["register"]),
        (
            "Document",
            f"{document['number']}, sign {document['sign']}, drive {document['drive']}" if document else "",
        ),
        ("By hand", f"{manual['person']}: {manual['reason']}" if manual else "no, a program brought it"),
        ("Key", shown["key"]),
    ]
    address = f"/manual?takes_back={quoted(shown['key'])}"
    return framed(
        "Receipt by hand",
        table(("", ""), [(escape(name), escape(value)) for name, value in rows if value], "")
        + '<p><a href="">Look again</a> · '
        + (f'<a href="{escape(address)}">Take it back</a> · ' if document else "")
        + '<a href="/manual">Another receipt</a></p>',
    )


def _row(form: Mapping[str, Sequence[str]], row: int) -> str:
    def value(name: str) -> str:
        values = form.get(name, ())
        return values[row] if row < len(values) else ""

    def field(name: str, label: str, kind: str) -> str:
        return f'<td><input name="{name}" class="{kind}" aria-label="{label} {row + 1}" value="{escape(value(name))}"></td>'

    return (
        "<tr>"
        + field("name", "name", "wide")
        + field("price", "price", "money")
        + field("quantity", "quantity", "money")
        + f"<td>{_select('vat', VAT_NAMES, value('vat') or 'none', f'VAT {row + 1}')}</td>"
        + f"<td>{_select('method', METHOD_NAMES, value('method') or 'full_settlement', f'settlement {row + 1}')}</td>"
        + "</tr>"
    )


def _text(form: Mapping[str, Sequence[str]], name: str, label: str, kind: str, more: str) -> str:
    value = escape(one(form, name))
    return f'<label><span>{label}</span><input name="{name}" class="{kind}" value="{value}" {more}></label>'


def _choice(
    form: Mapping[str, Sequence[str]], name: str, label: str, choices: Sequence[str] | Mapping[str, object]
) -> str:
    return f"<label><span>{label}</span>{_select(name, choices, one(form, name), label)}</label>"


def _select(name: str, choices: Sequence[str] | Mapping[str, object], chosen: str, label: str) -> str:
    options = "".join(
        f'<option value="{escape(choice)}"{" selected" if choice == chosen else ""}>'
        f"{escape(choice.replace('_', ' ')) or 'the usual'}</option>"
        for choice in choices
    )
    return f'<select name="{name}" aria-label="{escape(label)}">{options}</select>'
