"""A spool beside a simple model of it: every sequence of calls, and every end of the process."""

import itertools
import os
import shutil
import tempfile
from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.storage.spool_model import Model
from wca.storage.delivery.options import Order, WhenFull
from wca.storage.delivery.parcel import Parcel
from wca.storage.spool import Spool

#: Where waiting for a disk costs nothing: what a disk does has tests of its own.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
#: Small and large, so that some parcels share a page and others have several.
SIZES = st.sampled_from([0, 1, 40, 300, 2000, 5000, 9000])
PARCELS = st.lists(
    st.tuples(SIZES, st.integers(1, 9), st.sampled_from(["", "", "a", "b", "ü c"])), max_size=6
)


class SpoolMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.root = tempfile.mkdtemp(prefix="spool", dir=MEMORY)
        self.folders = itertools.count()
        self.bodies = itertools.count()
        self.now = 1e9
        self.dropped = Counter()
        self.old = []

    @initialize(
        max_bytes=st.sampled_from([1, 3000, 20_000, 10**6]),
        max_age=st.sampled_from([5.0, 1000.0]),
        order=st.sampled_from(Order),
        when_full=st.sampled_from(WhenFull),
        history=st.booleans(),
    )
    def begin(self, max_bytes, max_age, order, when_full, history):
        self.options = {
            "max_bytes": max_bytes,
            "max_age": max_age,
            "order": order,
            "when_full": when_full,
            "history": history,
        }
        self.model = Model(**self.options)
        self.folder = os.path.join(self.root, str(next(self.folders)))
        self.start()
        self.recovered = 0

    def start(self):
        self.spool = Spool(os.path.join(self.folder, "spool"), **self.options)
        self.recovered = self.spool.open()

    def count(self, dropped):
        for reason, samples in dropped:
            assert samples > 0
            self.dropped[reason] += samples

    @rule(parcels=PARCELS, age=st.sampled_from([0.0, 0.0, 3.0, 7.0]))
    def put(self, parcels, age):
        made = []
        for size, samples, name in parcels:
            mark = b"%d " % next(self.bodies) if size else b""
            made.append(Parcel((mark * size)[:size], samples, self.now - age, name))
        self.count(self.spool.put(made, self.now))
        self.model.put(made, self.now)

    @rule(count=st.integers(0, 5))
    def take(self, count):
        found, dropped = self.spool.take(count, self.now)
        self.count(dropped)
        expected = self.model.take(count, self.now)
        assert [(one.number, one.parcel) for one in found] == [
            (number, self.model.parcels[number]) for number in expected
        ]

    @precondition(lambda self: self.model.taken)
    @rule(data=st.data())
    def settle(self, data):
        numbers = data.draw(st.sets(st.sampled_from(sorted(self.model.taken))))
        self.spool.settle(numbers)
        self.model.settle(numbers)

    @precondition(lambda self: self.model.taken)
    @rule(data=st.data())
    def release(self, data):
        numbers = data.draw(st.sets(st.sampled_from(sorted(self.model.taken))))
        self.spool.release(numbers)
        self.model.release(numbers)

    @rule()
    def settle_and_release_what_is_unknown(self):
        self.spool.settle([self.model.last + 5])
        self.spool.release([self.model.last + 5])

    @rule(seconds=st.floats(0, 4))
    def let_time_pass(self, seconds):
        self.now += seconds

    @rule()
    def close_and_open(self):
        assert self.spool.close() == []
        assert self.spool.close() == []
        self.begin_again()

    @rule()
    def crash(self):
        """The files as they are, without what a close would do to them."""
        folder = os.path.join(self.root, str(next(self.folders)))
        os.mkdir(folder, 0o700)
        for name in ("spool", "spool-wal"):
            shutil.copy(os.path.join(self.folder, name), folder)
        self.old.append(self.spool)
        self.folder = folder
        self.begin_again()

    def begin_again(self):
        self.start()
        self.model.taken.clear()
        assert self.recovered == self.model.samples
        # Numbers are names for one run; the model goes on with those of the file.
        self.model.last = max(self.model.parcels, default=0)

    @invariant()
    def same_size(self):
        if not hasattr(self, "model"):
            return
        parcels = self.model.parcels.values()
        assert self.spool.size == (
            len(parcels),
            self.model.samples,
            self.model.bytes,
            min((p.created for p in parcels), default=None),
        )
        assert self.model.bytes <= self.options["max_bytes"]
        assert self.dropped == self.model.dropped  # Counters: a missing reason is 0

    def teardown(self):
        for spool in (*self.old, *([self.spool] if hasattr(self, "spool") else [])):
            spool.close()
        shutil.rmtree(self.root)


TestSpoolBesideItsModel = SpoolMachine.TestCase
TestSpoolBesideItsModel.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
