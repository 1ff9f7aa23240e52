"""Storages that weigh what they are given, in place of those that would pass it on."""

import contextlib
import importlib
import time
from collections.abc import Sequence

from wca.abilities import ability
from wca.clock import Clock
from wca.errors import PLUGIN_ERRORS
from wca.metrics import Metric
from wca.storage import Storage
from wca.storage.composing.composite import CompositeStorage
from wca.storage.encoding import Encoder
from wca.storage.ledger import ledger_of
from wca.storage.outlet import LEFT_OUT
from wca.storage.weight import Weight

__all__ = ["Scales", "Weighed"]


class Weighed(Storage):
    """Stands for a storage: its batches are encoded, weighed and forgotten. It starts nothing.

    One that cannot weigh, as of a plugin, is taken to write Prometheus text with timestamps.

    Args:
        storage: the one that it stands for, which is never started.
        name: of the place where that stands.
        window: seconds that a storage before it collects samples for; 0: none does.
        clock: the time of batches that have none.
    """

    blocking = False
    takes_batches = True

    def __init__(self, storage: Storage, name: str, window: float, clock: Clock) -> None:
        self.name = name
        self.window = window
        self.weight: Weight | None = None
        #: Why a batch could not be encoded; empty: it could.
        self.problem = ""
        #: Seconds of CPU for pages, which are made when somebody fetches them.
        self.fetching = 0.0
        self._storage = storage
        self._clock = clock
        # The books that the storage keeps, and what it would count in those of the loop: there are
        # to be as many series about it.
        self.ledger = ledger_of(storage)
        for reason in set(LEFT_OUT).intersection(dir(storage)):
            setattr(self, reason, 0)
        self._encoder = Encoder(timestamps=True)

    @property
    def waiting(self) -> object:
        """How much waits for its target: nothing ever does."""
        return getattr(self._storage, "waiting", None)

    def store(self, metrics: Sequence[Metric]) -> None:
        """Weigh a batch."""
        if self.ledger is not None:
            self.ledger.collect(len(metrics))
            self.ledger.deliver(len(metrics))
        weigh = ability(self._storage, "weigh")
        began = time.process_time()
        try:
            if weigh is None:
                self.weight = self._as_text(metrics)
            else:
                given = metrics if self._storage.takes_batches else list(metrics)
                self.weight = weigh(given)
                self._load(self.weight.loads)
        except PLUGIN_ERRORS as error:
            self.problem = f"{type(error).__name__}: {error}"
        if self.weight is not None and self.weight.fetched:
            self.fetching += time.process_time() - began

    @staticmethod
    def _load(modules: Sequence[str]) -> None:
        """Import what sending would, so that the memory that it takes is measured."""
        for name in modules:
            with contextlib.suppress(ImportError):  # its start says what to install
                importlib.import_module(name)

    def _as_text(self, metrics: Sequence[Metric]) -> Weight:
        encoded = self._encoder.encode(metrics, self._clock.now())
        size = sum(map(len, encoded.chunks()))
        return Weight(len(encoded.heads), size, "it cannot weigh: as Prometheus text")


class Scales:
    """Puts ``Weighed`` in the place of storages; those that only pass metrics on stay.

    Args:
        clock: see ``Weighed``.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[int, Weighed] = {}
        self._passing: list[CompositeStorage] = []

    @property
    def weighed(self) -> list[Weighed]:
        """All of them, in the order of the configuration."""
        return list(self._known.values())

    @property
    def fetching(self) -> float:
        """Seconds of CPU that pages have taken so far."""
        return sum(one.fetching for one in self._known.values())

    def put_in(self, storage: Storage, name: str, window: float = 0.0) -> Storage:
        """What to use instead of a storage of a configuration that is never run.

        Args:
            storage: changed where it passes metrics on to others.
            name: of its place.
            window: see ``Weighed``.
        """
        if isinstance(storage, CompositeStorage) and _only_passes_on(storage):
            window = max(window, float(getattr(storage, "window", 0.0)))
            storage.storages[:] = [
                self.put_in(one, f"{name}/{type(one).__name__}", window) for one in storage.storages
            ]
            storage.blocking = False  # type: ignore[misc] # nothing behind it waits any more
            self._passing.append(storage)
            return storage
        if isinstance(storage, Weighed):  # it has another place besides this one
            return storage
        known = self._known.get(id(storage))
        if known is None:
            known = self._known[id(storage)] = Weighed(storage, name, window, self._clock)
        return known

    def flush(self) -> None:
        """Let those that collect samples hand on what they have."""
        for storage in reversed(self._passing):  # those behind others come first in the list
            storage.flush()


def _only_passes_on(storage: CompositeStorage) -> bool:
    """Whether its start starts nothing but the storages behind it."""
    return type(storage).start is CompositeStorage.start
