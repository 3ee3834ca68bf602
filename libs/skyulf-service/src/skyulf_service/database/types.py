"""Column types and expressions that mean the same on SQLite and PostgreSQL."""

import json
import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import JSON, DateTime, Dialect, Double, Uuid, event, literal
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeDecorator

from skyulf_service.errors import FieldProblem, InvalidInputError

__all__ = ["Json", "UnstorableTextError", "UtcDateTime", "Uuid", "clean_text", "database_now", "uuid_column"]

uuid_column = Uuid
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class UnstorableTextError(InvalidInputError, DontWrapMixin):
    """A text holds what no database stores: a NUL character, or half of a surrogate pair."""


def clean_text(text: str, pointer: str = "") -> str:
    """Return the text unchanged, or raise `UnstorableTextError` when it holds NUL or a lone surrogate."""
    if "\x00" in text:
        raise _unstorable("must not contain the NUL character", pointer)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _unstorable("must not contain lone surrogates", pointer) from None
    return text


def refuse_unstorable_text(engine: AsyncEngine) -> None:
    """Check every text on its way into the database; the drivers' own errors would be answered with 500."""
    event.listen(engine.sync_engine, "before_cursor_execute", _check_parameters)


def write_json(value: object) -> str:
    """The serializer of JSON columns: strict where PostgreSQL is, so that both databases take the same values."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        raise UnstorableTextError("JSON knows no NaN and no infinity.") from None
    if _ESCAPED_NUL.search(text):
        raise _unstorable("must not contain the NUL character", "")
    return text


def storable_text(text: str, length: int | None = None) -> str:
    """A text made storable at any price: for messages of errors, never for what a user entrusts to us."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()[:length]


def _check_parameters(*arguments: object) -> None:
    parameters = arguments[3]
    for row in parameters if isinstance(parameters, list) else [parameters]:
        if isinstance(row, dict | tuple):
            for value in row.values() if isinstance(row, dict) else row:
                if isinstance(value, str):
                    clean_text(value)


def _unstorable(message: str, pointer: str) -> UnstorableTextError:
    problems = [FieldProblem(pointer, message, "unstorable-text")] if pointer else []
    return UnstorableTextError(f"The text {message}.", errors=problems)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept and returned in UTC with microseconds; naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; SQLite stores it as text of fixed width, which compares as time does."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: every time in Skyulf is aware")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware value in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class database_now(FunctionElement[datetime]):
    """The database's clock plus an offset. Leases use it, so that clocks of processes need not agree."""

    # the offset is a parameter: statements that idle processes repeat for ever are compiled once
    inherit_cache = True
    name = "database_now"
    type = UtcDateTime()

    def __init__(self, offset: timedelta = timedelta()) -> None:
        super().__init__(literal(offset.total_seconds(), Double()))


@compiles(database_now, "postgresql")
def _now_on_postgresql(element: database_now, compiler: SQLCompiler, **options: object) -> str:
    return f"(clock_timestamp() + make_interval(secs => {compiler.process(element.clauses, **options)}))"


@compiles(database_now, "sqlite")
def _now_on_sqlite(element: database_now, compiler: SQLCompiler, **options: object) -> str:
    # strftime knows milliseconds; the zeros make the width that SQLAlchemy's DateTime writes and compares
    seconds = compiler.process(element.clauses, **options)
    return f"(strftime('%Y-%m-%d %H:%M:%f000', 'now', printf('%+.3f seconds', {seconds})))"
