"""What an agent has learned before a run: of recordings of quiet time, by replay."""

import json
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from wca.commands.plugin import plugin_of
from wca.detectors.api import Stateful
from wca.recording import read_recording
from wca.recording.replay import replay

__all__ = ["learn"]

#: Of files with a state, as the agent reads them.
_VERSION = 1


def learn(config: Path, recordings: Iterable[Path], state: Path) -> None:
    """Make the state that the allocator of a configuration has after recordings.

    Args:
        config: of the agent.
        recordings: in their order.
        state: the file that the agent will begin with; there is none when it keeps none.
    """
    state.unlink(missing_ok=True)
    with plugin_of(Namespace(config=str(config), register=[])) as plugin:
        if not isinstance(plugin, Stateful):
            return
        for recording in recordings:
            for _ in replay(read_recording(str(recording)), plugin):
                pass
        content = {
            "version": _VERSION,
            "detector": type(plugin).__name__,
            "state": plugin.dump_state(),
        }
    state.write_text(json.dumps(content))
