"""Contents of kernel files as real machines give them, for the kernel-tree builder."""

__all__ = [
    "blkio",
    "cpu_limits_v1",
    "cpu_limits_v2",
    "cpu_stat_v1",
    "cpu_stat_v2",
    "cpuinfo",
    "io_stat",
    "irq_pressure",
    "meminfo",
    "memory_events",
    "memory_stat_v1",
    "memory_stat_v2",
    "node_meminfo",
    "numa_stat_v1",
    "numa_stat_v2",
    "oom_control",
    "pressure",
    "proc_stat",
    "vmstat",
    "zoneinfo",
]


def cpu_limits_v1(quota: int | None) -> dict[str, str]:
    """Files of cgroup v1 that say what a group may use of the CPUs; the quota in microseconds."""
    limit = -1 if quota is None else quota
    return {
        "cpu.cfs_quota_us": f"{limit}\n",
        "cpu.cfs_period_us": "100000\n",
        "cpu.shares": "1024\n",
    }


def cpu_limits_v2(quota: int | None) -> dict[str, str]:
    """The same of cgroup v2."""
    limit = "max" if quota is None else quota
    return {"cpu.max": f"{limit} 100000\n", "cpu.weight": "100\n"}


def cpu_stat_v1(periods: int, throttled: int, nanoseconds: int) -> str:
    """``cpu.stat`` of cgroup v1; the throttled time in nanoseconds."""
    return (
        f"nr_periods {periods}\nnr_throttled {throttled}\nthrottled_time {nanoseconds}\n"
        "nr_bursts 0\nburst_time 0\n"
    )


def cpu_stat_v2(usage: int, periods: int, throttled: int, microseconds: int) -> str:
    """``cpu.stat`` of cgroup v2 with the cpu controller; times in microseconds."""
    return (
        f"usage_usec {usage}\nuser_usec {usage // 2}\nsystem_usec {usage - usage // 2}\n"
        f"nice_usec 0\ncore_sched.force_idle_usec 0\nnr_periods {periods}\n"
        f"nr_throttled {throttled}\nthrottled_usec {microseconds}\nnr_bursts 0\nburst_usec 0\n"
    )


def memory_stat_v1(faults: int, major: int, inactive_file: int = 0) -> str:
    """``memory.stat`` of cgroup v1; the group's own numbers are half of the total."""
    total = {"cache": 270336, "rss": 540672, "workingset_refault_anon": 4}
    total |= {"workingset_refault_file": 6, "swap": 8192, "pgfault": faults, "pgmajfault": major}
    total |= {"mapped_file": 135168, "inactive_file": inactive_file, "active_file": 12288}
    own = {key: value // 2 for key, value in total.items()}
    limits = {"hierarchical_memory_limit": 9223372036854771712}
    rows = own | limits | {f"total_{key}": value for key, value in total.items()}
    return "".join(f"{key} {value}\n" for key, value in rows.items())


def memory_stat_v2(faults: int, major: int, inactive_file: int = 0) -> str:
    """``memory.stat`` of cgroup v2."""
    rows = {"anon": 540672, "file": 270336, "kernel": 65536, "inactive_file": inactive_file}
    rows |= {"file_mapped": 135168, "active_file": 12288}
    rows |= {"slab": 32768, "workingset_refault_anon": 4, "workingset_refault_file": 6}
    rows |= {"workingset_activate_anon": 1, "workingset_activate_file": 2}
    rows |= {"pgfault": faults, "pgmajfault": major, "pgrefill": 0, "pgscan": 0}
    return "".join(f"{key} {value}\n" for key, value in rows.items())


def memory_events(*, high: int, hits: int, kills: int) -> str:
    """``memory.events`` of cgroup v2; ``hits`` are those of the limit."""
    rows = {"low": 0, "high": high, "max": hits, "oom": kills, "oom_kill": kills}
    rows["oom_group_kill"] = 0
    return "".join(f"{key} {value}\n" for key, value in rows.items())


def oom_control(kills: int) -> str:
    """``memory.oom_control`` of cgroup v1."""
    return f"oom_kill_disable 0\nunder_oom 0\noom_kill {kills}\n"


def io_stat(devices: dict[str, tuple[int, int]]) -> str:
    """``io.stat`` of cgroup v2.

    Args:
        devices: bytes read and written by device, in operations of 4 KiB; a tenth is discarded.
    """
    return "".join(
        f"{device} rbytes={read} wbytes={written} rios={read // 4096} wios={written // 4096} "
        f"dbytes={written // 10} dios={written // 40960}\n"
        for device, (read, written) in devices.items()
    )


def blkio(devices: dict[str, tuple[int, int]], size: int = 1) -> str:
    """``blkio.throttle.io_service_bytes_recursive`` and its like of cgroup v1.

    Args:
        devices: bytes read and written by device; a tenth is discarded.
        size: bytes of what is counted: 4096 for operations.
    """
    rows = []
    for device, (read, written) in devices.items():
        kinds = {"Read": read, "Write": written, "Sync": read, "Async": written}
        kinds |= {"Discard": written // 10, "Total": read + written + written // 10}
        rows += [f"{device} {kind} {count // size}\n" for kind, count in kinds.items()]
    total = sum(sum(counts) + counts[1] // 10 for counts in devices.values())
    return "".join([*rows, f"Total {total // size}\n"])


def numa_stat_v1(pages: list[int]) -> str:
    """``memory.numa_stat`` of cgroup v1; the group's own pages are half of the hierarchy's."""

    def row(name: str, counts: list[int]) -> str:
        nodes = "".join(f" N{node}={count}" for node, count in enumerate(counts))
        return f"{name}={sum(counts)}{nodes}\n"

    own = [count // 2 for count in pages]
    rows = [row(name, own) for name in ("total", "file", "anon")]
    rows += [row(f"hierarchical_{name}", pages) for name in ("total", "file", "anon")]
    return "".join(rows)


def numa_stat_v2(pages: list[int], page_size: int = 4096) -> str:
    """``memory.numa_stat`` of cgroup v2: three quarters anonymous, the rest page cache."""

    def row(name: str, counts: list[int]) -> str:
        return name + "".join(f" N{node}={count}" for node, count in enumerate(counts)) + "\n"

    file = [count // 4 for count in pages]
    anon = [count - other for count, other in zip(pages, file, strict=True)]
    rows = {"anon": anon, "file": file, "kernel_stack": file, "unevictable": file}
    return "".join(
        row(name, [count * page_size for count in counts]) for name, counts in rows.items()
    )


def pressure(some: int, full: int) -> str:
    """A pressure file; times in microseconds."""
    averages = "avg10=0.00 avg60=1.25 avg300=0.40"
    return f"some {averages} total={some}\nfull {averages} total={full}\n"


def irq_pressure(full: int) -> str:
    """``irq.pressure``, which has one line; in microseconds."""
    return f"full avg10=0.00 avg60=1.25 avg300=0.40 total={full}\n"


def proc_stat(cpus: list[int], ticks: tuple[int, ...]) -> str:
    """``/proc/stat``; every CPU has the same ticks."""
    each = " ".join(map(str, ticks))
    total = " ".join(str(count * len(cpus)) for count in ticks)
    rows = [f"cpu  {total}", *(f"cpu{cpu} {each}" for cpu in cpus)]
    rows += ["intr 1234 0 0 5", "ctxt 5678", "btime 1700000000", "processes 99", "procs_running 1"]
    return "\n".join(rows) + "\n"


def meminfo(*, total: int, free: int, available: int, buffers: int, cached: int, swap: int) -> str:
    """``/proc/meminfo``; all in KiB."""
    rows = {"MemTotal": total, "MemFree": free, "MemAvailable": available, "Buffers": buffers}
    rows |= {"Cached": cached, "SwapCached": 0, "SwapTotal": swap, "SwapFree": swap}
    text = "".join(f"{key + ':':<16}{value:>8} kB\n" for key, value in rows.items())
    return text + "HugePages_Total:       0\nHugepagesize:       2048 kB\n"


def node_meminfo(node: int, *, total: int, free: int) -> str:
    """``meminfo`` of a NUMA node; in KiB."""
    rows = {"MemTotal": total, "MemFree": free, "MemUsed": total - free, "SwapCached": 0}
    return "".join(f"Node {node} {key + ':':<15}{value:>8} kB\n" for key, value in rows.items())


def vmstat(values: dict[str, int]) -> str:
    """``/proc/vmstat`` with some of the keys that come before and after."""
    rows = {"nr_free_pages": 100, "nr_zone_inactive_anon": 3} | values | {"pgmajfault": 7}
    return "".join(f"{key} {value}\n" for key, value in rows.items())


def cpuinfo(cpus: list[int], model: str) -> str:
    """``/proc/cpuinfo`` of x86."""
    return "".join(
        f"processor\t: {cpu}\nvendor_id\t: GenuineIntel\nmodel\t\t: 85\nmodel name\t: {model}\n\n"
        for cpu in cpus
    )


def zoneinfo(nodes: list[int]) -> str:
    """``/proc/zoneinfo`` with the zones DMA and Normal of each NUMA node."""
    return "".join(
        f"Node {node}, zone      DMA\n  per-node stats\n      nr_inactive_anon {node + 1}\n"
        "      nr_mapped    13338\n"
        + _zone(3867 + node)
        + f"Node {node}, zone   Normal\n"
        + _zone(21182724)
        for node in nodes
    )


def _zone(free: int) -> str:
    return (
        f"  pages free     {free}\n        min      41\n        low      51\n"
        "        spanned  4095\n        protection: (0, 2981, 7893, 7893, 7893)\n"
        f"      nr_free_pages {free}\n      numa_hit     2\n  pagesets\n    cpu: 0\n"
        "              count:    0\n  vm stats threshold: 6\n  start_pfn:           1\n"
    )
