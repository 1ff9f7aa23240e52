"""An agent that holds a lease for as long as it can, and tells when: to be killed by tests."""

import sys
import time

from wca.workers.leases.redis import RedisLease
from wca.workers.leases.sqlite import SqliteLease

KINDS = {"sqlite": SqliteLease, "redis": RedisLease}
#: Of its time: a lease is renewed, or asked for, so often.
SHARE = 0.2


def main(kind, place, owner, ttl):
    lease = KINDS[kind](place, ttl)
    print("started", flush=True)
    for _ in range(10_000):  # ends by itself, should nobody end it
        before = time.monotonic()
        if lease.hold("account/eu-west-1", owner):
            print(before, time.monotonic(), flush=True)
        time.sleep(ttl * SHARE)


if __name__ == "__main__":
    main(*sys.argv[1:4], float(sys.argv[4]))
