"""The rules of kinds on the paths of a graph: what may stand where. Nothing turns them off."""

from __future__ import annotations

from collections.abc import Iterator

from skyulf_core.nodes.base import Kind, ModelCalculator, Resampler, Splitter, TargetAwareCalculator
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.pipeline.leaks import leaks
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode
from skyulf_core.pipeline.rows import Rows, rows_of, table
from skyulf_core.pipeline.weighing import weight_problems
from skyulf_core.pipeline.wiring import SOURCE, downstream, upstream
from skyulf_core.problems import Problem

_AFTER_SPLIT = {Kind.LEARNED, Kind.TARGET_AWARE, Kind.HISTORY}


def rule_problems(resolved: Resolved) -> list[Problem]:
    """Return everything that stands where it may not."""
    rows = rows_of(resolved)
    references = _references(resolved)
    return [
        *_models_as_steps(resolved),
        *_numbers_of_inputs(resolved),
        *_missing_splitter(resolved, rows),
        *_second_splitters(resolved, rows),
        *_before_split(resolved, rows, references),
        *_on_reference(resolved, references),
        *_merges(resolved, rows),
        *_inner_joins(resolved, rows),
        *leaks(resolved, rows, references),
        *_task_problems(resolved),
        *weight_problems(resolved),
        *_target_aware(resolved),
    ]


def _references(resolved: Resolved) -> dict[str, ResolvedNode]:
    """Return the join, per node that only makes reference data of one."""
    live = {node.id: node.live_inputs() for node in resolved.nodes}
    ends = [resolved.model.id] if resolved.model else [placed.id for placed in resolved.placed[-1:]]
    main = {*ends, *upstream(ends, {**resolved.wiring, **live})}
    found: dict[str, ResolvedNode] = {}
    for node in resolved.nodes:
        aside = set(node.inputs) - set(node.live_inputs())
        for name in (aside | upstream(aside, resolved.wiring)) - main:
            found.setdefault(name, node)
    return found


def _models_as_steps(resolved: Resolved) -> Iterator[Problem]:
    for step in resolved.known_steps:
        if step.entry.is_model and step.placed.pointer.startswith("/steps"):
            message = f"{step.entry.name} is a model; it stands under 'model', after the steps."
            yield _at(step, message, "model-as-step")


def _numbers_of_inputs(resolved: Resolved) -> Iterator[Problem]:
    for node in resolved.nodes:
        calculator, name, count = node.entry.calculator, node.entry.name, len(node.inputs)
        if not isinstance(calculator, Combiner):
            if count > 1:
                message = f"{name} reads one table, and has {count} inputs."
                hint = f"Combine them first: {{node: Merge, inputs: [{', '.join(node.inputs)}]}}."
                yield _on_inputs(node, message, "several-inputs", hint)
        elif count < 2:
            message = f"{name} combines tables; it needs two inputs{'' if calculator.most_inputs == 2 else ' or more'}."
            yield _on_inputs(node, message, "too-few-inputs", "Name them under inputs, in a graph of nodes.")
        elif calculator.most_inputs is not None and count > calculator.most_inputs:
            message = f"{name} takes {calculator.most_inputs} inputs, and has {count}."
            yield _on_inputs(node, message, "several-inputs", f"Use one {name} after the other.")


def _missing_splitter(resolved: Resolved, rows: dict[str, Rows]) -> Iterator[Problem]:
    model = resolved.model
    # where a node is unknown, it may be the splitter that the others lack
    if model is None or len(resolved.known_steps) < len(resolved.steps) or rows[model.id].splitters:
        return
    if resolved.splitter is None and not _supervised(model):
        return  # nothing is learned of a target: all rows may teach
    message = "A pipeline with a model needs one splitter: without held-out rows nothing can be judged."
    hint = "Add TrainTestSplit with the target."
    if resolved.splitter is not None:
        message = f"The path to {model.id!r} passes no splitter, and {resolved.splitter.id!r} stands elsewhere."
        hint = f"Lead it through {resolved.splitter.id!r}."
        yield _on_inputs(model, message, "missing-splitter", hint)
        return
    top = "/steps" if not model.placed.pointer.startswith("/nodes") else "/nodes"
    yield Problem(top, message, "missing-splitter", suggestion=hint)


def _second_splitters(resolved: Resolved, rows: dict[str, Rows]) -> Iterator[Problem]:
    for step in resolved.known_steps:
        if isinstance(step.entry.calculator, Splitter) and len(rows[step.id].splitters) > 1:
            yield _at(step, "The rows are split already.", "second-splitter")


def _before_split(resolved: Resolved, rows: dict[str, Rows], references: dict[str, ResolvedNode]) -> Iterator[Problem]:
    """Report what learns or changes rows where no splitter has divided them, in a pipeline that has one."""
    splitters = [step for step in resolved.known_steps if isinstance(step.entry.calculator, Splitter)]
    for step in resolved.known_steps if splitters else ():
        if rows[step.id].splitters or step.id in references:
            continue
        after = downstream([step.id], resolved.wiring)
        later = [splitter for splitter in splitters if splitter.id in after]
        if later or rows[step.id].sure:
            yield from _undivided(step, (later or splitters)[0])


def _undivided(step: ResolvedNode, splitter: ResolvedNode) -> Iterator[Problem]:
    hint = f"Move it after {splitter.entry.name}."
    if step.entry.kind in _AFTER_SPLIT and not step.entry.is_model:
        message = (
            f"Leakage: {step.entry.name} learns before the rows are split, so it would learn from the test rows, "
            "and the score would be better than the model."
        )
        yield _at(step, message, "leakage", hint)
    elif step.entry.kind is Kind.ROW_CHANGING:
        message = f"{step.entry.name} changes rows before the split, so it would choose the test rows too."
        yield _at(step, message, "row-changing-before-split", hint)


def _on_reference(resolved: Resolved, references: dict[str, ResolvedNode]) -> Iterator[Problem]:
    """Report what reference data of a join may not pass: it is looked up as it is, for training and test rows alike."""
    for step in resolved.known_steps:
        join, kind = references.get(step.id), step.entry.kind
        undivided = resolved.splitter is None and (resolved.model is None or not _supervised(resolved.model))
        if join is None or kind is Kind.STATELESS or undivided:
            continue
        title, hint = step.entry.name, f"Move it after {join.id!r} and the split."
        if kind is Kind.SPLITTER:
            message = f"{title} would split the reference data of {join.id!r}; only the rows that are predicted are."
            yield _at(step, message, "splitter-on-reference", "Remove it.")
        elif kind is Kind.ROW_CHANGING:
            message = f"{title} changes rows of the reference data of {join.id!r}; only training rows may change."
            yield _at(step, message, "row-changing-on-reference", "Do it before the data is given to the pipeline.")
        else:
            message = (
                f"Leakage: {title} learns from the reference data of {join.id!r}, which no splitter divides, "
                "so it would learn what belongs to the test rows."
            )
            yield _at(step, message, "leakage", hint)


def _merges(resolved: Resolved, rows: dict[str, Rows]) -> Iterator[Problem]:
    """Report inputs of a combiner whose rows do not line up with those of its first one."""
    for node in resolved.known_steps:
        if not isinstance(node.entry.calculator, Combiner):
            continue
        first, *others = node.live_inputs() or ("",)
        for name in others:
            if first in rows and name in rows and rows[first].sure and rows[name].sure:
                problem = rows[first].difference(rows[name], resolved)
                if problem is not None:
                    pointer = f"{node.placed.pointer}/inputs/{node.inputs.index(name)}"
                    code, message, hint = problem
                    text = f"{message.format(first=table(first), other=table(name))}"
                    yield Problem(pointer, text, code, node=node.id, field="inputs", suggestion=hint)


def _inner_joins(resolved: Resolved, rows: dict[str, Rows]) -> Iterator[Problem]:
    for node in resolved.known_steps:
        calculator = node.entry.calculator
        if not isinstance(calculator, Combiner) or not node.inputs:
            continue
        left = rows.get(node.inputs[0])
        if left is not None and left.splitters and node.config is not None and calculator.drops_rows(node.config):
            message = f"An inner {node.entry.name} drops rows, after the split those of one part only."
            hint = f"Choose how: left, or move it before {left.splitters[0]!r}."
            pointer = f"{node.placed.pointer}/config/how"
            yield Problem(pointer, message, "inner-join-after-split", node=node.id, field="how", suggestion=hint)


def _task_problems(resolved: Resolved) -> Iterator[Problem]:
    model = resolved.model.entry.calculator if resolved.model else None
    splitter = resolved.splitter
    if not isinstance(model, ModelCalculator) or splitter is None or model.task != "regression":
        return
    if getattr(splitter.config, "stratify", False):
        message = "stratify needs classes, and the model is a regression."
        pointer = f"{splitter.placed.pointer}/config/stratify"
        yield Problem(pointer, message, "invalid-value", node=splitter.entry.name, field="stratify")


def _target_aware(resolved: Resolved) -> Iterator[Problem]:
    """Report steps that would let a model see the target that it must not learn from."""
    model = resolved.model
    for step in resolved.known_steps if model is not None and not _supervised(model) else ():
        if isinstance(step.entry.calculator, TargetAwareCalculator | Resampler):
            message = (
                f"{step.entry.name} learns from the target, and {model.entry.name if model else ''} is a model that "
                "learns without one: it would see what it is only compared with."
            )
            yield _at(step, message, "target-unseen", "Choose a step that does not look at the target.")


def _supervised(model: ResolvedNode) -> bool:
    return isinstance(model.entry.calculator, ModelCalculator) and model.entry.calculator.supervised


def _at(step: ResolvedNode, message: str, code: str, suggestion: str | None = None) -> Problem:
    return Problem(
        f"{step.placed.pointer}/node", message, code, node=step.entry.name, field="node", suggestion=suggestion
    )


def _on_inputs(node: ResolvedNode, message: str, code: str, suggestion: str) -> Problem:
    pointer = node.placed.pointer
    if not pointer.startswith("/nodes") or node.inputs == (SOURCE,):
        return _at(node, message, code, suggestion)
    return Problem(f"{pointer}/inputs", message, code, node=node.id, field="inputs", suggestion=suggestion)
