"""An ideal line in memory between a driver's conversation and an emulated register, with a place to put faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fiscal.devices import device
from fiscal.emulators.drive import Drive
from fiscal.emulators.drive_registration import Registration, Usage
from fiscal.emulators.shtrih import ShtrihRegister
from fiscal.receipt import Buyer, Item, Payments, Receipt, SettlementType, Taxation, Vat
from fiscal.registers.conversation import Conversation, LineLost, Outcome, Receive, Send
from fiscal.registers.shtrih import Facts, ShtrihDriver

START_S = 1_790_000_040  # 21 September 2026, at a full minute
MARK = "0123456789abcdef"
SITE = "https://shop.example"


def make_drive(ffd: int = 2, **options: Any) -> Drive:
    drive = Drive("9999078900001234", **options)
    registration = Registration(
        inn="7701234567",
        rnm="0000000000012345",
        taxation=3,
        user="ООО Ромашка",
        address="Москва",
        place=SITE,
        register_serial="0000004239",
        ffd=ffd,
        usage=int(Usage.MARKED_GOODS) if ffd >= 4 else 0,
        agents=127,
    )
    drive.register(registration, START_S)
    return drive


def make_register(
    ffd: int = 2, *, name: str = "shtrih-m-01f", electronic: bool = True, **options: Any
) -> ShtrihRegister:
    return ShtrihRegister(
        device(name), make_drive(ffd), epoch_s=START_S + 60, electronic=electronic, **options
    )


def make_receipt(lines: int = 3, type_: SettlementType = SettlementType.SALE, **changes: Any) -> Receipt:
    items = tuple(Item(f"Чай №{n}", 10_000, 2_000_000, 20_000, Vat.VAT_22) for n in range(1, lines + 1))
    values: dict[str, Any] = {
        "type": type_,
        "items": items,
        "payments": Payments(cashless_kop=20_000 * lines),
        "taxation": Taxation.GENERAL,
        "entity": "7701234567",
        "site": SITE,
        "buyer": Buyer(email="buyer@example.ru"),
    }
    return Receipt(**(values | changes))


def make_driver(**facts: Any) -> ShtrihDriver:
    return ShtrihDriver(facts=Facts(place=SITE, **facts))


class Line:
    """Runs conversations. ``to_host`` and ``to_register`` may change or swallow a chunk; ``lose_at`` throws `LineLost` at that step."""

    def __init__(self, register: ShtrihRegister) -> None:
        self.register = register
        self.now_us = 0
        self.steps = 0
        self.log: list[tuple[str, bytes]] = []
        self.to_host: Callable[[bytes], bytes] = lambda data: data
        self.to_register: Callable[[bytes], bytes] = lambda data: data
        self.lose_at: int | None = None
        self._inbox: list[tuple[int, bytes]] = []

    def run(self, conversation: Conversation) -> Outcome:
        answer: bytes | None = None
        self.steps = 0
        lost = False
        try:
            while True:
                step = conversation.throw(LineLost("pulled")) if lost else conversation.send(answer)
                self.steps += 1
                answer = None
                lost = self.lose_at is not None and self.steps >= self.lose_at
                if lost:
                    continue
                if isinstance(step, Send):
                    self.log.append((">", step.data))
                    data = self.to_register(step.data)
                    if data:
                        self._inbox += self.register.receive(data, self.now_us)
                elif isinstance(step, Receive):
                    answer = self._wait(self.now_us + step.timeout_us)
                    self.log.append(("<", answer))
                else:
                    self.advance(step.duration_us)
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome

    def advance(self, duration_us: int) -> None:
        """Time passes; the register works on."""
        end = self.now_us + duration_us
        while (at := self.register.next_wakeup()) is not None and at <= end:
            self._inbox += self.register.wake(max(at, self.now_us))
        self.now_us = end

    def _wait(self, limit_us: int) -> bytes:
        while True:
            self._inbox.sort(key=lambda chunk: chunk[0])
            if self._inbox and self._inbox[0][0] <= limit_us:
                at, data = self._inbox.pop(0)
                self.now_us = max(self.now_us, at)
                data = self.to_host(data)
                if data:
                    return data
                continue
            at_us = self.register.next_wakeup()
            if at_us is None or at_us > limit_us:
                self.now_us = max(self.now_us, limit_us)
                return b""
            self.now_us = max(self.now_us, at_us)
            self._inbox += self.register.wake(self.now_us)
