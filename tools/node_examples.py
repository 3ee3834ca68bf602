"""What a node's example does: its docstring is run, and what went in and came out is kept."""

from __future__ import annotations

import doctest
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import cast
from unittest.mock import patch

import numpy as np
import polars as pl
from skyulf_core.catalogue.operations import operations_of
from skyulf_core.nodes.base import Applier, LazyApplier, ModelApplier, ModelCalculator, NodeConfig, SplitRows
from skyulf_core.nodes.combiner import CombinerApplier
from skyulf_core.nodes.registry import NodeEntry
from skyulf_core.nodes.unsupervised import UnsupervisedCalculator
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import Op

Call = tuple[Sequence[object], Mapping[str, object], object]
_LEAVES = ("min_samples_leaf", "min_child_samples")
LEARNING, APPLYING = ("fit", "resample", "split"), ("apply", "combine", "predict", "predict_proba")


@dataclass
class Example:
    """Tables under their captions, in the order of events, and the plan (None where nothing runs at predict)."""

    config: dict[str, object] = field(default_factory=dict)
    tables: list[tuple[str, pl.DataFrame]] = field(default_factory=list)
    plan: list[Op] | None = None
    fuses: bool | None = None
    learned: Mapping[str, object] | None = None
    """What it learned, where nothing else shows it."""


class NoExampleError(Exception):
    """A node's docstring never uses it on data; the text names the node."""


def example_of(entry: NodeEntry) -> Example:
    """Run a node's docstring and return its first use on data; models are shown on a small table of our own.

    Raises NoExampleError.
    """
    if isinstance(entry.calculator, ModelCalculator):
        return _model_example(entry, entry.calculator)
    learned, applied = _recorded(entry)
    if learned is None:
        raise NoExampleError(f"{entry.name}: the example in its docstring uses it on no data")
    if isinstance(learned[2], SplitRows):
        return _split_example(learned, learned[2])
    if isinstance(learned[2], tuple):
        return _resampled_example(learned, learned[2])
    return _applied_example(entry, learned, applied)


def operation_names(entry: NodeEntry, example: Example) -> list[str]:
    """Return the names of all operations that the node becomes, over its examples on the sample."""
    names = [op.op for op in example.plan or ()]
    if isinstance(entry.applier, Applier | CombinerApplier):
        for config in entry.calculator.examples:
            names += [op.op for op in operations_of(entry, config)]
    return list(dict.fromkeys(names))


def _recorded(entry: NodeEntry) -> tuple[Call | None, Call | None]:
    """Return the first learning of the docstring, and the first applying of what was learned."""
    calls: dict[str, list[Call]] = {name: [] for name in (*LEARNING, *APPLYING)}
    with ExitStack() as stack:
        for cls, names in ((type(entry.calculator), LEARNING), (type(entry.applier), APPLYING)):
            for name in names:
                if callable(getattr(cls, name, None)):
                    stack.enter_context(patch.object(cls, name, _recording(getattr(cls, name), calls[name])))
        _run_docstring(type(entry.calculator))
    learned = next((call for name in LEARNING for call in calls[name]), None)
    applied = (call for name in APPLYING for call in calls[name] if learned and _uses(call, learned[2]))
    return learned, next(applied, None)


def _uses(call: Call, value: object) -> bool:
    return any(each is value for each in (*call[0], *call[1].values()))


def _recording(function: Callable[..., object], calls: list[Call]) -> Callable[..., object]:
    def call(self: object, *arguments: object, **named: object) -> object:
        result = function(self, *arguments, **named)
        calls.append((arguments, named, result))
        return result

    return call


def _run_docstring(cls: type) -> None:
    names = dict(vars(sys.modules[cls.__module__]))
    test = doctest.DocTestParser().get_doctest(cls.__doc__ or "", names, cls.__name__, None, 0)
    with quiet():
        doctest.DocTestRunner(verbose=False).run(test, out=lambda _: None)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings of small examples (`did not converge`) to ourselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _settings(call: Call) -> dict[str, object]:
    config = next(each for each in (*call[0], *call[1].values()) if isinstance(each, NodeConfig))
    return config.model_dump(mode="json", exclude_unset=True)


def _tables_in(call: Call) -> list[pl.DataFrame]:
    flat: list[object] = []
    for each in (*call[0], *call[1].values()):
        flat += each if isinstance(each, list | tuple) else [each]
    found: list[pl.DataFrame] = []
    for each in flat:
        if isinstance(each, pl.LazyFrame):
            found.append(each.collect())
        elif isinstance(each, pl.DataFrame):
            found.append(each)
        elif isinstance(each, pl.Series) and found:
            found[-1] = found[-1].with_columns(each.alias(each.name or "target"))
    return found


def _applied_example(entry: NodeEntry, learned: Call, applied: Call | None) -> Example:
    inputs, params = _tables_in(learned), learned[2]
    if not isinstance(params, Params) or not inputs:
        raise NoExampleError(f"{entry.name}: the example in its docstring learns from no table")
    example = Example(config=_settings(learned))
    example.tables = [("In" if len(inputs) == 1 else f"Input {i}", frame) for i, frame in enumerate(inputs, 1)]
    if isinstance(entry.applier, CombinerApplier):
        if applied is not None and isinstance(applied[2], pl.DataFrame):
            example.tables.append(("Out", applied[2]))
        example.plan = entry.applier.plan(params)
        return example
    if not isinstance(entry.applier, Applier):
        raise NoExampleError(f"{entry.name}: it is registered without an Applier")
    example.tables += _outcome(entry, learned, applied)
    example.plan = entry.applier.plan(params)
    example.fuses = isinstance(entry.applier, LazyApplier) and entry.applier.fuses(params)
    if not example.plan and example.tables[-1][1].equals(inputs[0]):
        example.learned = params.split()[0]
    return example


def _outcome(entry: NodeEntry, learned: Call, applied: Call | None) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield what becomes of the training rows, where that differs, and of the rows that the example applies it to."""
    data, params = _tables_in(learned)[0], cast("Params", learned[2])
    rows = getattr(entry.calculator, "training_rows", None)
    trained = None
    with suppress(DataError):  # few rows may be enough to learn from, and too few for folds
        trained = rows(*learned[0], params, **learned[1]) if rows else None
    if isinstance(trained, pl.DataFrame):
        yield "The training rows come out as", trained
        if applied is None:
            return
    new = data if applied is None else _tables_in(applied)[0]
    if not (set(new.columns) <= set(data.columns) and data.select(new.columns).equals(new)):
        yield "Applied to", new
    out = applied[2] if applied is not None else cast("Applier", entry.applier).apply(new, params)
    if isinstance(out, pl.DataFrame):
        yield ("Out" if trained is None else "These come out as"), out


def _split_example(call: Call, rows: SplitRows) -> Example:
    data = _tables_in(call)[0]
    split = np.full(data.height, "left out", dtype=object)
    for name, positions in (("train", rows.train), ("test", rows.test), ("validation", rows.validation)):
        if positions is not None:
            split[positions] = name
    shown = data.with_columns(pl.Series("→ split", split.tolist(), dtype=pl.String))
    return Example(config=_settings(call), tables=[("Rows and the splits that they come to", shown)])


def _resampled_example(call: Call, made: tuple[object, ...]) -> Example:
    features, target = made
    if not isinstance(features, pl.DataFrame) or not isinstance(target, pl.Series):
        raise NoExampleError("resample returned no table")
    out = features.with_columns(target.alias(target.name or "target"))
    return Example(config=_settings(call), tables=[("In", _tables_in(call)[0]), ("Out", out)])


def homes() -> pl.DataFrame:
    """Eighteen homes, what they cost (a number) and how fast they were sold (three classes)."""
    area = [38.0, 45.5, 52.0, 60.0, 71.5, 75.0, 83.0, 90.5, 102.0, 118.0, 131.5, 150.0]
    area += [41.0, 55.5, 68.0, 79.5, 110.0, 125.0]
    sold = [{"f": "fast", "s": "slow", "n": "never"}[each] for each in "fffsfnsssnnnffsnsn"]
    rooms = [1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 1, 2, 3, 3, 4, 5]
    garden = [size > 50 and index % 3 > 0 for index, size in enumerate(area)]
    price = [20.0 + 2.0 * a + 5.0 * r + 12.0 * g for a, r, g in zip(area, rooms, garden, strict=True)]
    return pl.DataFrame({"area": area, "rooms": rooms, "garden": garden, "price": price, "sold": sold})


def _small(config: dict[str, object], model: type[NodeConfig]) -> dict[str, object]:
    """Let trees split few rows: with their defaults (20 rows in a leaf) they would learn nothing from the homes."""
    defaults = {name: model.model_fields[name].default for name in _LEAVES if name in model.model_fields}
    return {name: 2 for name, default in defaults.items() if default > 5} | config


def _model_example(entry: NodeEntry, model: ModelCalculator[NodeConfig]) -> Example:
    """Train on the homes and predict some of them."""
    if not isinstance(entry.applier, ModelApplier):
        raise NoExampleError(f"{entry.name}: it is registered without a ModelApplier")
    config, data = _small(dict(next(iter(model.examples), {})), entry.config_model), homes()
    parsed = entry.config_model.model_validate(config)
    features = data.drop("price", "sold")
    if isinstance(model, UnsupervisedCalculator):
        return _unsupervised_example(entry, model, parsed, features)
    name = "price" if model.task == "regression" else "sold"
    names, target = np.unique(data[name].to_numpy(), return_inverse=True)
    classes = [str(each) for each in names] if model.task == "classification" else None
    values = target.astype(np.int64) if classes else data["price"].to_numpy()
    with quiet():
        params = model.fit(features, values, parsed)
        found = entry.applier.predict(features, params)
        shares = entry.applier.predict_proba(features, params)
    columns = [pl.Series("→ prediction", [classes[int(code)] for code in found] if classes else found.tolist())]
    if classes and shares is not None:
        columns += [pl.Series(f"→ {label}", shares[:, i].tolist()) for i, label in enumerate(classes)]
    shown = [data.select(*features.columns, name), features.with_columns(columns)[::4]]
    plan = entry.applier.plan(params, features=features.columns, classes=classes)
    captions = (f"Learned from (`{name}` is the target)", "Predicted")
    return Example(config=config, tables=list(zip(captions, shown, strict=True)), plan=plan)


def _unsupervised_example(
    entry: NodeEntry, model: UnsupervisedCalculator[NodeConfig], config: NodeConfig, features: pl.DataFrame
) -> Example:
    """Train on the homes without their prices, and show what is said of some of them."""
    applier = cast("ModelApplier", entry.applier)
    with quiet():
        params = model.learn(features, config)
        found = applier.predict(features, params)
        shares, decisions = applier.predict_proba(features, params), applier.decision_function(features, params)
    columns = [pl.Series("→ prediction", found.tolist())]
    if shares is not None:
        columns += [pl.Series(f"→ {cluster}", shares[:, cluster].tolist()) for cluster in range(shares.shape[1])]
    if decisions is not None:
        columns.append(pl.Series("→ decision", decisions.tolist()))
    tables = [("Learned from (there is no target)", features), ("Predicted", features.with_columns(columns)[::4])]
    plan = applier.plan(params, features=features.columns, classes=model.clusters(params))
    return Example(config=config.model_dump(mode="json", exclude_unset=True), tables=tables, plan=plan)
