"""Calling plugins as they are written today, or as in the first releases."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wca.errors import ValidationError

__all__ = ["call_plugin", "check_plugin", "older_parameters"]


def older_parameters(method: Callable[..., Any], older: Mapping[str, str]) -> Sequence[str]:
    """Those parameters of the first releases that a method has; none for one of today.

    Args:
        method: of a plugin.
        older: names of such parameters, with what of each task they hold.
    """
    parameters = inspect.signature(method).parameters
    return [name for name in older if name in parameters]


def check_plugin(method: Callable[..., Any], where: str, older: Mapping[str, str]) -> None:
    """Refuse a method that cannot be called.

    Args:
        method: of a plugin.
        where: its place and name, ``module:Class.method``.
        older: as of ``older_parameters``.

    Raises:
        ValidationError: with a sentence.
    """
    if inspect.iscoroutinefunction(method):
        raise ValidationError(f"{where} must not be a coroutine, it is called from a thread")
    found = older_parameters(method, older)
    try:
        if found:
            inspect.signature(method).bind(platform=None, **dict.fromkeys(found))
        else:
            inspect.signature(method).bind(None, None)
    except TypeError as error:
        name = where.rpartition(".")[2]
        raise ValidationError(
            f"{where} must be callable as {name}(platform, tasks_data): {error}"
        ) from None


def call_plugin(
    method: Callable[..., Any], platform: Any, tasks: Mapping[str, Any], older: Mapping[str, str]
) -> object:
    """What a plugin answers, whatever that is. Raises whatever it raises.

    Args:
        method: of a plugin, of either kind.
        platform: the machine and the time.
        tasks: by task id.
        older: as of ``older_parameters``.
    """
    found = older_parameters(method, older)
    if not found:
        return method(platform, tasks)
    by_task = {
        name: {task_id: getattr(task, older[name]) for task_id, task in tasks.items()}
        for name in found
    }
    return method(platform=platform, **by_task)
