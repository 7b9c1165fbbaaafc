"""The operator over real TCP: many registers at once, relayed for by a host with sockets. The hosts here are as small as they can be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ofd_world import START_S, OperatorUnreachable, Refused, Relayed, ask_of, make_server, relay, run, shift

from fiscal.emulators.operator import OperatorServer
from fiscal.emulators.operator_port import DrivePort, OperatorBuffer
from fiscal.ofd import OfdError, missing, ping, read_message
from fiscal.ofd.relay import CommandBuffer


async def serve(
    server: OperatorServer,
    now_us: Callable[[], int],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """One connection."""
    connection = server.connect()
    try:
        while connection.closing_us is None and server.accepts(now_us()):
            data = await reader.read(4096)
            if not data:
                break
            for at_us, chunk in connection.receive(data, now_us()):
                await asyncio.sleep(max(0, at_us - now_us()) / 1e6)
                writer.write(chunk)
                await writer.drain()
    finally:
        writer.close()


async def exchange(host: str, port: int, data: bytes) -> bytes:
    """Carry one message over a fresh connection."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        raise OperatorUnreachable("no connection") from error
    try:
        writer.write(data)
        answer = b""
        while (left := missing(answer)) > 0:
            chunk = await reader.read(left)
            if not chunk:
                raise OperatorUnreachable("the operator closed the connection", connected=True)
            answer += chunk
        return answer
    except OfdError as error:
        raise OperatorUnreachable(str(error), connected=True) from error
    finally:
        writer.close()
        await writer.wait_closed()


def test_ten_registers_over_sockets() -> None:
    server = make_server(reply_us=500)
    drives = [shift(2, serial=f"99990789000{n:05}") for n in range(10)]
    unpaid = shift(0, serial="9999078900099999")
    server.unpaid.add(unpaid.serial)

    async def together() -> tuple[list[Relayed], Relayed, bytes]:
        loop = asyncio.get_running_loop()
        listener = await asyncio.start_server(
            lambda reader, writer: serve(server, lambda: int(loop.time() * 1e6), reader, writer), "127.0.0.1"
        )
        host, port = listener.sockets[0].getsockname()[:2]

        def carry(drive_number: int | None) -> Relayed:
            drive = unpaid if drive_number is None else drives[drive_number]
            buffer = CommandBuffer(ask_of(OperatorBuffer(DrivePort(drive)), START_S), Refused)

            def over_tcp(data: bytes) -> bytes:
                return asyncio.run_coroutine_threadsafe(exchange(host, port, data), loop).result(10)

            return run(relay(buffer, limit=100), over_tcp)[0]

        done = await asyncio.gather(*(asyncio.to_thread(carry, n) for n in range(10)))
        refused = await asyncio.to_thread(carry, None)
        pong = await exchange(host, port, ping(drives[0].serial, 4))
        listener.close()
        await listener.wait_closed()
        return list(done), refused, pong

    done, refused, pong = asyncio.run(together())
    assert done == [Relayed(5, 5, True, True, True)] * 10
    assert refused == Relayed(0, 0, True, False, False, "the operator closed the connection")
    assert read_message(pong).body == b""
    for drive in drives:
        assert drive.unsent.count == 0
        assert [entry.tlv for entry in server.store.drives[drive.serial]] == [
            drive.find(n).tlv for n in range(1, 6)
        ]


def test_nobody_listens() -> None:
    async def alone() -> Exception | None:
        listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1")
        port = listener.sockets[0].getsockname()[1]
        listener.close()
        await listener.wait_closed()
        try:
            await exchange("127.0.0.1", port, ping("1", 2))
        except OperatorUnreachable as error:
            return error
        return None

    assert asyncio.run(alone()) is not None
