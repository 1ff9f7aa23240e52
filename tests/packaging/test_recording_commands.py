"""The commands of docs/recording.md, in their order: each needs what the one before has made."""

import contextlib
import os

import pytest

from tests.docs.pages import blocks

#: Where the configuration that is printed keeps its records; another user could not write there.
RECORDS = "/tmp/wca-anomalies.jsonl"


def recording_commands():
    """Those that the pex runs."""
    texts = [text for page, _, text in blocks("sh") if page == "recording.md"]
    return [line for text in texts for line in text.splitlines() if line.startswith("./dist/")]


@pytest.fixture
def records():
    yield
    with contextlib.suppress(FileNotFoundError):
        os.unlink(RECORDS)


@pytest.mark.usefixtures("records")
def test_a_recording_is_made_and_asked_as_printed(checkout):
    record, replay, detect = (checkout.shell(command) for command in recording_commands())
    assert record.returncode == 0, record.stderr
    assert replay.returncode == 0, replay.stderr
    assert replay.stderr == "0 of 3 intervals differ from what was recorded\n"
    assert len(replay.stdout.splitlines()) == 3
    assert detect.returncode == 0, detect.stderr
    assert detect.stdout
