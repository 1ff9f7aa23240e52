"""A storage that sends to a network: the target and the format are ours, delivery is WCA's."""

import socket

from wca.storage import Encoding, NetworkStorage, Parcel, Unavailable


class GraphiteStorage(NetworkStorage):
    """Sends metrics to Graphite in its plain text protocol.

    Args:
        host: where carbon listens.
        port: of its line receiver.
        timeout: seconds one attempt to send may take.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 2003, timeout: float = 5.0) -> None:
        super().__init__(
            CarbonTarget(host, port), lines, name=f"GraphiteStorage to {host}", timeout=timeout
        )


class CarbonTarget:
    """One TCP connection. All methods are called by one thread."""

    window = 1

    def __init__(self, host, port):
        self.address = (host, port)
        self.connection = None

    def open(self, timeout):
        self.close()
        try:
            self.connection = socket.create_connection(self.address, timeout)
        except OSError as error:
            raise Unavailable(f"no carbon at {self.address[0]}: {error}") from error

    def send(self, parcels, timeout):
        self.connection.settimeout(max(timeout, 0.01))
        try:
            for parcel in parcels:
                self.connection.sendall(parcel.body)
        except OSError as error:
            raise Unavailable(f"carbon at {self.address[0]} has gone: {error}") from error
        return [None] * len(parcels)

    def close(self, timeout=0.0):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def lines(metrics, now):
    """One line for each metric, all of a batch in one message."""
    text = "".join(
        f"{metric.name}{tags(metric.labels)} {metric.value} {int(metric.timestamp or now)}\n"
        for metric in metrics
    )
    return Encoding([Parcel(text.encode(errors="replace"), len(metrics), now)] if text else [])


def tags(labels):
    """Labels as Graphite has them: not empty, without spaces, ';' and a '~' in front."""
    clean = {key: "_".join(value.replace(";", " ").split()) for key, value in labels.items()}
    return "".join(f";{key}={value.lstrip('~') or '_'}" for key, value in clean.items())
