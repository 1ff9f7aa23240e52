"""A configuration file to a runner."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

from wca.abilities import ability, ability_problems
from wca.config import nodes
from wca.config.builder import Builder, Built
from wca.config.convert import MISSING
from wca.config.fingerprint import fingerprint
from wca.config.machine import Machine
from wca.config.problems import Problems
from wca.config.reader import Reader
from wca.config.registry import Registry
from wca.config.secrets import hidden_texts, scrub
from wca.config.structure import Document, same_parts, structure_of
from wca.config.suggest import nearest
from wca.config.tree import format_tree
from wca.config.words import describe
from wca.errors import PLUGIN_ERRORS, ConfigLoadError, ValidationError
from wca.logger import check_level
from wca.security import read_config

__all__ = ["Loaded", "load_again", "load_component", "load_config", "load_text"]

log = logging.getLogger(__name__)

_TOP = ("runner", "loggers")
_T = TypeVar("_T")
_WRITE_RUNNER = "write runner: and the tag of a runner, such as: runner: !MeasurementRunner"


@dataclass(frozen=True)
class Loaded:
    """What a configuration file describes.

    Args:
        runner: the object under ``runner``; None when it could not be built because of something
            that only the machine which runs the agent has (see ``not_checked``).
        loggers: module to level, in upper case.
        components: all objects that tags built, children before their parents.
        not_checked: constraints on the machine that were not checked here.
        tree: the components as text, secrets masked.
        effective: makes the same with the fields that the file leaves out.
        fingerprint: makes a hash of the same, however it is written; of secrets only whether they
            are there.
        document: what it was built of; parts of it may stand for those of the next one.
    """

    runner: Any
    loggers: dict[str, str]
    components: tuple[Any, ...]
    not_checked: tuple[str, ...]
    tree: str
    effective: Callable[[], str]
    fingerprint: Callable[[], str]
    document: Document


def load_config(
    path: str,
    registry: Registry | None = None,
    *,
    here: bool = False,
    environ: Mapping[str, str] | None = None,
    before: Loaded | None = None,
) -> Loaded:
    """Build everything that a file describes; start nothing.

    Args:
        path: of the file.
        registry: which classes tags name; only those that ``@register`` marked when None.
        here: whether to check, too, what must hold on the machine that runs the agent: owner and
            permissions of the file, readable paths, the environment, the components' ``check()``.
        environ: what ``!Env`` reads; the environment of the process when None.
        before: of a file that was loaded earlier: its components stand for those that are the same.
            They may be in use, so that their ``check()`` is not called again.

    Raises:
        ConfigLoadError: with all problems of the file.
    """
    if here and not os.path.isabs(path):
        raise ConfigLoadError(
            f"{path}: the path of a configuration must be absolute, begin it with /"
        )
    problems = Problems()
    reader = Reader(partial(read_config, check_owner=here), problems)
    root = reader.file(path)
    if not here:
        reader.not_checked.append(f"{path}: only its owner may be able to write it")
    same = None if before is None else _Same(before.document)
    return _load(root, path, reader, problems, registry, environ, here=here, same=same)


def load_again(
    loaded: Loaded, usable: Callable[[Any], bool], registry: Registry | None = None
) -> Loaded:
    """Build once more what a file described earlier, whatever is in the file now.

    Args:
        loaded: what it described.
        usable: which of its components still work: they are taken as they are.
        registry: that it was loaded with.

    Raises:
        ConfigLoadError: it cannot be built any more.
    """
    problems = Problems()
    reader = Reader(read_config, problems)
    same = _Same(loaded.document, usable)
    root = loaded.document.root
    return _load(root, "", reader, problems, registry, None, here=False, same=same)


def load_text(
    text: str | bytes,
    registry: Registry | None = None,
    *,
    name: str = "<text>",
    here: bool = False,
    environ: Mapping[str, str] | None = None,
    before: Loaded | None = None,
) -> Loaded:
    """The same as ``load_config`` for a text that is not in a file; ``name`` stands for its path.

    Raises:
        ConfigLoadError: with all problems of the text.
    """
    problems = Problems()
    reader = Reader(partial(read_config, check_owner=here), problems)
    root = reader.text(text.encode() if isinstance(text, str) else text, name)
    same = None if before is None else _Same(before.document)
    return _load(root, name, reader, problems, registry, environ, here=here, same=same)


def load_component(
    path: str,
    field: str,
    kind: type[_T],
    registry: Registry | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> _T:
    """Build the one component that a file describes, for this machine; start nothing.

    Args:
        path: of the file.
        field: under which the component stands, the only one of the file.
        kind: what it has to be.
        registry: see ``load_config``.
        environ: see ``load_config``.

    Raises:
        ConfigLoadError: with all problems of the file.
    """
    problems = Problems()
    reader = Reader(partial(read_config, check_owner=True), problems)
    root = reader.file(path)
    machine = Machine(problems, here=True)
    builder = Builder(
        registry or Registry(), problems, machine, os.environ if environ is None else environ
    )
    write = f"write {field}: and the tag of a {kind.__name__}"
    top = _top(root, path, problems, (field,), write)
    value = builder.build(top[field].value, (field,)) if field in top else MISSING
    if value is not MISSING and not isinstance(value, kind):
        message = f"expected a {kind.__name__}, got {describe(value)}; {write}"
        problems.add(top[field].value.mark, (field,), message)
    _check_components([one for one in builder.finished if one.instance is not MISSING], problems)
    problems.raise_if_any()
    return cast("_T", value)


def _load(
    root: nodes.Node | None,
    name: str,
    reader: Reader,
    problems: Problems,
    registry: Registry | None,
    environ: Mapping[str, str] | None,
    *,
    here: bool,
    same: "_Same | None" = None,
) -> Loaded:
    machine = Machine(problems, here=here)
    environ = os.environ if environ is None else environ
    registry = registry or Registry()
    structure = structure_of(root, environ)
    known = {} if same is None or root is None else same.parts(root, structure, registry)
    builder = Builder(registry, problems, machine, environ, known)
    top = _top(root, name, problems, _TOP, _WRITE_RUNNER)
    runner = _runner(top.get("runner"), builder, problems)
    loggers = _loggers(top.get("loggers"), builder, problems)
    built = [one for one in builder.finished if one.instance is not MISSING]
    if here:
        _check_components([one for one in built if id(one.node) not in known], problems)
    problems.raise_if_any()
    for warning in (*reader.warnings, *builder.warnings):
        log.warning("%s", warning)
    return Loaded(
        runner=None if runner is MISSING else runner,
        loggers=loggers,
        components=tuple(one.instance for one in built),
        not_checked=tuple(dict.fromkeys((*reader.not_checked, *machine.not_checked))),
        tree="" if root is None else format_tree(root, builder.components),
        effective=partial(_effective, root, builder.components),
        fingerprint=partial(_fingerprint, root, builder.components),
        document=Document(root, builder.components, structure),
    )


@dataclass(frozen=True)
class _Same:
    """Where components come from that are the same as before.

    Args:
        before: the earlier document.
        usable: which of its components may be taken.
    """

    before: Document
    usable: Callable[[Any], bool] = lambda _component: True

    def parts(
        self, root: nodes.Node, structure: Mapping[int, int], registry: Registry
    ) -> dict[int, Built]:
        """The earlier components by the identity of the nodes that they stand for."""

        def hands_over(tag: str) -> bool | None:
            try:
                return bool(getattr(registry.find(tag.removeprefix("!")).cls, "hands_over", False))
            except ConfigLoadError:
                return None

        return same_parts(self.before, root, structure, hands_over, self.usable)


def _effective(root: nodes.Node | None, components: Mapping[int, Built]) -> str:
    return "" if root is None else format_tree(root, components, defaults=True)


def _fingerprint(root: nodes.Node | None, components: Mapping[int, Built]) -> str:
    return "" if root is None else fingerprint(root, components)


def _top(
    root: nodes.Node | None, name: str, problems: Problems, known: Sequence[str], write: str
) -> dict[Any, nodes.Entry]:
    """The entries of the top level, which is a mapping.

    Args:
        root: of the document.
        name: of the file.
        problems: where what is wrong is reported.
        known: the fields that it may have; the first one it must have.
        write: what to write where that is missing.
    """
    if isinstance(root, nodes.Broken):
        return {}
    if root is None:
        problems.add(nodes.Mark(name, 1, 1), (), f"the file is empty, {write}")
        return {}
    if not isinstance(root, nodes.Mapping) or root.tag:
        problems.add(root.mark, (), f"expected a mapping, {write}")
        return {}
    entries = {entry.key: entry for entry in root.entries}
    for key, entry in entries.items():
        if key not in known:
            near = nearest(str(key), known)
            hint = f"did you mean {near}?" if near else f"indent it if it belongs to the {known[0]}"
            message = f"the top level has no field {str(key)[:80]!r}, {hint}"
            problems.add(entry.mark, (key,), message)
    if known[0] not in entries:
        problems.add(root.mark, (), f"the field {known[0]!r} is missing, {write}")
    return entries


def _runner(entry: nodes.Entry | None, builder: Builder, problems: Problems) -> Any:
    if entry is None:
        return MISSING
    value = builder.build(entry.value, ("runner",))
    if value is MISSING:
        return value
    runs = id(entry.value) in builder.components and callable(getattr(value, "run", None))
    if not runs:
        message = f"expected a runner, got {describe(value)}; {_WRITE_RUNNER}"
        problems.add(entry.value.mark, ("runner",), message)
        return MISSING
    return value


def _loggers(entry: nodes.Entry | None, builder: Builder, problems: Problems) -> dict[str, str]:
    if entry is None:
        return {}
    value = builder.build(entry.value, ("loggers",))
    if not isinstance(value, dict) or id(entry.value) in builder.components:
        message = (
            f"expected a mapping of modules to levels, such as wca: info, got {describe(value)}"
        )
        if value is not MISSING:
            problems.add(entry.value.mark, ("loggers",), message)
        return {}
    levels = {}
    for module, level in value.items():
        mark = nodes.locate(entry.value, (module,)).mark
        if not isinstance(module, str):
            message = f"the module is a name, put {describe(module)} in quotes"
            problems.add(mark, ("loggers", module), message)
        elif level is not MISSING:
            try:
                levels[module] = check_level(level)
            except ValidationError as error:
                message = scrub(str(error), hidden_texts([level]))
                problems.add(mark, ("loggers", module), message)
    return levels


def _check_components(built: Iterable[Built], problems: Problems) -> None:
    """Ask each component what this machine lacks."""
    for one in built:
        check = ability(one.instance, "check")
        if check is None or ability_problems(one.instance):
            continue
        try:
            found = check() or ()
            sentences = [found] if isinstance(found, str) else [str(each) for each in found]
        except PLUGIN_ERRORS as error:
            sentences = [f"check() failed: {type(error).__name__}: {error}"]
        for sentence in sentences:
            problems.add(one.node.mark, one.path, sentence)
