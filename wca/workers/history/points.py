"""What a history keeps of a sample."""

import math

from wca.workers.model import Gone, HistoryPoint, InstanceState, Sample

__all__ = ["point_of"]


def point_of(sample: Sample) -> HistoryPoint:
    """Time, state and the readings that had a value, those of parts such as disks on their own.

    An instance that EC2 does not know any more was terminated; of one that could not be asked the
    state is unknown.
    """
    values = {
        name: value
        for name, reading in sample.readings.items()
        for name, value in reading.named(name).items()
        if math.isfinite(value)
    }
    return HistoryPoint(sample.at, _state(sample), values)


def _state(sample: Sample) -> InstanceState:
    if sample.status is None:
        return InstanceState.UNKNOWN
    if isinstance(sample.status, Gone):
        return InstanceState.TERMINATED
    return sample.status.state
