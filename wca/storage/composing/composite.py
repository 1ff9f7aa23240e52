"""What all storages have in common that hand metrics on to other storages."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar

from wca.abilities import ability
from wca.clock import Clock, SystemClock
from wca.config.types import Injected
from wca.errors import PLUGIN_ERRORS, FailedDeliveryException, ValidationError
from wca.metrics import Metric
from wca.storage.api import Storage

__all__ = ["CompositeStorage"]

log = logging.getLogger(__name__)


class CompositeStorage(Storage):
    """Hands metrics on to several storages, one after the other, on the thread that calls.

    A storage that fails does not keep the batch from the ones after it; a slow one delays them.
    Storages that talk to a network have a queue of their own and are never slow. A subclass
    writes ``store`` and calls ``pass_on``.

    It has no ``check``: the storages behind it are components of the file like all others.

    Args:
        storages: where the metrics go.
        clock: measures what remains of the time to close.

    Raises:
        ValidationError: there is no storage.
    """

    takes_batches = True
    #: Whether a storage behind this one may outlive it, see ``leave``.
    hands_over: ClassVar[bool] = True

    def __init__(
        self,
        storages: list[Storage],
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        if not storages:
            raise ValidationError("storages is empty: write at least one storage")
        self.storages = list(storages)
        self._clock = clock or SystemClock()
        self._left: Callable[[object], bool] = lambda _storage: False
        self._counts = {"rejected": 0, "filtered": 0, "merged": 0}
        self._counting = threading.Lock()

    @property
    def rejected(self) -> int:
        """Samples refused since start, by this storage and the one behind it that refused most."""
        return self._counts["rejected"] + self.behind()["rejected"]

    @property
    def filtered(self) -> int:
        """Samples left out since start because the configuration says so.

        Those that a storage behind this one leaves out are among them where it is the only one:
        what one of several leaves out, another may have taken.
        """
        return self._counts["filtered"] + self.behind()["filtered"]

    @property
    def merged(self) -> int:
        """Samples since start that went into the same number as an earlier one.

        Those of the storages behind this one are among them as with ``filtered``.
        """
        return self._counts["merged"] + self.behind()["merged"]

    @property
    def failing(self) -> str | None:
        """Why storages behind this one cannot deliver now; None: nothing is known to fail."""
        reasons = [
            f"{_name(one)}: {reason}"
            for one in self.storages
            if (reason := getattr(one, "failing", None))
        ]
        return "; ".join(reasons) or None

    def leave(self, to_others: Callable[[object], bool]) -> None:
        """Neither start nor flush nor close some of the storages behind this one, at any depth.

        For a storage that runs on when the configuration changes around it: it was started by
        another one, or will be closed by another one.

        Args:
            to_others: says of a storage whether it is one of them, from now on.
        """
        self._left = to_others
        for storage in self.storages:
            if isinstance(storage, CompositeStorage):
                storage.leave(to_others)

    def start(self) -> None:
        """Start the storages in their order; ``close`` closes them all, started or not.

        Raises:
            StartError: a storage cannot start.
        """
        for storage in self.storages:
            start = ability(storage, "start")
            if start is not None and not self._left(storage):
                start()

    def flush(self, timeout: float = 5.0) -> None:
        """Let the storages behind this one hand on what they hold back; safe twice.

        Args:
            timeout: for all of them together, in seconds.
        """
        deadline = self._clock.monotonic() + timeout
        for storage in self.storages:
            self._end(storage, "flush", deadline)

    def close(self, timeout: float = 5.0) -> None:
        """Flush, then close the storages in reverse order.

        One storage may stand in several places behind this one: what is to reach it has to be on
        its way before the first of them closes it.

        Args:
            timeout: for all of them together, in seconds. Each has an equal share of what is left,
                so that one whose target is away does not take the time of those before it.
        """
        deadline = self._clock.monotonic() + timeout
        self.flush(timeout)
        for waiting in range(len(self.storages), 0, -1):
            self._end(self.storages[waiting - 1], "close", deadline, waiting)

    def _end(self, storage: Storage, name: str, deadline: float, sharing: int = 1) -> None:
        """Call ``flush`` or ``close``; what it raises keeps none of the others from theirs."""
        method = ability(storage, name)
        if method is None or self._left(storage):
            return
        try:
            method(max(0.0, deadline - self._clock.monotonic()) / sharing)
        except PLUGIN_ERRORS as error:
            log.error("%s did not %s: %s", _name(storage), name, error)  # noqa: TRY400

    def pass_on(self, metrics: Sequence[Metric]) -> None:
        """Hand metrics to every storage.

        Raises:
            FailedDeliveryException: says which storages failed and why; the others have them.
        """
        failures = [
            failure
            for storage in self.storages
            if (failure := _failure(storage, metrics)) is not None
        ]
        if failures:
            reasons = "; ".join(failures)
            raise FailedDeliveryException(
                f"{len(failures)} of {len(self.storages)} storages failed: {reasons}"
            )

    def count(self, what: str, samples: int) -> None:
        """Count samples that are not handed on as they came.

        Args:
            what: ``rejected``, ``filtered`` or ``merged``.
            samples: how many.
        """
        with self._counting:
            self._counts[what] += samples

    def behind(self) -> dict[str, int]:
        """Samples that the storages behind this one have not passed on since start, by reason."""
        return {
            "rejected": max(_number(one, "rejected") for one in self.storages),
            "filtered": self._of_the_only_one("filtered"),
            "merged": self._of_the_only_one("merged"),
        }

    def _of_the_only_one(self, what: str) -> int:
        return _number(self.storages[0], what) if len(self.storages) == 1 else 0


def _failure(storage: Storage, metrics: Sequence[Metric]) -> str | None:
    """Store and return why that failed, or None."""
    try:
        storage.store(metrics if storage.takes_batches else list(metrics))
    except FailedDeliveryException as error:
        return f"{_name(storage)}: {error}"
    except PLUGIN_ERRORS as error:  # a plugin's defect must not reach its neighbours
        log.debug("%s raised", _name(storage), exc_info=True)
        return f"{_name(storage)}: {type(error).__name__}: {error}"
    return None


def _number(storage: Storage, attribute: str) -> int:
    value = getattr(storage, attribute, 0)
    return value if isinstance(value, int) else 0


def _name(storage: Storage) -> str:
    return type(storage).__name__
