"""All cases of a node: which one has its turn, and what is told of them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from wca.allocators.contending.actions import Action, Scene
from wca.allocators.contending.cases import Case
from wca.allocators.contending.ladders import ladder_of
from wca.allocators.contending.options import Options
from wca.allocators.effects import Effect
from wca.allocators.exported import catalogued, effect_metrics
from wca.allocators.tiers import Tier, Tiers
from wca.detectors.api import Anomaly, ContentionAnomaly, Evidence, TasksData
from wca.metrics import Metric

__all__ = ["Board"]


class Board:
    """The cases.

    Args:
        tiers: which tasks give way.
        options: of the allocator.
    """

    def __init__(self, tiers: Tiers, options: Options) -> None:
        self._tiers = tiers
        self._options = options
        self._cases: dict[tuple[str, str], Case] = {}
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._tasks: TasksData = {}

    def step(self, scene: Scene, anomalies: Sequence[Anomaly]) -> None:
        """Another interval.

        Args:
            scene: what is seen.
            anomalies: of the detector.
        """
        self._tasks = scene.tasks
        found = self._found(anomalies)
        for key, case in list(self._cases.items()):
            if case.victim not in scene.tasks:
                case.close(scene)
                del self._cases[key]
        trying = scene.grips.obeyed and any(one.trying for one in self._cases.values())
        for key, case in self._cases.items():
            before = case.trying
            case.step(scene, found.get(key), may_begin=not trying or before)
            trying = trying or (scene.grips.obeyed and case.trying)
            for why in case.finished:
                self._outcomes[case.ladder.verdict, why] += 1

    def described(self, anomaly: Anomaly) -> Anomaly:
        """An anomaly with the effects of what was done about it in its evidence."""
        if not isinstance(anomaly, ContentionAnomaly):
            return anomaly
        values = {
            f"effect of {action.type} of {action.task_id}": effect.ratio
            for action, effect in self._effects()
            if action.victim == anomaly.contended_task_id
        }
        if not values:
            return anomaly
        evidence = anomaly.evidence or Evidence()
        return replace(anomaly, evidence=replace(evidence, values={**evidence.values, **values}))

    def metrics(self) -> Iterator[Metric]:
        """What was done, and what that did."""
        for (verdict, outcome), count in sorted(self._outcomes.items()):
            yield catalogued(
                "allocation_contention_actions", count, {"verdict": verdict, "outcome": outcome}
            )
        for action, effect in self._effects():
            labels = {
                "contended_task_id": action.victim,
                "task_id": action.task_id,
                "allocation_type": str(action.type),
            }
            yield from effect_metrics(effect, labels)

    def _effects(self) -> Iterator[tuple[Action, Effect]]:
        for case in self._cases.values():
            for action in (*case.actions, *case.undone):
                if action.effect is not None:
                    yield action, action.effect

    def _found(self, anomalies: Sequence[Anomaly]) -> dict[tuple[str, str], ContentionAnomaly]:
        """Those that something can be done about, by victim and verdict; cases are opened."""
        found: dict[tuple[str, str], ContentionAnomaly] = {}
        for anomaly in anomalies:
            if not isinstance(anomaly, ContentionAnomaly):
                continue
            victim = self._tasks.get(anomaly.contended_task_id)
            ladder = ladder_of(anomaly)
            if victim is None or ladder is None or self._tiers.of(victim) is Tier.BEST_EFFORT:
                continue
            key = (victim.task_id, ladder.verdict)
            found.setdefault(key, anomaly)
            if key not in self._cases:
                self._cases[key] = Case(victim.task_id, ladder, self._may_act)
        return found

    def _may_act(self, task_id: str) -> bool:
        task = self._tasks.get(task_id)
        if task is None:
            return False
        tier = self._tiers.of(task)
        return tier is Tier.BEST_EFFORT or (tier is Tier.UNKNOWN and self._options.unlabelled)
