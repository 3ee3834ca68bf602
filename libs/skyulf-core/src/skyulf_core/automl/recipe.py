"""Which steps for which columns: the preparation that a profile asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from pydantic import JsonValue

from skyulf_core.automl.families import Kind
from skyulf_core.automl.profile import LEFT_OUT, Profile

Step: TypeAlias = dict[str, JsonValue]
_WORTH = 0.01
"""From this share of missing values on, their absence is a feature of its own."""
_TERMS = 100
_MOST_LABELS = 20
"""With more classes a share of each of them would be more columns than a category says."""
_NOT_FINITE = "InvalidValueReplacement"


def recipe(profile: Profile, *, kind: Kind, takes_missing: bool, labels: int | None) -> list[Step]:
    """Return the steps, each learned from training rows alone, that make features of these columns.

    `labels` is how many classes the target has, None where it is an amount: a column of whole numbers may be either.
    `plain` models get a column per category, no gaps and one scale; `trees` get codes, and gaps where they take them.
    """
    steps = list(_common(profile))
    steps += _of_texts(profile, kind, labels)
    if not takes_missing:
        steps += _without_gaps(profile, kind)
    if kind == "plain":
        steps.append(_step("StandardScaler"))
    return [{"id": f"auto-{index}-{step['node']}", **step} for index, step in enumerate(steps)]


def _step(node: str, **config: JsonValue) -> Step:
    return {"node": node, "config": config}


def _columns(names: list[str]) -> list[JsonValue]:
    return list(names)


def _common(profile: Profile) -> Iterator[Step]:
    gone = profile.named(*LEFT_OUT)
    if gone:
        yield _step("DropColumns", columns=_columns(gone))
    infinite = [column.name for column in profile.columns if column.infinite and column.role == "number"]
    if infinite:
        yield _step(_NOT_FINITE, columns=_columns(infinite), rule="inf")
    dates, moments = profile.named("date"), profile.named("moment")
    if dates:
        parts: JsonValue = ["year", "month", "day", "weekday", "day_of_year"]
        yield _step("DateParts", columns=_columns(dates), parts=parts)
    if moments:
        parts = ["year", "month", "day", "weekday", "day_of_year", "hour"]
        yield _step("DateParts", columns=_columns(moments), parts=parts, on_error="null")


def _of_texts(profile: Profile, kind: Kind, labels: int | None) -> Iterator[Step]:
    few, many, texts = profile.named("category"), profile.named("many"), profile.named("text")
    if few and kind == "plain":
        yield _step("OneHotEncoder", columns=_columns(few), include_missing=True)
    elif few:
        yield _step("OrdinalEncoder", columns=_columns(few), missing_value=-1)
    if many and labels is not None and labels > _MOST_LABELS:
        yield _step("FrequencyEncoder", columns=_columns(many))
    elif many:
        target_type = "continuous" if labels is None else "binary" if labels == 2 else "multiclass"
        yield _step("TargetEncoder", columns=_columns(many), target_type=target_type)
    if texts:
        yield _step("TfidfVectorizer", columns=_columns(texts), max_features=_TERMS, min_df=2)


def _without_gaps(profile: Profile, kind: Kind) -> Iterator[Step]:
    gaps = [c.name for c in profile.columns if c.role == "number" and c.missing >= _WORTH]
    if gaps and kind == "plain":
        yield _step("MissingIndicator", columns=_columns(gaps))
    flags = [c.name for c in profile.columns if c.role == "boolean"]
    if flags:
        yield _step("SimpleImputer", columns=_columns(flags), strategy="most_frequent")
    yield _step("SimpleImputer", strategy="median")  # new rows may have gaps where training rows had none
