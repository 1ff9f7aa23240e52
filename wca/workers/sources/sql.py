"""Workers in a table of a database."""

import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

from wca.config.types import Duration, Secret, Str
from wca.errors import StartError, ValidationError
from wca.workers.api import SourceError, WorkerSource
from wca.workers.model import Worker

__all__ = ["SqlWorkers"]

log = logging.getLogger(__name__)

_INSTALL = "the package sqlalchemy is missing: install wca[workers]"
_NEEDED = ("region", "instance_id")
_FIELDS = (*_NEEDED, "id", "account", "name")


class SqlWorkers(WorkerSource):
    """The rows of a query are workers.

    The columns ``instance_id`` and ``region`` must be there; ``id``, ``account`` and ``name`` may;
    every other column is a tag. ``AS`` gives a column its name here. A row without a region, or
    with the id of an earlier row, is left out and told in the log.

    The database is only read: the query runs in a transaction that cannot write (SQLite,
    PostgreSQL), and that is rolled back.

    Args:
        url: of SQLAlchemy, such as ``postgresql://wca:PASSWORD@db/fleet`` or
            ``sqlite:////var/lib/fleet.sqlite``.
        query: a SELECT.
        timeout: seconds for the connection, and in PostgreSQL for the query.

    Raises:
        ValidationError: the query is no SELECT.
    """

    def __init__(
        self,
        url: Annotated[str, Secret()],
        query: Annotated[str, Str(10_000)],
        timeout: Annotated[float, Duration(1, 300)] = 10.0,
    ) -> None:
        if not query.lstrip().upper().startswith(("SELECT", "WITH")):
            raise ValidationError("query must be a SELECT (or WITH ... SELECT): nothing is written")
        self._url = url
        self._query = query
        self._timeout = timeout
        self._engine: Any = None
        self._where = "the database"
        self._left_out: tuple[str, ...] = ()

    def start(self) -> None:
        """Find SQLAlchemy and the driver; connects to nothing.

        Raises:
            StartError: one of them is missing, or the URL is none.
        """
        if self._engine is None:
            self._engine = self._made()

    def workers(self) -> Sequence[Worker]:
        """The workers of all rows.

        Raises:
            SourceError: the database cannot be asked, or the query lacks a column.
        """
        try:
            self.start()
        except StartError as error:
            raise SourceError(str(error)) from error
        names, rows = self._rows()
        lacking = [name for name in _NEEDED if name not in names]
        if lacking:
            raise SourceError(
                f"SqlWorkers: the query has no column {' and no '.join(lacking)}, it has "
                f"{', '.join(names)}; name columns with AS"
            )
        return self._workers([dict(zip(names, row, strict=True)) for row in rows])

    def close(self, timeout: float = 5.0) -> None:
        """Nothing is kept open between two readings.

        Args:
            timeout: not needed.
        """
        del timeout
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _made(self) -> Any:
        try:
            from sqlalchemy import create_engine
            from sqlalchemy.engine import make_url
            from sqlalchemy.exc import ArgumentError, NoSuchModuleError
            from sqlalchemy.pool import NullPool
        except ImportError:
            raise StartError(f"SqlWorkers: {_INSTALL}") from None
        try:
            url = make_url(self._url)
            self._where = url.render_as_string(hide_password=True)
            backend = url.get_backend_name()
            if url.drivername == "postgresql":
                url = url.set(drivername="postgresql+psycopg")
            if backend == "sqlite" and url.database and not url.database.startswith("file:"):
                # Otherwise SQLite makes an empty file where there is none.
                url = url.set(database=f"file:{quote(url.database)}")
                url = url.update_query_dict({"mode": "ro", "uri": "true"})
            return create_engine(
                url,
                poolclass=NullPool,
                connect_args=_options(backend, self._timeout),
                execution_options={"postgresql_readonly": True},
                hide_parameters=True,
            )
        except (ImportError, NoSuchModuleError) as error:
            raise StartError(
                f"SqlWorkers: {self._where} needs a driver that is missing ({error}): install it, "
                "for PostgreSQL wca[postgresql]"
            ) from None
        except (ArgumentError, ValueError):
            raise StartError(
                "SqlWorkers: url is not one of SQLAlchemy's: write DIALECT+DRIVER://USER@HOST/NAME"
            ) from None

    def _rows(self) -> tuple[list[str], list[Any]]:
        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine.connect() as connection:
                result = connection.execute(text(self._query))
                return list(result.keys()), list(result.all())
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            told = " ".join(str(cause).split()).rstrip(".")
            raise SourceError(f"SqlWorkers: {self._where}: {told}; see url and query") from None

    def _workers(self, rows: Sequence[Mapping[str, Any]]) -> list[Worker]:
        found: dict[str, Worker] = {}
        left_out: list[str] = []
        for number, row in enumerate(rows, 1):
            worker = _worker(row)
            if not worker.id or not worker.region:
                left_out.append(f"row {number} has no {'region' if worker.id else 'id'}")
            elif worker.id in found:
                left_out.append(f"row {number} has the id {worker.id} of an earlier row")
            else:
                found[worker.id] = worker
        if left_out and tuple(left_out) != self._left_out:
            more = f", and {len(left_out) - 1} more rows" if len(left_out) > 1 else ""
            log.warning("SqlWorkers leaves out workers: %s%s", left_out[0], more)
        self._left_out = tuple(left_out)
        return list(found.values())


def _worker(row: Mapping[str, Any]) -> Worker:
    texts = {name: "" if value is None else str(value) for name, value in row.items()}
    return Worker(
        id=texts.get("id") or texts["instance_id"],
        region=texts["region"],
        instance_id=texts["instance_id"],
        account=texts.get("account", ""),
        name=texts.get("name", ""),
        tags={name: value for name, value in texts.items() if name not in _FIELDS and value},
    )


def _options(backend: str, timeout: float) -> dict[str, Any]:
    """Arguments of the driver that end what takes too long."""
    if backend == "sqlite":
        return {"timeout": timeout}
    if backend == "postgresql":
        return {
            "connect_timeout": max(1, round(timeout)),
            "options": f"-c statement_timeout={round(timeout * 1000)}",
        }
    return {}
