"""Server-sent events: what is new, to whoever looks at a page."""

import json
import threading
from collections.abc import Callable, Iterator

__all__ = ["Channel"]

#: Seconds that a follower waits for news before it looks whether it is to end, and after which a
#: client that hears nothing gets a sign of life, without which a lost one is never noticed.
_LOOK, _SIGN = 0.5, 15.0


class _News:
    """What is told of one topic.

    Args:
        version: of the channel, when the topic changed last.
        make: gives what is told; JSON can write it.
    """

    def __init__(self, version: int, make: Callable[[], object]) -> None:
        self.version = version
        self._make = make
        self._text: bytes | None = None

    def event(self, name: str) -> bytes:
        """The text of the event, which is made when somebody wants it, once for all."""
        if self._text is None:
            data = json.dumps(self._make())
            self._text = f"id: {self.version}\nevent: {name}\ndata: {data}\n\n".encode()
        return self._text


class Channel:
    """The newest of each topic; who follows is told of topics that change.

    A follower that is slow misses what is overtaken and gets the newest: nothing piles up. Nothing
    is made as long as nobody follows.

    Args:
        event: what the events are called.
        monotonic: time in seconds.
    """

    def __init__(self, event: str, monotonic: Callable[[], float]) -> None:
        self._event = event
        self._monotonic = monotonic
        self._topics: dict[str, _News] = {}
        self._version = 0
        self._closed = False
        self._changed = threading.Condition()

    def publish(self, topic: str, make: Callable[[], object]) -> None:
        """A topic has changed; returns at once.

        Args:
            topic: its name.
            make: gives what is told of it, on the thread of a follower; JSON can write it.
        """
        with self._changed:
            self._version += 1
            self._topics[topic] = _News(self._version, make)
            self._changed.notify_all()

    def follow(self) -> Iterator[bytes]:
        """The parts of a stream: each topic as it is now, and then each one that changes.

        Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
        """
        seen, told = 0, self._monotonic()
        yield b"retry: 2000\n\n"
        while (news := self._news(seen)) is not None:
            for one in news:
                seen, told = one.version, self._monotonic()
                yield one.event(self._event)
            if not news:
                sign = self._monotonic() - told >= _SIGN
                told = self._monotonic() if sign else told
                yield b":\n\n" if sign else b""

    def close(self) -> None:
        """Nobody is told anything more; those who follow end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _news(self, seen: int) -> list[_News] | None:
        """Topics that have changed after a version, in that order; None: it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._version > seen, _LOOK)
            if self._closed:
                return None
            news = [one for one in self._topics.values() if one.version > seen]
        return sorted(news, key=lambda one: one.version)
