"""Cleaning nodes agree with pandas and polars on real data."""

import math
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from palmerpenguins import load_penguins
from sklearn.datasets import load_breast_cancer, load_diabetes
from skyulf_core import DataError, NodeRegistry
from skyulf_core.data.frames import normalise, to_polars
from skyulf_core.nodes.cleaning.countries import country_aliases

PENGUINS = load_penguins()
FRAME = normalise(to_polars(PENGUINS))
CANCER = load_breast_cancer(as_frame=True).data
TEXTS = ["species", "island", "sex"]
NOTES = pd.Series(
    [
        "  Ünïque,  tèxt!",
        "ТЕКСТ на русском",
        "o'neil's 2nd\tbox",
        "x_y-z",
        "",
        "  ",
        None,
        "日本語 テスト",
        "straße ǆ",
        "a\u00a0b",
    ],
    dtype=object,
)


def run(node, frame, **config):
    entry = NodeRegistry.get(node)
    parsed = entry.config_model.model_validate(config)
    return entry.applier.apply(frame, entry.calculator.fit(frame, parsed))


def plain(series):
    """Return a pandas column as a list with None for missing."""
    return [None if pd.isna(value) else value for value in series.tolist()]


@pytest.mark.compares("Casting")
@pytest.mark.parametrize("width", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_casting_to_integers_cuts_fractions_as_numpy_does_and_refuses_what_does_not_fit(width):
    values = (load_diabetes().data[:, :3].ravel() * 4000).tolist()
    info = np.iinfo(width)

    found = run("Casting", pl.DataFrame({"x": values}), types={"x": width})["x"]

    assert str(found.dtype).lower() == width
    assert found.to_list() == [math.trunc(v) if info.min <= math.trunc(v) <= info.max else None for v in values]


@pytest.mark.compares("Casting")
def test_casting_agrees_with_pandas_on_floats_texts_and_dates():
    numbers = pd.Series(["1", "-2.5", "3e2", "x", None, "1e400", ".5"], dtype=object)
    dates = pd.date_range("2024-02-27 22:30", periods=7, freq="9h")
    written = pd.Series(dates.strftime("%d/%m/%Y %H.%M")).mask([False] * 6 + [True])
    frame = pl.DataFrame({"n": numbers.tolist(), "d": plain(written), "f": CANCER["mean area"].tolist()[:7]})

    found = run("Casting", frame, types={"n": "float64", "f": "float32"})
    moments = run("Casting", frame, types={"d": "datetime"}, format="%d/%m/%Y %H.%M")["d"].to_list()
    words = run("Casting", frame, types={"f": "string", "n": "category"})

    wanted = pd.to_numeric(numbers, errors="coerce").replace(np.inf, np.nan)
    assert found["n"].to_list() == plain(wanted)
    assert found["f"].to_list() == CANCER["mean area"].head(7).astype("float32").tolist()
    assert moments == plain(pd.to_datetime(written, format="%d/%m/%Y %H.%M").astype(object))
    assert words["f"].to_list() == CANCER["mean area"].head(7).astype(str).tolist()
    assert words["n"].to_list() == plain(numbers)


@pytest.mark.compares("Casting")
def test_casting_lazily_is_casting():
    entry = NodeRegistry.get("Casting")
    config = entry.config_model.model_validate({"types": {"year": "string", "body_mass_g": "int16", "sex": "category"}})
    params = entry.calculator.learn(FRAME.lazy(), config)

    assert entry.applier.fuses(params)
    assert entry.applier.transform(FRAME.lazy(), params).collect().equals(entry.applier.apply(FRAME, params))
    assert not entry.applier.fuses(type(params)({**params, "on_error": "fail"}))


@pytest.mark.compares("TextCleaning")
@pytest.mark.parametrize("case", ["lower", "upper", "title", "none"])
def test_text_cleaning_agrees_with_pandas(case):
    frame = pl.DataFrame({"t": NOTES.tolist()})
    spaced = NOTES.str.replace(r"[^\w\s]|_", "", regex=True).str.replace(r"\s+", " ", regex=True).str.strip()
    wanted = spaced if case == "none" else getattr(spaced.str, case)()

    found = run("TextCleaning", frame, remove_special=True, collapse_whitespace=True, case=case)

    assert found["t"].to_list() == plain(wanted)


@pytest.mark.compares("TextCleaning")
def test_text_cleaning_replaces_patterns_as_pandas_does():
    table = PENGUINS[TEXTS].astype(object)

    found = run("TextCleaning", FRAME, columns=TEXTS, pattern=r"([a-z])([a-z])\b", replacement=r"\2-\1")

    for name in TEXTS:
        wanted = table[name].str.replace(r"([a-z])([a-z])\b", r"\2-\1", regex=True)
        assert found[name].to_list() == plain(wanted)


@pytest.mark.compares("TextCleaning")
def test_text_cleaning_keeps_letters_of_every_script_with_their_marks():
    texts = ["हिन्दी!", "e\u0301te\u0301?", "ประเทศไทย…", "½ ² ٣", "😀a"]

    found = run("TextCleaning", pl.DataFrame({"t": texts}), remove_special=True, empty_to_null=True)

    assert found["t"].to_list() == ["हिन्दी", "e\u0301te\u0301", "ประเทศไทย", "½ ² ٣", "a"]


@pytest.mark.compares("TextCleaning")
@pytest.mark.parametrize("pattern", ["x*", "(?:)", r"\b", r"\B", ".", "[éx]?", "$", "^", "a|é*", r"(?i)Ü", r"\b\w*"])
def test_text_cleaning_replaces_what_python_finds_but_for_nothing_after_a_match(pattern):
    texts = ["é", "xéxaüx", "日本 x", "aé\nüb", "ααx", "x", "  xx ab"]
    found = run("TextCleaning", pl.DataFrame({"t": texts}), pattern=pattern, replacement=r"<\0>", trim=False)["t"]

    for text, replaced in zip(texts, found.to_list(), strict=True):
        wanted, end, last = "", 0, -1
        for match in re.finditer(pattern, text, 0 if "Ü" in pattern else re.ASCII):
            if match.span() == (last, last):
                continue
            wanted += f"{text[end : match.start()]}<{match.group()}>"
            end = last = match.end()
        assert replaced == wanted + text[end:]


@pytest.mark.parametrize(
    ("pattern", "replacement", "says"),
    [
        ("(?=x)", "", "none of RE2: invalid perl operator"),
        (r"(a)\1", "", "none of RE2: invalid escape sequence"),
        ("a{1001}", "", "none of RE2: invalid repetition size"),
        ("(a", "", r"none of RE2: missing \)"),
        ("a" * 1001, "", "at most 1000 characters"),
        ("(a)", r"\2", "names group 2; the pattern has 1"),
    ],
)
def test_text_cleaning_refuses_patterns_by_saying_why(pattern, replacement, says):
    model = NodeRegistry.get("TextCleaning").config_model

    with pytest.raises(ValueError, match=says):
        model.model_validate({"pattern": pattern, "replacement": replacement})


def test_text_cleaning_stays_quick_where_backtracking_would_not():
    text = "a" * 9_999 + "!"

    assert run("TextCleaning", pl.DataFrame({"t": [text]}), pattern="(a+)+$", replacement="b")["t"].to_list() == [text]


@pytest.mark.compares("ValueReplacement")
def test_value_replacement_agrees_with_pandas():
    mapping = {"Adelie": "Gentoo", "Gentoo": "Adelie", "male": "m", "Biscoe": None}
    numbers = {"2007": 1, "2009": 2}

    found = run("ValueReplacement", FRAME, mapping=mapping, column_mappings={"year": numbers})

    table = PENGUINS[TEXTS].astype(object).replace({old: new for old, new in mapping.items() if new})
    for name in TEXTS:
        assert found[name].to_list() == plain(table[name].mask(table[name] == "Biscoe"))
    assert found["year"].to_list() == PENGUINS["year"].replace({2007: 1, 2009: 2}).tolist()
    assert found["bill_length_mm"].equals(FRAME["bill_length_mm"])


@pytest.mark.compares("AliasReplacement")
def test_alias_replacement_agrees_with_its_table_written_out():
    answers = ["Yes", " y ", "TRUE", "1", "no", "N", "false", "0", "maybe", None]
    words = {
        "yes": "true",
        "y": "true",
        "true": "true",
        "1": "true",
        "no": "false",
        "n": "false",
        "false": "false",
        "0": "false",
    }
    series = pd.Series(answers, dtype=object)
    wanted = series.str.strip().str.lower().map(words)

    kept = run("AliasReplacement", pl.DataFrame({"a": answers}), columns=["a"])["a"].to_list()
    known = run("AliasReplacement", pl.DataFrame({"a": answers}), columns=["a"], unknown="null")["a"].to_list()

    assert known == plain(wanted)
    assert kept == plain(wanted.fillna(series))


@pytest.mark.compares("AliasReplacement")
def test_alias_replacement_knows_every_country_once():
    table = country_aliases()
    codes = set(table.values())
    spelled = ["Österreich", "GBR", "cote d'ivoire", "Korea, Republic of", "viet nam", "u.s.a.", "St. Lucia", "Narnia"]

    found = run("AliasReplacement", pl.DataFrame({"c": spelled}), columns=["c"], kind="country", unknown="null")

    assert found["c"].to_list() == ["AT", "GB", "CI", "KR", "VN", "US", "LC", None]
    assert len(codes) == 249
    assert all(table[code.lower()] == code for code in codes)


@pytest.mark.compares("InvalidValueReplacement")
@pytest.mark.parametrize(
    ("config", "invalid"),
    [
        ({"rule": "negative"}, lambda x: x < 0),
        ({"rule": "zero"}, lambda x: x == 0),
        ({"rule": "range", "low": -0.02, "high": 0.03}, lambda x: (x < -0.02) | (x > 0.03)),
        ({"rule": "range", "high": 0.0}, lambda x: x > 0),
        ({"rule": "percentage"}, lambda x: (x < 0) | (x > 100)),
        ({"rule": "age"}, lambda x: (x < 0) | (x > 120)),
        ({"rule": "inf"}, np.isinf),
    ],
)
@pytest.mark.parametrize("replacement", [None, -1.5])
def test_invalid_value_replacement_agrees_with_pandas(config, invalid, replacement):
    table = load_diabetes(as_frame=True, scaled=False).data - 60.0
    table.iloc[3, 0], table.iloc[4, 0], table.iloc[5, 1], table.iloc[6, 1] = np.inf, -np.inf, np.nan, 0.0
    wanted = table.mask(invalid(table), np.nan if replacement is None else replacement)

    found = run("InvalidValueReplacement", normalise(to_polars(table)), **config, replacement=replacement)

    np.testing.assert_array_equal(found.to_numpy(), wanted.to_numpy())


@pytest.mark.compares("DropMissingColumns")
@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.2, 0.5])
def test_drop_missing_columns_agrees_with_pandas(threshold):
    draw = np.random.default_rng(1)
    table = CANCER.astype(float).mask(draw.random(CANCER.shape) < np.linspace(0.0, 0.6, CANCER.shape[1]))
    table["half"] = [None, 1.0] * (len(table) // 2) + [1.0]
    fewest = math.ceil(len(table) * (1 - threshold) - 1e-9)

    found = run("DropMissingColumns", normalise(to_polars(table)), threshold=threshold)

    assert found.columns == table.dropna(axis="columns", thresh=fewest).columns.tolist()


@pytest.mark.compares("DropMissingRows")
@pytest.mark.parametrize(
    ("config", "asked"),
    [
        ({}, {}),
        ({"how": "all", "subset": ["bill_depth_mm", "sex"]}, {"how": "all", "subset": ["bill_depth_mm", "sex"]}),
        ({"subset": ["sex"]}, {"subset": ["sex"]}),
        ({"threshold": 6}, {"thresh": 6}),
    ],
)
def test_drop_missing_rows_agrees_with_pandas(config, asked):
    wanted = PENGUINS.dropna(**asked)

    found = run("DropMissingRows", FRAME, **config)

    assert found.rows() == normalise(to_polars(wanted)).rows()
    if not config:
        assert found.equals(FRAME.drop_nulls())


@pytest.mark.compares("Deduplicate")
@pytest.mark.parametrize("keep", ["first", "last", "none"])
@pytest.mark.parametrize("subset", [None, ["species", "island", "sex"], ["bill_length_mm"]])
def test_deduplicate_agrees_with_pandas(keep, subset):
    table = pd.concat([PENGUINS, PENGUINS.sample(50, random_state=1), PENGUINS.tail(9)], ignore_index=True)
    wanted = table.drop_duplicates(subset=subset, keep=False if keep == "none" else keep)

    found = run("Deduplicate", normalise(to_polars(table)), keep=keep, subset=subset)

    assert found.rows() == normalise(to_polars(wanted)).rows()


@pytest.mark.compares("RenameColumns", "SelectColumns", "DropColumns")
def test_columns_are_renamed_selected_and_dropped_as_in_pandas():
    mapping = {"species": "island", "island": "species", "sex": 'the "sex"'}

    renamed = run("RenameColumns", FRAME, mapping=mapping)
    selected = run("SelectColumns", FRAME, columns=["year", "species"])
    dropped = run("DropColumns", FRAME, columns=["year", "species"])

    assert renamed.columns == PENGUINS.rename(columns=mapping).columns.tolist()
    assert renamed["island"].to_list() == FRAME["species"].to_list()
    assert selected.equals(FRAME.select("species", "year"))
    assert dropped.equals(FRAME.drop("species", "year"))


@pytest.mark.parametrize(
    ("node", "config", "reason"),
    [
        ("RenameColumns", {"mapping": {"species": "island"}}, "name-clash"),
        ("ValueReplacement", {"column_mappings": {"year": {"20x7": 1}}}, "wrong-type"),
        ("ValueReplacement", {"columns": ["year"], "mapping": {"2007": "x"}}, "wrong-type"),
        ("Casting", {"types": {"species": "int8"}, "on_error": "fail"}, "cannot-cast"),
    ],
)
def test_what_cannot_be_is_refused_by_name(node, config, reason):
    with pytest.raises(DataError) as caught:
        run(node, FRAME, **config)

    assert caught.value.reason == reason
    assert caught.value.column
