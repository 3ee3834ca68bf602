"""Casting: columns converted to other types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import polars as pl
from pydantic import Field

from skyulf_core.data.frames import dtype_of
from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.cleaning.convert import (
    CastName,
    OnError,
    cast_expression,
    cast_series,
    logical,
    op_target,
    refuse_uncastable,
    sources,
)
from skyulf_core.nodes.columns import chosen_lazy
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError, Problem, pointer_part
from skyulf_core.schema import DTYPES, Schema
from skyulf_core.serving.ops import Cast, Lookup, Op


class CastingConfig(NodeConfig):
    """Which column becomes which type."""

    types: dict[str, CastName] = Field(
        title="Types", description="New type of each column.", json_schema_extra={"x-widget": "column-map"}
    )
    format: str | None = Field(
        default=None,
        min_length=2,
        title="Date format",
        description="strftime's format, for texts that become dates and dates that become texts. Left out: ISO 8601.",
    )
    on_error: OnError = Field(
        default="null",
        title="On error",
        description="What cannot be converted becomes missing, or stops with an error.",
    )

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns of `types`."""
        for name in self.types:
            yield f"/types/{pointer_part(name)}", name


class CastingApplier(LazyApplier):
    """Converts the columns."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the frame with converted columns; what cannot be converted is null."""
        text_format, known = cast("str | None", params["format"]), frame.collect_schema()
        return frame.with_columns(
            cast_expression(name, known[name], to, text_format=text_format) for name, to in _targets(params)
        )

    def fuses(self, params: Params) -> bool:
        """Every value has to be looked at where one that cannot be converted is refused."""
        return params["on_error"] != "fail"

    def refuse(self, frame: pl.LazyFrame, params: Params) -> None:
        """Raise DataError for a value that cannot be converted."""
        refuse_uncastable(frame, _targets(params), text_format=cast("str | None", params["format"]))

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the frame with converted columns. Raises DataError where `on_error` is `fail`."""
        if self.fuses(params):
            return super().apply(data, params)
        text_format = cast("str | None", params["format"])  # converted and looked at in one go
        return data.with_columns(
            cast_series(data[name], to, text_format=text_format, on_error="fail") for name, to in _targets(params)
        )

    def plan(self, params: Params) -> list[Op]:
        """Return one cast operation per type (and a lookup for booleans that become texts)."""
        ops: list[Op] = []
        known = list(zip(params.strings("columns"), params.strings("types"), params.strings("sources"), strict=True))
        for to in dict.fromkeys(params.strings("types")):
            words = tuple(name for name, kind, source in known if kind == to and _is_flag_to_text(source, kind))
            if words:
                # indicators of earlier steps are 0 and 1 in a plan: the word must not depend on that
                table = ((True, False),) * len(words), (("true", "false"),) * len(words)
                ops.append(Lookup(columns=words, keys=table[0], values=table[1], default=(None,) * len(words)))
            columns = tuple(name for name, kind, _ in known if kind == to and name not in words)
            if columns:
                ops.append(_cast_op(columns, cast("CastName", to), known, params))
        return ops


def _targets(params: Params) -> list[tuple[str, CastName]]:
    return [
        (name, cast("CastName", to))
        for name, to in zip(params.strings("columns"), params.strings("types"), strict=True)
    ]


_NARROW = frozenset({"int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64", "float32"})
"""Types that do not hold every number."""


def _is_flag_to_text(source: str, to: str) -> bool:
    return source == "boolean" and to in ("string", "category")


def _cast_op(columns: tuple[str, ...], to: CastName, known: list[tuple[str, str, str]], params: Params) -> Op:
    whole = {name for name, _, source in known if source == "integer"}
    return Cast(
        columns=columns,
        to=op_target(to),
        format=cast("str | None", params["format"]),
        on_error=cast("OnError", params["on_error"]),
        source_integer=tuple(name for name in columns if name in whole),
    )


@NodeRegistry.register("Casting", CastingApplier)
class CastingCalculator(StreamingCalculator[CastingConfig]):
    """Convert columns to integers, floats, texts, booleans, dates or datetimes.

    Fractions are cut towards zero for integers; a datetime with an offset is brought to UTC. A number that its new
    width cannot hold cannot be converted. Texts are numbers without spaces around them (TextCleaning trims), and never
    infinite; pandas reads both. Missing values stay missing.

    >>> data = pl.DataFrame({"age": ["30", "old"]})
    >>> params = CastingCalculator().fit(data, CastingConfig(types={"age": "int64"}))
    >>> CastingApplier().apply(data, params)["age"].to_list()
    [30, None]

    >>> params = CastingCalculator().fit(data, CastingConfig(types={"age": "int64"}, on_error="fail"))
    >>> CastingApplier().apply(data, params)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'age': 'old' cannot be read as int64
    """

    family = "cleaning"
    kind = Kind.STATELESS
    keywords = ("type", "convert", "cast", "astype", "integer", "datetime", "parse")
    examples = (
        {"types": {"digits": "int64", "number": "int8", "count": "float64", "flag": "uint8", "plan": "category"}},
        {"types": {"number": "string", "count": "string", "flag": "string", "at": "string", "day": "string"}},
        {"types": {"iso": "datetime", "at": "date", "count": "boolean", "large": "float32"}, "on_error": "fail"},
        {"types": {"iso": "date", "digits": "float64", "plan": "int16", "day": "datetime"}},
        {"types": {"at": "string"}, "format": "%d.%m.%Y %H:%M"},
        {"types": {}},
    )
    accepts = frozenset(DTYPES)
    reference = "pandas.to_numeric, pandas.to_datetime and Series.astype"

    def check(self, schema: Schema, config: CastingConfig) -> list[Problem]:
        """Refuse conversions that have no meaning."""
        problems = []
        for name, to in config.types.items():
            column = schema.find(name)
            if column is not None and column.dtype not in sources(to):
                message = f"Column {name!r} is {column.dtype}; it cannot become {to}."
                problems.append(Problem(f"/types/{pointer_part(name)}", message, "wrong-type"))
        return problems

    def learn(self, frame: pl.LazyFrame, config: CastingConfig) -> Params:
        """Keep the types, before and after."""
        chosen_lazy(frame, list(config.types), ())
        found = {name: dtype_of(dtype) for name, dtype in frame.collect_schema().items()}
        for name, to in config.types.items():
            if found[name] not in sources(to):
                raise DataError(
                    f"column {name!r} is {found[name]}; it cannot become {to}", reason="wrong-type", column=name
                )
        return Params(
            columns=list(config.types),
            types=list(config.types.values()),
            sources=[found[name] for name in config.types],
            format=config.format,
            on_error=config.on_error,
        )

    def infer_schema(self, schema: Schema, config: CastingConfig) -> Schema:
        """Return the schema with the new types."""
        for name, to in config.types.items():
            column = schema.find(name)
            same = column is not None and column.dtype == logical(to) and to not in _NARROW
            fails = config.on_error == "null" and column is not None and not same
            schema = schema.change([name], dtype=logical(to), nullable=True if fails else None)
        return schema
