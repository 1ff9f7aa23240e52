"""What receivers must hear of workers, in the plainest words, from an agent that never restarts."""

from wca.workers import NoDataRule, StateChangeRule, StatusCheckRule, ThresholdRule
from wca.workers.model import Gone, Verdict, Worker

WORKERS = [Worker(f"w-{number}", "eu-west-1", f"i-{number}") for number in range(2)]
RULES = [
    ThresholdRule("cpu", above=90, clear_below=80, **{"for": 2}),
    StatusCheckRule(**{"for": 2}),
    StateChangeRule(**{"from": "running", "to": ["stopped", "terminated"]}),
    NoDataRule("memory", after=3),
]


NAMES = dict(zip([one.name for one in RULES], ["hot", "checks", "stopped", "silent"], strict=True))


class Model:
    """Counts how often in a row a rule held; of a threshold, for how many readings in a row."""

    def __init__(self):
        self.counts = {}
        self.read = {}
        self.fires = set()
        self.heard = []

    def poll(self, one, before):
        for name, needed in (("hot", 2), ("checks", 2), ("stopped", 1), ("silent", 3)):
            key = name, one.worker.id
            at = one.readings["cpu"].at if name == "hot" and one.readings else None
            seen = at is not None and at == self.read.get(key)
            holds = getattr(self, name)(one, before)
            self.settle(key, needed, None if holds and seen else holds)
            if holds and key in self.counts:
                self.read[key] = at
        if isinstance(one.status, Gone):
            self.forget(one.worker.id)

    def forget(self, worker_id):
        for key in [key for key in [*self.counts] if key[1] == worker_id]:
            self.settle(key, 1, False)

    def settle(self, key, needed, holds):
        if holds:
            self.counts[key] = self.counts.get(key, 0) + 1
            if self.counts[key] >= needed and key not in self.fires:
                self.fires.add(key)
                self.heard.append((*key, "firing"))
        elif holds is False:
            self.counts.pop(key, None)
            self.read.pop(key, None)
            if key in self.fires:
                self.fires.remove(key)
                self.heard.append((*key, "resolved"))

    def off(self, one):
        gone = isinstance(one.status, Gone)
        return not gone and str(one.status.state) in ("stopping", "stopped", "terminated")

    def hot(self, one, before):
        value = one.readings["cpu"].value if one.readings else None
        if self.off(one):
            return False
        if value is None or one.readings["cpu"].verdict is Verdict.STALE:
            return None
        if 80 <= value <= 90:  # goes on where it fires
            return None if ("hot", one.worker.id) in self.fires else False
        return value > 90

    def checks(self, one, before):
        if isinstance(one.status, Gone):
            return None
        word = one.status.checks.instance
        if word == "impaired":
            maintained = any(event.not_after is None for event in one.status.events)
            return None if maintained else True
        return None if word == "initializing" else False

    def stopped(self, one, before):
        if not isinstance(one.status, Gone) and not self.off(one):
            return False
        return True if before is not None and str(before.state) == "running" else None

    def silent(self, one, before):
        if self.off(one):
            return False
        if isinstance(one.status, Gone) or str(one.status.state) != "running":
            return None
        verdict = one.readings["memory"].verdict
        if verdict in (Verdict.NO_DATA, Verdict.STALE):
            return True
        return False if verdict in (Verdict.VALUE, Verdict.ZERO) else None
