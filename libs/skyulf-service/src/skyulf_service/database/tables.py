"""Tables that every service has beside its own: outbox, inbox, dead letters, leases, idempotency keys."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from skyulf_service.database.types import Json, UtcDateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# SQLite counts only a column of the type INTEGER up by itself.
Sequence = BigInteger().with_variant(Integer, "sqlite")


def new_metadata() -> MetaData:
    """Return metadata whose constraints have predictable names."""
    return MetaData(naming_convention=NAMING)


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A CHECK that a text column holds one of an enum's values."""
    listed = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


@dataclass(frozen=True, slots=True)
class MessagingTables:
    """The technical tables of one service."""

    outbox: Table
    inbox: Table
    dead_letters: Table
    leases: Table
    idempotency_keys: Table


def add_messaging_tables(metadata: MetaData) -> MessagingTables:
    """Declare the technical tables on a service's metadata."""
    return MessagingTables(
        outbox=_outbox(metadata),
        inbox=_inbox(metadata),
        dead_letters=_dead_letters(metadata),
        leases=_leases(metadata),
        idempotency_keys=_idempotency_keys(metadata),
    )


def _outbox(metadata: MetaData) -> Table:
    unpublished = text("published_at IS NULL")
    return Table(
        "outbox",
        metadata,
        Column("seq", Sequence, primary_key=True, autoincrement=True),
        Column("event_id", Uuid, nullable=False),
        Column("topic", String(120), nullable=False),
        Column("type", String(120), nullable=False),
        Column("source", String(120), nullable=False),
        Column("data_schema", String(200), nullable=False),
        Column("aggregate_id", String(80), nullable=False),
        Column("aggregate_version", Integer, nullable=False),
        Column("project_id", Uuid, nullable=False),
        Column("body", Text, nullable=False),
        Column("traceparent", String(80)),
        Column("occurred_at", UtcDateTime, nullable=False),
        Column("published_at", UtcDateTime),
        UniqueConstraint("event_id"),
        UniqueConstraint("aggregate_id", "aggregate_version"),
        Index("ix_outbox_unpublished", "seq", sqlite_where=unpublished, postgresql_where=unpublished),
        sqlite_autoincrement=True,
    )


def _inbox(metadata: MetaData) -> Table:
    return Table(
        "inbox",
        metadata,
        Column("consumer", String(120), primary_key=True),
        Column("event_id", Uuid, primary_key=True),
        Column("handled_at", UtcDateTime, nullable=False),
        Index(None, "handled_at"),
    )


def _dead_letters(metadata: MetaData) -> Table:
    return Table(
        "dead_letters",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("consumer", String(120), nullable=False),
        Column("fingerprint", String(64), nullable=False),
        Column("topic", String(250), nullable=False),
        Column("partition", Integer, nullable=False),
        Column("offset", BigInteger, nullable=False),
        Column("key", LargeBinary),
        Column("value", LargeBinary, nullable=False),
        Column("headers", Json, nullable=False),
        Column("type", String(200)),
        Column("event_id", String(80)),
        Column("reason", String(80), nullable=False),
        Column("error", Text, nullable=False),
        Column("traceparent", String(80)),
        Column("attempts", Integer, nullable=False),
        Column("parked_at", UtcDateTime, nullable=False),
        # when it was taken off the list: replayed, handled by another way, or discarded and emptied
        Column("replayed_at", UtcDateTime),
        # a record that comes again is parked once
        UniqueConstraint("consumer", "fingerprint"),
        Index(None, "parked_at", "id"),
    )


def _leases(metadata: MetaData) -> Table:
    return Table(
        "leases",
        metadata,
        Column("name", String(80), primary_key=True),
        Column("owner", String(80), nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
    )


def _idempotency_keys(metadata: MetaData) -> Table:
    return Table(
        "idempotency_keys",
        metadata,
        Column("project_id", Uuid, primary_key=True),
        Column("principal", String(120), primary_key=True),
        Column("operation", String(120), primary_key=True),
        Column("key", String(255), primary_key=True),
        Column("fingerprint", String(64), nullable=False),
        Column("status", Integer, nullable=False),
        Column("headers", Json, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
        Index(None, "expires_at"),
    )
