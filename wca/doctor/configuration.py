"""What a configuration needs of this machine: each of its sources is tried once."""

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from wca.abilities import ability
from wca.collectors import Collector
from wca.collectors.api import NodeTarget, TaskTarget
from wca.config.loader import Loaded
from wca.containers.container import Target
from wca.doctor.findings import Finding
from wca.doctor.processes import process_refusal
from wca.doctor.rights import capability_remedy, rights_findings
from wca.errors import PLUGIN_ERRORS, NotAvailable, TargetGone, TaskSynchronizationException
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel
from wca.nodes import Node, Task
from wca.runners.engine import ReadsKernel
from wca.runners.selection import WHERE_PRESENT

__all__ = ["collector_findings", "configuration_findings"]

#: Tasks on which collectors are tried.
_MOST_TASKS = 50


def configuration_findings(loaded: Loaded, kernel: Kernel) -> list[Finding]:
    """Ask the node for its tasks, and attach each collector to what it would measure.

    What is opened is closed again; nothing is stored, nothing acts.

    Args:
        loaded: the configuration, checked for this machine.
        kernel: of this machine.
    """
    node = getattr(loaded.runner, "node", None)
    tasks: list[Task] = []
    findings: list[Finding] = []
    if isinstance(node, Node):
        finding, tasks = _tasks(node, kernel)
        findings.append(finding)
    findings += [finding for _, finding in collector_findings(loaded, tasks, kernel)]
    findings += rights_findings(loaded, kernel)
    return findings or [_nothing_to_try(loaded)]


def collector_findings(
    loaded: Loaded, tasks: Sequence[Task], kernel: Kernel
) -> list[tuple[Collector, Finding]]:
    """Attach each collector of a configuration to what it would measure.

    Args:
        loaded: as of ``configuration_findings``.
        tasks: of the node.
        kernel: of this machine.
    """
    targets = _targets(tasks[:_MOST_TASKS], kernel)
    found = []
    for one in getattr(loaded.runner, "collectors", ()):
        finding = _tried(one, targets, kernel)
        wanted = one in loaded.components or finding.subject not in WHERE_PRESENT
        found.append((one, finding if wanted else _welcome(finding)))
    return found


def _nothing_to_try(loaded: Loaded) -> Finding:
    name = type(loaded.runner).__name__
    return Finding.there(name, "the file is good; it has neither node nor collectors to try")


def _welcome(finding: Finding) -> Finding:
    """Of what is measured where it is and nobody has asked for: its absence is no gap."""
    if finding.good:
        return finding
    return Finding.there(finding.subject, f"measures nothing here: {finding.found}")


def _tasks(node: Node, kernel: Kernel) -> tuple[Finding, list[Task]]:
    name = type(node).__name__
    try:
        if isinstance(node, ReadsKernel):
            node.use_kernel(kernel)
        start = ability(node, "start")
        if start is not None:
            start()
        try:
            tasks = list(node.get_tasks())
        finally:
            close = ability(node, "close")
            if close is not None:
                close(2.0)
    except (TaskSynchronizationException, *PLUGIN_ERRORS) as error:
        return Finding.gap(name, f"its tasks are not known: {error}"), []
    words = f"{len(tasks)} tasks" if len(tasks) != 1 else "one task"
    return Finding.there(name, words if tasks else "no task now"), tasks


def _targets(tasks: Iterable[Task], kernel: Kernel) -> list[TaskTarget]:
    locate = CgroupHierarchies(kernel).locate
    return [Target(task, locate(task.cgroup_path), kernel, locate) for task in tasks]


def _tried(collector: Collector, targets: Sequence[TaskTarget], kernel: Kernel) -> Finding:
    name = type(collector).__name__
    start, close = ability(collector, "start"), ability(collector, "close")
    try:
        if start is not None:
            start()
        try:
            return _attached(collector, name, targets, kernel)
        finally:
            if close is not None:
                close(2.0)
    except PLUGIN_ERRORS as error:
        return Finding.gap(name, f"{error}")


def _attached(
    collector: Collector, name: str, targets: Sequence[TaskTarget], kernel: Kernel
) -> Finding:
    whole: Sequence[TaskTarget | NodeTarget] = [kernel] if collector.scope == "node" else targets
    reasons = list(_reasons(collector, whole))
    good = len(whole) - len(reasons)
    if not whole:
        return Finding.there(name, "not tried: there is no task now")
    if not reasons:
        return Finding.there(name, "measures the machine" if whole[0] is kernel else "measures")
    of = "" if not good else f"of {len(reasons)} of {len(whole)} tasks nothing: "
    return Finding(name, good > 0, of + reasons[0], capability_remedy(reasons[0]))


def _reasons(collector: Collector, targets: Iterable[TaskTarget | NodeTarget]) -> Iterator[str]:
    """Why there is nothing to measure, of each target of which that is so."""
    for target in targets:
        try:
            collector.attach(target).close()
            if refusal := _refusal(collector, target):
                yield refusal
        except NotAvailable as error:
            yield str(error)
        except TargetGone:
            continue
        except PLUGIN_ERRORS as error:
            yield f"it failed: {error}"


def _refusal(collector: Collector, target: TaskTarget | NodeTarget) -> str:
    """What of the processes of a task is not open to this user; of the machine there is none."""
    if collector.scope == "node" or not collector.opens_of_processes:
        return ""
    pids = cast("TaskTarget", target).cgroup.procs(recursive=True)
    return process_refusal(collector.opens_of_processes, pids)
