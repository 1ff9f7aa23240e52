"""``extra_config`` of ``KafkaStorage``: settings of the producer, as text, in old and new names."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from wca.errors import ValidationError

__all__ = ["producer_settings"]


def _whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _text(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _proxy(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in _PROXIES or not parts.hostname or parts.port is None:
        raise ValueError
    return text


#: Source: ``kafka.net.http_connect`` and ``kafka.net.socks5`` of kafka-python 3.0.
_PROXIES = ("http", "socks5", "socks5h")
#: Source: KIP-679.
_MOST_IN_FLIGHT = 5

_EXPECTED: dict[Callable[[str], Any], str] = {
    _whole: "a whole number",
    _truth: "true or false",
    _version: "a version such as 2.8",
    _text: "text",
    _proxy: "a URL such as http://proxy:3128 or socks5h://user:password@proxy:1080, with a port",
}

#: What kafka-python's producer takes, of all that text can say and this storage leaves open.
#: Source: ``kafka.KafkaProducer.DEFAULT_CONFIG``, kafka-python 3.0.
_KINDS: dict[str, Callable[[str], Any]] = {
    "allow_auto_create_topics": _truth,
    "api_version": _version,
    "client_dns_lookup": _text,
    "client_id": _text,
    "connections_max_idle_ms": _whole,
    "enable_idempotence": _truth,
    "linger_ms": _whole,
    "max_in_flight_requests_per_connection": _whole,
    "max_request_size": _whole,
    "metadata_max_age_ms": _whole,
    "proxy_url": _proxy,
    "receive_buffer_bytes": _whole,
    "receive_message_max_bytes": _whole,
    "reconnect_backoff_max_ms": _whole,
    "reconnect_backoff_ms": _whole,
    "request_timeout_ms": _whole,
    "retries": _whole,
    "retry_backoff_ms": _whole,
    "send_buffer_bytes": _whole,
}

#: Names of librdkafka, which old files were written for, that differ by more than their dots.
#: Source: CONFIGURATION.md of librdkafka.
_LIBRDKAFKA = {
    "allow.auto.create.topics": "allow_auto_create_topics",
    "broker.version.fallback": "api_version",
    "max.in.flight": "max_in_flight_requests_per_connection",
    "message.max.bytes": "max_request_size",
    "message.send.max.retries": "retries",
    "queue.buffering.max.ms": "linger_ms",
    "receive.message.max.bytes": "receive_message_max_bytes",
    "socket.receive.buffer.bytes": "receive_buffer_bytes",
    "socket.send.buffer.bytes": "send_buffer_bytes",
    "socket.timeout.ms": "request_timeout_ms",
    "topic.metadata.refresh.interval.ms": "metadata_max_age_ms",
}

_TIMEOUT = "the time for an attempt is the storage's: write max_timeout_in_seconds, leave this out"
_QUEUE = "messages wait in the storage's own queue: write queue: {%s: ...}"
_BATCH = "each message is a batch of its own: leave this out"
_TLS = "write ssl: !SSL with server_verify, client_cert_path and client_key_path"
_SASL = "write sasl: {mechanism: ..., username: ..., password: !File ...}"

#: What this storage decides itself, and what to write instead.
_OWN = {
    "acks": "every message is acknowledged by all replicas in sync: leave this out",
    "batch_num_messages": _BATCH,
    "batch_size": _BATCH,
    "bootstrap_servers": "write brokers_ips",
    "compression_codec": "write compression",
    "compression_type": "write compression",
    "delivery_timeout_ms": _TIMEOUT,
    "key_serializer": "write key",
    "max_block_ms": _TIMEOUT,
    "bootstrap_timeout_ms": _TIMEOUT,
    "message_timeout_ms": _TIMEOUT,
    "metadata_broker_list": "write brokers_ips",
    "partitioner": "records of one key go to one partition: write key",
    "queue_buffering_max_kbytes": _QUEUE % "max_bytes",
    "queue_buffering_max_messages": _QUEUE % "max_messages",
    "request_required_acks": "every message is acknowledged by all replicas: leave this out",
    "sasl_mechanism": _SASL,
    "sasl_mechanisms": _SASL,
    "sasl_password": _SASL,
    "sasl_plain_password": _SASL,
    "sasl_plain_username": _SASL,
    "sasl_username": _SASL,
    "security_protocol": "it follows from ssl and sasl: leave this out",
    "transactional_id": "a batch is no transaction: leave this out",
    "value_serializer": "write encoding",
}


def producer_settings(extra_config: Mapping[str, str | int | bool] | None) -> dict[str, Any]:
    """Settings for ``kafka.KafkaProducer``.

    Args:
        extra_config: name to value, as text. Names of kafka-python (``linger_ms``), with dots
            instead (``linger.ms``), and of librdkafka (``queue.buffering.max.ms``).

    Raises:
        ValidationError: a name is unknown, or a value cannot be one of that name.
    """
    settings: dict[str, Any] = {}
    for name, value in (extra_config or {}).items():
        known = _known_name(name)
        if known in settings:
            raise ValidationError(f"extra_config: {name} says {known} a second time")
        settings[known] = _value(name, known, value)
    _check_idempotence(settings)
    return settings


def _known_name(name: str) -> str:
    known = _LIBRDKAFKA.get(name, name.replace(".", "_"))
    if known in _KINDS:
        return known
    if known in _OWN:
        raise ValidationError(f"extra_config: {name} cannot be given here: {_OWN[known]}")
    if known.startswith("ssl_"):
        raise ValidationError(f"extra_config: {name} cannot be given here: {_TLS}")
    near = difflib.get_close_matches(known, _KINDS, n=1)
    hint = f"did you mean {near[0]}?" if near else "leave it out"
    raise ValidationError(f"extra_config: the producer has no setting {name}: {hint}")


def _value(name: str, known: str, value: str | int | bool) -> Any:
    kind = _KINDS[known]
    try:
        return kind(str(value))
    except (ValueError, KeyError):
        got = "another one" if kind is _proxy else repr(value)  # it may hold a password
        raise ValidationError(
            f"extra_config: {name}: expected {_EXPECTED[kind]}, got {got}"
        ) from None


def _check_idempotence(settings: Mapping[str, Any]) -> None:
    """A broker tells a message sent again from a new one only within these bounds."""
    if not settings.get("enable_idempotence", True):
        return
    if settings.get("retries") == 0:
        raise ValidationError("extra_config: retries: 0 needs enable.idempotence: 'false' as well")
    if settings.get("max_in_flight_requests_per_connection", 0) > _MOST_IN_FLIGHT:
        raise ValidationError(
            f"extra_config: more than {_MOST_IN_FLIGHT} requests in flight need "
            "enable.idempotence: 'false' as well"
        )
