"""How training of each sort of node is written down."""

from __future__ import annotations

from collections.abc import Callable

from skyulf_core.nodes.base import Calculator, Resampler, RowApplier, Splitter, TargetAwareCalculator
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.pipeline.resolved import ResolvedNode


def _is_splitter(node: ResolvedNode) -> bool:
    return isinstance(node.entry.calculator, Splitter)


def _is_resampler(node: ResolvedNode) -> bool:
    return isinstance(node.entry.calculator, Resampler)


def _drops_partnerless(node: ResolvedNode) -> bool:
    return isinstance(node.entry.calculator, Combiner) and node.entry.calculator.drops_rows(node.parsed)


def _is_combiner(node: ResolvedNode) -> bool:
    return isinstance(node.entry.calculator, Combiner)


def _drops_rows(node: ResolvedNode) -> bool:
    return isinstance(node.entry.applier, RowApplier)


def _is_target_aware(node: ResolvedNode) -> bool:
    return isinstance(node.entry.calculator, TargetAwareCalculator)


def reads_history(node: ResolvedNode) -> bool:
    """Say whether the node gives training rows otherwise than by its applier."""
    return type(node.entry.calculator).training_rows is not Calculator.training_rows  # type: ignore[attr-defined]


def _always(node: ResolvedNode) -> bool:
    return True


_FIT = ("config = {config}", "learned[{id}] = {calculator}().fit({in}, config)")
_COMBINED = (
    "config = {config}",
    "learned[{id}] = {calculator}().fit([{frames}], config, sides=[{sides}])",
    "{out} = {applier}().combine([{live}], learned[{id}])",
    "made_{out} = merged_makers({id}, {applier}(), learned[{id}], {out}.columns, [{made}])",
)
_SEEN = "{out} = {applier}().apply({in}, learned[{id}]) if seen is None else seen"

TRAINING: tuple[tuple[Callable[[ResolvedNode], bool], tuple[str, ...]], ...] = (
    (
        _is_splitter,
        (
            "config = {config}",
            "learned[{id}] = {{}}",
            "rows = {calculator}().split({in}.with_columns(target), config, task={task}).train",
            "{out} = {in}[rows]",
            "target = target.gather(rows)",
        ),
    ),
    (
        _is_resampler,
        ("config = {config}", "learned[{id}] = {{}}", "{out}, target = {calculator}().resample({in}, target, config)"),
    ),
    (
        _drops_partnerless,
        (
            *_COMBINED,
            "rows = {applier}().rows({first}, learned[{id}])",
            "{out} = {out}[rows]",
            "target = target.gather(rows)",
        ),
    ),
    (_is_combiner, _COMBINED),
    (
        _drops_rows,
        (*_FIT, "rows = {applier}().rows({in}, learned[{id}])", "{out} = {in}[rows]", "target = target.gather(rows)"),
    ),
    (
        _is_target_aware,
        (
            "config = {config}",
            "learned[{id}] = {calculator}().fit({in}, target, config)",
            "seen = {calculator}().training_rows({in}, target, config, learned[{id}])",
            _SEEN,
        ),
    ),
    (reads_history, (*_FIT, "seen = {calculator}().training_rows({in}, config, learned[{id}])", _SEEN)),
    (_always, (*_FIT, "{out} = {applier}().apply({in}, learned[{id}])")),
)
