"""Behind a node that makes or leaves out columns by what it sees: what is known without data, and what only with it."""

import polars as pl
import pytest
from skyulf_core import DataError, InvalidConfigError, Pipeline, Schema, SkyulfTransformer, validate_config

FRAME = pl.DataFrame(
    {
        "number": [1.0, 2.5, 4.0, 8.0],
        "numbers": ["one", "two", "one", "two"],
        "count": [1, 2, 3, 4],
        "y": ["no", "yes", "no", "yes"],
    }
)
TYPE, UNKNOWN = "wrong-type", "unknown-column"
SELECT = [{"node": "FeatureTargetSplit", "config": {"target": "y"}}, {"node": "VarianceThreshold", "config": {}}]


def after_selection(*steps):
    return {"steps": [*SELECT, *({"node": node, "config": config} for node, config in steps)]}


CHAINS = [
    [("Casting", {"types": {"count": "string"}}), ("TextCleaning", {"columns": ["count"]})],
    [("RenameColumns", {"mapping": {"number": "size"}}), ("StandardScaler", {"columns": ["size"]})],
    [("GeneralBinning", {"columns": ["number"], "labels": "range"}), ("TextCleaning", {"columns": ["number"]})],
    [("TextCleaning", {"columns": ["numbers"]}), ("StandardScaler", {"columns": ["number"]})],
]


@pytest.mark.parametrize("chain", CHAINS, ids=[chain[0][0] for chain in CHAINS])
def test_what_a_node_makes_of_a_column_is_known_after_a_selection(chain):
    config = after_selection(*chain)

    assert validate_config(config, Schema.from_frame(FRAME)).problems == []
    assert Pipeline.from_config(config).fit(FRAME).transform(FRAME).height == FRAME.height


@pytest.mark.parametrize(
    ("chain", "code"),
    [
        (
            [("Casting", {"types": {"count": "string"}}), ("InvalidValueReplacement", {"columns": ["count"]})],
            "wrong-type",
        ),
        ([("DropColumns", {"columns": ["number"]}), ("StandardScaler", {"columns": ["number"]})], UNKNOWN),
        ([("RenameColumns", {"mapping": {"number": "a"}}), ("StandardScaler", {"columns": ["number"]})], UNKNOWN),
    ],
)
def test_what_no_longer_fits_after_a_selection_is_refused_before_training(chain, code):
    config = after_selection(*chain)

    assert {problem.code for problem in validate_config(config, Schema.from_frame(FRAME)).problems} == {code}
    with pytest.raises(InvalidConfigError):
        Pipeline.from_config(config).fit(FRAME)


def test_a_type_that_only_the_data_tells_is_refused_by_name():
    # both nodes may make a column `a_b_x`: it is said to be a count, and is an indicator
    frame = pl.DataFrame({"a": ["b_x", "c", "c"], "a_b": ["word", "other", "word"]})
    steps = [
        {"node": "CountVectorizer", "config": {"columns": ["a_b"]}},
        {"node": "DummyEncoder", "config": {"columns": ["a"]}},
        {"node": "GeneralBinning", "config": {"columns": ["a_b_x"]}},
    ]

    for data in (frame, frame.lazy()):
        with pytest.raises(
            DataError, match="GeneralBinning: column 'a_b_x' is boolean; GeneralBinning works on"
        ) as caught:
            Pipeline.from_config({"steps": steps}).fit(data)
        assert (caught.value.reason, caught.value.column) == ("wrong-type", "a_b_x")


@pytest.mark.parametrize("node", ["InvalidValueReplacement", "StandardScaler", "PolynomialFeatures"])
def test_a_transformer_refuses_a_column_of_another_type(node):
    with pytest.raises(ValueError, match=f"column 'numbers' is string; {node} works on"):
        SkyulfTransformer(node, columns=["numbers"]).fit(FRAME)
