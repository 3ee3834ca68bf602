"""Patterns and formulas of a stranger: bounded, and as quick as the text is long."""

import re
import time

import polars as pl
import pytest
from bad_input import LIBRARIES, entries
from skyulf_core import DataError, Pipeline, validate_config
from skyulf_core.nodes.features.tokens import MAX_LENGTH
from skyulf_core.serving.ops import OpError
from skyulf_core.testing.plans import run_columns, run_rows

CATASTROPHIC = [
    r"(a+)+$", r"(a|a)*$", r"(a|aa)+$", r"(a*)*b", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(.*)*c", r"(x+x+)+y",
    r"a?" * 25 + "a" * 25,
    r"(?:a{0,25}){0,25}$", r"([a-zA-Z]+)*\d", r"(\w+\s?)*$", r"((a{1,30}){1,30})$", r"^(.+)+@", r"(?i)(ſ|s|K|k)+$",
]  # fmt: skip
REFUSED = [
    "(", ")", "[", "*", "a**", "(?=a)", "(?<!a)b", r"(a)\1", "(?P<n>a)(?P=n)", "(?>a)", "a{1001}", "(a{500}){500}",
    "\\", "\\q", "[z-a]", "(?P<a b>a)", "(?z)a", "a" * 100_000, "(" * 2_000 + ")" * 2_000,
]  # fmt: skip
TEXTS = ["a" * 9_999 + "!", "x" * 10_000, "ab " * 3_333 + "\x00", "", None, "ſ" * 10_000]
FAR = ["a(.*b)?", "a|a.*b", "(?s).*?z|a", "x*y|x", r"a\s*$|a", "(?:a|x)[^b]*b|a|x", "a{1,}b|a", "(a+b)|a"]
NEAR = ["a", "a+", "ab|x+|ſ", r"[^b]|\W+", "a{1,20}b?", "(a|b){3}", r"\x{61}\pL*", "[]a*]+", "(?i)A"]


def nodes(pattern):
    """Return a configuration of every node that takes a pattern."""
    return {
        "TextCleaning": {"columns": ["text"], "pattern": pattern, "replacement": "-"},
        "Expect": {"expectations": [{"check": "regex", "columns": ["text"], "pattern": pattern, "on_failure": "warn"}]},
    }


def test_every_node_that_takes_a_pattern_is_known():
    def fields(schema):
        for name, inner in schema.get("properties", {}).items():
            yield name
            yield from fields(inner)
        for inner in schema.get("$defs", {}).values():
            yield from fields(inner)

    taking = {e.name for e in entries() if {"pattern", "regex"} & set(fields(e.config_model.model_json_schema()))}

    assert taking == set(nodes(""))


@pytest.mark.parametrize("pattern", CATASTROPHIC)
@pytest.mark.parametrize("name", list(nodes("")))
def test_a_pattern_takes_time_in_proportion_to_the_text(name, pattern):
    frame = pl.DataFrame({"text": TEXTS})
    begin = time.perf_counter()

    pipeline = Pipeline.from_config({"steps": [{"node": name, "config": nodes(pattern)[name]}]}).fit(frame)
    ops = pipeline.fitted.step_ops()
    found = pipeline.transform(frame)["text"].to_list()
    rows, columns = run_rows(ops, frame), run_columns(ops, frame)

    assert [row["text"] for row in rows] == columns["text"].tolist() == found
    assert time.perf_counter() - begin < 20  # one that backtracks needs longer than the sun has


@pytest.mark.parametrize("pattern", FAR)
def test_a_pattern_that_looks_on_behind_its_matches_is_kept_to_short_texts(pattern):
    step = {"node": "TextCleaning", "config": nodes(pattern)["TextCleaning"]}
    pipeline = Pipeline.from_config({"steps": [step]}).fit(pl.DataFrame({"text": TEXTS}))
    long = pl.DataFrame({"text": ["", "a" * 10_001]})
    ops = pipeline.fitted.step_ops()

    assert pipeline.transform(pl.DataFrame({"text": TEXTS})).height == len(TEXTS)
    for transform in (pipeline.transform, lambda frame: pipeline.transform(frame.lazy()).collect()):
        with pytest.raises(DataError, match="'text' has more than 10000 characters"):
            transform(long)
    for run, rows in ((run_rows, long[1:]), (run_columns, long)):
        with pytest.raises(OpError) as refused:
            run(ops, rows)
        assert [(p.row, p.column, p.code) for p in refused.value.problems] == [
            (rows.height - 1, "text", "text_too_long")
        ]


@pytest.mark.parametrize("pattern", NEAR)
def test_other_patterns_are_replaced_in_long_texts(pattern):
    step = {"node": "TextCleaning", "config": nodes(pattern)["TextCleaning"]}
    frame = pl.DataFrame({"text": ["a" * 200_000, "x" * 200_000]})
    begin = time.perf_counter()

    found = Pipeline.from_config({"steps": [step]}).fit(frame).transform(frame)["text"]

    assert found.str.contains("-", literal=True).any()
    assert time.perf_counter() - begin < 20  # one that looks on would need minutes


@pytest.mark.parametrize("pattern", REFUSED)
@pytest.mark.parametrize("name", list(nodes("")))
def test_a_pattern_that_is_none_or_too_large_is_refused_in_a_sentence(name, pattern):
    problems = validate_config({"steps": [{"node": name, "config": nodes(pattern)[name]}]}).problems

    assert len(problems) == 1
    assert problems[0].node == name
    assert "pattern" in f"{problems[0].pointer} {problems[0].message}"
    assert len(str(problems[0])) < 2_500
    assert not LIBRARIES.search(problems[0].message)


FORMULAS = {
    "concat(" + ", ".join(["t"] * 150) + ")": True,
    "9 ** 9 ** 9 ** 9": True,
    "exp(exp(exp(exp(x))))": True,
    "1e308 * 1e308 - 1e308 * 1e308": True,
    "(" * 55 + "x" + ")" * 55: True,
    "max(" + ", ".join(["x"] * 400) + ")": True,
    "x" + " + x" * 50: True,
    "x" + " + x" * 600: False,
    "(" * 3_000: False,
    "not " * 300 + "x": False,
    "-" * 1_500 + "x": False,
    "if(" * 200 + "x": False,
    "concat(" * 200 + "t" + ")" * 200: False,
    "'" * 1_999: False,
    "x" * (MAX_LENGTH + 1): False,
    "9" * 1_900: False,
    "\ud800": False,
    "x\x00": False,
    "__import__('os').system('true')": False,
    "x.__class__": False,
    "lambda: x": False,
    "[x for x in x]": False,
}


WHERE = r"position \d+|nested more than|values and functions at most|at most 2000 characters|valid string"


@pytest.mark.parametrize(("text", "works"), FORMULAS.items(), ids=range(len(FORMULAS)))
def test_a_formula_is_computed_in_time_or_refused_with_its_place(text, works):
    config = {"steps": [{"node": "Expression", "config": {"expressions": {"y": text}}}]}
    frame = pl.DataFrame({"x": [1.0, -1e308, None, 1e-300], "t": ["x" * 10_000, "", None, "é"]})
    begin = time.perf_counter()
    problems = validate_config(config).problems

    assert (not problems) is works
    for problem in problems:
        assert re.search(WHERE, problem.message)
        assert len(problem.message) < 2_500
        assert not LIBRARIES.search(problem.message)
    if works:
        try:
            pipeline = Pipeline.from_config(config).fit(frame)
            found = pipeline.transform(frame)["y"].to_list()
            ops = pipeline.fitted.step_ops()
            assert [row["y"] for row in run_rows(ops, frame)] == found
        except (DataError, OpError) as error:
            pytest.fail(f"{text[:60]}: {error}")
    assert time.perf_counter() - begin < 20
