"""scikit-learn both ways: nodes as its estimators, and its fitted pipelines as ours."""

from skyulf_core.interop.predictors import SkyulfClassifier, SkyulfRegressor
from skyulf_core.interop.reading.line import UnsupportedEstimatorError
from skyulf_core.interop.reading.reader import from_sklearn, sklearn_columns
from skyulf_core.interop.transformer import SkyulfTransformer

__all__ = [
    "SkyulfClassifier",
    "SkyulfRegressor",
    "SkyulfTransformer",
    "UnsupportedEstimatorError",
    "from_sklearn",
    "sklearn_columns",
]
