"""A receiver of webhooks that fails in every way, and remembers what it has taken."""

import json
import threading
import time
from dataclasses import dataclass

from tests.http_receiver import Receiver, Reply
from tests.workers.vendors import cloudevents

SECRET = "s3cret"
#: Seconds that the notifier waits for an answer, and a longer time that a receiver takes.
PATIENCE, TOO_LONG = 1.5, 2.0
#: What becomes of a request, and how often of a hundred: whether it is taken, and the answer.
GOOD = (True, Reply(204))
OUTCOMES = {
    70: GOOD,
    10: (False, Reply(500)),
    3: (False, Reply(429)),
    4: (False, Reply(0)),
    5: (True, Reply(0)),
    2: (False, Reply(0, delay=TOO_LONG)),
    6: (True, Reply(0, delay=TOO_LONG)),
}


@dataclass(frozen=True)
class Taken:
    """An event that the receiver has taken; ``answered``: and has said so in time."""

    at: float
    id: str
    worker: str
    state: str
    answered: bool


class Flaky:
    """A web service on one port, which may also be away; a context manager.

    Args:
        chance: decides what becomes of each request.
    """

    def __init__(self, chance):
        self.chance = chance
        #: Whether it takes everything.
        self.reliable = False
        self.taken = []
        self.complaints = []
        self._check = cloudevents(SECRET)
        self._lock = threading.Lock()
        self._receiver = None
        self._port = 0
        self.come_back()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.go_away()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}/hook"

    def go_away(self):
        """Refuse connections."""
        if self._receiver is not None:
            self._receiver.__exit__()
            self._receiver = None

    def come_back(self):
        """Take connections again."""
        if self._receiver is None:
            self._receiver = _Receiver(self.answer, self._port).__enter__()
            self._port = self._receiver.port

    def answer(self, request):
        """What becomes of a request."""
        with self._lock:
            try:
                self._check(request)
            except AssertionError as error:
                self.complaints.append(str(error))
            taken, reply = GOOD if self.reliable else self._outcome()
            if taken:
                self._take(request, answered=bool(reply.status))
            return reply

    def _outcome(self):
        (weight,) = self.chance.choices(list(OUTCOMES), weights=list(OUTCOMES))
        return OUTCOMES[weight]

    def _take(self, request, answered):
        event = json.loads(request.body)
        state = event["data"]["state"]
        self.taken.append(Taken(time.monotonic(), event["id"], event["subject"], state, answered))


class _Receiver(Receiver):
    def __init__(self, answer, port):
        super().__init__(port=port)
        self.take = answer
