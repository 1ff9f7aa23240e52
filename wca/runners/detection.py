"""``DetectionRunner``: measures, and asks a detector what is wrong."""

from typing import Annotated, Any

from wca.config.inherited import takes_fields_of
from wca.config.types import Path, Size
from wca.detectors import AnomalyDetector
from wca.detectors.calling import UsableDetector
from wca.errors import ValidationError
from wca.runners.detect import Detect
from wca.runners.engine import Engine
from wca.runners.keeper import state_problems
from wca.runners.measurement import MeasurementRunner
from wca.runners.measuring import Granularity, Measuring
from wca.runners.plugins import PluginOptions, start_plugin, start_records
from wca.runners.stages import ANOMALIES, METRICS, Stage, Store
from wca.runners.views import views_of
from wca.storage import LogStorage, Storage
from wca.storage.outputs import AppendedFile

__all__ = ["DetectionRunner"]

#: Bytes from which on a file of records is put aside.
RECORDS_SIZE = 10 << 20


class DetectionRunner(MeasurementRunner):
    """Measures as MeasurementRunner does and asks a detector, once per interval, what is wrong.

    It has all fields of MeasurementRunner; they may stand below ``measurement_runner:
    !MeasurementRunner`` as well.

    Args:
        detector: finds anomalies in what was measured.
        anomalies_storage: where anomalies go, with the detector's own metrics and their count; the
            storage of ``metrics_storage`` gets one batch with all of it. Standard output when left
            out.
        records: a file that takes one line of JSON for each anomaly when it begins, with the
            evidence for it; none: no records are kept.
        records_size: size from which on that file is renamed to ``NAME.1``, and a new one begun.
        state: a file in which the detector keeps what it has learned over a restart, where it has
            something to keep: read at the start, written every five minutes and at the end.
        granularity: as of MeasurementRunner, but not ``container``: a detector needs the numbers of
            each task as a whole. With ``both`` it has those of the containers besides.
    """

    _STORAGES = _DEFAULTED = ("metrics_storage", "anomalies_storage")

    @takes_fields_of(MeasurementRunner)
    def __init__(
        self,
        detector: Annotated[AnomalyDetector, UsableDetector()],
        anomalies_storage: Storage | None = None,
        records: Annotated[str, Path()] | None = None,
        records_size: Annotated[int, Size(4096, None)] = RECORDS_SIZE,
        state: Annotated[str, Path()] | None = None,
        granularity: Granularity = Granularity.POD,
        **options: Any,
    ) -> None:
        super().__init__(granularity=granularity, **options)
        UsableDetector().check(detector)
        if self.granularity is Granularity.CONTAINER:
            raise ValidationError(
                "granularity: container leaves the detector without the numbers of tasks that have "
                "containers: write both"
            )
        self.detector = detector
        # One standard output, where both are left out.
        shared = self.has_made(self.metrics_storage)
        made: Storage = self.metrics_storage if shared else LogStorage()
        self.anomalies_storage = self._default(made, anomalies_storage)
        self.records = records
        self.records_size = records_size
        self.state = state

    def check(self) -> list[str]:
        """What keeps this machine from giving what the options ask for."""
        records = [] if self.records is None else AppendedFile(self.records).problems()
        state = [] if self.state is None else state_problems(self.state)
        return [
            *super().check(),
            *(f"records: {problem}" for problem in records),
            *(f"state: {problem}" for problem in state),
        ]

    def stages_after_export(self, engine: Engine, measuring: Measuring) -> list[Stage]:
        """Store the metrics, ask the detector, store the anomalies."""
        metrics = engine.outlet(self.metrics_storage, "metrics_storage")
        anomalies = engine.outlet(self.anomalies_storage, "anomalies_storage")
        detect = self._detect(engine, measuring)
        if anomalies is metrics:
            return [detect, Store(metrics, METRICS, ANOMALIES)]
        return [Store(metrics, METRICS), detect, Store(anomalies, ANOMALIES)]

    def _detect(self, engine: Engine, measuring: Measuring) -> Detect:
        options = PluginOptions(
            self.interval,
            self.common_labels(engine),
            self.state,
            self.recording,
            self.recording_size,
        )
        asked = start_plugin(engine, self.detector, options)
        records = start_records(engine, self.records, self.records_size)
        return engine.keep(
            "detection",
            (asked, records),
            lambda: asked.stage(views_of(engine, measuring), records),
        )
