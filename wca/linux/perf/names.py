"""What the names of perf events in a configuration mean on this machine.

====================================  ===========================================================
written                               what it is
====================================  ===========================================================
``task_cycles``                       an event of ``wca.linux.perf.events``, the same everywhere
``task_mem_inst_retired_loads``       an event of the tables of ``wca.linux.perf.tables``
``name__rEEUUCC``                     a raw event
``mem-loads``                         one that the kernel names in the ``events`` of the CPUs' PMU
``cpu_atom/mem-loads/``               the same, of this PMU alone
``cpu/event=0xd1,umask=0x20,name=x/`` terms of this PMU; ``name`` is the name of the metric
====================================  ===========================================================

The metric of ``mem-loads`` is ``task_mem_loads``, that of ``cpu_atom/mem-loads/`` is
``task_cpu_atom_mem_loads``. A short name whose metric is one of the first kind means that event:
``cycles`` is ``task_cycles``.
"""

import difflib
import re
from dataclasses import dataclass, replace

from wca.errors import ValidationError
from wca.linux.perf.cpu_model import CpuModel, event_family
from wca.linux.perf.events import KNOWN_EVENTS, PerfEvent, parse_event
from wca.linux.perf.pmu import Encoding, Pmu, encode
from wca.linux.perf.pmu_terms import parse_terms
from wca.linux.perf.tables import CORE_EVENTS, CORE_NAMES, TableEvent

__all__ = ["LONGEST_NAME", "METRIC_NAME", "check_name", "metric_part", "resolve_event"]
__all__ += ["split_name", "table_event"]

_SHORT = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]*", re.ASCII)
_PMU = re.compile(r"[a-zA-Z][a-zA-Z0-9_.:-]*", re.ASCII)
_FORMS = "write one of docs/metrics.md, name__rEEUU, or pmu/event/ with an event of this machine"
#: What the name of a metric may be, and how long the name of an event.
METRIC_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class _Written:
    """A name taken apart.

    Args:
        metric: the name of its metric.
        pmu: whose event it is; empty for that of the CPUs.
        event: the kernel's name of it; empty where ``terms`` says what it is.
        terms: of ``pmu``, without ``name``.
    """

    metric: str
    pmu: str = ""
    event: str = ""
    terms: str = ""


def check_name(name: str) -> str:
    """The name of the metric of an event, from what is written alone.

    Raises:
        ValidationError: it can be no event on any machine; says what to write.
    """
    return _take_apart(name).metric


def resolve_event(name: str, pmu: Pmu | None, model: CpuModel | None) -> PerfEvent:
    """The event of a name on CPUs of one kind.

    Args:
        name: what is written in the configuration.
        pmu: that of the CPUs; None where the kernel names none.
        model: the processor; None: not known.

    Returns:
        The event, under the name of its metric. A generic or raw event is the same for every PMU.

    Raises:
        ValidationError: the CPUs have no such event; says which is near.
    """
    written = _take_apart(name)
    if written.metric in KNOWN_EVENTS:
        return KNOWN_EVENTS[written.metric]
    if "__r" in name and "/" not in name:
        return parse_event(name)
    if pmu is None:
        raise ValidationError(f"perf event {name!r}: the kernel knows no counters of these CPUs")
    try:
        encoding = _encoding(name, written, pmu, model)
    except ValidationError as refused:
        raise ValidationError(f"perf event {name!r}: {refused}") from None
    words = (encoding.config, encoding.config1, encoding.config2)
    event = PerfEvent(written.metric, encoding.type, words[0])
    return replace(event, config1=words[1], config2=words[2])


def table_event(name: str, model: CpuModel | None) -> TableEvent | None:
    """How the processor's family counts an event of the tables; None: the name is not in its table.

    Its ``note`` says how that differs from the help of the metric.
    """
    return CORE_EVENTS.get(event_family(model) or "", {}).get(name)


def metric_part(name: str) -> str:
    """A name of the kernel's as a part of a metric's name."""
    return re.sub(r"[^a-z0-9_]", "_", name.lower())


def split_name(terms: str) -> tuple[str, str]:
    """The terms without ``name=``, and the name; both may be empty."""
    parts = [part.strip() for part in terms.split(",")]
    names = [part.removeprefix("name=") for part in parts if part.startswith("name=")]
    rest = ",".join(part for part in parts if not part.startswith("name="))
    return rest, names[-1] if names else ""


def _take_apart(name: str) -> _Written:
    if name in KNOWN_EVENTS or name in CORE_NAMES:
        return _Written(name)
    if "/" in name:
        return _with_pmu(name)
    if "__r" in name:
        return _Written(parse_event(name).name)
    if not _SHORT.fullmatch(name) or len(name) > LONGEST_NAME or name.startswith("task_"):
        raise ValidationError(f"there is no perf event {name[:LONGEST_NAME]!r}{_near(name)}")
    return _Written(f"task_{metric_part(name)}", event=name)


def _with_pmu(name: str) -> _Written:
    pmu, _, rest = name.partition("/")
    text, slash, behind = rest.partition("/")
    if not _PMU.fullmatch(pmu) or not text or not slash or behind or len(name) > LONGEST_NAME:
        raise ValidationError(
            f"there is no perf event {name[:LONGEST_NAME]!r}: one of a PMU is written pmu/event/"
        )
    if "=" not in text and _SHORT.fullmatch(text):
        return _Written(f"task_{metric_part(pmu)}_{metric_part(text)}", pmu, text)
    terms, metric = split_name(text)
    if not METRIC_NAME.fullmatch(metric):
        raise ValidationError(
            f"perf event {name!r}: add ,name= with the name of its metric, of letters, digits "
            "and '_'"
        )
    parse_terms(terms)
    return _Written(metric, pmu, terms=terms)


def _encoding(name: str, written: _Written, pmu: Pmu, model: CpuModel | None) -> Encoding:
    if written.pmu and written.pmu != pmu.name:
        raise ValidationError(f"these CPUs have the PMU {pmu.name}, not {written.pmu}")
    if written.terms:
        return encode(pmu, parse_terms(written.terms))
    if written.event:
        event = pmu.events.get(written.event)
        if event is None:
            raise ValidationError(
                f"{pmu.name} has no event {written.event}" + _events_of(pmu, name)
            )
        return encode(pmu, parse_terms(event.terms))
    entry = table_event(name, model)
    if entry is None:
        raise ValidationError(_not_in_table(model))
    return encode(pmu, entry.terms)


def _events_of(pmu: Pmu, name: str) -> str:
    known = [*pmu.events, *(name.removeprefix("task_") for name in KNOWN_EVENTS)]
    near = difflib.get_close_matches(name.split("/")[-2] if "/" in name else name, known, n=3)
    return f", did you mean {' or '.join(near)}?" if near else ""


def _not_in_table(model: CpuModel | None) -> str:
    family = event_family(model)
    if family is not None:
        return f"the processor's family {family} has no such event"
    if model is None:
        return "/proc/cpuinfo does not tell which processor this is"
    return (
        f"there is no table of events for {model.vendor} family {model.family} model {model.model}"
    )


def _near(name: str) -> str:
    near = difflib.get_close_matches(name[:100], [*KNOWN_EVENTS, *CORE_NAMES], n=1)
    return f", did you mean {near[0]}?" if near else f"; {_FORMS}"
