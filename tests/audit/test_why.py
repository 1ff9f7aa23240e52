"""`wca why`: the story of a task from what its agent has recorded, on one screen."""

import contextlib
import json
import os
import shlex
import tempfile
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.docs.pages import blocks
from wca.allocations.api import APPLIED, Write
from wca.allocations.journal import Journal
from wca.audit.moments import moment, shown
from wca.audit.reading import RecordsFile
from wca.audit.story import LINES, WIDTH, story_text, tell
from wca.errors import UsageError
from wca.main import main

START = datetime(2024, 11, 30, 12, 0, tzinfo=UTC).timestamp()
LABELS = {"task_id": "id-1", "task_name": "shop/batch"}


def anomaly(time, **values):
    return {
        "version": 1,
        "time": time,
        "type": "contention",
        "detector": "D",
        "verdict": "cpu neighbour",
        "contended_task_id": "shop",
        "contended_task_labels": {"task_name": "web"},
        "contending_task_ids": ["id-1"],
        "evidence": {"psi": 0.4},
        "thresholds": {"psi": 0.2},
        "suspects": [{"task_id": "id-1", "score": 0.9, "confidence": 0.8}],
        **values,
    }


def decision(time, **values):
    return {
        "version": 1,
        "time": time,
        "type": "allocation",
        "allocator": "Contention",
        "task_id": "id-1",
        "task_labels": LABELS,
        "allocation_type": "cpu_quota",
        "from": 1.0,
        "to": 0.5,
        "outcome": "applied",
        "reason": None,
        "why": ["cpu neighbour: shop"],
        "writes": [],
        **values,
    }


FOREIGN = decision(
    START + 120,
    type="foreign write",
    kind="kubelet reset",
    ours="50000",
    theirs="-1",
    outcome="yield",
)
RECORDS = [
    anomaly(START),
    decision(START + 1),
    decision(START + 60, to=0.1, outcome="rejected", reason="decisions_per_day", why=[]),
    FOREIGN,
    decision(START + 180, task_id="other", task_labels={"task_name": "o"}),
]


@pytest.fixture
def records(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    path = tmp_path / "records"
    lines = [json.dumps(one) for one in RECORDS]
    (tmp_path / "records.1").write_text("\n".join(lines[:2]) + "\n")
    path.write_text("\n".join(lines[2:]) + "\n")
    return str(path)


@pytest.fixture
def why(records, tmp_path, capsys):
    def why(*arguments):
        code = main(["why", *arguments, "--records", records])
        said = capsys.readouterr()
        return code, said.out, said.err

    why.journal = str(tmp_path / "journal")
    return why


@pytest.mark.parametrize("task", ["shop/batch", "id-1"])
def test_the_story_has_who_what_from_to_why_and_what_became_of_it(why, task):
    code, out, err = why(task, "2024-11-30T12:30+00:00")
    assert (code, err) == (0, "")
    lines = [line.partition("  ")[2] for line in out.splitlines()]
    assert lines[1:5] == [
        "anomaly: cpu neighbour of shop; suspects id-1 0.9; psi 0.4 (threshold 0.2)",
        "cpu_quota 1 -> 0.5: applied (Contention, because of cpu neighbour: shop)",
        "cpu_quota 1 -> 0.1: rejected by decisions_per_day (Contention)",
        "cpu_quota: somebody else wrote -1 over 50000 (kubelet reset): yield",
    ]
    assert out.splitlines()[0].startswith(task)
    assert "nothing" in out.splitlines()[5], "the foreign write has ended it"


def test_what_was_granted_at_a_time_is_told_for_that_time(why):
    _, out, _ = why("id-1", "2024-11-30T12:01:00+00:00")
    assert "cpu_quota 0.5 since " in out
    assert "somebody else" not in out


def test_who_suffers_has_a_story_too(why):
    _, out, _ = why("web")
    assert "anomaly: cpu neighbour; suspects id-1" in out


@pytest.fixture
def folder():
    """One whose path fits on the screen."""
    with tempfile.TemporaryDirectory(prefix="wca-", dir="/tmp") as path:
        yield path


def test_the_journal_tells_what_is_in_force(why, folder):
    journal = Journal(why.journal)
    journal.open()
    group = (folder, os.stat(folder).st_ino)
    write = Write(f"{folder}/cpu.shares", "1024", "2", "id-1", "cpu_shares", group)
    journal.intend(write, "Contention", journal._now() + 10)
    journal.settle(write, APPLIED)
    journal.close()
    _, out, _ = why("shop/batch", "--journal", why.journal)
    assert f"cpu_shares: {write.path} has 2 instead of 1024 until " in out
    data = json.loads(why("shop/batch", "--json", "--journal", why.journal)[1])
    assert data["in_force"][0]["to"] == "2"
    assert data["events"] == RECORDS[:4]


def why_commands():
    """Those that docs/allocation.md prints."""
    texts = [text for page, _, text in blocks("sh") if page == "allocation.md"]
    return [line for text in texts for line in text.splitlines() if line.startswith("wca why ")]


def test_the_printed_command_tells_a_story(tmp_path, capsys):
    (command,) = why_commands()
    path = tmp_path / "records"
    path.write_text(json.dumps(decision(START, task_labels={"task_name": "batch"})))
    words = shlex.split(command.replace("/tmp/wca-allocations.jsonl", str(path)))
    assert main(words[1:]) == 0
    assert "cpu_quota 1 -> 0.5: applied" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nobody"], 1, "has no record of a task 'nobody'; it knows id-1, "),
        (["id-1", "25:00"], 2, "'25:00' is no time, write such as 12:03 or 2026-11-30T12:03"),
        (["id-1", "noon"], 2, "'noon' is no time"),
        (["id-1", "--journal", "/nowhere/j"], 2, "/nowhere/j: there is no such journal"),
        (["id-1", "1999-01-01T00:00"], 1, "has no record of a task 'id-1' before 1999-01-01T00:00"),
    ],
)
def test_what_cannot_be_answered_gets_one_sentence(why, arguments, code, sentence):
    found, out, err = why(*arguments)
    assert (found, out) == (code, "")
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_records_that_are_not_there_or_of_a_later_version_are_refused(tmp_path, capsys):
    path = tmp_path / "r"
    assert main(["why", "x", "--records", str(path)]) == 1
    assert "there is no such file, name the one of the option records" in capsys.readouterr().err
    path.write_text('{"version": 2, "time": 1}\n')
    assert main(["why", "x", "--records", str(path)]) == 1
    assert "a later version of wca has written it (format 2" in capsys.readouterr().err


def test_lines_that_are_no_records_are_counted_and_cost_themselves(why, records):
    with open(records, "a") as file:
        file.write('{"cut\n\n[]\n{"version": 1, "time": "soon"}\n')
    code, out, err = why("id-1")
    assert code == 0
    assert "cpu_quota" in out
    assert "3 lines are no records" in err


BERLIN = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("12:03", START - 3600 + 240),
        ("12:03:10", START - 3600 + 191),
        ("23:00", START - 14 * 3600 + 60),
        ("2024-11-30T12:00Z", START + 60),
        ("2024-11-30T12:00:00+01:00", START - 3599),
        ("2024-11-30 12:00", START - 3540),
    ],
)
def test_a_time_is_the_last_one_that_is_meant_to_its_end(text, until):
    assert moment(text, START + 7200, BERLIN) == until


@given(st.text(max_size=20))
def test_whatever_is_written_as_a_time_is_one_or_is_refused(text):
    with contextlib.suppress(UsageError):
        assert isinstance(moment(text, START, UTC), float)


def test_a_time_is_shown_where_the_reader_is():
    assert shown(START, BERLIN) == "13:00:00"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = sorted({*RECORDS[0], *RECORDS[1], *FOREIGN} - {"version", "time"})
TYPES = st.sampled_from(["allocation", "foreign write", "given back", "contention"])
ANY = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8)


@given(st.lists(st.tuples(TYPES, ANY), max_size=40), st.lists(st.text(), max_size=40))
def test_whatever_is_in_the_records_it_fits_on_one_screen(found, in_force):
    records = [
        {"version": 1, "time": START + n, "type": type_, **one, "task_id": "t"}
        for n, (type_, one) in enumerate(found)
    ]
    text = story_text(tell(records, "t", START + 1000), in_force, UTC)
    lines = text.splitlines()
    assert len(lines) <= LINES
    assert all(len(line) <= WIDTH and line.isprintable() for line in lines)


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_whatever_is_in_the_file_it_is_read(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("records") / "r"
    path.write_bytes(b"\n".join(lines))
    assert all(isinstance(one, dict) for one in RecordsFile(str(path)))
