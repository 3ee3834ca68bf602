"""What of a fitted graph predictions run, and running it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import polars as pl

from skyulf_core.fitted import FittedPipeline, FittedStep
from skyulf_core.nodes.combiner import Combiner, CombinerApplier
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.pipeline.fusing import apply_chain, naming
from skyulf_core.pipeline.wiring import SOURCE, upstream


def wiring_of(steps: Sequence[FittedStep]) -> dict[str, tuple[str, ...]]:
    """Return what every step reads."""
    before = [SOURCE, *(step.id for step in steps)]
    return {step.id: (name,) if step.inputs is None else step.inputs for step, name in zip(steps, before, strict=False)}


def live_wiring(fitted: FittedPipeline) -> dict[str, tuple[str, ...]]:
    """Return what the steps read that predictions run: none of those that only made reference data of joins."""
    live = {}
    for step, inputs in zip(fitted.steps, wiring_of(fitted.steps).values(), strict=True):
        calculator = NodeRegistry.get(step.node).calculator
        kept = calculator.reference_inputs if isinstance(calculator, Combiner) else frozenset[int]()
        live[step.id] = tuple(name for index, name in enumerate(inputs) if index not in kept)
    last = [step.id for step in fitted.steps[-1:]]
    needed = {*last, *upstream(last, live)}
    return {name: inputs for name, inputs in live.items() if name in needed}


def main_source(live: Mapping[str, Sequence[str]]) -> str:
    """Return the source that a fitted graph predicts from."""
    return next((name for name in chain.from_iterable(live.values()) if name not in live), SOURCE)


@dataclass(frozen=True)
class _Pending:
    """Rows, and the steps that are still to run on them (together, where they are queries)."""

    data: pl.DataFrame
    steps: tuple[FittedStep, ...] = ()

    def run(self) -> _Pending:
        return _Pending(apply_chain(self.steps, self.data)) if self.steps else self


def apply_graph(fitted: FittedPipeline, data: pl.DataFrame) -> pl.DataFrame:
    """Return aligned rows as they come out of the last step. A table goes when its last reader has run."""
    live = live_wiring(fitted)
    readers = Counter(chain.from_iterable(live.values()))
    tables = {main_source(live): _Pending(data)}
    last = ""
    for step in fitted.steps:
        if step.id not in live:
            continue
        for name in live[step.id]:
            if readers[name] > 1:
                tables[name] = tables[name].run()
        tables[step.id] = _after(step, [tables[name] for name in live[step.id]])
        readers.subtract(live[step.id])
        for name in live[step.id]:
            if not readers[name]:
                del tables[name]
        last = step.id
    return tables[last].run().data


def _after(step: FittedStep, inputs: Sequence[_Pending]) -> _Pending:
    applier = NodeRegistry.get(step.node).applier
    if not isinstance(applier, CombinerApplier):
        return _Pending(inputs[0].data, (*inputs[0].steps, step))
    with naming(step.node):
        return _Pending(applier.combine([table.run().data for table in inputs], step.params))
