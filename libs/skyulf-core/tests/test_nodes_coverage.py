"""Which nodes there are, and what each of them must have: checks, examples, a reference and a comparison with it."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from skyulf_core import NodeRegistry
from skyulf_core.nodes.base import (
    Applier,
    Calculator,
    ModelApplier,
    ModelCalculator,
    Resampler,
    Splitter,
    TargetAwareCalculator,
)
from skyulf_core.nodes.combiner import Combiner, CombinerApplier

HERE = Path(__file__).parent
NAMES = NodeRegistry.names()
PLANNED = [
    # imputation
    "SimpleImputer", "KNNImputer", "IterativeImputer", "GroupImputer", "MissingIndicator",
    # scaling
    "StandardScaler", "MinMaxScaler", "RobustScaler", "MaxAbsScaler", "QuantileTransformer",
    # encoding
    "OneHotEncoder", "DummyEncoder", "LabelEncoder", "OrdinalEncoder", "TargetEncoder", "WOEEncoder", "HashEncoder",
    "FrequencyEncoder",
    # outliers
    "IQR", "ZScore", "EllipticEnvelope", "IsolationForestFilter", "ManualBounds", "Winsorize", "ClipValues",
    # binning
    "GeneralBinning", "CustomBinning", "KBinsDiscretizer",
    # casting and cleaning
    "Casting", "TextCleaning", "ValueReplacement", "AliasReplacement", "InvalidValueReplacement", "DropMissingColumns",
    "DropMissingRows", "Deduplicate", "DropColumns", "RenameColumns", "SelectColumns",
    # feature generation
    "Arithmetic", "Ratio", "TextSimilarity", "DateParts", "GroupAggregate", "PolynomialFeatures", "FeatureInteraction",
    "Expression",
    # feature selection
    "VarianceThreshold", "CorrelationThreshold", "UnivariateSelection", "ModelBasedSelection",
    # reduction
    "PCA", "TruncatedSVD", "FeatureAgglomeration",
    # geo
    "GeoDistance", "H3Index",
    # time series
    "LagFeatures", "RollingAggregate", "DateFeatures",
    # transformations
    "PowerTransformer", "SimpleTransformation", "GeneralTransformation",
    # text
    "CountVectorizer", "TfidfVectorizer", "HashingVectorizer", "Tokenizer", "SentenceEmbedder",
    # resampling
    "Oversampling", "Undersampling",
    # split
    "TrainTestSplit", "TimeSplit", "GroupSplit", "FeatureTargetSplit",
    # inspection and contracts
    "DatasetProfile", "DataSnapshot", "Expect",
    # models: classification
    "logistic_regression", "random_forest_classifier", "extra_trees_classifier", "decision_tree_classifier",
    "gradient_boosting_classifier", "hist_gradient_boosting_classifier", "adaboost_classifier", "svc",
    "k_neighbors_classifier", "sgd_classifier", "gaussian_nb", "multinomial_nb", "bernoulli_nb", "mlp_classifier",
    "calibrated_classifier", "xgboost_classifier", "lgbm_classifier",
    # models: regression
    "linear_regression", "ridge_regression", "lasso_regression", "elasticnet_regression", "huber_regression",
    "quantile_regression", "poisson_regression", "tweedie_regression", "decision_tree_regressor",
    "random_forest_regressor", "extra_trees_regressor", "gradient_boosting_regressor",
    "hist_gradient_boosting_regressor", "adaboost_regressor", "svr", "k_neighbors_regressor", "mlp_regressor",
    "xgboost_regressor", "lgbm_regressor",
    # models: clustering, anomalies, ensembles
    "kmeans", "minibatch_kmeans", "gaussian_mixture", "birch", "hdbscan", "isolation_forest", "local_outlier_factor",
    "voting_classifier", "voting_regressor", "stacking_classifier", "stacking_regressor",
]  # fmt: skip


@pytest.mark.parametrize("name", PLANNED)
def test_a_planned_node_is_there(name: str) -> None:
    assert name in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_node_says_what_it_is_compared_with_and_how_it_is_used(name: str) -> None:
    node = NodeRegistry.get(name).calculator

    assert node.reference.strip()
    assert 0.0 <= node.tolerance < 0.1
    assert len(node.examples) >= 1
    assert all(NodeRegistry.get(name).config_model.model_validate(dict(each)) for each in node.examples)


@pytest.mark.parametrize("name", NAMES)
def test_a_node_is_of_a_kind_that_check_node_knows(name: str) -> None:
    entry = NodeRegistry.get(name)
    kinds: list[tuple[type | tuple[type, ...], type | None]] = [
        ((Calculator, TargetAwareCalculator), Applier), (ModelCalculator, ModelApplier), (Combiner, CombinerApplier),
        (Resampler, None), (Splitter, None),
    ]  # fmt: skip

    appliers = [applier for calculator, applier in kinds if isinstance(entry.calculator, calculator)]

    assert len(appliers) == 1
    assert entry.applier is None if appliers[0] is None else isinstance(entry.applier, appliers[0])


@pytest.mark.parametrize("name", NAMES)
def test_a_node_is_compared_with_its_reference(name: str) -> None:
    assert name in compared()


def test_comparisons_name_nodes_that_exist() -> None:
    assert sorted(compared() - set(NAMES)) == []


@cache
def compared() -> set[str]:
    """The nodes that a test compares: the texts in `pytest.mark.compares(...)`."""
    files = [*sorted((HERE / "reference").glob("test_*.py")), HERE / "test_nodes_sklearn.py"]
    return {name for file in files for name in _named(ast.parse(file.read_text()))}


def _named(tree: ast.Module) -> Iterator[str]:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "compares":
            yield from (each.value for each in call.args if isinstance(each, ast.Constant))


def test_the_scan_finds_the_marks_of_tests() -> None:
    tree = ast.parse("@pytest.mark.compares('A', 'B')\ndef test(): ...\npytestmark = pytest.mark.compares('C')\n")

    assert list(_named(tree)) == ["A", "B", "C"]


SMALL = """
import pytest
from skyulf_core import NodeRegistry

@pytest.mark.parametrize("name", NodeRegistry.names())
def test_node_keeps_every_promise(name):
    if name == "Winsorize":
        pytest.skip("left out")
"""


@pytest.mark.parametrize(("arguments", "code"), [([], 1), (["-k", "StandardScaler"], 0)])
def test_a_whole_run_fails_where_a_node_was_not_checked(tmp_path: Path, arguments: list[str], code: int) -> None:
    (tmp_path / "test_nodes_checks.py").write_text(SMALL)
    (tmp_path / "conftest.py").write_text((HERE / "conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, *arguments, "."]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == code, done.stdout
    assert f"check_node covered {1 if arguments else len(NAMES) - 1} nodes: " in done.stdout
    assert ("check_node did not cover: Winsorize" in done.stdout) is bool(code)
