"""The transformations agree with numpy and scikit-learn on real data."""

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.preprocessing import PowerTransformer
from skyulf_core import DataError, NodeRegistry
from skyulf_core.data.frames import normalise, to_polars

WINE = load_wine(as_frame=True).data
REAL = {
    "wine": WINE,
    "diabetes": load_diabetes(as_frame=True).data,
    "breast_cancer": load_breast_cancer(as_frame=True).data.iloc[:, :12] + 0.01,
}
FUNCTIONS = {
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "reciprocal": np.reciprocal,
    "square": np.square,
    "exp": np.exp,
}


def fitted(node, data, **config):
    entry = NodeRegistry.get(node)
    frame = normalise(to_polars(data))
    params = entry.calculator.fit(frame, entry.config_model.model_validate(config))
    return params, lambda new: entry.applier.apply(normalise(to_polars(new)), params)


def holes(frame, seed=0):
    draw = np.random.default_rng(seed)
    return frame.astype(float).mask(draw.random(frame.shape) < 0.15)


@pytest.mark.compares("PowerTransformer")
@pytest.mark.parametrize(("name", "method"), [(name, "yeo-johnson") for name in REAL] + [("wine", "box-cox")])
@pytest.mark.parametrize("standardize", [True, False])
def test_power_transformer_agrees_on_sorted_columns(name, method, standardize):
    train = REAL[name]
    ordered = train.apply(lambda column: np.sort(column.to_numpy()))  # the search depends on the order of its sums
    reference = PowerTransformer(method=method, standardize=standardize).fit(ordered)

    params, apply = fitted("PowerTransformer", train, method=method, standardize=standardize)

    np.testing.assert_allclose(params["lambdas"], reference.lambdas_, rtol=1e-12)
    new = holes(train * 1.1)
    np.testing.assert_allclose(apply(new).to_numpy(), reference.transform(new), rtol=1e-9, atol=1e-9)


@pytest.mark.compares("PowerTransformer")
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
@pytest.mark.parametrize("load", [load_wine, load_breast_cancer, load_diabetes])
def test_power_transformer_agrees_in_natural_order_within_its_tolerance(load, method, standardize):
    train = load(as_frame=True).data
    train = train - train.min() + 0.5 if method == "box-cox" and load is load_diabetes else train
    train = train.loc[:, (train > 0).all()] if method == "box-cox" else train
    tolerance = NodeRegistry.get("PowerTransformer").calculator.tolerance

    _, apply = fitted("PowerTransformer", train, method=method, standardize=standardize, columns=list(train))

    wanted = PowerTransformer(method=method, standardize=standardize).fit_transform(train)
    np.testing.assert_allclose(apply(train).to_numpy(), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.compares("PowerTransformer")
def test_power_transformer_leaves_constant_and_empty_columns():
    data = pl.DataFrame({"same": [5.0, 5.0, 5.0], "none": pl.Series([None] * 3, dtype=pl.Float64)})

    for method in ("yeo-johnson", "box-cox"):
        params, apply = fitted("PowerTransformer", data, method=method, standardize=False)
        assert params["lambdas"] == [1.0, 1.0]
        assert apply(data)["none"].null_count() == 3


@pytest.mark.compares("SimpleTransformation")
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", REAL)
def test_simple_transformation_agrees_with_numpy(name, function):
    data = holes(REAL[name])
    with np.errstate(all="ignore"):
        wanted = FUNCTIONS[function](data.to_numpy())
    wanted[~np.isfinite(wanted)] = np.nan

    _, apply = fitted("SimpleTransformation", data, function=function, on_error="null")

    np.testing.assert_allclose(apply(data).to_numpy(), wanted, rtol=1e-12)


@pytest.mark.compares("SimpleTransformation")
@pytest.mark.parametrize(
    ("function", "value"), [("sqrt", -1.0), ("log1p", -1.0), ("reciprocal", 0.0), ("exp", 1e3), ("square", 1e200)]
)
def test_simple_transformation_refuses_values_outside_the_domain(function, value):
    _, apply = fitted("SimpleTransformation", pl.DataFrame({"x": [1.0]}), function=function)

    with pytest.raises(DataError, match=f"column 'x': {function} of") as caught:
        apply(pl.DataFrame({"x": [1.0, value]}))

    assert (caught.value.reason, caught.value.column) == ("out-of-domain", "x")


@pytest.mark.compares("GeneralTransformation")
def test_general_transformation_agrees_with_its_parts():
    chosen = {"alcohol": "box-cox", "malic_acid": "yeo-johnson", "ash": "log1p", "hue": "reciprocal", "proline": "sqrt"}
    ordered = WINE.apply(lambda column: np.sort(column.to_numpy()))

    _, apply = fitted("GeneralTransformation", WINE, transformations=chosen)
    found = apply(WINE)

    for name, function in chosen.items():
        if function in FUNCTIONS:
            wanted = FUNCTIONS[function](WINE[name].to_numpy())
        else:
            wanted = PowerTransformer(method=function).fit(ordered[[name]]).transform(WINE[[name]]).ravel()
        np.testing.assert_allclose(found[name].to_numpy(), wanted, rtol=1e-9, atol=1e-9)
    rest = [name for name in WINE if name not in chosen]
    np.testing.assert_array_equal(found.select(rest).to_numpy(), WINE[rest].to_numpy())
