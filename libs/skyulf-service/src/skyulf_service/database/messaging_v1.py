"""The technical tables as the first release made them. Never changed: later changes are migrations of their own."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, MetaData, String, Table, Text, UniqueConstraint, Uuid, text

from skyulf_service.database.types import Json, UtcDateTime

NAMING_V1 = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def messaging_tables_v1() -> MetaData:
    """Outbox, inbox, dead letters, leases and idempotency keys."""
    metadata = MetaData(naming_convention=NAMING_V1)
    for declare in (_outbox, _inbox, _dead_letters, _leases, _idempotency_keys):
        declare(metadata)
    return metadata


def _outbox(metadata: MetaData) -> None:
    unpublished = text("published_at IS NULL")
    Table(
        "outbox",
        metadata,
        Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        Column("event_id", Uuid, nullable=False),
        Column("topic", String(120), nullable=False),
        Column("type", String(120), nullable=False),
        Column("source", String(120), nullable=False),
        Column("data_schema", String(200), nullable=False),
        Column("aggregate_id", String(80), nullable=False),
        Column("aggregate_version", sa.Integer, nullable=False),
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


def _inbox(metadata: MetaData) -> None:
    Table(
        "inbox",
        metadata,
        Column("consumer", String(120), primary_key=True),
        Column("event_id", Uuid, primary_key=True),
        Column("handled_at", UtcDateTime, nullable=False),
        Index(None, "handled_at"),
    )


def _dead_letters(metadata: MetaData) -> None:
    Table(
        "dead_letters",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("consumer", String(120), nullable=False),
        Column("fingerprint", String(64), nullable=False),
        Column("topic", String(250), nullable=False),
        Column("partition", sa.Integer, nullable=False),
        Column("offset", sa.BigInteger, nullable=False),
        Column("key", sa.LargeBinary),
        Column("value", sa.LargeBinary, nullable=False),
        Column("headers", Json, nullable=False),
        Column("type", String(200)),
        Column("event_id", String(80)),
        Column("reason", String(80), nullable=False),
        Column("error", Text, nullable=False),
        Column("traceparent", String(80)),
        Column("attempts", sa.Integer, nullable=False),
        Column("parked_at", UtcDateTime, nullable=False),
        Column("replayed_at", UtcDateTime),
        UniqueConstraint("consumer", "fingerprint"),
        Index(None, "parked_at", "id"),
    )


def _leases(metadata: MetaData) -> None:
    Table(
        "leases",
        metadata,
        Column("name", String(80), primary_key=True),
        Column("owner", String(80), nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
    )


def _idempotency_keys(metadata: MetaData) -> None:
    Table(
        "idempotency_keys",
        metadata,
        Column("project_id", Uuid, primary_key=True),
        Column("principal", String(120), primary_key=True),
        Column("operation", String(120), primary_key=True),
        Column("key", String(255), primary_key=True),
        Column("fingerprint", String(64), nullable=False),
        Column("status", sa.Integer, nullable=False),
        Column("headers", Json, nullable=False),
        Column("body", sa.LargeBinary, nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
        Index(None, "expires_at"),
    )
