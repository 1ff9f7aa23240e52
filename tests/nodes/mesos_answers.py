"""Answers of a Mesos agent to GET_STATE, built from Mesos' reference of the operator API.

No agent has been asked: Mesos was retired, and nothing of it can be had as a package. The shape is that of
docs/operator-http-api.md and of the messages behind it, include/mesos/v1/{agent/agent,mesos}.proto.
"""

import copy

AGENT = {"value": "8903b84e-112f-4b5f-aad3-7366f6ae7ecc-S0"}
FRAMEWORK = {"value": "8903b84e-112f-4b5f-aad3-7366f6ae7ecc-0000"}
EXECUTOR = {
    "executor_info": {
        "executor_id": {"value": "1"},
        "framework_id": FRAMEWORK,
        "name": "Command Executor (Task: 1) (Command: sh -c 'sleep 1000')",
        "resources": [
            {"name": "cpus", "role": "*", "scalar": {"value": 0.1}, "type": "SCALAR"},
            {"name": "mem", "role": "*", "scalar": {"value": 32.0}, "type": "SCALAR"},
        ],
        "source": "1",
    }
}
PORTS = {
    "name": "ports",
    "ranges": {"range": [{"begin": 31000, "end": 32000}]},
    "role": "*",
    "type": "RANGES",
}


def scalar(name, value):
    """A resource that is a number."""
    return {"name": name, "role": "*", "scalar": {"value": value}, "type": "SCALAR"}


def nested(*ids):
    """A container id, the outermost first."""
    container = {"value": ids[-1]}
    return {**container, "parent": nested(*ids[:-1])} if len(ids) > 1 else container


def status(state="TASK_RUNNING", pid=19846, containers=(), executor="1", task="1"):
    """One update of a task's state."""
    container_status = {
        "executor_pid": pid,
        "network_infos": [{"ip_addresses": [{"ip_address": "127.0.1.1"}]}],
    }
    if pid is None:
        del container_status["executor_pid"]
    if containers:
        container_status["container_id"] = nested(*containers)
    return {
        "agent_id": AGENT,
        "container_status": container_status,
        "executor_id": {"value": executor},
        "source": "SOURCE_EXECUTOR",
        "state": state,
        "task_id": {"value": task},
        "timestamp": 1470898839.48066,
        "uuid": "2qlPayEJRJGPeaWlahI+WA==",
    }


def task(task_id="1", name="", labels=None, resources=None, without=(), **of_status):
    """A launched task as the reference prints one.

    Args:
        task_id: of the framework.
        name: which the reference's example leaves empty.
        labels: as the API has them; None: there are none, as in the example.
        resources: as the API has them; None: those of the example.
        without: fields that are missing.
        of_status: arguments of ``status``.
    """
    made = {
        "agent_id": AGENT,
        "framework_id": FRAMEWORK,
        "name": name,
        "resources": [scalar("cpus", 2.0), scalar("mem", 1024.0), scalar("disk", 1024.0), PORTS]
        if resources is None
        else resources,
        "state": "TASK_RUNNING",
        "status_update_state": "TASK_RUNNING",
        "status_update_uuid": "2qlPayEJRJGPeaWlahI+WA==",
        "statuses": [status(task=task_id, **of_status)],
        "task_id": {"value": task_id},
    }
    if labels is not None:
        made["labels"] = {"labels": [{"key": key, "value": text} for key, text in labels.items()]}
    return {key: value for key, value in made.items() if key not in without}


def state(*launched):
    """The answer of an agent that has launched these tasks."""
    return copy.deepcopy(
        {
            "type": "GET_STATE",
            "get_state": {
                "get_executors": {"executors": [EXECUTOR]},
                "get_frameworks": {"frameworks": [{"framework_info": {"id": FRAMEWORK}}]},
                "get_tasks": {"launched_tasks": list(launched)},
            },
        }
    )
