"""A process that stores numbered batches with a spool, and says which of them ``store`` has taken.

``python writer.py ADDRESS TOPIC SPOOL FIRST``: batches from number FIRST on, a line with the number
after each; with standard input at its end, it stops and delivers what waits.
"""

import select
import sys

from wca.metrics import Metric
from wca.storage import KafkaStorage

SAMPLES = 20


def main(address, topic, spool, first):
    storage = KafkaStorage(
        topic,
        brokers_ips=(address,),
        max_timeout_in_seconds=5,
        queue={"first_retry": 0.05},
        spool={"path": spool},
    )
    storage.start()
    number = int(first)
    while not select.select([sys.stdin], [], [], 0)[0]:
        storage.store(
            [Metric("number", number, {"part": str(part)}, "gauge") for part in range(SAMPLES)]
        )
        print(number, flush=True)
        number += 1
        select.select([sys.stdin], [], [], 0.005)
    storage.close(60.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
