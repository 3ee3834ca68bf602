"""Scalers, transforms, bins, products and projections of numbers."""

from __future__ import annotations

import numpy as np

from skyulf_core.interop.reading.line import Line, Step
from skyulf_core.nodes.binning.applying import Binned, bins_params
from skyulf_core.nodes.reduction.pca import PCAConfig
from skyulf_core.nodes.reduction.projecting import ReductionConfig, projection
from skyulf_core.nodes.reduction.truncated_svd import TruncatedSVDConfig
from skyulf_core.params import Params

_EXACT_SOLVERS = ("covariance_eigh", "arpack")


def read_standard_scaler(line: Line, step: Step) -> list[str]:
    """Read means and deviations."""
    settings = step.settings("StandardScaler", fixed={"columns": step.columns})
    means = step.learned("mean_").tolist() if settings["with_mean"] else [0.0] * len(step.columns)
    scales = step.learned("scale_").tolist() if settings["with_std"] else [1.0] * len(step.columns)
    line.add(step, "StandardScaler", settings, Params(columns=step.columns, means=means, scales=scales))
    return step.columns


def read_min_max_scaler(line: Line, step: Step) -> list[str]:
    """Read smallest values and widths."""
    settings = step.settings("MinMaxScaler", fixed={"columns": step.columns})
    low, high = (float(end) for end in step.estimator.feature_range)
    params = Params(
        columns=step.columns,
        minima=step.learned("data_min_").tolist(),
        scales=(1.0 / step.learned("scale_")).tolist(),
        feature_range=[low, high],
        clip=bool(step.estimator.clip),
    )
    line.add(step, "MinMaxScaler", settings, params)
    return step.columns


def read_max_abs_scaler(line: Line, step: Step) -> list[str]:
    """Read largest magnitudes."""
    settings = step.settings("MaxAbsScaler", fixed={"columns": step.columns})
    line.add(step, "MaxAbsScaler", settings, Params(columns=step.columns, scales=step.learned("scale_").tolist()))
    return step.columns


def read_robust_scaler(line: Line, step: Step) -> list[str]:
    """Read medians and distances of quantiles."""
    settings = step.settings("RobustScaler", fixed={"columns": step.columns})
    centers = step.learned("center_").tolist() if settings["with_centering"] else [0.0] * len(step.columns)
    scales = step.learned("scale_").tolist() if settings["with_scaling"] else [1.0] * len(step.columns)
    line.add(step, "RobustScaler", settings, Params(columns=step.columns, centers=centers, scales=scales))
    return step.columns


def read_quantile_transformer(line: Line, step: Step) -> list[str]:
    """Read the quantiles."""
    params = Params(
        columns=step.columns,
        quantiles=np.ascontiguousarray(step.learned("quantiles_").T),
        references=step.learned("references_"),
        output_distribution=step.estimator.output_distribution,
    )
    line.add(step, "QuantileTransformer", step.settings("QuantileTransformer", fixed={"columns": step.columns}), params)
    return step.columns


def read_power_transformer(line: Line, step: Step) -> list[str]:
    """Read the powers, and means and deviations of what they give."""
    count, standardize = len(step.columns), bool(step.estimator.standardize)
    scaler = Step(step.path, step.estimator._scaler, step.columns) if standardize else None
    params = Params(
        columns=step.columns,
        lambdas=step.learned("lambdas_").tolist(),
        means=scaler.learned("mean_").tolist() if scaler else [0.0] * count,
        scales=scaler.learned("scale_").tolist() if scaler else [1.0] * count,
        method=step.estimator.method,
        standardize=standardize,
        on_error="fail",
    )
    line.add(step, "PowerTransformer", step.settings("PowerTransformer", fixed={"columns": step.columns}), params)
    return step.columns


def read_k_bins(line: Line, step: Step) -> list[str]:
    """Read the edges of bins."""
    onehot = step.estimator.encode != "ordinal"
    fixed = {"columns": step.columns, "encode": "onehot" if onehot else "ordinal"}
    settings = step.settings("KBinsDiscretizer", fixed=fixed, free=("encode", "subsample", "quantile_method"))
    if step.estimator.strategy == "quantile":
        settings["quantile_method"] = step.estimator.quantile_method
    binned = []
    for name, edges in zip(step.columns, step.estimator.bin_edges_, strict=True):
        cuts = np.asarray(edges, np.float64)[1:-1].tolist()
        binned.append(Binned(name, cuts, list(range(len(cuts) + 1))))
    flat = line.new_names([f"{one.column}_{label}" for one in binned for label in one.labels])
    names = iter(flat)
    outputs = [[next(names) for _ in one.labels] for one in binned] if onehot else []
    line.add(step, "KBinsDiscretizer", settings, Params(bins_params(binned, "left"), onehot=onehot, outputs=outputs))
    return flat if onehot else step.columns


def read_polynomial_features(line: Line, step: Step) -> list[str]:
    """Read which products are made: the columns themselves come first, as scikit-learn has them."""
    degree = step.estimator.degree
    if not isinstance(degree, int):
        least, degree = degree
        if least not in (0, 1):
            step.refuse("its parameter degree leaves out products of few factors; supported is a number, or (0, n)")
    settings = step.settings("PolynomialFeatures", fixed={"columns": step.columns, "degree": degree}, free=("degree",))
    before = set(line.frame.columns)
    line.add(step, "PolynomialFeatures", settings)
    made = [name for name in line.frame.columns if name not in before]
    first = 1 if settings["include_bias"] else 0
    return [*made[:first], *step.columns, *made[first:]]


def read_pca(line: Line, step: Step) -> list[str]:
    """Read means and components."""
    fixed: dict[str, object] = {"columns": step.columns}
    if step.estimator.svd_solver in _EXACT_SOLVERS:
        fixed["svd_solver"] = "full"
    if step.estimator.n_components == "mle":
        fixed["n_components"] = int(step.estimator.n_components_)
    settings = step.settings("PCA", fixed=fixed, free=("tol",))
    weights, variances = step.learned("components_"), step.learned("explained_variance_")
    if step.estimator.whiten:
        least = np.finfo(np.float64).eps
        weights = weights / np.maximum(np.sqrt(variances), least)[:, None]
    shares = step.learned("explained_variance_ratio_")
    params = projection(
        line.frame, step.columns, weights, _reduction(settings), prefix=PCAConfig().prefix,
        offsets=step.learned("mean_"), explained_variance=variances, explained_variance_ratio=shares,
    )  # fmt: skip
    line.add(step, "PCA", settings, params)
    return params.strings("outputs")


def read_truncated_svd(line: Line, step: Step) -> list[str]:
    """Read the components."""
    settings = step.settings("TruncatedSVD", fixed={"columns": step.columns}, free=("algorithm", "tol"))
    params = projection(
        line.frame, step.columns, step.learned("components_"), _reduction(settings), prefix=TruncatedSVDConfig().prefix,
        singular_values=step.learned("singular_values_"), explained_variance=step.learned("explained_variance_"),
    )  # fmt: skip
    line.add(step, "TruncatedSVD", settings, params)
    return params.strings("outputs")


def _reduction(settings: dict[str, object]) -> ReductionConfig:
    return ReductionConfig(columns=settings["columns"])
