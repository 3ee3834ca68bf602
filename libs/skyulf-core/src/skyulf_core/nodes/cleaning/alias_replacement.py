"""AliasReplacement: the spellings of one thing brought to one."""

from __future__ import annotations

from typing import Literal

import polars as pl
from pydantic import Field, model_validator

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.cleaning.countries import country_aliases
from skyulf_core.nodes.cleaning.texts import map_expression
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import TEXT, Schema
from skyulf_core.serving.ops import Alias, Op
from skyulf_core.serving.ops.text_cleaning import folded

_BOOLEANS = {
    "true": ("true", "t", "yes", "y", "1", "on", "ja", "oui", "si", "sí", "wahr", "vrai"),
    "false": ("false", "f", "no", "n", "0", "off", "nein", "non", "falsch", "faux"),
}
_MOST = 100_000


class AliasReplacementConfig(NodeConfig):
    """Which spellings mean the same."""

    columns: ColumnNames = Field(
        title="Columns", description="Text columns to work on.", json_schema_extra={"x-widget": "columns"}
    )
    kind: Literal["boolean", "country", "custom"] = Field(
        default="boolean",
        title="Kind",
        description="boolean: yes, y, true, 1 … become 'true', their opposites 'false'; country: names and three-"
        "letter codes become ISO 3166 two-letter codes; custom: your own list.",
    )
    aliases: dict[str, list[str]] = Field(
        default={},
        title="Aliases",
        description="For `custom`: each value with its other spellings. Case, full stops and spacing do not matter.",
        json_schema_extra={"x-visible-if": {"kind": "custom"}},
    )
    unknown: Literal["keep", "null"] = Field(
        default="keep", title="Unknown spellings", description="A text that is none of them stays, or becomes missing."
    )

    @model_validator(mode="after")
    def _means_one_thing(self) -> AliasReplacementConfig:
        if (self.kind == "custom") is not bool(self.aliases):
            raise ValueError("aliases are needed for kind 'custom', and used by it only")
        if sum(1 + len(spellings) for spellings in self.aliases.values()) > _MOST:
            raise ValueError(f"there are more than {_MOST} spellings")
        meaning: dict[str, str] = {}
        for value, spellings in self.aliases.items():
            for spelling in (value, *spellings):
                if meaning.setdefault(folded(spelling), value) != value:
                    raise ValueError(f"{spelling!r} stands for {meaning[folded(spelling)]!r} and for {value!r}")
        return self

    def table(self) -> dict[str, str]:
        """Return the value of each spelling, as spellings are compared."""
        if self.kind == "country":
            return country_aliases()
        groups = _BOOLEANS if self.kind == "boolean" else self.aliases
        return {folded(spelling): value for value, known in groups.items() for spelling in (value, *known)}


class AliasReplacementApplier(LazyApplier):
    """Replaces each different text once."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the frame with one spelling for each thing; nulls stay null."""
        function = _op(params).function()
        return frame.with_columns(map_expression(name, function) for name in params.strings("columns"))

    def plan(self, params: Params) -> list[Op]:
        """Return one alias operation."""
        return [_op(params)]


def _op(params: Params) -> Alias:
    return Alias(
        columns=tuple(params.strings("columns")),
        keys=tuple(params.strings("spellings")),
        values=tuple(params.strings("values")),
        unknown="null" if params.text("unknown") == "null" else "keep",
    )


@NodeRegistry.register("AliasReplacement", AliasReplacementApplier)
class AliasReplacementCalculator(StreamingCalculator[AliasReplacementConfig]):
    """Bring the spellings of yes and no, of countries or of your own list to one value each.

    Spellings are compared without case, full stops after letters and repeated or outer spaces. The tables
    are this library's own: `country` knows the names, common short names and codes of ISO 3166. Missing texts stay
    missing.

    >>> data = pl.DataFrame({"from": ["Deutschland", " U.S.A. ", "Atlantis", None]})
    >>> params = AliasReplacementCalculator().fit(data, AliasReplacementConfig(columns=["from"], kind="country"))
    >>> AliasReplacementApplier().apply(data, params)["from"].to_list()
    ['DE', 'US', 'Atlantis', None]

    >>> AliasReplacementConfig(columns=["from"], kind="custom", aliases={"a": ["x"], "b": ["X"]})
    ... # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "cleaning"
    kind = Kind.STATELESS
    keywords = ("alias", "synonym", "spelling", "boolean", "yes", "country", "iso 3166", "normalise")
    examples = (
        {"columns": ["plan", "digits"]},
        {"columns": ["digits"], "unknown": "null"},
        {"columns": ["city"], "kind": "country"},
        {"columns": ["city"], "kind": "custom", "aliases": {"Norge": ["oslo"], "": ["BERN", "kyōto"]}},
        {"columns": []},
    )
    accepts = TEXT
    reference = "pandas.Series.replace with the table written out"
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: AliasReplacementConfig) -> Params:
        """Keep the columns and the table."""
        table = config.table()
        return Params(
            columns=chosen_lazy(frame, config.columns, TEXT),
            spellings=list(table),
            values=list(table.values()),
            unknown=config.unknown,
        )

    def infer_schema(self, schema: Schema, config: AliasReplacementConfig) -> Schema:
        """Return the same texts, nullable where unknown ones are missing."""
        columns = chosen(config.columns, schema, TEXT)
        return schema.change(columns, nullable=True if config.unknown == "null" else None)
