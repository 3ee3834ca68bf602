"""The ways to find the leaves of an ensemble (nested tuples, tables of bits, arrays) agree, for rows and batches."""

import math

import numpy as np
import pytest
from skyulf_core.serving.ops import PREDICTION, PROBABILITIES, SCORES, Op, PlanError, TreeEnsemble
from skyulf_core.serving.ops.leaf_bits import LeafBits
from skyulf_core.serving.ops.leaf_planes import LeafPlanes
from skyulf_core.serving.ops.walk import Few, Layout, Trees, Walk

WIDTH = 5


def grown(rng, *, trees, leaves, outputs=1):
    """Random trees: nodes in the order in which they were split."""
    feature, threshold, left, right, missing, roots, values = [], [], [], [], [], [], 0
    for _ in range(trees):
        roots.append(len(feature))
        open_nodes = [len(feature)]
        feature.append(-1), threshold.append(0.0), left.append(0), right.append(0), missing.append(False)
        for _ in range(rng.integers(0, leaves)):
            node = open_nodes.pop(rng.integers(len(open_nodes)))
            feature[node], threshold[node] = int(rng.integers(WIDTH)), float(rng.integers(-3, 4)) / 2
            left[node], right[node], missing[node] = len(feature), len(feature) + 1, bool(rng.integers(2))
            open_nodes += [len(feature), len(feature) + 1]
            for _ in range(2):
                feature.append(-1), threshold.append(0.0), left.append(0), right.append(0), missing.append(False)
        for node in open_nodes:
            left[node] = values
            values += 1
    each = np.arange(trees) % outputs
    drawn = rng.normal(size=(values, 1))
    return Trees(*map(np.array, (feature, threshold, left, right, missing, drawn, roots, each)))


def blocks(rng, rows):
    block = rng.integers(-4, 5, (rows, WIDTH)) / 2.0
    block[rng.random(block.shape) < 0.05] = np.inf
    block[rng.random(block.shape) < 0.05] = -np.inf
    yield block
    block = block.copy()
    block[rng.random(block.shape) < 0.2] = np.nan
    yield block


def slowly(trees, row):
    """The leaf of each tree, as the description of the operation has it."""
    found = []
    for root in trees.roots.tolist():
        node = root
        while trees.feature[node] >= 0:
            value = row[trees.feature[node]]
            goes_left = trees.missing_left[node] if math.isnan(value) else value <= trees.threshold[node]
            node = trees.left[node] if goes_left else trees.right[node]
        found.append(int(trees.left[node]))
    return found


@pytest.mark.parametrize("leaves", [2, 8, 16, 32, 64])
@pytest.mark.parametrize("trees", [1, 7, 150])
def test_all_ways_find_the_same_leaves(trees, leaves):
    rng = np.random.default_rng(trees * 100 + leaves)
    ensemble = grown(rng, trees=trees, leaves=leaves)
    ensemble.check(WIDTH, 1)
    layout = Layout.of(ensemble)
    few, walk, bits = Few(layout, WIDTH), Walk(layout, WIDTH), LeafBits(layout)
    planes = LeafPlanes(ensemble, WIDTH)

    for block in blocks(rng, 40):
        wanted = [slowly(ensemble, row) for row in block.tolist()]
        assert layout.order[walk.leaves(block)].tolist() == wanted
        assert layout.order[planes.leaves(block)].tolist() == wanted
        for row, leaf in zip(block.tolist(), wanted, strict=True):
            missing = any(map(math.isnan, row))
            found = [way.row(tuple(row), missing=missing) for way in (few, walk, bits)]
            assert [layout.order[leaves].tolist() for leaves in found] == [leaf] * 3


@pytest.mark.parametrize("rows", [1, 64, 201])
def test_many_thresholds_of_a_feature_are_compared_at_once(rows):
    rng = np.random.default_rng(11)
    ensemble = grown(rng, trees=60, leaves=40)
    ensemble = ensemble._replace(threshold=rng.normal(size=len(ensemble.threshold)))
    order, planes = Layout.of(ensemble).order, LeafPlanes(ensemble, WIDTH)

    for block in blocks(rng, rows):
        block[::2] = rng.choice(ensemble.threshold, block[::2].shape)
        assert order[planes.leaves(block)].tolist() == [slowly(ensemble, row) for row in block.tolist()]


def test_trees_of_one_leaf_have_nothing_to_walk():
    rng = np.random.default_rng(4)
    ensemble = grown(rng, trees=3, leaves=1)
    layout = Layout.of(ensemble)

    assert not LeafBits.suits(layout)
    for way in (Walk(layout, WIDTH), LeafPlanes(ensemble, WIDTH)):
        assert way.leaves(next(blocks(rng, 2))).tolist() == [[0, 1, 2], [0, 1, 2]]
    assert Few(layout, WIDTH).row((0.0,) * WIDTH, missing=False).tolist() == [0, 1, 2]


def test_deep_trees_are_walked_to_their_ends():
    rng = np.random.default_rng(5)
    ensemble = grown(rng, trees=30, leaves=900)
    layout = Layout.of(ensemble)
    walk, planes = Walk(layout, WIDTH), LeafPlanes(ensemble, WIDTH)

    for block in blocks(rng, 61):
        wanted = [slowly(ensemble, row) for row in block.tolist()]
        assert layout.order[walk.leaves(block)].tolist() == wanted
        assert layout.order[planes.leaves(block)].tolist() == wanted
        assert [layout.order[walk.row(row, missing=True)].tolist() for row in block.tolist()] == wanted


def test_trees_of_more_than_64_leaves_have_no_table():
    rng = np.random.default_rng(6)

    assert not LeafBits.suits(Layout.of(grown(rng, trees=5, leaves=500)))
    assert LeafBits.suits(Layout.of(grown(rng, trees=5, leaves=30)))


def operation(rng, *, trees=40, leaves=12, outputs=1, **fields):
    parts = grown(rng, trees=trees, leaves=leaves, outputs=outputs)
    names = tuple("abcde")
    return TreeEnsemble(names, **parts._asdict(), baseline=rng.normal(size=outputs), **fields)


def scored(op, block):
    op = Op.from_dict(op.to_dict())
    columns = {name: block[:, i].copy() for i, name in enumerate("abcde")}
    op.batch(columns)
    for i, values in enumerate(block.tolist()):
        row = {name: None if math.isnan(value) else value for name, value in zip("abcde", values, strict=True)}
        op.row(row)
        assert row[SCORES] == columns[SCORES][i].tolist()
        assert (row[PROBABILITIES] or []) == columns.get(PROBABILITIES, np.empty((len(block), 0)))[i].tolist()
    return columns


@pytest.mark.parametrize("trees", [3, 40, 300])
@pytest.mark.parametrize(
    "fields",
    [
        {"link": "sigmoid"},
        {"link": "sigmoid", "precision": "float32"},
        {"link": "softmax", "outputs": 3},
        {"link": "softmax", "outputs": 3, "precision": "float32"},
        {"combine": "average", "divisor": 2.5},
    ],
)
def test_rows_and_batches_agree_to_the_last_bit(trees, fields):
    rng = np.random.default_rng(7)
    op = operation(rng, trees=trees, **fields)

    for block in blocks(rng, 30):
        scored(op, block)


def test_float32_sums_round_after_each_addition():
    rng = np.random.default_rng(8)
    op = operation(rng, precision="float32")
    block = next(blocks(rng, 20))

    found = scored(op, block)[SCORES]

    for row, score in zip(block.tolist(), found[:, 0], strict=True):
        total = np.float32(op.baseline[0])
        for leaf in slowly(op.trees(), row):
            total = np.float32(total + np.float32(op.values[leaf, 0]))
        assert float(total) == score


def test_a_weighted_median_is_the_value_at_which_half_of_the_weights_is_reached():
    rng = np.random.default_rng(9)
    weights = rng.integers(0, 4, 40).astype(float)
    op = operation(rng, combine="weighted_median", weights=weights)
    block = next(blocks(rng, 20))

    found = scored(op, block)[SCORES]

    for row, score in zip(block.tolist(), found[:, 0], strict=True):
        values = sorted((float(op.values[leaf, 0]), i) for i, leaf in enumerate(slowly(op.trees(), row)))
        reached = np.cumsum([weights[tree] for _, tree in values])
        assert values[int(np.argmax(reached >= weights.sum() / 2))][0] == score


@pytest.mark.parametrize(
    "fields",
    [
        {"combine": "weighted_median", "weights": [1.0]},
        {"combine": "average", "divisor": 0.0},
        {"combine": "average", "precision": "float32"},
        {"link": "probability", "precision": "float32"},
    ],
)
def test_ways_to_combine_that_do_not_fit_are_refused(fields):
    plain = operation(np.random.default_rng(1)).to_dict()

    with pytest.raises(PlanError):
        Op.from_dict({**plain, **fields})


def test_a_score_of_zero_is_for_the_second_class_where_the_plan_says_so():
    scores = [-1.0, -5e-324, -0.0, 0.0, 5e-324]

    for tie, wanted in (("first", "aaaab"), ("second", "aabbb")):
        op = Op.from_dict({"op": "decode", "classes": ["a", "b"], "by": "scores", "tie": tie})
        columns = {SCORES: np.array(scores).reshape(-1, 1)}
        op.batch(columns)
        rows = [{SCORES: [score]} for score in scores]
        for row in rows:
            op.row(row)
        assert "".join(columns[PREDICTION]) == "".join(row[PREDICTION] for row in rows) == wanted


def test_exp_in_float32_is_rounded_and_may_be_infinite():
    op = Op.from_dict({"op": "respond", "link": "exp_float32"})
    scores = [0.5, -200.0, 88.0, 800.0]
    columns = {SCORES: np.array(scores).reshape(-1, 1)}

    op.batch(columns)

    with np.errstate(over="ignore"):
        assert columns[PREDICTION].tolist() == [float(np.float32(math.exp(min(s, 709.0)))) for s in scores]
    for score, wanted in zip(scores, columns[PREDICTION].tolist(), strict=True):
        row = {SCORES: [score]}
        op.row(row)
        assert row[PREDICTION] == wanted


@pytest.mark.parametrize("fields", [{"op": "decode", "classes": ["a"], "tie": "third"}, {"op": "respond", "link": "x"}])
def test_answers_that_nobody_knows_are_refused(fields):
    with pytest.raises(PlanError):
        Op.from_dict(fields)
