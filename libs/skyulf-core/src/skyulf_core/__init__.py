"""The machine-learning library of Skyulf: nodes, pipelines, models, serving plans.

>>> from skyulf_core import Pipeline

Names are loaded when they are first used: a server that imports `skyulf_core.serving` loads neither polars nor
scikit-learn.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skyulf_core.data.catalog import DataCatalog, DataCatalogs, FileSystemCatalog
    from skyulf_core.data.splits import SplitDataset
    from skyulf_core.fitted import FittedModel, FittedPipeline, FittedStep, Golden
    from skyulf_core.interop import (
        SkyulfClassifier,
        SkyulfRegressor,
        SkyulfTransformer,
        UnsupportedEstimatorError,
        from_sklearn,
        sklearn_columns,
    )
    from skyulf_core.nodes.base import Applier, Calculator, Kind, ModelApplier, ModelCalculator, NodeConfig
    from skyulf_core.nodes.registry import NodeInfo, NodeRegistry
    from skyulf_core.params import Params
    from skyulf_core.pipeline.pipeline import Pipeline
    from skyulf_core.pipeline.validation import Validation, validate, validate_config
    from skyulf_core.problems import (
        CoreError,
        DataError,
        InvalidConfigError,
        NotFittedError,
        Problem,
        UnknownNodeError,
    )
    from skyulf_core.schema import ColumnSchema, Schema
    from skyulf_core.validation.crossing import cross_validate
    from skyulf_core.validation.result import CrossValidationResult

_HOMES = {
    "Applier": "nodes.base",
    "Calculator": "nodes.base",
    "ColumnSchema": "schema",
    "CoreError": "problems",
    "CrossValidationResult": "validation.result",
    "DataCatalog": "data.catalog",
    "DataCatalogs": "data.catalog",
    "DataError": "problems",
    "FileSystemCatalog": "data.catalog",
    "FittedModel": "fitted",
    "FittedPipeline": "fitted",
    "FittedStep": "fitted",
    "Golden": "fitted",
    "InvalidConfigError": "problems",
    "Kind": "nodes.base",
    "ModelApplier": "nodes.base",
    "ModelCalculator": "nodes.base",
    "NodeConfig": "nodes.base",
    "NodeInfo": "nodes.registry",
    "NodeRegistry": "nodes.registry",
    "NotFittedError": "problems",
    "Params": "params",
    "Pipeline": "pipeline.pipeline",
    "Problem": "problems",
    "Schema": "schema",
    "SkyulfClassifier": "interop.predictors",
    "SkyulfRegressor": "interop.predictors",
    "SkyulfTransformer": "interop.transformer",
    "SplitDataset": "data.splits",
    "UnknownNodeError": "problems",
    "UnsupportedEstimatorError": "interop.reading.line",
    "Validation": "pipeline.validation",
    "cross_validate": "validation.crossing",
    "from_sklearn": "interop.reading.reader",
    "sklearn_columns": "interop.reading.reader",
    "validate": "pipeline.validation",
    "validate_config": "pipeline.validation",
}

__all__ = [
    "Applier", "Calculator", "ColumnSchema", "CoreError", "CrossValidationResult", "DataCatalog", "DataCatalogs",
    "DataError", "FileSystemCatalog", "FittedModel", "FittedPipeline", "FittedStep", "Golden", "InvalidConfigError",
    "Kind", "ModelApplier", "ModelCalculator", "NodeConfig", "NodeInfo", "NodeRegistry", "NotFittedError", "Params",
    "Pipeline", "Problem", "Schema", "SkyulfClassifier", "SkyulfRegressor", "SkyulfTransformer", "SplitDataset",
    "UnknownNodeError", "UnsupportedEstimatorError", "Validation", "cross_validate", "from_sklearn",
    "sklearn_columns", "validate", "validate_config",
]  # fmt: skip


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'skyulf_core' has no attribute {name!r}")
    return getattr(importlib.import_module(f"skyulf_core.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
