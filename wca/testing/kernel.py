"""A tree of kernel files in a folder of a test's own.

::

    tree = KernelTree(tmp_path, layout="v2", sockets=2, numa_nodes=2)
    tree.add_task("/batch/job", cpu_seconds=12.5, memory=64 << 20)
    node = StaticNode(tasks=["batch/job"], kernel=tree.kernel)
"""

import os
import shutil
from typing import Literal

from wca.linux.files import Kernel
from wca.testing import kernel_files as content

__all__ = ["KernelTree", "Layout"]

#: ``v1_apart``: every controller mounted alone. ``v1_together``: cpu and cpuacct in
#: one mount. ``v2``: the unified hierarchy alone. ``hybrid``: v1 as mounted together, and a
#: unified hierarchy without controllers beside it, as systemd does.
Layout = Literal["v1_apart", "v1_together", "v2", "hybrid"]

_CGROUPS = "/sys/fs/cgroup"
_OTHERS = {"blkio": "blkio", "pids": "pids"}
_TOGETHER = {"cpu,cpuacct": "cpu,cpuacct", "memory": "memory"} | _OTHERS
_V1_MOUNTS: dict[Layout, dict[str, str]] = {  # folder to controllers
    "v1_apart": {"cpu": "cpu", "cpuacct": "cpuacct", "memory": "memory"} | _OTHERS,
    "v1_together": _TOGETHER,
    "v2": {},
    "hybrid": _TOGETHER,
}
_V2_POINT: dict[Layout, str] = {"v2": _CGROUPS, "hybrid": f"{_CGROUPS}/unified"}
_UNLIMITED = 9223372036854771712


class KernelTree:
    """Builds ``/proc`` and ``/sys`` below a folder and gives a ``Kernel`` that reads them.

    Files are rewritten in place, so descriptors that are open see the new content, as with the
    real kernel. What it cannot do is take a file away from an open descriptor (ENODEV): tests of
    vanishing tasks use real cgroups.

    Args:
        folder: an empty folder.
        layout: how the cgroup hierarchies are mounted.
        sockets: CPU sockets; CPUs are numbered socket by socket, threads of a core in a row.
        cores: cores of each socket.
        threads: CPUs of each core.
        numa_nodes: NUMA nodes, CPUs spread over them in order; 0: a kernel without NUMA.
        pressure: whether the kernel has PSI; tasks have it where there is a unified hierarchy.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        layout: Layout = "v1_apart",
        *,
        sockets: int = 1,
        cores: int = 2,
        threads: int = 1,
        numa_nodes: int = 1,
        pressure: bool = True,
    ) -> None:
        self.root = os.fspath(folder)
        self.kernel = Kernel(self.root)
        self.layout = layout
        self._pressure = pressure
        self._numa_nodes = numa_nodes
        self._shape = (sockets, cores, threads)
        self._write_mounts()
        self._write_machine()

    @property
    def cpus(self) -> list[int]:
        """All CPUs."""
        sockets, cores, threads = self._shape
        return list(range(sockets * cores * threads))

    def write(self, path: str, text: str) -> None:
        """Write a file, and the folders above it.

        Args:
            path: usual path, such as ``/proc/stat``.
            text: its new content.
        """
        place = self.root + path
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="utf-8") as file:
            file.write(text)

    def remove(self, path: str) -> None:
        """Remove a file or a folder with all that is in it."""
        place = self.root + path
        if os.path.isdir(place):
            shutil.rmtree(place)
        else:
            os.remove(place)

    def groups(self, cgroup_path: str) -> dict[str, str]:
        """The folders of a group by controller; the unified hierarchy is ``v2``."""
        folders = {
            name: f"{_CGROUPS}/{folder}{cgroup_path}"
            for folder, controllers in _V1_MOUNTS[self.layout].items()
            for name in controllers.split(",")
        }
        if self.layout in _V2_POINT:
            folders["v2"] = _V2_POINT[self.layout] + cgroup_path
        return folders

    def add_task(
        self,
        cgroup_path: str,
        *,
        cpu_seconds: float = 1.0,
        memory: int = 1 << 20,
        memory_limit: int | None = None,
        throttled: int = 0,
        quota: int | None = None,
        page_faults: int = 1000,
        numa_pages: list[int] | None = None,
        stall_seconds: float = 0.5,
        pids: tuple[int, ...] = (100, 101),
        inactive_file: int = 1 << 16,
        oom_kills: int = 0,
        io: dict[str, tuple[int, int]] | None = None,
    ) -> None:
        """Make a task's groups in all hierarchies, or write the files of one anew.

        Args:
            cgroup_path: with a leading ``/``.
            cpu_seconds: CPU time used.
            memory: usage in bytes; the highest usage is twice that.
            memory_limit: in bytes; None: unlimited. The soft limit is half of it.
            throttled: throttled periods, of ten times as many, of 10 ms each.
            quota: CPU time in microseconds for each period of 100 ms; None: unlimited.
            page_faults: of which one in ten is major.
            numa_pages: by node; None: the usage spread evenly.
            stall_seconds: ``some`` of each pressure file; ``full`` is half of it.
            pids: processes in the group; no more than ten times as many may be there.
            inactive_file: page cache in bytes that was not used lately.
            oom_kills: processes killed for want of memory; the limit was met ten times as often.
            io: bytes read and written by block device; None: none yet.
        """
        nodes = max(1, self._numa_nodes)
        pages = numa_pages or [memory // 4096 // nodes] * nodes
        faults = (page_faults, page_faults // 10, inactive_file)
        groups = self.groups(cgroup_path)
        for folder in dict.fromkeys(groups.values()):
            self.write(f"{folder}/cgroup.procs", "".join(f"{pid}\n" for pid in pids))
        if "cpuacct" in groups:
            self.write(f"{groups['cpuacct']}/cpuacct.usage", f"{int(cpu_seconds * 1e9)}\n")
            ticks = int(cpu_seconds * os.sysconf("SC_CLK_TCK"))
            modes = f"user {ticks // 2}\nsystem {ticks - ticks // 2}\n"
            self.write(f"{groups['cpuacct']}/cpuacct.stat", modes)
            stat = content.cpu_stat_v1(throttled * 10, throttled, throttled * 10**7)
            self.write(f"{groups['cpu']}/cpu.stat", stat)
            for name, text in content.cpu_limits_v1(quota).items():
                self.write(f"{groups['cpu']}/{name}", text)
            self._write_memory_v1(groups["memory"], memory, memory_limit, faults, pages)
        if self.layout == "v2":
            usage = int(cpu_seconds * 1e6)
            stat = content.cpu_stat_v2(usage, throttled * 10, throttled, throttled * 10**4)
            self.write(f"{groups['v2']}/cpu.stat", stat)
            for name, text in content.cpu_limits_v2(quota).items():
                self.write(f"{groups['v2']}/{name}", text)
            self._write_memory_v2(groups["v2"], memory, memory_limit, faults, pages)
        if "v2" in groups:
            controllers = "cpu io memory pids\n" if self.layout == "v2" else "\n"
            self.write(f"{groups['v2']}/cgroup.controllers", controllers)
            self._write_pressure(groups["v2"], stall_seconds)
        self._write_events(groups, oom_kills)
        self._write_pids(groups.get("pids") or groups["v2"], len(pids))
        self._write_io(groups, io or {})

    def remove_task(self, cgroup_path: str) -> None:
        """Remove a task's groups."""
        for folder in dict.fromkeys(self.groups(cgroup_path).values()):
            self.remove(folder)

    def set_online(self, cpus: list[int]) -> None:
        """Let only these CPUs be online.

        Args:
            cpus: ascending.
        """
        self.write("/sys/devices/system/cpu/online", ",".join(map(str, cpus)) + "\n")
        self.set_cpu_ticks((100, 0, 50, 1000, 10, 1, 2, 3, 0, 0), cpus)
        _, _, threads = self._shape
        for cpu in self.cpus:
            folder = f"/sys/devices/system/cpu/cpu{cpu}"
            if cpu in cpus:
                self._write_cpu(folder, cpu, [c for c in cpus if c // threads == cpu // threads])
            elif os.path.exists(f"{self.root}{folder}/topology"):
                self.remove(f"{folder}/topology")

    def set_cpu_ticks(self, ticks: tuple[int, ...], cpus: list[int] | None = None) -> None:
        """Write ``/proc/stat``.

        Args:
            ticks: user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice of
                each CPU.
            cpus: the CPUs that are online; None: all.
        """
        self.write("/proc/stat", content.proc_stat(self.cpus if cpus is None else cpus, ticks))

    def set_memory(
        self, *, total: int, free: int, buffers: int = 0, cached: int = 0, swap: int = 0
    ) -> None:
        """Write ``/proc/meminfo``, all in KiB."""
        text = content.meminfo(
            total=total,
            free=free,
            available=free + cached,
            buffers=buffers,
            cached=cached,
            swap=swap,
        )
        self.write("/proc/meminfo", text)

    def set_vmstat(self, **values: int) -> None:
        """Write ``/proc/vmstat`` with these keys."""
        self.write("/proc/vmstat", content.vmstat(values))

    def _write_mounts(self) -> None:
        rows = [
            "22 27 0:21 / /proc rw,relatime - proc proc rw",
            "23 27 0:22 / /sys rw,relatime shared:6 - sysfs sysfs rw",
        ]
        own = []
        for number, (folder, controllers) in enumerate(_V1_MOUNTS[self.layout].items(), 1):
            point = f"{_CGROUPS}/{folder}"
            rows.append(f"3{number} 23 0:3{number} / {point} rw - cgroup cgroup rw,{controllers}")
            own.append(f"{number}:{controllers}:/")
            os.makedirs(self.root + point)
        if self.layout in _V2_POINT:
            point = _V2_POINT[self.layout]
            rows.append(f"41 23 0:41 / {point} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate")
            own.append("0::/")
            controllers = "cpuset cpu io memory pids\n" if self.layout == "v2" else "\n"
            self.write(f"{point}/cgroup.controllers", controllers)
        self.write("/proc/self/mountinfo", "\n".join(rows) + "\n")
        self.write("/proc/self/cgroup", "\n".join(own) + "\n")

    def _write_machine(self) -> None:
        self.set_online(self.cpus)
        self.set_memory(total=8 << 20, free=4 << 20, buffers=1 << 10, cached=1 << 20, swap=1 << 20)
        self.set_vmstat(
            pgfault=1000,
            numa_hint_faults=300,
            numa_hint_faults_local=200,
            numa_pages_migrated=50,
            pgmigrate_success=60,
            pgmigrate_fail=4,
        )
        self.write("/proc/cpuinfo", content.cpuinfo(self.cpus, "Example CPU @ 2.00GHz"))
        self.write("/proc/zoneinfo", content.zoneinfo(list(range(max(1, self._numa_nodes)))))
        for resource in ("cpu", "memory", "io") if self._pressure else ():
            self.write(f"/proc/pressure/{resource}", content.pressure(3_000_000, 1_500_000))
        if self._pressure:
            self.write("/proc/pressure/irq", content.irq_pressure(250_000))
        if self._numa_nodes:
            online = ",".join(map(str, range(self._numa_nodes)))
            self.write("/sys/devices/system/node/online", online + "\n")
        for node in range(self._numa_nodes):
            self._write_node(node)

    def _write_cpu(self, folder: str, cpu: int, siblings: list[int]) -> None:
        _, cores, threads = self._shape
        core = cpu // threads
        listed = ",".join(map(str, siblings)) + "\n"
        self.write(f"{folder}/topology/physical_package_id", f"{core // cores}\n")
        self.write(f"{folder}/topology/core_id", f"{core % cores}\n")
        self.write(f"{folder}/topology/core_cpus_list", listed)
        self.write(f"{folder}/topology/thread_siblings_list", listed)

    def _write_node(self, node: int) -> None:
        folder = f"/sys/devices/system/node/node{node}"
        share = -(-len(self.cpus) // self._numa_nodes)
        own = self.cpus[node * share : (node + 1) * share]
        nodes = range(self._numa_nodes)
        self.write(f"{folder}/cpulist", ",".join(map(str, own)) + "\n")
        distances = " ".join("10" if other == node else "21" for other in nodes)
        self.write(f"{folder}/distance", distances + "\n")
        text = content.node_meminfo(node, total=4 << 20, free=(1 + node) << 20)
        self.write(f"{folder}/meminfo", text)
        self.write(f"{folder}/vmstat", content.vmstat({"numa_hit": 100 + node, "numa_miss": 1}))

    def _write_memory_v1(
        self, folder: str, usage: int, limit: int | None, stat: tuple[int, ...], pages: list[int]
    ) -> None:
        self.write(f"{folder}/memory.usage_in_bytes", f"{usage}\n")
        self.write(f"{folder}/memory.max_usage_in_bytes", f"{usage * 2}\n")
        self.write(f"{folder}/memory.limit_in_bytes", f"{limit or _UNLIMITED}\n")
        soft = limit // 2 if limit else _UNLIMITED
        self.write(f"{folder}/memory.soft_limit_in_bytes", f"{soft}\n")
        self.write(f"{folder}/memory.stat", content.memory_stat_v1(*stat))
        if self._numa_nodes:
            self.write(f"{folder}/memory.numa_stat", content.numa_stat_v1(pages))

    def _write_memory_v2(
        self, folder: str, usage: int, limit: int | None, stat: tuple[int, ...], pages: list[int]
    ) -> None:
        self.write(f"{folder}/memory.current", f"{usage}\n")
        self.write(f"{folder}/memory.peak", f"{usage * 2}\n")
        self.write(f"{folder}/memory.max", f"{limit or 'max'}\n")
        self.write(f"{folder}/memory.high", f"{limit // 2 if limit else 'max'}\n")
        self.write(f"{folder}/memory.stat", content.memory_stat_v2(*stat))
        if self._numa_nodes:
            page_size = os.sysconf("SC_PAGESIZE")
            self.write(f"{folder}/memory.numa_stat", content.numa_stat_v2(pages, page_size))

    def _write_pressure(self, folder: str, seconds: float) -> None:
        some = int(seconds * 1e6)
        for resource in ("cpu", "memory", "io") if self._pressure else ():
            self.write(f"{folder}/{resource}.pressure", content.pressure(some, some // 2))
        if self._pressure:
            self.write(f"{folder}/irq.pressure", content.irq_pressure(some // 2))

    def _write_events(self, groups: dict[str, str], kills: int) -> None:
        if "memory" in groups:
            self.write(f"{groups['memory']}/memory.failcnt", f"{kills * 10}\n")
            self.write(f"{groups['memory']}/memory.oom_control", content.oom_control(kills))
        else:
            events = content.memory_events(high=0, hits=kills * 10, kills=kills)
            self.write(f"{groups['v2']}/memory.events", events)
            self.write(f"{groups['v2']}/memory.swap.current", "8192\n")

    def _write_pids(self, folder: str, count: int) -> None:
        self.write(f"{folder}/pids.current", f"{count}\n")
        self.write(f"{folder}/pids.max", f"{count * 10}\n")
        self.write(f"{folder}/pids.events", "max 0\n")

    def _write_io(self, groups: dict[str, str], io: dict[str, tuple[int, int]]) -> None:
        if "blkio" not in groups:
            self.write(f"{groups['v2']}/io.stat", content.io_stat(io))
            return
        folder = f"{groups['blkio']}/blkio.throttle"
        self.write(f"{folder}.io_service_bytes_recursive", content.blkio(io))
        self.write(f"{folder}.io_serviced_recursive", content.blkio(io, 4096))
