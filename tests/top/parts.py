"""Readings made by hand."""

from wca.top.model import Model
from wca.top.reading import Reading, Watched


def task(name, values=None, labels=None, task_id=None):
    return Watched(task_id or name, task_id or name, name, labels or {}, dict(values or {}))


def reading(*tasks, at=0.0, machine=None, **others):
    return Reading(1_700_000_000.0 + at, at, "here", tasks, dict(machine or {}), **others)


def snapshot(*tasks, **others):
    return Model().take(reading(*tasks, **others))


def after_a_second(before, after, **others):
    """The snapshot of the second of two readings of one task, a second apart."""
    model = Model()
    model.take(reading(task("a", before), machine=others.get("machine_before")))
    return model.take(reading(task("a", after), at=1.0, machine=others.get("machine")))
