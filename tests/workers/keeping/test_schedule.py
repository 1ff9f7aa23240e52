"""The schedule: what is due when, and after a restart."""

import asyncio
import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wca.testing import FakeClock
from wca.workers.job_stores.memory import MemoryJobStore
from wca.workers.job_stores.redis import RedisJobStore
from wca.workers.job_stores.sqlite import SqliteJobStore
from wca.workers.schedule.api import Job
from wca.workers.schedule.aps import ApsSchedule

ROOT = Path(__file__).parents[3]
DAY = 86_400.0
#: Seconds in which anything that is due has happened.
LONG = 10.0


class Fired:
    """Counts by key; a function to fire."""

    def __init__(self):
        self.keys = []
        self.news = asyncio.Event()

    async def __call__(self, key):
        self.keys.append(key)
        self.news.set()

    async def until(self, condition):
        async with asyncio.timeout(LONG):
            while not condition(self.keys):
                await self.news.wait()
                self.news.clear()


@contextlib.asynccontextmanager
async def running(fire, store=None, clock=None):
    schedule = ApsSchedule(store, clock=clock)
    schedule.begin(fire)
    try:
        yield schedule
    finally:
        await schedule.stop(5.0)


def due(store):
    return {job.key: job.due for job in store.load()}


def test_a_new_key_is_due_at_once_and_again_and_again():
    async def check():
        fired = Fired()
        async with running(fired) as schedule:
            schedule.every("a", 0.05, 0.0)
            schedule.every("b", DAY, 0.0)
            await fired.until(lambda keys: keys.count("a") >= 3)
            assert schedule.keys() == ["a", "b"]
            assert schedule.runs == len(fired.keys)
        assert fired.keys.count("b") == 1

    asyncio.run(check())


def test_keys_that_are_new_together_are_due_at_different_moments_that_follow_from_them():
    keys = [f"{number}/eu-west-1" for number in range(50)]
    clock = FakeClock(now=time.time())

    async def moments():
        store = MemoryJobStore()
        async with running(Fired(), store, clock) as schedule:
            for key in keys:
                schedule.every(key, DAY, 1000.0)
        return due(store)

    found = asyncio.run(moments())
    delays = [found[key] - clock.now() for key in keys]
    assert all(0 <= delay <= 1000 for delay in delays)
    assert max(delays) - min(delays) > 700
    assert len({round(delay) for delay in delays}) > 40
    assert asyncio.run(moments()) == found


def test_one_key_never_runs_twice_at_once_and_does_not_hold_up_another():
    async def check():
        most = now = 0
        others = Fired()
        let_go = asyncio.Event()

        async def fire(key):
            nonlocal most, now
            if key == "other":
                await others(key)
                return
            now += 1
            most = max(most, now)
            await let_go.wait()
            now -= 1

        async with running(fire) as schedule:
            schedule.every("slow", 0.05, 0.0)
            schedule.every("other", 0.05, 0.0)
            await others.until(lambda keys: len(keys) >= 4)
            assert schedule.skipped >= 1
            let_go.set()
        assert most == 1

    asyncio.run(check())


def test_what_raises_is_logged_and_counted_and_stays(caplog):
    async def check():
        fired = Fired()

        async def fire(key):
            await fired(key)
            raise RuntimeError("no route to AWS" if len(fired.keys) == 1 else "")

        async with running(fire) as schedule:
            schedule.every("a", 0.05, 0.0)
            await fired.until(lambda keys: len(keys) >= 3)
            assert schedule.failures >= 2
            assert schedule.keys() == ["a"]

    asyncio.run(check())
    assert "a failed and stays in the schedule: no route to AWS" in caplog.text
    assert "a failed and stays in the schedule: RuntimeError" in caplog.text


def test_what_is_cancelled_is_due_no_more_and_kept_no_longer():
    async def check():
        fired, store = Fired(), MemoryJobStore()
        async with running(fired, store) as schedule:
            schedule.every("a", 0.05, 0.0)
            schedule.every("b", 0.05, 0.0)
            await fired.until(lambda keys: "a" in keys and "b" in keys)
            schedule.cancel("a")
            schedule.cancel("a")
            schedule.cancel("never there")
            fired.keys.clear()
            await fired.until(lambda keys: keys.count("b") >= 3)
            assert "a" not in fired.keys
            assert schedule.keys() == ["b"]
        assert list(due(store)) == ["b"]

    asyncio.run(check())


def test_a_key_is_made_due_by_hand():
    async def check():
        fired = Fired()
        async with running(fired) as schedule:
            schedule.every("a", DAY, 0.0)
            await fired.until(lambda keys: len(keys) == 1)
            schedule.trigger("a")
            await fired.until(lambda keys: len(keys) == 2)
            with pytest.raises(KeyError, match="never there is not in the schedule"):
                schedule.trigger("never there")

    asyncio.run(check())


@pytest.mark.parametrize(
    ("seconds", "jitter"),
    [(0, 0), (-1, 0), (float("nan"), 0), (float("inf"), 0), (1, -1), (1, float("nan"))],
)
def test_numbers_that_make_no_sense_are_refused(seconds, jitter):
    with pytest.raises(ValueError, match=r"^a: (seconds|jitter) must be "):
        ApsSchedule().every("a", seconds, jitter)


def restarted(store, clock_now=None, act=lambda schedule: None):
    """What fires at once after a start with that store, and when the keys are due then."""

    async def run():
        fired = Fired()
        async with running(fired, store, clock_now) as schedule:
            act(schedule)
            await asyncio.sleep(0.3)
        return fired.keys

    return asyncio.run(run()), due(store)


def kept(*jobs):
    store = MemoryJobStore()
    store.save(jobs)
    return store


def test_a_restart_keeps_the_times():
    later = time.time() + 1000
    fired, times = restarted(
        kept(Job("a", DAY, 5.0, later)), act=lambda schedule: schedule.every("a", DAY, 5.0)
    )
    assert fired == []
    assert times == {"a": pytest.approx(later)}


def test_a_restart_recovers_keys_that_nobody_names():
    fired, times = restarted(kept(Job("a", DAY, 0.0, time.time() - 5)))
    assert fired == ["a"]
    assert list(times) == ["a"]


def test_what_was_missed_is_caught_up_once_in_the_old_rhythm():
    begun = time.time() - 10.5 * DAY
    fired, times = restarted(
        kept(Job("a", DAY, 0.0, begun)), act=lambda schedule: schedule.every("a", DAY, 0.0)
    )
    assert fired == ["a"]
    assert times == {"a": pytest.approx(begun + 11 * DAY, abs=0.01)}


def test_what_is_kept_with_a_key_is_there_after_a_restart_and_changes_no_time():
    store, later = MemoryJobStore(), time.time() + 1000
    store.save([Job("a", DAY, 0.0, later, data="old")])

    async def run(data):
        async with running(Fired(), store) as schedule:
            before = [job.data for job in schedule.jobs()]
            schedule.every("a", DAY, 0.0, data=data)
        return before

    assert [asyncio.run(run(data)) for data in ("new", "newer")] == [["old"], ["new"]]
    assert list(store.load()) == [Job("a", DAY, 0.0, pytest.approx(later), data="newer")]


def test_a_store_can_be_read_before_the_loop_is_needed():
    async def check():
        fired = Fired()
        schedule = ApsSchedule(kept(Job("a", DAY, 0.0, time.time() - 5)))
        await asyncio.to_thread(schedule.load)
        schedule.begin(fired)
        await fired.until(lambda keys: keys == ["a"])
        await schedule.stop(5.0)

    asyncio.run(check())


def test_another_interval_begins_anew():
    fired, times = restarted(
        kept(Job("a", DAY, 0.0, time.time() + 1000)),
        act=lambda schedule: schedule.every("a", 2 * DAY, 0.0),
    )
    assert fired == ["a"]
    assert times["a"] > time.time() + 1.9 * DAY


def test_a_time_that_was_kept_while_the_clock_was_wrong_is_none():
    fired, _ = restarted(kept(Job("a", 60.0, 0.0, time.time() + 10 * DAY)))
    assert fired == ["a"]


def test_stop_waits_for_what_runs_and_then_cancels_it():
    async def check():
        done = []

        async def fire(key):
            try:
                await asyncio.sleep(0.1 if key == "short" else 60)
                done.append(key)
            except asyncio.CancelledError:
                done.append(f"{key} cancelled")
                raise

        schedule = ApsSchedule()
        schedule.begin(fire)
        schedule.every("short", 0.5, 0.0)
        schedule.every("long", DAY, 0.0)
        await asyncio.sleep(0.05)
        await schedule.stop(0.4)
        await schedule.stop(0.4)
        assert done == ["short", "long cancelled"]

    asyncio.run(check())


def test_polling_goes_on_while_the_store_is_away(redis_server, caplog):
    async def check():
        fired = Fired()
        store = RedisJobStore(redis_server.url, timeout=0.5)
        async with running(fired, store) as schedule:
            schedule.every("a", 0.1, 0.0)
            await fired.until(lambda keys: len(keys) >= 2)
            redis_server.server.kill()
            try:
                fired.keys.clear()
                schedule.every("b", DAY, 0.0)
                await fired.until(lambda keys: keys.count("a") >= 4)
            finally:
                redis_server.server.start()
            fired.keys.clear()
            await fired.until(lambda keys: len(keys) >= 3)
        after = RedisJobStore(redis_server.url)
        assert sorted(due(after)) == ["a", "b"]
        after.close()

    asyncio.run(check())
    assert caplog.text.count("polling goes on, and jobs are kept when it works again") == 1
    assert "horse" not in caplog.text


def test_a_store_that_is_away_at_the_start_costs_the_times_alone(tmp_path, caplog):
    (tmp_path / "jobs").write_text("no database" * 100)
    fired, _ = restarted(
        OnlyFails(SqliteJobStore(str(tmp_path / "jobs"))),
        act=lambda schedule: schedule.every("a", DAY, 0.0),
    )
    assert fired == ["a"]
    assert "SqliteJobStore cannot use" in caplog.text


class OnlyFails:
    """A store that is never asked by the test itself."""

    def __init__(self, store):
        self._store, self._asked = store, False
        self.save, self.remove, self.close = store.save, store.remove, store.close

    def load(self):
        if self._asked:
            return []
        self._asked = True
        return self._store.load()


def test_an_agent_that_is_killed_finds_its_times_again(tmp_path):
    path = str(tmp_path / "jobs.sqlite")
    assert lines_until_killed(path, "a", "b") == ["a", "b"]
    assert lines_until_killed(path, "a", "b", "c") == ["c"]
    store = SqliteJobStore(path)
    store.save([Job("b", 3600.0, 0.0, time.time() - 7 * 3600)])
    store.close()
    assert lines_until_killed(path, "a", "b", "c") == ["b"]


def lines_until_killed(path, *keys):
    """What was due until nothing more was."""
    command = [
        "setpriv",
        "--pdeathsig",
        "KILL",
        sys.executable,
        "-m",
        "tests.workers.keeping.schedule_process",
    ]
    process = subprocess.Popen(
        [*command, path, "3600", *keys], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    lines = []
    for line in process.stdout:
        if line.strip() == "settled":
            break
        lines.append(line.strip())
    process.kill()
    process.wait()
    process.stdout.close()
    return sorted(lines)


def test_a_run_that_is_waited_for_may_cancel_its_key():
    async def check():
        store, begun = MemoryJobStore(), asyncio.Event()
        schedule = ApsSchedule(store)

        async def fire(key):
            begun.set()
            await asyncio.sleep(0.1)
            schedule.cancel(key)

        schedule.begin(fire)
        schedule.every("a", DAY, 0.0)
        await begun.wait()
        await schedule.stop(5.0)
        assert due(store) == {}
        assert schedule.failures == 0

    asyncio.run(check())


def test_a_run_that_waits_for_all_that_runs_does_not_wait_for_itself():
    async def check():
        schedule, ended = ApsSchedule(), asyncio.Event()

        async def fire(key):
            await schedule.wait(60.0)
            ended.set()

        schedule.begin(fire)
        schedule.every("a", DAY, 0.0)
        async with asyncio.timeout(LONG):
            await ended.wait()
        await schedule.stop(5.0)

    asyncio.run(check())
