"""Folds: the rows that scikit-learn's splitters choose, and what is said where rows cannot make them."""

import numpy as np
import polars as pl
import pytest
from sklearn import model_selection as sk
from skyulf_core import DataError, InvalidConfigError
from skyulf_core.validation.config import MODES, Nested, read_cv
from skyulf_core.validation.folds import Judged, folds_of

ROWS = 97
RNG = np.random.default_rng(3)
CODES = RNG.integers(0, 3, ROWS)
GROUPS = RNG.integers(0, 14, ROWS)
MOMENTS = RNG.permutation(ROWS)
TABLE = pl.DataFrame({"group": [f"g{code:02}" for code in GROUPS], "day": MOMENTS, "x": np.arange(ROWS) * 0.5})


def judged(table=TABLE, codes=CODES, **changes):
    classes = () if codes is None else tuple("abcdefgh"[: int(codes.max()) + 1])
    return Judged(table, "y", codes, classes, **changes)


MODES_AND_REFERENCES = {
    "k_fold": ({"folds": 4, "shuffle": False}, sk.KFold(4)),
    "k_fold shuffled": ({"folds": 4, "random_state": 5}, sk.KFold(4, shuffle=True, random_state=5)),
    "stratified_k_fold": ({"folds": 4, "shuffle": False}, sk.StratifiedKFold(4)),
    "stratified_k_fold shuffled": ({}, sk.StratifiedKFold(5, shuffle=True, random_state=0)),
    "group_k_fold": ({"group": "group"}, sk.GroupKFold(5)),
    "group_k_fold shuffled": ({"group": "group", "shuffle": True}, sk.GroupKFold(5, shuffle=True, random_state=0)),
    "stratified_group_k_fold": ({"group": "group", "folds": 3}, sk.StratifiedGroupKFold(3)),
    "stratified_group_k_fold shuffled": (
        {"group": "group", "folds": 3, "shuffle": True}, sk.StratifiedGroupKFold(3, shuffle=True, random_state=0),
    ),
    "shuffle_split": ({"folds": 6, "test_size": 0.3}, sk.ShuffleSplit(6, test_size=0.3, random_state=0)),
    "shuffle_split rows": ({"folds": 2, "test_size": 7}, sk.ShuffleSplit(2, test_size=7, random_state=0)),
    "stratified_shuffle_split": ({"test_size": 0.2}, sk.StratifiedShuffleSplit(10, test_size=0.2, random_state=0)),
    "repeated_k_fold": ({"folds": 3, "repeats": 4}, sk.RepeatedKFold(n_splits=3, n_repeats=4, random_state=0)),
    "repeated_stratified_k_fold": (
        {"folds": 3, "repeats": 2, "random_state": 8},
        sk.RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=8),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODES_AND_REFERENCES)
def test_folds_are_those_of_scikit_learn(name):
    fields, reference = MODES_AND_REFERENCES[name]

    found = folds_of(read_cv({"type": name.split()[0], **fields}), judged())

    expected = list(reference.split(np.zeros(ROWS), CODES, GROUPS if "group" in fields else None))
    assert len(found) == len(expected)
    for fold, (train, test) in zip(found, expected, strict=True):
        assert fold.train.tolist() == train.tolist()
        assert fold.test.tolist() == test.tolist()


@pytest.mark.parametrize(
    ("fields", "options"),
    [({}, {}), ({"folds": 3, "gap": 4}, {"n_splits": 3, "gap": 4}), ({"max_train": 20}, {"max_train_size": 20}),
     ({"test_size": 9, "gap": 1}, {"test_size": 9, "gap": 1})],
)  # fmt: skip
def test_time_folds_are_those_of_scikit_learn_on_sorted_rows(fields, options):
    found = folds_of(read_cv({"type": "time_series", "by": "day", **fields}), judged())

    order = np.argsort(MOMENTS)
    expected = list(sk.TimeSeriesSplit(**options).split(order))
    assert [fold.train.tolist() for fold in found] == [order[train].tolist() for train, _ in expected]
    assert [fold.test.tolist() for fold in found] == [order[test].tolist() for _, test in expected]


def test_rows_of_the_moment_at_which_a_test_begins_are_not_learned_from():
    days = np.repeat(np.arange(20), 5)
    table = pl.DataFrame({"day": days})

    found = folds_of(read_cv({"type": "time_series", "by": "day", "folds": 6}), judged(table, None))

    assert all(days[fold.train].max() < days[fold.test].min() for fold in found)


def test_numbers_sort_as_numbers_and_texts_as_texts_into_groups():
    numbers = RNG.integers(-5, 120, ROWS)
    found = folds_of(read_cv({"type": "group_k_fold", "group": "n"}), judged(pl.DataFrame({"n": numbers})))

    expected = sk.GroupKFold(5).split(np.zeros(ROWS), CODES, numbers)

    assert [fold.test.tolist() for fold in found] == [test.tolist() for _, test in expected]


REFUSED = {
    "rows": ({"type": "k_fold", "folds": 98}, {}, "97 training rows for 98 folds; take more rows, or at most 97"),
    "class": (
        {"type": "stratified_k_fold"}, {"codes": np.array([0] * 94 + [1] * 3)},
        "class 'b' of 'y' has 3 of the training rows, and stratified_k_fold needs 5 of each class; choose at most 3",
    ),
    "single": (
        {"type": "stratified_shuffle_split"}, {"codes": np.array([0] * 96 + [1])},
        "has 1 of the training rows, and stratified_shuffle_split needs 2 of each class; take more rows of it",
    ),
    "held": ({"type": "shuffle_split", "test_size": 97}, {}, "does not leave a row on both sides"),
    "strata": (
        {"type": "stratified_shuffle_split", "test_size": 2}, {}, "does not leave a row of each of the 3 classes",
    ),
    "numbers": ({"type": "repeated_stratified_k_fold"}, {"codes": None}, "is a regression; choose repeated_k_fold"),
    "unknown group": ({"type": "group_k_fold", "group": "grup"}, {}, "no column 'grup' in the data. Did you"),
    "target": ({"type": "group_k_fold", "group": "y"}, {}, "'y' is the target; group_k_fold goes by another column"),
    "few groups": ({"type": "group_k_fold", "group": "group", "folds": 20}, {}, "has 14 groups for 20 folds"),
    "one group": ({"type": "group_k_fold", "group": "one"}, {}, "all training rows are of one group in 'one'"),
    "missing group": ({"type": "group_k_fold", "group": "gaps"}, {}, "column 'gaps' is missing in 10 of 97"),
    "missing time": ({"type": "time_series", "by": "gaps"}, {}, "column 'gaps' is missing in 10 of 97"),
    "no time": ({"type": "time_series", "by": "group"}, {}, "column 'group' is string; make a date of it before"),
    "unsorted": ({"type": "time_series"}, {"in_order": False}, "needs rows in order of time, and the splitter"),
    "gap": ({"type": "time_series", "by": "day", "gap": 90}, {}, "97 training rows are too few for 5 folds of 16 test"),
    "moments": ({"type": "time_series", "by": "one"}, {}, "fold 1 has no row of an earlier moment to learn from"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_rows_that_make_no_folds_are_refused_with_what_to_do(name):
    raw, changes, text = REFUSED[name]
    gaps = [None] * 10 + list(range(ROWS - 10))
    table = TABLE.with_columns(pl.lit(1).alias("one"), pl.Series("gaps", gaps))

    with pytest.raises(DataError, match=f"(?s).*{text.replace('.', '[.]')}"):
        folds_of(read_cv(raw), judged(table, **changes))


def test_every_mode_reads_back_what_it_writes():
    for name, mode in MODES.items():
        raw = {"type": name} | ({"group": "g"} if "group" in mode.model_fields else {})

        read = read_cv(raw)

        assert type(read) is mode
        assert read_cv(read.model_dump(mode="json")) == read


@pytest.mark.parametrize(
    ("raw", "pointer", "text"),
    [
        ({"type": "kfold"}, "/cv/type", "Did you mean 'k_fold'?"),
        ({"type": ["k_fold"]}, "/cv/type", "There is no mode"),
        ({}, "/cv/type", "The type is missing."),
        (5, "/cv", "Cross-validation is an object"),
        ({"type": "k_fold", "folds": 1}, "/cv/folds", "greater than or equal to 2"),
        ({"type": "k_fold", "folds": 2.5}, "/cv/folds", "valid integer"),
        ({"type": "k_fold", "fold": 3}, "/cv/fold", "Did you mean 'folds'?"),
        ({"type": "group_k_fold"}, "/cv/group", "group_k_fold needs 'group'"),
        ({"type": "shuffle_split", "test_size": 0.0}, "/cv/test_size", "greater than 0"),
        ({"type": "time_series", "gap": -1}, "/cv/gap", "greater than or equal to 0"),
        ({"type": "nested", "inner": {"type": "k_fold", "folds": 0}}, "/cv/inner/folds", "greater than or equal"),
        ({"type": "nested", "outer": {"type": "nested"}}, "/cv/outer/type", "two deep"),
        ({"type": "nested", "outer": 3}, "/cv/outer", "Cross-validation is an object"),
        ({"type": "nested", "middle": {}}, "/cv/middle", "no parameter 'middle'"),
    ],
)
def test_a_bad_configuration_names_its_field(raw, pointer, text):
    with pytest.raises(InvalidConfigError) as error:
        read_cv(raw)

    assert [problem.pointer for problem in error.value.problems] == [pointer]
    assert text in str(error.value)


def test_parts_of_a_nested_validation_are_k_fold_unless_said_otherwise():
    read = read_cv({"type": "nested", "outer": {"type": "shuffle_split"}})

    assert isinstance(read, Nested)
    assert (read.outer.type, read.inner.type) == ("shuffle_split", "k_fold")
