"""A page that voila makes of a notebook, in a real browser: voila as a process of its own, Debian's chromium driven by playwright."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
START_S = 60
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def browser() -> str:
    """The path of a browser, or ""."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), "")


def missing() -> str:
    """Why no page can be opened here, or ""."""
    absent = [name for name in ("voila", "playwright") if importlib.util.find_spec(name) is None]
    if absent:
        return f"{' and '.join(absent)} not installed: pip install -e '.[ui]'"
    return "" if browser() else f"no browser on the path ({', '.join(BROWSERS)})"


@contextmanager
def served(notebook: Path, log: Path) -> Iterator[str]:
    """The address of a page made of a notebook, for as long as it is looked at. Server and kernel are gone afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "voila",
        str(notebook),
        "--no-browser",
        f"--port={port}",
        "--Voila.ip=127.0.0.1",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("wb") as out:
        server = subprocess.Popen(
            command, stdout=out, stderr=out, env=environment, cwd=notebook.parent, start_new_session=True
        )
    try:
        _wait_for(port, server, log)
        yield f"http://127.0.0.1:{port}/"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"voila did not come up: {log.read_text(errors='replace')[-2000:]}")


@contextmanager
def opened(address: str) -> Iterator[Any]:
    """The page at an address, in a browser that talks to this machine only."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser(), args=list(QUIET))
        try:
            page = chromium.new_page(viewport={"width": 1000, "height": 900})
            page.route(re.compile(r"^https?://(?!127\.0\.0\.1[:/])"), lambda route: route.abort())
            page.goto(address)
            yield page
        finally:
            chromium.close()
