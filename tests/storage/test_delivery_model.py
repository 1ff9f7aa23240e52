"""Delivery against a model: whatever happens, in whatever order, every sample is accounted for.

The model is the list of what was put. Between two steps each parcel is in exactly one place: the
target has it, the ledger has dropped it, or it waits. With a spool the process may also vanish at
any moment, and what was put and not settled is there again.
"""

import contextlib
import itertools
import tempfile
from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.storage.delivery_parts import ScriptedTarget, balanced
from wca.storage.delivery import Parcel, Refused, Unavailable
from wca.storage.delivery.memory_queue import MemoryQueue
from wca.storage.delivery.options import Order, Survives, WhenFull
from wca.storage.delivery.patience import Patience
from wca.storage.delivery.sender import Sender
from wca.storage.ledger import Ledger
from wca.testing.clock import FakeClock

OUTCOMES = st.sampled_from([None, None, None, Refused("no"), Unavailable("away")])
BODY = 20  # bytes of a parcel


class Delivery(RuleBasedStateMachine):
    """Parcels of BODY bytes and one to five samples, at most a dozen of which may wait."""

    @initialize(order=st.sampled_from(list(Order)), when_full=st.sampled_from(list(WhenFull)))
    def begin(self, order, when_full):
        self.order, self.when_full = order, when_full
        self.clock, self.target = FakeClock(), ScriptedTarget(window=3)
        self.numbers = itertools.count()
        self.samples = {}  # name of each parcel to its samples
        self.folder = contextlib.ExitStack()
        self.path = Path(self.folder.enter_context(tempfile.TemporaryDirectory())) / "spool.db"
        self.build()

    def build(self):
        """A new process, as it were: only the file is as it was."""
        self.accepted_before = len(self.target.accepted)
        self.backlog = self.make_backlog()
        self.ledger = Ledger()
        patience = Patience(1.0, 8.0, lambda: 1.0)
        self.sender = Sender(
            self.target,
            self.backlog,
            self.ledger,
            patience,
            timeout=1.0,
            name="a storage",
            clock=self.clock,
        )
        self.sender.open()

    def make_backlog(self):
        return MemoryQueue(12 * BODY, 12, 100.0, self.order, self.when_full)

    @rule(parcels=st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["", "x"])), max_size=4))
    def put(self, parcels):
        made = []
        for samples, supersedes in parcels:
            name = f"{next(self.numbers):0{BODY}}"
            self.samples[name] = samples
            made.append(Parcel(name.encode(), samples, self.clock.now(), supersedes))
        self.ledger.collect(sum(one.samples for one in made))
        self.sender.put(made)

    @rule(outcomes=st.lists(OUTCOMES, max_size=3))
    def attempt(self, outcomes):
        self.target.answers = [outcomes]
        self.sender.attempt()

    @rule()
    def attempt_that_says_nothing(self):
        self.target.answers = [Unavailable("reset")]
        self.sender.attempt()

    @rule(seconds=st.floats(0, 30))
    def wait(self, seconds):
        self.clock.advance(seconds)

    @invariant()
    def the_books_balance_and_say_what_really_waits(self):
        account = balanced(self.ledger)
        assert account.waiting == self.sender.size.samples
        assert self.sender.size.parcels <= 12
        accepted = self.target.accepted[self.accepted_before :]
        assert account.delivered == sum(self.samples[name] for name in accepted)

    @invariant()
    def nothing_arrives_twice_without_a_crash(self):
        accepted = self.target.accepted[self.accepted_before :]
        assert len(accepted) == len(set(accepted))

    def teardown(self):
        if hasattr(self, "folder"):
            self.drain()
            self.sender.end()
            self.folder.close()

    def drain(self):
        """At the end a target that takes everything gets everything that waits."""
        self.target.answers = []
        for _ in range(100):
            self.clock.advance(8.0)
            if self.sender.attempt() is None:
                break
        assert self.sender.size.parcels == 0


class SpooledDelivery(Delivery):
    """The same with a file, and a process that may end at any moment."""

    def make_backlog(self):
        from wca.storage.spool import Spool

        return Spool(
            str(self.path),
            max_bytes=12 * BODY,
            max_age=100.0,
            order=self.order,
            survives=Survives.KILL,
            when_full=self.when_full,
        )

    @invariant()
    def the_books_balance_and_say_what_really_waits(self):
        account = balanced(self.ledger)
        assert account.waiting == self.sender.size.samples
        assert self.sender.size.bytes <= 12 * BODY

    @precondition(lambda self: self.clock is not None)
    @rule()
    def restart(self):
        waiting = self.ledger.account.waiting
        self.sender.end()
        assert self.ledger.account.waiting == waiting
        self.build()
        assert self.ledger.account.recovered == waiting

    @rule()
    def crash_between_delivery_and_its_note(self):
        """The target has accepted parcels of which the file still says that they wait."""
        before = Counter(self.target.accepted)

        def vanish(numbers):
            raise KeyboardInterrupt

        account, settle = self.ledger.account, self.backlog.settle
        self.backlog.settle = vanish
        with contextlib.suppress(KeyboardInterrupt):
            self.sender.attempt()
        self.backlog.settle = settle
        sent = Counter(self.target.accepted) - before
        expired = self.ledger.account.dropped.get("expired", 0) - account.dropped.get("expired", 0)
        self.sender.end()
        self.build()
        assert self.ledger.account.recovered == account.waiting - expired
        assert sum(sent.values()) <= 3


@pytest.mark.parametrize("machine", [Delivery, SpooledDelivery])
@pytest.mark.timeout(300)
def test_every_sample_is_accounted_for_whatever_happens(machine):
    run_state_machine_as_test(
        machine, settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
    )
