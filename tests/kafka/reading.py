"""What a topic holds, as samples."""

import re
import time
from collections import Counter

LINE = re.compile(r'^(\w+)\{task="([^"]*)",when="([^"]*)"\} (\S+) \d+$', re.MULTILINE)


def texts(records):
    return [record.value.decode() for record in records]


def counted(records):
    """How often each sample of ``batch`` is there, with its value."""
    return Counter(
        (name, task, when, float(value))
        for text in texts(records)
        for name, task, when, value in LINE.findall(text)
    )


def samples(records):
    """Sample to value; fails where one is there twice."""
    found = counted(records)
    assert set(found.values()) <= {1}, "some samples are there twice"
    return {(name, task, when): value for name, task, when, value in found}


def wait_for_delivery(storage, seconds=30):
    """Until nothing waits any more."""
    end = time.monotonic() + seconds
    while storage.ledger.account.waiting:
        assert time.monotonic() < end, f"{storage.ledger.account}, {storage.failing}"
        time.sleep(0.01)
