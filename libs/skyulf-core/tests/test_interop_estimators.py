"""scikit-learn's own checks of our estimators: every one passes, or is skipped for a reason that the guide states."""

import json
import os
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import pytest
from sklearn.utils.estimator_checks import check_estimator
from skyulf_core import NodeRegistry
from skyulf_core.interop import SkyulfClassifier, SkyulfRegressor, SkyulfTransformer
from skyulf_core.interop.checks import SKIPPED_CHECKS, expected_failures, expected_table, skipped_table
from skyulf_core.interop.reading.catalogue import supported_table

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "scikit-learn.md"
TRANSFORMS = ("stateless", "learned", "target_aware")
# Configurations for nodes that need one (the columns of an array are x0, x1, …), and smaller forests.
CONFIGS = {
    "ClipValues": {"columns": ["x0"], "lower": -1},
    "DropColumns": {"columns": []},
    "GroupImputer": {"group_by": ["x0"]},
    "ModelBasedSelection": {"n_estimators": 5},
    "RenameColumns": {"mapping": {"x0": "first"}},
    "SelectColumns": {"columns": ["x0"]},
    "WOEEncoder": {"pos_label": 1},
}
MODELS = {
    "lasso_regression": {"alpha": 0.01},
    "elasticnet_regression": {"alpha": 0.01},
    "quantile_regression": {"alpha": 0.0},
    "sgd_classifier": {"loss": "log_loss"},
    "random_forest_classifier": {"n_estimators": 5},
    "random_forest_regressor": {"n_estimators": 10},
    "extra_trees_classifier": {"n_estimators": 5},
    "extra_trees_regressor": {"n_estimators": 10},
    "gradient_boosting_classifier": {"n_estimators": 10},
    "hist_gradient_boosting_classifier": {"max_iter": 3, "max_leaf_nodes": 5},
    "hist_gradient_boosting_regressor": {"max_iter": 10, "max_leaf_nodes": 5},
}
KINDS = {"classification": SkyulfClassifier, "regression": SkyulfRegressor}
FILLED = [{"node": "SimpleImputer"}, {"node": "StandardScaler"}]


def runs_as_it_is(name):
    try:
        NodeRegistry.get(name).config_model.model_validate(CONFIGS.get(name, {}))
    except ValueError:
        return False
    return True


def estimators():
    for info in NodeRegistry.list():
        if info.family == "models":
            if info.extra is None and info.task in KINDS:
                config = MODELS.get(info.name)
                if config is None and not runs_as_it_is(info.name):
                    config = dict(NodeRegistry.get(info.name).calculator.examples[0])
                yield info.name, KINDS[info.task](info.name, model_config=config)
        elif info.kind in TRANSFORMS and info.max_inputs == 1 and info.extra is None and runs_as_it_is(info.name):
            yield info.name, SkyulfTransformer(info.name, **CONFIGS.get(info.name, {}))
    yield "a classifier after steps", SkyulfClassifier(steps=FILLED)
    yield "a regressor after steps", SkyulfRegressor(steps=FILLED)
    yield "the default transformer", SkyulfTransformer()
    yield "a strict encoder", SkyulfTransformer("OneHotEncoder", handle_unknown="error")


ESTIMATORS = dict(estimators())


def outcomes(estimator):
    """Return the statuses of all checks, and the names of those that were skipped. Fails where one failed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = expected_failures(estimator)
        found = check_estimator(estimator, on_fail=None, on_skip=None, expected_failed_checks=expected)
    assert {result["check_name"] for result in found if result["status"] == "xfail"} == set(expected)
    assert [(result["check_name"], result["exception"]) for result in found if result["status"] == "failed"] == []
    return Counter(result["status"] for result in found), {r["check_name"] for r in found if r["status"] == "skipped"}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_check_passes_or_is_skipped_for_a_stated_reason(name, monkeypatch):
    monkeypatch.delenv("SCIPY_ARRAY_API", raising=False)

    statuses, skipped = outcomes(ESTIMATORS[name])

    assert skipped == set(SKIPPED_CHECKS)  # neither more than are stated, nor fewer
    assert set(statuses) <= {"passed", "skipped", "xfail"}
    assert statuses["passed"] >= 45


def test_the_estimators_that_are_checked_are_of_every_kind():
    kinds = {NodeRegistry.get(name).kind.value for name in ESTIMATORS if name in NodeRegistry.names()}
    assert kinds == set(TRANSFORMS)
    assert {"SimpleImputer", "StandardScaler", "OneHotEncoder", "PowerTransformer", "TargetEncoder", "PCA"} < {
        *ESTIMATORS
    }
    assert {type(estimator) for estimator in ESTIMATORS.values()} == {
        SkyulfTransformer, SkyulfClassifier, SkyulfRegressor,
    }  # fmt: skip


def test_nothing_is_skipped_where_scipy_knows_the_array_api():
    program = f"""
import json, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_interop_estimators import ESTIMATORS, outcomes
names = ["SimpleImputer", "TargetEncoder", "PCA", "a classifier after steps", "a regressor after steps"]
print(json.dumps([outcomes(ESTIMATORS[name])[0] for name in names]))
"""
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 5
    assert all(set(statuses) <= {"passed", "xfail"} for statuses in found)


def test_the_guide_shows_the_tables_of_what_is_skipped_and_of_what_can_be_read():
    page = GUIDE.read_text()

    assert skipped_table() in page
    assert expected_table() in page
    assert supported_table() in page
