"""A topic of Apache Kafka as a target: one producer, one connection to each broker in use."""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wca.errors import StartError
from wca.security import SSL
from wca.storage.delivery.parcel import Outcome, Parcel, Refused, Unavailable
from wca.storage.encoding.cutting import Cut, SizeLimit, cut_json, cut_text
from wca.storage.kafka_client.log import Complaints
from wca.storage.kafka_client.pieces import TOO_LARGE, Pieces
from wca.storage.kafka_client.probe import LookUp, Probe

if TYPE_CHECKING:
    from wca.storage.kafka_client.producer import Producer

__all__ = ["KafkaTarget", "kind_of"]

#: Messages that the producer holds at once, at most: its memory is bounded by it.
WINDOW = 8
#: The part of the time for an attempt after which the producer itself gives a message up, so that
#: its fate is known when the time is over.
EXPIRY_SHARE = 0.9
#: Seconds to look a topic up. Where there is none, it is asked for several times a second.
LOOKUP_TIMEOUT = 3.0
#: Seconds to be let in by a broker that answers. Then the storage has the reason, and waits itself.
LOGIN_TIMEOUT = 5.0
#: Seconds for the end of a producer that is given up.
ABANDON_TIMEOUT = 1.0


class KafkaTarget:
    """Sends each parcel as one record, acknowledged by all replicas in sync.

    The producer is made in ``open`` and tells the broker its number, so that what it sends again by
    itself is stored once. When it does not get to know what became of a record in time, it is given
    up and the next ``open`` makes another one: such a record may be stored twice.

    A record that is too large for the topic is sent in pieces, and those after it are made smaller.
    What another configuration has left goes to the topic that it was made for.

    Args:
        topic: where records go.
        encoding: what they are: ``prometheus`` or ``json``.
        limit: their size; made smaller when the topic takes less.
        brokers: ``host:port`` of brokers that know the others.
        key: of every record; None: records are spread over the partitions.
        settings: of ``kafka.KafkaProducer``, without what is given here.
        ssl: whom to believe and who to be; None: no TLS.
        timeout: seconds of an attempt.
        expired: what to call the end of that time in messages.
        make_producer: gives the producer for its settings; None: kafka-python's.
        look_up: finds the addresses of a name.
    """

    window = WINDOW
    loads = ("wca.storage.kafka_client.producer",)

    def __init__(
        self,
        topic: str,
        encoding: str,
        limit: SizeLimit,
        brokers: Sequence[str],
        *,
        key: str | None,
        settings: dict[str, Any],
        ssl: SSL | None,
        timeout: float,
        expired: str,
        make_producer: "Callable[..., Producer] | None" = None,
        look_up: LookUp = socket.getaddrinfo,
    ) -> None:
        self._topic = topic
        self._encoding = encoding
        self._limit = limit
        self._pieces = Pieces(topic, limit, WINDOW, self._window)
        self._topics: dict[str, Outcome] = {}  # others than ours, and why nothing goes there
        self._brokers = list(brokers)
        self._key = None if key is None else key.encode()
        self._settings = settings
        self._ssl = ssl
        self._timeout = timeout
        self._expired = expired
        self._make_producer = make_producer
        proxy = urlsplit(settings.get("proxy_url") or "")
        # Brokers behind a proxy may be out of reach, and their names known to it alone.
        self._whom = "proxy" if proxy.netloc else "broker"
        places = [proxy.netloc.rpartition("@")[2]] if proxy.netloc else self._brokers
        self._probe = Probe(places, look_up)
        secrets = (settings.get("sasl_plain_password"), proxy.password)
        self._complaints = Complaints([one for one in secrets if one])
        self._producer: Producer | None = None
        self._closed = threading.Event()
        self._opening = False

    def understands(self, kind: str) -> bool:
        """Whether it is a record of some topic, in one of the encodings."""
        return _parse_kind(kind) is not None

    def open(self, timeout: float) -> None:
        """Connect to the cluster and look the topic up.

        Raises:
            Unavailable: no broker answers as it should, or there is no such topic.
        """
        if self._closed.is_set():
            raise Unavailable("the storage is closed")
        self._abandon()
        self._topics.clear()
        make = self._make_producer or _kafka_producer()
        end = time.monotonic() + timeout
        silence = self._probe.silence(end)
        if silence is not None:  # told at once, where kafka-python would try until the end
            raise Unavailable(f"no {self._whom} answers: {silence}")
        self._opening = True
        self._complaints.listen()
        try:
            self._producer = make(**self._settings_until(end))
            self._complaints.hear(self._producer.thread)
            self._find_topic()
        except Unavailable:
            raise
        except Exception as error:
            raise Unavailable(self._sentence("no connection", error) + self._hint()) from error
        finally:
            self._opening = False
            if self._closed.is_set():  # in the meantime, by a thread that could not wait any longer
                self._abandon()
                self._complaints.forget()

    def send(self, parcels: Sequence[Parcel], timeout: float) -> Sequence[Outcome]:
        """Send parcels at once and wait for the acknowledgements.

        Raises:
            Unavailable: none of them was acknowledged.
        """
        end = time.monotonic() + timeout
        outcomes: list[Outcome] = []
        for large, group in itertools.groupby(parcels, self._is_large):
            some = list(group)
            if large:
                outcomes += [self._send_in_pieces(one, end, refused=False) for one in some]
                continue
            for parcel, outcome in zip(some, self._window(some, end), strict=True):
                refused = isinstance(outcome, Refused) and outcome.label == TOO_LARGE
                cut = refused and parcel.samples > 1
                outcomes.append(self._send_in_pieces(parcel, end, refused=True) if cut else outcome)
        absent = [one for one in outcomes if isinstance(one, Unavailable)]
        if len(absent) == len(outcomes):
            raise absent[0]
        return outcomes

    def close(self, timeout: float) -> None:
        """End the producer for good; nothing is under way any more. Safe twice."""
        self._closed.set()
        if not self._opening:
            self._abandon(timeout)
            self._complaints.forget()

    def _is_large(self, parcel: Parcel) -> bool:
        """Whether it is to be sent in pieces, as far as is known."""
        known = len(parcel.body) > self._limit.most and parcel.samples > 1
        return known or self._pieces.begun(parcel)

    def _send_in_pieces(self, parcel: Parcel, end: float, *, refused: bool) -> Outcome:
        encoding, _ = self._kind(parcel)
        return self._pieces.send(parcel, _CUTS[encoding], end, refused=refused)

    def _kind(self, parcel: Parcel) -> tuple[str, str]:
        """Encoding and topic."""
        other = _parse_kind(parcel.kind) if parcel.kind else None
        return other or (self._encoding, self._topic)

    def _window(self, parcels: Sequence[Parcel], end: float) -> list[Outcome]:
        """Send parcels at once; what becomes of each, whatever becomes of the others."""
        if end <= time.monotonic():
            return [Unavailable(self._expired)] * len(parcels)
        try:
            outcomes = self._send(parcels, end)
        except Unavailable as absent:
            return [absent] * len(parcels)
        if len(parcels) > 1 and any(isinstance(one, Refused) for one in outcomes):
            outcomes = [
                outcome if outcome is None else self._send_alone(parcel, end)
                for parcel, outcome in zip(parcels, outcomes, strict=True)
            ]
        return outcomes

    def _send(self, parcels: Sequence[Parcel], end: float) -> list[Outcome]:
        if self._producer is None:
            self.open(max(0.0, end - time.monotonic()))
        outcomes = [self._outcome(future, end) for future in self._begin(parcels)]
        if any(outcomes):
            # What is under way may still arrive; and once a broker has refused one message for
            # good, kafka-python's idempotent producer fails all others with the same error.
            self._abandon()
        return outcomes

    def _send_alone(self, parcel: Parcel, end: float) -> Outcome:
        """Whether it was this one that was refused, or another one beside it."""
        try:
            (outcome,) = self._send([parcel], end)
        except Unavailable as absent:
            return absent
        return outcome

    def _begin(self, parcels: Sequence[Parcel]) -> "list[Any]":
        """Hand parcels to the producer: a future for each, or an outcome."""
        begun: list[Any] = []
        for parcel in parcels:
            failed = begun and isinstance(begun[-1], Unavailable)
            begun.append(begun[-1] if failed else self._begin_one(parcel))
        return begun

    def _begin_one(self, parcel: Parcel) -> Any:
        assert self._producer is not None  # noqa: S101 - open() has made it
        _, topic = self._kind(parcel)
        if topic != self._topic and (outcome := self._find_other_topic(topic)) is not None:
            return outcome
        time_ms = round(parcel.created * 1000)
        try:
            return self._producer.send(topic, parcel.body, self._key, timestamp_ms=time_ms)
        except Exception as error:  # noqa: BLE001 - becomes the outcome
            return self._judged(error)

    def _outcome(self, future: Any, end: float) -> Outcome:
        if isinstance(future, (Refused, Unavailable)):
            return future
        try:
            future.get(max(0.0, end - time.monotonic()))
        except Exception as error:  # noqa: BLE001 - becomes the outcome
            return self._judged(error)
        return None

    def _judged(self, error: Exception) -> Outcome:
        """Whether a record may be sent again after an error."""
        name = type(error).__name__
        if _too_large(error):
            return Refused(
                f"a message is larger than topic {self._topic} takes: {error}; raise "
                "max.message.bytes of the topic, or lower max.request.size in extra_config",
                label=TOO_LARGE,
            )
        if name in _PERMANENT:
            return Refused(f"topic {self._topic} refuses a message: {name}: {error}")
        # What has a number is a broker's answer; it may be about this record alone.
        answered = not isinstance(error, OSError) and getattr(error, "errno", None) is not None
        suspect = answered and not getattr(error, "retriable", False)
        return Unavailable(self._sentence("nothing was acknowledged", error), suspect=suspect)

    def _find_topic(self) -> None:
        assert self._producer is not None  # noqa: S101 - the caller has made it
        try:
            self._producer.partitions_for(self._topic)
        except Exception as error:
            self._abandon()
            if "not found" in (self._complaints.last() or ""):
                raise Unavailable(
                    f"there is no topic {self._topic}: create it, or let brokers do that "
                    "(auto.create.topics.enable)"
                ) from error
            what = f"topic {self._topic} cannot be looked up"
            raise Unavailable(self._sentence(what, error)) from error

    def _find_other_topic(self, topic: str) -> Outcome:
        """Look up a topic that another configuration has named; None: it is there."""
        assert self._producer is not None  # noqa: S101 - the caller has made it
        if topic not in self._topics:
            self._complaints.clear()
            try:
                self._producer.partitions_for(topic)
            except Exception as error:  # noqa: BLE001 - becomes the outcome
                if "not found" not in (self._complaints.last() or ""):
                    what = f"topic {topic} cannot be looked up"
                    return Unavailable(self._sentence(what, error), suspect=True)
                self._topics[topic] = Refused(
                    f"there is no topic {topic}, for which an earlier configuration has made them",
                    label="other_kind",
                )
            else:
                self._topics[topic] = None
        return self._topics[topic]

    def _settings_until(self, end: float) -> dict[str, Any]:
        left = max(1, round((end - time.monotonic()) * 1000))
        # Never longer than the timeout: whoever waits for the future learns what became of it.
        expiry = max(2, round(self._timeout * 1000 * EXPIRY_SHARE))
        linger = min(self._settings.get("linger_ms", 0), expiry // 2)
        request = min(self._settings.get("request_timeout_ms", expiry), expiry - linger)
        settings = {
            **self._settings,
            "bootstrap_servers": self._brokers,
            "acks": "all",
            "bootstrap_timeout_ms": min(left, round(LOGIN_TIMEOUT * 1000)),
            # Each message is a batch of its own: one that is too large is refused alone.
            "batch_size": 0,
            "max_block_ms": min(left, round(LOOKUP_TIMEOUT * 1000)),
            "delivery_timeout_ms": expiry,
            "linger_ms": linger,
            "request_timeout_ms": request,
        }
        if self._ssl is not None:
            try:
                settings["ssl_context"] = self._ssl.context()
            except StartError as error:
                raise Unavailable(str(error)) from error
        return settings

    def _sentence(self, what: str, error: Exception) -> str:
        """One sentence about an error, with what kafka-python had to say before it."""
        reason = self._complaints.last() or f"{type(error).__name__}: {error}"
        if _timed_out(error):
            return f"{self._expired}: {reason}"
        return f"{what}: {reason}"

    def _hint(self) -> str:
        """What to look at first where a broker breaks off without a word."""
        protocol = self._settings.get("security_protocol")
        if protocol == "PLAINTEXT":
            return "; does this port of the broker expect ssl or sasl?"
        if protocol == "SSL":
            return "; is this a port for TLS, and does it ask for a client certificate?"
        return "; are mechanism, username and password those of this port?"

    def _abandon(self, timeout: float = ABANDON_TIMEOUT) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(Exception):  # it is given up
                producer.abandon(timeout)


_KIND = "Kafka"
#: How records of each encoding are cut.
_CUTS: dict[str, Cut] = {"prometheus": cut_text, "json": cut_json}

#: Errors of a broker that no second try will change, by the names that kafka-python gives them.
#: Source: https://kafka.apache.org/protocol#protocol_error_codes
_PERMANENT = frozenset(
    {
        "CorruptRecordError",
        "InvalidRecordError",
        "InvalidTimestampError",
        "InvalidTopicError",
        "PolicyViolationError",
        "UnsupportedCompressionTypeError",
        "UnsupportedForMessageFormatError",
    }
)


def kind_of(encoding: str, topic: str) -> str:
    """What a record is called in the spool."""
    return f"{_KIND} {encoding} {topic}"


def _parse_kind(kind: str) -> tuple[str, str] | None:
    """Encoding and topic of a record; None: it is none."""
    name, _, rest = kind.partition(" ")
    encoding, _, topic = rest.partition(" ")
    return (encoding, topic) if name == _KIND and encoding in _CUTS and topic else None


def _too_large(error: Exception) -> bool:
    return type(error).__name__ in {"MessageSizeTooLargeError", "RecordListTooLargeError"}


def _timed_out(error: Exception) -> bool:
    return type(error).__name__ in {"KafkaTimeoutError", "RequestTimedOutError"}


def _kafka_producer() -> "Callable[..., Producer]":
    """kafka-python, imported for the first connection: it is large and takes a while."""
    from wca.storage.kafka_client.producer import Producer

    return Producer
