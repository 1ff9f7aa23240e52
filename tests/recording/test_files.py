"""Files of recordings: who may read them, what becomes of damaged, cut and foreign ones."""

import contextlib
import os
import resource
import signal
import stat
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wca.recording import RecordingError, RecordingWriter, read_recording
from wca.recording.blocks import BlockFile, Kind, blocks_of
from wca.testing.detectors import a_platform, a_task, busy_history

FRAMES, FRAMES_OF_A_BLOCK = 40, 6
FRAMED = (Kind.KEY, Kind.NEXT)


def write(path, frames=FRAMES, seconds=1.0):
    writer = RecordingWriter(str(path), detector="Mine")
    for place in range(frames):
        platform = a_platform(place * seconds, {"memory_usage": place * 1_000_003})
        writer.add(platform, {"a": a_task("a", {"task_cpu_usage_seconds": place * 0.37})})
    writer.close()
    return path.read_bytes()


def numbers(recording):
    return [frame.platform.measurements["memory_usage"] // 1_000_003 for frame in recording]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write(tmp_path_factory.mktemp("whole") / "recording")


def read(folder, data):
    path = folder / "damaged"
    path.write_bytes(data)
    return read_recording(str(path))


def blocks(folder, data):
    path = folder / "whole"
    path.write_bytes(data)
    with open(path, "rb") as file:
        return list(blocks_of(file.fileno()))


def test_only_the_owner_can_read_it(tmp_path):
    before = os.umask(0)
    try:
        write(tmp_path / "recording")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "recording").stat().st_mode) == 0o600


def test_an_earlier_recording_becomes_the_one_before(tmp_path):
    path = tmp_path / "recording"
    first = write(path)
    write(path, frames=3)
    assert (tmp_path / "recording.1").read_bytes() == first
    assert numbers(read_recording(str(path))) == [0, 1, 2]


def test_something_else_is_never_touched(tmp_path):
    path = tmp_path / "other"
    path.write_text("precious")
    with pytest.raises(RecordingError, match="holds something else than a recording: move it"):
        RecordingWriter(str(path))
    assert path.read_text() == "precious"
    target = tmp_path / "link"
    target.symlink_to(path)
    for odd, words in ((target, "not a regular"), (tmp_path, "not a regular")):
        with pytest.raises(RecordingError, match=words):
            RecordingWriter(str(odd))
    with pytest.raises(RecordingError, match="No such file"):
        RecordingWriter(str(tmp_path / "none" / "recording"))


def test_an_empty_file_makes_room(tmp_path):
    (tmp_path / "recording").touch()
    write(tmp_path / "recording")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no recording of wca"),
        (b"runner: !MeasurementRunner\n", "is no recording of wca"),
        (b"wca-recording 2\n", "of version '2', this wca reads version 1"),
        (b"wca-recording 1\n", "its beginning is damaged"),
        (b"wca-recording 1\n" + b"x" * 100, "its beginning is damaged"),
    ],
)
def test_a_foreign_file_is_one_sentence(tmp_path, data, words):
    with pytest.raises(RecordingError, match=words) as raised:
        read(tmp_path, data)
    assert "\n" not in str(raised.value)


def test_what_cannot_be_opened_is_one_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("none", "No such file"), ("pipe", "regular file"), ("", "regular file")):
        with pytest.raises(RecordingError, match=words):
            read_recording(str(tmp_path / name))
    with pytest.raises(RecordingError, match="null"):
        read_recording("a\0b")


def test_a_header_of_another_program_is_one_sentence(tmp_path):
    for data in (b"x", zlib.compress(b"[]"), zlib.compress(b'{"state": {"unknown": 1}}')):
        path = tmp_path / str(len(data))
        file = BlockFile(str(path))
        file.append(Kind.HEADER, data)
        file.close()
        with pytest.raises(RecordingError, match="its header makes no sense"):
            read_recording(str(path))


def test_a_field_that_a_later_version_adds_to_the_header_is_left_out(tmp_path):
    path = tmp_path / "recording"
    file = BlockFile(str(path))
    file.append(Kind.HEADER, zlib.compress(b'{"detector": "A", "colour": "blue"}'))
    file.close()
    assert read_recording(str(path)).header.detector == "A"


def test_a_file_that_was_not_closed_says_so(tmp_path):
    writer = RecordingWriter(str(tmp_path / "recording"))
    writer.add(a_platform(0.0), {})
    writer.flush()
    recording = read_recording(str(tmp_path / "recording"))
    assert recording.cut
    assert len(list(recording)) == 1
    assert recording.problems == [
        f"{tmp_path / 'recording'}: its end is missing: it was not closed, or is being written"
    ]
    writer.close()
    assert not read_recording(str(tmp_path / "recording")).cut


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_a_file_that_is_cut_anywhere_gives_all_frames_before_the_cut(whole, tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    length = data.draw(st.integers(0, len(whole) - 1))
    try:
        recording = read(folder, whole[:length])
    except RecordingError:
        assert length < 400  # the line and the header
        return
    found = numbers(recording)
    assert recording.cut
    assert found == list(range(len(found)))
    assert any("its end is missing" in one for one in recording.problems)
    ends = [one.offset + one.length for one in blocks(folder, whole) if one.kind in FRAMED]
    assert len(found) == min(FRAMES, FRAMES_OF_A_BLOCK * sum(end <= length for end in ends))


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_a_file_that_is_damaged_anywhere_gives_nothing_wrong(whole, tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    place = data.draw(st.integers(0, len(whole) - 1))
    spoilt = bytearray(whole)
    kind = data.draw(st.sampled_from(["flip", "remove", "insert"]))
    if kind == "flip":
        spoilt[place] ^= data.draw(st.integers(1, 255))
    elif kind == "remove":
        del spoilt[place : place + data.draw(st.integers(1, 50))]
    else:
        spoilt[place:place] = data.draw(st.binary(min_size=1, max_size=50))
    try:
        recording = read(folder, bytes(spoilt))
        found = numbers(recording)
    except RecordingError:
        return
    assert set(found) <= set(range(FRAMES))
    assert found == sorted(set(found))
    assert found == list(range(FRAMES)) or recording.problems


def test_after_a_damaged_block_it_goes_on_with_the_next_that_depends_on_none(tmp_path):
    path = tmp_path / "recording"
    data = bytearray(write(path, frames=1000, seconds=5.0))
    place = data.index(b"\xf7WCA", len(data) // 2)
    data[place + 20] ^= 1
    recording = read(tmp_path, bytes(data))
    found = numbers(recording)
    assert found[0] == 0
    assert found[-1] == 999
    assert 600 < len(found) < 1000
    assert found == sorted(set(found))
    (problem,) = recording.problems
    assert "are damaged" in problem


def test_frames_that_make_no_sense_are_left_out_and_told(tmp_path):
    path = tmp_path / "recording"
    RecordingWriter(str(path)).close()
    for line in (b"{}", b"[]", b"nonsense", b'{"t":[1,1],"N":[]}', b"\xff", b"[" * 100_000):
        file = BlockFile(str(tmp_path / "made"))
        file.append(Kind.HEADER, zlib.compress(b"{}"))
        packer = zlib.compressobj()
        file.append(Kind.KEY, packer.compress(line + b"\n") + packer.flush(zlib.Z_SYNC_FLUSH))
        file.append(Kind.END, b"")
        file.close()
        recording = read_recording(str(tmp_path / "made"))
        assert list(recording) == []
        assert list(recording) == []
        assert len(recording.problems) == 1
        assert "makes no sense" in recording.problems[0]


def test_an_interval_that_cannot_be_recorded_costs_itself(tmp_path):
    writer = RecordingWriter(str(tmp_path / "recording"))
    for place in range(5):
        tasks = {"a": None} if place == 2 else {}
        refused = pytest.raises(RecordingError) if place == 2 else contextlib.nullcontext()
        with refused:
            writer.add(a_platform(0.0, {"memory_usage": place * 1_000_003}), tasks)
    assert writer.dropped == 1
    writer.close()
    frames = list(read_recording(str(tmp_path / "recording")))
    assert numbers(frames) == [0, 1, 3, 4]
    assert [one.lost for one in frames] == [0, 0, 1, 0]


def test_a_full_disk_costs_what_did_not_fit_and_then_it_goes_on(tmp_path):
    path = tmp_path / "recording"
    writer = RecordingWriter(str(path))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    history = busy_history(intervals=30)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for place, one in enumerate(history):
            if place == 10:  # a block ends here, and the next one does not fit
                writer.flush()
                resource.setrlimit(resource.RLIMIT_FSIZE, (writer.size + 10, limits[1]))
            if place == 15:
                with pytest.raises(OSError, match="large"):
                    writer.flush()
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            writer.add(*one)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    writer.close()
    recording = read_recording(str(path))
    frames = list(recording)
    assert [(one.platform, one.tasks) for one in frames] == history[:10] + history[15:]
    assert sum(one.lost for one in frames) == writer.dropped == 5
    (problem,) = recording.problems
    assert "5 intervals are missing" in problem
