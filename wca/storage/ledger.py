"""What became of the samples that a storage was given: nothing leaves the books unexplained."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Account", "Ledger", "ledger_of"]


@dataclass(frozen=True, slots=True)
class Account:
    """The books at one moment; ``collected + recovered = delivered + dropped + waiting``.

    Args:
        collected: samples taken over since start.
        recovered: samples that a start has found in the spool.
        delivered: samples that the target has accepted.
        dropped: samples given up, by reason.
        waiting: samples neither delivered nor given up.
    """

    collected: int
    recovered: int
    delivered: int
    dropped: dict[str, int]
    waiting: int


class Ledger:
    """Counts samples on their way; every method may be called from any thread.

    Args:
        reasons: for which samples may be given up. They are exported from the start, as 0: whoever
            asks for the increase of a counter misses the first loss of one that comes with it.
    """

    def __init__(self, *reasons: str) -> None:
        self._lock = threading.Lock()
        self._reasons = dict.fromkeys(reasons, 0)
        self._collected = self._recovered = self._delivered = self._waiting = 0
        self._dropped: Counter[str] = Counter()

    def collect(self, samples: int) -> None:
        """Samples were taken over, and wait."""
        with self._lock:
            self._collected += samples
            self._waiting += samples

    def recover(self, samples: int) -> None:
        """Samples of an earlier run were found, and wait."""
        with self._lock:
            self._recovered += samples
            self._waiting += samples

    def deliver(self, samples: int) -> None:
        """The target has accepted samples that waited."""
        with self._lock:
            self._delivered += samples
            self._waiting -= samples

    def drop(self, reason: str, samples: int) -> None:
        """Samples that waited were given up.

        Args:
            reason: one word or two, the value of a label: ``queue_full``, ``expired``, ``refused``.
            samples: how many; none changes nothing.
        """
        if not samples:
            return
        with self._lock:
            self._dropped[reason] += samples
            self._waiting -= samples

    def settle(self, samples: int, left_out: Mapping[str, int]) -> None:
        """Samples that waited were delivered, but for some.

        Args:
            samples: how many waited.
            left_out: how many of them were given up, by reason; no more count than waited.
        """
        for reason, count in left_out.items():
            lost = max(0, min(count, samples))
            self.drop(reason, lost)
            samples -= lost
        self.deliver(samples)

    def lose(self, reason: str, samples: int) -> None:
        """Samples were given up before they were taken over.

        Args:
            reason: as of ``drop``.
            samples: how many.
        """
        with self._lock:
            self._collected += samples
            self._dropped[reason] += samples

    def expect(self, *reasons: str) -> None:
        """Samples may be given up for these reasons as well."""
        with self._lock:
            self._reasons |= dict.fromkeys(reasons, 0)

    @property
    def dropped(self) -> dict[str, int]:
        """Samples given up, by reason; 0 of those that are only expected."""
        with self._lock:
            return self._reasons | self._dropped

    @property
    def account(self) -> Account:
        """The books as they stand; they balance at every moment."""
        with self._lock:
            return Account(
                self._collected,
                self._recovered,
                self._delivered,
                dict(self._dropped),
                self._waiting,
            )


def ledger_of(storage: object) -> Ledger | None:
    """The books that a storage keeps itself, as an attribute ``ledger``; None: it has none."""
    found = getattr(storage, "ledger", None)
    return found if isinstance(found, Ledger) else None
