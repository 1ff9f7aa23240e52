"""The file of a spool over its life: opened by one process, and begun anew when it is damaged."""

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wca.clock import Clock
from wca.errors import StartError
from wca.storage.delivery.options import Survives
from wca.storage.delivery.parcel import Parcel
from wca.storage.spool.place import Place
from wca.storage.spool.rows import Damaged, Totals

if TYPE_CHECKING:
    from wca.storage.spool.database import Database

__all__ = ["SpoolFile"]

log = logging.getLogger(__name__)


class SpoolFile:
    """Gives access to the database, and a new one after a damaged one was given up.

    Args:
        place: where the file is.
        survives: what a transaction survives.
        kind: what bodies are that do not say so themselves.
        clock: time, for the names of damaged files.
    """

    def __init__(self, place: Place, survives: Survives, kind: str, clock: Clock) -> None:
        self.place = place
        #: Files that were given up since the start of the agent.
        self.damaged = 0
        self._survives = survives
        self._kind = kind
        self._clock = clock
        self._owner: int | None = None
        self._database: Database | None = None
        self._spoilt = False  # a damaged file is at the path

    def open(self) -> Totals:
        """Open the file, or make it.

        Returns:
            What is in it.

        Raises:
            StartError: it cannot be used, or another agent is using it.
        """
        self.place.take()
        try:
            try:
                self._database, totals = self._open()
            except Damaged as damage:
                self.give_up(damage, None)
                self._set_aside()
                self._database, totals = self._open()
        except BaseException as error:
            self.place.give_back()
            if isinstance(error, OSError | Damaged | ImportError):  # some have no SQLite
                raise StartError(str(error)) from error
            raise
        self._owner = os.getpid()
        return totals

    @property
    def in_use(self) -> bool:
        """Whether this process has opened it and not closed; a forked one has not."""
        return self._owner == os.getpid()

    @property
    def present(self) -> bool:
        """Whether there is a database; none where a damaged one could not be replaced yet."""
        return self._database is not None

    def check_owner(self) -> None:
        """Raise OSError in a process that has not opened the file: SQLite forbids its use there."""
        if self._owner is None:
            raise OSError(f"the spool {self.place.path} is not open")
        if not self.in_use:
            raise OSError(f"the spool {self.place.path} belongs to process {self._owner}")

    def database(self, kept: Mapping[int, Parcel]) -> "Database":
        """The open database.

        Args:
            kept: parcels by number, which go into the new one after a damaged one.

        Raises:
            OSError: there is none, and none can be made now.
        """
        if self._database is None:
            self._set_aside()
            database, _ = self._open()
            try:
                with database.transaction():
                    for number, parcel in kept.items():
                        database.insert(number, parcel)
            except BaseException:
                database.close()
                raise
            self._database = database
        return self._database

    def give_up(self, damage: Damaged, samples: int | None) -> None:
        """Close a damaged file, and say so in the log.

        Args:
            damage: what is wrong with it.
            samples: how many of them are lost with it; None: nobody knows.
        """
        log.error(
            "the spool %s is damaged (%s), an empty one takes its place: %s samples are lost",
            *(self.place.path, damage, "an unknown number of" if samples is None else samples),
        )
        self.damaged += 1
        self._spoilt = True
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def close(self) -> None:
        """Close the file and let others use it; safe twice."""
        database, self._database = self._database, None
        if database is not None:
            database.close()
        self.place.give_back()
        self._owner = None

    def _set_aside(self) -> None:
        if self._spoilt:
            path = self.place.set_aside(self._clock.now())
            self._spoilt = False
            log.error("the damaged spool is kept as %s", path)

    def _open(self) -> "tuple[Database, Totals]":
        from wca.storage.spool.database import Database  # SQLite's module takes 2 MB

        database = Database(self.place.path, self._survives, self._kind)
        try:
            totals = database.totals()
            if self._survives is Survives.POWER_CUT:
                self.place.sync()
        except BaseException:
            database.close()
            raise
        return database, totals
