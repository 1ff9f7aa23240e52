"""``package.module:Class`` to a class; each way this fails has a message of its own."""

import importlib
import os
import re
import sys
import traceback
from types import ModuleType

from wca.config.problems import one_line
from wca.config.suggest import did_you_mean
from wca.errors import ConfigLoadError

__all__ = ["load_class"]

_SPEC = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*(?:\.[^\W\d]\w*)*)")


def load_class(spec: str) -> type:
    """Import the class that ``module:Class`` or ``package.module:Class`` names.

    Raises:
        ConfigLoadError: the text has another form; there is no such module; importing it fails;
            it has no such class.
    """
    found = _SPEC.fullmatch(spec)
    if found is None:
        nearest = ":".join(spec.rsplit(".", 1))
        hint = f", did you mean {nearest}?" if _SPEC.fullmatch(nearest) else ""
        raise ConfigLoadError(
            f"{spec!r} is not of the form module:Class or package.module:Class{hint}"
        )
    module = _import(found[1])
    value: object = module
    for name in found[2].split("."):
        if not hasattr(value, name):
            hint = did_you_mean(name, _classes(value))
            raise ConfigLoadError(f"the module {found[1]} has no class {name!r}{hint}")
        value = getattr(value, name)
    if not isinstance(value, type):
        hint = did_you_mean(found[2], _classes(module))
        raise ConfigLoadError(f"{spec} is a {type(value).__name__} and not a class{hint}")
    return value


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigLoadError(_missing(name, error.name)) from None
        raise ConfigLoadError(_failed(name, error)) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may do anything, sys.exit() included
        raise ConfigLoadError(_failed(name, error)) from error


def _missing(name: str, part: str) -> str:
    hint = did_you_mean(name, _importable(name)) if part == name else ""
    if not hint.startswith(", did"):
        hint = ", put its folder into PYTHONPATH"
    return f"there is no module {part!r}{hint}"


def _failed(name: str, error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{error.filename}:{error.lineno}"
        return f"importing {name} failed at {where}: SyntaxError: {one_line(str(error.msg))}"
    frames = [
        f"{frame.filename}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and "/importlib/" not in frame.filename
    ][1:]  # the first is our own call
    where = f" at {frames[0]}" if frames else ""
    if len(frames) > 1:
        where += f" (raised at {frames[-1]})"
    return f"importing {name} failed{where}: {type(error).__name__}: {one_line(str(error))}"


def _classes(value: object) -> list[str]:
    return [name for name, held in vars(value).items() if isinstance(held, type)]


def _importable(name: str) -> list[str]:
    """Modules beside the one that is missing, in the folders where Python looks."""
    package, _, _ = name.rpartition(".")
    found = []
    for folder in sys.path:
        place = os.path.join(folder or ".", *package.split(".")) if package else folder or "."
        try:
            entries = os.listdir(place)
        except OSError:
            continue
        stems = [entry.removesuffix(".py") for entry in entries]
        found += [f"{package}.{stem}" if package else stem for stem in stems if stem.isidentifier()]
    return found
