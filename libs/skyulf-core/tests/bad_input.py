"""Every registered node in a pipeline of its own, and what an error must say to be of use."""

import re
import warnings
from dataclasses import dataclass
from functools import cache

import polars as pl
from skyulf_core import CoreError, InvalidConfigError, NodeRegistry, Pipeline
from skyulf_core.data.align import align
from skyulf_core.nodes.base import Calculator, Resampler, Splitter, TargetAwareCalculator
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.nodes.registry import NodeEntry
from skyulf_core.problems import FitWarning
from skyulf_core.serving.ops import PREDICTION, OpError
from skyulf_core.testing import sample_frame
from skyulf_core.testing.compare import require, require_same_values
from skyulf_core.testing.plans import run_columns, run_rows
from skyulf_core.testing.samples import TARGETS

NUMBERS = ["count", "large", "price", "flag"]
REGIONS = {"plan": ["basic", "pro", None, "Oslo"], "flag": [True, False, True, None], "size": [0, 1, 2, None]}
LIGHT = {"random_forest_classifier": {"n_estimators": 3}} | {
    f"hist_gradient_boosting_{kind}": {"max_iter": 3} for kind in ("classifier", "regressor")
}
LIBRARIES = re.compile(
    r"polars|pandas|numpy|pyarrow|arrow|sklearn|scipy|pydantic|Traceback|ComputeError|InvalidOperation|SchemaError|"
    r"ShapeError|ValueError|TypeError|KeyError|object at 0x|<class|strict cast|"
    r"Found array|Input X|must not contain infs|\bn_samples|dtype\(|failed in column|conversion from",
)


@dataclass(frozen=True)
class Subject:
    """A node with one of its examples, the pipeline that holds it and no other that learns, and good data for it."""

    entry: NodeEntry
    config: dict
    frame: pl.DataFrame
    target: str | None = None

    @property
    def columns(self):
        """The columns that the node is given."""
        return [name for name in self.frame.columns if name != self.target]

    def pipeline(self):
        return Pipeline.from_config(self.config)

    def fitted(self):
        """Return the pipeline after it has learned from good rows."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.pipeline().fit(given(self, self.frame))


@cache
def sample():
    return sample_frame()


def subjects(entry):
    """Return one subject per example of a node."""
    return [subject(entry, dict(example)) for example in entry.calculator.examples]


def subject(entry, example):
    calculator, frame = entry.calculator, sample()
    step = {"node": entry.name, "config": {**LIGHT.get(entry.name, {}), **example}}
    if isinstance(calculator, Splitter):
        return Subject(entry, {"steps": [step]}, frame, str(example.get("target")))
    if isinstance(calculator, Combiner):
        return combined(entry, example)
    target = calculator.sample_target
    if entry.is_model and calculator.task != "classification" and target == "label":
        target = "value"
    split = {"node": "TrainTestSplit" if entry.is_model else "FeatureTargetSplit", "config": {"target": target}}
    if entry.is_model:
        features = [name for name in NUMBERS if name != target]
        return Subject(entry, {"steps": [split], "model": step}, frame.select(*features, target), target)
    if isinstance(calculator, Resampler):
        return Subject(entry, {"steps": [split, step]}, frame.select(*NUMBERS, target), target)
    if isinstance(calculator, TargetAwareCalculator):
        others = [name for name in TARGETS if name != target]
        return Subject(entry, {"steps": [split, step]}, frame.drop(others), target)
    assert isinstance(calculator, Calculator)
    return Subject(entry, {"steps": [step]}, frame.drop(TARGETS))


def combined(entry, example):
    """Return a graph whose last node combines branches of the data, or the data with a table of its own."""
    frame = sample().drop(TARGETS)
    if entry.calculator.reference_inputs:
        left = {"id": "first", "node": "DropColumns", "config": {"columns": []}, "inputs": ["rows"]}
        right = {"id": "second", "node": "DropColumns", "config": {"columns": []}, "inputs": ["regions"]}
        both = {"id": "end", "node": entry.name, "config": example, "inputs": ["first", "second"]}
        return Subject(entry, {"sources": ["rows", "regions"], "nodes": [left, right, both]}, frame)
    branches = {"first": ["number", "count", "plan", "at"], "second": ["plan", "number", "city"], "third": ["day"]}
    nodes = [
        {"id": name, "node": "SelectColumns", "config": {"columns": columns}, "inputs": []}
        for name, columns in branches.items()
    ]
    both = {"id": "end", "node": entry.name, "config": example, "inputs": list(branches)}
    return Subject(entry, {"nodes": [*nodes, both]}, frame)


def given(subject, frame):
    """Return what `fit` takes: the frame, or a frame per source."""
    if "sources" not in subject.config:
        return frame
    return {"rows": frame, "regions": pl.DataFrame(REGIONS)}


def works_or_says_why(subject, frame, *, fitted=None, compare=True):
    """Fit (or take what is fitted) and transform; return the error that refused it, None where frame equals plan.

    `compare` leaves the plan out, which would run row by row.

    Raises AssertionError for any other error, for one that is of no use, and for a warning of a library below.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            pipeline = subject.pipeline().fit(given(subject, frame)) if fitted is None else fitted
            if compare:
                same_by_plan(pipeline, frame)
            else:
                pipeline.transform(frame.head(1_000))
        except CoreError as error:
            steps = [step["node"] for step in subject.config.get("steps", [])]
            names = [subject.entry.name, *steps, *frame.columns]
            placed = isinstance(error, InvalidConfigError) and all(problem.node for problem in error.problems)
            require_useful(str(error), [""] if placed else names)
            return error
    leaked = [w for w in caught if not issubclass(w.category, FitWarning)]
    require(not leaked, f"warnings: {[(w.category.__name__, str(w.message)[:200], w.filename) for w in leaked]}")
    return None


def same_by_plan(pipeline, frame):
    """Raise CheckError where frame, plan by rows and plan by columns differ; DataError where all refuse the frame."""
    fitted = pipeline.fitted
    if fitted.model is not None:
        same_predictions(pipeline, frame)
        return
    inside = align(frame, fitted.input_schema, optional=fitted.optional_columns())
    ops, place = fitted._named_ops()
    try:
        wanted = pipeline.transform(frame)
    except CoreError as error:
        require(not ops or refuses(ops, inside), f"the frame is refused ({error}), the plan runs")
        raise
    alone = wanted
    if any(op.sequence for op in ops) and wanted.height:  # where rows follow on each other, one is the next alone
        alone = pl.concat([pipeline.transform(frame[i : i + 1]) for i in range(min(frame.height, 3))])
    rows, columns = run_rows(ops, inside), run_columns(ops, inside)
    for name in wanted.columns:
        found = [row[place(name)] for row in rows[: alone.height]]
        require_same_values(found, alone[name].to_list(), f"plan by rows: {name}")
        require_same_values(columns[place(name)].tolist(), wanted[name].to_list(), f"plan by columns: {name}")


def refuses(ops, frame):
    try:
        run_rows(ops, frame)
    except OpError:
        return True
    return False


def same_predictions(pipeline, frame):
    wanted = pipeline.predict(frame).to_list()
    inside = align(frame, pipeline.fitted.input_schema, optional=pipeline.fitted.optional_columns())
    ops = pipeline.fitted.plan()
    require_same_values([row[PREDICTION] for row in run_rows(ops, inside)], wanted, "plan by rows")
    require_same_values(run_columns(ops, inside)[PREDICTION].tolist(), wanted, "plan by columns")


def require_useful(text, names):
    """Raise CheckError for a text that does not say where, or speaks of a library below."""
    require(20 <= len(text) <= 4000, f"an error of {len(text)} characters: {text[:200]!r}")
    require(not LIBRARIES.search(text), f"the error speaks of a library below: {text[:600]}")
    require(
        any(name in text for name in names) or "no rows" in text,
        f"the error names neither node nor column: {text[:400]}",
    )


def entries():
    return [NodeRegistry.get(name) for name in NodeRegistry.names()]
