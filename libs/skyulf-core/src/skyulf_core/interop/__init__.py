"""scikit-learn both ways: nodes as its estimators, and its fitted pipelines as ours."""

from skyulf_core.interop.predictors import SkyulfClassifier, SkyulfRegressor
from skyulf_core.interop.transformer import SkyulfTransformer

__all__ = ["SkyulfClassifier", "SkyulfRegressor", "SkyulfTransformer"]
