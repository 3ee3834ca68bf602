"""XGBoost and LightGBM beside their own estimators, on real data: our trees answer what the libraries answer."""

import lightgbm
import numpy as np
import polars as pl
import pytest
import xgboost
from model_reference import CLASSIFICATION, REGRESSION, check_model, uneven_weights, whole_weights
from sklearn.model_selection import train_test_split
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.problems import DataError

BASE = {"n_estimators": 30, "random_state": 3}
ONE_THREAD = {"n_jobs": 1}
LOUD = {"xgboost": {}, "lgbm": {"verbose": -1}}
CLASSIFIERS = {"xgboost_classifier": xgboost.XGBClassifier, "lgbm_classifier": lightgbm.LGBMClassifier}
REGRESSORS = {"xgboost_regressor": xgboost.XGBRegressor, "lgbm_regressor": lightgbm.LGBMRegressor}
# the last bit of float32, where the exp of the C library is not that of float64, rounded
TOLERANCE = {"xgboost_classifier": 1e-7}

pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


def reference(kind, name, config):
    return kind(**config, **ONE_THREAD, **LOUD[name.partition("_")[0]])


@pytest.mark.compares("xgboost_classifier", "lgbm_classifier")
@pytest.mark.parametrize("nulls", [False, True], ids=["full", "with nulls"])
@pytest.mark.parametrize("dataset", CLASSIFICATION)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(name, dataset, nulls, tmp_path):
    model = reference(CLASSIFIERS[name], name, BASE)

    data, target = CLASSIFICATION[dataset](nulls=nulls)

    check_model(name, BASE, model, data, target, tmp_path=tmp_path, tolerance=TOLERANCE.get(name, 1e-9))


@pytest.mark.compares("xgboost_regressor", "lgbm_regressor")
@pytest.mark.parametrize("nulls", [False, True], ids=["full", "with nulls"])
@pytest.mark.parametrize("dataset", REGRESSION)
@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors(name, dataset, nulls, tmp_path):
    model = reference(REGRESSORS[name], name, BASE)

    check_model(name, BASE, model, *REGRESSION[dataset](nulls=nulls), tmp_path=tmp_path)


@pytest.mark.parametrize("weigh", [whole_weights, uneven_weights])
@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_with_weights(name, weigh, tmp_path):
    data, target = CLASSIFICATION["wine"]() if name in CLASSIFIERS else REGRESSION["diabetes"]()
    model = reference({**CLASSIFIERS, **REGRESSORS}[name], name, BASE)
    tolerance = TOLERANCE.get(name, 1e-9)

    check_model(name, BASE, model, data, target, tmp_path=tmp_path, weights=weigh(len(target)), tolerance=tolerance)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("xgboost_classifier", {"max_depth": 0, "max_leaves": 9, "grow_policy": "lossguide", "gamma": 0.2}),
        ("xgboost_classifier", {"tree_method": "exact", "gamma": 0.5, "reg_alpha": 0.1, "colsample_bytree": 0.5}),
        (
            "xgboost_classifier",
            {"tree_method": "approx", "max_bin": 16, "scale_pos_weight": 2.0, "subsample": 0.7},
        ),
        ("lgbm_classifier", {"class_weight": "balanced", "max_depth": 3, "num_leaves": 6, "reg_lambda": 1.0}),
        ("lgbm_classifier", {"subsample": 0.6, "subsample_freq": 2, "colsample_bytree": 0.4, "max_bin": 20}),
    ],
)
def test_options_of_classifiers(name, config, tmp_path):
    config = {**BASE, **config}
    model = reference(CLASSIFIERS[name], name, config)
    data, target = CLASSIFICATION["breast_cancer"](nulls=True)

    check_model(name, config, model, data, target, tmp_path=tmp_path, tolerance=TOLERANCE.get(name, 1e-9))


@pytest.mark.parametrize(
    ("name", "objective"),
    [
        *[("xgboost_regressor", each) for each in ("absoluteerror", "pseudohubererror", "gamma", "tweedie", "poisson")],
        *[("lgbm_regressor", each) for each in ("regression_l1", "huber", "fair", "quantile")],
        *[("lgbm_regressor", each) for each in ("poisson", "gamma", "tweedie")],
    ],
)
def test_objectives_of_regressors(name, objective, tmp_path):
    prefix = ("count:" if objective == "poisson" else "reg:") if name == "xgboost_regressor" else ""
    config = {**BASE, "objective": prefix + objective}
    # answers in the hundreds are exact to the last bit of float32 where the logarithm is modelled
    tolerance = 1e-7 if prefix and objective in ("gamma", "tweedie", "poisson") else 1e-9

    model = reference(REGRESSORS[name], name, config)

    check_model(name, config, model, *REGRESSION["diabetes"](nulls=True), tmp_path=tmp_path, tolerance=tolerance)


class Stopping:
    """An estimator that holds rows out by itself and stops early, as ours does."""

    def __init__(self, estimator, *, stratify, name):
        self.estimator, self.stratify, self.name = estimator, stratify, name

    def fit(self, matrix, target):
        places = np.arange(len(target))
        kept, out = train_test_split(places, test_size=0.2, random_state=3, stratify=target if self.stratify else None)
        kept, out = np.sort(kept), np.sort(out)
        if self.name.startswith("lgbm"):
            stop = lightgbm.early_stopping(3, verbose=False)
            self.estimator.fit(matrix[kept], target[kept], eval_X=matrix[out], eval_y=target[out], callbacks=[stop])
        else:
            self.estimator.fit(matrix[kept], target[kept], eval_set=[(matrix[out], target[out])], verbose=False)

    def predict(self, matrix):
        return self.estimator.predict(matrix)


class StoppingClassifier(Stopping):
    def predict_proba(self, matrix):
        return self.estimator.predict_proba(matrix)


@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_early_stopping_keeps_the_best_step(name, tmp_path):
    own = {"n_estimators": 200, "random_state": 3, "learning_rate": 0.3}
    given = {**own, "early_stopping_rounds": 3} if name.startswith("xgb") else own
    model = reference({**CLASSIFIERS, **REGRESSORS}[name], name, given)
    classifies = name in CLASSIFIERS
    wrapper = (StoppingClassifier if classifies else Stopping)(model, stratify=classifies, name=name)
    data, target = CLASSIFICATION["breast_cancer"]() if classifies else REGRESSION["diabetes"]()
    config = {**own, "early_stopping_rounds": 3, "validation_fraction": 0.2}

    params = check_model(name, config, wrapper, data, target, tmp_path=tmp_path, tolerance=TOLERANCE.get(name, 1e-9))

    assert params["n_iter"] < 100


def test_a_null_in_a_column_that_had_none_is_zero_for_lightgbm():
    entry = NodeRegistry.get("lgbm_classifier")
    data, target = CLASSIFICATION["breast_cancer"]()
    params = entry.calculator.fit(data, target, entry.config_model(n_estimators=20))

    gone = CLASSIFICATION["breast_cancer"](nulls=True)[0]

    found = entry.applier.predict_proba(gone, params)
    assert np.array_equal(found, entry.applier.predict_proba(gone.fill_null(0.0), params))
    model = lightgbm.LGBMClassifier(n_estimators=20, random_state=0, n_jobs=1, verbose=-1).fit(data.to_numpy(), target)
    np.testing.assert_allclose(found, model.predict_proba(gone.to_numpy()), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["xgboost_regressor", "lgbm_regressor"])
def test_values_on_and_beside_thresholds_go_where_the_library_sends_them(name):
    entry = NodeRegistry.get(name)
    data, target = REGRESSION["diabetes"]()
    params = entry.calculator.fit(data, target, entry.config_model(**BASE))
    model = reference(REGRESSORS[name], name, BASE).fit(data.to_numpy(), target)
    cuts = np.unique(params.array("threshold"))
    near = np.concatenate([cuts, np.nextafter(cuts, np.inf), np.nextafter(cuts, -np.inf), [0.0, -0.0, 1e-40, -1e-40]])

    rng = np.random.default_rng(2)
    probe = np.stack([rng.permutation(near) for _ in data.columns], axis=1)

    frame = pl.DataFrame({c: probe[:, i] for i, c in enumerate(data.columns)})
    np.testing.assert_allclose(entry.applier.predict(frame, params), model.predict(probe), rtol=1e-12)


@pytest.mark.parametrize(("name", "objective"), [("xgboost_regressor", "count:poisson"), ("lgbm_regressor", "poisson")])
def test_a_target_that_the_objective_cannot_take_is_a_data_error(name, objective):
    entry = NodeRegistry.get(name)
    data, target = REGRESSION["diabetes"]()

    with pytest.raises(DataError, match="cannot learn from these rows") as caught:
        entry.calculator.fit(data, -target, entry.config_model(objective=objective))

    assert caught.value.reason == "fit-failed"
    assert "Stack trace" not in str(caught.value)
    assert "/" not in str(caught.value).partition("rows: ")[2].split()[0]


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("xgboost_classifier", {"tree_method": "exact", "grow_policy": "lossguide"}),
        ("xgboost_classifier", {"tree_method": "exact", "colsample_bynode": 0.5}),
        ("lgbm_classifier", {"max_depth": 0}),
        ("lgbm_regressor", {"n_jobs": 0}),
    ],
)
def test_what_the_library_cannot_do_is_refused_before_training(name, config):
    with pytest.raises(ValueError, match="validation error"):
        NodeRegistry.get(name).config_model(**config)


@pytest.mark.parametrize("name", ["lgbm_classifier", "lgbm_regressor"])
def test_every_default_is_that_of_lightgbm(name):
    defaults = {**CLASSIFIERS, **REGRESSORS}[name]().get_params()
    own = {"random_state": 0, "early_stopping_rounds": None, "validation_fraction": 0.1, "max_bin": 255}
    own |= {"objective": "regression", "alpha": 0.9}

    for field, info in NodeRegistry.get(name).config_model.model_fields.items():
        assert info.default == (own[field] if field in own else defaults[field]), field


def test_every_default_is_that_of_xgboost():
    entry = NodeRegistry.get("xgboost_regressor")
    data, target = REGRESSION["wine"]()
    plain = xgboost.XGBRegressor(random_state=0, n_jobs=1).fit(data.to_numpy(), target)

    params = entry.calculator.fit(data, target, entry.config_model())

    np.testing.assert_allclose(entry.applier.predict(data, params), plain.predict(data.to_numpy()), rtol=1e-12)
