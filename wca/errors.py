"""Every exception that WCA raises on purpose.

::

    WcaError
     +- ConfigLoadError              a configuration file, with all its problems (exit code 1)
     +- ValidationError (ValueError) one value that its annotation or constructor refuses
     +- StartError                   a component cannot start; says what to do   (exit code 1)
     +- UsageError                   the command line, or how it was run         (exit code 2)
     +- NotAvailable                 a source of numbers this machine lacks: a state
     +- TargetGone                   what was read has vanished: costs its sample
     +- Exhausted                    the machine has none left of what is needed, for now
     +- TaskSynchronizationException the list of tasks could not be had this time
     +- FailedDeliveryException      a storage could not deliver a batch

Those of one package stand there: ``wca.databases`` has ``DatabaseError`` and ``InvalidKey``.
Catch the broad class or the narrow one; anything else that escapes a plugin is a defect of the
plugin, is counted and logged by the loop, and never ends the agent.
"""

__all__ = [
    "PLUGIN_ERRORS",
    "ConfigLoadError",
    "Exhausted",
    "FailedDeliveryException",
    "NotAvailable",
    "Postponed",
    "StartError",
    "TargetGone",
    "TaskSynchronizationException",
    "UsageError",
    "ValidationError",
    "WcaError",
]


#: What a part that may be anyone's can raise without ending the agent. SystemExit is among them: a
#: storage that calls ``sys.exit()`` is as broken as one that divides by zero.
PLUGIN_ERRORS = (Exception, SystemExit)


class WcaError(Exception):
    """The root of the tree above."""


class ConfigLoadError(WcaError):
    """A configuration that cannot be used.

    Args:
        problems: one line each, ``file:line:column: path: what is wrong, what to write``.
    """

    def __init__(self, problems: list[str] | str) -> None:
        self.problems: list[str] = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class ValidationError(WcaError, ValueError):
    """One value that is refused; the message says what would be accepted."""


class StartError(WcaError):
    """A component that cannot start here; the message is a sentence that says what to do."""


class UsageError(WcaError):
    """The agent was called in a way it refuses; the message says how to call it."""


class NotAvailable(WcaError):  # noqa: N818 - a state, not an error: it is named for what it says
    """This machine or task has no such source of numbers.

    Args:
        reason: a short sentence for the log and the status, such as
            ``no PSI: the kernel was booted with psi=0``.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class TargetGone(WcaError):  # noqa: N818 - named for what happened, as the contract prints it
    """What was being read has ceased to exist (ENODEV, ESRCH, ENOENT)."""


class Exhausted(WcaError):  # noqa: N818 - a state that passes, named for what it says
    """There is none left of what is needed, such as descriptors; the text says why and what helps.

    It is tried again: others may give theirs back.
    """


class TaskSynchronizationException(WcaError):  # noqa: N818 - public name of the first release
    """A node could not list its tasks this time; the last known list stays in use."""


class FailedDeliveryException(WcaError):  # noqa: N818 - public name of the first release
    """A storage could not deliver the metrics it was given."""


class Postponed:
    """An error that is raised after what could still be done has been done.

    A variable that holds an error and is still there when that is raised is held by its traceback:
    a cycle, which keeps everything that all callers were working on until Python looks for cycles.
    """

    __slots__ = ("_error",)

    def __init__(self) -> None:
        self._error: BaseException | None = None

    def keep(self, error: BaseException) -> None:
        """Raise this one later; of several the last."""
        self._error = error

    def raise_kept(self) -> None:
        """Raise what was kept, if anything was, and hold it no longer."""
        if self._error is None:
            return
        error, self._error = self._error, None
        try:
            raise error
        finally:
            del error
