"""Which version the tables of a part have: they are made, brought up to date, or refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, select, text

from wca.workers.connections.versions import check_version

__all__ = ["Schema", "make_ready"]

_VERSIONS = Table(
    "wca_schema",
    MetaData(),
    Column("part", String(40), primary_key=True),
    Column("version", Integer, nullable=False),
)
#: Any number, the same in all agents: one of them makes the tables while the others wait.
_LOCK = 0x57_43_41


@dataclass(frozen=True)
class Schema:
    """The tables of one part.

    Args:
        part: its name; several parts may share a database.
        version: of the tables, counted up with each change of them.
        metadata: the tables.
        upgrades: by the version before, what makes the next one of it.
        created: called once the tables are made.
    """

    part: str
    version: int
    metadata: MetaData
    upgrades: Mapping[int, Callable[[Connection], None]] = field(default_factory=dict)
    created: Callable[[Connection], None] | None = None


def make_ready(connection: Connection, schema: Schema) -> None:
    """Make the tables, or bring those of the version before up to date.

    Args:
        connection: in a transaction that nobody else writes beside.
        schema: the tables.

    Raises:
        LastingError: the tables are of a newer version, or of one too old.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    _VERSIONS.create(connection, checkfirst=True)
    mine = _VERSIONS.c.part == schema.part
    found = connection.execute(select(_VERSIONS.c.version).where(mine)).scalar()
    if found == schema.version:
        return
    if found is None:
        schema.metadata.create_all(connection)
        if schema.created is not None:
            schema.created(connection)
        row = {"part": schema.part, "version": schema.version}
        connection.execute(_VERSIONS.insert(), row)
        return
    check_version(schema.part, found, schema.version)
    schema.upgrades[found](connection)
    connection.execute(_VERSIONS.update().where(mine).values(version=schema.version))
