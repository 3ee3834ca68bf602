"""Tuning: parameters of any node of a pipeline, searched on folds of its training rows."""

from skyulf_core.tuning.config import TuningConfig
from skyulf_core.tuning.space import SearchSpace
from skyulf_core.tuning.trial import Fold, Trial
from skyulf_core.tuning.tuned import Tuned
from skyulf_core.tuning.tuning import tune

__all__ = ["Fold", "SearchSpace", "Trial", "Tuned", "TuningConfig", "tune"]
