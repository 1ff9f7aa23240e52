"""In which kind of environment the agent runs."""

import os
from collections.abc import Mapping

from wca.cloudwatch.options import Scope

__all__ = ["scope_here"]

#: Set by ECS in every container: platform version 1.4.0 of Fargate, agent 1.39.0 of EC2.
_ECS = "ECS_CONTAINER_METADATA_URI_V4"
#: The inode number of the machine's own namespace of cgroups. Source: include/linux/proc_ns.h,
#: PROC_CGROUP_INIT_INO.
_INITIAL_NAMESPACE = 0xEFFFFFFB
#: What container engines leave in a container, and variables that they or an orchestrator set.
_FILES = ("/.dockerenv", "/run/.containerenv")
_VARIABLES = ("container", "KUBERNETES_SERVICE_HOST")


def scope_here(environment: Mapping[str, str], root: str = "/") -> Scope:
    """The ECS task, the container or the host, whichever the agent is in.

    Args:
        environment: variables.
        root: for tests: where the file system begins.
    """
    if environment.get(_ECS):
        return Scope.TASK
    try:
        namespace = os.stat(os.path.join(root, "proc/self/ns/cgroup")).st_ino
    except OSError:
        namespace = _INITIAL_NAMESPACE
    hints = any(os.path.exists(os.path.join(root, name.lstrip("/"))) for name in _FILES)
    named = any(environment.get(name) for name in _VARIABLES)
    contained = namespace != _INITIAL_NAMESPACE or hints or named
    return Scope.CONTAINER if contained else Scope.HOST
