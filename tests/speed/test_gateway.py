"""How many receipts a second go the whole way: HTTP -> journal (SQLite, FULL) -> engine -> driver -> emulated register.

Three processes, as in a shop: the clients (here), the engine, the registers. Registers act at once; their drives forget. Run by
``pytest -m speed tests/speed/test_gateway.py -s``; prints figures, asserts only that everything was recorded.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

REGISTERS = 8
CLIENTS = 32
RECEIPTS = 3000

FARM = """
import signal, sys
from fiscal.live import makes
from fiscal.live.emulated import TcpEndpoint
for number in range(int(sys.argv[1])):
    about = makes.About(f"kkt{number}", "7700000009", ffd=4)
    endpoint = TcpEndpoint("127.0.0.1", 0)
    makes.emulate("shtrih", endpoint, about, device_name="shtrih-m-01f", speed=1e6, drive_path=None).start()
    print(endpoint.address, flush=True)
signal.pause()
"""


def request_bytes(key: str, port: int) -> bytes:
    body = json.dumps(
        {
            "items": [{"name": f"Thing {line}", "price": "100.00", "vat": "22%"} for line in range(3)],
            "buyer": {"email": "b@example.org"},
        }
    ).encode()
    return (
        f"POST /receipts HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def get(port: int, path: str) -> dict[str, object]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
    data = await reader.read()
    writer.close()
    content: dict[str, object] = json.loads(data.partition(b"\r\n\r\n")[2])
    return content


async def client(number: int, port: int, keys: list[str], waits: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for key in keys:
        sent = time.perf_counter()
        writer.write(request_bytes(key, port))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 202"), head
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        waits.append(time.perf_counter() - sent)
    writer.close()


async def load(port: int) -> tuple[float, float, list[float]]:
    """Seconds until all were acknowledged, until all were recorded, and the waits for the acknowledgement."""
    waits: list[float] = []
    start = time.perf_counter()
    await asyncio.gather(
        *(
            client(number, port, [f"k{number}-{n}" for n in range(RECEIPTS // CLIENTS)], waits)
            for number in range(CLIENTS)
        )
    )
    acknowledged = time.perf_counter() - start
    total = RECEIPTS // CLIENTS * CLIENTS
    while (await get(port, "/receipts?limit=1"))["counts"] != {"recorded": total}:
        await asyncio.sleep(0.02)
    return acknowledged, time.perf_counter() - start, waits


def cpu_s(pid: int) -> float:
    """Processor seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.speed
def test_gateway_throughput(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    farm = subprocess.Popen([sys.executable, "-c", FARM, str(REGISTERS)], stdout=subprocess.PIPE, text=True)
    assert farm.stdout is not None
    addresses = [farm.stdout.readline().strip() for _ in range(REGISTERS)]
    config = (
        '[shop]\nentity = "7700000009"\nsite = "shop.example"\ntaxation = "general"\n'
        f"[http]\nport = {port}\n[engine]\nclose_at = []\n"
    )
    for number, address in enumerate(addresses):
        config += f'[[registers]]\nname = "kkt{number}"\naddress = "{address}"\n'
    (tmp_path / "shop.toml").write_text(config)
    server = subprocess.Popen(
        [sys.executable, "-m", "fiscal", "serve", "shop.toml", "--log", "warning"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    server.stdout.readline()
    try:
        time.sleep(1.0)
        before = [cpu_s(server.pid), cpu_s(farm.pid), time.process_time()]
        acknowledged, recorded, waits = asyncio.run(asyncio.wait_for(load(port), 120))
        after = [cpu_s(server.pid), cpu_s(farm.pid), time.process_time()]
    finally:
        for process in (server, farm):
            process.send_signal(signal.SIGTERM)
            process.wait(20)
            assert process.stdout is not None
            process.stdout.close()
    waits.sort()
    total = len(waits)
    print(
        f"\n{total} receipts, {REGISTERS} registers, {CLIENTS} clients: acknowledged {total / acknowledged:,.0f}/s, "
        f"recorded {total / recorded:,.0f}/s; wait for the answer median {waits[total // 2] * 1e3:.1f} ms, "
        f"99 % {waits[total * 99 // 100] * 1e3:.1f} ms"
    )
    used = [round((end - start) / total * 1e6) for start, end in zip(before, after, strict=True)]
    print(f"processor time for a receipt: engine {used[0]} us, registers {used[1]} us, clients {used[2]} us")
