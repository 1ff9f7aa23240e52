"""The table of jobs."""

from sqlalchemy import Column, Connection, Double, MetaData, Table, Text, text

from wca.workers.connections.schema import Schema

__all__ = ["JOBS", "SCHEMA"]

_TABLES = MetaData()
JOBS = Table(
    "wca_jobs",
    _TABLES,
    Column("key", Text, primary_key=True),
    Column("seconds", Double, nullable=False),
    Column("jitter", Double, nullable=False),
    Column("due", Double, nullable=False),
    Column("data", Text, nullable=False, server_default=""),
)


def _add_data(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE wca_jobs ADD COLUMN data TEXT NOT NULL DEFAULT ''"))


SCHEMA = Schema("jobs", 2, _TABLES, {1: _add_data})
