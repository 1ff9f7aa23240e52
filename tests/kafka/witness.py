"""A storage that says of each batch that the storages before it have taken it."""

import os

from wca.storage import Storage


class Witness(Storage):
    """Appends time and size of each batch to a file, in one write that a kill cannot undo.

    Behind another storage in a ``MultiStorage`` it is called when the ``store`` of that one has
    returned.

    Args:
        path: the file.
    """

    takes_batches = True

    def __init__(self, path: str) -> None:
        self.path = path

    def store(self, metrics):
        line = f"{round(metrics.timestamp * 1000)} {len(metrics)}\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
