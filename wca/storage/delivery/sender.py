"""From a backlog to a target, one attempt after the other, with every sample in the books."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from wca.clock import Clock
from wca.errors import PLUGIN_ERRORS
from wca.storage.delivery.backlog import Backlog, Dropped, Waiting
from wca.storage.delivery.parcel import (
    Outcome,
    Parcel,
    Refused,
    Target,
    Unavailable,
    check_outcomes,
)
from wca.storage.delivery.patience import Patience
from wca.storage.ledger import Ledger

__all__ = ["Sender"]

log = logging.getLogger(__name__)

#: Failures of our own making after which the parcel that may be their cause is given up.
MOST_DEFECTS = 5
#: Failures of a parcel, each with an answer, after which the next one is tried at once after it:
#: when that is accepted, the parcel is given up. Half as many for each that was, so that many of
#: them do not hold up the others for long; all of them again once such a parcel is accepted.
MOST_FAILURES = 10
#: Parcels of which failures are remembered, and that are tried at once.
MOST_SUSPECTS = 100
#: Reasons of which each is logged once.
MOST_REASONS = 100
#: Seconds of the shortest attempt, at the end of the time to close.
LEAST_TIMEOUT = 0.01


class Sender:
    """Keeps parcels and sends them when asked to; knows no thread, but may be called by several.

    One thread calls ``attempt``; any other method may be called by any thread, also while an
    attempt waits for the target. ``failing`` and ``size`` never wait, not for a slow disk either.

    Args:
        target: where parcels go.
        backlog: where they wait.
        ledger: the books.
        patience: when to try again.
        timeout: seconds one ``send`` may take.
        name: of the storage, in messages.
        clock: time.
    """

    def __init__(
        self,
        target: Target,
        backlog: Backlog,
        ledger: Ledger,
        patience: Patience,
        *,
        timeout: float,
        name: str,
        clock: Clock,
    ) -> None:
        self._target = target
        self._backlog = backlog
        self._ledger = ledger
        self._patience = patience
        self._timeout = timeout
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._connected = self._ended = False
        self._last_moment: float | None = None
        self._busy_since: float | None = None
        self._disk_problem: str | None = None
        self._defects = 0
        self._failures: dict[int, int] = {}  # of parcels that may be their cause, by number
        self._limit = MOST_FAILURES
        self._reported: set[str] = set()
        #: How much waits; parcels that are being sent are among them.
        self.size = backlog.size

    def open(self) -> None:
        """Open the backlog, which may hold parcels of an earlier run. Raises StartError."""
        with self._backlog_locked():
            samples = self._backlog.open()
            self._ledger.recover(samples)
        if samples:
            log.info("%s: %d samples of an earlier run wait in its spool", self._name, samples)

    def put(self, parcels: Sequence[Parcel]) -> None:
        """Keep parcels, whose samples were entered in the ledger."""
        samples = sum(parcel.samples for parcel in parcels)
        with self._backlog_locked():
            if self._ended:
                self._ledger.drop("closed", samples)
                return
            try:
                dropped = self._backlog.put(parcels, self._clock.now())
                self._disk_problem = None
            except OSError as error:
                self._disk_problem = str(error)
                dropped = [Dropped("disk_error", samples)]
            except Exception as error:  # noqa: BLE001 - out of memory, or a defect
                self._disk_problem = _sentence(error)
                dropped = [Dropped("failed", samples)]
            self._write_off(dropped)

    def attempt(self) -> float | None:
        """Send what is next, if its time has come; whatever happens, nothing is raised.

        Returns:
            Seconds after which to try again, 0 for at once; None: nothing waits.
        """
        try:
            return self._attempt()
        except BaseException as error:  # whatever it is, the thread must not end of it
            log.debug("%s: an attempt broke off", self._name, exc_info=error)
            with self._lock:
                self._busy_since = None
                self._patience.fail(_sentence(error), self._clock.monotonic())
                return self._pause()

    def _attempt(self) -> float | None:
        with self._backlog_locked():
            if self._ended:
                return None
            if (pause := self._pause()) > 0:
                return pause
            probing = self._patience.open
            batch = self._take()
            if not batch:
                return self._pause() or None
            self._busy_since = self._clock.monotonic()
        parcels = [one.parcel for one in batch]
        outcomes = self._one_by_one(parcels) if probing else self._outcomes(parcels)
        with self._backlog_locked():
            self._busy_since = None
            if not self._ended:
                self._enter(batch, outcomes)
            return self._pause()

    def hurry(self, last_moment: float) -> None:
        """Try at once, and let no attempt go on beyond a moment of the monotonic clock."""
        with self._lock:
            self._last_moment = last_moment
            self._patience.hurry(self._clock.monotonic())

    def end(self) -> None:
        """Close the backlog; an attempt under way changes nothing any more. Safe twice."""
        with self._backlog_locked():
            if not self._ended:
                self._ended = True
                waiting, dropped = self._backlog.size.samples, self._backlog.close()
                self._write_off(dropped)
                if left := waiting - sum(one.samples for one in dropped):
                    log.info("%s: %d samples wait in its spool for the next run", self._name, left)

    def abandon(self) -> None:
        """Do nothing more, where ``end`` does not return: the disk does not answer."""
        self._ended = True

    def close_target(self, timeout: float) -> None:
        """Close the target; called by the thread that sends, or by any when there is none."""
        try:
            self._target.close(timeout)
        except PLUGIN_ERRORS as error:
            log.debug("%s: the target did not close", self._name, exc_info=error)

    @property
    def failing(self) -> str | None:
        """Why what waits is not being delivered; None: it is, or nothing was tried."""
        busy_since = self._busy_since
        if self._disk_problem is None and busy_since is not None:
            busy = self._clock.monotonic() - busy_since
            if busy > 2 * self._timeout:
                return f"it has not answered for {busy:.1f} s"
        return self._disk_problem or self._patience.reason

    @contextmanager
    def _backlog_locked(self) -> Iterator[None]:
        """Have the backlog to oneself, and note its size afterwards."""
        with self._lock:
            try:
                yield
            finally:
                self.size = self._backlog.size

    def _pause(self) -> float:
        if not self._patience.open:
            return 0.0
        return max(0.0, self._patience.next_try - self._clock.monotonic())

    def _take(self) -> list[Waiting]:
        count = self._target.window
        if self._patience.open:
            count = 1 + sum(failures >= self._limit for failures in self._failures.values())
        try:
            while True:
                batch, dropped = self._backlog.take(count, self._clock.now())
                self._write_off(dropped)
                if own := self._without_others(batch):
                    return own
                if not batch:
                    return []
        except BaseException as error:  # a disk, or a lack of memory
            log.debug("%s: what waits cannot be read", self._name, exc_info=error)
            self._patience.fail(_sentence(error), self._clock.monotonic())
            return []

    def _without_others(self, batch: Sequence[Waiting]) -> list[Waiting]:
        """What the target can send; the others were made for another one, and are given up."""
        understands = getattr(self._target, "understands", None)
        others = [
            one
            for one in batch
            if one.parcel.kind and not (understands and understands(one.parcel.kind))
        ]
        if others:
            self._backlog.settle([one.number for one in others])
            for one in others:
                self._ledger.drop("other_kind", one.parcel.samples)
                kind = one.parcel.kind
                self._report(kind, f"samples of an earlier configuration are given up: {kind}")
        return [one for one in batch if one not in others]

    def _one_by_one(self, parcels: Sequence[Parcel]) -> Sequence[Outcome]:
        """Send to a target that was away, or over one of these was not pleased."""
        outcomes: list[Outcome] = []
        for parcel in parcels:
            last = outcomes[-1] if outcomes else None
            if isinstance(last, Unavailable) and not last.suspect:
                outcomes.append(last)  # it is away
            else:
                outcomes += self._outcomes([parcel])
        return outcomes

    def _outcomes(self, parcels: Sequence[Parcel]) -> Sequence[Outcome]:
        """Send; what is raised is an outcome too."""
        try:
            outcomes = self._send(parcels)
        except Unavailable as absent:
            self._connected = False
            return [absent] * len(parcels)
        except BaseException as error:  # whatever it is, the thread must not end of it
            self._connected = False
            log.debug("%s: sending failed", self._name, exc_info=error)
            return self._after_defect(_sentence(error), len(parcels))
        self._defects = 0
        return outcomes

    def _send(self, parcels: Sequence[Parcel]) -> Sequence[Outcome]:
        timeout = self._timeout
        if self._last_moment is not None:
            left = self._last_moment - self._clock.monotonic()
            timeout = min(timeout, max(LEAST_TIMEOUT, left))
        if not self._connected:
            self._target.open(timeout)
            self._connected = True
        outcomes = self._target.send(parcels, timeout)
        check_outcomes(outcomes, parcels)
        return outcomes

    def _after_defect(self, reason: str, parcels: int) -> Sequence[Outcome]:
        """What to do with parcels over which the target has raised what it should not raise."""
        self._defects += 1
        if self._defects < MOST_DEFECTS:
            return [Unavailable(reason)] * parcels
        self._defects = 0  # the first of them may be the cause; the others get their chance
        return [Refused(reason, label="failed"), *[Unavailable(reason)] * (parcels - 1)]

    def _enter(self, batch: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
        settled: list[int] = []
        released: list[int] = []
        absent: Unavailable | None = None
        for one, outcome in zip(batch, self._without_suspects(batch, outcomes), strict=True):
            if isinstance(outcome, Unavailable):
                absent = absent or outcome
                released.append(one.number)
            else:
                settled.append(one.number)
                self._settle(one.parcel, outcome)
        try:
            self._backlog.settle(settled)
        except BaseException as error:  # they may come again after a restart
            log.debug("%s: what was sent cannot be noted", self._name, exc_info=error)
            self._disk_problem = _sentence(error)
        self._backlog.release(released)
        if absent is None:
            self._patience.succeed()
        else:
            self._patience.fail(absent.reason, self._clock.monotonic(), absent.retry_after)

    def _without_suspects(
        self, batch: Sequence[Waiting], outcomes: Sequence[Outcome]
    ) -> Sequence[Outcome]:
        """The outcomes, in which a parcel is refused that fails while others are accepted."""
        accepted = any(outcome is None for outcome in outcomes)
        judged = list(outcomes)
        for place, (one, outcome) in enumerate(zip(batch, outcomes, strict=True)):
            failures = self._failures.pop(one.number, 0)
            if not isinstance(outcome, Unavailable):
                if failures and outcome is None:
                    self._limit = MOST_FAILURES
                continue
            failures += outcome.suspect
            if accepted and failures > self._limit:
                reason = f"{outcome.reason} ({failures} times, while others beside it are accepted)"
                judged[place] = Refused(reason, label="undeliverable")
                self._limit = max(1, self._limit // 2)
            elif failures:
                if len(self._failures) >= MOST_SUSPECTS:  # nobody sends those any more
                    self._failures.clear()
                self._failures[one.number] = failures
        return judged

    def _settle(self, parcel: Parcel, refusal: Refused | None) -> None:
        refused = 0
        if refusal is not None:
            refused = refusal.lost(parcel)
            self._ledger.drop(refusal.label, refused)
            self._report(refusal.reason, f"samples are refused: {refusal.reason}")
        self._ledger.deliver(parcel.samples - refused)

    def _write_off(self, dropped: Sequence[Dropped]) -> None:
        for reason, samples in dropped:
            self._ledger.drop(reason, samples)
            if reason != "merged":  # nothing is lost by that
                self._report(reason, f"samples that wait are given up, reason: {reason}")

    def _report(self, reason: str, sentence: str) -> None:
        if reason not in self._reported and len(self._reported) < MOST_REASONS:
            self._reported.add(reason)
            log.warning("%s: %s (said once, wca_dropped_samples counts all)", self._name, sentence)


def _sentence(error: BaseException) -> str:
    """What an error says, for a person."""
    if isinstance(error, OSError) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
