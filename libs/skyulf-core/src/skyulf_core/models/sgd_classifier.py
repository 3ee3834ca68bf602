"""Linear classification by stochastic gradient descent."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator
from pydantic.config import JsonDict
from sklearn.linear_model import SGDClassifier

from skyulf_core.models._base import fitting, refuse_nulls, refuse_one_class, to_matrix
from skyulf_core.models._configs import RandomState
from skyulf_core.models._linear import LinearClassifierApplier, Link, classifier_params
from skyulf_core.nodes.base import ModelCalculator, NodeConfig, Task
from skyulf_core.nodes.class_weights import ClassWeight, fields_of
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params

_NAME = "sgd_classifier"
LINKS: dict[str, Link] = {"log_loss": "one_vs_rest", "modified_huber": "clipped"}
"""How scores become probabilities, by the loss; by another loss they do not."""
_WITH_WIDTH = ("huber", "epsilon_insensitive", "squared_epsilon_insensitive")
_RATES: JsonDict = {"x-visible-if": {"learning_rate": ["constant", "invscaling", "adaptive", "pa1", "pa2"]}}


class SgdClassifierConfig(NodeConfig):
    """Configuration of sgd_classifier."""

    loss: Literal[
        "hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron",
        "squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive",
    ] = Field(
        "hinge",
        title="Loss",
        description="hinge: a linear support vector machine. Probabilities come with log_loss and modified_huber only.",
    )  # fmt: skip
    penalty: Literal["l2", "l1", "elasticnet"] | None = Field(
        "l2", title="Penalty", description="l1 makes coefficients 0, elasticnet is both, null is none."
    )
    alpha: float = Field(1e-4, ge=0, title="Strength", description="Of the penalty; the optimal rate follows it too.")
    l1_ratio: float = Field(
        0.15,
        ge=0,
        le=1,
        title="L1 share",
        description="Share of L1 in the penalty.",
        json_schema_extra={"x-visible-if": {"penalty": "elasticnet"}},
    )
    fit_intercept: bool = Field(True, title="Intercept", description="Whether a constant is learned.")
    max_iter: int = Field(1000, ge=1, le=1_000_000, title="Passes", description="Largest number of passes over rows.")
    tol: float | None = Field(
        1e-3, ge=0, title="Tolerance", description="Stop when a pass gains less; null: make all passes."
    )
    shuffle: bool = Field(True, title="Shuffle", description="Whether every pass takes the rows in another order.")
    epsilon: float = Field(
        0.1,
        ge=0,
        title="Width",
        description="From where errors count, or count linearly.",
        json_schema_extra={"x-visible-if": {"loss": list(_WITH_WIDTH)}},
    )
    learning_rate: Literal["optimal", "constant", "invscaling", "adaptive", "pa1", "pa2"] = Field(
        "optimal", title="Schedule", description="How steps get smaller; pa1 and pa2: passive-aggressive, with hinge."
    )
    eta0: float = Field(0.01, gt=0, title="First step", description="Where steps begin.", json_schema_extra=_RATES)
    power_t: float = Field(
        0.5,
        ge=0,
        title="Decay",
        description="Power of the number of steps that they are divided by.",
        json_schema_extra={"x-visible-if": {"learning_rate": "invscaling"}},
    )
    early_stopping: bool = Field(
        False, title="Early stopping", description="Stop when a held-out part of the rows gets no better."
    )
    validation_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        title="Held-out share",
        description="Share of the training rows for early stopping.",
        json_schema_extra={"x-visible-if": {"early_stopping": True}},
    )
    n_iter_no_change: int = Field(5, ge=1, title="Patience", description="Passes without progress before stopping.")
    class_weight: ClassWeight = None
    average: bool | Annotated[int, Field(ge=1)] = Field(
        False, title="Average", description="Average the coefficients of all steps, or from that step on."
    )
    random_state: RandomState = 0

    @model_validator(mode="after")
    def _schedule_fits(self) -> SgdClassifierConfig:
        if self.learning_rate in ("pa1", "pa2") and self.loss != "hinge":
            raise ValueError(f"the schedule {self.learning_rate} needs the loss hinge")
        if self.learning_rate == "optimal" and self.alpha == 0:
            raise ValueError("the schedule optimal needs an alpha above 0")
        return self


class SgdClassifierApplier(LinearClassifierApplier):
    """Predicts with coefficients and intercepts."""

    node = _NAME


@NodeRegistry.register(_NAME, SgdClassifierApplier)
class SgdClassifierCalculator(ModelCalculator[SgdClassifierConfig]):
    """Linear classification in one row at a time: quick on very many rows and columns.

    Losses log_loss and modified_huber give probabilities; the others give classes only, as in scikit-learn (put the
    model into a calibrated_classifier where probabilities are wanted). More than two classes: each against the rest.
    Features must be of similar scale (StandardScaler); nulls are refused (put an imputer before).
    """

    task: ClassVar[Task] = "classification"
    decides = True
    keywords = ("linear", "stochastic gradient", "svm", "perceptron", "online", "large")
    reference = "sklearn.linear_model.SGDClassifier"
    examples = (
        {"max_iter": 20}, {"loss": "log_loss", "max_iter": 20}, {"loss": "modified_huber", "max_iter": 20},
        {"loss": "log_loss", "penalty": "elasticnet", "average": True, "max_iter": 20},
        {"loss": "squared_hinge", "learning_rate": "invscaling", "eta0": 1e-15, "early_stopping": True, "max_iter": 20},
    )  # fmt: skip
    search_space: ClassVar = {
        "loss": {"choices": ["log_loss", "modified_huber"]},
        "alpha": {"low": 1e-6, "high": 1e-1, "log": True},
        "penalty": {"choices": ["l2", "l1", "elasticnet"]},
        "l1_ratio": {"low": 0.05, "high": 0.95, "when": {"penalty": ["elasticnet"]}},
    }

    def gives_probabilities(self, config: SgdClassifierConfig) -> bool:
        """Say whether the loss has any."""
        return config.loss in LINKS

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: SgdClassifierConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns coefficients (one row, or one per class) and intercepts."""
        refuse_nulls(features, _NAME)
        classes = refuse_one_class(target, _NAME)
        with fitting(_NAME):
            model = SGDClassifier(**fields_of(config))
            model.fit(to_matrix(features), target, sample_weight=weights)
        return classifier_params(
            model.coef_,
            model.intercept_,
            link=LINKS.get(config.loss, "identity"),
            classes=classes,
            node=_NAME,
            n_iter=int(model.n_iter_),
        )
