"""Going over to another configuration between two intervals, as a whole or not at all."""

import logging
import threading
from typing import Any, Protocol

from wca.config.loader import Loaded
from wca.errors import PLUGIN_ERRORS, ConfigLoadError, StartError
from wca.runners.api import Configurations
from wca.runners.assembly import Assembly, Measures
from wca.runners.engine import Engine
from wca.runners.state_line import Reloaded
from wca.supervisor import Supervisor

__all__ = ["Reload", "Succeeds"]

log = logging.getLogger(__name__)

#: Seconds for closing what the new configuration does not have; as at the end of a run.
_CLOSE = 0.8


class Succeeds(Measures, Protocol):
    """A runner that another one may follow."""

    def refuses(self, successor: Any) -> str:
        """Why the next runner cannot follow this one, and what to do; empty: it can."""

    def succeed(self, before: Any) -> None:
        """Take over what the runner before has made itself, where it would be made alike."""

    def outcome(self) -> int:
        """The exit code, once everything is closed."""


class Reload:
    """Loads the next configuration on the thread that asks for it; the loop then goes over to it.

    Args:
        runner: of now.
        assembly: does what a runner says.
        engine: the services of the run.
        configurations: where the next one comes from.
        supervisor: is told that the configuration is looked at, and when that is over.
        reloaded: takes what becomes of it.
    """

    def __init__(
        self,
        runner: Succeeds,
        assembly: Assembly,
        engine: Engine,
        configurations: Configurations,
        supervisor: Supervisor,
        reloaded: Reloaded,
    ) -> None:
        #: Whose run it is now.
        self.runner = runner
        self._assembly = assembly
        self._engine = engine
        self._configurations = configurations
        self._supervisor = supervisor
        self._reloaded = reloaded
        self._wake = assembly.between(self._change_now)
        self._next: Loaded | None = None
        self._done = threading.Event()
        self._ended = False

    def request(self) -> None:
        """Go over to what the configuration says now; returns when that is done, or refused."""
        self._supervisor.reloading()
        self._done.clear()
        loaded, problems = self._loaded()
        if loaded is None:
            self._refuse(problems)
            return
        self._next = loaded
        if not self._ended:
            self._wake()
            self._done.wait()

    def end(self) -> None:
        """Nothing is changed any more; who waits for a change does not wait any longer."""
        self._ended = True
        self._done.set()

    def _loaded(self) -> tuple[Loaded | None, list[str]]:
        """What can be gone over to, or why nothing can."""
        try:
            loaded = self._configurations.next()
        except ConfigLoadError as error:
            return None, error.problems
        except PLUGIN_ERRORS as error:  # a plugin's own module may do what it likes when imported
            return None, [f"{type(error).__name__}: {error}"]
        refusal = self.runner.refuses(loaded.runner)
        return (None, [refusal]) if refusal else (loaded, [])

    def _change_now(self) -> None:
        """Between two iterations, on the loop's thread: go over to what was loaded.

        Raises:
            StartError: neither can be used, the next one nor the one before it.
        """
        loaded, self._next = self._next, None
        if loaded is None:
            return
        try:
            self._change(loaded)
        finally:
            self._done.set()

    def _change(self, loaded: Loaded) -> None:
        try:
            self._go_over(loaded)
        except StartError as error:
            try:
                again = self._configurations.again(self._engine.lifecycle.works)
                self._go_over(again, anew=True)
            except (StartError, ConfigLoadError) as second:
                raise StartError(
                    f"{error}; and what ran before cannot start again: {second}"
                ) from second
            self._refuse([str(error)])
        else:
            self._reloaded.note(successful=True)
            self._supervisor.ready("measuring with the new configuration")
            log.info("the configuration was taken over")

    def _go_over(self, loaded: Loaded, *, anew: bool = False) -> None:
        runner = loaded.runner
        if runner is not self.runner:
            runner.succeed(self.runner)
        if runner is not self.runner or anew:
            kept = {id(one) for one in loaded.components}
            self._engine.renew(lambda component: id(component) in kept)
            try:
                self._assembly.use(runner)
            except StartError:
                raise
            except PLUGIN_ERRORS as error:
                raise StartError(f"{type(runner).__name__}: {error}") from error
            self._engine.close_unused(_CLOSE)
        self.runner = runner
        self._engine.fingerprint = loaded.fingerprint()
        self._configurations.settle(loaded)

    def _refuse(self, problems: list[str]) -> None:
        for problem in problems:
            log.error("reload: %s", problem)
        log.error("the configuration from before stays in force")
        self._reloaded.note(successful=False)
        self._supervisor.ready("measuring; the configuration file could not be taken over")
