"""A real Alertmanager of Debian's package, on loopback, in a folder of its own."""

import contextlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.request

from tests.services import free_port, program

#: It tells a webhook at once what it has been told; it forgets nothing of itself for an hour.
CONFIG = """
global: {{resolve_timeout: 1h}}
route: {{receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
- name: hook
  webhook_configs: [{{url: '{url}', send_resolved: true, max_alerts: 0}}]
"""


class Alertmanager:
    """One server; a context manager.

    Args:
        folder: for its configuration, data and log.
        hook: URL of a receiver that it tells.
    """

    def __init__(self, folder, hook):
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "alertmanager.yml").write_text(CONFIG.format(url=hook))

    def __enter__(self):
        binary = program("prometheus-alertmanager", package="prometheus-alertmanager")
        with (self.folder / "alertmanager.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    binary,
                    f"--config.file={self.folder / 'alertmanager.yml'}",
                    f"--storage.path={self.folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, "GOMAXPROCS": "1"},
            )
        try:
            self.wait_for(lambda: self.alerts() is not None)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait(30)

    def wait_for(self, condition, seconds=20):
        """Wait until something holds; what it is."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if found := condition():
                    return found
            time.sleep(0.1)
        log = (self.folder / "alertmanager.log").read_text(errors="replace")
        raise AssertionError(f"it did not happen within {seconds} s:\n{log[-2000:]}")

    def alerts(self):
        """Alerts that it takes to be active."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=5) as answer:
            return json.load(answer)
