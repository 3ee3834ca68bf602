"""What the generalised linear models share: solvers and their fields."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from skyulf_core.nodes.base import NodeConfig


class GlmConfig(NodeConfig):
    """Configuration of a generalised linear model."""

    alpha: float = Field(1.0, ge=0, title="Penalty", description="Strength of the L2 penalty; 0 is none.")
    fit_intercept: bool = Field(True, title="Intercept", description="Whether a constant is learned.")
    solver: Literal["lbfgs", "newton-cholesky"] = Field(
        "lbfgs", title="Solver", description="newton-cholesky is faster for many rows and few features."
    )
    max_iter: int = Field(100, ge=1, le=100_000, title="Iterations", description="Largest number of iterations.")
    tol: float = Field(1e-4, gt=0, title="Tolerance", description="Stop when the gradient is smaller than this.")
