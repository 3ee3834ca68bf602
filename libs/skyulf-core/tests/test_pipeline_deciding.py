"""The key `validation`: what it chooses, on which rows, and that it travels with the model."""

import json

import numpy as np
import polars as pl
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold
from skyulf_core import Pipeline
from skyulf_core.bundle import read, verify
from skyulf_core.bundle.writing import bundle_files
from skyulf_core.problems import DataError, InvalidConfigError, NotFittedError
from skyulf_core.serving import PlanError, load_plan

SPLIT = {"node": "TrainTestSplit", "config": {"target": "y", "test_size": 0.25, "random_state": 1}}
ALL = {"calibration": {"method": "sigmoid"}, "threshold": {"metric": "f1_macro"}, "conformal": {"coverage": 0.8}}


def frame_of(load):
    data = load()
    names = [f"x{i}" for i in range(data.data.shape[1])]
    labels = [f"class {code}" for code in data.target] if data.target.dtype.kind == "i" else data.target
    return pl.DataFrame(data.data, schema=names).with_columns(y=pl.Series(labels))


def config_of(validation, *, model="logistic_regression", split=SPLIT):
    return {"steps": [split, {"node": "StandardScaler"}], "model": {"node": model}, "validation": validation}


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize("validation_size", [None, 0.3])
def test_everything_that_is_chosen_travels_to_the_bundle_and_the_plan(load, validation_size, tmp_path):
    data = frame_of(load)
    split = {"node": "TrainTestSplit", "config": {**SPLIT["config"], "validation_size": validation_size}}

    pipeline = Pipeline.from_config(config_of(ALL, split=split)).fit(data)
    loaded, plan = Pipeline.load(pipeline.save(tmp_path)), load_plan(tmp_path)

    rows = data.drop("y")
    assert list(pipeline.fitted.decisions()) == ["threshold", "calibration", "conformal"]
    assert loaded.fitted.decisions() == pipeline.fitted.decisions()
    assert loaded.config == pipeline.config
    # the same rows have chosen a calibration: what they promise is nearly kept
    assert not pipeline.fitted.conformal.guaranteed
    answers = plan.predict_rows(rows.to_dicts(), intervals=True)
    one_by_one = [plan.predict_row(row, intervals=True) for row in rows.head(20).to_dicts()]
    assert loaded.predict(rows).to_list() == pipeline.predict(rows).to_list() == answers.predictions
    assert [one.predictions[0] for one in one_by_one] == answers.predictions[:20]
    assert [one.sets[0] for one in one_by_one] == answers.sets[:20]
    library = loaded.predict_proba(rows)
    assert pl.DataFrame(answers.probabilities).to_numpy() == pytest.approx(library.to_numpy(), abs=1e-9)
    sets = loaded.predict_set(rows)
    assert [[name for name, inside in row.items() if inside] for row in sets.to_dicts()] == answers.sets
    assert verify(tmp_path).rows == 20


def test_answers_of_today_have_neither_intervals_nor_sets(tmp_path):
    data = frame_of(load_wine)
    Pipeline.from_config(config_of(ALL)).fit(data).save(tmp_path)

    answers = load_plan(tmp_path).predict_rows(data.drop("y").head(3).to_dicts())

    assert (answers.intervals, answers.sets) == (None, None)


@pytest.mark.parametrize("method", ["absolute", "signed", "binned"])
def test_intervals_of_a_regression_travel(method, tmp_path):
    data = frame_of(load_diabetes)
    config = config_of({"conformal": {"coverage": 0.8, "method": method}}, model="ridge_regression")

    pipeline = Pipeline.from_config(config).fit(data)
    loaded, plan = Pipeline.load(pipeline.save(tmp_path)), load_plan(tmp_path)

    rows = data.drop("y")
    found = loaded.predict_interval(rows)
    served = plan.predict_rows(rows.to_dicts(), intervals=True)
    assert found.to_numpy() == pytest.approx(np.array(served.intervals), abs=1e-9)
    inside = (found["low"] <= data["y"]) & (data["y"] <= found["high"])
    assert 0.7 < inside.mean() < 0.92
    assert pipeline.predict_interval(rows.to_pandas()).shape == (len(rows), 2)


def test_out_of_fold_calibration_is_that_of_scikit_learn():
    data = frame_of(load_wine)
    split = {"node": "FeatureTargetSplit", "config": {"target": "y"}}
    config = {
        "steps": [split],
        "model": {"node": "random_forest_classifier", "config": {"n_estimators": 12, "random_state": 0}},
        "validation": {"cv": {"type": "stratified_k_fold", "folds": 4}, "calibration": {"method": "sigmoid"}},
    }

    mine = Pipeline.from_config(config).fit(data).predict_proba(data.drop("y")).to_numpy()

    folds = StratifiedKFold(4, shuffle=True, random_state=0)
    model = RandomForestClassifier(12, random_state=0)
    theirs = CalibratedClassifierCV(model, method="sigmoid", cv=folds, ensemble=False)
    x, y = data.drop("y").to_numpy(), data["y"].to_list()
    assert mine == pytest.approx(theirs.fit(x, y).predict_proba(x), abs=1e-9)


def test_test_rows_are_never_chosen_on():
    data = frame_of(load_breast_cancer)
    pipeline = Pipeline.from_config(config_of(ALL)).fit(data)
    rows = len(data) - pipeline.evaluate().rows
    held = Pipeline.from_config(config_of({})).fit(data)

    changed = data.with_row_index().with_columns(y=pl.when(pl.col("index") == _a_test_row(data)).then(
        pl.when(pl.col("y") == "class 0").then(pl.lit("class 1")).otherwise(pl.lit("class 0"))
    ).otherwise("y")).drop("index")  # fmt: skip
    other = Pipeline.from_config(config_of(ALL)).fit(changed)

    assert pipeline.fitted.threshold.rows == rows
    assert other.fitted.decisions() == pipeline.fitted.decisions()
    assert other.evaluate().metrics != pipeline.evaluate().metrics
    assert held.fitted.decisions() == {}


def _a_test_row(data):
    """Find a row whose label does not change what is learned: one of the test split."""
    from skyulf_core.nodes.registry import NodeRegistry

    entry = NodeRegistry.get("TrainTestSplit")
    config = entry.config_model.model_validate(SPLIT["config"])
    return int(entry.calculator.split(data, config, task="classification").test[0])


def test_without_test_rows_the_evaluation_is_that_of_the_folds():
    data = frame_of(load_wine)
    split = {"node": "FeatureTargetSplit", "config": {"target": "y"}}

    found = Pipeline.from_config(config_of({"cv": {"type": "stratified_k_fold", "folds": 3}}, split=split)).fit(data)

    evaluation = found.evaluate()
    assert evaluation.rows == len(data)
    assert evaluation.details["judged_on"] == "out of fold"
    assert len(evaluation.details["cross_validation"]["folds"]) == 3
    json.dumps(evaluation.to_dict(), allow_nan=False)


def test_a_test_evaluation_says_what_the_folds_said():
    found = Pipeline.from_config(config_of({"cv": {"type": "k_fold", "folds": 3}})).fit(frame_of(load_wine))

    assert set(found.evaluate().details["cross_validation"]) == {"folds", "mean", "std", "out_of_fold"}
    assert "judged_on" not in found.evaluate().details


def test_a_model_without_probabilities_says_what_to_do():
    with pytest.raises(InvalidConfigError, match=r"/validation/threshold: .* calibrated_classifier"):
        Pipeline.from_config(config_of({"threshold": {}}, model="sgd_classifier"))


def test_a_model_that_a_search_leaves_without_probabilities_says_what_to_do():
    space = {"loss": ["hinge"]}
    tuning = {"strategy": "grid", "search_space": space, "cv": {"type": "k_fold", "folds": 2}}
    config = {**config_of({"threshold": {}}, model="sgd_classifier"), "tuning": tuning}

    with pytest.raises(DataError, match="calibrated_classifier"):
        Pipeline.from_config(config).fit(frame_of(load_wine))


def test_a_model_without_probabilities_is_judged_on_folds_by_its_labels():
    found = Pipeline.from_config(config_of({}, model="sgd_classifier")).fit(frame_of(load_wine)).evaluate()

    assert "accuracy" in found.details["cross_validation"]["mean"]
    assert "roc_auc" not in found.details["cross_validation"]["mean"]


def test_validation_rows_are_needed_where_they_are_asked_for():
    with pytest.raises(DataError, match="holds out no validation rows; set its validation_size"):
        Pipeline.from_config(config_of({"on": "validation", "threshold": {}})).fit(frame_of(load_wine))


@pytest.mark.parametrize(
    ("validation", "model", "pointer", "says"),
    [
        (3, None, "/validation", "is an object"),
        ({"treshold": {}}, None, "/validation/treshold", "Did you mean 'threshold'"),
        ({"threshold": {"by": "recal"}}, None, "/validation/threshold/by", "Did you mean 'recall'"),
        ({"threshold": {"by": "recall"}}, None, "/validation/threshold", "needs at_least"),
        ({"threshold": {"by": "cost"}}, None, "/validation/threshold", "needs costs"),
        (
            {"threshold": {"by": "cost", "costs": [[0, 0], [0, 0]]}},
            None,
            "/validation/threshold",
            "the same whatever is predicted",
        ),
        (
            {"threshold": {"by": "cost", "costs": [[1, 1], [5, 5]]}},
            None,
            "/validation/threshold",
            "choose no threshold",
        ),
        ({"threshold": {"by": "cost", "costs": [[1, 2]]}}, None, "/validation/threshold", "as many rows as columns"),
        ({"threshold": {"metric": "roc_auc"}}, None, "/validation/threshold/metric", "of probabilities"),
        ({"threshold": {"metric": "f1_marco"}}, None, "/validation/threshold/metric", "Did you mean 'f1_macro'"),
        ({"threshold": {"at_leas": 1}}, None, "/validation/threshold/at_leas", "Did you mean 'at_least'"),
        ({"cv": {"type": "kfold"}}, None, "/validation/cv/type", "Did you mean 'k_fold'"),
        ({"cv": {"type": "nested"}}, None, "/validation/cv/type", "plain folds"),
        ({"conformal": {"coverage": 1.5}}, None, "/validation/conformal/coverage", "less than 1"),
        ({"conformal": {"method": "binned"}}, None, "/validation/conformal/method", "auto, lac, aps"),
        ({"calibration": {}}, "ridge_regression", "/validation/calibration", "a regression has none"),
        ({"conformal": {"method": "lac"}}, "ridge_regression", "/validation/conformal/method", "absolute"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_fit(validation, model, pointer, says):
    with pytest.raises(InvalidConfigError) as caught:
        Pipeline.from_config(config_of(validation, model=model or "logistic_regression"))

    assert [problem.pointer for problem in caught.value.problems] == [pointer]
    assert says in str(caught.value)


def test_validation_without_a_model_is_refused():
    with pytest.raises(InvalidConfigError, match="Add a model"):
        Pipeline.from_config({"steps": [SPLIT], "validation": {"threshold": {}}})


def test_intervals_that_were_not_learned_say_how_to_learn_them(tmp_path):
    data = frame_of(load_wine)
    pipeline = Pipeline.from_config({**config_of({}), "validation": None}).fit(data)
    plan = load_plan(pipeline.save(tmp_path))

    for ask in (pipeline.predict_interval, pipeline.predict_set):
        with pytest.raises(NotFittedError, match=r"validation\.conformal"):
            ask(data)
    with pytest.raises(PlanError, match=r"validation\.conformal"):
        plan.predict_rows(data.drop("y").head(1).to_dicts(), intervals=True)


@pytest.mark.parametrize("keys", [["threshold"], ["calibration"], ["calibration", "threshold"]])
def test_the_script_decides_alike(keys):
    data = frame_of(load_wine)
    pipeline = Pipeline.from_config(config_of({key: ALL[key] for key in keys})).fit(data)
    script: dict[str, object] = {"__name__": "script"}

    exec(pipeline.to_python(), script)

    assert script["predict"](script["fit"](data), data) == pipeline.predict(data).to_list()
    with pytest.raises(NotFittedError, match="fit it first"):
        Pipeline.from_config(pipeline.config).to_python()


def test_the_card_says_what_was_chosen():
    pipeline = Pipeline.from_config(config_of(ALL)).fit(frame_of(load_wine))

    card = pipeline.model_card()

    assert "Probabilities are calibrated (sigmoid, on 133 rows)." in card
    assert "Classes win by thresholds: class 0 " in card
    assert "Sets of classes (lac, learned on 133 rows) hold the truth of nearly 80% of new rows." in card
    assert pipeline.describe()["decisions"] == pipeline.fitted.decisions()


def test_the_fingerprint_knows_what_is_chosen():
    prints = {Pipeline.from_config({**config_of(None), "validation": v}).fingerprint() for v in (None, {}, ALL)}

    assert len(prints) == 3


@pytest.mark.parametrize("broken", [{"method": "lac"}, {"method": "absolute"}, 3])
def test_a_plan_with_broken_conformal_numbers_is_refused(broken, tmp_path):
    folder = Pipeline.from_config(config_of(ALL)).fit(frame_of(load_wine)).save(tmp_path)
    document = json.loads((folder / "plan.json").read_text())
    document["conformal"] = broken
    (folder / "plan.json").write_text(json.dumps(document))

    with pytest.raises(PlanError, match="conformal"):
        load_plan(folder)


@pytest.fixture(scope="module")
def wine_bundle():
    return bundle_files(Pipeline.from_config(config_of(ALL)).fit(frame_of(load_wine)).fitted)


@pytest.mark.parametrize(
    "broken",
    [
        {"threshold": 3}, {"threshold": {}}, {"threshold": {"values": [1, -1]}}, {"calibration": []},
        {"calibration": {"method": "sigmoid", "classes": 3, "parameters": [[1, 2]], "rows": 5}},
        {"calibration": {"method": "other", "classes": 2, "parameters": [[1, 2]], "rows": 5}},
        {"conformal": "x"}, {"conformal": {"method": "lac", "coverage": 2, "below": [], "above": [1], "edges": []}},
    ],
)  # fmt: skip
def test_broken_decisions_are_a_broken_bundle(broken, wine_bundle):
    with pytest.raises(PlanError):
        read({**wine_bundle, "decisions.json": json.dumps(broken).encode()})
