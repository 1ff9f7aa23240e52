"""What the kubelet writes for what a pod has asked for: texts of kernel files. Pure."""

import posixpath
from collections.abc import Mapping

__all__ = ["texts_of_spec"]

_PERIOD = 100_000
_LEAST_SHARES, _LEAST_QUOTA = 2, 1000


def texts_of_spec(path: str, resources: Mapping[str, object]) -> list[str]:
    """The texts that a file of a pod may have by its requests and limits; empty: none is known.

    Source: ``MilliCPUToShares`` and ``MilliCPUToQuota`` in pkg/kubelet/cm/helpers_linux.go of
    Kubernetes, and ``CpuSharesToCgroupV2Weight`` of its pkg/kubelet/cm/cgroup_manager_linux.go.

    Args:
        path: of the file.
        resources: of the task: ``requests_cpu`` and ``limits_cpu`` in cores, ``limits_memory`` in
            bytes.
    """
    name = posixpath.basename(path)
    if name in ("cpu.shares", "cpu.weight") and "requests_cpu" in resources:
        shares = max(_LEAST_SHARES, int(_number(resources, "requests_cpu") * 1024))
        return [str(shares) if name == "cpu.shares" else str(1 + (shares - 2) * 9999 // 262142)]
    cpus, memory = _number(resources, "limits_cpu"), _number(resources, "limits_memory")
    if name in ("cpu.cfs_quota_us", "cpu.max") and cpus > 0:
        quota = max(_LEAST_QUOTA, round(cpus * _PERIOD))
        return [str(quota) if name == "cpu.cfs_quota_us" else f"{quota} {_PERIOD}"]
    if name in ("memory.limit_in_bytes", "memory.max") and memory > 0:
        return [str(int(memory))]
    return []


def _number(resources: Mapping[str, object], name: str) -> float:
    value = resources.get(name)
    return float(value) if isinstance(value, (int, float)) else 0.0
