"""The closed set of operations, version 1. Imports numpy and the standard library only.

Names are loaded when they are first used: a plan needs few of the operations, and a server shall start quickly.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from skyulf_core.serving.ops.base import Columns, Op, OpError, PlanError, Row, ValueProblem
from skyulf_core.serving.ops.closed_set import OPERATIONS

if TYPE_CHECKING:
    from skyulf_core.serving.ops.anomalies import Detect, LocalOutlierFactor
    from skyulf_core.serving.ops.bins import Bins
    from skyulf_core.serving.ops.calibrating import Calibrate
    from skyulf_core.serving.ops.casting import Cast
    from skyulf_core.serving.ops.categories import Lookup, OneHot, Ordinal
    from skyulf_core.serving.ops.clusters import NearestCenter
    from skyulf_core.serving.ops.columns import Affine, Clip, Copy, Drop, Impute, Rename, Select
    from skyulf_core.serving.ops.compute import Compute
    from skyulf_core.serving.ops.contracts import ReplaceOutside, Require
    from skyulf_core.serving.ops.dates import CYCLES, DATE_PARTS, DateParts
    from skyulf_core.serving.ops.deciding import Decide
    from skyulf_core.serving.ops.decode import Decode, Respond
    from skyulf_core.serving.ops.embedding import Embed
    from skyulf_core.serving.ops.ensembles import Ensemble
    from skyulf_core.serving.ops.geo import GeoDistance, H3Index
    from skyulf_core.serving.ops.groups import GroupLookup
    from skyulf_core.serving.ops.hashing import Hash, murmur3_32
    from skyulf_core.serving.ops.history import Lag, Rolling
    from skyulf_core.serving.ops.imputing import KnnImpute, MissingFlags
    from skyulf_core.serving.ops.iterative import IterativeImpute
    from skyulf_core.serving.ops.kernels import KernelMachine
    from skyulf_core.serving.ops.linear import DECISION, PREDICTION, PROBABILITIES, SCORES, Linear
    from skyulf_core.serving.ops.mixtures import Mixture
    from skyulf_core.serving.ops.neighbors import Neighbors
    from skyulf_core.serving.ops.networks import NeuralNetwork
    from skyulf_core.serving.ops.project import Project
    from skyulf_core.serving.ops.quantiles import QuantileMap
    from skyulf_core.serving.ops.similarity import TextSimilarity
    from skyulf_core.serving.ops.text import Tokenize, Vectorize
    from skyulf_core.serving.ops.text_cleaning import Alias, TextClean
    from skyulf_core.serving.ops.transforms import Power, Transform
    from skyulf_core.serving.ops.trees import TreeEnsemble

_HOMES = {
    "Affine": "columns",
    "Alias": "text_cleaning",
    "Bins": "bins",
    "CYCLES": "dates",
    "Calibrate": "calibrating",
    "Cast": "casting",
    "Clip": "columns",
    "Compute": "compute",
    "Copy": "columns",
    "DATE_PARTS": "dates",
    "DECISION": "linear",
    "DateParts": "dates",
    "Decide": "deciding",
    "Decode": "decode",
    "Detect": "anomalies",
    "Drop": "columns",
    "Embed": "embedding",
    "Ensemble": "ensembles",
    "GeoDistance": "geo",
    "GroupLookup": "groups",
    "H3Index": "geo",
    "Hash": "hashing",
    "Impute": "columns",
    "IterativeImpute": "iterative",
    "KernelMachine": "kernels",
    "KnnImpute": "imputing",
    "Lag": "history",
    "Linear": "linear",
    "LocalOutlierFactor": "anomalies",
    "Lookup": "categories",
    "MissingFlags": "imputing",
    "Mixture": "mixtures",
    "NearestCenter": "clusters",
    "Neighbors": "neighbors",
    "NeuralNetwork": "networks",
    "OneHot": "categories",
    "Ordinal": "categories",
    "PREDICTION": "linear",
    "PROBABILITIES": "linear",
    "Power": "transforms",
    "Project": "project",
    "QuantileMap": "quantiles",
    "Rename": "columns",
    "ReplaceOutside": "contracts",
    "Require": "contracts",
    "Respond": "decode",
    "Rolling": "history",
    "SCORES": "linear",
    "Select": "columns",
    "TextClean": "text_cleaning",
    "TextSimilarity": "similarity",
    "Tokenize": "text",
    "Transform": "transforms",
    "TreeEnsemble": "trees",
    "Vectorize": "text",
    "murmur3_32": "hashing",
}

__all__ = [
    "CYCLES",
    "DATE_PARTS",
    "DECISION",
    "OPERATIONS",
    "PREDICTION",
    "PROBABILITIES",
    "SCORES",
    "Affine",
    "Alias",
    "Bins",
    "Calibrate",
    "Cast",
    "Clip",
    "Columns",
    "Compute",
    "Copy",
    "DateParts",
    "Decide",
    "Decode",
    "Detect",
    "Drop",
    "Embed",
    "Ensemble",
    "GeoDistance",
    "GroupLookup",
    "H3Index",
    "Hash",
    "Impute",
    "IterativeImpute",
    "KernelMachine",
    "KnnImpute",
    "Lag",
    "Linear",
    "LocalOutlierFactor",
    "Lookup",
    "MissingFlags",
    "Mixture",
    "NearestCenter",
    "Neighbors",
    "NeuralNetwork",
    "OneHot",
    "Op",
    "OpError",
    "Ordinal",
    "PlanError",
    "Power",
    "Project",
    "QuantileMap",
    "Rename",
    "ReplaceOutside",
    "Require",
    "Respond",
    "Rolling",
    "Row",
    "Select",
    "TextClean",
    "TextSimilarity",
    "Tokenize",
    "Transform",
    "TreeEnsemble",
    "ValueProblem",
    "Vectorize",
    "murmur3_32",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
