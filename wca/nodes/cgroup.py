"""Tasks that are found in the cgroup tree by patterns of their paths."""

import itertools
import logging
import re
from collections.abc import Iterator
from typing import Annotated

from wca.clock import Clock
from wca.config.types import Injected, LabelName, Numeric, Str
from wca.errors import TaskSynchronizationException, ValidationError, WcaError
from wca.linux.files import Kernel
from wca.nodes.api import Node, Task
from wca.nodes.cgroup_names import printable
from wca.nodes.cgroup_patterns import PathPatterns, Place
from wca.nodes.limits import LimitsAsResources
from wca.nodes.reading import Reading

__all__ = ["CgroupNode"]

log = logging.getLogger(__name__)

_DEPTH, _TASKS = Numeric(1, 64), Numeric(1, None)
_Labels = dict[Annotated[str, LabelName()], str]


class CgroupNode(Node):
    r"""Cgroups whose paths fit a pattern, whoever has made them.

    Within one name of a path ``*`` is any text, ``?`` any character, ``[abc]`` one of these and
    ``[!abc]`` none of them; ``**`` instead of a name is any number of names, at the end at least
    one. A cgroup is a task when it is in one of the hierarchies that are measured: that of cgroup
    v2, or one of cpu, cpuacct and memory of v1. Its name and id are its path without the leading
    ``/``.

    Args:
        patterns: such as ``/system.slice/*.service`` or ``/machine.slice/**``.
        exclude: patterns of what is left out, with all that is below it.
        labels_from_path: a regular expression with named groups, searched for in the path: each
            group becomes a label, as in ``/pod(?P<pod>[^/]+)/(?P<container>[^/]+)$``.
        default_labels: labels of every task; those from the path win.
        require_pids: leave out a cgroup without processes in it or below it.
        limits_as_resources: take the limits set on a cgroup for its resources: ``cpus``, ``mem``,
            ``cpu_weight``.
        max_depth: names in a path at most; what is deeper is not looked for.
        max_tasks: tasks at most. Beyond them the search ends, which is said.
        kernel: for tests: what kernel files are read through.
        clock: for tests: time.

    Raises:
        ValidationError: there is no pattern, one cannot be a path, or the regular expression is
            none or has no named group.
    """

    def __init__(
        self,
        patterns: list[Annotated[str, Str()]],
        exclude: list[Annotated[str, Str()]] | None = None,
        labels_from_path: Annotated[str, Str()] | None = None,
        default_labels: _Labels | None = None,
        require_pids: bool = False,
        limits_as_resources: bool = False,
        max_depth: Annotated[int, _DEPTH] = 16,
        max_tasks: Annotated[int, _TASKS] = 1000,
        *,
        kernel: Annotated[Kernel | None, Injected()] = None,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        _DEPTH.check(max_depth)
        _TASKS.check(max_tasks)
        if not patterns:
            raise ValidationError("patterns is empty: write at least one, such as /system.slice/*")
        self._patterns = PathPatterns(patterns)
        self._excluded = PathPatterns(exclude or ())
        self._expression = _expression(labels_from_path)
        self._default_labels = dict(default_labels or {})
        self._require_pids = require_pids
        self._limits = LimitsAsResources(clock) if limits_as_resources else None
        self._max_depth = max_depth
        self._max_tasks = max_tasks
        self._reading = Reading(kernel)
        self._tasks: dict[str, Task] = {}
        self._said_too_many = False

    def use_kernel(self, kernel: Kernel) -> None:
        """Read through this one from now on, unless one was given from Python."""
        self._reading.use(kernel)

    def get_tasks(self) -> list[Task]:
        """List the cgroups that are there now, by reading the folders in which they can be.

        Raises:
            TaskSynchronizationException: they cannot be read.
        """
        found = self._walk("/", self._patterns.root, self._excluded.root)
        try:
            self._reading.need_cgroups()
            paths = list(itertools.islice(found, self._max_tasks + 1))
            self._say_too_many(paths)
            self._tasks = {path: self._task(path) for path in paths[: self._max_tasks]}
        except WcaError as error:
            raise TaskSynchronizationException(f"cgroups cannot be listed: {error}") from None
        if self._limits is not None:
            self._limits.keep(self._tasks)
        return list(self._tasks.values())

    def _walk(
        self, path: str, place: Place, excluded: Place, depth: int = 0, *, listed: bool = False
    ) -> Iterator[str]:
        """Paths that fit, from here down, in the order of their names."""
        if self._excluded.match(excluded):
            return
        if self._patterns.match(place) and self._is_task(path, listed=listed):
            yield path
        if depth == self._max_depth:
            return
        only = self._patterns.names(place)
        names = self._reading.hierarchies.children(path) if only is None else only
        for name in names or ():
            below = self._patterns.below(place, name)
            if below:
                yield from self._walk(
                    f"{path.rstrip('/')}/{name}",
                    below,
                    self._excluded.below(excluded, name),
                    depth + 1,
                    listed=only is None,
                )

    def _is_task(self, path: str, *, listed: bool) -> bool:
        if listed and not self._require_pids:
            return True
        cgroup = self._reading.hierarchies.locate(path)
        return cgroup.populated() if self._require_pids else cgroup.exists()

    def _task(self, path: str) -> Task:
        resources = self._limits.of(path, self._reading.hierarchies) if self._limits else {}
        known = self._tasks.get(path)
        if known is not None and known.resources == resources:
            return known
        name = printable(path).lstrip("/") or "/"
        return Task(name, name, path, {**self._default_labels, **self._labels(path)}, resources)

    def _labels(self, path: str) -> dict[str, str]:
        found = self._expression and self._expression.search(path)
        groups = found.groupdict() if found else {}
        return {name: printable(text) for name, text in groups.items() if text is not None}

    def _say_too_many(self, paths: list[str]) -> None:
        too_many = len(paths) > self._max_tasks
        if too_many and not self._said_too_many:
            log.warning(
                "more than %d cgroups fit the patterns of a CgroupNode: those after %s are left "
                "out; write narrower patterns or a larger max_tasks",
                self._max_tasks,
                printable(paths[self._max_tasks - 1]),
            )
        self._said_too_many = too_many


def _expression(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValidationError(
            f"labels_from_path {pattern!r} is no valid regular expression: {error}"
        ) from None
    if not expression.groupindex:
        raise ValidationError(
            f"labels_from_path {pattern!r} has no named group: write (?P<name>...) for each label"
        )
    for name in expression.groupindex:
        LabelName().check(name)
    return expression
