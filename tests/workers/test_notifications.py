"""Queues and threads between alerts and receivers."""

import logging
import threading

import pytest

from tests.workers.alert_parts import Inbox, alert, later, refused
from wca.testing.clock import FakeClock
from wca.workers.alerting.mailbox import Mailbox
from wca.workers.alerting.notifications import Notifications
from wca.workers.api import Notifier, RefusedError
from wca.workers.model import Worker

FIRES, OVER = alert(), alert("resolved")


class Paused(Notifier):
    """A receiver that takes the first call and answers when it is let."""

    def __init__(self):
        self.entered, self.may_go = threading.Event(), threading.Event()
        self.told = []

    def send(self, alerts):
        self.entered.set()
        assert self.may_go.wait(10)
        self.told += [(one.rule, str(one.state)) for one in alerts]

    def close(self, timeout):
        self.may_go.set()


def told_by(notifiers, *batches, clock=None, **options):
    """Tell and close; what became of it by the name of the notifier."""
    notifications = Notifications(
        notifiers, clock=clock or FakeClock(), chance=lambda: 1.0, **options
    )
    for batch in batches:
        notifications.tell(batch)
    notifications.start()
    notifications.close(20)
    return notifications.counts()


def test_each_notifier_is_told_what_fires_and_then_what_is_over():
    inboxes = [Inbox(), Inbox()]
    counts = told_by(inboxes, [FIRES], [OVER])
    for inbox in inboxes:
        assert inbox.told == [("cpu above 90", "firing"), ("cpu above 90", "resolved")]
        assert inbox.closed
    assert [one.sent for one in counts.values()] == [2, 2]
    assert list(counts) == ["Inbox 1", "Inbox 2"]


def test_nobody_is_told_of_what_has_not_fired():
    inbox = Inbox()
    told_by([inbox], [alert("pending")], [alert("resolved", fired_at=None)])
    assert inbox.calls == []


def test_what_a_receiver_does_not_take_now_is_sent_again_before_what_follows():
    inbox = Inbox([later(), later(), None])
    counts = told_by([inbox], [FIRES], [OVER])["Inbox"]
    assert inbox.told == [("cpu above 90", "firing"), ("cpu above 90", "resolved")]
    assert (counts.sent, counts.retried, counts.dropped) == (2, 2, 0)


def started(*answers, **options):
    """Notifications of one inbox, in the middle of their work."""
    clock, inbox = FakeClock(), Inbox(answers)
    taken = threading.Event()
    send = inbox.send

    def send_and_say(alerts):
        send(alerts)
        taken.set()

    inbox.send = send_and_say
    notifications = Notifications([inbox], clock=clock, chance=lambda: 1.0, **options)
    notifications.start()
    notifications.tell([FIRES])
    assert taken.wait(10)
    notifications.close(1)
    return clock, inbox, notifications


def test_the_waits_between_attempts_grow_and_the_longest_is_a_minute():
    clock, inbox, _ = started(*[later() for _ in range(8)])
    pauses = [seconds for seconds in clock.waits if seconds >= 1]
    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert inbox.told == [("cpu above 90", "firing")]


def test_a_receiver_that_says_when_is_not_asked_before():
    clock, inbox, _ = started(later(30.0))
    assert 30.0 in clock.waits
    assert inbox.told == [("cpu above 90", "firing")]


def test_what_a_receiver_refuses_is_logged_in_one_line_and_the_next_is_sent(caplog):
    inbox = Inbox([refused()])
    with caplog.at_level(logging.INFO):
        counts = told_by([inbox], [FIRES], [OVER])["Inbox"]
    assert (counts.sent, counts.refused) == (1, 1)
    (line,) = caplog.messages
    assert line == (
        "Inbox will not take that 'cpu above 90' is firing for web (cpu of web is 95.5, above 90): "
        "it does not like it"
    )


def test_a_receiver_that_is_away_is_said_once_and_so_is_its_return(caplog):
    with caplog.at_level(logging.INFO):
        started(later(), later(), later())
    assert caplog.messages == [
        "Inbox does not take alerts now: it is away",
        "Inbox takes alerts again",
    ]


def test_a_notifier_with_a_defect_is_given_three_attempts(caplog):
    inbox = Inbox([ValueError("oops"), ValueError("oops"), ValueError("oops")])
    with caplog.at_level(logging.ERROR):
        counts = told_by([inbox], [FIRES], [OVER])["Inbox"]
    assert (counts.sent, counts.refused) == (1, 1)
    assert caplog.messages[-1].endswith("ValueError: oops")


def of_workers(count, state="firing"):
    """One alert for each of so many workers."""
    return [
        alert(state, worker=Worker(f"w-{number}", "eu-west-1", f"i-{number}"))
        for number in range(count)
    ]


def test_an_event_that_strikes_a_whole_fleet_is_told_in_full_though_it_comes_at_once():
    inbox = Inbox(most_alerts=500)
    counts = told_by([inbox], of_workers(2500), of_workers(2500, "resolved"))["Inbox"]
    told = [one.worker.id for call in inbox.calls for one in call if one.state == "resolved"]
    assert told == [one.worker.id for one in of_workers(2500)]
    assert (counts.sent, counts.dropped) == (2500, 2500)


def test_telling_never_waits_and_what_waits_gives_way_to_a_newer_state_of_it(caplog):
    paused = Paused()
    notifications = Notifications([paused], most_waiting=3, clock=FakeClock())
    notifications.start()
    notifications.tell([alert(rule="0")])
    assert paused.entered.wait(10)
    for number in range(1, 6):
        notifications.tell([alert(rule=str(number))])
    notifications.tell([alert("resolved", rule="2"), alert("resolved", rule="5")])
    assert notifications.waiting() == {"Paused": 5}
    assert notifications.counts()["Paused"].dropped == 2
    paused.may_go.set()
    notifications.close(20)
    news = [("0", "firing"), ("1", "firing"), ("3", "firing"), ("4", "firing")]
    assert paused.told == [*news, ("2", "resolved"), ("5", "resolved")]
    assert caplog.messages == ["Paused: too many alerts wait, older ones give way to newer ones"]


def test_what_gave_way_without_a_newer_state_stays_untold():
    mailbox = Mailbox(1)
    fleet = of_workers(101)
    assert mailbox.put(fleet) == fleet[:1]
    while mailbox.take(50):
        mailbox.settled()
    assert mailbox.untold() == {fleet[0].event_id}


def test_what_gave_way_to_a_newer_state_is_told_with_it():
    mailbox = Mailbox(1)
    assert mailbox.put([FIRES, OVER]) == [FIRES]
    assert mailbox.take(10) == [OVER]
    assert mailbox.untold() == {OVER.event_id}
    mailbox.settled()
    assert mailbox.untold() == set()


def test_a_receiver_that_hangs_keeps_no_other_waiting():
    hanging, inbox = Paused(), Inbox()
    heard = threading.Event()
    send = inbox.send
    inbox.send = lambda alerts: (send(alerts), heard.set())
    notifications = Notifications([hanging, inbox])
    notifications.start()
    notifications.tell([FIRES])
    assert heard.wait(10)
    hanging.may_go.set()
    notifications.close(5)


def test_what_is_left_at_the_end_is_counted_and_logged(caplog):
    hanging = Paused()
    notifications = Notifications([hanging], clock=FakeClock())
    notifications.start()
    notifications.tell([alert(rule="0")])
    assert hanging.entered.wait(10)
    notifications.tell([alert(rule="1"), alert(rule="2")])
    hanging.close = lambda timeout: None
    notifications.close(0)
    assert notifications.counts()["Paused"].dropped == 2
    assert caplog.messages == ["Paused: 2 alerts were not sent before the end"]
    hanging.may_go.set()


def test_a_receiver_that_is_away_at_the_end_is_tried_until_the_time_is_over(caplog):
    counts = told_by([Inbox(away=True)], [FIRES])["Inbox"]
    assert counts.retried > 3
    assert counts.dropped == 1
    assert caplog.messages[-1] == "Inbox: 1 alerts were not sent: it is away"


def test_an_end_without_a_begin_and_a_second_one_are_safe():
    notifications = Notifications([Inbox()], clock=FakeClock())
    notifications.close(1)
    notifications.close(1)


def test_an_unhealthy_notifier_is_told_by_name():
    _, _, healthy = started(later())
    assert healthy.failing() == {}
    notifications = Notifications([Inbox(away=True)], clock=FakeClock())
    notifications.tell([FIRES])
    notifications.start()
    notifications.close(5)
    assert notifications.failing() == {"Inbox": "it is away"}


# Sent again


def test_what_fires_is_sent_again_to_those_that_need_it():
    needs, not_needs = Inbox(resend_interval=60, most_alerts=10), Inbox()
    seen = threading.Semaphore(0)
    send = needs.send
    needs.send = lambda alerts: (send(alerts), seen.release())
    notifications = Notifications([needs, not_needs])
    notifications.start()
    for now in (100, 130, 161, 190):
        notifications.tick(now, [FIRES])
        if now in (100, 161):
            assert seen.acquire(timeout=10)
    notifications.close(5)
    assert needs.told == [("cpu above 90", "firing")] * 2
    assert not_needs.calls == []


def test_what_is_over_is_not_sent_again_though_it_was_to_be():
    mailbox = Mailbox(10)
    mailbox.put_again([FIRES, alert(rule="other")])
    mailbox.put([OVER])
    assert mailbox.take(10) == [OVER]
    assert [one.rule for one in mailbox.take(10)] == ["other"]


def test_news_go_before_what_is_sent_again_and_need_not_be_repeated():
    mailbox = Mailbox(10)
    mailbox.put_again([FIRES])
    mailbox.put([FIRES])
    assert mailbox.take(10) == [FIRES]
    mailbox.close()
    assert not mailbox.wait()


def test_what_waits_to_be_sent_again_is_replaced_by_what_fires_now():
    mailbox = Mailbox(10)
    mailbox.put_again([FIRES, alert(rule="other")])
    mailbox.put_again([alert(rule="third")])
    assert [one.rule for one in mailbox.take(10)] == ["third"]


# Several in one call


def test_a_call_has_several_alerts_but_none_twice():
    inbox = Inbox(most_alerts=3)
    others = [alert(rule=str(number)) for number in range(3)]
    told_by([inbox], [FIRES, *others], [alert("resolved", rule="2"), OVER])
    assert [[(one.rule, str(one.state)) for one in call] for call in inbox.calls] == [
        [("cpu above 90", "firing"), ("0", "firing"), ("1", "firing")],
        [("2", "firing")],
        [("2", "resolved"), ("cpu above 90", "resolved")],
    ]


def test_a_notifier_with_a_window_is_told_together_what_comes_in_it():
    clock, inbox = FakeClock(), Inbox(most_alerts=20)
    inbox.group_window, inbox.pause = 10.0, 1.0
    told_by([inbox], [FIRES], [alert(rule="other")], clock=clock)
    assert len(inbox.calls) == 1
    assert clock.waits[:2] == [10.0, 1.0]


@pytest.mark.parametrize("kind", [RefusedError])
def test_the_others_of_a_call_that_is_refused_are_logged_as_well(kind, caplog):
    inbox = Inbox([kind("no")], most_alerts=5)
    counts = told_by([inbox], [FIRES, alert(rule="other")])["Inbox"]
    assert counts.refused == len(caplog.messages) == 2


def test_an_alert_is_untold_until_every_receiver_has_taken_or_refused_it():
    paused, refuses = Paused(), Inbox([refused()])
    notifications = Notifications([paused, refuses], clock=FakeClock())
    assert notifications.untold() == set()
    notifications.start()
    notifications.tell([FIRES])
    assert paused.entered.wait(10)
    assert notifications.untold() == {FIRES.event_id}
    paused.may_go.set()
    notifications.close(20)
    assert notifications.untold() == set()


def test_what_was_given_up_at_the_end_stays_untold():
    inbox = Inbox([later() for _ in range(1000)])
    notifications = Notifications([inbox], clock=FakeClock(), chance=lambda: 1.0)
    notifications.start()
    notifications.tell([FIRES])
    notifications.close(0.5)
    assert notifications.untold() == {FIRES.event_id}
