"""What a runtime tells of a container in JSON of its own, beside what the CRI knows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wca.nodes.container_client import cri_pb2
from wca.nodes.container_client.amounts import asked_for, cores_of_quota, cores_of_shares
from wca.nodes.container_client.api import Resources
from wca.nodes.container_client.place import path_of_spec

__all__ = ["Info", "read_info"]


@dataclass(frozen=True, slots=True)
class Info:
    """What is used of it.

    Args:
        pid: of the container's first process; None: it is not told.
        cgroup_paths: where the runtime has asked for the cgroup.
        spec_resources: ``linux.resources`` of the OCI runtime specification.
    """

    pid: int | None
    cgroup_paths: tuple[str, ...]
    spec_resources: Mapping[str, Any]

    def resources(self, told: cri_pb2.LinuxContainerResources) -> Resources:
        """What was asked for.

        Args:
            told: what the CRI tells; from runtimes before its version 1.26 it is empty, and the
                specification has the numbers.
        """
        cpu, memory = _mapping(self.spec_resources, "cpu"), _mapping(self.spec_resources, "memory")
        shares = told.cpu_shares or _whole(cpu.get("shares"))
        quota = told.cpu_quota or _whole(cpu.get("quota"))
        period = told.cpu_period or _whole(cpu.get("period"))
        return asked_for(
            cpu_request=cores_of_shares(shares),
            cpu_limit=cores_of_quota(quota, period),
            memory_limit=told.memory_limit_in_bytes or _whole(memory.get("limit")),
        )


def read_info(texts: Mapping[str, str]) -> Info:
    """Read the map ``info`` of a verbose status.

    containerd, CRI-O and cri-dockerd have one text, ``info``, an object with ``pid`` and, but for
    the last, ``runtimeSpec``. Others may have a text for each key. What is not as expected is
    passed over: everything in it can be lacking.
    """
    found: dict[str, Any] = {}
    for key, text in texts.items():
        try:
            value = json.loads(text)
        except ValueError:
            continue
        found.update(value if key == "info" and isinstance(value, dict) else {key: value})
    linux = _mapping(_mapping(found, "runtimeSpec"), "linux")
    path = linux.get("cgroupsPath")
    return Info(
        pid=_whole(found.get("pid")) or None,
        cgroup_paths=(path_of_spec(path),) if isinstance(path, str) and path else (),
        spec_resources=_mapping(linux, "resources"),
    )


def _mapping(owner: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = owner.get(key)
    return value if isinstance(value, dict) else {}


def _whole(value: Any) -> int:
    """A number of the specification; 0 for what is none, or below it, such as no quota."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
