"""What lasso and elastic net share: least squares with an L1 penalty, by coordinate descent."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from skyulf_core.models._configs import RandomState
from skyulf_core.nodes.base import NodeConfig


class CoordinateDescentConfig(NodeConfig):
    """Configuration of least squares with an L1 penalty."""

    alpha: float = Field(
        1.0, ge=0, title="Penalty", description="Strength of the penalty; with 0, linear_regression is better."
    )
    fit_intercept: bool = Field(True, title="Intercept", description="Whether a constant is learned.")
    max_iter: int = Field(1000, ge=1, le=1_000_000, title="Iterations", description="Largest number of iterations.")
    tol: float = Field(1e-4, ge=0, title="Tolerance", description="Stop when the duality gap is smaller than this.")
    positive: bool = Field(False, title="Positive", description="Whether coefficients are kept from being negative.")
    selection: Literal["cyclic", "random"] = Field(
        "cyclic", title="Selection", description="Coefficients in turn, or one drawn at each step: often quicker."
    )
    random_state: RandomState = Field(0, json_schema_extra={"x-visible-if": {"selection": "random"}})
