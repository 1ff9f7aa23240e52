"""``StaticAllocator``: grants what rules say."""

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from wca.allocators.api import AllocationType, Allocator, TasksAllocations
from wca.allocators.restored import Restored
from wca.allocators.rules import Rule, Rules, compile_rules
from wca.config.types import Path
from wca.config.yaml_text import YamlProblem, plain_document
from wca.detectors.api import Anomaly, TasksData
from wca.errors import ValidationError
from wca.metrics import Metric
from wca.platforms.api import Platform

__all__ = ["StaticAllocator"]

_log = logging.getLogger(__name__)
_MOST_BYTES = 1 << 20

#: What tells whether a file is still the same: time of its change, size, inode.
_Stamp = tuple[int, int, int]


class StaticAllocator(Allocator):
    """Grants what rules say, to the tasks that they are about, in every interval.

    Later rules win over earlier ones, for each task and each type by itself. A rule about a task
    that is not there does nothing. What no rule grants any more is given back.

    Args:
        rules: ``allocations``: values by type, see docs/allocation.md. Which tasks: ``task_id``;
            or ``labels``, regular expressions matched at the beginning of the label's value, of
            which all have to match, or with ``match: any`` one; all tasks without either.
            ``name``: for people.
        config: a file of YAML with a list of further rules, which come after those. It is read
            again when it has changed; as long as it cannot be used its last good rules hold.

    Raises:
        ValidationError: a rule makes no sense, or there is neither rule nor file.
    """

    decides = False

    def __init__(
        self, rules: Rules | None = None, config: Annotated[str, Path()] | None = None
    ) -> None:
        self.rules = rules or []
        self.config = config
        self._own = compile_rules(self.rules)
        self._of_file: list[Rule] = []
        self._stamp: _Stamp | None = None
        self._problem = ""
        self._restored = Restored()
        if not self._own and config is None:
            raise ValidationError("there is nothing to grant: write rules, or config with a file")

    def check(self) -> list[str]:
        """What is wrong with the file now."""
        if self.config is None:
            return []
        try:
            _rules_of(self.config, len(self._own))
        except ValidationError as error:
            return [f"config: {error}"]
        return []

    def granted(self, *, of_file: bool = False) -> list[tuple[str, AllocationType, Any]]:
        """Every value that its rules grant, with where it stands.

        Args:
            of_file: of those in the file as it is now, instead of ``rules``.
        """
        if not of_file:
            return list(_values("rules", self._own))
        if self.config is None:
            return []
        try:
            return list(_values(self.config, _rules_of(self.config, len(self._own))))
        except ValidationError:  # see check
            return []

    def allocate(
        self,
        platform: Platform,  # noqa: ARG002 - the contract's parameter
        tasks_data: TasksData,
    ) -> tuple[TasksAllocations, Sequence[Anomaly], Sequence[Metric]]:
        """Apply every rule."""
        if self.config is not None:
            self._reload(self.config)
        granted: TasksAllocations = {}
        for rule in (*self._own, *self._of_file):
            for task_id in rule.chosen(tasks_data):
                granted.setdefault(task_id, {}).update(rule.allocations)
        for task_id, values in self._restored.of(granted, tasks_data).items():
            granted.setdefault(task_id, {}).update(values)
        return granted, [], []

    def _reload(self, path: str) -> None:
        """Read the file where it has changed; one sentence for each time that it is bad."""
        stamp = _stamp(path)
        if stamp is not None and stamp == self._stamp:
            return
        try:
            self._of_file = _rules_of(path, len(self._own))
        except ValidationError as error:
            self._say(f"{error}: the last good rules stay")
        else:
            self._say("")
        self._stamp = stamp

    def _say(self, problem: str) -> None:
        if problem and problem != self._problem:
            _log.error("%s", problem)
        elif self._problem and not problem:
            _log.info("%s can be used again", self.config)
        self._problem = problem


def _values(place: str, rules: Sequence[Rule]) -> Iterator[tuple[str, AllocationType, Any]]:
    for number, rule in enumerate(rules):
        for type_, value in rule.allocations.items():
            yield f"{place}[{number}].allocations.{type_}", type_, value


def _stamp(path: str) -> _Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _rules_of(path: str, first: int) -> list[Rule]:
    """The rules of a file. Raises ValidationError with the file's name."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
        found: Any = plain_document(data, path)
    except OSError as error:
        raise ValidationError(f"{path} cannot be read: {error.strerror}") from None
    except YamlProblem as problem:
        raise ValidationError(str(problem)) from None
    if not isinstance(found, list):
        raise ValidationError(f"{path}: expected a list of rules, got something else")
    try:
        return compile_rules(found, first)
    except ValidationError as error:
        raise ValidationError(f"{path}: {error}") from None
