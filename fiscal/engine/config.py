"""What the engine is told about the farm and the shop's wishes. Plain data; where it comes from is the host's business."""

from __future__ import annotations

from dataclasses import dataclass

from fiscal.agents import ALL_KINDS

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class RegisterFacts:
    """One register, as far as deciding goes.

    ``taxation`` is the mask of taxation systems it is registered for (tag 1062); ``sites`` the places of settlement (empty: any); ``ffd``
    its format by tag 1209 (0: unknown, it gets everything), ``agents`` the kinds of agents it is registered for (tag 1057). The two
    ``service`` figures estimate how long a receipt takes, for the policies that look ahead.
    """

    name: str
    entity: str
    taxation: int = 63
    ffd: int = 0
    agents: int = ALL_KINDS
    sites: tuple[str, ...] = ()
    weight: int = 1
    spare: bool = False
    computer: str = ""
    service_base_us: int = 600_000
    service_line_us: int = 25_000
    z_report_us: int = 720_000_000
    relay: bool = False  # it has no network of its own: the engine carries its documents to the operator


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The farm and the rules. Times in microseconds; times of day in seconds of the local day."""

    registers: tuple[RegisterFacts, ...]
    policy: str = "shortest_queue"
    reroute: bool = True  # what waits for a register that starts its Z-report goes elsewhere
    in_doubt: str = "wait"  # or "reissue"
    reissue_before_deadline_us: int = 60_000_000
    deadline_us: int = 300_000_000
    close_at_s: tuple[int, ...] = (86_100,)  # 23:55
    stagger_us: int = 900_000_000
    max_age_us: int = 23 * HOUR_US + HOUR_US // 2
    probe_us: int = 60_000_000
    retry_us: int = 2_000_000  # first pause after a failure; doubles ...
    retry_max_us: int = 60_000_000  # ... up to this
    max_refusals: int = 5  # a receipt that so many registers refused is poisonous
    spare_join_queue: int = 10
    queue_limit: int = 0  # a receipt that comes while so many wait is refused at the door; 0: none is
    relay_patience_us: int = 20_000_000  # so long receipts go before documents that wait to be carried
    relay_retry_us: int = 30_000_000  # pause after the operator could not be reached; doubles ...
    relay_retry_max_us: int = 600_000_000  # ... up to this
    clock_tolerance_s: int = 60
    clock_limit_s: int = 300
    salt: int = 0  # of the random policy
