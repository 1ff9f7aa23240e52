"""Threads for calls that wait: so many at once of each kind, and none that keeps the program."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["Lane"]

_T = TypeVar("_T")

#: Calls that may wait for a thread; more of them mean that nothing moves on.
_MOST = 1000


class Lane:
    """Threads for one kind of call.

    They are made when they are needed and end with the program: a call that never returns holds
    neither the loop nor the end of the program.

    Args:
        name: of the kind, in messages and in the names of the threads.
        threads: at most; 1: one call at a time, in order.
        most: calls that may wait or run.
    """

    def __init__(self, name: str, threads: int = 1, most: int = _MOST) -> None:
        self.name = name
        self._limit = threads
        self._most = most
        self._threads: list[threading.Thread] = []
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._pending = 0
        self._closed = False
        self._lock = threading.Lock()

    async def call(self, function: Callable[..., _T], *args: Any, patience: float | None) -> _T:
        """Call on a thread and wait for the answer without holding the event loop.

        Args:
            function: what to call.
            args: its arguments.
            patience: seconds to wait, for a thread and for the answer; None: as long as it takes.

        Raises:
            TimeoutError: patience has ended; the call may go on.
            OSError: too many calls wait, or the lane is closed.
        """
        answer = asyncio.wrap_future(self.submit(function, *args))
        try:
            return await asyncio.wait_for(answer, patience)
        except TimeoutError:
            if answer.done() and not answer.cancelled():
                raise  # the function's own
            raise TimeoutError(f"{self.name} has not answered for {patience:g} s") from None

    def submit(self, function: Callable[..., _T], *args: Any) -> "Future[_T]":
        """Call on a thread; from any thread.

        Raises:
            OSError: too many calls wait, or the lane is closed.
        """
        future: Future[_T] = Future()
        with self._lock:
            if self._closed:
                raise OSError(f"{self.name} is closed")
            if self._pending >= self._most:
                raise OSError(f"{self._pending} calls of {self.name} wait already")
            self._pending += 1
            self._queue.put((future, partial(function, *args)))
            if self._pending > len(self._threads) < self._limit:
                thread = threading.Thread(target=self._work, name=self.name, daemon=True)
                self._threads.append(thread)
                thread.start()
        return future

    def close(self, timeout: float) -> None:
        """Take nothing more, and wait for what is under way; safe twice.

        Args:
            timeout: seconds for all of it.
        """
        with self._lock:
            self._closed = True
            threads = self._threads
        for _ in threads:
            self._queue.put(None)
        share = timeout / max(1, len(threads))
        for thread in threads:
            thread.join(share)

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            _answer(*task)
            del task  # or what it holds lives until the next one comes
            with self._lock:
                self._pending -= 1


def _answer(future: "Future[Any]", function: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except StopIteration as error:  # a future cannot raise it
        future.set_exception(RuntimeError(f"StopIteration: {error}"))
    except Exception as error:  # noqa: BLE001 - whoever waits gets it
        future.set_exception(error)
    except BaseException as error:  # noqa: BLE001 - what would end the loop ends this call alone
        future.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))
    else:
        future.set_result(result)
