"""The table of jobs."""

from sqlalchemy import Column, Double, MetaData, Table, Text

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
)
SCHEMA = Schema("jobs", 1, _TABLES)
