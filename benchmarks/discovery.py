"""What it costs to know the pods of a node, and the memory that it takes.

A server in a process of its own lists pods over TLS (``benchmarks.pods``); the node is in another
one (``python -m benchmarks.discovery HOW PORT FOLDER SECONDS``), so that its CPU time and memory
are its own. The cgroups are folders on disk.
"""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.pods import NODE, certificate, cgroup_folders

__all__ = ["HEADER", "STEADY_HEADER", "rows", "steady_rows"]

HEADER = (
    "| pods | list MB | json.loads CPU ms | list, CPU ms | list, wall ms | cgroups ms "
    "| loop waits at most ms | memory MiB | with the pods | at most |"
    "\n|---|---|---|---|---|---|---|---|---|---|"
)
STEADY_HEADER = (
    "| pods | how | CPU ms per minute | of one CPU | age of the list s |\n|---|---|---|---|---|"
)
_MOUNTS = "41 23 0:41 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
#: Seconds between two discoveries, the default of a runner.
_DISCOVERY = 5.0


def rows(sizes: list[int], rounds: int) -> Iterator[str]:
    """One row for each number of pods."""
    for pods in sizes:
        with _served(pods) as (folder, port, size):
            found = _measured("list", port, folder, rounds)
        floor, cpu, wall, cgroups, waits = (
            f"{found[name] * 1e3:.1f}" for name in ("floor", "cpu", "wall", "cgroups", "waits")
        )
        memory = " | ".join(f"{found[name] / 2**20:.1f}" for name in ("before", "after", "peak"))
        yield (
            f"| {pods} | {size / 1e6:.1f} | {floor} | {cpu} | {wall} | {cgroups} | {waits} "
            f"| {memory} |"
        )


def steady_rows(sizes: list[int], seconds: int) -> Iterator[str]:
    """One row for each number of pods and each way to know them."""
    for pods in sizes:
        for how in ("watch", "poll"):
            with _served(pods) as (folder, port, _):
                found = _measured(how, port, folder, seconds)
            spent = found["cpu"] / found["seconds"]
            yield f"| {pods} | {how} | {spent * 6e4:.1f} | {spent:.3%} | {found['age']:.1f} |"


@contextlib.contextmanager
def _served(pods: int) -> Iterator[tuple[Path, int, int]]:
    """The folder with certificate and cgroups, the port, and the length of the list."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificate(folder)
        for path in cgroup_folders(pods):
            (folder / f"sys/fs/cgroup{path}").mkdir(parents=True)
        (folder / "proc/self").mkdir(parents=True)
        (folder / "proc/self/mountinfo").write_text(_MOUNTS)
        command = [sys.executable, "-m", "benchmarks.pods", str(folder), str(pods)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                port, size = map(int, server.stdout.readline().split())
                yield folder, port, size
            finally:
                server.kill()


def _measured(how: str, port: int, folder: Path, amount: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.discovery", how, str(port), str(folder)]
    done = subprocess.run([*command, str(amount)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def _node(how: str, port: int, folder: Path):
    from wca.linux.files import Kernel
    from wca.nodes.kubernetes import KubernetesNode

    (folder / "token").write_text("a-token")
    where = (
        {"kubeapi_host": "127.0.0.1", "kubeapi_port": port, "node_name": NODE}
        if how == "watch"
        else {"kubelet_enabled": True, "kubelet_endpoint": f"https://127.0.0.1:{port}"}
    )
    return KubernetesNode(
        client_token_path=str(folder / "token"),
        server_cert_ca_path=str(folder / "server.pem"),
        monitored_namespaces="all",
        timeout=60.0,
        kernel=Kernel(str(folder)),
        **where,
    )


def _list(port: int, folder: Path, rounds: int) -> dict[str, float]:
    node = _node("list", port, folder)
    floor = _floor(node)
    small = _measured("memory", port, folder, 0)
    spent, walls, waits = [], [], []
    for _ in range(rounds):
        start = time.process_time()
        wall, wait = _beside(node.poll)
        spent.append(time.process_time() - start)
        walls.append(wall)
        waits.append(wait)
    node.start()
    cgroups = [_timed(node.get_tasks) for _ in range(rounds)]
    node.close()
    found = {"cpu": spent, "wall": walls, "cgroups": cgroups}
    medians = {name: statistics.median(values) for name, values in found.items()}
    return {"floor": floor, "waits": max(waits), **medians, **small}


def _memory(port: int, folder: Path) -> dict[str, float]:
    """Of a process that does nothing else: before and after the list, and the most in between."""
    node = _node("list", port, folder)
    node._connection.get("/pods").close()  # the libraries
    before = _memory_of("VmRSS")
    node.start()
    tasks = node.get_tasks()
    after = _memory_of("VmRSS")
    node.close()
    assert tasks
    return {"before": before, "after": after, "peak": _memory_of("VmHWM")}


def _steady(how: str, port: int, folder: Path, seconds: int) -> dict[str, float]:
    node = _node(how, port, folder)
    node.start()
    node.get_tasks()
    time.sleep(2.0)
    start, begin = time.process_time(), time.monotonic()
    while time.monotonic() - begin < seconds:
        assert node.get_tasks()
        time.sleep(_DISCOVERY)
    spent, passed = time.process_time() - start, time.monotonic() - begin
    age = next(iter(node.list_ages().values()))
    node.close()
    return {"cpu": spent, "seconds": passed, "age": age}


def _beside(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the work on a thread, and the longest that another one had to wait meanwhile."""
    thread = threading.Thread(target=work)
    longest, start = 0.0, time.perf_counter()
    thread.start()
    last = start
    while thread.is_alive():
        time.sleep(0.001)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return time.perf_counter() - start, longest


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _floor(node) -> float:
    """CPU seconds of nothing but the JSON, as a whole."""
    with node._connection.get("/pods") as stream:
        body = b"".join(stream.pieces())
    spent = []
    for _ in range(3):
        start = time.process_time()
        json.loads(body)
        spent.append(time.process_time() - start)
    return min(spent)


def _memory_of(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) * 1024


if __name__ == "__main__":
    _how, _port, _folder, _amount = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    if _how == "list":
        _found = _list(_port, _folder, int(_amount))
    elif _how == "memory":
        _found = _memory(_port, _folder)
    else:
        _found = _steady(_how, _port, _folder, int(_amount))
    print(json.dumps(_found))
