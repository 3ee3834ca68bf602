"""check_node: what every node promises, tried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from skyulf_core.nodes.base import Calculator, ModelCalculator, Resampler, Splitter, TargetAwareCalculator
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.testing.branch_checks import BRANCH_CHECKS
from skyulf_core.testing.combiner_checks import COMBINER_CHECKS
from skyulf_core.testing.compare import CheckError
from skyulf_core.testing.config_checks import CONFIG_CHECKS
from skyulf_core.testing.edge_checks import EDGE_CHECKS
from skyulf_core.testing.model_checks import MODEL_CHECKS
from skyulf_core.testing.node_checks import NODE_CHECKS, Case
from skyulf_core.testing.resampler_checks import RESAMPLER_CHECKS
from skyulf_core.testing.search_checks import SEARCH_CHECKS
from skyulf_core.testing.splitter_checks import SPLITTER_CHECKS
from skyulf_core.testing.streaming_checks import STREAMING_CHECKS
from skyulf_core.testing.weight_checks import WEIGHT_CHECKS

__all__ = ["CheckError", "check_node"]

Check = Callable[[Case], None]


def check_node(name: str, config: Mapping[str, object] | None = None) -> list[str]:
    """Run every check that applies to a node, with `config` or with each of the node's examples.

    Returns the names of the checks. Raises CheckError that names node, configuration and promise.

    >>> check_node("StandardScaler", {"with_mean": False})[:2]
    ['config_round_trips', 'config_explains_itself']
    """
    entry = NodeRegistry.get(name)
    checks: list[Check] = list(CONFIG_CHECKS)
    if isinstance(entry.calculator, Calculator | TargetAwareCalculator):
        checks += [*NODE_CHECKS, *BRANCH_CHECKS, *EDGE_CHECKS, *STREAMING_CHECKS]
    elif isinstance(entry.calculator, Combiner):
        checks += COMBINER_CHECKS
    elif isinstance(entry.calculator, Resampler):
        checks += RESAMPLER_CHECKS
    elif isinstance(entry.calculator, ModelCalculator):
        checks += [*MODEL_CHECKS, *WEIGHT_CHECKS, *SEARCH_CHECKS]
    elif isinstance(entry.calculator, Splitter):
        checks += SPLITTER_CHECKS
    for example in entry.calculator.examples if config is None else (config,):
        case = Case.of(entry, example)
        for check in checks:
            _run(check, case)
    return [check.__name__ for check in checks]


def _run(check: Check, case: Case) -> None:
    try:
        check(case)
    except CheckError as error:
        raise CheckError(f"{case.entry.name} with {dict(case.raw)}: {check.__name__}: {error}") from error
