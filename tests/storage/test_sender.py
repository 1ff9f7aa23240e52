"""From a backlog to a target: every outcome is entered in the books, and nothing is tried too early."""

import asyncio
import logging
import threading

import pytest

from tests.storage.delivery_parts import ScriptedTarget, balanced, parcel
from wca.storage.delivery import Refused, Unavailable
from wca.storage.delivery.memory_queue import MemoryQueue
from wca.storage.delivery.patience import Patience
from wca.storage.delivery.sender import MOST_DEFECTS, MOST_FAILURES, MOST_REASONS, Sender
from wca.storage.ledger import Ledger
from wca.testing.clock import FakeClock


class Parts:
    """A sender between a queue in memory and a scripted target, on a clock that stands still."""

    def __init__(self, window=3, max_messages=100, target=None, backlog=lambda queue: queue):
        self.clock, self.ledger = FakeClock(), Ledger()
        self.target = target or ScriptedTarget(window)
        self.queue = backlog(MemoryQueue(10_000, max_messages))
        self.sender = Sender(
            self.target,
            self.queue,
            self.ledger,
            Patience(1.0, 8.0, lambda: 1.0),
            timeout=5.0,
            name="a storage",
            clock=self.clock,
        )
        self.sender.open()

    def put(self, *names, samples=1):
        self.ledger.collect(len(names) * samples)
        self.sender.put([parcel(name, samples) for name in names])

    def run(self):
        """Attempts until there is nothing to do now; what the last of them said."""
        for _ in range(50):
            pause = self.sender.attempt()
            balanced(self.ledger)
            if pause != 0:
                return pause
        raise AssertionError("it never comes to an end")


@pytest.fixture
def parts():
    return Parts()


def test_everything_is_sent_in_order_by_the_window(parts):
    parts.put("a", "b", "c", "d")
    assert parts.run() is None
    assert parts.target.accepted == ["a", "b", "c", "d"]
    assert parts.target.calls == [("open", 5.0), ("send", 3), ("send", 1)]
    assert balanced(parts.ledger).delivered == 4


def test_while_the_target_is_away_everything_waits_and_one_parcel_tries(parts):
    parts.target.absent = "no route"
    parts.put("a", "b", "c")
    assert parts.run() == 1.0
    assert parts.sender.failing == "no route"
    assert parts.run() == 1.0  # nothing is tried before its time
    assert len(parts.target.calls) == 1
    parts.clock.advance(1.0)
    assert parts.run() == 2.0
    parts.clock.advance(2.0)
    parts.target.absent = None
    assert parts.run() is None
    assert parts.target.accepted == ["a", "b", "c"]
    sends = [size for call, size in parts.target.calls if call == "send"]
    assert sends == [1, 2]  # the first alone, to see whether it is there again
    assert parts.sender.failing is None


def test_a_target_that_asks_for_time_gets_it(parts):
    parts.target.answers = [Unavailable("429", retry_after=7.5)]
    parts.put("a")
    assert parts.run() == 7.5
    parts.clock.advance(7.5)
    assert parts.run() is None


def test_of_a_window_only_what_did_not_arrive_is_sent_again(parts):
    parts.target.answers = [[None, Unavailable("busy"), None]]
    parts.put("a", "b", "c")
    parts.run()
    parts.clock.advance(1.0)
    parts.run()
    assert parts.target.accepted == ["a", "c", "b"]


def test_what_is_refused_is_given_up_with_its_reason(parts, caplog):
    parts.target.answers = [[Refused("400 Bad Request"), None]]
    parts.put("a", "b", samples=5)
    with caplog.at_level(logging.WARNING):
        assert parts.run() is None
    account = balanced(parts.ledger)
    assert (account.delivered, account.dropped) == (5, {"refused": 5})
    assert "a storage: samples are refused: 400 Bad Request" in caplog.text


def test_a_part_of_a_parcel_can_be_refused(parts):
    parts.target.answers = [[Refused("2 were out of order", samples=2, label="partial")]]
    parts.put("a", samples=5)
    parts.run()
    assert balanced(parts.ledger).dropped == {"partial": 2}
    assert balanced(parts.ledger).delivered == 3


def test_after_a_broken_connection_the_target_is_opened_again(parts):
    parts.target.answers = [Unavailable("reset")]
    parts.put("a")
    parts.run()
    parts.clock.advance(1.0)
    parts.run()
    assert [call for call, _ in parts.target.calls] == ["open", "send", "open", "send"]


def test_a_parcel_over_which_the_target_breaks_again_and_again_is_given_up_at_last(parts):
    parts.target.answers = [ValueError("odd")] * MOST_DEFECTS
    parts.put("a", "b", samples=2)
    for _ in range(MOST_DEFECTS):
        parts.run()
        parts.clock.advance(60.0)
    parts.run()
    assert parts.target.accepted == ["b"]
    assert balanced(parts.ledger).dropped == {"failed": 2}


def test_a_target_that_miscounts_is_a_defect_and_loses_nothing(parts):
    parts.target.send = lambda parcels, timeout: []
    parts.put("a")
    assert parts.run() == 1.0
    assert "0 outcomes of 1 messages" in parts.sender.failing
    assert balanced(parts.ledger).waiting == 1


def test_what_made_room_is_in_the_books():
    parts = Parts(max_messages=2)
    parts.target.absent = "away"
    parts.put("a", "b", "c")
    assert balanced(parts.ledger).dropped == {"queue_full": 1}
    assert balanced(parts.ledger).waiting == 2


def test_a_disk_that_takes_nothing_costs_the_batch_and_is_said(parts):
    def full(parcels, now):
        raise OSError(28, "No space left on device")

    put, parts.queue.put = parts.queue.put, full
    parts.put("a", samples=3)
    assert balanced(parts.ledger).dropped == {"disk_error": 3}
    assert "No space left" in parts.sender.failing
    parts.queue.put = put
    parts.put("b")
    assert parts.sender.failing is None


def test_a_disk_that_cannot_be_read_is_tried_again_later(parts):
    parts.put("a")
    take, parts.queue.take = parts.queue.take, lambda count, now: (_ for _ in ()).throw(OSError(5))
    assert parts.run() == 1.0
    parts.queue.take = take
    parts.clock.advance(1.0)
    assert parts.run() is None
    assert parts.target.accepted == ["a"]


def test_an_attempt_at_the_end_has_only_the_time_that_is_left(parts):
    parts.put("a")
    parts.sender.hurry(parts.clock.monotonic() + 0.5)
    parts.run()
    assert parts.target.calls[0] == ("open", 0.5)


def test_in_a_hurry_a_target_that_was_away_is_tried_at_once(parts):
    parts.target.absent = "away"
    parts.put("a")
    parts.run()
    parts.target.absent = None
    parts.sender.hurry(parts.clock.monotonic() + 0.5)
    parts.run()
    assert parts.target.accepted == ["a"]


def test_after_the_end_nothing_is_taken_and_what_waited_is_written_off(parts):
    parts.put("a")
    parts.sender.end()
    parts.sender.end()
    parts.put("b")
    assert balanced(parts.ledger).dropped == {"closed": 2}
    assert parts.sender.attempt() is None


def test_an_answer_that_comes_after_the_end_changes_nothing(parts):
    def late(parcels, timeout):
        parts.sender.end()
        return [None] * len(parcels)

    parts.target.send = late
    parts.put("a")
    parts.sender.attempt()
    account = balanced(parts.ledger)
    assert (account.delivered, account.dropped) == (0, {"closed": 1})


def test_a_target_that_hangs_is_said_to(parts):
    seen = []

    def slow(parcels, timeout):
        for seconds in (9.0, 2.0):
            parts.clock.advance(seconds)
            seen.append(parts.sender.failing)
        return [None] * len(parcels)

    parts.target.send = slow
    parts.put("a")
    parts.run()
    assert seen == [None, "it has not answered for 11.0 s"]
    assert parts.sender.failing is None


@pytest.mark.parametrize("said", [["sent"], [True], "a", None])
def test_a_target_that_says_what_is_no_outcome_loses_nothing_and_goes_on(parts, said):
    send, parts.target.send = parts.target.send, lambda parcels, timeout: said
    parts.put("a")
    assert parts.run() == 1.0
    assert parts.sender.failing
    parts.target.send = send
    parts.clock.advance(1.0)
    assert parts.run() is None
    assert parts.target.accepted == ["a"]


class Breaking:
    """A backlog of which one method raises, as long as there is an error."""

    def __init__(self, backlog, method, error):
        self.backlog, self.method, self.error = backlog, method, error

    def __getattr__(self, name):
        return self.breaks if name == self.method and self.error else getattr(self.backlog, name)

    def breaks(self, *_):
        raise self.error


ERRORS = [MemoryError(), KeyError("odd"), SystemExit(3), OSError(5, "Input/output error")]


@pytest.mark.parametrize("error", ERRORS)
def test_a_backlog_that_cannot_be_read_is_a_failure_that_passes(error):
    parts = Parts(backlog=lambda queue: Breaking(queue, "take", error))
    parts.put("a")
    assert parts.run() == 1.0
    assert parts.sender.failing
    parts.clock.advance(1.0)
    assert parts.run() == 2.0
    parts.queue.error = None
    parts.clock.advance(2.0)
    assert parts.run() is None
    assert parts.target.accepted == ["a"]
    assert parts.sender.failing is None


@pytest.mark.parametrize("error", ERRORS)
def test_what_was_sent_and_cannot_be_noted_ends_nothing(error):
    parts = Parts(backlog=lambda queue: Breaking(queue, "settle", error))
    parts.put("a")
    parts.sender.attempt()
    assert parts.sender.failing
    assert balanced(parts.ledger).delivered == 1
    parts.queue.error = None
    parts.put("b")
    assert parts.run() is None
    assert parts.target.accepted == ["a", "b"]


def test_an_attempt_that_breaks_off_is_a_failure_that_passes():
    parts = Parts(backlog=lambda queue: Breaking(queue, "release", MemoryError()))
    parts.target.absent = "away"
    parts.put("a")
    assert parts.run() == 1.0
    assert parts.sender.failing == "MemoryError"
    parts.queue.error = parts.target.absent = None
    parts.put("b")
    parts.clock.advance(1.0)
    assert parts.run() is None
    assert parts.target.accepted == ["b"]


@pytest.mark.parametrize(
    ("error", "reason"), [(MemoryError(), "failed"), (OSError(5), "disk_error")]
)
def test_what_cannot_be_kept_is_counted_and_said(error, reason):
    parts = Parts(backlog=lambda queue: Breaking(queue, "put", error))
    parts.put("a", samples=3)
    assert balanced(parts.ledger).dropped == {reason: 3}
    assert parts.sender.failing
    parts.queue.error = None
    parts.put("b")
    assert parts.run() is None
    assert parts.target.accepted == ["b"]


class Picky(ScriptedTarget):
    """Answers to some bodies with an error, each time."""

    def __init__(self, window=1, suspect=True):
        super().__init__(window)
        self.disliked, self.suspect, self.sent = {"bad"}, suspect, []

    def send(self, parcels, timeout):
        bodies = [one.body.decode() for one in parcels]
        self.sent += bodies
        if self.absent is None:
            error = Unavailable("500", suspect=self.suspect)
            self.answers = [[error if body in self.disliked else None for body in bodies]]
        return super().send(parcels, timeout)


class TestAMessageOfWhichTheTargetIsNeverPleased:
    @pytest.fixture(params=[1, 3])
    def parts(self, request):
        return Parts(target=Picky(request.param))

    def attempts(self, parts, count=100):
        """Until nothing waits, at most so many."""
        for _ in range(count):
            if parts.run() is None:
                return
            parts.clock.advance(8.0)

    def test_is_given_up_when_the_one_beside_it_is_accepted(self, parts, caplog):
        parts.put("bad", "b", "c", samples=2)
        self.attempts(parts, MOST_FAILURES)
        parts.put("d", samples=2)
        self.attempts(parts, 2)
        assert parts.target.accepted == ["b", "c", "d"]
        account = balanced(parts.ledger)
        assert (account.delivered, account.dropped) == (6, {"undeliverable": 2})

    def test_is_tried_so_many_times_before(self, parts, caplog):
        parts.put("bad")
        self.attempts(parts, MOST_FAILURES)
        parts.put("b")
        self.attempts(parts)
        assert parts.target.sent == ["bad"] * (MOST_FAILURES + 1) + ["b"]
        assert "500 (11 times, while others beside it are accepted)" in caplog.text

    def test_waits_as_long_as_there_is_none_beside_it(self, parts):
        parts.put("bad")
        self.attempts(parts, 50)
        assert balanced(parts.ledger).waiting == 1
        parts.put("b")
        self.attempts(parts)
        assert parts.target.accepted == ["b"]

    def test_waits_as_long_as_the_target_takes_nothing_else(self, parts):
        parts.target.disliked = {"bad", "b"}
        parts.put("bad", "b")
        self.attempts(parts, 50)
        assert balanced(parts.ledger).waiting == 2
        parts.target.disliked = set()
        self.attempts(parts)
        assert parts.target.accepted == ["bad", "b"]

    def test_holds_up_nobody_after_that(self, parts):
        parts.put("bad")
        self.attempts(parts, MOST_FAILURES)
        parts.put("b")
        self.attempts(parts)
        before = len(parts.target.sent)
        parts.put("c", "d")
        assert parts.run() is None
        assert parts.target.sent[before:] == ["c", "d"]

    def test_is_not_one_where_the_target_is_away(self, parts):
        parts.target.absent = "away"
        parts.put("bad", "b", "c")
        self.attempts(parts, 50)
        parts.target.absent, parts.target.disliked = None, set()
        self.attempts(parts)
        assert parts.target.accepted == ["bad", "b", "c"]

    def test_keeps_its_count_over_an_outage(self, parts):
        parts.put("bad")
        self.attempts(parts, MOST_FAILURES)
        parts.target.absent = "away"
        self.attempts(parts, 5)
        parts.target.absent = None
        parts.put("b")
        self.attempts(parts, 1)
        assert parts.target.accepted == ["b"]
        assert balanced(parts.ledger).dropped == {"undeliverable": 1}

    def test_is_given_up_each_where_there_are_several(self, parts):
        parts.target.disliked = {"bad", "worse"}
        parts.put("bad", "worse", "b", "c", "d")
        self.attempts(parts)
        parts.put("e")
        self.attempts(parts)
        assert sorted(parts.target.accepted) == ["b", "c", "d", "e"]
        assert balanced(parts.ledger).dropped == {"undeliverable": 2}

    def test_is_the_sooner_given_up_the_more_there_were(self, parts):
        """As where one series spoils each second message: the others do not pile up behind them."""
        attempts = []
        for _ in range(6):
            parts.put("bad", "b")
            before = parts.target.sent.count("bad")
            while "bad" in waiting(parts):
                parts.put("c")
                parts.run()
                parts.clock.advance(8.0)
            attempts.append(parts.target.sent.count("bad") - before)
        assert attempts == [11, 6, 3, 2, 2, 2]

    def test_has_all_its_attempts_again_after_one_that_was_accepted_in_the_end(self, parts):
        parts.put("bad")
        self.attempts(parts, MOST_FAILURES)
        parts.put("b")
        self.attempts(parts)
        parts.put("bad")
        self.attempts(parts, 1)
        parts.target.disliked = set()
        self.attempts(parts)
        parts.target.disliked = {"bad"}
        parts.put("bad")
        self.attempts(parts, MOST_FAILURES)
        parts.put("b")
        assert waiting(parts) == ["bad", "b"]
        self.attempts(parts, 2)
        assert waiting(parts) == []


def waiting(parts):
    """The bodies that wait."""
    found, _ = parts.queue.take(100, parts.clock.now())
    parts.queue.release([one.number for one in found])
    return [one.parcel.body.decode() for one in found]


def test_an_error_that_says_nothing_of_the_message_holds_it_for_ever():
    parts = Parts(target=Picky(suspect=False))
    parts.put("bad", "b")
    for _ in range(50):
        parts.run()
        parts.clock.advance(8.0)
    assert balanced(parts.ledger).waiting == 2


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(), GeneratorExit()])
def test_whatever_a_target_raises_is_a_failure_that_passes(parts, error):
    parts.target.answers = [error]
    parts.put("a")
    assert parts.run() == 1.0
    parts.clock.advance(1.0)
    assert parts.run() is None
    assert parts.target.accepted == ["a"]


def test_nobody_who_asks_how_it_stands_waits_for_a_slow_disk(parts):
    parts.put("a")
    entered, gate, put = threading.Event(), threading.Event(), parts.queue.put

    def slow(parcels, now):
        entered.set()
        gate.wait(60)
        return put(parcels, now)

    parts.queue.put = slow
    writer = threading.Thread(target=parts.put, args=("b",))
    writer.start()
    assert entered.wait(10)
    asked = []
    asking = threading.Thread(
        target=lambda: asked.extend([parts.sender.size.parcels, parts.sender.failing]), daemon=True
    )
    asking.start()
    asking.join(10)
    gate.set()
    writer.join()
    assert asked == [1, None]
    assert parts.sender.size.parcels == 2


def test_only_failures_one_after_the_other_cost_a_parcel(parts):
    odd = [ValueError("odd")] * (MOST_DEFECTS - 1)
    parts.target.answers = [*odd, [None], *odd]
    parts.put("a")
    for _ in range(MOST_DEFECTS):
        parts.run()
        parts.clock.advance(60.0)
    parts.put("b")
    for _ in range(MOST_DEFECTS):
        parts.run()
        parts.clock.advance(60.0)
    assert parts.target.accepted == ["a", "b"]


def test_in_a_hurry_with_much_time_an_attempt_has_no_more_than_its_own(parts):
    parts.put("a")
    parts.sender.hurry(parts.clock.monotonic() + 3600.0)
    parts.run()
    assert parts.target.calls[0] == ("open", 5.0)


def test_reasons_without_end_do_not_fill_the_log(parts, caplog):
    parts.target.answers = [[Refused(f"no, and this is number {n}")] for n in range(300)]
    for _ in range(300):
        parts.put("a")
        parts.run()
    assert len(caplog.records) == MOST_REASONS
    assert balanced(parts.ledger).dropped == {"refused": 300}


def test_what_is_merged_is_nothing_to_be_warned_of(caplog):
    parts = Parts(max_messages=2)
    parts.target.absent = "away"
    parts.ledger.collect(3)
    parts.sender.put([parcel(name, supersedes="x") for name in "abc"])
    assert balanced(parts.ledger).dropped == {"merged": 1}
    assert [record.getMessage() for record in caplog.records] == []


def test_what_was_sent_and_cannot_be_written_down_is_said(parts):
    def broken(numbers):
        raise OSError(5, "Input/output error")

    parts.queue.settle = broken
    parts.put("a")
    parts.sender.attempt()
    assert "Input/output error" in parts.sender.failing
    assert balanced(parts.ledger).delivered == 1


def test_after_a_defect_the_target_is_opened_again(parts):
    parts.target.answers = [ValueError("odd")]
    parts.put("a")
    parts.run()
    parts.clock.advance(1.0)
    parts.run()
    assert [call for call, _ in parts.target.calls] == ["open", "send", "open", "send"]


def test_what_is_given_up_is_said_with_the_words_of_the_metric(caplog):
    parts = Parts(max_messages=1)
    parts.target.absent = "away"
    for name in "abc":
        parts.put(name)
    assert len(caplog.records) == 1
    assert "samples that wait are given up, reason: queue_full (said once" in caplog.text
