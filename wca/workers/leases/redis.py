"""Leases of agents on several machines."""

from collections.abc import Mapping
from typing import Annotated

from wca.config.types import Duration, Secret, Str, Url
from wca.workers.api import Lease
from wca.workers.connections.failures import begin
from wca.workers.connections.redis import RedisDatabase

__all__ = ["RedisLease"]

#: Compared and changed in one step: between two the lease could have become another's. All keys are
#: in a set, so that they are found without looking through what others keep in the server.
_HOLD = """
local owner = redis.call('get', KEYS[1])
if owner and owner ~= ARGV[1] then
    return 0
end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('sadd', KEYS[2], KEYS[1])
return 1
"""
_HOLDERS = """
local found = {}
for _, key in ipairs(redis.call('smembers', KEYS[1])) do
    local owner = redis.call('get', key)
    if owner then
        found[#found + 1] = key
        found[#found + 1] = owner
    else
        redis.call('srem', KEYS[1], key)
    end
end
return found
"""
_RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then
    return redis.call('del', KEYS[1])
end
return 0
"""


class RedisLease(Lease):
    """Leases in Redis, whose clock alone decides when one is over.

    One server, or a primary with replicas: when a replica takes over that has not heard of the last
    leases, two agents may hold one for at most ``ttl``. Needs the package redis
    (``pip install 'wca[redis]'``).

    Source: https://redis.io/docs/latest/develop/use/patterns/distributed-locks/.

    Args:
        url: such as ``redis://:password@host:6379/0``, or ``rediss://`` for TLS.
        ttl: within which a lease that is not renewed is another agent's.
        prefix: begins the names of the keys.
        timeout: to wait for a connection, and for each answer.
    """

    def __init__(
        self,
        url: Annotated[str, Url(supported_schemes=("redis", "rediss")), Secret()],
        ttl: Annotated[float, Duration(1, 3600)] = 30.0,
        prefix: Annotated[str, Str(100)] = "wca",
        timeout: Annotated[float, Duration(0.1, 60)] = 2.0,
    ) -> None:
        self.ttl = ttl
        self._prefix = f"{prefix}:lease:"
        self._keys = f"{prefix}:leases"
        self._redis = RedisDatabase("RedisLease", url, timeout)

    def start(self) -> None:
        """Connect; raises StartError where that will never work."""
        begin(self._ping)

    def hold(self, key: str, owner: str) -> bool:
        """Take or renew a lease; see ``Lease``."""
        name, milliseconds = self._prefix + key, round(self.lasts * 1000)
        with self._redis.client() as client:
            return bool(client.eval(_HOLD, 2, name, self._keys, owner, milliseconds))

    def release(self, key: str, owner: str) -> None:
        """Give a lease back if it is ours.

        Raises:
            OSError: Redis cannot be reached; the lease ends by itself.
        """
        with self._redis.client() as client:
            client.eval(_RELEASE, 1, self._prefix + key, owner)

    def holders(self) -> Mapping[str, str]:
        """The owners of all leases that are held now, by key.

        Raises:
            OSError: Redis cannot be reached.
        """
        with self._redis.client() as client:
            found = client.eval(_HOLDERS, 1, self._keys)
        return {
            name.removeprefix(self._prefix): owner
            for name, owner in zip(found[::2], found[1::2], strict=True)
        }

    def close(self, timeout: float = 5.0) -> None:
        """Close the connections; leases that are held end by themselves.

        Args:
            timeout: not needed, closing waits for nothing.
        """
        del timeout
        self._redis.close()

    def _ping(self) -> None:
        with self._redis.client() as client:
            client.ping()
