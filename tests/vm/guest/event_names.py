"""Resolve names of perf events on a kernel with a PMU, and count them; print JSON.

The emulated processor is an Ice Lake server. Its events grow at rates that their codes say.
"""

import json
import time

from wca.collectors.api import NotAvailable
from wca.collectors.node_uncore import NodeUncoreCollector
from wca.errors import ValidationError
from wca.linux.files import Kernel
from wca.linux.perf.counting import PerfGroup
from wca.linux.perf.cpu_model import event_family, read_cpu_model
from wca.linux.perf.names import resolve_event
from wca.linux.perf.pmu import encode, read_pmus
from wca.linux.perf.pmu_terms import parse_terms

NAMES = [
    "task_mem_inst_retired_loads",
    "task_offcore_requests_demand_data_rd",
    "task_mem_load_retired_local_dram",
    "cpu/event=0x51,umask=0x01,name=replacements/",
    "branch-instructions",
]
KERNEL = Kernel()


def per_cycle(event, cycles):
    """How often an event happens for each cycle of the first CPU."""
    group = PerfGroup.open([cycles, event], None, 0)
    group.enable()
    time.sleep(0.4)
    first, second = group.read().values
    group.close()
    return second / first


def encodable(pmu):
    """The events that the kernel names, and whether each can be written in the PMU's format."""
    found = {}
    for name, event in pmu.events.items():
        try:
            found[name] = encode(pmu, parse_terms(event.terms)).config
        except ValidationError as refused:
            found[name] = str(refused)
    return found


def uncore():
    """What the uncore collector says here, and what it counts."""
    try:
        NodeUncoreCollector(["platform_cas_count_reads"]).attach(KERNEL)
    except NotAvailable as absent:
        reason = absent.reason
    probe = NodeUncoreCollector(["msr/tsc/"]).attach(KERNEL)
    readings = []
    for _ in range(3):
        out = {}
        time.sleep(0.2)
        probe.read(out)
        readings.append(sum(sum(pmus.values()) for pmus in out["platform_msr_tsc"].values()))
    probe.close()
    return reason, readings


def main():
    pmus = read_pmus(KERNEL)
    model = read_cpu_model(KERNEL)
    cpu = pmus["cpu"]
    cycles = resolve_event("cycles", cpu, model)
    result = {
        "family": event_family(model),
        "pmus": {name: encodable(pmu) for name, pmu in pmus.items()},
        "formats": sorted(cpu.formats),
        "rates": {},
    }
    for name in NAMES:
        event = resolve_event(name, cpu, model)
        result["rates"][event.name] = [event.config & 0xFFFF, per_cycle(event, cycles)]
    result["reason"], result["stamps"] = uncore()
    print(json.dumps(result))


main()
