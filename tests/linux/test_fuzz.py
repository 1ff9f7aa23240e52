"""Every parser of a kernel file gives a value or says Malformed, whatever is in the file.

The parsers are found, not listed: each public function of `wca.linux` whose first argument is
annotated as `bytes`, and each decoder of a collector that reads files. A parser that needs more
arguments, or is a method, is named below with what to call it with.
"""

import contextlib
import functools
import importlib
import inspect
import os
import pkgutil
import re
import tempfile
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wca.linux
from wca.collectors import Collector, NotAvailable
from wca.collectors.file_probe import FileProbe
from wca.collectors.work.counter_file import parse_count
from wca.collectors.work.text import find_series
from wca.components import BUILT_IN
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.parse import KeyedNumbers, Malformed
from wca.nodes import Task
from wca.testing import kernel_files as content
from wca.testing.kernel import KernelTree

#: Further arguments of parsers that need some, several calls for one parser.
ARGUMENTS = {
    "wca.linux.io_stat.parse_blkio": [([b"Read", b"Write"],)],
    "wca.linux.io_stat.parse_io_stat": [([b"rbytes", b"wios"],)],
    "wca.linux.numa.parse_numa_stat_v2": [(4096,)],
    "wca.linux.zoneinfo.parse_zoneinfo": [
        (),
        (re.compile(r"(\S*) *(\S*)"),),
        (re.compile("(a)?(b)?"),),
    ],
}

#: Parsers that are methods, and those of what applications write.
METHODS = {
    "wca.collectors.work.counter_file.parse_count": parse_count,
    "wca.collectors.work.text.find_series": lambda data: find_series(data, ["work", "requests"]),
    "wca.linux.parse.KeyedNumbers.parse": KeyedNumbers([b"pgfault ", b"total="]).parse,
    "wca.linux.parse.KeyedNumbers.parse with a unit": KeyedNumbers([b"MemFree:"], b" kB").parse,
}

#: Calls with a regular expression of the user's that fits no such file: whatever is in it, they refuse.
REFUSING = {"wca.linux.zoneinfo.parse_zoneinfo#1", "wca.linux.zoneinfo.parse_zoneinfo#2"}

#: A true content for each call, from which others are made.
SEEDS = {
    "wca.collectors.work.counter_file.parse_count": b"1234\n",
    "wca.collectors.work.text.find_series": (
        b'# HELP requests Answered.\n# TYPE requests counter\nrequests{code="200",path="/\\"a"} 5 17\n'
        b'work 1.5e3 # {trace_id="x"} 0.5 1.5\n{"work","a.b"="c"} NaN\n# EOF\n'
    ),
    "wca.linux.cpu_limits.parse_cpu_max#0": b"50000 100000\n",
    "wca.linux.cpu_limits.parse_cpu_weight#0": b"100\n",
    "wca.linux.cpu_limits.parse_quota#0": b"50000\n",
    "wca.linux.io_limits.parse_device_values#0": b"8:0 1048576\n8:16 7\n",
    "wca.linux.io_limits.parse_io_max#0": b"8:16 rbps=2097152 wbps=max riops=max wiops=120\n",
    "wca.linux.io_stat.parse_blkio#0": content.blkio({"8:0": (4096, 8192)}).encode(),
    "wca.linux.io_stat.parse_io_stat#0": content.io_stat({"8:0": (4096, 8192)}).encode(),
    "wca.linux.lru_gen.ages_pages#0": b"0x0007\n",
    "wca.linux.lru_gen.parse_lru_gen#0": (
        b"memcg     1 /\n node     0\n          0      12345          7         11 \n"
        b"          1       6789         13          0 \nmemcg    42 /pod/web\n node     0\n"
        b"          3         10          0          5 \n node     1\n"
        b"          3         10          2          9 \n"
    ),
    "wca.linux.net_dev.parse_net_dev#0": (
        b"Inter-|   Receive                                                |  Transmit\n"
        b" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs"
        b" drop fifo colls carrier compressed\n"
        b"    lo:     104       2    0    0    0     0          0         0      104       2    0"
        b"    0    0     0       0          0\n"
        b"  eth0: 1234567    8901    1    2    0     0          0        34   765432    1098    3"
        b"    4    0     0       0          0\n"
    ),
    "wca.linux.numa.parse_numa_stat_v1#0": content.numa_stat_v1([4096, 8]).encode(),
    "wca.linux.numa.parse_numa_stat_v2#0": content.numa_stat_v2([4096, 8]).encode(),
    "wca.linux.parse.KeyedNumbers.parse": b"pgfault 1000\npgmajfault 7\n",
    "wca.linux.parse.KeyedNumbers.parse with a unit": b"MemTotal: 9 kB\nMemFree:      7 kB\n",
    "wca.linux.parse.parse_cpu_list#0": b"0-3,8,10-11\n",
    "wca.linux.parse.parse_key_numbers#0": content.vmstat({"pgfault": 1000}).encode(),
    "wca.linux.parse.parse_limit#0": b"1073741824\n",
    "wca.linux.parse.parse_number#0": b"1073741824\n",
    "wca.linux.parse.parse_threads#0": b"100\n101\n4194304\n",
    "wca.linux.parse.to_number#0": b"18446744073709551615",
    "wca.linux.perf.cpu_model.parse_cpu_model#0": (
        b"processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 106\n"
        b"model name\t: Intel(R) Xeon(R): a processor\nstepping\t: 6\nflags\t\t: fpu vme\n\n"
    ),
    "wca.linux.perf.pmu_terms.parse_format#0": b"config:0-7,32-35\n",
    "wca.linux.procfs.parse_cpu_ticks#0": content.proc_stat(
        [0, 1], (1, 2, 3, 4, 5, 6, 7, 8)
    ).encode(),
    "wca.linux.procfs.parse_mountinfo#0": (
        b"31 23 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
    ),
    "wca.linux.procfs.parse_process_cgroups#0": b"4:cpu,cpuacct:/job\n1:name=systemd:/\n0::/job\n",
    "wca.linux.procfs.parse_resident_bytes#0": b"2345 1234 800 1 0 400 0\n",
    "wca.linux.psi.parse_irq_pressure#0": content.irq_pressure(1234).encode(),
    "wca.linux.psi.parse_pressure#0": content.pressure(5678, 1234).encode(),
    "wca.linux.resctrl.schemata.parse_schemata#0": b"    L3:0=7ff;1=03f\n    MB:0= 90;1=100\n",
    "wca.linux.resctrl.values.parse_counter#0": b"81920\n",
    "wca.linux.resctrl.values.parse_features#0": b"llc_occupancy\nmbm_total_bytes\n",
    "wca.linux.resctrl.values.parse_place#0": b"res:/batch\nmon:wca-job\n",
    "wca.linux.sched.parse_sched#0": (
        b"python (1234, #threads: 2)\n" + b"-" * 67 + b"\n"
        b"se.exec_start                                :       3386487.402033\n"
        b"se.vruntime                                  :            -1.714876\n"
        b"nr_switches                                  :                   17\n"
        b"numa_faults node=0 task_private=1 task_shared=2 group_private=3 group_shared=4\n"
    ),
    "wca.linux.sched.parse_schedstat#0": b"123456789 2345678 90\n",
    "wca.linux.smaps.parse_referenced_bytes#0": (
        b"55e11c7fc000-7ffd30e55000 ---p 00000000 00:00 0        [rollup]\n"
        b"Rss:                1764 kB\nPss:                 223 kB\nReferenced:         1760 kB\n"
    ),
    "wca.linux.zoneinfo.parse_zoneinfo#0": content.zoneinfo([0, 1]).encode(),
}

#: What collectors are made with where that is more than nothing.
OPTIONS = {
    "TaskCpuCollector": {"details": True},
    "TaskMemoryCollector": {"details": True},
    "TaskMemoryEventsCollector": {"details": True},
    "TaskIoCollector": {"per_device": True, "discards": True},
    "NodeVmstatCollector": {"keys": True},
}


def functions():
    """The parsers that are functions, by their full name."""
    found = {}
    for module in pkgutil.walk_packages(wca.linux.__path__, "wca.linux."):
        loaded = importlib.import_module(module.name)
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            own = function.__module__ == module.name and not name.startswith("_")
            parameters = list(inspect.signature(function).parameters.values()) if own else []
            if parameters and parameters[0].annotation is bytes:
                found[f"{module.name}.{name}"] = function
    return found


def calls():
    """What to call with any bytes, by name."""
    found = dict(METHODS)
    for name, function in functions().items():
        for number, further in enumerate(ARGUMENTS.get(name, [()])):
            found[f"{name}#{number}"] = functools.partial(_call, function, further)
    return found


def _call(function, further, data):
    return function(data, *further)


CALLS = calls()


@functools.cache
def corpus():
    """Contents of kernel files."""
    return tuple(sorted({*files_of(["v1_apart", "v2"])}))


def files_of(layouts):
    for layout in layouts:
        with tempfile.TemporaryDirectory() as folder:
            tree = KernelTree(folder, layout, numa_nodes=2)
            tree.add_task("/job", io={"8:0": (4096, 8192)}, memory_limit=1 << 30)
            for place, _, names in os.walk(folder):
                for name in names:
                    with open(os.path.join(place, name), "rb") as file:
                        yield file.read()


@functools.cache
def accepted(name):
    """The contents that a parser takes; all of them for one that takes none."""
    found = [] if name in REFUSING else [SEEDS[name]]
    for data in corpus():
        with contextlib.suppress(Malformed):
            CALLS[name](data)
            found.append(data)
    return tuple(found) or corpus()


@st.composite
def spoilt(draw, contents):
    """A true content with some places cut out, doubled or written over."""
    data = draw(st.sampled_from(contents))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 30)))
        piece = draw(st.binary(max_size=4) | st.sampled_from([b"", b"\n", b" ", b"9" * 30, b"-1"]))
        data = data[:start] + draw(st.sampled_from([piece, data[start:end] * 2])) + data[end:]
    return data


def anything(contents):
    return st.binary(max_size=80) | spoilt(contents)


@pytest.mark.parametrize("name", sorted(functions()))
def test_a_parser_that_needs_more_than_the_content_says_what_to_try_it_with(name):
    needed = [
        parameter.name
        for parameter in list(inspect.signature(functions()[name]).parameters.values())[1:]
        if parameter.default is parameter.empty
    ]
    assert not needed or name in ARGUMENTS, f"add arguments for {needed} to ARGUMENTS"


def test_what_is_named_here_exists():
    assert ARGUMENTS.keys() <= functions().keys()


def test_every_parser_has_a_seed():
    assert SEEDS.keys() == CALLS.keys() - REFUSING, "add a true content for each parser to SEEDS"


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_a_parser_takes_its_seed_and_finds_something_in_it(name):
    found = CALLS[name](SEEDS[name])
    assert found is not None
    assert not isinstance(found, (dict, list, tuple, set)) or found
    assert found is not False


@pytest.mark.parametrize("name", sorted(CALLS))
@given(drawn=st.data())
def test_a_parser_gives_a_value_or_says_malformed(name, drawn):
    for data in (b"", b"\n", drawn.draw(anything(accepted(name)))):
        with contextlib.suppress(Malformed):
            CALLS[name](data)


def collectors():
    """The built-in collectors that may read files alone and need no arguments, by name."""
    found = {}
    for entry in BUILT_IN:
        module, _, name = entry.place.partition(":")
        if module.startswith("wca.collectors.") and not module.startswith("wca.collectors.work."):
            kind = getattr(importlib.import_module(module), name)
            assert issubclass(kind, Collector)
            with contextlib.suppress(TypeError):  # it needs an argument: tested with the collector
                found[name] = kind(**OPTIONS.get(name, {}))
    return {name: one for name, one in found.items() if not one.blocking}


def decoders(collector, folder):
    for layout in ("v2", "hybrid"):
        tree = KernelTree(folder / layout, layout, numa_nodes=2)
        tree.add_task("/job")
        cgroup = CgroupHierarchies(tree.kernel).locate("/job")
        job = Task("job", "job", "/job")
        task = SimpleNamespace(task=job, cgroup=cgroup, node=tree.kernel)
        probe = collector.attach(tree.kernel if collector.scope == "node" else task)
        if isinstance(probe, FileProbe):
            yield from (decode for _, decode in probe.sources)
        probe.close()


COLLECTORS = collectors()


@pytest.mark.parametrize("name", sorted(COLLECTORS))
def test_a_decoder_gives_numbers_by_metric_or_says_malformed(name, tmp_path):
    collector = COLLECTORS[name]
    try:
        found = list(decoders(collector, tmp_path))
    except NotAvailable as missing:
        pytest.skip(missing.reason)

    @given(anything(corpus()))
    def check(data):
        for decode in found:
            try:
                values = decode(data)
            except Malformed:
                continue
            assert values.keys() <= set(collector.emits)

    check()
