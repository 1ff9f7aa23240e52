"""Calling a detector: as it is written today, or as in the first releases."""

import inspect
from dataclasses import dataclass
from typing import Any, ClassVar

from wca.abilities import ability
from wca.calling import call_plugin, check_plugin
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
        check_plugin(value.detect, where, _OLDER)


def call_detect(detector: AnomalyDetector, platform: Platform, tasks: TasksData) -> object:
    """What a detector answers, whatever that is. Raises whatever it raises.

    Args:
        detector: of either kind; the older one is recognised by the names of its parameters.
        platform: the machine and the time.
        tasks: by task id.
    """
    return call_plugin(detector.detect, platform, tasks, _OLDER)


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
