"""Calling a detector: as it is written today, or as in the first releases."""

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from wca.abilities import ability
from wca.config.types import Constraint
from wca.detectors.api import AnomalyDetector, TasksData
from wca.errors import ValidationError
from wca.platforms.api import Platform

__all__ = ["UsableDetector", "call_detect"]

#: Parameters of the first releases, and what of each task they hold.
_OLDER = {
    "tasks_measurements": "measurements",
    "tasks_resources": "resources",
    "tasks_labels": "labels",
}
#: What ``Stateful`` has, with the arguments that it is called with.
_STATEFUL: dict[str, tuple[tuple[Any, ...], str]] = {
    "dump_state": ((), "dump_state()"),
    "load_state": (({},), "load_state(state)"),
}


@dataclass(frozen=True)
class UsableDetector(Constraint):
    """A detector that can be asked, so that a wrong one is reported where it stands."""

    base: ClassVar[Any] = AnomalyDetector

    def check(self, value: Any) -> None:
        """Refuse one whose ``detect`` or state cannot be called. Raises ValidationError."""
        _check_state(value)
        where = f"{type(value).__module__}:{type(value).__qualname__}.detect"
        if inspect.iscoroutinefunction(value.detect):
            raise ValidationError(f"{where} must not be a coroutine, it is called from a thread")
        older = _older_parameters(value)
        try:
            if older:
                inspect.signature(value.detect).bind(platform=None, **dict.fromkeys(older))
            else:
                inspect.signature(value.detect).bind(None, None)
        except TypeError as error:
            raise ValidationError(
                f"{where} must be callable as detect(platform, tasks_data): {error}"
            ) from None


def call_detect(detector: AnomalyDetector, platform: Platform, tasks: TasksData) -> object:
    """What a detector answers, whatever that is. Raises whatever it raises.

    Args:
        detector: of either kind; the older one is recognised by the names of its parameters.
        platform: the machine and the time.
        tasks: by task id.
    """
    older = _older_parameters(detector)
    if not older:
        return detector.detect(platform, tasks)
    by_task = {
        name: {task_id: getattr(task, _OLDER[name]) for task_id, task in tasks.items()}
        for name in older
    }
    detect: Any = detector.detect
    return detect(platform=platform, **by_task)


def _check_state(detector: Any) -> None:
    """Refuse a detector with half of ``Stateful``, or one that cannot be called as it is."""
    methods = {name: ability(detector, name) for name in _STATEFUL}
    if not any(methods.values()):
        return
    where = f"{type(detector).__module__}:{type(detector).__qualname__}"
    for name, (arguments, written) in _STATEFUL.items():
        method = methods[name]
        if method is None:
            raise ValidationError(f"{where} has no {written}: a state needs both, see Stateful")
        if inspect.iscoroutinefunction(method):
            raise ValidationError(
                f"{where}.{name} must not be a coroutine, it is called from a thread"
            )
        try:
            inspect.signature(method).bind(*arguments)
        except TypeError as error:
            raise ValidationError(
                f"{where}.{name} must be callable as {written}: {error}"
            ) from None


def _older_parameters(detector: AnomalyDetector) -> Iterable[str]:
    parameters = inspect.signature(detector.detect).parameters
    return [name for name in _OLDER if name in parameters]
