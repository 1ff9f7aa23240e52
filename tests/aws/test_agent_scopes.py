"""The numbers of each scope, as they arrive at CloudWatch."""

import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.aws.test_cloudwatch_agent import agent, ended, until
from tests.aws.test_ecs import CONTAINER, MIB, TASK
from tests.services import missing

MORE = ("--period", "1", "--resolution", "1", "--sample-interval", "0.2")
#: Cores that the two containers of the task use.
USED = {"curl": 0.15, "sidecar": 0.05}


class Metadata(http.server.ThreadingHTTPServer):
    """The task metadata endpoint of a task whose containers use CPU time as time passes."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answers)
        self.start = time.time()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v4/ea32192c8553fbff"

    def stats(self):
        """As ECS tells it: a reading of each second, of the containers that there are."""
        second = int(time.time())
        moment = time.strftime("%Y-%m-%dT%H:%M:%S.000000123Z", time.gmtime(second))
        found = {}
        for name, cores in USED.items():
            one = json.loads(json.dumps(CONTAINER))
            one["read"] = moment
            used = 1 + cores * (second - int(self.start))
            one["cpu_stats"]["cpu_usage"]["total_usage"] = int(used * 1e9)
            found[name] = one
        return found


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        pages = {"/task": lambda: TASK, "/task/stats": self.server.stats}
        page = pages.get(self.path.removeprefix("/v4/ea32192c8553fbff"))
        body = b"" if page is None else json.dumps(page()).encode()
        self.send_response(404 if page is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def metadata():
    server = Metadata()
    yield server
    server.shutdown()
    server.server_close()


def test_a_sidecar_publishes_what_the_whole_task_uses_of_its_limits(aws, metadata):
    environment = {**aws.environment(), "ECS_CONTAINER_METADATA_URI_V4": metadata.url}
    process = agent(*MORE, environment=environment)
    until(lambda: len(aws.data("CPUUtilization")) >= 3)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == (0, "", "")
    cpu = [one["Value"] for one in aws.data("CPUUtilization")]
    assert cpu == [pytest.approx(100 * sum(USED.values()) / TASK["Limits"]["CPU"], rel=0.01)] * len(
        cpu
    )
    memory = {one["Value"] for one in aws.data("MemoryUtilization")}
    working_set = 256 * MIB  # of each, without the 44 MiB of inactive files
    assert memory == {100 * 2 * working_set / (TASK["Limits"]["Memory"] * MIB)}


def test_in_a_group_at_its_quota_the_container_is_at_100_percent(aws, real_cgroups, tmp_path):
    path = real_cgroups.make("box")
    cgroup = real_cgroups.locate(path)
    _limit(cgroup, cores=0.5, size=200 * MIB)
    file = tmp_path / "file"
    file.write_bytes(bytes(100 * MIB))
    worker = real_cgroups.worker(path)
    # Written back and dropped, then read once: the group's own page cache, on the inactive list.
    worker.do(f"f = os.open({str(file)!r}, os.O_RDONLY); os.fsync(f)")
    worker.do("os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)")
    worker.do("[os.pread(f, 1 << 20, i << 20) for i in range(100)]")
    process = agent(*MORE, "--scope", "container", "--more", environment=aws.environment())
    real_cgroups.place(path, process.pid)
    busy = threading.Thread(target=worker.burn, args=(3.0,), daemon=True)  # six seconds here
    busy.start()
    until(lambda: len(aws.data("CPUThrottled")) >= 3)
    process.send_signal(signal.SIGTERM)
    used, inactive = _memory(cgroup)
    assert ended(process)[::2] == (0, "")
    busy.join()
    middle = {
        name: [one["Value"] for one in aws.data(name)][1:3]
        for name in ("CPUUtilization", "CPUThrottled", "MemoryUtilization")
    }
    assert middle["CPUUtilization"] == [pytest.approx(100, abs=15)] * 2
    assert max(middle["CPUUtilization"]) <= 100
    assert min(middle["CPUThrottled"]) > 50
    assert inactive > 20 * MIB  # the kernel moves pages between its lists by itself
    in_use = 100 * (used - inactive) / (200 * MIB)
    assert middle["MemoryUtilization"] == [pytest.approx(in_use, abs=8)] * 2
    assert max(middle["MemoryUtilization"]) < 100 * used / (200 * MIB) - 8


def test_a_scope_that_was_given_and_has_no_source_is_refused():
    code, out, errors = ended(agent(*MORE, "--dry-run", "--scope", "task"))
    assert (code, out) == (2, "")
    assert "--scope task: nothing can be measured here: this is no ECS task" in errors
    assert len(errors.splitlines()) == 1


def test_in_a_container_without_cgroups_the_machine_is_measured_and_that_is_said(monkeypatch):
    if os.geteuid() != 0:
        missing("mount namespaces need root")
    hidden = 'umount -R -l /sys/fs/cgroup && exec "$@"'
    command = [sys.executable, "-m", "wca", "cloudwatch-agent", "-n", "Test", "-s", "web", *MORE]
    monkeypatch.delenv("ECS_CONTAINER_METADATA_URI_V4", raising=False)
    monkeypatch.setenv("container", "podman")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", hidden, "sh", *command, "--dry-run", "--iterations", "3"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    (line,) = done.stderr.splitlines()
    assert re.search(r" ERROR .*--scope container: .*: measuring --scope host instead", line)
    assert done.returncode == 0
    assert "MemoryUtilization{ServiceName=web}" in done.stdout


def _limit(cgroup, cores, size):
    if cgroup.version("cpu") == 1:
        _write(cgroup, "cpu", "cpu.cfs_quota_us", int(cores * 100_000))
    else:
        _write(cgroup, "cpu", "cpu.max", f"{int(cores * 100_000)} 100000")
    v1 = cgroup.version("memory") == 1
    _write(cgroup, "memory", "memory.limit_in_bytes" if v1 else "memory.max", size)


def _write(cgroup, controller, name, value):
    with open(f"{cgroup.directory(controller)}/{name}", "w") as file:
        file.write(str(value))


def _memory(cgroup):
    v1 = cgroup.version("memory") == 1
    used = int(cgroup.read("memory", "memory.usage_in_bytes" if v1 else "memory.current"))
    stat = dict(line.split() for line in cgroup.read("memory", "memory.stat").decode().splitlines())
    return used, int(stat["total_inactive_file" if v1 else "inactive_file"])
