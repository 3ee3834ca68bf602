"""New identifiers and the current time, the two things a domain may ask its surroundings for."""

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """Return a new UUIDv7. Ids never order anything; sequences do."""
    return uuid_utils.compat.uuid7()


def utc_now() -> datetime:
    """Return the current time, aware, in UTC, microseconds."""
    return datetime.now(UTC)
