"""A running agent takes over a changed file: real processes, real signals."""

import contextlib
import ctypes
import itertools
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from tests.main.agent import command, environment, wait_until, write_config
from tests.services import free_port

CONFIG = """
runner: !MeasurementRunner
  node: !StaticNode {{tasks: [], directory: {directory}}}
  interval: 100ms
  discovery_interval: 300ms
  event_names: [task_clock_seconds]
  metrics_storage: !LogStorage {{output_filename: {folder}/metrics.prom, overwrite: true}}
"""
PLAIN = """
runner: !MeasurementRunner
  node: !StaticNode {{tasks: []}}
  interval: 100ms
  metrics_storage: !LogStorage {{output_filename: {folder}/metrics.prom, overwrite: true}}
"""
SECONDS = 20
TAKEN = "the configuration was taken over"
REFUSED = "the configuration from before stays in force"
_PIDFD_GETFD, _KCMP = 438, {"x86_64": 312, "aarch64": 272}[os.uname().machine]


class Running:
    """An agent with its file; ``reload`` waits until the agent has said what became of it."""

    def __init__(self, folder, text, *arguments, plugins=None):
        self.folder = folder
        self._log = folder / "log"
        self.config = write_config(folder, text)
        with open(self._log, "w") as log:
            self.process = subprocess.Popen(
                command("-c", self.config, *arguments),
                env=environment(plugins),
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    @property
    def log(self):
        return self._log.read_text()

    def says(self, words, times=1):
        end = time.monotonic() + SECONDS
        while self.log.count(words) < times:
            assert time.monotonic() < end, f"it has not said {words!r} but:\n{self.log}"
            time.sleep(0.02)

    def reload(self, text, words=TAKEN):
        write_config(self.folder, text)
        times = self.log.count(words) + 1
        self.process.send_signal(signal.SIGHUP)
        self.says(words, times)

    def values(self, name):
        path = self.folder / "metrics.prom"
        lines = path.read_text().splitlines() if path.exists() else []
        return {
            line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith((f"{name}{{", f"{name} "))
        }

    def value(self, name):
        return next(iter(self.values(name).values()), None)

    def measures(self, more=3):
        """Wait for samples from now on."""
        seen = set()
        wait_until(lambda: seen.add(self.value("wca_up")) or len(seen - {None}) > more, "measuring")

    def descriptors(self):
        folder = f"/proc/{self.process.pid}/fd"
        found = {}
        for number in os.listdir(folder):
            with contextlib.suppress(OSError):
                found[int(number)] = os.readlink(f"{folder}/{number}")
        return found

    def kept(self):
        """Kernel files that are held open, by number."""
        return {
            number: target
            for number, target in self.descriptors().items()
            if target.startswith("/sys/fs/cgroup") or "perf_event" in target
        }

    def sockets(self):
        """Those that listen, by inode."""
        found = {target for target in self.descriptors().values() if target.startswith("socket:")}
        with open(f"/proc/{self.process.pid}/net/tcp") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        return {row[9] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in found}

    @property
    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    @property
    def resident(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            finally:
                self.process.kill()
        return self.process.returncode


@pytest.fixture
def start(tmp_path):
    with contextlib.ExitStack() as stack:

        def start(text, *arguments, **options):
            agent = Running(tmp_path, text, *arguments, **options)
            stack.callback(agent.end)
            return agent

        yield start


class Held:
    """Descriptors of another process, to see later whether it still has the same open files."""

    def __init__(self, pid, numbers):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._pid = pid
        process = os.pidfd_open(pid)
        self._copies = {
            number: self._libc.syscall(_PIDFD_GETFD, process, number, 0) for number in numbers
        }
        os.close(process)
        assert min(self._copies.values()) >= 0

    def same(self):
        """The numbers under which the process has what it had: kcmp(2) says so."""
        return {
            number
            for number, copy in self._copies.items()
            if self._libc.syscall(_KCMP, os.getpid(), self._pid, 0, copy, number) == 0
        }

    def close(self):
        for copy in self._copies.values():
            os.close(copy)


def test_kernel_files_and_perf_events_stay_open_and_counters_go_on(start, tmp_path, real_cgroups):
    for name in ("one", "two"):
        real_cgroups.worker(real_cgroups.make(name))
    text = CONFIG.format(directory=real_cgroups.parent, folder=tmp_path)
    agent = start(text)
    agent.measures()
    wait_until(lambda: len(agent.values("task_clock_seconds")) == 2, "perf events")
    held = agent.kept()
    assert any("perf_event" in target for target in held.values())
    before = agent.values("task_cpu_usage_seconds") | agent.values("task_clock_seconds")
    clock = agent.values("task_clock_seconds")
    copies = Held(agent.process.pid, held)
    try:
        agent.reload(text + "  extra_collectors: [!NodeZoneinfoCollector {}]\n")
        agent.measures()
        assert copies.same() == set(held)
        assert held.items() <= agent.kept().items()
    finally:
        copies.close()
    after = agent.values("task_cpu_usage_seconds") | agent.values("task_clock_seconds")
    assert all(after[series] >= value for series, value in before.items())
    assert agent.values("task_clock_seconds").keys() == clock.keys()
    assert agent.values("platform_zoneinfo")


def test_a_bad_file_is_refused_and_the_agent_measures_on(start, tmp_path):
    text = PLAIN.format(folder=tmp_path)
    agent = start(text)
    agent.measures()
    for bad, words in (
        ("runner: [", "while parsing"),
        (text.replace("100ms", "100"), "interval"),
        (text.replace("node:", "nodes:"), "did you mean"),
        (text.replace("/metrics.prom", "/none/metrics.prom"), "none"),
    ):
        agent.reload(bad, REFUSED)
        assert words in agent.log, agent.log
    agent.measures()
    assert agent.value("wca_config_last_reload_successful") == 0
    since = agent.value("wca_config_last_reload_success")
    agent.reload(text)
    agent.measures()
    assert agent.value("wca_config_last_reload_successful") == 1
    assert agent.value("wca_config_last_reload_success") > since
    assert "Traceback" not in agent.log
    assert agent.end() == 0


def test_while_files_are_looked_at_no_interval_is_left_out(start, tmp_path):
    text = PLAIN.format(folder=tmp_path).replace("overwrite: true", "overwrite: false")
    agent = start(text.replace("100ms", "500ms"))
    agent.says("starts")
    path = tmp_path / "metrics.prom"
    wait_until(lambda: path.exists() and path.read_text().count("wca_up{") > 1, "samples")
    for _ in range(5):
        agent.reload("runner: !Nothing\n", REFUSED)
    seen = path.read_text().count("wca_up{")
    wait_until(lambda: path.read_text().count("wca_up{") > seen + 1, "samples")
    agent.end()
    found, missed = series(path, "wca_up"), series(path, "wca_overruns")
    # Each is that of the next deadline, unless the machine itself was too busy, which is counted.
    steps = [round((later - one) / 0.5) for one, later in itertools.pairwise(found)]
    assert sum(step - 1 for step in steps) <= missed[-1]


def series(path, name):
    return [
        float(one) for one in re.findall(rf"^{name}{{.*}} (\S+)", path.read_text(), re.MULTILINE)
    ]


SPOOLED = """
runner: !MeasurementRunner
  node: !StaticNode {{tasks: []}}
  interval: 100ms
  metrics_storage: !MultiStorage
    storages:
    - !LogStorage {{output_filename: {folder}/metrics.prom, overwrite: true}}
    - !HTTPStorage
      http_endpoint: http://127.0.0.1:1/
      spool: {{path: {folder}/spool}}
"""


def test_what_waits_in_a_spool_stays_there_and_whoever_comes_next_takes_it_up(start, tmp_path):
    text = SPOOLED.format(folder=tmp_path)
    agent = start(text)
    agent.measures()
    wait_until(lambda: waiting(agent) > 0, "samples wait")
    inode, before = (tmp_path / "spool").stat().st_ino, waiting(agent)
    opened = {n: t for n, t in agent.descriptors().items() if t.endswith("/spool")}
    agent.reload(text.replace("overwrite: true", "overwrite: true, names: prometheus"))
    agent.reload(text)
    agent.measures()
    assert opened.items() <= agent.descriptors().items()
    assert waiting(agent) >= before
    agent.reload(text.replace("spool:", "timeout: 2s\n      spool:"))
    agent.measures()
    assert (tmp_path / "spool").stat().st_ino == inode
    assert waiting(agent) >= before
    assert "in use by process" not in agent.log
    assert agent.end() == 0


def waiting(agent):
    found = agent.values("wca_waiting_samples")
    return max((value for series, value in found.items() if "HTTPStorage" in series), default=0)


def test_the_server_goes_on_listening_and_shows_the_page_of_the_storage_of_now(start, tmp_path):
    address = f"127.0.0.1:{free_port()}"
    text = PLAIN.format(folder=tmp_path).partition("  metrics_storage")[0]
    text += f"  http: !HttpServer {{address: '{address}'}}\n  metrics_storage: !PrometheusStorage\n"
    agent = start(text)
    agent.says("pages are shown")
    sockets = agent.sockets()

    def page(name="metrics"):
        with urllib.request.urlopen(f"http://{address}/{name}", timeout=SECONDS) as answer:
            return answer.read().decode()

    def shown(name):
        try:
            return "wca_last_iteration_timestamp_seconds{" in page(name)
        except urllib.error.HTTPError:  # nothing has been measured for it yet
            return False

    wait_until(lambda: shown("metrics"), "metrics")
    agent.reload(f"{text}    path: /others\n".replace("100ms", "150ms"))
    wait_until(lambda: shown("others"), "others")
    status = page("status.json")
    assert '"interval_seconds": 0.15' in status
    assert f'"configuration": "{agent.config}"' in status
    with pytest.raises(urllib.error.HTTPError, match="404"):
        page()
    assert "wca_config_last_reload_success_timestamp_seconds" in page("others")
    assert page("healthz") == "ok\n"
    assert agent.sockets() == sockets
    assert agent.log.count("pages are shown") == 1


def test_fifty_reloads_leave_no_descriptor_no_thread_and_no_memory_behind(start, tmp_path):
    address = f"127.0.0.1:{free_port()}"
    text = PLAIN.format(folder=tmp_path) + f"  http: !HttpServer {{address: '{address}'}}\n"
    others = [
        text.replace(f"'{address}'", f"'{address}', max_connections: 8"),
        text.replace("100ms", "150ms"),
        text.replace("metrics.prom", "other.prom"),
        text + "  extra_collectors: [!NodeZoneinfoCollector {}]\n",
        text,
    ]
    agent = start(text)
    agent.measures()
    found = []
    for number in range(50):
        agent.reload(others[number % len(others)])
        if number in (9, 49):
            agent.measures()
            found.append((sorted(agent.descriptors().values()), agent.threads, agent.resident))
    (files, threads, memory), (files_after, threads_after, memory_after) = found
    assert [_plain(one) for one in files_after] == [_plain(one) for one in files]
    assert threads_after == threads
    assert memory_after - memory < 4 << 20
    assert agent.end() == 0


def _plain(target):
    return re.sub(r"\d+", "N", target)


TALKING = """
import logging
from wca.storage import Storage

class Talking(Storage):
    blocking = False
    def store(self, metrics):
        logging.getLogger('wca.talking').debug('stored')
"""
TALKS = """
runner: !MeasurementRunner
  node: !StaticNode {tasks: []}
  interval: 50ms
  metrics_storage: !Talking {}
"""
DEBUG = "loggers: {wca.talking: debug}\n"


@pytest.fixture
def talk(start, tmp_path):
    """talk(*arguments): an agent with a storage that has something to say on its debug level."""
    (tmp_path / "talking.py").write_text(TALKING)

    def talk(*arguments):
        agent = start(TALKS, "-r", "talking:Talking", *arguments, plugins=tmp_path)
        agent.says("starts")
        return agent

    return talk


def quiet(agent, seconds=0.3):
    """Whether no debug line comes any more, but for one that was on its way."""
    before = agent.log.count("stored")
    time.sleep(seconds)
    return agent.log.count("stored") <= before + 1


def test_levels_of_the_log_are_those_of_the_file_that_was_taken_over(talk):
    agent = talk()
    assert quiet(agent)
    agent.reload(TALKS + DEBUG)
    agent.says("stored", 3)
    agent.reload("runner: !Nothing\n", REFUSED)
    assert not quiet(agent)
    agent.reload(TALKS)
    assert quiet(agent)


def test_levels_of_the_command_line_stand_above_those_of_the_file(talk):
    agent = talk("--log", "wca.talking:warning")
    agent.reload(TALKS + DEBUG)
    assert quiet(agent)


def test_debug_lines_are_shown_for_a_while_and_not_any_more(talk):
    agent = talk()
    agent.process.send_signal(signal.SIGUSR1)
    agent.says("debug lines for 600 s")
    agent.says("stored", 3)
    agent.process.send_signal(signal.SIGUSR1)
    agent.says("the log has its usual levels again")
    assert quiet(agent)
    assert agent.end() == 0


def test_a_runner_that_cannot_reload_says_so(start, tmp_path):
    (tmp_path / "waiting.py").write_text(
        "import time\nfrom wca.runners import Runner\n"
        "class Waiting(Runner):\n    def run(self):\n        time.sleep(60)\n"
    )
    agent = start("runner: !Waiting {}\n", "-r", "waiting:Waiting", plugins=tmp_path)
    agent.says("starts")
    agent.process.send_signal(signal.SIGHUP)
    agent.says("Waiting cannot change its configuration while it runs: restart it")
    agent.process.kill()


def test_a_signal_that_comes_before_the_agent_has_started_is_obeyed_then(start, tmp_path):
    agent = start(PLAIN.format(folder=tmp_path))
    wait_until(lambda: _handles(agent.process.pid, signal.SIGHUP), "the handler")
    agent.process.send_signal(signal.SIGHUP)
    agent.says(TAKEN)
    assert agent.end() == 0


def _handles(pid, number):
    with open(f"/proc/{pid}/status") as file:
        caught = int(re.search(r"SigCgt:\s+(\w+)", file.read())[1], 16)
    return caught >> (number - 1) & 1
