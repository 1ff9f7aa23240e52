"""Constructors that take the fields of a base class besides their own."""

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

from wca.config.hints import signature_of

__all__ = ["takes_fields_of"]

_F = TypeVar("_F", bound=Callable[..., None])
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def takes_fields_of(base: type) -> Callable[[_F], _F]:
    """Say of a constructor that its ``**options`` are the fields of a base class.

    ::

        class DetectionRunner(MeasurementRunner):
            @takes_fields_of(MeasurementRunner)
            def __init__(self, detector: AnomalyDetector, **options: Any) -> None:
                super().__init__(**options)

    In a file they stand beside the constructor's own, where they are checked and documented like
    them, or together below ``measurement_runner: !MeasurementRunner``.

    Args:
        base: the class; injected parameters are passed on as well, and not shown.
    """

    def decorate(init: _F) -> _F:
        own = [
            one
            for one in inspect.signature(init).parameters.values()
            if one.kind is not one.VAR_KEYWORD
        ]
        names = {one.name for one in own}
        taken = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=one.hint
            )
            for name, one in signature_of(base).parameters.items()
            if name not in names
        ]
        bases = {
            _WORD.sub("_", base.__name__).lower(): base.__name__,
            **signature_of(base).bases,
        }
        marks: dict[str, Any] = {
            "__signature__": inspect.Signature([*own, *taken]),
            "fields_of": bases,
            "fields_taken": frozenset(one.name for one in taken),
        }
        vars(init).update(marks)
        return init

    return decorate
