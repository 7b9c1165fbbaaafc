"""A notebook in a real browser: voila or JupyterLab as a process of its own, Debian's chromium driven by playwright."""

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
    absent = [
        name for name in ("voila", "jupyterlab", "playwright") if importlib.util.find_spec(name) is None
    ]
    if absent:
        return f"{' and '.join(absent)} not installed: pip install -e '.[ui]'"
    return "" if browser() else f"no browser on the path ({', '.join(BROWSERS)})"


@contextmanager
def voila(notebook: Path, log: Path) -> Iterator[str]:
    """The address of a page made of a notebook, for as long as it is looked at."""
    port = _free_port()
    with _serving(
        ["voila", str(notebook), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"], port, log
    ):
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def jupyterlab(notebook: Path, log: Path) -> Iterator[str]:
    """The address of a notebook in JupyterLab, which may write into its folder: give it a copy."""
    port = _free_port()
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "ServerApp.root_dir": notebook.parent,
        "IdentityProvider.token": "",
        "LabApp.expose_app_in_browser": True,
        "LabApp.news_url": None,
    }
    with _serving(["jupyterlab", *(f"--{name}={value}" for name, value in options.items())], port, log):
        yield f"http://127.0.0.1:{port}/lab/tree/{notebook.name}?reset"


RUN_ALL = """async () => {
    const widget = window.jupyterapp.shell.currentWidget;
    await widget.context.ready;
    await widget.sessionContext.ready;
    await widget.sessionContext.session.kernel.info;
    await window.jupyterapp.commands.execute('notebook:run-all-cells');
}"""
"""Runs the open notebook of JupyterLab; before its kernel is there, the command would do nothing."""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _serving(module: list[str], port: int, log: Path) -> Iterator[None]:
    """A server in a process group of its own; with its kernels it is gone afterwards."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_CONFIG_DIR": str(log.parent / "settings")}
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", *module], stdout=out, stderr=out, env=environment, start_new_session=True
        )
    try:
        _wait_for(port, server, log)
        yield
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
    raise RuntimeError(f"{log.stem} did not come up: {log.read_text(errors='replace')[-2000:]}")


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser that opens pages (`open_page`); one at a time."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=browser(), args=list(QUIET))
        try:
            yield started
        finally:
            started.close()


def open_page(started: Any, address: str) -> Any:
    """The page at an address, which talks to this machine only."""
    page = started.new_page(viewport={"width": 1000, "height": 900})
    page.route(re.compile(r"^https?://(?!127\.0\.0\.1[:/])"), lambda route: route.abort())
    page.goto(address)
    return page
