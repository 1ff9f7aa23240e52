"""How a run is told to end, and whom it tells how it is."""

import threading

from wca.runners.api import Configurations
from wca.runners.stop import StopEvent
from wca.supervisor import Supervisor

__all__ = ["Control"]


class Control:
    """What others say to a run, before it and during it.

    Args:
        wake: lets the loop look what there is to do.
        stop: ends the run; it wakes the loop as well.
        end: monotonic time until which everything is to be closed; None: nobody said.
        iterations: after which the run ends by itself; None: it does not.
        exit_expected: the program ends with the run, see ``StopSignals``.
        fingerprint: of the configuration; None: nobody said.
        configuration: path of the file that describes the run; None: nobody said.
        supervisor: hears that the run has started, that it moves on, and that it ends.
        configurations: where the next configuration comes from; None: there is none.
        begun: set when the run can be told to go over to it, and when it has ended.
    """

    def __init__(self) -> None:
        self.wake = threading.Event()
        self.stop = StopEvent(self.wake)
        self.end: float | None = None
        self.iterations: int | None = None
        self.exit_expected = False
        self.fingerprint: str | None = None
        self.configuration: str | None = None
        self.supervisor = Supervisor()
        self.configurations: Configurations | None = None
        self.begun = threading.Event()
