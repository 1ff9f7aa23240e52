"""The status page of a run: what is said in it, who keeps it up to date, who shows it."""

import os
import socket
from collections.abc import Callable, Mapping
from typing import Any

from wca.runners.engine import Engine
from wca.runners.measuring import Granularity, Measuring
from wca.status.decisions import Decisions
from wca.status.pages import StatusPages
from wca.status.status import Status
from wca.version import __version__

__all__ = ["status_pages"]


def status_pages(
    engine: Engine,
    measuring: Measuring,
    facts: Callable[[], Mapping[str, Any]],
    granularity: Granularity,
) -> StatusPages:
    """The page; from now on, what is found and decided is remembered for it.

    Args:
        engine: of the run.
        measuring: what measures.
        facts: gives what is said of the runner, on any thread.
        granularity: of what there are series.
    """
    decisions = engine.decisions = Decisions()
    started, since = engine.clock.now(), engine.clock.monotonic()
    host, process = socket.gethostname(), os.getpid()

    def of_agent() -> dict[str, Any]:
        return {
            "version": __version__,
            "host": host,
            "process": process,
            "started": started,
            "uptime_seconds": engine.clock.monotonic() - since,
            **facts(),
        }

    stage = Status(
        of_agent,
        measuring,
        decisions,
        engine.telemetry,
        engine.clock,
        {"cpus": engine.platform.cpus, "cpu_model": engine.platform.cpu_model},
        by_container=granularity is Granularity.CONTAINER,
    )
    return StatusPages(stage)
