"""Decisions in the journal of the system: ``journalctl SYSLOG_IDENTIFIER=wca WCA_TASK=...``.

The native protocol of systemd-journald: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/. Where it does
not listen, syslog does, as RFC 3164 has it for ``/dev/log``; else nobody is told.
"""

import contextlib
import os
import socket
import struct
from collections.abc import Mapping
from typing import Any

from wca.audit.sentences import id_of, name_of, plain, sentence_of, value_text

__all__ = ["JOURNAL_SOCKET", "SYSLOG_SOCKET", "SystemJournal", "encode_native", "encode_syslog"]

JOURNAL_SOCKET = "/run/systemd/journal/socket"
SYSLOG_SOCKET = "/dev/log"

Record = Mapping[str, Any]

_DAEMON = 3 << 3  # a facility of syslog(3)
_WARNING, _NOTICE, _INFO = 4, 5, 6
#: Characters of one field; a datagram of some of them is far below what a socket takes.
_MOST = 2000
#: Of each kind of entry, for ``journalctl MESSAGE_ID=...``.
_MESSAGE_IDS = {
    "allocation": "5b7c1a0c3d6f4f0e9a41c6d3b2f7e801",
    "foreign write": "5b7c1a0c3d6f4f0e9a41c6d3b2f7e802",
    "given back": "5b7c1a0c3d6f4f0e9a41c6d3b2f7e803",
}
_PRIORITIES = {
    "applied": _NOTICE,
    "failed": _WARNING,
    "flap breaker": _WARNING,
    "yield": _NOTICE,
    "reassert": _NOTICE,
}
_FIELDS = {
    "WCA_TYPE": "allocation_type",
    "WCA_FROM": "from",
    "WCA_TO": "to",
    "WCA_OURS": "ours",
    "WCA_THEIRS": "theirs",
    "WCA_FOREIGN_KIND": "kind",
    "WCA_OUTCOME": "outcome",
    "WCA_REASON": "reason",
    "WCA_ALLOCATOR": "allocator",
    "WCA_PATH": "path",
}


class SystemJournal:
    """Sends each record as one datagram, without ever waiting.

    Args:
        root: folder that stands for ``/``.
    """

    def __init__(self, root: str = "") -> None:
        self._journal = root + JOURNAL_SOCKET
        self._syslog = root + SYSLOG_SOCKET
        self._socket: socket.socket | None = None
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Records that whoever listens did not take at once."""
        return self._dropped

    def add(self, record: Record) -> None:
        """Tell one record; what is no decision, and what only would be done, is left out."""
        fields = _fields(record)
        if fields is None:
            return
        if self._send(self._journal, encode_native(fields)) is None:
            self._send(self._syslog, encode_syslog(fields, os.getpid()))

    def close(self, timeout: float) -> None:  # noqa: ARG002 - the same for all that is closed
        """Close the socket; safe twice."""
        opened, self._socket = self._socket, None
        if opened is not None:
            opened.close()

    def _send(self, path: str, data: bytes) -> bool | None:
        """Whether it was taken; None: nobody listens there."""
        try:
            if self._socket is None:
                kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
                self._socket = socket.socket(socket.AF_UNIX, kind)
            self._socket.sendto(data, path)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        except OSError:
            self._dropped += 1
            return False
        return True


def encode_native(fields: Mapping[str, str]) -> bytes:
    """Fields as a datagram for journald; a text with a line end has its length before it."""
    parts = []
    for name, text in fields.items():
        data = text.encode("utf-8", "replace")
        if b"\n" in data:
            parts.append(name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n")
        else:
            parts.append(name.encode() + b"=" + data + b"\n")
    return b"".join(parts)


def encode_syslog(fields: Mapping[str, str], pid: int) -> bytes:
    """The message as a datagram for ``/dev/log``, which adds the time by itself."""
    priority = _DAEMON | int(fields["PRIORITY"])
    return f"<{priority}>wca[{pid}]: {fields['MESSAGE']}".encode("utf-8", "replace")


def _fields(record: Record) -> dict[str, str] | None:
    kind, outcome = str(record.get("type")), str(record.get("outcome"))
    if kind not in _MESSAGE_IDS or outcome == "would":
        return None
    name = name_of(record)
    fields = {
        "MESSAGE": plain(f"task {name}: {sentence_of(record, {name})}", _MOST),
        "MESSAGE_ID": _MESSAGE_IDS[kind],
        "PRIORITY": str(_PRIORITIES.get(outcome, _INFO)),
        "SYSLOG_IDENTIFIER": "wca",
        "WCA_KIND": kind,
        "WCA_TASK": str(id_of(record)),
        "WCA_TASK_NAME": name,
    }
    for field, key in _FIELDS.items():
        if record.get(key) is not None:
            fields[field] = value_text(record[key])
    why = record.get("why")
    if isinstance(why, (list, tuple)) and why:
        fields["WCA_WHY"] = ", ".join(map(str, why))
    with contextlib.suppress(TypeError, ValueError):
        fields["WCA_TIME"] = f"{float(record['time']):.3f}"
    return {name: text[:_MOST] for name, text in fields.items()}
