"""What a run needs to ask a plugin: who asks, who keeps its state, who records it."""

from collections.abc import Mapping
from dataclasses import dataclass

from wca.audit.audit import Sink, Sinks
from wca.naming import named
from wca.recording.plugins import Plugin
from wca.runners.asking import AskAside, AskInTime, Listener
from wca.runners.detect import Detect
from wca.runners.engine import Engine
from wca.runners.keeper import Keeper
from wca.runners.recorder import Hears, Recorder, start_recorder
from wca.runners.records import Records
from wca.runners.views import Views

__all__ = ["Asked", "PluginOptions", "start_plugin", "start_records"]


@dataclass(frozen=True)
class PluginOptions:
    """Fields of a runner with a plugin.

    Args:
        interval: in seconds.
        labels: of every metric.
        state: file in which the plugin keeps what it has learned; None: in none.
        recording: file that takes what it sees and says; None: none does.
        recording_size: bytes from which on it takes no more.
    """

    interval: float
    labels: Mapping[str, str]
    state: str | None
    recording: str | None
    recording_size: int


@dataclass(frozen=True)
class Asked:
    """A plugin that has been started, and who asks it.

    Args:
        name: of the plugin, in reports and records.
        asks: with the loop waiting for the answer, or not.
        labels: of every metric.
        recorder: takes what it sees; None: nobody does.
    """

    name: str
    asks: AskInTime | AskAside
    labels: Mapping[str, str]
    recorder: Recorder | None

    def stage(self, views: Views, records: Sink | None) -> Detect:
        """The stage that asks it.

        Args:
            views: makes what it sees.
            records: takes a record of each anomaly; None: nobody does.
        """
        return Detect(
            views,
            self.asks,
            self.name,
            self.labels,
            aside=isinstance(self.asks, AskAside),
            records=records,
            recorder=self.recorder,
        )


def start_plugin(engine: Engine, plugin: Plugin, options: PluginOptions) -> Asked:
    """Start a plugin and what goes with it.

    Args:
        engine: of the run; it closes them.
        plugin: a detector or an allocator.
        options: of the runner.

    Raises:
        StartError: one of them cannot start.
    """
    ((name, _),) = named([plugin]).items()
    engine.lifecycle.start(plugin, name)
    key = plugin, options
    engine.end_other("plugin", key)  # nobody is asked while those go who listen to the answers
    keeper = _keeper(engine, plugin, options.state)
    recorder = _recorder(engine, plugin, options)

    def ask() -> Asked:
        listeners: list[Listener] = [] if keeper is None else [keeper]
        if recorder is not None:
            listeners.append(Hears(recorder, name))
        asks: AskInTime | AskAside
        if plugin.blocking:
            asks = AskAside(plugin, name, options.interval, engine.telemetry, listeners)
        else:
            monotonic = engine.clock.monotonic
            asks = AskInTime(plugin, name, options.interval, engine.telemetry, monotonic, listeners)
        engine.lifecycle.start(asks, name)
        return Asked(name, asks, options.labels, recorder)

    return engine.keep("plugin", key, ask)


def start_records(engine: Engine, path: str | None, size: int) -> Sink | None:
    """Open a file of records. Raises StartError.

    Args:
        engine: of the run; it closes it.
        path: of the file; None: there is none.
        size: bytes from which on it is put aside.

    Returns:
        What takes records, for the file and for whom the run has besides; None: nobody wants any.
    """
    shown = engine.decisions
    if path is None:
        return shown

    def start() -> Sink:
        records = Records(path, size, engine.telemetry)
        engine.lifecycle.start(records, "records")
        return records if shown is None else Sinks(records, shown)

    return engine.keep("records", (path, size, shown), start)


def _keeper(engine: Engine, plugin: Plugin, path: str | None) -> Keeper | None:
    """Who keeps the state of the plugin."""
    if path is None:
        return None

    def start() -> Keeper:
        keeper = Keeper(path, plugin, engine.telemetry, engine.clock.monotonic)
        engine.lifecycle.start(keeper, "state")
        return keeper

    return engine.keep("state", (plugin, path), start)


def _recorder(engine: Engine, plugin: Plugin, options: PluginOptions) -> Recorder | None:
    """Who records what the plugin sees and says."""
    path = options.recording
    if path is None:
        return None

    def start() -> Recorder:
        size = options.recording_size
        return start_recorder(path, engine, options.interval, options.labels, plugin, size=size)

    return engine.keep("recording", (plugin, options), start)
