"""``ModelDetector``: as ``InterferenceDetector``, with limits that were learned before."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from wca.config.types import LabelName, Numeric, Path
from wca.detectors.api import Anomaly, AnomalyDetector, TasksData
from wca.detectors.interfering.examiner import Examiner, metric
from wca.detectors.interfering.watches import Confirmation
from wca.detectors.modelling.file import read_model
from wca.detectors.modelling.model import ModelNorms
from wca.errors import StartError, ValidationError
from wca.metrics import Metric
from wca.metrics.patterns import LabelPatterns
from wca.platforms.api import Platform

__all__ = ["ModelDetector"]

#: Why a task is not judged.
_APPLICATION, _LOAD = "application", "load"


class ModelDetector(AnomalyDetector):
    """Finds tasks that suffer from others, by limits that ``wca train`` has learned.

    What is usual for an application at a load is what the model says, and never changes; with
    labelled recordings its limits are those that told the labelled episodes best from quiet times.
    Everything else is as ``InterferenceDetector`` has it: what is unusual again and again is held
    against the table of docs/detection.md, and a task is accused if it alone explains it. Tasks
    whose application or load the model does not know are not judged. It learns nothing, so that it
    has no state to keep.

    Source: limits per application and utilisation from Gaussian mixtures after the detector of
    Intel's Platform Resource Manager; the choice among them by an independent label after its tool
    lightsaber.

    Args:
        model: path of the file that ``wca train`` has written; it says which label is that of the
            application and how busy a task must be.
        outliers: unusual readings that make an anomaly, of the last ``readings``.
        readings: see ``outliers``.
        quiet: intervals without an unusual reading that end it.
        victims: which tasks can be victims, regular expressions by label; none: all. Those with
            the least CPU shares never are.

    Raises:
        ValidationError: ``outliers`` are more than ``readings``, or ``victims`` has no regular
            expression.
    """

    def __init__(
        self,
        model: Annotated[str, Path()],
        outliers: Annotated[int, Numeric(1, 60)] = 3,
        readings: Annotated[int, Numeric(1, 60)] = 10,
        quiet: Annotated[int, Numeric(1, 3600)] = 10,
        victims: dict[Annotated[str, LabelName()], str] | None = None,
    ) -> None:
        if outliers > readings:
            raise ValidationError(f"outliers: {outliers} of readings: {readings} can never be")
        self._path = model
        self._outliers, self._readings, self._quiet = outliers, readings, quiet
        self._victims = LabelPatterns(victims, "victims") if victims else None
        self._working: tuple[ModelNorms, Examiner] | None = None

    def check(self) -> list[str]:
        """What is wrong with the model on this machine."""
        try:
            read_model(self._path)
        except ValidationError as error:
            return [f"model: {error}"]
        return []

    def start(self) -> None:
        """Read the model.

        Raises:
            StartError: it cannot be used.
        """
        try:
            model = read_model(self._path)
        except ValidationError as error:
            raise StartError(f"ModelDetector cannot use its model: {error}") from None
        norms, parameters = ModelNorms(model), model.parameters
        confirmation = Confirmation(self._outliers, self._readings, parameters.min_cpu)
        self._working = (
            norms,
            Examiner(norms, parameters.application_label, confirmation, self._quiet, self._victims),
        )

    def detect(
        self, platform: Platform, tasks_data: TasksData
    ) -> tuple[Sequence[Anomaly], Sequence[Metric]]:
        """Look at all tasks; see the class. Raises StartError before ``start``."""
        if self._working is None:
            raise StartError("ModelDetector has no model before it is started")
        norms, examiner = self._working
        anomalies = examiner.examine(platform, tasks_data)
        unjudged = Counter({_APPLICATION: 0, _LOAD: 0})
        for _, patient in examiner.patients:
            if not norms.knows(patient.application):
                unjudged[_APPLICATION] += 1
            elif patient.unjudged:
                unjudged[_LOAD] += 1
        metrics = list(examiner.metrics())
        for reason, count in unjudged.items():
            metrics.append(metric("interference_tasks_not_judged", count, {"reason": reason}))
        return anomalies, metrics
