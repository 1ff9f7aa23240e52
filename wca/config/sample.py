"""A component as a file may have it: every field, what it accepts, what it means, its default."""

import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin, is_typeddict

from wca.config.defaults import yaml_of
from wca.config.expected import constraints_of, expected
from wca.config.hints import UNANNOTATED, Parameter, signature_of
from wca.config.reference import about, meanings

__all__ = ["component_sample"]

_WIDTH = 98
_PLACEHOLDERS: Mapping[Any, str] = {
    list: "[]",
    tuple: "[]",
    dict: "{}",
    bool: "false",
    int: "1",
    float: "1.0",
    str: '""',
}


def component_sample(cls: type, candidates: Callable[[type], Iterable[str]]) -> str:
    """YAML of a component: required fields to fill in, the others commented out.

    Args:
        cls: the class.
        candidates: names of the components that can stand where a class is wanted.
    """
    lines = [*_comment(about(cls).split("\n\n")[0]), f"!{cls.__name__}"]
    known = meanings(cls)
    for parameter in signature_of(cls).parameters.values():
        lines += [f"  {line}" for line in _field(parameter, known, candidates)]
    if lines[-1].startswith("!"):
        lines[-1] += " {}"
    return "\n".join(lines) + "\n"


def _field(
    parameter: Parameter, known: Mapping[str, str], candidates: Callable[[type], Iterable[str]]
) -> Iterator[str]:
    accepted = "anything" if parameter.hint is UNANNOTATED else expected(parameter.hint)
    fitting = sorted({f"!{one}" for cls in _classes(parameter.hint) for one in candidates(cls)})
    if fitting:
        accepted += f" ({', '.join(fitting)})"
    meaning = known.get(parameter.name, "")
    yield from _comment(f"{accepted}; {meaning}" if meaning else accepted)
    if not parameter.required:
        yield f"#{parameter.name}: {yaml_of(parameter.default)}".rstrip()
    elif fitting:
        yield f"{parameter.name}: {fitting[0]} {{}}"
    else:
        yield f"{parameter.name}: {_placeholder(parameter.hint)}"


def _comment(text: str) -> list[str]:
    flat = " ".join(text.split())
    return [f"# {line}" for line in textwrap.wrap(flat, _WIDTH, break_long_words=False)]


def _classes(hint: Any) -> Iterator[type]:
    """The classes that a hint names, at any depth."""
    base, _ = constraints_of(hint)
    if get_origin(base) is not None:
        for part in get_args(base):
            yield from _classes(part)
    elif _is_component_class(base):
        yield base


def _is_component_class(base: Any) -> bool:
    """Whether objects of a class are written as tags; what is a mapping in a file is not."""
    ours = inspect.isclass(base) and base.__module__.startswith("wca.")
    return (ours or inspect.isabstract(base)) and not is_typeddict(base)


def _placeholder(hint: Any) -> str:
    base, _ = constraints_of(hint)
    origin = get_origin(base)
    if origin in (Union, Annotated):
        return _placeholder(get_args(base)[0])
    return _PLACEHOLDERS.get(origin or base, '""')
