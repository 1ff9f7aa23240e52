"""One trouble of one victim: who is acted on, whether that helped, and what comes next."""

from collections.abc import Callable, Iterable, Sequence

from wca.allocators.contending.actions import Action, Phase, Scene, begin_action
from wca.allocators.contending.coded import CodedTest, begin_test
from wca.allocators.contending.cpu import IDLE
from wca.allocators.contending.harm import Harm, Outcome, harm_of
from wca.allocators.contending.ladders import Ladder
from wca.allocators.contending.levers import Lever
from wca.allocators.contending.tried import Tried
from wca.allocators.effects import Effect
from wca.detectors.api import ContentionAnomaly

__all__ = ["Case"]

#: Intervals in which a value has to come into force, and in which its effect has to be read.
_PATIENCE, _LONGEST = 2, 12
#: Seconds that a second value has for it: the envelope may want a pause between two.
_LONGER = 15.0
#: Seconds after giving everything back in which a relapse is one.
_WATCH = 10.0
#: Seconds for which a trouble lasts at least when it is told.
_SHORTEST = 2.0
#: Seconds between two tests, and CPUs from which on a task is busy enough for one.
_BETWEEN_TESTS, _BUSY = 600.0, 0.1
#: Seconds that tell what becomes of memory that was lost and is read again, for how long that is
#: waited for, and the share of it that stays when nobody drives it out any longer.
_LATELY, _LONGEST_REFILL, _STAYS = 5.0, 180.0, 0.5
#: Levers that are tried on one that is a suspect only.
_OF_SUSPECTS = 1


class Case:
    """One victim and one verdict.

    Watching, until there is an anomaly that hurts; acting and verifying, one trial at a time;
    holding what has helped; giving it back in steps when it has been quiet for long enough.

    Args:
        victim: its task id.
        ladder: what can be done.
        may_act: whether a task may be acted on.
    """

    def __init__(self, victim: str, ladder: Ladder, may_act: Callable[[str], bool]) -> None:
        self.victim = victim
        self.ladder = ladder
        self._may_act = may_act
        self._trial: list[Action] = []
        self._kept: list[Action] = []
        self._test: CodedTest | None = None
        self._verified: str | None = None
        self._untested = 0.0  # until when no test is begun
        self._harm: Harm | None = None
        self._onset: float | None = None
        self._tried = Tried()
        self._holds: dict[str, float] = {}
        #: Actions that were taken back in the last interval, with what they did.
        self.undone: list[Action] = []
        #: Why actions came to an end in the last interval.
        self.finished: list[str] = []

    @property
    def actions(self) -> Sequence[Action]:
        """Those that are not over."""
        return [*self._trial, *self._kept]

    @property
    def trying(self) -> bool:
        """Whether a trial runs whose outcome is not known."""
        return bool(self._trial) or self._test is not None

    def step(self, scene: Scene, anomaly: ContentionAnomaly | None, *, may_begin: bool) -> None:
        """Another interval.

        Args:
            scene: what is seen.
            anomaly: of this victim and verdict, if there is one.
            may_begin: whether a trial may begin now.
        """
        self.finished, self.undone = [], []
        self._forget_gone(scene)
        if self._test is not None:
            self._go_on_testing(scene, self._test)
        if self._trial:
            self._try(scene, anomaly)
        for action in list(self._kept):
            self._keep(action, scene)
        self._kept = [one for one in self._kept if one.phase is not Phase.DONE]
        if anomaly is None:
            self._onset = self._verified = None
            if not self.actions:
                self._tried.forget()
        if self.trying or not may_begin or anomaly is None:
            return
        if any(one.phase is Phase.HOLDING and one.intervals < _PATIENCE for one in self._kept):
            return
        self._begin(scene, anomaly)

    def close(self, scene: Scene) -> None:
        """Give everything back."""
        for action in self.actions:
            action.drop(scene)
        if self._test is not None:
            self._test.end(scene, "the victim is gone")
        self._trial, self._kept, self._test = [], [], None

    def _forget_gone(self, scene: Scene) -> None:
        there = scene.tasks
        self._trial = [one for one in self._trial if one.task_id in there]
        self._kept = [one for one in self._kept if one.task_id in there]
        self._tried.forget_gone(there)
        if self._verified not in there:
            self._verified = None

    def _begin(self, scene: Scene, anomaly: ContentionAnomaly) -> None:
        """Begin the next trial, if there is something to try."""
        if self._tried.rests(scene.now, anomaly.contending_task_ids):
            return
        if self._onset is None:
            window = 0.0 if anomaly.evidence is None else anomaly.evidence.window or 0.0
            self._onset = scene.now - max(window, _SHORTEST)
        if not self._suffers(scene, anomaly, self._onset):
            return
        if self._begin_testing(scene, anomaly):
            return
        for group, rungs in self._groups(anomaly, scene):
            for task_id in group:
                self._start(scene, task_id, rungs, anomaly)
            if self._trial:
                return
        self._tried.give_up(scene.now)

    def _begin_testing(self, scene: Scene, anomaly: ContentionAnomaly) -> bool:
        """Test suspects, by option, where there are several, and not too often."""
        wanted = scene.options.verify and self.ladder.coded and not self._kept
        if not wanted or self._verified is not None or scene.now < self._untested:
            return False
        named = [*anomaly.contending_task_ids, *(one.task_id for one in anomaly.suspects)]
        busy = sorted(scene.tasks, key=lambda one: (-(scene.used(one) or 0.0), one))
        others = [one for one in busy if (scene.used(one) or 0.0) >= _BUSY]
        suspects = [
            one
            for one in dict.fromkeys([*named, *others])
            if one in scene.tasks and one != self.victim and self._may_act(one)
        ]
        levers = self._levers(scene)
        self._test = begin_test(scene, self.victim, self.ladder.signals, suspects, levers)
        if self._test is None:
            return False
        self._untested = scene.now + _BETWEEN_TESTS
        self._test.step(scene)
        return True

    def _go_on_testing(self, scene: Scene, test: CodedTest) -> None:
        test.step(scene)
        if not test.ended:
            return
        self.finished.append(test.outcome)
        self._test = None
        if test.accused is not None:
            self._verified = test.accused.task_id
        elif test.valid:
            self._tried.give_up(scene.now, test.suspects)

    def _suffers(self, scene: Scene, anomaly: ContentionAnomaly, onset: float) -> bool:
        """Whether it is bad now; while something is held, by what it was before that."""
        if self._kept and self._harm is not None:
            return self._harm.is_bad(scene.readings, max(one.asked for one in self._kept))
        self._harm = harm_of(anomaly, self.ladder.signals, scene.readings, onset)
        return self._harm is not None

    def _groups(
        self, anomaly: ContentionAnomaly, scene: Scene
    ) -> Iterable[tuple[Sequence[str], int]]:
        """Who is tried next, with how many levers; those that are tried together in one group."""
        if self.ladder.of_victim:
            yield [self.victim], len(self.ladder.levers)
            return
        if self._verified is not None:
            yield [self._verified], len(self.ladder.levers)
            return
        accused = [one for one in anomaly.contending_task_ids if one in scene.tasks]
        actionable = [one for one in accused if self._may_act(one)]
        for one in actionable:
            if not self._tried.failed(one):
                yield [one], len(self.ladder.levers)
        if accused and not any(map(self._tried.had_a_turn, accused)):
            return  # it is one that may not be touched
        suspects = [
            one.task_id
            for one in anomaly.suspects
            if one.task_id not in accused and self._may_act(one.task_id)
        ]
        sure = sum(one.confidence for one in anomaly.suspects if one.task_id in suspects)
        if not accused and sure < scene.options.confidence:
            return
        if self.ladder.together and not accused:
            yield suspects, _OF_SUSPECTS
        for one in suspects:
            yield [one], _OF_SUSPECTS
        for one in actionable:
            yield [one], len(self.ladder.levers)

    def _start(self, scene: Scene, task_id: str, rungs: int, anomaly: ContentionAnomaly) -> None:
        there = scene.tasks[task_id].allocations
        levers = [one for one in self._levers(scene) if one.type_for(there) is not None]
        held = {one.lever for one in self._kept if one.task_id == task_id}
        for lever in self._tried.next_of(task_id, levers[:rungs]):
            if lever in held:
                continue
            why = f"{anomaly.verdict or anomaly.resource} of {self.victim}: {lever.name}"
            hold = self._holds.get(task_id, scene.options.hold)
            holder = (self.victim, self.ladder.verdict, lever.name)
            action = begin_action(scene, holder, self.victim, task_id, lever, why, hold)
            if action is not None:
                self._trial.append(action)
                self._tried.begun(task_id)
                return

    def _levers(self, scene: Scene) -> Sequence[Lever]:
        return [one for one in self.ladder.levers if one is not IDLE or scene.options.idle]

    def _try(self, scene: Scene, anomaly: ContentionAnomaly | None) -> None:
        """See whether the values of the trial are in force, and then whether they have helped."""
        harm = self._harm
        assert harm is not None  # noqa: S101 - a trial has one
        for action in self._trial:
            action.intervals += 1
            if action.phase is Phase.ACTING and scene.grips.is_seen(action.key):
                action.phase, action.good = Phase.VERIFYING, action.value
        if any(one.phase is Phase.ACTING for one in self._trial):
            self._wait(scene, anomaly)
            return
        asked = max(one.asked for one in self._trial)
        settle = max(one.lever.settle for one in self._trial)
        after = scene.readings.values(self.victim, harm.measure, asked)
        if len(after) < settle + scene.options.readings:
            if self._trial[0].intervals >= _LONGEST + settle:
                self._undo(scene, "nothing is read of the victim")
            return
        since = asked
        if settle:
            since = scene.readings.time_of(self.victim, harm.measure, asked, settle)
        if any(one.lever.refills for one in self._trial):
            since = max(since, scene.now - _LATELY)
        touched = {self.victim, *(one.task_id for one in self.actions)}
        others = [one for one in scene.tasks if one not in touched]
        effect = harm.effect(scene.readings, since, others, asked)
        if effect is None:
            return
        outcome = harm.judge(effect)
        if outcome is Outcome.RECOVERED or not self._is_refilling(scene, asked):
            self._conclude(scene, outcome, effect)

    def _is_refilling(self, scene: Scene, asked: float) -> bool:
        """Whether more would not help: what the victim reads again stays with it by now."""
        if scene.now - asked > _LONGEST_REFILL:
            return False
        if not any(one.lever.refills for one in self._trial):
            return False
        since = max(asked, scene.now - _LATELY)
        return scene.readings.share_that_stays(self.victim, since) >= _STAYS

    def _wait(self, scene: Scene, anomaly: ContentionAnomaly | None) -> None:
        """Something that was asked for is not in force.

        Until anything ever was, it is taken that nobody acts (a dry run, the hold file): the first
        choice stays, as long as there is the trouble.
        """
        if not scene.grips.obeyed:
            accused = () if anomaly is None else anomaly.contending_task_ids
            chosen = [one.task_id for one in self._trial if one.task_id in accused]
            if anomaly is None or (accused and not self.ladder.of_victim and not chosen):
                self._undo(scene, "the trouble is over" if anomaly is None else "another did it")
            return
        for action in [one for one in self._trial if one.phase is Phase.ACTING]:
            if action.good is None:
                is_late = action.intervals > _PATIENCE
            else:
                is_late = scene.now - action.asked > _LONGER
            if not is_late:
                continue
            self._trial.remove(action)
            if action.good is None:
                action.drop(scene)
                self.finished.append("it did not come into force")
            else:
                action.want(scene, action.good, "more of it did not come into force")
                action.phase = Phase.HOLDING
                self._kept.append(action)

    def _conclude(self, scene: Scene, outcome: Outcome, effect: Effect) -> None:
        for action in self._trial:
            action.effect = effect
        trial = self._trial
        if outcome is Outcome.RECOVERED:
            self._keep_trial(scene, effect)
            self._tried.succeeded()
        elif sum(one.tighten(scene, f"{effect}: more of it") for one in trial):
            return
        elif outcome in (Outcome.MOSTLY, Outcome.HELPED):
            self._keep_trial(scene, effect)
        else:
            self._tried.fail(one.task_id for one in trial)
            self._undo(scene, outcome.value)
            return
        self.finished += [outcome.value] * len(trial)

    def _keep_trial(self, scene: Scene, effect: Effect) -> None:
        self._harm = None if self._harm is None else self._harm.kept(effect)
        for action in self._trial:
            action.phase, action.quiet = Phase.HOLDING, scene.now
            action.intervals = _PATIENCE
        self._kept += self._trial
        self._trial = []

    def _undo(self, scene: Scene, why: str) -> None:
        self.undone = self._trial
        for action in self._trial:
            action.drop(scene)
            self.finished.append(why)
        self._trial = []

    def _keep(self, action: Action, scene: Scene) -> None:
        """Hold it while it is needed, and then give it back in steps."""
        action.intervals += 1
        soon = action.phase is not Phase.HOLDING
        bad = self._harm is not None and self._harm.is_bad(scene.readings, action.asked, soon=soon)
        if action.phase is Phase.HOLDING:
            action.quiet = scene.now if bad else action.quiet
            quiet = scene.now - action.quiet
            if not action.lever.of_victim and action.has_stopped(scene):
                if quiet >= scene.options.pause:
                    action.drop(scene)
                    self.finished.append("it has stopped")
            elif quiet >= action.hold and not any(_is_going_back(one) for one in self._kept):
                action.loosen(scene)
        elif bad:
            action.regrip(scene, "it was too early to give it back")
            self._holds[action.task_id] = action.hold
        elif action.phase is Phase.RELEASING:
            if scene.now - action.asked >= scene.options.pause:
                action.loosen(scene)
        elif scene.now - action.quiet >= _WATCH:
            action.phase = Phase.DONE
            self.finished.append("given back")


def _is_going_back(action: Action) -> bool:
    """Whether a relapse would be on account of it: one at a time."""
    return action.phase in (Phase.RELEASING, Phase.WATCHING)
