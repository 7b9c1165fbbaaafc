"""ATOL's own Linux driver in a process of its own, at the end of an emulated register's line.

The driver is the vendor's, so it holds the emulator to the protocol as registers speak it. It is proprietary: the
test fetches it from the package registry into a cache folder when it can (npm package ``node-atol-wrapper``,
without running anything of it), and is skipped with the reason when it cannot. It runs in a process of its own,
which this file is when it is started as a program; tasks and results travel as lines of JSON.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

PACKAGE = "node-atol-wrapper@0.0.20"
MEMBER = "package/src/linux-x64/libfptr10.so"
SHA256 = "f31c09bc847dca37bd2923772c7d7b03d67c87409cfbaa73079f51fb5c0b8df9"
JSON_DATA = 65645
"""The number of the parameter that carries a task and its result, from the vendor's header."""


def host(library: str, port: int) -> None:
    """The other process: open, then one task a line, each answered with one line."""
    lib = ctypes.CDLL(library)
    text = ctypes.c_wchar_p
    handle = ctypes.c_void_p()
    lib.libfptr_create(ctypes.byref(handle))
    lib.libfptr_set_settings.argtypes = [ctypes.c_void_p, text]
    lib.libfptr_set_param_str.argtypes = [ctypes.c_void_p, ctypes.c_int, text]
    lib.libfptr_get_param_str.argtypes = [ctypes.c_void_p, ctypes.c_int, text, ctypes.c_int]
    lib.libfptr_error_description.argtypes = [ctypes.c_void_p, text, ctypes.c_int]
    settings = {"Model": 500, "Port": 2, "IPAddress": "127.0.0.1", "IPPort": port}
    lib.libfptr_set_settings(handle, json.dumps(settings))
    buffer = ctypes.create_unicode_buffer(32_768)
    failed = lib.libfptr_open(handle)
    for line in itertools.chain([""], () if failed else sys.stdin):
        if line:
            lib.libfptr_set_param_str(handle, JSON_DATA, line.strip())
            failed = lib.libfptr_process_json(handle)
        buffer.value = ""
        if failed:
            lib.libfptr_error_description(handle, buffer, len(buffer))
        elif line:
            lib.libfptr_get_param_str(handle, JSON_DATA, buffer, len(buffer))
        code = lib.libfptr_error_code(handle) if failed else 0
        sys.stdout.write(json.dumps({"code": code, "text": buffer.value}) + "\n")
        sys.stdout.flush()
    lib.libfptr_close(handle)


if __name__ == "__main__":
    host(sys.argv[1], int(sys.argv[2]))
    raise SystemExit

from atol_line import make_register  # noqa: E402

from fiscal.emulators.atol import AtolRegister  # noqa: E402
from fiscal.live.emulated import EmulatedRegister, TcpEndpoint  # noqa: E402

SPEED = 0.01
"""The register does its work a hundred times faster than its profile says."""

CASHIER = {"name": "Иванова А.", "vatin": "123456789047"}


def fetched() -> Path:
    """The vendor's library in the cache. Raises `RuntimeError` with the reason when there is none."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise RuntimeError("the vendor's library is for Linux on x86-64")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fiscal-bench"
    library = cache / "libfptr10-10.8.0.0.so"
    if not library.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError("npm is not installed, so the vendor's library cannot be fetched")
        with tempfile.TemporaryDirectory() as folder:
            command = [npm, "pack", PACKAGE, "--ignore-scripts", "--fetch-retries=0", "--fetch-timeout=30000"]
            try:
                subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
                (archive,) = Path(folder).glob("*.tgz")
                with tarfile.open(archive) as tar:
                    member = tar.extractfile(MEMBER)
                    data = member.read() if member else b""
                cache.mkdir(parents=True, exist_ok=True)
                fresh = cache / f".{os.getpid()}.so"
                fresh.write_bytes(data)
                fresh.replace(library)
            except (OSError, ValueError, KeyError, tarfile.TarError, subprocess.SubprocessError) as why:
                raise RuntimeError(f"the vendor's library could not be fetched: {why}") from None
    if hashlib.sha256(library.read_bytes()).hexdigest() != SHA256:
        raise RuntimeError("the library in the cache is not the one the vendor shipped")
    return library


class Host:
    """The vendor's driver in its process, and the register at the other end of its line."""

    def __init__(self, library: Path, register: AtolRegister, home: Path) -> None:
        self.register = register
        register.slow = SPEED
        self.device = EmulatedRegister(register, TcpEndpoint("127.0.0.1", 0)).start()
        port = self.device.address.rpartition(":")[2]
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(library), port],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "HOME": str(home), "PYTHONIOENCODING": "utf-8"},
        )
        assert self.answer() == (0, "")

    def answer(self) -> tuple[int, str]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the vendor's driver is gone"
        got = json.loads(line)
        return got["code"], got["text"]

    def task(self, type: str, **values: Any) -> tuple[int, str]:
        return self.task_of({"type": type, **values})

    def task_of(self, task: dict[str, Any]) -> tuple[int, str]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def done(self, type: str, **values: Any) -> Any:
        """The result of a task that must succeed."""
        code, text = self.task(type, **values)
        assert code == 0, f"{type}: {code} {text}"
        return json.loads(text) if text else None

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()
        self.device.stop()


def made(library: Path, home: Path, **options: Any) -> Host:
    return Host(library, make_register(**options), home)


def goods(
    name: str = "Тест", price: float = 100.5, quantity: float = 2, tax: str = "vat10"
) -> dict[str, Any]:
    return {
        "type": "position",
        "name": name,
        "price": price,
        "quantity": quantity,
        "amount": price * quantity,
        "tax": {"type": tax},
        "paymentMethod": "fullPayment",
        "paymentObject": "commodity",
    }


def receipt(*items: dict[str, Any], pay: str = "cash", **more: Any) -> dict[str, Any]:
    total = sum(item["amount"] for item in items)
    return {
        "taxationType": "osn",
        "operator": CASHIER,
        "items": list(items),
        "payments": [{"type": pay, "sum": total}],
        "total": total,
    } | more


AGENT = {
    "agentInfo": {"agents": ["commissionAgent"]},
    "supplierInfo": {"phones": ["+79001234567"], "name": "ООО Продавец", "vatin": "7707083893"},
}
BANK = {
    "agentInfo": {
        "agents": ["bankPayingAgent"],
        "payingAgent": {"operation": "перевод", "phones": ["+79001234567"]},
        "moneyTransferOperator": {
            "phones": ["+78002000000"],
            "name": "ООО Перевод",
            "address": "Москва",
            "vatin": "7830002293",
        },
    },
    "supplierInfo": {"vatin": "7707083893"},
}
MARKED = "01046006531059902152CUnq\x1d93Gk30"


def based(code: bytes) -> str:
    return base64.b64encode(code).decode()
