"""The rules of the emulated web server: who is let in, what is refused, in which order things are done, what blocks the queue."""

from __future__ import annotations

import json
from typing import Any

import pytest
from web_line import REQUESTS, Client, make_web

from fiscal.emulators.atol_web_queue import KEPT_US, QUESTION_US
from fiscal.registers.atol_web.messages import MAX_BODY, basic

CASHIER = {"name": "Иванова А.", "vatin": "123456789047"}
STATUS = {"type": "getFnStatus"}


def sale(price: float = 100.5, **more: Any) -> dict[str, Any]:
    position = {
        "type": "position",
        "name": "Чай",
        "price": price,
        "quantity": 2,
        "amount": price * 2,
        "tax": {"type": "vat10"},
        "paymentMethod": "fullPayment",
        "paymentObject": "commodity",
    }
    return {
        "type": "sell",
        "taxationType": "osn",
        "operator": CASHIER,
        "electronically": True,
        "items": [position],
        "payments": [{"type": "electronically", "sum": price * 2}],
        "total": price * 2,
    } | more


@pytest.fixture
def client() -> Client:
    return Client(make_web())


def test_a_task_is_taken_done_and_told(client: Client) -> None:
    status, body = client.post("a", sale())
    assert (status, body["uuid"], body["number"], body["isBlocked"]) == (201, "a", 1, False)
    (waits,) = client.results("a")
    assert waits == {"error": {"code": 0, "description": "Ошибок нет"}, "status": "inProgress"}
    client.advance(5_000_000)
    (done,) = client.results("a")
    assert done["status"] == "ready" and done["error"]["code"] == 0
    drive = client.register.drive
    stored = drive.find(drive.last_document)
    params = done["result"]["fiscalParams"]
    assert (params["fiscalDocumentNumber"], params["fiscalDocumentSign"]) == (
        stored.document,
        str(stored.sign),
    )
    assert (params["total"], params["fiscalReceiptNumber"]) == (201, 1)
    assert stored.document == 3, "the shift was closed: it was opened first"


def test_the_work_takes_the_time_of_the_register(client: Client) -> None:
    slow = Client(make_web())
    slow.register.slow = 3.0
    took = []
    for each in (client, slow):
        each.done("open", {"type": "openShift"})
        begun = each.now_us
        each.post("a", sale())
        while each.register.drive.receipts_in_shift == 0:
            each.advance(1_000)
        took.append(each.now_us - begun)
    assert 2.8 < took[1] / took[0] < 3.2


def test_a_uuid_is_known_for_good_and_forgotten_after_thirty_days(client: Client) -> None:
    client.done("a", STATUS)
    status, body = client.post("a", sale())
    assert status == 409 and "с таким UUID уже есть" in body["error"]["description"]
    assert client.register.drive.last_document == 1
    client.now_us += KEPT_US
    assert client.post("b", STATUS)[0] == 201
    assert client.post("a", STATUS)[0] == 201, "the old one is forgotten"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "JSON"),
        (b"[1]", "JSON"),
        (b"", "JSON"),
        ({"request": [STATUS]}, "'uuid'"),
        ({"uuid": 5, "request": [STATUS]}, "'uuid'"),
        ({"uuid": "a"}, "'request'"),
        ({"uuid": "a", "request": []}, "'request'"),
        ({"uuid": "a", "request": "sell"}, "'request'"),
    ],
)
def test_what_is_no_request_is_refused_with_the_reason(client: Client, body: Any, why: str) -> None:
    status, said = client.call("POST", REQUESTS, body)
    assert status == 400 and why in said["error"]["description"]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", f"{REQUESTS}/unknown", 404),
        ("DELETE", f"{REQUESTS}/unknown", 404),
        ("GET", "/api/v2/nothing", 404),
        ("POST", "/api/v2/operations/queryNothing", 404),
        ("PUT", REQUESTS, 405),
        ("GET", "/api/v2/operations/queryFnInfo", 405),
        ("GET", "/api/v2/serverInfo", 200),
    ],
)
def test_addresses_and_methods(client: Client, method: str, target: str, status: int) -> None:
    assert client.call(method, target)[0] == status


def test_a_device_that_is_not_there(client: Client) -> None:
    body = {"uuid": "a", "request": STATUS}
    assert client.call("POST", f"{REQUESTS}?deviceID=2", body)[0] == 404
    assert client.call("POST", REQUESTS, {**body, "deviceID": "2"})[0] == 404
    assert client.call("POST", f"{REQUESTS}?deviceID=default", body)[0] == 201


def test_the_older_address_is_understood(client: Client) -> None:
    assert client.call("POST", "/requests", {"uuid": "a", "request": STATUS})[0] == 201
    client.advance()
    status, body = client.call("GET", "/requests/a")
    assert (status, body["results"][0]["status"]) == (200, "ready")


def test_who_asks_must_say_so() -> None:
    account = basic("kassa", "secret")
    register = make_web(account=account)
    for given, status in (("", 401), (basic("kassa", "other"), 401), (account, 201)):
        assert Client(register, given).post("a", STATUS)[0] == status
    assert Client(register).call("GET", "/api/v2/serverInfo")[0] == 200


def test_tasks_after_one_that_failed_are_not_begun(client: Client) -> None:
    first, second, third = client.done("a", STATUS, {"type": "closeShift"}, sale())
    assert [each["status"] for each in (first, second, third)] == ["ready", "error", "interrupted"]
    assert [each["error"]["code"] for each in (first, second, third)] == [0, 73, 502]
    assert client.register.drive.last_document == 1


def test_a_task_that_cannot_be_read_fails_when_its_turn_comes(client: Client) -> None:
    (result,) = client.done("a", {"type": "sell"})
    assert result["status"] == "error"
    assert result["error"] == {"code": 501, "description": 'Поле "items" отсутствует'}
    (result,) = client.done("b", {"type": "fooBar"})
    assert result["error"]["code"] == 501


def test_only_what_waits_can_be_cancelled(client: Client) -> None:
    client.post("a", sale())
    client.post("b", sale())
    assert client.call("DELETE", f"{REQUESTS}/a")[0] == 409
    assert client.call("DELETE", f"{REQUESTS}/b")[0] == 200
    client.advance(5_000_000)
    assert [each["status"] for each in client.results("a") + client.results("b")] == ["ready", "canceled"]
    assert client.register.drive.receipts_in_shift == 1
    assert client.post("b", sale())[0] == 409, "a cancelled uuid is known all the same"
    assert client.call("GET", "/api/v2/getRequestsQueueStatus")[1] == {
        "number": 0,
        "ready": 1,
        "canceled": 1,
        "isBlocked": False,
        "blockedUUID": "",
        "blockReason": "",
    }


def test_a_question_goes_before_what_waits_and_after_what_is_done(client: Client) -> None:
    client.post("a", sale())
    client.post("b", sale())
    status, body = client.call("POST", "/api/v2/operations/queryFnStatus", {})
    assert (status, body["fnStatus"]["fiscalReceiptNumber"]) == (200, 1)


def test_a_question_to_a_register_without_power_is_answered_in_time(client: Client) -> None:
    client.register.power_off(client.now_us)
    status, body = client.call("POST", "/api/v2/operations/queryFnStatus", {})
    assert status == 504 and body["error"]["code"] == 262
    assert client.now_us <= QUESTION_US + 10_000


def test_questions_that_came_too_late_are_not_in_the_way_of_others(client: Client) -> None:
    client.register.power_off(client.now_us)
    for _ in range(3):
        client.send("POST", "/api/v2/operations/queryFnStatus", {})
    client.advance(60_000_000)
    assert [client.answer()[0] for _ in range(3)] == [504] * 3
    client.register.power_on(client.now_us)
    client.advance(60_000_000)
    assert client.call("POST", "/api/v2/operations/queryFnStatus", {})[0] == 200


def test_answers_keep_the_order_of_their_questions(client: Client) -> None:
    client.send("POST", "/api/v2/operations/queryFnStatus", {})
    client.send("GET", "/api/v2/serverInfo")
    assert "fnStatus" in client.answer()[1]
    assert "version" in client.answer()[1]


def cut_at(client: Client, uuid: str, document: int) -> None:
    """Hand in a sale and take the register's power when its drive has so many documents."""
    client.post(uuid, sale())
    while client.register.drive.last_document < document:
        client.advance(1_000)
    client.register.power_off(client.now_us)


def test_a_lost_link_blocks_the_queue_until_the_drive_tells(client: Client) -> None:
    client.done("open", {"type": "openShift"})
    cut_at(client, "a", 3)
    client.post("b", sale())
    client.advance(120_000_000)
    (blocked,) = client.results("a")
    assert (blocked["status"], blocked["error"]["code"]) == ("blocked", 241)
    queue = client.call("GET", "/api/v2/getRequestsQueueStatus")[1]
    assert (queue["isBlocked"], queue["blockedUUID"], queue["blockReason"]) == (True, "a", "connectionError")
    assert client.results("b")[0]["status"] == "wait"
    assert client.call("POST", "/api/v2/operations/queryFnStatus", {})[0] == 500
    client.register.power_on(client.now_us)
    client.advance(10_000_000)
    (done,), (next_,) = client.results("a"), client.results("b")
    assert done["status"] == next_["status"] == "ready"
    assert done["result"]["fiscalParams"]["fiscalDocumentNumber"] == 3
    assert next_["result"]["fiscalParams"]["fiscalDocumentNumber"] == 4


def test_power_lost_before_the_document_is_a_failure(client: Client) -> None:
    client.done("open", {"type": "openShift"})
    client.post("a", sale())
    client.advance(50_000)
    assert client.register.drive.last_document == 2
    client.register.power_off(client.now_us)
    client.advance(1_000_000)
    client.register.power_on(client.now_us)
    client.advance(120_000_000)
    (failed,) = client.results("a")
    assert (failed["status"], failed["error"]["code"]) == ("error", 241)


def test_the_server_takes_the_report_of_opening_for_the_receipt(client: Client) -> None:
    """Its rule counts documents: a client must look at the document itself."""
    cut_at(client, "a", 2)
    client.advance(600_000_000)
    client.register.power_on(client.now_us)
    client.advance(10_000_000)
    (done,) = client.results("a")
    assert done["status"] == "ready", "as if the sale were done"
    assert client.register.drive.receipts_in_shift == 0, "it is not"
    assert "total" not in done["result"]["fiscalParams"]


def test_no_paper_blocks_nothing_but_the_task_fails() -> None:
    client = Client(make_web(electronic=False))
    client.done("open", {"type": "openShift"})
    client.register.paper_out(client.now_us)
    paper = sale(electronically=False)
    (failed,) = client.done("a", paper)
    assert (failed["status"], failed["error"]["code"]) == ("error", 44)
    client.register.paper_in(client.now_us)
    assert client.done("b", paper)[0]["status"] == "ready"


def test_a_server_that_hangs_answers_later_and_the_register_goes_on(client: Client) -> None:
    client.done("open", {"type": "openShift"})
    client.post("a", sale())
    client.register.hang(client.now_us + 30_000_000)
    client.send("GET", f"{REQUESTS}/a")
    client.advance(29_000_000)
    assert client.register.drive.receipts_in_shift == 0, "nobody told the register the next command"
    status, body = client.answer()
    assert (status, body["results"][0]["status"]) == (200, "inProgress")
    client.advance(5_000_000)
    assert client.results("a")[0]["status"] == "ready"


def test_a_dropped_connection_loses_answers_but_no_task(client: Client) -> None:
    head = f"POST {REQUESTS} HTTP/1.1\r\nContent-Length: 500\r\n\r\n{{".encode()
    assert client.register.receive(head, client.now_us) == []
    client.register.hang_up()
    assert client.post("a", sale())[0] == 201
    client.send("POST", "/api/v2/operations/queryFnStatus", {})
    client.register.hang_up()
    client.advance(5_000_000)
    assert client.results("a")[0]["status"] == "ready"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno header\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (f"POST / HTTP/1.1\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n".encode(), 413),
        (b"GET /" + b"x" * 20_000, 413),
    ],
)
def test_bytes_that_are_no_http(client: Client, raw: bytes, status: int) -> None:
    ((_, answer),) = client.register.receive(raw, 0)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()) and b"Connection: close" in head
    assert json.loads(body)["error"]["description"]


def test_a_request_may_come_byte_by_byte_and_in_pieces(client: Client) -> None:
    body = json.dumps({"uuid": "a", "request": STATUS}).encode()
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:], b""))
    raw = f"POST {REQUESTS} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + pieces
    output = [client.register.receive(raw[at : at + 1], 0) for at in range(len(raw))]
    assert all(not each for each in output[:-1])
    assert output[-1][0][1].startswith(b"HTTP/1.1 201 ")
