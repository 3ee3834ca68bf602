"""Operations of models that keep rows, layers or models: a row and a batch agree, and broken ones are refused."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skyulf_core.serving.arrays import ArrayReader, ArrayWriter
from skyulf_core.serving.files import MemoryFiles
from skyulf_core.serving.ops import (
    PREDICTION,
    PROBABILITIES,
    SCORES,
    Calibrate,
    Copy,
    Decode,
    Ensemble,
    KernelMachine,
    Linear,
    Neighbors,
    NeuralNetwork,
    Op,
    OpError,
    PlanError,
    Respond,
)

NAMES = ("a", "b c", "ü")


def draw(seed):
    return np.random.default_rng(seed)


def neighbors(random, size):
    outputs = int(random.integers(0, 4))
    targets = random.integers(0, max(outputs, 1), size).astype(float) if outputs else random.normal(size=size)
    # whole numbers: many rows are at the same distance
    return [
        Neighbors(
            NAMES, random.integers(-2, 3, (size, 3)).astype(float), targets, int(random.integers(1, size + 1)), outputs,
            random.choice([1.0, 2.0, 3.5, None]), str(random.choice(["uniform", "distance"])),
        )
    ]  # fmt: skip


def kernel_machine(random, size):
    classes = int(random.integers(2, 5))
    counts = tuple(random.multinomial(size, [1 / classes] * classes).tolist()) if classes > 2 else ()
    pairs = classes * (classes - 1) // 2
    return [
        KernelMachine(
            NAMES, random.normal(size=(size, 3)), random.normal(size=(classes - 1, size)), random.normal(size=pairs),
            counts, str(random.choice(["linear", "poly", "rbf", "sigmoid"])), 0.3, 0.5, 2,
        ),
        Calibrate(classes, tuple(random.normal(size=(1 if classes == 2 else classes, 2)))),
        Decode(tuple(range(classes)), by="votes"),
    ]  # fmt: skip


def neural_network(random, size):
    outputs = int(random.integers(1, 4))
    link = "softmax" if outputs > 1 else str(random.choice(["identity", "sigmoid"]))
    widths = [3, size, outputs]
    return [
        NeuralNetwork(
            NAMES, tuple(random.normal(size=pair) for pair in itertools.pairwise(widths)),
            tuple(random.normal(size=width) for width in widths[1:]),
            str(random.choice(["identity", "logistic", "tanh", "relu"])), link,
        )
    ]  # fmt: skip


def linear(random, outputs, link):
    return Linear(NAMES, random.normal(size=(outputs, 3)), random.normal(size=outputs), link)


def calibrated(random, size):
    points = [np.stack([np.sort(random.normal(size=size)), np.sort(random.uniform(size=size))], axis=1) for _ in "abc"]
    return [linear(random, 3, "softmax"), Calibrate(3, tuple(points), "isotonic", "probabilities")]


def vote(random, size):
    members = [(linear(random, 3, "softmax"), Decode((0, 1, 2))) for _ in range(size)]
    return [
        Ensemble(tuple(members), ("prediction",) * size, "vote", tuple(random.uniform(0.1, 2.0, size)), 3),
        Decode(("x", "y", "z")),
    ]


def mean(random, size):
    members = tuple((linear(random, 1, "sigmoid"),) for _ in range(size))
    return [Ensemble(members, ("probabilities",) * size), Decode(("no", "yes"))]


def stack(random, size):
    members = tuple((linear(random, 1, "identity"), Respond()) for _ in range(size))
    columns = tuple(f"@stack/{i}" for i in range(size + 1))
    both = Ensemble((*members, (linear(random, 1, "sigmoid"),)), ("prediction",) * size + ("probabilities",), "columns",
                    outputs=columns)  # fmt: skip
    return [both, Linear((*columns, "a"), random.normal(size=(1, size + 2)), np.zeros(1)), Respond()]


MAKERS = [neighbors, kernel_machine, neural_network, calibrated, vote, mean, stack]


@pytest.mark.parametrize("make", MAKERS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 12), rows=st.integers(0, 9))
def test_a_row_and_a_batch_agree(make, seed, size, rows):
    random = draw(seed)
    plan = [reread(op) for op in make(random, size)]
    matrix = np.round(random.normal(size=(rows, 3)))
    columns = {name: matrix[:, i].copy() for i, name in enumerate(NAMES)}

    for op in plan:
        op.batch(columns)

    made = frozenset().union(*(op.makes() for op in plan))
    for index in range(rows):
        row = dict(zip(NAMES, matrix[index].tolist(), strict=True))
        for op in plan:
            op.row(row)
        for name in made - {PREDICTION}:
            np.testing.assert_allclose(row[name], columns[name][index], rtol=1e-12, atol=1e-12, err_msg=name)
        if PREDICTION in made and not isinstance(row[PREDICTION], float):
            assert row[PREDICTION] == columns[PREDICTION][index]


def reread(op):
    """Return an operation as a plan has it: written as JSON and arrays, and read again."""
    arrays = ArrayWriter()
    document = json.loads(json.dumps(arrays.encode(op.to_dict(), "plan.npy")))
    return Op.from_dict(ArrayReader(MemoryFiles(arrays.files())).decode(document))


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e8, 1e15, 1e160])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_the_nearest_of_many_rows_are_the_same_for_a_row_and_a_batch_wherever_they_are(weights, offset):
    random = draw(3)
    stored = random.integers(-4, 5, (700, 3)) / 2 + offset
    op = Neighbors(NAMES, stored, random.normal(size=700), 7, weights=weights)
    matrix = random.integers(-5, 6, (60, 3)) / 2 + offset
    columns = {name: matrix[:, i].copy() for i, name in enumerate(NAMES)}

    op.batch(columns)

    for index, values in enumerate(matrix.tolist()):
        row = dict(zip(NAMES, values, strict=True))
        op.row(row)
        assert row[SCORES] == columns[SCORES][index].tolist()


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid"])
def test_a_row_on_the_border_is_on_the_same_side_in_a_batch(kernel):
    half = draw(4).normal(size=(40, 3))
    vectors = np.concatenate([half, -half])
    coefficients = np.repeat([1.0, -1.0], 40)[None] if kernel in ("rbf", "poly") else np.ones((1, 80))
    op = KernelMachine(NAMES, vectors, coefficients, np.zeros(1), (), kernel, 0.3, 0.0, 2)
    columns = {name: np.array([0.0, 1e-300, 1.0]) for name in NAMES}

    op.batch(columns)

    for index in (0, 1):
        row = dict.fromkeys(NAMES, float(columns["a"][index]))
        op.row(row)
        assert row[SCORES] == columns[SCORES][index].tolist()


@pytest.mark.parametrize("make", [neighbors, kernel_machine, neural_network, vote, mean, stack])
def test_nulls_are_refused_by_name(make):
    op = make(draw(1), 4)[0]
    row = {"a": 1.0, "b c": None, "ü": 2.0}
    columns = {"a": np.ones(2), "b c": np.array([1.0, np.nan]), "ü": np.ones(2)}

    for run in (lambda: op.row(dict(row)), lambda: op.batch(columns)):
        with pytest.raises(OpError, match="b c: is null"):
            run()
    assert op.trace({name: frozenset({name}) for name in NAMES}) == frozenset(NAMES)


def test_members_run_on_their_own_columns_under_other_names_too():
    ops = [op.renamed(lambda name: f"branch:{name}") for op in stack(draw(2), 2)]
    row = {f"branch:{name}": float(i) for i, name in enumerate(NAMES)}
    for op in ops:
        op.row(row)

    plain = {name: float(i) for i, name in enumerate(NAMES)}
    for op in stack(draw(2), 2):
        op.row(plain)
    assert row[PREDICTION] == plain[PREDICTION]
    assert {name for name in row if not name.startswith("branch:")} == {SCORES, PREDICTION, PROBABILITIES}


def test_a_member_changes_no_column_of_another():
    copy = Copy(("a",), ("b c",))
    members = ((copy, linear(draw(3), 1, "identity"), Respond()), (linear(draw(3), 1, "identity"), Respond()))
    op = Ensemble(members, ("prediction", "prediction"))
    row, columns = {"a": 1.0, "b c": 5.0, "ü": 2.0}, {"a": np.ones(1), "b c": np.full(1, 5.0), "ü": np.full(1, 2.0)}

    op.row(row)
    op.batch(columns)

    assert row["b c"] == 5.0
    assert columns["b c"].tolist() == [5.0]
    assert columns[SCORES][0].tolist() == row[SCORES]


@pytest.mark.parametrize(
    "broken",
    [
        {"op": "ensemble", "members": [], "takes": []},
        {"op": "ensemble", "members": 5, "takes": []},
        {"op": "ensemble", "members": [[{"op": "exec"}]], "takes": ["scores"]},
        {"op": "ensemble", "members": [[{"op": "respond"}]], "takes": ["answers"]},
        {"op": "ensemble", "members": [[{"op": "respond"}]], "takes": ["prediction"], "weights": [-1.0]},
        {"op": "ensemble", "members": [[{"op": "respond"}]], "takes": ["scores"], "combine": "vote", "size": 3},
        {"op": "calibrate", "classes": 2, "parameters": [np.zeros((2, 2))], "method": "isotonic"},
        {"op": "calibrate", "classes": 3, "parameters": [np.zeros(2)]},
        {"op": "neighbors", "features": ["a"], "matrix": np.zeros((2, 1)), "targets": np.zeros(2), "n_neighbors": 3},
        {"op": "neighbors", "features": ["a"], "matrix": np.zeros((2, 1)), "targets": np.ones(2), "n_neighbors": 1,
         "outputs": 1},
        {"op": "neural_network", "features": ["a"], "weights": [np.zeros((2, 1))], "biases": [np.zeros(1)]},
        {"op": "kernel_machine", "features": ["a"], "vectors": np.zeros((3, 1)), "coefficients": np.zeros((2, 3)),
         "intercepts": np.zeros(3), "counts": [1, 1, 2]},
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused_when_it_is_read(broken):
    with pytest.raises(PlanError):
        Op.from_dict(broken)


def test_a_member_without_an_answer_is_refused():
    op = Ensemble(((Copy(("a",), ("x",)),),), ("scores",))

    with pytest.raises(PlanError, match="no answer"):
        op.needed(frozenset({SCORES}))
