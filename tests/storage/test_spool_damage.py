"""Whatever has happened to the files, the agent starts, and nothing wrong is ever sent."""

import logging
import os
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.storage.test_spool_crash import MEMORY
from wca.errors import StartError
from wca.storage.delivery.parcel import Parcel
from wca.storage.spool import Spool, database

NOW = 1e9
PARCELS = [
    Parcel(b"%03d-" % number * size, number + 1, NOW, "ab"[number % 2] if number % 3 else "")
    for number, size in enumerate([1, 10, 300, 1000, 2000, 20, 5, 600, 2500, 100] * 3)
]
LATER = Parcel(b"later" * 500, 7, NOW)


@pytest.fixture(scope="module")
def originals():
    """Folders of a spool that was closed, and of one that was not."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as root:
        path = os.path.join(root, "open", "spool")
        spool = Spool(path)
        spool.open()
        for start in range(0, len(PARCELS), 3):
            spool.put(PARCELS[start : start + 3], NOW)
        taken, _ = spool.take(4, NOW)
        spool.settle([one.number for one in taken])
        killed = os.path.join(root, "killed")
        os.mkdir(killed, 0o700)
        for name in ("spool", "spool-wal"):
            shutil.copy(os.path.join(root, "open", name), killed)
        spool.close()
        yield killed, os.path.join(root, "open")


@pytest.fixture(autouse=True)
def quiet():
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@st.composite
def damages(draw):
    """One change of a file: what, where as a share of its size, and the bytes."""
    kind = draw(st.sampled_from(["write", "write", "zero", "cut", "grow"]))
    where = draw(st.one_of(st.floats(0, 1), st.integers(0, 200), st.integers(3990, 4400)))
    return kind, where, draw(st.binary(min_size=1, max_size=40))


def damage(path, kind, where, data):
    content = bytearray(open_and_read(path))
    place = int(where * len(content)) if isinstance(where, float) else min(where, len(content))
    if kind == "write":
        content[place : place + len(data)] = data
    elif kind == "zero":
        size = len(data) * 100
        content[place : place + size] = bytes(len(content[place : place + size]))
    elif kind == "cut":
        del content[place:]
    else:
        content += data * 200
    with open(path, "wb") as file:
        file.write(content)


def open_and_read(path):
    with open(path, "rb") as file:
        return file.read()


def live_on(path):
    """Use the spool until it is empty, with the books."""
    spool = Spool(path)
    books = spool.open()
    dropped = spool.put([LATER], NOW)
    books += LATER.samples
    sent = []
    while True:
        taken, lost = spool.take(3, NOW)
        dropped += lost
        if not taken:
            break
        sent += [one.parcel for one in taken]
        spool.settle([one.number for one in taken])
    size = spool.size
    spool.close()
    books -= sum(one.samples for one in dropped) + sum(parcel.samples for parcel in sent)
    return sent, dropped, size, books


@pytest.mark.parametrize("examined", [True, False])
@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    closed=st.booleans(),
    name=st.sampled_from(["spool", "spool-wal"]),
    changes=st.lists(damages(), min_size=1, max_size=3),
)
def test_bytes_that_were_changed_anywhere_stop_nothing(originals, examined, closed, name, changes):
    with tempfile.TemporaryDirectory(dir=MEMORY) as root:
        folder = os.path.join(root, "spool")
        shutil.copytree(originals[closed], folder)
        path = os.path.join(folder, "spool")
        for change in changes:
            damage(os.path.join(folder, "spool" if closed else name), *change)
        limit, database.EXAMINED_AT_START = database.EXAMINED_AT_START, 2**26 if examined else -1
        try:
            sent, dropped, size, books = live_on(path)
        except StartError as error:
            if "newer agent" in str(error):
                return  # the bytes that say the version, of all
            raise
        finally:
            database.EXAMINED_AT_START = limit
        # Each once, none that was changed. Where a large file was not examined at the start, its
        # damage may be met after it has taken something more; that is counted.
        assert all(parcel == LATER or parcel in PARCELS for parcel in sent)
        assert len({parcel.body for parcel in sent}) == len(sent)
        assert LATER in sent or (dropped and not examined)
        assert {one.reason for one in dropped} <= {"spool_corrupt"}
        assert books == 0
        assert size[:3] == (0, 0, 0)
        # The next run finds a sound file.
        before = {entry for entry in os.listdir(folder) if ".corrupt-" in entry}
        again = Spool(path)
        assert again.open() == 0
        again.put([LATER], NOW)
        assert [one.parcel for one in again.take(5, NOW)[0]] == [LATER]
        again.close()
        if examined:
            assert {entry for entry in os.listdir(folder) if ".corrupt-" in entry} == before
