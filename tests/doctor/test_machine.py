"""What a machine offers, on trees of files as kernels write them, and on this one."""

import pytest

from wca.doctor import machine_findings
from wca.doctor.rights import effective_capabilities
from wca.linux.files import Kernel

V2 = {
    "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
    "sys/fs/cgroup/cpu.pressure": "some avg10=0 avg60=0 avg300=0 total=0\n",
    "proc/pressure/cpu": "",
    "proc/cpuinfo": "flags\t\t: fpu cat_l3 cqm_mbm_total mba\n",
    "sys/devices/system/node/node0/meminfo": "",
}


def findings(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = {}
    for one in machine_findings(Kernel(str(tmp_path))):
        found.setdefault(one.subject, []).append(one)
    return found


def test_on_cgroup_v2_all_controllers_are_there(tmp_path):
    (cgroups,) = findings(tmp_path, V2)["cgroups"]
    assert (cgroups.good, cgroups.found) == (True, "v2: cpu, cpuacct, cpuset, memory, io, pids")


def test_a_controller_that_was_switched_off_comes_with_the_option_of_the_kernel(tmp_path):
    files = {**V2, "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io pids\n"}
    there, missing = findings(tmp_path, files)["cgroups"]
    assert there.good
    assert not missing.good
    assert missing.found == "no hierarchy has the controller memory"
    assert missing.remedy.startswith("add cgroup_enable=memory to the kernel's command line")


def test_without_psi_the_option_that_brings_it_is_told(tmp_path):
    files = {name: text for name, text in V2.items() if "pressure" not in name}
    (pressure,) = findings(tmp_path, files)["pressure (PSI)"]
    assert not pressure.good
    assert pressure.remedy.startswith("add psi=1")


def test_resctrl_that_is_not_mounted_is_one_command_away(tmp_path):
    (resctrl,) = findings(tmp_path, V2)["resctrl"]
    assert resctrl.remedy == "mount -t resctrl resctrl /sys/fs/resctrl"
    mounted = {**V2, "sys/fs/resctrl/info/L3/num_closids": "16\n"}
    (resctrl,) = findings(tmp_path, mounted)["resctrl"]
    assert (resctrl.good, resctrl.found) == (True, "monitoring and control: L3")


def test_a_cpu_without_resctrl_has_no_remedy(tmp_path):
    (resctrl,) = findings(tmp_path, {**V2, "proc/cpuinfo": "flags : fpu\n"})["resctrl"]
    assert (resctrl.good, resctrl.remedy) == (False, "")


@pytest.mark.parametrize(("nodes", "said"), [(1, "one node"), (4, "4 nodes")])
def test_numa_nodes_are_counted(tmp_path, nodes, said):
    files = {f"sys/devices/system/node/node{one}/meminfo": "" for one in range(nodes)}
    (numa,) = findings(tmp_path, {**V2, **files})["NUMA"]
    assert numa.found.startswith(said)


def test_capabilities_are_those_of_the_process(tmp_path):
    status = tmp_path / "proc/self/status"
    status.parent.mkdir(parents=True)
    status.write_text("Name:\twca\nCapEff:\t0000004000080000\n")
    assert effective_capabilities(Kernel(str(tmp_path))) == {"CAP_PERFMON", "CAP_SYS_PTRACE"}
    status.unlink()
    assert effective_capabilities(Kernel(str(tmp_path))) is None


def test_every_gap_of_this_machine_says_what_is_missing():
    for one in machine_findings(Kernel()):
        assert one.subject
        assert one.found
