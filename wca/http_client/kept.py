"""A session with a service that is asked again and again. Imports requests with the first one."""

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from wca.errors import StartError, WcaError
from wca.http_client.deadline import Deadline
from wca.http_client.words import failure_text, hung_up
from wca.security import SSL
from wca.version import __version__

if TYPE_CHECKING:
    import requests

__all__ = ["KeptSession", "NoAnswer", "asking_for"]

T = TypeVar("T")


class NoAnswer(WcaError):  # noqa: N818 - named for what happened
    """There was no answer in time, or another one than 200; the sentence says what there was."""


def asking_for(accept: str) -> Mapping[str, str]:
    """Headers of a question.

    Args:
        accept: the types of answers that are understood, as the header of this name.
    """
    # Of what was compressed a short answer could be too long for any memory.
    return {"User-Agent": f"wca/{__version__}", "Accept": accept, "Accept-Encoding": "identity"}


class KeptSession:
    """Opens a session when one is needed, keeps it, and opens another one after a failure.

    A service closes a connection that has been idle for long, maybe just when it is asked: then it
    is asked once more. One thread asks at a time; any thread may let go.

    Args:
        deadline: the end of each question.
        ssl: called for each session, so that renewed certificates are read.
        headers: of every question.
        silence: as of ``new_session``.
    """

    def __init__(
        self,
        deadline: Deadline,
        ssl: Callable[[], SSL | None],
        headers: Mapping[str, str],
        silence: int | None = None,
    ) -> None:
        self._deadline = deadline
        self._ssl = ssl
        self._headers = headers
        self._silence = silence
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._kept = False

    def use(self, place: str, timeout: float, ask: Callable[["requests.Session"], T]) -> T:
        """Ask, with a new connection if the kept one turns out to be closed.

        Args:
            place: what to call the service in a message.
            timeout: seconds that the deadline was set to.
            ask: asks; may be called twice. What it raises that is not of the connection passes.

        Raises:
            NoAnswer: the service cannot be reached or breaks off.
        """
        import requests
        import urllib3

        while True:
            session = self._opened()
            try:
                answer = ask(session)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                again = self._kept and hung_up(error)
                self.let_go()
                if not again:
                    reason = failure_text(error, timeout)
                    raise NoAnswer(f"{place}: {reason}") from None
            else:
                self._kept = True
                return answer

    def let_go(self) -> None:
        """Close the session; the next question opens another one."""
        with self._lock:
            session, self._session = self._session, None
            self._kept = False
        if session is not None:
            session.close()

    def _opened(self) -> "requests.Session":
        from wca.http_client.transport import new_session

        with self._lock:
            if self._session is None:
                try:
                    self._session = new_session(
                        self._deadline, self._ssl(), None, self._headers, self._silence
                    )
                except StartError as error:
                    raise NoAnswer(str(error)) from None
            return self._session
