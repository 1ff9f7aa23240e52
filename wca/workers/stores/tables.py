"""The tables of states, alerts and actions."""

from sqlalchemy import BigInteger, Column, Connection, Double, Index, Integer, MetaData, Table, Text

from wca.workers.connections.schema import Schema
from wca.workers.stores.codec import PART, VERSION

__all__ = ["ACTIONS", "ALERTS", "REQUESTED", "SCHEMA", "STATES"]

_TABLES = MetaData()
STATES = Table(
    "wca_worker_states",
    _TABLES,
    Column("worker_id", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
ALERTS = Table(
    "wca_worker_alerts",
    _TABLES,
    Column("key", Text, primary_key=True),
    Column("worker_id", Text, nullable=False),
    Column("value", Text, nullable=False),
    Index("wca_worker_alerts_of", "worker_id"),
)
ACTIONS = Table(
    "wca_worker_actions",
    _TABLES,
    # SQLite counts up only what it calls INTEGER.
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("at", Double, nullable=False),
    Column("value", Text, nullable=False),
    Index("wca_worker_actions_at", "at"),
)
REQUESTED = Table(
    "wca_worker_requested",
    _TABLES,
    Column("month", Text, primary_key=True),
    Column("metrics", BigInteger, nullable=False),
)


def _add_requested(connection: Connection) -> None:
    REQUESTED.create(connection)


#: What is in the tables is of the version of the codec; this one counts the tables.
SCHEMA = Schema(PART, VERSION + 1, _TABLES, {VERSION: _add_requested})
