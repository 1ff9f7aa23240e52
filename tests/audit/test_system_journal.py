"""Decisions in the journal of the system: as journald and syslog take them, and without waiting."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audit.test_why import FOREIGN, anomaly, decision
from tests.cgroup_fixtures import need_root
from tests.services import program
from wca.audit.system_journal import (
    JOURNAL_SOCKET,
    SYSLOG_SOCKET,
    SystemJournal,
    encode_native,
)


@contextlib.contextmanager
def listening(root, path):
    os.makedirs(os.path.dirname(f"{root}{path}"), exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"{root}{path}")
        listener.settimeout(5)
        yield listener
    os.unlink(f"{root}{path}")


@pytest.fixture
def journal(tmp_path):
    journal = SystemJournal(str(tmp_path))
    yield journal
    journal.close(1.0)


def decode_native(data):
    """As the documentation of the protocol has it."""
    fields = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, text = line.partition(b"=")
        if not equals:
            size = int.from_bytes(data[:8], "little")
            text, data = data[8 : 8 + size], data[8 + size + 1 :]
        fields[name.decode()] = text.decode()
    return fields


def test_a_decision_is_one_entry_with_fields_to_look_for(journal, tmp_path):
    with listening(tmp_path, JOURNAL_SOCKET) as listener:
        journal.add(decision(3.5, reason=None))
        fields = decode_native(listener.recv(65536))
    assert fields.pop("MESSAGE_ID")
    assert fields == {
        "MESSAGE": "task shop/batch: cpu_quota 1 -> 0.5: applied "
        "(Contention, because of cpu neighbour: shop)",
        "PRIORITY": "5",
        "SYSLOG_IDENTIFIER": "wca",
        "WCA_KIND": "allocation",
        "WCA_TASK": "id-1",
        "WCA_TASK_NAME": "shop/batch",
        "WCA_TYPE": "cpu_quota",
        "WCA_FROM": "1",
        "WCA_TO": "0.5",
        "WCA_OUTCOME": "applied",
        "WCA_ALLOCATOR": "Contention",
        "WCA_WHY": "cpu neighbour: shop",
        "WCA_TIME": "3.500",
    }
    assert journal.dropped == 0


def test_without_journald_syslog_is_told(journal, tmp_path):
    with listening(tmp_path, SYSLOG_SOCKET) as listener:
        journal.add(FOREIGN)
        said = listener.recv(65536).decode()
    assert said == (
        f"<29>wca[{os.getpid()}]: task shop/batch: cpu_quota: somebody else wrote -1 over 50000 "
        "(kubelet reset): yield"
    )


def test_where_nobody_listens_nothing_is_lost(journal, tmp_path):
    journal.add(decision(1.0))
    assert journal.dropped == 0
    with listening(tmp_path, JOURNAL_SOCKET):
        pass
    journal.add(decision(1.0))  # it was there, and is gone
    assert journal.dropped == 0
    journal.close(1.0)
    journal.close(1.0)


def test_a_journal_that_takes_nothing_costs_the_entry_and_no_time(journal, tmp_path):
    with listening(tmp_path, JOURNAL_SOCKET):
        for _ in range(2000):  # far more than the queue of a socket holds
            journal.add(decision(1.0))
    assert journal.dropped > 0


@pytest.mark.parametrize("record", [anomaly(1.0), decision(1.0, outcome="would")])
def test_what_is_no_decision_is_not_told(journal, tmp_path, record):
    with listening(tmp_path, JOURNAL_SOCKET) as listener:
        journal.add(record)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.recv(1)


NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,10}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(NAMES, TEXTS, max_size=5))
def test_whatever_is_in_a_field_is_what_is_read(fields):
    assert decode_native(encode_native(fields)) == fields


SCRIPT = """
set -e
mount -t tmpfs none /run
mkdir -p /run/systemd/journal /run/log/journal
echo 0123456789abcdef0123456789abcdef > /run/id
mount --bind /run/id /etc/machine-id
"$2" 2>/dev/null &
trap "kill $!" EXIT
for _ in $(seq 100); do [ -S /run/systemd/journal/socket ] && break; sleep 0.05; done
"$1" -c "$3"
for _ in $(seq 100); do
    found=$(journalctl -q -D /run/log/journal -o json --no-pager WCA_TASK=id-1 || true)
    [ -n "$found" ] && break
    sleep 0.05
done
printf "%s\\n" "$found"
"""
TELL = """
from tests.audit.test_why import decision
from wca.audit.system_journal import SystemJournal
journal = SystemJournal()
journal.add(decision(3.5, **{"from": "two\\nlines"}))
journal.close(1.0)
"""


def test_the_real_journald_has_it():
    need_root()
    journald = program("/usr/lib/systemd/systemd-journald", package="systemd")
    unshare = program("unshare", package="util-linux")
    if not os.path.exists("/etc/machine-id"):
        pytest.skip("this machine has no id to cover")
    command = [unshare, "-m", "sh", "-c", SCRIPT, "sh", sys.executable, journald, TELL]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    (entry,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert entry["SYSLOG_IDENTIFIER"] == "wca"
    assert entry["WCA_FROM"] == "two\nlines"
    assert entry["WCA_OUTCOME"] == "applied"
    assert abs(int(entry["__REALTIME_TIMESTAMP"]) / 1e6 - time.time()) < 60
