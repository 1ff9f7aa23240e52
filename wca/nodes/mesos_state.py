"""The running tasks of a Mesos agent, from its answer to GET_STATE. Pure functions.

Source: Mesos' reference of the operator API (docs/operator-http-api.md) and the messages behind it
(include/mesos/v1/agent/agent.proto, include/mesos/v1/mesos.proto). Nearly every field may be
missing there.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wca.errors import TaskSynchronizationException
from wca.nodes.label_names import safe_labels, safe_name

__all__ = ["MesosTask", "label_name", "running_tasks"]

#: Prefixes of Aurora's labels that say nothing; the second may follow the first.
_PREFIXES = ("org.apache.", "aurora.metadata.")
#: What Mesos calls a megabyte is 1024 * 1024 bytes (3rdparty/stout/include/stout/bytes.hpp).
_IN_MIB = ("mem", "disk")
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class MesosTask:
    """What the agent says of one running task.

    Args:
        task_id: as the framework named it.
        name: for people; the id where the framework gave none.
        executor_id: of the executor that runs it; may be empty.
        container_ids: of its container, after those that this one is nested in; may be empty.
        pid: of the first process of its container, as the agent sees it.
        labels: under names that can be exported.
        resources: ``cpus`` in cores, ``mem`` and ``disk`` in bytes, others as they are.
    """

    task_id: str
    name: str
    executor_id: str
    container_ids: tuple[str, ...]
    pid: int
    labels: dict[str, str]
    resources: dict[str, float | int]


def label_name(key: str) -> str:
    """``org.apache.aurora.metadata.foo`` is ``foo``, ``some.dots`` is ``some_dots``."""
    for prefix in _PREFIXES:
        key = key.removeprefix(prefix)
    return safe_name(key)


def running_tasks(answer: Any) -> tuple[list[MesosTask], dict[str, str]]:
    """The tasks whose last status is TASK_RUNNING, by id: the agent's order may be another one.

    Args:
        answer: what JSON gave.

    Returns:
        The tasks; and of each running one that cannot be used, why.

    Raises:
        TaskSynchronizationException: it is no answer to GET_STATE.
    """
    state = answer.get("get_state") if isinstance(answer, dict) else None
    if not isinstance(state, dict):
        raise TaskSynchronizationException("the agent's answer is none to GET_STATE")
    launched = _mapping(state, "get_tasks").get("launched_tasks") or []
    if not isinstance(launched, list):
        raise TaskSynchronizationException("launched_tasks of the agent's answer is no list")
    tasks: dict[str, MesosTask] = {}
    refused: dict[str, str] = {}
    for number, entry in enumerate(launched, 1):
        try:
            task = _running_task(entry)
        except _UnusableError as unusable:
            task_id = _text(_mapping(entry, "task_id"), "value")
            refused[task_id or f"entry {number}"] = str(unusable)
        else:
            if task is not None and tasks.setdefault(task.task_id, task) is not task:
                refused[f"entry {number}"] = f"its task id {task.task_id} is that of another one"
    return [tasks[task_id] for task_id in sorted(tasks)], refused


class _UnusableError(Exception):
    """An entry that cannot be a task."""


def _running_task(entry: Any) -> MesosTask | None:
    if not isinstance(entry, dict):
        raise _UnusableError(f"it is {type(entry).__name__}, not an object")
    statuses = [status for status in _list(entry, "statuses") if isinstance(status, dict)]
    if not statuses or statuses[-1].get("state") != "TASK_RUNNING":
        return None  # on its way in or out
    task_id = _text(_mapping(entry, "task_id"), "value")
    if not task_id:
        raise _UnusableError("it has no task_id")
    status = statuses[-1]
    container = _mapping(status, "container_status")
    pid = container.get("executor_pid")
    if not isinstance(pid, int) or isinstance(pid, bool) or pid < 1:
        raise _UnusableError("its status has no executor_pid, so that its cgroup is not known")
    executor = _mapping(status, "executor_id") or _mapping(entry, "executor_id")
    return MesosTask(
        task_id,
        _text(entry, "name") or task_id,
        _text(executor, "value"),
        tuple(_container_ids(container)),
        pid,
        _labels(entry),
        _resources(entry),
    )


def _container_ids(container: Mapping[str, Any]) -> list[str]:
    ids: list[str] = []
    one = _mapping(container, "container_id")
    while one:
        ids.append(_text(one, "value"))
        one = _mapping(one, "parent")
    return [name for name in reversed(ids) if name]


def _labels(entry: Mapping[str, Any]) -> dict[str, str]:
    """Labels with text for a key, and with text or nothing for a value."""
    given = {
        key: value
        for label in _objects(_mapping(entry, "labels"), "labels")
        if (key := _text(label, "key")) and isinstance(value := label.get("value", ""), str)
    }
    return safe_labels(given, name_of=label_name)


def _resources(entry: Mapping[str, Any]) -> dict[str, float | int]:
    """Amounts by name. One name may come several times: reserved, for a role, revocable."""
    amounts: dict[str, float] = {}
    for resource in _objects(entry, "resources"):
        name = _text(resource, "name")
        amount = _amount(_mapping(resource, "scalar").get("value"))
        if name and amount is not None:
            amounts[name] = amounts.get(name, 0.0) + amount
    return {
        name: round(amount * _MIB) if name in _IN_MIB else amount
        for name, amount in amounts.items()
        if math.isfinite(amount)
    }


def _amount(value: Any) -> float | None:
    """A number that is one: 1e999 is read as infinity, and no amount is negative."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        return float(value) if 0 <= value < math.inf else None
    except OverflowError:  # an integer of more than 308 digits
        return None


def _objects(holder: Any, name: str) -> Iterator[Mapping[str, Any]]:
    return (one for one in _list(holder, name) if isinstance(one, dict))


def _list(holder: Any, name: str) -> list[Any]:
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, list) else []


def _mapping(holder: Any, name: str) -> Mapping[str, Any]:
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, dict) else {}


def _text(holder: Any, name: str) -> str:
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, str) else ""
