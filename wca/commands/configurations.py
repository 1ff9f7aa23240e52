"""The configurations of one run of ``wca run``: the file as it is now, and as it was."""

from collections.abc import Callable

from wca.config.loader import Loaded, load_again, load_config
from wca.config.registry import Registry
from wca.logger import LogLevels
from wca.runners import Runner
from wca.runners.api import Configured

__all__ = ["Configurations"]


class Configurations:
    """Loads a file again and again; components that are the same in both stay the same objects.

    Args:
        path: of the file.
        registry: which class a tag names.
        levels: of the log, which the file may set.
        prepare: is given each runner before it is used.

    Raises:
        ConfigLoadError: with all problems of the file.
    """

    def __init__(
        self,
        path: str,
        registry: Registry,
        levels: LogLevels,
        prepare: Callable[[Runner], None],
    ) -> None:
        self._path = path
        self._registry = registry
        self._levels = levels
        self._prepare = prepare
        self._now = load_config(path, registry, here=True)
        self.settle(self._now)
        if isinstance(self._now.runner, Configured):
            self._now.runner.configured_by(self._now.fingerprint())
        prepare(self._now.runner)

    @property
    def runner(self) -> Runner:
        """That of now."""
        runner: Runner = self._now.runner
        return runner

    def next(self) -> Loaded:
        """What the file describes now. Raises ConfigLoadError."""
        return self._prepared(load_config(self._path, self._registry, here=True, before=self._now))

    def again(self, works: Callable[[object], bool]) -> Loaded:
        """What was settled last, once more, with those of its components that work."""
        return self._prepared(load_again(self._now, works, self._registry))

    def settle(self, loaded: Loaded) -> None:
        """This is what is done from now on."""
        self._now = loaded
        self._levels.use(loaded.loggers)

    def _prepared(self, loaded: Loaded) -> Loaded:
        if loaded.runner is not self._now.runner:
            self._prepare(loaded.runner)
        return loaded
