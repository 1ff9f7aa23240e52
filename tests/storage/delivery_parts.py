"""What tests of delivery are made of: parcels, and a target that does as it is told."""

from wca.storage.delivery import Parcel, Unavailable


def parcel(name="a", samples=1, created=0.0, supersedes=""):
    return Parcel(name.encode(), samples, created, supersedes)


class ScriptedTarget:
    """Takes everything, unless it is told what to answer; keeps the bodies it has accepted."""

    def __init__(self, window=3):
        self.window = window
        self.accepted = []
        self.answers = []  # for the next calls of send: a list of outcomes, or what to raise
        self.absent = None  # what open and send raise while it is set
        self.calls = []

    def open(self, timeout):
        self.calls.append(("open", timeout))
        if self.absent is not None:
            raise Unavailable(self.absent)

    def send(self, parcels, timeout):
        self.calls.append(("send", len(parcels)))
        if self.absent is not None:
            raise Unavailable(self.absent)
        answer = self.answers.pop(0) if self.answers else [None] * len(parcels)
        if isinstance(answer, BaseException):
            raise answer
        outcomes = (answer + [None] * len(parcels))[: len(parcels)]
        pairs = zip(parcels, outcomes, strict=True)
        self.accepted += [one.body.decode() for one, outcome in pairs if outcome is None]
        return outcomes

    def close(self, timeout):
        self.calls.append(("close", timeout))


def balanced(ledger):
    account = ledger.account
    ways = account.delivered + sum(account.dropped.values()) + account.waiting
    assert account.collected + account.recovered == ways
    assert account.waiting >= 0
    return account
