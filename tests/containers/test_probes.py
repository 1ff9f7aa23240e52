"""The probes of one target are read together, each at its pace, and cost only themselves."""

import logging

from tests.garbage import left_behind
from wca.collectors import Collector, NotAvailable, TargetGone
from wca.containers import Paces, Probes
from wca.linux.parse import Malformed
from wca.telemetry import Telemetry


class Numbers(Collector):
    """Counts its readings."""

    def __init__(self, name, interval=None):
        super().__init__(interval)
        self.name, self.readings, self.error, self.closed = name, 0, None, 0

    def attach(self, target):
        return self

    def read(self, out):
        if self.error:
            raise self.error
        self.readings += 1
        out[self.name] = self.readings

    def close(self):
        self.closed += 1


def read(probes):
    out = {}
    probes.read(out)
    return out


def attached(*collectors, paces=None, telemetry=None, **options):
    probes = Probes(None, telemetry or Telemetry(), paces or Paces(1.0), **options)
    probes.attach({one.name: one for one in collectors})
    return probes


def test_between_two_readings_the_last_values_are_given_again():
    paces = Paces(1.0)
    fast, slow = Numbers("fast"), Numbers("slow", interval=3.0)
    probes = attached(fast, slow, paces=paces)
    seen = []
    for now in range(5):
        paces.begin(now)
        seen.append(read(probes))
    assert [one["fast"] for one in seen] == [1, 2, 3, 4, 5]
    assert [one["slow"] for one in seen] == [1, 1, 1, 2, 2]


def test_a_target_that_comes_between_two_readings_is_read_at_once():
    paces = Paces(1.0)
    early = attached(Numbers("slow", interval=10.0), paces=paces)
    paces.begin(0)
    read(early)
    paces.begin(1)
    assert read(attached(Numbers("slow", interval=10.0), paces=paces)) == {"slow": 1}


def test_a_last_look_reads_what_is_not_due_as_well():
    paces = Paces(1.0)
    probes = attached(Numbers("slow", interval=10.0), paces=paces)
    paces.begin(0)
    read(probes)
    paces.begin(1)
    out = {}
    probes.read(out, at_once=True)
    assert out == {"slow": 2}
    assert read(probes) == {"slow": 2}


def test_a_source_that_goes_away_is_closed_and_said_to_be_unavailable():
    telemetry = Telemetry()
    going, staying = Numbers("going"), Numbers("staying")
    probes = attached(going, staying, telemetry=telemetry)
    going.error = NotAvailable("it was unmounted")
    assert read(probes) == {"staying": 1}
    assert probes.unavailable == {"going": "it was unmounted"}
    assert going.closed == 1
    going.error = None
    assert read(probes) == {"staying": 2}
    assert telemetry.failures("going") == 0


def test_a_reading_without_the_form_it_should_have_is_a_failure_and_not_the_end(caplog):
    telemetry = Telemetry()
    odd = Numbers("odd")
    probes = attached(odd, telemetry=telemetry)
    odd.error = Malformed("expected a number, got b'?'")
    assert read(probes) == {}
    odd.error = None
    assert read(probes) == {"odd": 1}
    assert telemetry.failures("odd") == 1


def test_for_a_target_that_cannot_vanish_the_word_that_it_has_is_a_failure(caplog):
    telemetry = Telemetry()
    odd = Numbers("odd")
    odd.error = TargetGone("what?")
    probes = attached(odd, Numbers("other"), telemetry=telemetry, vanishes=False)
    with caplog.at_level(logging.ERROR):
        assert read(probes) == {"other": 1}
    assert telemetry.failures("odd") == 1


def test_read_apart_gives_the_same_and_tells_what_each_took():
    paces = Paces(1.0)
    fast, slow = Numbers("fast"), Numbers("slow", interval=3.0)
    probes = attached(fast, slow, paces=paces)
    paces.begin(0)
    out, took = {}, {}
    probes.read_apart(out, lambda name, cpu, seconds: took.update({name: (cpu, seconds)}))
    assert out == {"fast": 1, "slow": 1}
    assert took.keys() == {"fast", "slow"}
    assert all(cpu >= 0 and seconds >= 0 for cpu, seconds in took.values())
    paces.begin(1)
    took.clear()
    probes.read_apart(out, lambda name, cpu, seconds: took.update({name: (cpu, seconds)}))
    assert out == {"fast": 2, "slow": 1}
    assert took.keys() == {"fast"}  # the other was not read


def test_collectors_that_are_not_given_any_more_are_closed():
    one, two = Numbers("one"), Numbers("two")
    probes = attached(one, two)
    probes.attach({"two": two})
    assert (one.closed, two.closed) == (1, 0)
    assert read(probes) == {"two": 1}
    probes.attach({"one": one, "two": two})
    assert read(probes) == {"one": 1, "two": 2}


def test_a_collector_that_rests_is_neither_read_nor_closed_and_goes_on_as_it_was():
    one, two = Numbers("one"), Numbers("two", interval=10.0)
    probes = attached(one, two)
    read(probes)
    probes.attach({}, paused=["one", "two"])
    assert read(probes) == {}
    out = {}
    probes.read_apart(out, lambda *_: None)
    assert out == {}
    assert (one.closed, two.closed) == (0, 0)
    probes.attach({"one": one, "two": two})
    assert read(probes) == {"one": 2, "two": 2}  # at once, whatever its interval


def test_what_rests_is_closed_with_its_target():
    one = Numbers("one")
    probes = attached(one)
    probes.attach({}, paused=["one"])
    probes.close()
    assert one.closed == 1


def test_a_collector_that_rests_is_not_opened():
    one = Numbers("one")
    probes = attached()
    probes.attach({}, paused=["one"])
    probes.attach({}, paused=[])
    assert (one.readings, one.closed) == (0, 0)


def test_a_target_that_has_gone_leaves_no_cycle():
    """It would hold the sample of all tasks until Python looks for cycles."""
    going = Numbers("going")
    probes = attached(going)

    def read_in_vain():
        going.error = TargetGone("it was removed")
        try:
            read(probes)
        finally:
            going.error = None

    assert left_behind(read_in_vain, TargetGone) == 0
