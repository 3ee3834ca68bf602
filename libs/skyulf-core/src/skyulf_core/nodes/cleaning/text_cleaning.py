"""TextCleaning: texts brought into one form."""

from __future__ import annotations

from typing import Literal

import polars as pl
from pydantic import Field, model_validator

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.cleaning.texts import map_expression
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import TEXT, Schema
from skyulf_core.serving.ops import Op, TextClean
from skyulf_core.serving.ops.text_cleaning import MAX_PATTERN, TOO_LONG, replacer


class TextCleaningConfig(NodeConfig):
    """What is done to each text, in the order of the fields."""

    columns: ColumnNames | None = columns_field("all text columns")
    pattern: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_PATTERN,
        title="Pattern",
        description="Regular expression (RE2: no look-around, no back-references); every match is replaced.",
    )
    replacement: str = Field(
        default="",
        max_length=MAX_PATTERN,
        title="Replacement",
        description="What stands for a match of the pattern; \\1 is its first group, \\0 the match, \\\\ a backslash.",
        json_schema_extra={"x-visible-if": {"pattern": {"not": None}}},
    )
    remove_special: bool = Field(
        default=False,
        title="Remove special characters",
        description="Keep letters of every script, digits and whitespace only.",
    )
    collapse_whitespace: bool = Field(
        default=False, title="Collapse whitespace", description="Write one space for each run of whitespace."
    )
    trim: bool = Field(default=True, title="Trim", description="Remove whitespace at both ends.")
    case: Literal["lower", "upper", "title", "none"] = Field(
        default="none", title="Case", description="Write all letters small, large, or each word's first one large."
    )
    empty_to_null: bool = Field(
        default=False, title="Empty is missing", description="A text without characters afterwards becomes missing."
    )

    @model_validator(mode="after")
    def _compiles(self) -> TextCleaningConfig:
        if self.pattern is not None:
            replacer(self.pattern, self.replacement)
        elif self.replacement:
            raise ValueError("replacement needs a pattern")
        return self

    def steps(self) -> list[list[str]]:
        """Return the steps of the operation `text_clean`."""
        steps = [] if self.pattern is None else [["replace", self.pattern, self.replacement]]
        wanted = {
            "remove_special": self.remove_special, "collapse_whitespace": self.collapse_whitespace, "trim": self.trim,
        }  # fmt: skip
        steps += [[name] for name, on in wanted.items() if on]
        return steps if self.case == "none" else [*steps, [self.case]]


class TextCleaningApplier(LazyApplier):
    """Cleans each different text once."""

    def fuses(self, params: Params) -> bool:
        """Say no where a pattern bounds the length of the texts."""
        return _op(params).longest() is None

    def refuse(self, frame: pl.LazyFrame, params: Params) -> None:
        """Raise DataError for a text that is too long for the pattern."""
        op = _op(params)
        longest, names = op.longest() or 0, op.columns
        found = frame.select(pl.col(name).str.len_chars().max() for name in names).collect().row(0) if names else ()
        for name, length in zip(names, found, strict=True):
            if length is not None and length > longest:
                raise DataError(f"column {name!r} {TOO_LONG}", reason="text-too-long", column=name)

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the frame with cleaned texts; nulls stay null."""
        function = _op(params).function()
        return frame.with_columns(map_expression(name, function) for name in params.strings("columns"))

    def plan(self, params: Params) -> list[Op]:
        """Return one text_clean operation."""
        return [_op(params)]


def _op(params: Params) -> TextClean:
    steps = tuple(tuple(str(part) for part in step) for step in params.lists("steps"))
    empty: Literal["null", "keep"] = "null" if params.flag("empty_to_null") else "keep"
    return TextClean(columns=tuple(params.strings("columns")), steps=steps, empty=empty)


@NodeRegistry.register("TextCleaning", TextCleaningApplier)
class TextCleaningCalculator(StreamingCalculator[TextCleaningConfig]):
    r"""Bring texts into one form: trim, case, whitespace, special characters, a pattern replaced.

    The steps run in the order of the fields, so that spaces left behind by a removal are collapsed and trimmed after
    it. Patterns are RE2's, each of whose searches takes time in proportion to the text; where a pattern may look on
    behind its matches (`a(.*b)?`), so that many matches would take more, texts have at most 10,000 characters. Frames
    and predictions use the same engine. Case and whitespace are Python's; combining marks count as letters. A
    pattern's empty match directly after another match does not count (in pandas it does). Missing texts stay missing.

    >>> data = pl.DataFrame({"city": ["  ŁÓDŹ (centre)", "Kyōto!", None]})
    >>> config = TextCleaningConfig(pattern=r"\(.*\)", remove_special=True, case="title")
    >>> params = TextCleaningCalculator().fit(data, config)
    >>> TextCleaningApplier().apply(data, params)["city"].to_list()
    ['Łódź', 'Kyōto', None]

    >>> TextCleaningConfig(pattern="(?=x)")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "cleaning"
    kind = Kind.STATELESS
    keywords = ("text", "trim", "strip", "lower", "upper", "case", "regex", "replace", "whitespace", "normalise")
    examples = (
        {},
        {"columns": ["note", "city"], "remove_special": True, "collapse_whitespace": True, "case": "lower"},
        {"columns": ["note"], "pattern": "(\\w+),? +(\\pL+)", "replacement": "\\2-\\1 \\\\ é", "case": "title"},
        {"columns": ["plan", "digits"], "pattern": "^[a-z]+$", "empty_to_null": True, "trim": False, "case": "upper"},
        {"columns": []},
    )
    accepts = TEXT
    reference = "pandas.Series.str: strip, lower, upper, title, replace"
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: TextCleaningConfig) -> Params:
        """Keep the columns and the steps."""
        columns = chosen_lazy(frame, config.columns, TEXT)
        return Params(columns=columns, steps=config.steps(), empty_to_null=config.empty_to_null)

    def infer_schema(self, schema: Schema, config: TextCleaningConfig) -> Schema:
        """Return the same texts, nullable where empty ones are missing."""
        columns = chosen(config.columns, schema, TEXT)
        return schema.change(columns, nullable=True if config.empty_to_null else None)
