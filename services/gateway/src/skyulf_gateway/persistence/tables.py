"""The gateway's tables. Changing one needs a migration; a test compares the two."""

from skyulf_service.database.tables import Sequence, add_messaging_tables, new_metadata, one_of
from skyulf_service.database.types import Json, UtcDateTime
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from skyulf_gateway.domain.keys import Reach

metadata = new_metadata()
messaging = add_messaging_tables(metadata)

organisations = Table(
    "organisations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("slug", String(63), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

projects = Table(
    "projects",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("organisation_id", Uuid, ForeignKey("organisations.id"), nullable=False),
    Column("slug", String(63), nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("organisation_id", "slug"),
    Index(None, "organisation_id", "created_at", "id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, ForeignKey("projects.id"), nullable=False),
    Column("organisation_id", Uuid, ForeignKey("organisations.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("prefix", String(12), nullable=False, unique=True),
    Column("secret_hash", String(64), nullable=False),
    Column("scopes", Json, nullable=False),
    Column("reach", String(20), one_of("reach", Reach), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(None, "project_id", "created_at", "id"),
)

event_log = Table(
    "event_log",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    # The last guard of "an event is logged once": the inbox already drops the second delivery.
    Column("event_id", Uuid, nullable=False, unique=True),
    Column("project_id", Uuid, nullable=False),
    Column("type", String(120), nullable=False),
    Column("source", String(120), nullable=False),
    Column("subject", String(120), nullable=False),
    Column("data_schema", String(200), nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("appended_at", UtcDateTime, nullable=False),
    Column("data", Text, nullable=False),
    Index(None, "project_id", "seq"),
    Index(None, "appended_at"),
)

# One row. Its lock is held until the appending transaction ends, so the order of `seq` is the order of commits and a
# reader that has seen n will never find a smaller number later. It outlives the rows that retention removes.
event_log_head = Table(
    "event_log_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

# How far the feed of each service was read for events that the broker has lost: a number in its outbox, and its event.
feed_marks = Table(
    "feed_marks",
    metadata,
    Column("owner", String(40), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("event_id", String(80), nullable=False),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("project_id", Uuid, nullable=False),
    Column("organisation_id", Uuid, nullable=False),
    Column("subject", Text, nullable=False),
    Column("operation", String(120), nullable=False),
    Column("service", String(40), nullable=False),
    Column("method", String(10), nullable=False),
    Column("path", Text, nullable=False),
    Column("objects", Json, nullable=False),
    Column("status", Integer, nullable=False),
    Column("request_id", String(128), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "project_id", "seq"),
    Index(None, "at"),
)
