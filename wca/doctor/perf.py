"""Whether perf events can be counted: one of the kernel and one of the CPU are tried."""

from collections.abc import Callable, Iterator, Sequence

from wca.doctor.findings import Finding
from wca.linux.files import Kernel
from wca.linux.perf.counting import PerfGroup
from wca.linux.perf.events import PerfEvent, parse_event
from wca.linux.perf.refusals import is_strictest, paranoid, perf_refusal

__all__ = ["perf_findings"]

Open = Callable[[Sequence[PerfEvent], int | None, int], PerfGroup]
_KINDS = (
    ("perf events of the kernel", "task_context_switches"),
    ("perf events of the CPU", "task_cycles"),
)


def perf_findings(kernel: Kernel, open_group: Open = PerfGroup.open) -> Iterator[Finding]:
    """One of each kind is opened on the first CPU, and closed.

    Args:
        kernel: tells the setting that says who may count.
        open_group: opens events, as ``PerfGroup.open`` does.
    """
    for subject, event in _KINDS:
        yield _tried(subject, event, kernel, open_group)


def _tried(subject: str, event: str, kernel: Kernel, open_group: Open) -> Finding:
    try:
        group = open_group([parse_event(event)], None, 0)
    except OSError as error:
        refusal = perf_refusal(error, kernel)
        if refusal is None:
            return Finding.gap(subject, f"this CPU, or virtual machine, does not count {event}")
        if "CAP_PERFMON" not in str(refusal):
            return Finding.gap(subject, str(refusal))
        return _refused(subject, paranoid(kernel))
    group.close()
    return Finding.there(subject, f"{event} can be counted")


def _refused(subject: str, setting: str) -> Finding:
    remedy = "give the agent CAP_PERFMON, as wca.service does"
    if is_strictest(setting):
        remedy = f"sysctl kernel.perf_event_paranoid=2, and {remedy}"
    return Finding.gap(
        subject,
        f"refused (perf_event_paranoid is {setting})",
        f"{remedy}, or: sysctl kernel.perf_event_paranoid=0",
    )
