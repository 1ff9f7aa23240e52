"""Traffic of tasks in network namespaces of their own: real ones, and what cannot be had at will."""

import itertools
import os
import socket
import subprocess
import tracemalloc
from types import SimpleNamespace

import pytest

from tests.services import missing, program
from wca.collectors import NotAvailable
from wca.collectors.task_network import TaskNetworkCollector
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.net_dev import NET_DEV_COUNTERS
from wca.metrics import CATALOGUE
from wca.nodes.static import StaticNode
from wca.runners import MeasurementRunner
from wca.testing.kernel import KernelTree
from wca.testing.storage import RecordingStorage

UNSHARE = "import ctypes; assert ctypes.CDLL(None, use_errno=True).unshare(0x40000000) == 0"
PACKETS, SIZE = 400, 1000
FRAME = SIZE + 8 + 20 + 14  # UDP, IP, Ethernet
# Address resolution, and messages that nobody listens at the port.
NOISE_PACKETS, NOISE = 20, 20 * FRAME
numbers = itertools.count()


def read(probe):
    out = {}
    probe.read(out)
    return out


def attach(cgroup, kernel, collector=None, **options):
    target = SimpleNamespace(cgroup=cgroup, node=kernel, task=SimpleNamespace(task_id="task"))
    return (collector or TaskNetworkCollector(**options)).attach(target)


# Real namespaces


class Cable:
    """A pair of interfaces between this namespace and that of a process."""

    def __init__(self, pid):
        number = next(numbers)
        self._ip = program("ip", package="iproute2")
        self.near, self.far = f"wca{os.getpid() % 10000}n{number}", f"wcaf{number}"
        self._addresses = f"10.213.{number}.1", f"10.213.{number}.2"
        self._run("link", "add", self.near, "type", "veth", "peer", "name", self.far)
        self._inside = ["-t", str(pid), "-n", self._ip]
        try:
            self._run("link", "set", self.far, "netns", str(pid))
            self._run("addr", "add", f"{self._addresses[0]}/24", "dev", self.near)
            self._run("link", "set", self.near, "up")
            self._enter("addr", "add", f"{self._addresses[1]}/24", "dev", self.far)
            self._enter("link", "set", self.far, "up")
            self._enter("link", "set", "lo", "up")
        except BaseException:
            self.cut()
            raise

    def send(self, packets=PACKETS):
        """Send datagrams into the namespace."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(packets):
                sender.sendto(b"x" * SIZE, (self._addresses[1], 9))

    def answer(self, worker, packets=PACKETS):
        """Let a process in the namespace send."""
        worker.do("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)")
        place = f"({self._addresses[0]!r}, 9)"
        worker.do(f"any(s.sendto(b'x' * {SIZE}, {place}) < 0 for _ in range({packets}))")

    def cut(self):
        subprocess.run([self._ip, "link", "del", self.near], capture_output=True, check=False)

    def _enter(self, *arguments):
        enter = program("nsenter", package="util-linux")
        self._succeed([enter, *self._inside, *arguments])

    def _run(self, *arguments):
        self._succeed([self._ip, *arguments])

    def _succeed(self, command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            missing(f"no pair of interfaces: {done.stderr.strip()}")


@pytest.fixture
def cables():
    """Lays a cable to a process; cut at the end."""
    laid = []

    def lay(worker):
        laid.append(Cable(worker.pid))
        return laid[-1]

    yield lay
    for cable in laid:
        cable.cut()


@pytest.fixture
def pod(real_cgroups):
    """A task with one process in a network namespace of its own."""
    path = real_cgroups.make("pod")
    worker = real_cgroups.worker(path)
    worker.do(UNSHARE)
    return path, worker


def grown(before, after):
    return {name: after[name] - before[name] for name in after}


def test_traffic_is_counted_in_both_directions(real_cgroups, cables, pod):
    path, worker = pod
    cable = cables(worker)
    probe = attach(real_cgroups.locate(path), real_cgroups.kernel)
    before = read(probe)
    cable.send()
    cable.answer(worker, PACKETS // 2)
    more = grown(before, read(probe))
    assert set(more) == {f"task_network_{name}" for name in NET_DEV_COUNTERS}
    assert more["task_network_receive_bytes"] == pytest.approx(PACKETS * FRAME, abs=NOISE)
    assert more["task_network_receive_packets"] == pytest.approx(PACKETS, abs=NOISE_PACKETS)
    assert more["task_network_transmit_bytes"] == pytest.approx(PACKETS // 2 * FRAME, abs=NOISE)
    assert more["task_network_receive_errors"] == more["task_network_transmit_errors"] == 0
    probe.close()


def test_traffic_of_the_loopback_is_nobodys(real_cgroups, cables, pod):
    path, worker = pod
    cables(worker)
    probe = attach(real_cgroups.locate(path), real_cgroups.kernel)
    before = read(probe)
    worker.do("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)")
    worker.do("any(s.sendto(b'x' * 1000, ('127.0.0.1', 9)) < 0 for _ in range(500))")
    assert grown(before, read(probe))["task_network_transmit_bytes"] < NOISE


def test_processes_in_one_namespace_count_once_and_each_may_end(real_cgroups, cables, pod):
    path, worker = pod
    cable = cables(worker)
    enter = f"import ctypes, os; f = os.open('/proc/{worker.pid}/ns/net', os.O_RDONLY)"
    second = real_cgroups.worker(path)
    second.do(enter + "; assert ctypes.CDLL(None).setns(f, 0) == 0; os.close(f)")
    probe = attach(real_cgroups.locate(path), real_cgroups.kernel)
    before = read(probe)["task_network_receive_bytes"]
    cable.send()
    both = read(probe)["task_network_receive_bytes"]
    assert both - before == pytest.approx(PACKETS * FRAME, abs=NOISE)
    worker.stop()
    cable.send()
    after = read(probe)["task_network_receive_bytes"]
    assert after - both == pytest.approx(PACKETS * FRAME, abs=NOISE)
    second.stop()
    assert read(probe)["task_network_receive_bytes"] >= after


def test_namespaces_of_one_task_are_added_up(real_cgroups, cables, pod):
    path, first = pod
    second = real_cgroups.worker(path)
    second.do(UNSHARE)
    probe = attach(real_cgroups.locate(path), real_cgroups.kernel)
    before = read(probe)["task_network_receive_bytes"]
    for worker in (first, second):
        cables(worker).send()
    after = read(probe)["task_network_receive_bytes"]
    assert after - before == pytest.approx(2 * PACKETS * FRAME, abs=2 * NOISE)


def test_each_interface_on_its_own_and_one_that_is_unplugged(real_cgroups, cables, pod):
    path, worker = pod
    cable, other = cables(worker), cables(worker)
    probe = attach(real_cgroups.locate(path), real_cgroups.kernel, per_device=True)
    cable.send()
    out = read(probe)
    assert out.keys() == set(TaskNetworkCollector.emits)
    per_device = out["task_network_device_receive_bytes"]
    assert per_device.keys() == {cable.far, other.far}
    assert per_device[cable.far] == pytest.approx(PACKETS * FRAME, abs=NOISE)
    cable.cut()
    left = read(probe)
    assert left["task_network_device_receive_bytes"].keys() == {other.far}
    assert left["task_network_receive_bytes"] >= out["task_network_receive_bytes"]


def test_a_task_in_the_hosts_network_has_no_numbers_and_the_reason_is_said(real_cgroups, caplog):
    path = real_cgroups.make("host")
    real_cgroups.worker(path)
    collector = TaskNetworkCollector()
    probe = attach(real_cgroups.locate(path), real_cgroups.kernel, collector)
    with caplog.at_level("INFO"):
        assert read(probe) == read(probe) == {}
        assert collector.unmeasured == {}  # it may not be ready yet
        assert [read(probe) for _ in range(5)] == [{}] * 5
    assert collector.unmeasured == {"task": "unavailable"}
    assert caplog.messages == ["no network traffic of task task: it uses the host's network"]
    probe.close()
    assert collector.unmeasured == {}


@pytest.mark.parametrize("readings", [2, 10])
def test_a_container_gets_its_network_whenever_that_is(real_cgroups, readings):
    path = real_cgroups.make("new")
    worker = real_cgroups.worker(path)
    collector = TaskNetworkCollector()
    probe = attach(real_cgroups.locate(path), real_cgroups.kernel, collector)
    assert [read(probe) for _ in range(readings)] == [{}] * readings
    worker.do(UNSHARE)
    assert read(probe)["task_network_receive_bytes"] == 0
    assert collector.unmeasured == {}


def test_a_task_without_processes_has_no_numbers_and_keeps_being_asked(real_cgroups):
    probe = attach(real_cgroups.locate(real_cgroups.make("empty")), real_cgroups.kernel)
    assert [read(probe) for _ in range(5)] == [{}] * 5


def test_no_namespace_is_kept_alive(real_cgroups, pod):
    path, _ = pod
    probe = attach(real_cgroups.locate(path), real_cgroups.kernel)
    before = len(os.listdir("/proc/self/fd"))
    read(probe)
    assert len(os.listdir("/proc/self/fd")) == before


# A tree


class Machine:
    """A tree with processes in namespaces."""

    def __init__(self, folder):
        self.tree = KernelTree(folder)
        self.tree.add_task("/task", pids=(100, 101))
        self.cgroup = CgroupHierarchies(self.tree.kernel).locate("/task")
        self.put(1, "host")

    def put(self, pid, namespace):
        self.tree.write(f"/namespaces/{namespace}", "")
        self.tree.write(f"/proc/{pid}/ns/pid", "")
        place = f"{self.tree.root}/proc/{pid}/ns/net"
        if os.path.exists(place):
            os.remove(place)
        os.link(f"{self.tree.root}/namespaces/{namespace}", place)

    def traffic(self, pid, received, device="eth0"):
        head = "Inter-|   Receive   |  Transmit\n face |bytes |bytes\n"
        row = f"{device}: {received} {' '.join(['0'] * 15)}\n" if device else ""
        self.tree.write(f"/proc/{pid}/net/dev", head + row)

    def end(self, pid):
        self.tree.remove(f"/proc/{pid}")


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    yield machine
    machine.tree.kernel.close()


def received(probe):
    return read(probe).get("task_network_receive_bytes")


def test_a_namespace_that_comes_back_is_not_counted_twice(machine):
    machine.put(100, "own")
    machine.traffic(100, 1000)
    probe = attach(machine.cgroup, machine.tree.kernel)
    assert received(probe) == 1000
    machine.end(100)
    assert received(probe) == 1000
    machine.put(101, "own")
    machine.traffic(101, 1500)
    assert received(probe) == 1500


def test_many_namespaces_come_and_go_and_what_they_had_stays_in_the_sum(machine):
    probe = attach(machine.cgroup, machine.tree.kernel)
    for number in range(1, 50):
        machine.put(100, f"own{number}")
        machine.traffic(100, 10)
        assert received(probe) == 10 * number
    machine.put(101, "own40")
    machine.traffic(101, 15)
    assert received(probe) == 10 * 49 + 5


def test_what_is_kept_of_namespaces_does_not_grow_with_those_that_end(machine):
    probe = attach(machine.cgroup, machine.tree.kernel)
    sizes = {}
    tracemalloc.start()
    try:
        for number in range(200):
            machine.put(100, f"own{number}")
            machine.traffic(100, 10)
            read(probe)
            sizes[number] = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert sizes[199] - sizes[99] < 100 * 300


def test_counters_that_begin_anew_are_added(machine):
    machine.put(100, "own")
    machine.traffic(100, 1000)
    probe = attach(machine.cgroup, machine.tree.kernel)
    assert received(probe) == 1000
    machine.traffic(100, 10)
    assert received(probe) == 1010
    machine.traffic(100, 5, device="eth1")
    assert received(probe) == 1015


def test_a_namespace_with_nothing_but_the_loopback_has_received_nothing(machine):
    machine.put(100, "own")
    machine.traffic(100, 77, device="lo")
    assert received(attach(machine.cgroup, machine.tree.kernel)) == 0


LIVING, ZOMBIE = "100 (sh) S 1 100", "100 (sh) Z 1 100"


def test_namespaces_that_may_not_be_looked_at_are_told(machine, caplog):
    machine.tree.write("/proc/100/stat", LIVING)
    collector = TaskNetworkCollector()
    probe = attach(machine.cgroup, machine.tree.kernel, collector)
    with caplog.at_level("INFO"):
        assert [read(probe) for _ in range(4)] == [{}] * 4
    assert collector.unmeasured == {"task": "unavailable"}
    assert "/proc/PID/ns/net cannot be read: CAP_SYS_PTRACE is needed" in caplog.text
    machine.put(100, "own")
    machine.traffic(100, 1000)
    assert received(probe) == 1000  # no verdict is for ever
    assert collector.unmeasured == {}


def test_processes_that_are_hidden_are_told_from_those_that_have_ended(machine):
    collector = TaskNetworkCollector()
    probe = attach(machine.cgroup, machine.tree.kernel, collector)
    for _ in range(4):  # always the same ones, and nothing of them in /proc
        read(probe)
    assert collector.unmeasured == {"task": "unavailable"}


@pytest.mark.parametrize("end", ["gone", "zombie"])
def test_processes_that_live_too_short_to_be_looked_at_are_no_reason_for_a_verdict(machine, end):
    collector = TaskNetworkCollector()
    probe = attach(machine.cgroup, machine.tree.kernel, collector)
    for pid in range(200, 210):
        machine.tree.add_task("/task", pids=(pid,))
        if end == "zombie":
            machine.tree.write(f"/proc/{pid}/stat", ZOMBIE)
        assert read(probe) == {}
    assert collector.unmeasured == {}
    machine.tree.add_task("/task", pids=(100,))
    machine.put(100, "own")
    machine.traffic(100, 1000)
    assert received(probe) == 1000


def test_a_reading_that_shows_nothing_keeps_what_those_before_have_shown(machine):
    collector = TaskNetworkCollector()
    probe = attach(machine.cgroup, machine.tree.kernel, collector)
    for number in range(3):
        machine.tree.add_task("/task", pids=(100,))
        machine.put(100, "host")
        read(probe)
        machine.end(100)
        machine.tree.add_task("/task", pids=(300 + number,))
        read(probe)
    assert collector.unmeasured == {"task": "unavailable"}


def test_the_state_of_a_collector_of_which_no_task_has_a_network_is_unavailable(machine):
    machine.put(100, "host")
    storage = RecordingStorage()
    runner = MeasurementRunner(
        StaticNode(tasks=["task"]),
        storage,
        interval=0.05,
        collectors=[TaskNetworkCollector()],
        kernel=machine.tree.kernel,
    )
    runner.stop_after(20)
    assert runner.run() == 0
    states = {m.labels["state"] for m in storage.batches[-1] if m.name == "wca_collector_state"}
    assert states == {"unavailable"}


def test_where_the_hosts_first_process_is_hidden_the_agents_own_network_is_the_hosts(machine):
    machine.end(1)
    with pytest.raises(NotAvailable, match="/proc/1/ns/net and /proc/self/ns/net cannot be read"):
        attach(machine.cgroup, machine.tree.kernel)
    machine.put("self", "host")
    machine.put(100, "host")
    collector = TaskNetworkCollector()
    probe = attach(machine.cgroup, machine.tree.kernel, collector)
    assert read(probe) == read(probe) == read(probe) == {}
    assert collector.unmeasured == {"task": "unavailable"}


def test_the_catalogue_knows_every_metric():
    assert set(TaskNetworkCollector.emits) <= CATALOGUE.keys()
    assert TaskNetworkCollector.blocking
    assert not TaskNetworkCollector.per_container
    assert TaskNetworkCollector(interval=5).interval == 5
    assert CATALOGUE["task_network_device_receive_bytes"].levels == ("device",)
