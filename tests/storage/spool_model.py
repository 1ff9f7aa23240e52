"""What a spool does, said as simply as possible, for comparison."""

from collections import Counter

from wca.storage.delivery.options import Order, WhenFull


class Model:
    def __init__(self, max_bytes, max_age, order, when_full, history=True):
        self.max_bytes, self.max_age = max_bytes, max_age
        self.order, self.when_full, self.history = order, when_full, history
        self.parcels = {}  # number -> parcel, the oldest first
        self.taken = set()
        self.last = 0
        self.dropped = Counter()

    def put(self, parcels, now):
        self.expire(now)
        room = self.max_bytes - sum(len(self.parcels[n].body) for n in self.taken)
        fitting = [p for p in parcels if len(p.body) <= room]
        total = self.bytes + sum(len(p.body) for p in fitting)
        if self.when_full is WhenFull.DROP_NEWEST and total > self.max_bytes:
            fitting = []
        self.dropped["spool_full"] += sum(p.samples for p in parcels if p not in fitting)
        for parcel in fitting:
            self.last += 1
            self.parcels[self.last] = parcel
        for number in self.replaced():
            if not self.history or (self.when_full is WhenFull.MERGE and self.over):
                self.drop(number, "merged")
        for number in list(self.parcels):
            if self.over and number not in self.taken:
                self.drop(number, "spool_full")

    def take(self, count, now):
        self.expire(now)
        if not self.history:  # of those that were taken and released a later one may wait
            for number in self.replaced():
                self.drop(number, "merged")
        numbers = [n for n in self.parcels if n not in self.taken]
        if self.order is Order.NEWEST:
            numbers.reverse()
        self.taken.update(numbers[:count])
        return numbers[:count]

    def settle(self, numbers):
        for number in numbers:
            if number in self.taken:
                self.taken.remove(number)
                del self.parcels[number]

    def release(self, numbers):
        self.taken.difference_update(numbers)

    def expire(self, now):
        for number, parcel in list(self.parcels.items()):
            if parcel.created < now - self.max_age and number not in self.taken:
                self.drop(number, "expired")

    def replaced(self):
        last = {p.supersedes: n for n, p in self.parcels.items() if p.supersedes}
        return [
            n
            for n, p in self.parcels.items()
            if p.supersedes and n != last[p.supersedes] and n not in self.taken
        ]

    def drop(self, number, reason):
        self.dropped[reason] += self.parcels.pop(number).samples

    @property
    def bytes(self):
        return sum(len(p.body) for p in self.parcels.values())

    @property
    def samples(self):
        return sum(p.samples for p in self.parcels.values())

    @property
    def over(self):
        return self.bytes > self.max_bytes
