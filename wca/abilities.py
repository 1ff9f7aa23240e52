"""The optional abilities of a component: ``start``, ``flush``, ``close``, ``check``, ``routes``.

They are found by name. A method with one of these names that cannot be called as the loop calls
it would fail at the worst moment, so it is a problem of the configuration.
"""

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["ability", "ability_problems"]

_CALLS: dict[str, tuple[Any, ...]] = {
    "start": (),
    "flush": (1.0,),
    "close": (1.0,),
    "check": (),
    "routes": (),
}
_WRITTEN = {
    "start": "start()",
    "flush": "flush(timeout)",
    "close": "close(timeout)",
    "check": "check()",
    "routes": "routes()",
}


def ability(component: object, name: str) -> Callable[..., Any] | None:
    """The method that gives a component an ability; None when it has none.

    An attribute that happens to have the name, such as a field ``start: float``, is no ability.
    """
    found = getattr(component, name, None)
    return found if inspect.isroutine(found) else None


def ability_problems(component: object) -> list[str]:
    """One sentence for each ability that cannot be called as it should."""
    problems = []
    for name, arguments in _CALLS.items():
        method = ability(component, name)
        if method is None:
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
