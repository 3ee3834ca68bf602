"""Whatever the data, a node's frame path equals its serving plan and learns the same in any row order."""

import warnings

import numpy as np
import polars as pl
import pytest
from drawn import CONFIGS, TARGETS, examples, frames
from hypothesis import given
from hypothesis import strategies as st
from skyulf_core import DataError, Kind, NodeRegistry
from skyulf_core.nodes.base import RowApplier, TargetAwareCalculator
from skyulf_core.testing import check_plan
from skyulf_core.testing.compare import require_same_params


def fitted(entry, config, train, target):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(entry.calculator, TargetAwareCalculator):
            return entry.calculator.fit(train, target, config)
        return entry.calculator.fit(train, config)


@pytest.mark.parametrize(("node", "config"), CONFIGS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CONFIGS)])
@examples(25)
@given(draw=st.data())
def test_frame_equals_plan_on_any_data(node, config, draw):
    entry = NodeRegistry.get(node)
    parsed = entry.config_model.model_validate(config)
    names = list(dict.fromkeys(name for _, name in parsed.named_columns())) or list("fibt")
    train = draw.draw(frames(names))
    target = pl.Series("y", draw.draw(st.lists(TARGETS, min_size=train.height, max_size=train.height)))
    try:
        params = fitted(entry, parsed, train, target)
    except DataError:
        return

    if isinstance(entry.applier, RowApplier):
        rows = entry.applier.rows(train, params)
        assert ((rows >= 0) & (rows < train.height)).all()
        return
    check_plan(entry.applier, params, train)
    check_plan(entry.applier, params, draw.draw(frames(names)))
    if entry.kind is not Kind.HISTORY:
        order = np.random.default_rng(0).permutation(train.height)
        require_same_params(fitted(entry, parsed, train[order], target.gather(order)), params, "params")
