"""The same preprocessing three times: with Skyulf, written by hand in polars, and with scikit-learn.

Impute, winsorize, scale, one-hot, target-encode, bin, date parts, and leave the texts out.
"""

from typing import Any

import numpy as np
import polars as pl

from performance.mixed_frame import DATES, FEW, MANY, NUMBERS, TARGET, TEXTS

BINNED = ["n6", "n7"]
SCALED = NUMBERS[:6]
PARTS = ["year", "month", "weekday", "hour"]
BINS = 8


def config(model: str | None = None) -> dict[str, Any]:
    """Return Skyulf's pipeline; all rows are training rows."""
    steps = [
        ("FeatureTargetSplit", {"target": TARGET}),
        ("DropColumns", {"columns": TEXTS}),
        ("SimpleImputer", {"columns": NUMBERS, "strategy": "median"}),
        ("Winsorize", {"columns": NUMBERS, "lower_percentile": 1, "upper_percentile": 99}),
        ("StandardScaler", {"columns": SCALED}),
        ("GeneralBinning", {"columns": BINNED, "strategy": "equal_frequency", "n_bins": BINS}),
        ("DateParts", {"columns": DATES, "parts": PARTS}),
        ("OneHotEncoder", {"columns": FEW}),
        ("TargetEncoder", {"columns": MANY, "random_state": 0}),
    ]
    found: dict[str, Any] = {"steps": [{"node": node, "config": options} for node, options in steps]}
    return found if model is None else {**found, "model": {"node": model}}


class HandWritten:
    """What somebody writes who knows polars well: every statistic in as few queries as it can be."""

    def fit(self, data: pl.DataFrame) -> None:
        """Learn, and keep what was learned as expressions."""
        medians = data.select(pl.col(NUMBERS).median()).row(0, named=True)
        filled = data.select(pl.col(name).fill_null(medians[name]) for name in NUMBERS)
        low = filled.select(pl.all().quantile(0.01, "linear")).row(0, named=True)
        high = filled.select(pl.all().quantile(0.99, "linear")).row(0, named=True)
        clipped = filled.select(pl.col(name).clip(low[name], high[name]) for name in NUMBERS)
        means = clipped.select(pl.col(SCALED).mean()).row(0, named=True)
        deviations = clipped.select(pl.col(SCALED).std(ddof=0)).row(0, named=True)
        levels = [index / BINS for index in range(1, BINS)]
        edges = {
            name: list(clipped.select(pl.col(name).quantile(q, "linear").alias(str(q)) for q in levels).row(0))
            for name in BINNED
        }
        self.categories = {name: data[name].unique().sort().to_list() for name in FEW}
        clean = {name: pl.col(name).fill_null(medians[name]).clip(low[name], high[name]) for name in NUMBERS}
        self.numbers = [(clean[name] - means[name]) / deviations[name] for name in SCALED]
        self.numbers += [
            pl.sum_horizontal(clean[name] > edge for edge in edges[name]).cast(pl.Float64).alias(name)
            for name in BINNED
        ]
        self.encodings = {name: self._means(data, name) for name in MANY}

    @staticmethod
    def _means(data: pl.DataFrame, name: str) -> tuple[pl.DataFrame, float]:
        """Return the mean of the target per category, drawn to that of all rows as scikit-learn's `auto` does."""
        y = data[TARGET].cast(pl.Float64)
        mean, variance = float(y.mean()), float(y.var(ddof=0))  # type: ignore[arg-type]
        value = pl.col(TARGET).cast(pl.Float64)
        groups = data.group_by(name).agg(value.mean().alias("mean"), value.var(ddof=0).alias("spread"), pl.len())
        weight = variance * pl.col("len") / (variance * pl.col("len") + pl.col("spread"))
        encoded = (weight * pl.col("mean") + (1 - weight) * mean).alias(f"{name}:code")
        return groups.select(pl.col(name), encoded), mean

    def training_rows(self, data: pl.DataFrame, *, folds: int = 5) -> pl.DataFrame:
        """Return the training rows; the target's encodings are cross-fitted, each from sums without its own fold's."""
        fold = pl.Series("fold", np.random.default_rng(0).integers(0, folds, data.height))
        y = pl.col(TARGET).cast(pl.Float64)
        narrow = data.select(*MANY, fold, y.alias("y"), (y * y).alias("square"))
        sums = (pl.len().cast(pl.Float64).alias("n"), pl.col("y", "square").sum())
        whole = self._others(narrow.group_by("fold").agg(*sums), []).select(
            "fold", mean=pl.col("y") / pl.col("n"), variance=_variance(pl.col("n"), pl.col("y"), pl.col("square"))
        )
        codes = narrow.select(*MANY, "fold").lazy()
        for name in MANY:
            groups = self._others(narrow.group_by(name, "fold").agg(*sums), [name]).join(whole, on="fold")
            spread, strength = _variance(pl.col("n"), pl.col("y"), pl.col("square")), pl.col("variance") * pl.col("n")
            weight = pl.when(pl.col("n") > 0).then(strength / (strength + spread)).otherwise(0.0)
            own = pl.when(pl.col("n") > 0).then(pl.col("y") / pl.col("n")).otherwise(0.0)
            encoded = (weight * own + (1 - weight) * pl.col("mean")).alias(f"{name}:code")
            table = groups.select(name, "fold", encoded).lazy()
            codes = codes.join(table, on=[name, "fold"], how="left", maintain_order="left", nulls_equal=True)
        coded = codes.select(pl.col(f"{name}:code").alias(name) for name in MANY).collect()
        return self.transform(data).with_columns(coded)

    @staticmethod
    def _others(parts: pl.DataFrame, by: list[str]) -> pl.DataFrame:
        """Return, per group and fold, the sums of the group's other folds."""
        measures = ("n", "y", "square")
        total = [pl.col(name).sum().over(by) if by else pl.col(name).sum() for name in measures]
        return parts.with_columns(every - pl.col(name) for every, name in zip(total, measures, strict=True))

    @staticmethod
    def _encoded(data: pl.DataFrame, encodings: dict[str, tuple[pl.DataFrame, float]]) -> pl.DataFrame:
        query = data.lazy()
        for name, (table, default) in encodings.items():
            query = query.join(table.lazy(), on=name, how="left", maintain_order="left")
            query = query.with_columns(pl.col(f"{name}:code").fill_null(default).alias(name)).drop(f"{name}:code")
        return query.collect()

    def transform(self, data: pl.DataFrame) -> pl.DataFrame:
        """Apply everything in one query."""
        dates = [getattr(pl.col(name).dt, part)().alias(f"{name}_{part}") for name in DATES for part in PARTS[:-1]]
        dates.append(pl.col("moment").dt.hour().alias("moment_hour"))
        dummies = [(pl.col(name) == level).alias(level) for name in FEW for level in self.categories[name]]
        query = data.lazy().drop(TEXTS, strict=False).with_columns(*self.numbers, *dates, *dummies).drop(FEW, DATES)
        return self._encoded(query.collect(), self.encodings)


def _variance(n: pl.Expr, total: pl.Expr, squares: pl.Expr) -> pl.Expr:
    return squares / n - (total / n) ** 2


def column_transformer() -> Any:
    """Return scikit-learn's ColumnTransformer of the same steps."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import (
        FunctionTransformer,
        KBinsDiscretizer,
        OneHotEncoder,
        StandardScaler,
        TargetEncoder,
    )

    binning = KBinsDiscretizer(BINS, encode="ordinal", strategy="quantile", subsample=None)
    return ColumnTransformer(
        [
            ("scaled", make_pipeline(SimpleImputer(strategy="median"), _clipper(), StandardScaler()), SCALED),
            ("binned", make_pipeline(SimpleImputer(strategy="median"), _clipper(), binning), BINNED),
            ("dates", FunctionTransformer(_date_parts), DATES),
            ("few", OneHotEncoder(handle_unknown="ignore", sparse_output=False), FEW),
            ("many", TargetEncoder(random_state=0), MANY),
        ]
    )


def _clipper() -> Any:
    from sklearn.base import BaseEstimator, TransformerMixin

    class Clip(TransformerMixin, BaseEstimator):  # type: ignore[misc]
        """Brings values to percentiles, as scikit-learn has no node for it."""

        def fit(self, X: Any, y: Any = None) -> "Clip":
            self.low_, self.high_ = np.percentile(X, [1, 99], axis=0)
            return self

        def transform(self, X: Any) -> Any:
            return np.clip(X, self.low_, self.high_)

    return Clip()


def _date_parts(frame: Any) -> Any:
    return np.column_stack([getattr(frame[name].dt, part) for name in DATES for part in PARTS])
