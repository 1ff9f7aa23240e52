"""The environment variables that the agent reads, and what they mean.

=================  ============================================================================
``PYTHONPATH``     folders in which ``--register`` finds plugin modules
``PEX_PATH``       pex files whose modules ``--register`` finds, their dependencies included
``NOTIFY_SOCKET``  where systemd wants to hear that the agent has started, and how it is
``WATCHDOG_USEC``  microseconds within which it wants a sign of life
``WATCHDOG_PID``   the process from which
=================  ============================================================================

``!Env`` in a configuration file reads whatever it names; nothing else reads any.
"""

import importlib
import os
import sys
from collections.abc import Mapping

from wca.supervisor import Supervisor

__all__ = ["extend_import_path", "plugin_entries", "supervisor"]


def plugin_entries(environment: Mapping[str, str]) -> list[str]:
    """The import path entries that PYTHONPATH and PEX_PATH name, in this order."""
    entries = [
        entry
        for variable in ("PYTHONPATH", "PEX_PATH")
        for entry in environment.get(variable, "").split(os.pathsep)
        if entry
    ]
    return [os.path.abspath(entry) for entry in entries]


def extend_import_path() -> None:
    """Make plugin modules importable from inside the pex, which ignores PYTHONPATH.

    They come last, so that a plugin's folder can shadow nothing of ours. A namespace package is the
    exception, it loses to a plain module anywhere on the path: ours is imported before.
    """
    importlib.import_module("ruamel")
    sys.path.extend(entry for entry in plugin_entries(os.environ) if entry not in sys.path)


def supervisor() -> Supervisor:
    """Whoever has started this process and wants to hear how it is; else nobody."""
    return Supervisor.from_environment(os.environ)
