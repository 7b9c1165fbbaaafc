"""What a register is registered with: the standing facts that its documents repeat.

They are told to the drive once, by the registration report, and come back in receipts (user, place, address of the tax
service's site) and in the reports of a shift. One `RegisterFacts` serves all documents of a register until it is registered
anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_USAGE_BITS = (
    (1, "printer_in_automat"),
    (2, "strict_forms"),
    (5, "internet_only"),
    (6, "excise"),
    (8, "marked_goods"),
    (9, "services_only"),
    (10, "gambling"),
    (11, "lottery"),
)


@dataclass(frozen=True, slots=True, eq=False)
class RegisterFacts:
    """The facts of one register (reference sheet on the format, section 3). ``taxation``: mask of tag 1062; ``key_days``: tag 1213.

    Two objects are never equal: receipts keep what they made of these facts with the object.
    """

    user: str = ""  # 1048
    address: str = ""  # 1009
    place: str = ""  # 1187; a receipt's own site goes first
    taxation: int = 1  # 1062
    cashier: str = ""  # 1021: who made the report
    cashier_inn: str = ""  # 1203
    register_serial: str = ""  # 1013
    register_version: str = ""  # 1188
    ofd_inn: str = ""  # 1017
    ofd_name: str = ""  # 1046
    tax_service_site: str = "www.nalog.gov.ru"  # 1060
    sender_email: str = ""  # 1117
    automat_number: str = ""  # 1036
    autonomous: bool = False  # 1002
    automatic: bool = False  # 1001
    encryption: bool = False  # 1056
    internet_only: bool = False  # 1108
    services_only: bool = False  # 1109
    strict_forms: bool = False  # 1110
    excise: bool = False  # 1207
    lottery: bool = False  # 1126
    gambling: bool = False  # 1193
    printer_in_automat: bool = False  # 1221
    marked_goods: bool = False
    agent: int = 0  # 1057
    key_days: int = 0  # 1213
    standing: dict[tuple[object, ...], bytes] = field(default_factory=dict, init=False, repr=False)
    """Bytes already made of these facts (a memo of `fiscal.ffd.documents`)."""

    @property
    def usage_mask(self) -> int:
        """Tag 1290 of FFD 1.2, which replaces the single signs."""
        return sum(1 << bit for bit, name in _USAGE_BITS if getattr(self, name))
