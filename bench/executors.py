"""Where work is done: in this process, in worker processes, or on a cluster; the answers do not know.

What is spread is a function of plain data whose answer follows from its argument alone, so it may be worked out anywhere and in any order.
Everything that spreads work takes an executor of the standard library (`concurrent.futures.Executor`), or None for "here, one after the
other". A Dask cluster gives such an executor, too. The answers come back with the numbers of their items, so their order is the caller's.

    >>> with open_executor(workers=1) as executor:
    ...     mapped(executor, abs, [-3, 2, -1])
    [3, 2, 1]
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import multiprocessing
import multiprocessing.connection
import os
import queue
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from bench.keep import uninterrupted
from bench.progress import Progress

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_AHEAD = 1024  # items handed over and not yet answered: enough for a large cluster, and little memory
_PATIENCE_S = 10  # for a cluster's scheduler to answer
_SOURCES = ("*.py", "*.toml")


class WorkersError(ConnectionError):
    """Workers that are not there, are not like us, or went away in the middle. The text says what to do."""


@contextlib.contextmanager
def open_executor(workers: int = 1, dask: str = "") -> Iterator[Executor | None]:
    """An executor for a while: None for one worker, so many processes of this machine, or the Dask cluster at an address.

    ``dask`` is the address of a scheduler such as ``tcp://10.0.0.5:8786``; its workers need the same version of the bench and see the same
    files. Raises ValueError for less than one worker or for both at once, WorkersError when the cluster is not there or not like us.
    """
    if workers < 1:
        raise ValueError(f"{workers} workers: there must be at least one")
    if dask and workers > 1:
        raise ValueError("either worker processes or a cluster: leave one of the two out")
    if dask:
        with _cluster(dask) as executor:
            yield executor
    elif workers == 1:
        yield None
    else:
        # Not forked: a fork of a process with threads (a notebook's kernel) may stand still for ever.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(workers, context, initializer=_at_start_of_worker)
        try:
            with uninterrupted():  # a worker inherits that, so it is deaf to Ctrl-C from its first moment
                for _ in range(workers):
                    pool.submit(int)
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


def completed(
    executor: Executor | None, function: Callable[[Item], Answer], items: Iterable[Item]
) -> Iterator[tuple[int, Answer]]:
    """Answers as they come, each with the number of its item. What the function raises is raised here.

    When the caller stops listening (or Ctrl-C comes), what has not begun is called off. Raises WorkersError when a worker dies.
    """
    if executor is None:
        for number, item in enumerate(items):
            yield number, function(item)
        return
    done: queue.SimpleQueue[Future[Answer]] = queue.SimpleQueue()
    numbers: dict[Future[Answer], int] = {}
    rest = enumerate(items)
    try:
        while True:
            while len(numbers) < _AHEAD and (following := next(rest, None)) is not None:
                future = executor.submit(function, following[1])
                numbers[future] = following[0]
                future.add_done_callback(done.put)
            if not numbers:
                return
            future = done.get()
            yield numbers.pop(future), future.result()
    except BrokenExecutor as error:
        raise WorkersError(
            "a worker went away in the middle (killed, or out of memory?); run it again, with fewer workers"
        ) from error
    finally:
        for future in list(numbers):
            future.cancel()


def mapped(
    executor: Executor | None,
    function: Callable[[Item], Answer],
    items: Sequence[Item],
    progress: Progress | None = None,
) -> list[Answer]:
    """The answers in the order of the items, whoever was faster. Raises as `completed` does."""
    found: dict[int, Answer] = {}
    for number, answer in completed(executor, function, items):
        found[number] = answer
        if progress is not None:
            progress(len(found), len(items))
    return [found[number] for number in range(len(items))]


@lru_cache
def code_hash() -> str:
    """A hash of the bench's and the engine's sources: equal where the same question has the same answer to the bit."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for package in ("bench", "fiscal"):
        for path in sorted(p for kind in _SOURCES for p in (root / package).rglob(kind)):
            text = path.read_bytes()
            digest.update(f"{path.relative_to(root).as_posix()} {len(text)}\n".encode() + text)
    return digest.hexdigest()


def _at_start_of_worker() -> None:
    """Ctrl-C is the parent's to answer; and a worker whose parent was killed ends, rather than wait for work for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # again: where processes do not inherit it
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


@contextlib.contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client, KilledWorker
        from distributed.comm.addressing import get_address_host_port
        from distributed.comm.core import CommClosedError
    except ImportError:
        raise WorkersError(
            "a cluster needs Dask: python -m pip install -c requirements.txt -e '.[cluster]'"
        ) from None
    try:
        # First by hand: where nobody listens, the client would try for its whole patience, and not close in peace.
        socket.create_connection(get_address_host_port(address), _PATIENCE_S).close()
        client: Any = Client(address, timeout=_PATIENCE_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WorkersError(
            f"{address}: no Dask scheduler answers there ({reason}); give its address, such as tcp://10.0.0.5:8786"
        ) from None
    try:
        with _silence(
            "distributed", "tornado.application"
        ):  # they would tell in many lines what is told here in one
            try:
                _must_be_like_us(client, address)
                yield _DaskExecutor(client)
            finally:
                client.close()
    except KilledWorker as error:
        raise WorkersError(
            f"{address}: workers died again and again at the same work (killed, or out of memory?): {error}"
        ) from error
    except (CommClosedError, CancelledError) as error:
        raise WorkersError(f"{address}: the scheduler went away in the middle; run it again") from error


@contextlib.contextmanager
def _silence(*libraries: str) -> Iterator[None]:
    """No log lines of these libraries for a while, whatever the levels of their parts are."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith(libraries)]
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


class _DaskExecutor(Executor):
    """A cluster's client as an executor.

    Dask has one, too, but an answer that is under way when the scheduler goes never comes to an end there, and who waits for it, waits for
    ever.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def submit(self, fn: Callable[..., Answer], /, *args: Any, **kwargs: Any) -> Future[Answer]:
        answer: Future[Answer] = Future()
        work = self._client.submit(fn, *args, pure=False, **kwargs)

        def finish(work: Any) -> None:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                answer.set_result(work.result())
            except BaseException as error:  # whatever it is, the one who waits has to know
                answer.set_exception(error)

        answer.add_done_callback(lambda done: work.cancel() if done.cancelled() else None)
        work.add_done_callback(finish)
        return answer


def _must_be_like_us(client: Any, address: str) -> None:
    """Bit-identical answers are promised, so no worker may have other sources."""
    try:
        found: dict[str, str] = client.run(code_hash)
    except ImportError as error:
        raise WorkersError(
            f"{address}: the workers do not have the bench ({error}); install the same version there"
        ) from None
    if not found:
        raise WorkersError(f"{address}: the scheduler has no workers; start some: dask worker {address}")
    other = sorted(worker for worker, theirs in found.items() if theirs != code_hash())
    if other:
        raise WorkersError(
            f"{address}: {len(other)} of {len(found)} workers have other sources of the bench than this process, first {other[0]}; "
            "install the same version there"
        )
