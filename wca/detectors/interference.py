"""``InterferenceDetector``: who is hurt, by what, and by whom."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from wca.config.types import LabelName, Numeric, Ratio
from wca.detectors.api import Anomaly, AnomalyDetector, TasksData
from wca.detectors.interfering.ageing import APPLICATION
from wca.detectors.interfering.baselines import Baselines
from wca.detectors.interfering.examiner import Examiner, metric
from wca.detectors.interfering.hardware import Hardware
from wca.detectors.interfering.judged import Strictness
from wca.detectors.interfering.watches import Confirmation
from wca.errors import ValidationError
from wca.metrics import Metric
from wca.metrics.patterns import LabelPatterns
from wca.platforms.api import Platform

__all__ = ["InterferenceDetector"]


class InterferenceDetector(AnomalyDetector):
    """Finds tasks that suffer from others, says from what, and from whom where one stands out.

    It learns for each application, and for each load of it, what is usual: pressure, delay in the
    run queue, throttling, CPU seconds per unit of work, cycles per instruction, waits for io,
    refaults. What is unusual again and again is held against a table that tells neighbours from
    the task's own quota, from the hypervisor, from a machine that is full; a task whose activity
    rose when the victim's trouble began is accused if no other explains it as well, otherwise
    nobody is. Any of the measurements may be missing: what cannot be told apart then is not said.
    docs/detection.md has the table and the limits.

    Source: robust baselines as in statistics; confirmation, ageing and the stand-in of CPU seconds
    per unit of work for CPI after CPI squared (Zhang et al., EuroSys 2013) at the scale of seconds.

    Args:
        application_label: the label of tasks that says which of them are of one kind and share
            baselines; those without it share them with tasks of the same name.
        samples: readings, at a load, after which a baseline is one.
        deviations: how many standard deviations above the median are unusual; the deviation is
            made of the median absolute deviation.
        share: how much of the median above it is unusual at least. Half of it counts for CPU
            seconds per unit of work and for cycles per instruction, which are smoothed.
        outliers: unusual readings that make an anomaly, of the last ``readings``.
        readings: see ``outliers``.
        quiet: intervals without an unusual reading that end it.
        min_cpu: CPUs that a task must use before its waits for a CPU and its costs are judged.
        victims: which tasks can be victims, regular expressions by label; none: all. Those with
            the least CPU shares never are.

    Raises:
        ValidationError: ``outliers`` are more than ``readings``, or ``victims`` has no regular
            expression.
    """

    def __init__(
        self,
        application_label: Annotated[str, LabelName()] = APPLICATION,
        samples: Annotated[int, Numeric(10, 1_000_000)] = 60,
        deviations: Annotated[float, Numeric(0.1, 100)] = 3.0,
        share: Annotated[float, Ratio(0, 10)] = 0.2,
        outliers: Annotated[int, Numeric(1, 60)] = 3,
        readings: Annotated[int, Numeric(1, 60)] = 10,
        quiet: Annotated[int, Numeric(1, 3600)] = 10,
        min_cpu: Annotated[float, Numeric(0, 1000)] = 0.05,
        victims: dict[Annotated[str, LabelName()], str] | None = None,
    ) -> None:
        if outliers > readings:
            raise ValidationError(f"outliers: {outliers} of readings: {readings} can never be")
        self._hardware = Hardware()
        self._baselines = Baselines(samples, Strictness(deviations, share))
        self._examiner = Examiner(
            self._baselines,
            application_label,
            Confirmation(outliers, readings, min_cpu),
            quiet,
            LabelPatterns(victims, "victims") if victims else None,
        )

    def detect(
        self, platform: Platform, tasks_data: TasksData
    ) -> tuple[Sequence[Anomaly], Sequence[Metric]]:
        """Look at all tasks; see the class."""
        if self._hardware.changed(platform.cpu_model):
            self._baselines.clear()
        anomalies = self._examiner.examine(platform, tasks_data)
        metrics = list(self._examiner.metrics())
        for task_id, patient in self._examiner.patients:
            known = self._baselines.samples(patient.application)
            metrics.append(metric("interference_baseline_samples", known, {"task_id": task_id}))
        return anomalies, metrics

    def dump_state(self) -> Mapping[str, Any]:
        """What was learned, as JSON can hold it."""
        return {"cpu_model": self._hardware.cpu_model, "baselines": self._baselines.dump()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on with what ``dump_state`` gave. Raises ValidationError, and changes nothing then."""
        if not isinstance(state, Mapping) or "baselines" not in state:
            raise ValidationError("the state of an InterferenceDetector has baselines")
        hardware = Hardware.load(state.get("cpu_model"))
        self._baselines.load(state["baselines"])
        self._hardware = hardware
