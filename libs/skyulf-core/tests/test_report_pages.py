"""Reports: one page that needs nothing from outside, one JSON document, pictures, and a card."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from palmerpenguins import load_penguins
from skyulf_core import DataError, NotFittedError, Pipeline
from skyulf_core.report import Report
from skyulf_core.validation.learning_curve import LearningCurve, learning_curve

HOSTILE = '<script>alert("x")</script> & "quoted" | `code` $\\frac{1}{2}$ _a\x07'
_OUTSIDE = re.compile(r"https?:|//\w|@import|<link|<script|<img|<iframe|url\((?!#)|\son\w+=", re.IGNORECASE)


class _Tags(HTMLParser):
    """Collects tags and ids, and fails where they are not nested."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def _penguins() -> pl.DataFrame:
    return pl.from_pandas(load_penguins().dropna(subset=["sex"]))


def _config(target: str, model: str, encoded: list[str], **more: object) -> dict:
    return {
        "steps": [
            {"node": "TrainTestSplit", "config": {"target": target, "random_state": 1}},
            {"node": "OneHotEncoder", "config": {"columns": encoded}},
        ],
        "model": {"node": model},
        **more,
    }


def _check_page(page: str) -> _Tags:
    assert not _OUTSIDE.search(page)
    assert "prefers-color-scheme: dark" in page
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    assert len(tags.ids) == len(set(tags.ids))
    return tags


def test_a_classification_has_everything_in_all_forms(tmp_path) -> None:
    validation = {"calibration": {}, "threshold": {"by": "metric", "metric": "f1"}, "conformal": {"coverage": 0.9}}
    config = _config("sex", "gaussian_nb", ["species", "island"], validation=validation)
    pipeline = Pipeline.from_config(config).fit(_penguins())

    report = pipeline.report(segments=["island"])

    content = report.to_dict()
    assert content["rows"] == pipeline.held_out.height
    by_name = {each["name"]: each for each in content["metrics"]}
    assert by_name["roc_auc"]["estimate"] == pipeline.evaluate().metrics["roc_auc"]
    interval = by_name["roc_auc"]["interval"]
    assert interval["low"] <= interval["estimate"] <= interval["high"]
    assert content["fairness"][0]["column"] == "island"
    assert {each["column"] for each in content["partial_dependence"]} <= set(pipeline.fitted.input_schema.names)
    assert Report.from_dict(json.loads(json.dumps(content, allow_nan=False))) == report
    tags = _check_page(report.to_html())
    assert "svg" in tags.tags
    card = report.to_markdown()
    for words in ("## Decisions", "95 % interval", "## Where it is worst", "### By island", "## What it goes by"):
        assert words in card
    folder = report.save(tmp_path / "report")
    drawn = {path.stem for path in (folder / "pictures").glob("*.png")}
    assert drawn >= {"roc", "precision_recall", "calibration", "gain", "lift", "confusion", "answers", "out_of_fold"}
    assert json.loads((folder / "report.json").read_text()) == content
    assert report.save(tmp_path / "one.html").read_text() == report.to_html()


def test_a_regression_a_search_and_a_learning_curve_are_shown() -> None:
    tuning = {"strategy": "grid", "metric": "rmse", "search_space": {"alpha": [0.1, 10.0]}}
    config = _config("body_mass_g", "ridge_regression", ["species", "island", "sex"])
    plain = Pipeline.from_config(config)
    curve = learning_curve(plain, _penguins(), metric="r2", shares=(0.3, 1.0))
    pipeline = Pipeline.from_config({**config, "tuning": tuning}).fit(_penguins())

    report = pipeline.report(learning_curve=curve)

    assert curve.rows[0] < curve.rows[1]
    assert LearningCurve.from_dict(curve.to_dict()) == curve
    board = report.content["leaderboard"]
    assert [each["score"] for each in board["trials"]] == sorted(each["score"] for each in board["trials"])
    assert set(report.pictures(image="svg")) >= {"residuals", "out_of_fold", "learning_curve", "importances"}
    assert "## Trials" in report.to_markdown()
    _check_page(report.to_html())


def test_hostile_names_are_escaped_everywhere() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    frame = pl.DataFrame(
        {
            HOSTILE: x,
            "kind": rng.choice([HOSTILE, "</svg><b>", "_hidden"], 200),
            "</style><img src=x onerror=alert(1)>": np.where(x + rng.normal(size=200) > 0, "<i>yes</i>", "_no"),
        }
    )
    config = _config("</style><img src=x onerror=alert(1)>", "random_forest_classifier", ["kind"])
    pipeline = Pipeline.from_config(config).fit(frame)

    report = pipeline.report(segments=["kind"])

    page = report.to_html()
    parsed = _Tags()
    parsed.feed(page)
    assert not parsed.tags & {"script", "img", "b<", "i", "iframe"}
    assert parsed.open == []
    assert "&lt;script&gt;" in page
    assert len(report.pictures()) > 5
    assert "<script>" not in report.to_markdown()


def test_clusters_have_a_report_too() -> None:
    frame = _penguins().select("bill_length_mm", "bill_depth_mm")
    pipeline = Pipeline.from_config(
        {"steps": [{"node": "StandardScaler"}], "model": {"node": "kmeans", "config": {"n_clusters": 3}}}
    ).fit(frame)

    report = pipeline.report()

    assert {each["name"] for each in report.content["metrics"]} >= {"silhouette"}
    _check_page(report.to_html())


def test_without_rows_to_judge_on_it_says_what_to_do(tmp_path) -> None:
    config = _config("sex", "gaussian_nb", ["species", "island"])
    config["steps"][0] = {"node": "FeatureTargetSplit", "config": {"target": "sex"}}
    pipeline = Pipeline.from_config(config).fit(_penguins())

    with pytest.raises(NotFittedError, match="give rows with the target"):
        pipeline.report()
    with pytest.raises(DataError, match="Did you mean 'island'"):
        pipeline.report(_penguins(), segments=["iland"])
    with pytest.raises(ValueError, match="format"):
        Report.from_dict({"format": "other"})


def test_a_loaded_pipeline_reports_on_rows_that_are_given(tmp_path) -> None:
    frame = _penguins()
    pipeline = Pipeline.from_config(_config("sex", "gaussian_nb", ["species", "island"])).fit(frame)
    loaded = Pipeline.load(pipeline.save(tmp_path / "bundle"))

    report = loaded.report(pipeline.held_out)

    assert report.content["metrics"] == pipeline.report().content["metrics"]


def test_a_metric_that_is_undefined_for_the_rows_is_left_out_and_the_rest_is_said() -> None:
    data = pl.DataFrame({"x": [float(i % 7) for i in range(30)], "y": [float(i * i % 11) for i in range(30)]})
    steps = [{"node": "TrainTestSplit", "config": {"target": "y", "test_size": 1}}]
    pipeline = Pipeline.from_config({"steps": steps, "model": {"node": "ridge_regression"}}).fit(data)

    said = pipeline.report().to_dict()

    assert [metric["name"] for metric in said["metrics"]] == ["mae", "mse", "rmse", "mape", "median_ae"]
    assert said["permutation"] is None
    assert [each["column"] for each in said["partial_dependence"]] == ["x"] or said["examples"]["sentences"]
    assert "rmse" in pipeline.report().to_html()
    assert "rmse" in pipeline.report().to_markdown()
