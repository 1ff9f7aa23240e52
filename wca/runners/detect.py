"""The stage that asks a detector and turns what it says into metrics and records."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Protocol

from wca.audit.audit import Sink
from wca.detectors.encoding import Described, labelled, record_of
from wca.metrics import Metric
from wca.metrics.batch import Batch
from wca.runners.asking import Said
from wca.runners.columns import Columns, catalogued
from wca.runners.recorder import Recorder
from wca.runners.stages import Sample
from wca.runners.views import View, Views

__all__ = ["Detect"]


class Asks(Protocol):
    """Asks a detector, in one way or another."""

    def ask(self, view: View) -> Said | None:
        """What it says, about this interval or an earlier one; None: nothing."""


class Detect:
    """Fills ``anomalies`` of the sample.

    Args:
        views: makes what the detector sees.
        asks: gives what it says.
        detector: its name, in reports and records.
        common_labels: labels of every metric; they win over a task's own.
        aside: whether what the detector says may be about an earlier interval.
        records: takes a record of each anomaly that begins; None: nobody does.
        recorder: takes what the detector sees; None: nobody does.

    Attributes:
        view: what was shown in this interval; None: nothing was.
    """

    name = "detection"

    def __init__(
        self,
        views: Views,
        asks: Asks,
        detector: str,
        common_labels: Mapping[str, str],
        *,
        aside: bool = False,
        records: Sink | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._views = views
        self._asks = asks
        self._detector = detector
        self._common = dict(common_labels)
        self._aside = aside
        self._records = records
        self._recorder = recorder
        self._said: Said | None = None
        self._taken: Said | None = None
        self.view: View | None = None
        self._lasting: frozenset[Hashable] = frozenset()
        self._count = 0
        self._last_occurrence: float | None = None
        self._columns = Columns()

    def run(self, sample: Sample) -> None:
        """Ask, and describe the answer; without one only the counters are exported."""
        self.view = self._said = None  # whatever fails, nobody takes those of before for new
        view = self.view = self._views.of(sample)
        if self._recorder is not None:
            self._recorder.see(view, self._views.copied(view), asked=True)
        said = self._said = self._asks.ask(view)
        if said is not self._taken:
            self._taken = said
            self._take(said)
        metrics: list[Metric] = []
        if said is not None:
            metrics = labelled(said.described, said.view.tasks) + said.answer.metrics
        self._export([*metrics, *self._statistics(sample)], sample.anomalies)

    @property
    def said(self) -> Said | None:
        """The answer of this interval, about it or an earlier one; None: there is none."""
        return self._said

    def _take(self, said: Said | None) -> None:
        """A new answer: count its anomalies and record those that were not in the one before.

        Without an answer nobody knows whether anything has ended: it lasts until the next one.
        """
        if said is None:
            return
        found = said.described
        before, self._lasting = self._lasting, frozenset(one.key for one in found)
        if not found:
            return
        self._count += len(found)
        self._last_occurrence = said.view.platform.timestamp
        for one in {one.key: one for one in found}.values():
            if self._records is not None and one.key not in before:
                self._records.add(self._record(one, said.view))

    def _record(self, one: Described, view: View) -> dict[str, object]:
        timestamp = view.platform.timestamp
        return record_of(one, view.tasks, timestamp, self._detector, self._common)

    def _statistics(self, sample: Sample) -> list[Metric]:
        values: dict[str, float] = {"anomaly_count": self._count}
        if self._last_occurrence is not None:
            values["anomaly_last_occurrence"] = self._last_occurrence
        if self._aside and self._said is not None:
            age = sample.monotonic - self._said.view.platform.monotonic
            values["anomaly_answer_age_seconds"] = age
        return [catalogued(name, value) for name, value in values.items()]

    def _export(self, metrics: Sequence[Metric], out: Batch) -> None:
        out.common = self._common
        self._columns.add(metrics, self._common, out)
