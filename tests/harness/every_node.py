"""Pipelines that together use every node that acts at predict, put together from the nodes' own examples."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl
from skyulf_core import DataError, Kind, NodeRegistry, Pipeline, Schema, validate_config
from skyulf_core.nodes.registry import NodeEntry
from skyulf_core.testing import sample_frame
from skyulf_core.testing.samples import TARGETS

MOST_STEPS = 8
MODELS = {"label": "hist_gradient_boosting_classifier", "value": "hist_gradient_boosting_regressor"}
AWAY_FROM_PREDICT = {Kind.SPLITTER, Kind.ROW_CHANGING}
Step = dict[str, object]


def acting() -> list[NodeEntry]:
    """Return the nodes of chains that may act at predict."""
    entries = [NodeRegistry.get(name) for name in NodeRegistry.names()]
    return [e for e in entries if not e.is_model and e.kind not in AWAY_FROM_PREDICT and e.family != "combining"]


def training(rows: int = 300) -> pl.DataFrame:
    """Return the rows to learn from."""
    return sample_frame(rows)


def asked(rows: int = 60) -> pl.DataFrame:
    """Return rows to ask about, others than those of training."""
    return sample_frame(rows, seed=8).drop(TARGETS)


@dataclass
class Draft:
    """A pipeline that takes nodes as long as they go together."""

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
        for example in entry.calculator.examples:
            step: Step = {"node": entry.name, "config": dict(example)}
            if self._works(self.config(step)):
                self.steps.append(step)
                return True
        return False

    def _works(self, config: Mapping[str, object]) -> bool:
        if validate_config(config, Schema.from_frame(self.frame)).problems:
            return False
        try:
            pipeline = Pipeline.from_config(config).fit(self.frame)
            changed = pipeline.fitted.step_ops() != []
            pipeline.transform(asked())
        except DataError:
            return False
        return changed

    def complete(self) -> dict[str, object]:
        """Return the configuration with what is no number left out, and a model."""
        found = Pipeline.from_config(self.config()).fit(self.frame).transform(self.frame)
        assert isinstance(found, pl.DataFrame)
        texts = [name for name, dtype in found.schema.items() if not (dtype.is_numeric() or dtype == pl.Boolean)]
        drop: Step = {"node": "DropColumns", "config": {"columns": texts}}
        model = {"node": MODELS[self.target], "config": {"max_iter": 10, "random_state": 0}}
        return {**self.config(drop), "model": model}


def pipelines() -> Iterator[dict[str, object]]:
    """Yield configurations; a node that goes into no pipeline is an AssertionError."""
    frame = training()
    for target in TARGETS:
        waiting = [entry for entry in acting() if entry.calculator.sample_target == target]
        while waiting:
            draft = Draft(target, frame)
            for entry in list(waiting):
                if len(draft.steps) < MOST_STEPS and draft.takes(entry):
                    waiting.remove(entry)
            assert draft.steps, f"no example of {[entry.name for entry in waiting]} works in a pipeline of its own"
            yield draft.complete()


def reference() -> pl.DataFrame:
    """Return a table to look up in: what is known of each plan."""
    return pl.DataFrame({"plan": ["free", "plus", "pro"], "fee": [0.0, 9.5, 29.0], "seats": [1, 5, None]})


def graphs() -> list[dict[str, object]]:
    """Return a graph with branches that are merged, and one that looks up in a second table."""
    columns = [name for name in asked(1).columns if name not in ("number", "large", "price")]
    split = {"target": "label", "random_state": 2}
    model = (MODELS["label"], {"max_iter": 10, "random_state": 0})
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
