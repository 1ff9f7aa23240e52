"""Calls of AWS: bounded in rate and number, held back where nothing answers, counted."""

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any, TypeVar

from wca.clock import Clock
from wca.metrics import Measurements
from wca.workers.aws.account import AwsAccount
from wca.workers.aws.apis import BY_OPERATION, Api
from wca.workers.aws.breaker import CircuitBreaker
from wca.workers.aws.counters import Counters
from wca.workers.aws.errors import AwsError, Kind, error_of, place
from wca.workers.aws.rates import TokenBucket
from wca.workers.aws.sessions import ClientOptions, Sessions
from wca.workers.model import Shard

__all__ = ["Calls"]

_B = TypeVar("_B")
_T = TypeVar("_T")

#: Seconds that a call waits at most for its turn.
_PATIENCE = 60.0
#: Pages of one answer that are read at most: 10,000 instances are 10, 10,000 metrics are 20.
_MOST_PAGES = 1000
#: Kinds that say that a region does not answer; all others are answers.
_NO_ANSWER = frozenset({Kind.THROTTLED, Kind.UNREACHABLE, Kind.FAILED})


class Calls:
    """Makes calls, on the caller's thread or several at once. Thread-safe.

    Args:
        accounts: by name.
        options: how AWS is asked.
        clock: time.
    """

    def __init__(
        self, accounts: Mapping[str, AwsAccount | None], options: ClientOptions, clock: Clock
    ) -> None:
        self.counters = Counters()
        self._clock = clock
        self._sessions = Sessions(accounts, options, self._before_send)
        self._concurrency = options.connections
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._closing = threading.Event()
        self._breakers: dict[Shard, CircuitBreaker] = {}
        self._buckets: dict[tuple[Shard, str], TokenBucket] = {}

    def open(self) -> None:
        """Find what is needed for calls; raises StartError when it is missing."""
        self._closing.clear()
        self._sessions.open()

    @property
    def region(self) -> str | None:
        """The region of the environment or of the AWS files, if any."""
        return self._sessions.region()

    def call(self, shard: Shard, api: Api, **arguments: Any) -> Any:
        """Call once, with botocore's own attempts; the answer as boto3 gives it.

        Raises:
            AwsError: there is no answer, or it is an error.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        breaker = self._breaker(shard)
        wait = breaker.admit()
        if wait:
            raise AwsError(
                f"{place(shard, api)}: held back for {wait:.0f} s more, after failures in a row",
                Kind.UNREACHABLE,
            )
        try:
            client = self._sessions.client(shard, api.service)
            answer = getattr(client, api.method)(**arguments)
        except (AwsError, BotoCoreError, ClientError, OSError, RuntimeError, ValueError) as error:
            failed = error_of(error, shard, api, self._sessions.role(shard.account))
        except BaseException:
            breaker.failure()
            raise
        else:
            breaker.success()
            return answer
        (breaker.failure if failed.kind in _NO_ANSWER else breaker.success)()
        self.counters.failed(api.operation, failed.kind)
        raise failed

    def pages(self, shard: Shard, api: Api, **arguments: Any) -> Iterator[Any]:
        """Call until the answer has no ``NextToken``; each page as boto3 gives it.

        Raises:
            AwsError: as ``call``.
        """
        for _ in range(_MOST_PAGES):
            page = self.call(shard, api, **arguments)
            yield page
            if not page.get("NextToken"):
                return
            arguments["NextToken"] = page["NextToken"]
        raise AwsError(f"{place(shard, api)}: the answer has no end", Kind.FAILED)

    def each(self, ask: Callable[[_B], _T], batches: Sequence[_B]) -> list[_T | AwsError]:
        """Ask for all batches, several at once.

        The first one goes ahead: what nobody but an operator can mend would fail for all of them.

        Args:
            ask: makes its calls; may raise AwsError.
            batches: what to ask for.

        Returns:
            What ``ask`` returned or raised, in the order of the batches.
        """
        if not batches:
            return []
        attempt = functools.partial(_attempt, ask)
        first = attempt(batches[0])
        if isinstance(first, AwsError) and first.lasting:
            return [first] * len(batches)
        try:
            return [first, *self._threads().map(attempt, batches[1:])]
        except (CancelledError, RuntimeError):
            if not self._closing.is_set():
                raise
            raise AwsError("AwsCloud is closed", Kind.FAILED) from None

    def measurements(self) -> Measurements:
        """Counts since start, and which shards are held back."""
        with self._lock:
            shards = {shard.key: int(one.is_open) for shard, one in self._breakers.items()}
        return {**self.counters.measurements(), "wca_aws_held_back": shards}

    def close(self) -> None:
        """End what waits, and let go of all connections; what is on its way comes to its end."""
        self._closing.set()
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
        self._sessions.close()

    def _before_send(self, shard: Shard, operation: str) -> None:
        """Wait for the turn of an attempt; called by botocore before it sends."""
        api = BY_OPERATION.get(operation)
        wait = 0.0 if api is None else self._bucket(shard, api).reserve(_PATIENCE)
        if wait is None:
            where = f"{place(shard)}, {operation}"
            raise AwsError(f"{where}: too many calls wait for their turn", Kind.THROTTLED)
        if (wait and self._clock.wait(self._closing, wait)) or self._closing.is_set():
            raise AwsError("AwsCloud is closed", Kind.FAILED)
        self.counters.request(operation)

    def _bucket(self, shard: Shard, api: Api) -> TokenBucket:
        with self._lock:
            key = (shard, api.operation)
            if key not in self._buckets:
                self._buckets[key] = TokenBucket(api.rate, api.burst, self._clock.monotonic)
            return self._buckets[key]

    def _breaker(self, shard: Shard) -> CircuitBreaker:
        with self._lock:
            if shard not in self._breakers:
                self._breakers[shard] = CircuitBreaker(self._clock.monotonic)
            return self._breakers[shard]

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._closing.is_set():
                raise AwsError("AwsCloud is closed", Kind.FAILED)
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._concurrency, "wca-aws")
            return self._pool


def _attempt(ask: Callable[[_B], _T], batch: _B) -> _T | AwsError:
    try:
        return ask(batch)
    except AwsError as error:
        return error
