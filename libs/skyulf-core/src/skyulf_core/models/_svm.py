"""What the support vector machines share: configuration, their arrays, and the operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue

from skyulf_core.models._stored import refuse_large
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.params import Params
from skyulf_core.serving.ops import KernelMachine

SEARCH_SPACE: dict[str, dict[str, JsonValue]] = {
    "C": {"low": 0.01, "high": 1000.0, "log": True},
    "kernel": {"choices": ["rbf", "linear", "poly"]},
    "gamma": {"low": 1e-4, "high": 10.0, "log": True, "when": {"kernel": ["rbf", "poly"]}},
    "degree": {"low": 2, "high": 4, "when": {"kernel": ["poly"]}},
}


class SvmConfig(NodeConfig):
    """Configuration of a support vector machine."""

    C: float = Field(1.0, gt=0, le=1e9, title="Inverse penalty", description="Cost of rows on the wrong side.")
    kernel: Literal["linear", "poly", "rbf", "sigmoid"] = Field(
        "rbf", title="Kernel", description="How alike two rows are; rbf bends the most."
    )
    degree: int = Field(
        3,
        ge=0,
        le=20,
        title="Degree",
        description="Of the polynomial.",
        json_schema_extra={"x-visible-if": {"kernel": "poly"}},
    )
    gamma: Literal["scale", "auto"] | Annotated[float, Field(ge=0)] = Field(
        "scale",
        title="Gamma",
        description="How near rows must be to count; scale: 1 / (features * variance), auto: 1 / features.",
        json_schema_extra={"x-visible-if": {"kernel": ["poly", "rbf", "sigmoid"]}},
    )
    coef0: float = Field(
        0.0,
        ge=-1e9,
        le=1e9,
        title="Constant",
        description="Added to the products of rows.",
        json_schema_extra={"x-visible-if": {"kernel": ["poly", "sigmoid"]}},
    )
    shrinking: bool = Field(True, title="Shrinking", description="Whether the solver leaves settled rows aside.")
    tol: float = Field(1e-3, gt=0, title="Tolerance", description="Stop when the error is smaller than this.")
    cache_size: float = Field(200.0, gt=0, le=100_000, title="Cache", description="Megabytes for the kernel.")
    max_iter: int = Field(-1, ge=-1, title="Iterations", description="Largest number of iterations; -1: no limit.")


class Machine(Protocol):
    """What is read of a fitted support vector machine."""

    support_vectors_: NDArray[np.float64]
    dual_coef_: NDArray[np.float64]
    intercept_: NDArray[np.float64]
    n_support_: NDArray[np.int32]
    n_iter_: NDArray[np.int32] | int
    _gamma: float


def machine_params(model: Machine, config: SvmConfig, node: str, *, classes: int = 0) -> Params:
    """Return the support vectors and their coefficients. Raises DataError where there are too many."""
    vectors = np.ascontiguousarray(model.support_vectors_, np.float64)
    coefficients = np.ascontiguousarray(model.dual_coef_, np.float64)
    refuse_large(len(vectors), vectors.shape[1] + len(coefficients), node, "support vectors")
    more = {"n_classes": classes} if classes else {}
    return Params(
        more,
        vectors=vectors,
        coefficients=coefficients,
        intercepts=np.ascontiguousarray(model.intercept_, np.float64),
        counts=[int(count) for count in model.n_support_] if classes > 2 else [],
        kernel=config.kernel,
        gamma=float(model._gamma),
        coef0=config.coef0,
        degree=config.degree,
        n_iter=int(np.max(model.n_iter_)),
    )


def machine_op(params: Params, features: Sequence[str]) -> KernelMachine:
    """Return the operation that sums the kernels."""
    arrays = {
        name: cast("NDArray[np.float64]", params.array(name)) for name in ("vectors", "coefficients", "intercepts")
    }
    return KernelMachine(
        tuple(features),
        arrays["vectors"],
        arrays["coefficients"],
        arrays["intercepts"],
        counts=tuple(map(int, params.numbers("counts"))),
        kernel=cast('Literal["linear", "poly", "rbf", "sigmoid"]', params.text("kernel")),
        gamma=float(str(params["gamma"])),
        coef0=float(str(params["coef0"])),
        degree=int(str(params["degree"])),
    )
