"""Names of columns mean nothing: under odd ones every node does what it does under plain ones."""

import json
import re

import pandas as pd
import polars as pl
import pytest
from bad_input import Subject, entries, same_by_plan, subjects
from skyulf_core import DataError, NodeRegistry, Pipeline
from skyulf_core.testing.compare import require, require_same_values

NODES = [entry.name for entry in entries()]
ODD = [
    [
        "two words", " lead", "it's", 'a "b"', "имя", "日本", "a\nb", "tab\t", "{}", "{0!r:>9}", "%s %d", "a.b",
        "a/b~c", "^start", "end$", "*any*",
    ],
    [
        "`tick`", "\\d+\\", "$(x)", "🙂", "e\u0301", "é", "None", "null", "x" * 3000, "__class__", "1", "1.5", "-",
        "()", "[a]", "<b>&amp;",
    ],
    [
        "row", "index", "literal", "len", "key 0", "value 0", "0", "@prediction", "@probabilities", "number_2",
        "count_lag_1", "true", "if", "and", "label_2", "\u202eabc",
    ],
]  # fmt: skip


ENCODED = ("plan", "city", "digits", "iso", "note", "count", "flag", "price", "number")
NO_NAMES = ("aggregations", "parts", "features", "kind", "strategy", "type")


def renamed(value, names):
    """Return a part of a configuration with other names, as keys of objects too."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list):
        return [renamed(item, names) for item in value]
    if isinstance(value, dict):
        return {names.get(k, k): item if k in NO_NAMES else renamed(item, names) for k, item in value.items()}
    return value


def renamed_formulas(expressions, names):
    """Return expressions on columns of other names."""
    word = re.compile(r"'[^']*'|\b[a-z]+\b(?!\()")
    quoted = {old: f"`{new.replace('`', '``')}`" for old, new in names.items()}
    return {
        names.get(output, output): word.sub(lambda found: quoted.get(found[0], found[0]), text)
        for output, text in expressions.items()
    }


def odd(subject, names):
    """Return a subject under other names."""
    config = json.loads(json.dumps(subject.config))
    for step in [*config.get("steps", []), *config.get("nodes", []), config.get("model", {})]:
        for field, value in step.get("config", {}).items():
            rename = renamed_formulas if field == "expressions" and step["node"] == "Expression" else renamed
            step["config"][field] = value if field in NO_NAMES else rename(value, names)
    frame = subject.frame.rename({old: new for old, new in names.items() if old in subject.frame.columns})
    return Subject(subject.entry, config, frame, names.get(subject.target))


def same_under(subject, strange):
    """Raise CheckError unless both learn, and give the same values; or both are refused."""
    try:
        plain = subject.fitted().transform(subject.frame)
    except DataError:
        with pytest.raises(DataError):
            strange.fitted().transform(strange.frame)
        return
    pipeline = strange.fitted()
    found = pipeline.transform(strange.frame)
    require(found.width == plain.width, f"{found.columns} instead of {plain.columns}")
    for one, other in zip(found.iter_columns(), plain.iter_columns(), strict=True):
        require(one.dtype == other.dtype, f"{one.name}: {one.dtype} instead of {other.dtype}")
        require_same_values(one.to_list(), other.to_list(), one.name)
    same_by_plan(pipeline, strange.frame.head(3))


@pytest.mark.parametrize("name", NODES)
def test_odd_names_change_nothing(name):
    several = subjects(NodeRegistry.get(name))
    several = several if len(several) >= len(ODD) else several * len(ODD)
    for turn, subject in enumerate(several):
        # keys of a join are named alike in two tables, and a feature's hash is one of its name too
        kept = {"Join": ("plan", "flag"), "HashEncoder": ENCODED}.get(name, ())
        names = dict(zip(subject.frame.columns, ODD[turn % len(ODD)], strict=False))
        names = {old: new for old, new in names.items() if old not in kept}
        try:
            same_under(subject, odd(subject, names))
        except Exception as error:
            error.add_note(f"{name} with {subject.config}, names {turn % len(ODD)}")
            raise


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "column names must be texts; '' is not"),
        ("*", "has a name that stands for a pattern of names; rename it"),
        ("^a.*$", "has a name that stands for a pattern of names; rename it"),
    ],
)
def test_names_that_mean_something_are_refused(name, message):
    pipeline = Pipeline.from_config({"steps": [{"node": "StandardScaler"}]})
    frame = pl.DataFrame({name: [1.0, 2.0], "a": [1, 2]})

    for given in (frame, frame.lazy(), frame.to_pandas()):
        with pytest.raises(DataError, match=re.escape(message)):
            pipeline.fit(given)


@pytest.mark.parametrize(
    "columns", [["a", "a"], [0, 1], ["a", None], ["a", 1.5], [("a", "b"), ("a", "c")], ["\ud800", "a"]]
)
def test_names_of_pandas_that_are_no_names_are_refused(columns):
    frame = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], columns=pd.Index(columns, dtype=object))

    with pytest.raises(DataError, match=r"occurs 2 times|column names must be texts; .* is not; rename it"):
        Pipeline.from_config({"steps": [{"node": "StandardScaler"}]}).fit(frame)
