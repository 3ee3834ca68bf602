"""Inner folds know nothing of the rows that the outer ones are judged on (scores of pure noise: `test_noise.py`)."""

import numpy as np
import polars as pl
import pytest
from skyulf_core import DataError, InvalidConfigError, Pipeline
from skyulf_core.pipeline.resolve import resolve
from skyulf_core.validation.crossing import cross_validate
from skyulf_core.validation.engine import CrossValidator

SPLIT = {"node": "FeatureTargetSplit", "config": {"target": "y"}}
MODEL = {"node": "logistic_regression"}
ENCODED = {"steps": [SPLIT, {"node": "TargetEncoder", "config": {"smooth": 1.0}}], "model": MODEL}
CV = {"type": "stratified_k_fold", "folds": 4}


def categories(rows=240):
    rng = np.random.default_rng(0)
    kinds = {f"c{i}": [f"k{code}" for code in rng.integers(0, 60, rows)] for i in range(3)}
    return pl.DataFrame({**kinds, "y": rng.integers(0, 2, rows)})


def test_inner_folds_hold_no_row_that_the_outer_one_is_judged_on():
    cv = {"type": "nested", "outer": {"type": "k_fold", "folds": 4}, "inner": {"type": "shuffle_split", "folds": 3}}
    validator = CrossValidator.of(Pipeline.from_config(ENCODED), categories(), cv)

    for index in range(validator.folds):
        outer, inner = validator.fold_rows(index), validator.within(index)
        results = [inner.run_fold(resolve(ENCODED), fold) for fold in range(inner.folds)]
        seen = np.concatenate([np.concatenate([part.train, part.test]) for part in map(inner.fold_rows, range(3))])
        assert set(seen.tolist()) == set(outer.train.tolist())
        assert not set(seen.tolist()) & set(outer.test.tolist())
        judged = inner.oof(results)
        assert set(judged.rows.tolist()) <= set(outer.train.tolist())
        assert judged.truth.tolist() == validator.truth[judged.rows].tolist()


def test_only_a_nested_validation_has_inner_folds():
    validator = CrossValidator.of(Pipeline.from_config(ENCODED), categories(), CV)

    with pytest.raises(ValueError, match="only a nested validation"):
        validator.within(0)
    with pytest.raises(InvalidConfigError, match="has no inner folds to choose on"):
        cross_validate(Pipeline.from_config(ENCODED), categories(), CV, choose=lambda inner: resolve(ENCODED))


def test_inner_folds_that_cannot_be_made_are_refused_before_the_first_choice():
    cv = {"type": "nested", "outer": {"type": "k_fold", "folds": 2}, "inner": {"type": "k_fold", "folds": 200}}
    chosen = []

    with pytest.raises(DataError, match="rows for 200 folds"):
        cross_validate(Pipeline.from_config(ENCODED), categories(), cv, choose=chosen.append)

    assert chosen == []
