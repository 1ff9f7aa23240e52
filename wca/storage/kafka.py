"""Metrics as messages in a topic of Apache Kafka."""

import enum
import importlib.util
import logging
import re
import socket
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Required, TypedDict

from wca.clock import Clock
from wca.config.types import Injected, IpPort, LabelName, Numeric, Secret, Str
from wca.errors import StartError, ValidationError
from wca.metrics import Metric
from wca.metrics.vocabulary import Names
from wca.security import SSL
from wca.storage.delivery.options import DeliveryMode, QueueOptions, SpoolOptions
from wca.storage.delivery.parcel import Parcel
from wca.storage.encoding import Encoder
from wca.storage.encoding.cutting import SizeLimit
from wca.storage.encoding.documents import SeriesDocuments
from wca.storage.encoding.messages import Messages
from wca.storage.kafka_client.settings import producer_settings
from wca.storage.kafka_client.target import KafkaTarget, kind_of
from wca.storage.network import Encode, Encoding, NetworkStorage
from wca.storage.weight import Weight

__all__ = ["Compression", "KafkaStorage", "MessageEncoding", "SaslMechanism", "SaslOptions"]

log = logging.getLogger(__name__)

#: Seconds an attempt may take while metrics wait in the queue: longer than a broker needs to start
#: again, as what is sent a second time after that may be stored twice.
QUEUED_TIMEOUT = 10.0
#: Bytes of a message before compression, where the producer's bound is kafka-python's own.
MAX_MESSAGE, DEFAULT_REQUEST = 900_000, 1_048_576
#: How kafka-python compresses where its setting says nothing else.
_GZIP_LEVEL, _GZIP_WINDOW = 9, 31


class MessageEncoding(enum.StrEnum):
    """What a message holds: Prometheus text with timestamps, or a JSON list of samples."""

    PROMETHEUS = "prometheus"
    JSON = "json"


class Compression(enum.StrEnum):
    """How messages are compressed; all but ``gzip`` and ``none`` need a package more."""

    GZIP = "gzip"
    NONE = "none"
    LZ4 = "lz4"
    ZSTD = "zstd"
    SNAPPY = "snappy"


class SaslMechanism(enum.StrEnum):
    """How a user name and a password are shown to a broker; ``PLAIN`` shows them as they are."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class SaslOptions(TypedDict, total=False):
    """Who the agent is to the brokers."""

    mechanism: Required[SaslMechanism]
    username: Required[str]
    password: Required[Annotated[str, Secret()]]


#: Module and package that a compression needs.
_PACKAGES = {
    Compression.LZ4: ("lz4", "lz4"),
    Compression.ZSTD: ("zstandard", "zstandard"),
    Compression.SNAPPY: ("snappy", "python-snappy"),
}


class KafkaStorage(NetworkStorage):
    """Sends metrics to a topic of Apache Kafka, 2.1 or later.

    Each message is a complete text by itself and is smaller than what brokers take by default;
    counters travel apart from other types. Records are acknowledged by all replicas in sync and
    stored once; after an interruption that outlasts an attempt, some may be stored twice.

    Args:
        topic: where to; brokers may create it (``auto.create.topics.enable``).
        brokers_ips: ``host:port`` of one or more brokers, which know the others.
        max_timeout_in_seconds: with ``delivery: blocking``, how long ``store`` may take. Queued, an
            attempt may take 10 seconds.
        extra_config: settings of the producer, name to value: those of kafka-python
            (``linger.ms`` or ``linger_ms``) and those of librdkafka that have a counterpart.
        ssl: TLS, with client certificates where brokers ask for them.
        delivery: ``queued``: ``store`` never waits for a broker and never raises; messages wait in
            ``queue`` or ``spool``. ``blocking``: it raises when a batch is not acknowledged in
            time.
        encoding: ``prometheus`` text with timestamps, or ``json``.
        key: of every record, so that all go to one partition; none: they are spread.
        compression: of messages. Uncompressed ones cost more: kafka-python computes checksums
            slowly.
        sasl: user name and password for brokers that ask for them.
        names: which names metrics get.
        task_labels: labels of tasks that are kept, where ``names`` leaves out some.
        queue: bounds of the queue, and pauses between attempts.
        spool: a file in which messages wait instead of memory.
        broker_ips: another name of ``brokers_ips``, for old files.
        clock: time.
        make_producer: gives the producer for its settings.
        look_up: finds the addresses of a name.

    Raises:
        ValidationError: a name or value that cannot be one.
    """

    def __init__(
        self,
        topic: Annotated[str, Str(249)],
        brokers_ips: list[Annotated[str, IpPort()]] | None = None,
        max_timeout_in_seconds: Annotated[float, Numeric(0, 5)] = 0.5,
        extra_config: dict[str, str | int | bool] | None = None,
        ssl: SSL | None = None,
        delivery: DeliveryMode = DeliveryMode.QUEUED,
        encoding: MessageEncoding = MessageEncoding.PROMETHEUS,
        key: str | None = None,
        compression: Compression = Compression.GZIP,
        sasl: SaslOptions | None = None,
        names: Names = Names.WCA,
        task_labels: list[Annotated[str, LabelName()]] | None = None,
        queue: QueueOptions | None = None,
        spool: SpoolOptions | None = None,
        broker_ips: list[Annotated[str, IpPort()]] | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
        make_producer: Annotated[Callable[..., Any] | None, Injected()] = None,
        look_up: Annotated[Callable[..., Any] | None, Injected()] = None,
    ) -> None:
        _check_topic(topic)
        self.topic = topic
        self.brokers_ips = _choose_brokers(brokers_ips, broker_ips)
        self.max_timeout_in_seconds = max_timeout_in_seconds
        self.encoding = MessageEncoding(encoding)
        self.compression = Compression(compression)
        settings = {
            "client_id": "wca",
            "enable_idempotence": True,
            **producer_settings(extra_config),
            **_security(ssl, sasl),
            "compression_type": None if self.compression == "none" else self.compression.value,
            "metrics_enabled": False,
        }
        timeout = _attempt_timeout(DeliveryMode(delivery), max_timeout_in_seconds)
        limit = SizeLimit(_message_size(settings.get("max_request_size", DEFAULT_REQUEST)))
        blocking = delivery == DeliveryMode.BLOCKING
        target = KafkaTarget(
            topic,
            self.encoding.value,
            limit,
            self.brokers_ips,
            key=key,
            settings=settings,
            ssl=ssl,
            timeout=timeout,
            expired=_EXPIRED[blocking].format(timeout),
            make_producer=make_producer,
            look_up=look_up or socket.getaddrinfo,
        )
        super().__init__(
            target,
            _text_messages(limit) if self.encoding == "prometheus" else _documents(limit),
            name=f"KafkaStorage to topic {topic}",
            timeout=timeout,
            delivery=delivery,
            queue=queue,
            spool=spool,
            names=names,
            task_labels=task_labels,
            kind=kind_of(self.encoding.value, topic),
            clock=clock,
        )

    def check(self) -> list[str]:
        """What this machine lacks for the compression or the spool."""
        return [*super().check(), *self._missing()]

    def start(self) -> None:
        """Begin to send what comes and what the spool holds; waits for no broker.

        Raises:
            StartError: the compression lacks its package, or the spool cannot be used.
        """
        for problem in self._missing():
            raise StartError(problem)
        super().start()

    def weigh(self, metrics: Sequence[Metric]) -> Weight:
        """How much a batch would be; of compressions only gzip is tried."""
        weight = super().weigh(metrics)
        if self.compression in (Compression.NONE, Compression.GZIP):
            return weight
        return replace(weight, form=f"{weight.form}, before compression")

    def size_of(self, parcel: Parcel) -> int:
        """Bytes of a record's value, as kafka-python compresses it."""
        if self.compression is not Compression.GZIP:
            return super().size_of(parcel)
        return len(zlib.compress(parcel.body, _GZIP_LEVEL, _GZIP_WINDOW))

    def _missing(self) -> list[str]:
        module, package = _PACKAGES.get(self.compression, ("", ""))
        if not module or importlib.util.find_spec(module):
            return []
        lacks = f"compression: {self.compression} needs the Python package {package}"
        return [f"{lacks}: install it beside WCA, or write compression: gzip"]


#: What the end of the time for an attempt is called: queued, and blocking.
_EXPIRED = (
    "no answer within {:g} s",
    "Maximum timeout {} for sending message had passed",
)


def _text_messages(limit: SizeLimit) -> Encode:
    encoder, messages = Encoder(timestamps=True), Messages(limit.most)

    def encode(metrics: Sequence[Metric], now: float) -> Encoding:
        messages.max_size = limit.most
        encoded = encoder.encode(metrics, now)
        return Encoding(messages.split(encoded, _time_of(metrics, now)), encoded.rejected)

    return encode


def _documents(limit: SizeLimit) -> Encode:
    documents = SeriesDocuments(limit.most)

    def encode(metrics: Sequence[Metric], now: float) -> Encoding:
        documents.max_size = limit.most
        return documents.encode(metrics, now)

    return encode


def _time_of(metrics: Sequence[Metric], now: float) -> float:
    """The time of a batch, for the record."""
    own = getattr(metrics, "timestamp", None)
    return own if isinstance(own, (int, float)) and 0 <= own < _LAST_TIME else now


#: 64-bit milliseconds, with room to spare.
_LAST_TIME = 1e15


def _check_topic(topic: str) -> None:
    # Source: org.apache.kafka.common.internals.Topic.
    if not re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", topic, re.ASCII) or topic in (".", ".."):
        raise ValidationError(
            f"{topic!r} is no topic: write 1 to 249 letters, digits, '.', '_' and '-'"
        )


def _choose_brokers(given: Sequence[str] | None, old: Sequence[str] | None) -> list[str]:
    if given is not None and old is not None:
        raise ValidationError("brokers_ips and broker_ips are the same: leave out broker_ips")
    chosen = given if given is not None else old
    brokers = ["127.0.0.1:9092"] if chosen is None else list(chosen)
    if not brokers:
        raise ValidationError("brokers_ips is empty: write host:port of at least one broker")
    return brokers


def _security(ssl: SSL | None, sasl: SaslOptions | None) -> dict[str, Any]:
    if sasl is None:
        return {"security_protocol": "PLAINTEXT" if ssl is None else "SSL"}
    mechanism = SaslMechanism(sasl["mechanism"])
    if ssl is None and mechanism is SaslMechanism.PLAIN:
        log.warning(
            "sasl with mechanism PLAIN and without ssl: the password can be read on the network"
        )
    return {
        "security_protocol": "SASL_PLAINTEXT" if ssl is None else "SASL_SSL",
        "sasl_mechanism": mechanism.value,
        "sasl_plain_username": sasl["username"],
        "sasl_plain_password": sasl["password"],
    }


def _attempt_timeout(delivery: DeliveryMode, given: float) -> float:
    if delivery is DeliveryMode.QUEUED:
        return QUEUED_TIMEOUT
    if not given:
        raise ValidationError(
            "max_timeout_in_seconds: 0 leaves delivery: blocking no time: write up to 5"
        )
    return given


def _message_size(max_request_size: int) -> int:
    """Bytes of a message that the producer takes: its bound is for the record with its key."""
    size = min(MAX_MESSAGE, max_request_size * MAX_MESSAGE // DEFAULT_REQUEST)
    if size < 1:
        raise ValidationError("extra_config: max.request.size: expected at least 2 bytes")
    return size
