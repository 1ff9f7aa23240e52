"""Each agent has its fair share of the shards, whatever becomes of the others."""

import asyncio
from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.monitoring.fleets import HERE, Fleet, watched, worker
from wca.telemetry import Telemetry
from wca.testing.clock import FakeClock
from wca.testing.fleet import FakeLeases
from wca.workers.api import Lease
from wca.workers.model import AlertState, Reading, Verdict
from wca.workers.monitoring.leasing import Leasing
from wca.workers.monitoring.shares import Spread
from wca.workers.monitoring.sharing import Sharing

TTL = 30.0
FAR = "/us-east-1"
ONE, TWO = worker(1), worker(2, "us-east-1")
BUSY = {"cpu": Reading(Verdict.VALUE, 95.0, 0.0)}


class Leases(Lease):
    """In memory; each ends by itself."""

    ttl = TTL

    def __init__(self, clock):
        self.clock = clock
        self.kept = {}

    def hold(self, key, owner):
        if self.holders().get(key, owner) != owner:
            return False
        self.kept[key] = owner, self.clock.monotonic() + self.lasts
        return True

    def release(self, key, owner):
        if self.holders().get(key) == owner:
            del self.kept[key]

    def holders(self):
        now = self.clock.monotonic()
        return {key: owner for key, (owner, until) in self.kept.items() if until > now}


class Direct:
    """A lane without threads."""

    async def call(self, function, *args, patience):
        return function(*args)


class Agent:
    """What a monitor does with its leases, without polling."""

    def __init__(self, name, leases, keys):
        clock = leases.clock
        self.leasing = Leasing(leases, name, Direct(), Telemetry(clock.monotonic), clock.monotonic)
        self.sharing = Sharing(self.leasing)
        self.keys = keys

    async def renew(self):
        await self.sharing.renew(self.keys)
        for key in self.sharing.surplus():
            await self.leasing.release(key, 1.0)

    def has(self):
        return {key for key in self.keys if self.leasing.holds(key)}


class World:
    """Agents that come, go and fall asleep."""

    def __init__(self, shards):
        self.clock = FakeClock()
        self.leases = Leases(self.clock)
        self.keys = [f"/region-{number}" for number in range(shards)]
        self.agents = []
        self.started = 0

    def start(self, keys=None):
        # The names say nothing of the order in which agents have begun.
        name = f"agent {self.started * 7 % 10} {self.started}"
        self.started += 1
        self.agents.append(Agent(name, self.leases, keys or self.keys))

    def step(self, kind, number):
        if kind == "start":
            self.start()
        elif kind == "pass time":
            self.clock.advance(float(number))
        elif self.agents:
            agent = self.agents[number % len(self.agents)]
            if kind == "kill":
                self.agents.remove(agent)
            else:
                asyncio.run(agent.renew())
        self.check()

    def rounds(self, count):
        for _ in range(count):
            self.clock.advance(TTL / 6)
            for agent in self.agents:
                asyncio.run(agent.renew())
                self.check()

    def check(self):
        held = [key for agent in self.agents for key in agent.has()]
        assert len(held) == len(set(held)), "a shard is held twice"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["start", "kill", "renew", "renew", "renew", "pass time"]),
        st.integers(0, 40),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 12), STEPS)
def test_no_shard_is_held_twice_and_soon_each_agent_has_its_share(shards, steps):
    world = World(shards)
    for step in steps:
        world.step(*step)
    if not world.agents:
        world.start()
    world.rounds(18)
    counts = [len(agent.has()) for agent in world.agents]
    assert sum(counts) == shards
    assert max(counts) <= ceil(shards / len(counts))
    assert max(counts) - min(counts) <= 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sets(st.integers(0, 7), min_size=1), min_size=1, max_size=4))
def test_agents_with_different_lists_leave_no_shard_alone_and_settle(lists):
    world = World(8)
    for numbers in lists:
        world.start([world.keys[number] for number in sorted(numbers)])
        world.rounds(1)
    world.rounds(30)
    listed = {key for agent in world.agents for key in agent.keys}
    before = {key: agent for agent in world.agents for key in agent.has()}
    assert before.keys() == listed
    world.rounds(6)
    assert {key: agent for agent in world.agents for key in agent.has()} == before


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(2, 4), st.data())
def test_the_shards_of_an_agent_that_dies_are_taken_within_the_time_of_a_lease(shards, count, data):
    world = World(shards)
    for _ in range(count):
        world.start()
    world.rounds(18)
    world.agents.pop(data.draw(st.integers(0, count - 1)))
    world.rounds(6)  # a lease is asked for six times in its time
    assert {key for agent in world.agents for key in agent.has()} == set(world.keys)


@given(st.integers(0, 50), st.integers(1, 9))
def test_shares_are_alike_and_come_to_all_shards(shards, agents):
    names = [f"agent {number}" for number in range(agents)]
    spread = Spread(names[0], names, [str(number) for number in range(shards)], {})
    shares = [spread.share(name) for name in names]
    assert sum(shares) == shards
    assert max(shares) - min(shares) <= 1
    assert len(spread.lacking()) == spread.share(names[0])


# In a monitor


def two_agents(fleet, *workers):
    """A second agent beside one that has all shards; it sorts before it."""
    return Fleet(*workers, store=fleet.store, leases=fleet.leasing._lease, owner="another")


async def renewed(*fleets):
    for fleet in fleets:
        await fleet.monitor.renew()


@watched(ONE, TWO, leases=FakeLeases)
async def test_an_agent_that_comes_later_gets_its_share_and_tells_nothing_twice(fleet):
    for one in (ONE, TWO):
        fleet.cloud.readings[one.instance_id] = BUSY
    await fleet.monitor.start()
    await fleet.poll()
    other = two_agents(fleet, ONE, TWO)
    other.cloud.readings = fleet.cloud.readings
    await other.monitor.start()
    await renewed(fleet, other)
    assert other.schedule.triggered == [FAR]
    assert (fleet.leasing.holds(HERE), other.leasing.holds(FAR)) == (True, True)
    await fleet.poll()
    await other.poll()
    assert other.told.alerts == []
    assert [alert.worker.id for alert in other.monitor.firing()] == ["w2"]
    assert [alert.worker.id for alert in fleet.monitor.firing()] == ["w1"]
    asked = [shard for shard, _ in [*fleet.asked("status"), *other.asked("status")]]
    assert sorted(asked) == sorted([HERE, FAR, HERE, FAR])
    other.close()


@watched(ONE, TWO, leases=FakeLeases)
async def test_a_shard_is_not_given_away_before_all_of_it_is_told_and_kept(fleet):
    for one in (ONE, TWO):
        fleet.cloud.readings[one.instance_id] = BUSY
    fleet.told.waiting |= {"w1", "w2"}
    await fleet.monitor.start()
    await fleet.poll()
    other = two_agents(fleet, ONE, TWO)
    await other.monitor.start()
    await renewed(fleet, other)
    assert fleet.leasing.holds(HERE)
    assert fleet.leasing.holds(FAR)
    fleet.told.waiting.remove("w1")
    await renewed(fleet, other)
    assert other.leasing.holds(HERE)
    assert fleet.leasing.holds(FAR)
    untold = [one for one in fleet.store.load_alerts() if one.state is AlertState.PENDING]
    assert [alert.worker.id for alert in untold] == ["w2"]
    other.close()


@watched(ONE, TWO, leases=FakeLeases)
async def test_a_shard_is_not_given_away_while_it_is_polled(fleet):
    await fleet.monitor.start()
    other = two_agents(fleet, ONE, TWO)
    await other.monitor.start()
    fleet.cloud.answering.clear()
    turns = [asyncio.create_task(fleet.monitor.poll(key)) for key in (HERE, FAR)]
    for _ in range(500):
        if len(fleet.cloud.asked) == 2:
            break
        await asyncio.sleep(0.01)
    await renewed(fleet, other)
    assert fleet.leasing.holds(HERE)
    assert fleet.leasing.holds(FAR)
    fleet.cloud.answering.set()
    await asyncio.gather(*turns)
    await renewed(fleet, other)
    assert other.leasing.holds(FAR)
    other.close()
