"""What an agent measures of containers, and what the kernel itself says."""

import re

from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel

CONFIG = """
runner: !MeasurementRunner
  interval: 200ms
  node: !ContainerNode
    socket: {socket}
    timeout: 30
  metrics_storage: !LogStorage
"""


def cpu_seconds(text):
    """CPU seconds by the id of the task, the last ones that were told."""
    pattern = r'^task_cpu_usage_seconds\{.*task_id="(\w+)".*\} (\S+)'
    return {one: float(value) for one, value in re.findall(pattern, text, re.MULTILINE)}


def read_cpu_seconds(path):
    """CPU seconds of a cgroup, by the kernel's own file."""
    kernel = Kernel()
    cgroup = CgroupHierarchies(kernel).locate(path)
    if cgroup.version("cpuacct") == 1:
        return int(cgroup.open("cpuacct", "cpuacct.usage").read()) / 1e9
    return int(re.search(rb"usage_usec (\d+)", cgroup.open("cpuacct", "cpu.stat").read())[1]) / 1e6
