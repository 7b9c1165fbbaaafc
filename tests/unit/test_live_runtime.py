"""The engine in real time, with emulated registers on real ptys: a full disk, a cable pulled, a bug, a stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fiscal.engine.config import EngineConfig, RegisterFacts
from fiscal.engine.engine import Engine
from fiscal.engine.events import Commit, CommitFailed, Committed, Reply, Submitted
from fiscal.engine.records import Cancelled, Retried
from fiscal.journal import Journal, JournalError, JournalFull, MemoryJournal, SqliteJournal
from fiscal.live import makes
from fiscal.live.drive_file import DriveFile, DriveFileError
from fiscal.live.emulated import EmulatedRegister, PtyEndpoint, TcpEndpoint
from fiscal.live.runtime import Runtime
from fiscal.live.worker import Port
from fiscal.live.writer import Writer
from fiscal.receipt import Buyer, Item, Payments, Receipt, SettlementType, Taxation, fingerprint
from fiscal.registers.conversation import Conversation, Send, Settings

INN = "7700000009"
FAST = Settings(byte_timeout_us=300_000, answer_timeout_us=1_000_000, attempts=2)


def receipt(kopecks: int = 10_000) -> Receipt:
    return Receipt(
        SettlementType.SALE,
        (Item("Tea", kopecks, 1_000_000, kopecks),),
        Payments(cashless_kop=kopecks),
        Taxation.GENERAL,
        INN,
        "shop.example",
        Buyer(email="a@b.ru"),
    )


def about(name: str) -> makes.About:
    return makes.About(name, INN, site="shop.example")


class Farm:
    """Emulated registers on ptys, and a runtime on a journal; everything is taken apart at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registers: dict[str, EmulatedRegister] = {}
        self.runtime: Runtime | None = None

    def plug_in(self, name: str) -> EmulatedRegister:
        register = makes.emulate(
            "shtrih",
            PtyEndpoint(self.folder / name),
            about(name),
            device_name="shtrih-m-01f",
            speed=1000,
            drive_path=self.folder / f"{name}.drive",
        )
        self.registers[name] = register.start()
        return register

    def unplug(self, name: str) -> None:
        self.registers.pop(name).stop()

    def run(self, journal: Journal, *names: str, driver: Any = None) -> Runtime:
        config = EngineConfig(
            registers=tuple(RegisterFacts(name, INN) for name in names),
            close_at_s=(),
            retry_us=50_000,
            retry_max_us=200_000,
            probe_us=500_000,
        )
        ports = [
            Port(
                name, str(self.folder / name), driver or makes.driver_of("shtrih", FAST, about(name)), 115_200
            )
            for name in names
        ]
        self.runtime = Runtime(config, journal, ports)
        self.runtime.start()
        return self.runtime

    def close(self) -> None:
        if self.runtime is not None:
            self.runtime.stop(5)
        for name in list(self.registers):
            self.unplug(name)


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    farm = Farm(tmp_path)
    yield farm
    farm.close()


def bring(runtime: Runtime, key: str, what: Receipt | None = None) -> tuple[Reply, bool]:
    """Submit and wait for the answer: the reply, and whether the key was known."""
    answered = threading.Event()
    got: list[tuple[Reply, bool]] = []

    def note(reply: Reply, known: bool, view: object) -> None:
        got.append((reply, known))
        answered.set()

    what = what or receipt()
    runtime.submit(Submitted(key, what, fingerprint(what)), note)
    assert answered.wait(10)
    return got[0]


def until(question: Callable[[], bool], limit_s: float = 10.0) -> None:
    end = time.monotonic() + limit_s
    while not question():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)


def status(runtime: Runtime, key: str) -> str:
    view = runtime.ask(lambda engine: engine.status(key)).result(5)
    return view.status if view else ""


def test_receipts_are_recorded_and_survive_a_restart(farm: Farm) -> None:
    for name in ("kkt1", "kkt2"):
        farm.plug_in(name)
    path = farm.folder / "j.sqlite"
    runtime = farm.run(SqliteJournal(path), "kkt1", "kkt2")
    keys = [f"k{number}" for number in range(10)]
    for key in keys:
        reply, known = bring(runtime, key)
        assert (reply.accepted, known) == (True, False)
    until(lambda: runtime.ask(runtime.counts).result(5) == {"recorded": 10})
    reply, known = bring(runtime, "k3")
    assert (reply.accepted, known) == (True, True)
    reply, _ = bring(runtime, "k3", receipt(500))
    assert (reply.accepted, reply.reason.partition(":")[0]) == (False, "conflict")
    views = [runtime.ask(lambda engine, key=key: engine.status(key)).result(5) for key in keys]
    assert runtime.stop(5)
    again = farm.run(SqliteJournal(path), "kkt1", "kkt2")
    for view in views:
        assert view is not None
        now = again.ask(lambda engine, key=view.key: engine.status(key)).result(5)
        assert now is not None
        assert now.recorded == view.recorded
    assert again.ask(lambda engine: again.latest(engine, "", 3)).result(5) == ["k9", "k8", "k7"]


def test_a_pulled_cable_is_an_event(farm: Farm) -> None:
    farm.plug_in("kkt1")
    runtime = farm.run(MemoryJournal(), "kkt1")
    assert bring(runtime, "before")[0].accepted
    until(lambda: status(runtime, "before") == "recorded")
    farm.unplug("kkt1")
    assert bring(runtime, "meanwhile")[0].accepted
    until(lambda: runtime.ask(lambda engine: engine.registers()[0].state).result(5) == "down")
    until(lambda: not runtime.cables()[0].open)
    assert "no such file" in runtime.cables()[0].problem
    farm.plug_in("kkt1")
    until(lambda: status(runtime, "meanwhile") == "recorded")
    assert runtime.cables()[0].open
    assert runtime.failure == ""
    documents = farm.registers["kkt1"].emulator.drive  # type: ignore[attr-defined]
    assert [documents.find(number).form for number in range(1, documents.last_document + 1)] == [1, 2, 3, 3]


def test_a_full_disk_promises_nothing_and_recovers(farm: Farm) -> None:
    farm.plug_in("kkt1")
    journal = SqliteJournal(farm.folder / "j.sqlite")
    runtime = farm.run(journal, "kkt1")
    assert bring(runtime, "a")[0].accepted
    until(lambda: status(runtime, "a") == "recorded")
    journal.limit_pages(journal.pages)
    refused = [f"b{number}" for number in range(60)]
    replies = [bring(runtime, key)[0] for key in refused]
    failed = [reply for reply in replies if not reply.accepted]
    assert failed
    assert all(reply.reason.startswith("journal: ") and "no room" in reply.reason for reply in failed)
    assert all(status(runtime, reply.key) == "" for reply in failed)
    journal.limit_pages(0)
    for reply in failed:
        until(lambda reply=reply: bring(runtime, reply.key)[0].accepted)
    until(lambda: runtime.ask(runtime.counts).result(5) == {"recorded": 61})
    drive = farm.registers["kkt1"].emulator.drive  # type: ignore[attr-defined]
    assert drive.receipts_in_shift == 61
    assert runtime.stop(5)
    kept = SqliteJournal(farm.folder / "j.sqlite")
    kinds = [record.kind for record in kept.records()]
    kept.close()
    assert kinds.count("accepted") == kinds.count("documented") == 61


def test_two_who_ask_at_once_with_one_key(farm: Farm) -> None:
    """The second is answered about the first; another receipt under the same key is a conflict, for the second only."""

    class Slow(MemoryJournal):
        def append(self, records: Any) -> None:
            time.sleep(0.2)
            super().append(records)

    runtime = farm.run(Slow(), "kkt1")
    answers: list[tuple[int, bool, str]] = []
    for number, what in enumerate((receipt(), receipt(), receipt(777))):
        runtime.submit(
            Submitted("k", what, fingerprint(what)),
            lambda reply, known, view, number=number: answers.append(
                (number, reply.accepted, reply.reason[:8])
            ),
        )
    until(lambda: len(answers) == 3)
    assert sorted(answers) == [(0, True, ""), (1, True, ""), (2, False, "conflict")]


class Broken:
    """A driver with a bug."""

    def probe(self) -> Conversation:
        yield Send(b"\x05")
        raise ZeroDivisionError("a bug")


def test_a_bug_of_a_driver_takes_no_farm_down(farm: Farm, caplog: pytest.LogCaptureFixture) -> None:
    farm.plug_in("kkt1")
    runtime = farm.run(MemoryJournal(), "kkt1", driver=Broken())
    until(lambda: runtime.ask(lambda engine: engine.registers()[0].state).result(5) == "down")
    assert "this is a bug" in caplog.text
    assert runtime.failure == ""
    assert bring(runtime, "k")[0].accepted


def test_a_bug_of_the_engine_stops_loudly(farm: Farm, caplog: pytest.LogCaptureFixture) -> None:
    journal = MemoryJournal()
    runtime = farm.run(journal, "kkt1")
    assert bring(runtime, "k")[0].accepted

    def bug(event: Any, now_us: int) -> Any:
        raise KeyError("impossible")

    runtime.ask(lambda engine: setattr(engine, "handle", bug)).result(5)
    reply, _ = bring(runtime, "k2")
    assert (reply.accepted, reply.reason) == (False, "journal: the engine failed: KeyError('impossible')")
    assert runtime.ended.wait(5)
    assert "KeyError" in runtime.failure
    assert "this is a bug" in caplog.text
    reply, _ = bring(runtime, "k3")
    assert not reply.accepted
    with pytest.raises(RuntimeError):
        runtime.ask(lambda engine: None).result(5)
    assert len(journal) == 1


def test_a_failed_disk_stops_the_engine(farm: Farm) -> None:
    class Failing(MemoryJournal):
        def append(self, records: Any) -> None:
            raise JournalError("the disk failed")

    runtime = farm.run(Failing(), "kkt1")
    reply, _ = bring(runtime, "k")
    assert not reply.accepted
    assert "the disk failed" in reply.reason
    assert runtime.ended.wait(5)
    assert runtime.failure == "the disk failed"


def test_a_stop_lets_the_conversation_end(farm: Farm) -> None:
    farm.plug_in("kkt1")
    path = farm.folder / "j.sqlite"
    runtime = farm.run(SqliteJournal(path), "kkt1")
    for number in range(20):
        bring(runtime, f"k{number}")
    assert runtime.stop(5)
    journal = SqliteJournal(path)
    records = list(journal.records())
    journal.close()
    open_attempts = {record.key for record in records if record.kind == "attempted"} - {
        record.key for record in records if record.kind in ("documented", "cleared")
    }
    assert open_attempts == set()
    again = farm.run(SqliteJournal(path), "kkt1")
    until(lambda: again.ask(again.counts).result(5) == {"recorded": 20})


def test_what_was_recorded_is_found_after_a_crash(farm: Farm) -> None:
    """The journal stops at the attempt, the drive has the document: it is found, not made again."""
    farm.plug_in("kkt1")
    journal = MemoryJournal()
    runtime = farm.run(journal, "kkt1")
    bring(runtime, "k")
    until(lambda: status(runtime, "k") == "recorded")
    runtime.stop(5)
    torn = MemoryJournal()
    torn.append([record for record in journal.records() if record.kind in ("accepted", "attempted")])
    again = farm.run(torn, "kkt1")
    until(lambda: status(again, "k") == "recorded")
    drive = farm.registers["kkt1"].emulator.drive  # type: ignore[attr-defined]
    assert drive.receipts_in_shift == 1


# --- the journal's thread --------------------------------------------------------------------------------------------


def test_commits_are_grouped_and_answered_in_order() -> None:
    class Counting(MemoryJournal):
        groups = 0

        def append(self, records: Any) -> None:
            self.groups += 1
            time.sleep(0.02)
            super().append(records)

    journal = Counting()
    said: list[Any] = []
    writer = Writer(journal, said.append, lambda reason: None)
    writer.start()
    for ticket in range(1, 101):
        writer.write(Commit(ticket, (Retried(f"k{ticket}"),)))
    writer.close()
    writer.join(5)
    assert said == [Committed(ticket) for ticket in range(1, 101)]
    assert [record.key for record in journal.records()] == [f"k{ticket}" for ticket in range(1, 101)]  # type: ignore[union-attr]
    assert journal.groups < 20


def test_after_a_failure_nothing_later_is_written_until_it_was_heard() -> None:
    journal = MemoryJournal(capacity=3)
    said: list[Any] = []
    writer = Writer(journal, said.append, lambda reason: None)
    for ticket in (1, 2):
        writer.write(Commit(ticket, (Retried(f"k{ticket}"),)))
    writer.write(Commit(3, (Retried("big"), Retried("big"), Retried("big"))))
    writer.write(Commit(4, (Retried("small"),)))  # would fit, but may rest on 3
    writer.start()
    until(lambda: len(said) == 4)
    assert said[:2] == [Committed(1), Committed(2)]
    assert [type(one) for one in said[2:]] == [CommitFailed, CommitFailed]
    writer.write(Commit(5, (Retried("small"),)))
    until(lambda: len(said) == 5)
    assert isinstance(said[4], CommitFailed)
    for _ in range(3):
        writer.heard()
    writer.write(Commit(6, (Retried("small"),)))
    until(lambda: len(said) == 6)
    assert said[5] == Committed(6)
    assert len(journal) == 3
    writer.close()
    writer.join(5)


def test_a_group_that_does_not_fit_is_written_as_far_as_it_goes(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.sqlite")
    journal.limit_pages(journal.pages + 1)
    said: list[Any] = []
    writer = Writer(journal, said.append, lambda reason: None)
    for ticket in range(1, 31):
        writer.write(Commit(ticket, (Cancelled(f"k{ticket}", "x" * 500),)))
    writer.start()
    until(lambda: len(said) == 30)
    good = [one for one in said if isinstance(one, Committed)]
    assert 0 < len(good) < 30
    assert said[: len(good)] == good
    assert [record.key for record in journal.records()] == [f"k{one.ticket}" for one in good]  # type: ignore[union-attr]
    with pytest.raises(JournalFull):
        journal.append([Cancelled("k", "x" * 5000)])
    writer.close()
    writer.join(5)
    journal.close()


# --- emulated registers ----------------------------------------------------------------------------------------------


def test_a_drive_file_is_used_by_one_and_is_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    register = makes.emulate(
        "shtrih",
        TcpEndpoint("127.0.0.1", 0),
        about("x"),
        device_name="shtrih-m-01f",
        speed=1,
        drive_path=path,
    )
    register.stop()
    again = DriveFile(path)
    drive = again.load()
    assert drive is not None
    assert drive.last_document == 1
    again.close()
    journal = SqliteJournal(tmp_path / "j.sqlite")
    journal.close()
    with pytest.raises(DriveFileError, match="not the memory of a drive"):
        DriveFile(tmp_path / "j.sqlite")


def test_a_link_is_pointed_at_each_new_terminal(tmp_path: Path) -> None:
    link = tmp_path / "ports" / "kkt1"
    first = PtyEndpoint(link)
    second = PtyEndpoint(link)
    assert link.readlink().exists()
    target = link.readlink()
    first.close()
    assert link.readlink() == target  # it is the second's now
    second.close()
    assert not link.is_symlink()
    link.write_text("mine")
    with pytest.raises(FileExistsError):
        PtyEndpoint(link)
    assert link.read_text() == "mine"


def test_a_faster_device_waits_for_bytes_as_long_as_before() -> None:
    slow = makes.device("shtrih-m-01f")
    fast = makes.faster(slow, 1000)
    assert fast.byte_timeout_us == slow.byte_timeout_us
    assert fast.z_report_us == slow.z_report_us // 1000
    assert all(fast.commands[code] == us // 1000 for code, us in slow.commands.items())
    assert makes.faster(slow, 1.0) is slow


def test_a_question_that_fails_does_not_hurt_the_engine(farm: Farm) -> None:
    runtime = farm.run(MemoryJournal(), "kkt1")

    def bad(engine: Engine) -> None:
        raise LookupError("no")

    with pytest.raises(LookupError):
        runtime.ask(bad).result(5)
    assert bring(runtime, "k")[0].accepted
