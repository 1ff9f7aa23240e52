"""kafka-python's producer, given up when we say so. Imports kafka: to be imported where it is used.

What is overridden works on the protected members of kafka-python 3.0; tests/kafka tells when a new
version breaks it.
"""

from typing import Any

from kafka import KafkaProducer  # type: ignore[import-untyped]
from kafka.net.compat import KafkaNetClient  # type: ignore[import-untyped]

__all__ = ["Producer"]


class Producer(KafkaProducer):  # type: ignore[misc]  # kafka-python has no types
    """A producer that keeps neither thread nor descriptor when it fails or is closed.

    Args:
        settings: as of ``KafkaProducer``.
    """

    def __init__(self, **settings: Any) -> None:
        clients = []

        def make_client(**options: Any) -> KafkaNetClient:
            clients.append(KafkaNetClient(**options))
            return clients[-1]

        try:
            super().__init__(kafka_client=make_client, **settings)
        except BaseException:
            for client in clients:  # the base class would leave its sockets open
                client.close()
            raise

    @property
    def thread(self) -> int | None:
        """The identifier of the thread that sends."""
        return self._sender.ident  # type: ignore[no-any-return]

    def abandon(self, timeout: float) -> None:
        """Close now: what was not acknowledged yet fails, and may or may not have arrived.

        Args:
            timeout: seconds to wait for the thread.
        """
        # The base class waits for what is under way first, and where a broker has gone before it
        # has given the producer its number, that lasts for ever.
        self._sender.force_close()
        self._sender.join(timeout)
        self.close(timeout)

    def __del__(self) -> None:
        """Nothing, where the base class closes once more, with a logger that swallows all."""
