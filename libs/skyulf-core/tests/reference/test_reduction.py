"""The reducing nodes make the columns that scikit-learn makes, on real data."""

import numpy as np
import polars as pl
import pytest
from palmerpenguins import load_penguins
from sklearn.cluster import FeatureAgglomeration
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.preprocessing import StandardScaler
from skyulf_core import DataError, NodeRegistry
from skyulf_core.data.frames import normalise, to_polars
from skyulf_core.serving.ops import Op, OpError, Project

PENGUINS = load_penguins()[["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]].dropna()
DATA = {
    "cancer": load_breast_cancer(as_frame=True).data,
    "wine": load_wine(as_frame=True).data,
    "penguins": PENGUINS.astype(float),
    "digits": load_digits(as_frame=True).data.iloc[:300],
}


def scaled(name):
    data = DATA[name]
    return data.__class__(StandardScaler().fit_transform(data), columns=data.columns)


def run(node, data, **config):
    entry = NodeRegistry.get(node)
    parsed = entry.config_model.model_validate(config)
    frame = normalise(to_polars(data))
    params = entry.calculator.fit(frame, parsed)
    return entry.applier.apply(frame, params), params


def in_order(data):
    frame = to_polars(data)
    return frame.sort(frame.columns).to_pandas()


@pytest.mark.compares("PCA")
@pytest.mark.parametrize(
    "options", [{}, {"n_components": 3}, {"n_components": 0.9}, {"n_components": 2, "whiten": True}]
)
@pytest.mark.parametrize("solver", ["auto", "full"])
@pytest.mark.parametrize("name", ["cancer", "wine", "penguins"])
def test_pca_agrees(name, solver, options):
    data = scaled(name)
    reference = PCA(svd_solver=solver, **options)
    wanted = reference.fit_transform(data)

    found, params = run("PCA", data, svd_solver=solver, **options)

    assert found.columns == [f"pca_{i + 1}" for i in range(wanted.shape[1])]
    np.testing.assert_allclose(found.to_numpy(), reference.transform(data), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(params["explained_variance"], reference.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(params["explained_variance_ratio"], reference.explained_variance_ratio_, atol=1e-9)


@pytest.mark.compares("PCA")
@pytest.mark.parametrize("name", ["cancer", "digits"])
def test_pca_agrees_with_the_randomized_solver(name):
    data = DATA[name]
    options = {"n_components": 4, "svd_solver": "randomized", "random_state": 7}
    reference = PCA(**options).fit(in_order(data))

    found, _ = run("PCA", data, **options)

    np.testing.assert_allclose(
        found.to_numpy(), reference.transform(data), rtol=1e-9, atol=1e-9 * np.abs(data).max().max()
    )


@pytest.mark.compares("PCA")
def test_pca_agrees_on_more_columns_than_rows_and_on_numbers_far_from_zero():
    data = load_digits(as_frame=True).data.iloc[:40] + 1e6
    reference = PCA(n_components=5, svd_solver="full").fit(data - 1e6)

    found, _ = run("PCA", data, n_components=5, svd_solver="full")

    np.testing.assert_allclose(found.to_numpy(), reference.transform(data - 1e6), rtol=1e-9, atol=1e-9)


def test_pca_keeps_columns_and_finds_free_names():
    data = to_polars(DATA["wine"]).with_columns(pl.lit("x").alias("pca_1"))

    found, _ = run("PCA", data, columns=["alcohol", "ash"], drop_original=False)

    assert found.columns == [*data.columns, "pca_1_2", "pca_2"]


def test_pca_whitens_no_rounding_errors():
    data = to_polars(DATA["wine"]).select("alcohol", (pl.col("alcohol") * 3).alias("thrice"))

    found, _ = run("PCA", data, whiten=True)

    assert found["pca_1"].std() == pytest.approx(1.0)
    assert found["pca_2"].abs().max() < 1e-9


@pytest.mark.compares("TruncatedSVD")
@pytest.mark.parametrize("n_components", [1, 2, 5])
@pytest.mark.parametrize("name", ["cancer", "wine", "digits"])
def test_truncated_svd_agrees(name, n_components):
    data = scaled(name) if name == "cancer" else DATA[name]
    reference = TruncatedSVD(n_components, random_state=42).fit(in_order(data))

    found, params = run("TruncatedSVD", data, n_components=n_components)

    np.testing.assert_allclose(found.to_numpy(), reference.transform(data), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(params["singular_values"], reference.singular_values_, rtol=1e-9)


@pytest.mark.compares("FeatureAgglomeration")
@pytest.mark.parametrize("linkage", ["ward", "complete", "average", "single"])
@pytest.mark.parametrize("n_clusters", [1, 3, 8])
@pytest.mark.parametrize("name", ["cancer", "wine"])
def test_feature_agglomeration_agrees(name, n_clusters, linkage):
    data = scaled(name)
    reference = FeatureAgglomeration(n_clusters, linkage=linkage).fit(data)

    found, params = run("FeatureAgglomeration", data, n_clusters=n_clusters, linkage=linkage)

    assert params["labels"].tolist() == reference.labels_.tolist()
    np.testing.assert_allclose(found.to_numpy(), reference.transform(data), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("node", ["PCA", "TruncatedSVD", "FeatureAgglomeration"])
def test_missing_and_infinite_values_are_refused_by_name_in_training_and_at_predict(node):
    data = to_polars(DATA["wine"]).select("alcohol", "ash", "hue")
    entry = NodeRegistry.get(node)
    params = entry.calculator.fit(data, entry.config_model())
    gap = data.with_columns(pl.when(pl.col("hue") > 1).then("ash").alias("ash"))

    with pytest.raises(DataError, match=r"'ash' is missing in \d+ rows"):
        entry.calculator.fit(gap, entry.config_model())
    with pytest.raises(DataError, match=r"'ash' is missing in \d+ rows"):
        entry.applier.apply(gap, params)
    with pytest.raises(DataError, match="'hue' holds infinite values"):
        entry.calculator.fit(data.with_columns(hue=float("inf")), entry.config_model())
    with pytest.raises(DataError, match="text"):
        entry.calculator.fit(data.with_columns(text=pl.lit("a")), entry.config_model(columns=["text", "ash"]))


def test_project_gives_rows_and_columns_the_same_to_the_last_bit():
    draw = np.random.default_rng(0)
    names = tuple(f"x {i}" for i in range(7))
    weights = draw.normal(size=(3, 7)) * (draw.random((3, 7)) < 0.7)
    op = Op.from_dict(
        Project(names, tuple(draw.normal(size=7)), weights, ("a", "b", "c"), drop_original=False).to_dict()
    )
    columns = {name: draw.normal(size=200) * 10.0 ** draw.integers(-3, 300, 200) for name in names}
    rows = [
        dict(zip(names, values, strict=True)) for values in zip(*(c.tolist() for c in columns.values()), strict=True)
    ]

    op.batch(columns)
    for row in rows:
        op.row(row)

    for name in op.outputs:
        assert [np.nan if row[name] is None else row[name] for row in rows] == pytest.approx(
            columns[name].tolist(), abs=0, rel=0, nan_ok=True
        )
    with pytest.raises(OpError, match="x 2: is null") as caught:
        op.row(dict.fromkeys(names, 1.0) | {"x 2": None})
    assert caught.value.problems[0].code == "null"


def test_project_needs_its_columns_and_only_the_outputs_that_are_read():
    op = Project(("x", "y"), (0.0, 1.0), np.array([[1.0, 2.0], [0.0, 3.0]]), ("a", "b"))

    part = op.restrict(frozenset({"b"}))

    row = {"x": 5.0, "y": 2.0, "z": 1}
    part.row(row)
    assert row == {"z": 1, "b": 3.0}
    assert part.needed(frozenset({"b", "z"})) == {"x", "y", "z"}
    assert op.restrict(frozenset({"z"})) is None
    assert op.trace({"x": frozenset({"x"}), "y": frozenset()}) == {"x"}
    with pytest.raises(ValueError, match="must be finite"):
        Project(("x",), (0.0,), np.array([[np.inf]]), ("a",))
