"""The programs behind docs/performance.md: they start, and what they count is what there is."""

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import broker_away, collectors, containers, descriptors, iteration, pushing
from benchmarks.cgroups import PARENT, parent_cgroup, task_cgroups
from benchmarks.floor import observe, open_descriptors, perf_groups
from benchmarks.long_run import long_run
from benchmarks.peers import measure
from tests.cgroup_fixtures import need_root
from tests.kafka.distribution import classpath
from wca.collectors import Collector
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel
from wca.linux.perf.counting import PerfGroup
from wca.linux.perf.events import KNOWN_EVENTS

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def root():
    need_root()


def program(*arguments, timeout=60):
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def folders_of_the_benchmarks():
    return [
        str(path)
        for hierarchy in Path("/sys/fs/cgroup").iterdir()
        for path in (hierarchy.glob(f"{PARENT}*") if hierarchy.is_dir() else ())
    ]


class TestFloor:
    def test_kept_files_opened_files_and_folders_are_repeated(self, tmp_path):
        kept, opened = tmp_path / "kept", tmp_path / "opened"
        kept.write_bytes(b"x" * 5000)
        opened.write_bytes(b"y")
        before = open_descriptors()
        descriptor = os.open(kept, os.O_RDONLY)
        try:
            floor = observe(
                before,
                lambda: (
                    os.pread(descriptor, 100, 0),
                    opened.read_bytes(),
                    os.listdir(str(tmp_path)),
                ),
            )
            assert floor.kept == [(descriptor, 8192)]
            assert floor.opened == [str(opened)]
            assert floor.listed == [str(tmp_path)]
            assert floor.files == 2
            opened.unlink()
            floor.read()
        finally:
            os.close(descriptor)

    def test_what_is_written_is_not_repeated(self, tmp_path):
        path = tmp_path / "written"
        assert observe(open_descriptors(), lambda: path.write_bytes(b"1")).files == 0

    def test_of_a_group_of_perf_events_one_descriptor_is_read(self):
        events = [KNOWN_EVENTS["task_clock_seconds"], KNOWN_EVENTS["task_context_switches"]]
        before = open_descriptors()
        groups = []
        with task_cgroups(1) as (name,):
            folder = os.open(
                CgroupHierarchies(Kernel()).locate(f"/{name}").directory("perf_event"), os.O_RDONLY
            )
            try:
                groups = [PerfGroup.open(events, folder, 0), PerfGroup.open(events[:1], folder, 0)]
                new = {n: what for n, what in open_descriptors().items() if n not in before}
                # One event by itself has a companion.
                assert len([one for one in new.values() if "perf_event" in one]) == 4
                assert len(perf_groups(new)) == 2
            finally:
                os.close(folder)
                for group in groups:
                    group.close()


class TestGroups:
    def test_all_groups_are_gone_afterwards(self):
        with parent_cgroup() as groups:
            groups.make("one")
            name = groups.make("two")
            groups.remove(name)
            assert folders_of_the_benchmarks()
        assert folders_of_the_benchmarks() == []


class TestCollectors:
    def test_every_collector_of_the_catalogue_can_be_made(self):
        made = collectors.built_in()
        assert "TaskCpuCollector" in made
        assert [name for name, one in made.items() if not isinstance(one, Collector)] == []

    def test_each_has_a_row_or_a_reason(self):
        rows = list(collectors.rows(2, 2))
        assert len(rows) == len(collectors.built_in())
        assert [row for row in rows if not row.startswith("|") and "not measured" not in row] == []
        assert any(row.startswith("| TaskMemoryCollector | 2 |") for row in rows)


class TestIteration:
    def test_the_default_set_and_the_wide_one(self):
        default = iteration.measure(2, 2)
        wide = iteration.measure(2, 2, iteration.reach())
        assert wide.series_per_task > default.series_per_task
        assert default.floor > 0


class TestDescriptors:
    def test_both_ways_of_reading_are_compared(self):
        assert "times as much" in descriptors.fall_back(2, 2)


class TestPushing:
    def test_each_way_has_a_row(self):
        assert [row.count("|") for row in pushing.rows([20], 1)] == [7] * 5


class TestBrokerAway:
    def test_what_waits_stays_below_its_bound_in_a_process_of_its_own(self, capfd):
        broker_away.measure(1, 100)
        printed = capfd.readouterr().out.splitlines()
        assert printed[0] == broker_away.HEADER.splitlines()[0]
        assert " 100 |" in printed[2]


#: What is measured besides the default set in a long run.
WIDE = """\
  event_names: [task-clock, context-switches, page-faults, cpu-migrations]
  sched: true
  extra_collectors: [!TaskNetworkCollector ]
"""


class TestContainers:
    def test_each_runtime_has_a_row_for_each_number_of_containers(self):
        rows = list(containers.measure_containers([1, 2], 2))
        assert [(row.runtime, row.containers) for row in rows] == [
            ("containerd", 1),
            ("containerd", 2),
            ("dockerd", 1),
            ("dockerd", 2),
        ]
        assert all(row.first > 0 and row.again > 0 and row.memory > 0 for row in rows)


class TestLongRun:
    def test_tasks_come_and_go_while_the_agent_measures(self):
        seen = long_run(100, 20)
        assert seen.exit_code == 0
        assert seen.replaced > 20
        assert len(seen.resident) > 2

    @pytest.mark.slow
    @pytest.mark.timeout(600)
    def test_memory_and_descriptors_do_not_grow(self):
        seen = long_run(4000, 100, WIDE)
        assert seen.exit_code == 0
        assert seen.replaced > 2000
        assert abs(seen.descriptor_growth) < 50
        assert seen.growth < 2**20, seen.sentence()


class TestPeers:
    def test_the_processor_time_of_another_process(self):
        script = (
            "import time\n"
            "while time.process_time() < 0.2: pass\n"
            "print(time.process_time(), flush=True)\n"
            "input()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            own = float(process.stdout.readline())
            time.sleep(0.05)
            assert own <= measure.cpu_seconds(process.pid) < own + 0.2
            process.communicate("\n")

    def test_numbers_of_both_formats(self):
        prometheus = b'# HELP a b\n# TYPE a gauge\na{x="1"} 2\na{x="2"} 3 1700000000\n'
        assert measure.numbers(prometheus, influx=False) == 2
        assert (
            measure.numbers(b"cgroup,path=/a,host=b x=1i,y=2i 17\ncpu z=3 17\n", influx=True) == 3
        )

    def test_wca_is_measured_and_what_is_not_there_is_said(self):
        done = program(
            *("benchmarks.peers", "--tasks", "2", "--rounds", "1", "--no-node"),
            *("--cycles", "2", "--warm-up", "1", "--interval", "1"),
            *("--telegraf", "/not/there", "--cadvisor", "/not/there"),
        )
        assert done.returncode == 0, done.stderr
        assert "| 2 tasks | WCA" in done.stdout
        assert done.stderr.count("was not measured") == 2


def test_an_unknown_table_is_refused():
    done = program("benchmarks", "everything")
    assert done.returncode == 2
    assert "collectors" in done.stderr


@pytest.mark.timeout(30)
def test_a_benchmark_that_is_ended_leaves_no_cgroups():
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "collectors", "--tasks", "20"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        while not running.stdout.readline().startswith("| Task"):
            assert running.poll() is None
        running.terminate()
        running.communicate(timeout=20)
    assert running.returncode == 143
    assert list(Path("/sys/fs/cgroup").glob(f"*/wca-bench-{running.pid}")) == []


def test_encoding_compares_the_writers_of_pages():
    done = program("benchmarks", "encoding", "--series", "100", "--rounds", "2")
    assert done.returncode == 0, done.stderr
    row = done.stdout.splitlines()[-1].split(" | ")
    assert row[0] == "| 100"
    assert all(float(cell.strip(" |")) > 0 for cell in row[1:])


def test_scrape_asks_another_process():
    done = program("benchmarks", "scrape", "--series", "100", "--rounds", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("| 100 | ") == 3


@pytest.fixture
def kafka():
    """Kafka is there; fetching it is not part of a test."""
    return classpath()


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("kafka")
def test_kafka_compares_sending_and_storing_with_confluent_kafka_where_that_is_installed():
    here = importlib.util.find_spec("confluent_kafka") is not None
    done = program("benchmarks", "kafka", "--series", "40", "--rounds", "3", timeout=100)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()]
    measured = [row for row in rows if row[0] == "40"]
    ways = ["WCA", "confluent-kafka"] if here else ["WCA"]
    expected = [(what, way) for what in ("ready messages", "store()") for way in ways]
    assert [(row[1], row[2]) for row in measured] == expected
    assert all(float(number) > 0 for row in measured for number in row[3:7])
    assert ("confluent-kafka is not installed" in done.stdout) is not here


def test_detectors_are_measured_with_what_they_are_shown():
    done = program("benchmarks", "detectors", "--tasks", "20", "--rounds", "2")
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if " | 20 | " in line]
    assert len(rows) == 6
    assert all(float(cell.strip(" |")) >= 0 for row in rows for cell in row[2:])


def test_recordings_are_weighed():
    done = program("benchmarks", "recording", "--tasks", "20", "--rounds", "3")
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| 20 | ")]
    assert [row[2] for row in rows] == ["100%", "10%"]
    assert all(float(cell.strip(" |")) > 0 for row in rows for cell in row[3:])


def test_discovery_asks_servers_of_pods():
    done = program("benchmarks", "discovery", "--tasks", "3", "--rounds", "1", "--seconds", "1")
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| 3 | ")]
    assert [row[1] for row in rows[1:]] == ["watch", "poll"]
    assert all(float(cell.strip(" |")) > 0 for cell in rows[0][2:])
