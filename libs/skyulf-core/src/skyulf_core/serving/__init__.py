"""Serving plans: a fitted pipeline as data, run on plain values and numpy columns. No frame library is imported."""

from skyulf_core.serving.errors import RowError, RowProblem
from skyulf_core.serving.golden import GoldenMismatchError, GoldenReport, replay, verify
from skyulf_core.serving.ops import Op, PlanError
from skyulf_core.serving.plan import PlanDocument, PlanModel, PredictionBatch, label_key, load_plan
from skyulf_core.serving.schema import InputColumn

__all__ = [
    "GoldenMismatchError",
    "GoldenReport",
    "InputColumn",
    "Op",
    "PlanDocument",
    "PlanError",
    "PlanModel",
    "PredictionBatch",
    "RowError",
    "RowProblem",
    "label_key",
    "load_plan",
    "replay",
    "verify",
]
