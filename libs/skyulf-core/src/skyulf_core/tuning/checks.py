"""Everything that is wrong with the key `tuning`, found before the first fit and without data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from pydantic import ValidationError

from skyulf_core.evaluation.metrics import (
    DEFAULT_METRICS,
    METRICS,
    MetricTask,
    greater_is_better,
    metric_base,
    metric_problem,
)
from skyulf_core.nodes.base import ModelCalculator
from skyulf_core.nodes.extras import extra_problems
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.problems import InvalidConfigError, Problem, as_sentence, did_you_mean, pointer_part
from skyulf_core.tuning.addresses import Address, AddressError, find, parse, placed_value
from skyulf_core.tuning.config import TuningConfig
from skyulf_core.tuning.dimensions import Choices
from skyulf_core.tuning.space import SearchSpace, read_space
from skyulf_core.validation.config import CrossValidation, read_cv
from skyulf_core.validation.decisions import default_cv
from skyulf_core.validation.ordered import order_problems

_OF_SCORES = "accuracy"
"""The metric of a classifier without probabilities, where nobody names one."""
MOST_POINTS = 100_000
"""So many points a grid may have."""


@dataclass(frozen=True)
class Tuning:
    """A checked `tuning`: everything that a study needs but the data. `resource` is a parameter, None for rows."""

    config: TuningConfig
    space: SearchSpace
    cv: CrossValidation
    metric: str
    resource: Address | None = None

    @property
    def greater_is_better(self) -> bool:
        """Whether more of the metric is better."""
        return greater_is_better(self.metric)


def read_tuning(raw: object, resolved: Resolved) -> tuple[Tuning | None, list[Problem]]:
    """Return what `tuning` says (None where it says nothing that works), and everything that is wrong with it."""
    if not isinstance(raw, Mapping):
        return None, [Problem("/tuning", "tuning is an object with strategy and n_trials.", "wrong-type")]
    try:
        config = TuningConfig.model_validate(dict(raw))
    except ValidationError as error:
        return None, _config_problems(error)
    calculator = resolved.model.entry.calculator if resolved.model else None
    if not isinstance(calculator, ModelCalculator) or resolved.model is None or resolved.model.config is None:
        # a pipeline whose model is unknown or has problems says so elsewhere
        known = resolved.model is not None or any("model" in problem.pointer for problem in resolved.problems)
        message = "Tuning searches for a better score, and this pipeline has no model."
        return None, [] if known else [Problem("/tuning", message, "no-model", suggestion="Add a model.")]
    if calculator.task not in ("classification", "regression"):
        message = f"{resolved.model.entry.name} learns without a target; no score says which parameters are better."
        return None, [Problem("/tuning", message, "no-target", suggestion="Choose a classification or a regression.")]
    return _checked(config, raw, resolved, calculator.task)


def _checked(
    config: TuningConfig, raw: Mapping[str, object], resolved: Resolved, task: MetricTask
) -> tuple[Tuning | None, list[Problem]]:
    space, problems = read_space(config.search_space, resolved)
    sure = _probabilities(space, resolved)
    usual = _OF_SCORES if task == "classification" and False in sure else DEFAULT_METRICS[task]
    metric = usual if config.metric is None else config.metric
    cv: CrossValidation | None = None
    try:
        cv = default_cv(resolved, task) if config.cv is None else read_cv(config.cv, "/tuning/cv")
        problems += order_problems(cv, resolved, "/tuning/cv")
    except InvalidConfigError as error:
        problems += error.problems
    problems += [
        *_metric_problems(metric, task, sure),
        *_strategy_problems(config, space),
        *_running_problems(config),
    ]
    resource = None
    if config.halving:
        resource, found = _resource(config, space, resolved)
        problems += found
    if problems or space is None or cv is None:
        return None, problems
    return Tuning(config, space, cv, metric, resource), []


def _probabilities(space: SearchSpace | None, resolved: Resolved) -> set[bool]:
    """Return whether the model gives probabilities, with each choice of the space beside the first of the others."""
    model = resolved.model
    if model is None or not isinstance(model.entry.calculator, ModelCalculator):
        return set()
    own = (
        [p for p in space.parameters if p.address.node == model.id and isinstance(p.dimension, Choices)]
        if space
        else []
    )
    first = {p.address.path: p.dimension.samples()[0] for p in own}
    found = set()
    for changed in [{}, *({p.address.path: value} for p in own for value in p.dimension.samples())]:
        with suppress(ValidationError):  # values that do not fit together are no trial
            found.add(model.entry.calculator.gives_probabilities(parse(model, placed_value(model, first | changed))))
    return found


def _metric_problems(metric: str, task: MetricTask, sure: set[bool]) -> Iterator[Problem]:
    text = metric_problem(metric, task)
    if text is not None:
        yield Problem("/tuning/metric", as_sentence(text), "unknown-metric", field="metric")
    elif METRICS[metric_base(metric)].needs == "probabilities" and sure == {False}:
        message = f"The metric {metric!r} needs probabilities, and the model as configured has none."
        hint = "Choose accuracy or f1_weighted, or configure the model so that it has them."
        yield Problem("/tuning/metric", message, "no-probabilities", field="metric", suggestion=hint)


def _strategy_problems(config: TuningConfig, space: SearchSpace | None) -> Iterator[Problem]:
    if config.strategy.endswith("grid") and space is not None:
        endless = space.endless()
        for name in endless:
            message = f"A grid needs values, and {name!r} has no end of them."
            hint = "Name choices or a step, or choose the strategy random."
            yield Problem(f"/tuning/search_space/{pointer_part(name)}", message, "endless", field=name, suggestion=hint)
        if not endless and space.size() > MOST_POINTS:
            message = f"The grid has {space.size():,} points; {MOST_POINTS:,} are the most."
            hint = "Name fewer values, or choose the strategy random."
            yield Problem("/tuning/search_space", message, "too-many", field="search_space", suggestion=hint)
    if config.strategy != "optuna":
        if config.pruner in ("median", "hyperband"):
            message = f"The pruner {config.pruner} is one of optuna."
            hint = "Choose the strategy optuna, or the pruner folds."
            yield Problem("/tuning/pruner", message, "invalid-value", field="pruner", suggestion=hint)
        return
    packages = {"optuna": "tuning"} | ({"cmaes": "tuning"} if config.sampler == "cma_es" else {})
    for package, extra in packages.items():
        for problem in extra_problems(package, extra=extra):
            yield Problem(
                "/tuning/strategy", problem.message, problem.code, field="strategy", suggestion=problem.suggestion
            )
    if config.sampler == "gp" and extra_problems("torch", extra="tuning"):
        message = "The sampler gp needs torch, which is not installed."
        hint = "Install it with: pip install torch; or choose the sampler tpe."
        yield Problem("/tuning/sampler", message, "missing-extra", field="sampler", suggestion=hint)


def _running_problems(config: TuningConfig) -> Iterator[Problem]:
    name = config.file or ""
    if config.n_jobs == 0:
        message = "No trial runs with no job."
        hint = "Choose a number above 0, or -1 for one per processor."
        yield Problem("/tuning/n_jobs", message, "invalid-value", field="n_jobs", suggestion=hint)
    if "://" in name:
        message = "The storage of a study is a file, which workers on one machine share."
        yield Problem("/tuning/storage", message, "invalid-value", field="storage", suggestion="Name a path.")


def _resource(
    config: TuningConfig, space: SearchSpace | None, resolved: Resolved
) -> tuple[Address | None, list[Problem]]:
    least, most = config.min_resource, config.max_resource
    if least is not None and most is not None and least > most:
        message = f"The rounds would begin with {least} and end with {most}."
        hint = "min_resource is at most max_resource."
        return None, [Problem("/tuning/min_resource", message, "empty-range", field="min_resource", suggestion=hint)]
    if config.resource == "rows":
        return None, []
    try:
        address = find(config.resource, resolved)
        if space is not None and any(parameter.address == address for parameter in space.parameters):
            raise AddressError(f"{config.resource!r} is searched, so rounds cannot set it.", "resource-searched")
        if most is None:
            message = f"Nothing says how much of {config.resource!r} the last round gets."
            return None, [Problem("/tuning/max_resource", message, "missing-param", field="max_resource")]
        wanted = {config.resource: {"choices": [least or 1, most] if (least or 1) < most else [most]}}
        _, problems = read_space(wanted, resolved)
        return address, [Problem("/tuning/resource", p.message, p.code, field="resource") for p in problems]
    except AddressError as error:
        return None, [Problem("/tuning/resource", str(error), error.code, field="resource", suggestion=error.hint)]


def _config_problems(error: ValidationError) -> list[Problem]:
    """Return one problem per key."""
    found: dict[str, Problem] = {}
    for item in error.errors(include_url=False, include_context=True):
        key = str(item["loc"][0])
        problem = _config_problem(key, cast("dict[str, object]", item))
        found.setdefault(key, problem)
    return list(found.values())


def _config_problem(key: str, item: Mapping[str, object]) -> Problem:
    pointer, kind, text = (
        f"/tuning/{pointer_part(key)}",
        str(item["type"]),
        str(item["msg"]).removeprefix("Value error, "),
    )
    if kind == "extra_forbidden":
        known = list(TuningConfig.model_fields)
        hint = " ".join(filter(None, (did_you_mean(key, known), f"There are: {', '.join(known)}.")))
        return Problem(pointer, f"tuning has no key {key!r}.", "unknown-key", field=key, suggestion=hint)
    if kind == "literal_error":
        choices = text.split("'")[1::2]
        hint = did_you_mean(str(item["input"]), choices) or f"There are: {', '.join(choices)}."
        return Problem(pointer, f"There is no {key} {item['input']!r}.", "invalid-value", field=key, suggestion=hint)
    if key in ("n_trials", "timeout") and kind.startswith("greater_than"):
        message = f"A budget of {item['input']} leaves nothing to try."
        hint = "Choose a number above 0, or leave it out."
        return Problem(pointer, message, "empty-budget", field=key, suggestion=hint)
    if kind == "dict_type":
        return Problem(pointer, f"{key} is an object.", "wrong-type", field=key)
    return Problem(pointer, f"{text[0].upper()}{text[1:].rstrip('.')}.", "invalid-value", field=key)
