"""`model: {node: auto, config: …}`: what the search for a pipeline is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictInt, ValidationError

from skyulf_core.automl.families import FAMILIES
from skyulf_core.evaluation.metrics import METRICS, metric_base, metric_problem
from skyulf_core.pipeline.layout import Placed
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.problems import InvalidConfigError, Problem, as_sentence, did_you_mean, pointer_part
from skyulf_core.validation.config import Nested, read_cv
from skyulf_core.validation.ordered import order_problems

AUTO = "auto"
LEAST = 1.0
"""Seconds below which nothing can be tried: libraries are loaded in them."""


class AutoConfig(BaseModel):
    """How long to search, and what for."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    budget: float = Field(
        default=60.0, ge=LEAST, le=7 * 86_400, title="Budget",
        description="Seconds for everything, the final training included.",
    )  # fmt: skip
    metric: str | None = Field(
        default=None, title="Metric", description="What is searched for; null: roc_auc of classes, r2 of numbers."
    )
    task: Literal["classification", "regression"] | None = Field(
        default=None, title="Task", description="null: as the target looks; few whole numbers are classes."
    )
    families: tuple[str, ...] | None = Field(
        default=None, min_length=1, title="Families", description=f"Of: {', '.join(FAMILIES)}; null: all that fit."
    )
    stack: bool = Field(
        default=True, title="Stack", description="Try a stack of the best of several families at the end."
    )
    cv: dict[str, JsonValue] | None = Field(
        default=None, title="Cross-validation",
        description="Folds of the training rows; null: five, fewer with many rows, apart as the splitter holds apart.",
    )  # fmt: skip
    random_state: StrictInt = Field(
        default=0, ge=0, le=2**32 - 1, title="Random state", description="The same number draws the same candidates."
    )


@dataclass(frozen=True)
class Auto:
    """A checked `auto`: the configuration, and the column of the weights where rows have any."""

    config: AutoConfig
    placed: Placed

    @property
    def weights(self) -> str | None:
        """The column of the weights."""
        return self.placed.weights

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the model as it is written, with defaults filled in."""
        config = cast("JsonValue", self.config.model_dump(mode="json", exclude_none=True))
        weights: dict[str, JsonValue] = {} if self.weights is None else {"weights": self.weights}
        return {"id": self.placed.id, "node": AUTO, "config": config, **weights}


def read_auto(placed: Placed, config: Mapping[str, object], resolved: Resolved) -> tuple[Auto | None, list[Problem]]:
    """Return what `auto` says (None where it says nothing that works), and everything that is wrong with it."""
    problems = list(_around(placed, config, resolved))
    try:
        auto = AutoConfig.model_validate(dict(placed.config))
    except ValidationError as error:
        return None, [*problems, *_config_problems(placed, error)]
    problems += _value_problems(placed, auto, resolved)
    return (None, problems) if problems else (Auto(auto, placed), [])


def _around(placed: Placed, config: Mapping[str, object], resolved: Resolved) -> Iterator[Problem]:
    """Yield what does not go with it."""
    if resolved.splitter is None and len(resolved.known_steps) == len(resolved.steps):
        message = "auto needs a splitter that names the target."
        hint = "Add TrainTestSplit as a step."
        yield Problem(placed.pointer, message, "no-splitter", node=AUTO, suggestion=hint)
    for key, hint in (
        ("tuning", "Leave it out: auto tunes the models that it finds promising."),
        ("validation", "Take the configuration that auto has found, and train it with this key."),
    ):
        if config.get(key) is not None:
            yield Problem(f"/{key}", f"{key} does not go with auto.", "not-with-auto", field=key, suggestion=hint)


def _value_problems(placed: Placed, auto: AutoConfig, resolved: Resolved) -> Iterator[Problem]:
    at = f"{placed.pointer}/config"
    for index, name in enumerate(auto.families or ()):
        family, known = FAMILIES.get(name), list(FAMILIES)
        pointer = f"{at}/families/{index}"
        if family is None:
            hint = " ".join(filter(None, (did_you_mean(name, known), f"There are: {', '.join(known)}.")))
            message = f"There is no family {name!r}."
            yield Problem(pointer, message, "unknown-family", node=AUTO, field="families", suggestion=hint)
        elif not family.installed:
            message = f"The family {name} needs {family.package}, which is not installed."
            hint = "Install it with: pip install 'skyulf-core[boosting]'"
            yield Problem(pointer, message, "missing-extra", node=AUTO, field="families", suggestion=hint)
        elif auto.task is not None and auto.task not in family.nodes:
            message = f"The family {name} does no {auto.task}."
            yield Problem(pointer, message, "wrong-task", node=AUTO, field="families", suggestion="Leave it out.")
    text = _metric_text(auto)
    if text is not None:
        yield Problem(f"{at}/metric", as_sentence(text), "unknown-metric", node=AUTO, field="metric")
    if auto.cv is not None:
        try:
            mode = read_cv(auto.cv, f"{at}/cv")
        except InvalidConfigError as error:
            yield from error.problems
            return
        if isinstance(mode, Nested):
            hint = "Choose plain folds; the rows that the splitter holds out judge the choice."
            message = "auto chooses on one set of folds."
            yield Problem(f"{at}/cv/type", message, "nested", node=AUTO, field="cv", suggestion=hint)
            return
        yield from order_problems(mode, resolved, f"{at}/cv")


def _metric_text(auto: AutoConfig) -> str | None:
    """Say what is wrong with the metric, as far as that can be known before the data."""
    if auto.metric is None:
        return None
    known = METRICS.get(metric_base(auto.metric))
    if auto.task is not None:
        return metric_problem(auto.metric, auto.task)
    if known is None:
        fitting = [name for name, metric in METRICS.items() if metric.task in ("classification", "regression")]
        hint = did_you_mean(metric_base(auto.metric), fitting) or f"There are: {', '.join(fitting)}."
        return f"there is no metric {auto.metric!r}. {hint}"
    if known.task not in ("classification", "regression"):
        return f"the metric {auto.metric!r} is one of a {known.task}"
    return metric_problem(auto.metric, known.task)


def _config_problems(placed: Placed, error: ValidationError) -> list[Problem]:
    """Return one problem per field."""
    fields, found = list(AutoConfig.model_fields), dict[str, Problem]()
    for item in error.errors(include_url=False, include_context=False):
        name = str(item["loc"][0]) if item["loc"] else None
        pointer = f"{placed.pointer}/config" + (f"/{pointer_part(name)}" if name else "")
        message, hint, code = item["msg"].removeprefix("Value error, ").rstrip("."), None, "invalid-value"
        if item["type"] == "extra_forbidden":
            message, code = f"auto has no parameter {name!r}", "unknown-param"
            hint = " ".join(filter(None, (did_you_mean(str(name), fields), f"It has: {', '.join(fields)}.")))
        elif name == "budget" and item["type"] == "greater_than_equal":
            message = f"A budget of {item['input']} seconds leaves nothing to try"
            hint = f"Choose at least {LEAST:g}; 60 is a good beginning."
        elif name == "families":
            hint = f"There are: {', '.join(FAMILIES)}."
        elif name == "budget":
            message, hint = (
                f"A budget of {item['input']!r} is no number of seconds up to a week",
                "60 is a good beginning.",
            )
        text = f"{message[:1].upper()}{message[1:]}." if code == "invalid-value" else f"{message}."
        found.setdefault(pointer, Problem(pointer, text, code, node=AUTO, field=name, suggestion=hint))
    return list(found.values())
