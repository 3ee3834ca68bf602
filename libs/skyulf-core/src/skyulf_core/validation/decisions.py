"""The key `validation` of a pipeline: what is chosen after training, on rows that the model has not learned from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from skyulf_core.evaluation.metrics import METRICS, MetricTask, metric_base, metric_problem
from skyulf_core.nodes.base import ModelCalculator
from skyulf_core.nodes.splitting.group_split import GroupSplitConfig
from skyulf_core.nodes.splitting.time_split import TimeSplitConfig
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.problems import InvalidConfigError, Problem, as_sentence, did_you_mean, pointer_part
from skyulf_core.serving.conformal import INTERVALS, SETS
from skyulf_core.validation.config import (
    FlatValidation,
    GroupKFold,
    KFold,
    Nested,
    StratifiedKFold,
    TimeSeries,
    read_cv,
)
from skyulf_core.validation.ordered import order_problems


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ThresholdConfig(_Part):
    """From which probability a class wins."""

    by: Literal["metric", "cost", "recall", "precision"] = Field(
        default="metric", title="By", description="What the threshold is chosen for; recall and precision are targets."
    )
    metric: str = Field(
        default="balanced_accuracy",
        title="Metric",
        description="A metric of labels, such as f1, mcc or recall@yes.",
        json_schema_extra={"x-visible-if": {"by": "metric"}},
    )
    costs: list[list[float]] | None = Field(
        default=None,
        title="Costs",
        description="A row for each true class, in sorted order, of what each predicted class costs.",
        json_schema_extra={"x-visible-if": {"by": "cost"}},
    )
    at_least: float | None = Field(
        default=None,
        gt=0.0,
        le=1.0,
        title="At least",
        description="The recall or precision, of the second of two classes, that is reached.",
        json_schema_extra={"x-visible-if": {"by": ["recall", "precision"]}},
    )

    @model_validator(mode="after")
    def _complete(self) -> ThresholdConfig:
        if self.by == "cost" and self.costs is None:
            raise ValueError("a threshold by cost needs costs, as [[0, 1], [5, 0]]")
        if self.costs is not None and any(len(row) != len(self.costs) for row in self.costs):
            raise ValueError("costs are as many rows as columns, one of each per class")
        if self.costs and all(min(row) == max(row) for row in self.costs):
            raise ValueError("costs that are the same whatever is predicted choose no threshold; [[0, 1], [5, 0]] do")
        if self.by in ("recall", "precision") and self.at_least is None:
            raise ValueError(f"a threshold by {self.by} needs at_least, as 0.9")
        return self


class CalibrationConfig(_Part):
    """Probabilities that come true as often as they say."""

    method: Literal["sigmoid", "isotonic"] = Field(
        default="sigmoid", title="Method", description="isotonic is freer, and needs 1,000 rows or more."
    )


class ConformalConfig(_Part):
    """Intervals or sets that hold the truth as often as they say."""

    coverage: float = Field(
        default=0.9, gt=0.0, lt=1.0, title="Coverage", description="Share of new rows whose truth is inside."
    )
    method: Literal["auto", "absolute", "signed", "binned", "lac", "aps"] = Field(
        default="auto",
        title="Method",
        description="Of numbers absolute, signed or binned; of classes lac or aps. auto: absolute, lac.",
    )


class ValidationConfig(_Part):
    """What is chosen on rows that the model has not learned from, and which rows those are."""

    on: Literal["auto", "out_of_fold", "validation"] = Field(
        default="auto",
        title="On",
        description="The validation rows of the splitter (auto: where there are any), or predictions out of fold.",
    )
    cv: dict[str, JsonValue] | None = Field(
        default=None, title="Folds", description="Folds of the training rows; null: those that fit the splitter."
    )
    threshold: ThresholdConfig | None = Field(default=None, title="Threshold", description="Classification only.")
    calibration: CalibrationConfig | None = Field(default=None, title="Calibration", description="Classification only.")
    conformal: ConformalConfig | None = Field(default=None, title="Conformal", description="Intervals or sets.")


_PARTS: dict[str, type[_Part]] = {
    "threshold": ThresholdConfig, "calibration": CalibrationConfig, "conformal": ConformalConfig,
}  # fmt: skip


@dataclass(frozen=True)
class Validation:
    """A checked `validation`."""

    config: ValidationConfig
    cv: FlatValidation


def read_validation(raw: object, resolved: Resolved) -> tuple[Validation | None, list[Problem]]:
    """Return what `validation` says (None where it says nothing that works), and everything that is wrong with it."""
    if not isinstance(raw, Mapping):
        return None, [Problem("/validation", "validation is an object with cv, threshold and the like.", "wrong-type")]
    calculator = resolved.model.entry.calculator if resolved.model else None
    if not isinstance(calculator, ModelCalculator):
        known = any("model" in problem.pointer for problem in resolved.problems)
        message = "There is nothing to validate: this pipeline has no model."
        return None, [] if known else [Problem("/validation", message, "no-model", suggestion="Add a model.")]
    task = calculator.task
    if task != "classification" and task != "regression":
        message = "This model learns without a target; nothing says how right it is."
        return None, [Problem("/validation", message, "no-target", suggestion="Leave the key out.")]
    try:
        config = ValidationConfig.model_validate(dict(raw))
    except ValidationError as error:
        return None, _config_problems(error)
    problems = [*_task_problems(config, task), *_probability_problems(config, resolved)]
    cv: FlatValidation | None = None
    try:
        cv = _flat(config, resolved, task)
        problems += order_problems(cv, resolved, "/validation/cv") if _out_of_fold(config, resolved) else ()
    except InvalidConfigError as error:
        problems += error.problems
    return (None, problems) if problems or cv is None else (Validation(config, cv), [])


def default_cv(resolved: Resolved, task: MetricTask) -> FlatValidation:
    """Return folds that hold apart what the splitter of a pipeline holds apart."""
    splitter = resolved.splitter.config if resolved.splitter else None
    if isinstance(splitter, TimeSplitConfig):
        return TimeSeries(by=splitter.column)
    if isinstance(splitter, GroupSplitConfig):
        return GroupKFold(group=splitter.group)
    return StratifiedKFold() if task == "classification" else KFold()


def _out_of_fold(config: ValidationConfig, resolved: Resolved) -> bool:
    """Say whether folds are made: a splitter that keeps validation rows needs none, unless they are asked for."""
    splitter = None if resolved.splitter is None else resolved.splitter.config
    kept = getattr(splitter, "validation_size", None) is not None
    return config.on == "out_of_fold" or (config.on == "auto" and not kept)


def _flat(config: ValidationConfig, resolved: Resolved, task: MetricTask) -> FlatValidation:
    cv = default_cv(resolved, task) if config.cv is None else read_cv(config.cv, "/validation/cv")
    if isinstance(cv, Nested):
        message = "Nested folds judge a choice of parameters; here each row is predicted once or more."
        hint = "Choose plain folds, or put nested ones under tuning."
        raise InvalidConfigError([Problem("/validation/cv/type", message, "nested", field="type", suggestion=hint)])
    return cv


def _task_problems(config: ValidationConfig, task: MetricTask) -> Iterator[Problem]:
    for name in ("threshold", "calibration"):
        if task == "regression" and getattr(config, name) is not None:
            message = f"A {name} is of probabilities, and a regression has none."
            yield Problem(f"/validation/{name}", message, "wrong-task", field=name, suggestion="Leave it out.")
    method = config.conformal.method if config.conformal else "auto"
    fitting = INTERVALS if task == "regression" else SETS
    if method not in ("auto", *fitting):
        message = f"The method {method} is not one of a {task}."
        hint = f"There are: auto, {', '.join(fitting)}."
        yield Problem("/validation/conformal/method", message, "wrong-task", field="method", suggestion=hint)
    if config.threshold is None or task == "regression" or config.threshold.by != "metric":
        return
    text, metric = metric_problem(config.threshold.metric, task), METRICS.get(metric_base(config.threshold.metric))
    if text is None and metric is not None and metric.needs == "probabilities":
        text = f"no threshold changes {config.threshold.metric!r}, which is of probabilities; choose f1 or mcc"
    if text is not None:
        yield Problem("/validation/threshold/metric", as_sentence(text), "unknown-metric", field="metric")


def _probability_problems(config: ValidationConfig, resolved: Resolved) -> Iterator[Problem]:
    """Yield what needs probabilities that the model does not have, where no search may still give it some."""
    model = resolved.model
    if model is None or model.config is None or resolved.tuning is not None:
        return
    calculator = model.entry.calculator
    if (
        not isinstance(calculator, ModelCalculator)
        or calculator.task != "classification"
        or calculator.gives_probabilities(model.config)
    ):
        return
    for name in _PARTS:
        if getattr(config, name) is not None:
            message = f"{model.entry.name} as configured gives no probabilities, and a {name} is chosen by them."
            hint = "Put it into a calibrated_classifier, or choose a model that has them."
            yield Problem(f"/validation/{name}", message, "no-probabilities", field=name, suggestion=hint)


def _config_problems(error: ValidationError) -> list[Problem]:
    """Return one problem per field."""
    found: dict[str, Problem] = {}
    for item in error.errors(include_url=False, include_context=False):
        path = [str(part) for part in item["loc"]]
        pointer = "/validation" + "".join(f"/{pointer_part(part)}" for part in path)
        found.setdefault(pointer, _config_problem(pointer, path, cast("Mapping[str, object]", item)))
    return list(found.values())


def _config_problem(pointer: str, path: list[str], item: Mapping[str, object]) -> Problem:
    key, text = path[-1] if path else "validation", str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        known = list((_PARTS[path[0]] if len(path) > 1 else ValidationConfig).model_fields)
        hint = " ".join(filter(None, (did_you_mean(key, known), f"There are: {', '.join(known)}.")))
        where = " ".join(["validation", *path[:-1]])
        return Problem(pointer, f"{where} has no key {key!r}.", "unknown-key", field=key, suggestion=hint)
    if item["type"] == "literal_error":
        near = did_you_mean(str(item["input"]), text.split("'")[1::2])
        return Problem(pointer, f"{text.rstrip('.')}.", "invalid-value", field=key, suggestion=near)
    return Problem(pointer, f"{text[0].upper()}{text[1:].rstrip('.')}.", "invalid-value", field=key)
