"""The perf events of one task at work: groups on every CPU that is online."""

from collections.abc import Callable, Iterable, Sequence

from wca.collectors.api import Readable
from wca.collectors.perf.cpus import OnlineCpus
from wca.collectors.perf.tally import CpuGroup, Tally
from wca.errors import Exhausted, Postponed, TargetGone, WcaError
from wca.metrics import Measurements

__all__ = ["PerfProbe"]

_ALL = -1  # instead of a CPU


class PerfProbe:
    """Reads every group of a task with one call each, and follows CPUs that come and go.

    Args:
        alive: a file of the task's control group, which ends with it.
        online: which CPUs there are.
        open_groups: opens the task's groups on CPUs; None: it is not its turn. May raise WcaError.
        per_cpu: whether each CPU has its own numbers, as ``{name: {cpu: number}}``; else their sum.
        say: takes why the task is not counted yet, in a word; empty when it is, or has ended.
    """

    __slots__ = (
        "_alive",
        "_cpus",
        "_looks",
        "_online",
        "_open",
        "_per_cpu",
        "_round",
        "_say",
        "_tallies",
    )

    def __init__(
        self,
        alive: Readable,
        online: OnlineCpus,
        open_groups: Callable[[Sequence[int]], list[CpuGroup] | None],
        *,
        per_cpu: bool = False,
        say: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._alive = alive
        self._looks = True
        self._online = online
        self._open = open_groups
        self._per_cpu = per_cpu
        self._say = say
        self._tallies: dict[int, Tally] = {}
        self._round = online.round
        self._cpus: tuple[int, ...] = ()
        self._add(online.cpus)

    def read(self, out: Measurements) -> None:
        """Add the totals since counting began, and by how much the last part of them was scaled.

        There are none as long as it was not the task's turn to open its events.

        Raises:
            TargetGone: the control group was removed; nothing was added.
            WcaError: the events could not be opened, or not on a CPU that came online, which is
                tried again the next time; what the other CPUs have counted was added.
        """
        if self._looks:
            self._alive.read()
        in_step = True
        for tally in self._tallies.values():
            tally.read()
            in_step = in_step and not tally.ended
        self._round = self._online.look(self._round)
        in_step = in_step and self._online.cpus is self._cpus
        failed = None if in_step else self._follow()
        if self._per_cpu:
            self._put_each(out)
        else:
            self._put_sum(out)
        if failed is not None:
            failed.raise_kept()

    def leave_end_to_others(self, *, leave: bool) -> None:
        """Whether a probe of files, which end with the target, is read beside this one."""
        self._looks = not leave

    def close(self) -> None:
        """Close all events; safe twice."""
        for tally in self._tallies.values():
            tally.close()
        self._alive.close()
        self._say("")

    def _follow(self) -> Postponed:
        """Open on CPUs that came, close on those that went; why some could not be opened."""
        failed = Postponed()
        now = self._online.cpus
        tallies = self._tallies.values()
        gone = (set(self._cpus) - set(now)).union(*(tally.ended for tally in tallies))
        for tally in tallies:
            tally.retire(gone)
        self._cpus = tuple(cpu for cpu in self._cpus if cpu not in gone)
        try:
            self._add(now)
        except TargetGone:
            raise
        except WcaError as error:
            if not self._tallies:
                self._say("exhausted" if isinstance(error, Exhausted) else "failing")
            failed.keep(error)
        return failed

    def _add(self, cpus: tuple[int, ...]) -> None:
        new = [cpu for cpu in cpus if cpu not in self._cpus]
        groups = self._open(new) if new else []
        if groups is None:
            if not self._tallies:
                self._say("opening")
            return
        if not self._tallies:
            self._say("")
        for key in new if self._per_cpu else [_ALL]:
            own = groups if key == _ALL else [one for one in groups if one.cpu == key]
            self._tallies.setdefault(key, Tally()).add(own)
        self._cpus = cpus

    def _put_sum(self, out: Measurements) -> None:
        for tally in self._tallies.values():
            out.update(tally.totals)
            if tally.factors:  # of the groups that may have to take turns
                out["task_scaling_factor_avg"] = _mean(tally.factors)
                out["task_scaling_factor_max"] = max(tally.factors)

    def _put_each(self, out: Measurements) -> None:
        values: dict[str, dict[str, float]] = {}
        for cpu, tally in self._tallies.items():
            for name, total in tally.totals.items():
                values.setdefault(name, {})[str(cpu)] = total
            if tally.factors:
                factors = values.setdefault("task_scaling_factor_avg", {})
                factors[str(cpu)] = _mean(tally.factors)
                factors = values.setdefault("task_scaling_factor_max", {})
                factors[str(cpu)] = max(tally.factors)
        out.update(values)


def _mean(numbers: Iterable[float]) -> float:
    listed = list(numbers)
    return sum(listed) / len(listed)
