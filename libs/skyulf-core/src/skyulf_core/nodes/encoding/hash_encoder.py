"""HashEncoder: categories spread over a fixed number of columns by a stable hash."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field, free_name
from skyulf_core.nodes.encoding.categories import ENCODABLE
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import TEXT, ColumnSchema, Schema
from skyulf_core.serving.ops import Hash, Op
from skyulf_core.serving.ops.hashing import token_of


class HashEncoderConfig(NodeConfig):
    """Over how many columns categories are spread."""

    columns: ColumnNames | None = columns_field("all text columns")
    n_features: int = Field(
        default=32,
        ge=1,
        le=4096,
        title="Columns",
        description="Number of columns that come out. Few mix categories up, many cost memory.",
    )
    alternate_sign: bool = Field(
        default=True,
        title="Alternate sign",
        description="Let half of the categories count -1, so that categories that share a column cancel on average.",
    )
    drop_original: bool = Field(default=True, title="Drop original", description="Leave out the encoded columns.")


_BY_EXPRESSIONS = 1_024


class HashEncoderApplier(LazyApplier):
    """Counts the categories of a row in the columns that their hashes point to."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query of the frame with the hashed columns at its end, as small integers."""
        columns, outputs = params.strings("columns"), params.strings("outputs")
        if not columns:
            return frame
        if len(columns) * len(outputs) > _BY_EXPRESSIONS:
            return self._by_matrix(frame, columns, outputs, params)
        taken = {*frame.collect_schema().names(), *outputs}
        places = [free_name(f"{name} place", taken) for name in columns]
        signs = [free_name(f"{name} sign", taken) for name in columns]
        # as many columns as a byte can count, else two bytes
        small = pl.Int8 if len(columns) < 128 else pl.Int16
        located = frame.with_columns(
            pl.col(name)
            .map_batches(_placer(f"{name}=", len(outputs)), return_dtype=pl.Int16, is_elementwise=True)
            .alias(place)
            for name, place in zip(columns, places, strict=True)
        )
        sign = pl.Expr.sign if params.flag("alternate_sign") else _one
        signed = located.with_columns(
            *(sign(pl.col(place)).cast(small).alias(name) for place, name in zip(places, signs, strict=True)),
            *(pl.col(place).abs() for place in places),
        )
        counted = signed.with_columns(
            _sum([_counted(place, index, name, small) for place, name in zip(places, signs, strict=True)]).alias(output)
            for index, output in enumerate(outputs)
        )
        return counted.drop(*places, *signs, *(columns if params.flag("drop_original") else ()))

    def _by_matrix(self, frame: pl.LazyFrame, columns: list[str], outputs: list[str], params: Params) -> pl.LazyFrame:
        """Return the same query with the counts made in one pass: of many columns the expressions would be too many."""
        signed, dtype = params.flag("alternate_sign"), pl.Int8 if len(columns) < 128 else pl.Int16
        kind = pl.Struct(dict.fromkeys(outputs, dtype))

        def count(rows: pl.Series) -> pl.Series:
            counts = np.zeros((len(rows), len(outputs)), np.int16)
            for column in rows.struct.unnest().iter_columns():
                places = _placer(f"{column.name}=", len(outputs))(column).to_numpy()
                there = np.flatnonzero(places)
                counts[there, np.abs(places[there]) - 1] += np.sign(places[there]) if signed else 1
            return pl.DataFrame(counts, schema=outputs).cast(dtype).to_struct()

        name = free_name("hashes", {*frame.collect_schema().names(), *outputs})
        hashed = pl.struct(columns).map_batches(count, return_dtype=kind, is_elementwise=True).alias(name)
        return frame.with_columns(hashed).drop(*(columns if params.flag("drop_original") else ())).unnest(name)

    def plan(self, params: Params) -> list[Op]:
        """Return one hash operation."""
        columns = params.strings("columns")
        if not columns:
            return []
        return [
            Hash(
                columns=tuple(columns),
                prefixes=tuple(f"{name}=" for name in columns),
                outputs=tuple(params.strings("outputs")),
                alternate_sign=params.flag("alternate_sign"),
                drop_original=params.flag("drop_original"),
            )
        ]


def _placer(prefix: str, size: int) -> Callable[[pl.Series], pl.Series]:
    """Return a function from values to places: 0 for a null, else 1 + the place, negative for a negative hash."""
    from sklearn.utils import murmurhash3_32  # the same function as the serving plan's, at the speed of C

    def place(series: pl.Series) -> pl.Series:
        unique = series.drop_nulls().unique()
        hashes = [murmurhash3_32((prefix + token_of(value)).encode()) for value in unique.to_list()]
        found = np.array(hashes, np.int64)
        places = pl.Series((np.abs(found) % size + 1) * np.where(found < 0, -1, 1), dtype=pl.Int16)
        if series.dtype == pl.String and len(unique):
            codes = series.cast(pl.Enum(unique)).to_physical()
            return places.gather(codes).fill_null(0)
        return series.replace_strict(unique, places, default=0, return_dtype=pl.Int16).fill_null(0)

    return place


def _counted(place: str, index: int, sign: str, dtype: type[pl.DataType]) -> pl.Expr:
    return pl.when(pl.col(place) == index + 1).then(pl.col(sign)).otherwise(pl.lit(0, dtype))


def _one(place: pl.Expr) -> pl.Expr:
    return place.sign().abs()


def _sum(terms: list[pl.Expr]) -> pl.Expr:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


@NodeRegistry.register("HashEncoder", HashEncoderApplier)
class HashEncoderCalculator(StreamingCalculator[HashEncoderConfig]):
    """Spread the categories of all columns over a fixed number of columns, by a hash that is the same everywhere.

    Nothing is learned: every category, seen or not, has its place. The columns share the outputs `hash_0`, `hash_1`, …
    at the end of the frame. What is hashed is the text `<column>=<value>` (numbers without needless zeros: 1, 1.0
    and true are `1`); the hash is MurmurHash3, so that a row equals scikit-learn's FeatureHasher(input_type="string")
    on these texts. A missing value counts nowhere.

    >>> data = pl.DataFrame({"city": ["Oslo", "Rome", None]})
    >>> params = HashEncoderCalculator().fit(data, HashEncoderConfig(n_features=3))
    >>> HashEncoderApplier().apply(data, params).rows()
    [(0, 1, 0), (1, 0, 0), (0, 0, 0)]

    >>> HashEncoderConfig(n_features=5000)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "encoding"
    kind = Kind.STATELESS
    keywords = ("category", "hash", "hashing trick", "high cardinality", "murmur")
    examples = (
        {},
        {"columns": ["plan", "count", "flag", "price"], "n_features": 8, "alternate_sign": False},
        {"columns": ["city", "number"], "n_features": 5, "drop_original": False},
        {"columns": []},
    )
    accepts = ENCODABLE
    reference = 'sklearn.feature_extraction.FeatureHasher(input_type="string")'
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: HashEncoderConfig) -> Params:
        """Keep the columns and the names that come out."""
        columns, taken = chosen_lazy(frame, config.columns, TEXT), set(frame.collect_schema().names())
        return Params(
            columns=columns,
            outputs=[free_name(f"hash_{index}", taken) for index in range(config.n_features if columns else 0)],
            alternate_sign=config.alternate_sign,
            drop_original=config.drop_original,
        )

    def infer_schema(self, schema: Schema, config: HashEncoderConfig) -> Schema:
        """Return the schema with the hashed columns at its end."""
        columns, taken = chosen(config.columns, schema, TEXT), set(schema.names)
        kept = schema.drop(columns) if config.drop_original else schema
        return kept.append(
            ColumnSchema(free_name(f"hash_{index}", taken), "integer", nullable=False)
            for index in range(config.n_features if columns else 0)
        )
