"""Jobs in Redis."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from wca.config.types import Duration, Injected, Secret, Str, Url
from wca.workers.connections.failures import begin
from wca.workers.connections.redis import RedisDatabase
from wca.workers.schedule.api import Job, JobStore
from wca.workers.stores.codec import decoded_all, encoded

__all__ = ["RedisJobStore"]


class RedisJobStore(JobStore):
    """Keeps jobs in a hash of Redis, as JSON.

    Agents may share it: each works from its own memory, and the store only follows. Needs the
    package redis (``pip install 'wca[redis]'``).

    Args:
        url: such as ``redis://:password@host:6379/0``, or ``rediss://`` for TLS.
        prefix: begins the name of the key.
        timeout: to wait for a connection, and for each answer.
        title: what messages call it.
    """

    def __init__(
        self,
        url: Annotated[str, Url(supported_schemes=("redis", "rediss")), Secret()],
        prefix: Annotated[str, Str(100)] = "wca",
        timeout: Annotated[float, Duration(0.1, 60)] = 2.0,
        *,
        title: Annotated[str, Injected()] = "RedisJobStore",
    ) -> None:
        self._title = title
        self._key = f"{prefix}:jobs"
        self._redis = RedisDatabase(title, url, timeout)

    def start(self) -> None:
        """Connect; raises StartError where that will never work."""
        begin(self.load)

    def close(self, timeout: float = 5.0) -> None:
        """Close the connections.

        Args:
            timeout: not needed, closing waits for nothing.
        """
        del timeout
        self._redis.close()

    def load(self) -> Sequence[Job]:
        """All jobs."""
        with self._redis.client() as client:
            return decoded_all(Job, client.hvals(self._key), self._title)

    def save(self, jobs: Iterable[Job]) -> None:
        """Keep these."""
        texts = {job.key: encoded(job) for job in jobs}
        if texts:
            with self._redis.client() as client:
                client.hset(self._key, mapping=texts)

    def remove(self, keys: Iterable[str]) -> None:
        """Keep these no longer."""
        names = list(keys)
        if names:
            with self._redis.client() as client:
                client.hdel(self._key, *names)
