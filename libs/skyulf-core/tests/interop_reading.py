"""What is read from scikit-learn compared with it, over penguins: in the library, in the plan, after loading."""

import json

import numpy as np
import pandas as pd
import polars as pl
from palmerpenguins import load_penguins
from sklearn.ensemble import HistGradientBoostingRegressor
from skyulf_core import Pipeline as SkyulfPipeline
from skyulf_core.interop import from_sklearn, sklearn_columns
from skyulf_core.serving import load_plan

PENGUINS = load_penguins()
NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
TEXTS = ["island", "sex"]
WEIGHTS = PENGUINS["body_mass_g"].fillna(4000.0).to_numpy()
GAPS = PENGUINS[NUMBERS]
FULL = GAPS.fillna(GAPS.mean())
WORDS = PENGUINS[TEXTS]
KNOWN = WORDS.fillna("unknown")
UNSEEN = pd.concat([WORDS, pd.DataFrame({"island": ["Mars", "Dream"], "sex": ["female", "other"]})]).iloc[-30:]
FAR = FULL * 1.7 - 300.0


def trees(**options):
    return HistGradientBoostingRegressor(max_iter=4, min_samples_leaf=5, **options)


def dense(found):
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=object)


def agree(theirs, ours):
    ours = np.array(ours.rows(), dtype=object)
    assert ours.shape == theirs.shape
    for a, b in zip(theirs.ravel(), ours.ravel(), strict=True):
        if isinstance(a, str):
            assert a == b
        else:
            a, b = (np.nan if value is None or value is pd.NA else float(value) for value in (a, b))
            assert (a != a and b != b) or abs(a - b) <= 1e-9 * max(1.0, abs(a)), (a, b)


def records(frame):
    return [
        {name: None if isinstance(value, float) and value != value else value for name, value in row.items()}
        for row in json.loads(pl.from_pandas(frame).write_json())
    ]


def check_transform(fitted, data, *more):
    pipeline = from_sklearn(fitted, data)
    names = list(sklearn_columns(fitted, data).values())
    for rows in (data, *more):
        found = pl.from_pandas(pd.DataFrame(pipeline.transform(rows)))
        assert set(found.columns) == set(names)
        agree(dense(fitted.transform(rows)), found.select(names))
    return pipeline


def check_predict(fitted, data, folder, *more):
    """In the library, from a bundle, and by the serving plan: row by row and as a batch."""
    pipeline = from_sklearn(fitted, data, target="answer")
    loaded = SkyulfPipeline.load(pipeline.save(folder))
    plan = load_plan(folder)
    for rows in (data, *more):
        expected = fitted.predict(rows)
        labels = expected.dtype.kind not in "f"
        batch = plan.predict_rows(records(rows))
        single = [plan.predict_row(row).predictions[0] for row in records(rows)[::5]]
        for found in (pipeline.predict(rows), loaded.predict(rows), batch.predictions):
            if labels:
                assert list(found) == expected.tolist()
            else:
                np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-9, atol=1e-9)
        if labels:
            assert single == batch.predictions[::5]
        else:
            np.testing.assert_allclose(single, batch.predictions[::5], rtol=1e-9)
        if labels and hasattr(fitted, "predict_proba"):
            chances = fitted.predict_proba(rows)
            np.testing.assert_allclose(pipeline.predict_proba(rows).to_numpy(), chances, rtol=0, atol=1e-9)
            served = [list(row.values()) for row in batch.probabilities]
            np.testing.assert_allclose(served, chances, rtol=0, atol=1e-9)
    return pipeline
