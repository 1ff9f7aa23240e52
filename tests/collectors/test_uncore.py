"""Events outside of the CPUs: which PMUs are opened, what they count, what follows from it.

No machine of the tests has an uncore PMU: they and their counters are those of the test kit. The
tests at the end count a real PMU of the kernel, msr.
"""

import errno
import itertools
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import services
from wca.collectors.api import NotAvailable
from wca.collectors.node_uncore import NodeUncoreCollector
from wca.components import load_registry
from wca.config.loader import load_text
from wca.errors import ConfigLoadError, ValidationError, WcaError
from wca.linux.files import Kernel
from wca.linux.perf.pmu import PMUS, PmuEvent
from wca.metrics import CATALOGUE
from wca.metrics.uncore_derived import DERIVED_FROM, derived_uncore
from wca.metrics.uncore_metrics import UNCORE_METRICS
from wca.testing import KernelTree, PmuCounters, PmuTree
from wca.testing.pmus import CASCADE_LAKE, ICE_LAKE, ZEN3, ZEN4

READS, WRITES = "platform_cas_count_reads", "platform_cas_count_writes"
FACTOR = "platform_scaling_uncore_factor"


class Seconds:
    """A clock that the test sets."""

    now = 100.0

    def __call__(self):
        return self.now


def key_of(event):
    return event.type, event.config


class Machine:
    """Two sockets with two CPUs each, and the PMUs that the test adds."""

    def __init__(self, folder, processor=CASCADE_LAKE):
        self.tree = KernelTree(folder, sockets=2, cores=2)
        self.pmus = PmuTree(self.tree, processor)
        self.counters = PmuCounters()
        self.seconds = Seconds()

    def add(self, name, type_, cpumask="0,2", **files):
        self.pmus.add(name, type_, cpumask=cpumask, **files)

    def attach(self, names, derive=False):
        collector = NodeUncoreCollector(
            names, derive, open_group=self.counters.open, monotonic=self.seconds
        )
        return collector.attach(self.tree.kernel)


def read(probe):
    out = {}
    probe.read(out)
    return out


@pytest.fixture
def machine(tmp_path):
    """Cascade Lake with two memory controllers, a link and a cache slice."""
    machine = Machine(tmp_path)
    machine.add("uncore_imc_0", 17)
    machine.add("uncore_imc_1", 18)
    machine.add("uncore_upi_0", 30)
    machine.add("uncore_cha_0", 40, cpumask="1,3")
    return machine


def test_each_pmu_is_counted_on_every_cpu_of_its_mask_and_named_by_socket(machine):
    probe = machine.attach([READS])
    assert [(key_of(g.events[0]), g.cpu) for g in machine.counters.groups] == [
        ((17, 0x304), 0),
        ((17, 0x304), 2),
        ((18, 0x304), 0),
        ((18, 0x304), 2),
    ]
    machine.counters.tick()
    machine.counters.count(17, 0x304, 5, cpu=0)
    machine.counters.count(18, 0x304, 7, cpu=2)
    out = read(probe)
    assert out[READS] == {
        "0": {"uncore_imc_0": 5, "uncore_imc_1": 0},
        "1": {"uncore_imc_0": 0, "uncore_imc_1": 7},
    }
    assert out[FACTOR] == {s: {"uncore_imc_0": 1, "uncore_imc_1": 1} for s in "01"}


def test_nothing_counts_before_all_is_open_and_everything_afterwards(machine):
    machine.attach([READS, "platform_upi_rxl_flits"])
    assert all(group.begun for group in machine.counters.groups)


def test_a_level_3_cache_that_a_socket_has_several_of_is_summed(tmp_path):
    machine = Machine(tmp_path, ZEN4)
    machine.add("amd_l3", 11, cpumask="0-3", formats={"event": "0-7", "umask": "8-15"})
    probe = machine.attach(["platform_l3_misses"])
    machine.counters.tick()
    for cpu in range(4):
        machine.counters.count(11, 0x104, cpu + 1, cpu=cpu)
    assert read(probe)["platform_l3_misses"] == {"0": {"amd_l3": 3}, "1": {"amd_l3": 7}}


def test_a_metric_may_be_the_sum_of_several_events(tmp_path):
    machine = Machine(tmp_path, ICE_LAKE)
    machine.add("uncore_imc_0", 17)
    probe = machine.attach(["platform_rpq_occupancy"])
    machine.counters.tick()
    machine.counters.count(17, 0x80, 5, cpu=0)
    machine.counters.count(17, 0x81, 6, cpu=0)
    assert read(probe)["platform_rpq_occupancy"]["0"] == {"uncore_imc_0": 11}


def test_amd_memory_controllers_and_data_fabric_are_counted(tmp_path):
    machine = Machine(tmp_path / "zen4", ZEN4)
    machine.add("amd_umc_0", 12, cpumask="0", formats={"event": "0-7", "rdwrmask": "8-9"})
    machine.add("amd_umc_12", 13, cpumask="2", formats={"event": "0-7", "rdwrmask": "8-9"})
    probe = machine.attach([READS, WRITES, "platform_imc_clockticks"], derive=True)
    machine.counters.tick()
    read(probe)
    machine.seconds.now += 2
    machine.counters.tick()
    machine.counters.count(12, 0x10A, 2000)
    machine.counters.count(13, 0x20A, 1000)
    out = read(probe)
    assert out[READS] == {"0": {"amd_umc_0": 2000}, "1": {"amd_umc_12": 0}}
    assert out["platform_dram_total_bytes_per_second"] == {
        "0": {"amd_umc_0": 64_000},
        "1": {"amd_umc_12": 32_000},
    }


def test_the_channels_of_a_data_fabric_take_turns_and_are_summed(tmp_path):
    machine = Machine(tmp_path, ZEN3)
    machine.add("amd_df", 12, cpumask="0", formats={"event": "0-7,32-35", "umask": "8-15"})
    probe = machine.attach(["platform_df_dram_transfers"], derive=True)
    assert [len(group.events) for group in machine.counters.groups] == [4, 4]
    assert machine.counters.groups[1].events[0].config == 0x1_0000_3807  # event 0x107
    machine.counters.tick(running=10**9 // 2)
    read(probe)
    machine.seconds.now += 1
    machine.counters.tick(running=10**9 // 2)
    machine.counters.count(12, 0x3807, 100)
    machine.counters.count(12, 0x1_0000_3807, 10)
    out = read(probe)
    assert out["platform_df_dram_transfers"] == {"0": {"amd_df": 220}}
    assert out["platform_dram_total_bytes_per_second"] == {"0": {"amd_df": 220 * 64}}
    assert out[FACTOR] == {"0": {"amd_df": 2}}


def test_events_of_the_kernel_are_counted_in_bytes(machine):
    data_read = PmuEvent("event=0xff,umask=0x20", 6.103515625e-5, "MiB")
    machine.add("uncore_imc_free_running_0", 50, events={"data_read": data_read})
    probe = machine.attach(["uncore_imc_free_running/data_read/"])
    machine.counters.tick()
    machine.counters.count(50, 0x20FF, 3, cpu=0)
    name = "platform_uncore_imc_free_running_data_read"
    assert read(probe)[name]["0"] == {"uncore_imc_free_running_0": 192}


def test_loose_events_go_into_groups_that_every_pmu_has_counters_for(machine):
    names = [READS, WRITES, "platform_pmm_bandwidth_reads", "platform_pmm_bandwidth_writes"]
    machine.attach([*names, "platform_imc_clockticks"])
    assert [len(group.events) for group in machine.counters.groups] == [4, 4, 1, 1] * 2


def test_a_list_in_the_list_is_one_group_of_its_own(machine):
    machine.attach([[READS, WRITES], ["platform_imc_clockticks"], "platform_upi_rxl_flits"])
    names = [[event.name for event in group.events] for group in machine.counters.groups]
    assert names.count([READS, WRITES]) == 4
    assert names.count(["platform_imc_clockticks"]) == 4
    assert names.count(["platform_upi_rxl_flits"]) == 2


def test_a_group_that_is_too_large_for_the_pmu_becomes_smaller_ones(machine):
    machine.counters.most = 2
    machine.attach([[READS, WRITES, "platform_imc_clockticks"]])
    sizes = [len(group.events) for group in machine.counters.groups]
    assert sorted(sizes) == [1, 1, 1, 1, 2, 2, 2, 2]


def test_the_worked_example(machine):
    names = [READS, WRITES, "platform_pmm_bandwidth_reads", "platform_pmm_bandwidth_writes"]
    probe = machine.attach([names, ["platform_upi_rxl_flits", "platform_upi_txl_flits"]], True)
    machine.counters.tick()
    for config, number in ((0x304, 1000), (0xC04, 500)):
        machine.counters.count(17, config, number, cpu=0)
    first = read(probe)
    assert not [name for name in first if "per_second" in name or "ratio" in name]
    machine.seconds.now += 2
    machine.counters.tick()
    for config, number in ((0x304, 2000), (0xC04, 1000), (0xE3, 500), (0xE7, 500)):
        machine.counters.count(17, config, number, cpu=0)
    for config in (0xF03, 0xF02):
        machine.counters.count(30, config, 900, cpu=0)
    out = read(probe)
    socket0 = {
        name.removeprefix("platform_"): out[name]["0"].get("uncore_imc_0")
        for name in out
        if name.endswith(("per_second", "ratio"))
    }
    assert socket0 == {
        "dram_reads_bytes_per_second": 64_000,
        "dram_writes_bytes_per_second": 32_000,
        "dram_total_bytes_per_second": 96_000,
        "pmm_reads_bytes_per_second": 16_000,
        "pmm_writes_bytes_per_second": 16_000,
        "pmm_total_bytes_per_second": 32_000,
        "dram_hit_ratio": 0.75,
        "upi_bandwidth_bytes_per_second": None,
    }
    assert out["platform_upi_bandwidth_bytes_per_second"]["0"] == {"uncore_upi_0": 6400}
    # Where there was no traffic there is no ratio, while the rates are truly 0.
    assert out["platform_dram_hit_ratio"] == {"0": {"uncore_imc_0": 0.75}}
    assert out["platform_dram_total_bytes_per_second"]["1"]["uncore_imc_1"] == 0


def test_read_latency_is_in_seconds_and_of_the_last_interval(machine):
    # U3: 1.4 GHz, and each of 1000 reads waits 140 ticks: 100 ns.
    names = ["platform_rpq_occupancy", "platform_rpq_inserts", "platform_imc_clockticks"]
    probe = machine.attach([names], derive=True)
    latency = "platform_rpq_read_latency_seconds"
    for waited in (7_000_000, 140_000):
        machine.seconds.now += 1
        machine.counters.tick()
        for type_ in (17, 18):
            machine.counters.count(type_, 0x80, waited, cpu=0)
            machine.counters.count(type_, 0x10, 1000, cpu=0)
            machine.counters.count(type_, 0, 1_400_000_000)
        out = read(probe)
    assert out[latency] == {"0": pytest.approx(100e-9)}  # socket 1 read nothing: undefined
    machine.seconds.now += 1
    machine.counters.tick()
    machine.counters.count(17, 0, 1_400_000_000)
    assert latency not in read(probe)


def test_what_never_ran_is_no_data_and_has_no_factor(machine):
    # U1: time running 0.
    probe = machine.attach([[READS], ["platform_upi_rxl_flits"]], derive=True)
    machine.counters.tick(running=0)
    assert read(probe) == {}
    upi = [group for group in machine.counters.groups if group.events[0].type == 30]
    for group in upi:
        group.running = group.enabled
    out = read(probe)
    assert out[FACTOR] == {socket: {"uncore_upi_0": 1} for socket in "01"}
    assert READS not in out
    assert "platform_upi_rxl_flits" in out


def test_a_part_that_did_not_run_waits_and_derives_nothing(machine):
    probe = machine.attach([READS], derive=True)
    rate = "platform_dram_reads_bytes_per_second"
    machine.counters.tick()
    read(probe)
    machine.seconds.now += 1
    machine.counters.tick(running=0)
    stalled = read(probe)
    assert stalled[READS]["0"]["uncore_imc_0"] == 0
    assert rate not in stalled
    assert FACTOR not in stalled
    machine.seconds.now += 1
    machine.counters.tick()
    machine.counters.count(17, 0x304, 100, cpu=0)
    out = read(probe)
    assert out[READS]["0"]["uncore_imc_0"] == 200  # of 2 s it was counted in 1 s
    assert out[rate]["0"]["uncore_imc_0"] == 200 * 64 / 2


def test_persistent_memory_alone_has_bandwidths_and_no_ratio(machine):
    # U2
    names = ["platform_pmm_bandwidth_reads", "platform_pmm_bandwidth_writes"]
    probe = machine.attach([names], derive=True)
    for _ in range(2):
        machine.seconds.now += 1
        machine.counters.tick()
        machine.counters.count(17, 0xE3, 10)
        out = read(probe)
    assert out["platform_pmm_total_bytes_per_second"]["0"]["uncore_imc_0"] == 640
    assert "platform_dram_hit_ratio" not in out
    assert "platform_dram_total_bytes_per_second" not in out


@pytest.mark.parametrize("fails_at", range(4))
def test_every_group_is_closed_whether_opening_went_well_or_not(machine, fails_at):
    # U4
    probe = machine.attach([READS])
    probe.close()
    probe.close()
    assert machine.counters.open_now == []
    opened = machine.counters.open
    calls = iter(range(100))

    def fail(*arguments):
        if next(calls) == fails_at:
            raise OSError(errno.EMFILE, "no descriptor")
        return opened(*arguments)

    machine.counters.open = fail
    with pytest.raises(WcaError, match="the uncore events need 4 descriptors"):
        machine.attach([READS])
    assert machine.counters.open_now == []


def test_the_factor_of_a_pmu_is_the_mean_over_its_groups(machine):
    # U5
    probe = machine.attach([[READS], [WRITES]])
    machine.counters.tick()
    for group in machine.counters.groups:
        if group.events[0].name == WRITES:
            group.enabled *= 3
    assert read(probe)[FACTOR]["0"] == {"uncore_imc_0": 2, "uncore_imc_1": 2}


def test_only_the_kinds_of_pmus_that_are_asked_for_are_needed(tmp_path):
    # U6: no uncore_imc and no uncore_cha here, and a PMU beside it that cannot be understood
    machine = Machine(tmp_path)
    machine.add("uncore_upi_0", 30)
    machine.tree.write(f"{PMUS}/uncore_cha_0/type", "broken\n")
    assert machine.attach(["platform_upi_rxl_flits"])
    assert {group.events[0].type for group in machine.counters.groups} == {30}


def test_no_file_stays_open_after_the_pmus_were_found(machine):
    # U7
    before = len(os.listdir("/proc/self/fd"))
    probe = machine.attach([READS, "platform_upi_rxl_flits"])
    assert len(os.listdir("/proc/self/fd")) == before
    probe.close()


def test_an_umask_without_an_event_is_asked_for(machine):
    # U8
    machine.attach(["some/uncore_imc/umask=3/"])
    assert {group.events[0].config for group in machine.counters.groups} == {0x300}


def test_each_kind_of_pmu_is_opened_on_its_own_cpus(machine):
    # M4: cache slices were opened on the CPUs of the memory controllers
    machine.attach(["lookups/uncore_cha/event=34,umask=1/", READS])
    cpus = {group.events[0].type: set() for group in machine.counters.groups}
    for group in machine.counters.groups:
        cpus[group.events[0].type].add(group.cpu)
    assert cpus == {40: {1, 3}, 17: {0, 2}, 18: {0, 2}}


def test_no_such_pmu_is_a_state_that_names_what_there_is(tmp_path):
    machine = Machine(tmp_path)
    machine.tree.write(f"{PMUS}/software/type", "1\n")
    with pytest.raises(
        NotAvailable, match=r"there is no PMU uncore_imc here \(there is software\)"
    ):
        machine.attach([READS, WRITES])
    with pytest.raises(NotAvailable, match="no event of x86/cascadelakex is known"):
        machine.attach(["platform_l3_misses"])


def test_what_is_not_there_is_said_once_and_the_rest_is_counted(machine, caplog):
    caplog.set_level("INFO")
    probe = machine.attach([READS, "platform_l3_misses", "x/uncore_imc/cas_count_read/"])
    machine.counters.tick()
    assert READS in read(probe)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "platform_l3_misses: no event of x86/cascadelakex is known" in said[0]
    assert "x: uncore_imc_1 has no event cas_count_read" in said[0]


def test_a_sum_that_lacks_an_event_is_absent(tmp_path, caplog):
    caplog.set_level("INFO")
    machine = Machine(tmp_path, ICE_LAKE)
    machine.add("uncore_imc_0", 17)
    machine.counters.refused = {(17, 0x81): errno.EINVAL}
    probe = machine.attach([["platform_rpq_occupancy", READS]])
    machine.counters.tick()
    out = read(probe)
    assert READS in out
    assert "platform_rpq_occupancy" not in out
    assert "platform_rpq_occupancy: the kernel refuses it on uncore_imc_0" in caplog.text
    machine.counters.refused = {(17, 0x80): errno.ENOENT}
    with pytest.raises(NotAvailable, match="the kernel refuses it"):
        machine.attach(["platform_rpq_occupancy"])


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (errno.EACCES, "perf_event_paranoid is 2.*give the agent CAP_PERFMON"),
        (errno.EPERM, "run as root"),
        (errno.ENOSYS, "has no perf_event_open"),
    ],
)
def test_without_the_right_the_reason_says_what_to_do(machine, code, sentence):
    machine.tree.write("/proc/sys/kernel/perf_event_paranoid", "2\n")
    machine.counters.refused = {(17, 0x304): code}
    with pytest.raises(NotAvailable, match=sentence):
        machine.attach([READS])


def test_a_group_that_cannot_be_read_costs_its_own_part(machine):
    probe = machine.attach([[READS], ["platform_upi_rxl_flits"]])
    machine.counters.tick()
    machine.counters.groups[0].failure = OSError(errno.EIO, "broken")
    out = {}
    with pytest.raises(OSError, match="broken"):
        probe.read(out)
    assert out[READS]["1"] == {"uncore_imc_0": 0, "uncore_imc_1": 0}
    assert "platform_upi_rxl_flits" in out


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "the list of uncore events is empty"),
        ([[]], "a group of uncore events is empty"),
        ([READS, [READS]], "platform_cas_count_reads is listed twice"),
        (["memory_usage/uncore_imc/event=1/"], "memory_usage is another metric"),
        ([f"{FACTOR}/uncore_imc/event=1/"], "is another metric"),
        (["nonsense"], "write name/pmu/event="),
    ],
)
def test_what_cannot_be_counted_is_refused_when_it_is_configured(names, sentence):
    with pytest.raises(ValidationError, match=sentence):
        NodeUncoreCollector(names)


LISTED = """\
runner: !MeasurementRunner
  node: !StaticNode {tasks: []}
  metrics_storage: !LogStorage
  collectors:
  - !NodeUncoreCollector
    event_names:
    - platform_imc_clockticks
    - - platform_cas_count_reads
      - %s
"""


def test_a_file_names_events_and_groups_of_them():
    text = LISTED % "a/uncore_imc/event=4,umask=c/"
    collector = load_text(text, load_registry([]), name="c.yaml").runner.collectors[0]
    names = [[name.metric for name in request.names] for request in collector.requests]
    assert names == [["platform_imc_clockticks"], [READS, "a"]]
    with pytest.raises(ConfigLoadError, match=r"event_names\[1\].*: .*no name for its metric"):
        load_text(LISTED % "uncore_imc/event=4/", load_registry([]), name="c.yaml")


def test_events_of_the_configuration_describe_themselves():
    collector = NodeUncoreCollector(
        [READS, ["a/uncore_imc/event=4,umask=3/", "uncore_imc/cas_count_read/"]]
    )
    described = {entry.name: entry for entry in collector.metrics}
    assert set(described) == {"a", "platform_uncore_imc_cas_count_read"}
    assert described["a"].type == "counter"
    assert described["a"].levels == ("socket", "pmu_type")
    assert "event=0x4,umask=0x3 of uncore_imc" in described["a"].help
    assert not set(described) & CATALOGUE.keys()


def test_rates_and_ratios_are_gauges_with_units_and_counts_are_counters():
    entries = {entry.name: entry for entry in UNCORE_METRICS}
    for name, entry in entries.items():
        derived = "derived" in entry.source
        assert (entry.type == "gauge") == (derived or name == FACTOR)
        assert (entry.unit == "bytes_per_second") == name.endswith("_bytes_per_second")
        assert entry.levels[0] == "socket"
    assert entries["platform_rpq_read_latency_seconds"].unit == "seconds"
    assert entries["platform_rpq_occupancy"].type == "counter"


RATES = st.dictionaries(
    st.sampled_from(DERIVED_FROM),
    st.dictionaries(
        st.sampled_from("01"),
        st.dictionaries(st.sampled_from(["imc_0", "imc_1"]), st.floats(0, 1e12)),
    ),
)


@given(RATES)
def test_whatever_was_counted_what_is_derived_is_a_number_in_its_range(rates):
    derived = derived_uncore(rates)
    assert derived.keys() <= {entry.name for entry in UNCORE_METRICS}
    for name, sockets in derived.items():
        for pmus in sockets.values():
            for value in pmus.values() if isinstance(pmus, dict) else [pmus]:
                assert 0 <= value < float("inf")
                assert not name.endswith("ratio") or value <= 1


# A PMU of the kernel that counts for a whole CPU on this machine too.
MSR = "msr/tsc/"


@pytest.fixture
def stamps():
    """The time stamp counters of this machine, at work."""
    try:
        probe = NodeUncoreCollector([MSR]).attach(Kernel())
    except NotAvailable as missing:
        services.missing(f"no time stamp counter: {missing.reason}")
    yield probe
    probe.close()


def test_a_real_pmu_counts_for_the_whole_machine_at_a_constant_rate(stamps):
    readings = []
    for _ in range(3):
        before, out = time.monotonic(), read(stamps)
        total = sum(sum(pmus.values()) for pmus in out["platform_msr_tsc"].values())
        readings.append((before, time.monotonic(), total))
        time.sleep(0.2)
    rates = []  # the least and the most that they can have been, however long a reading took
    for (start, end, less), (start2, end2, more) in itertools.pairwise(readings):
        assert more > less
        rates.append(((more - less) / (end2 - start), (more - less) / (start2 - end)))
    (least, most), (least2, most2) = rates
    assert least <= most2 * 1.01
    assert least2 <= most * 1.01
    assert out[FACTOR]["0"]["msr"] == pytest.approx(1)


def test_closing_gives_back_every_real_descriptor():
    before = len(os.listdir("/proc/self/fd"))
    try:
        probe = NodeUncoreCollector([MSR]).attach(Kernel())
    except NotAvailable as missing:
        services.missing(f"no time stamp counter: {missing.reason}")
    assert len(os.listdir("/proc/self/fd")) > before
    probe.close()
    assert len(os.listdir("/proc/self/fd")) == before
