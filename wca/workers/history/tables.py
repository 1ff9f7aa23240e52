"""The table of samples."""

import logging

from sqlalchemy import BigInteger, Column, Connection, Index, MetaData, String, Table, Text, text

from wca.workers.connections.schema import Schema

__all__ = ["MICROSECONDS", "SAMPLES", "SCHEMA"]

log = logging.getLogger(__name__)

#: Times are whole numbers here, which TimescaleDB can divide a table by.
MICROSECONDS = 1_000_000
_DAY = 86_400 * MICROSECONDS

_TABLES = MetaData()
SAMPLES = Table(
    "wca_worker_samples",
    _TABLES,
    # By worker first: a query reads one place of the table. Without a row id SQLite has it once.
    Column("worker_id", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("state", String(20), nullable=False),
    Column("readings", Text, nullable=False),
    Index("wca_worker_samples_at", "at"),
    sqlite_with_rowid=False,
)


def _divide(connection: Connection) -> None:
    """Make a hypertable of it, a day in each piece, where TimescaleDB's extension is installed."""
    if connection.dialect.name != "postgresql":
        return
    installed = text("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")
    if connection.execute(installed).scalar() is None:
        return
    divide = text("SELECT create_hypertable(:name, 'at', chunk_time_interval => :day)")
    connection.execute(divide, {"name": SAMPLES.name, "day": _DAY})
    log.info("the history of workers is a hypertable of TimescaleDB")


SCHEMA = Schema("worker history", 1, _TABLES, created=_divide)
