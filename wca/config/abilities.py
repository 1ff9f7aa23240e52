"""The optional abilities of a component: ``start()``, ``close(timeout)`` and ``check()``.

They are found by name. A method with one of these names that cannot be called as the loop calls
it would fail at the worst moment, so it is a problem of the configuration.
"""

import inspect
from typing import Any

__all__ = ["ability_problems"]

_CALLS: dict[str, tuple[Any, ...]] = {"start": (), "close": (1.0,), "check": ()}
_WRITTEN = {"start": "start()", "close": "close(timeout)", "check": "check()"}


def ability_problems(component: object) -> list[str]:
    """One sentence for each ability that cannot be called as it should."""
    problems = []
    for name, arguments in _CALLS.items():
        method = getattr(component, name, None)
        # An attribute that happens to have the name, such as a field `start: float`, is no ability.
        if not inspect.isroutine(method):
            continue
        if inspect.iscoroutinefunction(method):
            problems.append(f"{name}() must not be a coroutine, it is called from a thread")
        elif not _accepts(method, arguments):
            where = f"{type(component).__module__}:{type(component).__qualname__}"
            problems.append(f"{where}.{name} must be callable as {_WRITTEN[name]}")
    return problems


def _accepts(method: Any, arguments: tuple[Any, ...]) -> bool:
    try:
        inspect.signature(method).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # a method written in C that does not say what it takes
        return True
    return True
