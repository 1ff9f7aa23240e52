"""The PMUs of this machine, as sysfs describes them.

A PMU is what can count: that of the CPUs, and those of memory controllers, links and caches. Each
says in ``format`` how its events are written, and in ``events`` which events it names itself
(Documentation/ABI/testing/sysfs-bus-event_source-devices-events).
"""

import difflib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from wca.errors import NotAvailable, TargetGone, ValidationError
from wca.linux.files import FileTree
from wca.linux.parse import Malformed, parse_cpu_list, parse_number
from wca.linux.perf.pmu_terms import FormatField, parse_format

__all__ = [
    "PMUS",
    "Encoding",
    "Pmu",
    "PmuEvent",
    "encode",
    "pmu_names",
    "read_pmu",
    "read_pmus",
]

log = logging.getLogger(__name__)

#: The folder that has one folder for each PMU.
PMUS = "/sys/bus/event_source/devices"

_WORDS = ("config", "config1", "config2")


@dataclass(frozen=True, slots=True)
class PmuEvent:
    """An event that the kernel itself names.

    Args:
        terms: what it is, such as ``event=0xcd,umask=0x1,ldat=3``.
        scale: the unit's worth of one count; None where the kernel gives none.
        unit: such as ``MiB`` or ``Joules``; empty where the kernel gives none.
    """

    terms: str
    scale: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Pmu:
    """One PMU.

    Args:
        name: of its folder, such as ``cpu``, ``cpu_atom`` or ``uncore_imc_0``.
        type: ``perf_event_attr.type`` of its events.
        cpus: for a PMU of a socket or die, the CPUs to open its events on, one for each of them
            (``cpumask``); for one of several kinds of CPUs, these CPUs (``cpus``); None: any CPU.
        formats: the fields by term.
        events: the events by name.
    """

    name: str
    type: int
    cpus: tuple[int, ...] | None = None
    formats: Mapping[str, FormatField] = field(default_factory=dict)
    events: Mapping[str, PmuEvent] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Encoding:
    """What the kernel is asked for one event.

    Args:
        type: ``perf_event_attr.type``.
        config: ``perf_event_attr.config``.
        config1: ``perf_event_attr.config1``.
        config2: ``perf_event_attr.config2``.
    """

    type: int
    config: int = 0
    config1: int = 0
    config2: int = 0


def encode(pmu: Pmu, terms: Mapping[str, int]) -> Encoding:
    """What the kernel is asked for an event of these terms.

    ``config``, ``config1`` and ``config2`` are terms of every PMU.

    Raises:
        ValidationError: the PMU has no such term, or a value does not fit into its bits.
    """
    words = dict.fromkeys(_WORDS, 0)
    for term, value in terms.items():
        place = pmu.formats.get(term)
        if place is None and term in _WORDS:
            place = FormatField(term, tuple(range(64)))
        if place is None:
            raise ValidationError(_unknown_term(pmu, term))
        if value >> len(place.bits):
            raise ValidationError(
                f"the term {term} of {pmu.name} has {len(place.bits)} bits, {value:#x} is too large"
            )
        words[place.word] |= place.place(value)
    return Encoding(pmu.type, **words)


def _unknown_term(pmu: Pmu, term: str) -> str:
    known = sorted({*pmu.formats, *_WORDS})
    near = difflib.get_close_matches(term, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
    return f"{pmu.name} has no term {term}, {hint}"


def pmu_names(files: FileTree) -> list[str]:
    """The names of all PMUs, sorted; empty where the kernel has no perf."""
    return list(files.listdir(PMUS))


def read_pmu(files: FileTree, name: str) -> Pmu:
    """Read what one PMU is.

    A field or event whose file cannot be understood is left out; a term or event that is asked for
    and was left out is refused by name.

    Raises:
        NotAvailable: there is no such PMU.
        Malformed: its type is no number, or its CPUs are no list.
    """
    folder = f"{PMUS}/{name}"
    try:
        type_ = parse_number(files.read(f"{folder}/type"))
        cpus = _text(files, f"{folder}/cpus")
        if cpus is None:
            cpus = _text(files, f"{folder}/cpumask")
        numbers = None if cpus is None else tuple(parse_cpu_list(cpus))
    except Malformed as malformed:
        raise Malformed(f"{folder}: {malformed}") from None
    except TargetGone:
        raise NotAvailable(f"{folder} is gone") from None
    return Pmu(name, type_, numbers, _read_formats(files, folder), _read_events(files, folder))


def read_pmus(files: FileTree, wanted: Callable[[str], bool] | None = None) -> Mapping[str, Pmu]:
    """Read the PMUs by name.

    One that cannot be understood is left out, with a line in the log.

    Args:
        files: where from.
        wanted: which names; all of them when left out. A large server has more than a hundred.
    """
    pmus = {}
    for name in pmu_names(files):
        if wanted is None or wanted(name):
            try:
                pmus[name] = read_pmu(files, name)
            except (NotAvailable, Malformed) as absent:
                log.warning("PMU %s is left out: %s", name, absent)
    return MappingProxyType(pmus)


def _read_formats(files: FileTree, folder: str) -> dict[str, FormatField]:
    formats = {}
    for term in files.listdir(f"{folder}/format"):
        try:
            formats[term] = parse_format(_text(files, f"{folder}/format/{term}") or b"")
        except Malformed:
            continue
    return formats


def _read_events(files: FileTree, folder: str) -> dict[str, PmuEvent]:
    """The events; beside ``name`` may stand ``name.scale``, ``name.unit`` and ``name.snapshot``."""
    events = {}
    for name in files.listdir(f"{folder}/events"):
        if "." in name:
            continue
        terms, scale, unit = (
            (_text(files, f"{folder}/events/{name}{end}") or b"").decode("ascii", "replace")
            for end in ("", ".scale", ".unit")
        )
        if terms:
            events[name] = PmuEvent(terms, _scale(scale), unit)
    return events


def _scale(text: str) -> float | None:
    """A positive number such as ``6.103515625e-5``; None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def _text(files: FileTree, path: str) -> bytes | None:
    try:
        return files.read(path).strip()
    except (NotAvailable, TargetGone):
        return None
