"""DateParts: numbers out of dates and times."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias, cast

import polars as pl
from pydantic import Field

from skyulf_core.data.frames import dtype_of
from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.cleaning.convert import CastName, OnError, cast_series, refuse_uncastable
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field, free_name
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import Problem
from skyulf_core.schema import TEMPORAL, TEXT, ColumnSchema, Schema
from skyulf_core.serving.ops import CYCLES, Cast, Op
from skyulf_core.serving.ops import DateParts as DatePartsOp

Part: TypeAlias = Literal[
    "year", "quarter", "month", "week", "day", "day_of_year", "weekday", "hour", "minute", "second", "season",
    "time_of_day", "is_weekend", "is_month_start", "is_month_end",
]  # fmt: skip


class DatePartsConfig(NodeConfig):
    """Which numbers to take out of a date."""

    columns: ColumnNames | None = columns_field("all date and datetime columns; texts are parsed where they are named")
    parts: list[Part] = Field(
        default=["year", "month", "day", "weekday", "hour"],
        min_length=1,
        title="Parts",
        description="weekday: Monday 1 … Sunday 7; week: ISO 8601; season: 0 December-February … 3 September-November; "
        "time_of_day: 0 night (from midnight), 1 morning (from 6), 2 afternoon (from 12), 3 evening (from 18).",
    )
    cyclical: bool = Field(
        default=False,
        title="Cyclical",
        description="Write sine and cosine of the parts that come round again, so that December lies beside January.",
    )
    format: str | None = Field(
        default=None,
        min_length=2,
        title="Date format",
        description="strftime's format of text columns. Left out: ISO 8601.",
    )
    on_error: OnError = Field(
        default="fail",
        title="On error",
        description="A text that is no date stops with an error, or counts as missing.",
    )
    drop_original: bool = Field(default=True, title="Drop original", description="Leave out the dates themselves.")

    def outputs(self) -> list[str]:
        """Return the parts that are written, with `_sin` and `_cos` where asked for."""
        return [
            name
            for part in dict.fromkeys(self.parts)
            for name in ((f"{part}_sin", f"{part}_cos") if self.cyclical and part in CYCLES else (part,))
        ]


class DatePartsApplier(LazyApplier):
    """Writes the parts to columns of their own."""

    def fuses(self, params: Params) -> bool:
        """Say whether no text can be refused."""
        return not params.strings("texts") or params.text("on_error") == "null"

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query with whole numbers, booleans (`is_…`) or floats (cyclical) at the end of the frame."""
        columns, parts = params.strings("columns"), params.strings("parts")
        made = [str(out) for outputs in params.lists("outputs") for out in outputs]
        taken = {*frame.collect_schema(), *made}
        moments = {name: free_name(f"{name} as a moment", taken) for name in columns}
        # columns of their own: a text is parsed once, not once for each part
        parsed = frame.with_columns(_moment(name, params).alias(moment) for name, moment in moments.items())
        kept = parsed.drop(columns) if params.flag("drop_original") else parsed
        return kept.with_columns(
            _part(pl.col(moments[name]), part).alias(str(out))
            for name, outputs in zip(columns, params.lists("outputs"), strict=True)
            for part, out in zip(parts, outputs, strict=True)
        ).drop(moments.values())

    def refuse(self, frame: pl.LazyFrame, params: Params) -> None:
        """Raise DataError for a text that is no date."""
        texts: list[tuple[str, CastName]] = [(name, "datetime") for name in params.strings("texts")]
        refuse_uncastable(frame, texts, text_format=cast("str | None", params["format"]))

    def plan(self, params: Params) -> list[Op]:
        """Return a cast for the texts and one date_parts operation per column."""
        texts, drop = params.strings("texts"), params.flag("drop_original")
        text_format, on_error = cast("str | None", params["format"]), cast("OnError", params["on_error"])
        ops: list[Op] = []
        for name, outputs in zip(params.strings("columns"), params.lists("outputs"), strict=True):
            if name in texts:
                ops.append(Cast(columns=(name,), to="datetime", format=text_format, on_error=on_error))
            names = tuple(str(out) for out in outputs)
            parts = tuple(params.strings("parts"))
            ops.append(DatePartsOp(column=name, parts=parts, outputs=names, drop_original=drop))
        return ops


def _moment(name: str, params: Params) -> pl.Expr:
    if name not in params.strings("texts"):
        return pl.col(name).cast(pl.Datetime("us"))
    text_format = cast("str | None", params["format"])

    def parse(texts: pl.Series) -> pl.Series:
        return cast_series(texts, "datetime", text_format=text_format, on_error="null")

    return pl.col(name).map_batches(parse, return_dtype=pl.Datetime("us"), is_elementwise=True)


def _part(at: pl.Expr, part: str) -> pl.Expr:
    base, _, wave = part.rpartition("_")
    if wave in ("sin", "cos"):
        first, length = CYCLES[base]
        turn = math.sin if wave == "sin" else math.cos
        # a table of the C library's values: a vector sine may differ by the last bit from the serving plan
        table = pl.Series([turn(2.0 * math.pi * step / length) for step in range(length)])
        return pl.lit(table).gather(_part(at, base) - first)
    if part == "season":
        return (at.dt.month() % 12 // 3).cast(pl.Int64)
    if part == "time_of_day":
        return (at.dt.hour() // 6).cast(pl.Int64)
    if part == "is_weekend":
        return at.dt.weekday() >= 6
    if part == "is_month_start":
        return at.dt.day() == 1
    if part == "is_month_end":
        return at.dt.offset_by("1d").dt.day() == 1
    name = {"day_of_year": "ordinal_day"}.get(part, part)
    return cast("pl.Expr", getattr(at.dt, name)()).cast(pl.Int64)


@NodeRegistry.register("DateParts", DatePartsApplier)
class DatePartsCalculator(StreamingCalculator[DatePartsConfig]):
    """Turn dates and times into year, month, weekday, hour and other numbers.

    Columns are named `<column>_<part>`, at the end of the frame; a missing date gives missing parts.

    >>> from datetime import date
    >>> data = pl.DataFrame({"day": [date(2024, 2, 29)]})
    >>> params = DatePartsCalculator().fit(data, DatePartsConfig(parts=["month", "weekday", "is_month_end"]))
    >>> DatePartsApplier().apply(data, params).to_dict(as_series=False)
    {'day_month': [2], 'day_weekday': [4], 'day_is_month_end': [True]}

    >>> data = pl.DataFrame({"day": ["yesterday"]})
    >>> params = DatePartsCalculator().fit(data, DatePartsConfig(columns=["day"]))
    >>> DatePartsApplier().apply(data, params)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'day': 'yesterday' cannot be read as datetime
    """

    family = "features"
    kind = Kind.STATELESS
    keywords = ("date", "time", "datetime", "month", "weekday", "hour", "season", "cyclical")
    examples = (
        {},
        {"columns": ["iso", "at"], "parts": ["hour", "minute", "second", "week", "quarter", "day_of_year"]},
        {
            "parts": ["season", "time_of_day", "is_weekend", "is_month_start", "is_month_end", "year"],
            "drop_original": False,
        },
        {"parts": ["month", "weekday", "hour", "year", "week", "day", "quarter"], "cyclical": True},
        {"columns": []},
    )
    accepts = TEMPORAL | TEXT
    reference = "pandas.Series.dt"

    def check(self, schema: Schema, config: DatePartsConfig) -> list[Problem]:
        """Refuse texts as automatic columns, by naming them where there is no date at all."""
        if config.columns is not None or schema.of_type(TEMPORAL):
            return []
        message = "There is no date or datetime column."
        return [Problem("/columns", message, "no-columns", suggestion="Name the text columns that hold dates.")]

    def learn(self, frame: pl.LazyFrame, config: DatePartsConfig) -> Params:
        """Keep the columns and the names that come out; no row is read."""
        schema = frame.collect_schema()
        columns = chosen_lazy(frame, config.columns, TEMPORAL)
        taken = set(schema) - (set(columns) if config.drop_original else set())
        parts = config.outputs()
        return Params(
            columns=columns,
            texts=[name for name in columns if dtype_of(schema[name]) in TEXT],
            parts=parts,
            outputs=[[free_name(f"{name}_{part}", taken) for part in parts] for name in columns],
            format=config.format,
            on_error=config.on_error,
            drop_original=config.drop_original,
        )

    def infer_schema(self, schema: Schema, config: DatePartsConfig) -> Schema:
        """Return the schema with the parts at its end."""
        columns = chosen(config.columns, schema, TEMPORAL)
        kept = schema.drop(columns) if config.drop_original else schema
        taken = set(kept.names)
        return kept.append(
            ColumnSchema(free_name(f"{column.name}_{part}", taken), _dtype(part), nullable=_nullable(column, config))
            for column in (schema.select([name])[0] for name in columns)
            for part in config.outputs()
        )


def _dtype(part: str) -> Literal["integer", "float", "boolean"]:
    if part.endswith(("_sin", "_cos")):
        return "float"
    return "boolean" if part.startswith("is_") else "integer"


def _nullable(column: ColumnSchema, config: DatePartsConfig) -> bool:
    return column.nullable or (column.dtype in TEXT and config.on_error == "null")
