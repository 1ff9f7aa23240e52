"""For tests of databases, ours and a plugin's."""
# ruff: noqa: S101 - a contract suite is made of asserts

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from wca.databases import Database, InvalidKey
from wca.testing.leaks import open_things

__all__ = ["DatabaseContract"]

_ALPHABET = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

_INVALID: list[Any] = [
    *(b"", b".", b"..", b"a/b", b"../a", b"/a", b"a b", b"a\n", b"a\0", b"\xc3\xa9", b"~a"),
    *(b"k" * 256, "text", None, bytearray(b"a")),
]


class DatabaseContract:
    """What every database must do.

    Make a subclass named ``Test...`` and override ``database``::

        class TestMyDatabase(DatabaseContract):
            @pytest.fixture(autouse=True)
            def place(self, tmp_path):
                self.path = tmp_path / "values"

            def database(self):
                return MyDatabase(str(self.path))
    """

    def database(self) -> Database:
        """Make a database that works here.

        Called several times in one test, for several users of the same values.
        """
        raise NotImplementedError

    @contextlib.contextmanager
    def opened(self) -> Iterator[Database]:
        """A database that is closed afterwards."""
        database = self.database()
        try:
            yield database
        finally:
            _call(database, "close", 5.0)

    def test_it_is_a_database(self) -> None:
        """The configuration gives a plugin only what derives from Database."""
        assert isinstance(self.database(), Database)

    def test_constructing_opens_nothing(self) -> None:
        """A configuration is checked on any machine: the constructor only stores and validates."""
        before = open_things()
        database = self.database()
        assert open_things() == before, f"{type(database).__name__}() opened something"

    def test_a_key_that_was_never_set_has_no_value(self) -> None:
        """None, which is not the empty value."""
        with self.opened() as database:
            assert database.get(b"never") is None

    def test_a_value_is_given_back_as_it_was(self) -> None:
        """Empty, text, every byte, and half a MiB."""
        with self.opened() as database:
            for value in (b"", b"text", bytes(range(256)), b"\xff" * 524_288):
                database.set(b"key", value)
                assert database.get(b"key") == value

    def test_the_last_value_is_kept(self) -> None:
        """A shorter one leaves nothing of a longer one."""
        with self.opened() as database:
            database.set(b"key", b"longer than the next one")
            database.set(b"key", b"short")
            assert database.get(b"key") == b"short"

    def test_keys_are_told_apart(self) -> None:
        """By case, by punctuation, and when one begins as another."""
        with self.opened() as database:
            keys = [b"a", b"A", b"a.", b".a", b"a-", b"a_", b"aa", b"...", b"-", b"_"]
            for key in keys:
                database.set(key, b"value of " + key)
            assert [database.get(key) for key in keys] == [b"value of " + key for key in keys]

    def test_the_longest_key_is_taken(self) -> None:
        """All characters, 255 of them."""
        with self.opened() as database:
            key = (_ALPHABET * 4)[:255]
            database.set(key, b"value")
            assert database.get(key) == b"value"

    def test_any_other_key_is_refused(self) -> None:
        """By ``set`` and by ``get``."""
        with self.opened() as database:
            for key in _INVALID:
                assert _refuses(database.set, key, b"value"), key
                assert _refuses(database.get, key), key

    def test_a_value_outlives_the_one_that_set_it(self) -> None:
        """Another instance, as after a restart, has it."""
        with self.opened() as database:
            database.set(b"key", b"value")
        with self.opened() as database:
            assert database.get(b"key") == b"value"

    def test_it_works_after_start_and_without(self) -> None:
        """Usable from plain Python, where nobody calls start; shared, start may come twice."""
        for abilities in ([], ["start"], ["start", "start"]):
            with self.opened() as database:
                for ability in abilities:
                    _call(database, ability)
                database.set(b"key", b"value")
                assert database.get(b"key") == b"value"

    def test_it_works_again_after_close(self) -> None:
        """Closed too early costs a new connection, no value."""
        with self.opened() as database:
            database.set(b"key", b"value")
            _call(database, "close", 5.0)
            assert database.get(b"key") == b"value"

    def test_threads_may_share_it(self) -> None:
        """A reader finds one of the values, whole."""
        with self.opened() as database:
            values = [bytes([number]) * 10_000 for number in range(8)]

            def work(value: bytes) -> bytes | None:
                database.set(b"key", value)
                return database.get(b"key")

            with ThreadPoolExecutor(4) as pool:
                found = list(pool.map(work, values))
            assert set(found) <= set(values)

    def test_close_gives_back_what_was_taken(self) -> None:
        """No descriptor and no thread outlives the database."""
        before = open_things()
        with self.opened() as database:
            _call(database, "start")
            database.set(b"key", b"value")
            database.get(b"key")
        assert open_things() == before

    def test_close_is_safe_without_start_and_twice(self) -> None:
        """Several fields may share one database, and each of them close it."""
        database = self.database()
        _call(database, "close", 5.0)
        _call(database, "start")
        _call(database, "close", 5.0)
        _call(database, "close", 5.0)


def _refuses(method: Callable[..., object], *arguments: Any) -> bool:
    try:
        method(*arguments)
    except InvalidKey:
        return True
    return False


def _call(database: Database, ability: str, *arguments: float) -> None:
    method = getattr(database, ability, None)
    if method is not None:
        method(*arguments)
