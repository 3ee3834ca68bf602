"""Golden rows are few where answers or rows are long: a server reads at most so much of them."""

import polars as pl
from skyulf_core import Pipeline
from skyulf_core.bundle import verify

SERVED = 2 << 20


def fitted(target: list[str], **columns: object) -> Pipeline:
    split = {"node": "TrainTestSplit", "config": {"target": "y", "test_size": 0.5, "shuffle": False}}
    config = {"steps": [split], "model": {"node": "gaussian_nb"}}
    if columns:
        config["steps"].append({"node": "OrdinalEncoder", "config": {"columns": list(columns)}})
    data = pl.DataFrame({"x": [float(i % 101) for i in range(len(target))], **columns, "y": target})
    return Pipeline.from_config(config).fit(data)


def test_many_classes_of_long_labels_make_few_golden_rows(tmp_path) -> None:
    labels = [f"{number:04}" + "ü" * 240 for number in range(1_000)]
    fitted(labels * 2).save(tmp_path / "bundle")

    assert verify(tmp_path / "bundle").rows == 1
    assert (tmp_path / "bundle" / "golden.json").stat().st_size < SERVED


def test_long_texts_make_few_golden_rows(tmp_path) -> None:
    texts = [f"{number}" + "a" * 200_000 for number in range(40)]
    fitted(["no", "yes"] * 20, text=texts).save(tmp_path / "bundle")

    assert verify(tmp_path / "bundle").rows == 2
    assert (tmp_path / "bundle" / "golden.json").stat().st_size < SERVED


def test_short_answers_make_twenty_golden_rows() -> None:
    assert len(fitted(["no", "yes"] * 50).fitted.golden.rows) == 20
