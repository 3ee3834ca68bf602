"""Two thousand columns and a million categories: every node works on them, or says what is too much, in time."""

import numpy as np
import polars as pl
import pytest
from bad_input import Subject, entries, sample, subject, works_or_says_why
from skyulf_core import NodeRegistry

NODES = [entry.name for entry in entries() if entry.family != "combining"]
LONG = {"IterativeImputer"}  # a regression of each column on all the others: minutes
COLUMNS = 1_000
MILLION = 1_000_000
QUICK = ["AliasReplacement", "Deduplicate", "GroupImputer", "HashEncoder", "OneHotEncoder", "ValueReplacement", "Join"]
SLOW = [
    "DatasetProfile", "FeatureInteraction", "GroupAggregate", "HashingVectorizer", "LabelEncoder", "LagFeatures",
    "DummyEncoder", "FrequencyEncoder", "GroupSplit", "TrainTestSplit", "OrdinalEncoder", "TargetEncoder",
    "TextCleaning", "TfidfVectorizer", "Tokenizer", "WOEEncoder",
]  # fmt: skip


def wide(entry, rows=8):
    """Return a node with two thousand columns more, which it works on where it takes any."""
    example = dict(entry.calculator.examples[0])
    numbers = {f"c{i}": np.random.default_rng(i).normal(size=rows) for i in range(COLUMNS)}
    texts = {f"t{i}": [f"w{row % 5} x" for row in range(rows)] for i in range(COLUMNS)}
    field = entry.config_model.model_fields.get("columns")
    if field is not None and field.is_required():
        kind = texts if entry.calculator.accepts and "string" in entry.calculator.accepts else numbers
        example["columns"] = list(kind)
    elif field is not None:
        example.pop("columns", None)
    found = subject(entry, example)
    only_numbers = entry.is_model or entry.name in ("Oversampling", "Undersampling")
    extra = pl.DataFrame(numbers if only_numbers else numbers | texts)
    return Subject(entry, found.config, found.frame.head(rows).hstack(extra), found.target)


SOON, LATER = pytest.mark.timeout(90), [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("name", [pytest.param(name, marks=LATER if name in LONG else SOON) for name in NODES])
def test_two_thousand_columns_work_or_are_said_to_be_too_many(name):
    found = wide(NodeRegistry.get(name))

    works_or_says_why(found, found.frame, compare=False)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_a_million_categories_work_or_are_said_to_be_too_many(name):
    entry = NodeRegistry.get(name)
    found = subject(entry, dict(entry.calculator.examples[0]))
    rows = np.arange(MILLION) % found.frame.height
    column = next(name for name in ("city", "plan", "note") if name in str(found.config) or name == "note")
    categories = pl.Series(column, [f"category {i}" for i in range(MILLION)])
    kept = ["number", "count", column, *([found.target] if found.target else [])]
    frame = sample()[rows].with_columns(categories)
    frame = frame.select(kept) if column == "note" else frame.select([*found.frame.columns])

    works_or_says_why(Subject(entry, found.config, frame, found.target), frame, compare=False)
