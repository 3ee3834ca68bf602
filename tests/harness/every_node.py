"""Pipelines that together use every node that acts at predict, put together from the nodes' own examples."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle

import polars as pl
from skyulf_core import CoreError, DataError, Kind, NodeRegistry, Pipeline, Schema, validate_config
from skyulf_core.nodes.registry import NodeEntry
from skyulf_core.testing import sample_frame
from skyulf_core.testing.samples import TARGETS

MOST_STEPS = 10
TAIL = "Casting"
"""The first of the steps at the end, which make numbers of whatever is left, for the linear model."""
MODELS = {"label": "logistic_regression", "value": "ridge_regression"}
AWAY_FROM_PREDICT = {Kind.SPLITTER, Kind.ROW_CHANGING}
LOOK_ONLY = {"DataSnapshot", "DatasetProfile", "Expect"}
"""Nodes that change no value: they keep something, or refuse a row."""
LEAVE_OUT = {"DropColumns", "DropMissingColumns", "SelectColumns"}
Step = dict[str, object]


def acting() -> list[NodeEntry]:
    """Return the nodes of chains that may act at predict; first what looks on, last what leaves columns out."""
    entries = [NodeRegistry.get(name) for name in NodeRegistry.names()]
    found = [e for e in entries if not e.is_model and e.kind not in AWAY_FROM_PREDICT and e.family != "combining"]
    return sorted(found, key=lambda entry: (leaves_columns_out(entry), entry.name not in LOOK_ONLY))


def leaves_columns_out(entry: NodeEntry) -> bool:
    """Say whether a node may leave out what others have made: such nodes get pipelines of their own."""
    return entry.family == "selection" or entry.name in LEAVE_OUT


def training(rows: int = 300) -> pl.DataFrame:
    """Return the rows to learn from."""
    return sample_frame(rows)


def asked(rows: int = 60) -> pl.DataFrame:
    """Return rows to ask about, others than those of training."""
    return sample_frame(rows, seed=8).drop(TARGETS)


@dataclass
class Draft:
    """A pipeline that takes nodes as long as they go together and each changes what comes out."""

    target: str
    frame: pl.DataFrame
    steps: list[Step] = field(default_factory=list)

    def config(self, *further: Step) -> dict[str, object]:
        """Return the configuration without a model."""
        split = {"target": self.target, "random_state": 2, "test_size": 0.2}
        others = [name for name in TARGETS if name != self.target]
        first = [
            {"node": "TrainTestSplit", "config": split},
            {"node": "DropColumns", "config": {"columns": others}},
        ]
        return {"steps": [*first, *self.steps, *further]}

    def takes(self, entry: NodeEntry) -> bool:
        """Add the first of the node's examples that goes with the steps before it; say whether one does."""
        if entry.kind is Kind.TARGET_AWARE and entry.calculator.sample_target != self.target:
            return False
        if self.steps and leaves_columns_out(entry) != leaves_columns_out(NodeRegistry.get(str(self.steps[0]["node"]))):
            return False
        before = self.output()
        for example in entry.calculator.examples:
            step: Step = {"node": entry.name, "config": dict(example)}
            after = self.output(step)
            if after is not None and (entry.name in LOOK_ONLY or not _alike(after, before)):
                self.steps.append(step)
                if self.works():
                    return True
                self.steps.pop()
        return False

    def works(self) -> bool:
        """Say whether a model can be trained on what comes out."""
        try:
            Pipeline.from_config(self.complete()).fit(self.frame)
        except CoreError:
            return False
        return True

    def output(self, *further: Step) -> pl.DataFrame | None:
        """Return what comes out for the rows asked; None where the steps do not go together."""
        config = self.config(*further)
        if validate_config(config, Schema.from_frame(self.frame)).problems:
            return None
        try:
            found = Pipeline.from_config(config).fit(self.frame).transform(asked())
        except DataError:
            return None
        assert isinstance(found, pl.DataFrame)
        return found

    def complete(self) -> dict[str, object]:
        """Return the configuration with a linear model, which reads every column: none may be cut from the plan."""
        found = self.output()
        assert found is not None
        texts = [name for name, dtype in found.schema.items() if dtype in (pl.String, pl.Categorical)]
        dates = [name for name, dtype in found.schema.items() if dtype.is_temporal()]
        flags = [column.name for column in found if column.dtype == pl.Boolean and column.null_count()]
        # a column that may have been left out counts as one that may be there, unless the others are named
        certain = bool(self.steps) and leaves_columns_out(NodeRegistry.get(str(self.steps[0]["node"])))
        tail: list[Step] = [
            {"node": TAIL, "config": {"types": dict.fromkeys(flags, "float64")}},
            *([{"node": "SelectColumns", "config": {"columns": found.columns}}] if certain else []),
            {"node": "DateParts", "config": {"columns": dates}},
            {"node": "HashingVectorizer", "config": {"columns": texts, "n_features": 16}},
            {"node": "SimpleImputer", "config": {"strategy": "constant", "fill_value": 0}},
            {"node": "StandardScaler"},
        ]
        return {**self.config(*tail), "model": {"node": MODELS[self.target]}}


def _alike(one: pl.DataFrame, other: pl.DataFrame | None) -> bool:
    """Say whether two frames tell a model the same; a column that is the same everywhere tells it nothing."""
    return other is not None and _telling(one).equals(_telling(other))


def _telling(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(column for column in frame if column.n_unique() > 1)


def pipelines() -> Iterator[dict[str, object]]:
    """Yield configurations; a node that goes into no pipeline is an AssertionError."""
    frame, waiting, idle = training(), acting(), 0
    for target in cycle(TARGETS):
        draft = Draft(target, frame)
        for entry in list(waiting):
            if len(draft.steps) < MOST_STEPS and draft.takes(entry):
                waiting.remove(entry)
        idle = 0 if draft.steps else idle + 1
        assert idle < len(TARGETS), f"no example of {[entry.name for entry in waiting]} works in a pipeline of its own"
        if draft.steps:
            yield draft.complete()
        if not waiting:
            return


def reference() -> pl.DataFrame:
    """Return a table to look up in: what is known of each plan."""
    return pl.DataFrame({"plan": ["free", "plus", "pro"], "fee": [0.0, 9.5, 29.0], "seats": [1, 5, None]})


def graphs() -> list[dict[str, object]]:
    """Return a graph with branches that are merged, and one that looks up in a second table."""
    columns = [name for name in asked(1).columns if name not in ("number", "large", "price")]
    split = {"target": "label", "random_state": 2}
    model = ("hist_gradient_boosting_classifier", {"max_iter": 10, "random_state": 0})
    branches = [
        placed("split", "TrainTestSplit", split),
        placed("left-out", "DropColumns", {"columns": [*columns, "value"]}, "split"),
        placed("scaled", "StandardScaler", {"columns": ["large"]}, "left-out"),
        placed("clipped", "Winsorize", {"columns": ["price"]}, "left-out"),
        placed("merged", "Merge", {"owners": {"large": "scaled", "price": "clipped"}}, "scaled", "clipped"),
        placed("model", *model, "merged"),
    ]
    joined = [
        placed("lookup", "Join", {"on": ["plan"]}, "rows", "plans"),
        placed("split", "TrainTestSplit", split, "lookup"),
        placed("left-out", "DropColumns", {"columns": [*columns, "value"]}, "split"),
        placed("model", *model, "left-out"),
    ]
    return [{"nodes": branches}, {"sources": ["rows", "plans"], "nodes": joined}]


def placed(identity: str, node: str, config: dict[str, object], *inputs: str) -> dict[str, object]:
    """Return a node of a graph."""
    return {"id": identity, "node": node, "config": config, "inputs": list(inputs)}
