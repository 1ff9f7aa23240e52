"""``OOMAllocator``: ends a task that may be ended before the kernel ends one that may not."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from wca.allocators.api import AllocationType, Allocator, TasksAllocations
from wca.allocators.oom_rules import By, Conditions, Rule, Rules, compile_rule, matches, size_of
from wca.allocators.tiers import Tier, Tiers
from wca.allocators.windows import Window
from wca.config.types import Duration
from wca.detectors.api import Anomaly, TaskData, TasksData
from wca.metrics import CATALOGUE, Metric
from wca.platforms.api import Platform

__all__ = ["OOMAllocator"]

_MEBIBYTE = 1 << 20
_WINDOW, _PAUSE = Duration(1, 600), Duration(1, 3600)
_PRESSURE = "task_psi_memory_full_seconds"


class OOMAllocator(Allocator):
    """Kills what its rules name, one task at a time, when their conditions are met.

    Without rules it does nothing. A rule has conditions, which all have to be met, ``lasting`` so
    many seconds without a break, and ``victims``, of which one is killed; no other task ever is,
    and none that ``tiers`` says is latency-critical. The first rule that is met counts; after a
    kill nothing is done for ``pause``, and conditions have to last anew. What is not measured meets
    no condition. The method is that of oomd and systemd-oomd.

    Nobody is killed unless the envelope has a budget for it: ``events_per_hour: {kill: 2}``.

    Args:
        rules: ``pressure_above``: share of the time, over ``window``, in which everybody waited for
            memory, on the machine, or in one of the tasks that labels in ``of`` match;
            ``available_below``, ``swap_free_below``: shares of memory and of swap space, where
            there is any; ``growth_above``: bytes per second by which the memory in use has grown,
            of the machine or of the tasks of ``of`` together. ``lasting``: seconds (30).
            ``victims``: labels to regular expressions, one of which matches a whole value; ``by``:
            the largest (``size``), the one that waits most for memory (``pressure``), or that grows
            fastest (``growth``); ``least``: bytes below which none is worth it (64 MiB).
            ``name``: for people.
        tiers: says which tasks are latency-critical. Left out: pods of Kubernetes that are
            guaranteed.
        window: seconds over which pressure and growth are seen.
        pause: seconds after a kill in which nothing is done.

    Raises:
        ValidationError: a rule makes no sense.
    """

    def __init__(
        self,
        rules: Rules | None = None,
        tiers: Tiers | None = None,
        window: Annotated[float, _WINDOW] = 10.0,
        pause: Annotated[float, _PAUSE] = 15.0,
    ) -> None:
        self.rules = rules or []
        self.tiers = tiers or Tiers()
        self.window = window
        self.pause = pause
        compiled = _named_apart(compile_rule(one, place) for place, one in enumerate(self.rules))
        self._kills = dict.fromkeys((rule.name for rule in compiled), 0)
        self._now = self._rest = -math.inf
        self._conditions = [Conditions(rule, window) for rule in compiled]
        self._pressure: dict[str, Window] = {}
        self._growth: dict[str, Window] = {}

    def allocate(
        self, platform: Platform, tasks_data: TasksData
    ) -> tuple[TasksAllocations, Sequence[Anomaly], Sequence[Metric]]:
        """Ask for one task to be killed, if a rule says so."""
        now = platform.monotonic
        if now < self._now:  # a clock that began anew: another run
            self._begin()
        if now == self._now:
            return {}, [], []
        self._now = now
        self._read(tasks_data)
        answer: TasksAllocations = {}
        for conditions in self._conditions:
            why = conditions.look(platform, tasks_data)
            if why and not answer and now >= self._rest:
                answer = self._kill(conditions.rule, why, tasks_data)
        if answer:
            self._rest = now + self.pause
            for conditions in self._conditions:
                conditions.reset()
        return answer, [], list(self._metrics())

    def _begin(self) -> None:
        self._now = self._rest = -math.inf
        self._conditions = [Conditions(one.rule, self.window) for one in self._conditions]
        self._pressure, self._growth = {}, {}

    def _read(self, tasks: TasksData) -> None:
        """How much tasks wait and grow; those that are gone are forgotten."""
        self._pressure = {
            key: self._pressure.get(key) or Window(self.window, counter=True) for key in tasks
        }
        self._growth = {
            key: self._growth.get(key) or Window(self.window, counter=False) for key in tasks
        }
        for key, task in tasks.items():
            self._pressure[key].add(self._now, task.measurements.get(_PRESSURE))
            self._growth[key].add(self._now, size_of(task))

    def _kill(self, rule: Rule, why: str, tasks: TasksData) -> TasksAllocations:
        """The victim of a rule, with the reason; nothing where there is none."""
        rated = []
        for task_id, task in tasks.items():
            size = size_of(task)
            if size is None or size < rule.least or not self._may_be_killed(rule, task):
                continue
            rate = self._rate(rule.by, task_id, size)
            if rate is not None and rate > 0:
                rated.append((rate, size, task_id))
        if not rated:
            return {}
        rate, size, victim = max(rated)
        self._kills[rule.name] += 1
        chosen = f"{_in_words(rule.by, rate)} of {len(rated)}, has {size / _MEBIBYTE:.0f} MiB"
        return {victim: {AllocationType.KILL: f"{rule.name}: {why}; it {chosen}"}}

    def _may_be_killed(self, rule: Rule, task: TaskData) -> bool:
        critical = self.tiers.of(task) is Tier.LATENCY_CRITICAL
        return matches(rule.victims, task) and not critical

    def _rate(self, by: By, task_id: str, size: float) -> float | None:
        if by == "size":
            return size
        return (self._pressure if by == "pressure" else self._growth)[task_id].rate

    def _metrics(self) -> Iterator[Metric]:
        for conditions in self._conditions:
            labels = {"rule": conditions.rule.name}
            yield _metric("allocation_oom_rules_met", int(conditions.met), labels)
            yield _metric("allocation_oom_kills_asked", self._kills[conditions.rule.name], labels)


def _named_apart(rules: Iterable[Rule]) -> list[Rule]:
    """Rules with a name each of its own, so that metrics tell them apart."""
    named: dict[str, Rule] = {}
    for rule in rules:
        name, number = rule.name, 2
        while name in named:
            name, number = f"{rule.name} ({number})", number + 1
        named[name] = replace(rule, name=name)
    return list(named.values())


def _in_words(by: By, rate: float) -> str:
    if by == "pressure":
        return f"waits most ({rate:.1%} of the time)"
    return "is the largest" if by == "size" else f"grows fastest ({rate / _MEBIBYTE:.1f} MiB/s)"


def _metric(name: str, value: float, labels: Mapping[str, str]) -> Metric:
    entry = CATALOGUE[name]
    return Metric(name, value, dict(labels), entry.type, entry.help, entry.unit, entry.granularity)
