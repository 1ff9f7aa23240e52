"""An agent's schedule on its own, to be killed: tells what was due."""

import asyncio
import sys

from wca.workers.job_stores.sqlite import SqliteJobStore
from wca.workers.schedule.aps import ApsSchedule


async def main(path, seconds):
    schedule = ApsSchedule(SqliteJobStore(path))

    async def fire(key):
        print(key, flush=True)

    schedule.begin(fire)
    for key in sys.argv[3:]:
        schedule.every(key, seconds, 0.0)
    await asyncio.sleep(0.5)
    print("settled", flush=True)
    await asyncio.sleep(60)  # ends by itself, should nobody end it


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
